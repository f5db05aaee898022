import { assert, assertEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { FakeTime } from "@std/testing/time";
import { Lembro, sessionOf, sessionOfSize, settled } from "./support/setup.ts";

describe("events", () => {
  it("expire tells the id, however the session was met", async () => {
    using time = new FakeTime();
    using store = new Lembro({ ttl: 1000 });
    const expired: string[] = [];
    store.on("expire", (sid) => expired.push(sid));
    for (const sid of "abc") await store.set(sid, sessionOf());
    await store.destroy("c");
    time.tick(1000);
    await store.get("a");
    assertEquals(expired, ["a"]);
    await store.purge();
    assertEquals(expired, ["a", "b"]);
    assertEquals(store.stats().expired, 2);
  });

  it("purge tells how many expired, each time", async () => {
    using time = new FakeTime();
    using store = new Lembro({ ttl: 1000 });
    const purges: unknown[] = [];
    store.on("purge", (result) => purges.push(result));
    for (const sid of "abc") await store.set(sid, sessionOf());
    time.tick(1000);
    await store.purge();
    await store.purge();
    assertEquals(purges, [{ expired: 3 }, { expired: 0 }]);
  });

  it("evict tells the id and the rank, reduce the sizes and how many", async () => {
    using store = new Lembro({ maxSize: 1_000, protect: (_session, sid) => sid.startsWith("p") });
    const evicted: string[][] = [];
    const reduced: unknown[] = [];
    store.on("evict", (sid, rank) => evicted.push([sid, rank]));
    store.on("reduce", (result) => reduced.push(result));
    await store.set("n", sessionOfSize(200));
    await store.set("r", sessionOfSize(200));
    await store.get("r");
    await store.set("p1", sessionOfSize(300));
    await store.set("p2", sessionOfSize(700));
    assertEquals(evicted, [["n", "newcomers"], ["r", "returning"], ["p1", "protected"]]);
    assertEquals(reduced, [{ before: 1_400, after: 700, evicted: 3 }]);
    assertEquals(store.stats().evicted, { newcomers: 1, returning: 1, protected: 1 });
  });

  it("come before the callback of the call they are about, and never inside it", async () => {
    using store = new Lembro({ maxSize: 500 });
    const log: string[] = [];
    store.on("evict", (sid) => log.push(`evict ${sid}`));
    await store.set("a", sessionOfSize(300));
    store.set("b", sessionOfSize(300), () => log.push("saved"));
    log.push("returned");
    await settled();
    assertEquals(log, ["returned", "evict a", "saved"]);
  });

  it("error tells what fails in the background", async () => {
    using time = new FakeTime();
    class Failing extends Lembro {
      override purge(callback?: unknown): Promise<void> {
        (callback as (error: unknown) => void)(new Error("no purge today"));
        return Promise.resolve();
      }
    }
    using store = new Failing({ interval: 1000 });
    const errors: unknown[] = [];
    store.on("error", (error) => errors.push((error as Error).message));
    time.tick(1000);
    await settled();
    assertEquals(errors, ["no purge today"]);
  });

  it("the Store's own events are still there", () => {
    using store = new Lembro();
    let heard = 0;
    store.on("disconnect", () => heard++);
    assert(store.emit("disconnect"));
    assertEquals(heard, 1);
  });
});
