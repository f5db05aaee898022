import { Heap } from "../../util/heap.ts";
import { LinkedList } from "../../util/linked_list.ts";
import { ShardedMap } from "../../util/sharded_map.ts";
import { UNKNOWN_ADDRESS } from "./address.ts";
import { type AddressGroup, type Entry, Seat } from "./entry.ts";

/**
 * The unprotected entries of a vault by client address, so that a crawler pushes
 * out its own sessions.
 *
 * Of the newcomers, the oldest one goes next of the address that has most of
 * them; among addresses with equally many, the oldest newcomer of all. Of the
 * returning sessions, those of an address whose entries take more than its share
 * go before all others. What has no address known has no share.
 */
export class Addresses {
  /** The bytes that an address may take before its own returning sessions go first. */
  readonly #share: number;
  readonly #groups = new ShardedMap<AddressGroup>();
  /** Those with newcomers. */
  readonly #heap = new Heap<AddressGroup>(goesBefore);
  /** Those that take more than their share: there is no room for many. */
  readonly #heavy = new Set<AddressGroup>();

  constructor(share: number) {
    this.#share = share;
  }

  /** Adds a newcomer that is newer than all others, or older than all others. */
  addNewcomer(entry: Entry, address: string, isOldest = false): void {
    const seat = this.#seat(entry, address);
    const { newcomers } = seat.group;
    if (isOldest) newcomers.prepend(seat);
    else newcomers.append(seat);
    if (newcomers.length === 1) this.#heap.add(seat.group);
    else this.#heap.restore(seat.group);
  }

  /** Adds a returning entry that was used after all others. */
  addReturning(entry: Entry, address: string): void {
    if (address === UNKNOWN_ADDRESS) return;
    const seat = this.#seat(entry, address);
    seat.group.returning.append(seat);
  }

  /** Notes that a returning entry was used. */
  use({ seat }: Entry): void {
    seat?.group.returning.moveToEnd(seat);
  }

  /** Notes that the size of an entry changes by `bytes`. */
  resize({ seat }: Entry, bytes: number): void {
    if (seat) this.#weigh(seat.group, bytes);
  }

  /** Removes an entry that leaves, or is protected now. */
  remove(entry: Entry): void {
    const { seat } = entry;
    if (!seat) return;
    entry.seat = undefined;
    const { group } = seat;
    this.#weigh(group, -entry.size);
    if (entry.rank === "newcomers") {
      group.newcomers.remove(seat);
      if (group.newcomers.length > 0) this.#heap.restore(group);
      else this.#heap.remove(group);
    } else {
      group.returning.remove(seat);
    }
    if (group.newcomers.length + group.returning.length === 0) this.#groups.delete(group.address);
  }

  /** Returns the newcomer that is evicted next, other than `spared`. */
  nextNewcomer(spared?: Entry): Entry | undefined {
    const first = this.#heap.first?.newcomers.first;
    if (!first || first.entry !== spared) return first?.entry;
    if (first.next) return first.next.entry;
    return this.#heap.second?.newcomers.first?.entry;
  }

  /**
   * Returns the returning entry that is evicted next, other than `spared`, if an
   * address takes more than its share: that of `spared`, or else the one that
   * takes most.
   */
  nextReturning(spared?: Entry): Entry | undefined {
    let best: { group: AddressGroup; entry: Entry } | undefined;
    for (const group of this.#heavy) {
      const { first } = group.returning;
      const entry = first?.entry === spared ? first?.next?.entry : first?.entry;
      if (!entry) continue;
      if (group === spared?.seat?.group) return entry;
      const isMore = !best || group.bytes > best.group.bytes ||
        group.bytes === best.group.bytes && entry.number < best.entry.number;
      if (isMore) best = { group, entry };
    }
    return best?.entry;
  }

  #seat(entry: Entry, address: string): Seat {
    let group = this.#groups.get(address);
    if (!group) {
      const [newcomers, returning] = [new LinkedList<Seat>(), new LinkedList<Seat>()];
      group = { address, newcomers, returning, bytes: 0, position: -1 };
      this.#groups.set(address, group);
    }
    this.#weigh(group, entry.size);
    return entry.seat = new Seat(entry, group);
  }

  #weigh(group: AddressGroup, bytes: number): void {
    group.bytes += bytes;
    if (group.bytes > this.#share) this.#heavy.add(group);
    else this.#heavy.delete(group);
  }
}

/** Whether the oldest newcomer of `a` is to be evicted before that of `b`. */
function goesBefore({ newcomers: a }: AddressGroup, { newcomers: b }: AddressGroup): boolean {
  if (a.length !== b.length) return a.length > b.length;
  return a.first!.entry.number < b.first!.entry.number;
}
