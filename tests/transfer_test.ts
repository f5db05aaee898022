import { assert, assertEquals, assertMatch, assertRejects, assertStrictEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { FakeTime } from "@std/testing/time";
import {
  type SourceStore,
  type TargetStore,
  type TransferProgress,
  transferSessions,
} from "express-lembro/transfer";
import lembro1 from "express-lembro-1";
import memorystore from "memorystore";
import { portOf } from "../src/core/port.ts";
import {
  called,
  Lembro,
  session,
  type SessionData,
  sessionOf,
  sessionOfSize,
  settled,
  type Store,
} from "./support/setup.ts";

type Data = Record<string, unknown>;

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

/** The expired are left for the transfer to meet. */
const UNPURGED = { ttl: HOUR, interval: 2 * HOUR };

/** A store with `count` sessions: "0", "1" and so on. */
async function storeOf(count: number, options = {}): Promise<Store> {
  const store = new Lembro({ maxSize: Infinity, ...options });
  for (let i = 0; i < count; i++) store.set(`${i}`, sessionOf({ i }), () => {});
  await settled();
  return store;
}

/** A cookie of express-session that lives for `maxAge` milliseconds. */
function cookieOf(maxAge: number): session.Cookie {
  const cookie = new session.Cookie();
  cookie.maxAge = maxAge;
  return cookie;
}

/** A target that keeps what it is given, and answers as `answer` says. */
function targetOf(
  answer: (callback: (error?: unknown) => void, sid: string) => unknown = (callback) => callback(),
) {
  const given = new Map<string, SessionData>();
  const target = {
    given,
    set(sid: string, session: SessionData, callback: (error?: unknown) => void) {
      given.set(sid, session);
      return answer(callback, sid);
    },
    destroy(sid: string, callback: (error?: unknown) => void) {
      given.delete(sid);
      callback();
    },
  };
  return target satisfies TargetStore;
}

/** All that a store of this package holds and counts, the order of eviction included. */
function insideOf(store: Store): unknown {
  const port = portOf(store)!;
  const entries = [...port.walk()].map((entry) => ({
    ...port.read(entry!),
    before: entry!.prev?.sid,
    after: entry!.next?.sid,
  }));
  return { entries, stats: store.stats(), sessions: [...store.entries()] };
}

describe("a session is transferred with the life it has left", () => {
  for (
    const [what, cookie] of [
      ["the ttl of the store", undefined],
      ["the maxAge of its cookie", () => cookieOf(HOUR)],
      ["a cookie with a number as expires", () => ({ expires: Date.now() + HOUR, path: "/" })],
      ["a cookie with just a maxAge", () => ({ maxAge: HOUR })],
    ] as [string, (() => unknown) | undefined][]
  ) {
    it(`to another store of this package: ${what}`, async () => {
      using time = new FakeTime();
      using from = new Lembro({ ttl: HOUR });
      using to = new Lembro();
      await from.set("a", sessionOf({ user: "Ada" }, cookie?.()));
      time.tick(20 * MINUTE);
      assertEquals(await transferSessions(from, to), { transferred: 1, expired: 0, failed: [] });
      assertEquals(await to.get("a"), await from.get("a"));
      time.tick(40 * MINUTE - 1);
      assert(await to.get("a"));
      time.tick(1);
      assertEquals(await to.get("a"), undefined);
    });
  }

  it("without a cookie, too", async () => {
    using time = new FakeTime();
    using from = new Lembro({ ttl: HOUR });
    using to = new Lembro();
    await from.set("a", { name: "no cookie" } as unknown as SessionData);
    await transferSessions(from, to);
    assertEquals(await to.get("a"), { name: "no cookie" } as unknown as SessionData);
    time.tick(HOUR);
    assertEquals(await to.get("a"), undefined);
  });

  it("for as long as the target keeps a new one, if it would live for ever", async () => {
    using time = new FakeTime();
    using from = new Lembro({ ttl: Infinity });
    using to = new Lembro({ ttl: HOUR });
    await from.set("a", sessionOf());
    await transferSessions(from, to);
    time.tick(HOUR - 1);
    assert(await to.get("a"));
    time.tick(1);
    assertEquals(await to.get("a"), undefined);
  });

  it("to MemoryStore, as the same text", async () => {
    using from = new Lembro();
    const to = new session.MemoryStore() as session.MemoryStore & { sessions: Data };
    await from.set("plain", sessionOf({ user: "Ada" }));
    await from.set("dated", sessionOf({ n: [1] }, cookieOf(HOUR)));
    await transferSessions(from, to);
    const texts = [...from.entries()].map(([sid, kept]) => [sid, JSON.stringify(kept)]);
    assertEquals(to.sessions, { __proto__: null, ...Object.fromEntries(texts) } as unknown as Data);
  });

  it("tells a store by the cookie what is left, and keeps that out of what is written", async () => {
    using _ = new FakeTime();
    using from = new Lembro({ ttl: HOUR });
    await from.set("plain", sessionOf());
    await from.set("dated", sessionOf({}, cookieOf(MINUTE)));
    await from.set("bare", {} as SessionData);
    const { given, ...to } = targetOf();
    await transferSessions(from, to);
    for (const [sid, life] of [["plain", HOUR], ["dated", MINUTE]] as const) {
      const { cookie } = given.get(sid)!;
      assertEquals(cookie.expires, new Date(Date.now() + life));
      assertEquals(cookie.maxAge, life);
      assertEquals(JSON.stringify({ cookie }), JSON.stringify(await from.get(sid)));
    }
    // As a store does it that keeps a copy, and no text.
    const copies = [...given.values()].map((given) => structuredClone(given));
    assertEquals(copies.map(({ cookie }) => cookie?.expires), [
      undefined,
      new Date(Date.now() + MINUTE),
      undefined,
    ]);
    assert(!("cookie" in copies[2]));
  });

  it("unless it has expired: that is counted", async () => {
    using time = new FakeTime();
    using from = new Lembro(UNPURGED);
    await from.set("a", sessionOf());
    time.tick(MINUTE);
    await from.set("b", sessionOf());
    time.tick(HOUR - MINUTE);
    const to = targetOf();
    assertEquals(await transferSessions(from, to), { transferred: 1, expired: 1, failed: [] });
    assertEquals([...to.given.keys()], ["b"]);
  });

  it("unless it has expired, and the source doesn't know: that is counted, too", async () => {
    const expired = sessionOf({}, { expires: new Date(Date.now() - 1).toISOString() });
    const from: SourceStore = { all: (callback) => callback(null, { expired, live: sessionOf() }) };
    const to = targetOf();
    assertEquals(await transferSessions(from, to), { transferred: 1, expired: 1, failed: [] });
    assertEquals([...to.given.keys()], ["live"]);
  });
});

describe("sessions come from any store that can list them", () => {
  for (
    const [name, open] of [
      ["MemoryStore", () => new session.MemoryStore()],
      ["memorystore", () => new (memorystore(session))({})],
      ["express-lembro 1", () => {
        const store = new (lembro1(session))({});
        clearInterval((store as unknown as { _cleanup: number })._cleanup);
        return store;
      }],
    ] as [string, () => session.Store][]
  ) {
    it(name, async () => {
      using time = new FakeTime();
      const from = open();
      await called((callback) => from.set("plain", sessionOf({ user: "Ada" }), callback));
      await called((callback) => from.set("dated", sessionOf({ n: 1 }, cookieOf(HOUR)), callback));
      const kept = async (sid: string) => await called((callback) => from.get(sid, callback));
      const before = [await kept("plain"), await kept("dated")];
      using to = new Lembro({ ttl: 2 * HOUR });
      time.tick(20 * MINUTE);
      assertEquals(await transferSessions(from, to), { transferred: 2, expired: 0, failed: [] });
      assertEquals([await to.get("plain"), await to.get("dated")] as unknown[], before);
      assertEquals([await kept("plain"), await kept("dated")], before);
      time.tick(40 * MINUTE);
      assertEquals(await to.ids(), ["plain"]);
      time.tick(80 * MINUTE);
      assertEquals(await to.ids(), []);
    });
  }

  it("with an array of sessions that have their ids", async () => {
    const from: SourceStore = {
      all: (callback) => callback(null, [{ ...sessionOf({ n: 1 }), id: "a" } as SessionData]),
    };
    const to = targetOf();
    await transferSessions(from, to);
    assertEquals(JSON.stringify(to.given.get("a")), JSON.stringify(sessionOf({ n: 1 })));
  });

  it("and what it gives is not changed, even if it is what it keeps", async () => {
    const live = sessionOf({}, cookieOf(HOUR));
    const { cookie } = live;
    await transferSessions({ all: (callback) => callback(null, { live }) }, targetOf());
    assertStrictEquals(live.cookie, cookie);
  });

  it("which leave out those that left since they were listed", async () => {
    const from: SourceStore = {
      ids: (callback) => callback(null, ["a", "b"]),
      get: (sid, callback) => callback(null, sid === "a" ? null : sessionOf()),
    };
    assertEquals((await transferSessions(from, targetOf())).transferred, 1);
  });

  it("and an empty one is transferred at once", async () => {
    for (const from of [new session.MemoryStore(), await storeOf(0)]) {
      const result = await transferSessions(from, targetOf());
      assertEquals(result, { transferred: 0, expired: 0, failed: [] });
    }
  });
});

describe("the source is left as it is", () => {
  it("ranks, order, counters and sessions", async () => {
    using from = await storeOf(20);
    for (const sid of ["3", "7", "5"]) await from.get(sid);
    await from.set("signed in", sessionOf({ passport: { user: 1 } }));
    await from.set("dated", sessionOf({}, cookieOf(HOUR)));
    const before = insideOf(from);
    const { transferred } = await transferSessions(from, targetOf());
    assertEquals(transferred, 22);
    assertEquals(insideOf(from), before);
  });
});

describe("a session that fails doesn't stop the rest", () => {
  const error = new Error("no room");
  for (
    const [how, fail] of [
      ["gives an error", (callback) => setImmediate(callback, error)],
      ["throws", () => {
        throw error;
      }],
      ["rejects", () => Promise.reject(error)],
      ["gives an error and rejects", (callback) => {
        callback(error);
        return Promise.reject(error);
      }],
      ["calls back twice", (callback) => {
        callback(error);
        callback();
      }],
    ] as [string, (callback: (error?: unknown) => void) => unknown][]
  ) {
    it(`and is told by its id: the target ${how}`, async () => {
      using from = await storeOf(50);
      const isBad = (sid: string) => sid.endsWith("3");
      const to = targetOf((callback, sid) => isBad(sid) ? fail(callback) : setImmediate(callback));
      const { transferred, failed } = await transferSessions(from, to);
      assertEquals(transferred, 45);
      assertEquals(failed.map(({ sid }) => sid).sort(), ["13", "23", "3", "33", "43"]);
      for (const { error: told } of failed) assertStrictEquals(told, error);
      assertEquals(to.given.size, 50);
    });
  }

  it("and one that calls back twice counts once", async () => {
    using from = await storeOf(3);
    const to = targetOf((callback) => {
      callback();
      callback(error);
      return Promise.reject(error);
    });
    assertEquals(await transferSessions(from, to), { transferred: 3, expired: 0, failed: [] });
  });

  it("and is told by its id: the source can't read it", async () => {
    using from = new Lembro({
      serializer: {
        stringify: JSON.stringify,
        parse(text) {
          if (text.includes("torn")) throw error;
          return JSON.parse(text);
        },
      },
    });
    for (const sid of ["a", "torn", "b"]) await from.set(sid, sessionOf({ sid }));
    const to = targetOf();
    const { transferred, failed } = await transferSessions(from, to);
    assertEquals([transferred, failed], [2, [{ sid: "torn", error }]]);
    assertEquals([...to.given.keys()], ["a", "b"]);
  });

  it("and is told by its id: the source doesn't give it, or gives nonsense", async () => {
    const from: SourceStore = {
      ids: (callback) => callback(null, ["a", "b", "c"]),
      get(sid, callback) {
        if (sid === "a") callback(error);
        else if (sid === "b") callback(null, "nonsense" as unknown as SessionData);
        else callback(null, sessionOf());
      },
    };
    const { transferred, failed } = await transferSessions(from, targetOf());
    assertEquals([transferred, failed.map(({ sid }) => sid)], [1, ["a", "b"]]);
  });

  it("but a source that can't be listed does", async () => {
    const broken = (callback: (error: unknown) => void) => callback(error);
    for (const from of [{ ids: broken, get() {} }, { all: broken }]) {
      const thrown = await assertRejects(() => transferSessions(from, targetOf()));
      assertStrictEquals(thrown, error);
    }
  });
});

describe("concurrency", () => {
  for (const [options, most] of [[{}, 16], [{ concurrency: 1 }, 1], [{ concurrency: 50 }, 50]]) {
    it(`is how many sessions are on their way at once: ${most}`, async () => {
      using from = await storeOf(200);
      let underWay = 0;
      const seen = new Set<number>();
      const to = targetOf((callback) => {
        seen.add(++underWay);
        setImmediate(() => {
          underWay--;
          callback();
        });
      });
      await transferSessions(from, to, options as { concurrency?: number });
      assertEquals(Math.max(...seen), most);
      assertEquals(to.given.size, 200);
    });
  }
});

describe("onProgress", () => {
  it("is told after each session how far it is", async () => {
    using time = new FakeTime();
    using from = new Lembro(UNPURGED);
    await from.set("old", sessionOf());
    time.tick(HOUR);
    for (const sid of ["a", "b", "bad", "c"]) await from.set(sid, sessionOf());
    const to = targetOf((callback, sid) => callback(sid === "bad" && new Error("bad")));
    const told: TransferProgress[] = [];
    const onProgress = (progress: TransferProgress) => told.push(progress);
    await transferSessions(from, to, { onProgress, concurrency: 1 });
    assertEquals(
      told.map(({ transferred, expired, failed, total }) => [transferred, expired, failed, total]),
      [[0, 1, 0, 5], [1, 1, 0, 5], [2, 1, 0, 5], [2, 1, 1, 5], [3, 1, 1, 5]],
    );
  });

  for (
    const [how, fail] of [
      ["throws", (error: Error) => {
        throw error;
      }],
      ["rejects", (error: Error) => Promise.reject(error)],
    ] as const
  ) {
    it(`ends the transfer if it ${how}, when what is under way has ended`, async () => {
      using from = await storeOf(100);
      const error = new Error("enough");
      let told = 0;
      const onProgress = () => told++ === 0 ? fail(error) : undefined;
      let underWay = 0;
      const to = targetOf((callback, sid) => {
        underWay++;
        setTimeout(() => {
          underWay--;
          callback();
        }, Number(sid));
      });
      const thrown = await assertRejects(() =>
        transferSessions(from, to, { concurrency: 8, onProgress })
      );
      assertStrictEquals(thrown, error);
      assertEquals([underWay, to.given.size], [0, 8]);
    });
  }

  it("is waited for", async () => {
    using from = await storeOf(3);
    const order: string[] = [];
    const to = targetOf((callback, sid) => {
      order.push(sid);
      callback();
    });
    const onProgress = async () => {
      await settled();
      order.push("said");
    };
    await transferSessions(from, to, { onProgress, concurrency: 1 });
    assertEquals(order, ["0", "said", "1", "said", "2", "said"]);
  });
});

describe("a session that is destroyed during the transfer", () => {
  it("is not sent, if that was before its turn", async () => {
    using from = await storeOf(3);
    const to = targetOf((callback) => {
      from.destroy("2", () => {});
      callback();
    });
    const { transferred } = await transferSessions(from, to, { concurrency: 1 });
    assertEquals([transferred, [...to.given.keys()]], [2, ["0", "1"]]);
  });

  for (
    const [when, destroyAt] of [
      ["while it was on its way", "1"],
      ["when it had arrived", "2"],
    ]
  ) {
    it(`is destroyed at the target too, ${when}`, async () => {
      using from = await storeOf(4);
      const to = targetOf((callback, sid) => {
        if (sid === destroyAt) from.destroy("1", () => {});
        setImmediate(callback);
      });
      const told: number[] = [];
      const onProgress = ({ transferred }: TransferProgress) => told.push(transferred);
      const result = await transferSessions(from, to, { concurrency: 1, onProgress });
      assertEquals(result, { transferred: 3, expired: 0, failed: [] });
      assertEquals([...to.given.keys()], ["0", "2", "3"]);
      assertEquals(told, [1, 2, 3, 4, 3]);
    });
  }

  it("with all others, too", async () => {
    using from = await storeOf(100);
    const to = targetOf((callback, sid) => {
      if (sid === "50") from.clear(() => {});
      setImmediate(callback);
    });
    assertEquals((await transferSessions(from, to)).transferred, 0);
    assertEquals(to.given.size, 0);
  });

  it("is destroyed at the target too, while another one is destroyed there", async () => {
    using from = await storeOf(3);
    const { destroy, ...target } = targetOf((callback, sid) => {
      if (sid === "2") from.destroy("2", () => {});
      setImmediate(callback);
    });
    // By then "0" was found to be kept.
    const to = {
      ...target,
      destroy(sid: string, callback: (error?: unknown) => void) {
        if (sid === "2") from.destroy("0", () => {});
        destroy(sid, callback);
      },
    };
    const result = await transferSessions(from, to, { concurrency: 1 });
    assertEquals(result, { transferred: 1, expired: 0, failed: [] });
    assertEquals([...to.given.keys()], ["1"]);
  });

  it("is told by its id if the target fails to destroy it", async () => {
    using from = await storeOf(2);
    const error = new Error("read-only");
    const { given, ...target } = targetOf((callback) => {
      from.destroy("0", () => {});
      callback();
    });
    const to = { ...target, destroy: () => Promise.reject(error) };
    const result = await transferSessions(from, to);
    assertEquals(result, { transferred: 1, expired: 0, failed: [{ sid: "0", error }] });
    assertEquals(given.size, 2);
  });

  /** Transfers session "a" of user "Ada", evicts it meanwhile, and then does `work` at the source. */
  async function transferEvicted(work: (from: Store) => Promise<unknown>) {
    using from = new Lembro({ maxSize: 8_000 });
    await from.set("a", Object.assign(sessionOfSize(900), { passport: { user: "Ada" } }));
    const { given, ...to } = targetOf((callback) => {
      const evictAndWork = async () => {
        for (let i = 0; i < 9; i++) {
          const other = Object.assign(sessionOfSize(900), { passport: { user: i } });
          await from.set(`${i}`, other);
        }
        assertEquals(await from.get("a"), undefined, "it was evicted");
        await work(from);
      };
      evictAndWork().then(() => callback(), callback);
    });
    const result = await transferSessions(from, to);
    assert(from.stats().evicted.protected > 0);
    return { result, given };
  }

  it("stays at the target if it is only evicted at the source", async () => {
    const { result, given } = await transferEvicted(async () => {});
    assertEquals(result, { transferred: 1, expired: 0, failed: [] });
    assertEquals([...given.keys()], ["a"]);
  });

  for (
    const [how, work] of [
      ["destroyed", (from) => from.destroy("a")],
      ["revoked with all of its user's", (from) => from.revokeUser("Ada", {})],
      ["cleared", (from) => from.clear()],
    ] as [string, (from: Store) => Promise<unknown>][]
  ) {
    it(`is destroyed at the target too, if it was evicted before it was ${how}`, async () => {
      const { result, given } = await transferEvicted(work);
      assertEquals(result, { transferred: 0, expired: 0, failed: [] });
      assertEquals([...given.keys()], []);
    });
  }

  it("stays at the target if another user was revoked, or it was spared", async () => {
    const others = await transferEvicted((from) => from.revokeUser("Bob", {}));
    assertEquals([...others.given.keys()], ["a"]);
    const spared = await transferEvicted((from) => from.revokeUser("Ada", { except: "a" }));
    assertEquals([...spared.given.keys()], ["a"]);
  });

  it("stays at the target if it only expires at the source", async () => {
    using time = new FakeTime();
    using from = await storeOf(2, { ttl: HOUR });
    const to = targetOf((callback) => {
      time.tick(HOUR / 2);
      callback();
    });
    assertEquals((await transferSessions(from, to, { concurrency: 1 })).transferred, 2);
    assertEquals(to.given.size, 2);
  });
});

describe("a long transfer", () => {
  const MANY = 10_000;

  /** Runs a transfer while each step takes a millisecond; gives the most of `count` in a turn. */
  async function mostInATurn(transfer: () => Promise<unknown>, count: () => number) {
    const { now } = performance;
    let time = 0;
    performance.now = () => time++;
    try {
      let isDone = false;
      const done = transfer().finally(() => isDone = true);
      let most = 0;
      for (let before = 0; !isDone; before = count()) {
        await settled();
        most = Math.max(most, count() - before);
      }
      await done;
      return most;
    } finally {
      performance.now = now;
    }
  }

  for (const concurrency of [1, 16]) {
    it(`leaves the app its turns: 10,000 sessions, ${concurrency} at once`, async () => {
      using from = await storeOf(MANY);
      const to = targetOf();
      const most = await mostInATurn(
        () => transferSessions(from, to, { concurrency }),
        () => to.given.size,
      );
      assertEquals(to.given.size, MANY);
      // A slice of four steps, and what was under way when it ended.
      assert(most <= 4 + concurrency, `${most} in one turn`);
    });
  }

  it("leaves the app its turns while it meets nothing but expired sessions", async () => {
    using time = new FakeTime();
    using from = await storeOf(MANY, UNPURGED);
    time.tick(HOUR);
    const most = await mostInATurn(
      () => transferSessions(from, targetOf(), { concurrency: 1 }),
      () => from.stats().expired,
    );
    assertEquals(from.stats().sessions, 0);
    assert(most <= 4, `${most} in one turn`);
  });
});

describe("every id is transferred", () => {
  const IDS = ["", "__proto__", "constructor", "toString", "\ud800", "\udfff", "é", "a b\n"];

  it("to and from a store of this package", async () => {
    using from = new Lembro();
    using to = new Lembro();
    for (const [i, sid] of IDS.entries()) await from.set(sid, sessionOf({ i }));
    await transferSessions(from, to);
    for (const [i, sid] of IDS.entries()) {
      assertEquals((await to.get(sid) as unknown as Data)?.i, i);
    }
    assertEquals((await to.ids()).length, IDS.length);
  });

  it("to and from MemoryStore, with keys of any name in the session", async () => {
    using from = new Lembro();
    const between = new session.MemoryStore();
    using to = new Lembro();
    const odd = JSON.parse('{"__proto__":{"a":1},"toJSON":"text","cookie":{"__proto__":2}}');
    // MemoryStore takes an empty text for no session, but none of these ids.
    for (const sid of IDS) await from.set(sid, odd);
    await transferSessions(from, between);
    assertEquals((await transferSessions(between, to)).transferred, IDS.length);
    for (const sid of IDS) {
      assertEquals(JSON.stringify(await to.get(sid)), JSON.stringify(await from.get(sid)));
    }
  });
});

describe("what can't be used is refused", () => {
  const store = new session.MemoryStore();
  const other = new session.MemoryStore();
  const unlisted = { get() {}, set() {}, destroy() {} };
  for (
    const [args, Kind, message] of [
      [
        [unlisted, store],
        TypeError,
        /from must be a store with ids and get, or with all: received/,
      ],
      [[{ ids() {} }, store], TypeError, /from must be a store with ids and get, or with all/],
      [[null, store], TypeError, /from must be .*: received null$/],
      [[store, null], TypeError, /to must be a store with set and destroy: received null$/],
      [[store, { set() {} }], TypeError, /to must be a store with set and destroy: received/],
      [[store, store], TypeError, /from and to must be two stores: received the same/],
      [[store, other, 4], TypeError, /options must be an object: received 4$/],
      [[store, other, []], TypeError, /options must be an object: received an array$/],
      [[store, other, null], TypeError, /options must be an object: received null$/],
      [
        [store, other, { batch: 4 }],
        TypeError,
        /unknown option, use concurrency, onProgress, signal: received "batch"$/,
      ],
      [[store, other, { concurrency: 0 }], RangeError, /a whole number from 1: received 0$/],
      [[store, other, { concurrency: 1.5 }], RangeError, /a whole number from 1: received 1.5$/],
      [[store, other, { concurrency: Infinity }], RangeError, /received Infinity$/],
      [[store, other, { concurrency: "4" }], TypeError, /a whole number from 1: received "4"$/],
      [[store, other, { onProgress: 4 }], TypeError, /onProgress must be a function: received 4$/],
      [
        [{ all: (callback: SourceStore["all"]) => (callback as Any)(null, [{}]) }, store],
        TypeError,
        /from.all must return sessions by id, or each with its id: received undefined$/,
      ],
    ] as [Parameters<typeof transferSessions>, typeof TypeError, RegExp][]
  ) {
    it(`${message}`, async () => {
      const error = await assertRejects(() => transferSessions(...args), Kind);
      assertMatch(error.message, /^Cannot transfer sessions: /);
      assertMatch(error.message, message);
    });
  }
});

// deno-lint-ignore no-explicit-any
type Any = any;
