import { assertEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { locked } from "../scripts/suppliers.ts";
import { DAY, HeldClock, MINUTE } from "./support/clock.ts";
import { called, Lembro, sessionOf, type Store } from "./support/setup.ts";

describe("the interval", () => {
  it("purges expired sessions every six minutes by default", async () => {
    using clock = new HeldClock();
    using store = new Lembro({ ttl: 1000 });
    await store.set("a", sessionOf());
    clock.tick(6 * MINUTE - 1);
    assertEquals(store.stats().sessions, 1);
    clock.tick(1);
    assertEquals(store.stats().sessions, 0);
    await store.set("b", sessionOf());
    clock.tick(6 * MINUTE);
    assertEquals(store.stats().sessions, 0);
  });

  it("may be set", async () => {
    using clock = new HeldClock();
    using store = new Lembro({ ttl: 10, interval: 1000 });
    await store.set("a", sessionOf());
    clock.tick(999);
    assertEquals(store.stats().sessions, 1);
    clock.tick(1);
    assertEquals(store.stats().sessions, 0);
  });

  it("leaves live sessions alone", async () => {
    using clock = new HeldClock();
    using store = new Lembro({ interval: 1000 });
    await store.set("a", sessionOf());
    clock.tick(5000);
    assertEquals(store.stats().sessions, 1);
  });
});

describe("close", () => {
  for (
    const [how, close] of [
      ["close()", (store) => store.close()],
      ["close(callback)", (store) => called((callback) => store.close(callback))],
      ["Symbol.dispose", (store) => store[Symbol.dispose]()],
    ] as [string, (store: Store) => unknown][]
  ) {
    it(`${how}: stops the timer, may be called twice, and leaves the store usable`, async () => {
      using clock = new HeldClock();
      const store = new Lembro({ ttl: 1000 });
      await store.set("a", sessionOf());
      await close(store);
      await close(store);
      clock.tick(DAY);
      assertEquals(store.stats().sessions, 1, "nothing is purged any more");
      assertEquals(await store.get("a"), undefined, "an expired session is not returned");
      await store.set("b", sessionOf());
      assertEquals(await store.ids(), ["b"]);
    });
  }
});

describe("the process", () => {
  it("ends when nothing but the store is left", async () => {
    const url = new URL("../mod.ts", import.meta.url).href;
    const { code, stdout } = await new Deno.Command(Deno.execPath(), {
      args: locked([
        "eval",
        "--no-check",
        `
        import lembro from ${JSON.stringify(url)};
        const store = new (lembro({ Store: class {} }))(() => console.log("ready"));
        store.set("a", {}, () => console.log("saved"));`,
      ]),
      // Longer than any start takes; the interval alone would keep it for six minutes.
      signal: AbortSignal.timeout(60_000),
    }).output();
    assertEquals(new TextDecoder().decode(stdout).trim().split(/\s+/), ["ready", "saved"]);
    assertEquals(code, 0);
  });
});

describe("a runtime", () => {
  it("without setImmediate, unref and Symbol.dispose, such as an older browser, is enough", async () => {
    const url = new URL("../mod.ts", import.meta.url).href;
    const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
      args: locked([
        "eval",
        "--no-check",
        `
        const { dispose: _, ...symbols } = Object.getOwnPropertyDescriptors(Symbol);
        globalThis.Symbol = Object.defineProperties((name) => Object(symbols.prototype.value.constructor)(name), symbols);
        delete globalThis.setImmediate;
        const { setInterval, setTimeout } = globalThis;
        const timers = [];
        globalThis.setInterval = (work, ms) => timers.push(setInterval(work, ms));
        globalThis.clearInterval = (timer) => clearTimeout(timers[timer - 1]);
        const { default: lembro } = await import(${JSON.stringify(url)});
        class Store {}
        const store = new (lembro({ Store }))();
        await store.set("a", { name: "Ada" });
        const order = [];
        for (const i of [1, 2, 3]) store.get("a", (_, { name }) => order.push(name + i));
        await store.get("a");
        console.log(order.join(), "undefined" in store);
        await store.close();`,
      ]),
      signal: AbortSignal.timeout(60_000),
    }).output();
    assertEquals(new TextDecoder().decode(stderr), "");
    assertEquals(new TextDecoder().decode(stdout).trim(), "Ada1,Ada2,Ada3 false");
    assertEquals(code, 0);
  });
});
