/**
 * The longest times for which a store, or its journal, lets nothing else run.
 *
 * @module
 */
import { stat } from "node:fs/promises";
import { join } from "node:path";
import { setImmediate as turn } from "node:timers/promises";
import { clocks } from "./calls.ts";
import { collect } from "./memory.ts";
import { call, fill, newSession, save } from "./sessions.ts";
import { type Live, open } from "./stores.ts";
import type { Figures } from "./tables.ts";
import type { Steps } from "./worker.ts";

const HOUR_MS = 60 * 60 * 1000;

/** The longest times, in milliseconds, for which `work` lets nothing else run. */
export async function longestHold(name: string, work: () => Promise<unknown>): Promise<Figures> {
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
export const holds: Steps = async function* (store, share) {
  const count = share(100_000);
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
export const journal: Steps = async function* (store, share, task) {
  const count = share(50_000);
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
