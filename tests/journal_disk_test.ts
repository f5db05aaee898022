import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import process from "node:process";
import { openJournal } from "express-lembro/journal";
import {
  Folder,
  keptIn,
  Lembro,
  sessionOf,
  sessionOfSize,
  sessionsIn,
  settled,
  type Store,
} from "./snapshot/setup.ts";
import { diskError, HookedDisk } from "./support/disks.ts";
import { HeldTimers } from "./support/held_timers.ts";
import { namesOfFiles, openOn, until } from "./support/journals.ts";

type Told = Error & { code: string; cause?: { code?: string } };

/** Notes the errors that a store emits, and when they are over. */
function errorsOf(store: Store): Told[] {
  const errors: Told[] = [];
  store.on("error", (error: unknown) => void errors.push(error as Told));
  store.on("recover", (message: string) => {
    assertMatch(message, /^Journal .+ is written again$/);
    errors.push({ code: "recover" } as Told);
  });
  return errors;
}

const codesOf = (errors: Told[]) => errors.map(({ code }) => code);
const BEGUN_AND_OVER = ["ERR_LEMBRO_JOURNAL_WRITE", "recover"];

/** Asserts that the file, once it is closed, has what the store has. */
async function assertInFile(path: string, store: Store): Promise<void> {
  using after = new Lembro({ maxSize: Infinity });
  await (await openJournal(after, path)).close();
  assertEquals(sessionsIn(after), sessionsIn(store));
  assertEquals(keptIn(after), keptIn(store));
}

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
      using folder = new Folder();
      using store = new Lembro();
      const errors = errorsOf(store);
      const hooked = new HookedDisk();
      const journal = await openOn(hooked.disk, store, folder.snapshot, { interval: 20 });
      await store.set("before", sessionOf());
      await journal.flush();
      let isBroken = true;
      hooked.hook = (method) => {
        if (isBroken && (methods as readonly string[]).includes(method)) throw diskError(code);
      };
      for (let i = 0; i < 20; i++) await store.set(`${i}`, sessionOf({ i }));
      await until(() => journal.stats().errors >= 3);
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
      isBroken = false;
      await until(() => !journal.stats().isFailing);
      await until(() => errors.length === 2);
      assertEquals(codesOf(errors), BEGUN_AND_OVER);
      await store.set("after", sessionOf());
      await journal.close();
      await assertInFile(folder.snapshot, store);
      assertEquals(codesOf(errors), BEGUN_AND_OVER);
    });
  }

  it("in the middle of a block, and the rest of it is cut off", async () => {
    using folder = new Folder();
    using store = new Lembro({ maxSize: Infinity });
    errorsOf(store);
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

  it("again and again: each outage is told of", async () => {
    using folder = new Folder();
    using store = new Lembro();
    const errors = errorsOf(store);
    const hooked = new HookedDisk();
    const journal = await openOn(hooked.disk, store, folder.snapshot);
    for (let i = 0; i < 3; i++) {
      hooked.hook = (method) => {
        if (method === "write") throw diskError("ENOSPC");
      };
      await store.set(`${i}`, sessionOf());
      await assertRejects(() => journal.flush());
      await assertRejects(() => journal.flush());
      hooked.hook = () => {};
      await journal.flush();
    }
    await until(() => errors.length === 6);
    assertEquals(codesOf(errors), [...BEGUN_AND_OVER, ...BEGUN_AND_OVER, ...BEGUN_AND_OVER]);
    await journal.close();
  });

  it("so long that more changes than can be kept: the file is written anew", async () => {
    using folder = new Folder();
    using store = new Lembro({ maxSize: "1M" });
    errorsOf(store);
    const hooked = new HookedDisk();
    const journal = await openOn(hooked.disk, store, folder.snapshot, { interval: 1 });
    hooked.hook = (method) => {
      if (method === "write") throw diskError("ENOSPC");
    };
    await store.set("first", sessionOf());
    await assertRejects(() => journal.flush());
    let most = 0;
    for (let i = 0; i < 150_000; i++) {
      store.set(`${i}`, sessionOf(), () => {});
      if (i % 1_000 === 0) {
        await new Promise((resolve) => setImmediate(resolve));
        most = Math.max(most, journal.stats().pending);
      }
    }
    assert(most < 110_000, `${most} are kept in memory`);
    hooked.hook = () => {};
    await journal.close();
    using after = new Lembro({ maxSize: "1M" });
    await (await openJournal(after, folder.snapshot)).close();
    assertEquals(keptIn(after), keptIn(store));
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
      hooked.hook = (method) => {
        if (method === "write") throw diskError("EIO");
      };
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

describe("an answer that waits for the disk", () => {
  it("waits no longer than some seconds for one that fails, and then not at all", async () => {
    using folder = new Folder();
    using store = new Lembro();
    const errors = errorsOf(store);
    using timers = new HeldTimers();
    const hooked = new HookedDisk();
    const journal = await openOn(hooked.disk, store, folder.snapshot);
    for (const sid of ["a", "b", "c"]) await store.set(sid, sessionOf());
    await journal.flush();
    hooked.hook = (method) => {
      if (method === "datasync") throw diskError("EIO");
    };
    let isAnswered = false;
    const answered = store.destroy("a").then(() => isAnswered = true);
    await until(() => journal.stats().errors > 0);
    await timers.tick(2_900);
    assertEquals(isAnswered, false);
    await timers.tick(200);
    await answered;
    await store.destroy("b");
    assertEquals(codesOf(errors), BEGUN_AND_OVER.slice(0, 1));
    hooked.hook = () => {};
    await until(() => {
      journal.flush().catch(() => {});
      return !journal.stats().isFailing;
    });
    await store.destroy("c");
    await journal.close();
    await assertInFile(folder.snapshot, store);
  });

  it("comes when the disk works again, if that is sooner", async () => {
    using folder = new Folder();
    using store = new Lembro();
    errorsOf(store);
    const hooked = new HookedDisk();
    const journal = await openOn(hooked.disk, store, folder.snapshot);
    await store.set("a", sessionOf());
    await journal.flush();
    hooked.hook = (method) => {
      if (method === "datasync") throw diskError("EIO");
    };
    let isAnswered = false;
    const answer = store.destroy("a").then(() => isAnswered = true);
    await until(() => journal.stats().errors > 0);
    assertEquals(isAnswered, false);
    hooked.hook = () => {};
    await answer;
    assertEquals(journal.stats().isFailing, false);
    await journal.close();
    await assertInFile(folder.snapshot, store);
  });
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
      const errors = errorsOf(store);
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
    errorsOf(store);
    const journal = await openJournal(store, folder.snapshot);
    await Deno.remove(folder.snapshot);
    await store.set("a", sessionOf());
    await journal.close();
    await assertInFile(folder.snapshot, store);
  });
});

describe("a compaction that fails", () => {
  it("is told of once, harms nothing, and is tried again", async () => {
    using folder = new Folder();
    using store = new Lembro({ maxSize: Infinity });
    const errors = errorsOf(store);
    const hooked = new HookedDisk();
    const journal = await openOn(hooked.disk, store, folder.snapshot);
    hooked.hook = (method, path) => {
      if (method === "open" && path.endsWith(".tmp")) throw diskError("ENOSPC");
    };
    const more = async () => {
      for (let i = 0; i < 300; i++) await store.set(`${i}`, sessionOfSize(2_000));
      await journal.flush();
    };
    for (let i = 0; i < 4; i++) await more();
    await until(() => errors.length === 1);
    assertMatch(errors[0].message, /^Cannot compact journal: ENOSPC/);
    assertEquals([journal.stats().isFailing, journal.stats().compactions], [true, 0]);
    assertEquals(namesOfFiles(folder.names()), ["sessions"]);
    hooked.hook = () => {};
    await until(() => {
      journal.flush().catch(() => {});
      store.touch("0", sessionOf(), () => {});
      return journal.stats().compactions > 0;
    });
    await until(() => errors.length === 2);
    assertEquals(codesOf(errors), BEGUN_AND_OVER);
    await journal.close();
    await assertInFile(folder.snapshot, store);
  });

  it("at any call of the file system leaves a file that is right", async () => {
    for (let at = 0;; at++) {
      using folder = new Folder();
      using store = new Lembro({ maxSize: Infinity });
      errorsOf(store);
      const hooked = new HookedDisk();
      const journal = await openOn(hooked.disk, store, folder.snapshot);
      const more = async () => {
        for (let i = 0; i < 150; i++) await store.set(`${i}`, sessionOfSize(2_000));
        await journal.flush();
      };
      await more();
      let calls = 0;
      let isIn = false;
      hooked.hook = (method, path) => {
        isIn ||= method === "open" && path.endsWith(".tmp");
        if (isIn && calls++ === at) throw diskError("EIO");
      };
      for (let i = 0; i < 3; i++) await more().catch(() => {});
      await until(() => journal.stats().compactions + journal.stats().errors > 0);
      // It has come to its end without.
      const isOver = journal.stats().errors === 0;
      await store.destroy("7");
      await journal.close();
      await assertInFile(folder.snapshot, store);
      if (isOver) return assert(at > 10, `${at} calls`);
    }
  });
});

/** Mounts a file system of a megabyte at `path`; tells whether this machine allows it. */
async function mounted(path: string): Promise<boolean> {
  const mount = new Deno.Command("mount", {
    args: ["-t", "tmpfs", "-o", "size=1m", "tmpfs", path],
    stderr: "null",
  });
  try {
    return (await mount.output()).success;
  } catch {
    return false;
  }
}

describe("a disk that is really full", () => {
  it("is told of, and when there is room the file is right again", async () => {
    using folder = new Folder();
    if (!await mounted(folder.path)) {
      console.log("      Without a mount of its own: this machine does not allow it.");
      return;
    }
    try {
      using store = new Lembro();
      const errors = errorsOf(store);
      const journal = await openJournal(store, folder.snapshot, { interval: 20 });
      await store.set("before", sessionOf());
      await journal.flush();
      const ballast = `${folder.path}/ballast`;
      await Deno.writeFile(ballast, new Uint8Array(900_000));
      for (let i = 0; i < 100; i++) await store.set(`${i}`, sessionOfSize(4_000));
      await until(() => errors.length === 1);
      assertEquals(errors[0].cause!.code, "ENOSPC");
      const start = performance.now();
      await store.destroy("before");
      assert(performance.now() - start < 5_000);
      assertEquals(await store.length(), 100);
      await Deno.remove(ballast);
      await until(() => errors.length === 2);
      assertEquals(codesOf(errors), BEGUN_AND_OVER);
      await journal.close();
      await assertInFile(folder.snapshot, store);
    } finally {
      await new Deno.Command("umount", { args: ["-l", folder.path] }).output();
    }
  });

  it("does not keep an app from starting: lock and file are there, and writing comes later", async () => {
    using folder = new Folder();
    if (!await mounted(folder.path)) {
      console.log("      Without a mount of its own: this machine does not allow it.");
      return;
    }
    try {
      using before = new Lembro();
      const earlier = await openJournal(before, folder.snapshot);
      await before.set("before", sessionOf());
      await earlier.close();
      const ballast = `${folder.path}/ballast`;
      await assertRejects(() => Deno.writeFile(ballast, new Uint8Array(10_000_000)));
      using store = new Lembro();
      const errors = errorsOf(store);
      await store.set("own", sessionOf());
      const journal = await openJournal(store, folder.snapshot, { interval: 20 });
      assertEquals((await store.ids()).sort(), ["before", "own"]);
      await until(() => errors.length === 1);
      assertEquals(errors[0].cause!.code, "ENOSPC");
      await Deno.remove(ballast);
      await until(() => errors.length === 2);
      assertEquals(codesOf(errors), BEGUN_AND_OVER);
      await journal.close();
      await assertInFile(folder.snapshot, store);
    } finally {
      await new Deno.Command("umount", { args: ["-l", folder.path] }).output();
    }
  });
});
