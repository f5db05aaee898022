/**
 * Measures this store and its peers side by side, on Node with the built
 * package and on Deno with the sources.
 *
 *     deno task bench [speed] [lists] [express] [heap] [holds] [journal] [redis] [--quick]
 *
 * A full run of all parts writes `results.md` and the figures of the README.
 *
 * @module
 */
import { arch, cpus, release, totalmem, type } from "node:os";
import { redisVersion } from "../support/redis_server.ts";
import { measure, parts } from "./parts.ts";
import { inDeno, inNode } from "./processes.ts";
import { summaryOf, type Tables, textOf, writeResults, writeTable } from "./tables.ts";

const isQuick = Deno.args.includes("--quick");
const asked = Deno.args.filter((arg) => arg !== "--quick");
const unknown = asked.find((name) => !Object.hasOwn(parts, name));
if (unknown !== undefined) {
  const usage = `the arguments are --quick and ${Object.keys(parts).join(", ")}`;
  console.error(`Cannot measure: ${usage}: received ${unknown}`);
  Deno.exit(2);
}
const redis = await redisVersion();
if (!redis) console.error("Skipped the part redis: there is no redis-server on the PATH.");
const names = (asked.length > 0 ? asked : Object.keys(parts))
  .filter((name) => redis || name !== "redis");
const folder = await Deno.makeTempDir();
try {
  console.error("Building the package, and installing it with its peers for Node");
  const runtimes = [await inNode(folder), inDeno];
  const found: Record<string, Tables> = {};
  const sections: string[] = [];
  for (const runtime of runtimes) {
    const tables = found[runtime.name] = await measure(runtime, names, isQuick ? 0.25 : 1);
    const texts = Object.entries(tables).map(([title, table]) =>
      `### ${title}\n\n${textOf(table)}`
    );
    sections.push([`## ${runtime.name}`, ...texts].join("\n\n"));
    console.log(`${sections.at(-1)}\n`);
  }
  if (asked.length === 0 && !isQuick) {
    const [{ model }, ...cores] = cpus();
    const memory = Math.round(totalmem() / 1024 ** 3);
    const origin = [
      `${model}, ${1 + cores.length} cores, ${memory} GB, ${type()} ${release()} ${arch()}`,
      ...runtimes.map(({ name, packages }) => [name, ...packages].join(", ")),
      `Redis ${redis}`,
      new Date().toISOString().slice(0, 10),
    ];
    const summary = summaryOf(found);
    const lines = origin.map((line) => `- ${line}`).join("\n");
    const page = ["# Bench", "`deno task bench` wrote this page.", lines, summary, ...sections];
    await writeResults(page.join("\n\n"));
    await writeTable("bench", summary);
  }
} finally {
  await Deno.remove(folder, { recursive: true });
}
