import { assert, assertEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { HeldClock, withSlowSteps } from "./support/clock.ts";
import debug from "debug";
import {
  Lembro,
  sessionOf,
  sessionOfSize,
  settled,
  type Store,
  turnsUntil,
} from "./support/setup.ts";

const MANY = 2_000;

/** A store of many sessions of 100 bytes that take all of its limit. */
async function storeOfMany(options = {}): Promise<Store> {
  const store = new Lembro({ maxSize: MANY * 100, ...options });
  for (let i = 0; i < MANY; i++) store.set(`${i}`, sessionOfSize(100), () => {});
  await settled();
  assertEquals(store.stats().sessions, MANY);
  return store;
}

/** Runs `work` while `log` writes what the store logs. */
async function withLog(
  write: (...args: unknown[]) => unknown,
  work: () => Promise<void>,
): Promise<void> {
  const { log } = debug;
  const enabled = debug.disable();
  debug.log = write;
  debug.enable("express-lembro");
  try {
    await work();
  } finally {
    debug.log = log;
    debug.disable();
    debug.enable(enabled);
  }
}

describe("long work on a small store", () => {
  it("is done at once", async () => {
    using clock = new HeldClock();
    using store = new Lembro({ maxSize: 2_000, ttl: 10 });
    for (let i = 0; i < 20; i++) await store.set(`${i}`, sessionOfSize(100));
    void store.reduce();
    assertEquals(store.stats().bytes, 1_500);
    clock.tick(10);
    void store.purge();
    assertEquals(store.stats().sessions, 0);
  });
});

describe("long work on a large store", () => {
  for (const method of ["length", "ids", "all", "purge", "reduce"] as const) {
    it(`${method}: runs in slices, and no other call waits for it`, () =>
      withSlowSteps(async () => {
        using clock = new HeldClock();
        // Without an expired session, these have nothing to look for.
        const looks = ["length", "purge"].includes(method);
        using store = await storeOfMany(looks ? { maxSize: Infinity } : {});
        if (looks) await store.set("short", sessionOf({}, { maxAge: 10 }));
        clock.tick(10);
        const order: string[] = [];
        const long = store[method]().then((result) => {
          order.push(method);
          return result;
        });
        store.get("1999", () => order.push("get"));
        assert(await turnsUntil(long) > 5);
        assertEquals(order, ["get", method]);
        const left = method === "reduce" ? MANY * 0.75 : MANY;
        assertEquals(store.stats().sessions, left);
        const result = await long;
        if (method === "length") assertEquals(result as unknown as number, MANY);
        if (method === "ids") assertEquals((result as unknown as string[]).length, MANY);
        if (method === "all") assertEquals(Object.keys(result as unknown as object).length, MANY);
      }));
  }

  it("purge: takes no more than a slice in a turn", () =>
    withSlowSteps(async () => {
      using clock = new HeldClock();
      using store = await storeOfMany({ ttl: 10 });
      clock.tick(10);
      const purged = store.purge();
      let before = MANY;
      while (store.stats().sessions > 0) {
        const { sessions } = store.stats();
        // Four steps, of 64 entries each.
        assert(before - sessions <= 4 * 64, `${before - sessions} in one turn`);
        before = sessions;
        await settled();
      }
      await purged;
    }));

  it("purge: forgets what was there at the call, and counts how many had expired", () =>
    withSlowSteps(async () => {
      using clock = new HeldClock();
      using store = await storeOfMany({ ttl: 10, maxSize: Infinity });
      clock.tick(5);
      for (let i = 0; i < 1_000; i++) store.touch(`${i}`, sessionOf(), () => {});
      clock.tick(5);
      const purges: unknown[] = [];
      store.on("purge", (result) => purges.push(result));
      const purged = store.purge();
      await store.destroy("1999");
      await store.set("new", sessionOf());
      await purged;
      assertEquals(purges, [{ expired: 999 }]);
      assertEquals(store.stats().sessions, 1_001);
    }));

  it("may be called several times at once", () =>
    withSlowSteps(async () => {
      using clock = new HeldClock();
      using store = await storeOfMany({ ttl: 10 });
      clock.tick(10);
      const [ids] = await Promise.all([store.ids(), store.purge(), store.purge(), store.reduce()]);
      assertEquals(ids, []);
      assertEquals(store.stats().expired, MANY);
      assertEquals(store.stats().bytes, 0);
    }));

  it("ids and all: leave out what goes before they come to it, and what comes later", () =>
    withSlowSteps(async () => {
      using store = await storeOfMany({ maxSize: Infinity });
      const ids = store.ids();
      const all = store.all();
      await store.destroy("1998");
      await store.set("new", sessionOf());
      assertEquals((await ids).length, MANY - 1);
      assert(!("1998" in await all) && !("new" in await all));
    }));

  for (
    const [how, disturb] of [
      ["cleared", (store) => store.clear()],
      ["closed", (store) => store.close()],
    ] as [string, (store: Store) => Promise<void>][]
  ) {
    it(`ends cleanly when the store is ${how}`, () =>
      withSlowSteps(async () => {
        using store = await storeOfMany();
        const work = [store.ids(), store.all(), store.length(), store.purge(), store.reduce()];
        await disturb(store);
        await store.set("after", sessionOf());
        await Promise.all(work);
        assert(await store.get("after"));
        if (how === "cleared") assertEquals(await store.ids(), ["after"]);
        else assert(store.stats().bytes <= MANY * 75);
      }));
  }
});

describe("a save over the limit of a large store", () => {
  it("evicts what the limit demands before it returns, and the rest in slices", () =>
    withSlowSteps(async () => {
      using store = await storeOfMany();
      const reduced = new Promise<unknown>((resolve) => store.on("reduce", resolve));
      store.set("one more", sessionOfSize(100), () => {});
      const { bytes, evicted } = store.stats();
      assert(bytes <= MANY * 100);
      // Four steps at most, of 64 entries each.
      assert(evicted.newcomers >= 1 && evicted.newcomers <= 4 * 64, `${evicted.newcomers}`);
      // The limit holds between the slices too.
      for (let i = 0; i < 100; i++) {
        store.set(`more ${i}`, sessionOfSize(1_000), () => {});
        assert(store.stats().bytes <= MANY * 100);
        if (i % 30 === 0) await settled();
      }
      await reduced;
      assert(store.stats().bytes <= MANY * 75);
      assert(await store.get("more 99"));
    }));

  it("starts one reduction, not one for each save", () =>
    withSlowSteps(async () => {
      using store = await storeOfMany();
      let reductions = 0;
      store.on("reduce", () => reductions++);
      for (let i = 0; i < 50; i++) store.set(`more ${i}`, sessionOfSize(100), () => {});
      for (let i = 0; i < 50; i++) await settled();
      assertEquals(reductions, 1);
    }));

  it("logs one start and one end, however many slices there are between", () =>
    withSlowSteps(async () => {
      using store = await storeOfMany();
      const messages: string[] = [];
      await withLog((...args) => messages.push(args.join(" ")), async () => {
        const reduced = new Promise((resolve) => store.on("reduce", resolve));
        for (let i = 0; i < 10; i++) store.set(`more ${i}`, sessionOfSize(100), () => {});
        await reduced;
      });
      assertEquals(messages.map((message) => /start|done/.exec(message)?.[0]), ["start", "done"]);
    }));

  it("keeps what it saved and the limit though the log fails, which is an error event", () =>
    withSlowSteps(async () => {
      using store = await storeOfMany();
      const errors: string[] = [];
      store.on("error", (error) => errors.push((error as Error).message));
      const fail = () => {
        throw new Error("no paper");
      };
      await withLog(fail, async () => await store.set("one more", sessionOfSize(100)));
      assertEquals(errors, ["no paper"]);
      assert(store.stats().bytes <= MANY * 100, "the limit holds");
      assert(await store.get("one more"));
      assertEquals(store.stats().rejected, 0);
    }));
});

describe("entries", () => {
  it("returns the sessions that were there, though the store grows large meanwhile", async () => {
    using store = new Lembro({ maxSize: Infinity });
    for (const sid of ["a", "b", "c"]) await store.set(sid, sessionOf());
    const entries = store.entries();
    const seen = [entries.next().value![0]];
    for (let i = 0; i < 20_000; i++) store.set(`${i}`, sessionOf(), () => {});
    await store.destroy("b");
    for (const [sid] of entries) seen.push(sid);
    assertEquals(seen, ["a", "c"]);
  });
});

describe("a store of tens of thousands", () => {
  it("finds, lists and forgets each of them", async () => {
    using store = new Lembro({ maxSize: Infinity });
    const sids = Array.from({ length: 40_000 }, (_, i) => (i % 2 ? `${i}` : `${i}:same end`));
    for (const [i, sid] of sids.entries()) store.set(sid, sessionOf({ i }), () => {});
    assertEquals(store.stats().sessions, sids.length);
    for (const i of [0, 1, 16_383, 16_384, 16_385, 39_999]) {
      assertEquals((await store.get(sids[i]) as unknown as { i: number }).i, i);
    }
    assertEquals((await store.ids()).sort(), sids.toSorted());
    for (const sid of sids) store.destroy(sid, () => {});
    await settled();
    assertEquals(store.stats().sessions, 0);
    assertEquals(store.stats().bytes, 0);
  });
});
