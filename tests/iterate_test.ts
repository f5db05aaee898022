/** `for await (const [sid, session] of store)`: every live session, in slices. */
import { assert, assertEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { HeldClock, withSlowSteps } from "./support/clock.ts";
import { Lembro, sessionOf, settled, type Store } from "./support/setup.ts";

/** The ids that an iteration finds; `each` runs in its body. */
async function sidsIn(store: Store, each: (sid: string) => unknown = () => {}): Promise<string[]> {
  const sids: string[] = [];
  for await (const [sid] of store) {
    sids.push(sid);
    await each(sid);
  }
  return sids.sort();
}

describe("for await over a store", () => {
  it("finds every live session with its id, as a fresh copy", async () => {
    using clock = new HeldClock();
    using store = new Lembro({ ttl: (_, sid) => sid === "short" ? 10 : 1_000 });
    for (const sid of ["a", "b", "short"]) await store.set(sid, sessionOf({ of: sid }));
    clock.tick(10);
    const found = new Map<string, unknown>();
    for await (const [sid, session] of store) found.set(sid, session);
    assertEquals([...found.keys()].sort(), ["a", "b"]);
    assertEquals(found.get("a"), await store.get("a"));
    assert(found.get("a") !== await store.get("a"));
  });

  it("is no use of the sessions", async () => {
    using store = new Lembro();
    await store.set("a", sessionOf());
    await sidsIn(store);
    const { hits, newcomers, returning } = store.stats();
    assertEquals([hits, newcomers, returning], [0, 1, 0]);
  });

  it("counts as loaded what it hands out: a save after a logout is late", async () => {
    using store = new Lembro();
    await store.set("a", sessionOf());
    for await (const [sid, session] of store) {
      await store.destroy(sid);
      await store.set(sid, session);
    }
    assertEquals([await store.length(), store.stats().lateWrites], [0, 1]);
  });

  it("finds what was there at the call, each once, though the store works meanwhile", async () => {
    using store = new Lembro();
    for (const sid of "abcd") await store.set(sid, sessionOf());
    let isFirst = true;
    const sids = await sidsIn(store, async (first) => {
      if (!isFirst) return;
      isFirst = false;
      const [gone, ...others] = [..."abcd"].filter((sid) => sid !== first);
      await store.destroy(gone);
      for (const sid of others) await store.set(sid, sessionOf({ again: true }));
      await store.set("new", sessionOf());
    });
    assertEquals(sids.length, 3);
    assert(!sids.includes("new"));
  });

  it("leaves other work its turn, also where all have expired", () =>
    withSlowSteps(async () => {
      for (const ms of [0, 10]) {
        using clock = new HeldClock();
        using store = new Lembro({ maxSize: Infinity, ttl: 10 });
        for (let i = 0; i < 500; i++) store.set(`${i}`, sessionOf(), () => {});
        await settled();
        clock.tick(ms);
        let isDone = false;
        let turns = 0;
        const iterating = sidsIn(store).finally(() => isDone = true);
        while (!isDone) {
          await settled();
          turns++;
        }
        assertEquals((await iterating).length, ms === 0 ? 500 : 0);
        assert(turns > 5, `${turns} turns`);
      }
    }));

  it("may be left in the middle, and begun anew", async () => {
    using store = new Lembro();
    for (const sid of "abc") await store.set(sid, sessionOf());
    for await (const [sid] of store) {
      assert(sid);
      break;
    }
    assertEquals(await sidsIn(store), ["a", "b", "c"]);
  });

  it("ends with what the serializer throws", async () => {
    const parse = () => {
      throw new Error("unreadable");
    };
    using store = new Lembro({ serializer: { stringify: JSON.stringify, parse } });
    await store.set("a", sessionOf());
    assertEquals(await sidsIn(store).catch((error) => error.message), "unreadable");
  });
});
