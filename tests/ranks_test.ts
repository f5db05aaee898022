import { assert, assertEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { Lembro, sessionOf, sessionOfSize } from "./support/setup.ts";

/** A store for ten sessions of 100 bytes; an eighth is 125. What starts with "p" is protected. */
function storeForTen() {
  return new Lembro({ maxSize: 1_000, protect: (_session, sid) => sid.startsWith("p") });
}

async function add(store: ReturnType<typeof storeForTen>, ...sids: string[]): Promise<void> {
  for (const sid of sids) {
    await store.set(sid, sessionOfSize(100));
    if (sid.startsWith("r")) await store.get(sid);
  }
}

/** Makes room, and tells who went, in order. */
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
  it("newcomers are those nobody asked for; a get that finds one makes it returning", async () => {
    using store = storeForTen();
    const ranks = () => {
      const { newcomers, returning, protected: guarded } = store.stats();
      return [newcomers, returning, guarded];
    };
    await add(store, "a", "b", "p");
    assertEquals(ranks(), [2, 0, 1]);
    await store.get("nobody");
    await store.touch("a", sessionOf());
    await store.set("a", sessionOf());
    await store.all();
    assertEquals(ranks(), [2, 0, 1], "nobody asked for it by its id yet");
    await store.get("a");
    await store.get("p");
    assertEquals(ranks(), [1, 1, 1]);
    await store.destroy("a");
    assertEquals(ranks(), [1, 0, 1]);
    await store.clear();
    assertEquals(ranks(), [0, 0, 0]);
  });

  it("protect is asked at each save, and both ways", async () => {
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
    assertEquals(store.stats().returning, 1, "signed out, but no newcomer");
    assertEquals(asked, ["a", "a", "a"]);
  });

  it("Passport's logins are protected by default", async () => {
    using store = new Lembro();
    await store.set("in", sessionOf({ passport: { user: 1 } }));
    await store.set("out", sessionOf({ passport: {} }));
    assertEquals(store.stats().protected, 1);
    assertEquals(store.stats().newcomers, 1);
  });
});

describe("eviction", () => {
  it("takes newcomers, then returning, then protected ones", async () => {
    using store = storeForTen();
    await add(store, "p1", "r1", "n1", "p2", "r2", "n2", "p3", "r3", "n3");
    const evicted = await evictedBy(store, () => store.set("pBig", sessionOfSize(750)));
    // n3 alone takes less than an eighth: the returning and protected go before it.
    assertEquals(evicted, ["n1", "n2", "r1", "r2", "r3", "p1", "p2", "p3", "n3"]);
    assertEquals(await store.ids(), ["pBig"]);
  });

  it("takes the newcomer that was made first, whatever was saved or touched since", async () => {
    using store = storeForTen();
    await add(store, ..."abcdefghij");
    await store.set("a", sessionOfSize(100));
    await store.touch("b", sessionOfSize(100));
    assertEquals(await evictedBy(store, () => add(store, "k")), ["a", "b", "c", "d"]);
  });

  it("takes the returning one that was used least recently: get, save and touch are use", async () => {
    using store = storeForTen();
    await add(store, "r0", "r1", "r2", "r3", "r4", "r5", "r6", "r7", "r8", "r9");
    await store.get("r0");
    await store.set("r1", sessionOfSize(100));
    await store.touch("r3", sessionOfSize(100));
    assertEquals(await evictedBy(store, () => add(store, "x")), ["r2", "r4", "r5", "r6"]);
  });

  it("takes the protected one that was used least recently", async () => {
    using store = storeForTen();
    await add(store, "p0", "p1", "p2", "p3", "p4", "p5", "p6", "p7", "p8", "p9");
    await store.get("p1");
    await store.touch("p0", sessionOfSize(100));
    assertEquals(await evictedBy(store, () => add(store, "pX")), ["p2", "p3", "p4", "p5"]);
  });

  it("an eighth stays open to newcomers in a house full of returning ones", async () => {
    using store = storeForTen();
    await add(store, "r0", "r1", "r2", "r3", "r4", "r5", "r6", "r7", "r8", "r9");
    assertEquals(await evictedBy(store, () => add(store, "n0")), ["r0", "r1", "r2", "r3"]);
    assertEquals(await evictedBy(store, () => add(store, "n1", "n2", "n3", "n4")), [
      "n0",
      "n1",
      "n2",
      "n3",
    ]);
  });

  it("and in a house full of protected ones", async () => {
    using store = storeForTen();
    await add(store, "p0", "p1", "p2", "p3", "p4", "p5", "p6", "p7", "p8", "p9");
    assertEquals(await evictedBy(store, () => add(store, "n0")), ["p0", "p1", "p2", "p3"]);
    assert(await store.get("n0"));
  });

  it("skips the session whose save made it necessary", async () => {
    using store = storeForTen();
    await add(store, "r0", "r1", "r2", "r3", "r4", "r5", "r6", "r7");
    const evicted = await evictedBy(store, () => store.set("n0", sessionOfSize(300)));
    assertEquals(evicted, ["r0", "r1", "r2", "r3"]);
    assertEquals(store.stats().newcomers, 1);
    // The next save has to treat it like any other newcomer.
    assertEquals(await evictedBy(store, () => store.set("n1", sessionOfSize(310))), ["n0"]);
  });
});

describe("a crawler", () => {
  const USERS = 500;
  const flood = async (store: InstanceType<typeof Lembro>, visits: number) => {
    const users = Array.from({ length: USERS }, (_, i) => `user${i}`);
    const user = (name: string) => sessionOf({ passport: { user: name }, basket: [1, 2, 3] });
    for (const name of users) await store.set(name, user(name));
    let highest = 0;
    // In turn, so that 20,000 sessions are made between two visits of any user.
    for (let made = 0; made < 100_000; made++) {
      store.set(`crawler${made}`, sessionOf({ views: 1 }), () => {});
      for (let visit = 0; visit < visits; visit++) store.get(`crawler${made}`, () => {});
      highest = Math.max(highest, store.stats().bytes);
      if (made % 40 === 0) await store.get(users[(made / 40) % USERS]);
    }
    assert(highest <= store.options.maxSize);
    assert(store.stats().evicted.newcomers + store.stats().evicted.returning > 50_000);
    let kept = 0;
    for (const name of users) {
      if (await store.get(name)) kept++;
    }
    return kept;
  };

  it("that never returns throws out none of 500 users", async () => {
    // Not even protected: it is enough that each has come back once.
    using store = new Lembro({ maxSize: "4M", protect: () => false });
    for (let i = 0; i < USERS; i++) {
      await store.set(`user${i}`, sessionOf());
      await store.get(`user${i}`);
    }
    assertEquals(await flood(store, 0), USERS);
    assertEquals(store.stats().evicted.returning, 0);
  });

  it("whose every session comes back twice throws out none of 500 protected users", async () => {
    using store = new Lembro({ maxSize: "4M" });
    assertEquals(await flood(store, 2), USERS);
    assertEquals(store.stats().evicted.protected, 0);
  });

  it("can't keep a newcomer out: it may return after 20 other newcomers", async () => {
    using store = new Lembro({ maxSize: 200 * 300 });
    for (let i = 0; i < 299; i++) {
      await store.set(`returning${i}`, sessionOfSize(200));
      await store.get(`returning${i}`);
    }
    await store.set("login", sessionOfSize(200));
    assertEquals(store.stats().bytes, store.options.maxSize, "the house is full");
    for (let i = 0; i < 20; i++) await store.set(`other${i}`, sessionOfSize(200));
    assert(store.stats().evicted.returning > 0);
    assert(await store.get("login"));
  });
});
