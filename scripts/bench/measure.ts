/**
 * What is measured of one store, in a process of its own.
 *
 * @module
 */
import process from "node:process";
import {
  call,
  fill,
  inFlight,
  LIFE_MS,
  loadAll,
  newSession,
  numbered,
  sidOf,
  TOGETHER,
} from "./sessions.ts";
import type { BenchStore, Live } from "./stores.ts";

/** What was measured, by what it is and its unit. */
export type Figures = Record<string, number>;

/** The numbers of the new sessions begin here: far above those that are kept. */
const NEW = 1 << 30;

const HOUR_MS = 60 * 60 * 1000;

/** The time that processors have worked for this process, and for Redis, in microseconds. */
export async function worked(store: BenchStore): Promise<Figures> {
  const redis = await store.redisInfo?.("cpu");
  const { user, system } = process.cpuUsage();
  return {
    "of CPU": user + system,
    ...redis && {
      "of Redis's CPU": (Number(redis.used_cpu_user) + Number(redis.used_cpu_sys)) * 1e6,
    },
  };
}

/** What has been {@linkcode worked} in between, for each of `count` units. */
export const difference = (name: string, before: Figures, after: Figures, count: number): Figures =>
  Object.fromEntries(
    Object.entries(after).map(([of, time]) => [`${name}, µs ${of}`, (time - before[of]) / count]),
  );

/** A call for one session, with what it needs. */
type Call<Needed> = (sid: string, needed: Needed, done: () => void) => void;

/**
 * The time that a call takes, in microseconds. Before each hundred calls
 * `prepare` makes, untimed, what they need: a request saves what it has loaded
 * a moment before.
 */
async function timed<Needed>(
  store: BenchStore,
  name: string,
  sids: string[],
  prepare: (sids: string[]) => Needed[] | Promise<Needed[]>,
  work: Call<Needed>,
): Promise<Figures> {
  const spent: Figures = { "µs": 0 };
  for (let from = 0; from < sids.length; from += TOGETHER) {
    const some = sids.slice(from, from + TOGETHER);
    const needed = await prepare(some);
    await turn();
    const before = await worked(store);
    const start = performance.now();
    await inFlight(some.length, (i, done) => work(some[i], needed[i], done));
    spent["µs"] += (performance.now() - start) * 1e3;
    for (const [of, time] of Object.entries(await worked(store))) {
      spent[`µs ${of}`] = (spent[`µs ${of}`] ?? 0) + time - before[of];
    }
  }
  return Object.fromEntries(
    Object.entries(spent).map(([unit, time]) => [`${name}, ${unit}`, time / sids.length]),
  );
}

/** `count` calls of each kind, for sessions that are spread over all `kept`. */
export async function measureCalls(
  store: BenchStore,
  { kept, count, round }: { kept: number; count: number; round: number },
): Promise<Figures> {
  const step = Math.max(1, Math.floor(kept / count));
  const sids = numbered(count, (i) => sidOf((i * step + round * 31) % kept));
  let [views, made] = [0, NEW + round * count];
  const fresh = numbered(count, (i) => sidOf(made + i));
  const loaded = (change: (live: Live) => void) => async (some: string[]) => {
    const all = await loadAll(store, some);
    all.forEach(change);
    return all;
  };
  const change = loaded((one) => one.views = 10 + (one.views + 1) % 90);
  const renew = loaded((one) => one.cookie.maxAge = LIFE_MS);
  const make = (some: string[]) => some.map(() => newSession(store, made++));
  const nothing = () => [];
  const set: Call<Live> = (sid, live, done) => store.set(sid, live, done);
  const extend: Call<Live> = (sid, live, done) => store.touch!(sid, live, done);
  const end: Call<undefined> = (sid, _, done) => store.destroy(sid, done);
  const read: Call<undefined> = (sid, _, done) =>
    store.get(sid, (_error, data) => {
      views += (data as Live).views;
      done();
    });
  const overwrite = await timed(store, "set, overwrite", sids, change, set);
  const touch = await timed(store, "touch", sids, renew, extend);
  const get = await timed(store, "get", sids, nothing, read);
  if (!(views > 0)) throw new Error("Cannot measure get: the sessions have no content");
  const create = await timed(store, "set, new", fresh, make, set);
  const destroy = await timed(store, "destroy", fresh, nothing, end);
  return { ...get, ...touch, ...overwrite, ...create, ...destroy };
}

let visitors = 0;

/** `count` new sessions of visitors in a store that is full of such. */
export function measureFull(store: BenchStore, { count }: { count: number }): Promise<Figures> {
  const sids = numbered(count, (i) => sidOf(visitors + i));
  const make = (some: string[]) => some.map(() => newSession(store, visitors++, false));
  const set: Call<Live> = (sid, live, done) => store.set(sid, live, done);
  return timed(store, "set, new, in a full store", sids, make, set);
}

const keys = (count: number, value: (i: number) => unknown = (i) => `the value of ${i}`) =>
  Object.fromEntries(numbered(count, (i) => [`key${i}`, value(i)]));

/** The sessions that are merged: what they hold beside what all sessions of the bench do. */
export const MERGED: Record<string, () => object> = {
  "350 characters": () => ({}),
  "10,000 keys": () => keys(10_000),
  "1,000 objects of ten keys": () => ({ inventory: keys(1_000, () => keys(10)) }),
  "a list of 1,000 items": () => ({
    items: numbered(1_000, (id) => ({ id, quantity: 1, note: `item ${id}` })),
  }),
};

/** `count` saves that were not overtaken, at most a hundred, and as many that were: two are merged. */
export async function measureMerge(
  store: BenchStore,
  { holds, count }: { holds: string; count: number },
): Promise<Figures> {
  await fill(store, 0, count, (live) => Object.assign(live, MERGED[holds]()));
  const sids = numbered(count, sidOf);
  const [slow, fast] = [await loadAll(store, sids), await loadAll(store, sids)];
  const text = JSON.stringify(slow[0]);
  const changeItem = ({ items }: Live, i: number) => {
    if (items) (items as { quantity: number }[])[i].quantity++;
  };
  fast.forEach((one) => changeItem(Object.assign(one, { views: one.views + 1 }), 3));
  slow.forEach((one) => changeItem(Object.assign(one, { locale: "de-AT" }), 7));
  const parse: Call<unknown> = (_sid, _, done) => {
    for (let n = 0; n < 3; n++) JSON.parse(text);
    done();
  };
  const set: Call<Live> = (sid, live, done) => store.set(sid, live, done);
  const parses = await timed(store, "three JSON.parse of it", sids, () => [], parse);
  const alone = await timed(store, "a save", sids, () => fast, set);
  const overtaken = await timed(store, "a save, overtaken, and merged", sids, () => slow, set);
  const merged = await call<Live>((callback) => store.get(sids[0], callback as never));
  if (merged!.views !== fast[0].views || merged!.locale !== "de-AT") {
    throw new Error("Cannot measure: two saves were not merged");
  }
  return { ...alone, ...overtaken, ...parses };
}

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
const turn = () => new Promise((resolve) => setImmediate(resolve));
const collect = (globalThis as { gc?: () => void }).gc!;

/** The heap that a session takes, and what is left of it when all are destroyed, in bytes. */
export async function measureHeap(
  store: BenchStore,
  { count }: { count: number },
): Promise<Figures> {
  const heap = async () => {
    // What waits for the collector may leave garbage itself.
    for (let i = 0; i < 3; i++, await pause(10)) collect();
    return process.memoryUsage().heapUsed;
  };
  const destroy = (some: number) => inFlight(some, (i, done) => store.destroy(sidOf(i), done));
  // The compiler's own memory is not the sessions'.
  await fill(store, 0, 1_000);
  await destroy(1_000);
  const before = await heap();
  await fill(store, 0, count);
  const full = await heap();
  await destroy(count);
  return {
    "a session, bytes": (full - before) / count,
    "left of it when destroyed, bytes": (await heap() - before) / count,
  };
}

/** The longest times, in milliseconds, for which `work` lets nothing else run. */
export async function longestHold(name: string, work: () => Promise<unknown>): Promise<Figures> {
  collect();
  const names = [`${name}, ms`, `${name}, ms of CPU`];
  const cpu = () => {
    const { user, system } = process.cpuUsage();
    return (user + system) / 1e3;
  };
  const longest = [0, 0];
  let last: number[];
  let isWatching = true;
  const watch = () => {
    [performance.now(), cpu()].forEach((now, n) => {
      if (last) longest[n] = Math.max(longest[n], now - last[n]);
    });
    last = [performance.now(), cpu()];
    if (isWatching) setImmediate(watch);
  };
  setImmediate(watch);
  await turn();
  await work();
  for (let i = 0; i < 3; i++) await turn();
  isWatching = false;
  return Object.fromEntries(names.map((name, n) => [name, longest[n]]));
}

/** The least of each figure: whatever else the machine does only adds to it. */
async function least(tries: number, work: () => Promise<Figures>): Promise<Figures> {
  const found: Figures = {};
  for (let i = 0; i < tries; i++) {
    for (const [name, value] of Object.entries(await work())) {
      found[name] = Math.min(found[name] ?? Infinity, value);
    }
  }
  return found;
}

/** As long a name as those of the other users. */
const ONE_USER = "user-of-many";

/** The longest holds of the event loop while a store with `count` sessions does what it can do. */
export async function measureHolds(
  store: BenchStore,
  { count, tries }: { count: number; tries: number },
): Promise<Figures> {
  const owned = Math.min(10_000, count / 2);
  /** Saves so many sessions anew, of which some are of one user, and some expire in an hour. */
  const refill = async (ofOne = 0, shortLived = 0) => {
    await call((callback) => store.clear!(callback));
    await fill(store, 0, count, (live, i) => {
      if (i < ofOne) Object.assign(live, { passport: { user: ONE_USER } });
      if (i < shortLived) live.cookie.maxAge = HOUR_MS;
    });
    // No need to wait.
    const { now } = Date;
    if (shortLived > 0) Date.now = () => now() + 2 * HOUR_MS;
  };
  const kinds: [name: keyof BenchStore & string, prepare: () => unknown, ...args: unknown[]][] = [
    ["length", () => {}],
    ["ids", () => {}],
    ["all", () => {}],
    ["updateUser", () => {}, ONE_USER, (live: Live) => void live.views++],
    ["revokeUser", () => refill(owned), ONE_USER, {}],
    ["reduce", refill],
    ["purge", () => refill(0, count / 2)],
  ];
  await refill(owned);
  const figures: Figures = {};
  for (const [name, prepare, ...args] of kinds) {
    const method = store[name] as ((...args: unknown[]) => void) | undefined;
    if (!method) continue;
    const work = () => call((callback) => method.call(store, ...args, callback));
    Object.assign(
      figures,
      await least(tries, async () => {
        await prepare();
        return await longestHold(name, work);
      }),
    );
  }
  return figures;
}

const usedMemory = async (store: BenchStore) =>
  Number((await store.redisInfo!("memory")).used_memory);

/** Fills a store on Redis: what a session takes there. */
export async function measureRoom(
  store: BenchStore,
  { count }: { count: number },
): Promise<Figures> {
  const before = await usedMemory(store);
  await fill(store, 0, count);
  return { "a session in Redis, bytes": (await usedMemory(store) - before) / count };
}

/** What is in Redis of `count` sessions of a crawler, at once and after `ttl` ms. */
export async function measureCrawl(
  store: BenchStore,
  { count, ttl }: { count: number; ttl: number },
): Promise<Figures> {
  const keys = async () =>
    Number(/keys=(\d+)/.exec((await store.redisInfo!("keyspace")).db0 ?? "keys=0")![1]);
  const before = [await keys(), await usedMemory(store)];
  const taken = async (when: string) => ({
    [`of ${count.toLocaleString("en-US")} crawled sessions in Redis ${when}`]: await keys() -
      before[0],
    [`their bytes ${when}`]: await usedMemory(store) - before[1],
  });
  await inFlight(count, (i, done) => {
    const live = newSession(store, NEW + i, false);
    store.set(live.id, live, done);
  });
  const atOnce = await taken("at once");
  await pause(ttl);
  // Redis takes a while to forget what has expired.
  for (let left = Infinity; await keys() < left;) {
    left = await keys();
    await pause(500);
  }
  return { ...atOnce, ...await taken("after newcomerTtl") };
}

/** What a session of the bench takes by sizeomatic's count, in bytes. */
export const sizeOfOne = (store: BenchStore): number =>
  2 * JSON.stringify(newSession(store, 0)).length;
