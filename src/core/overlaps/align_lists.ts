import { diffArrays } from "diff";

/** How many of the items that stand in a list more than once may differ: the time is its square. */
const MAX_REPEATED_EDITS = 100;

/**
 * Of a list that differs more, as a board of which many fields were set: how much of it must be the
 * same one by one.
 */
const MIN_SAME = 0.75;

/** A flag of an item that stands where it stood among the others. */
export const IN_PLACE = 1;
/** A flag of an item that has the content that it had. */
export const UNCHANGED = 2;

/** What one side made of the base. */
export class Side {
  /** For each of its items, which one of the base that is, or -1. */
  readonly origins: number[];
  /** For each item of the base, where it stands, or -1. */
  readonly places: number[];
  /** For each item of the base, {@linkcode IN_PLACE} and {@linkcode UNCHANGED}. */
  readonly flags: number[];
  /** Between these two, it may have something else than the base. */
  readonly start: number;
  readonly end: number;
  /** The end of the same part of the base. */
  readonly baseEnd: number;

  /** @param same How many items are as in the base: at the start, and at the end. */
  constructor(baseLength: number, length: number, same: [start: number, end: number]) {
    this.origins = new Array<number>(length).fill(-1);
    this.places = new Array<number>(baseLength).fill(-1);
    this.flags = new Array<number>(baseLength).fill(0);
    this.start = same[0];
    this.end = length - same[1];
    this.baseEnd = baseLength - same[1];
    for (let n = 0; n < same[0]; n++) this.match(n, n, IN_PLACE | UNCHANGED);
    for (let n = 1; n <= same[1]; n++) {
      this.match(baseLength - n, length - n, IN_PLACE | UNCHANGED);
    }
  }

  /** Notes where an item of the base stands. */
  match(from: number, to: number, flags: number): void {
    this.origins[to] = from;
    this.places[from] = to;
    this.flags[from] = flags;
  }

  isInPlace(from: number): boolean {
    return (this.flags[from] & IN_PLACE) !== 0;
  }

  /** Returns what lies between the items that are in place, if it has something of both. */
  gaps(): Gap[] {
    const { origins, places } = this;
    const gaps: Gap[] = [];
    let [from, to] = [0, 0];
    for (let next = 0; next <= places.length; next++) {
      if (next < places.length && !this.isInPlace(next)) continue;
      const toEnd = next < places.length ? places[next] : origins.length;
      if (next > from && toEnd > to) gaps.push({ from, fromEnd: next, to, toEnd });
      [from, to] = [next + 1, toEnd + 1];
    }
    return gaps;
  }
}

/** A part of the base, and what stands there in the side. */
export interface Gap {
  readonly from: number;
  readonly fromEnd: number;
  readonly to: number;
  readonly toEnd: number;
}

/**
 * Finds out which items of a side are which of the base. Those that each list
 * has once are found by their labels: the longest run of them in the order of
 * the base is in place, and the others were moved. Between these, a library
 * aligns the items that stand there more than once.
 *
 * @param base The label of each item; a negative one is like no other. Equal labels from
 *   `contents` on stand for equal contents, and others for equal ids.
 * @param count How many labels there are.
 * @returns Whether few enough items were left to the library.
 */
export function align(
  side: Side,
  base: number[],
  labels: number[],
  contents: number,
  count: number,
): boolean {
  let { start, baseEnd, end } = side;
  const found = (from: number, to: number, flags: number) =>
    side.match(from, to, base[from] >= contents ? flags | UNCHANGED : flags);
  for (; start < baseEnd && start < end && base[start] === labels[start]; start++) {
    found(start, start, IN_PLACE);
  }
  while (baseEnd > start && end > start && base[baseEnd - 1] === labels[end - 1]) {
    found(--baseEnd, --end, IN_PLACE);
  }
  // One in the place of one is another one.
  if ((baseEnd - start) * (end - start) <= 1) return true;
  const inBase = positionsOf(base, start, baseEnd, count);
  const inSide = positionsOf(labels, start, end, count);
  const origins: number[] = [];
  let hasRepeated = false;
  for (let to = start; to < end; to++) {
    const label = labels[to];
    const from = label < 0 ? NOWHERE : inBase[label];
    if (from === NOWHERE) continue;
    if (from === SEVERAL || inSide[label] === SEVERAL) {
      hasRepeated = true;
      continue;
    }
    found(from - 1, to, 0);
    origins.push(from - 1);
  }
  for (const from of longestRise(origins)) side.flags[from] |= IN_PLACE;
  return !hasRepeated || alignRepeated(side, base, labels, found);
}

/** Aligns the items that stand in the base or in the side more than once. */
function alignRepeated(
  side: Side,
  base: number[],
  labels: number[],
  found: (from: number, to: number, flags: number) => void,
): boolean {
  let left = MAX_REPEATED_EDITS;
  for (const gap of side.gaps()) {
    const { from, fromEnd, to, toEnd } = gap;
    // Those that only one of the two has, or that were moved, match nothing here.
    const there = new Set(labels.slice(to, toEnd));
    const ofBase = range(from, fromEnd, (n) => side.places[n] === -1 && there.has(base[n]));
    const here = new Set(ofBase.map((n) => base[n]));
    const ofSide = range(to, toEnd, (n) => side.origins[n] === -1 && here.has(labels[n]));
    if (ofSide.length === 0) continue;
    const [before, after] = [ofBase.map((n) => base[n]), ofSide.map((n) => labels[n])];
    const parts = leastEdits(before, after) <= left &&
      diffArrays(before, after, { maxEditLength: left });
    if (!parts) {
      const same = sameIn(gap, base, labels, side);
      if (same.length < (fromEnd - from) * MIN_SAME) return false;
      for (const n of same) found(n, n - from + to, IN_PLACE);
      continue;
    }
    let [nextOfBase, nextOfSide] = [0, 0];
    for (const { added, removed, count } of parts) {
      if (added || removed) left -= count;
      for (let n = 0; n < count; n++) {
        if (added) nextOfSide++;
        else if (removed) nextOfBase++;
        else found(ofBase[nextOfBase++], ofSide[nextOfSide++], IN_PLACE);
      }
    }
  }
  return true;
}

/** Returns how many edits two lists are apart at least: one has some labels more often. */
function leastEdits(before: number[], after: number[]): number {
  const more = new Map<number, number>();
  for (const label of before) more.set(label, (more.get(label) ?? 0) + 1);
  for (const label of after) more.set(label, (more.get(label) ?? 0) - 1);
  return [...more.values()].reduce((sum, count) => sum + Math.abs(count), 0);
}

/** Returns which items of a gap are the same one by one, if it has as many in the base and in the side. */
function sameIn(
  { from, fromEnd, to, toEnd }: Gap,
  base: number[],
  labels: number[],
  { origins, places }: Side,
): number[] {
  if (fromEnd - from !== toEnd - to) return [];
  return range(from, fromEnd, (n) => {
    const at = n - from + to;
    return base[n] === labels[at] && places[n] === -1 && origins[at] === -1;
  });
}

/** Stand for a label that is not there, and for one that is there more than once. */
const NOWHERE = 0;
const SEVERAL = -1;

/** Returns for each label behind how many items it stands in a part of a list, and itself. */
function positionsOf(labels: number[], start: number, end: number, count: number): Int32Array {
  const positions = new Int32Array(count);
  for (let at = start; at < end; at++) {
    const label = labels[at];
    if (label >= 0) positions[label] = positions[label] === NOWHERE ? at + 1 : SEVERAL;
  }
  return positions;
}

/** Returns the longest rising selection of different numbers, in any order. */
function longestRise(numbers: number[]): number[] {
  if (numbers.every((number, n) => n === 0 || numbers[n - 1] < number)) return numbers;
  /** For each length, where the selection of this length ends that can be continued best. */
  const ends = new Int32Array(numbers.length);
  const before = new Int32Array(numbers.length);
  let length = 0;
  for (let at = 0; at < numbers.length; at++) {
    const number = numbers[at];
    let [low, high] = [0, length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (numbers[ends[middle]] < number) low = middle + 1;
      else high = middle;
    }
    before[at] = low > 0 ? ends[low - 1] : -1;
    ends[low] = at;
    length = Math.max(length, low + 1);
  }
  const rise: number[] = [];
  for (let at = ends[length - 1]; at !== -1; at = before[at]) rise.push(numbers[at]);
  return rise;
}

/** Returns those of some numbers in a row for which something holds. */
export function range(from: number, end: number, isIn: (n: number) => boolean): number[] {
  const numbers: number[] = [];
  for (let n = from; n < end; n++) if (isIn(n)) numbers.push(n);
  return numbers;
}
