/** Many long calls at once: one budget a turn for all of them, and each in its own async context. */
import { assert, assertEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { AsyncLocalStorage } from "node:async_hooks";
import { inSlices, sliced } from "../src/util/slices.ts";
import { HeldClock, MINUTE, withSlowSteps } from "./support/clock.ts";
import { Lembro, sessionOf, sessionOfSize, settled } from "./support/setup.ts";

const MANY = 50;

/** How many steps one turn may take: the budget is one millisecond, and each look at the clock is one. */
const STEPS_A_TURN = 2;

describe("long calls", () => {
  it("share the budget of a turn, however many run at once", () =>
    withSlowSteps(async () => {
      let steps = 0;
      function* work() {
        for (let i = 0; i < 20; i++) {
          steps++;
          yield;
        }
      }
      const done = Promise.all(Array.from({ length: MANY }, () => sliced(work())));
      // The first slice of each runs at once: one step, or what is left of the budget.
      assert(steps <= MANY + STEPS_A_TURN, `${steps} steps at the calls`);
      let isDone = false;
      done.then(() => isDone = true);
      let turns = 0;
      while (!isDone) {
        const before = steps;
        await settled();
        turns++;
        assert(steps - before <= 2 * STEPS_A_TURN, `${steps - before} steps in a turn`);
      }
      assertEquals(steps, MANY * 20);
      assert(turns > MANY);
    }));

  it("take turns: none waits until the others are done", () =>
    withSlowSteps(async () => {
      const order: string[] = [];
      function* work(name: string) {
        for (let i = 0; i < 3; i++) {
          order.push(name);
          yield;
        }
      }
      const fail = (error: unknown) => {
        throw error;
      };
      await Promise.all(["a", "b", "c"].map((name) =>
        new Promise<void>((resolve) => inSlices(work(name), resolve, fail))
      ));
      const seconds = ["a", "b", "c"].map((name) =>
        order.indexOf(name, order.indexOf(name) + 1)
      );
      const thirds = ["a", "b", "c"].map((name) => order.lastIndexOf(name));
      assert(Math.max(...seconds) < Math.min(...thirds), order.join());
    }));

  for (const method of ["all", "ids", "length", "purge"] as const) {
    it(`${method}: ${MANY} calls at once answer right, and hold no turn for long`, () =>
      withSlowSteps(async () => {
        let parsed = 0;
        using store = new Lembro({
          maxSize: Infinity,
          serializer: {
            stringify: (session) => JSON.stringify(session),
            parse: (text) => (parsed++, JSON.parse(text)),
          },
        });
        for (let i = 0; i < 100; i++) store.set(`${i}`, sessionOf(), () => {});
        const calls = Array.from({ length: MANY }, () => store[method]() as Promise<unknown>);
        let isDone = false;
        const done = Promise.all(calls).then((results) => (isDone = true, results));
        while (!isDone) {
          const before = parsed;
          await settled();
          if (method === "all") assert(parsed - before <= 2 * STEPS_A_TURN);
        }
        for (const result of await done) {
          if (method === "length") assertEquals(result, 100);
          if (method === "ids") assertEquals((result as string[]).length, 100);
          if (method === "all") assertEquals(Object.keys(result as object).length, 100);
        }
      }));
  }
});

describe("the interval's purge", () => {
  it("does not start while one is running", () =>
    withSlowSteps(async () => {
      using clock = new HeldClock();
      using store = new Lembro({ interval: 1_000, maxSize: Infinity });
      for (let i = 0; i < 1_000; i++) store.set(`${i}`, sessionOf(), () => {});
      let purges = 0;
      store.on("purge", () => purges++);
      clock.tick(1_000);
      clock.tick(1_000);
      clock.tick(1_000);
      for (let i = 0; i < 200; i++) await settled();
      assertEquals(purges, 1);
      clock.tick(1_000);
      for (let i = 0; i < 200; i++) await settled();
      assertEquals(purges, 2);
    }));
});

describe("the async context", () => {
  for (
    const method of [
      "all",
      "ids",
      "length",
      "purge",
      "reduce",
      "sessionsOfUser",
      "revokeUser",
      "updateUser",
    ] as const
  ) {
    it(`of each caller is that of its callback and of its promise: ${method}`, () =>
      withSlowSteps(async () => {
        const context = new AsyncLocalStorage<number>();
        using clock = new HeldClock();
        using store = new Lembro({ maxSize: Infinity, maxSessionsPerUser: Infinity });
        for (let i = 0; i < 300; i++) {
          store.set(`${i}`, sessionOf({ passport: { user: `user${i % 30}` } }), () => {});
        }
        clock.tick(MINUTE);
        const call = (user: string, callback?: () => void) =>
          method === "updateUser"
            ? store.updateUser(user, () => {}, callback!)
            : method === "sessionsOfUser" || method === "revokeUser"
            ? store[method](user, callback!)
            : store[method](callback!);
        const seen: [string, number, number | undefined][] = [];
        const expected: typeof seen = [];
        const all: Promise<unknown>[] = [];
        for (let i = 0; i < 20; i++) {
          expected.push(["callback", i, i], ["promise", i, i]);
          context.run(i, () => {
            all.push(
              new Promise<void>((resolve) =>
                call(`user${i}`, () => {
                  seen.push(["callback", i, context.getStore()]);
                  resolve();
                })
              ),
              Promise.resolve(call(`user${i}`)).then(() =>
                seen.push(["promise", i, context.getStore()])
              ),
            );
          });
        }
        await Promise.all(all);
        const sorted = (rows: typeof seen) => rows.map((row) => row.join()).sort();
        assertEquals(sorted(seen), sorted(expected));
        assertEquals(context.getStore(), undefined);
      }));
  }

  it("of an event's listener is that of the call that caused it", async () => {
    const context = new AsyncLocalStorage<string>();
    using store = new Lembro({ maxSize: 800 });
    const seen: unknown[] = [];
    store.on("destroy", () => seen.push(["destroy", context.getStore()]));
    store.on("evict", () => seen.push(["evict", context.getStore()]));
    for (let i = 0; i < 8; i++) {
      await store.set(`${i}`, sessionOfSize(100));
      await store.get(`${i}`);
    }
    context.run("one", () => store.destroy("7"));
    context.run("other", () => {
      store.set("a", sessionOfSize(100));
      store.set("b", sessionOfSize(100));
    });
    await settled();
    assertEquals(seen.slice(0, 2), [["destroy", "one"], ["evict", "other"]]);
  });
});
