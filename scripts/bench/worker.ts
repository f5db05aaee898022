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
import { flood, FLOOD_LIMIT, floodedSessions } from "./flood.ts";
import { fill, measureHeap, measureHolds, operations, sizeOfOne } from "./measure.ts";
import { BARE, type BenchStore, type Opening, peers } from "./peers.ts";
import { type Load, serve, visit } from "./web.ts";

/** What a process of the bench can be asked for. */
export interface Orders {
  open(order: { peer: string } & Opening): Promise<void>;
  fill(order: { count: number }): Promise<void>;
  /** Nanoseconds for each call. */
  speed(
    order: { operation: string; kept: number; count: number; round: number },
  ): Promise<number>;
  heap(order: { count: number; cycles: number }): ReturnType<typeof measureHeap>;
  holds(order: { peer: string; count: number; tries: number }): ReturnType<typeof measureHolds>;
  flood(order: { peer: string; users: number; crawled: number }): ReturnType<typeof flood>;
  carry(order: { count: number; tries: number }): Promise<Carried>;
  serve(order: Record<never, never>): Promise<number>;
  /** The time that processors have worked for this process, in microseconds. */
  worked(order: Record<never, never>): Promise<number>;
  visit(order: Load): ReturnType<typeof visit>;
}

let store: BenchStore;

const orders: Orders = {
  async open({ peer, ...opening }) {
    store = await peers[peer](opening);
  },
  fill: ({ count }) => fill(store, 0, count),
  speed: ({ operation, ...round }) => operations[operation]({ store, ...round }),
  heap: ({ count, cycles }) => measureHeap(store, count, cycles),
  async holds({ peer, count, tries }) {
    const maxSize = count * sizeOfOne(await peers[BARE]({}));
    store = await peers[peer]({ maxSize, sessions: count });
    const isBounded = !["MemoryStore", BARE].includes(peer);
    return await measureHolds(store, count, tries, isBounded ? maxSize : Infinity);
  },
  async flood({ peer, ...guests }) {
    store = await peers[peer]({ maxSize: FLOOD_LIMIT, sessions: floodedSessions() });
    return await flood(store, guests);
  },
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
