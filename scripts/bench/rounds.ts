/**
 * The measurements, each of which goes in rounds: all stores take their turns
 * in every round, so that what else the machine does meets all of them.
 *
 * @module
 */
import { join } from "node:path";
import config from "../../deno.json" with { type: "json" };
import { JOURNALS, type Kept } from "./journal.ts";
import { HOLDS, operations } from "./measure.ts";
import { FULL_OF } from "./full.ts";
import { MERGED } from "./merge.ts";
import { BARE, OURS, peers, REDIS } from "./peers.ts";
import type { Redis } from "../support/redis_server.ts";
import type { Found, JournalFound, OfPeers } from "./results.ts";
import type { Child, Runtime } from "./runtimes.ts";
import type { Load } from "./web.ts";
import type { Contestant } from "./worker.ts";

/** How much is measured. */
export interface Plan {
  /** `kept` sessions, `count` calls of each operation in a round; the processes are started anew `starts` times. */
  speed: { kept: number; count: number; rounds: number; starts: number };
  heap: { count: number; cycles: number };
  /** How many sessions, and how many tries with this store and with the others. */
  holds: { count: number; ours: number; others: number }[];
  growth: { sizes: number[]; count: number; rounds: number };
  web: { requests: number; visitors: number; rounds: number };
  /** A store with room for `kept` sessions; in a round `count` more are saved. */
  full: { kept: number; count: number; rounds: number };
  /** How many saves of the small session; of a large one a hundredth. */
  merge: { count: number; rounds: number };
  /** The journal of an app, and of stores with so many sessions. */
  journal: { web: Plan["web"]; counts: number[] };
}

export const FULL: Plan = {
  speed: { kept: 100_000, count: 5_000, rounds: 6, starts: 4 },
  heap: { count: 200_000, cycles: 3 },
  holds: [
    { count: 10_000, ours: 5, others: 3 },
    { count: 100_000, ours: 3, others: 1 },
    { count: 1_000_000, ours: 2, others: 1 },
  ],
  growth: { sizes: [1_000, 10_000, 100_000, 1_000_000], count: 10_000, rounds: 4 },
  web: { requests: 2_000, visitors: 32, rounds: 12 },
  full: { kept: 100_000, count: 50_000, rounds: 5 },
  merge: { count: 2_000, rounds: 7 },
  journal: {
    web: { requests: 2_000, visitors: 32, rounds: 9 },
    counts: [100_000, 1_000_000],
  },
};

/** The plan without what takes longest: a million sessions. */
export function smaller(plan: Plan): Plan {
  const isSmall = (count: number) => count < 1_000_000;
  return {
    ...plan,
    holds: plan.holds.filter(({ count }) => isSmall(count)),
    growth: { ...plan.growth, sizes: plan.growth.sizes.filter(isSmall) },
  };
}

/** Before against after, the differences are small: the compiler gets more chances to decide otherwise. */
export const FULL_AGAINST: Plan = {
  ...FULL,
  speed: { kept: 100_000, count: 5_000, rounds: 5, starts: 6 },
  heap: { count: 200_000, cycles: 2 },
  holds: [{ count: 1_000_000, ours: 2, others: 2 }],
};

export const QUICK: Plan = {
  speed: { kept: 10_000, count: 2_000, rounds: 5, starts: 1 },
  heap: { count: 20_000, cycles: 1 },
  holds: [{ count: 10_000, ours: 1, others: 1 }],
  growth: { sizes: [1_000, 10_000], count: 500, rounds: 3 },
  web: { requests: 1_000, visitors: 32, rounds: 3 },
  full: { kept: 10_000, count: 10_000, rounds: 3 },
  merge: { count: 500, rounds: 3 },
  journal: { web: { requests: 1_000, visitors: 32, rounds: 3 }, counts: [10_000] },
};

export const SMOKE: Plan = {
  speed: { kept: 100, count: 20, rounds: 2, starts: 1 },
  heap: { count: 1_000, cycles: 1 },
  holds: [{ count: 100, ours: 1, others: 1 }],
  growth: { sizes: [50, 100], count: 20, rounds: 2 },
  web: { requests: 20, visitors: 2, rounds: 2 },
  full: { kept: 200, count: 100, rounds: 2 },
  merge: { count: 100, rounds: 2 },
  journal: { web: { requests: 20, visitors: 2, rounds: 2 }, counts: [100] },
};

/** The stores whose growth is measured beside this one's: what grows by the Map and by the object. */
const GROWING = [BARE, "MemoryStore", OURS];

/** Whether this checkout has a journal. */
const hasJournal = "./journal" in config.exports;

const began = performance.now();

export function progress(text: string): void {
  console.error(
    `${String(Math.round((performance.now() - began) / 1_000)).padStart(4)} s  ${text}`,
  );
}

/** The stores that take part, by name. */
export type Contestants = Record<string, Contestant>;

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

export async function measureSpeed(
  runtime: Runtime,
  { kept, count, rounds, starts }: Plan["speed"],
  contestants: Contestants,
): Promise<Found["speed"]> {
  const names = Object.keys(contestants);
  const speed: Found["speed"] = {};
  for (let start = 0; start < starts; start++) {
    progress(`${runtime.name}: speed, ${kept} sessions in each store`);
    await withChildren(runtime, names, async (children) => {
      for (const peer of names) {
        await children[peer].ask("open", contestants[peer]);
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

export async function measureHeap(
  runtime: Runtime,
  plan: Plan["heap"],
  contestants: Contestants,
): Promise<Found["heap"]> {
  const heap: Found["heap"] = {};
  for (const [name, contestant] of Object.entries(contestants)) {
    progress(`${runtime.name}: heap, ${name} with ${plan.count} sessions`);
    await using child = runtime.start();
    await child.ask("open", contestant);
    heap[name] = await child.ask("heap", plan);
  }
  return heap;
}

export async function measureHolds(
  runtime: Runtime,
  plan: Plan["holds"],
  contestants: Contestants,
): Promise<Found["holds"]> {
  const holds: Found["holds"] = Object.fromEntries(HOLDS.map((hold) => [hold, {}]));
  for (const { count, ours, others } of plan) {
    for (const [name, contestant] of Object.entries(contestants)) {
      progress(`${runtime.name}: holds, ${name} with ${count} sessions`);
      await using child = runtime.start();
      const tries = contestant.peer === OURS ? ours : others;
      const found = await child.ask("holds", { ...contestant, count, tries });
      for (const [hold, ms] of Object.entries(found)) (holds[hold][count] ??= {})[name] = ms;
    }
  }
  return holds;
}

/** What an app serves with each of the stores. */
export async function measureWeb(
  runtime: Runtime,
  plan: Plan["web"],
  contestants: Contestants,
): Promise<NonNullable<Found["web"]>> {
  return await serveInTurn(
    runtime,
    plan,
    Object.keys(contestants),
    (child, name) => child.ask("open", contestants[name]),
  );
}

/** What apps serve whose stores `open` has opened. */
async function serveInTurn(
  runtime: Runtime,
  { rounds, ...load }: Omit<Load, "port"> & { rounds: number },
  names: readonly string[],
  open: (child: Child, name: string) => Promise<void>,
): Promise<NonNullable<Found["web"]>> {
  const web: NonNullable<Found["web"]> = Object.fromEntries(names.map((name) => [name, []]));
  await withChildren(runtime, [...names, "visitors"], async ({ visitors, ...children }) => {
    const ports: Record<string, number> = {};
    for (const name of names) {
      await open(children[name], name);
      ports[name] = await children[name].ask("serve", {});
    }
    for (let round = 0; round <= rounds; round++) {
      progress(`${runtime.name}: Express, round ${round} of ${rounds}`);
      for (const name of inTurn([...names], round)) {
        const before = await children[name].ask("worked", {});
        const served = await visitors.ask("visit", { port: ports[name], ...load });
        const worked = await children[name].ask("worked", {}) - before;
        if (round > 0) web[name].push({ ...served, work: worked / served.requests });
      }
    }
  });
  return web;
}

/** What the journal costs: where each request saves its session, and with many sessions. */
export async function measureJournal(
  runtime: Runtime,
  plan: Plan["journal"],
): Promise<NonNullable<Found["journal"]>> {
  const folder = await Deno.makeTempDir();
  try {
    const web = await serveInTurn(
      runtime,
      { ...plan.web, writesEvery: 1 },
      JOURNALS,
      (child, name) =>
        child.ask("openKept", { kept: name as Kept, path: join(folder, `${name}.journal`) }),
    );
    const times: NonNullable<Found["journal"]>["times"] = {};
    for (const count of plan.counts) {
      times[count] = await measureJournalOf(runtime, count);
    }
    return { web, times };
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** The heap of a process in which all of it is collected now and then, as in an app, in MB. */
const SMALL_HEAP = 1_500;

async function measureJournalOf(runtime: Runtime, count: number): Promise<JournalFound> {
  const times = async () => {
    progress(`${runtime.name}: journal with ${count} sessions`);
    await using child = runtime.start();
    return await child.ask("journal", { count });
  };
  const saves = async (kept: Kept, isOwn = false) => {
    progress(`${runtime.name}: ${kept}, saves of ${count} sessions${isOwn ? ", its own" : ""}`);
    const flags = [`--max-old-space-size=${SMALL_HEAP}`];
    // The pauses of marking in one go are reported, those of marking in steps are not.
    if (isOwn) flags.push("--no-incremental-marking");
    await using child = runtime.start(flags);
    return await child.ask("saves", { kept, count, isOwn });
  };
  return {
    ...await times(),
    compact: await saves("sealed journal"),
    compactOwn: runtime.reportsPauses ? await saves("sealed journal", true) : undefined,
    unkept: await saves("no journal"),
  };
}

/** The names of the stores that have a limit, and can be full. */
const isBounded = (name: string) => ![BARE, "MemoryStore", REDIS].includes(name);

export async function measureFull(
  runtime: Runtime,
  { rounds, kept, count }: Plan["full"],
  contestants: Contestants,
): Promise<Found["full"]> {
  const names = Object.keys(contestants);
  const full: Found["full"] = {};
  for (const fullOf of FULL_OF) {
    await withChildren(runtime, names, async (children) => {
      for (const name of names) {
        await children[name].ask("bound", { ...contestants[name], kept });
      }
      for (let round = 0; round <= rounds; round++) {
        progress(`${runtime.name}: full of ${fullOf}, round ${round} of ${rounds}`);
        for (const name of inTurn(names, round)) {
          const time = await children[name].ask("full", { fullOf, kept, count });
          if (round > 0) ((full[fullOf] ??= {})[name] ??= []).push(time);
        }
      }
    });
    full[fullOf] = ordered(full[fullOf], names);
  }
  return full;
}

async function measureMerge(
  runtime: Runtime,
  { rounds, count }: Plan["merge"],
): Promise<Found["merge"]> {
  const merge: Found["merge"] = {};
  await using child = runtime.start();
  await child.ask("open", { peer: OURS });
  for (let round = 0; round <= rounds; round++) {
    progress(`${runtime.name}: merge, round ${round} of ${rounds}`);
    for (const name of Object.keys(MERGED)) {
      const isLarge = Object.keys(MERGED).indexOf(name) > 0;
      const cost = await child.ask("merge", { name, count: isLarge ? count / 100 : count });
      if (round > 0) (merge[name] ??= []).push(cost);
    }
  }
  return merge;
}

/** Measures all that the plan says, of all stores. */
export async function measure(
  runtime: Runtime,
  plan: Plan,
  redis: Redis | undefined,
  inApp: boolean,
): Promise<Found> {
  const some = (takesPart: (name: string) => boolean): Contestants =>
    Object.fromEntries(
      Object.keys(peers)
        .filter((name) => takesPart(name) && (name !== REDIS || redis))
        .map((name) => [name, { peer: name, redisPort: redis?.port }]),
    );
  return {
    runtime: runtime.name,
    kept: plan.speed.kept,
    speed: await measureSpeed(runtime, plan.speed, some(() => true)),
    web: inApp ? await measureWeb(runtime, plan.web, some((name) => name !== BARE)) : undefined,
    full: await measureFull(runtime, plan.full, some(isBounded)),
    merge: await measureMerge(runtime, plan.merge),
    journal: inApp && hasJournal ? await measureJournal(runtime, plan.journal) : undefined,
    heap: await measureHeap(runtime, plan.heap, some((name) => name !== REDIS)),
    growth: await measureGrowth(runtime, plan.growth),
    holds: await measureHolds(
      runtime,
      plan.holds,
      some((name) => ![BARE, REDIS].includes(name)),
    ),
  };
}
