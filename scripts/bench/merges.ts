/**
 * What it costs to merge what two requests have changed, beside three
 * `JSON.parse` of the session: as it was loaded, as it is kept and as it is saved.
 *
 * @module
 */
import { merge } from "../../src/core/overlaps/merge_objects.ts";
import { type Call, saving, timed } from "./calls.ts";
import { call, fill, loadAll, numbered, sidOf } from "./sessions.ts";
import type { Live } from "./stores.ts";
import type { Steps } from "./worker.ts";

const keys = (count: number, value: (i: number) => unknown = (i) => `the value of ${i}`) =>
  Object.fromEntries(numbered(count, (i) => [`key${i}`, value(i)]));

/** What sessions hold, beside what all sessions of the bench do. */
export const OBJECTS: Record<string, object> = {
  "350 characters": {},
  "10,000 keys": keys(10_000),
  "1,000 objects of ten keys": { inventory: keys(1_000, () => keys(10)) },
};

type Make = (n: number, version: number) => unknown;

/** Lists that sessions hold: how many items, and the `n`th of them in its `version`. */
export const LISTS: Record<string, [length: number, make: Make]> = {
  "lines with ids": [1_990, (n, v) => ({ id: n, name: `the line ${n}`, qty: 1 + v })],
  "lines of two fields": [1_990, (n, v) => ({ sku: `sku-${n}`, qty: 1 + v })],
  "lines of six fields": [1_990, (n, v) => {
    return { sku: `sku-${n}`, name: `${n}`, qty: 1 + v, price: n / 4, gift: false, note: null };
  }],
  "numbers": [1_990, (n, v) => n + v * 10_000],
  "strings": [1_990, (n, v) => `item ${n}${v ? ` v${v}` : ""}`],
  "texts of 10 KB": [200, (n, v) => `${n} ${v} `.padEnd(10_000, "lorem ipsum dolor ")],
};

type Edit = (list: unknown[], make: Make) => unknown[];

const changed =
  (version: number, isIt: (n: number, length: number) => boolean): Edit => (list, make) =>
    list.map((item, n) => isIt(n, list.length) ? make(n, version) : item);
const atFront = (v: number): Edit => (list, make) => [make(list.length + v, v), ...list];
const atTheEnd: Edit = (list, make) => [...list, make(list.length + 2, 2)];
const replaced = (by: number): Edit => (list, make) =>
  list.map((_, n) => make(n + 2 * by * list.length, by));
/** The same in each run. */
const shuffled: Edit = (list) =>
  list.map((item, n) => ({ item, at: Math.imul(n * n, 2_654_435_761) }))
    .sort((a, b) => a.at - b.at).map(({ item }) => item);

/** What two requests do to a list: the one that saves, and the one that has saved before. */
export const EDITS: Record<string, [mine: Edit, kept: Edit]> = {
  "one changed by each": [
    changed(1, (n, length) => n === length >> 2),
    changed(2, (n, length) => n === length >> 1),
  ],
  "a tenth changed by each": [changed(1, (n) => n % 10 === 3), changed(2, (n) => n % 10 === 8)],
  "one at each front": [atFront(1), atFront(2)],
  "reversed by one": [(list) => list.toReversed(), atFront(2)],
  "shuffled by one": [shuffled, atTheEnd],
  "replaced by both": [replaced(1), replaced(2)],
  "emptied by one": [() => [], changed(2, (n) => n % 10 === 3)],
};

/** Work that needs no session. */
const untied = (
  work: () => void,
): Call => [(sids) => sids.map((id) => ({ id }) as Live), (_live, done) => {
  work();
  done();
}];

/** Saves of sessions that hold what the column says: some were not overtaken, some were. */
export const merges: Steps = async function* (store, { column, count }) {
  const size = JSON.stringify(OBJECTS[column]).length;
  const sids = numbered(Math.min(count, 1_000_000 / size), sidOf);
  for (;;) {
    await fill(store, sids.length, (live) => Object.assign(live, OBJECTS[column]));
    const [slow, fast] = [await loadAll(store, sids), await loadAll(store, sids)];
    const loaded = JSON.stringify(slow[0]);
    slow.forEach((live) => live.locale = "de-AT");
    fast.forEach((live) => live.views++);
    const texts = [loaded, JSON.stringify(fast[0]), JSON.stringify(slow[0])];
    yield await timed(store, sids, {
      "three JSON.parse of it": untied(() => texts.forEach((text) => JSON.parse(text))),
      "a save": [() => fast, saving(store)],
      "a save, merged with another": [() => slow, saving(store)],
    });
    const merged = await call<Live>((callback) => store.get(sids[0], callback as never));
    if (merged!.views !== fast[0].views || merged!.locale !== "de-AT") {
      throw new Error("Cannot measure: two saves were not merged");
    }
  }
};

/** What it takes to merge lists of such items as the column says, without the rest of a save. */
export const lists: Steps = async function* (store, { column, count }) {
  const [length, make] = LISTS[column];
  const list = numbered(length, (n) => make(n, 0));
  const textOf = (list: unknown[]) => JSON.stringify({ cookie: { path: "/" }, list });
  const loaded = textOf(list);
  const calls = Object.entries(EDITS).map(([edits, [mine, kept]]): [string, Call] => {
    const [session, text] = [JSON.parse(textOf(mine(list, make))), textOf(kept(list, make))];
    const merging = untied(() => {
      const { listsTakenWhole } = merge(session, loaded, text, JSON);
      if (listsTakenWhole > 0) throw new Error(`Cannot measure: not merged: ${edits}`);
    });
    return [`a merge: ${edits}`, merging];
  });
  const parsing = untied(() => numbered(3, () => JSON.parse(loaded)));
  const all = { "three JSON.parse of it": parsing, ...Object.fromEntries(calls) };
  for (;;) yield await timed(store, numbered(count, sidOf), all);
};
