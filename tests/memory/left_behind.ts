/**
 * Fills a store and lets the sessions leave, again and again, for each way they
 * can go, and prints by what share of one filling the heap has grown in the end.
 * What a way leaves behind adds up, so that it stands out from the heap's own
 * ups and downs. Run by memory_test.ts.
 *
 * @module
 */
import lembro, { type LembroOptions } from "../../mod.ts";
import { atTime } from "../support/at_time.ts";

declare const gc: () => void;

/** Until then, what is kept for later has reached its size. */
const WARM_UP = 4;
const ROUNDS = 6;
const HOUR = 3_600_000;

/** Counts the sessions: no two have the same id. */
let count = 0;

class Store {}
const Lembro = lembro({ Store });
type LembroStore = InstanceType<typeof Lembro>;
type Session = Parameters<LembroStore["set"]>[1];

/** The bytes of the heap in use, once all garbage is gone. */
async function heap(): Promise<number> {
  for (let i = 0; i < 5; i++) {
    await new Promise((resolve) => setTimeout(resolve, 10));
    gc();
  }
  return Deno.memoryUsage().heapUsed;
}

/** Saves `size` sessions. Returns every other one, as requests have loaded them. */
async function fill(store: LembroStore, size: number, bytes: number): Promise<Session[]> {
  const loaded: Session[] = [];
  for (let i = 0; i < size; i++) {
    const sid = `${count++}`;
    const cookie = { originalMaxAge: 50, expires: new Date(Date.now() + HOUR), path: "/" };
    const data = { cookie, passport: { user: i }, text: "x".repeat(bytes) };
    await store.set(sid, data as unknown as Session);
    const session = i % 2 ? await store.get(sid) : undefined;
    if (!session) continue;
    delete (session as unknown as { text?: string }).text;
    loaded.push(session);
  }
  return loaded;
}

/**
 * @param go Lets the sessions leave. Returns the sessions that requests still hold.
 * @returns How much the heap has grown, as a share of what one filling takes.
 */
async function growth(
  go: (store: LembroStore, loaded: Session[]) => Promise<Session[]>,
  { options = { maxSize: Infinity }, size = 4_000, bytes = 1_000 }: {
    options?: LembroOptions;
    size?: number;
    bytes?: number;
  } = {},
): Promise<number> {
  const store = new Lembro(options);
  const held: Session[] = [];
  const empty = await heap();
  let loaded = await fill(store, size, bytes);
  const taken = await heap() - empty;
  held.push(...await go(store, loaded));
  loaded = [];
  for (let round = 1; round < WARM_UP; round++) {
    held.push(...await go(store, await fill(store, size, bytes)));
  }
  const before = await heap();
  for (let round = 0; round < ROUNDS; round++) {
    held.push(...await go(store, await fill(store, size, bytes)));
  }
  const share = (await heap() - before) / taken;
  await store.close();
  // Until here the store and the sessions of the requests were in use.
  if (!(store instanceof Store) || held.length > (WARM_UP + ROUNDS) * size) {
    throw new Error("impossible");
  }
  return share;
}

async function destroyAll(store: LembroStore): Promise<void> {
  for (const sid of await store.ids()) await store.destroy(sid);
}

const anHourLater = <Result>(work: () => Promise<Result>) => atTime(Date.now() + HOUR, work);

async function evictAll(store: LembroStore): Promise<void> {
  // Eight protected sessions of an eighth of the limit leave room for nothing else.
  const passport = { user: "big" };
  for (let i = 0; i < 8; i++) {
    await store.set(`big ${i}`, { passport, text: "x".repeat(524_250) } as unknown as Session);
  }
  if (store.stats().sessions !== 8) throw new Error("not all were evicted");
  await destroyAll(store);
}

console.log(JSON.stringify({
  destroyed: await growth(async (store) => {
    await destroyAll(store);
    return [];
  }),
  expired: await growth(async (store) => {
    await anHourLater(() => store.purge());
    return [];
  }),
  revoked: await growth(async (store) => {
    for (let i = 0; i < 4_000; i++) await store.revokeUser(i);
    return [];
  }),
  evicted: await growth(async (store) => {
    await evictAll(store);
    return [];
  }, { options: { maxSize: "8M" }, size: 3_000 }),
  "evicted in one flood after the other": await growth(() => Promise.resolve([]), {
    options: { maxSize: "4M", protect: () => false, user: () => undefined },
    bytes: 200,
    size: 12_000,
  }),
  cleared: await growth(async (store) => {
    await store.clear();
    return [];
  }),
  "cleared while a request has a session": await growth(async (store, [loaded]) => {
    await store.clear();
    return [loaded];
  }),
}));
