/**
 * What it costs to merge a list that two requests changed, beside what the three `JSON.parse` of
 * the session cost that each merge begins with: in CPU time, whatever else the machine does.
 *
 *     deno task bench:lists                        a table of all lists and edits
 *     deno task bench:lists "lines with ids"       of those lists whose name has this
 *     deno task bench:lists --json                 what the README promises of, as JSON
 *
 * @module
 */
import process from "node:process";
// @ts-types="npm:@types/express-session@^1.18.0"
import type { SessionData } from "express-session";
import { merge } from "../../src/core/overlaps/merge_objects.ts";

/** What lists consist of: by name, how many items, and the `n`th of them in its `version`. */
export const ITEMS: Record<string, [count: number, item: (n: number, version: number) => unknown]> =
  {
    "lines with ids": [1_990, (n, v) => ({ id: n, name: `the line ${n}`, qty: 1 + v })],
    "lines with text ids": [1_990, (n, v) => ({ _id: `5f${n}c0ffee`, qty: 1 + v })],
    "lines of two fields": [1_990, (n, v) => ({ sku: `sku-${n}`, qty: 1 + v })],
    "lines of six fields": [
      1_990,
      (n, v) => ({
        sku: `sku-${n}`,
        name: `the line ${n}`,
        qty: 1 + v,
        price: n / 4,
        gift: false,
        note: null,
      }),
    ],
    "lines of parts": [
      1_000,
      (n, v) => ({ sku: `sku-${n}`, options: { size: n % 7, colors: ["red", "blue"] }, qty: v }),
    ],
    "numbers": [1_990, (n, v) => n + v * 10_000],
    "strings": [1_990, (n, v) => `item ${n}${v ? ` v${v}` : ""}`],
    "pairs": [1_990, (n, v) => [n, v]],
    "numbers that repeat": [1_990, (n, v) => n % 3 + v * 10],
    "lines that repeat": [1_990, (n, v) => ({ color: ["red", "blue"][n % 2], qty: v })],
    "equal numbers": [1_990, (_, v) => v],
    "equal lines": [1_990, (_, v) => ({ color: "red", qty: v })],
    "texts of 10 KB": [200, (n, v) => `${n} ${v} `.padEnd(10_000, "lorem ipsum dolor ")],
    "lines of 10 KB": [
      200,
      (n, v) => ({ sku: `sku-${n}`, qty: v, text: `${n} `.padEnd(10_000, "lorem ipsum dolor ") }),
    ],
  };

type Make = (n: number, version: number) => unknown;
type Edit = (count: number, make: Make) => unknown[];

const list = (count: number, make: Make, version = (_: number) => 0) =>
  Array.from({ length: count }, (_, n) => make(n, version(n)));
const nothing: Edit = (count, make) => list(count, make);
const change = (which: (n: number, count: number) => boolean, version: number): Edit =>
(
  count,
  make,
) => list(count, make, (n) => which(n, count) ? version : 0);
const insert = (at: (count: number) => number, version: number): Edit => (count, make) => {
  const items = nothing(count, make);
  items.splice(at(count), 0, make(count + version, version));
  return items;
};

/** The same in each run. */
function shuffled(seed: number): Edit {
  return (count, make) => {
    const items = nothing(count, make);
    for (let n = count - 1; n > 0; n--) {
      seed = (seed * 1_103_515_245 + 12_345) % 2 ** 31;
      const other = seed % (n + 1);
      [items[n], items[other]] = [items[other], items[n]];
    }
    return items;
  };
}

/** What two requests do to a list: by name, the one that saves, and the one that saved before. */
export const EDITS: Record<string, [mine: Edit, kept: Edit]> = {
  "one changed by each": [
    change((n, count) => n === count >> 2, 1),
    change((n, count) => n === (count >> 2) * 3, 2),
  ],
  "the ends changed": [change((n) => n === 1, 1), change((n, count) => n === count - 2, 2)],
  "a tenth changed by each": [change((n) => n % 10 === 3, 1), change((n) => n % 10 === 8, 2)],
  "the same tenth changed": [change((n) => n % 10 === 3, 1), change((n) => n % 10 === 3, 2)],
  "all changed by both": [change(() => true, 1), change(() => true, 2)],
  "all changed by one": [change(() => true, 1), change((n) => n === 5, 2)],
  "one at each front": [insert(() => 0, 1), insert(() => 0, 2)],
  "one at each end": [insert((count) => count, 1), insert((count) => count, 2)],
  "in front here, at the end there": [insert(() => 0, 1), insert((count) => count, 2)],
  "a tenth removed by each": [
    (count, make) => nothing(count, make).filter((_, n) => n % 10 !== 3),
    (count, make) => nothing(count, make).filter((_, n) => n % 10 !== 8),
  ],
  "a ring that turned": [
    (count, make) => [...nothing(count, make).slice(5), ...list(5, (n) => make(n + count, 1))],
    (count, make) => [...nothing(count, make).slice(7), ...list(7, (n) => make(n + count, 2))],
  ],
  "reversed by one": [(count, make) => nothing(count, make).reverse(), insert(() => 0, 2)],
  "shuffled by one": [shuffled(1), insert((count) => count, 2)],
  "shuffled by both": [shuffled(1), shuffled(2)],
  "replaced by both": [
    (count, make) => list(count, (n) => make(n + 2 * count, 1)),
    (count, make) => list(count, (n) => make(n + 4 * count, 2)),
  ],
  "emptied by one": [() => [], change((n) => n % 10 === 3, 2)],
};

/** The lists and edits that `--json` measures. */
export const PROMISED: [items: string[], edits: string[]] = [
  [
    "lines with ids",
    "lines of two fields",
    "lines of six fields",
    "numbers",
    "strings",
    "texts of 10 KB",
  ],
  [
    "one changed by each",
    "a tenth changed by each",
    "one at each front",
    "reversed by one",
    "shuffled by one",
    "replaced by both",
    "emptied by one",
  ],
];

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

/** Measures what it costs to merge one of {@linkcode ITEMS} after one of {@linkcode EDITS}. */
export function measureListMerge(items: string, edits: string): ListCost {
  const [count, make] = ITEMS[items];
  const session = (list: unknown[]) => ({ cookie: { path: "/" }, list });
  const mine = session(EDITS[edits][0](count, make)) as unknown as SessionData;
  const texts = [nothing, EDITS[edits][1], EDITS[edits][0]].map((edit) =>
    JSON.stringify(session(edit(count, make)))
  );
  let isWhole = false;
  const merging = () => isWhole = merge(mine, texts[0], texts[1], JSON).listsTakenWhole > 0;
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

/**
 * Measures what is promised. What takes longer than `limitOf` says is measured again, up to
 * three times: something else may have had the caches.
 */
function measurePromised(limitOf: (cost: ListCost) => number): ListCost[] {
  const [items, edits] = PROMISED;
  return items.flatMap((items) =>
    edits.map((edits) => {
      let cost = measureListMerge(items, edits);
      for (let again = 0; again < 3 && cost.merge > limitOf(cost); again++) {
        const other = measureListMerge(items, edits);
        if (other.merge < cost.merge) cost = other;
      }
      return cost;
    })
  );
}

if (import.meta.main) {
  const [only = ""] = process.argv.slice(2);
  if (only === "--json") {
    console.log(JSON.stringify(measurePromised(({ parses }) => Math.max(5 * parses, 750))));
  } else {
    for (const items of Object.keys(ITEMS).filter((name) => name.includes(only))) {
      console.log(`\n${items}`);
      for (const edits of Object.keys(EDITS)) {
        const { merge, parses, isWhole } = measureListMerge(items, edits);
        const ratio = (merge / parses).toFixed(1);
        console.log(
          `  ${edits.padEnd(34)}${merge.toFixed(0).padStart(8)} µs ${
            parses.toFixed(0).padStart(7)
          }` +
            ` µs ${ratio.padStart(6)} times${isWhole ? ", taken whole" : ""}`,
        );
      }
    }
  }
}
