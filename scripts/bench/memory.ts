/**
 * The memory that sessions take: in this process, or in Redis.
 *
 * @module
 */
import process from "node:process";
import { setTimeout as pause } from "node:timers/promises";
import { all, call, fill, newSession, save, sidOf } from "./sessions.ts";
import type { BenchStore } from "./stores.ts";
import type { Steps } from "./worker.ts";

/** Collects the garbage. */
export const collect = (globalThis as { gc?: () => void }).gc!;

/** What is in use of the memory of Redis, or else of the heap, in bytes. */
async function usedMemory(store: BenchStore): Promise<number> {
  if (store.redisInfo) return await store.redisInfo("memory", /used_memory:(\d+)/g);
  // What waits for the collector may leave garbage itself.
  for (let i = 0; i < 3; i++, await pause(10)) collect();
  return process.memoryUsage().heapUsed;
}

/** What each session takes that comes into an empty store. */
export const memory: Steps = async function* (store, share) {
  const count = share(50_000);
  // The compiler's own memory is not the sessions'.
  await fill(store, 1_000);
  await all(1_000, (i) => call((callback) => store.destroy(sidOf(i), callback)));
  const before = await usedMemory(store);
  await fill(store, count);
  yield { "a session, bytes": (await usedMemory(store) - before) / count };
};

/** What is in Redis of a crawler's sessions, at once and when they may have expired. */
export const crawl: Steps = async function* (store, share, { newcomerTtl }) {
  const keys = () => store.redisInfo!("keyspace", /keys=(\d+)/g);
  const before = await usedMemory(store);
  const taken = async (when: string) => ({
    [`a crawler's sessions, ${when}`]: await keys(),
    [`their bytes, ${when}`]: await usedMemory(store) - before,
  });
  await all(share(50_000), (i) => save(store, newSession(store, i, false)));
  const atOnce = await taken("at once");
  await pause(newcomerTtl);
  // Redis takes a while to forget what has expired.
  for (let left = Infinity; await keys() < left; await pause(500)) left = await keys();
  yield { ...atOnce, ...await taken("after newcomerTtl") };
};
