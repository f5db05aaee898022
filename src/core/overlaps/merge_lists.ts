import { diffArrays } from "diff";
import { isObject } from "../../util/errors.ts";
import { type Labels, UNKNOWN } from "./labels.ts";
import { ABSENT, hasOwn, isPlain, type Tree } from "./tree.ts";

/** The longest lists that are merged. */
const MAX_ITEMS = 2_000;

/** How many of the items that stand in a list more than once may differ: the time is its square. */
const MAX_REPEATED_EDITS = 100;

/** Under these keys an object has its id. */
const ID_KEYS = ["id", "_id", "key"];

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
 *   have more than once, or have some that can't be told from others.
 */
export function mergeLists(
  base: unknown[],
  mine: unknown[],
  kept: unknown[],
  labels: Labels,
): MergedItem[] | undefined {
  if (Math.max(base.length, mine.length, kept.length) > MAX_ITEMS) return undefined;
  const [start, end] = commonEnds(base, mine, kept, labels);
  const inner = (list: unknown[]) => list.slice(start, list.length - end);
  const outer = [...base.slice(0, start), ...base.slice(base.length - end)];
  const merged = mergeInner(inner(base), inner(mine), inner(kept), outer, labels);
  const unchanged = (item: unknown): MergedItem => [ABSENT, ABSENT, item];
  return merged && [
    ...kept.slice(0, start).map(unchanged),
    ...merged,
    ...kept.slice(kept.length - end).map(unchanged),
  ];
}

/** Returns how many items at both ends are the same in all three lists. */
function commonEnds(
  base: unknown[],
  mine: unknown[],
  kept: unknown[],
  labels: Labels,
): [start: number, end: number] {
  const length = Math.min(base.length, mine.length, kept.length);
  const isCommon = (inBase: number, inMine: number, inKept: number) =>
    labels.areEqual(base[inBase], mine[inMine]) && labels.areEqual(base[inBase], kept[inKept]);
  let start = 0;
  while (start < length && isCommon(start, start, start)) start++;
  let end = 0;
  while (
    start + end < length &&
    isCommon(base.length - end - 1, mine.length - end - 1, kept.length - end - 1)
  ) end++;
  return [start, end];
}

/** Merges what is left of the lists without the items at both ends that all have in common. */
function mergeInner(
  base: unknown[],
  mine: unknown[],
  kept: unknown[],
  outer: unknown[],
  labels: Labels,
): MergedItem[] | undefined {
  const all = labelsOf([base, mine, kept], outer, labels);
  if (!all) return undefined;
  const [baseLabels, mineLabels, keptLabels] = all;
  const byMe = aligned(baseLabels, mineLabels);
  const byOthers = aligned(baseLabels, keptLabels);
  if (!byMe || !byOthers) return undefined;
  // An item without an id may be given one: one that the other side does not have.
  const canEdit = (from: number, item: unknown, label: unknown, list: number) =>
    !(baseLabels[from] instanceof Id) && isSameKind(base[from], item) &&
    (!(label instanceof Id) || label.lists === 1 << list);
  const editsOfMine = editsIn(byMe, byOthers, (n, to) => canEdit(n, mine[to], mineLabels[to], 1));
  const editsOfKept = editsIn(byOthers, byMe, (n, to) => canEdit(n, kept[to], keptLabels[to], 2));
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
      } else if (byOthers.places[from] !== -1) {
        emit(from);
      }
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

/** The label of the objects with one id. */
class Id {
  /** Which lists have it, as bits. */
  lists = 0;
  /** Whether one list has it twice: then it tells nothing. */
  isRepeated = false;
}

/**
 * Returns what each item of the lists is told by: its id, or else its content.
 * `outer` is what all three have besides. Nothing if some item can't be told
 * from others.
 */
function labelsOf(lists: unknown[][], outer: unknown[], labels: Labels): unknown[][] | undefined {
  const ids = ID_KEYS.map((key) => ({ key, byId: new Map<unknown, Id>() }));
  for (const [n, list] of [...lists, ...lists.map(() => outer)].entries()) {
    const bit = 1 << n % lists.length;
    for (const item of list) {
      if (!isObject(item)) continue;
      for (const { key, byId } of ids) {
        const value = idOf(item, key);
        if (value === undefined) continue;
        const id = byId.get(value) ?? new Id();
        id.isRepeated ||= (id.lists & bit) !== 0;
        id.lists |= bit;
        byId.set(value, id);
      }
    }
  }
  const labelOf = (item: unknown): unknown => {
    if (!isObject(item)) return labels.of(item);
    for (const { key, byId } of ids) {
      const id = byId.get(idOf(item, key));
      if (id && !id.isRepeated) return id;
    }
    return labels.of(item);
  };
  const all = lists.map((list) => list.map(labelOf));
  return all.some((list) => list.includes(UNKNOWN)) ? undefined : all;
}

function idOf(item: object, key: string): string | number | undefined {
  const id = hasOwn(item, key) ? (item as Tree)[key] : undefined;
  return typeof id === "string" || typeof id === "number" ? id : undefined;
}

/**
 * Finds out which items of a side are which of the base. Between what they have
 * in common at both ends, those that each list has once are found by their
 * labels: the longest run of them in the order of the base is in place, and the
 * others were moved. Between these, a library aligns the items that stand there
 * more than once.
 */
function aligned(base: unknown[], labels: unknown[]): Side | undefined {
  const side: Side = {
    origins: new Array(labels.length).fill(-1),
    places: new Array(base.length).fill(-1),
    inPlace: new Array(base.length).fill(false),
  };
  let start = 0;
  let [baseEnd, sideEnd] = [base.length, labels.length];
  for (; start < baseEnd && start < sideEnd && base[start] === labels[start]; start++) {
    match(side, start, start, true);
  }
  while (baseEnd > start && sideEnd > start && base[baseEnd - 1] === labels[sideEnd - 1]) {
    match(side, --baseEnd, --sideEnd, true);
  }
  const inBase = positionsOf(base, start, baseEnd);
  const inSide = positionsOf(labels, start, sideEnd);
  const found: number[] = [];
  for (let to = start; to < sideEnd; to++) {
    const from = inBase.get(labels[to]) ?? -1;
    if (from === -1 || inSide.get(labels[to]) === -1) continue;
    match(side, from, to, false);
    found.push(from);
  }
  for (const from of longestRise(found)) side.inPlace[from] = true;
  let left = MAX_REPEATED_EDITS;
  for (const [from, fromEnd, to, toEnd] of gapsOf(side)) {
    // Those that only one of the two has, or that were moved, match nothing here.
    const there = new Set(labels.slice(to, toEnd));
    const ofBase = range(from, fromEnd).filter((n) => side.places[n] === -1 && there.has(base[n]));
    const here = new Set(ofBase.map((n) => base[n]));
    const ofSide = range(to, toEnd).filter((n) => side.origins[n] === -1 && here.has(labels[n]));
    if (ofSide.length === 0) continue;
    const parts = diffArrays(ofBase.map((n) => base[n]), ofSide.map((n) => labels[n]), {
      maxEditLength: left,
    });
    if (!parts) return undefined;
    let [nextOfBase, nextOfSide] = [0, 0];
    for (const { added, removed, count } of parts) {
      if (added || removed) left -= count;
      for (let n = 0; n < count; n++) {
        if (added) nextOfSide++;
        else if (removed) nextOfBase++;
        else match(side, ofBase[nextOfBase++], ofSide[nextOfSide++], true);
      }
    }
  }
  return side;
}

/** Returns where each label stands in a part of a list, or -1 if it does several times. */
function positionsOf(labels: unknown[], start: number, end: number): Map<unknown, number> {
  const positions = new Map<unknown, number>();
  for (let at = start; at < end; at++) {
    positions.set(labels[at], positions.has(labels[at]) ? -1 : at);
  }
  return positions;
}

/** Returns the longest rising selection of different numbers, from its end. */
function longestRise(numbers: number[]): number[] {
  /** For each length, where the selection of this length ends that can be continued best. */
  const ends: number[] = [];
  const before: number[] = [];
  for (let at = 0; at < numbers.length; at++) {
    const number = numbers[at];
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
  for (let from = 0; from < side.places.length; from++) {
    if (side.places[from] !== -1 || spanAt(side, from) !== 2) continue;
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
  for (let at = 0; at < origins.length; at++) {
    const from = origins[at];
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

function insertedIds({ origins }: Side, labels: unknown[]): Map<unknown, number> {
  const ids = new Map<unknown, number>();
  for (let at = 0; at < labels.length; at++) {
    if (origins[at] === -1 && labels[at] instanceof Id) ids.set(labels[at], at);
  }
  return ids;
}

function isSameKind(before: unknown, after: unknown): boolean {
  if (Array.isArray(before)) return Array.isArray(after);
  return isPlain(before) && isPlain(after);
}
