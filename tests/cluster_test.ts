/**
 * A store in memory warns in a worker of a cluster, once, that sessions are not
 * shared. In real clusters, of Node and of PM2, the tests of the npm package see to it.
 */
import { assert, assertEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import process from "node:process";
import { Lembro } from "./support/setup.ts";

type Warned = [message: string, options: { code?: string }];

/** What a process can look like. */
interface Looks {
  getBuiltinModule?: ((id: string) => unknown) | undefined;
  env?: Record<string, string> | (() => never);
}

/** The warnings that two stores bring about in a process that looks like that. */
function warningsIn({ getBuiltinModule, env = {} }: Looks): Warned[] {
  const warned: Warned[] = [];
  const real = Object.getOwnPropertyDescriptor(globalThis, "process")!;
  Object.defineProperty(globalThis, "process", {
    configurable: true,
    value: {
      getBuiltinModule,
      get env() {
        return typeof env === "function" ? env() : env;
      },
      emitWarning: (...args: Warned) => void warned.push(args),
    },
  });
  // What it has warned of is known to all builds in a process.
  const mark = Symbol.for("express-lembro.cluster");
  Reflect.deleteProperty(globalThis, mark);
  try {
    for (let stores = 0; stores < 2; stores++) new Lembro().close();
  } finally {
    Object.defineProperty(globalThis, "process", real);
    Reflect.deleteProperty(globalThis, mark);
  }
  return warned;
}

const moduleOf = (isWorker: boolean) => (id: string) =>
  id === "node:cluster" ? { isWorker } : undefined;

describe("a store in memory", () => {
  it("warns once in a worker of a cluster, and names what to use there", () => {
    const warned = warningsIn({ getBuiltinModule: moduleOf(true) });
    assertEquals(warned.map(([, { code }]) => code), ["LEMBRO_CLUSTER"]);
    const [[message]] = warned;
    assert(message.includes("not shared") && message.includes("express-lembro/redis"), message);
  });

  it("warns in PM2's cluster mode where Node can't be asked, as before 20.16", () => {
    assertEquals(warningsIn({ env: { exec_mode: "cluster_mode" } }).length, 1);
  });

  for (
    const [where, looks] of [
      ["in the primary, or without a cluster", { getBuiltinModule: moduleOf(false) }],
      ["in PM2's fork mode", {
        getBuiltinModule: moduleOf(false),
        env: { exec_mode: "fork_mode", NODE_APP_INSTANCE: "0" },
      }],
      ["in PM2's fork mode where Node can't be asked", { env: { exec_mode: "fork_mode" } }],
      ["in a process that a worker has started", {
        getBuiltinModule: moduleOf(false),
        env: { exec_mode: "cluster_mode" },
      }],
      ["where there is no such module", { getBuiltinModule: () => undefined }],
      ["where modules may not be asked for", {
        getBuiltinModule: () => {
          throw new Error("not allowed");
        },
      }],
      ["where the environment may not be read", {
        env: () => {
          throw new Error("not allowed");
        },
      }],
    ] as [string, Looks][]
  ) {
    it(`does not warn ${where}`, () => assertEquals(warningsIn(looks), []));
  }

  it("does not warn in Deno, and asks for no permission there but to read the environment", async () => {
    const code = `
      import lembro from ${JSON.stringify(new URL("../mod.ts", import.meta.url).href)};
      new (lembro({ Store: class {} }))();
      console.log("made");`;
    const child = new Deno.Command(process.execPath, {
      args: ["run", "--quiet", "--no-check", "--no-prompt", "--allow-env", "--ext=ts", "-"],
      cwd: new URL("..", import.meta.url),
      env: { NO_COLOR: "1" },
      ...{ stdin: "piped", stdout: "piped", stderr: "piped" },
    }).spawn();
    const writer = child.stdin.getWriter();
    await writer.write(new TextEncoder().encode(code));
    await writer.close();
    const { stdout, stderr } = await child.output();
    const [said, warned] = [stdout, stderr].map((bytes) => new TextDecoder().decode(bytes));
    assertEquals([said, warned], ["made\n", ""]);
  });
});
