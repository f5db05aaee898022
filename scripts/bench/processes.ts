/**
 * The processes of the bench: in Node with the built package, as it is
 * installed, and in Deno with the sources.
 *
 * @module
 */
import { build, stop } from "esbuild";
import { type ChildProcessByStdio, spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { Readable, Writable } from "node:stream";
import { fileURLToPath } from "node:url";
import config from "../../deno.json" with { type: "json" };
import importMap from "../imports.json" with { type: "json" };
import { locked } from "../suppliers.ts";
import type { BenchStore } from "./stores.ts";
import type { Orders } from "./worker.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));
const worker = fileURLToPath(new URL("worker.ts", import.meta.url));
const flags = ["--expose-gc", "--max-old-space-size=4096"];

/** What the processes import beside this package, by the names of imports.json. */
const PACKAGES = [
  "connect-redis",
  "express",
  "express-lembro-1",
  "express-session",
  "memorystore",
  "redis",
  "sizeomatic",
] as const;

/** Where the bench runs. */
export interface Runtime {
  /** What it is, with its version, and the versions of the packages. */
  readonly name: string;
  readonly packages: string[];
  /** Starts a process of the bench. */
  start(): Child;
}

/** What an order says, beside the store. */
type Details<Order> = Order extends (store: BenchStore, ...details: infer D) => unknown ? D : never;

/** A process of the bench. */
export class Child implements AsyncDisposable {
  readonly #process: ChildProcessByStdio<Writable, Readable, null>;
  readonly #answers: AsyncIterator<string>;

  constructor(command: string, args: string[]) {
    this.#process = spawn(command, args, { stdio: ["pipe", "pipe", "inherit"] });
    this.#answers = createInterface({ input: this.#process.stdout })[Symbol.asyncIterator]();
  }

  /** Gives an order, and returns what came of it. */
  async ask<Name extends Exclude<keyof Orders, "MERGED">>(
    order: Name,
    ...[details]: Details<Orders[Name]>
  ): Promise<Awaited<ReturnType<Orders[Name]>>> {
    this.#process.stdin.write(JSON.stringify({ order, details }) + "\n");
    const { value, done } = await this.#answers.next();
    if (done) throw new Error(`Cannot measure: the process has ended during ${order}`);
    const { result, error } = JSON.parse(value);
    if (error) throw new Error(`Cannot measure: ${order}: ${error}`);
    return result;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#process.stdin.end();
    if (this.#process.exitCode === null) await once(this.#process, "exit");
  }
}

/** Deno, with the sources. */
export const inDeno = (): Runtime => ({
  name: `Deno ${Deno.version.deno}`,
  packages: [],
  start: () => new Child(Deno.execPath(), locked(["run", "-A", `--v8-flags=${flags}`, worker])),
});

/** Node, with the built package and its peers, which are installed in `folder`. */
export async function inNode(folder: string): Promise<Runtime> {
  const built = join(folder, "npm");
  await run(root, Deno.execPath(), [
    ...["run", "-A", "scripts/suppliers.ts", "run", "-A", "scripts/build_npm.ts"],
    built,
  ]);
  await Deno.writeTextFile(join(folder, "package.json"), '{ "type": "module" }\n');
  await run(folder, "npm", [
    ...["install", "--no-audit", "--no-fund", "--install-links", built],
    ...PACKAGES.map((name) => `${name}@${importMap.imports[name]}`),
  ]);
  const output = { platform: "node", target: "node20", format: "esm" } as const;
  const outfile = join(folder, "worker.js");
  await build({ entryPoints: [worker], bundle: true, packages: "external", ...output, outfile });
  await stop();
  const packages = await Promise.all(PACKAGES.map(async (name) => {
    const manifest = join(folder, "node_modules", name, "package.json");
    const found = JSON.parse(await Deno.readTextFile(manifest));
    return `${found.name} ${found.version}`;
  }));
  return {
    name: `Node ${(await run(folder, "node", ["--version"])).trim().slice(1)}`,
    packages: [`express-lembro ${config.version}`, ...packages],
    start: () => new Child("node", [...flags, outfile]),
  };
}

/** Runs a command that has to succeed, and returns what it printed. */
async function run(cwd: string, command: string, args: string[]): Promise<string> {
  const { success, stdout, stderr } = await new Deno.Command(command, { args, cwd }).output();
  const [printed, complaint] = [stdout, stderr].map((bytes) => new TextDecoder().decode(bytes));
  if (!success) throw new Error(`${command} ${args.join(" ")} failed:\n${printed}${complaint}`);
  return printed;
}
