/**
 * One process of the bench, with one store: gets its orders as lines of JSON,
 * and answers with lines of JSON. Runs in Deno, and bundled in Node.
 *
 * @module
 */
import process from "node:process";
import { createInterface } from "node:readline";
import { serve } from "./app.ts";
import { gather, left, need } from "./crowd.ts";
import { measureKept } from "./journal.ts";
import * as measure from "./measure.ts";
import { fill } from "./sessions.ts";
import { type BenchStore, open, type Opening } from "./stores.ts";

let store: BenchStore;

/** What a process can be asked for: with its store, and with what the order says. */
const orders = {
  ...measure,
  ...{ gather, left, measureKept, need, serve },
  fill: (store: BenchStore, count: number) => fill(store, 0, count),
  /** Opens a store, with room for so many sessions of the bench. */
  async open(_store: BenchStore, { room, ...opening }: Opening & { room?: number }) {
    const size = measure.sizeOfOne(await open({ store: "MemoryStore" }));
    const maxSize = room ? room * size : opening.maxSize;
    store = await open({ ...opening, maxSize, maxSessions: maxSize && Math.floor(maxSize / size) });
  },
};

/** What a process can be asked for. */
export type Orders = typeof orders;

for await (const line of createInterface({ input: process.stdin })) {
  const { order, details } = JSON.parse(line);
  let answer: object;
  try {
    const work = orders[order as keyof Orders] as (...args: unknown[]) => unknown;
    answer = { result: await work(store!, details) };
  } catch (error) {
    answer = { error: String((error as Error).stack) };
  }
  await new Promise((resolve) => process.stdout.write(JSON.stringify(answer) + "\n", resolve));
}
// A timer of a store, or its connection, would keep the process.
process.exit();
