import { assert, assertEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { FakeTime } from "@std/testing/time";
import fc from "fast-check";
import { loadSnapshot, saveSnapshot } from "express-lembro/snapshot";
import { withSlowSteps } from "./support/clock.ts";
import { Folder } from "./support/folder.ts";
import { type Kept, keptIn, portOf, sessionsIn } from "./support/kept.ts";
import {
  errorOf,
  Lembro,
  type SessionData,
  sessionOf,
  sessionOfSize,
  settled,
  type Store,
} from "./support/setup.ts";
import type { Observer, Port } from "../src/core/port.ts";
import { nodeDisk } from "../src/persistence/disk.ts";
import { writeSnapshot } from "../src/persistence/snapshot_writer.ts";
import { BUDGET } from "../src/util/slices.ts";

const SESSIONS = 40;

const ignore = () => {};

const protect = (session: SessionData) => "user" in session;

/** What a store held at one moment. */
interface Held {
  /** How many sessions, those included that had expired since the walk came by. */
  size: number;
  kept: Kept[];
  sessions: Map<string, SessionData>;
}

/**
 * Returns a port to `store` of one's own, since a load and other saves observe the same store.
 * Calls `begun` when an observer of it begins, and `ended` when it stops.
 */
function observedPort(store: Store, begun: () => void, ended: () => void): Port {
  const port = portOf(store);
  return Object.create(port, {
    observe: {
      value(observer: Observer) {
        const stop = port.observe(observer);
        begun();
        let isOver = false;
        return () => {
          stop();
          if (!isOver) ended();
          isOver = true;
        };
      },
    },
  });
}

/** Saves a store, and tells what it held at the moment as of which the file should be right. */
async function saveAndNote(store: Store, path: string, begun = ignore): Promise<Held> {
  let held: Held | undefined;
  const port = observedPort(store, begun, () => {
    held = { size: port.size, kept: keptIn(store), sessions: sessionsIn(store) };
  });
  const { sessions } = await writeSnapshot(nodeDisk, port, path, []);
  assertEquals(sessions, held!.size);
  return held!;
}

/** Does `work` in the turns of the event loop until `promise` settles. */
async function during<Result>(promise: Promise<Result>, work: () => unknown): Promise<Result> {
  let isDone = false;
  const end = () => isDone = true;
  promise.then(end, end);
  while (!isDone) {
    await work();
    await settled();
  }
  return await promise;
}

async function assertHolds(
  path: string,
  { kept, sessions }: Omit<Held, "size">,
  maxSize = Infinity,
) {
  using loaded = new Lembro({ maxSize });
  const { omitted } = await loadSnapshot(loaded, path);
  assertEquals(omitted, 0);
  assertEquals(keptIn(loaded), kept);
  assertEquals(sessionsIn(loaded), sessions);
}

async function fill(store: Store, many = SESSIONS): Promise<void> {
  for (let i = 0; i < many; i++) {
    await store.set(`${i}`, sessionOf(i % 3 === 0 ? { user: i } : { i }));
    if (i % 3 === 1) await store.get(`${i}`);
  }
}

/** What an app does to a session, by the names of the store's methods. */
const OPERATIONS = {
  create: (store: Store, _sid: string, n: number) =>
    store.set(`new ${n}`, sessionOf({ n }), ignore),
  overwrite: (store: Store, sid: string, n: number) => store.set(sid, sessionOf({ n }), ignore),
  signIn: (store: Store, sid: string, n: number) => store.set(sid, sessionOf({ user: n }), ignore),
  grow: (store: Store, sid: string, n: number) =>
    store.set(sid, sessionOfSize(100 + n % 300 * 2), ignore),
  get: (store: Store, sid: string) => store.get(sid, ignore),
  touch: (store: Store, sid: string, n: number) =>
    store.touch(sid, sessionOf({}, { path: "/", maxAge: 5_000 + n }), ignore),
  expireSoon: (store: Store, sid: string) => store.touch(sid, sessionOf({}, { maxAge: 5 }), ignore),
  destroy: (store: Store, sid: string) => store.destroy(sid, ignore),
  again: (store: Store, sid: string) => {
    store.destroy(sid, ignore);
    store.set(sid, sessionOf({ again: true }), ignore);
  },
  purge: (store: Store) => store.purge(ignore),
  clear: (store: Store, _sid: string, n: number) => n % 10 === 0 && store.clear(ignore),
};

const work = fc.array(
  fc.record({
    operation: fc.constantFrom(...Object.keys(OPERATIONS) as (keyof typeof OPERATIONS)[]),
    // Of most sessions nothing is heard, and of a few the more.
    sid: fc.oneof(
      { weight: 2, arbitrary: fc.integer({ min: 0, max: 8 }) },
      { weight: 1, arbitrary: fc.integer({ min: 0, max: SESSIONS + 5 }) },
    ).map(String),
    /** Whether a request that has loaded this session long ago ends too. */
    isLate: fc.boolean(),
    /** Whether the save gets a turn before it. */
    turn: fc.boolean(),
  }),
  { minLength: 20, maxLength: 60 },
);

describe("a store that is used while it is saved", () => {
  it("is in the file as it was at one moment of the save, whatever was done meanwhile", async () => {
    using folder = new Folder();
    let done = 0;
    await fc.assert(
      fc.asyncProperty(work, fc.constantFrom(Infinity, 6_000), async (steps, maxSize) => {
        using time = new FakeTime(1_900_000_000_000);
        using store = new Lembro({ protect, maxSize });
        await fill(store);
        const live = new Map<string, SessionData>();
        for (const sid of await store.ids()) live.set(sid, (await store.get(sid))!);
        await fill(store);
        const left = [...steps];
        const held = await withSlowSteps(() =>
          during(saveAndNote(store, folder.snapshot), () => {
            // No longer: a slow disk would be one that hangs.
            if (left.length > 0) time.tick(1);
            do {
              const step = left.shift();
              if (!step) return;
              done++;
              const { operation, sid, isLate } = step;
              OPERATIONS[operation](store, sid, left.length);
              if (isLate && live.has(sid)) store.set(sid, live.get(sid)!, ignore);
            } while (!left[0]?.turn);
          })
        );
        await assertHolds(folder.snapshot, {
          ...held,
          kept: held.kept.filter(({ expires }) => expires > Date.now()),
          sessions: new Map(
            [...held.sessions].filter(([sid]) =>
              held.kept.some((one) => one.sid === sid && one.expires > Date.now())
            ),
          ),
        });
      }),
      { numRuns: 300 },
    );
    assert(done > 300 * 10, "the saves were over too soon");
  });

  it("is in the file with its last use, when the session that was used last is used again", async () => {
    using folder = new Folder();
    using time = new FakeTime(1_900_000_000_000);
    using store = new Lembro();
    await store.set("a", sessionOf());
    await store.get("a");
    let turns = 0;
    const held = await withSlowSteps(() =>
      during(saveAndNote(store, folder.snapshot), async () => {
        // No longer: a slow disk would be one that hangs.
        if (turns++ < 100) time.tick(1);
        await store.get("a");
      })
    );
    await assertHolds(folder.snapshot, held);
  });

  it("keeps a logout out of the file, wherever the walk is", async () => {
    using folder = new Folder();
    for (let turns = 0; turns < SESSIONS / 4; turns++) {
      using store = new Lembro({ protect });
      await fill(store);
      let turn = 0;
      let gone: string[] = [];
      const held = await withSlowSteps(() =>
        during(saveAndNote(store, folder.snapshot), () => {
          if (turn++ !== turns) return;
          gone = ["0", "1", "2", "39", "20"];
          for (const sid of gone) store.destroy(sid, () => {});
        })
      );
      assertEquals(held.kept.length, SESSIONS - 5);
      assertEquals(held.kept.filter(({ sid }) => gone.includes(sid)), []);
      await assertHolds(folder.snapshot, held);
    }
  });

  it("is in several files at once", async () => {
    using one = new Folder();
    using two = new Folder();
    using store = new Lembro({ protect });
    await fill(store);
    let n = 0;
    const saves = await withSlowSteps(() =>
      during(
        Promise.all([
          saveSnapshot(store, one.snapshot),
          settled().then(() => saveSnapshot(store, two.snapshot)),
        ]),
        () => {
          if (n++ < 5) return store.destroy(`${n * 7}`);
        },
      )
    );
    const kept = keptIn(store);
    assertEquals(saves.map(({ sessions }) => sessions), [SESSIONS - 5, SESSIONS - 5]);
    for (const { snapshot } of [one, two]) {
      await assertHolds(snapshot, { kept, sessions: sessionsIn(store) });
    }
  });

  it("has all sessions in the file, those too that a load brings in meanwhile", async () => {
    using old = new Folder();
    using folder = new Folder();
    using before = new Lembro({ protect });
    await fill(before);
    await saveSnapshot(before, old.snapshot);
    for (let turns = 0; turns < SESSIONS; turns += 3) {
      using store = new Lembro({ protect });
      for (let i = 0; i < 200; i++) await store.set(`own ${i}`, sessionOf({ user: i }));
      let turn = 0;
      let loading: Promise<unknown> | undefined;
      const held = await withSlowSteps(() =>
        during(saveAndNote(store, folder.snapshot), () => {
          if (turn++ === turns) loading = loadSnapshot(store, old.snapshot);
        })
      );
      using loaded = new Lembro();
      await loadSnapshot(loaded, folder.snapshot);
      assertEquals(new Set(sessionsIn(loaded).keys()), new Set(held.sessions.keys()));
      await loading;
    }
  });

  it("under a limit loads wholly into a store of the same limit", async () => {
    using folder = new Folder();
    const maxSize = 20_000;
    using store = new Lembro({ protect: (_session, sid) => sid.startsWith("p"), maxSize });
    for (let i = 0; i < 45; i++) {
      await store.set(`r${i}`, sessionOfSize(400));
      await store.get(`r${i}`);
    }
    let turns = -Infinity;
    const begun = () => turns = 0;
    const held = await withSlowSteps(() =>
      during(saveAndNote(store, folder.snapshot, begun), () => {
        // The walk is in the middle: each turn has a step for each millisecond of a slice.
        if (++turns !== Math.round(27 / BUDGET)) return;
        // These make room, others take it, and then these are used once more: of their two
        // sizes the file tells the larger first, then of the others, and only then the smaller.
        for (let i = 10; i < 20; i++) {
          store.set(`r${i}`, sessionOfSize(100), ignore);
          store.set(`p${i}`, sessionOfSize(300), ignore);
        }
        for (let i = 10; i < 20; i++) store.get(`r${i}`, ignore);
      })
    );
    assertEquals(held.kept.length, 55);
    const text = await Deno.readTextFile(folder.snapshot);
    for (const sid of ["r10", "r19"]) assertEquals(text.split(`["${sid}","returning",`).length, 3);
    await assertHolds(folder.snapshot, held, maxSize);
  });

  for (const inATurn of [10, 100]) {
    it(`is saved all the same when ${inATurn} new sessions come in each turn`, async () => {
      using folder = new Folder();
      using store = new Lembro({ maxSize: "1M", protect });
      await fill(store, 100);
      let n = 0;
      const held = await withSlowSteps(() =>
        during(saveAndNote(store, folder.snapshot), () => {
          // The last of its rank, where the walk through it might have ended, goes elsewhere.
          store.get(`flood ${n - 1}`, ignore);
          for (let i = 0; i < inATurn; i++) store.set(`flood ${n++}`, sessionOf(), () => {});
        })
      );
      assert(n > 10 * inATurn);
      await assertHolds(folder.snapshot, held, 1024 * 1024);
    });
  }
});

describe("what a save leaves in the store", () => {
  it("is no observer, whether it ends well, can't be written or can't be renamed", async () => {
    using folder = new Folder();
    using store = new Lembro();
    await fill(store);
    let [begun, ended] = [0, 0];
    const port = observedPort(store, () => begun++, () => ended++);
    const save = (path: string) => writeSnapshot(nodeDisk, port, path, []);
    await save(folder.snapshot);
    await Deno.mkdir(`${folder.path}/a/b`, { recursive: true });
    await errorOf(save(`${folder.path}/a`));
    const { stringify } = JSON;
    JSON.stringify = () => {
      throw new Error("no paper");
    };
    try {
      assertEquals((await errorOf(save(folder.snapshot))).message, "no paper");
    } finally {
      JSON.stringify = stringify;
    }
    assertEquals([begun, ended], [3, 3]);
    assertEquals(folder.names(), ["a", "sessions"]);
  });
});
