/**
 * One process of the bench, with one store: goes one step of its task for each
 * line that it gets, and answers with a line of figures. Runs in Deno, and
 * bundled in Node.
 *
 * @module
 */
import process from "node:process";
import { createInterface } from "node:readline";
import { app } from "./app.ts";
import { calls, full } from "./calls.ts";
import { crawl, holds, journal, memory } from "./costs.ts";
import { crowd } from "./crowd.ts";
import { lists, merges } from "./merges.ts";
import { type BenchStore, open, type Opening } from "./stores.ts";
import type { Figures } from "./tables.ts";

/** What a process does with its store, step by step, each of which finds figures. */
export type Steps = (store: BenchStore, task: Task) => AsyncGenerator<Figures>;

const kinds = { app, calls, crawl, crowd, full, holds, journal, lists, memory, merges };

/** What a process has to do. */
export interface Task extends Opening {
  kind: keyof typeof kinds;
  /** The column of the table that it finds the figures for. */
  column: string;
  /** How many sessions or calls there are. */
  count: number;
}

const task: Task = JSON.parse(process.argv[2]);

async function* steps() {
  const store = await open(task);
  yield {};
  yield* kinds[task.kind](store, task);
}

const todo = steps();
for await (const _ of createInterface({ input: process.stdin })) {
  const answer = JSON.stringify((await todo.next()).value) + "\n";
  await new Promise((resolve) => process.stdout.write(answer, resolve));
}
// A timer of a store, or its connection, would keep the process.
process.exit();
