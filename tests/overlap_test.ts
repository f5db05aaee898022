import { assertEquals, assertRejects, assertStrictEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { FakeTime } from "@std/testing/time";
import { Lembro, session, type SessionData, sessionOf, sessionOfSize } from "./support/setup.ts";

// Two big sessions that are protected evict all others; a second expires them.
const LEAVING = {
  maxSize: 1_000,
  ttl: 1_000,
  protect: (_: unknown, sid: string) => sid.startsWith("big"),
};

type Data = Record<string, unknown>;

/** The kept data of "a", without its cookie. */
async function kept(store: InstanceType<typeof Lembro>): Promise<Data | undefined> {
  const found = [...store.entries()].find(([sid]) => sid === "a");
  if (!found) return undefined;
  const { cookie: _, ...data } = found[1] as unknown as Data;
  return await data;
}

/** A store with the session "a", and two requests that have loaded it. */
async function twoRequests(data: Data, options = {}) {
  const store = new Lembro(options);
  await store.set("a", sessionOf(data, { path: "/" }));
  const load = async () => await store.get("a") as SessionData & Data;
  return { store, one: await load(), other: await load(), load };
}

describe("logout sticks", () => {
  for (
    const [how, logout] of [
      ["destroy", (store) => store.destroy("a")],
      ["clear", (store) => store.clear()],
      ["a save whose cookie has expired", (store) => store.set("a", sessionOf({}, { maxAge: 0 }))],
      [
        "a touch whose cookie has expired",
        (store) => store.touch("a", sessionOf({}, { maxAge: 0 })),
      ],
    ] as [string, (store: InstanceType<typeof Lembro>) => Promise<void>][]
  ) {
    it(`after ${how}: a save of what was loaded before writes nothing, and is counted`, async () => {
      const { store, one, other } = await twoRequests({ user: "Ada" });
      using _ = store;
      await logout(store);
      one.seen = true;
      await store.set("a", one);
      await store.set("a", other);
      await store.touch("a", one);
      assertEquals(store.stats().sessions, 0);
      assertEquals(store.stats().lateWrites, 2);
      assertEquals(store.stats().saves, 1);
      assertEquals(store.stats().rejected, 0);
    });
  }

  it("for each of thousands that had expired meanwhile, however alike their ids are", async () => {
    using time = new FakeTime();
    using store = new Lembro({ ttl: 1_000, maxSize: Infinity });
    const sids = Array.from({ length: 3_000 }, (_, i) => i % 2 ? `${i}` : `${i}, all the same`);
    const loaded: SessionData[] = [];
    for (const sid of sids) {
      await store.set(sid, sessionOf());
      loaded.push((await store.get(sid))!);
    }
    time.tick(1_000);
    await store.purge();
    for (const sid of sids) await store.destroy(sid);
    for (const [i, sid] of sids.entries()) await store.set(sid, loaded[i]);
    assertEquals([store.stats().sessions, store.stats().lateWrites], [0, sids.length]);
  });

  it("plain data that was not loaded is saved as ever", async () => {
    const { store, one } = await twoRequests({ user: "Ada" });
    using _ = store;
    await store.destroy("a");
    await store.set("a", sessionOf({ user: "Eve" }));
    assertEquals(await kept(store), { user: "Eve" });
    await store.set("a", one);
    assertEquals(await kept(store), { user: "Eve" }, "the old request is still too late");
    await store.touch("a", Object.assign(one, { cookie: { path: "/late" } }));
    assertEquals((await store.get("a"))?.cookie.path, "/");
    await store.destroy("a");
    await store.set("a", { ...one });
    assertEquals(await kept(store), { user: "Ada" }, "a copy is plain data");
  });

  it("the same plain object can be saved, destroyed and saved again", async () => {
    using store = new Lembro();
    const plain = sessionOf({ n: 1 });
    await store.set("a", plain);
    await store.destroy("a");
    await store.set("a", plain);
    assertEquals(await kept(store), { n: 1 });
  });

  it("what was loaded can be saved under another id", async () => {
    const { store, one } = await twoRequests({ n: 1 });
    using _ = store;
    await store.destroy("a");
    await store.set("b", one);
    assertEquals(await store.ids(), ["b"]);
  });

  it("an error in a late write is nobody's concern", async () => {
    const { store, one } = await twoRequests({ n: 1 }, { maxSize: 1_000 });
    using _ = store;
    await store.destroy("a");
    one.self = one;
    await store.set("a", one);
    assertEquals(store.stats().lateWrites, 1);
  });

  it("also for a request's own Session that was saved before", async () => {
    using store = new Lembro();
    const request = { sessionID: "a", sessionStore: store };
    const made = store.createSession(request as never, sessionOf({ user: "Ada" }));
    await store.set("a", made);
    await store.destroy("a");
    await store.set("a", made);
    assertEquals(store.stats().sessions, 0);
    assertEquals(store.stats().lateWrites, 1);
  });

  it("also for requests that loaded it thousands of loads apart, and after it expired", async () => {
    using time = new FakeTime();
    const { store, one, load } = await twoRequests({ n: 1 }, { ttl: 1000 });
    using _ = store;
    await store.set("b", sessionOf());
    const others: unknown[] = [];
    const later: (SessionData & Data)[] = [];
    for (let i = 0; i < 3; i++) {
      for (let j = 0; j < 1_500; j++) others.push(await store.get("b"));
      later.push(await load());
    }
    time.tick(1000);
    await store.purge();
    await store.destroy("a");
    for (const request of [one, ...later]) await store.set("a", request);
    assertEquals(await kept(store), undefined);
    assertEquals(store.stats().lateWrites, 4);
    assertEquals(others.length, 4_500);
  });

  for (const how of ["evicted", "expired"] as const) {
    const leave = async (store: InstanceType<typeof Lembro>, time: FakeTime) => {
      if (how === "expired") time.tick(1000);
      else for (const sid of ["big1", "big2"]) await store.set(sid, sessionOfSize(490));
      assertEquals(await kept(store), undefined);
    };

    it(`a session that was ${how} in between is made anew`, async () => {
      using time = new FakeTime();
      const { store, one } = await twoRequests({ n: 1 }, LEAVING);
      using _ = store;
      await leave(store, time);
      one.n = 2;
      await store.set("a", one);
      assertEquals(await kept(store), { n: 2 });
    });

    it(`a logout after it was ${how} sticks all the same`, async () => {
      using time = new FakeTime();
      const { store, one } = await twoRequests({ n: 1 }, LEAVING);
      using _ = store;
      await leave(store, time);
      await store.destroy("a");
      await store.set("a", one);
      assertEquals(await kept(store), undefined);
      assertEquals(store.stats().lateWrites, 1);
    });

    it(`a clear after it was ${how} too`, async () => {
      using time = new FakeTime();
      const { store, one } = await twoRequests({ n: 1 }, LEAVING);
      using _ = store;
      await leave(store, time);
      await store.clear();
      await store.set("a", one);
      assertEquals(await kept(store), undefined);
    });

    it(`a logout after it was ${how} and made anew too`, async () => {
      using time = new FakeTime();
      const { store, one, other } = await twoRequests({ n: 1 }, LEAVING);
      using _ = store;
      await leave(store, time);
      await store.set("a", one);
      await store.destroy("a");
      await store.set("a", other);
      assertEquals(await kept(store), undefined);
    });

    it(`two requests that outlive a session that was ${how} are merged`, async () => {
      using time = new FakeTime();
      const { store, one, other } = await twoRequests({ n: 1 }, LEAVING);
      using _ = store;
      await leave(store, time);
      one.mine = 1;
      other.yours = 2;
      await store.set("a", one);
      await store.set("a", other);
      assertEquals(await kept(store), { n: 1, mine: 1, yours: 2 });
    });
  }
});

describe("no update is lost", () => {
  it("what a request changed wins, what it left alone keeps what the other wrote", async () => {
    const { store, one, other } = await twoRequests({ both: 0, mine: 0, yours: 0, none: 0 });
    using _ = store;
    Object.assign(one, { both: 1, mine: 1 });
    Object.assign(other, { both: 2, yours: 2 });
    await store.set("a", one);
    await store.set("a", other);
    assertEquals(await kept(store), { both: 2, mine: 1, yours: 2, none: 0 });
    assertEquals(store.stats().merges, 1);
  });

  it("per top-level key: a changed part takes its whole key along", async () => {
    const { store, one, other } = await twoRequests({ basket: { apples: 1, pears: 1 } });
    using _ = store;
    one.basket = { apples: 2, pears: 1 };
    other.basket = { apples: 1, pears: 2 };
    await store.set("a", one);
    await store.set("a", other);
    assertEquals(await kept(store), { basket: { apples: 1, pears: 2 } });
  });

  it("new keys of both are kept", async () => {
    const { store, one, other } = await twoRequests({});
    using _ = store;
    one.mine = 1;
    other.yours = 2;
    await store.set("a", one);
    await store.set("a", other);
    assertEquals(await kept(store), { mine: 1, yours: 2 });
  });

  it("a deletion by the first is not revived by the second", async () => {
    const { store, one, other } = await twoRequests({ flash: "Saved!", n: 0 });
    using _ = store;
    delete one.flash;
    other.n = 1;
    await store.set("a", one);
    await store.set("a", other);
    assertEquals(await kept(store), { n: 1 });
  });

  it("a deletion by the second wins over the first", async () => {
    const { store, one, other } = await twoRequests({ flash: "Saved!", n: 0 });
    using _ = store;
    one.flash = "Changed!";
    one.n = 1;
    other.flash = undefined;
    await store.set("a", one);
    await store.set("a", other);
    assertEquals(await kept(store), { n: 1 });
  });

  it("an unchanged save changes nothing", async () => {
    const { store, one, other } = await twoRequests({ n: 0 });
    using _ = store;
    one.n = 1;
    await store.set("a", one);
    await store.set("a", other);
    assertEquals(await kept(store), { n: 1 });
  });

  it("the cookie is the saver's", async () => {
    const { store, one, other } = await twoRequests({ n: 0 });
    using _ = store;
    one.cookie.path = "/one";
    other.cookie.path = "/other";
    await store.set("a", one);
    await store.set("a", other);
    assertEquals((await store.get("a"))?.cookie.path, "/other");
  });

  it("several saves of each are merged, however they interleave", async () => {
    const { store, one, other } = await twoRequests({ n: 0 });
    using _ = store;
    for (let i = 1; i <= 3; i++) {
      one[`one${i}`] = i;
      await store.set("a", one);
      other[`other${i}`] = i;
      await store.set("a", other);
    }
    delete other.other1;
    await store.set("a", other);
    delete one.one1;
    await store.set("a", one);
    assertEquals(await kept(store), { n: 0, one2: 2, one3: 3, other2: 2, other3: 3 });
  });

  it("a touch in between is no change", async () => {
    const { store, one, other } = await twoRequests({ n: 0 });
    using _ = store;
    await store.touch("a", Object.assign(one, { cookie: { path: "/touched" } }));
    other.n = 1;
    await store.set("a", other);
    assertEquals(await kept(store), { n: 1 });
    assertEquals(store.stats().merges, 0);
  });

  it("twenty writers of twenty keys lose none", async () => {
    const { store, load } = await twoRequests({});
    using _ = store;
    const writers = await Promise.all(Array.from({ length: 20 }, load));
    for (const [i, writer] of writers.entries()) writer[`key${i}`] = i;
    await Promise.all(writers.map((writer) => store.set("a", writer)));
    assertEquals(await kept(store), Object.fromEntries(writers.map((_, i) => [`key${i}`, i])));
  });

  it("plain data replaces all", async () => {
    const { store, one } = await twoRequests({ n: 0, more: 0 });
    using _ = store;
    one.n = 1;
    await store.set("a", one);
    await store.set("a", sessionOf({ n: 2 }));
    assertEquals(await kept(store), { n: 2 });
  });

  it("protect and the limit see the merged session", async () => {
    const { store, one, other } = await twoRequests({}, { maxSize: 1_000 });
    using _ = store;
    one.passport = { user: 1 };
    await store.set("a", one);
    other.page = "x".repeat(100);
    await store.set("a", other);
    assertEquals(store.stats().protected, 1);
    other.page = "x".repeat(330);
    await assertRejects(() => store.set("a", other), RangeError);
    assertEquals((await kept(store))?.passport, { user: 1 });
    assertEquals((await kept(store))?.page, "x".repeat(100));
  });

  for (const key of ["__proto__", "constructor", "toString", "hasOwnProperty"]) {
    it(`the key ${key} neither pollutes nor vanishes`, async () => {
      using store = new Lembro();
      const data = `{"cookie":{"path":"/"},"n":0,"${key}":{"polluted":1}}`;
      await store.set("a", JSON.parse(data));
      const one = await store.get("a") as SessionData & Data;
      const other = await store.get("a") as SessionData & Data;
      const request = { sessionID: "a", sessionStore: store };
      const third = store.createSession(request as never, (await store.get("a"))!);
      one.n = 1;
      await store.set("a", one);
      Object.defineProperty(other, key, { value: { polluted: 2 }, enumerable: true });
      await store.set("a", other);
      // express-session leaves keys of such names out of its Session: that is no deletion.
      Object.assign(third, { third: 3 });
      await store.set("a", third);
      assertEquals(
        JSON.stringify(await kept(store)),
        `{"n":1,"${key}":{"polluted":2},"third":3}`,
      );
      assertEquals(store.stats().merges, 2);
      assertStrictEquals(({} as { polluted?: number }).polluted, undefined);
    });
  }

  it("a plain deletion of such a key counts", async () => {
    using store = new Lembro();
    await store.set("a", JSON.parse('{"cookie":{},"toString":1,"n":0}'));
    const one = await store.get("a") as SessionData & Data;
    const other = await store.get("a") as SessionData & Data;
    one.n = 1;
    await store.set("a", one);
    delete (other as Data)["toString" as string];
    await store.set("a", other);
    assertEquals(JSON.stringify(await kept(store)), '{"n":1}');
  });
});

describe("without an overlap", () => {
  it("a save parses nothing and stringifies once", async () => {
    let parsed = 0;
    let stringified = 0;
    using store = new Lembro({
      serializer: {
        stringify(session) {
          stringified++;
          return JSON.stringify(session);
        },
        parse(text) {
          parsed++;
          return JSON.parse(text);
        },
      },
    });
    await store.set("a", sessionOf({ n: 0 }));
    const loaded = await store.get("a") as SessionData & Data;
    assertEquals([parsed, stringified], [1, 1]);
    for (let i = 1; i <= 3; i++) {
      loaded.n = i;
      await store.set("a", loaded);
      assertEquals([parsed, stringified], [1, 1 + i]);
    }
    await store.destroy("a");
    await store.set("a", loaded);
    assertEquals([parsed, stringified], [1, 4], "a late write costs nothing at all");
    assertEquals(store.stats().merges, 0);
  });
});

describe("createSession", () => {
  it("is that of express-session", async () => {
    using store = new Lembro();
    await store.set("a", sessionOf({ n: 1 }));
    const request = { sessionID: "a", sessionStore: store } as never;
    const made = store.createSession(request, (await store.get("a"))!);
    assertEquals(made.constructor, (session as unknown as { Session: unknown }).Session);
    assertEquals((request as { session: unknown }).session, made);
  });
});
