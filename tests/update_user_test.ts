/** `updateUser`: what changes for a user, in all sessions of that user. */
import { assert, assertEquals, assertRejects } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { inMemory } from "./support/engines.ts";
import { HeldClock, MINUTE, withSlowSteps } from "./support/clock.ts";
import { keptData, Requests, save } from "./support/requests.ts";
import {
  called,
  Lembro,
  type SessionData,
  sessionOf,
  settled,
  type Store,
} from "./support/setup.ts";

/** For what only a store in memory promises. */
const test = inMemory(it);

const by = (user: unknown, data = {}) => sessionOf({ passport: { user }, ...data });

/** A change that an app makes. */
const promote = (session: SessionData) => void Object.assign(session, { role: "admin" });

const roleOf = async (store: Store, sid: string) => (await keptData(store, sid))?.role;

describe("updateUser", () => {
  it("changes each session of a user and of nobody else, and returns how many", async () => {
    using store = new Lembro();
    for (const sid of ["a", "b", "c"]) await store.set(sid, by("ada"));
    await store.set("d", by("bob"));
    await store.set("e", sessionOf());
    assertEquals(await store.updateUser("ada", promote), 3);
    const roles = [];
    for (const sid of "abcde") roles.push(await roleOf(store, sid));
    assertEquals(roles, ["admin", "admin", "admin", undefined, undefined]);
    assertEquals(await called<number>((done) => store.updateUser("bob", promote, done)), 1);
    assertEquals(await store.updateUser("nobody", promote), 0);
  });

  it("takes a string, a number or a bigint, and refuses anything else", async () => {
    using store = new Lembro();
    await store.set("a", by(7));
    for (const user of ["7", 7, 7n]) assertEquals(await store.updateUser(user, promote), 1);
    for (const user of [undefined, null, {}, ["7"], true]) {
      await assertRejects(
        () => store.updateUser(user as never, promote),
        TypeError,
        "user must be",
      );
    }
    for (const change of [undefined, null, { role: "admin" }]) {
      const call = () => store.updateUser(7, change as never);
      await assertRejects(call, TypeError, "change must be a function");
    }
  });

  it("is no use of the sessions: life, rank and order stay", async () => {
    using clock = new HeldClock();
    using store = new Lembro({ ttl: 10 * MINUTE });
    for (const sid of ["a", "b", "c"]) {
      await store.set(sid, by("ada"));
      clock.tick(MINUTE);
    }
    await store.get("a");
    clock.tick(MINUTE);
    const facts = async () =>
      (await store.sessionsOfUser("ada")).map(({ session: _, bytes: __, ...rest }) => rest);
    const before = await facts();
    await store.updateUser("ada", promote);
    assertEquals(await facts(), before);
  });

  it("is merged with what requests under way save, and undoes nothing of it", async () => {
    using store = new Lembro();
    const requests = new Requests(store);
    const { sessionID } = await requests.create({ passport: { user: "ada" }, role: "user" });
    const request = await requests.load(sessionID);
    request.session.cart = ["tea"];
    await store.updateUser("ada", promote);
    await save(request);
    assertEquals(await keptData(store, sessionID), {
      passport: { user: "ada" },
      role: "admin",
      cart: ["tea"],
    });
  });

  it("does not bring back what a logout ended: what it gave out is late", async () => {
    using store = new Lembro();
    await store.set("a", by("ada"));
    let given: SessionData | undefined;
    await store.updateUser("ada", (session) => void (given = session));
    await store.destroy("a");
    await store.set("a", given!);
    assertEquals([await store.length(), store.stats().lateWrites], [0, 1]);
  });

  it("ends with what change throws; the session it threw on stays", async () => {
    using store = new Lembro();
    for (const sid of ["a", "b", "c"]) await store.set(sid, by("ada", { role: "user" }));
    const thrown = new RangeError("the second one");
    const asked: SessionData[] = [];
    const change = (session: SessionData) => {
      promote(session);
      asked.push(session);
      if (asked.length === 2) throw thrown;
    };
    const error = await store.updateUser("ada", change).then(() => undefined, (error) => error);
    assert(error === thrown);
    assertEquals(asked.length, 2);
    const roles = [];
    for (const sid of "abc") roles.push(await roleOf(store, sid));
    assertEquals(roles.sort(), ["admin", "user", "user"]);
    assertEquals(store.stats().rejected, 1);
  });

  it("refuses a change that returns a promise, and changes nothing", async () => {
    using store = new Lembro();
    await store.set("a", by("ada"));
    const call = () => store.updateUser("ada", async (session) => await promote(session));
    await assertRejects(call, TypeError, "change must not return a promise");
    assertEquals(await roleOf(store, "a"), undefined);
  });

  test("leaves alone what has left, or is another user's, before its turn", () =>
    withSlowSteps(async () => {
      using store = new Lembro({ maxSize: Infinity, maxSessionsPerUser: Infinity });
      for (let i = 0; i < 300; i++) store.set(`${i}`, by("ada"), () => {});
      await settled();
      const updated = store.updateUser("ada", promote);
      // The most recently used ones are first.
      store.destroy("0", () => {});
      store.set("1", by("bob"), () => {});
      store.set("new", by("ada"), () => {});
      assertEquals(await updated, 298);
      assertEquals(await store.get("0"), undefined);
      assertEquals(await roleOf(store, "1"), undefined);
    }));

  test("runs in slices, and stops where a sign-out everywhere has come first", () =>
    withSlowSteps(async () => {
      using store = new Lembro({ maxSize: Infinity, maxSessionsPerUser: Infinity });
      for (let i = 0; i < 300; i++) store.set(`${i}`, by("ada"), () => {});
      await settled();
      let calls = 0;
      const updated = store.updateUser("ada", () => void calls++);
      assert(calls < 300, `${calls} in one turn`);
      const revoked = store.revokeUser("ada");
      assert(await updated < 300);
      assertEquals(await revoked, 300);
      assertEquals(await store.length(), 0);
    }));
});
