import { ShardedMap } from "../../util/sharded_map.ts";
import type { AddressGroup, Arrival, Entry } from "./entry.ts";

/**
 * Newcomers by client address. The next to be evicted is the oldest one of the
 * address that has most of them, so that a crawler pushes out its own sessions.
 * Among addresses with equally many, it is the oldest newcomer of all.
 */
export class Newcomers {
  readonly #groups = new ShardedMap<AddressGroup>();
  /** A binary heap: each group goes before the two at twice its place plus one and plus two. */
  readonly #heap: AddressGroup[] = [];

  /** Adds an entry that is newer than all others. */
  add(entry: Entry, address: string): void {
    const group = this.#groupOf(address);
    const { last } = group;
    const arrival: Arrival = { entry, group, older: last, newer: undefined };
    if (last) last.newer = arrival;
    else group.first = arrival;
    group.last = arrival;
    this.#added(arrival);
  }

  /** Adds an entry that is older than all others. */
  prepend(entry: Entry, address: string): void {
    const group = this.#groupOf(address);
    const { first } = group;
    const arrival: Arrival = { entry, group, older: undefined, newer: first };
    if (first) first.older = arrival;
    else group.last = arrival;
    group.first = arrival;
    this.#added(arrival);
  }

  /** Removes an entry that left, or is no newcomer any more. */
  remove(entry: Entry): void {
    const { arrival } = entry;
    if (!arrival) return;
    entry.arrival = undefined;
    const { group, older, newer } = arrival;
    if (older) older.newer = newer;
    else group.first = newer;
    if (newer) newer.older = older;
    else group.last = older;
    group.count--;
    if (group.count === 0) this.#drop(group);
    else this.#restore(group);
  }

  /** Returns the entry that is evicted next, other than `spared`. */
  next(spared?: Entry): Entry | undefined {
    const [group] = this.#heap;
    const first = group?.first;
    if (!first || first.entry !== spared) return first?.entry;
    if (first.newer) return first.newer.entry;
    // Every group has one entry: the next one is on top of one of the two subheaps.
    const [, left, right] = this.#heap;
    return (right && goesBefore(right, left) ? right : left)?.first?.entry;
  }

  #groupOf(address: string): AddressGroup {
    const known = this.#groups.get(address);
    if (known) return known;
    const group: AddressGroup = {
      address,
      first: undefined,
      last: undefined,
      count: 0,
      place: this.#heap.length,
    };
    this.#groups.set(address, group);
    this.#heap.push(group);
    return group;
  }

  #added(arrival: Arrival): void {
    const { entry, group } = arrival;
    entry.arrival = arrival;
    group.count++;
    this.#restore(group);
  }

  #drop(group: AddressGroup): void {
    this.#groups.delete(group.address);
    const last = this.#heap.pop()!;
    if (last === group) return;
    this.#put(last, group.place);
    this.#restore(last);
  }

  /** Restores the order of the heap after `group` has changed. */
  #restore(group: AddressGroup): void {
    this.#rise(group);
    this.#sink(group);
  }

  #rise(group: AddressGroup): void {
    while (group.place > 0) {
      const parent = this.#heap[(group.place - 1) >> 1];
      if (!goesBefore(group, parent)) return;
      this.#swap(group, parent);
    }
  }

  #sink(group: AddressGroup): void {
    for (;;) {
      const left = this.#heap[2 * group.place + 1];
      const right = this.#heap[2 * group.place + 2];
      const child = right && goesBefore(right, left) ? right : left;
      if (!child || !goesBefore(child, group)) return;
      this.#swap(group, child);
    }
  }

  #swap(a: AddressGroup, b: AddressGroup): void {
    const { place } = a;
    this.#put(a, b.place);
    this.#put(b, place);
  }

  #put(group: AddressGroup, place: number): void {
    this.#heap[place] = group;
    group.place = place;
  }
}

/** Whether the oldest entry of `a` is to be evicted before that of `b`. */
function goesBefore(a: AddressGroup, b: AddressGroup): boolean {
  if (a.count !== b.count) return a.count > b.count;
  return a.first!.entry.number < b.first!.entry.number;
}
