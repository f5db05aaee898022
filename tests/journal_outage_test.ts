/** What a journal does, and says, while its disk fails, hangs, or the clock jumps. */
import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { openJournal } from "express-lembro/journal";
import {
  errorOf,
  Folder,
  keptIn,
  Lembro,
  sessionOf,
  sessionOfSize,
  sessionsIn,
  settled,
  type Store,
} from "./snapshot/setup.ts";
import { atTime } from "./support/at_time.ts";
import { diskError, HookedDisk } from "./support/disks.ts";
import { HeldTimers } from "./support/held_timers.ts";
import { openOn, until } from "./support/journals.ts";

const HOUR = 60 * 60 * 1000;
const SECONDS = 1_000;

/** Notes what a store tells of its journal. */
function toldBy(store: Store): string[] {
  const told: string[] = [];
  store.on("error", (error: unknown) => void told.push((error as Error).message));
  store.on("recover", () => void told.push("recover"));
  return told;
}

/** A disk whose syncs of data are not answered before `release` is called. */
function hangingDisk() {
  const hooked = new HookedDisk();
  let answer: Promise<void> | undefined;
  let release = () => {};
  hooked.hook = (method) => method === "datasync" ? answer : undefined;
  return {
    disk: hooked.disk,
    hang: () => void (answer = new Promise((resolve) => release = resolve)),
    release() {
      answer = undefined;
      release();
    },
    isHanging: () => hooked.calls.at(-1) === "datasync",
  };
}

async function assertInFile(path: string, store: Store): Promise<void> {
  using after = new Lembro({ maxSize: Infinity });
  await (await openJournal(after, path)).close();
  assertEquals(sessionsIn(after), sessionsIn(store));
  assertEquals(keptIn(after), keptIn(store));
}

describe("a disk that does not answer", () => {
  it("is told of after some seconds, and once when it is over", async () => {
    using folder = new Folder();
    using store = new Lembro();
    const told = toldBy(store);
    using timers = new HeldTimers();
    const { disk, hang, release, isHanging } = hangingDisk();
    const journal = await openOn(disk, store, folder.snapshot, { interval: 1_000 });
    hang();
    await store.set("a", sessionOf());
    await timers.tick(500);
    await until(isHanging);
    await timers.tick(2 * SECONDS);
    assertEquals([journal.stats().isFailing, told], [false, []]);
    await timers.tick(2 * SECONDS);
    assertEquals(journal.stats().isFailing, true);
    assertEquals(told, ["Cannot write journal: the disk has not answered for 3000 ms"]);
    await timers.tick(60 * SECONDS);
    assertEquals(told.length, 1);
    release();
    await until(() => !journal.stats().isFailing);
    await settled();
    assertEquals(told.slice(1), ["recover"]);
    await journal.close();
    await assertInFile(folder.snapshot, store);
  });

  it("does not make the memory for changes grow without end", async () => {
    using folder = new Folder();
    using store = new Lembro({ maxSize: "1M" });
    toldBy(store);
    const { disk, hang, release, isHanging } = hangingDisk();
    const journal = await openOn(disk, store, folder.snapshot, { interval: 1 });
    hang();
    await store.set("first", sessionOf());
    await until(isHanging);
    let most = 0;
    for (let i = 0; i < 150_000; i++) {
      store.set(`${i}`, sessionOf(), () => {});
      if (i % 1_000 !== 0) continue;
      await settled();
      most = Math.max(most, journal.stats().pending);
    }
    assert(most < 110_000, `${most} are kept in memory`);
    release();
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
    let release = () => {};
    const answer = new Promise<void>((resolve) => release = resolve);
    let isCompacting = false;
    hooked.hook = (method, path) => {
      if (method !== "open" || !path.endsWith(".tmp")) return;
      isCompacting = true;
      return answer;
    };
    for (let round = 0; round < 6; round++) {
      for (let i = 0; i < 100; i++) await store.set(`${i}`, sessionOfSize(2_000));
      await journal.flush();
    }
    await until(() => isCompacting);
    for (let i = 0; i < 150_000; i++) {
      store.set(`${i}`, sessionOf(), () => {});
      if (i % 1_000 === 0) await settled();
    }
    release();
    await until(() => journal.stats().compactions > 0);
    assertEquals(journal.stats().errors, 0);
    await journal.close();
    await assertInFile(folder.snapshot, store);
  });

  it("bounds what waits for it: an answer, a flush and a close", async () => {
    using folder = new Folder();
    using store = new Lembro();
    toldBy(store);
    using timers = new HeldTimers();
    const { disk, hang, release, isHanging } = hangingDisk();
    const journal = await openOn(disk, store, folder.snapshot);
    await store.set("a", sessionOf());
    await journal.flush();
    hang();
    const answered = store.destroy("a");
    const flushed = errorOf(journal.flush());
    await until(isHanging);
    await timers.tick(6 * SECONDS);
    await answered;
    assertMatch((await flushed).message, /the disk has not answered/);
    // Now that it is known, nobody waits.
    await store.destroy("b");
    assertMatch((await errorOf(journal.flush())).message, /the disk has not answered/);
    const error = await errorOf(journal.close());
    assertEquals(error.code, "ERR_LEMBRO_JOURNAL_WRITE");
    // What was not answered may still be written: nobody else may have the file before.
    using other = new Lembro();
    assertEquals((await errorOf(openJournal(other, folder.snapshot))).code, IN_USE);
    release();
    let isFree = false;
    for (let tries = 0; tries < 500 && !isFree; tries++) {
      const again = await openJournal(other, folder.snapshot).catch(() => undefined);
      isFree = again !== undefined;
      await again?.close();
      await settled();
    }
    assert(isFree, "the lock is released");
    assertEquals(await other.ids(), []);
  });
});

const IN_USE = "ERR_LEMBRO_JOURNAL_IN_USE";

describe("an outage", () => {
  /** A journal that is about to be compacted, and cannot be. */
  async function uncompacted(hooked: HookedDisk, store: Store, path: string) {
    const journal = await openOn(hooked.disk, store, path);
    hooked.hook = (method, path) => {
      if (method === "open" && path.endsWith(".tmp")) throw diskError("ENOSPC");
    };
    for (let round = 0; round < 4; round++) {
      for (let i = 0; i < 300; i++) await store.set(`${i}`, sessionOfSize(2_000));
      await journal.flush();
    }
    await until(() => journal.stats().errors > 0);
    return journal;
  }

  it("is one, if a write and a compaction fail at one time", async () => {
    using folder = new Folder();
    using store = new Lembro({ maxSize: Infinity });
    const told = toldBy(store);
    using timers = new HeldTimers();
    const hooked = new HookedDisk();
    const journal = await uncompacted(hooked, store, folder.snapshot);
    assertEquals(journal.stats().isFailing, true);
    hooked.hook = (method, path) => {
      if (method === "write" || path.endsWith(".tmp")) throw diskError("ENOSPC");
    };
    await store.set("a", sessionOf());
    await assertRejects(() => journal.flush(), Error, "ENOSPC");
    assertEquals(told, ["Cannot compact journal: ENOSPC: as the test wants it"]);
    // Writing works again, compacting does not.
    hooked.hook = (_, path) => {
      if (path.endsWith(".tmp")) throw diskError("ENOSPC");
    };
    await journal.flush();
    await settled();
    assertEquals([journal.stats().isFailing, told.length], [true, 1]);
    hooked.hook = () => {};
    await timers.tick(6 * SECONDS);
    await store.set("b", sessionOf());
    await journal.flush();
    await until(() => journal.stats().compactions > 0);
    await settled();
    assertEquals([journal.stats().isFailing, told.slice(1)], [false, ["recover"]]);
    await journal.close();
    await assertInFile(folder.snapshot, store);
  });

  it("of a compaction is over when the file was written anew for another reason", async () => {
    using folder = new Folder();
    using store = new Lembro({ maxSize: Infinity });
    const told = toldBy(store);
    const hooked = new HookedDisk();
    const journal = await uncompacted(hooked, store, folder.snapshot);
    hooked.hook = () => {};
    await Deno.remove(folder.snapshot);
    await store.set("a", sessionOf());
    await assertRejects(() => journal.flush());
    await journal.flush();
    await settled();
    assertEquals(journal.stats().isFailing, false);
    assertEquals(told, ["Cannot compact journal: ENOSPC: as the test wants it", "recover"]);
    await journal.close();
    await assertInFile(folder.snapshot, store);
  });
});

describe("a clock that jumps", () => {
  for (const [where, jump] of [["back", -HOUR], ["ahead", HOUR]] as const) {
    it(`${where} during an outage changes nothing of how long answers wait`, async () => {
      using folder = new Folder();
      using store = new Lembro();
      toldBy(store);
      using timers = new HeldTimers();
      const hooked = new HookedDisk();
      const journal = await openOn(hooked.disk, store, folder.snapshot);
      for (const sid of ["a", "b"]) await store.set(sid, sessionOf());
      await journal.flush();
      hooked.hook = (method) => {
        if (method === "datasync") throw diskError("EIO");
      };
      await store.touch("a", sessionOf());
      await assertRejects(() => journal.flush());
      await timers.tick(1 * SECONDS);
      await atTime(Date.now() + jump, async () => {
        const { lag } = journal.stats();
        assert(lag >= 1_000 && lag < 10_000, `${lag} ms`);
        let isAnswered = false;
        const answered = store.destroy("a").then(() => isAnswered = true);
        await timers.tick(1 * SECONDS);
        assertEquals(isAnswered, false, "it waits for two seconds more");
        await timers.tick(2 * SECONDS);
        await answered;
        await store.destroy("b");
      });
      hooked.hook = () => {};
      // A call that began before the clock was moved counts as one that hangs.
      await until(() => {
        journal.flush().catch(() => {});
        return journal.stats().lag === 0 && !journal.stats().isFailing;
      });
      await journal.close();
    });
  }

  it("back after a compaction has failed does not put off the next one", async () => {
    using folder = new Folder();
    using store = new Lembro({ maxSize: Infinity });
    toldBy(store);
    using timers = new HeldTimers();
    const hooked = new HookedDisk();
    const journal = await openOn(hooked.disk, store, folder.snapshot);
    hooked.hook = (method, path) => {
      if (method === "open" && path.endsWith(".tmp")) throw diskError("ENOSPC");
    };
    for (let round = 0; round < 4; round++) {
      for (let i = 0; i < 300; i++) await store.set(`${i}`, sessionOfSize(2_000));
      await journal.flush();
    }
    await until(() => journal.stats().errors > 0);
    hooked.hook = () => {};
    await timers.tick(6 * SECONDS);
    await atTime(Date.now() - HOUR, async () => {
      await store.set("a", sessionOf());
      await journal.flush();
    });
    await until(() => journal.stats().compactions > 0);
    await journal.close();
  });
});
