/** Sessions that an app wraps in a `Proxy`, as change tracking does. */
import { assertEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { HeldClock, SECOND } from "./support/clock.ts";
import {
  type FakeRequest,
  keptData,
  regenerate,
  Requests,
  save,
  touch,
} from "./support/requests.ts";
import { called, Lembro } from "./support/setup.ts";

/** Ways to wrap the session of a request. */
const WRAPPINGS: Record<string, (request: FakeRequest) => void> = {
  "in one Proxy": (request) => {
    request.session = new Proxy(request.session, {});
  },
  "in a new Proxy at each look": (request) => {
    const { session } = request;
    Object.defineProperty(request, "session", {
      get: () => new Proxy(session, {}),
      set: (value) =>
        Object.defineProperty(request, "session", { value, writable: true, configurable: true }),
      configurable: true,
    });
  },
};

for (const [how, wrap] of Object.entries(WRAPPINGS)) {
  describe(`a session that is wrapped ${how}`, () => {
    it("does not undo a logout, by a save or a touch", async () => {
      using store = new Lembro();
      const requests = new Requests(store);
      const { sessionID } = await requests.create({ passport: { user: "ada" } });
      const request = await requests.load(sessionID);
      wrap(request);
      await store.destroy(sessionID);
      await save(request);
      await save(request);
      await touch(request);
      assertEquals([store.stats().sessions, store.stats().lateWrites], [0, 2]);
    });

    it("does not undo the logout of a session that its request had created", async () => {
      using store = new Lembro();
      const request = new Requests(store).begin();
      wrap(request);
      await save(request);
      await store.destroy(request.sessionID);
      await save(request);
      assertEquals([store.stats().sessions, store.stats().lateWrites], [0, 1]);
    });

    it("is merged with what another request saved, at each of its saves", async () => {
      using store = new Lembro();
      const requests = new Requests(store);
      const { sessionID } = await requests.create({ list: [1] });
      const request = await requests.load(sessionID);
      wrap(request);
      for (const n of [1, 2]) {
        const other = await requests.load(sessionID);
        other.session[`theirs${n}`] = n;
        await save(other);
        request.session[`mine${n}`] = n;
        await save(request);
      }
      assertEquals(await keptData(store, sessionID), {
        list: [1],
        theirs1: 1,
        mine1: 1,
        theirs2: 2,
        mine2: 2,
      });
    });

    it("does not end a session by a date that it did not change", async () => {
      using clock = new HeldClock();
      using store = new Lembro();
      const requests = new Requests(store, { maxAge: SECOND });
      const { sessionID } = await requests.create();
      const request = await requests.load(sessionID);
      wrap(request);
      clock.tick(900);
      await touch(await requests.load(sessionID));
      clock.tick(200);
      request.session.n = 1;
      await save(request);
      assertEquals(await keptData(store, sessionID), { n: 1 });
    });

    it("is another one after regenerate, even under the same id", async () => {
      using store = new Lembro();
      const requests = new Requests(store);
      const { sessionID } = await requests.create({ old: 1 });
      const request = await requests.load(sessionID);
      wrap(request);
      await regenerate(request);
      request.sessionID = sessionID;
      wrap(request);
      request.session.n = 1;
      await save(request);
      assertEquals(await keptData(store, sessionID), { n: 1 });
      assertEquals(store.stats().lateWrites, 0);
      await store.destroy(sessionID);
      await save(request);
      assertEquals([store.stats().sessions, store.stats().lateWrites], [0, 1]);
    });

    it("does not bring the user back after a revocation", async () => {
      using store = new Lembro();
      const requests = new Requests(store);
      const { sessionID } = await requests.create();
      const request = await requests.load(sessionID);
      wrap(request);
      await store.revokeUser("ada");
      request.session.passport = { user: "ada" };
      await save(request);
      assertEquals([store.stats().users, store.stats().lateWrites], [0, 1]);
    });
  });
}

it("a request whose sessions are in two stores has an origin in each of them", async () => {
  using one = new Lembro();
  using other = new Lembro();
  const [ones, others] = [new Requests(one), new Requests(other)];
  const sid = (await ones.create()).sessionID;
  await other.set(sid, (await one.get(sid))!);
  const request = await ones.load(sid);
  const inOne = request.session;
  other.createSession(request as never, (await other.get(sid))!);
  await one.destroy(sid);
  await one.set(sid, new Proxy(inOne, {}));
  await others.store.set(sid, new Proxy(request.session, {}));
  assertEquals([one.stats().lateWrites, other.stats().lateWrites], [1, 0]);
  assertEquals([one.stats().sessions, other.stats().sessions], [0, 1]);
});

describe("a session that is saved through a Proxy and as it is by turns", () => {
  it("does not undo the logout by which its request got another one", async () => {
    using store = new Lembro();
    const request = new Requests(store).begin();
    const { session, sessionID } = request;
    request.session = new Proxy(session, {});
    session.passport = { user: "ada" };
    await save(request);
    await regenerate(request);
    await store.set(sessionID, session);
    assertEquals([await keptData(store, sessionID), store.stats().lateWrites], [undefined, 1]);
  });

  it("keeps what others appended, though its request has read the session anew since", async () => {
    using store = new Lembro();
    const requests = new Requests(store);
    const { sessionID } = await requests.create({ list: [] });
    const request = await requests.load(sessionID);
    const before = request.session = new Proxy(request.session, {});
    const list = before.list as string[];
    list.push("first");
    await save(request);
    const other = await requests.load(sessionID);
    (other.session.list as string[]).push("theirs");
    await save(other);
    await called((done) => (before as unknown as { reload(done: unknown): void }).reload(done));
    list.push("second");
    await store.set(sessionID, before);
    assertEquals(await keptData(store, sessionID), { list: ["first", "theirs", "second"] });
  });

  it("keeps what its request saved of the session from before a reload", async () => {
    using store = new Lembro();
    const requests = new Requests(store);
    const { sessionID } = await requests.create({ n: 1 });
    const request = await requests.load(sessionID);
    const { session } = request;
    await called((done) => (session as unknown as { reload(done: unknown): void }).reload(done));
    request.session = new Proxy(request.session, {});
    session.before = true;
    await store.set(sessionID, session);
    request.session.after = true;
    await save(request);
    assertEquals(await keptData(store, sessionID), { n: 1, before: true, after: true });
  });

  for (const isNew of [true, false]) {
    it(`is one session, with what others append in between: ${isNew ? "new" : "loaded"}`, async () => {
      using store = new Lembro();
      const requests = new Requests(store);
      const request = isNew
        ? requests.begin()
        : await requests.load((await requests.create({ list: [] })).sessionID);
      const { sessionID, session } = request;
      const list: string[] = session.list = [];
      const wrapped = { ...request, session: new Proxy(session, {}) };
      const appended: string[] = [];
      for (const [n, one] of [wrapped, request, wrapped, wrapped, request].entries()) {
        list.push(`mine ${n}`);
        await save(one);
        const other = await requests.load(sessionID);
        (other.session.list as string[]).push(`theirs ${n}`);
        await save(other);
        appended.push(`mine ${n}`, `theirs ${n}`);
      }
      assertEquals((await keptData(store, sessionID))!.list, appended);
    });
  }

  it("is saved as it is at the end, after a save through a Proxy, without a merge", async () => {
    using store = new Lembro();
    const requests = new Requests(store);
    const request = await requests.load((await requests.create({ list: [1] })).sessionID);
    const list = request.session.list as number[];
    list.push(2);
    await save({ ...request, session: new Proxy(request.session, {}) });
    list.pop();
    await save(request);
    assertEquals(await keptData(store, request.sessionID), { list: [1] });
    assertEquals(store.stats().merges, 0);
  });

  it("stays out after regenerate, whichever of the two is saved", async () => {
    using store = new Lembro();
    const requests = new Requests(store);
    const request = await requests.load((await requests.create()).sessionID);
    const { sessionID, session } = request;
    const both = [session, new Proxy(session, {})].map((one) => ({ ...request, session: one }));
    for (const one of both) await save(one);
    await regenerate(request);
    await save(request);
    for (const one of both) await save({ ...one, sessionID });
    assertEquals([await store.ids(), store.stats().lateWrites], [[request.sessionID], 2]);
  });
});
