/**
 * The time that calls of a store take.
 *
 * @module
 */
import process from "node:process";
import { setImmediate as turn } from "node:timers/promises";
import { fill, LIFE_MS, loadAll, newSession, numbered, sidOf, TOGETHER } from "./sessions.ts";
import type { BenchStore, Live } from "./stores.ts";
import type { Figures } from "./tables.ts";
import type { Steps } from "./worker.ts";

/** The time on the clock, and that for which processors worked for this process, in µs. */
export function clocks(): Figures {
  const { user, system } = process.cpuUsage();
  return { "": performance.now() * 1e3, " of CPU": user + system };
}

/** The same, and the time for which processors worked for the Redis of the store. */
export async function allClocks(store: BenchStore): Promise<Figures> {
  const own = clocks();
  if (!store.redisInfo) return own;
  const seconds = await store.redisInfo("cpu", /used_cpu_(?:user|sys):([\d.]+)/g);
  return { ...own, " of Redis's CPU": seconds * 1e6 };
}

/** What went by between two readings of the clocks, for each of `count` units. */
export const spent = (name: string, before: Figures, after: Figures, count: number): Figures =>
  Object.fromEntries(
    Object.entries(after).map(([of, time]) => [`${name}, µs${of}`, (time - before[of]) / count]),
  );

/** A call: makes ready, untimed, what a hundred of it need, and does it for one session. */
export type Call = [
  prepare: (sids: string[]) => Live[] | Promise<Live[]>,
  work: (live: Live, done: (error?: unknown) => void) => void,
];

export const saving = (store: BenchStore): Call[1] => (live, done) =>
  store.set(live.id, live, done);

/** What calls for these sessions take: of a hundred sessions at a time, one call after the other. */
export async function timed(
  store: BenchStore,
  sids: string[],
  calls: Record<string, Call>,
): Promise<Figures> {
  const figures: Figures = {};
  for (let from = 0; from < sids.length; from += TOGETHER) {
    const some = sids.slice(from, from + TOGETHER);
    for (const [name, [prepare, work]] of Object.entries(calls)) {
      const lives = await prepare(some);
      await turn();
      // Asking Redis for its time is no part of the call.
      const before = { ...await allClocks(store), ...clocks() };
      await new Promise<void>((resolve, reject) => {
        let left = lives.length;
        const done = (error?: unknown) => error ? reject(error) : --left || resolve();
        for (const live of lives) work(live, done);
      });
      const taken = spent(name, before, await allClocks(store), sids.length);
      for (const [row, time] of Object.entries(taken)) figures[row] = (figures[row] ?? 0) + time;
    }
  }
  return figures;
}

/** Makes sessions with numbers far above those of the sessions that are kept. */
let next = 1 << 30;
const newcomers = (store: BenchStore, sids: string[], isSignedIn: boolean) =>
  sids.map(() => newSession(store, next++, isSignedIn));

/** Each kind of call for each of the sessions in a store. */
export const calls: Steps = async function* (store, { count }) {
  await fill(store, count);
  const loaded = (change: (live: Live) => void) => async (some: string[]) => {
    const lives = await loadAll(store, some);
    lives.forEach(change);
    return lives;
  };
  const change = loaded((live) => live.views = 10 + (live.views + 1) % 90);
  const renew = loaded((live) => live.cookie.maxAge = LIFE_MS);
  const set = saving(store);
  let made: Live[];
  const make = (some: string[]) => made = newcomers(store, some, true);
  const touch: Call[1] = (live, done) => store.touch!(live.id, live, done as () => void);
  const destroy: Call[1] = (live, done) => store.destroy(live.id, done);
  const get: Call[1] = ({ id }, done) =>
    store.get(id, (error, data) => {
      const isThere = (data as Live | undefined)?.views! > 0;
      done(error ?? (isThere ? null : new Error("Cannot measure get: a session is missing")));
    });
  const idsOf = (some: string[]) => some.map((id) => ({ id }) as Live);
  for (;;) {
    // Not in the order in which they were saved.
    const sids = numbered(count, sidOf).sort();
    yield {
      ...await timed(store, sids, { "set, overwrite": [change, set] }),
      ...await timed(store, sids, { "touch": [renew, touch] }),
      ...await timed(store, sids, { "get": [idsOf, get] }),
      ...await timed(store, sids, { "set, new": [make, set], "destroy": [() => made, destroy] }),
    };
  }
};

/** New sessions of visitors in a store that is full of such. */
export const full: Steps = async function* (store, { count }) {
  const sids = numbered(count, sidOf);
  const make = (some: string[]) => newcomers(store, some, false);
  for (;;) {
    yield await timed(store, sids, { "set, new, in a full store": [make, saving(store)] });
  }
};
