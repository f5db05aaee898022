/**
 * Measures this store and its peers side by side, on Node with the built
 * package and on Deno with the sources.
 *
 *     deno task bench [--quick | --smoke] [--check] [--out=folder]
 *
 * Writes `results.md` and `results.svg` into `scripts/bench/`, and the README's
 * figures; a quick run writes them only where it is told to. `--check` fails if
 * something that has to be is not.
 *
 * @module
 */
import { arch, cpus, release, totalmem, type } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import config from "../../deno.json" with { type: "json" };
import { chartOf } from "./chart.ts";
import { FLOOD } from "./flood.ts";
import { HOLDS, operations } from "./measure.ts";
import { BARE, OURS, peers, REDIS } from "./peers.ts";
import { type Redis, startRedis } from "./redis.ts";
import {
  type Found,
  judge,
  type OfPeers,
  pageOf,
  type Results,
  summaryOf,
  verdictTable,
} from "./results.ts";
import { type Child, inDeno, inNode, type Runtime, versions } from "./runtimes.ts";

/** How much is measured. */
interface Plan {
  /** `kept` sessions, `count` calls of each operation in a round; the processes are started anew `starts` times. */
  speed: { kept: number; count: number; rounds: number; starts: number };
  heap: { count: number; cycles: number };
  /** How many sessions, and how many tries with this store and with the others. */
  holds: { count: number; ours: number; others: number }[];
  growth: { sizes: number[]; count: number; rounds: number };
  web: { requests: number; visitors: number; rounds: number };
  flood: { users: number; crawled: number };
}

const FULL: Plan = {
  speed: { kept: 100_000, count: 5_000, rounds: 8, starts: 4 },
  heap: { count: 200_000, cycles: 5 },
  holds: [
    { count: 10_000, ours: 5, others: 3 },
    { count: 100_000, ours: 3, others: 1 },
    { count: 1_000_000, ours: 3, others: 1 },
  ],
  growth: { sizes: [1_000, 10_000, 100_000, 1_000_000], count: 10_000, rounds: 7 },
  web: { requests: 2_000, visitors: 32, rounds: 15 },
  flood: FLOOD,
};

const QUICK: Plan = {
  speed: { kept: 10_000, count: 2_000, rounds: 5, starts: 1 },
  heap: { count: 20_000, cycles: 1 },
  holds: [{ count: 10_000, ours: 1, others: 1 }],
  growth: { sizes: [1_000, 10_000], count: 500, rounds: 3 },
  web: { requests: 1_000, visitors: 32, rounds: 3 },
  flood: { users: 100, crawled: 40_000 },
};

const SMOKE: Plan = {
  speed: { kept: 100, count: 20, rounds: 2, starts: 1 },
  heap: { count: 1_000, cycles: 1 },
  holds: [{ count: 100, ours: 1, others: 1 }],
  growth: { sizes: [50, 100], count: 20, rounds: 2 },
  web: { requests: 20, visitors: 2, rounds: 2 },
  flood: { users: 5, crawled: 10 },
};

/** The stores whose growth is measured beside this one's: what grows by the Map and by the object. */
const GROWING = [BARE, "MemoryStore", OURS];

const began = performance.now();

function progress(text: string): void {
  console.error(
    `${String(Math.round((performance.now() - began) / 1_000)).padStart(4)} s  ${text}`,
  );
}

/** Does `work` with a process for each of the names, which are all there at the same time. */
async function withChildren(
  { start }: Runtime,
  names: string[],
  work: (children: Record<string, Child>) => Promise<void>,
): Promise<void> {
  await using stack = new AsyncDisposableStack();
  await work(Object.fromEntries(names.map((name) => [name, stack.use(start())])));
}

/** The names, beginning with another one in each round: no store is always the one after the same. */
function inTurn(names: string[], round: number): string[] {
  const first = round % names.length;
  return [...names.slice(first), ...names.slice(0, first)];
}

async function measureSpeed(
  runtime: Runtime,
  { kept, count, rounds, starts }: Plan["speed"],
  names: string[],
  redisPort?: number,
): Promise<Found["speed"]> {
  const speed: Found["speed"] = {};
  for (let start = 0; start < starts; start++) {
    progress(`${runtime.name}: speed, ${kept} sessions in each store`);
    await withChildren(runtime, names, async (children) => {
      for (const peer of names) {
        await children[peer].ask("open", { peer, redisPort });
        await children[peer].ask("fill", { count: kept });
      }
      // The first round is for the compiler.
      for (let round = 0; round <= rounds; round++) {
        progress(`${runtime.name}: speed, round ${start * rounds + round} of ${rounds * starts}`);
        for (const operation of Object.keys(operations)) {
          for (const peer of inTurn(names, round)) {
            const time = await children[peer].ask("speed", { operation, kept, count, round });
            if (round > 0) ((speed[operation] ??= {})[peer] ??= []).push(time);
          }
        }
      }
    });
  }
  return Object.fromEntries(
    Object.entries(speed).map(([operation, values]) => [operation, ordered(values, names)]),
  );
}

/** The values in the order of the names. */
function ordered<Value>(values: OfPeers<Value>, names: string[]): OfPeers<Value> {
  return Object.fromEntries(names.map((name) => [name, values[name]]));
}

async function measureGrowth(
  runtime: Runtime,
  { sizes, count, rounds }: Plan["growth"],
): Promise<Found["growth"]> {
  const growth: Found["growth"] = {};
  const names = GROWING.flatMap((peer) => sizes.map((size) => `${peer}: ${size}`));
  await withChildren(runtime, names, async (children) => {
    for (const name of names) {
      const [peer, size] = name.split(": ");
      progress(`${runtime.name}: growth, ${peer} with ${size} sessions`);
      await children[name].ask("open", { peer });
      await children[name].ask("fill", { count: Number(size) });
    }
    for (let round = 0; round <= rounds; round++) {
      progress(`${runtime.name}: growth, round ${round} of ${rounds}`);
      for (const operation of Object.keys(operations)) {
        for (const name of names) {
          const [peer, size] = name.split(": ");
          const kept = Number(size);
          // A small store has fewer sessions than there are calls: it is called as often all the same.
          const calls = Math.min(count, kept / 2);
          const passes = count / calls;
          let time = 0;
          for (let pass = 0; pass < passes; pass++) {
            time += await children[name].ask("speed", { operation, kept, count: calls, round });
          }
          const byPeer = (growth[operation] ??= {})[peer] ??= {};
          if (round > 0) (byPeer[kept] ??= []).push(time / passes);
        }
      }
    }
  });
  return growth;
}

async function measureHeap(runtime: Runtime, plan: Plan["heap"], names: string[]) {
  const heap: Found["heap"] = {};
  for (const peer of names) {
    progress(`${runtime.name}: heap, ${peer} with ${plan.count} sessions`);
    await using child = runtime.start();
    await child.ask("open", { peer });
    heap[peer] = await child.ask("heap", plan);
  }
  return heap;
}

async function measureHolds(runtime: Runtime, plan: Plan["holds"], names: string[]) {
  const holds: Found["holds"] = Object.fromEntries(HOLDS.map((hold) => [hold, {}]));
  for (const { count, ours, others } of plan) {
    for (const peer of names) {
      progress(`${runtime.name}: holds, ${peer} with ${count} sessions`);
      await using child = runtime.start();
      const tries = peer === OURS ? ours : others;
      const found = await child.ask("holds", { peer, count, tries });
      for (const [hold, ms] of Object.entries(found)) (holds[hold][count] ??= {})[peer] = ms;
    }
  }
  return holds;
}

async function measureWeb(
  runtime: Runtime,
  { rounds, ...load }: Plan["web"],
  names: string[],
  redisPort?: number,
): Promise<Found["web"]> {
  const web: NonNullable<Found["web"]> = Object.fromEntries(names.map((name) => [name, []]));
  await withChildren(runtime, [...names, "visitors"], async ({ visitors, ...children }) => {
    const ports: Record<string, number> = {};
    for (const peer of names) {
      await children[peer].ask("open", { peer, redisPort });
      ports[peer] = await children[peer].ask("serve", {});
    }
    for (let round = 0; round <= rounds; round++) {
      progress(`${runtime.name}: Express, round ${round} of ${rounds}`);
      for (const peer of inTurn(names, round)) {
        const before = await children[peer].ask("worked", {});
        const served = await visitors.ask("visit", { port: ports[peer], ...load });
        const worked = await children[peer].ask("worked", {}) - before;
        if (round > 0) web[peer].push({ ...served, work: worked / served.requests });
      }
    }
  });
  return web;
}

async function measureFlood(runtime: Runtime, plan: Plan["flood"], names: string[]) {
  const flood: NonNullable<Found["flood"]> = {};
  for (const peer of names) {
    progress(`${runtime.name}: flood, ${peer}`);
    await using child = runtime.start();
    flood[peer] = await child.ask("flood", { peer, ...plan });
  }
  return flood;
}

async function measure(
  runtime: Runtime,
  plan: Plan,
  redis: Redis | undefined,
  inApp: boolean,
): Promise<Found> {
  const all = Object.keys(peers).filter((name) => name !== REDIS || redis);
  const inMemory = all.filter((name) => name !== REDIS);
  const stores = inMemory.filter((name) => name !== BARE);
  return {
    runtime: runtime.name,
    kept: plan.speed.kept,
    speed: await measureSpeed(runtime, plan.speed, all, redis?.port),
    web: inApp
      ? await measureWeb(runtime, plan.web, all.filter((name) => name !== BARE), redis?.port)
      : undefined,
    heap: await measureHeap(runtime, plan.heap, inMemory),
    growth: await measureGrowth(runtime, plan.growth),
    holds: await measureHolds(runtime, plan.holds, stores),
    flood: inApp ? await measureFlood(runtime, plan.flood, stores) : undefined,
  };
}

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

/** Puts the figures into the README, between the comments that are there for them. */
async function writeReadme(figures: string): Promise<string> {
  const path = fileURLToPath(new URL("../../README.md", import.meta.url));
  const [start, end] = ["<!-- deno task bench -->", "<!-- /deno task bench -->"];
  const text = await Deno.readTextFile(path);
  const [from, to] = [text.indexOf(start) + start.length, text.indexOf(end)];
  if (to < from) throw new Error(`Cannot write the figures: README.md has no ${start} ${end}`);
  await Deno.writeTextFile(path, `${text.slice(0, from)}\n\n${figures}\n\n${text.slice(to)}`);
  return path;
}

/** The options of the command line; one line and the end for any other. */
function optionsOf(args: string[]) {
  try {
    return parseArgs({
      args,
      options: {
        quick: { type: "boolean" },
        smoke: { type: "boolean" },
        check: { type: "boolean" },
        out: { type: "string" },
      },
    }).values;
  } catch (error) {
    const { message } = error as Error;
    console.error(
      `Cannot measure: the options are --quick, --smoke, --check and --out=folder: ${message}`,
    );
    Deno.exit(2);
  }
}

const options = optionsOf(Deno.args);
const isFull = !options.quick && !options.smoke;
const plan = options.smoke ? SMOKE : options.quick ? QUICK : FULL;
const here = fileURLToPath(new URL(".", import.meta.url));
const out = options.out ?? (isFull ? here : undefined);

const project = await Deno.makeTempDir();
const results: Results = { origin: [], found: [], users: plan.flood.users };
try {
  await using redis = await startRedis();
  if (!redis) progress("There is no redis-server on this machine: connect-redis is left out");
  progress("Building the package, and installing it with its peers for Node");
  const node = await inNode(project);
  const deno = inDeno();
  results.origin = await originOf([node, deno], redis);
  results.found.push(await measure(node, plan, redis, true));
  results.found.push(await measure(deno, plan, redis, false));
} finally {
  await Deno.remove(project, { recursive: true });
}

const page = pageOf(results);
console.log(page);
if (out) {
  const written = [join(out, "results.md"), join(out, "results.svg")];
  await Deno.writeTextFile(written[0], page);
  await Deno.writeTextFile(written[1], chartOf(results));
  if (out === here) written.push(await writeReadme(summaryOf(results.found[0])));
  await new Deno.Command(Deno.execPath(), { args: ["fmt", "--quiet", ...written] }).output();
}
const missed = judge(results.found[0]).filter(({ verdict }) => verdict === "missed");
if (missed.length > 0) {
  progress(`${missed.length} of what has to be is missed:\n\n${verdictTable(missed)}`);
  if (options.check) Deno.exit(1);
}
