/**
 * The parts of the bench. All columns of a table take their turns in every round,
 * so that what else the machine does meets all of them.
 *
 * @module
 */
import { Browser } from "../support/processes.ts";
import { startRedis } from "../support/redis_server.ts";
import { LISTS, OBJECTS } from "./merges.ts";
import { type Child, type Runtime, start } from "./processes.ts";
import { numbered } from "./sessions.ts";
import { IN_MEMORY, ON_REDIS, OURS, OURS_ON_REDIS, ROOM, SESSION_BYTES } from "./stores.ts";
import type { Figures, Found, Tables } from "./tables.ts";
import type { Task } from "./worker.ts";

/** What is measured for the columns of a table, each of which has a process. */
interface Plan extends Partial<Task> {
  kind: Task["kind"];
  title: string;
  columns: string[];
  /** The column that is compared with the best of the others. */
  ours?: string;
  /** What a full run has; the limit of the stores is as many sessions if they are full. */
  count: number;
  isFull?: boolean;
  /** How many turns of each process count; else a single one, the first. */
  rounds?: number;
  /** How many turns come before, for the compiler; else as many. */
  warmUps?: number;
  /** How often the processes are started: what the compiler does with code differs by a tenth. */
  starts?: number;
}

/** How many visitors an app has at a time. */
const VISITORS = 32;

const CALLS = { title: "A call", columns: IN_MEMORY, ours: OURS, rounds: 10 };
const SAVES = { title: "A save, by what the session holds", columns: Object.keys(OBJECTS) };
const MERGES = { title: "A merge of two lists, by their items", columns: Object.keys(LISTS) };
const APP = { kind: "app", count: 30, rounds: 3, warmUps: 10, starts: 3 } as const;
const HOLDS = { title: "The longest hold of the event loop", columns: IN_MEMORY };
const DISK = { title: "On the disk", columns: [OURS, "journal", "sealed journal"] };
const REDIS = { title: "On Redis", columns: ON_REDIS, ours: OURS_ON_REDIS };

/** All parts, by name. */
export const parts: Record<string, Plan[]> = {
  speed: [
    { kind: "calls", ...CALLS, count: ROOM },
    { kind: "full", ...CALLS, count: ROOM, isFull: true, columns: IN_MEMORY.slice(1) },
    { kind: "merges", ...SAVES, count: 100, store: OURS, rounds: 10 },
  ],
  lists: [{ kind: "lists", ...MERGES, count: 10, store: OURS, rounds: 5 }],
  express: [{ ...APP, title: "An app", columns: IN_MEMORY, ours: OURS }],
  heap: [{ kind: "memory", title: "The heap", columns: IN_MEMORY, ours: OURS, count: 50_000 }],
  holds: [{ kind: "holds", ...HOLDS, count: 100_000, isFull: true }],
  journal: [
    { ...APP, ...DISK },
    { kind: "journal", ...DISK, count: 50_000 },
  ],
  redis: [
    { ...APP, ...REDIS },
    { kind: "memory", ...REDIS, count: 50_000 },
    { kind: "calls", ...REDIS, count: ROOM, rounds: 10 },
    { kind: "crawl", ...REDIS, count: 50_000, newcomerTtl: 12_000 },
  ],
};

/** Does parts in a runtime, at the scale of a full run or a smaller one. */
export async function measure(runtime: Runtime, names: string[], scale: number): Promise<Tables> {
  const tables: Tables = {};
  for (const plan of names.flatMap((name) => parts[name])) {
    const { title, columns, ours, starts = 1 } = plan;
    console.error(`${new Date().toISOString().slice(11, 19)} ${runtime.name}: ${title}`);
    const { found } = tables[title] ??= { columns, ours, found: {} };
    for (let n = 0; n < Math.ceil(starts * scale); n++) {
      await measureOnce(runtime, plan, scale, found);
    }
  }
  return tables;
}

/** The same of one plan, with new processes. */
async function measureOnce(
  runtime: Runtime,
  { columns, rounds = 0, warmUps = rounds, isFull, title: _, ours: __, starts: ___, ...plan }: Plan,
  scale: number,
  found: Found,
): Promise<void> {
  const share = (full: number) => Math.ceil(full * scale);
  const count = share(plan.count);
  const maxSize = isFull ? count * SESSION_BYTES : undefined;
  const newcomerTtl = plan.newcomerTtl && Math.max(1_000, share(plan.newcomerTtl));
  await using stack = new AsyncDisposableStack();
  const children: [column: string, Child][] = [];
  for (const column of columns) {
    const redis = ON_REDIS.includes(column) ? stack.use(await startRedis()) : undefined;
    const where = { store: column, redisPorts: redis && [redis.port] };
    const task = { ...where, ...plan, column, count, maxSize, newcomerTtl };
    children.push([column, stack.use(await start(runtime, task))]);
  }
  for (let round = -share(warmUps); round < Math.max(1, share(rounds)); round++) {
    for (const [column, child] of children) {
      for (const [row, value] of Object.entries(await turn(child, count))) {
        if (round >= 0) ((found[row] ??= {})[column] ??= []).push(value);
      }
    }
    // No store is always the one after the same.
    children.push(children.shift()!);
  }
}

/** A step of a process; if it serves an app, visitors come, and ask for so many pages each. */
async function turn(child: Child, pages: number): Promise<Figures> {
  const { port, ...figures } = await child.next();
  if (port === undefined) return figures;
  await Promise.all(numbered(VISITORS, async (visitor) => {
    const browser = new Browser({ urls: [`http://127.0.0.1:${port}`] });
    await browser.get(`/sign-in/${visitor}`);
    for (let i = 0; i < pages; i++) {
      const views = await browser.get<number>(i % 5 === 0 ? "/write" : "/read");
      if (!(views > 0)) throw new Error("Cannot measure: a session is lost");
    }
  }));
  return await child.next();
}
