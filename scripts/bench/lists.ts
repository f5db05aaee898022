/**
 * What it costs to merge a list that two requests changed, beside what the three `JSON.parse` of
 * the session cost that each merge begins with: in CPU time, whatever else the machine does.
 *
 *     deno task bench:lists [--json]
 *
 * @module
 */
import process from "node:process";
// @ts-types="npm:@types/express-session@^1.18.0"
import type { SessionData } from "express-session";
import { merge } from "../../src/core/overlaps/merge_objects.ts";

type Make = (n: number, version: number) => unknown;
type Edit = (count: number, make: Make) => unknown[];

/** What lists consist of: by name, how many items, and the `n`th of them in its `version`. */
const ITEMS: Record<string, [count: number, make: Make]> = {
  "lines with ids": [1_990, (n, v) => ({ id: n, name: `the line ${n}`, qty: 1 + v })],
  "lines of two fields": [1_990, (n, v) => ({ sku: `sku-${n}`, qty: 1 + v })],
  "lines of six fields": [1_990, (n, v) => {
    return { sku: `sku-${n}`, name: `${n}`, qty: 1 + v, price: n / 4, gift: false, note: null };
  }],
  "numbers": [1_990, (n, v) => n + v * 10_000],
  "strings": [1_990, (n, v) => `item ${n}${v ? ` v${v}` : ""}`],
  "texts of 10 KB": [200, (n, v) => `${n} ${v} `.padEnd(10_000, "lorem ipsum dolor ")],
};

/** A list whose items are in version 0, or in that which `version` says. */
const listOf = (version: (n: number, count: number) => number): Edit => (count, make) =>
  Array.from({ length: count }, (_, n) => make(n, version(n, count)));
const untouched = listOf(() => 0);
const every = (tenth: number, version: number) => listOf((n) => n % 10 === tenth ? version : 0);
const inFront = (version: number): Edit => (count, make) => [
  make(count + version, version),
  ...untouched(count, make),
];
const atTheEnd: Edit = (count, make) => [...untouched(count, make), make(count + 2, 2)];
const replaced = (by: number): Edit => (count, make) =>
  Array.from({ length: count }, (_, n) => make(n + 2 * by * count, by));
/** The same in each run. */
const shuffled: Edit = (count, make) => {
  const items = untouched(count, make);
  for (let n = count - 1, seed = 1; n > 0; n--) {
    seed = (seed * 1_103_515_245 + 12_345) % 2 ** 31;
    const other = seed % (n + 1);
    [items[n], items[other]] = [items[other], items[n]];
  }
  return items;
};

/** What two requests do to a list: by name, the one that saves, and the one that saved before. */
const EDITS: Record<string, [mine: Edit, kept: Edit]> = {
  "one changed by each": [
    listOf((n, count) => n === count >> 2 ? 1 : 0),
    listOf((n, count) => n === (count >> 2) * 3 ? 2 : 0),
  ],
  "a tenth changed by each": [every(3, 1), every(8, 2)],
  "one at each front": [inFront(1), inFront(2)],
  "reversed by one": [(count, make) => untouched(count, make).reverse(), inFront(2)],
  "shuffled by one": [shuffled, atTheEnd],
  "replaced by both": [replaced(1), replaced(2)],
  "emptied by one": [() => [], every(3, 2)],
};

/** What a merge costs, of one list and what became of it. */
export interface ListCost {
  readonly items: string;
  readonly edits: string;
  /** Microseconds of a merge, with the three parses that it begins with. */
  readonly merge: number;
  /** Microseconds of these three alone. */
  readonly parses: number;
  /** Whether the list was taken whole. */
  readonly isWhole: boolean;
}

function costOf(items: string, edits: string): ListCost {
  const [count, make] = ITEMS[items];
  const [mine, ...texts] = [EDITS[edits][0], untouched, EDITS[edits][1], EDITS[edits][0]]
    .map((edit) => JSON.stringify({ cookie: { path: "/" }, list: edit(count, make) }));
  const session: SessionData = JSON.parse(mine);
  let isWhole = false;
  const merging = () => isWhole = merge(session, texts[0], texts[1], JSON).listsTakenWhole > 0;
  const parsing = () => texts.forEach((text) => JSON.parse(text));
  const best = [Infinity, Infinity];
  const times = Math.max(1, Math.ceil(100_000 / texts[0].length));
  for (let round = 0; round < 10; round++) {
    for (const [n, run] of [merging, parsing].entries()) {
      const start = process.cpuUsage();
      for (let i = 0; i < times; i++) run();
      const { user, system } = process.cpuUsage(start);
      best[n] = Math.min(best[n], (user + system) / times);
    }
  }
  return { items, edits, merge: best[0], parses: best[1], isWhole };
}

const costs = Object.keys(ITEMS).flatMap((items) =>
  Object.keys(EDITS).map((edits) => {
    let cost = costOf(items, edits);
    // Something else may have had the caches.
    for (let again = 0; again < 3 && cost.merge > Math.max(5 * cost.parses, 750); again++) {
      const other = costOf(items, edits);
      if (other.merge < cost.merge) cost = other;
    }
    return cost;
  })
);
if (process.argv[2] === "--json") console.log(JSON.stringify(costs));
else console.table(costs);
