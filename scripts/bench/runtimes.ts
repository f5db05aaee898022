/**
 * The processes of the bench: in Node with the built package, as it is
 * installed, and in Deno with the sources.
 *
 * @module
 */
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import ts from "typescript";
import type { Orders } from "./worker.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));
const bench = join(root, "scripts/bench");
const encoder = new TextEncoder();

/** The packages that the processes of the bench import, as deno.json names them. */
const PACKAGES = [
  "connect-redis",
  "express",
  "express-lembro-1",
  "express-session",
  "memorystore",
  "redis",
  "sizeomatic",
];

/** The options for V8 of a process of the bench. A million sessions and their parsed copies take much. */
const FLAGS = ["--expose-gc", "--max-old-space-size=8192"];

/** Where the bench runs. */
export interface Runtime {
  readonly name: string;
  /** Whether a process can learn of the pauses of its collector. */
  readonly reportsPauses: boolean;
  /** Starts a process of the bench, with more options for V8. */
  start(flags?: string[]): Child;
  /** What its processes import to get the store of the checkout in the folder `path`. */
  moduleOf(path: string): Promise<string>;
}

/** A process of the bench. */
export class Child implements AsyncDisposable {
  readonly #process: Deno.ChildProcess;
  readonly #input: WritableStreamDefaultWriter<Uint8Array>;
  readonly #output: ReadableStreamDefaultReader<string>;
  #text = "";

  constructor(command: string, args: string[]) {
    this.#process = new Deno.Command(command, { args, stdin: "piped", stdout: "piped" }).spawn();
    this.#input = this.#process.stdin.getWriter();
    this.#output = this.#process.stdout.pipeThrough(new TextDecoderStream()).getReader();
  }

  /** Gives an order, and what came of it. */
  async ask<Name extends keyof Orders>(
    order: Name,
    details: Parameters<Orders[Name]>[0],
  ): Promise<Awaited<ReturnType<Orders[Name]>>> {
    await this.#input.write(encoder.encode(JSON.stringify({ order, ...details }) + "\n"));
    while (!this.#text.includes("\n")) {
      const { value, done } = await this.#output.read();
      if (done) throw new Error(`Cannot measure: the process has ended during ${order}`);
      this.#text += value;
    }
    const end = this.#text.indexOf("\n");
    const { result, error } = JSON.parse(this.#text.slice(0, end));
    this.#text = this.#text.slice(end + 1);
    if (error) throw new Error(`Cannot measure: ${order}: ${error}`);
    return result;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#input.close().catch(() => {});
    await this.#output.cancel();
    await this.#process.status;
  }
}

/** Deno, with the sources. */
export function inDeno(): Runtime {
  return {
    name: `Deno ${Deno.version.deno}`,
    reportsPauses: false,
    start: (flags = []) =>
      new Child(Deno.execPath(), [
        ...["run", "-A", `--v8-flags=${[...FLAGS, ...flags].join()}`],
        join(bench, "worker.ts"),
      ]),
    moduleOf: (path) => Promise.resolve(pathToFileURL(join(path, "mod.ts")).href),
  };
}

/** Node, with the built package and its peers installed in the folder `project`. */
export async function inNode(project: string): Promise<Runtime> {
  await install(
    root,
    project,
    Object.entries(await versions())
      .map(([name, { from, version }]) => `${name}@npm:${from}@${version}`),
  );
  for await (const { name } of Deno.readDir(bench)) {
    if (!name.endsWith(".ts")) continue;
    const { outputText } = ts.transpileModule(await Deno.readTextFile(join(bench, name)), {
      compilerOptions: {
        target: ts.ScriptTarget.ES2022,
        module: ts.ModuleKind.ESNext,
        rewriteRelativeImportExtensions: true,
      },
    });
    await Deno.writeTextFile(join(project, name.replace(/ts$/, "js")), outputText);
  }
  return {
    name: `Node ${(await run(project, "node", ["--version"])).trim().slice(1)}`,
    reportsPauses: true,
    start: (flags = []) => new Child("node", [...FLAGS, ...flags, join(project, "worker.js")]),
    async moduleOf(path) {
      const folder = await Deno.makeTempDir({ dir: project });
      await install(path, folder);
      const installed = join(folder, "node_modules/express-lembro/esm/mod.js");
      return pathToFileURL(installed).href;
    },
  };
}

/** Builds the package of the checkout in the folder `path`, and installs it with `others` in `folder`. */
async function install(path: string, folder: string, others: string[] = []): Promise<void> {
  const built = join(folder, "npm");
  await run(path, Deno.execPath(), [
    ...["run", "-A", "scripts/suppliers.ts", "run", "-A", "scripts/build_npm.ts"],
    built,
  ]);
  const [{ filename }] = JSON.parse(
    await run(built, "npm", ["pack", "--json", "--pack-destination", folder]),
  );
  await Deno.writeTextFile(join(folder, "package.json"), '{ "type": "module" }\n');
  await run(folder, "npm", [
    ...["install", "--no-audit", "--no-fund", join(folder, filename)],
    ...others,
  ]);
}

/** The packages of both runtimes: what deno.json names, in the version of deno.lock. */
export async function versions(): Promise<Record<string, { from: string; version: string }>> {
  const { imports } = JSON.parse(await Deno.readTextFile(join(root, "deno.json")));
  const { specifiers } = JSON.parse(await Deno.readTextFile(join(root, "deno.lock")));
  return Object.fromEntries(
    PACKAGES.map((name) => [name, lockedVersion(imports[name], specifiers)]),
  );
}

/** The package and the version that a lock file has for a specifier such as `npm:express@^5.1.0`. */
export function lockedVersion(
  specifier: string,
  specifiers: Record<string, string>,
): { from: string; version: string } {
  const [, from, range] = /^npm:(.+)@(.+)$/.exec(specifier) ?? [];
  // The lock file writes `^5.0.0` as `5`, and `^0.5.0` as `0.5`.
  const short = range?.replace(/^\^(0\.\d+|[1-9]\d*)(\.0)+$/, "$1");
  const locked = specifiers[specifier] ?? specifiers[`npm:${from}@${short}`];
  // What follows the underscore are the versions of its peers.
  const [version] = locked?.split("_") ?? [];
  const major = (text: string) => /\d+/.exec(text)?.[0];
  if (!version || major(version) !== major(range)) {
    throw new Error(
      `Cannot measure: deno.lock must have a version for ${specifier}: received ${version}`,
    );
  }
  return { from, version };
}

/** Runs a command that has to succeed, and gives what it printed. */
async function run(cwd: string, command: string, args: string[]): Promise<string> {
  const { success, stdout, stderr } = await new Deno.Command(command, { args, cwd }).output();
  const [printed, complaint] = [stdout, stderr].map((bytes) => new TextDecoder().decode(bytes));
  if (!success) throw new Error(`${command} ${args.join(" ")} failed:\n${printed}${complaint}`);
  return printed;
}
