import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { openJournal } from "express-lembro/journal";
import { Lock, LockedError } from "../src/persistence/lock.ts";
import { pause } from "../src/persistence/pause.ts";
import { Folder } from "./support/folder.ts";
import { errorOf, Lembro, sessionOf, settled, type Store } from "./support/setup.ts";
import { DAY, HOUR, MINUTE, SECOND, watched } from "./support/clock.ts";
import { HookedDisk, MemoryDisk } from "./support/disks.ts";
import { HeldTimers } from "./support/held_timers.ts";
import { Holder, holderWith } from "./support/holders.ts";
import { root } from "./support/installed.ts";
import { chances, codesOf, namesOfLocks, openOn, toldBy, until } from "./support/journals.ts";

type Refused = Error & { code: string; pid: number };

/** A disk in memory whose calls take some time of a held clock. */
function slowDisk(chance: () => number) {
  const memory = new MemoryDisk();
  const hooked = new HookedDisk(memory);
  hooked.hook = () => pause(chance() * 4);
  return { memory, disk: hooked.disk };
}

/** A disk without sockets and without locked files: only time tells who lives. */
function slowDiskWithoutKernel(chance: () => number) {
  const slow = slowDisk(chance);
  slow.disk.hold = () => Promise.resolve(undefined);
  slow.disk.isHeld = () => Promise.resolve(undefined);
  return slow;
}

describe("one journal for one process", () => {
  it("a second process is refused with the pid of the first, until that is killed", async () => {
    using folder = new Folder();
    await using first = await Holder.start(folder.snapshot);
    assertEquals(first.said, "open");
    await first.tell("save of-the-first");
    using store = new Lembro();
    const error = await errorOf(openJournal(store, folder.snapshot)) as Refused;
    assertEquals([error.code, error.pid], ["ERR_LEMBRO_JOURNAL_IN_USE", first.pid]);
    assertMatch(
      error.message,
      new RegExp(`^Cannot open journal: .*process ${first.pid} has open:`),
    );
    assertMatch(error.message, /option wait$/);
    await first.kill();
    const journal = await openJournal(store, folder.snapshot);
    assertEquals(await store.ids(), ["of-the-first"]);
    await journal.close();
    assertEquals(folder.names(), ["sessions"]);
  });

  it("a process that is stopped for a while keeps its lock", async () => {
    using folder = new Folder();
    await using first = await Holder.start(folder.snapshot);
    first.signal("SIGSTOP");
    using store = new Lembro();
    const error = await errorOf(openJournal(store, folder.snapshot)) as Refused;
    assertEquals([error.code, error.pid], ["ERR_LEMBRO_JOURNAL_IN_USE", first.pid]);
    first.signal("SIGCONT");
    assertEquals(await first.tell("close"), "closed");
  });

  it("a second store in this process is refused with a message that says so", async () => {
    using folder = new Folder();
    using store = new Lembro();
    using other = new Lembro();
    const journal = await openJournal(store, folder.snapshot);
    await Deno.symlink("sessions", `${folder.path}/link`);
    for (const path of [folder.snapshot, `${folder.path}/link`, `${folder.path}/./sessions`]) {
      const error = await errorOf(openJournal(other, path)) as Refused;
      assertEquals([error.code, error.pid], ["ERR_LEMBRO_JOURNAL_IN_USE", Deno.pid]);
      assertMatch(error.message, new RegExp(`this very process, ${Deno.pid}, has open: close`));
    }
    await store.set("a", sessionOf());
    await journal.close();
    await (await openJournal(other, folder.snapshot)).close();
    assertEquals(await other.ids(), ["a"]);
  });

  it("of several processes that find the lock of a dead one, one gets it", async () => {
    using folder = new Folder();
    const dead = await Holder.start(folder.snapshot);
    await dead.kill();
    const all = await Promise.all(Array.from({ length: 4 }, () => Holder.start(folder.snapshot)));
    const said = all.map(({ said }) => said.split(" ")[0]).sort();
    for (const holder of all) await holder.kill();
    assertEquals(said, [...Array(3).fill("ERR_LEMBRO_JOURNAL_IN_USE"), "open"]);
  });

  it("in Deno needs no permission but to read and write, and comes back after a kill", async () => {
    using folder = new Folder();
    // What the app itself needs, and the folder of the journal.
    const command = holderWith(
      "--allow-env",
      `--allow-read=${root},${folder.path}`,
      `--allow-write=${folder.path}`,
    );
    for (const known of ["", "a"]) {
      await using holder = await Holder.start(folder.snapshot, { command });
      assertEquals([holder.said, await holder.tell("ids")], ["open", known]);
      await holder.tell("save a");
      if (known) {
        await using other = await Holder.start(folder.snapshot, { command });
        assertEquals(other.said, `ERR_LEMBRO_JOURNAL_IN_USE ${holder.pid}`);
      }
      await holder.kill();
    }
  });

  it("with wait, a second one is let in when the first has closed or died", async () => {
    using folder = new Folder();
    await using first = await Holder.start(folder.snapshot);
    await using second = Holder.begin(folder.snapshot, { wait: 60_000 });
    await using third = Holder.begin(folder.snapshot, { wait: 60_000 });
    let open = 0;
    const next = Promise.race([second, third].map(async (holder) => {
      await holder.opened();
      open++;
      return holder;
    }));
    await first.tell("save a");
    await first.tell("save b");
    assertEquals(await first.tell("destroy a"), "destroy");
    assertEquals(open, 0);
    assertEquals(await first.tell("close"), "closed");
    const winner = await next;
    assertEquals([winner.said, await winner.tell("ids")], ["open", "b"]);
    await winner.tell("destroy b");
    assertEquals(open, 1);
    await winner.kill();
    const last = winner === second ? third : second;
    assertEquals([await last.opened(), await last.tell("ids")], ["open", ""]);
  });

  it("with wait, a second one is refused when that time is over, and not before", async () => {
    using store = new Lembro();
    using other = new Lembro();
    using timers = new HeldTimers();
    const disk = new MemoryDisk();
    const journal = await openOn(disk, store, "/disk/j");
    const refused = errorOf(openOn(disk, other, "/disk/j", { wait: MINUTE }));
    const second = watched(refused);
    await timers.tick(MINUTE - 1);
    assertEquals(second.isDone, false);
    await timers.tick(1);
    assertEquals(second.isDone, true);
    assertEquals((await refused as Refused).code, "ERR_LEMBRO_JOURNAL_IN_USE");
    await journal.close();
  });

  it("with wait, a second one is let in within a second of the close of the first", async () => {
    using store = new Lembro();
    using other = new Lembro();
    using timers = new HeldTimers();
    const disk = new MemoryDisk();
    const first = await openOn(disk, store, "/disk/j");
    await store.set("a", sessionOf());
    const opening = openOn(disk, other, "/disk/j", { wait: DAY });
    const second = watched(opening);
    await timers.tick(HOUR);
    assertEquals(second.isDone, false);
    await first.close();
    await timers.tick(SECOND);
    assertEquals([second.isDone, await other.ids()], [true, ["a"]]);
    await (await opening).close();
  });
});

describe("a lock", () => {
  for (
    const [kind, make] of [
      ["of the kernel", slowDisk],
      ["that only time keeps", slowDiskWithoutKernel],
    ] as const
  ) {
    it(`${kind}: one of many gets it, however they interleave`, async () => {
      const seed = Number(Deno.env.get("SEED") ?? Date.now() % 1e9);
      const chance = chances(seed);
      using timers = new HeldTimers();
      for (let round = 0; round < 60; round++) {
        const { memory, disk } = make(chance);
        // Sometimes one has died before.
        if (round % 3 === 0) {
          memory.put("/disk/file.lock.0mgk3x2a1-4194305-memory-0123456789ab", new Uint8Array());
        }
        const all = Array.from({ length: 6 }, () => Lock.acquire(disk, "/disk/file"));
        const outcomes = await timers.until(Promise.allSettled(all));
        const locks = outcomes.flatMap((one) => one.status === "fulfilled" ? [one.value] : []);
        assertEquals(locks.length, 1, `SEED=${seed}, round ${round}`);
        for (const one of outcomes) {
          if (one.status === "rejected") assert(one.reason instanceof LockedError, one.reason);
        }
        const names = await memory.names();
        assertEquals([names.length, namesOfLocks(names).length], [1, 1]);
        assertEquals(await timers.until(locks[0].isHeld()), true);
        await timers.until(locks[0].release());
        assertEquals(await memory.names(), []);
      }
    });

    it(`${kind}: is given up by one and taken by the next, however they interleave`, async () => {
      const seed = Number(Deno.env.get("SEED") ?? Date.now() % 1e9);
      const chance = chances(seed);
      using timers = new HeldTimers();
      const { memory, disk } = make(chance);
      let held = 0;
      let times = 0;
      const worker = async () => {
        while (times < 100) {
          const lock = await Lock.acquire(disk, "/disk/file", { wait: DAY });
          assertEquals(++held, 1, `SEED=${seed}`);
          times++;
          await pause(chance() * SECOND);
          held--;
          await lock.release();
        }
      };
      await timers.until(Promise.all(Array.from({ length: 4 }, worker)));
      assertEquals(await memory.names(), []);
    });
  }

  it("on the disk of this machine is given up by one and taken by the next", async () => {
    using folder = new Folder();
    const target = `${folder.path}/file`;
    let held = 0;
    let times = 0;
    const worker = async () => {
      while (times < 20) {
        const lock = await Lock.acquire(new HookedDisk().disk, target).catch((error) => {
          assert(error instanceof LockedError, `${error}`);
        });
        if (!lock) continue;
        assertEquals(++held, 1);
        times++;
        await settled();
        held--;
        await lock.release();
      }
    };
    await Promise.all(Array.from({ length: 4 }, worker));
    assertEquals(folder.names(), []);
  });

  it("of another kernel is known by its time: as long as that is renewed, it is held", async () => {
    using timers = new HeldTimers();
    const memory = new MemoryDisk();
    const there = new HookedDisk(memory);
    there.disk.keeper = () => Promise.resolve("there");
    const lock = await Lock.acquire(there.disk, "/disk/file");
    const here = new HookedDisk(memory);
    // This kernel knows of no such process.
    here.disk.isHeld = () => Promise.resolve(false);
    await assertRejects(() => timers.until(Lock.acquire(here.disk, "/disk/file")), LockedError);
    // Its disk is slow, but answers in time.
    there.hook = (method) => method === "utimes" ? pause(3 * SECOND) : undefined;
    for (let i = 0; i < 5; i++) {
      await timers.tick(SECOND);
      await assertRejects(() => timers.until(Lock.acquire(here.disk, "/disk/file")), LockedError);
    }
    await lock.release();
    assertEquals(await memory.names(), []);
  });

  it("of another kernel is taken over after five seconds in which it was not renewed", async () => {
    using timers = new HeldTimers();
    const memory = new MemoryDisk();
    memory.put("/disk/file.lock.0mgk3x2a1-1-there-0123456789ab", new Uint8Array());
    const taking = Lock.acquire(memory, "/disk/file");
    const next = watched(taking);
    await timers.tick(5 * SECOND - 1);
    assertEquals([next.isDone, (await memory.names()).length], [false, 1]);
    await timers.tick(1);
    assertEquals([next.isDone, (await memory.names()).length], [true, 1]);
    await (await taking).release();
    assertEquals(await memory.names(), []);
  });

  it("of another kernel is not watched any longer once the call is aborted", async () => {
    using timers = new HeldTimers();
    const memory = new MemoryDisk();
    memory.put("/disk/file.lock.0mgk3x2a1-1-there-0123456789ab", new Uint8Array());
    const abort = new AbortController();
    const check = () => abort.signal.throwIfAborted();
    const taking = Lock.acquire(memory, "/disk/file", { check });
    const next = watched(taking.catch((error) => error));
    await timers.tick(SECOND);
    abort.abort("the app is closing");
    await timers.tick(100);
    assertEquals([next.isDone, (await memory.names()).length], [true, 1]);
    assertEquals(await taking.catch((error) => error), "the app is closing");
  });

  it("that a process has not finished is no lock, and is removed an hour later", async () => {
    using folder = new Folder();
    const target = `${folder.path}/file`;
    const names = ["1", "2"].map((n) => `file.lock.0mgk3x2a1-1-time-0123456789a${n}.new`);
    for (const name of names) await Deno.writeTextFile(`${folder.path}/${name}`, "");
    const old = Date.now() / 1_000 - 3_700;
    await Deno.utime(`${folder.path}/${names[0]}`, old, old);
    await (await Lock.acquire(new HookedDisk().disk, target)).release();
    assertEquals(folder.names(), [names[1]]);
  });

  it("leaves a file alone that only looks a little like it", async () => {
    using folder = new Folder();
    using store = new Lembro();
    await Deno.writeTextFile(`${folder.snapshot}.lock`, "of somebody");
    await (await openJournal(store, folder.snapshot)).close();
    assertEquals(folder.names(), ["sessions", "sessions.lock"]);
  });

  it("of a dead process that cannot be removed is no lock either", async () => {
    using folder = new Folder();
    const target = `${folder.path}/file`;
    const hooked = new HookedDisk();
    const dead = `${target}.lock.0mgk3x2a1-1-${await hooked.disk.keeper()}-0123456789ab`;
    await Deno.writeTextFile(dead, "");
    hooked.hook = (method, path) => {
      if (method === "remove" && path === dead) {
        throw Object.assign(new Error("EACCES"), { code: "EACCES" });
      }
    };
    await (await Lock.acquire(hooked.disk, target)).release();
    assertEquals(folder.names().length, 1);
  });
});

describe("a journal whose lock is gone", () => {
  /** What a journal does next, and so finds out. */
  const NEXT = {
    "when it writes": async (_store: Store, journal: { flush(): Promise<void> }) => {
      await assertRejects(() => journal.flush(), Error, "its lock must stay where it is");
    },
    "when it has nothing to write and closes": async () => {},
    "when it would answer a logout": async (store: Store) => void await store.destroy("a"),
  };
  for (const [when, next] of Object.entries(NEXT)) {
    for (const hasHeir of [true, false]) {
      const heir = hasHeir ? "another has opened it" : "nobody has opened it";
      it(`${when}, ${heir}: writes nothing, says so once, and never fights`, async () => {
        using folder = new Folder();
        using store = new Lembro();
        const told = toldBy(store);
        const journal = await openJournal(store, folder.snapshot, { interval: 60_000 });
        for (const sid of ["a", "b"]) await store.set(sid, sessionOf());
        await journal.flush();
        if (!when.startsWith("when it has nothing")) await store.set("c", sessionOf());
        for (const name of namesOfLocks(folder.names())) {
          await Deno.remove(`${folder.path}/${name}`);
        }
        using other = new Lembro();
        const heirs = hasHeir ? await openJournal(other, folder.snapshot) : undefined;
        await heirs?.flush();
        const before = await Deno.readFile(folder.snapshot);
        await next(store, journal);
        const error = await errorOf(journal.close()) as Refused;
        assertEquals(error.code, "ERR_LEMBRO_JOURNAL_LOST");
        await settled();
        assertEquals(codesOf(told), ["ERR_LEMBRO_JOURNAL_LOST"]);
        assertEquals(journal.stats().isFailing, true);
        assertEquals((journal.stats().lastError as Refused).code, "ERR_LEMBRO_JOURNAL_LOST");
        assertEquals(await Deno.readFile(folder.snapshot), before);
        // The app goes on from memory.
        await store.set("d", sessionOf());
        await store.destroy("d");
        if (!heirs) return;
        await other.destroy("b");
        await heirs.close();
        using last = new Lembro();
        await (await openJournal(last, folder.snapshot)).close();
        assertEquals(await last.ids(), ["a"]);
      });
    }
  }

  it("while it compacts: the file of the other stays", async () => {
    using folder = new Folder();
    using store = new Lembro({ maxSize: Infinity });
    const told = toldBy(store);
    const hooked = new HookedDisk();
    const journal = await openOn(hooked.disk, store, folder.snapshot);
    let after: Uint8Array | undefined;
    using other = new Lembro();
    let syncs = 0;
    let newFile: string | undefined;
    hooked.hook = async (method, path) => {
      // The last of it before the rename.
      if (method === "open" && path.endsWith(".tmp")) newFile = path;
      if (method !== "datasync" || path !== newFile || ++syncs !== 2) return;
      after = new Uint8Array();
      for (const name of namesOfLocks(folder.names())) await Deno.remove(`${folder.path}/${name}`);
      await (await openJournal(other, folder.snapshot)).close();
      after = await Deno.readFile(folder.snapshot);
    };
    for (let i = 0; i < 40 && !after?.length; i++) {
      await store.set("a", sessionOf({ fill: "x".repeat(100_000) }));
      await journal.flush().catch(() => {});
      await pause(5);
    }
    await errorOf(journal.close());
    assertEquals(codesOf(told), ["ERR_LEMBRO_JOURNAL_LOST"]);
    assertEquals(await Deno.readFile(folder.snapshot), after);
    assertEquals(await other.ids(), ["a"]);
    assertEquals(folder.names(), ["sessions"]);
  });

  it("with its folder: is told of, and a folder that comes back stays empty", async () => {
    using folder = new Folder();
    await Deno.mkdir(`${folder.path}/in`);
    using store = new Lembro();
    const told = toldBy(store);
    const journal = await openJournal(store, `${folder.path}/in/sessions`, { interval: 20 });
    await Deno.remove(`${folder.path}/in`, { recursive: true });
    await Deno.mkdir(`${folder.path}/in`);
    await store.set("a", sessionOf());
    await until(() => told.length > 0);
    assertEquals(codesOf(told), ["ERR_LEMBRO_JOURNAL_LOST"]);
    await errorOf(journal.close());
    assertEquals([...Deno.readDirSync(`${folder.path}/in`)], []);
  });

  it("is told of within a second, also if there is nothing to write", async () => {
    using store = new Lembro();
    const told = toldBy(store);
    using timers = new HeldTimers();
    const disk = new MemoryDisk();
    const journal = await openOn(disk, store, "/disk/j");
    await timers.tick(MINUTE);
    assertEquals(told, []);
    for (const name of namesOfLocks(await disk.names())) await disk.remove(`/disk/${name}`);
    await timers.tick(SECOND);
    assertEquals(codesOf(told), ["ERR_LEMBRO_JOURNAL_LOST"]);
    await errorOf(journal.close());
    await timers.tick(MINUTE);
    assertEquals(told.length, 1);
  });
});
