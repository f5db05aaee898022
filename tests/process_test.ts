import { assertEquals, assertRejects } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { supplied, supplier } from "../scripts/suppliers.ts";
import { Lembro } from "./support/setup.ts";

const MOD = JSON.stringify(new URL("../mod.ts", import.meta.url).href);

const SUPPLIER = await supplier();

/** Runs `script` in a process of its own, which has the package as `lembro`. */
async function run(script: string): Promise<{ out: string; errors: string; code: number }> {
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: supplied(SUPPLIER, ["eval", "--no-check", script]),
    // Longer than any start takes.
    signal: AbortSignal.timeout(60_000),
  }).output();
  const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes).trim();
  return { out: text(stdout), errors: text(stderr), code };
}

describe("a call whose promise nobody looks at", () => {
  for (
    const call of [
      "get(undefined)",
      "set(undefined, {})",
      "set('a', null)",
      "touch(['1'], {})",
      "destroy(undefined)",
      "destroy(['1'])",
      "update('a', 1)",
      "info({})",
      "sessionsOfUser({})",
      "updateUser('ada', () => Promise.resolve())",
      "updateUser('ada')",
      "revokeUser(undefined)",
      "all()",
      "clear()",
    ]
  ) {
    it(`${call}: does not end the process when it fails`, async () => {
      const { out, errors, code } = await run(`
        import lembro from ${MOD};
        const serializer = { stringify: JSON.stringify, parse() { throw new Error("unreadable"); } };
        const store = new (lembro({ Store: class {} }))({ serializer });
        await store.set("kept", {});
        store[Symbol.for("express-lembro.port.1")].confirmBy(() => Promise.reject(new Error("disk")));
        store.${call};
        setTimeout(() => console.log("alive"), 50);`);
      assertEquals([out, errors, code], ["alive", "", 0]);
    });
  }

  it("still rejects for whoever awaits it", async () => {
    using store = new Lembro();
    await assertRejects(() => store.destroy(undefined as never), TypeError, "sid");
    await assertRejects(() => store.revokeUser(undefined as never), TypeError, "user");
  });
});

describe("what fails in the background", () => {
  /** `say` prints what has come, and that the process goes on. Without it the process waits. */
  const SAY = `
    const waiting = setTimeout(() => {}, 50_000);
    const say = (...what) => {
      console.log(...what);
      clearTimeout(waiting);
      setTimeout(() => console.log("alive"));
    };`;
  const failing = (Store: string) => `
    import lembro from ${MOD};
    import { EventEmitter } from "node:events";
    import process from "node:process";
    ${SAY}
    process.on("warning", ({ message }) => say("warning:", message));
    const store = new (lembro({ Store: ${Store} }))({ interval: 10 });
    store.purge = (callback) => {
      store[Symbol.dispose]();
      callback(new Error("no purge today"));
    };`;

  it("goes to the listeners of error", async () => {
    const { out, code } = await run(`${failing("EventEmitter")}
      store.on("error", ({ message }) => say("heard:", message));`);
    assertEquals([out, code], ["heard: no purge today\nalive", 0]);
  });

  it("is a warning if it is the app's own log, and the call succeeds", async () => {
    const { out, code } = await run(`
      import debug from "debug";
      import process from "node:process";
      debug.enable("express-lembro");
      debug.log = () => { throw new Error("no log today"); };
      const { default: lembro } = await import(${MOD});
      process.on("warning", ({ message }) => console.log("warning:", message));
      using store = new (lembro({ Store: class {} }))();
      await store.reduce();
      setTimeout(() => console.log("alive"), 100);`);
    const warning = "warning: no log today";
    assertEquals([out, code], [`${warning}\n${warning}\nalive`, 0]);
  });

  for (const Store of ["EventEmitter", "class {}"]) {
    it(`is a warning of the process if nobody listens: a Store that is ${Store}`, async () => {
      const { out, code } = await run(failing(Store));
      assertEquals([out, code], ["warning: no purge today\nalive", 0]);
    });
  }

  it("is a warning of the console where there is no process", async () => {
    const { out, errors, code } = await run(`
      ${SAY}
      delete globalThis.process;
      console.warn = ({ message }) => say("warned:", message);
      const { default: lembro } = await import(${MOD});
      const store = new (lembro({ Store: class {} }))({ interval: 10 });
      store.purge = (callback) => {
        store[Symbol.dispose]();
        callback({});
      };`);
    assertEquals([out, errors, code], ["warned: an object\nalive", "", 0]);
  });
});

describe("timers that were faked before the package was loaded", () => {
  it("keep no callback from running, and the process from ending", async () => {
    const fakes = JSON.stringify(import.meta.resolve("@sinonjs/fake-timers"));
    const { out, errors, code } = await run(`
      import FakeTimers from ${fakes};
      FakeTimers.install();
      const { default: lembro } = await import(${MOD});
      const store = new (lembro({ Store: class {} }))(() => console.log("ready"));
      store.set("a", { name: "Ada" }, () => console.log("saved"));
      console.log((await store.all()).a.name);
      await store.purge();
      store.get("a", (_, { name }) => console.log(name));`);
    assertEquals(errors, "");
    assertEquals(out.split("\n"), ["ready", "saved", "Ada", "Ada"]);
    assertEquals(code, 0);
  });

  it("of another library, too: a mock, or a function with another name", async () => {
    for (
      const fake of ["Object.assign(function NAME() {}, { _isMockFunction: true })", "() => {}"]
    ) {
      const { out, code } = await run(`
        globalThis.setImmediate = [${fake.replace("NAME", "setImmediate")}][0];
        globalThis.setTimeout = [${fake.replace("NAME", "setTimeout")}][0];
        const { default: lembro } = await import(${MOD});
        const store = new (lembro({ Store: class {} }))();
        store.set("a", {}, () => console.log("saved"));`);
      assertEquals([out, code], ["saved", 0]);
    }
  });
});
