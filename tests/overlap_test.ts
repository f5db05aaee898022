import { assertEquals, assertRejects, assertStrictEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { inMemory, isOnRedis } from "./support/engines.ts";
import { HeldClock, HOUR, MINUTE, SECOND } from "./support/clock.ts";
import { jsonCalls } from "./support/json.ts";
import { Requests, save, touch } from "./support/requests.ts";
import {
  Lembro,
  session,
  type SessionData,
  sessionOf,
  sessionOfSize,
  settled,
  type Store,
} from "./support/setup.ts";

/** For what only a store in memory promises. */
const test = inMemory(it);

/** So many that memory needs a bound. On Redis each has keys of its own. */
const many = (count: number) => isOnRedis ? count / 50 : count;

// Eight protected sessions of an eighth each evict all others; a second expires them.
const LEAVING = {
  maxSize: 8_000,
  ttl: SECOND,
  protect: (_: unknown, sid: string) => sid.startsWith("big"),
};

type Data = Record<string, unknown>;

/** The kept data of a session, without its cookie. */
async function kept(store: Store, id = "a"): Promise<Data | undefined> {
  const found = [...store.entries()].find(([sid]) => sid === id);
  if (!found) return undefined;
  const { cookie: _, ...data } = found[1] as unknown as Data;
  return await data;
}

/** A store with the session "a", and two requests that have loaded it. */
async function twoCopies(data: Data, options = {}) {
  const store = new Lembro(options);
  await store.set("a", sessionOf(data, { path: "/" }));
  const load = async () => await store.get("a") as SessionData & Data;
  return { store, one: await load(), other: await load(), load };
}

/** What hands out the session "a" as an object. */
const FINDERS: Record<
  string,
  (store: Store) => Promise<SessionData | undefined>
> = {
  info: async (store) => (await store.info("a"))?.session,
  sessionsOfUser: async (store) => (await store.sessionsOfUser("ada"))[0]?.session,
  all: async (store) => ((await store.all()) as unknown as Record<string, SessionData>).a,
  entries: async (store) => await [...store.entries()][0]?.[1],
  update: (store) => store.update("a", () => {}),
};

for (const [name, find] of Object.entries(FINDERS)) {
  if (isOnRedis && name === "entries") continue;
  describe(`a session that ${name} handed out`, () => {
    it("counts as loaded: its save after a logout is late", async () => {
      const { store } = await twoCopies({ passport: { user: "ada" } });
      using _ = store;
      const found = (await find(store))!;
      await store.destroy("a");
      await store.set("a", found);
      assertEquals([store.stats().sessions, store.stats().lateWrites], [0, 1]);
    });

    it("is merged with what was saved meanwhile", async () => {
      const { store, one } = await twoCopies({ passport: { user: "ada" } });
      using _ = store;
      const found = (await find(store))!;
      one.theirs = 1;
      await store.set("a", one);
      await store.set("a", Object.assign(found, { mine: 2 }));
      assertEquals(await kept(store), { passport: { user: "ada" }, theirs: 1, mine: 2 });
    });
  });
}

/** What makes the session "a" leave, which tells the listeners of an event. */
const LEAVINGS: Record<
  "destroy" | "expire" | "evict",
  (store: Store, clock: HeldClock) => Promise<void>
> = {
  destroy: (store) => store.destroy("a"),
  expire: async (store, clock) => {
    clock.tick(SECOND);
    await store.purge();
  },
  evict: async (store) => {
    for (let i = 0; i < 8; i++) await store.set(`big${i}`, sessionOfSize(1_000));
    // A newcomer goes only where newcomers hold more than their share.
    for (let i = 0; i < 4; i++) await store.set(`new${i}`, sessionOfSize(400));
  },
};

for (const [event, leave] of Object.entries(LEAVINGS)) {
  if (isOnRedis && event !== "destroy") continue;
  for (const isLoaded of [false, true]) {
    describe(`a session that the event ${event} handed out${isLoaded ? ", after a load" : ""}`, () => {
      /** Returns a store that "a" has left, and what the listener of the event was given. */
      async function left(clock: HeldClock) {
        const store = new Lembro(LEAVING);
        const given: SessionData[] = [];
        // deno-lint-ignore no-explicit-any
        (store as any).on(event, (sid: string, session: SessionData) => {
          if (sid === "a") given.push(session);
        });
        await store.set("a", sessionOf({ passport: { user: "ada" } }, { path: "/" }));
        const held = isLoaded ? await store.get("a") : undefined;
        await leave(store, clock);
        await settled();
        assertEquals(given.length, 1);
        return { store, found: given[0], held };
      }

      it("counts as loaded: its save after a logout is late", async () => {
        using clock = new HeldClock();
        const { store, found } = await left(clock);
        using _ = store;
        if (event !== "destroy") await store.destroy("a");
        await store.set("a", found);
        assertEquals([await kept(store), store.stats().lateWrites], [undefined, 1]);
      });

      it("cannot sign the user in again under another id after a revocation", async () => {
        using clock = new HeldClock();
        const { store, found } = await left(clock);
        using _ = store;
        await store.revokeUser("ada");
        await store.set("b", found);
        assertEquals([await store.get("b"), store.stats().lateWrites], [undefined, 1]);
      });

      if (event === "destroy") return;

      it("is merged with what was saved meanwhile", async () => {
        using clock = new HeldClock();
        const { store, found } = await left(clock);
        using _ = store;
        await store.set("a", sessionOf({ passport: { user: "ada" }, theirs: 1 }, { path: "/" }));
        await store.set("a", Object.assign(found, { mine: 2 }));
        assertEquals(await kept(store), { passport: { user: "ada" }, theirs: 1, mine: 2 });
      });
    });
  }
}

it("a session that the event destroy handed out at a revocation does not sign the user in again under another id", async () => {
  using store = new Lembro();
  await store.set("a", sessionOf({ passport: { user: "ada" } }));
  const given: SessionData[] = [];
  store.on("destroy", (_, session) => given.push(session!));
  await store.revokeUser("ada");
  await settled();
  await store.set("b", given[0]);
  assertEquals([store.stats().sessions, store.stats().lateWrites], [0, 1]);
});

describe("a logout", () => {
  for (
    const [how, logout] of [
      ["destroy", (store) => store.destroy("a")],
      ["clear", (store) => store.clear()],
      ["a save with an expired cookie", (store) => store.set("a", sessionOf({}, { maxAge: 0 }))],
      [
        "a touch with an expired cookie",
        (store) => store.touch("a", sessionOf({}, { maxAge: 0 })),
      ],
    ] as [string, (store: Store) => Promise<void>][]
  ) {
    it(`by ${how} sticks: a save of what was loaded before writes nothing, and is counted`, async () => {
      const { store, one, other } = await twoCopies({ user: "Ada" });
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

  it("sticks for thousands of sessions that had expired before, with ids that are alike", async () => {
    using clock = new HeldClock();
    using store = new Lembro({ ttl: 1_000, maxSize: Infinity });
    const sids = Array.from(
      { length: many(3_000) },
      (_, i) => i % 2 ? `${i}` : `${i}, all the same`,
    );
    const loaded: SessionData[] = [];
    for (const sid of sids) {
      await store.set(sid, sessionOf());
      loaded.push((await store.get(sid))!);
    }
    clock.tick(SECOND);
    await store.purge();
    for (const sid of sids) await store.destroy(sid);
    for (const [i, sid] of sids.entries()) await store.set(sid, loaded[i]);
    assertEquals([store.stats().sessions, store.stats().lateWrites], [0, sids.length]);
  });

  it("of a session that has left before sticks for ten minutes", async () => {
    using clock = new HeldClock();
    const { store, one } = await twoCopies({ n: 1 }, { ttl: SECOND });
    using _ = store;
    clock.tick(SECOND);
    await store.destroy("a");
    clock.jump(HOUR);
    clock.tick(10 * MINUTE);
    await store.set("a", one);
    assertEquals([store.stats().sessions, store.stats().lateWrites], [0, 1]);
  });

  it("sticks for those who had loaded it before it left and came back as plain data", async () => {
    using clock = new HeldClock();
    const { store, one } = await twoCopies({ n: 1 }, { ttl: SECOND });
    using _ = store;
    clock.tick(SECOND);
    await store.set("a", sessionOf({ n: 2 }));
    await store.destroy("a");
    await store.set("a", one);
    assertEquals([store.stats().sessions, store.stats().lateWrites], [0, 1]);
  });

  test("of more ids than are remembered drops no other save, and what was destroyed stays so", async () => {
    using clock = new HeldClock();
    using store = new Lembro({ ttl: SECOND, maxSize: Infinity });
    const sids = Array.from({ length: 12_000 }, (_, i) => `${i}`);
    const loaded = new Map<string, SessionData>();
    for (const sid of sids) {
      await store.set(sid, sessionOf());
      loaded.set(sid, (await store.get(sid))!);
    }
    clock.tick(SECOND);
    await store.purge();
    await store.set("kept", sessionOf());
    const kept = (await store.get("kept"))!;
    for (const sid of sids) await store.destroy(sid);
    for (const [sid, session] of loaded) await store.set(sid, session);
    await store.set("kept", kept);
    const { sessions, lateWrites } = store.stats();
    assertEquals([sessions, lateWrites], [1, sids.length]);
  });

  it("of thousands of sessions that are there is no reason to drop another save", async () => {
    using store = new Lembro({ maxSize: Infinity });
    const sids = Array.from({ length: many(15_000) }, (_, i) => `${i}`);
    for (const sid of sids) store.set(sid, sessionOf(), () => {});
    const others: [string, SessionData][] = [];
    for (let i = 0; i < 100; i++) {
      await store.set(`kept ${i}`, sessionOf());
      others.push([`kept ${i}`, (await store.get(`kept ${i}`))!]);
    }
    for (const sid of sids) store.destroy(sid, () => {});
    for (const [sid, session] of others) await store.set(sid, session);
    assertEquals([store.stats().sessions, store.stats().lateWrites], [100, 0]);
  });

  it("does not stop a save of plain data that was not loaded", async () => {
    const { store, one } = await twoCopies({ user: "Ada" });
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

  it("does not stop a second save of the same plain object", async () => {
    using store = new Lembro();
    const plain = sessionOf({ n: 1 });
    await store.set("a", plain);
    await store.destroy("a");
    await store.set("a", plain);
    assertEquals(await kept(store), { n: 1 });
  });

  it("does not stop a save of what was loaded under another id", async () => {
    const { store, one } = await twoCopies({ n: 1 });
    using _ = store;
    await store.destroy("a");
    await store.set("b", one);
    assertEquals(await store.ids(), ["b"]);
  });

  test("hides the error of a save that comes too late anyway", async () => {
    const { store, one } = await twoCopies({ n: 1 });
    using _ = store;
    await store.destroy("a");
    one.self = one;
    await store.set("a", one);
    assertEquals(store.stats().lateWrites, 1);
  });

  it("sticks for the Session of the request that had created and saved it", async () => {
    using store = new Lembro();
    const request = { sessionID: "a", sessionStore: store };
    const made = store.createSession(request as never, sessionOf({ user: "Ada" }));
    await store.set("a", made);
    await store.destroy("a");
    await store.set("a", made);
    assertEquals(store.stats().sessions, 0);
    assertEquals(store.stats().lateWrites, 1);
  });

  // So many loads take longer than the session lives: Redis looks at a clock of its own.
  test(
    "sticks for requests that loaded it thousands of loads apart, after it had expired",
    async () => {
      using clock = new HeldClock();
      const { store, one, load } = await twoCopies({ n: 1 }, { ttl: SECOND });
      using _ = store;
      await store.set("b", sessionOf());
      const others: unknown[] = [];
      const later: (SessionData & Data)[] = [];
      for (let i = 0; i < 3; i++) {
        for (let j = 0; j < 1_500; j++) others.push(await store.get("b"));
        later.push(await load());
      }
      clock.tick(SECOND);
      await store.purge();
      await store.destroy("a");
      for (const request of [one, ...later]) await store.set("a", request);
      assertEquals(await kept(store), undefined);
      assertEquals(store.stats().lateWrites, 4);
      assertEquals(others.length, 4_500);
    },
  );

  for (const how of isOnRedis ? ["expired"] as const : ["evicted", "expired"] as const) {
    const leave = async (store: Store, clock: HeldClock) => {
      if (how === "expired") clock.tick(SECOND);
      else for (let i = 0; i < 8; i++) await store.set(`big${i}`, sessionOfSize(1_000));
      assertEquals(await kept(store), undefined);
    };

    it(`a session that was ${how} in between is created anew by a save`, async () => {
      using clock = new HeldClock();
      const { store, one } = await twoCopies({ n: 1 }, LEAVING);
      using _ = store;
      await leave(store, clock);
      one.n = 2;
      await store.set("a", one);
      assertEquals(await kept(store), { n: 2 });
    });

    test(`sticks after the session was ${how}`, async () => {
      using clock = new HeldClock();
      const { store, one } = await twoCopies({ n: 1 }, LEAVING);
      using _ = store;
      await leave(store, clock);
      await store.destroy("a");
      await store.set("a", one);
      assertEquals(await kept(store), undefined);
      assertEquals(store.stats().lateWrites, 1);
    });

    it(`by clear sticks after the session was ${how}`, async () => {
      using clock = new HeldClock();
      const { store, one } = await twoCopies({ n: 1 }, LEAVING);
      using _ = store;
      await leave(store, clock);
      await store.clear();
      await store.set("a", one);
      assertEquals(await kept(store), undefined);
    });

    test(`sticks after the session was ${how} and created anew`, async () => {
      using clock = new HeldClock();
      const { store, one, other } = await twoCopies({ n: 1 }, LEAVING);
      using _ = store;
      await leave(store, clock);
      await store.set("a", one);
      await store.destroy("a");
      await store.set("a", other);
      assertEquals(await kept(store), undefined);
    });

    test(`two requests are merged though their session was ${how} in between`, async () => {
      using clock = new HeldClock();
      const { store, one, other } = await twoCopies({ n: 1 }, LEAVING);
      using _ = store;
      await leave(store, clock);
      one.mine = 1;
      other.yours = 2;
      await store.set("a", one);
      await store.set("a", other);
      assertEquals(await kept(store), { n: 1, mine: 1, yours: 2 });
    });
  }
});

describe("overlapping saves", () => {
  it("keep what both changed; where both changed the same, the later save wins", async () => {
    const { store, one, other } = await twoCopies({ both: 0, mine: 0, yours: 0, none: 0 });
    using _ = store;
    Object.assign(one, { both: 1, mine: 1 });
    Object.assign(other, { both: 2, yours: 2 });
    await store.set("a", one);
    await store.set("a", other);
    assertEquals(await kept(store), { both: 2, mine: 1, yours: 2, none: 0 });
    assertEquals(store.stats().merges, 1);
  });

  it("merge nested objects key by key", async () => {
    const { store, one, other } = await twoCopies({ basket: { apples: 1, pears: 1 } });
    using _ = store;
    one.basket = { apples: 2, pears: 1 };
    other.basket = { apples: 1, pears: 2 };
    await store.set("a", one);
    await store.set("a", other);
    assertEquals(await kept(store), { basket: { apples: 2, pears: 2 } });
  });

  it("keep the new keys of both", async () => {
    const { store, one, other } = await twoCopies({});
    using _ = store;
    one.mine = 1;
    other.yours = 2;
    await store.set("a", one);
    await store.set("a", other);
    assertEquals(await kept(store), { mine: 1, yours: 2 });
  });

  it("do not revive what the first one deleted", async () => {
    const { store, one, other } = await twoCopies({ flash: "Saved!", n: 0 });
    using _ = store;
    delete one.flash;
    other.n = 1;
    await store.set("a", one);
    await store.set("a", other);
    assertEquals(await kept(store), { n: 1 });
  });

  it("let the second one delete what the first one changed", async () => {
    const { store, one, other } = await twoCopies({ flash: "Saved!", n: 0 });
    using _ = store;
    one.flash = "Changed!";
    one.n = 1;
    other.flash = undefined;
    await store.set("a", one);
    await store.set("a", other);
    assertEquals(await kept(store), { n: 1 });
  });

  it("change nothing where the second one changed nothing", async () => {
    const { store, one, other } = await twoCopies({ n: 0 });
    using _ = store;
    one.n = 1;
    await store.set("a", one);
    await store.set("a", other);
    assertEquals(await kept(store), { n: 1 });
  });

  it("take the cookie of the second one where it changed it", async () => {
    const { store, one, other } = await twoCopies({ n: 0 });
    using _ = store;
    one.cookie.path = "/one";
    other.cookie.path = "/other";
    await store.set("a", one);
    await store.set("a", other);
    assertEquals((await store.get("a"))?.cookie.path, "/other");
  });

  it("may interleave several times", async () => {
    const { store, one, other } = await twoCopies({ n: 0 });
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

  test("a touch in between is no overlapping save", async () => {
    const { store, one, other } = await twoCopies({ n: 0 });
    using _ = store;
    await store.touch("a", Object.assign(one, { cookie: { path: "/touched" } }));
    other.n = 1;
    await store.set("a", other);
    assertEquals(await kept(store), { n: 1 });
    assertEquals(store.stats().merges, 0);
  });

  it("count as a merge only where another save came between", async () => {
    const { store, one, other } = await twoCopies({ n: 0 });
    using _ = store;
    one.one = 1;
    await store.set("a", one);
    other.other = 1;
    await store.set("a", other);
    assertEquals(store.stats().merges, 1);
    // It lacks what the first one saved, but nothing has overtaken it since.
    for (let i = 2; i <= 4; i++) {
      other.other = i;
      await store.set("a", other);
    }
    assertEquals(store.stats().merges, 1);
    assertEquals(await kept(store), { n: 0, one: 1, other: 4 });
    one.one = 2;
    await store.set("a", one);
    assertEquals(store.stats().merges, 2);
    assertEquals(await kept(store), { n: 0, one: 2, other: 4 });
  });

  it("count as a merge though the overtaken one was touched in between", async () => {
    const { store, one, other } = await twoCopies({ n: 0 });
    using _ = store;
    one.one = 1;
    await store.set("a", one);
    await store.touch("a", other);
    await store.touch("a", other);
    other.other = 1;
    await store.set("a", other);
    assertEquals(await kept(store), { n: 0, one: 1, other: 1 });
    assertEquals(store.stats().merges, 1);
    other.other = 2;
    await store.touch("a", other);
    await store.set("a", other);
    assertEquals(store.stats().merges, 1);
  });

  it("plain data replaces the whole session", async () => {
    const { store, one } = await twoCopies({ n: 0, more: 0 });
    using _ = store;
    one.n = 1;
    await store.set("a", one);
    await store.set("a", sessionOf({ n: 2 }));
    assertEquals(await kept(store), { n: 2 });
  });

  test("apply protect and the limit to the merged session", async () => {
    const { store, one, other } = await twoCopies({}, { maxSize: 80_000 });
    using _ = store;
    one.passport = { user: 1 };
    await store.set("a", one);
    other.page = "x".repeat(1_000);
    await store.set("a", other);
    assertEquals(store.stats().protected, 1);
    // On its own it would have room, but not with what the first one has saved.
    other.page = "x".repeat(4_980);
    await assertRejects(() => store.set("a", other), RangeError);
    assertEquals((await kept(store))?.passport, { user: 1 });
    assertEquals((await kept(store))?.page, "x".repeat(1_000));
  });

  for (const key of ["__proto__", "constructor", "toString", "hasOwnProperty"]) {
    it(`the key ${key} neither pollutes the prototype nor vanishes`, async () => {
      using store = new Lembro();
      const data = `{"cookie":{"path":"/"},"n":0,"${key}":{"polluted":1}}`;
      await store.set("a", JSON.parse(data));
      const one = await store.get("a") as SessionData & Data;
      const other = await store.get("a") as SessionData & Data;
      const third = await store.get("a") as SessionData & Data;
      one.n = 1;
      await store.set("a", one);
      Object.defineProperty(other, key, { value: { polluted: 2 }, enumerable: true });
      await store.set("a", other);
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

  it("delete a key with the name of a method of Object", async () => {
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

describe("one session object in two stores", () => {
  it("keeps where it came from in each of them", async () => {
    using here = new Lembro();
    using there = new Lembro();
    await here.set("a", sessionOf({ user: "Ada" }));
    const loaded = (await here.get("a"))!;
    await there.set("a", loaded);
    await here.destroy("a");
    await here.set("a", loaded);
    assertEquals(await kept(here), undefined, "the logout sticks");
    assertEquals(here.stats().lateWrites, 1);
    assertEquals(await kept(there), { user: "Ada" });
  });

  it("is merged in each of them with what was saved there", async () => {
    using here = new Lembro();
    using there = new Lembro();
    const load = async (store: typeof here) => await store.get("a") as SessionData & Data;
    await here.set("a", sessionOf({ n: 0 }));
    const request = { sessionID: "a", sessionStore: here } as never;
    const ours = here.createSession(request, await load(here)) as unknown as SessionData & Data;
    await there.set("a", ours);
    const theirs = await load(there);
    const other = await load(here);
    other.here = 1;
    await here.set("a", other);
    theirs.there = 1;
    await there.set("a", theirs);
    ours.n = 1;
    await here.set("a", ours);
    await there.set("a", ours);
    assertEquals(await kept(here), { n: 1, here: 1 });
    assertEquals(await kept(there), { n: 1, there: 1 });
  });

  it("is not ended in one of them by a date that its request did not change", async () => {
    using clock = new HeldClock();
    using here = new Lembro();
    using there = new Lembro();
    const { session: ours, sessionID } = await new Requests(here, { maxAge: SECOND }).create();
    await there.set(sessionID, ours);
    await here.set(sessionID, ours);
    const theirs = (await there.get(sessionID))!;
    theirs.cookie.expires = new Date(clock.now + 2 * SECOND);
    await there.touch(sessionID, theirs);
    clock.tick(SECOND);
    ours.n = 1;
    await there.set(sessionID, ours);
    assertEquals(await kept(there, sessionID), { n: 1 });
  });
});

describe("without an overlap", () => {
  test("a save parses nothing and stringifies once, and a late one not even that", async () => {
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
    assertEquals([parsed, stringified], [1, 4]);
    assertEquals(store.stats().merges, 0);
  });
});

describe("a request that is no activity, without an overlap", () => {
  test("writes its session once, and reads no more than that and the kept cookie", async () => {
    const counts = { parsed: 0, written: 0 };
    using store = new Lembro({
      isActivity: ({ path }) => path !== "/poll",
      serializer: {
        stringify(session) {
          counts.written++;
          return JSON.stringify(session);
        },
        parse(text) {
          counts.parsed++;
          return JSON.parse(text);
        },
      },
    });
    const requests = new Requests(store, { maxAge: MINUTE });
    const { sessionID } = await requests.create({ n: 0 });
    const poll = await requests.load(sessionID, { path: "/poll" });
    for (let n = 1; n <= 2; n++) {
      Object.assign(counts, { parsed: 0, written: 0 });
      poll.session.n = n;
      await save(poll);
      assertEquals(counts, { parsed: 2, written: 1 });
      assertEquals((await kept(store, sessionID))?.n, n);
    }
    assertEquals(store.stats().merges, 0);
  });
});

describe("a request's Session without an overlap", () => {
  test("is saved with one call of JSON.stringify and none of JSON.parse, several times", async () => {
    // A cookie that is made while a millisecond ends has another originalMaxAge than the others.
    using _clock = new HeldClock();
    using store = new Lembro();
    const requests = new Requests(store, { maxAge: 60_000 });
    for (let i = 0; i < 2; i++) await requests.create();
    const { sessionID } = await requests.create({ n: 0 });
    const request = await requests.load(sessionID);
    for (let n = 1; n <= 3; n++) {
      request.session.n = n;
      assertEquals(await jsonCalls(() => save(request)), { parse: 0, stringify: 1 });
    }
    await touch(request);
    assertEquals(await jsonCalls(() => save(request)), { parse: 0, stringify: 1 });
    assertEquals(await jsonCalls(() => store.get(sessionID)), { parse: 1, stringify: 0 });
    await store.destroy(sessionID);
    assertEquals(await jsonCalls(() => save(request)), { parse: 0, stringify: 0 });
  });
});

describe("createSession", () => {
  it("makes the Session of express-session", async () => {
    using store = new Lembro();
    await store.set("a", sessionOf({ n: 1 }));
    const request = { sessionID: "a", sessionStore: store } as never;
    const made = store.createSession(request, (await store.get("a"))!);
    assertEquals(made.constructor, (session as unknown as { Session: unknown }).Session);
    assertEquals((request as { session: unknown }).session, made);
  });

  it("makes sessions of one load that are saved apart from each other", async () => {
    using store = new Lembro();
    await store.set("a", sessionOf({ n: 1 }));
    const data = (await store.get("a"))! as SessionData & Data;
    const request = { sessionID: "a", sessionStore: store } as never;
    const make = (from: SessionData, of: never = request) =>
      store.createSession(of, from) as unknown as SessionData & Data;
    const [one, two] = [make(data), make(data)];
    const third = make(new Proxy(one, {}), { sessionID: "a", sessionStore: store } as never);
    for (const [at, live] of [one, two, third].entries()) {
      live[`key${at}`] = at;
      await store.set("a", live);
    }
    assertEquals(await kept(store), { n: 1, key0: 0, key1: 1, key2: 2 });
    assertEquals(store.stats().merges, 2);
  });

  it("counts a merge with what others saved before the data was touched", async () => {
    using store = new Lembro();
    type List = SessionData & { list: number[] };
    await store.set("a", sessionOf({ list: [1] }));
    const data = await store.get("a") as List;
    await store.update("a", (session) => void (session as List).list.push(2));
    await store.touch("a", data);
    const request = { sessionID: "a", sessionStore: store } as never;
    const made = store.createSession(request, data) as unknown as List;
    made.list.push(3);
    await store.set("a", made);
    assertEquals(await kept(store), { list: [1, 2, 3] });
    assertEquals(store.stats().merges, 1);
  });

  it("makes one that is saved apart from the data that it was made of", async () => {
    using store = new Lembro();
    await store.set("a", sessionOf({ n: 1 }));
    const data = (await store.get("a"))! as SessionData & Data;
    const request = { sessionID: "a", sessionStore: store } as never;
    const made = store.createSession(request, data) as unknown as SessionData & Data;
    made.made = true;
    await store.set("a", made);
    await store.touch("a", made);
    data.n = 2;
    await store.set("a", data);
    assertEquals(await kept(store), { n: 2, made: true });
  });
});
