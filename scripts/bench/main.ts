/**
 * Measures this store and its peers side by side, on Node with the built
 * package and on Deno with the sources.
 *
 *     deno task bench [speed] [express] [heap] [holds] [journal] [redis] [--quick]
 *
 * A full run of all parts writes `results.md` and the figures of the README.
 *
 * @module
 */
import { arch, cpus, release, totalmem, type } from "node:os";
import { parseArgs } from "node:util";
import { parts } from "./parts.ts";
import { inDeno, inNode } from "./processes.ts";
import { format, readMethod, RESULTS, writeTable } from "./readme.ts";
import { summaryOf, type Tables } from "./tables.ts";

/** Which parts are measured, and whether quickly; one line and the end for what is neither. */
function readArguments(): { names: string[]; quick?: boolean } {
  const all = Object.keys(parts);
  try {
    const options = { quick: { type: "boolean" } } as const;
    const { values, positionals } = parseArgs({ options, allowPositionals: true });
    const unknown = positionals.find((name) => !all.includes(name));
    if (unknown !== undefined) throw new Error(`received ${unknown}`);
    return { names: positionals.length > 0 ? positionals : all, ...values };
  } catch (error) {
    const usage = `the arguments are --quick and ${all.join(", ")}`;
    console.error(`Cannot measure: ${usage}: ${(error as Error).message}`);
    Deno.exit(2);
  }
}

const { names, quick } = readArguments();
const method = await readMethod();
const isFull = !quick && names.length === Object.keys(parts).length;
/** A quick run has half of the rounds, and a tenth of the sessions and calls. */
const share = (full: number, least: number) =>
  quick ? Math.max(least, Math.round(full * (full < 50 ? 0.5 : 0.1))) : full;
const folder = await Deno.makeTempDir();
try {
  console.error("Building the package, and installing it with its peers for Node");
  const runtimes = [await inNode(folder), inDeno()];
  const found: Record<string, Tables> = {};
  const sections: string[] = [];
  for (const runtime of runtimes) {
    const { name } = runtime;
    const tables: Tables = found[name] = {};
    for (const part of names) {
      console.error(`${new Date().toISOString().slice(11, 19)} ${name}: ${part}`);
      Object.assign(tables, await parts[part](runtime, share));
    }
    const pages = Object.entries(tables).map(([title, { table }]) => `### ${title}\n\n${table}`);
    sections.push([`## ${name}`, ...pages].join("\n\n"));
    console.log(`${sections.at(-1)}\n`);
  }
  if (isFull) {
    const [{ model }, ...cores] = cpus();
    const memory = Math.round(totalmem() / 1024 ** 3);
    const origin = [
      `${model}, ${1 + cores.length} cores, ${memory} GB, ${type()} ${release()} ${arch()}`,
      ...runtimes.map(({ name, packages }) => [name, ...packages].join(", ")),
      new Date().toISOString().slice(0, 10),
    ];
    const summary = summaryOf(found);
    const lines = origin.map((line) => `- ${line}`).join("\n");
    const page = ["# Bench", "`deno task bench` wrote this page.", lines, summary, ...sections];
    await Deno.writeTextFile(RESULTS, [...page, method].join("\n\n"));
    await writeTable("bench", summary);
    await format(RESULTS);
  }
} finally {
  await Deno.remove(folder, { recursive: true });
}
