/**
 * Bad input as a table: what a user or an attacker can send, each row with
 * what it gets. In every row nothing is thrown out of the call, nobody else's
 * session is lost, and the ledger stays exact.
 */
import "./support/as_in_node.ts";
import { assert, assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { runInNewContext } from "node:vm";
import type { LembroOptions } from "express-lembro";
import { atTime, MINUTE } from "./support/clock.ts";
import { until } from "./support/journals.ts";
import {
  Lembro,
  type SessionData,
  sessionOf,
  settled,
  sizeOfAll,
  type Store,
} from "./support/setup.ts";

// deno-lint-ignore no-explicit-any
type Anything = any;

const BOOM = new Error("boom");
const boom = () => {
  throw BOOM;
};
const MEGABYTE_OF_TEXT = "x".repeat(1024 * 1024);
const OTHERS = ["other 1", "other 2", "other 3"];

/** A store in which `sid` and three others have a session; `arm` lets its options misbehave. */
async function storeOfFour(misbehave: (store: () => Store) => LembroOptions = () => ({})) {
  const { ttl, protect, user, serializer } = misbehave(() => store) as Anything;
  let isArmed = false;
  // Each option behaves well until the sessions are there.
  const armed = (given: Anything, fallback: Anything) => (...args: Anything[]) =>
    (isArmed && given ? given : fallback)(...args);
  const store: Store = new Lembro({
    maxSize: "64K",
    ttl: armed(ttl, () => MINUTE),
    protect: armed(protect, () => false),
    user: armed(user, () => undefined),
    serializer: serializer && {
      stringify: armed(serializer.stringify, JSON.stringify),
      parse: armed(serializer.parse, JSON.parse),
    },
  });
  for (const sid of ["sid", ...OTHERS]) await store.set(sid, sessionOf({ owner: sid }));
  return { store, arm: (arm: boolean) => isArmed = arm };
}

/** What came of a call, in words: the error that its callback got, or "no error". */
async function outcome(call: (callback: (error: unknown) => void) => unknown): Promise<string> {
  const told: string[] = [];
  // What is thrown out of the call fails the test.
  const returned = call((error) => told.push(error ? String(error) : "no error"));
  assertEquals(returned, undefined);
  assertEquals(told, [], "the callback runs later");
  await settled();
  assertEquals(told.length, 1, "the callback runs once");
  return told[0];
}

/** The sessions by id, without their cookies; fails if the ledger is not exact. */
function kept(store: Store): Record<string, unknown> {
  const bytes = sizeOfAll(store);
  const { sessions, newcomers, returning, protected: guarded, ...stats } = store.stats();
  assertEquals(stats.bytes, bytes, "the ledger is exact");
  assert(bytes <= stats.maxSize, "the limit holds");
  assertEquals(newcomers + returning + guarded, sessions);
  const entries = [...store.entries()];
  assertEquals(entries.length, sessions);
  return Object.fromEntries(entries.map(([sid, { cookie: _, ...data }]) => [sid, data]));
}

const before = Object.fromEntries(["sid", ...OTHERS].map((sid) => [sid, { owner: sid }]));
const others = Object.fromEntries(OTHERS.map((sid) => [sid, { owner: sid }]));

describe("ids", () => {
  const rows: [name: string, sid: unknown, gets: string | { as: string }][] = [
    ["a number", 5, { as: "5" }],
    ["a fraction", 0.5, { as: "0.5" }],
    ["NaN", NaN, { as: "NaN" }],
    ["null", null, "received null"],
    ["undefined", undefined, "received undefined"],
    ["true", true, "received true"],
    ["an array", ["a", "b"], "received an array"],
    ["a plain object", {}, "received an object"],
    ["a String object", Object("a"), "received an object"],
    ["an object with a toString", { toString: () => "mine" }, "received an object"],
    ["a symbol", Symbol("a"), "received Symbol(a)"],
    ["a bigint", 5n, "received 5n"],
    ["a function", () => "a", "received a function"],
    ["a promise", Promise.resolve("a"), "received a promise"],
    ["''", "", { as: "" }],
    ["__proto__", "__proto__", { as: "__proto__" }],
    ["constructor", "constructor", { as: "constructor" }],
    ["hasOwnProperty", "hasOwnProperty", { as: "hasOwnProperty" }],
    ["a lone surrogate", "\ud800", { as: "\ud800" }],
    ["a NUL", "a\0b", { as: "a\0b" }],
    ["line breaks and spaces", " a\r\n ", { as: " a\r\n " }],
    ["a megabyte of text", MEGABYTE_OF_TEXT, { as: MEGABYTE_OF_TEXT }],
    ["an object whose toString throws", { toString: boom }, "received an object"],
    ["an object with no prototype", Object.create(null), "received an object"],
  ];
  for (const [name, value, gets] of rows) {
    const sid = value as string;
    it(name, async () => {
      const { store } = await storeOfFour();
      const calls = {
        set: await outcome((callback) => store.set(sid, sessionOf({ owner: "new" }), callback)),
        touch: await outcome((callback) => store.touch(sid, sessionOf(), callback)),
        get: await outcome((callback) => store.get(sid, callback)),
        info: await outcome((callback) => store.info(sid, callback)),
        update: await outcome((callback) => store.update(sid, () => {}, callback)),
      };
      const after = kept(store);
      const destroy = await outcome((callback) => store.destroy(sid, callback));
      if (typeof gets === "string") {
        for (const told of [...Object.values(calls), destroy]) {
          assertStringIncludes(
            told,
            "TypeError: Cannot use session: sid must be a string or a number",
          );
          assertStringIncludes(told, gets);
        }
        assertEquals(after, before);
      } else {
        assertEquals({ ...calls, destroy }, {
          set: "no error",
          touch: "no error",
          get: "no error",
          info: "no error",
          update: "no error",
          destroy: "no error",
        });
        const added = Object.entries(after).filter(([sid]) => !Object.hasOwn(before, sid));
        assertEquals(added, [[gets.as, { owner: "new" }]]);
      }
      assertEquals(kept(store), before);
      store.close();
    });
  }
});

describe("sessions that are saved", () => {
  const circular: Anything = {};
  circular.self = circular;
  let deep: Anything = {};
  for (let depth = 0; depth < 200_000; depth++) deep = { deep };
  const revoked = Proxy.revocable({}, {});
  revoked.revoke();

  /** A row gets an error, which leaves all as it was, or is kept as it says. */
  type Gets = { error: string } | { kept: unknown };
  const rows: [name: string, session: unknown, gets: Gets][] = [
    ["undefined", undefined, {
      error: "TypeError: Cannot save session: session must be an object",
    }],
    ["null", null, { error: "received null" }],
    ["a number", 5, { error: "received 5" }],
    ["a bigint", 5n, { error: "received 5n" }],
    ["text", "session", { error: 'received "session"' }],
    ["a symbol", Symbol("s"), { error: "received Symbol(s)" }],
    ["a megabyte of text", MEGABYTE_OF_TEXT, { error: "TypeError" }],
    ["a function", () => ({}), { error: "received a function" }],
    ["a circular object", circular, { error: "TypeError" }],
    ["a bigint inside", { n: 1n }, { error: "TypeError" }],
    ["nesting of 200,000 levels", deep, { error: "RangeError" }],
    ["a toJSON that throws", { toJSON: boom }, { error: "Error: boom" }],
    ["a toJSON that throws undefined", {
      toJSON() {
        throw undefined;
      },
    }, { error: "undefined was thrown" }],
    ["a toJSON that throws null", {
      toJSON() {
        throw null;
      },
    }, { error: "null was thrown" }],
    ["a toJSON that throws ''", {
      toJSON() {
        throw "";
      },
    }, { error: '"" was thrown' }],
    ["a toJSON that returns undefined", { toJSON() {} }, { error: "received undefined" }],
    ["a toJSON that returns null", { toJSON: () => null }, { error: "received null" }],
    ["a toJSON that returns text", { toJSON: () => "text" }, { error: 'received "text"' }],
    ["a toJSON that returns something else", { toJSON: () => ({ a: 1 }) }, { kept: { a: 1 } }],
    ["a getter that throws", {
      get a() {
        return boom();
      },
    }, { error: "Error: boom" }],
    ["a cookie whose getter throws", {
      get cookie() {
        return boom();
      },
    }, { error: "Error: boom" }],
    ["over an eighth of maxSize", { a: "x".repeat(4 * 1024) }, { error: "RangeError" }],
    ["far over maxSize", { a: MEGABYTE_OF_TEXT }, {
      error: "its size in bytes must be at most 8192, an eighth of maxSize",
    }],
    ["a session that grows while it is serialized", {
      toJSON() {
        return { a: MEGABYTE_OF_TEXT };
      },
    }, { error: "RangeError" }],
    ["a revoked proxy", revoked.proxy, { error: "TypeError" }],
    ["a proxy whose every trap throws", new Proxy({}, { get: boom }), { error: "Error: boom" }],
    ["a proxy that does not tell its keys", new Proxy({}, { ownKeys: boom }), {
      error: "Error: boom",
    }],
    [
      "a proxy that does not tell its properties",
      new Proxy({ a: 1 }, {
        getOwnPropertyDescriptor: boom,
      }),
      { error: "Error: boom" },
    ],
    ["a proxy that only shows what it must", new Proxy({ a: 1 }, {}), { kept: { a: 1 } }],
    ["an empty object", {}, { kept: {} }],
    ["no prototype", Object.assign(Object.create(null), { a: 1 }), { kept: { a: 1 } }],
    ["a frozen session", Object.freeze({ a: Object.freeze([1]) }), { kept: { a: [1] } }],
    ["a session that changes as it is read", {
      get a() {
        delete (this as Anything).b;
        return (this as Anything).c = 1;
      },
      b: 2,
    }, { kept: { a: 1 } }],
    ["functions and symbols inside", { a() {}, b: Symbol(), c: undefined, d: 1 }, {
      kept: { d: 1 },
    }],
    ["a Map", new Map([["a", 1]]), { kept: {} }],
    ["a Date", new Date(0), { error: "TypeError" }],
    ["__proto__ as a key", JSON.parse('{"__proto__":{"admin":true}}'), {
      kept: JSON.parse('{"__proto__":{"admin":true}}'),
    }],
    ["keys of Object.prototype", { constructor: 1, hasOwnProperty: 2 }, {
      kept: { constructor: 1, hasOwnProperty: 2 },
    }],
    ["an id of its own", { id: "other 1", req: 5 }, { kept: { id: "other 1", req: 5 } }],
    ["a prototype with a cookie", Object.create({ cookie: { maxAge: 1000 } }), { kept: {} }],
  ];
  for (const [name, value, gets] of rows) {
    const session = value as SessionData;
    it(name, async () => {
      const { store } = await storeOfFour();
      const told = await outcome((callback) => store.set("sid", session, callback));
      if ("error" in gets) {
        assertStringIncludes(told, gets.error);
        assertEquals(kept(store), before);
        assertEquals([store.stats().rejected, store.stats().saves], [1, 4]);
      } else {
        assertEquals(told, "no error");
        const { cookie: _, ...data } = (await store.get("sid"))!;
        assertEquals<unknown>({ ...data }, { ...gets.kept as object });
        assertEquals(JSON.stringify(data), JSON.stringify(gets.kept));
        assertEquals(Object.keys(kept(store)), Object.keys(before));
      }
      assertEquals(({} as Anything).admin, undefined);
      assertEquals(
        await store.get("other 1").then((other) => (other as Anything).owner),
        "other 1",
      );
      store.close();
    });
  }
});

describe("sessions that call the store while they are saved", () => {
  const rows: [name: string, act: (store: Store) => void, left: Record<string, unknown>][] = [
    ["destroy themselves", (store) => store.destroy("sid"), { ...others, sid: { saved: true } }],
    ["destroy another", (store) => store.destroy("other 1"), {
      ...before,
      "other 1": undefined,
      sid: { saved: true },
    }],
    ["clear", (store) => store.clear(), { sid: { saved: true } }],
    ["save themselves", (store) => store.set("sid", sessionOf({ inner: true })), {
      ...others,
      sid: { saved: true },
    }],
    ["save another", (store) => store.set("other 1", sessionOf({ inner: true })), {
      ...before,
      "other 1": { inner: true },
      sid: { saved: true },
    }],
    ["touch themselves", (store) => store.touch("sid", sessionOf()), {
      ...before,
      sid: { saved: true },
    }],
    ["get themselves", (store) => store.get("sid"), { ...before, sid: { saved: true } }],
    ["reduce", (store) => store.reduce(), { ...before, sid: { saved: true } }],
    ["purge", (store) => store.purge(), { ...before, sid: { saved: true } }],
    ["list", (store) => store.all(), { ...before, sid: { saved: true } }],
    ["close", (store) => store.close(), { ...before, sid: { saved: true } }],
    ["fail to save another", (store) => {
      store.set("other 1", 5 as Anything, () => {});
    }, { ...before, sid: { saved: true } }],
  ];
  for (const [name, act, left] of rows) {
    const expected = Object.fromEntries(Object.entries(left).filter(([, data]) => data));
    for (const where of ["toJSON", "a getter", "a cookie's getter", "protect", "ttl"]) {
      it(`${name}, from ${where}`, async () => {
        const { store, arm } = await storeOfFour((store) => ({
          protect: () => (where === "protect" && once(store()), false),
          ttl: () => (where === "ttl" && once(store()), 60_000),
        }));
        let acted = false;
        function once(store: Store): void {
          if (acted) return;
          acted = true;
          act(store);
        }
        const data = { saved: true };
        const session = {
          toJSON: { toJSON: () => (once(store), data) },
          "a getter": Object.defineProperty({}, "saved", {
            enumerable: true,
            get: () => (once(store), true),
          }),
          "a cookie's getter": Object.defineProperty({ ...data }, "cookie", {
            enumerable: true,
            get: () => (once(store), null),
          }),
        }[where] ?? data;
        arm(true);
        store.set("sid", session as SessionData);
        arm(false);
        await settled();
        assert(acted);
        assertEquals(kept(store), expected);
        store.close();
      });
    }
  }

  it("without end", async () => {
    const { store } = await storeOfFour();
    const session: Anything = {
      toJSON() {
        store.set("sid", session, () => {});
        return { saved: true };
      },
    };
    await outcome((callback) => store.set("sid", session, callback));
    assertEquals(Object.keys(kept(store)), Object.keys(before));
    store.close();
  });

  for (const [name, end] of rows.filter(([name]) => /^(destroy themselves|clear)$/.test(name))) {
    it(`${name} from ttl while they are touched: nothing brings them back`, async () => {
      const { store, arm } = await storeOfFour((store) => ({ ttl: () => (end(store()), 60_000) }));
      arm(true);
      assertEquals(
        await outcome((callback) => store.touch("sid", sessionOf(), callback)),
        "no error",
      );
      arm(false);
      assertEquals("sid" in kept(store), false);
      store.close();
    });
  }

  for (const where of ["toJSON", "protect"]) {
    it(`a logout from ${where} sticks, as from another request`, async () => {
      const { store, arm } = await storeOfFour((store) => ({
        protect: () => (where === "protect" && store().destroy("sid"), false),
      }));
      const session: Anything = await store.get("sid");
      if (where === "toJSON") session.toJSON = () => (store.destroy("sid"), { owner: "sid" });
      arm(true);
      assertEquals(await outcome((callback) => store.set("sid", session, callback)), "no error");
      arm(false);
      assertEquals(kept(store), others);
      assertEquals(store.stats().lateWrites, 1);
      store.close();
    });
  }
});

describe("sessions that touch", () => {
  const rows: [name: string, session: unknown, error: string][] = [
    ["undefined", undefined, "TypeError"],
    ["null", null, "received null"],
    ["text", "session", 'received "session"'],
    ["a cookie whose getter throws", {
      get cookie() {
        return boom();
      },
    }, "Error: boom"],
    ["a cookie that can't be serialized", { cookie: { n: 1n } }, "TypeError"],
    ["a cookie whose toJSON throws", { cookie: { toJSON: boom } }, "Error: boom"],
    ["a cookie that is too large", { cookie: { path: MEGABYTE_OF_TEXT } }, "RangeError"],
    [
      "a revoked proxy",
      (() => {
        const { proxy, revoke } = Proxy.revocable({}, {});
        revoke();
        return proxy;
      })(),
      "TypeError",
    ],
  ];
  for (const [name, session, error] of rows) {
    it(name, async () => {
      const { store } = await storeOfFour();
      const bytes = store.stats().bytes;
      const told = await outcome((callback) =>
        store.touch("sid", session as SessionData, callback)
      );
      assertStringIncludes(told, error);
      assertEquals(kept(store), before);
      assertEquals([store.stats().bytes, store.stats().rejected], [bytes, 1]);
      assertEquals(
        await outcome((callback) => store.touch("nobody", session as SessionData, callback)),
        Object(session) === session ? "no error" : told,
      );
      store.close();
    });
  }

  it("only their cookie is looked at", async () => {
    const { store } = await storeOfFour();
    const session = { cookie: {}, toJSON: boom, owner: "me" } as Anything;
    assertEquals(await outcome((callback) => store.touch("sid", session, callback)), "no error");
    assertEquals(kept(store), before);
    store.close();
  });
});

describe("cookies", () => {
  /** Kept under `ttl`, a minute in this store, gone at once, or kept for these milliseconds. */
  type Gets = "ttl" | "destroyed" | { lives: number } | { ends: number } | {
    error: string;
  };
  const rows: [name: string, cookie: () => unknown, gets: Gets][] = [
    ["undefined", () => undefined, "ttl"],
    ["null", () => null, "ttl"],
    ["text", () => "sid=5", "ttl"],
    ["a number", () => 5, "ttl"],
    ["false", () => false, "ttl"],
    ["an array", () => [], "ttl"],
    ["expires: null", () => ({ expires: null }), "ttl"],
    ["expires: ''", () => ({ expires: "" }), "ttl"],
    ["expires: spaces", () => ({ expires: "  " }), "ttl"],
    ["expires: 'soon'", () => ({ expires: "soon" }), "ttl"],
    ["expires: a long text", () => ({ expires: "x".repeat(3000) }), "ttl"],
    ["expires: a text that is too large", () => ({ expires: "x".repeat(9000) }), {
      error: "RangeError",
    }],
    ["expires: NaN", () => ({ expires: NaN }), "ttl"],
    ["expires: Infinity", () => ({ expires: Infinity }), "ttl"],
    ["expires: '1e999'", () => ({ expires: "1e999" }), "ttl"],
    ["expires: true", () => ({ expires: true }), "ttl"],
    ["expires: a symbol", () => ({ expires: Symbol() }), "ttl"],
    ["expires: an object", () => ({ expires: {} }), "ttl"],
    ["expires: an array", () => ({ expires: [] }), "ttl"],
    ["expires: an invalid date", () => ({ expires: new Date(NaN) }), "ttl"],
    ["expires: getTime is no function", () => ({ expires: { getTime: 5 } }), "ttl"],
    ["expires: getTime returns text", () => ({ expires: { getTime: () => "soon" } }), "ttl"],
    ["expires: getTime throws", () => ({ expires: { getTime: boom } }), { error: "Error: boom" }],
    ["expires: a getter that throws", () => ({
      get expires() {
        return boom();
      },
    }), { error: "Error: boom" }],
    ["expires: a bigint", () => ({ expires: 5n }), { error: "TypeError" }],
    ["expires: 0", () => ({ expires: 0 }), "destroyed"],
    ["expires: -1", () => ({ expires: -1 }), "destroyed"],
    ["expires: '0'", () => ({ expires: "0" }), "destroyed"],
    [
      "expires: a year of the past",
      () => ({ expires: "Thu, 01 Jan 1970 00:00:00 GMT" }),
      "destroyed",
    ],
    ["expires: a date of another realm", () => ({
      expires: runInNewContext("new Date(time)", { time: Date.now() + 5000 }),
    }), { lives: 5000 }],
    ["expires: a date of another kind", () => {
      const time = Date.now() + 5000;
      return { expires: { getTime: () => time } };
    }, { lives: 5000 }],
    ["expires: the last date there is", () => ({ expires: new Date(8.64e15) }), { ends: 8.64e15 }],
    ["maxAge: text", () => ({ maxAge: "5000" }), "ttl"],
    ["maxAge: NaN", () => ({ maxAge: NaN }), "ttl"],
    ["maxAge: Infinity", () => ({ maxAge: Infinity }), "ttl"],
    ["maxAge: null", () => ({ maxAge: null }), "ttl"],
    ["maxAge: an object", () => ({ maxAge: { valueOf: () => 5 } }), "ttl"],
    ["maxAge: 0", () => ({ maxAge: 0 }), "destroyed"],
    ["maxAge: -5", () => ({ maxAge: -5 }), "destroyed"],
    ["maxAge: 5000", () => ({ maxAge: 5000 }), { lives: 5000 }],
    ["maxAge: a getter that throws", () => ({
      get maxAge() {
        return boom();
      },
    }), { error: "Error: boom" }],
  ];
  for (const [name, cookieOf, gets] of rows) {
    for (const method of ["set", "touch"] as const) {
      it(`${name}, by ${method}`, async () => {
        let asked = 0;
        const { store, arm } = await storeOfFour(() => ({ ttl: () => (asked++, 60_000) }));
        arm(true);
        const now = Date.now();
        const told = await atTime(now, () => {
          const session = { owner: "sid", cookie: cookieOf() } as Anything;
          return outcome((callback) => store[method]("sid", session, callback));
        });
        arm(false);
        if (typeof gets === "object" && "error" in gets) {
          assertStringIncludes(told, gets.error);
          assertEquals(kept(store), before);
        } else {
          assertEquals(told, "no error");
          assertEquals(kept(store), gets === "destroyed" ? others : before);
          assertEquals(asked, gets === "ttl" ? 1 : 0, "asked for the ttl");
        }
        if (typeof gets === "object" && !("error" in gets)) {
          const end = "ends" in gets ? gets.ends : now + gets.lives;
          const isKept = () => store.ids().then((sids) => sids.includes("sid"));
          assertEquals(await atTime(end - 1, isKept), true);
          assertEquals(await atTime(end, isKept), false);
        }
        store.close();
      });
    }
  }
});

describe("ttl, user, protect and serializer that misbehave", () => {
  const fine = "no error";
  const isPromise = Promise.resolve(5);
  const thenable = { then() {} };
  /** What set, touch and get tell, and what becomes of the saved session. */
  type Row = [
    name: string,
    options: LembroOptions,
    gets: { set?: string; touch?: string; get?: string; left?: "old" | "new" | "none" },
  ];
  const rows: Row[] = [
    ["user throws", { user: boom }, { set: "Error: boom" }],
    ["user returns true", { user: (() => true) as Anything }, { set: "received true" }],
    ["user returns an object", { user: (() => ({})) as Anything }, { set: "received an object" }],
    ["user returns a symbol", { user: (() => Symbol("u")) as Anything }, { set: "Symbol(u)" }],
    ["user returns a promise", { user: (() => isPromise) as Anything }, {
      set: "user must return a string, number, bigint, null or undefined, at once",
    }],
    ["user returns a thenable", { user: (() => thenable) as Anything }, {
      set: "received a promise",
    }],
    ["user returns null", { user: () => null }, { left: "new" }],
    ["user returns NaN", { user: () => NaN }, { left: "new" }],
    ["ttl throws", { ttl: boom }, { set: "Error: boom", touch: "Error: boom" }],
    ["ttl throws null", {
      ttl: () => {
        throw null;
      },
    }, { set: "null was thrown", touch: "null was thrown" }],
    ["ttl returns NaN", { ttl: () => NaN }, { set: "received NaN", touch: "received NaN" }],
    ["ttl returns text", { ttl: (() => "soon") as Anything }, {
      set: 'received "soon"',
      touch: 'received "soon"',
    }],
    ["ttl returns undefined", { ttl: (() => {}) as Anything }, {
      set: "received undefined",
      touch: "received undefined",
    }],
    ["ttl returns a bigint", { ttl: (() => 5n) as Anything }, {
      set: "received 5n",
      touch: "received 5n",
    }],
    ["ttl returns a promise", { ttl: (() => isPromise) as Anything }, {
      set: "ttl must return a number of milliseconds",
      touch: "ttl must return a number of milliseconds",
    }],
    ["ttl returns Infinity", { ttl: () => Infinity }, { left: "new" }],
    ["ttl returns 0", { ttl: () => 0 }, { set: "received 0", touch: "received 0" }],
    ["ttl returns -1", { ttl: () => -1 }, { set: "received -1", touch: "received -1" }],
    ["ttl returns -Infinity", { ttl: () => -Infinity }, {
      set: "received -Infinity",
      touch: "received -Infinity",
    }],

    ["protect throws", { protect: boom }, { set: "Error: boom" }],
    ["protect throws undefined", {
      protect: () => {
        throw undefined;
      },
    }, { set: "undefined was thrown" }],
    ["protect returns a promise", { protect: (() => isPromise) as Anything }, {
      set: "protect must return true or false, at once",
    }],
    ["protect returns a thenable", { protect: (() => thenable) as Anything }, {
      set: "protect must return true or false, at once: received a promise",
    }],
    ["ttl returns a thenable", { ttl: (() => thenable) as Anything }, {
      set: "received a promise",
      touch: "received a promise",
    }],
    ["protect returns NaN", { protect: (() => NaN) as Anything }, { left: "new" }],
    ["protect returns text", { protect: (() => "soon") as Anything }, { left: "new" }],
    ["protect returns undefined", { protect: (() => {}) as Anything }, { left: "new" }],

    ["stringify throws", { serializer: { stringify: boom, parse: JSON.parse } }, {
      set: "Error: boom",
      touch: "Error: boom",
    }],
    ["stringify returns undefined", serializer({ stringify: () => undefined }), {
      set: "must return a string",
      touch: "must return a string",
    }],
    ["stringify returns a number", serializer({ stringify: () => 5 }), {
      set: "received 5",
      touch: "received 5",
    }],
    ["stringify returns a promise", serializer({ stringify: () => isPromise }), {
      set: "must return a string",
      touch: "must return a string",
    }],
    ["stringify returns a String object", serializer({ stringify: () => Object("{}") }), {
      set: "must return a string",
      touch: "must return a string",
    }],
    ["stringify returns too much", serializer({ stringify: () => MEGABYTE_OF_TEXT }), {
      set: "RangeError",
      touch: "RangeError",
    }],
    ["parse throws", { serializer: { stringify: JSON.stringify, parse: boom } }, {
      touch: "Error: boom",
      get: "Error: boom",
      left: "new",
    }],
    ["parse returns undefined", serializer({ parse: () => undefined }), {
      touch: "must return an object: received undefined",
      get: "must return an object: received undefined",
      left: "new",
    }],
    ["parse returns null", serializer({ parse: () => null }), {
      touch: "received null",
      get: "received null",
      left: "new",
    }],
    ["parse returns text", serializer({ parse: () => "session" }), {
      touch: 'received "session"',
      get: 'received "session"',
      left: "new",
    }],
  ];
  for (const [name, options, gets] of rows) {
    const isRefused = gets.set !== undefined;
    const left = gets.left ?? (isRefused ? "old" : "new");
    it(name, async () => {
      const { store, arm } = await storeOfFour(() => options);
      arm(true);
      const set = await outcome((callback) =>
        store.set("sid", sessionOf({ owner: "new" }), callback)
      );
      arm(false);
      assertStringIncludes(set, gets.set ?? fine);
      assertEquals(
        kept(store),
        {
          old: before,
          new: { ...before, sid: { owner: "new" } },
          none: others,
        }[left],
      );

      await store.set("sid", sessionOf({ owner: "again" }));
      arm(true);
      const touch = await outcome((callback) => store.touch("sid", sessionOf(), callback));
      const get = await outcome((callback) => store.get("sid", callback));
      const nobody = await outcome((callback) => store.get("nobody", callback));
      arm(false);
      assertStringIncludes(touch, gets.touch ?? fine);
      assertStringIncludes(get, gets.get ?? fine);
      assertEquals(nobody, fine);
      assertEquals(
        kept(store),
        left === "none" ? others : { ...before, sid: { owner: "again" } },
      );
      store.close();
    });
  }

  function serializer(functions: Record<string, () => unknown>): LembroOptions {
    const { stringify, parse } = JSON;
    return { serializer: { stringify, parse, ...functions } as Anything };
  }

  it("a session that can't be parsed fails each call that reads it, and no other", async () => {
    const { store, arm } = await storeOfFour(() => ({
      user: () => "ada",
      serializer: { stringify: JSON.stringify, parse: boom },
    }));
    arm(true);
    await store.set("sid", sessionOf({ owner: "sid" }));
    const reading: ((callback: (error: unknown) => void) => unknown)[] = [
      (callback) => store.get("sid", callback),
      (callback) => store.info("sid", callback),
      (callback) => store.all(callback),
      (callback) => store.sessionsOfUser("ada", callback),
      (callback) => store.updateUser("ada", () => {}, callback),
      (callback) => store.update("sid", () => {}, callback),
    ];
    for (const call of reading) assertEquals(await outcome(call), "Error: boom");
    assertThrows(() => [...store.entries()], Error, "boom");
    assertEquals(await outcome((callback) => store.ids(callback)), fine);
    assertEquals(await outcome((callback) => store.length(callback)), fine);
    assertEquals(await outcome((callback) => store.revokeUser("ada", callback)), fine);
    arm(false);
    assertEquals(kept(store), others);
    store.close();
  });

  it("only what is true protects", async () => {
    for (const [given, count] of [[NaN, 0], [undefined, 0], ["yes", 1], [{ id: 5 }, 1]] as const) {
      const { store, arm } = await storeOfFour(() => ({ protect: (() => given) as Anything }));
      arm(true);
      await store.set("sid", sessionOf());
      assertEquals(store.stats().protected, count);
      store.close();
    }
  });
});

describe("callbacks that are no functions", () => {
  for (const callback of [null, "callback", 5, {}, [], Symbol("callback")] as Anything[]) {
    it(`${String(callback) || "an array"}: a promise is returned`, async () => {
      const { store } = await storeOfFour();
      const session = sessionOf({ owner: "sid" });
      await Promise.all([
        store.set("sid", session, callback),
        store.touch("sid", session, callback),
        store.get("sid", callback),
        store.destroy("nobody", callback),
        store.all(callback),
        store.length(callback),
        store.ids(callback),
        store.reduce(callback),
        store.purge(callback),
        store.close(callback),
      ]);
      assertEquals(kept(store), before);
      const refused = await Promise.resolve(store.set("sid", null as Anything, callback))
        .catch((error: Error) => error.name);
      assertEquals(refused, "TypeError");
    });
  }
});

/** The uncaught exceptions that `work` leads to: at least as many as are `expected`. */
async function uncaught(work: () => unknown, expected = 1): Promise<unknown[]> {
  const errors: unknown[] = [];
  const listener = (event: ErrorEvent) => {
    event.preventDefault();
    errors.push(event.error);
  };
  globalThis.addEventListener("error", listener);
  try {
    await work();
    // Long work answers after some turns, and after more of them on a busy machine.
    await until(() => errors.length >= expected);
    await settled();
    await settled();
  } finally {
    globalThis.removeEventListener("error", listener);
  }
  return errors;
}

describe("callbacks and listeners that throw", () => {
  it("a callback's exception is the runtime's, and stops no other callback", async () => {
    const { store } = await storeOfFour();
    const ran: string[] = [];
    const failing = (name: string) => () => {
      ran.push(name);
      throw new Error(name);
    };
    const errors = await uncaught(() => {
      store.set("sid", sessionOf({ owner: "sid" }), failing("set"));
      store.touch("sid", sessionOf(), failing("touch"));
      store.get("sid", failing("get"));
      store.set("sid", null as Anything, failing("refused"));
      store.all(failing("all"));
      store.length(failing("length"));
      store.ids(failing("ids"));
      store.reduce(failing("reduce"));
      store.purge(failing("purge"));
      store.close(failing("close"));
      store.destroy("nobody", failing("destroy"));
      store.get("sid", () => ran.push("last"));
    }, 11);
    assertEquals(ran.sort(), [...errors.map((error) => (error as Error).message), "last"].sort());
    assertEquals(ran.length, 12);
    assertEquals(kept(store), before);
  });

  it("the constructor's callback", async () => {
    let store: Store | undefined;
    assertEquals(await uncaught(() => store = new Lembro(boom)), [BOOM]);
    await store!.set("a", sessionOf());
    assertEquals(Object.keys(kept(store!)), ["a"]);
    store!.close();
  });

  const events: [
    event: "expire" | "evict" | "reduce" | "purge" | "destroy" | "late" | "clear",
    cause: (store: Store) => unknown,
  ][] = [
    ["expire", (store) => atTime(Date.now() + 2 * MINUTE, () => store.purge())],
    ["evict", async (store) => {
      for (const sid of OTHERS) await store.get(sid);
      const big = sessionOf({ a: "x".repeat(4_000) });
      await Promise.all(Array.from({ length: 9 }, (_, i) => store.set(`big ${i}`, big)));
    }],
    ["reduce", (store) => store.reduce()],
    ["purge", (store) => store.purge()],
    ["destroy", (store) => store.destroy("sid")],
    ["clear", (store) => store.clear()],
    ["late", async (store) => {
      const loaded = await store.get("sid");
      await store.destroy("sid");
      await store.set("sid", loaded!);
    }],
  ];
  for (const [event, cause] of events) {
    it(`a listener of ${event}`, async () => {
      const { store } = await storeOfFour();
      store.on(event, boom);
      const errors = await uncaught(() => cause(store));
      assert(errors.length > 0);
      assert(errors.every((error) => error === BOOM));
      const now = kept(store);
      if (event === "expire" || event === "clear") assertEquals(now, {});
      else for (const sid of OTHERS) assertEquals(now[sid], { owner: sid });
      await store.set("next", sessionOf());
      assert("next" in kept(store));
      store.close();
    });

    it(`a listener of ${event} that calls the store`, async () => {
      const { store } = await storeOfFour();
      let heard = 0;
      store.on(event, () => {
        if (heard++ > 20) return;
        store.set("heard", sessionOf());
        store.destroy("other 1");
        store.purge();
        store.reduce();
        store.clear();
      });
      await cause(store);
      for (let turns = 0; turns < 30; turns++) await settled();
      assert(heard > 0);
      assertEquals(kept(store), {});
      store.close();
    });
  }
});
