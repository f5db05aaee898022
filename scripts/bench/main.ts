/**
 * Measures this store and its peers side by side, on Node with the built
 * package and on Deno with the sources.
 *
 *     deno task bench [--quick | --smoke] [--check] [--out=folder]
 *     deno task bench --against=../before/mod.ts [--quick | --smoke]
 *
 * Writes `results.md` and `results.svg` into `scripts/bench/`, and the README's
 * figures; a quick run writes them only where it is told to. `--check` fails if
 * a requirement is missed. `--against` measures this store beside that of
 * another checkout instead, and prints the ratios.
 *
 * @module
 */
import { arch, cpus, release, totalmem, type } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import config from "../../deno.json" with { type: "json" };
import { measureAgainst } from "./against.ts";
import { chartOf } from "./chart.ts";
import { readOptions } from "./command_line.ts";
import { type Redis, startRedis } from "../support/redis_server.ts";
import { judge, pageOf, type Results, verdictTable } from "./results.ts";
import { FULL, FULL_AGAINST, measure, progress, QUICK, smaller, SMOKE } from "./rounds.ts";
import { inDeno, inNode, type Runtime, versions } from "./runtimes.ts";

/** Where the figures come from. */
async function originOf(runtimes: Runtime[], redis: Redis | undefined): Promise<string[]> {
  const [{ model }, ...more] = cpus();
  const packages = Object.values(await versions()).map(({ from, version }) => `${from} ${version}`);
  return [
    `${model}, ${1 + more.length} cores, ${
      Math.round(totalmem() / 1024 ** 3)
    } GB, ${type()} ${release()} ${arch()}`,
    runtimes.map(({ name }) => name).join(", "),
    [`express-lembro ${config.version}`, ...packages].join(", "),
    redis ? `redis-server ${redis.version}, on the same machine` : "no redis-server was there",
    new Date().toISOString().slice(0, 10),
  ];
}

const options = readOptions(
  "measure",
  "--quick, --smoke, --check, --out=folder and --against=mod.ts",
  {
    quick: { type: "boolean" },
    smoke: { type: "boolean" },
    check: { type: "boolean" },
    out: { type: "string" },
    against: { type: "string" },
  },
);
const isFull = !options.quick && !options.smoke;
const plan = options.smoke ? SMOKE : options.quick ? QUICK : FULL;
const here = fileURLToPath(new URL(".", import.meta.url));
const out = options.out ?? (isFull ? here : undefined);

const project = await Deno.makeTempDir();
try {
  if (options.against === undefined) await bench();
  else await benchAgainst(options.against);
} finally {
  await Deno.remove(project, { recursive: true });
}

/** This store and its peers. */
async function bench(): Promise<void> {
  await using redis = await startRedis();
  if (!redis) progress("There is no redis-server on this machine: connect-redis is left out");
  progress("Building the package, and installing it with its peers for Node");
  const [node, deno] = [await inNode(project), inDeno()];
  const results: Results = { origin: await originOf([node, deno], redis), found: [] };
  let page = "";
  for (const runtime of [node, deno]) {
    const isNode = runtime === node;
    results.found.push(await measure(runtime, isNode ? plan : smaller(plan), redis, isNode));
    // A long run that is broken off leaves what it has found.
    page = pageOf(results);
    if (out) await write(out, page, results);
  }
  console.log(page);
  const missed = judge(results.found[0]).filter(({ verdict }) => verdict === "missed");
  if (missed.length === 0) return;
  progress(`Requirements missed: ${missed.length}\n\n${verdictTable(missed)}`);
  if (options.check) Deno.exitCode = 1;
}

/** Writes the page and the chart into a folder. */
async function write(folder: string, page: string, results: Results): Promise<void> {
  const written = [join(folder, "results.md"), join(folder, "results.svg")];
  await Deno.mkdir(folder, { recursive: true });
  await Deno.writeTextFile(written[0], page);
  await Deno.writeTextFile(written[1], chartOf(results));
  await new Deno.Command(Deno.execPath(), { args: ["fmt", "--quiet", ...written] }).output();
}

/** This store, and that of the checkout with the module at `path`. */
async function benchAgainst(path: string): Promise<void> {
  const other = dirname(await Deno.realPath(path));
  progress("Building the packages of both, and installing them for Node");
  const [node, deno] = [await inNode(project), inDeno()];
  const less = isFull ? FULL_AGAINST : plan;
  console.log(`${await measureAgainst(node, less, other, true)}\n`);
  console.log(await measureAgainst(deno, less, other, false));
}
