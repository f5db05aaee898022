/**
 * The processes of the bench: in Node with the built package, as it is
 * installed, and in Deno with the sources.
 *
 * @module
 */
import { build, stop } from "esbuild";
import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { createInterface } from "node:readline";
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

/** Where the bench runs: what it is, with its version and those of the packages, and a process. */
export interface Runtime {
  readonly name: string;
  readonly packages: string[];
  readonly command: string[];
}

/** A process of the bench. */
export type Child = Awaited<ReturnType<typeof start>>;

/** Starts a process, and waits until it has opened its store. */
export async function start({ command: [file, ...args] }: Runtime, task: Task) {
  const folder = await Deno.makeTempDir();
  const child = spawn(file, [...args, JSON.stringify({ ...task, folder })], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  const answers = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  /** Lets it go a step, and returns what it has found. */
  async function next(): Promise<Figures> {
    child.stdin.write("\n");
    const { value, done } = await answers.next();
    if (done) throw new Error("Cannot measure: a process has ended");
    return JSON.parse(value);
  }
  await next();
  return {
    next,
    async [Symbol.asyncDispose]() {
      child.stdin.end();
      if (child.exitCode === null) await once(child, "exit");
      await Deno.remove(folder, { recursive: true });
    },
  };
}

/** Deno, with the sources. */
export const inDeno: Runtime = {
  name: `Deno ${Deno.version.deno}`,
  packages: [],
  command: [Deno.execPath(), ...locked(["run", "-A", `--v8-flags=${flags}`, worker])],
};

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
    command: ["node", ...flags, outfile],
  };
}
