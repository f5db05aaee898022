import { isObject } from "../../util/errors.ts";
import type { Labels } from "./labels.ts";
import { hasOwn, type Tree } from "./tree.ts";

/** Under these keys an object has its id; to ask by a name in the code is the quickest way. */
const ID_KEYS: [key: string, isIn: (item: object) => boolean][] = [
  ["id", (item) => "id" in item],
  ["_id", (item) => "_id" in item],
  ["key", (item) => "key" in item],
];

/** Marks an id that one list has twice: then it tells nothing. */
const REPEATED = 1 << 3;

/** How many steps the search for equal items may take for each of them. */
const MAX_STEPS = 16;

/** A part of a list. */
export interface Range {
  readonly start: number;
  readonly end: number;
}

/** A list whose items are to be labelled. */
export interface Labelled {
  readonly items: unknown[];
  /** The label of each item: the same for those with one id, or else of one content. */
  readonly labels: number[];
  /** Where the ids of the items count. Elsewhere they may have no label. */
  readonly changed: Range;
  /** The part of it where their contents count, too. */
  readonly searched: Range;
}

/** Labels the items that have an id. Returns for each id which of the lists have it, as bits. */
export function labelIds(lists: Labelled[]): number[] {
  const ids: number[] = [];
  const hasObject = ({ items, changed }: Labelled) => {
    for (let at = changed.start; at < changed.end; at++) if (isObject(items[at])) return true;
    return false;
  };
  if (!lists.some(hasObject)) return ids;
  for (const [key, isIn] of ID_KEYS) {
    const byId = new Map<unknown, number>();
    /** By list, one more than the number of the id that the items there have, or 0. */
    const found = lists.map(({ items }) => new Int32Array(items.length));
    const mark = (label: number, n: number) =>
      ids[label] |= ids[label] & 1 << n ? REPEATED : 1 << n;
    for (const [n, { items, changed }] of lists.entries()) {
      for (let at = changed.start; at < changed.end; at++) {
        const id = idOf(items[at], key, isIn);
        if (id === undefined) continue;
        let label = byId.get(id);
        if (label === undefined) byId.set(id, label = ids.push(0) - 1);
        mark(label, n);
        found[n][at] = label + 1;
      }
    }
    if (byId.size === 0) continue;
    for (const [n, { items, changed }] of lists.entries()) {
      for (let at = 0; at < items.length; at++) {
        if (at === changed.start) at = changed.end;
        const id = idOf(items[at], key, isIn);
        const label = id === undefined ? undefined : byId.get(id);
        if (label !== undefined) mark(label, n);
      }
    }
    for (const [n, { labels, changed }] of lists.entries()) {
      for (let at = changed.start; at < changed.end; at++) {
        const label = found[n][at] - 1;
        if (label >= 0 && labels[at] < 0 && !(ids[label] & REPEATED)) labels[at] = label;
      }
    }
  }
  return ids;
}

function idOf(
  item: unknown,
  key: string,
  isIn: (item: object) => boolean,
): string | number | undefined {
  if (!isObject(item) || !isIn(item) || !hasOwn(item, key)) return undefined;
  const id = (item as Tree)[key];
  return typeof id === "string" || typeof id === "number" ? id : undefined;
}

/**
 * Labels the items without an id, from the label `first` on.
 *
 * @returns How many labels there are then. Nothing if some content can't be told from
 *   others, or too many of them look alike.
 */
export function labelContents(
  lists: Labelled[],
  first: number,
  values: Labels,
): number | undefined {
  // A part of each long text mostly tells it from others.
  return labelBy(lists, first, values, false) ?? labelBy(lists, first, values, true);
}

function labelBy(
  lists: Labelled[],
  first: number,
  values: Labels,
  isExact: boolean,
): number | undefined {
  const total = lists.reduce((sum, { searched }) => sum + searched.end - searched.start, 0);
  if (total === 0) return first;
  const contents = new Contents(values, total);
  /** Where the base has the first item of a label. */
  const positions: number[] = [];
  const [base] = lists;
  for (const list of lists) {
    const { items, labels, searched } = list;
    // Mostly the next item is the one that follows in the base, too, or in a reversed one.
    let [next, step] = [searched.start, 1];
    for (let at = searched.start; at < searched.end; at++, next += step) {
      if (labels[at] >= 0 && labels[at] < first) continue;
      const expected = list !== base && next >= 0 && next < base.items.length
        ? base.labels[next]
        : -1;
      if (expected >= first && values.areEqual(base.items[next], items[at])) {
        labels[at] = expected;
        continue;
      }
      const label = contents.labelOf(items[at], isExact);
      if (label === undefined) return undefined;
      labels[at] = first + label;
      if (list === base) positions[label] ??= at;
      const position = positions[label];
      if (position === undefined) continue;
      if (position === next - 2 * step) step = -step;
      next = position;
    }
  }
  return first + contents.count;
}

/** A table of contents by their hashes. */
class Contents {
  readonly #values: Labels;
  /** By hash, a label and one more. */
  readonly #table: Int32Array;
  readonly #items: unknown[] = [];
  readonly #hashes: number[] = [];
  #stepsLeft: number;

  constructor(values: Labels, capacity: number) {
    this.#values = values;
    this.#table = new Int32Array(2 ** Math.ceil(Math.log2(2 * capacity + 2)));
    this.#stepsLeft = capacity * MAX_STEPS;
  }

  get count(): number {
    return this.#items.length;
  }

  labelOf(item: unknown, isExact: boolean): number | undefined {
    const hash = this.#values.hashOf(item, isExact);
    if (hash === undefined) return undefined;
    const mask = this.#table.length - 1;
    let slot = (hash ^ hash >>> 15) & mask;
    for (; this.#table[slot] > 0; slot = slot + 1 & mask) {
      const label = this.#table[slot] - 1;
      if (this.#hashes[label] === hash && this.#values.areEqual(this.#items[label], item)) {
        return label;
      }
      if (this.#stepsLeft-- <= 0) return undefined;
    }
    this.#hashes.push(hash);
    this.#table[slot] = this.#items.push(item);
    return this.#items.length - 1;
  }
}
