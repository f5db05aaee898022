import { diffArrays } from "diff";
import { isObject } from "../../util/errors.ts";
import { ABSENT, hasOwn, isPlain, type Labels } from "./labels.ts";

/** The longest lists that are merged. */
const MAX_ITEMS = 2_000;

/** How many of the items that stand in a list more than once may differ: the time is its square. */
const MAX_REPEATED_EDITS = 100;

/** Under these keys an object has its id. */
const ID_KEYS = ["id", "_id", "key"];

/** What tells an item: its id as a string, or the number of its content. */
type Label = string | number;

/** An item of the result, as each of the three lists has it; `ABSENT` where one does not. */
export type MergedItem = [base: unknown, mine: unknown, kept: unknown];

/**
 * Merges three lists item by item: what each side inserted, removed or moved
 * is applied to what the other made of the list.
 *
 * - Objects are told by their id. Other items are told by their content: if one
 *   differs, it was removed and inserted. But an object or list in the place of
 *   another one was edited, if both its neighbours are where they were.
 * - A removal wins over an edit and over a move. What both moved stands where
 *   `mine` has it.
 * - Of what both inserted at one place, that of `kept` comes first. An id that
 *   both inserted is one item, where `kept` has it.
 *
 * @returns The items in their order: to merge each of them is up to the caller.
 *   Nothing if the lists are too long, or differ too much in items that they
 *   have more than once.
 */
export function mergeLists(
  base: unknown[],
  mine: unknown[],
  kept: unknown[],
  labels: Labels,
): MergedItem[] | undefined {
  if (Math.max(base.length, mine.length, kept.length) > MAX_ITEMS) return undefined;
  const [baseLabels, mineLabels, keptLabels] = labelsOf([base, mine, kept], labels);
  const byMe = aligned(baseLabels, mineLabels);
  const byOthers = aligned(baseLabels, keptLabels);
  if (!byMe || !byOthers) return undefined;
  const canEdit = (from: number, item: unknown, label: Label) =>
    typeof baseLabels[from] === "number" && typeof label === "number" &&
    isSameKind(base[from], item);
  const editsOfMine = editsIn(byMe, byOthers, (n, to) => canEdit(n, mine[to], mineLabels[to]));
  const editsOfKept = editsIn(byOthers, byMe, (n, to) => canEdit(n, kept[to], keptLabels[to]));
  for (const [from, to] of editsOfMine) match(byMe, from, to, true);
  for (const [from, to] of editsOfKept) match(byOthers, from, to, true);

  const runsOfMine = runsOf(byMe);
  const runsOfKept = runsOf(byOthers);
  const insertedByMe = insertedIds(byMe, mineLabels);
  const insertedByOthers = insertedIds(byOthers, keptLabels);
  const result: MergedItem[] = [];
  const emit = (from: number) =>
    result.push([base[from], mine[byMe.places[from]], kept[byOthers.places[from]]]);
  for (let n = 0; n <= base.length; n++) {
    for (const at of runsOfKept[n] ?? []) {
      const from = byOthers.origins[at];
      const twin = insertedByMe.get(keptLabels[at]);
      if (from === -1) result.push([ABSENT, twin === undefined ? ABSENT : mine[twin], kept[at]]);
      else if (byMe.inPlace[from]) emit(from);
    }
    for (const at of runsOfMine[n] ?? []) {
      const from = byMe.origins[at];
      if (from === -1) {
        if (!insertedByOthers.has(mineLabels[at])) result.push([ABSENT, mine[at], ABSENT]);
      } else if (byOthers.places[from] !== -1) emit(from);
    }
    if (byMe.inPlace[n] && byOthers.inPlace[n]) emit(n);
  }
  return result;
}

/** What one side made of the base. */
interface Side {
  /** For each of its items, which one of the base that is, or -1. */
  readonly origins: number[];
  /** For each item of the base, where it stands, or -1. */
  readonly places: number[];
  /** For each item of the base, whether it stands there without having been moved. */
  readonly inPlace: boolean[];
}

function match({ origins, places, inPlace }: Side, from: number, to: number, isInPlace: boolean) {
  origins[to] = from;
  places[from] = to;
  inPlace[from] = isInPlace;
}

/** Returns a label for each item of the lists; an id that a list has twice tells nothing. */
function labelsOf(lists: unknown[][], labels: Labels): Label[][] {
  const repeated = new Set<string>();
  const ids = lists.map((list) => {
    const seen = new Set<string>();
    return list.map((item) => {
      const own = idsOf(item);
      for (const id of own) {
        if (seen.has(id)) repeated.add(id);
        seen.add(id);
      }
      return own;
    });
  });
  return lists.map((list, n) =>
    list.map((item, at) => ids[n][at].find((id) => !repeated.has(id)) ?? labels.of(item))
  );
}

const NO_IDS: string[] = [];

function idsOf(item: unknown): string[] {
  if (!isObject(item)) return NO_IDS;
  return ID_KEYS.filter((key) =>
    hasOwn(item, key) && /^(string|number)$/.test(typeof (item as Record<string, unknown>)[key])
  ).map((key) => {
    const id = (item as Record<string, unknown>)[key];
    return `${key} ${typeof id} ${id}`;
  });
}

/**
 * Finds out which items of a side are which of the base. Those that each list
 * has once are found by their labels: the longest run of them in the order of
 * the base is in place, and the others were moved. Between them, a library
 * aligns the items that stand there more than once.
 */
function aligned(base: Label[], labels: Label[]): Side | undefined {
  const side: Side = {
    origins: labels.map(() => -1),
    places: base.map(() => -1),
    inPlace: base.map(() => false),
  };
  const [inBase, inSide] = [positionsOf(base), positionsOf(labels)];
  for (const [to, label] of labels.entries()) {
    const from = inBase.get(label);
    if (from !== undefined && from !== -1 && inSide.get(label) !== -1) match(side, from, to, false);
  }
  for (const from of longestRise(side.origins.filter((from) => from !== -1))) {
    side.inPlace[from] = true;
  }
  let left = MAX_REPEATED_EDITS;
  for (const [from, fromEnd, to, toEnd] of gapsOf(side)) {
    // Those that only one of the two has, or that were moved, match nothing here.
    const there = new Set(labels.slice(to, toEnd));
    const ofBase = range(from, fromEnd).filter((n) => side.places[n] === -1 && there.has(base[n]));
    const here = new Set(ofBase.map((n) => base[n]));
    const ofSide = range(to, toEnd).filter((n) => side.origins[n] === -1 && here.has(labels[n]));
    if (ofBase.length === 0 || ofSide.length === 0) continue;
    const parts = diffArrays(ofBase.map((n) => base[n]), ofSide.map((n) => labels[n]), {
      maxEditLength: left,
    });
    if (!parts) return undefined;
    let [nextOfBase, nextOfSide] = [0, 0];
    for (const { added, removed, count } of parts) {
      if (added) nextOfSide += count;
      else if (removed) nextOfBase += count;
      else {for (let n = 0; n < count; n++) {
          match(side, ofBase[nextOfBase++], ofSide[nextOfSide++], true);
        }}
      if (added || removed) left -= count;
    }
  }
  return side;
}

/** Returns where each label stands, or -1 if it does several times. */
function positionsOf(labels: Label[]): Map<Label, number> {
  const positions = new Map<Label, number>();
  for (const [at, label] of labels.entries()) positions.set(label, positions.has(label) ? -1 : at);
  return positions;
}

/** Returns the longest rising selection of different numbers, from its end. */
function longestRise(numbers: number[]): number[] {
  /** For each length, where the selection of this length ends that can be continued best. */
  const ends: number[] = [];
  const before: number[] = [];
  for (const [at, number] of numbers.entries()) {
    let [low, high] = [0, ends.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (numbers[ends[middle]] < number) low = middle + 1;
      else high = middle;
    }
    before.push(low > 0 ? ends[low - 1] : -1);
    ends[low] = at;
  }
  const rise: number[] = [];
  for (let at = ends.at(-1) ?? -1; at !== -1; at = before[at]) rise.push(numbers[at]);
  return rise;
}

/** Returns what lies between the items that are in place, in the base and in the side. */
function gapsOf({ origins, places, inPlace }: Side): [number, number, number, number][] {
  const gaps: [number, number, number, number][] = [];
  let [from, to] = [0, 0];
  for (let next = 0; next <= places.length; next++) {
    if (next < places.length && !inPlace[next]) continue;
    const end = next < places.length ? places[next] : origins.length;
    if (next > from && end > to) gaps.push([from, next, to, end]);
    [from, to] = [next + 1, end + 1];
  }
  return gaps;
}

function range(from: number, end: number): number[] {
  return Array.from({ length: end - from }, (_, n) => from + n);
}

/**
 * Returns the items of the base that a side edited, with their places there.
 * The other side must have left, edited or removed that one item alone, or what
 * looks like an edit may as well be an insertion.
 */
function editsIn(
  side: Side,
  other: Side,
  canEdit: (from: number, to: number) => boolean,
): [from: number, to: number][] {
  const edits: [number, number][] = [];
  for (const [from, place] of side.places.entries()) {
    if (place !== -1 || spanAt(side, from) !== 2) continue;
    if (other.places[from] === -1 && !(spanAt(other, from) <= 2)) continue;
    const to = from === 0 ? 0 : side.places[from - 1] + 1;
    if (side.origins[to] === -1 && canEdit(from, to)) edits.push([from, to]);
  }
  return edits;
}

/** How far the neighbours of an item of the base are apart now; `NaN` if one is not in place. */
function spanAt({ origins, places, inPlace }: Side, from: number): number {
  const before = from === 0 ? -1 : inPlace[from - 1] ? places[from - 1] : NaN;
  const next = from + 1;
  const after = next === places.length ? origins.length : inPlace[next] ? places[next] : NaN;
  return after - before;
}

/** Returns the items that a side inserted or moved, by the item of the base that they stand before. */
function runsOf({ origins, places, inPlace }: Side): (number[] | undefined)[] {
  const runs: (number[] | undefined)[] = [];
  let run: number[] = [];
  for (const [at, from] of origins.entries()) {
    if (from === -1 || !inPlace[from]) {
      run.push(at);
      continue;
    }
    if (run.length > 0) runs[from] = run;
    run = [];
  }
  runs[places.length] = run;
  return runs;
}

function insertedIds({ origins }: Side, labels: Label[]): Map<Label, number> {
  const ids = new Map<Label, number>();
  for (const [at, label] of labels.entries()) {
    if (origins[at] === -1 && typeof label === "string") ids.set(label, at);
  }
  return ids;
}

function isSameKind(before: unknown, after: unknown): boolean {
  if (Array.isArray(before)) return Array.isArray(after);
  return isPlain(before) && isPlain(after);
}
