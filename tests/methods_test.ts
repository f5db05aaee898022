import {
  assert,
  assertEquals,
  assertNotEquals,
  assertRejects,
  assertStrictEquals,
} from "@std/assert";
import { describe, it } from "@std/testing/bdd";
// @ts-types="npm:@types/sinonjs__fake-timers@^15.0.0"
import FakeTimers from "@sinonjs/fake-timers";
import type { LembroStore } from "express-lembro";
import { AsyncLocalStorage } from "node:async_hooks";
import { once } from "node:events";
import { type AddressInfo, connect, createServer } from "node:net";
import { locked } from "../scripts/suppliers.ts";
import { portOf } from "../src/core/port.ts";
import { called, Lembro, type SessionData, sessionOf, settled } from "./support/setup.ts";

describe("get", () => {
  it("returns what was saved, as JSON does", async () => {
    using store = new Lembro();
    const session = sessionOf({
      name: "Ada",
      when: new Date(0),
      nothing: undefined,
      list: [1, [2]],
    });
    await store.set("a", session);
    assertEquals(await store.get("a"), JSON.parse(JSON.stringify(session)));
  });

  it("returns a fresh copy each time", async () => {
    using store = new Lembro();
    await store.set("a", sessionOf({ list: [1] }));
    const one = await store.get("a") as unknown as { list: number[] };
    one.list.push(2);
    const other = await store.get("a") as unknown as { list: number[] };
    assertEquals(other.list, [1]);
  });

  it("is not affected by later changes to the saved object", async () => {
    using store = new Lembro();
    const list = [1];
    await store.set("a", sessionOf({ list }));
    list.push(2);
    assertEquals((await store.get("a") as unknown as { list: number[] }).list, [1]);
  });

  it("answers null and undefined for an absent session", async () => {
    using store = new Lembro();
    const answer = await new Promise<unknown[]>((resolve) =>
      store.get("nobody", (...args) => resolve(args))
    );
    assertStrictEquals(answer[0], null);
    assertStrictEquals(answer[1], undefined);
  });

  it("returns a session without a cookie as it was", async () => {
    using store = new Lembro();
    await store.set("a", { name: "Ada" } as unknown as SessionData);
    assertEquals(await store.get("a"), { name: "Ada" } as unknown as SessionData);
    assertEquals(store.stats().sessions, 1);
  });
});

describe("set and destroy", () => {
  it("have taken effect when they return", () => {
    using store = new Lembro();
    void store.set("a", sessionOf());
    assertEquals(store.stats().sessions, 1);
    void store.destroy("a");
    assertEquals(store.stats().sessions, 0);
  });
});

describe("an id", () => {
  for (
    const sid of ["", "__proto__", "constructor", "hasOwnProperty", "\ud800", "\udfff\ud800", "0"]
  ) {
    it(`may be ${JSON.stringify(sid)}`, async () => {
      using store = new Lembro();
      assertEquals(await store.get(sid), undefined);
      await store.set(sid, sessionOf({ sid }));
      assertEquals((await store.get(sid) as unknown as { sid: string }).sid, sid);
      assertEquals(await store.ids(), [sid]);
      assertEquals(Object.keys(await store.all()), [sid]);
      await store.destroy(sid);
      assertEquals(await store.length(), 0);
    });
  }

  it("that is a number is turned into a string", async () => {
    using store = new Lembro();
    await store.set(7 as unknown as string, sessionOf());
    assertNotEquals(await store.get("7"), undefined);
    assertNotEquals(await store.get(7 as unknown as string), undefined);
    assertEquals(await store.ids(), ["7"]);
  });

  it("with a lone surrogate is another one than with another surrogate", async () => {
    using store = new Lembro();
    await store.set("\ud800", sessionOf());
    assertEquals(await store.get("\ud801"), undefined);
  });
});

describe("touch", () => {
  it("replaces the cookie and keeps the data of the last save", async () => {
    using store = new Lembro();
    await store.set("a", sessionOf({ name: "Ada" }, { path: "/", maxAge: 1000 }));
    await store.touch("a", sessionOf({ name: "Eve" }, { path: "/x", maxAge: 2000 }));
    assertEquals(await store.get("a"), sessionOf({ name: "Ada" }, { path: "/x", maxAge: 2000 }));
  });

  it("does nothing to an absent session", async () => {
    using store = new Lembro();
    await store.touch("a", sessionOf());
    assertEquals(await store.length(), 0);
    assertEquals(store.stats().touches, 0);
  });
});

describe("destroy and clear", () => {
  it("forget one session, and all of them", async () => {
    using store = new Lembro();
    for (const sid of "abc") await store.set(sid, sessionOf());
    await store.destroy("b");
    assertEquals(await store.ids(), ["a", "c"]);
    await store.destroy("nobody");
    await store.clear();
    assertEquals(await store.ids(), []);
    assertEquals(store.stats().bytes, 0);
  });
});

describe("all, length, ids and entries", () => {
  it("return the live sessions", async () => {
    using store = new Lembro();
    const sessions = {
      a: sessionOf({ n: 1 }, { path: "/" }),
      b: sessionOf({ n: 2 }, { path: "/" }),
    };
    for (const [sid, session] of Object.entries(sessions)) await store.set(sid, session);
    const all = await store.all();
    assertStrictEquals(Object.getPrototypeOf(all), null);
    assertEquals<unknown>({ ...all }, sessions);
    assertEquals(await store.length(), 2);
    assertEquals(await store.ids(), ["a", "b"]);
    assertEquals([...store.entries()], Object.entries(sessions));
  });

  it("entries: may be held while the store works", async () => {
    using store = new Lembro();
    for (const sid of "abcd") await store.set(sid, sessionOf());
    const entries = store.entries();
    const seen = [entries.next().value![0]];
    // "a" was seen, "b" goes, "c" is used and saved again, "d" stays, "e" is new.
    await store.destroy("b");
    await store.get("c");
    await store.set("c", sessionOf({ again: true }));
    await store.set("a", sessionOf({ again: true }));
    await store.set("e", sessionOf());
    for (const [sid] of entries) seen.push(sid);
    assertEquals(seen, ["a", "c", "d"]);
  });

  it("entries: returns the sessions that were there at the call", async () => {
    using store = new Lembro();
    await store.set("a", sessionOf());
    const entries = store.entries();
    await store.set("b", sessionOf());
    assertEquals([...entries].map(([sid]) => sid), ["a"]);
  });

  it("entries: ends when the store is cleared", async () => {
    using store = new Lembro();
    for (const sid of "abc") await store.set(sid, sessionOf());
    const entries = store.entries();
    entries.next();
    await store.clear();
    assert(entries.next().done);
  });
});

// Each method with its arguments before the callback.
const CALLS: [name: string, call: (store: LembroStore, callback?: never) => unknown][] = [
  ["get", (store, callback) => store.get("a", callback!)],
  ["set", (store, callback) => store.set("b", sessionOf(), callback)],
  ["touch", (store, callback) => store.touch("a", sessionOf(), callback)],
  ["destroy", (store, callback) => store.destroy("b", callback)],
  ["update", (store, callback) => store.update("a", () => {}, callback!)],
  ["info", (store, callback) => store.info("b", callback!)],
  ["sessionsOfUser", (store, callback) => store.sessionsOfUser("nobody", callback!)],
  ["updateUser", (store, callback) => store.updateUser("nobody", () => {}, callback!)],
  ["revokeUser", (store, callback) => store.revokeUser("nobody", {}, callback!)],
  ["all", (store, callback) => store.all(callback!)],
  ["length", (store, callback) => store.length(callback!)],
  ["ids", (store, callback) => store.ids(callback!)],
  ["reduce", (store, callback) => store.reduce(callback)],
  ["purge", (store, callback) => store.purge(callback)],
  ["close", (store, callback) => store.close(callback)],
  ["clear", (store, callback) => store.clear(callback)],
];

describe("every method", () => {
  for (const [name, call] of CALLS) {
    it(`${name}: calls back later, never inside the call, and then returns nothing`, async () => {
      using store = new Lembro();
      await store.set("a", sessionOf());
      const log: string[] = [];
      const result = call(store, ((error: unknown) => log.push(`called ${error}`)) as never);
      log.push("returned");
      await settled();
      assertEquals(log, ["returned", "called null"]);
      assertStrictEquals(result, undefined);
    });

    it(`${name}: returns a promise of the same result without a callback`, async () => {
      using one = new Lembro();
      using other = new Lembro();
      const session = sessionOf();
      await one.set("a", session);
      await other.set("a", session);
      const promised = await call(one);
      const given = await called((callback) => void call(other, callback as never));
      assertEquals(promised, given);
    });
  }

  it("get, set, touch and destroy: call back in the order of the calls", async () => {
    using store = new Lembro();
    const order: number[] = [];
    const expected: number[] = [];
    const four = CALLS.slice(0, 4);
    for (let i = 0; i < 40; i++) {
      expected.push(i);
      four[(i * 7) % 4][1](store, (() => order.push(i)) as never);
    }
    await settled();
    assertEquals(order, expected);
  });

  it("rejects its promise with the error", async () => {
    using store = new Lembro();
    await assertRejects(() => store.set("a", undefined as unknown as SessionData), TypeError);
  });
});

describe("a callback", () => {
  it("runs in the async context of its own caller", async () => {
    const context = new AsyncLocalStorage<string>();
    using store = new Lembro();
    const seen: (string | undefined)[] = [];
    for (const request of ["one", "other", "third"]) {
      context.run(request, () => store.get("a", () => seen.push(context.getStore())));
    }
    store.get("a", () => seen.push(context.getStore()));
    await settled();
    assertEquals(seen, ["one", "other", "third", undefined]);
  });

  it("that calls the store again and again leaves timers and sockets their turn", async () => {
    const server = createServer((socket) => socket.end("hello")).listen(0, "127.0.0.1");
    await once(server, "listening");
    using store = new Lembro();
    let calls = 0;
    let heard = "";
    let rang = false;
    await new Promise<void>((resolve) => {
      const again = () => ++calls === 100_000 || rang && heard ? resolve() : store.get("a", again);
      setTimeout(() => rang = true, 0);
      connect((server.address() as AddressInfo).port, "127.0.0.1")
        .on("data", (data) => heard += data);
      again();
    });
    server.close();
    assertEquals([heard, rang], ["hello", true]);
  });

  it("that throws is an uncaught error, and the other callbacks still run", async () => {
    const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
      args: locked([
        "eval",
        "--no-check",
        `
        const { default: lembro } = await import("${new URL("../mod.ts", import.meta.url)}");
        const store = new (lembro({ Store: class {} }))();
        for (const event of ["error", "unhandledrejection"]) {
          addEventListener(event, (event) => {
            event.preventDefault();
            console.log(event.type, event.error?.message);
          });
        }
        store.get("a", () => console.log("one"));
        store.get("a", () => { throw new Error("mine"); });
        store.get("a", () => console.log("other"));`,
      ]),
      signal: AbortSignal.timeout(60_000),
    }).output();
    assertEquals(new TextDecoder().decode(stderr), "");
    assertEquals(new TextDecoder().decode(stdout), "one\nerror mine\nother\n");
    assertEquals(code, 0);
  });

  it("runs under fake timers, and after they were cleared", async () => {
    using store = new Lembro();
    const clock = FakeTimers.install();
    try {
      const called: string[] = [];
      store.get("a", () => called.push("get"));
      clock.reset();
      await store.get("a");
      await store.length();
      store.clear(() => called.push("clear"));
      clock.reset();
      await store.set("a", sessionOf());
      assertEquals(called, ["get", "clear"]);
    } finally {
      clock.uninstall();
    }
  });

  for (const name of ["setImmediate", "setTimeout", "queueMicrotask"] as const) {
    it(`runs though ${name} was replaced by a function that does nothing`, async () => {
      using store = new Lembro();
      const real = globalThis[name];
      globalThis[name] = (() => {}) as never;
      try {
        assertEquals(await store.get("a"), undefined);
        assertEquals(await store.length(), 0);
      } finally {
        globalThis[name] = real as never;
      }
    });
  }
});

describe("destroy, revoke and clear, while their answers wait for a journal", () => {
  const calls = {
    destroy: (store: LembroStore, callback?: never): unknown => store.destroy("a", callback!),
    revoke: (store: LembroStore, callback?: never): unknown =>
      store.revokeUser("ada", {}, callback!),
    clear: (store: LembroStore, callback?: never): unknown => store.clear(callback!),
  };
  for (const [name, call] of Object.entries(calls)) {
    it(`${name}: has taken effect at once, answers later, and no other call waits for it`, async () => {
      using store = new Lembro();
      const context = new AsyncLocalStorage<string>();
      await store.set("a", sessionOf({ passport: { user: "ada" } }));
      const written = Promise.withResolvers<void>();
      portOf(store)!.confirmBy(() => written.promise);
      const log: string[] = [];
      context.run(
        "mine",
        () => call(store, (() => log.push(`${context.getStore()} ${name}`)) as never),
      );
      const promised = call(store) as Promise<unknown>;
      promised.then(() => log.push("promise"));
      assertEquals(await store.get("a"), undefined);
      await store.set("b", sessionOf(), undefined);
      store.get("b", () => log.push("get"));
      for (let i = 0; i < 5; i++) await settled();
      assertEquals(log, ["get"]);
      written.resolve();
      await promised;
      await settled();
      assertEquals(log, ["get", `mine ${name}`, "promise"]);
    });

    it(`${name}: passes the error of the journal`, async () => {
      using store = new Lembro();
      portOf(store)!.confirmBy(() => Promise.reject(new Error("the disk is full")));
      await assertRejects(() => call(store) as Promise<unknown>, Error, "the disk is full");
      portOf(store)!.confirmBy(undefined);
      await call(store);
    });
  }
});
