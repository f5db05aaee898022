/** Stores that are used in unusual ways: they work, or the error says what was meant. */
import { assert, assertEquals, assertThrows } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { EventEmitter } from "node:events";
import { Visitor } from "./support/http.ts";
import { Lembro, lembro, session, sessionOf } from "./support/setup.ts";
// @ts-types="npm:@types/express@^5.0.0"
import express from "express";
import { once } from "node:events";

// deno-lint-ignore no-explicit-any -- what nobody should pass
type Anything = any;

describe("the class of stores", () => {
  it("says so if it is passed to express-session in place of a store", () => {
    const use = (store: Anything) =>
      session({ store, secret: "s", resave: false, saveUninitialized: false });
    const error = assertThrows(() => use(Lembro), TypeError);
    assert(error.message.includes("store must be a store, as in new Lembro(options)"));
    assertEquals((error as Anything).code, "ERR_LEMBRO_ARGUMENT");
    class Modern extends EventEmitter {}
    const OnModern: Anything = lembro({ Store: Modern });
    assertThrows(() => OnModern.on("disconnect", () => {}), TypeError, "new Lembro(options)");
  });

  it("says so if it is called without new, as a subclass of ES5 does", () => {
    const Class: Anything = Lembro;
    assertThrows(() => Class({}), TypeError, "call it with new, or extend it with class");
    function Mine(this: unknown, options: unknown) {
      Class.call(this, options);
    }
    Mine.prototype = Object.create(Class.prototype);
    assertThrows(() => new (Mine as Anything)({}), TypeError, "Reflect.construct");
  });

  it("can be extended by a subclass of ES5 with Reflect.construct, and by class", async () => {
    function Mine(options: Anything): Anything {
      return Reflect.construct(Lembro, [options], Mine);
    }
    Mine.prototype = Object.create(Lembro.prototype);
    Mine.prototype.greet = () => "hello";
    const store: Anything = new (Mine as Anything)({
      maxSize: "1M",
    });
    const isStore: boolean = store instanceof Lembro && store instanceof session.Store;
    assert(isStore);
    await store.set("a", sessionOf());
    assertEquals([store.greet(), await store.length()] as unknown[], ["hello", 1]);
    store.close();
    class Ours extends Lembro {}
    assertEquals(Lembro.prototype.constructor === Lembro, true);
    using ours = new Ours({ maxSize: "1M" });
    assert(ours instanceof Ours && Object.getPrototypeOf(ours) === Ours.prototype);
  });
});

describe("a Proxy around a store", () => {
  it("does what the store does", async () => {
    using store = new Lembro();
    const proxy = new Proxy(store, {});
    await proxy.set("a", sessionOf({ passport: { user: "ada" } }));
    assertEquals(await proxy.get("a"), await store.get("a"));
    await proxy.touch("a", sessionOf());
    await proxy.update("a", (session) => void Object.assign(session, { n: 1 }));
    assertEquals((await proxy.info("a"))!.user, "ada");
    assertEquals([...proxy.entries()].length, 1);
    for await (const [sid] of proxy) assertEquals(sid, "a");
    assertEquals([proxy.stats().sessions, await proxy.revokeUser("ada")], [1, 1]);
    await proxy.close();
  });

  it("keeps the sessions of an Express app", async () => {
    using store = new Lembro();
    const app = express();
    app.use(session({
      store: new Proxy(store, {}),
      ...{ secret: "s", resave: false, saveUninitialized: false },
    }));
    app.get("/", (request, response) => {
      const kept = request.session as unknown as { visits?: number };
      kept.visits = (kept.visits ?? 0) + 1;
      response.send(`${kept.visits}`);
    });
    const server = app.listen(0, "127.0.0.1");
    await once(server, "listening");
    try {
      const ada = new Visitor(`http://127.0.0.1:${(server.address() as { port: number }).port}`);
      assertEquals([await ada.text("/"), await ada.text("/")], ["1", "2"]);
    } finally {
      server.closeAllConnections();
      server.close();
    }
  });
});
