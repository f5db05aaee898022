/**
 * One process of the bench, with one store: gets its orders as lines of JSON,
 * and answers with lines of JSON. Runs in Deno, and without its types in Node.
 *
 * @module
 */
import { once } from "node:events";
import process from "node:process";
import { createInterface } from "node:readline";
import { type Carried, measureCarry } from "./carry.ts";
import { measureFull } from "./full.ts";
import { type JournalTimes, type Kept, measureJournal, measureSaves, openKept } from "./journal.ts";
import { measureMerge } from "./merge.ts";
import { fill, measureHeap, measureHolds, operations, REVOKED, sizeOfOne } from "./measure.ts";
import { BARE, type BenchStore, type Opening, peers } from "./peers.ts";
import { type Load, serve, visit } from "./web.ts";

/** A store that takes part, and how to open it. */
export type Contestant = { peer: string } & Opening;

/** What a process of the bench can be asked for. */
export interface Orders {
  open(order: Contestant): Promise<void>;
  fill(order: { count: number }): Promise<void>;
  /** Nanoseconds for each call. */
  speed(
    order: { operation: string; kept: number; count: number; round: number },
  ): Promise<number>;
  heap(order: { count: number; cycles: number }): ReturnType<typeof measureHeap>;
  holds(order: Contestant & { count: number; tries: number }): ReturnType<typeof measureHolds>;
  /** Opens a store that has room for `kept` sessions. */
  bound(order: Contestant & { kept: number }): Promise<void>;
  /** Nanoseconds for each call. */
  full(order: Parameters<typeof measureFull>[1]): Promise<number>;
  merge(order: Parameters<typeof measureMerge>[1]): ReturnType<typeof measureMerge>;
  /** Opens this store, whose sessions are kept so. */
  openKept(order: { kept: Kept; path: string }): Promise<void>;
  journal(order: { count: number }): Promise<JournalTimes>;
  /** The longest hold in milliseconds. */
  saves(order: { kept: Kept; count: number; isOwn: boolean }): Promise<number>;
  carry(order: { count: number; tries: number }): Promise<Carried>;
  serve(order: Record<never, never>): Promise<number>;
  /** The time that processors have worked for this process, in microseconds. */
  worked(order: Record<never, never>): Promise<number>;
  visit(order: Load): ReturnType<typeof visit>;
}

let store: BenchStore;

const open = ({ peer, ...opening }: Contestant) => peers[peer](opening);

/** What `count` sessions of the bench take, in bytes. */
const room = async (count: number) => count * sizeOfOne(await peers[BARE]({}));

const orders: Orders = {
  async open(contestant) {
    store = await open(contestant);
  },
  fill: ({ count }) => fill(store, 0, count),
  speed: ({ operation, ...round }) => operations[operation]({ store, ...round }),
  heap: ({ count, cycles }) => measureHeap(store, count, cycles),
  async holds({ count, tries, ...contestant }) {
    const maxSize = await room(count);
    const sessionsPerUser = REVOKED;
    store = await open({ ...contestant, maxSize, sessions: count, sessionsPerUser });
    const isBounded = !["MemoryStore", BARE].includes(contestant.peer);
    return await measureHolds(store, count, tries, isBounded ? maxSize : Infinity);
  },
  async bound({ kept, ...contestant }) {
    store = await open({ ...contestant, maxSize: await room(kept), sessions: kept });
  },
  full: (order) => measureFull(store, order),
  merge: (order) => measureMerge(store, order),
  async openKept({ kept, path }) {
    ({ store } = await openKept(kept, path));
  },
  journal: ({ count }) => measureJournal(count),
  saves: ({ kept, count, isOwn }) => measureSaves(kept, count, isOwn),
  carry: ({ count, tries }) => measureCarry(count, tries),
  serve: () => serve(store),
  worked() {
    const { user, system } = process.cpuUsage();
    return Promise.resolve(user + system);
  },
  visit,
};

for await (const line of createInterface({ input: process.stdin })) {
  const { order, ...details } = JSON.parse(line);
  const answer = await orders[order as keyof Orders](details)
    .then((result: unknown) => ({ result }), (error: Error) => ({ error: String(error.stack) }));
  if (!process.stdout.write(JSON.stringify(answer) + "\n")) await once(process.stdout, "drain");
}
// A timer of a store, or its connection, would keep the process.
process.exit();
