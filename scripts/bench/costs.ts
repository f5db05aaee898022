/**
 * What sessions cost beside time: memory, room in Redis and on the disk, and how
 * long nothing else can run.
 *
 * @module
 */
import { stat } from "node:fs/promises";
import { join } from "node:path";
import process from "node:process";
import { setImmediate as turn, setTimeout as pause } from "node:timers/promises";
import { clocks } from "./calls.ts";
import { all, call, fill, newSession, save, sidOf } from "./sessions.ts";
import { type BenchStore, type Live, open } from "./stores.ts";
import type { Figures } from "./tables.ts";
import type { Steps } from "./worker.ts";

/** Collects the garbage. */
const collect = (globalThis as { gc?: () => void }).gc!;

/** What is in use of the memory of Redis, or else of the heap, in bytes. */
async function usedMemory(store: BenchStore): Promise<number> {
  if (store.redisInfo) return await store.redisInfo("memory", /used_memory:(\d+)/g);
  // What waits for the collector may leave garbage itself.
  for (let i = 0; i < 3; i++, await pause(10)) collect();
  return process.memoryUsage().heapUsed;
}

/** What each session takes that comes into an empty store. */
export const memory: Steps = async function* (store, { count }) {
  // The compiler's own memory is not the sessions'.
  await fill(store, 1_000);
  await all(1_000, (i) => call((callback) => store.destroy(sidOf(i), callback)));
  const before = await usedMemory(store);
  await fill(store, count);
  yield { "a session, bytes": (await usedMemory(store) - before) / count };
};

/** What is in Redis of a crawler's sessions, at once and when they may have expired. */
export const crawl: Steps = async function* (store, { count, newcomerTtl }) {
  const keys = () => store.redisInfo!("keyspace", /keys=(\d+)/g);
  const before = await usedMemory(store);
  const taken = async (when: string) => ({
    [`a crawler's sessions, ${when}`]: await keys(),
    [`their bytes, ${when}`]: await usedMemory(store) - before,
  });
  await all(count, (i) => save(store, newSession(store, i, false)));
  const atOnce = await taken("at once");
  await pause(newcomerTtl);
  // Redis takes a while to forget what has expired.
  for (let left = Infinity; await keys() < left; await pause(500)) left = await keys();
  yield { ...atOnce, ...await taken("after newcomerTtl") };
};

const HOUR_MS = 60 * 60 * 1000;

/** The longest times, in milliseconds, for which `work` lets nothing else run. */
async function longestHold(name: string, work: () => Promise<unknown>): Promise<Figures> {
  collect();
  const longest: Figures = {};
  let last = clocks();
  let isWatching = true;
  const watch = () => {
    for (const [of, time] of Object.entries(clocks())) {
      const row = `${name}, ms${of}`;
      longest[row] = Math.max(longest[row] ?? 0, (time - last[of]) / 1e3);
    }
    last = clocks();
    if (isWatching) setImmediate(watch);
  };
  setImmediate(watch);
  await turn();
  await work();
  for (let i = 0; i < 3; i++) await turn();
  isWatching = false;
  return longest;
}

type Method = (...args: unknown[]) => void;

/** As long a name as those of the other users. */
const ONE_USER = "user-of-many";

/** The longest holds while a store with many sessions does what it can do. */
export const holds: Steps = async function* (store, { count }) {
  /** Saves so many anew: some are of one user, and half of them expire in an hour. */
  const refill = async () => {
    await call((callback) => store.clear!(callback));
    await fill(store, count, (live, i) => {
      if (i < count / 10) Object.assign(live, { passport: { user: ONE_USER } });
      if (i < count / 2) live.cookie.maxAge = HOUR_MS;
    });
  };
  const methods: Record<string, unknown[]> = {
    ...{ length: [], ids: [], all: [] },
    updateUser: [ONE_USER, (live: Live) => void live.views++],
    ...{ revokeUser: [ONE_USER, {}], reduce: [], purge: [] },
  };
  const figures: Figures = {};
  for (const [name, args] of Object.entries(methods)) {
    const method = (store as unknown as Record<string, Method | undefined>)[name];
    // The collector may hold the loop in one try, hardly in both.
    for (let tries = method ? 2 : 0; tries > 0; tries--) {
      await refill();
      if (name === "purge") {
        // No need to wait.
        const { now } = Date;
        Date.now = () => now() + 2 * HOUR_MS;
      }
      const work = () => call((callback) => method!.call(store, ...args, callback));
      for (const [row, ms] of Object.entries(await longestHold(name, work))) {
        figures[row] = Math.min(figures[row] ?? Infinity, ms);
      }
    }
  }
  yield figures;
};

/** How many sessions an app saves at most in one turn of the event loop. */
const TOGETHER = 10;

/** Writes sessions, and reads them in another store if they have a journal. */
export const journal: Steps = async function* (store, task) {
  const { count } = task;
  await fill(store, count);
  await store.journal?.flush();
  const writing = await longestHold("writing: longest hold", async () => {
    // It is compacted meanwhile.
    for (let i = 0; i < 3 * count; i++) {
      save(store, newSession(store, i % count));
      if (i % TOGETHER === 0) await turn();
    }
    await store.journal?.flush();
  });
  await call((callback) => store.close!(callback));
  if (!store.journal) return yield writing;
  const { size } = await stat(join(task.folder!, "journal"));
  let [after, end] = [store, 0];
  const start = performance.now();
  const reading = await longestHold("reading: longest hold", async () => {
    after = await open(task);
    end = performance.now();
  });
  if (await call<number>((callback) => after.length!(callback as never)) !== count) {
    throw new Error("Cannot measure: sessions are missing");
  }
  await call((callback) => after.close!(callback));
  const sizes = { "reading, ms": end - start, "a session in the file, bytes": size / count };
  yield { ...writing, ...reading, ...sizes };
};
