/**
 * The parts of the bench. All stores of a part take their turns in every round,
 * so that what else the machine does meets all of them.
 *
 * @module
 */
import { join } from "node:path";
import { Browser } from "../support/processes.ts";
import { type Redis, startRedis } from "../support/redis_server.ts";
import { KEPT } from "./journal.ts";
import { difference, type Figures, MERGED } from "./measure.ts";
import type { Child, Runtime } from "./processes.ts";
import { IN_MEMORY, ON_REDIS, OURS, OURS_ON_REDIS } from "./stores.ts";
import { type Found, tableOf, type Tables } from "./tables.ts";

/** The share that is measured of a number, but `least` at least. */
type Share = (full: number, least: number) => number;

function collect(found: Found, column: string, figures: Figures): void {
  for (const [row, value] of Object.entries(figures)) {
    ((found[row] ??= {})[column] ??= []).push(value);
  }
}

/**
 * A process for each column of a table: what it finds when it starts, and in
 * each turn. The turns of the first round are for the compiler.
 */
async function byTurns(
  runtime: Runtime,
  columns: string[],
  rounds: number,
  start: (child: Child, column: string) => Promise<Figures | void>,
  turn: (child: Child, column: string, round: number) => Promise<Figures>,
): Promise<Found> {
  const found: Found = {};
  await using stack = new AsyncDisposableStack();
  const children = columns.map((column) => [column, stack.use(runtime.start())] as const);
  for (const [column, child] of children) collect(found, column, await start(child, column) ?? {});
  for (let round = 0; round <= rounds; round++) {
    for (const [column, child] of children) {
      const figures = await turn(child, column, round);
      if (round > 0) collect(found, column, figures);
    }
    // No store is always the one after the same.
    children.push(children.shift()!);
  }
  return found;
}

/** A process for each column, one after the other: for what fills the memory. */
async function oneByOne(
  runtime: Runtime,
  columns: string[],
  work: (child: Child, column: string) => Promise<Figures>,
): Promise<Found> {
  const found: Found = {};
  for (const column of columns) {
    await using child = runtime.start();
    collect(found, column, await work(child, column));
  }
  return found;
}

/**
 * Browsers ask for `requests` pages at the same time, every so many of which
 * change the session. Returns how many they got in a second.
 */
async function visitAll(
  browsers: Browser[],
  requests: number,
  writesEvery: number,
): Promise<number> {
  const start = performance.now();
  await Promise.all(browsers.map(async (browser) => {
    for (let i = 0; i < requests / browsers.length; i++) {
      const views = await browser.get(i % writesEvery === 0 ? "/write" : "/read");
      if (!(Number(views) > 0)) throw new Error(`Cannot measure: a session is lost: ${views}`);
    }
  }));
  return requests / (performance.now() - start) * 1e3;
}

/** How many visitors an app has at a time. */
const VISITORS = 32;

/** By turns, what a request takes of visitors who are signed in to an app. */
async function visits(
  runtime: Runtime,
  columns: string[],
  share: Share,
  writesEvery: number,
  start: (child: Child, column: string) => Promise<unknown>,
): Promise<Found> {
  const browsers: Record<string, Browser[]> = {};
  const requests = share(30, 1) * VISITORS;
  return await byTurns(runtime, columns, share(6, 1), async (child, column) => {
    await start(child, column);
    const site = { urls: [await child.ask("serve")] };
    browsers[column] = Array.from({ length: VISITORS }, () => new Browser(site));
    await Promise.all(browsers[column].map((browser, i) => browser.get(`/sign-in/${i}`)));
  }, async (child, column) => {
    const before = await child.ask("worked");
    const perSecond = await visitAll(browsers[column], requests, writesEvery);
    const work = difference("Express: a request", before, await child.ask("worked"), requests);
    return { "Express: requests per second": perSecond, ...work };
  });
}

/** Every how many requests of an app one changes the session. */
const WRITES_EVERY = 5;

/** Calls that nobody counts, for the compiler. */
const warmUp = (count: number) => ({ count, round: 1_000 });

/** All parts, by name. Each is done in a runtime, with a share of the numbers of a full run. */
export const parts: Record<string, (runtime: Runtime, share: Share) => Promise<Tables>> = {
  async speed(runtime, share) {
    const [kept, count] = [share(20_000, 50), share(1_000, 10)];
    const calls = await byTurns(runtime, IN_MEMORY, share(20, 1), async (child, store) => {
      await child.ask("open", { store });
      await child.ask("fill", kept);
      await child.ask("measureCalls", { ...warmUp(share(50_000, 10)), kept });
    }, (child, _store, round) => child.ask("measureCalls", { kept, count, round }));
    const bounded = IN_MEMORY.slice(1);
    const full = await byTurns(runtime, bounded, share(4, 1), async (child, store) => {
      await child.ask("open", { store, room: kept });
      await child.ask("measureFull", { count: kept });
    }, (child) => child.ask("measureFull", { count: kept }));
    const [small, ...large] = Object.keys(MERGED);
    const open = (child: Child) => child.ask("open", { store: OURS });
    const merged = await byTurns(runtime, [small, ...large], share(10, 1), open, (child, holds) => {
      const count = holds === small ? share(100, 10) : share(10, 2);
      return child.ask("measureMerge", { holds, count });
    });
    return {
      "A call": tableOf({ ...calls, ...full }, IN_MEMORY, OURS),
      "A save, by what the session holds": tableOf(merged, [small, ...large]),
    };
  },

  async express(runtime, share) {
    const open = (child: Child, store: string) => child.ask("open", { store });
    const found = await visits(runtime, IN_MEMORY, share, WRITES_EVERY, open);
    return { "An app": tableOf(found, IN_MEMORY, OURS) };
  },

  async heap(runtime, share) {
    const found = await oneByOne(runtime, IN_MEMORY, async (child, store) => {
      await child.ask("open", { store });
      return await child.ask("measureHeap", { count: share(50_000, 1_000) });
    });
    return { "The heap": tableOf(found, IN_MEMORY, OURS) };
  },

  async holds(runtime, share) {
    const count = share(100_000, 100);
    const found = await oneByOne(runtime, IN_MEMORY, async (child, store) => {
      await child.ask("open", { store, room: count });
      return await child.ask("measureHolds", { count, tries: share(2, 1) });
    });
    const title = `The longest hold of the event loop, with ${
      count.toLocaleString("en-US")
    } sessions`;
    return { [title]: tableOf(found, IN_MEMORY) };
  },

  async journal(runtime, share) {
    const folder = await Deno.makeTempDir();
    const path = (kept: string) => join(folder, kept.replaceAll(" ", "-"));
    const count = share(50_000, 100);
    try {
      const all = Object.keys(KEPT);
      const open = (child: Child, kept: string) => child.ask("open", KEPT[kept](path(kept)));
      const served = await visits(runtime, all.slice(0, 3), share, 1, open);
      const found = await oneByOne(runtime, all, (child, kept) => {
        return child.ask("measureKept", { kept, path: path(`${kept} alone`), count });
      });
      const title = `On the disk, ${count.toLocaleString("en-US")} sessions`;
      return { [title]: tableOf({ ...served, ...found }, all) };
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  },

  async redis(runtime, share) {
    await using stack = new AsyncDisposableStack();
    const servers: Record<string, Redis> = {};
    for (const store of ON_REDIS) {
      const server = await startRedis();
      if (!server) {
        console.error("Skipped the part redis: there is no redis-server on the PATH.");
        return {};
      }
      servers[store] = stack.use(server);
    }
    const open = (child: Child, store: string, newcomerTtl?: number) =>
      child.ask("open", { store, redisPort: servers[store].port, newcomerTtl });
    const [kept, count] = [share(20_000, 50), share(1_000, 10)];
    const calls = await byTurns(runtime, ON_REDIS, share(10, 1), async (child, store) => {
      await open(child, store);
      const room = await child.ask("measureRoom", { count: kept });
      await child.ask("measureCalls", { ...warmUp(share(10_000, 10)), kept });
      return room;
    }, (child, _store, round) => child.ask("measureCalls", { kept, count, round }));
    const served = await visits(runtime, ON_REDIS, share, WRITES_EVERY, open);
    const ttl = share(12_000, 500);
    const crawled = await oneByOne(runtime, ON_REDIS, async (child, store) => {
      await open(child, store, ttl);
      return await child.ask("measureCrawl", { count: share(50_000, 100), ttl });
    });
    const found = { ...served, ...calls, ...crawled };
    const title = `On Redis ${servers[OURS_ON_REDIS].version}`;
    return { [title]: tableOf(found, ON_REDIS, OURS_ON_REDIS) };
  },
};
