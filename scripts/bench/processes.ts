/**
 * The processes of the bench: in Node with the built package, as it is
 * installed, and in Deno with the sources.
 *
 * @module
 */
import { build, stop } from "esbuild";
import { type ChildProcessByStdio, execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { Readable, Writable } from "node:stream";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import importMap from "../imports.json" with { type: "json" };
import { locked } from "../suppliers.ts";
import type { Figures } from "./tables.ts";
import type { Task } from "./worker.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));
const worker = fileURLToPath(new URL("worker.ts", import.meta.url));
const flags = ["--expose-gc", "--max-old-space-size=4096"];
const run = promisify(execFile);

/** Where the bench runs. */
export interface Runtime {
  /** What it is, with its version, and the versions of the packages. */
  readonly name: string;
  readonly packages: string[];
  /** Starts a process of the bench, and waits until it has opened its store. */
  start(task: Task): Promise<Child>;
}

/** A process of the bench. */
export class Child implements AsyncDisposable {
  readonly #process: ChildProcessByStdio<Writable, Readable, null>;
  readonly #answers: AsyncIterator<string>;

  private constructor(command: string, args: string[]) {
    this.#process = spawn(command, args, { stdio: ["pipe", "pipe", "inherit"] });
    this.#answers = createInterface({ input: this.#process.stdout })[Symbol.asyncIterator]();
  }

  static async start(command: string, args: string[], task: Task): Promise<Child> {
    const child = new Child(command, [...args, JSON.stringify(task)]);
    await child.next();
    return child;
  }

  /** Lets it go a step, and returns what it has found. */
  async next(): Promise<Figures> {
    this.#process.stdin.write("\n");
    const { value, done } = await this.#answers.next();
    if (done) throw new Error("Cannot measure: a process has ended");
    return JSON.parse(value);
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
  start(task) {
    const args = locked(["run", "-A", `--v8-flags=${flags}`, worker]);
    return Child.start(Deno.execPath(), args, task);
  },
});

/** Node, with the built package and its peers, which are installed in `folder`. */
export async function inNode(folder: string): Promise<Runtime> {
  const built = join(folder, "npm");
  const builder = ["run", "-A", "scripts/suppliers.ts", "run", "-A", "scripts/build_npm.ts"];
  await run(Deno.execPath(), [...builder, built], { cwd: root });
  const outfile = join(folder, "worker.js");
  const { metafile } = await build({
    ...{ entryPoints: [worker], bundle: true, packages: "external", metafile: true, outfile },
    ...{ platform: "node", target: "node20", format: "esm" },
  });
  await stop();
  const imported = Object.values(metafile.outputs)[0].imports.map(({ path }) => path);
  const packages = Object.entries(importMap.imports)
    .filter(([name, from]) => imported.includes(name) && from.startsWith("npm:"));
  await Deno.writeTextFile(join(folder, "package.json"), '{ "type": "module" }\n');
  await run("npm", [
    ...["install", "--no-audit", "--no-fund", "--install-links", built],
    ...packages.map(([name, from]) => `${name}@${from}`),
  ], { cwd: folder });
  const installed = JSON.parse((await run("npm", ["query", ":root > *"], { cwd: folder })).stdout);
  return {
    name: `Node ${(await run("node", ["--version"])).stdout.trim().slice(1)}`,
    packages: installed.map((one: Record<string, string>) => `${one.name} ${one.version}`),
    start: (task) => Child.start("node", [...flags, outfile], task),
  };
}
