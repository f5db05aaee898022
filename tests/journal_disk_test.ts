/** What a journal does, and says, while its disk fails, is full, or does not answer. */
import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { basename } from "node:path";
import process from "node:process";
import { openJournal } from "express-lembro/journal";
import { temporaryOf } from "../src/persistence/disk.ts";
import type { OpenJournal } from "../src/persistence/open_journal.ts";
import { Folder } from "./support/folder.ts";
import { errorOf, Lembro, sessionOf, sessionOfSize, settled, type Store } from "./support/setup.ts";
import { SECOND, watched } from "./support/clock.ts";
import { diskError, HookedDisk, isTemporary, MemoryDisk } from "./support/disks.ts";
import { HeldTimers } from "./support/held_timers.ts";
import {
  assertInFile,
  codesOf,
  namesOfFiles,
  namesOfLocks,
  openOn,
  type Told,
  toldBy,
  until,
} from "./support/journals.ts";

const BEGUN_AND_OVER = ["ERR_LEMBRO_JOURNAL_WRITE", "recover"];

describe("a disk that fails for a while", () => {
  for (
    const [code, methods] of [
      ["ENOSPC", ["write"]],
      ["EIO", ["datasync"]],
      ["EROFS", ["write", "open", "truncate", "datasync"]],
      ["EIO", ["write", "open", "stat", "truncate", "datasync", "sync", "rename"]],
    ] as const
  ) {
    it(`with ${code} at ${methods.join(", ")}: two events, and the file is right again`, async () => {
      using store = new Lembro();
      const errors = toldBy(store);
      using timers = new HeldTimers();
      const memory = new MemoryDisk();
      const hooked = new HookedDisk(memory);
      const journal = await openOn(hooked.disk, store, "/disk/j", { interval: 20 });
      await store.set("before", sessionOf());
      await journal.flush();
      hooked.fail(code, methods);
      for (let i = 0; i < 20; i++) await store.set(`${i}`, sessionOf({ i }));
      await timers.tick(SECOND);
      assert(journal.stats().errors >= 3);
      store.destroy("before", () => {});
      await store.set("0", sessionOf({ again: true }));
      await assertRejects(() => journal.flush(), Error, code);
      const { isFailing, lastError, pending, lag } = journal.stats();
      assertEquals([isFailing, (lastError as Told).code, pending], [true, code, 21]);
      assert(lag > 0);
      assertEquals(codesOf(errors), BEGUN_AND_OVER.slice(0, 1));
      assertMatch(errors[0].message, /^Cannot write journal: /);
      assertEquals(errors[0].cause!.code, code);
      // It is used from memory.
      assertEquals(await store.length(), 20);
      hooked.work();
      await timers.tick(5 * SECOND);
      assertEquals(journal.stats().isFailing, false);
      assertEquals(codesOf(errors), BEGUN_AND_OVER);
      await store.set("after", sessionOf());
      await journal.close();
      await assertInFile("/disk/j", store, memory);
      assertEquals(codesOf(errors), BEGUN_AND_OVER);
    });
  }

  it("in the middle of a block, and the rest of it is cut off", async () => {
    using folder = new Folder();
    using store = new Lembro({ maxSize: Infinity });
    toldBy(store);
    const hooked = new HookedDisk();
    const journal = await openOn(hooked.disk, store, folder.snapshot);
    let writes = 0;
    hooked.hook = (method) => {
      if (method === "write" && ++writes > 3) throw diskError("ENOSPC");
    };
    for (let i = 0; i < 500; i++) await store.set(`${i}`, sessionOfSize(2_000));
    await assertRejects(() => journal.flush(), Error, "ENOSPC");
    hooked.hook = () => {};
    await journal.close();
    await assertInFile(folder.snapshot, store);
  });

  it("and is one warning of the process if nobody listens: its end is none", async () => {
    using folder = new Folder();
    using store = new Lembro();
    const warnings: Error[] = [];
    const listener = (warning: Error) => void warnings.push(warning);
    process.on("warning", listener);
    const { emitWarning } = process;
    process.emitWarning = ((warning: Error) => void warnings.push(warning)) as typeof emitWarning;
    try {
      const hooked = new HookedDisk();
      const journal = await openOn(hooked.disk, store, folder.snapshot);
      hooked.fail("EIO", ["write"]);
      await store.set("a", sessionOf());
      await assertRejects(() => journal.flush());
      hooked.hook = () => {};
      await journal.close();
      await until(() => warnings.length > 0);
      await settled();
      assertEquals(codesOf(warnings as Told[]), BEGUN_AND_OVER.slice(0, 1));
    } finally {
      process.emitWarning = emitWarning;
      process.off("warning", listener);
    }
  });
});

describe("a disk that does not answer", () => {
  it("is told of after some seconds, and once when it is over", async () => {
    using folder = new Folder();
    using store = new Lembro();
    const told = toldBy(store);
    using timers = new HeldTimers();
    const hooked = new HookedDisk();
    const journal = await openOn(hooked.disk, store, folder.snapshot, { interval: 1_000 });
    hooked.hang("datasync");
    await store.set("a", sessionOf());
    await timers.tick(500);
    await until(() => hooked.isHanging);
    await timers.tick(2 * SECOND);
    assertEquals([journal.stats().isFailing, told], [false, []]);
    await timers.tick(2 * SECOND);
    assertEquals(journal.stats().isFailing, true);
    assertEquals(told[0].message, "Cannot write journal: the disk has not answered for 3000 ms");
    await timers.tick(60 * SECOND);
    assertEquals(told.length, 1);
    hooked.work();
    await until(() => !journal.stats().isFailing);
    await settled();
    assertEquals(codesOf(told), BEGUN_AND_OVER);
    await journal.close();
    await assertInFile(folder.snapshot, store);
  });

  it("does not make the memory for changes grow without end", async () => {
    using folder = new Folder();
    using store = new Lembro({ maxSize: "1M" });
    toldBy(store);
    const hooked = new HookedDisk();
    const journal = await openOn(hooked.disk, store, folder.snapshot, { interval: 1 });
    hooked.hang("datasync");
    await store.set("first", sessionOf());
    await until(() => hooked.isHanging);
    let most = 0;
    for (let i = 0; i < 150_000; i++) {
      store.set(`${i}`, sessionOf(), () => {});
      if (i % 1_000 !== 0) continue;
      await settled();
      most = Math.max(most, journal.stats().pending);
    }
    assert(most < 110_000, `${most} are kept in memory`);
    hooked.work();
    await until(() => !journal.stats().isFailing && journal.stats().pending === 0);
    await journal.close();
    await assertInFile(folder.snapshot, store);
  });

  it("does not make the memory grow while the file is compacted either", async () => {
    using folder = new Folder();
    using store = new Lembro({ maxSize: "1M" });
    toldBy(store);
    const hooked = new HookedDisk();
    const journal = await openOn(hooked.disk, store, folder.snapshot);
    hooked.hang("open", isTemporary);
    for (let round = 0; round < 6; round++) {
      for (let i = 0; i < 100; i++) await store.set(`${i}`, sessionOfSize(2_000));
      await journal.flush();
    }
    await until(() => hooked.isHanging);
    for (let i = 0; i < 150_000; i++) {
      store.set(`${i}`, sessionOf(), () => {});
      if (i % 1_000 === 0) await settled();
    }
    hooked.work();
    await until(() => journal.stats().compactions > 0);
    assertEquals(journal.stats().errors, 0);
    await journal.close();
    await assertInFile(folder.snapshot, store);
  });

  it("keeps the lock of a journal that is closed until it answers", async () => {
    using folder = new Folder();
    using store = new Lembro();
    toldBy(store);
    using timers = new HeldTimers();
    const hooked = new HookedDisk();
    const journal = await openOn(hooked.disk, store, folder.snapshot);
    hooked.hang("datasync");
    await store.set("a", sessionOf());
    const closed = errorOf(journal.close());
    await until(() => hooked.isHanging);
    await timers.tick(3 * SECOND);
    assertEquals((await closed).code, "ERR_LEMBRO_JOURNAL_WRITE");
    // Now that it is known, nobody waits.
    assertMatch((await errorOf(journal.flush())).message, /the disk has not answered/);
    // What was not answered may still be written: nobody else may have the file before.
    using other = new Lembro();
    const refused = await errorOf(openJournal(other, folder.snapshot));
    assertEquals(refused.code, "ERR_LEMBRO_JOURNAL_IN_USE");
    hooked.work();
    await until(() => namesOfLocks(folder.names()).length === 0);
    await (await openJournal(other, folder.snapshot)).close();
    assertEquals(await other.ids(), ["a"]);
  });
});

describe("a disk that does not answer while a journal is opened", () => {
  /** What is there before. */
  const BEFORE = {
    "a file with sessions": async (disk: MemoryDisk) => {
      using store = new Lembro();
      const journal = await openOn(disk, store, "/disk/j");
      for (const sid of "ab") await store.set(sid, sessionOf());
      await journal.close();
    },
    "no file": () => Promise.resolve(),
  };
  for (const [what, prepare] of Object.entries(BEFORE)) {
    it(`bounds the opening, with ${what}, at whatever call it hangs`, async () => {
      let [given, begun] = [0, 0];
      for (let at = 0;; at++) {
        const memory = new MemoryDisk();
        await prepare(memory);
        const before = await memory.names();
        const lock = `/disk/j.lock.0mgk3x2a1-4194305-${await memory.keeper()}-0123456789ab`;
        for (const path of [lock, temporaryOf("/disk/j")]) memory.put(path, new Uint8Array());
        using store = new Lembro();
        const told = toldBy(store);
        using timers = new HeldTimers();
        const hooked = new HookedDisk(memory);
        const hang = hooked.hangAt(at);
        const opening = openOn(hooked.disk, store, "/disk/j");
        const opened = watched(opening);
        const answered = watched(store.destroy("a"));
        await timers.tick(3 * SECOND);
        const where = `call ${at}, ${hang.method}`;
        assertEquals([opened.isDone, answered.isDone], [true, true], where);
        const outcome = await opening.catch((error: Told) => error);
        if (!(outcome instanceof Error)) {
          await settled();
          const isOver = hang.method === "";
          assertEquals(codesOf(told), isOver ? [] : BEGUN_AND_OVER.slice(0, 1), where);
          assertEquals(outcome.stats().isFailing, !isOver, where);
          await store.set("c", sessionOf());
          // It is tried again, and still hangs.
          await timers.tick(SECOND);
          hooked.work();
          await timers.tick(SECOND);
          assertEquals(codesOf(told), isOver ? [] : BEGUN_AND_OVER, where);
          assertEquals(outcome.stats().isFailing, false, where);
          await outcome.close();
          await assertInFile("/disk/j", store, memory);
          assertEquals(await memory.names(), ["j"], where);
          if (isOver) break;
          begun++;
          continue;
        }
        given++;
        assertEquals(outcome.code, "ETIMEDOUT", where);
        assertEquals(
          outcome.message,
          "Cannot open journal: the disk must answer, see whether it works and try again: " +
            'received ETIMEDOUT for "/disk/j"',
        );
        assertEquals([await store.ids(), told], [[], []], where);
        hooked.work();
        await timers.tick(SECOND);
        // Nothing has come to the store, or to the file, and nobody has the lock.
        assertEquals(await store.ids(), [], where);
        const names = (await memory.names()).filter((name) => name !== basename(lock));
        assertEquals(names.filter((name) => !isTemporary(name)), before, where);
        const again = await openOn(memory, store, "/disk/j");
        assert((await store.ids()).includes("b") === before.includes("j"), where);
        await again.close();
      }
      assert(given > 5 && begun > 3, `${given} given up, ${begun} begun`);
    });
  }

  it("bounds the refusal of a damaged file, at whatever call it hangs", async () => {
    for (let at = 0;; at++) {
      const memory = new MemoryDisk();
      memory.put("/disk/j", new TextEncoder().encode("of somebody else"));
      using store = new Lembro();
      using timers = new HeldTimers();
      const hooked = new HookedDisk(memory);
      const hang = hooked.hangAt(at);
      const refused = errorOf(openOn(hooked.disk, store, "/disk/j"));
      const opened = watched(refused);
      await timers.tick(3 * SECOND);
      assertEquals(opened.isDone, true, `call ${at}, ${hang.method}`);
      hooked.work();
      await timers.tick(SECOND);
      assertEquals(await memory.names(), ["j"]);
      if (hang.method !== "") continue;
      assertEquals((await refused).code, "ERR_LEMBRO_JOURNAL");
      return assert(at > 10, `${at} calls`);
    }
  });
});

describe("a disk that does not answer while a journal is open", () => {
  for (
    const [what, work] of [
      ["a flush", (journal) => journal.flush()],
      ["a close", (journal) => journal.close()],
      ["the answer of a logout", (_journal, store) => store.destroy("a")],
    ] as [string, (journal: OpenJournal, store: Store) => Promise<unknown>][]
  ) {
    it(`bounds ${what}, at whatever call it hangs`, async () => {
      for (let at = 0;; at++) {
        const memory = new MemoryDisk();
        using store = new Lembro();
        toldBy(store);
        using timers = new HeldTimers();
        const hooked = new HookedDisk(memory);
        const journal = await openOn(hooked.disk, store, "/disk/j");
        for (const sid of "ab") await store.set(sid, sessionOf());
        const hang = hooked.hangAt(at);
        const done = watched(work(journal, store));
        await timers.tick(3 * SECOND);
        assertEquals(done.isDone, true, `call ${at}, ${hang.method}`);
        hooked.work();
        await timers.tick(10 * SECOND);
        await journal.close().catch(() => {});
        await assertInFile("/disk/j", store, memory);
        assertEquals(await memory.names(), ["j"]);
        if (hang.method === "") return assert(at > 3, `${at} calls`);
      }
    });
  }
});

describe("a file that vanishes", () => {
  for (
    const [what, work] of [
      ["is removed", (path) => Deno.remove(path)],
      ["is replaced by another", async (path) => {
        await Deno.remove(path);
        await Deno.writeTextFile(path, "of somebody else");
      }],
      ["is cut off", (path) => Deno.truncate(path, 300)],
    ] as [string, (path: string) => Promise<void>][]
  ) {
    it(`${what}: it is written anew`, async () => {
      using folder = new Folder();
      await Deno.mkdir(`${folder.path}/in`);
      const path = `${folder.path}/in/sessions`;
      using store = new Lembro();
      const errors = toldBy(store);
      const journal = await openJournal(store, path, { interval: 20 });
      for (let i = 0; i < 10; i++) await store.set(`${i}`, sessionOf({ i }));
      await journal.flush();
      await work(path);
      await store.set("new", sessionOf());
      await until(() => errors.length === 2);
      assertEquals(codesOf(errors), BEGUN_AND_OVER);
      await store.destroy("3");
      await journal.close();
      await assertInFile(path, store);
    });
  }
});

describe("a journal whose file is gone when it is closed", () => {
  it("writes it anew", async () => {
    using folder = new Folder();
    using store = new Lembro();
    toldBy(store);
    const journal = await openJournal(store, folder.snapshot);
    await Deno.remove(folder.snapshot);
    await store.set("a", sessionOf());
    await journal.close();
    await assertInFile(folder.snapshot, store);
  });
});

describe("a compaction that fails", () => {
  /** A journal that is about to be compacted, and cannot be. */
  async function uncompacted(hooked: HookedDisk, store: Store, path: string) {
    const journal = await openOn(hooked.disk, store, path);
    hooked.fail("ENOSPC", ["open"], isTemporary);
    for (let round = 0; round < 4; round++) {
      for (let i = 0; i < 300; i++) await store.set(`${i}`, sessionOfSize(2_000));
      await journal.flush();
    }
    await until(() => journal.stats().errors > 0);
    return journal;
  }

  it("is told of once, harms nothing, and is tried again", async () => {
    using folder = new Folder();
    using store = new Lembro({ maxSize: Infinity });
    const told = toldBy(store);
    using timers = new HeldTimers();
    const hooked = new HookedDisk();
    const journal = await uncompacted(hooked, store, folder.snapshot);
    await until(() => told.length === 1);
    assertMatch(told[0].message, /^Cannot compact journal: ENOSPC/);
    assertEquals([journal.stats().isFailing, journal.stats().compactions], [true, 0]);
    assertEquals(namesOfFiles(folder.names()), ["sessions"]);
    hooked.work();
    await timers.tick(6 * SECOND);
    await store.set("b", sessionOf());
    await journal.flush();
    await until(() => journal.stats().compactions > 0);
    await until(() => told.length === 2);
    assertEquals(codesOf(told), BEGUN_AND_OVER);
    assertMatch(told[1].message, /^Journal .+ is written again$/);
    await journal.close();
    await assertInFile(folder.snapshot, store);
  });

  it("is over when the file was written anew for another reason", async () => {
    using folder = new Folder();
    using store = new Lembro({ maxSize: Infinity });
    const told = toldBy(store);
    const hooked = new HookedDisk();
    const journal = await uncompacted(hooked, store, folder.snapshot);
    hooked.work();
    await Deno.remove(folder.snapshot);
    await store.set("a", sessionOf());
    await assertRejects(() => journal.flush());
    await journal.flush();
    await settled();
    assertEquals(journal.stats().isFailing, false);
    assertEquals(codesOf(told), BEGUN_AND_OVER);
    await journal.close();
    await assertInFile(folder.snapshot, store);
  });

  it("at any call of the file system leaves a file that is right", async () => {
    for (let at = 0;; at++) {
      using store = new Lembro({ maxSize: Infinity });
      toldBy(store);
      const memory = new MemoryDisk();
      const hooked = new HookedDisk(memory);
      const journal = await openOn(hooked.disk, store, "/disk/j");
      const more = async () => {
        for (let i = 0; i < 150; i++) await store.set(`${i}`, sessionOfSize(2_000));
        await journal.flush();
      };
      await more();
      let calls = 0;
      let isIn = false;
      hooked.hook = (method, path) => {
        isIn ||= method === "open" && isTemporary(path);
        if (isIn && calls++ === at) throw diskError("EIO");
      };
      for (let i = 0; i < 3; i++) await more().catch(() => {});
      await until(() => journal.stats().compactions + journal.stats().errors > 0);
      // It has come to its end without.
      const isOver = journal.stats().errors === 0;
      await store.destroy("7");
      await journal.close();
      await assertInFile("/disk/j", store, memory);
      assertEquals(await memory.names(), ["j"]);
      if (isOver) return assert(at > 10, `${at} calls`);
    }
  });
});

/** Does `work` on a file system of a megabyte, where this machine allows to mount one. */
async function onSmallDisk(work: (path: string, ballast: string) => Promise<void>) {
  using folder = new Folder();
  const args = ["-t", "tmpfs", "-o", "size=1m", "tmpfs", folder.path];
  const { success } = await new Deno.Command("mount", { args, stderr: "null" }).output()
    .catch(() => ({ success: false }));
  if (!success) {
    console.log("      Without a mount of its own: this machine does not allow it.");
    return;
  }
  try {
    await work(folder.snapshot, `${folder.path}/ballast`);
  } finally {
    await new Deno.Command("umount", { args: ["-l", folder.path] }).output();
  }
}

describe("a disk that is really full", () => {
  it("is told of, and when there is room the file is right again", () =>
    onSmallDisk(async (path, ballast) => {
      using store = new Lembro();
      const told = toldBy(store);
      using timers = new HeldTimers();
      const journal = await openJournal(store, path, { interval: 20 });
      await store.set("before", sessionOf());
      await journal.flush();
      await Deno.writeFile(ballast, new Uint8Array(900_000));
      for (let i = 0; i < 100; i++) await store.set(`${i}`, sessionOfSize(4_000));
      await timers.tick(10);
      await until(() => told.length === 1);
      assertEquals(told[0].cause!.code, "ENOSPC");
      const answered = store.destroy("before");
      await timers.tick(3 * SECOND);
      await answered;
      assertEquals(await store.length(), 100);
      await Deno.remove(ballast);
      await timers.tick(6 * SECOND);
      await until(() => told.length === 2);
      assertEquals(codesOf(told), BEGUN_AND_OVER);
      await journal.close();
      await assertInFile(path, store);
    }));

  it("does not keep an app from starting: lock and file are there, and writing comes later", () =>
    onSmallDisk(async (path, ballast) => {
      using before = new Lembro();
      const earlier = await openJournal(before, path);
      await before.set("before", sessionOf());
      await earlier.close();
      await assertRejects(() => Deno.writeFile(ballast, new Uint8Array(10_000_000)));
      using store = new Lembro();
      const told = toldBy(store);
      await store.set("own", sessionOf());
      const journal = await openJournal(store, path, { interval: 20 });
      assertEquals((await store.ids()).sort(), ["before", "own"]);
      await until(() => told.length === 1);
      assertEquals(told[0].cause!.code, "ENOSPC");
      await Deno.remove(ballast);
      await until(() => told.length === 2);
      assertEquals(codesOf(told), BEGUN_AND_OVER);
      await journal.close();
      await assertInFile(path, store);
    }));
});
