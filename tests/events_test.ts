import { assert, assertEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { HeldClock } from "./support/clock.ts";
import { Lembro, sessionOf, sessionOfSize, settled } from "./support/setup.ts";

describe("events", () => {
  it("expire: passes the id, whichever call finds the session expired", async () => {
    using clock = new HeldClock();
    using store = new Lembro({ ttl: 1000 });
    const expired: string[] = [];
    store.on("expire", (sid) => expired.push(sid));
    for (const sid of "abc") await store.set(sid, sessionOf());
    await store.destroy("c");
    clock.tick(1000);
    await store.get("a");
    assertEquals(expired, ["a"]);
    await store.purge();
    assertEquals(expired, ["a", "b"]);
    assertEquals(store.stats().expired, 2);
  });

  it("purge: passes how many sessions had expired, at each purge", async () => {
    using clock = new HeldClock();
    using store = new Lembro({ ttl: 1000 });
    const purges: unknown[] = [];
    store.on("purge", (result) => purges.push(result));
    for (const sid of "abc") await store.set(sid, sessionOf());
    clock.tick(1000);
    await store.purge();
    await store.purge();
    assertEquals(purges, [{ expired: 3 }, { expired: 0 }]);
  });

  it("evict: passes the id and the rank; reduce: the sizes and how many went", async () => {
    using store = new Lembro({ maxSize: 4_000, protect: (_session, sid) => sid.startsWith("p") });
    const evicted: string[][] = [];
    const reduced: unknown[] = [];
    store.on("evict", (sid, rank) => evicted.push([sid, rank]));
    store.on("reduce", (result) => reduced.push(result));
    await store.set("n", sessionOfSize(400));
    await store.set("r", sessionOfSize(100));
    await store.get("r");
    for (const sid of ["p1", "p2", "p3", "p4", "p5", "p6", "p7"]) {
      await store.set(sid, sessionOfSize(500));
    }
    assertEquals(evicted, []);
    await store.set("p8", sessionOfSize(500));
    assertEquals(evicted, [["r", "returning"], ["p1", "protected"]]);
    await store.set("n2", sessionOfSize(500));
    assertEquals(evicted.slice(2), [["n", "newcomers"]]);
    assertEquals(reduced, [
      { before: 4_500, after: 3_900, evicted: 2 },
      { before: 4_400, after: 4_000, evicted: 1 },
    ]);
    assertEquals(store.stats().evicted, { newcomers: 1, returning: 1, protected: 1 });
  });

  it("run before the callback of the call that caused them, and never inside the call", async () => {
    using store = new Lembro({ maxSize: 800 });
    const log: string[] = [];
    for (let i = 0; i < 8; i++) {
      await store.set(`${i}`, sessionOfSize(100));
      await store.get(`${i}`);
    }
    store.on("evict", (sid) => log.push(`evict ${sid}`));
    store.set("b", sessionOfSize(100), () => log.push("saved"));
    log.push("returned");
    await settled();
    assertEquals(log, ["returned", "evict 0", "saved"]);
  });

  it("error: passes what fails in the background", async () => {
    using clock = new HeldClock();
    class Failing extends Lembro {
      override purge(callback?: unknown): Promise<void> {
        (callback as (error: unknown) => void)(new Error("no purge today"));
        return Promise.resolve();
      }
    }
    using store = new Failing({ interval: 1000 });
    const errors: unknown[] = [];
    store.on("error", (error) => errors.push((error as Error).message));
    clock.tick(1000);
    await settled();
    assertEquals(errors, ["no purge today"]);
  });

  it("those of Store itself still work", () => {
    using store = new Lembro();
    let heard = 0;
    store.on("disconnect", () => heard++);
    assert(store.emit("disconnect"));
    assertEquals(heard, 1);
  });
});
