import { assert, assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { HeldClock } from "./support/clock.ts";
import { Lembro, lembro, session, sessionOf, settled } from "./support/setup.ts";

describe("lembro(session)", () => {
  it("returns a class that extends the Store of express-session", () => {
    using store = new Lembro();
    assert(store instanceof session.Store);
    assert(Lembro.prototype instanceof session.Store);
    assertEquals(Lembro.prototype.constructor.name, "Lembro");
  });

  it("takes any object with a Store class, and the old { session: { Store } }", () => {
    class Store {}
    using one = new (lembro({ Store }))();
    using other = new (lembro({ session: { Store } }))();
    assert(one instanceof Store);
    assert(other instanceof Store);
  });

  for (
    const [what, value] of [
      ["nothing", undefined],
      ["null", null],
      ["a string", "express-session"],
      ["options", { maxSize: "4M" }],
      ["a Store that is no class", { Store: {} }],
      ["a Store that can't be extended", { Store: () => {} }],
      ["a session without a Store", { session: {} }],
      ["a function without a Store", () => {}],
    ] as const
  ) {
    it(`refuses ${what}, and says what to pass`, () => {
      const error = assertThrows(() => lembro(value as unknown as typeof session), TypeError);
      assertStringIncludes(error.message, "lembro(session)");
    });
  }

  it("is the default export and a named one", async () => {
    const module = await import("express-lembro");
    assert(module.default === module.lembro);
  });

  it("returns classes whose stores are separate", async () => {
    using one = new (lembro(session))();
    using other = new (lembro(session))();
    await one.set("a", sessionOf());
    assertEquals(await other.get("a"), undefined);
  });

  it("returns a class whose subclass may have a generate of its own", () => {
    class Own extends Lembro {
      generate = () => "own";
    }
    using store = new Own();
    assertEquals(store.generate(), "own");
  });

  it("returns a class that can be extended", async () => {
    class Mine extends Lembro {
      greet() {
        return this.options.interval;
      }
    }
    using store = new Mine({ interval: 1000 });
    assertEquals(store.greet(), 1000);
    await store.set("a", sessionOf({ name: "Ada" }));
    assertEquals(await store.length(), 1);
  });
});

describe("the constructor", () => {
  for (
    const [form, create] of [
      ["new Lembro(callback)", (callback: () => void) => new Lembro(callback)],
      ["new Lembro({}, callback)", (callback: () => void) => new Lembro({}, callback)],
      ["new Lembro(null, callback)", (callback: () => void) => new Lembro(null, callback)],
      [
        "new Lembro(undefined, callback)",
        (callback: () => void) => new Lembro(undefined, callback),
      ],
    ] as const
  ) {
    it(`${form}: calls back once, after the constructor has returned`, async () => {
      const calls: string[] = [];
      using _store = create(() => calls.push("ready"));
      calls.push("returned");
      await settled();
      await settled();
      assertEquals(calls, ["returned", "ready"]);
    });
  }

  it("refuses a callback that is not a function", () => {
    assertThrows(
      () => new Lembro({}, "ready" as unknown as () => void),
      TypeError,
      'callback must be a function: received "ready"',
    );
  });

  it("refuses express-session in place of the options, and says what was meant", () => {
    for (
      const create of [() => new Lembro(session as never), () => new Lembro({}, session as never)]
    ) {
      const error = assertThrows(create, TypeError);
      assertStringIncludes(error.message, "new (lembro(session))(options)");
    }
  });

  it("does not change the options object", () => {
    const options = Object.freeze({ maxSize: "2M" });
    using store = new Lembro(options);
    assertEquals(options, { maxSize: "2M" });
    assertEquals(store.options.maxSize, 2 * 1024 * 1024);
  });

  it("does not follow later changes of the options object", () => {
    const options = { maxSize: "2M" };
    using store = new Lembro(options);
    options.maxSize = "8M";
    assertEquals(store.options.maxSize, 2 * 1024 * 1024);
  });
});

describe("a Store that is not an EventEmitter", () => {
  it("does not make the store throw", async () => {
    using clock = new HeldClock();
    class Store {}
    using store = new (lembro({ Store }))({ maxSize: "2K" });
    for (const sid of "abcdefghijklmnop") await store.set(sid, sessionOf());
    assert(store.stats().evicted.newcomers > 0);
    await store.set("a", sessionOf({}, { maxAge: 1 }));
    clock.tick(1);
    await store.purge();
    await store.clear();
    assertEquals(store.stats().expired, 1);
  });
});
