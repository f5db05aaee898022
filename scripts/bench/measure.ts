/**
 * What is measured of one store, in a process of its own.
 *
 * @module
 */
// @ts-types="npm:@types/express-session@^1.18.0"
import type session from "express-session";
import { openSync, readSync } from "node:fs";
import { constants, PerformanceObserver } from "node:perf_hooks";
import process from "node:process";
import { type BenchStore, call } from "./peers.ts";
import { LIFE, type Live, loadedSession, newSession, sidOf } from "./sessions.ts";

/** How many calls are under way at a time. */
const IN_FLIGHT = 1_000;

/** The numbers of the new sessions begin here: far above those that are kept. */
const NEW = 1 << 30;

const HOUR = 60 * 60 * 1000;

type Done = (error?: unknown) => void;

/** Makes `count` calls, a thousand at a time, and waits for the callbacks of each thousand. */
export async function inFlight(
  count: number,
  work: (i: number, done: Done) => void,
): Promise<void> {
  for (let from = 0; from < count; from += IN_FLIGHT) {
    await new Promise<void>((resolve, reject) => {
      const to = Math.min(count, from + IN_FLIGHT);
      let left = to - from;
      const done = (error?: unknown) => {
        if (error) reject(error);
        if (--left === 0) resolve();
      };
      for (let i = from; i < to; i++) work(i, done);
    });
  }
}

/** Saves the sessions with the numbers from `from` up to `to`, as new ones. */
export async function fill(
  store: BenchStore,
  from: number,
  to: number,
  { life, user }: { life?: number; user?: string } = {},
) {
  await inFlight(to - from, (i, done) => {
    const sid = sidOf(from + i);
    const made = newSession(store, sid, from + i, life);
    if (user !== undefined) Object.assign(made, { passport: { user } });
    store.set(sid, made, done);
  });
}

const turn = () => new Promise((resolve) => setImmediate(resolve));

/** Collects the garbage, and lets what waits for that run. */
async function collect(): Promise<void> {
  (globalThis as { gc?: () => void }).gc!();
  await turn();
}

/**
 * How long the process has waited for a processor so far, in milliseconds: what
 * others take is not ours. Linux tells; elsewhere it is 0.
 */
export const waited: () => number = (() => {
  try {
    const file = openSync("/proc/self/schedstat", "r");
    const bytes = new Uint8Array(64);
    const decoder = new TextDecoder();
    return () => {
      const length = readSync(file, bytes, 0, bytes.length, 0);
      return Number(decoder.decode(bytes.subarray(0, length)).split(" ")[1]) / 1e6;
    };
  } catch {
    return () => 0;
  }
})();

/** How many requests a busy app works on at a time. */
const REQUESTS = 100;

/**
 * What a call costs, in nanoseconds: its callback and the collection of its
 * garbage included. The calls come a hundred at a time, and before each hundred
 * `prepare` makes, untimed, what they need: a request saves and touches what it
 * has loaded a moment before.
 */
async function timed<Needed>(
  sids: string[],
  prepare: (sids: string[]) => Promise<Needed[]>,
  work: (sid: string, needed: Needed, done: Done) => void,
): Promise<number> {
  let time = 0;
  for (let from = 0; from < sids.length; from += REQUESTS) {
    const some = sids.slice(from, from + REQUESTS);
    const needed = await prepare(some);
    await turn();
    const waitedBefore = waited();
    const start = performance.now();
    await inFlight(some.length, (i, done) => work(some[i], needed[i], done));
    time += performance.now() - start - (waited() - waitedBefore);
  }
  return time * 1e6 / sids.length;
}

const nothing = () => Promise.resolve([]);

/** A round of one operation: `count` calls for different sessions of a store that keeps `kept`. */
interface Round {
  store: BenchStore;
  kept: number;
  count: number;
  /** Which round: another one takes other sessions. */
  round: number;
}

/**
 * The ids of the sessions of a round, spread over all that are kept. Those that
 * are changed are of one half, those that are only read of the other: a store
 * may leave to the next `get` what a `touch` would have had to do.
 */
function sidsOf({ kept, count, round }: Round, half: 0 | 1): string[] {
  const size = Math.floor(kept / 2);
  const step = Math.max(1, Math.floor(size / count));
  return Array.from(
    { length: count },
    (_, i) => sidOf(half * size + (i * step + round * 31) % size),
  );
}

/** The sessions of requests that have just loaded them. */
async function loadAll(store: BenchStore, sids: string[]): Promise<Live[]> {
  const live: Live[] = new Array(sids.length);
  await inFlight(sids.length, (i, done) =>
    store.get(sids[i], (error, data) => {
      if (!error) live[i] = loadedSession(store, sids[i], data!);
      done(error);
    }));
  return live;
}

async function timeGets(store: BenchStore, sids: string[]): Promise<number> {
  let views = 0;
  const time = await timed(sids, nothing, (sid, _, done) =>
    store.get(sid, (error, data) => {
      views += (data as Live).views;
      done(error);
    }));
  if (!(views > 0)) throw new Error("Cannot measure get: the sessions have no content");
  return time;
}

/** The operations whose speed is measured. */
export const operations: Record<string, (round: Round) => Promise<number>> = {
  "get": (round) => timeGets(round.store, sidsOf(round, 0)),

  async "set, new"({ store, count, round }) {
    const from = NEW + round * count;
    const sids = Array.from({ length: count }, (_, i) => sidOf(from + i));
    let made = from;
    const make = (some: string[]) =>
      Promise.resolve(some.map((sid) => newSession(store, sid, made++)));
    const time = await timed(sids, make, (sid, live, done) => store.set(sid, live, done));
    await inFlight(count, (i, done) => store.destroy(sids[i], done));
    return time;
  },

  "set, overwrite"(round) {
    const { store } = round;
    const change = async (sids: string[]) => {
      const live = await loadAll(store, sids);
      for (const one of live) one.views = 10 + (one.views + 1) % 90;
      return live;
    };
    return timed(sidsOf(round, 1), change, (sid, live, done) => store.set(sid, live, done));
  },

  "touch"(round) {
    const { store } = round;
    const renew = async (sids: string[]) => {
      const live = await loadAll(store, sids);
      // As in a request: express-session renews the cookie before it touches.
      for (const one of live) one.cookie.maxAge = LIFE;
      return live;
    };
    return timed(sidsOf(round, 1), renew, (sid, live, done) => store.touch!(sid, live, done));
  },

  async "get, touched"(round) {
    await operations.touch(round);
    return timeGets(round.store, sidsOf(round, 1));
  },

  async "destroy"(round) {
    const { store } = round;
    const sids = sidsOf(round, 1);
    const destroyed: Live[] = [];
    const load = async (some: string[]) => {
      const live = await loadAll(store, some);
      destroyed.push(...live);
      return live;
    };
    const time = await timed(sids, load, (sid, _, done) => store.destroy(sid, done));
    // Destroyed sessions stay destroyed: new requests make them anew.
    await inFlight(sids.length, (i, done) => {
      const made = newSession(store, sids[i], 0);
      const { cookie: _, ...content } = destroyed[i];
      store.set(sids[i], Object.assign(made, content), done);
    });
    return time;
  },
};

/**
 * The heap that a session takes, and what is left of it per session when all
 * are destroyed, in bytes; after that many `cycles` of saving and destroying.
 */
export async function measureHeap(
  store: BenchStore,
  count: number,
  cycles: number,
): Promise<{ taken: number; left: number }> {
  const heap = async () => {
    // What is told of garbage may leave some itself.
    for (let i = 0; i < 3; i++) {
      await collect();
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    return process.memoryUsage().heapUsed;
  };
  // The compiler's own memory is not the sessions'.
  await fill(store, 0, IN_FLIGHT);
  await inFlight(IN_FLIGHT, (i, done) => store.destroy(sidOf(i), done));
  const before = await heap();
  let taken = 0;
  for (let cycle = 0; cycle < cycles; cycle++) {
    await fill(store, 0, count);
    taken ||= await heap() - before;
    await inFlight(count, (i, done) => store.destroy(sidOf(i), done));
  }
  return { taken: taken / count, left: (await heap() - before) / count };
}

/** A stretch of time, in milliseconds since the start of the process. */
interface Stretch {
  readonly from: number;
  readonly to: number;
}

/**
 * Does `work`, and calls `held` with each stretch for which nothing else could
 * run, and with the part of it, in milliseconds, for which the process waited
 * for a processor.
 */
async function watchHolds(
  work: () => Promise<unknown>,
  held: (from: number, to: number, waiting: number) => void,
): Promise<void> {
  await collect();
  let isAtWork = false;
  let isWatching = true;
  let last = performance.now();
  let waitedThen = waited();
  const watch = () => {
    const time = performance.now();
    const waitedNow = waited();
    if (isAtWork) held(last, time, waitedNow - waitedThen);
    waitedThen = waitedNow;
    last = performance.now();
    if (isWatching) setImmediate(watch);
  };
  setImmediate(watch);
  for (let i = 0; i < 20; i++) await turn();
  isAtWork = true;
  await work();
  for (let i = 0; i < 5; i++) await turn();
  isWatching = false;
  await turn();
}

/** The longest time, in milliseconds, for which `work` lets nothing else run. */
export async function longestHold(work: () => Promise<unknown>): Promise<number> {
  let longest = 0;
  await watchHolds(work, (from, to, waiting) => {
    longest = Math.max(longest, to - from - waiting);
  });
  return longest;
}

/** A pause of the collector, as Node reports it. */
type Pause = PerformanceEntry & { detail: { kind: number } };

/** Calls `paused` with each pause that the runtime reports of its collector. Only Node does. */
export function watchPauses(paused: (pause: Stretch, isWhole: boolean) => void): Disposable {
  const observer = new PerformanceObserver((list) => {
    for (const entry of list.getEntries()) {
      const { startTime: from, duration, detail } = entry as Pause;
      paused({ from, to: from + duration }, detail.kind === constants.NODE_PERFORMANCE_GC_MAJOR);
    }
  });
  observer.observe({ entryTypes: ["gc"] });
  return { [Symbol.dispose]: () => observer.disconnect() };
}

/** Shorter holds are not looked at more closely, in milliseconds. */
const SHORT = 1;

/**
 * The longest time, in milliseconds, for which `work` lets nothing else run,
 * without the pauses of the collector. Marking that goes in steps is not among
 * what the runtime reports: the process must have been started without it.
 */
export async function longestHoldWithoutCollector(work: () => Promise<unknown>): Promise<number> {
  const pauses: Stretch[] = [];
  using _observer = watchPauses((pause) => pauses.push(pause));
  const holds: (Stretch & { waiting: number })[] = [];
  await watchHolds(work, (from, to, waiting) => {
    if (to - from - waiting > SHORT) holds.push({ from, to, waiting });
  });
  // The last reports come a turn later.
  await turn();
  let longest = 0;
  let next = 0;
  for (const { from, to, waiting } of holds) {
    while (next < pauses.length && pauses[next].to <= from) next++;
    let paused = 0;
    for (let i = next; i < pauses.length && pauses[i].from < to; i++) {
      paused += Math.min(to, pauses[i].to) - Math.max(from, pauses[i].from);
    }
    // It may have waited during a pause, which does not count twice.
    longest = Math.max(longest, to - from - Math.max(paused, waiting));
  }
  return longest;
}

/** The kinds of work whose holds are measured. */
export const HOLDS = [
  "purge, all",
  "purge, half",
  "reduce",
  "overflow",
  "length",
  "ids",
  "revokeUser",
  "all",
  "clear",
] as const;

/** A kind of work whose holds are measured. */
export type Hold = typeof HOLDS[number];

/** As long a name as those of the other users. */
const ONE_USER = "user-of-many";

/** How many saves an overflow is, one in each turn of the event loop. */
const OVERFLOW = 1_000;

/** How many sessions the user has whose sessions are revoked: that many, if there are as many. */
export const REVOKED = 10_000;

/** For how many milliseconds a store does nothing more when it is done. */
const QUIET = 50;

/**
 * Waits until a store is done with what a save has set off: this one goes on
 * in the background. For how many milliseconds it did.
 */
export async function settle(store: BenchStore): Promise<number> {
  const start = performance.now();
  let last = start;
  let bytes = store.stats?.().bytes;
  for (; performance.now() - last < QUIET; await turn()) {
    const now = store.stats?.().bytes;
    if (now === bytes) continue;
    bytes = now;
    last = performance.now();
  }
  return last - start;
}

/**
 * The longest hold of the event loop, in milliseconds, of each kind of work
 * that the store has, with `count` sessions: the least of as many `tries`, for
 * whatever else the machine does only adds to it. The store has room for
 * `count` sessions.
 */
export async function measureHolds(
  store: BenchStore,
  count: number,
  tries: number,
  maxSize: number,
): Promise<Partial<Record<Hold, number>>> {
  const holds: Partial<Record<Hold, number>> = {};
  let made = 0;
  const fillUp = async (missing: number) => {
    await fill(store, made, made + missing);
    made += missing;
  };
  const least = async (
    name: Hold,
    prepare: () => Promise<unknown>,
    work: () => Promise<unknown>,
  ) => {
    for (let i = 0; i < tries; i++) {
      await prepare();
      holds[name] = Math.min(holds[name] ?? Infinity, await longestHold(work));
    }
  };
  const length = async () => (await call<number>((callback) => store.length!(callback as never)))!;
  const clear = () => call((callback) => store.clear!(callback));
  const refill = () => fillUp(count - store.size!());
  const asItIs = () => Promise.resolve();

  await fillUp(count);
  await least("length", asItIs, length);
  if (store.ids) await least("ids", asItIs, () => call((callback) => store.ids!(callback)));
  await least("all", asItIs, () => call((callback) => store.all!(callback as never)));
  if (store.reduce) {
    await least("reduce", refill, () => call((callback) => store.reduce!(callback)));
  }
  if (Number.isFinite(maxSize)) {
    let more: [string, Live][] = [];
    const prepare = async () => {
      await refill();
      more = Array.from({ length: OVERFLOW }, () => {
        const sid = sidOf(made);
        return [sid, newSession(store, sid, made++)];
      });
    };
    await least("overflow", prepare, async () => {
      for (const [sid, live] of more) {
        await call((callback) => store.set(sid, live, callback));
        await turn();
      }
      await settle(store);
    });
  }
  if (store.revokeUser) {
    const revoked = Math.min(REVOKED, count);
    const prepare = async () => {
      await clear();
      await fillUp(count - revoked);
      await fill(store, made, made + revoked, { user: ONE_USER });
      made += revoked;
    };
    await least(
      "revokeUser",
      prepare,
      () => call((callback) => store.revokeUser!(ONE_USER, {}, callback as never)),
    );
  }
  await least("clear", refill, clear);
  if (store.purge) {
    for (const [name, share] of [["purge, all", 1], ["purge, half", 0.5]] as const) {
      await least(
        name,
        async () => {
          await clear();
          await expire(store, count, count * share);
        },
        () => call((callback) => store.purge!(callback)),
      );
    }
  }
  return holds;
}

/** Fills the store with `count` sessions, of which the first `expired` ones then expire. */
async function expire(store: BenchStore, count: number, expired: number): Promise<void> {
  await fill(store, 0, expired, { life: HOUR });
  await fill(store, expired, count);
  // No need to wait.
  clockAhead += 2 * HOUR;
}

let clockAhead = 0;
const { now } = Date;
Date.now = () => now() + clockAhead;

/** What one session of the bench takes by sizeomatic's count, in bytes. */
export function sizeOfOne(store: session.Store): number {
  return 2 * JSON.stringify(newSession(store, sidOf(0), 0)).length;
}
