/**
 * What the package runs in: the Node on the PATH and this Deno; with
 * `LEMBRO_RUNTIMES=all` every Node that is in use, and Bun, from npm.
 *
 * @module
 */
import { join } from "node:path";
import process from "node:process";
import { succeeds } from "./installed.ts";
import { isAll } from "./matrix.ts";

/** Something that runs a script. */
export interface Runtime {
  /** With its version. */
  name: string;
  /** The command that runs a script, its arguments included. */
  command: [string, ...string[]];
}

const DENO: Runtime = {
  name: `Deno ${Deno.version.deno}`,
  command: [Deno.execPath(), "run", "-A"],
};

const NODES = ["20", "22", "24", "26"];

/** The runtimes there are here; those from npm are kept in `folder`. */
export async function runtimes(folder: string): Promise<Runtime[]> {
  const wanted = isAll
    ? [...NODES.map((version) => nodeFromNpm(folder, version)), bunFromNpm(folder)]
    : [called("Node", "node", [])];
  const found = await Promise.allSettled(wanted);
  for (const outcome of found) {
    if (outcome.status === "fulfilled") continue;
    const [reason] = String(outcome.reason.message).split("\n");
    console.log(`Without a runtime: ${reason}`);
    // Bun may not be there for every machine that CI has; Node is.
    if (Deno.env.has("CI") && /node/.test(reason)) throw outcome.reason;
  }
  return [
    ...found.flatMap((outcome) => outcome.status === "fulfilled" ? [outcome.value] : []),
    DENO,
  ];
}

// The package `node` brings these when it is installed, which npm may forbid: they need no script.
async function nodeFromNpm(folder: string, version: string): Promise<Runtime> {
  const platform = process.platform === "win32" ? "win" : process.platform;
  const name = `node-${platform}-${process.arch}`;
  return await called("Node", await fromNpm(join(folder, `node-${version}`), name, version), []);
}

async function bunFromNpm(folder: string): Promise<Runtime> {
  const platform = process.platform === "win32" ? "windows" : process.platform;
  const name = `@oven/bun-${platform}-${process.arch === "arm64" ? "aarch64" : "x64"}`;
  return await called("Bun", await fromNpm(join(folder, "bun"), name, "latest"), ["run"]);
}

/** Installs a package that holds nothing but a binary, and gives the path of that. */
async function fromNpm(folder: string, name: string, version: string): Promise<string> {
  await Deno.mkdir(folder, { recursive: true });
  await Deno.writeTextFile(join(folder, "package.json"), "{}");
  await succeeds(folder, "npm", ["install", `${name}@${version}`]);
  const binary = name.replace(/^.*\/|-.*$/g, "");
  return join(folder, "node_modules", name, "bin", binary);
}

async function called(name: string, binary: string, args: string[]): Promise<Runtime> {
  const version = await succeeds(".", binary, ["--version"]);
  return { name: `${name} ${version.trim().replace("v", "")}`, command: [binary, ...args] };
}
