/** When a journal is written, by a clock that the test holds. */
import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import type { Port } from "../src/core/port.ts";
import { CommitLoop, type Target } from "../src/persistence/commit_loop.ts";
import { DiskWatch, lockLost, Outage, PATIENCE, unanswered } from "../src/persistence/outage.ts";
import { atTime } from "./support/at_time.ts";
import { DAY, SECOND, watched } from "./support/clock.ts";
import { diskError } from "./support/disks.ts";
import { HeldTimers } from "./support/held_timers.ts";

/** What a loop writes to: numbers instead of changes, and a disk that does what the test wants. */
class Numbers implements Target {
  readonly changes = { size: 0, isEmpty: true };
  isTooLarge = false;
  writes = 0;
  compactions = 0;
  ends = 0;
  /** What the disk does at each call. */
  disk: () => void | Promise<void> = () => {};
  /** The same when it compacts. */
  room: () => void | Promise<void> = () => {};
  /** Whether the next write is of the whole file. */
  isNew = false;
  #writing = 0;

  get isUpToDate(): boolean {
    return this.changes.isEmpty && this.#writing === 0;
  }

  change(many = 1): void {
    this.changes.size += many;
    this.changes.isEmpty = this.changes.size === 0;
  }

  async write(): Promise<boolean> {
    this.writes++;
    const taken = this.changes.size;
    this.change(-taken);
    this.#writing = taken;
    try {
      await this.disk();
    } catch (error) {
      this.change(taken);
      throw error;
    } finally {
      this.#writing = 0;
    }
    return this.isNew;
  }

  async compact(check: () => void): Promise<void> {
    this.compactions++;
    await this.room();
    check();
    this.isTooLarge = false;
  }

  // deno-lint-ignore require-await
  async end(): Promise<void> {
    this.ends++;
  }
}

/** A loop on a target of the test, with the clock held. */
class Setup implements Disposable {
  readonly timers = new HeldTimers();
  readonly target = new Numbers();
  /** What the store has told. */
  readonly told: string[] = [];
  readonly watch: DiskWatch = new DiskWatch(PATIENCE, () => this.loop.hangs());
  readonly loop: CommitLoop;
  stops = 0;

  constructor(interval = SECOND) {
    const announce = (event: string, what: unknown) => {
      this.told.push(event === "recover" ? event : (what as Error).message);
    };
    const outage = new Outage({ announce } as unknown as Port, "/disk/j");
    this.loop = new CommitLoop(this.target, interval, outage, this.watch, () => this.stops++);
    this.loop.start();
  }

  /** Something changes. */
  change(many = 1): void {
    this.target.change(many);
    this.loop.noted();
  }

  /** Something changes and is written; a compaction that is due begins. */
  async writes(): Promise<void> {
    this.change();
    await this.loop.commit();
    await this.timers.tick(0);
  }

  [Symbol.dispose](): void {
    this.timers[Symbol.dispose]();
  }
}

const fail = () => {
  throw diskError("EIO");
};

/** A disk that does not answer before `release` is called. */
function hanging() {
  let release = () => {};
  const answer = new Promise<void>((resolve) => release = resolve);
  return { disk: () => answer, release };
}

describe("a change", () => {
  it("is written when half of the interval is over, and the other half is for the disk", async () => {
    using setup = new Setup(SECOND);
    const { target, timers } = setup;
    setup.change();
    await timers.tick(499);
    assertEquals(target.writes, 0);
    setup.change();
    await timers.tick(1);
    assertEquals([target.writes, target.isUpToDate], [1, true]);
    await timers.tick(DAY);
    assertEquals(target.writes, 1, "there is nothing more to write");
  });

  it("is written before its time when there are 5,000 of them", async () => {
    using setup = new Setup(60 * SECOND);
    for (let i = 0; i < 4_999; i++) setup.change();
    await setup.timers.tick(0);
    assertEquals(setup.target.writes, 0);
    setup.change();
    await setup.timers.tick(0);
    assertEquals([setup.target.writes, setup.target.isUpToDate], [1, true]);
  });

  it("that comes during a write is written by the next one, with all others", async () => {
    using setup = new Setup();
    const { target, loop, timers } = setup;
    const { disk, release } = hanging();
    target.disk = disk;
    setup.change();
    const first = watched(loop.commit());
    await timers.tick(0);
    const same = watched(loop.commit());
    setup.change();
    const next = Array.from({ length: 10 }, () => watched(loop.commit()));
    await timers.tick(0);
    assertEquals([first, same, ...next].some(({ isDone }) => isDone), false);
    release();
    await timers.tick(0);
    assertEquals([first, same, ...next].every(({ isDone }) => isDone), true);
    assertEquals(target.writes, 2);
  });

  it("needs no write if all is on the disk", async () => {
    using setup = new Setup();
    await setup.loop.commit();
    await setup.loop.confirm();
    assertEquals(setup.target.writes, 0);
  });
});

describe("an outage", () => {
  it("is told of once, writing is tried again more and more rarely, and its end is told of", async () => {
    using setup = new Setup(60 * SECOND);
    const { target, timers, told, loop } = setup;
    target.disk = fail;
    setup.change();
    await assertRejects(() => loop.commit(), Error, "EIO");
    const tries: number[] = [];
    for (let ms = 0; ms < 20_000; ms += 100) {
      const before = target.writes;
      await timers.tick(100);
      if (target.writes > before) tries.push(ms + 100);
    }
    assertEquals(tries, [100, 300, 700, 1_500, 3_100, 6_300, 11_300, 16_300]);
    assertEquals(told, ["Cannot write journal: EIO: as the test wants it"]);
    assertEquals([loop.isFailing, loop.stats.errors, target.changes.size], [true, 9, 1]);
    target.disk = () => {};
    await timers.tick(5 * SECOND);
    assertEquals([loop.isFailing, target.isUpToDate, told[1], told.length], [
      false,
      true,
      "recover",
      2,
    ]);
    // The next one begins anew.
    target.disk = fail;
    setup.change();
    await assertRejects(() => loop.commit());
    const { writes } = target;
    await timers.tick(100);
    assertEquals([target.writes, told.length], [writes + 1, 3]);
  });

  it("that a flush has ended is over: the next one begins anew, and what waits for it waits", async () => {
    using setup = new Setup();
    const { target, timers, loop } = setup;
    target.disk = fail;
    setup.change();
    await assertRejects(() => loop.commit());
    await timers.tick(SECOND);
    target.disk = () => {};
    await loop.commit();
    const { writes } = target;
    // It works again after 100 tries, so that this comes to its end in any case.
    target.disk = () => target.writes - writes < 100 ? fail() : undefined;
    setup.change();
    const answer = watched(loop.confirm());
    await timers.tick(99);
    assertEquals([target.writes - writes, answer.isDone], [1, false]);
    await timers.tick(1);
    assertEquals(target.writes - writes, 2);
  });

  it("that a flush has ended leaves no change behind that came during it", async () => {
    using setup = new Setup(SECOND);
    const { target, timers, loop } = setup;
    target.disk = fail;
    setup.change();
    await assertRejects(() => loop.commit());
    // The next one would be three seconds later.
    await timers.tick(2 * SECOND);
    const { disk, release } = hanging();
    target.disk = disk;
    const flushed = loop.commit();
    await timers.tick(0);
    setup.change();
    release();
    await flushed;
    await timers.tick(SECOND / 2);
    assertEquals(target.isUpToDate, true);
  });

  it("is not made longer by changes, and not shorter by flushes that fail", async () => {
    using setup = new Setup(60 * SECOND);
    const { target, timers, loop } = setup;
    target.disk = fail;
    setup.change();
    await assertRejects(() => loop.commit());
    for (let i = 0; i < 3; i++) {
      setup.change();
      await assertRejects(() => loop.commit());
    }
    const { writes } = target;
    await timers.tick(99);
    assertEquals(target.writes, writes);
    await timers.tick(1);
    assertEquals(target.writes, writes + 1);
    await timers.tick(200);
    assertEquals(target.writes, writes + 2);
  });

  it("is one, if a write and a compaction fail at one time, and over when both work", async () => {
    using setup = new Setup();
    const { target, timers, told, loop } = setup;
    target.room = fail;
    target.isTooLarge = true;
    await setup.writes();
    assertEquals(told, ["Cannot compact journal: EIO: as the test wants it"]);
    target.disk = fail;
    setup.change();
    await assertRejects(() => loop.commit());
    target.disk = () => {};
    await loop.commit();
    assertEquals([told.length, loop.isFailing, target.compactions], [1, true, 1]);
    target.room = () => {};
    await timers.tick(5 * SECOND);
    await setup.writes();
    assertEquals([told.slice(1), loop.isFailing, target.compactions], [["recover"], false, 2]);
  });

  it("of a compaction that hangs is not over because a write is answered", async () => {
    using setup = new Setup();
    const { target, timers, told, loop, watch } = setup;
    const { disk, release } = hanging();
    target.room = () => watch.answered(disk());
    target.isTooLarge = true;
    setup.change();
    await loop.commit();
    await timers.tick(3 * SECOND);
    assertEquals([told.length, loop.isFailing], [1, true]);
    setup.change();
    await loop.commit();
    assertEquals([told.length, loop.isFailing], [1, true]);
    release();
    await timers.tick(0);
    assertEquals([told.slice(1), loop.isFailing], [["recover"], false]);
  });

  it("of a compaction is over when the file was written anew for another reason", async () => {
    using setup = new Setup();
    const { target, told, loop } = setup;
    target.room = fail;
    target.isTooLarge = true;
    await setup.writes();
    assertEquals([told.length, loop.isFailing], [1, true]);
    target.isNew = true;
    target.isTooLarge = false;
    setup.change();
    await loop.commit();
    assertEquals([told.slice(1), loop.isFailing], [["recover"], false]);
  });

  it("of a compaction puts the next one off for some seconds, by a clock that does not jump", async () => {
    for (const jump of [-DAY, DAY]) {
      using setup = new Setup();
      const { target, timers } = setup;
      target.room = fail;
      target.isTooLarge = true;
      const compactions = async () => {
        await setup.writes();
        return target.compactions;
      };
      assertEquals(await compactions(), 1);
      await timers.tick(4 * SECOND);
      await atTime(Date.now() + jump, async () => assertEquals(await compactions(), 1));
      await timers.tick(SECOND);
      await atTime(Date.now() + jump, async () => assertEquals(await compactions(), 2));
    }
  });
});

describe("an answer that waits for the disk", () => {
  it("waits three seconds for one that fails, and then not at all, until it works again", async () => {
    for (const jump of [-DAY, 0, DAY]) {
      using setup = new Setup();
      const { target, timers, loop } = setup;
      target.disk = fail;
      setup.change();
      const answer = watched(loop.confirm());
      await timers.tick(0);
      await atTime(Date.now() + jump, async () => {
        await timers.tick(1 * SECOND);
        // That began with the outage.
        const later = watched(loop.confirm());
        await timers.tick(1_999);
        assertEquals([answer.isDone, later.isDone], [false, false]);
        await timers.tick(1);
        assertEquals([answer.isDone, later.isDone], [true, true]);
        const now = watched(loop.confirm());
        await timers.tick(0);
        assertEquals(now.isDone, true);
      });
      target.disk = () => {};
      await loop.commit();
      target.disk = fail;
      setup.change();
      const again = watched(loop.confirm());
      await timers.tick(2_999);
      assertEquals(again.isDone, false);
    }
  });

  it("comes when the disk works again, if that is sooner", async () => {
    using setup = new Setup();
    const { target, timers, loop } = setup;
    target.disk = fail;
    setup.change();
    const answer = watched(loop.confirm());
    await timers.tick(0);
    await timers.tick(250);
    target.disk = () => {};
    await timers.tick(49);
    assertEquals(answer.isDone, false);
    await timers.tick(1);
    assertEquals([answer.isDone, target.isUpToDate], [true, true]);
  });

  it("comes after three seconds without an answer of the disk, which are told of", async () => {
    using setup = new Setup();
    const { target, timers, told, loop, watch } = setup;
    const { disk, release } = hanging();
    target.disk = () => watch.answered(disk());
    setup.change();
    const answer = watched(loop.confirm());
    const flushed = watch.orHang(loop.commit(), unanswered);
    flushed.catch(() => {});
    await timers.tick(2_999);
    assertEquals([answer.isDone, loop.isFailing, told], [false, false, []]);
    await timers.tick(1);
    assertEquals([answer.isDone, loop.isFailing, told.length], [true, true, 1]);
    assertMatch(told[0], /^Cannot write journal: the disk has not answered for 3000 ms$/);
    await assertRejects(() => flushed, Error, "has not answered");
    await timers.tick(DAY);
    assertEquals([told.length, target.writes], [1, 1]);
    release();
    await timers.tick(0);
    assertEquals([told.slice(1), loop.isFailing, target.isUpToDate], [["recover"], false, true]);
  });
});

describe("a call of the disk", () => {
  it("that was answered while the event loop was held is no hang", async () => {
    for (let i = 0; i < 10; i++) {
      let hangs = 0;
      const watch = new DiskWatch(1, () => hangs++);
      const answer = watch.answered(Deno.stat("."));
      for (const end = performance.now() + 20; performance.now() < end;);
      await answer;
      await new Promise((resolve) => setImmediate(resolve));
      assertEquals([hangs, watch.isHanging], [0, false]);
    }
  });
});

describe("a file that is too large", () => {
  it("is compacted after a write, once at a time, and once more if it is too large again", async () => {
    using setup = new Setup();
    const { target, timers, loop } = setup;
    const { disk, release } = hanging();
    target.room = disk;
    target.isTooLarge = true;
    for (let i = 0; i < 3; i++) {
      setup.change();
      await loop.commit();
    }
    await timers.tick(0);
    assertEquals([target.compactions, loop.stats.compactions], [1, 0]);
    release();
    await timers.tick(0);
    assertEquals(loop.stats.compactions, 1);
    target.isTooLarge = true;
    await setup.writes();
    assertEquals(loop.stats.compactions, 2);
  });

  it("is compacted when the journal is opened", async () => {
    using setup = new Setup();
    setup.target.isTooLarge = true;
    setup.loop.start();
    await setup.timers.tick(0);
    assertEquals(setup.loop.stats.compactions, 1);
  });

  it("is not while writing fails", async () => {
    using setup = new Setup();
    const { target, timers, loop } = setup;
    target.disk = fail;
    target.isTooLarge = true;
    setup.change();
    await assertRejects(() => loop.commit());
    await timers.tick(60 * SECOND);
    assertEquals(target.compactions, 0);
  });
});

describe("a close", () => {
  it("writes what is left and the end, gives a compaction up, and no timer goes on", async () => {
    using setup = new Setup();
    const { target, timers, loop } = setup;
    const { disk, release } = hanging();
    target.room = disk;
    target.isTooLarge = true;
    setup.change();
    await loop.commit();
    setup.change();
    const closed = watched(loop.close());
    await timers.tick(0);
    assertEquals([closed.isDone, setup.stops, target.ends], [false, 1, 0]);
    release();
    await timers.tick(0);
    assertEquals([closed.isDone, target.writes, target.ends], [true, 2, 1]);
    assertEquals(loop.stats.compactions, 0);
    setup.change();
    await timers.tick(DAY);
    assertEquals(target.writes, 2);
  });

  it("tries once more when the disk fails, rejects with its error, and lets answers go on", async () => {
    using setup = new Setup();
    const { target, timers, loop } = setup;
    target.disk = fail;
    setup.change();
    const answer = watched(loop.confirm());
    await timers.tick(0);
    const { writes } = target;
    await assertRejects(() => loop.close(), Error, "EIO");
    await timers.tick(0);
    assertEquals([target.writes - writes, target.ends, answer.isDone], [2, 0, true]);
    await timers.tick(DAY);
    assertEquals(target.writes - writes, 2);
  });
});

describe("a process that ends by itself", () => {
  it("writes first; if that fails, it tries three times after the last change", async () => {
    using setup = new Setup(60 * SECOND);
    const { target, loop } = setup;
    setup.change();
    await loop.finish();
    assertEquals([target.writes, target.isUpToDate], [1, true]);
    for (let round = 0; round < 2; round++) {
      target.disk = fail;
      setup.change();
      const { writes } = target;
      for (let i = 0; i < 10; i++) await loop.finish();
      assertEquals(target.writes - writes, 3);
    }
  });
});

describe("a lock that is lost", () => {
  for (
    const [how, lose] of [
      ["found by a write", async ({ target, loop }) => {
        target.disk = () => {
          throw lockLost("/disk/j");
        };
        await assertRejects(() => loop.commit(), Error, "lock");
      }],
      ["noticed by itself", ({ loop }) => loop.giveUp(lockLost("/disk/j"))],
    ] as [string, (setup: Setup) => void | Promise<void>][]
  ) {
    it(`${how}: is told of once, and nothing is written any more`, async () => {
      using setup = new Setup();
      const { target, timers, told, loop } = setup;
      target.disk = fail;
      setup.change();
      const answer = watched(loop.confirm());
      await timers.tick(0);
      await lose(setup);
      await timers.tick(0);
      assertEquals([answer.isDone, setup.stops, loop.isFailing], [true, 1, true]);
      const { writes } = target;
      target.disk = () => {};
      loop.giveUp(lockLost("/disk/j"));
      setup.change();
      await timers.tick(DAY);
      await assertRejects(() => loop.commit(), Error, "lock");
      await loop.confirm();
      await assertRejects(() => loop.close(), Error, "lock");
      assertEquals([target.writes, target.ends], [writes, 0]);
      assertEquals(told.length, 2);
      assertMatch(told[1], /its lock must stay where it is: received \/disk\/j without it/);
      assert(loop.stats.lastError?.message.includes("lock"));
    });
  }
});
