/** Sessions by user: `sessionsOfUser`, `info`, `update`, and the cap of sessions a user. */
import { assert, assertEquals, assertNotEquals, assertRejects } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { loadSnapshot, saveSnapshot } from "express-lembro/snapshot";
import { Folder } from "./support/folder.ts";
import { inMemory, isOnRedis } from "./support/engines.ts";
import { HeldClock, MINUTE, SECOND, START } from "./support/clock.ts";
import { keptData, Requests, save } from "./support/requests.ts";
import {
  Lembro,
  type SessionData,
  sessionOf,
  sessionOfSize,
  settled,
  type Store,
} from "./support/setup.ts";

/** For what only a store in memory promises. */
const test = inMemory(it);

type Data = Record<string, unknown>;

const by = (user: unknown, data: Data = {}) => sessionOf({ passport: { user }, ...data }, {});

/** The ids of a user's sessions, the most recently used first. */
async function sidsOf(store: Store, user: string | number | bigint) {
  return (await store.sessionsOfUser(user)).map(({ sid }) => sid);
}

describe("the user of a session", () => {
  for (
    const [what, passport, user] of [
      ["a string", { user: "ada" }, "ada"],
      ["a number", { user: 42 }, "42"],
      ["zero", { user: 0 }, "0"],
      ["the id of an object", { user: { id: 7, name: "Ada" } }, "7"],
      ["nobody: an object without an id", { user: { name: "Ada" } }, undefined],
      ["nobody: an id that is an object", { user: { id: {} } }, undefined],
      ["nobody: an id that is an empty string", { user: { id: "" } }, undefined],
      ["nobody: null", { user: null }, undefined],
      ["nobody: an empty string", { user: "" }, undefined],
      ["nobody: NaN", { user: NaN }, undefined],
      ["nobody: false", { user: false }, undefined],
      ["nobody: true", { user: true }, undefined],
      ["nobody: passport is null", null, undefined],
    ] as const
  ) {
    it(`is by default that of Passport: ${what}`, async () => {
      using store = new Lembro();
      await store.set("a", sessionOf({ passport }));
      assertEquals((await store.info("a"))?.user, user);
      assertEquals(store.stats().users, user === undefined ? 0 : 1);
      // Passport has found somebody, even where it can't be told who it is.
      const isProtected = Boolean(passport?.user || passport?.user === 0);
      assertEquals(store.stats().protected, isProtected ? 1 : 0);
    });
  }

  for (const nobody of ["", NaN, false, null, undefined]) {
    const name = nobody === "" ? '""' : String(nobody);
    it(`is nobody where the option returns ${name}: the carts of visitors are not one user's`, async () => {
      using store = new Lembro({ user: () => nobody as never });
      for (let i = 0; i < 150; i++) await store.set(`${i}`, sessionOf({ cart: [i] }));
      const { sessions, users, newcomers, rejected } = store.stats();
      assertEquals([sessions, users, newcomers, rejected], [150, 0, 150, 0]);
      assertEquals([await sidsOf(store, ""), await sidsOf(store, String(nobody))], [[], []]);
      assertEquals(await store.revokeUser(""), 0);
    });
  }

  it("is not the one named NaN for a caller who has no number", async () => {
    using store = new Lembro();
    await store.set("a", by("NaN"));
    assertEquals([await sidsOf(store, NaN), await store.revokeUser(NaN)], [[], 0]);
    assertEquals(await sidsOf(store, "NaN"), ["a"]);
  });

  it("ends when the option returns nobody for the session", async () => {
    using store = new Lembro({ user: (session) => (session as unknown as Data).owner as string });
    await store.set("a", sessionOf({ owner: "ada" }));
    await store.set("a", sessionOf({ owner: "" }));
    assertEquals([await sidsOf(store, "ada"), store.stats().users], [[], 0]);
    assertEquals(store.stats().protected, 0);
  });

  it("is what the option returns, and then protects the session", async () => {
    using store = new Lembro({
      user: (session, sid) =>
        (session as unknown as Data).owner as string ?? (sid === "b" ? 2n : null),
    });
    await store.set("a", sessionOf({ owner: "ada" }));
    await store.set("b", sessionOf());
    await store.set("c", sessionOf());
    assertEquals(await sidsOf(store, "ada"), ["a"]);
    assertEquals(await sidsOf(store, 2n), ["b"]);
    assertEquals(await sidsOf(store, "2"), ["b"]);
    assertEquals([store.stats().users, store.stats().protected], [2, 2]);
  });

  it("is read at each save: a sign-in and a sign-out within a session", async () => {
    using store = new Lembro();
    await store.set("a", sessionOf());
    assertEquals(store.stats().users, 0);
    await store.set("a", by("ada"));
    assertEquals(await sidsOf(store, "ada"), ["a"]);
    await store.set("a", by("eve"));
    assertEquals([await sidsOf(store, "ada"), await sidsOf(store, "eve")], [[], ["a"]]);
    await store.set("a", sessionOf());
    assertEquals([await sidsOf(store, "eve"), store.stats().users], [[], 0]);
  });

  for (
    const [how, leave] of [
      ["destroyed", (store) => store.destroy("a")],
      ["cleared", (store) => store.clear()],
      ["saved with an expired cookie", (store) => store.set("a", sessionOf({}, { maxAge: 0 }))],
      ["revoked", (store) => store.revokeUser("ada")],
      [
        "updated to nobody's",
        (store) => store.update("a", (s) => void delete (s as never as Data).passport),
      ],
    ] as [string, (store: Store) => Promise<unknown>][]
  ) {
    it(`is forgotten when the session is ${how}`, async () => {
      using store = new Lembro();
      await store.set("a", by("ada"));
      await leave(store);
      assertEquals(store.stats().users, 0);
      assertEquals(await store.sessionsOfUser("ada"), []);
    });
  }

  test("is forgotten when the session expires or is evicted", async () => {
    using clock = new HeldClock();
    using store = new Lembro({ ttl: SECOND, maxSize: 1_600 });
    await store.set("a", sessionOfSize(200, { passport: { user: 1 } }));
    clock.tick(SECOND);
    assertEquals(await store.sessionsOfUser(1), []);
    assertEquals(store.stats().users, 0);
    for (let i = 0; i < 9; i++) {
      await store.set(`${i}`, sessionOfSize(200, { passport: { user: i } }));
    }
    assertEquals(store.stats().users, 8);
    assertEquals(await store.sessionsOfUser(0), []);
  });
});

describe("a user whose id is no string until it is written", () => {
  /** An id as Mongo has it. */
  class ObjectId {
    readonly #id: string;

    constructor(id: string) {
      this.#id = id;
    }

    toJSON(): string {
      return this.#id;
    }
  }
  const ada = () => new ObjectId("65f0");
  const byId = { user: (session: SessionData) => (session as unknown as Data).userId as string };

  for (
    const [where, options, data] of [
      ["Passport's user", {}, () => ({ passport: { user: ada() } })],
      ["the id of Passport's user", {}, () => ({ passport: { user: { id: ada() } } })],
      ["what the option user returns", byId, () => ({ userId: ada() })],
    ] as const
  ) {
    test(`is found and revoked by that string: ${where}`, async () => {
      using store = new Lembro(options);
      const requests = new Requests(store);
      const { sessionID } = await requests.create(data());
      await store.set("b", sessionOf());
      await store.update("b", (session) => void Object.assign(session, data()));
      assertEquals((await sidsOf(store, "65f0")).sort(), [sessionID, "b"].sort());
      assertEquals([store.stats().users, store.stats().protected], [1, 2]);
      // A file has the same user.
      using folder = new Folder();
      using restored = new Lembro(options);
      await saveSnapshot(store, folder.snapshot);
      await loadSnapshot(restored, folder.snapshot);
      assertEquals((await sidsOf(restored, "65f0")).sort(), [sessionID, "b"].sort());
      assertEquals(await store.revokeUser("65f0"), 2);
      assertEquals(await store.length(), 0);
    });
  }

  it("has no more than maxSessionsPerUser, as any other", async () => {
    using store = new Lembro({ maxSessionsPerUser: 2 });
    for (const sid of ["a", "b", "c"]) await store.set(sid, by(ada()));
    assertEquals(await sidsOf(store, "65f0"), ["c", "b"]);
  });

  it("is the one that a document writes, and none if it writes none", async () => {
    using store = new Lembro();
    const renamed = { _id: 7, toJSON: () => ({ id: "7" }) };
    const dropped = { id: 8, toJSON: () => ({ name: "Eve" }) };
    await store.set("a", by(renamed));
    await store.set("b", by(dropped));
    await store.set("c", sessionOf({ passport: { toJSON: () => ({ user: "9" }) } }, {}));
    await store.set("d", sessionOf({ passport: { user: 10, toJSON: () => null } }, {}));
    assertEquals(
      await Promise.all(["7", "8", "9", "10"].map((user) => sidsOf(store, user))),
      [["a"], [], ["c"], []],
    );
    assertEquals(store.stats().protected, 3);
  });

  it("stays signed out after revokeUser, whatever a request under way saves", async () => {
    using store = new Lembro();
    const requests = new Requests(store);
    const signIn = requests.begin();
    await store.revokeUser("65f0");
    signIn.session.passport = { user: ada() };
    await save(signIn);
    assertEquals([await sidsOf(store, "65f0"), store.stats().lateWrites], [[], 1]);
  });
});

describe("sessionsOfUser", () => {
  test("returns what info returns, the most recently used session first", async () => {
    using clock = new HeldClock();
    using store = new Lembro();
    for (const sid of ["a", "b", "c", "d"]) {
      await store.set(sid, by("ada"));
      clock.tick(SECOND);
    }
    await store.get("a");
    clock.tick(SECOND);
    await store.touch("c", sessionOf({}, {}));
    clock.tick(SECOND);
    await store.set("b", by("ada", { again: true }));
    assertEquals(await sidsOf(store, "ada"), ["b", "c", "a", "d"]);
    const infos = await store.sessionsOfUser("ada");
    for (const info of infos) assertEquals(info, (await store.info(info.sid))!);
    assertEquals(infos.map(({ lastUsed }) => lastUsed.getTime() - START), [6000, 5000, 4000, 3000]);
  });

  it("takes a string, a number or a bigint, and refuses anything else", async () => {
    using store = new Lembro();
    await store.set("a", by(7));
    for (const user of ["7", 7, 7n]) assertEquals(await sidsOf(store, user), ["a"]);
    for (const user of [undefined, null, {}, ["7"], true, Symbol("7")]) {
      const refused = await assertRejects(() => store.sessionsOfUser(user as never), TypeError);
      assert(refused.message.includes("user must be a string, a number or a bigint"));
      await assertRejects(() => store.revokeUser(user as never), TypeError);
    }
    assertEquals(await store.length(), 1);
  });

  for (const user of ["__proto__", "constructor", "\ud800", " "]) {
    it(`may be asked for the user ${JSON.stringify(user)}`, async () => {
      using store = new Lembro();
      assertEquals(await store.sessionsOfUser(user), []);
      await store.set("a", by(user));
      assertEquals(await sidsOf(store, user), ["a"]);
      assertEquals(await store.revokeUser(user), 1);
    });
  }
});

describe("info", () => {
  test("returns what is known of a session", async () => {
    using clock = new HeldClock();
    using store = new Lembro({ ttl: MINUTE });
    await store.set("a", by("ada", { n: 1 }));
    clock.tick(SECOND);
    await store.get("a");
    clock.tick(SECOND);
    const session = by("ada", { n: 1 });
    assertEquals(await store.info("a"), {
      sid: "a",
      session,
      user: "ada",
      rank: "protected",
      bytes: 2 * JSON.stringify(session).length,
      created: new Date(START),
      lastUsed: new Date(START + SECOND),
      expires: new Date(START + MINUTE),
    });
  });

  it("returns undefined for an absent or expired session, and no date for one that never expires", async () => {
    using clock = new HeldClock();
    using store = new Lembro({ ttl: () => Infinity });
    assertEquals(await store.info("a"), undefined);
    await store.set("a", sessionOf({}, { maxAge: 1 }));
    clock.tick(1);
    assertEquals(await store.info("a"), undefined);
    await store.set("b", sessionOf());
    assertEquals((await store.info("b"))?.expires, undefined);
  });

  it("returns a fresh copy", async () => {
    using store = new Lembro();
    await store.set("a", sessionOf({ list: [1] }));
    ((await store.info("a"))!.session as unknown as { list: number[] }).list.push(2);
    assertEquals((await keptData(store, "a"))?.list, [1]);
  });

  test("and sessionsOf are no use: no rank, no order, no life and no counter changes", async () => {
    using clock = new HeldClock();
    using store = new Lembro({ maxSize: 1_600, ttl: MINUTE, idleTimeout: MINUTE });
    for (let i = 0; i < 8; i++) {
      await store.set(`${i}`, sessionOfSize(200, { passport: { user: 1 } }));
    }
    clock.tick(SECOND);
    const before = store.stats();
    for (let i = 0; i < 3; i++) {
      await store.info("0");
      await store.sessionsOfUser(1);
    }
    assertEquals(store.stats(), before);
    assertEquals((await store.info("0"))?.lastUsed, new Date(START));
    // The order of eviction, and that of the user, have not changed.
    await store.set("8", sessionOfSize(200, { passport: { user: 1 } }));
    assertEquals(await store.info("0"), undefined);
    assertEquals(await sidsOf(store, 1), [..."87654321"]);
    clock.tick(MINUTE - SECOND);
    assertEquals(await store.ids(), ["8"]);
  });

  it("makes no returning session of a newcomer", async () => {
    using store = new Lembro();
    await store.set("a", sessionOf());
    await store.info("a");
    assertEquals((await store.info("a"))?.rank, "newcomers");
    await store.get("a");
    assertEquals((await store.info("a"))?.rank, "returning");
  });
});

describe("update", () => {
  test("calls its function at once, and returns the session as it is kept then", async () => {
    using store = new Lembro();
    await store.set("a", sessionOf({ n: 1 }, {}));
    let isCalled = false;
    const updated = store.update("a", (session) => {
      isCalled = true;
      Object.assign(session, { n: (session as unknown as { n: number }).n + 1, gone: undefined });
    });
    assert(isCalled);
    assertEquals((await keptData(store, "a"))?.n, 2, "it has taken effect");
    assertEquals(await updated, sessionOf({ n: 2 }, {}));
  });

  it("loses no count of a thousand at once", async () => {
    using store = new Lembro();
    await store.set("a", sessionOf({ n: 0 }));
    const add = (session: SessionData) => void (session as unknown as { n: number }).n++;
    await Promise.all(Array.from({ length: 1_000 }, () => store.update("a", add)));
    assertEquals((await keptData(store, "a"))?.n, 1_000);
  });

  it("returns undefined for an absent session, without calling its function", async () => {
    using store = new Lembro();
    const fail = () => {
      throw new Error("called");
    };
    assertEquals(await store.update("a", fail), undefined);
    assertEquals(await store.length(), 0);
  });

  for (
    const [what, change] of [
      ["throws", () => {
        throw new Error("not today");
      }],
      ["throws after it has changed its copy", (session: SessionData) => {
        Object.assign(session, { n: 2 });
        throw new Error("not today");
      }],
      ["returns a promise", (session: SessionData) => {
        Object.assign(session, { n: 2 });
        return Promise.resolve();
      }],
      ["is async", async (session: SessionData) => {
        await Promise.resolve();
        Object.assign(session, { n: 2 });
      }],
      ["returns a thenable", (session: SessionData) => {
        Object.assign(session, { n: 2 });
        return { then() {} };
      }],
      [
        "makes the session too large",
        (session: SessionData) => void Object.assign(session, { n: "x".repeat(10_000) }),
      ],
      [
        "makes the session circular",
        (session: SessionData) => void Object.assign(session, { self: session }),
      ],
    ] as [string, (session: SessionData) => void][]
  ) {
    if (isOnRedis && what === "makes the session too large") continue;
    it(`changes nothing if its function ${what}`, async () => {
      using store = new Lembro({ maxSize: "64K" });
      await store.set("a", sessionOf({ n: 1 }, {}));
      const before = await store.info("a");
      await assertRejects(() => store.update("a", change));
      await settled();
      assertEquals(await store.info("a"), before);
      assertEquals(store.stats().rejected, 1);
    });
  }

  it("refuses what is no function", async () => {
    using store = new Lembro();
    for (const change of [undefined, null, { n: 1 }, "n = 1"]) {
      await assertRejects(
        () => store.update("a", change as never),
        TypeError,
        "change must be a function",
      );
    }
  });

  test("leaves the life, the rank, the last use and the order of eviction as they are", async () => {
    using clock = new HeldClock();
    using store = new Lembro({ maxSize: 1_600, ttl: MINUTE });
    for (let i = 0; i < 8; i++) {
      await store.set(`${i}`, sessionOfSize(180));
      await store.get(`${i}`);
    }
    clock.tick(SECOND);
    const before = await store.info("0");
    await store.update("0", (session) => void Object.assign(session, { n: 1 }));
    const after = (await store.info("0"))!;
    assertEquals(
      { ...before, session: undefined, bytes: 0 },
      { ...after, session: undefined, bytes: 0 },
    );
    await store.set("new", sessionOfSize(180));
    assertEquals(await store.info("0"), undefined, "it was still the next to be evicted");
    clock.tick(MINUTE - SECOND);
    assertEquals(await store.ids(), ["new"]);
  });

  it("leaves a newcomer one, and protects a session that it signs in", async () => {
    using store = new Lembro();
    await store.set("a", sessionOf());
    await store.update("a", (session) => void Object.assign(session, { n: 1 }));
    assertEquals(store.stats().newcomers, 1);
    await store.update("a", (session) => void Object.assign(session, { passport: { user: 1 } }));
    assertEquals([store.stats().protected, store.stats().users], [1, 1]);
  });

  it("merges with a request under way, both ways round", async () => {
    using store = new Lembro();
    const requests = new Requests(store);
    const { sessionID } = await requests.create({ user: { name: "Ada", role: "guest" }, n: 0 });
    const one = await requests.load(sessionID);
    await store.update(sessionID, (session) => {
      (session as unknown as { user: Data }).user.role = "admin";
    });
    (one.session.user as Data).name = "Ada L.";
    one.session.n = 1;
    await save(one);
    assertEquals(await keptData(store, sessionID), {
      user: { name: "Ada L.", role: "admin" },
      n: 1,
    });
    const other = await requests.load(sessionID);
    other.session.page = 1;
    await save(other);
    await store.update(sessionID, (session) => void delete (session as unknown as Data).n);
    await save(one);
    assertEquals(await keptData(store, sessionID), {
      user: { name: "Ada L.", role: "admin" },
      page: 1,
    });
  });

  test("does not undo a logout that its own function calls", async () => {
    using store = new Lembro();
    await store.set("a", sessionOf());
    assertEquals(await store.update("a", () => void store.destroy("a")), undefined);
    assertEquals(await store.length(), 0);
  });

  it("destroys the session if it makes its cookie expire", async () => {
    using store = new Lembro();
    await store.set("a", sessionOf({}, { maxAge: MINUTE }));
    await store.update(
      "a",
      (session) => void Object.assign(session, { cookie: { expires: new Date(0) } }),
    );
    assertEquals(store.stats().sessions, 0);
  });
});

describe("maxSessionsPerUser", () => {
  test("costs a sign-in no more the more sessions there are", async () => {
    const costs = [];
    for (const cap of [500, 50_000]) {
      using store = new Lembro({ maxSize: Infinity, maxSessionsPerUser: cap });
      for (let i = 0; i < cap; i++) store.set(`${i}`, by("ada"), () => {});
      const times = [];
      for (let i = 0; i < 50; i++) {
        const start = performance.now();
        store.set(`more ${i}`, by("ada"), () => {});
        times.push(performance.now() - start);
      }
      assertEquals([store.stats().sessions, store.stats().revoked], [cap, 50]);
      costs.push(Math.min(...times));
      await settled();
    }
    // A hundred times as many sessions; the fastest of many, since the machine may be busy.
    assert(costs[1] < 10 * costs[0], `${costs[1] / costs[0]} times as long`);
  });

  it("is 100 by default", async () => {
    using store = new Lembro();
    for (let i = 0; i < 105; i++) await store.set(`${i}`, by("ada"));
    assertEquals([(await store.sessionsOfUser("ada")).length, store.stats().revoked], [100, 5]);
    assertEquals(await store.info("4"), undefined);
    assertNotEquals(await store.info("5"), undefined);
  });

  test("destroys the least recently used session of that user, and of no one else", async () => {
    using store = new Lembro({ maxSessionsPerUser: 2 });
    const destroyed: string[] = [];
    store.on("destroy", (sid) => destroyed.push(sid));
    await store.set("e", by("eve"));
    for (const sid of ["a", "b"]) await store.set(sid, by("ada"));
    await store.get("a");
    await store.set("c", by("ada"));
    assertEquals(await sidsOf(store, "ada"), ["c", "a"]);
    await store.touch("a", sessionOf());
    await store.set("d", by("ada"));
    assertEquals(await sidsOf(store, "ada"), ["d", "a"]);
    assertEquals(await sidsOf(store, "eve"), ["e"]);
    assertEquals(destroyed, ["b", "c"]);
    assertEquals([store.stats().revoked, store.stats().users], [2, 2]);
  });

  it("sticks like a logout", async () => {
    using store = new Lembro({ maxSessionsPerUser: 1 });
    const requests = new Requests(store);
    const { sessionID } = await requests.create({ passport: { user: 1 } });
    const slow = await requests.load(sessionID);
    await requests.create({ passport: { user: 1 } });
    slow.session.n = 1;
    await save(slow);
    assertEquals(await store.info(sessionID), undefined);
    assertEquals([store.stats().lateWrites, store.stats().sessions], [1, 1]);
  });

  it("holds when a session changes its user, by a save and by an update", async () => {
    using store = new Lembro({ maxSessionsPerUser: 1 });
    for (const sid of ["a", "b", "c"]) await store.set(sid, sid === "a" ? by(1) : sessionOf());
    await store.set("b", by(1));
    assertEquals(await sidsOf(store, 1), ["b"]);
    await store.update("c", (session) => void Object.assign(session, { passport: { user: 1 } }));
    assertEquals(await sidsOf(store, 1), ["c"]);
  });

  test("does not count sessions that have expired as revoked", async () => {
    using clock = new HeldClock();
    using store = new Lembro({ maxSessionsPerUser: 1, ttl: SECOND });
    await store.set("a", by(1));
    clock.tick(SECOND);
    await store.set("b", by(1));
    assertEquals([store.stats().revoked, store.stats().expired], [0, 1]);
  });

  test("does not destroy a live session in place of an expired one", async () => {
    using clock = new HeldClock();
    using store = new Lembro({ maxSessionsPerUser: 2 });
    const passport = { user: 1 };
    await store.set("a", sessionOf({ passport }));
    await store.set("b", sessionOf({ passport }, { maxAge: SECOND }));
    clock.tick(SECOND);
    await store.set("c", sessionOf({ passport }));
    assertEquals(await sidsOf(store, 1), ["c", "a"]);
    assertEquals([store.stats().revoked, store.stats().expired], [0, 1]);
  });

  test("may be Infinity", async () => {
    using store = new Lembro({ maxSessionsPerUser: Infinity });
    for (let i = 0; i < 300; i++) store.set(`${i}`, by("ada"), () => {});
    assertEquals((await store.sessionsOfUser("ada")).length, 300);
  });
});

test("maxSessionsPerUser: an expired session costs none its place when a snapshot is loaded", async () => {
  using clock = new HeldClock();
  using folder = new Folder();
  using before = new Lembro();
  await before.set("from file", sessionOf({ passport: { user: "ada" } }));
  await saveSnapshot(before, folder.snapshot);
  using after = new Lembro({ maxSessionsPerUser: 2 });
  await after.set("live", sessionOf({ passport: { user: "ada" } }));
  await after.set("expired", sessionOf({ passport: { user: "ada" } }, { maxAge: 1_000 }));
  clock.tick(1_000);
  const { sessions, omitted } = await loadSnapshot(after, folder.snapshot);
  assertEquals([sessions, omitted, (await after.ids()).sort()], [1, 0, ["from file", "live"]]);
});
