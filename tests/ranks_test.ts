import { assert, assertEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { Lembro, sessionOf, sessionOfSize } from "./support/setup.ts";

/** A store for ten sessions of 100 bytes; an eighth is 125. What starts with "p" is protected. */
function storeForTen() {
  return new Lembro({ maxSize: 1_000, protect: (_session, sid) => sid.startsWith("p") });
}

const small = () => sessionOfSize(100);

async function add(store: ReturnType<typeof storeForTen>, ...sids: string[]): Promise<void> {
  for (const sid of sids) {
    await store.set(sid, sessionOfSize(100));
    if (sid.startsWith("r")) await store.get(sid);
  }
}

/** Returns the ids of the sessions that `work` evicts, in order. */
async function evictedBy(
  store: ReturnType<typeof storeForTen>,
  work: () => Promise<unknown>,
): Promise<string[]> {
  const evicted: string[] = [];
  const note = (sid: string) => void evicted.push(sid);
  store.on("evict", note);
  await work();
  store.off("evict", note);
  return evicted;
}

describe("ranks", () => {
  it("a session is a newcomer until get finds it, and then returning", async () => {
    using store = storeForTen();
    const ranks = () => {
      const { newcomers, returning, protected: guarded } = store.stats();
      return [newcomers, returning, guarded];
    };
    await add(store, "a", "b", "p");
    assertEquals(ranks(), [2, 0, 1]);
    await store.get("nobody");
    await store.touch("a", small());
    await store.set("a", small());
    await store.all();
    await store.info("a");
    assertEquals(ranks(), [2, 0, 1]);
    await store.get("a");
    await store.get("p");
    assertEquals(ranks(), [1, 1, 1]);
    await store.destroy("a");
    assertEquals(ranks(), [1, 0, 1]);
    await store.clear();
    assertEquals(ranks(), [0, 0, 0]);
  });

  it("protect is called at each save, and may change its mind", async () => {
    const asked: unknown[] = [];
    using store = new Lembro({
      protect: (session, sid) => {
        asked.push(sid);
        return (session as unknown as { user?: string }).user !== undefined;
      },
    });
    await store.set("a", sessionOf());
    assertEquals(store.stats().newcomers, 1);
    await store.set("a", sessionOf({ user: "Ada" }));
    assertEquals(store.stats().protected, 1);
    await store.get("a");
    await store.touch("a", sessionOf());
    assertEquals(store.stats().protected, 1);
    await store.set("a", sessionOf());
    assertEquals(store.stats().returning, 1, "it is no newcomer again");
    assertEquals(asked, ["a", "a", "a"]);
  });

  it("by default, sessions that Passport has signed in are protected", async () => {
    using store = new Lembro();
    await store.set("in", sessionOf({ passport: { user: 1 } }));
    await store.set("out", sessionOf({ passport: {} }));
    assertEquals(store.stats().protected, 1);
    assertEquals(store.stats().newcomers, 1);
  });
});

describe("eviction", () => {
  it("takes newcomers, then returning, then protected sessions", async () => {
    using store = storeForTen();
    await add(store, "p1", "r1", "n1", "p2", "r2", "n2", "p3", "r3", "n3", "n4");
    const protect = (from: number, to: number) => async () => {
      for (let i = from; i <= to; i++) await add(store, `p${i}`);
    };
    assertEquals(await evictedBy(store, protect(4, 4)), ["n1", "n2", "n3"]);
    assertEquals(store.stats().bytes, 800);
    // n4 alone takes less than an eighth: the returning and protected sessions go before it.
    assertEquals(await evictedBy(store, protect(5, 9)), ["r1", "r2", "r3"]);
    assertEquals(await evictedBy(store, protect(10, 12)), ["p1", "p2", "p3"]);
    assert((await store.ids()).includes("n4"));
  });

  it("takes the newcomer that was created first, whatever was saved or touched since", async () => {
    using store = storeForTen();
    await add(store, ..."abcdefghij");
    await store.set("a", small());
    await store.touch("b", small());
    assertEquals(await evictedBy(store, () => add(store, "k")), ["a", "b", "c", "d"]);
  });

  for (const rank of ["r", "p"]) {
    it(`takes the least recently used of ${rank === "r" ? "returning" : "protected"} sessions; get, save and touch are uses`, async () => {
      using store = storeForTen();
      await add(store, ...[..."0123456789"].map((n) => rank + n));
      await store.get(`${rank}0`);
      await store.set(`${rank}1`, small());
      await store.touch(`${rank}3`, small());
      assertEquals(await evictedBy(store, () => add(store, "x")), [`${rank}2`]);
      await store.get("x");
      assertEquals(await evictedBy(store, () => add(store, "y")), [rank === "r" ? "r4" : "x"]);
    });

    it(`keeps an eighth open to newcomers in a store full of ${rank === "r" ? "returning" : "protected"} sessions`, async () => {
      using store = storeForTen();
      await add(store, ...[..."0123456789"].map((n) => rank + n));
      assertEquals(await evictedBy(store, () => add(store, "n0")), [`${rank}0`]);
      assertEquals(await evictedBy(store, () => add(store, "n1", "n2")), ["n0", "n1"]);
      assert(await store.get("n2"));
    });
  }

  it("skips the session whose save made it necessary", async () => {
    // An eighth of this store is one session.
    using store = new Lembro({ maxSize: 800 });
    await add(store, "r0", "r1", "r2", "r3", "r4", "r5", "r6", "r7");
    assertEquals(await evictedBy(store, () => add(store, "n0")), ["r0"]);
    assertEquals(store.stats().newcomers, 1);
    // The next save treats it like any other newcomer.
    assertEquals(await evictedBy(store, () => add(store, "n1")), ["n0"]);
  });
});

describe("newcomers in a full store", () => {
  it("have the time to return after 20 other newcomers", async () => {
    using store = new Lembro({ maxSize: 200 * 300 });
    for (let i = 0; i < 299; i++) {
      await store.set(`returning${i}`, sessionOfSize(200));
      await store.get(`returning${i}`);
    }
    await store.set("login", sessionOfSize(200));
    assertEquals(store.stats().bytes, store.options.maxSize);
    for (let i = 0; i < 20; i++) await store.set(`other${i}`, sessionOfSize(200));
    assert(store.stats().evicted.returning > 0);
    assert(await store.get("login"));
  });
});
