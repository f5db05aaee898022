import { assert, assertEquals, assertInstanceOf, assertMatch, assertNotEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { dirname } from "node:path";
import { pathToFileURL } from "node:url";
import { type JournalOptions, openJournal } from "express-lembro/journal";
import { loadSnapshot, saveSnapshot } from "express-lembro/snapshot";
import { Folder } from "./support/folder.ts";
import { assertSame, keptIn, sessionsIn } from "./support/kept.ts";
import {
  errorOf,
  Lembro,
  session,
  sessionOf,
  sessionOfSize,
  settled,
  type Store,
} from "./support/setup.ts";
import { atTime } from "./support/at_time.ts";
import { HookedDisk } from "./support/disks.ts";
import { HeldTimers } from "./support/held_timers.ts";
import { idsIn, namesOfFiles, openOn, until } from "./support/journals.ts";

const protect = (_session: unknown, sid: string) => sid.startsWith("p");
const user = (session: unknown) => (session as { user?: string }).user;

/** Opens the journal of a store, does `work`, and closes it. */
async function withJournal<Result>(
  path: string,
  work: (store: Store) => Promise<Result>,
  options?: JournalOptions,
  storeOptions = {},
): Promise<Result> {
  using store = new Lembro({ protect, user, ...storeOptions });
  await using _journal = await openJournal(store, path, options);
  return await work(store);
}

/** The journal at `path` is replayed to what `store` keeps. */
async function assertReplayed(path: string, store: Store): Promise<void> {
  const replayed = (after: Store) => Promise.resolve(keptIn(after));
  assertEquals(await withJournal(path, replayed, {}, { maxSize: Infinity }), keptIn(store));
}

/** Sessions of each rank. */
async function fill(store: Store): Promise<void> {
  for (const sid of ["n1", "r1", "p1", "n2", "r2", "p2", "n3", "r3", "p3"]) {
    await store.set(sid, sessionOf({ sid, user: `user of ${sid}` }));
    if (sid.startsWith("r")) await store.get(sid);
  }
}

/** The option `secret`, or none: one that is present and `undefined` is refused. */
const secretOption = (secret: JournalOptions["secret"]): JournalOptions =>
  secret === undefined ? {} : { secret };

for (const secret of [undefined, "the secret of the test"]) {
  describe(`a journal ${secret ? "with a secret" : "without a secret"} brings back`, () => {
    it("sessions as they were: data, cookie, rank, creation, user, life and order", async () => {
      using folder = new Folder();
      using before = new Lembro({ protect, user });
      const journal = await openJournal(before, folder.snapshot, secretOption(secret));
      await fill(before);
      await journal.flush();
      await new Promise((resolve) => setTimeout(resolve, 5));
      await before.get("r1");
      await before.set("r1", sessionOf({ again: true, user: "Ada" }, { maxAge: 60_000 }));
      await before.touch("p1", sessionOf({}, { maxAge: 90_000, path: "/touched" }));
      await before.set("n1", sessionOf({ again: true }));
      await before.update("r2", (session) => void Object.assign(session, { updated: true }));
      await before.destroy("p2");
      await journal.close();
      using after = new Lembro({ protect, user });
      await using _journal = await openJournal(after, folder.snapshot, secretOption(secret));
      assertSame(after, before);
      assertEquals(after.stats().users, before.stats().users);
      assertEquals((await after.sessionsOfUser("Ada")).map(({ sid }) => sid), ["r1"]);
      assertEquals(after.stats().saves, 0);
    });

    it("nothing that was destroyed, revoked, cleared or evicted", async () => {
      using folder = new Folder();
      const options = secretOption(secret);
      const left = await withJournal(
        folder.snapshot,
        async (store) => {
          for (const sid of ["a", "b", "c"]) await store.set(sid, sessionOf());
          await store.clear();
          await fill(store);
          await store.destroy("n1");
          await store.revokeUser("user of p1", {});
          for (let i = 0; i < 200; i++) await store.set(`p new ${i}`, sessionOfSize(900));
          assertNotEquals(await store.get("p new 199"), undefined);
          assertEquals(await store.get("p2"), undefined, "it was evicted");
          return keptIn(store);
        },
        options,
        { maxSize: 100_000 },
      );
      await withJournal(
        folder.snapshot,
        (store) => {
          assertEquals(keptIn(store), left);
          return Promise.resolve();
        },
        options,
        { maxSize: 100_000 },
      );
    });

    it("every id, and every text", async () => {
      using folder = new Folder();
      const odd = ["", "__proto__", "\ud800", "\udc00 and \ud83d", "\n", "\u2028", '"'];
      const before = await withJournal(folder.snapshot, async (store) => {
        for (const sid of odd) await store.set(sid, sessionOf({ [sid]: sid }));
        return sessionsIn(store);
      }, secretOption(secret));
      await withJournal(folder.snapshot, (store) => {
        assertEquals(sessionsIn(store), before);
        return Promise.resolve();
      }, secretOption(secret));
    });
  });
}

describe("a journal that is opened", () => {
  it("is created, its owner's alone, in a file that a link leads to, or by a URL", async () => {
    using folder = new Folder();
    const umask = Deno.umask(0);
    try {
      await Deno.symlink("real", folder.snapshot);
      using store = new Lembro();
      const journal = await openJournal(store, pathToFileURL(folder.snapshot));
      const names = folder.names();
      assertEquals(namesOfFiles(names), ["real", "sessions"]);
      for (const name of names.filter((name) => name.startsWith("real"))) {
        assertEquals((await Deno.stat(`${folder.path}/${name}`)).mode! & 0o777, 0o600);
      }
      await journal.close();
      assertEquals(folder.names(), ["real", "sessions"]);
    } finally {
      Deno.umask(umask);
    }
  });

  it("in a folder that is not there is the file system's own error at once", async () => {
    using folder = new Folder();
    using store = new Lembro();
    const error = await errorOf(openJournal(store, `${folder.path}/none/sessions`));
    assertEquals(error.code, "ENOENT");
    assertEquals(folder.names(), []);
  });

  it("leaves a life that was shortened before it expired", async () => {
    using folder = new Folder();
    using store = new Lembro();
    const journal = await openJournal(store, folder.snapshot, { interval: 60_000 });
    await store.set("a", sessionOf({}, { maxAge: 60_000 }));
    await journal.flush();
    await store.touch("a", sessionOf({}, { maxAge: 5 }));
    await new Promise((resolve) => setTimeout(resolve, 10));
    await store.purge();
    await journal.close();
    await withJournal(folder.snapshot, async (store) => assertEquals(await store.ids(), []));
  });

  it("keeps what the ranks keep, and what was left out does not come back later", async () => {
    using folder = new Folder();
    await withJournal(folder.snapshot, async (store) => {
      for (let i = 0; i < 20; i++) {
        await store.set(`p${i}`, sessionOfSize(100));
        await store.set(`n${i}`, sessionOfSize(100));
      }
    });
    await withJournal(
      folder.snapshot,
      async (store) => {
        // Two newcomers would be an eighth.
        assertEquals(await store.length(), 10);
        assertEquals(store.stats().newcomers, 1);
        await store.destroy("p0");
      },
      {},
      { maxSize: 1_000 },
    );
    await withJournal(folder.snapshot, async (store) => assertEquals(await store.length(), 10));
  });

  it("keeps what the store has already, as the newer, and writes it too", async () => {
    using folder = new Folder();
    await withJournal(folder.snapshot, async (store) => {
      for (const sid of ["n1", "p1", "both"]) await store.set(sid, sessionOf({ from: "file" }));
    });
    const expected = ["n1", "n2", "both", "p1", "p2"];
    await withJournal(folder.snapshot, async () => {});
    using store = new Lembro({ protect, user });
    for (const sid of ["n2", "p2", "both"]) await store.set(sid, sessionOf({ from: "store" }));
    const journal = await openJournal(store, folder.snapshot);
    assertEquals(keptIn(store).map(({ sid }) => sid), expected);
    await journal.close();
    await withJournal(folder.snapshot, async (after) => {
      assertEquals(keptIn(after), keptIn(store));
      assertEquals((await after.get("both") as unknown as { from: string }).from, "store");
    });
  });

  it("writes what the store has already, if the file has none of it", async () => {
    using folder = new Folder();
    await withJournal(folder.snapshot, (store) => store.set("of the file", sessionOf()));
    using store = new Lembro();
    await store.set("of the store", sessionOf());
    await (await openJournal(store, folder.snapshot)).close();
    await withJournal(folder.snapshot, async (after) => {
      assertEquals((await after.ids()).sort(), ["of the file", "of the store"]);
    });
  });

  it("takes a snapshot in its place: a backup that is brought back", async () => {
    using folder = new Folder();
    using before = new Lembro({ protect, user });
    await fill(before);
    await saveSnapshot(before, folder.snapshot);
    await withJournal(folder.snapshot, async (store) => {
      assertSame(store, before);
      await store.destroy("n1");
    });
    await withJournal(folder.snapshot, async (store) => assertEquals(await store.length(), 8));
    using other = new Lembro();
    const error = await errorOf(loadSnapshot(other, folder.snapshot));
    assertMatch(error.message, /: this is a journal, which openJournal opens \(at byte \d+\)$/);
  });

  it("takes sessions that a snapshot brings in later, before all others of their rank", async () => {
    using folder = new Folder();
    using old = new Lembro({ protect, user });
    for (const sid of ["p1", "p2", "p3"]) await old.set(sid, sessionOf());
    await saveSnapshot(old, `${folder.path}/old`);
    const kept = await withJournal(folder.snapshot, async (store) => {
      for (const sid of ["p4", "p5"]) await store.set(sid, sessionOf());
      await loadSnapshot(store, `${folder.path}/old`);
      return keptIn(store);
    });
    assertEquals(kept.map(({ sid }) => sid), ["p1", "p2", "p3", "p4", "p5"]);
    await withJournal(folder.snapshot, (store) => {
      assertEquals(keptIn(store), kept);
      return Promise.resolve();
    });
  });

  it("does not undo a logout when a clock that was ahead is right again", async () => {
    using folder = new Folder();
    const ahead = Date.now() + 48 * 60 * 60 * 1000;
    await withJournal(folder.snapshot, async (store) => {
      for (const sid of ["a", "b", "c"]) await store.set(sid, sessionOf());
    });
    await withJournal(folder.snapshot, async (store) => {
      // It takes it for expired, and then its user signs out.
      await atTime(ahead, async () => assertEquals(await store.get("a"), undefined));
      await store.destroy("a");
    });
    await withJournal(folder.snapshot, async (store) => {
      assertEquals((await store.ids()).sort(), ["b", "c"]);
      await atTime(ahead, () => store.destroy("b"));
    });
    await withJournal(folder.snapshot, async (store) => assertEquals(await store.ids(), ["c"]));
    // This time it was ahead when the file was read.
    await atTime(ahead, () => withJournal(folder.snapshot, (store) => store.destroy("c")));
    await withJournal(folder.snapshot, async (store) => assertEquals(await store.ids(), []));
  });

  it("does not let a session that was loaded before undo a logout", async () => {
    using folder = new Folder();
    await withJournal(folder.snapshot, (store) => store.set("a", sessionOf()));
    await withJournal(folder.snapshot, async (store) => {
      const live = (await store.get("a"))!;
      await store.destroy("a");
      await store.set("a", live);
    });
    await withJournal(folder.snapshot, async (store) => assertEquals(await store.ids(), []));
  });
});

describe("what was written is on the disk", () => {
  it("within the interval", async () => {
    using folder = new Folder();
    using store = new Lembro();
    using timers = new HeldTimers();
    await using journal = await openJournal(store, folder.snapshot, { interval: 200 });
    await store.set("a", sessionOf());
    await timers.tick(99);
    const { pending, lag } = journal.stats();
    assertEquals([pending, lag], [1, 99], "it waits for others");
    await timers.tick(1);
    await until(() => journal.stats().pending === 0 && journal.stats().lag === 0);
    assertEquals(await idsIn(folder.snapshot), ["a"]);
  });

  for (
    const [name, work] of [
      ["destroy", (store) => store.destroy("a")],
      ["revokeUser", (store) => store.revokeUser("Ada", {})],
      ["clear", (store) => store.clear()],
    ] as [string, (store: Store) => Promise<unknown>][]
  ) {
    it(`when ${name} answers, long before the interval is over`, async () => {
      using folder = new Folder();
      using store = new Lembro({ user });
      await using journal = await openJournal(store, folder.snapshot, { interval: 60_000 });
      await store.set("a", sessionOf({ user: "Ada" }));
      await journal.flush();
      assertEquals(await idsIn(folder.snapshot), ["a"]);
      await work(store);
      assertEquals(await idsIn(folder.snapshot), []);
    });
  }

  it("when a destroy answers of a session of which the logout is being written", async () => {
    using folder = new Folder();
    using store = new Lembro();
    await using _journal = await openJournal(store, folder.snapshot, { interval: 60_000 });
    await store.set("a", sessionOf());
    const first = store.destroy("a");
    await store.destroy("a");
    assertEquals(await idsIn(folder.snapshot), []);
    await first;
  });

  it("when flush is done", async () => {
    using folder = new Folder();
    using store = new Lembro();
    await using journal = await openJournal(store, folder.snapshot, { interval: 60_000 });
    await store.set("a", sessionOf());
    assertEquals([journal.stats().pending, await idsIn(folder.snapshot)], [1, []]);
    await Promise.all([journal.flush(), journal.flush()]);
    assertEquals([journal.stats().pending, await idsIn(folder.snapshot)], [0, ["a"]]);
    assert(Date.now() - journal.stats().lastSync!.getTime() < 5_000);
  });

  it("and once for all the changes of a session", async () => {
    using folder = new Folder();
    using store = new Lembro();
    await using journal = await openJournal(store, folder.snapshot, { interval: 60_000 });
    for (let i = 0; i < 50; i++) {
      await store.set("a", sessionOf({ i }));
      await store.touch("a", sessionOf());
    }
    await journal.flush();
    const text = await Deno.readTextFile(folder.snapshot);
    assertEquals(text.match(/^\["a"/gm)!.length, 1);
  });

  for (const secret of [undefined, "the secret of the test"]) {
    it(`and a touch takes less than 400 bytes, ${secret ? "encrypted" : "not encrypted"}`, async () => {
      using folder = new Folder();
      using store = new Lembro({ user });
      const options = { interval: 60_000, ...secretOption(secret) };
      const journal = await openJournal(store, folder.snapshot, options);
      const sid = "s".repeat(32);
      const cookie = () => Object.assign(new session.Cookie(), { maxAge: 60_000 });
      const data = { user: "Ada", text: "x".repeat(10_000) };
      // The first cookie of its kind is kept with its session.
      for (const one of ["first", sid]) await store.set(one, sessionOf(data, cookie()));
      await store.get(sid);
      await journal.flush();
      const { bytes: before } = journal.stats();
      await store.touch(sid, sessionOf({}, cookie()));
      await journal.flush();
      const { bytes } = journal.stats();
      assert(bytes > before && bytes - before < 400, `${bytes - before} bytes`);
      await journal.close();
      using after = new Lembro({ user });
      await using _journal = await openJournal(after, folder.snapshot, options);
      assertSame(after, store);
    });
  }

  it("and one sync serves all that wait for it", async () => {
    using folder = new Folder();
    using store = new Lembro();
    const hooked = new HookedDisk();
    const journal = await openOn(hooked.disk, store, folder.snapshot);
    for (let i = 0; i < 100; i++) await store.set(`${i}`, sessionOf());
    const before = hooked.calls.filter((name) => name === "datasync").length;
    await Promise.all(Array.from({ length: 100 }, (_, i) => store.destroy(`${i}`)));
    const syncs = hooked.calls.filter((name) => name === "datasync").length - before;
    assert(syncs <= 2, `${syncs} syncs`);
    await journal.close();
  });

  it("in blocks of some 64 KB", async () => {
    using folder = new Folder();
    using store = new Lembro({ maxSize: Infinity });
    await using journal = await openJournal(store, folder.snapshot, { interval: 60_000 });
    for (let i = 0; i < 2_000; i++) store.set(`${i}`, sessionOfSize(800), () => {});
    await journal.flush();
    const text = await Deno.readTextFile(folder.snapshot);
    const lengths = [...text.matchAll(/^rows \d{10} \d{10} (\d{10}) /gm)].map(([, length]) =>
      Number(length)
    );
    assert(lengths.length > 10);
    assert(Math.max(...lengths) < 70_000, `${lengths}`);
  });
});

describe("a journal is closed", () => {
  it("with all changes in the file, twice if need be, and the store goes on", async () => {
    using folder = new Folder();
    using store = new Lembro();
    const journal = await openJournal(store, folder.snapshot, { interval: 60_000 });
    await store.set("a", sessionOf());
    await Promise.all([journal.close(), journal.close()]);
    await journal.close();
    await store.set("b", sessionOf());
    await store.destroy("a");
    assertEquals(await store.ids(), ["b"]);
    await withJournal(folder.snapshot, async (after) => assertEquals(await after.ids(), ["a"]));
  });

  it("and may be opened again on the same store, which had gone on", async () => {
    using folder = new Folder();
    using store = new Lembro();
    await store.set("a", sessionOf());
    await (await openJournal(store, folder.snapshot)).close();
    await store.set("b", sessionOf());
    await (await openJournal(store, folder.snapshot)).close();
    await withJournal(folder.snapshot, async (after) => {
      assertEquals((await after.ids()).sort(), ["a", "b"]);
    });
  });

  it("while it is compacted", async () => {
    using folder = new Folder();
    using store = new Lembro({ maxSize: Infinity });
    const journal = await openJournal(store, folder.snapshot, { interval: 60_000 });
    for (let round = 0; round < 3; round++) {
      for (let i = 0; i < 500; i++) await store.set(`${i}`, sessionOfSize(2_000));
      await journal.flush();
    }
    await journal.close();
    assertEquals(folder.names(), ["sessions"]);
    await assertReplayed(folder.snapshot, store);
  });
});

describe("a journal is compacted", () => {
  const NAMED_FIRST = ["changed", "named", "flushed"] as const;

  it("when it is more than twice as large as what is live, and keeps being right", async () => {
    using folder = new Folder();
    using store = new Lembro({ maxSize: Infinity, protect });
    await using journal = await openJournal(store, folder.snapshot, { interval: 60_000 });
    for (let i = 0; i < 400; i++) await store.set(`${"np"[i % 2]}${i}`, sessionOfSize(2_000));
    await journal.flush();
    const whole = journal.stats().bytes;
    for (let round = 0; round < 10; round++) {
      for (let i = 0; i < 400; i += 2) {
        store.touch(`n${i}`, sessionOf({}, { maxAge: 90_000 + i }), () => {});
        store.set(`p${i + 1}`, sessionOfSize(2_000), () => {});
      }
      await journal.flush();
      // It is done in the background, and once more if it was too large at the end of that.
      await until(() => {
        journal.flush().catch(() => {});
        return journal.stats().bytes < 2.5 * whole;
      });
    }
    assert(journal.stats().compactions >= 2, `${journal.stats().compactions}`);
    assert((await Deno.stat(folder.snapshot)).size < 3 * whole);
    await journal.close();
    assertEquals(folder.names(), ["sessions"]);
    await assertReplayed(folder.snapshot, store);
  });

  it("while the store is used, and misses nothing", async () => {
    using folder = new Folder();
    using store = new Lembro({ maxSize: Infinity, protect });
    await using journal = await openJournal(store, folder.snapshot, { interval: 1 });
    let n = 0;
    while (journal.stats().compactions < 5) {
      for (let i = 0; i < 60; i++) {
        n++;
        const sid = `${"np"[n % 2]}${n % 997}`;
        if (n % 7 === 0) store.destroy(sid, () => {});
        else if (n % 5 === 0) store.touch(sid, sessionOf({}, { maxAge: 60_000 + n }), () => {});
        else if (n % 3 === 0) store.get(sid, () => {});
        else store.set(sid, sessionOfSize(1_000 + (n % 50) * 10), () => {});
        if (n % 100_000 === 0) store.clear(() => {});
      }
      await settled();
    }
    await journal.close();
    await withJournal(
      folder.snapshot,
      (after) => {
        assertEquals(
          sessionsIn(after),
          sessionsIn(store),
        );
        return Promise.resolve();
      },
      {},
      { maxSize: Infinity },
    );
  });

  it("and what is written to the old file meanwhile is in the new one", async () => {
    using folder = new Folder();
    using store = new Lembro({ maxSize: Infinity, protect });
    const hooked = new HookedDisk();
    const journal = await openOn(hooked.disk, store, folder.snapshot);
    const more = async () => {
      for (let i = 0; i < 300; i++) await store.set(`p${i}`, sessionOfSize(2_000));
      await journal.flush();
    };
    await more();
    // The new file is opened, and then it takes a while.
    let release = () => {};
    let isCompacting = false;
    hooked.hook = async (method, path) => {
      if (method !== "open" || !path.endsWith(".tmp")) return;
      isCompacting = true;
      await new Promise<void>((resolve) => release = resolve);
    };
    for (let i = 0; i < 2; i++) await more();
    await until(() => isCompacting);
    let writes = 0;
    hooked.hook = async (method) => {
      // Behind the title, the head and the test: the second block of the walk.
      if (method !== "write" || ++writes !== 5) return;
      await store.destroy("p0");
      await store.set("p1", sessionOf({ changed: true }));
      await store.set("new", sessionOf());
      await store.destroy("p299");
      await journal.flush();
    };
    release();
    await until(() => journal.stats().compactions === 1);
    await journal.close();
    await assertReplayed(folder.snapshot, store);
  });

  for (
    const [when, at, call, expected] of [
      ["that is synced is on the disk in the old one", "datasync", 1, ["changed", "flushed"]],
      ["that is finished counts once its name is on the disk", "datasync", 2, NAMED_FIRST],
      ["that is renamed counts once its name is on the disk", "rename", 1, NAMED_FIRST],
    ] as const
  ) {
    it(`and what changes beside a new file ${when}`, async () => {
      using folder = new Folder();
      using store = new Lembro({ maxSize: Infinity, protect });
      const hooked = new HookedDisk();
      const journal = await openOn(hooked.disk, store, folder.snapshot);
      const steps: string[] = [];
      let flushed: Promise<unknown> | undefined;
      let calls = 0;
      let newFile: string | undefined;
      hooked.hook = async (method, path) => {
        if (method === "open" && path.endsWith(".tmp")) newFile = path;
        if (method === at && path === newFile && ++calls === call) {
          steps.push("changed");
          await store.set("p0", sessionOf({ changed: true }));
          flushed = journal.flush().then(() => steps.push("flushed"));
          await settled();
        } else if (method === "sync" && path === dirname(folder.snapshot)) {
          steps.push("named");
        }
      };
      for (let round = 0; round < 3; round++) {
        for (let i = 0; i < 300; i++) await store.set(`p${i}`, sessionOfSize(2_000));
        await journal.flush();
      }
      await until(() => flushed !== undefined);
      await flushed;
      assertEquals(steps, [...expected]);
      await journal.close();
      await assertReplayed(folder.snapshot, store);
    });
  }

  it("not below a quarter of a megabyte", async () => {
    using folder = new Folder();
    using store = new Lembro();
    await using journal = await openJournal(store, folder.snapshot);
    for (let i = 0; i < 100; i++) {
      await store.set("a", sessionOf({ i }));
      await journal.flush();
    }
    assertEquals(journal.stats().compactions, 0);
  });

  it("beside, and the files of a killed process are removed", async () => {
    using folder = new Folder();
    const left = `sessions.${crypto.randomUUID()}.tmp`;
    await Deno.writeTextFile(`${folder.path}/${left}`, "half of a journal");
    await Deno.writeTextFile(`${folder.path}/sessions.old.tmp`, "of the user");
    await withJournal(folder.snapshot, () => Promise.resolve());
    assertEquals(folder.names(), ["sessions", "sessions.old.tmp"]);
  });
});

describe("a secret", () => {
  it("keeps ids and data out of the file", async () => {
    using folder = new Folder();
    const work = (store: Store) => store.set("the id", sessionOf({ name: "Lovelace" }));
    await withJournal(folder.snapshot, work, { secret: "secret" });
    const text = await Deno.readTextFile(folder.snapshot);
    for (const word of ["the id", "Lovelace", "cookie", "secret"]) {
      assert(!text.includes(word), word);
    }
  });

  const encrypted = "the file is encrypted, and needs its secret";
  const other = "the file was encrypted with another secret, or altered";
  const open =
    "the file is not encrypted, and a secret was given: plain: true beside it reads it too";
  for (
    const [writes, reads, says] of [
      ["one", undefined, encrypted],
      ["one", "two", other],
      ["one", ["two", "three"], other],
      [undefined, "one", open],
    ] as const
  ) {
    it(`that is wrong is refused, by both modules: ${writes} and ${reads}`, async () => {
      using folder = new Folder();
      const save = (store: Store) => store.set("a", sessionOf());
      await withJournal(folder.snapshot, save, secretOption(writes));
      const before = await Deno.readFile(folder.snapshot);
      using store = new Lembro();
      const error = await errorOf(openJournal(store, folder.snapshot, secretOption(reads)));
      assertEquals(error.code, "ERR_LEMBRO_JOURNAL");
      assertMatch(
        error.message,
        new RegExp(`^Cannot open journal: .*/sessions: ${says} \\(at byte`),
      );
      assertEquals([await store.length(), folder.names()], [0, ["sessions"]]);
      assertEquals(await Deno.readFile(folder.snapshot), before);

      using source = new Lembro();
      await source.set("a", sessionOf());
      await saveSnapshot(source, folder.snapshot, secretOption(writes));
      const refused = await errorOf(loadSnapshot(store, folder.snapshot, secretOption(reads)));
      assertEquals(refused.code, "ERR_LEMBRO_SNAPSHOT");
      assert(refused.message.includes(says), refused.message);
      assertEquals(await store.length(), 0);
      if (writes === undefined) return;
      const secret = ["new", writes];
      assertEquals((await loadSnapshot(store, folder.snapshot, { secret })).sessions, 1);
    });
  }

  it("is replaced by a new one in front of it", async () => {
    using folder = new Folder();
    const open = (secret: JournalOptions["secret"]) =>
      withJournal(folder.snapshot, (store) => store.ids(), secretOption(secret));
    await withJournal(folder.snapshot, (store) => store.set("a", sessionOf()), { secret: "old" });
    assertEquals(await open(["old", "older"]), ["a"]);
    assertEquals(await open(["new", "old"]), ["a"]);
    assertEquals(await open("new"), ["a"]);
    assertMatch((await errorOf(open("old"))).message, /another secret/);
  });

  it("that cannot be one is refused, and never shown", async () => {
    using store = new Lembro();
    for (
      const [secret, received] of [
        [undefined, "undefined"],
        ["", "an empty string"],
        [[], "an empty array"],
        [["good one", ""], "an array with an empty string"],
        [["good one", undefined], "an array with undefined"],
        [12345, "a number"],
        [null, "null"],
        [{ key: "good one" }, "an object"],
        [() => "good one", "a function"],
      ] as const
    ) {
      for (const work of [openJournal, saveSnapshot, loadSnapshot]) {
        const error = await errorOf(work(store, "/tmp/none/none", { secret: secret as never }));
        assertInstanceOf(error, TypeError);
        assertMatch(
          error.message,
          new RegExp(
            "^Cannot (open journal|(save|load) snapshot): secret must be a string that is not " +
              "empty, or an array of such strings; leave it out for a file that is not encrypted: " +
              `received ${received}$`,
          ),
        );
      }
    }
  });

  it("with plain: true beside it also reads a file that is not encrypted yet, and encrypts it", async () => {
    using folder = new Folder();
    await withJournal(folder.snapshot, (store) => store.set("the id", sessionOf()));
    assert((await Deno.readTextFile(folder.snapshot)).includes("the id"));
    const options = { secret: ["new", "old"], plain: true };
    await withJournal(folder.snapshot, async (store) => {
      assertEquals(await store.ids(), ["the id"]);
      assert(
        !(await Deno.readTextFile(folder.snapshot)).includes("the id"),
        "it is encrypted by now",
      );
    }, options);
    assertEquals(await withJournal(folder.snapshot, (store) => store.ids(), options), ["the id"]);
    const ids = await withJournal(folder.snapshot, (store) => store.ids(), { secret: "new" });
    assertEquals(ids, ["the id"]);
    const refused = withJournal(folder.snapshot, (store) => store.ids(), {
      secret: "old",
      plain: true,
    });
    assertMatch((await errorOf(refused)).message, /another secret/);
  });

  it("with plain: true beside it also reads a snapshot that is not encrypted, and leaves it so", async () => {
    using folder = new Folder();
    using source = new Lembro();
    await source.set("the id", sessionOf());
    await saveSnapshot(source, folder.snapshot);
    const before = await Deno.readFile(folder.snapshot);
    using store = new Lembro();
    await loadSnapshot(store, folder.snapshot, { secret: "new", plain: true });
    assertEquals(await store.ids(), ["the id"]);
    assertEquals(await Deno.readFile(folder.snapshot), before);
    assertEquals(folder.names(), ["sessions"]);
  });

  it("plain takes true or false, beside a secret", async () => {
    using store = new Lembro();
    for (const work of [openJournal, loadSnapshot]) {
      for (
        const [options, says] of [
          [{ plain: true }, "plain needs a secret beside it: received undefined"],
          [{ secret: "a", plain: 1 }, "plain must be true or false: received a number"],
          [{ secret: "a", plain: "secret" }, "plain must be true or false: received a string"],
        ] as const
      ) {
        const error = await errorOf(work(store, "/tmp/none/none", options as never));
        assertInstanceOf(error, TypeError);
        assertMatch(error.message, new RegExp(`^Cannot (open journal|load snapshot): ${says}$`));
      }
    }
    const error = await errorOf(saveSnapshot(store, "/tmp/none/none", { plain: true } as never));
    assertMatch(error.message, /unknown option, use secret, signal: received "plain"$/);
  });
});

describe("what cannot be done is said", () => {
  it("openJournal takes a store, a path and options", async () => {
    using store = new Lembro();
    using folder = new Folder();
    const path = folder.snapshot;
    for (
      const [args, Kind, message] of [
        [
          [undefined, path],
          TypeError,
          "store must be a store of express-lembro: received undefined",
        ],
        [[new session.MemoryStore(), path], TypeError, "store must be a store of express-lembro: "],
        [[store, ""], TypeError, "path must be the path of a file, or a file: URL: received"],
        [[store, 7], TypeError, "path must be the path of a file, or a file: URL: received 7"],
        [[store, new URL("http://a/")], TypeError, 'file: URL: received "http://a/"'],
        [
          [store, path, "a secret"],
          TypeError,
          "options must be an object: received something else",
        ],
        [
          [store, path, { Secret: "x" }],
          TypeError,
          'unknown option, use interval, secret, plain, wait, signal: received "Secret"',
        ],
        [[store, path, { interval: 0 }], RangeError, "from 1 to 60000: received 0"],
        [[store, path, { interval: 60_001 }], RangeError, "from 1 to 60000: received 60001"],
        [[store, path, { interval: NaN }], RangeError, "from 1 to 60000: received NaN"],
        [[store, path, { wait: -1 }], RangeError, "milliseconds, 0 or more: received -1"],
        [[store, path, { wait: NaN }], RangeError, "milliseconds, 0 or more: received NaN"],
        [[store, path, { wait: "1" }], TypeError, 'milliseconds, 0 or more: received "1"'],
        [[store, path, { interval: "1" }], TypeError, 'from 1 to 60000: received "1"'],
      ] as [Parameters<typeof openJournal>, typeof TypeError, string][]
    ) {
      const error = await errorOf(openJournal(...args));
      assertInstanceOf(error, Kind);
      assert(error.message.startsWith("Cannot open journal: "), error.message);
      assert(error.message.includes(message), error.message);
    }
    assertEquals(folder.names(), []);
  });

  it("a store has one journal at a time", async () => {
    using folder = new Folder();
    using store = new Lembro();
    const journal = await openJournal(store, folder.snapshot);
    const error = await errorOf(openJournal(store, `${folder.path}/other`));
    assertMatch(
      error.message,
      /^Cannot open journal: store must have no open journal: received one/,
    );
    await journal.close();
    await (await openJournal(store, `${folder.path}/other`)).close();
  });

  it("a store whose journal was refused may have another", async () => {
    using folder = new Folder();
    using store = new Lembro();
    await Deno.writeTextFile(folder.snapshot, "something else");
    const error = await errorOf(openJournal(store, folder.snapshot));
    assertMatch(error.message, /sessions: this is no journal of express-lembro.* \(at byte \d+\)$/);
    assertEquals(await Deno.readTextFile(folder.snapshot), "something else");
    await (await openJournal(store, `${folder.path}/other`)).close();
  });

  it("a journal of another serializer is refused, both ways", async () => {
    const wrapped = {
      stringify: (kept: unknown) => JSON.stringify({ json: kept }),
      parse: (text: string) => JSON.parse(text).json ?? {},
    };
    for (const [writes, reads] of [[wrapped, JSON], [JSON, wrapped]]) {
      using folder = new Folder();
      const save = (store: Store) => store.set("a", sessionOf());
      await withJournal(folder.snapshot, save, {}, { serializer: writes });
      const read = withJournal(folder.snapshot, (store) => store.ids(), {}, { serializer: reads });
      const error = await errorOf(read);
      assertEquals(error.code, "ERR_LEMBRO_JOURNAL");
      assertMatch(error.message, /: the file was written with another serializer \(at byte \d+\)$/);
    }
  });
});

describe("journals in one process", () => {
  it("may be many, each with a store of its own", async () => {
    using folder = new Folder();
    const stores = Array.from({ length: 20 }, () => new Lembro());
    const journals = await Promise.all(
      stores.map((store, i) => openJournal(store, `${folder.path}/${i}`)),
    );
    await Promise.all(stores.map((store, i) => store.set(`${i}`, sessionOf())));
    await Promise.all(journals.map((journal) => journal.close()));
    for (const [i, store] of stores.entries()) {
      store.close(() => {});
      await withJournal(`${folder.path}/${i}`, async (after) => {
        assertEquals(await after.ids(), [`${i}`]);
      });
    }
  });
});
