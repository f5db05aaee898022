import { align, IN_PLACE, range, Side, UNCHANGED } from "./align_lists.ts";
import { labelContents, labelIds, type Labelled, type Range } from "./item_labels.ts";
import type { Labels } from "./labels.ts";
import { ABSENT, isPlain, own, type Tree } from "./tree.ts";

/** The longest lists that are merged. */
const MAX_ITEMS = 2_000;

/** A merged list. */
export interface MergedList {
  readonly items: unknown[];
  /** The items that both sides changed: to merge them is up to the caller. */
  readonly open: OpenItem[];
}

/** An item of a merged list, as each of the three lists has it; `ABSENT` where one does not. */
export interface OpenItem {
  readonly at: number;
  readonly base: unknown;
  readonly mine: unknown;
  readonly kept: unknown;
}

/**
 * Merges three lists item by item: what each side inserted, removed or moved
 * is applied to what the other made of the list.
 *
 * - Objects are told by their id. Other items are told by their content: if one
 *   differs, it was removed and inserted. But an object or list in the place of
 *   another one was edited, if both its neighbours are where they were.
 * - Of a list that one side emptied, what the other inserted is left.
 * - A removal wins over an edit and over a move. What both moved stands where
 *   `mine` has it.
 * - Of what both inserted at one place, that of `kept` comes first. An id that
 *   both inserted is one item, where `kept` has it.
 *
 * @returns Nothing if both sides changed lists that are too long, or differ too much in items
 *   that they have more than once, or have some that can't be told from others.
 */
export function mergeLists(
  base: unknown[],
  mine: unknown[],
  kept: unknown[],
  values: Labels,
): MergedList | undefined {
  const startOfMine = commonStart(base, mine, values);
  if (startOfMine === base.length && startOfMine === mine.length) return { items: kept, open: [] };
  const startOfKept = commonStart(base, kept, values);
  if (startOfKept === base.length && startOfKept === kept.length) return { items: mine, open: [] };
  if (Math.max(base.length, mine.length, kept.length) > MAX_ITEMS) return undefined;

  // First what all three have at their ends: of equal items, any may be the one that was removed.
  const start = Math.min(startOfMine, startOfKept);
  const endOfMine = commonEnd(base, mine, start, startOfMine, values);
  const endOfKept = commonEnd(base, kept, start, startOfKept, values);
  const end = Math.min(endOfMine, endOfKept, mine.length - start, kept.length - start);
  const side = (list: unknown[], atStart: number, atEnd: number) => {
    const shorter = Math.min(base.length, list.length);
    const startOfSide = Math.min(atStart, shorter - end);
    return new Side(base.length, list.length, [
      startOfSide,
      Math.min(atEnd, shorter - startOfSide),
    ]);
  };
  const byMe = side(mine, startOfMine, endOfMine);
  const byOthers = side(kept, startOfKept, endOfKept);

  const lists = toLabel([base, mine, kept], [byMe, byOthers]);
  const ids = labelIds(lists);
  const count = labelContents(lists, ids.length, values);
  if (count === undefined) return undefined;
  const [labels, labelsOfMine, labelsOfKept] = lists.map(({ labels }) => labels);
  if (
    !align(byMe, labels, labelsOfMine, ids.length, count) ||
    !align(byOthers, labels, labelsOfKept, ids.length, count)
  ) return undefined;
  matchBeforeAppended(byMe, base, mine, values);
  matchBeforeAppended(byOthers, base, kept, values);
  const isId = (label: number) => label >= 0 && label < ids.length;
  const edits = [byMe, byOthers].map((side, n) => {
    const { items, labels: ofSide } = lists[n + 1];
    const canEdit = (from: number, to: number) =>
      // An item without an id may be given one: one that the other side does not have.
      !isId(labels[from]) && isSameKind(base[from], items[to]) &&
      (!isId(ofSide[to]) || ids[ofSide[to]] === 1 << n + 1);
    const other = n === 0 ? byOthers : byMe;
    if (other.origins.length > 0) return editsIn(side, other, canEdit);
    return editsOfRemoved(
      side,
      canEdit,
      (from, to) => likeness(base[from] as Tree, items[to] as Tree, values),
    );
  });
  for (const [from, to] of edits[0]) byMe.match(from, to, IN_PLACE);
  for (const [from, to] of edits[1]) byOthers.match(from, to, IN_PLACE);
  return values.isSpent ? undefined : combine(lists, byMe, byOthers, ids, values);
}

/** Returns how many items two lists have in common at their start. */
function commonStart(one: unknown[], other: unknown[], values: Labels): number {
  const length = Math.min(one.length, other.length);
  let start = 0;
  while (start < length && values.areEqual(one[start], other[start])) start++;
  return start;
}

/** Returns how many items after `start` they have in common at their end; those at `other` differ. */
function commonEnd(
  base: unknown[],
  list: unknown[],
  start: number,
  other: number,
  values: Labels,
): number {
  const length = base.length === list.length
    ? base.length - other - 1
    : Math.min(base.length, list.length) - start;
  let end = 0;
  while (end < length && values.areEqual(base.at(-1 - end), list.at(-1 - end))) end++;
  return end;
}

/** Says which items of a base and two sides are to be labelled. */
function toLabel(lists: [base: unknown[], ...sides: unknown[][]], sides: Side[]): Labelled[] {
  const NOWHERE: Range = { start: 0, end: 0 };
  // One item in the place of one: that they differ is known.
  const isSearched = ({ start, baseEnd, end }: Side) => (baseEnd - start) * (end - start) > 1;
  const searched = sides.filter(isSearched);
  const ofBase = (sides: Side[]): Range => ({
    start: Math.min(...sides.map(({ start }) => start)),
    end: Math.max(...sides.map(({ baseEnd }) => baseEnd)),
  });
  const parts = [
    { changed: ofBase(sides), searched: searched.length > 0 ? ofBase(searched) : NOWHERE },
    ...sides.map((side) => ({ changed: side, searched: isSearched(side) ? side : NOWHERE })),
  ];
  return lists.map((items, n) => ({
    items,
    // Without a label, no two are the same.
    labels: new Array<number>(items.length).fill(-1 - n),
    ...parts[n],
  }));
}

/**
 * Takes what a side has inserted before some items for appended, if it ends in the same items then:
 * of equal ones, those that stand first are those of the base.
 */
function matchBeforeAppended(
  side: Side,
  base: unknown[],
  list: unknown[],
  values: Labels,
): void {
  const { places, origins, baseEnd: first } = side;
  const count = base.length - first;
  if (count <= 0) return;
  let from = first;
  while (from > 0 && !side.isInPlace(from - 1)) from--;
  const to = from === 0 ? 0 : places[from - 1] + 1;
  // What was not inserted there stands in the place of what was there.
  const start = to + first - from;
  const isInserted = start < side.end && origins.slice(start, side.end).every((n) => n === -1);
  if (!isInserted) return;
  for (let n = 0; n < count; n++) {
    if (!values.areEqual(base[first + n], list[start + n])) return;
  }
  origins.fill(-1, start);
  for (let n = 0; n < count; n++) side.match(first + n, start + n, IN_PLACE | UNCHANGED);
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
  for (let from = side.start; from < side.baseEnd; from++) {
    if (side.places[from] !== -1 || spanAt(side, from) !== 2) continue;
    if (other.places[from] === -1 && !(spanAt(other, from) <= 2)) continue;
    const to = from === 0 ? 0 : side.places[from - 1] + 1;
    if (side.origins[to] === -1 && canEdit(from, to)) edits.push([from, to]);
  }
  return edits;
}

/** How far the neighbours of an item of the base are apart now; `NaN` if one is not in place. */
function spanAt(side: Side, from: number): number {
  const { origins, places } = side;
  const before = from === 0 ? -1 : side.isInPlace(from - 1) ? places[from - 1] : NaN;
  const next = from + 1;
  const after = next === places.length ? origins.length : side.isInPlace(next) ? places[next] : NaN;
  return after - before;
}

function isSameKind(before: unknown, after: unknown): boolean {
  if (Array.isArray(before)) return Array.isArray(after);
  return isPlain(before) && isPlain(after);
}

/**
 * Returns the items that a side edited in a list that the other side emptied. One in the place of
 * one is an edit. So are several in the place of as many that they are like. Beside inserted or
 * removed ones, it is those that are more like the first ones there, or the last ones.
 */
function editsOfRemoved(
  side: Side,
  canEdit: (from: number, to: number) => boolean,
  likenessOf: (from: number, to: number) => number,
): [from: number, to: number][] {
  const edits: [number, number][] = [];
  for (const { from, fromEnd, to, toEnd } of side.gaps()) {
    const before = range(from, fromEnd, (n) => side.places[n] === -1);
    const after = range(to, toEnd, (n) => side.origins[n] === -1);
    const count = Math.min(before.length, after.length);
    /** The pairs that are like each other, of the first ones there or the last ones. */
    const pairs = (startOf: (all: number[]) => number) => {
      const found: { from: number; to: number; likeness: number }[] = [];
      for (let n = 0; n < count; n++) {
        const [from, to] = [before[startOf(before) + n], after[startOf(after) + n]];
        const likeness = canEdit(from, to) ? likenessOf(from, to) : 0;
        if (likeness > 0) found.push({ from, to, likeness });
      }
      return found;
    };
    const [first, last] = [pairs(() => 0), pairs(({ length }) => length - count)];
    const [ofFirst, ofLast] = [first, last].map((pairs) =>
      pairs.reduce((sum, { likeness }) => sum + likeness, 0)
    );
    if (before.length === 1 && after.length === 1) {
      if (canEdit(before[0], after[0])) edits.push([before[0], after[0]]);
    } else if (ofFirst !== ofLast || after.length <= before.length) {
      for (const { from, to } of ofFirst < ofLast ? last : first) edits.push([from, to]);
    }
  }
  return edits;
}

/** Returns how many values two objects or lists have in common, if that is half of what they have. */
function likeness(one: Tree, other: Tree, values: Labels): number {
  const keys = Object.keys(one);
  const common = keys.filter((key) => values.areEqual(one[key], own(other, key))).length;
  return 2 * common < Math.max(keys.length, Object.keys(other).length) ? 0 : common;
}

/** Puts together what the two sides made of the base. */
function combine(
  [
    { items: base, labels },
    { items: mine, labels: labelsOfMine },
    { items: kept, labels: labelsOfKept },
  ]: Labelled[],
  byMe: Side,
  byOthers: Side,
  ids: number[],
  values: Labels,
): MergedList {
  const items: unknown[] = [];
  const open: OpenItem[] = [];
  const add = (base: unknown, mine: unknown, kept: unknown) => {
    open.push({ at: items.length, base, mine, kept });
    items.push(ABSENT);
  };
  const emit = (from: number) => {
    const ofMine = mine[byMe.places[from]];
    const ofKept = kept[byOthers.places[from]];
    // Of what has an id, it is not known yet whether it was changed.
    const isId = labels[from] >= 0 && labels[from] < ids.length;
    const isUnchanged = (side: Side, item: unknown) =>
      side.flags[from] & UNCHANGED || isId && values.areEqual(base[from], item);
    if (isUnchanged(byMe, ofMine)) items.push(ofKept);
    else if (isUnchanged(byOthers, ofKept)) items.push(ofMine);
    else add(base[from], ofMine, ofKept);
  };
  /** By the ids that both sides have inserted, where they stand. */
  const twins = new Map<number, number>();
  for (let at = byMe.start; at < byMe.end; at++) {
    if (ids[labelsOfMine[at]] === (1 << 1 | 1 << 2)) twins.set(labelsOfMine[at], at);
  }
  let [nextOfMine, nextOfKept] = [0, 0];
  for (let n = 0; n <= base.length; n++) {
    // What a side has inserted or moved comes before what is next in place there.
    const isEnd = n === base.length;
    if (isEnd || byOthers.isInPlace(n)) {
      const end = isEnd ? kept.length : byOthers.places[n];
      for (; nextOfKept < end; nextOfKept++) {
        const from = byOthers.origins[nextOfKept];
        const twin = twins.get(labelsOfKept[nextOfKept]);
        if (from !== -1) {
          if (byMe.isInPlace(from)) emit(from);
        } else if (twin !== undefined) {
          add(ABSENT, mine[twin], kept[nextOfKept]);
        } else {
          items.push(kept[nextOfKept]);
        }
      }
      nextOfKept++;
    }
    if (isEnd || byMe.isInPlace(n)) {
      const end = isEnd ? mine.length : byMe.places[n];
      for (; nextOfMine < end; nextOfMine++) {
        const from = byMe.origins[nextOfMine];
        if (from !== -1) {
          if (byOthers.places[from] !== -1) emit(from);
        } else if (!twins.has(labelsOfMine[nextOfMine])) {
          items.push(mine[nextOfMine]);
        }
      }
      nextOfMine++;
    }
    if (!isEnd && byMe.isInPlace(n) && byOthers.isInPlace(n)) emit(n);
  }
  return { items, open };
}
