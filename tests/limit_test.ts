import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { HeldClock } from "./support/clock.ts";
import type { Rank, SessionTooLargeError } from "express-lembro";
import {
  Lembro,
  type SessionData,
  sessionOf,
  sessionOfSize,
  sizeOf,
  sizeOfAll,
  type Store,
} from "./support/setup.ts";

/** A small repeatable source of chance: the same numbers in every run. */
function chanceOf(seed: number): (below: number) => number {
  return (below) => {
    seed = (seed * 1_103_515_245 + 12_345) % 2_147_483_648;
    return Math.floor(seed / 65_536) % below;
  };
}

/** Fills a store with so many sessions of 1,000 bytes. */
async function fill(store: Store, rank: Rank, count: number): Promise<void> {
  for (let i = 0; i < count; i++) {
    const data = rank === "protected" ? { passport: { user: i } } : {};
    await store.set(`${i}`, sessionOfSize(1_000, data));
    if (rank === "returning") await store.get(`${i}`);
  }
}

/** A store that is full of eight sessions of one rank. */
async function fullOf(rank: Rank): Promise<Store> {
  const store = new Lembro({ maxSize: 8_000 });
  await fill(store, rank, 8);
  return store;
}

/** A session of `bytes` that expires after `ms`. */
function expiring(bytes: number, ms: number): SessionData {
  return sessionOfSize(bytes, {}, { maxAge: ms });
}

describe("the size of all sessions", () => {
  it("is the sum of the sizes by sizeomatic, after every kind of change", async () => {
    using clock = new HeldClock();
    using store = new Lembro();
    const changes: (() => Promise<unknown>)[] = [
      () => store.set("a", sessionOf({ text: "x".repeat(500) })),
      () => store.set("b", sessionOf({ text: "ü€😀" }, { maxAge: 1000 })),
      () => store.set("a", sessionOf({ text: "shorter" })),
      () => store.set("a", sessionOf({ text: "longer ".repeat(100) })),
      () => store.touch("a", sessionOf({}, { path: "/a/longer/cookie", maxAge: 60_000 })),
      () => store.touch("a", sessionOf({}, {})),
      () => store.set("c", { name: "no cookie" } as unknown as SessionData),
      () => store.touch("c", sessionOf()),
      () => store.get("a"),
      () => store.destroy("c"),
      async () => {
        clock.tick(1000);
        await store.get("b");
      },
      () => store.clear(),
    ];
    for (const [i, change] of changes.entries()) {
      await change();
      const { bytes } = store.stats();
      assertEquals(bytes, sizeOfAll(store), `after change ${i}`);
      assert(Number.isInteger(bytes));
    }
    assertEquals(store.stats().bytes, 0);
  });

  it("is exact and within the limit after each of 20,000 random calls of every method", async () => {
    using clock = new HeldClock();
    const chance = chanceOf(20_000);
    using store = new Lembro({ maxSize: "16K", ttl: 5_000, interval: 60_000 });
    const cookies = [
      () => ({}),
      () => ({ maxAge: 1 + chance(10_000) }),
      () => ({ maxAge: 1 + chance(100), path: "/a/longer/path" }),
      () => ({ expires: new Date(Date.now() + chance(5_000) - 100) }),
      () => undefined,
    ];
    const sid = () => `sid${chance(150)}`;
    const session = () =>
      ({ cookie: cookies[chance(5)](), text: "x".repeat(chance(300)) }) as unknown as SessionData;
    const loaded: [string, SessionData][] = [];
    const calls: (() => unknown)[] = [
      () => store.set(sid(), session()),
      () => store.set(sid(), session()),
      () => store.set(sid(), session()),
      () => store.touch(sid(), session()),
      () => store.touch(sid(), session()),
      async () => {
        const id = sid();
        const session = await store.get(id);
        if (session) loaded.push([id, Object.assign(session, { more: chance(1000) })]);
      },
      () => store.get(sid()),
      () => loaded.length > 0 && store.set(...loaded.splice(chance(loaded.length), 1)[0]),
      () => store.destroy(sid()),
      () => store.all(),
      () => store.length(),
      () => store.ids(),
      () => store.entries().next(),
      () => store.stats(),
      () => chance(50) === 0 && store.clear(),
      () => chance(10) === 0 && store.reduce(),
      () => store.purge(),
      () => clock.tick(chance(200)),
    ];
    const counts = new Map<string, number>();
    for (let i = 0; i < 20_000; i++) {
      const call = chance(calls.length);
      await calls[call]();
      assert(store.stats().bytes <= 16 * 1024, `over the limit after call ${i}`);
      // Meeting all, so that the expired are gone from the ledger too.
      if (i % 10 === 0) {
        assertEquals(sizeOfAll(store), store.stats().bytes, `the ledger is off after call ${i}`);
      }
      counts.set(`${call}`, (counts.get(`${call}`) ?? 0) + 1);
    }
    const { evicted, expired, merges, lateWrites, saves, touches } = store.stats();
    assertEquals(counts.size, calls.length, "every method was called");
    for (const count of [evicted.newcomers, expired, merges, lateWrites, saves, touches]) {
      assert(count > 0, "chance has brought about every kind of change");
    }
  });

  it("is in stats(), beside the number of sessions", async () => {
    using store = new Lembro({ maxSize: "1M" });
    const sessions = [sessionOf({ n: 1 }), sessionOf({ n: 22 })];
    for (const [i, session] of sessions.entries()) await store.set(`${i}`, session);
    const { bytes, maxSize, sessions: count } = store.stats();
    assertEquals(bytes, sizeOf(sessions[0]) + sizeOf(sessions[1]));
    assertEquals([maxSize, count], [1024 * 1024, 2]);
  });
});

describe("maxSize", () => {
  it("holds after every save; newcomers that exceed it are reduced to 75 %", async () => {
    using store = new Lembro({ maxSize: 10_000 });
    const after: number[] = [];
    store.on("reduce", (result) => after.push(result.after));
    let previous = 0;
    for (let i = 0; i < 500; i++) {
      const session = sessionOfSize(100 + (i * 34) % 900);
      await store.set(`${i}`, session);
      const { bytes } = store.stats();
      assert(bytes <= 10_000);
      assertEquals(bytes <= previous, previous + sizeOf(session) > 10_000);
      previous = bytes;
    }
    assert(after.length > 20);
    assertEquals(after.filter((bytes) => bytes > 7_500), []);
  });

  it("may be reached, and is exceeded by the next byte", async () => {
    using store = await fullOf("returning");
    assertEquals(store.stats().bytes, 8_000);
    assertEquals(store.stats().evicted.returning, 0);
    await store.set("7", sessionOfSize(998));
    await store.set("6", sessionOfSize(1_000));
    assertEquals(store.stats().evicted.returning, 0);
    await store.set("new", sessionOfSize(100));
    assertEquals(await store.ids(), ["1", "2", "3", "4", "5", "6", "7", "new"]);
  });

  it("holds when a touch brings a longer cookie", async () => {
    using store = await fullOf("returning");
    await store.set("7", sessionOfSize(500));
    await store.set("new", sessionOfSize(500));
    assertEquals(store.stats().bytes, 8_000);
    await store.touch("new", sessionOf({}, { path: "/longer" }));
    assertEquals(await store.ids(), ["1", "2", "3", "4", "5", "6", "7", "new"]);
    assertEquals(store.stats().bytes, sizeOfAll(store));
  });

  it("keeps what was just saved, even if that is the oldest newcomer", async () => {
    using store = await fullOf("newcomers");
    await store.set("0", sessionOfSize(1_000));
    await store.set("8", sessionOfSize(500));
    assert(!(await store.ids()).includes("0"), "it is the next to go");
    await store.set("3", sessionOfSize(400));
    for (let i = 10; i < 16; i++) await store.set(`${i}`, sessionOfSize(500));
    const [oldest] = await store.ids();
    await store.set("filler", sessionOfSize(8_000 - store.stats().bytes));
    const { bytes } = store.stats();
    await store.set(oldest, sessionOfSize(1_000));
    assert(bytes > 7_900 && store.stats().bytes <= 6_000);
    assert((await store.ids()).includes(oldest));
  });

  for (const rank of ["returning", "protected"] as const) {
    it(`takes no more ${rank} sessions than it must`, async () => {
      using store = await fullOf(rank);
      const reduced: unknown[] = [];
      store.on("reduce", (result) => reduced.push(result));
      await store.set("new", sessionOfSize(100));
      assertEquals(store.stats().sessions, 8);
      assertEquals(store.stats().bytes, 7_100);
      assertEquals(reduced, [{ before: 8_100, after: 7_100, evicted: 1 }]);
    });
  }

  it("takes newcomers down to 75 %, but not below their eighth", async () => {
    using store = new Lembro({ maxSize: 8_000 });
    for (let i = 0; i < 62; i++) {
      await store.set(`r${i}`, sessionOfSize(100));
      await store.get(`r${i}`);
    }
    for (let i = 0; i < 18; i++) await store.set(`n${i}`, sessionOfSize(100));
    assertEquals(store.stats().bytes, 8_000);
    await store.set("n18", sessionOfSize(100));
    const { newcomers, returning, bytes } = store.stats();
    assertEquals([newcomers, returning, bytes], [10, 62, 7_200]);
  });
});

describe("reduce", () => {
  it("brings the size to at most 75 % of maxSize when called", async () => {
    using store = new Lembro({ maxSize: 1_000 });
    for (const sid of "abcdefghij") await store.set(sid, sessionOfSize(100));
    assertEquals(store.stats().bytes, 1_000);
    await store.reduce();
    assertEquals(store.stats().bytes, 700);
    assertEquals(await store.ids(), [..."defghij"]);
    await store.reduce();
    assertEquals(store.stats().bytes, 700);
  });

  it("forgets expired sessions first", async () => {
    using clock = new HeldClock();
    using store = new Lembro({ maxSize: 8_000 });
    await fill(store, "newcomers", 6);
    for (const sid of ["x", "y"]) await store.set(sid, expiring(1_000, 10));
    clock.tick(10);
    await store.reduce();
    assertEquals(await store.ids(), ["0", "1", "2", "3", "4", "5"]);
    assertEquals(store.stats().evicted.newcomers, 0);
  });
});

describe("a save over the limit", () => {
  it("forgets expired sessions first", async () => {
    using clock = new HeldClock();
    using store = new Lembro({ maxSize: 8_000 });
    await fill(store, "newcomers", 7);
    await store.set("expired", expiring(1_000, 10));
    clock.tick(10);
    await store.set("new", sessionOfSize(400));
    assertEquals(await store.ids(), ["2", "3", "4", "5", "6", "new"]);
    assertEquals(store.stats().expired, 1);
  });

  it("looks for expired sessions at most once a second", async () => {
    using clock = new HeldClock();
    using store = new Lembro({ maxSize: 8_000 });
    await fill(store, "returning", 7);
    await store.set("first", expiring(500, 10));
    await store.get("first");
    await store.set("second", expiring(500, 20));
    await store.get("second");
    clock.tick(10);
    // The first look finds the first one.
    await store.set("0", sessionOfSize(1_000));
    await store.set("new", sessionOfSize(1_000));
    assertEquals(store.stats().expired, 1);
    clock.tick(999);
    await store.set("new 2", sessionOfSize(1_000));
    assertEquals(
      [store.stats().expired, store.stats().sessions],
      [1, 8],
      "the rest is not known of",
    );
    clock.tick(1);
    await store.set("new 3", sessionOfSize(1_000));
    assertEquals(store.stats().expired, 2);
  });
});

describe("a session over an eighth of maxSize", () => {
  it("is refused with a code and both sizes; the version before stays, and all others", async () => {
    using store = new Lembro({ maxSize: 80_000 });
    await store.set("a", sessionOfSize(200));
    await store.set("b", sessionOfSize(200));
    const before = await store.all();
    const error = await assertRejects(() => store.set("a", sessionOfSize(10_002)), RangeError);
    const { code, bytes, limit } = error as SessionTooLargeError;
    assertEquals([code, bytes, limit], ["ERR_LEMBRO_SESSION_TOO_LARGE", 10_002, 10_000]);
    assertStringIncludes(error.message, "received 10002");
    assertStringIncludes(
      error.message,
      "its size in bytes must be at most 10000, an eighth of maxSize",
    );
    assertStringIncludes(error.message, "raise maxSize to at least 80016");
    await assertRejects(() => store.set("new", sessionOfSize(10_002)), RangeError);
    assertEquals(await store.all(), before);
    assertEquals(store.stats().bytes, 400);
    assertEquals(store.stats().rejected, 2);
    await store.set("a", sessionOfSize(10_000));
    assertEquals(store.stats().bytes, 10_200);
  });

  for (
    const [maxSize, most, which, enough] of [
      [200, 200, "all of maxSize", 202],
      [1_000, 1_000, "all of maxSize", 1_002],
      [4_096, 4_096, "all of maxSize", 32_784],
      [8_000, 4_096, "which is more than an eighth of maxSize", 32_784],
      [32_767, 4_096, "which is more than an eighth of maxSize", 32_784],
      [32_768, 4_096, "an eighth of maxSize", 32_784],
      [32_784, 4_098, "an eighth of maxSize", 32_800],
    ] as const
  ) {
    it(`may take 4 KB in a small store, where the limit has room for that: ${maxSize} bytes`, async () => {
      using store = new Lembro({ maxSize });
      await store.set("a", sessionOfSize(80));
      const error = await assertRejects(() => store.set("b", sessionOfSize(most + 2)), RangeError);
      assertStringIncludes(error.message, `must be at most ${most}, ${which} (raise maxSize to`);
      assertStringIncludes(error.message, `at least ${enough}, or keep`);
      assertEquals(await store.ids(), ["a"]);
      await store.set("b", sessionOfSize(most));
      assert((await store.info("b"))!.bytes === most);
      assert(store.stats().bytes <= maxSize);
      using raised = new Lembro({ maxSize: enough });
      await raised.set("b", sessionOfSize(most + 2));
      assertEquals(await raised.ids(), ["b"]);
    });
  }

  it("is refused if a touch makes it so", async () => {
    using store = new Lembro({ maxSize: 80_000 });
    await store.set("a", sessionOfSize(9_990));
    const before = await store.get("a");
    await assertRejects(
      () => store.touch("a", sessionOf({}, { path: "/a/rather/long/path" })),
      RangeError,
    );
    assertEquals(await store.get("a"), before);
  });

  it("is refused if a merge makes it so", async () => {
    using store = new Lembro({ maxSize: 80_000 });
    await store.set("a", sessionOf());
    const [one, other] = [await store.get("a"), await store.get("a")];
    await store.set("a", Object.assign(one!, { one: "x".repeat(3_000) }));
    await assertRejects(() => store.set("a", Object.assign(other!, { other: "x".repeat(3_000) })));
    const kept = await store.get("a") as unknown as Record<string, unknown>;
    assertEquals([kept.one !== undefined, kept.other], [true, undefined]);
  });
});
