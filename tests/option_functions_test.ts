/**
 * What the functions among the options are called with: always the session as
 * it will be kept.
 */
import { assert, assertEquals, assertRejects } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import type { LembroOptions } from "express-lembro";
import { inMemory } from "./support/engines.ts";
import { HeldClock, MINUTE, SECOND, START } from "./support/clock.ts";
import { Site } from "./support/http.ts";
import { jsonCalls } from "./support/json.ts";
import { type FakeRequest, Requests, save, touch } from "./support/requests.ts";
import {
  called,
  Lembro,
  type session,
  type SessionData,
  sessionOf,
  settled,
} from "./support/setup.ts";

/** For what only a store in memory promises. */
const test = inMemory(it);

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

  test("is called with the merged session at a save", async () => {
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

/** An id as the drivers of databases have it: JSON writes it as a string. */
class ObjectId {
  readonly bytes: number[];

  constructor(bytes: number[]) {
    this.bytes = bytes;
  }

  toJSON(): string {
    return this.bytes.map((byte) => byte.toString(16).padStart(2, "0")).join("");
  }
}

/** What JSON, or this serializer, writes differently from what it is. */
const CHANGED: Record<string, () => unknown> = {
  "an id with toJSON": () => new ObjectId([101, 7]),
  "such an id inside an object": () => ({ list: [{ id: new ObjectId([1]) }] }),
  "an object whose toJSON drops and renames keys": () => ({ _id: 1, toJSON: () => ({ id: "1" }) }),
  "an object whose toJSON returns nothing": () => ({ toJSON() {} }),
  "a Date": () => new Date(0),
  "a Map": () => new Map([["a", 1]]),
  "an instance with a getter": () =>
    new class User {
      name = "Ada";
      get id() {
        return this.name;
      }
    }(),
  "a String object": () => new String("Ada"),
  "NaN": () => NaN,
  "undefined": () => undefined,
  "undefined in a list": () => [undefined, 1],
  "a hole in a list": () => [, 1],
  "a list with a name": () => Object.assign([1], { name: "list" }),
  "an object without a prototype": () => Object.assign(Object.create(null), { a: 1 }),
  "a function": () => () => 1,
  "a symbol as a key": () => ({ [Symbol("a")]: 1, b: 1 }),
  "a hidden key": () => Object.defineProperty({ a: 1 }, "b", { value: 1, enumerable: false }),
  "an own key __proto__": () => JSON.parse('{"__proto__":{"id":1}}'),
  "what is a hundred levels deep": () => {
    let value: unknown = new Date(0);
    for (let i = 0; i < 200; i++) value = { value };
    return value;
  },
};

/** What JSON writes as it is. */
const UNCHANGED: Record<string, () => unknown> = {
  "a string, numbers and null": () => ["Ada", 0, 1.5, -1e300, null, true, ""],
  "nested objects and lists": () => ({ a: { b: [{ c: [] }, {}] } }),
};

describe("every function among the options sees the session as it will be read back:", () => {
  /** A store that notes what its options are asked about, and a look at it. */
  function noting(serializer?: LembroOptions["serializer"]) {
    const seen: [name: string, session: SessionData][] = [];
    const note = <Result>(name: string, result: Result) => (session: SessionData) => {
      // Not a copy, which would look as if it had been written.
      seen.push([name, session]);
      return result;
    };
    const store = new Lembro({
      ttl: note("ttl", MINUTE),
      idleTimeout: note("idleTimeout", MINUTE),
      absoluteTimeout: note("absoluteTimeout", MINUTE),
      user: note("user", "Ada"),
      protect: note("protect", true),
      ...serializer ? { serializer } : {},
    });
    const check = async (sid: string, ...names: string[]) => {
      assertEquals(seen.map(([name]) => name), names);
      const kept = (await store.info(sid))?.session;
      for (const [name, session] of seen) assertEquals(session, kept, name);
      seen.length = 0;
    };
    return { store, check };
  }
  const TIMES = ["idleTimeout", "absoluteTimeout"];
  const WHOSE = ["user", "protect"];
  const SERIALIZERS = {
    JSON: undefined,
    "another serializer": {
      stringify: (session: SessionData) => `json ${JSON.stringify(session)}`,
      parse: (text: string) => JSON.parse(text.slice("json ".length)),
    },
  };

  for (const [by, serializer] of Object.entries(SERIALIZERS)) {
    for (const [what, value] of Object.entries({ ...CHANGED, ...UNCHANGED })) {
      test(`${what}, by ${by}`, async () => {
        using clock = new HeldClock();
        const { store, check } = noting(serializer);
        using _ = store;
        const requests = new Requests(store, { maxAge: MINUTE });
        const { sessionID } = await requests.create({ value: value(), n: 1 });
        await check(sessionID, ...TIMES, ...WHOSE);
        const [one, other] = [await requests.load(sessionID), await requests.load(sessionID)];
        await check(sessionID, ...TIMES, ...TIMES);
        for (const [n, request] of [one, other].entries()) {
          request.session[`value ${n}`] = value();
          await save(request);
          await check(sessionID, ...TIMES, ...WHOSE);
        }
        clock.tick(SECOND);
        await touch(other);
        await check(sessionID, ...TIMES);
        await store.update(sessionID, (kept) => void Object.assign(kept, { again: value() }));
        await check(sessionID, ...WHOSE);
        await store.set("plain", sessionOf({ value: value() }));
        await check("plain", "ttl", ...TIMES, ...WHOSE);
      });
    }
  }

  it("a session that has toJSON itself", async () => {
    const { store, check } = noting();
    using _ = store;
    await store.set("a", { toJSON: () => ({ n: 1 }) } as never);
    await check("a", "ttl", ...TIMES, ...WHOSE);
  });

  it("and what it does to that object is not kept", async () => {
    using store = new Lembro({
      user: (session) => {
        Object.assign(session, { seen: true });
        return "Ada";
      },
    });
    const session = sessionOf({ n: 1 }, {});
    await store.set("a", session);
    assertEquals(session, sessionOf({ n: 1 }, {}));
  });

  it("and gets an error of the serializer as it is", async () => {
    const { store } = noting();
    using _ = store;
    const circular: Data = { list: [] };
    (circular.list as unknown[]).push(circular, circular);
    await assertRejects(() => store.set("a", sessionOf({ circular })), TypeError, "circular");
    await assertRejects(() => store.set("a", sessionOf({ n: 1n })), TypeError, "BigInt");
    assertEquals(store.stats().rejected, 2);
  });

  for (const [what, options] of [["default", {}], ["own", { user: () => "Ada" }]] as const) {
    test(`without a parse where JSON changes nothing, with the ${what} options`, async () => {
      const store = new Lembro(options);
      using _ = store;
      const requests = new Requests(store, { maxAge: MINUTE });
      const request = requests.begin();
      Object.assign(request.session, { passport: { user: "Ada" } });
      // The first cookies of a store are kept as an example of all others.
      for (let i = 0; i < 2; i++) await save(request);
      for (const value of Object.values(UNCHANGED)) {
        request.session.value = value();
        assertEquals(await jsonCalls(() => save(request)), { parse: 0, stringify: 1 });
      }
    });
  }
});

describe("a user whom a function revokes while a save asks it", () => {
  // Of many sessions, most leave in later slices.
  for (const count of [2, 500]) {
    test(`has nothing but what is saved after that: one of ${count} sessions`, async () => {
      let revoked: Promise<number> | undefined;
      let isArmed = false;
      const store = new Lembro({
        maxSessionsPerUser: 1_000,
        user: (session) => (session as unknown as Data).user as string,
        protect() {
          if (isArmed) revoked ??= store.revokeUser("ada");
          return false;
        },
      });
      for (let i = 0; i < count; i++) await store.set(`${i}`, sessionOf({ user: "ada" }));
      isArmed = true;
      const last = `${count - 1}`;
      await store.set(last, sessionOf({ user: "ada", isNew: true }));
      assertEquals(await revoked, count);
      assertEquals((await store.sessionsOfUser("ada")).map(({ sid }) => sid), [last]);
      assertEquals(await store.ids(), [last]);
    });
  }
});

describe("a save or a touch whose functions save the same session", () => {
  const runs = (work: () => void): Record<string, LembroOptions> => {
    const serializer = {
      stringify(session: SessionData) {
        const text = JSON.stringify(session);
        work();
        return text;
      },
      parse: JSON.parse,
    };
    return {
      user: { user: () => void work() },
      protect: { protect: () => (work(), false) },
      ttl: { ttl: () => (work(), MINUTE) },
      idleTimeout: { idleTimeout: () => (work(), MINUTE) },
      absoluteTimeout: { absoluteTimeout: () => (work(), MINUTE) },
      serializer: { serializer },
    };
  };
  for (const option of Object.keys(runs(() => {}))) {
    test(`is merged with that, the next saves of both too: ${option}`, async () => {
      let meanwhile: (() => void) | undefined;
      const work = () => {
        const once = meanwhile;
        meanwhile = undefined;
        once?.();
      };
      const { store, sessionID, one, other } = await twoRequests(runs(work)[option]);
      using _ = store;
      const kept = async () => {
        const { cookie, ...data } = (await store.info(sessionID))!.session as unknown as Data;
        return [data, (cookie as Data).originalMaxAge];
      };
      one.session.list = ["one"];
      meanwhile = () => {
        other.session.mine = true;
        save(other);
      };
      await save(one);
      assertEquals(await kept(), [{ list: ["one"], mine: true }, null]);
      meanwhile = () => {
        (one.session.list as string[]).push("two");
        save(one);
        (one.session.list as string[]).push("three");
      };
      await save(one);
      other.session.last = true;
      await save(other);
      const data = { list: ["one", "two", "three"], mine: true, last: true };
      assertEquals(await kept(), [data, null]);
      meanwhile = () => {
        other.session.more = true;
        save(other);
      };
      one.session.cookie.maxAge = SECOND;
      await touch(one);
      // The serializer is not asked at a touch that leaves the data alone.
      work();
      assertEquals(await kept(), [{ ...data, more: true }, SECOND]);
    });
  }

  test("ends, even if they save it each time", async () => {
    let depth = 1;
    const { store, sessionID, one, other } = await twoRequests({
      user() {
        if (depth++ === 0) {
          other.session.count = Number(other.session.count ?? 0) + 1;
          save(other);
        }
        depth--;
        return undefined;
      },
    });
    using _ = store;
    depth = 0;
    one.session.mine = true;
    await save(one);
    const { mine, count } = (await store.info(sessionID))!.session as unknown as Data;
    assertEquals([mine, Number(count) > 0], [true, true]);
  });
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

describe("a function that throws while a request loads its session", () => {
  for (
    const [name, options] of [
      ["isActivity", { idleTimeout: MINUTE, isActivity: (request) => request.path !== "/" }],
      ["idleTimeout", { idleTimeout: ({ cookie }) => cookie.path!.length * MINUTE }],
    ] as [string, LembroOptions][]
  ) {
    test(`is an error of the background, and the session is loaded: ${name}`, async () => {
      using clock = new HeldClock();
      let isReady = false;
      const failing = {
        ...options,
        [name]: (...args: [never, never]) => {
          if (isReady) throw new Error(`${name} fails`);
          return (options as Record<string, (...args: unknown[]) => unknown>)[name](...args);
        },
      };
      using store = new Lembro(failing);
      const errors: string[] = [];
      store.on("error", ({ message }) => errors.push(message));
      const requests = new Requests(store);
      const request = await requests.create({ visits: 1 }, { path: "/shop" });
      isReady = true;
      clock.tick(SECOND);
      const loaded = await called<SessionData>((callback) =>
        store.load(request.sessionID, callback)
      );
      assertEquals((loaded as unknown as Data).visits, 1);
      // What express-session calls here would end the process by what it throws.
      await called((callback) => (request.session as unknown as session.Session).reload(callback));
      assertEquals(request.session.visits, 1);
      await settled();
      assertEquals(errors, [`${name} fails`, `${name} fails`]);
      const { expires } = (await store.info(request.sessionID))!;
      assertEquals(expires, new Date(START + MINUTE));
    });
  }
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
