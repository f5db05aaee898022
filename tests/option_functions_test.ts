/**
 * What the functions among the options are called with: always the session as
 * it will be kept.
 */
import { assert, assertEquals, assertRejects } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import type { LembroOptions } from "express-lembro";
import { HeldClock, MINUTE, SECOND } from "./support/clock.ts";
import { Site } from "./support/http.ts";
import { type FakeRequest, Requests, save, touch } from "./support/requests.ts";
import { Lembro, type SessionData, sessionOf } from "./support/setup.ts";

type Data = Record<string, unknown>;

const isSignedIn = (session: SessionData) => (session as unknown as Data).user !== undefined;

/** Two requests that have loaded the same session, in a store with `options`. */
async function twoRequests(options: LembroOptions) {
  const store = new Lembro(options);
  const requests = new Requests(store);
  const { sessionID } = await requests.create();
  const [one, other] = [await requests.load(sessionID), await requests.load(sessionID)];
  return { store, sessionID, one, other };
}

/** How a request ends that changed nothing: with `resave`, and without. */
const ENDS: Record<string, (request: FakeRequest) => Promise<void>> = { save, touch };

for (const option of ["ttl", "idleTimeout"] as const) {
  describe(`${option} as a function`, () => {
    for (const [name, end] of Object.entries(ENDS)) {
      it(`is called with what another request has saved: ${name}`, async () => {
        using clock = new HeldClock();
        const { store, one, other } = await twoRequests({
          [option]: (session: SessionData) => isSignedIn(session) ? MINUTE : SECOND,
        });
        using _ = store;
        one.session.user = "Ada";
        await save(one);
        await end(other);
        clock.tick(MINUTE - 1);
        assertEquals(await store.length(), 1);
        clock.tick(1);
        assertEquals(await store.length(), 0);
      });
    }
  });
}

for (const resave of [false, true]) {
  describe(`ttl as a function, with resave: ${resave}`, () => {
    it("is called with the session that another request has signed in meanwhile", async () => {
      using clock = new HeldClock();
      const ttl = (session: SessionData) => isSignedIn(session) ? MINUTE : SECOND;
      await using site = new Site({ resave }, new Lembro({ ttl }));
      site.on("/visit", (kept) => kept.visits = 1);
      site.on("/sign-in", (kept) => kept.user = "Ada");
      site.on("/who", (kept) => kept.user);
      const slow = site.slow("/slow");
      const visitor = await site.visitor();
      await visitor.get("/visit");
      const waiting = visitor.tab().get("/slow");
      await slow.started;
      await visitor.get("/sign-in");
      slow.go();
      await waiting;
      clock.tick(MINUTE - 1);
      assertEquals(await visitor.get("/who"), "Ada");
    });
  });
}

describe("every function among the options", () => {
  /** Options that note what they are called with. */
  function noting() {
    const calls: [name: string, session: Data, sid: string][] = [];
    const note = <Result>(name: string, result: Result) => (session: SessionData, sid: string) => {
      calls.push([name, JSON.parse(JSON.stringify(session)), sid]);
      return result;
    };
    const options: LembroOptions = {
      ttl: note("ttl", MINUTE),
      idleTimeout: note("idleTimeout", MINUTE),
      absoluteTimeout: note("absoluteTimeout", MINUTE),
      protect: note("protect", true),
      user: note("user", "Ada"),
    };
    return { options, calls };
  }

  it("is called with the merged session at a save", async () => {
    const { options, calls } = noting();
    const { store, one, other, sessionID } = await twoRequests(options);
    using _ = store;
    Object.assign(one.session, { a: 1 });
    await save(one);
    Object.assign(other.session, { b: 2 });
    calls.length = 0;
    await save(other);
    assertEquals(
      calls.map(([name, { cookie: _, ...data }, sid]) => [name, data, sid]),
      ["ttl", "idleTimeout", "absoluteTimeout", "user", "protect"].map((name) => [
        name,
        { a: 1, b: 2 },
        sessionID,
      ]),
    );
  });

  it("is called at a touch with the kept data and the new cookie, if it is about time", async () => {
    const { options, calls } = noting();
    using store = new Lembro(options);
    await store.set("a", sessionOf({ user: "Ada" }, { path: "/" }));
    calls.length = 0;
    await store.touch("a", sessionOf({ user: "Eve" }, { path: "/new" }));
    const kept = { cookie: { path: "/new" }, user: "Ada" };
    assertEquals(calls, [["ttl", kept, "a"], ["idleTimeout", kept, "a"], [
      "absoluteTimeout",
      kept,
      "a",
    ]]);
  });

  it("is called with the changed session at an update", async () => {
    const { options, calls } = noting();
    using store = new Lembro(options);
    await store.set("a", sessionOf({ user: "Ada" }, {}));
    calls.length = 0;
    await store.update("a", (session) => void Object.assign(session, { role: "admin" }));
    assertEquals(calls.map(([name]) => name), ["user", "protect"], "the life stays");
    for (const [, session] of calls) {
      assertEquals(session, { cookie: {}, user: "Ada", role: "admin" });
    }
  });

  for (const name of ["ttl", "idleTimeout", "absoluteTimeout", "protect", "user"] as const) {
    it(`${name}: what it throws fails that call and nothing else`, async () => {
      let isFailing = false;
      const fail = () => {
        if (isFailing) throw new Error(`no ${name}`);
        return name === "protect" ? true : name === "user" ? "Ada" : MINUTE;
      };
      using store = new Lembro({ [name]: fail } as LembroOptions);
      await store.set("a", sessionOf({ n: 1 }));
      isFailing = true;
      await assertRejects(() => store.set("a", sessionOf({ n: 2 })), Error, `no ${name}`);
      if (name !== "protect" && name !== "user") {
        await assertRejects(() => store.touch("a", sessionOf()), Error, `no ${name}`);
      }
      assertEquals((await store.get("a") as unknown as Data).n, 1);
      isFailing = false;
      await store.set("a", sessionOf({ n: 3 }));
      assertEquals((await store.get("a") as unknown as Data).n, 3);
    });
  }
});

describe("isActivity", () => {
  it("is called with the request of a save and of a touch", async () => {
    const paths: unknown[] = [];
    using store = new Lembro({
      isActivity: (request) => {
        paths.push(request.path);
        return true;
      },
    });
    const requests = new Requests(store);
    const { sessionID } = await requests.create({}, { path: "/first" });
    await save(await requests.load(sessionID, { path: "/save" }));
    await touch(await requests.load(sessionID, { path: "/touch" }));
    assertEquals(paths, ["/first", "/save", "/touch"]);
  });

  it("is not called for plain data, which counts as activity", async () => {
    using clock = new HeldClock();
    using store = new Lembro({ isActivity: () => false, ttl: MINUTE });
    await store.set("a", sessionOf());
    clock.tick(MINUTE - 1);
    await store.touch("a", sessionOf());
    clock.tick(MINUTE - 1);
    assertEquals(await store.length(), 1);
  });

  it("that throws or returns a promise fails the call", async () => {
    for (
      const isActivity of [
        () => {
          throw new Error("isActivity fails");
        },
        () => Promise.resolve(false),
        () => ({ then() {} }),
      ]
    ) {
      let isReady = false;
      using store = new Lembro({ isActivity: (() => isReady ? isActivity() : true) as never });
      const requests = new Requests(store);
      const { sessionID } = await requests.create();
      isReady = true;
      await assertRejects(
        async () => await save(await requests.load(sessionID)),
        Error,
        "isActivity",
      );
      await assertRejects(
        async () => await touch(await requests.load(sessionID)),
        Error,
        "isActivity",
      );
    }
  });
});

describe("the serializer", () => {
  it("is only given whole sessions, at merges of data and of cookies too", async () => {
    const written: Data[] = [];
    const { store, one, other } = await twoRequests({
      serializer: {
        stringify(session) {
          const { cookie, ...data } = session as unknown as Data;
          written.push({ ...data, cookie });
          return JSON.stringify(session);
        },
        parse: (text) => JSON.parse(text),
      },
    });
    using _ = store;
    Object.assign(one.session, { user: { id: 1 } });
    one.session.cookie.maxAge = MINUTE;
    await save(one);
    Object.assign(other.session, { page: 1 });
    await save(other);
    await touch(other);
    assert(written.length >= 4);
    for (const session of written) {
      assert(session.cookie, `a fragment without a cookie: ${JSON.stringify(session)}`);
    }
  });

  it("that needs its fields does not fail under an overlap", async () => {
    using store = new Lembro({
      serializer: {
        stringify(session) {
          const { user, ...data } = session as unknown as { user: { id: number } };
          return JSON.stringify({ ...data, user: user.id });
        },
        parse(text) {
          const { user, ...data } = JSON.parse(text);
          return { ...data, user: { id: user } };
        },
      },
    });
    await store.set("a", sessionOf({ user: { id: 7 } }, {}));
    const [one, other] = [await store.get("a"), await store.get("a")];
    await store.set("a", Object.assign(one!, { one: 1 }));
    await store.set("a", Object.assign(other!, { other: 2 }));
    assertEquals(
      await store.get("a"),
      { cookie: {}, user: { id: 7 }, one: 1, other: 2 } as unknown as SessionData,
    );
    assertEquals(store.stats().merges, 1);
  });
});
