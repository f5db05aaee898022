/** Signing a user out everywhere, in a way that sticks. */
import { assert, assertEquals, assertRejects } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import fc from "fast-check";
import { inMemory, isOnRedis } from "./support/engines.ts";
import { DAY, HeldClock, HOUR, MINUTE, SECOND, withSlowSteps } from "./support/clock.ts";
import {
  type FakeRequest,
  keptData,
  regenerate,
  Requests,
  save,
  touch,
} from "./support/requests.ts";
import {
  Lembro,
  sessionOf,
  sessionOfSize,
  settled,
  sizeOfAll,
  type Store,
} from "./support/setup.ts";

/** For what only a store in memory promises. */
const test = inMemory(it);

const ada = { passport: { user: "ada" } };
const eve = { passport: { user: "eve" } };

/** A store in which Ada has two sessions and Eve one, each loaded by a request. */
async function devices(options = {}) {
  const store = new Lembro(options);
  const requests = new Requests(store);
  const load = async (data: Record<string, unknown>) =>
    await requests.load((await requests.create(data)).sessionID);
  const [phone, laptop, other] = [await load(ada), await load(ada), await load(eve)];
  return { store, requests, phone, laptop, other };
}

/** Who is signed in, a user a session. */
async function usersSignedIn(store: Store): Promise<(string | undefined)[]> {
  const users = [];
  for (const sid of await store.ids()) users.push((await store.info(sid))?.user);
  return users.sort();
}

describe("revokeUser", () => {
  it("destroys every session of the user and returns how many", async () => {
    const { store } = await devices();
    using _ = store;
    const destroyed: string[] = [];
    store.on("destroy", (sid) => destroyed.push(sid));
    assertEquals(await store.revokeUser("ada"), 2);
    assertEquals(await usersSignedIn(store), ["eve"]);
    assertEquals([store.stats().revoked, store.stats().users, destroyed.length], [2, 1, 2]);
    assertEquals(store.stats().bytes, sizeOfAll(store));
    assertEquals(await store.revokeUser("ada"), 0);
    assertEquals(await store.revokeUser("nobody"), 0);
  });

  it("leaves a save alone into a session that the user has signed in to anew", async () => {
    using store = new Lembro();
    const requests = new Requests(store);
    const { sessionID } = await requests.create({ n: 1 });
    const request = await requests.load(sessionID);
    await store.revokeUser("ada");
    const signIn = await requests.load(sessionID);
    Object.assign(signIn.session, ada);
    await save(signIn);
    Object.assign(request.session, ada, { n: 2 });
    await save(request);
    assertEquals(await keptData(store, sessionID), { ...ada, n: 2 });
    assertEquals(store.stats().lateWrites, 0);
  });

  it("stops a sign-in that began before, though the session has expired by now", async () => {
    using clock = new HeldClock();
    using store = new Lembro({ ttl: MINUTE });
    const requests = new Requests(store);
    const request = await requests.load((await requests.create()).sessionID);
    await store.revokeUser("ada");
    clock.tick(MINUTE);
    Object.assign(request.session, ada);
    await save(request);
    assertEquals([await usersSignedIn(store), store.stats().lateWrites], [[], 1]);
  });

  test("does not count sessions that have expired: they expire", async () => {
    using clock = new HeldClock();
    using store = new Lembro({ ttl: MINUTE });
    const heard: string[] = [];
    store.on("expire", (sid) => heard.push(`expire ${sid}`));
    store.on("destroy", (sid) => heard.push(`destroy ${sid}`));
    for (const sid of ["old 1", "old 2"]) await store.set(sid, sessionOf(ada));
    clock.tick(SECOND);
    await store.set("new", sessionOf(ada));
    clock.tick(MINUTE - SECOND);
    assertEquals(await store.revokeUser("ada"), 1);
    assertEquals(heard.sort(), ["destroy new", "expire old 1", "expire old 2"]);
    assertEquals([store.stats().revoked, store.stats().expired], [1, 2]);
  });

  it("spares the session whose id is given", async () => {
    for (const kind of ["string", "number"] as const) {
      using store = new Lembro();
      for (const sid of ["1", "2", "3"]) await store.set(sid, sessionOf(ada));
      const except = kind === "number" ? 2 as never : "2";
      assertEquals(await store.revokeUser("ada", { except }), 2);
      assertEquals(await store.ids(), ["2"]);
      assertEquals((await store.sessionsOfUser("ada")).map(({ sid }) => sid), ["2"]);
    }
  });

  it("spares the session of the request that is given", async () => {
    const { store, phone } = await devices();
    using _ = store;
    assertEquals(await store.revokeUser("ada", { except: phone as never }), 1);
    assertEquals((await store.sessionsOfUser("ada")).map(({ sid }) => sid), [phone.sessionID]);
  });

  it("spares the request whose session is given, its later sign-in included", async () => {
    const { store, phone } = await devices();
    using _ = store;
    assertEquals(await store.revokeUser("ada", { except: phone.session as never }), 1);
    assertEquals((await store.sessionsOfUser("ada")).map(({ sid }) => sid), [phone.sessionID]);
    await regenerate(phone);
    Object.assign(phone.session, ada);
    await save(phone);
    assertEquals((await store.sessionsOfUser("ada")).map(({ sid }) => sid), [phone.sessionID]);
  });

  it("spares the session of a request of Fastify", async () => {
    for (const request of [{ session: { sessionId: "1" } }, { session: { id: "1" } }]) {
      using store = new Lembro();
      for (const sid of ["1", "2"]) await store.set(sid, sessionOf(ada));
      assertEquals(await store.revokeUser("ada", { except: request as never }), 1);
      assertEquals(await store.ids(), ["1"]);
    }
  });

  it("spares nothing by an id that is not the user's, or is absent", async () => {
    const { store, other } = await devices();
    using _ = store;
    assertEquals(await store.revokeUser("ada", { except: other.sessionID }), 2);
    assertEquals(await store.revokeUser("eve", { except: "nobody" }), 1);
    assertEquals(await store.length(), 0);
  });

  for (const options of [undefined, null, {}, { except: undefined }, { except: null }]) {
    it(`spares nothing with the options ${JSON.stringify(options)}`, async () => {
      const { store } = await devices();
      using _ = store;
      assertEquals(await store.revokeUser("ada", options), 2);
    });
  }

  it("takes its callback second or third", async () => {
    const { store } = await devices();
    using _ = store;
    const answers = [
      await new Promise((resolve) => store.revokeUser("ada", (_error, count) => resolve(count))),
      await new Promise((resolve) =>
        store.revokeUser("eve", {}, (_error, count) => resolve(count))
      ),
    ];
    assertEquals(answers, [2, 1]);
  });

  for (
    const [options, message] of [
      [{ except: true }, "except must be a session id, a request or its session"],
      [{ except: ["1"] }, "except must be a session id, a request or its session"],
      [{ except: { sid: "1" } }, "except must be a session id, a request or its session"],
      [{ except: { request: { sessionID: "1" } } }, "for a socket, its request"],
      [{ except: { sid: "1", session: {} } }, "except must be a session id, a request"],
      [{ exept: "1" }, "unknown option, use except"],
      ["1", "options must be an object"],
      [["1"], "options must be an object"],
    ] as const
  ) {
    it(`refuses the options ${JSON.stringify(options)}, and revokes nobody`, async () => {
      const { store } = await devices();
      using _ = store;
      await assertRejects(() => store.revokeUser("ada", options as never), TypeError, message);
      assertEquals(await store.length(), 3);
    });
  }
});

/** How a request ends: with changes or `resave`, and without. */
const ENDS: Record<string, (request: FakeRequest) => Promise<void>> = {
  "a save": save,
  "a save of what it changed": (request) => {
    request.session.page = 1;
    return save(request);
  },
  "a touch": touch,
};

describe("after revoke, nothing brings the user back:", () => {
  for (const [how, end] of Object.entries(ENDS)) {
    it(`not ${how} of a request that had loaded a session`, async () => {
      const { store, phone, laptop, other } = await devices();
      using _ = store;
      await store.revokeUser("ada");
      for (const request of [phone, laptop, other]) await end(request);
      assertEquals(await usersSignedIn(store), ["eve"]);
      assertEquals(store.stats().lateWrites, how === "a touch" ? 0 : 2);
    });
  }

  for (const order of ["before", "after"] as const) {
    for (const how of isOnRedis ? ["expired"] as const : ["evicted", "expired"] as const) {
      it(`not a save of a session that was ${how} ${order} the revocation`, async () => {
        using clock = new HeldClock();
        const { store, phone, other } = await devices({ ttl: SECOND, maxSize: "16K" });
        using _ = store;
        const leave = async () => {
          if (how === "expired") clock.tick(SECOND);
          else {
            for (let i = 0; i < 8; i++) {
              await store.set(`big ${i}`, sessionOfSize(2_048, { passport: { user: i } }));
            }
          }
          assertEquals(await store.info(phone.sessionID), undefined);
        };
        if (order === "before") await leave();
        await store.revokeUser("ada");
        if (order === "after") await leave();
        await save(phone);
        await save(other);
        assertEquals(await store.info(phone.sessionID), undefined);
        assert(await store.info(other.sessionID), "somebody else's session is created anew");
        assertEquals(store.stats().lateWrites, 1);
      });
    }
  }

  it("not a sign-in under way that came without a session", async () => {
    const { store, requests } = await devices();
    using _ = store;
    const signIn = requests.begin();
    await store.revokeUser("ada");
    Object.assign(signIn.session, ada);
    await save(signIn);
    assertEquals(await usersSignedIn(store), ["eve"]);
    assertEquals(store.stats().lateWrites, 1);
  });

  it("not a sign-in under way that had a session, nor by regenerate", async () => {
    const { store, requests } = await devices();
    using _ = store;
    const { sessionID } = await requests.create({ visits: 1 });
    for (const isRegenerating of [false, true]) {
      const signIn = await requests.load(sessionID);
      await store.revokeUser("ada");
      if (isRegenerating) await regenerate(signIn);
      Object.assign(signIn.session, ada);
      await save(signIn);
    }
    assertEquals((await store.sessionsOfUser("ada")).length, 0);
    assertEquals(store.stats().lateWrites, 2);
  });

  it("not a sign-in under way that regenerates after the revocation", async () => {
    const { store, requests } = await devices();
    using _ = store;
    const signIn = requests.begin();
    await store.revokeUser("ada");
    await regenerate(signIn);
    Object.assign(signIn.session, ada);
    await save(signIn);
    assertEquals((await store.sessionsOfUser("ada")).length, 0);
  });

  it("not a sign-in whose session was loaded without a request", async () => {
    const { store, requests } = await devices();
    using _ = store;
    const { sessionID } = await requests.create();
    for (const isSavedBetween of [false, true]) {
      const loaded = (await store.get(sessionID))!;
      await store.revokeUser("ada");
      if (isSavedBetween) await store.set(sessionID, loaded);
      await store.set(sessionID, Object.assign(loaded, ada));
      assertEquals((await store.sessionsOfUser("ada")).length, 0);
    }
  });

  it("not a change of user within a session that was loaded before", async () => {
    const { store, other } = await devices();
    using _ = store;
    await store.revokeUser("ada");
    Object.assign(other.session, ada);
    await save(other);
    assertEquals((await store.sessionsOfUser("ada")).length, 0);
  });

  it("not the sign-in that came before it under the revoked session's own id", async () => {
    const { store, phone } = await devices();
    using _ = store;
    await store.revokeUser("ada");
    await store.set(phone.sessionID, phone.session);
    await store.set("another id", phone.session);
    assertEquals((await store.sessionsOfUser("ada")).length, 0);
  });

  it("and keeps what an older request saves into a session with a new sign-in", async () => {
    const { store, requests } = await devices();
    using _ = store;
    const { sessionID } = await requests.create();
    const older = await requests.load(sessionID);
    await store.revokeUser("ada");
    const signIn = await requests.load(sessionID);
    Object.assign(signIn.session, ada);
    await save(signIn);
    older.session.seen = true;
    await save(older);
    assertEquals(await keptData(store, sessionID), { ...ada, seen: true });
    assertEquals(store.stats().lateWrites, 0);
  });

  it("but a sign-in that begins after it", async () => {
    const { store, requests } = await devices();
    using _ = store;
    await store.revokeUser("ada");
    await requests.create(ada);
    const { sessionID } = await requests.create();
    const request = await requests.load(sessionID);
    await regenerate(request);
    Object.assign(request.session, ada);
    await save(request);
    assertEquals(await usersSignedIn(store), ["ada", "ada", "eve"]);
    const [{ sid }] = await store.sessionsOfUser("ada");
    await save(await requests.load(sid));
    assertEquals(store.stats().lateWrites, 0);
  });

  it("but plain data of the app's own, which was never loaded", async () => {
    const { store } = await devices();
    using _ = store;
    await store.revokeUser("ada");
    await store.set("a", sessionOf(ada));
    assertEquals((await store.sessionsOfUser("ada")).map(({ sid }) => sid), ["a"]);
  });

  it("and everybody else is untouched", async () => {
    const { store, requests, other } = await devices();
    using _ = store;
    const signIn = requests.begin();
    await store.revokeUser("ada");
    other.session.page = 1;
    await save(other);
    Object.assign(signIn.session, { passport: { user: "bob" } });
    await save(signIn);
    assertEquals(await usersSignedIn(store), ["bob", "eve"]);
    assertEquals(store.stats().lateWrites, 0);
  });
});

describe("the request that revoke spares", () => {
  it("may save its session", async () => {
    const { store, phone, laptop } = await devices();
    using _ = store;
    await store.revokeUser("ada", { except: phone as never });
    phone.session.password = "changed";
    await save(phone);
    laptop.session.page = 1;
    await save(laptop);
    assertEquals(await usersSignedIn(store), ["ada", "eve"]);
    assertEquals((await keptData(store, phone.sessionID))?.password, "changed");
  });

  for (const when of ["before", "after"] as const) {
    it(`may regenerate its session ${when} the revocation`, async () => {
      const { store, phone } = await devices();
      using _ = store;
      if (when === "before") await regenerate(phone);
      await store.revokeUser("ada", { except: phone as never });
      if (when === "after") await regenerate(phone);
      Object.assign(phone.session, ada);
      await save(phone);
      assertEquals(await usersSignedIn(store), ["ada", "eve"]);
      assertEquals((await store.sessionsOfUser("ada"))[0].sid, phone.sessionID);
    });
  }

  it("does not spare other requests of its session from being late by its own id", async () => {
    const { store, requests, phone } = await devices();
    using _ = store;
    const tab = await requests.load(phone.sessionID);
    await store.revokeUser("ada", { except: phone as never });
    await regenerate(phone);
    Object.assign(phone.session, ada);
    await save(phone);
    tab.session.page = 1;
    await save(tab);
    assertEquals((await store.sessionsOfUser("ada")).map(({ sid }) => sid), [phone.sessionID]);
  });

  it("by an id: its other requests go on, and a regenerate under way does not", async () => {
    const { store, requests, phone } = await devices();
    using _ = store;
    const tab = await requests.load(phone.sessionID);
    await store.revokeUser("ada", { except: phone.sessionID });
    for (const [n, request] of [phone, tab].entries()) {
      request.session[`request ${n}`] = true;
      await save(request);
    }
    const kept = (await keptData(store, phone.sessionID))!;
    assertEquals([kept["request 0"], kept["request 1"]], [true, true]);
    const { sessionID } = phone;
    await regenerate(phone);
    Object.assign(phone.session, ada);
    await save(phone);
    assert(phone.sessionID !== sessionID);
    assertEquals((await store.sessionsOfUser("ada")).length, 0);
  });

  it("is stopped by a revocation that another request made while it was under way", async () => {
    const { store, phone, laptop } = await devices();
    using _ = store;
    // Both change the password; the phone is faster.
    await store.revokeUser("ada", { except: phone as never });
    await store.revokeUser("ada", { except: laptop as never });
    await regenerate(laptop);
    for (const request of [phone, laptop]) {
      Object.assign(request.session, ada);
      await save(request);
    }
    assertEquals((await store.sessionsOfUser("ada")).length, 0);
  });

  it("is not spared by the next revocation", async () => {
    const { store, phone } = await devices();
    using _ = store;
    await store.revokeUser("ada", { except: phone as never });
    await store.revokeUser("ada");
    await save(phone);
    assertEquals((await store.sessionsOfUser("ada")).length, 0);
  });
});

describe("the memory of revocations", () => {
  it("lasts at least ten minutes for a request under way", async () => {
    using clock = new HeldClock();
    const { store, requests } = await devices();
    using _ = store;
    const signIn = requests.begin();
    await store.revokeUser("ada");
    clock.tick(10 * MINUTE - 1);
    await store.revokeUser("somebody else");
    Object.assign(signIn.session, ada);
    await save(signIn);
    assertEquals((await store.sessionsOfUser("ada")).length, 0);
  });

  for (const ms of [11 * MINUTE, -11 * MINUTE]) {
    test(`lasts as long when somebody sets the clock by ${ms / MINUTE} minutes`, async () => {
      using clock = new HeldClock();
      const { store, requests } = await devices({ ttl: DAY });
      using _ = store;
      const [early, late] = [requests.begin(), requests.begin()];
      await store.revokeUser("ada");
      clock.jump(ms);
      clock.tick(10 * MINUTE);
      Object.assign(early.session, ada);
      await save(early);
      assertEquals([(await store.sessionsOfUser("ada")).length, store.stats().lateWrites], [0, 1]);
      clock.tick(1);
      Object.assign(late.session, ada);
      await save(late);
      assertEquals((await store.sessionsOfUser("ada")).length, 1);
    });
  }

  it("is not needed for a session that was destroyed: its late save is dropped at any time", async () => {
    using clock = new HeldClock();
    const { store, phone } = await devices({ ttl: HOUR });
    using _ = store;
    await store.revokeUser("ada");
    clock.tick(30 * MINUTE);
    await save(phone);
    assertEquals([(await store.sessionsOfUser("ada")).length, store.stats().lateWrites], [0, 1]);
  });

  test("holds for 12,000 users at once: no sign-in under way comes through", async () => {
    const { store, requests, other } = await devices();
    using _ = store;
    const names = Array.from({ length: 12_000 }, (_, i) => `user ${i}`);
    const signIns = [0, 1, 6_000, 11_999].map((i) => ({
      request: requests.begin(),
      user: names[i],
    }));
    for (const name of names) store.revokeUser(name, undefined, () => {});
    await settled();
    for (const { request, user } of signIns) {
      Object.assign(request.session, { passport: { user } });
      await save(request);
    }
    assertEquals(store.stats().lateWrites, signIns.length);
    // Sessions that are kept go on; new sign-ins come in.
    await save(other);
    await requests.create({ passport: { user: names[0] } });
    assertEquals(await usersSignedIn(store), ["ada", "ada", "eve", "user 0"]);
  });

  test("of more than 10,000 users keeps out hardly anybody who was not revoked", async () => {
    using store = new Lembro();
    const requests = new Requests(store);
    const others = Array.from({ length: 1_000 }, () => requests.begin());
    for (let i = 0; i < 12_000; i++) store.revokeUser(`user ${i}`, undefined, () => {});
    for (const [n, request] of others.entries()) {
      Object.assign(request.session, { passport: { user: `other ${n}` } });
      await save(request);
    }
    const { users, lateWrites } = store.stats();
    assertEquals(users + lateWrites, 1_000, "whoever is kept out is counted");
    assert(lateWrites < 100, `${lateWrites} of 1,000 are kept out`);
  });

  test("is gone ten minutes later, and a sign-in as old as that comes through", async () => {
    using clock = new HeldClock();
    const { store, requests } = await devices();
    using _ = store;
    const signIn = requests.begin();
    for (let i = 0; i < 12_000; i++) store.revokeUser(`user ${i}`, undefined, () => {});
    clock.tick(10 * MINUTE + 1);
    await store.revokeUser("ada");
    Object.assign(signIn.session, { passport: { user: "user 0" } });
    await save(signIn);
    assertEquals((await store.sessionsOfUser("user 0")).length, 1);
  });
});

describe("revoke of 10,000 sessions", () => {
  /** A store with that many sessions of Ada, and one of Eve. */
  async function full(): Promise<Store> {
    const store = new Lembro({ maxSize: Infinity, maxSessionsPerUser: Infinity });
    for (let i = 0; i < 10_000; i++) store.set(`${i}`, sessionOf(ada), () => {});
    await store.set("eve", sessionOf(eve));
    return store;
  }

  test("goes in slices, and the sessions are invisible at once", () =>
    withSlowSteps(async () => {
      using store = await full();
      const revoked = store.revokeUser("ada");
      assert(store.stats().sessions > 9_000, "they leave in slices");
      assertEquals(store.stats().users, 1);
      assertEquals([await store.get("9999"), await store.info("5000")], [undefined, undefined]);
      assertEquals(await store.sessionsOfUser("ada"), []);
      assertEquals([...store.entries()].map(([sid]) => sid), ["eve"]);
      let before = store.stats().sessions;
      while (store.stats().sessions > 1) {
        await settled();
        // A few steps of 64 entries.
        assert(before - store.stats().sessions <= 4 * 64, "too much for a turn");
        before = store.stats().sessions;
      }
      assertEquals(await revoked, 10_000);
      assertEquals(store.stats().revoked, 10_000);
      assertEquals(store.stats().bytes, sizeOfAll(store));
    }));

  test("lets the user sign in again while it goes on", () =>
    withSlowSteps(async () => {
      using store = await full();
      const requests = new Requests(store);
      const revoked = store.revokeUser("ada");
      const { sessionID } = await requests.create(ada);
      await store.set("5", sessionOf(ada));
      assertEquals(await revoked, 10_000);
      const sids = (await store.sessionsOfUser("ada")).map(({ sid }) => sid);
      assertEquals(sids.sort(), ["5", sessionID].sort());
      assertEquals(store.stats().users, 2);
    }));

  test("ends cleanly when the store is cleared, or the user is revoked again, meanwhile", () =>
    withSlowSteps(async () => {
      using store = await full();
      const counts = [store.revokeUser("ada"), store.revokeUser("ada"), store.revokeUser("eve")];
      await store.clear();
      await store.set("a", sessionOf(ada));
      await Promise.all(counts);
      assertEquals(await usersSignedIn(store), ["ada"]);
      assertEquals(store.stats().bytes, sizeOfAll(store));
    }));
});

describe("any sequence of sign-ins, saves, evictions and revocations", () => {
  // What comes about most often is there twice.
  const WHAT = [
    ...["begin", "load", "load", "save", "save", "sign in", "sign in", "sign out"] as const,
    ...["regenerate", "touch", "destroy", "revokeUser", "revokeUser", "flood", "wait"] as const,
  ];
  interface Revoked {
    user: string;
    tick: number;
    sid: string | undefined;
    request: FakeRequest | undefined;
  }
  type Step = [
    what: (typeof WHAT)[number],
    pick: number,
    user: number,
    except: number,
  ];
  const step: fc.Arbitrary<Step> = fc.tuple(
    fc.constantFrom(...WHAT),
    fc.nat(20),
    fc.nat(2),
    fc.nat(3),
  );

  /** Plays the steps, and checks after each of them who is signed in. */
  async function play(steps: Step[]): Promise<void> {
    using clock = new HeldClock();
    using store = new Lembro({ maxSize: 8_000, ttl: MINUTE });
    const requests = new Requests(store);
    const under: FakeRequest[] = [];
    const began = new Map<FakeRequest, number>();
    /** The request that has saved a session last, by the id. */
    const savedBy = new Map<string, FakeRequest>();
    const revocations: Revoked[] = [];
    let tick = 0;
    let floods = 0;

    const userOf = (request: FakeRequest) => (request.session.passport as { user?: string })?.user;
    const isStopped = (request: FakeRequest, sid: string, user: string) =>
      revocations.some((one) =>
        one.user === user && one.tick > began.get(request)! && one.sid !== sid &&
        one.request !== request
      );

    for (const [what, pick, n, except] of steps) {
      tick++;
      clock.tick(1);
      const request = under[pick % (under.length || 1)];
      const kept = [...store.entries()].map(([sid]) => sid).filter((sid) => !sid.startsWith("big"));
      const sid = kept[pick % (kept.length || 1)];
      const name = `user ${n}`;
      if (what === "begin") {
        const arrived = requests.begin();
        began.set(arrived, tick);
        under.push(arrived);
      } else if (what === "load" && sid) {
        const arrived = await requests.load(sid);
        began.set(arrived, tick);
        under.push(arrived);
      } else if (what === "save" && request) {
        const user = userOf(request);
        const before = store.stats();
        store.set(request.sessionID, request.session, () => {});
        const isKept = store.stats().saves > before.saves;
        if (isKept) savedBy.set(request.sessionID, request);
        if (user !== undefined && isKept) {
          assert(!isStopped(request, request.sessionID, user), "a stale save came through");
        }
      } else if (what === "sign in" && request) request.session.passport = { user: name };
      else if (what === "sign out" && request) delete request.session.passport;
      else if (what === "regenerate" && request) await regenerate(request);
      else if (what === "touch" && request) {
        store.touch(request.sessionID, request.session, () => {});
      } else if (what === "destroy" && sid) store.destroy(sid, () => {});
      else if (what === "revokeUser") {
        const spared = except === 0 ? sid : except === 1 ? request : undefined;
        const isRequest = typeof spared === "object";
        store.revokeUser(name, { except: spared as never }, () => {});
        revocations.push({
          user: name,
          tick,
          sid: isRequest ? spared.sessionID : spared,
          request: isRequest ? spared : undefined,
        });
      } else if (what === "flood") {
        for (let i = 0; i < 8; i++) {
          store.set(
            `big ${++floods}`,
            sessionOfSize(1_000, { passport: { user: `big ${floods}` } }),
            () => {},
          );
        }
        for (let i = 0; i < 8; i++) store.destroy(`big ${floods - i}`, () => {});
      } else if (what === "wait") clock.tick(MINUTE);

      // Nobody is signed in by a request that a later revocation of that user has stopped.
      for (const [id, session] of store.entries()) {
        const user = (session as unknown as { passport?: { user: string } }).passport?.user;
        const saver = savedBy.get(id);
        if (user === undefined || !saver) continue;
        assert(!isStopped(saver, id, user), `${user} is signed in after ${what}`);
      }
    }
  }

  test("leaves nobody signed in by a request that began before a revocation", async () => {
    await fc.assert(fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 60 }), play), {
      numRuns: 400,
      seed: 13,
    });
  });
});
