/** The length of a hash, in bits: V8 keeps such a number in the object itself, on every platform. */
const HASH_BITS = 30;

/** How many buckets there are in a segment at most, as a power of two. */
const SEGMENT_BITS = 10;
const SEGMENT = 1 << SEGMENT_BITS;

/** How many buckets an empty table has: a power of two. */
const FEWEST = 16;

type Bucket<Item> = Item | undefined;

/**
 * Items by a key that each of them has, for any number of them: a table that
 * grows and shrinks by linear hashing, one bucket at a time. A `Map` copies
 * itself whole, which holds the event loop for tens of milliseconds at a million
 * entries, and does so again and again while some come and others go. The items
 * hold their own places here, which takes two thirds of the memory.
 */
export abstract class HashTable<Item> {
  /** The buckets, each the first of its items, in segments: a longer array would be copied, too. */
  readonly #segments: Bucket<Item>[][] = [new Array(FEWEST).fill(undefined)];
  #buckets = FEWEST;
  /** The bits of a hash that tell the buckets apart: one less for those that are not split yet. */
  #mask = FEWEST - 1;
  #size = 0;

  /** Returns the key of an item, which never changes. */
  protected abstract key(item: Item): string;
  /** Returns the hash that an item was placed with. */
  protected abstract hash(item: Item): number;
  /** Returns the next item of the bucket. */
  protected abstract next(item: Item): Item | undefined;
  /** Notes where an item is. */
  protected abstract place(item: Item, hash: number, next: Item | undefined): void;

  /** The number of items. */
  get size(): number {
    return this.#size;
  }

  /** The number of buckets, which follows that of the items. */
  get buckets(): number {
    return this.#buckets;
  }

  /** Returns the item with this key. `hash` is that of the key, for whoever knows it already. */
  find(key: string, hash = hashOf(key)): Item | undefined {
    const index = this.#indexOf(hash);
    let item = this.#segments[index >>> SEGMENT_BITS][index & SEGMENT - 1];
    while (item !== undefined && (this.hash(item) !== hash || this.key(item) !== key)) {
      item = this.next(item);
    }
    return item;
  }

  /** Adds an item whose key no other one has. */
  add(item: Item, hash = hashOf(this.key(item))): void {
    const index = this.#indexOf(hash);
    const segment = this.#segments[index >>> SEGMENT_BITS];
    this.place(item, hash, segment[index & SEGMENT - 1]);
    segment[index & SEGMENT - 1] = item;
    this.#size++;
    if (this.#size > this.#buckets) this.#split();
  }

  /** Removes an item that is in the table. */
  remove(item: Item): void {
    const index = this.#indexOf(this.hash(item));
    const segment = this.#segments[index >>> SEGMENT_BITS];
    const next = this.next(item);
    let before = segment[index & SEGMENT - 1]!;
    if (before === item) {
      segment[index & SEGMENT - 1] = next;
    } else {
      while (this.next(before) !== item) before = this.next(before)!;
      this.place(before, this.hash(before), next);
    }
    this.place(item, this.hash(item), undefined);
    this.#size--;
    // Not as soon as there is one bucket too many: what comes and goes would split and join them.
    while (this.#size < this.#buckets / 4 && this.#buckets > FEWEST) this.#join();
  }

  /**
   * Iterates over the items, in no order, while the table may change. Each one
   * that is there from the beginning to the end comes once.
   */
  *items(): Generator<Item, void, undefined> {
    // Of the bucket that is looked at: it may change, too.
    const items: Bucket<Item>[] = [];
    // The buckets are told apart by the low bits of a hash. In the order of the
    // reversed hashes, each bucket is one piece, however many there are.
    for (let from = 0; from < 1 << HASH_BITS;) {
      const index = this.#indexOf(reversed(from));
      const isSplit = index > this.#mask >> 1 || index + (this.#mask >> 1) + 1 < this.#buckets;
      const bits = 32 - Math.clz32(isSplit ? this.#mask : this.#mask >> 1);
      const width = 1 << HASH_BITS - bits;
      let count = 0;
      let item = this.#segments[index >>> SEGMENT_BITS][index & SEGMENT - 1];
      for (; item !== undefined; item = this.next(item)) {
        if (from % width === 0 || reversed(this.hash(item)) >= from) items[count++] = item;
      }
      for (let i = 0; i < count; i++) {
        yield items[i]!;
        items[i] = undefined;
      }
      from += width - from % width;
    }
  }

  #indexOf(hash: number): number {
    const index = hash & this.#mask;
    return index < this.#buckets ? index : index & this.#mask >> 1;
  }

  /** Adds a bucket, which takes its share of another one. */
  #split(): void {
    const added = this.#buckets++;
    if (added > this.#mask) this.#mask = 2 * this.#mask + 1;
    const from = added & this.#mask >> 1;
    const segment = this.#segments[from >>> SEGMENT_BITS];
    let stay: Bucket<Item>;
    let go: Bucket<Item>;
    let next: Item | undefined;
    for (let item = segment[from & SEGMENT - 1]; item !== undefined; item = next) {
      next = this.next(item);
      const hash = this.hash(item);
      const goes = (hash & this.#mask) === added;
      this.place(item, hash, goes ? go : stay);
      if (goes) go = item;
      else stay = item;
    }
    segment[from & SEGMENT - 1] = stay;
    if (added % SEGMENT === 0) this.#segments.push([]);
    this.#segments.at(-1)!.push(go);
  }

  /** Takes the last bucket back into the one that it was split from. */
  #join(): void {
    const removed = --this.#buckets;
    const last = this.#segments.at(-1)!;
    const to = removed & this.#mask >> 1;
    const segment = this.#segments[to >>> SEGMENT_BITS];
    let next: Item | undefined;
    for (let item = last.pop(); item !== undefined; item = next) {
      next = this.next(item);
      this.place(item, this.hash(item), segment[to & SEGMENT - 1]);
      segment[to & SEGMENT - 1] = item;
    }
    if (last.length === 0) this.#segments.pop();
    if (this.#buckets === (this.#mask >> 1) + 1) this.#mask >>= 1;
  }
}

/** An item that is in one table alone. */
export interface Linked<Item> {
  hash: number;
  next: Item | undefined;
}

/** A table of items that have these fields for their place in it. */
export abstract class LinkedTable<Item extends Linked<Item>> extends HashTable<Item> {
  protected override hash({ hash }: Item): number {
    return hash;
  }

  protected override next({ next }: Item): Item | undefined {
    return next;
  }

  protected override place(item: Item, hash: number, next: Item | undefined): void {
    item.hash = hash;
    item.next = next;
  }
}

/** Differs from process to process, so that nobody can prepare keys that meet in one bucket. */
const SEED = Math.random() * 2 ** 32 | 0;

/**
 * Returns a number of {@linkcode HASH_BITS} bits that depends on every character
 * of `key`: an app's own ids may all begin or end alike.
 */
export function hashOf(key: string): number {
  let hash = SEED;
  for (let i = 0; i < key.length; i++) {
    hash = Math.imul(hash ^ key.charCodeAt(i), 0x5bd1e995);
    hash ^= hash >>> 15;
  }
  return hash >>> 32 - HASH_BITS;
}

/** Returns the bits of a hash in the reverse order. */
function reversed(hash: number): number {
  let bits = 0;
  for (let i = 0; i < HASH_BITS; i++) bits |= (hash >>> i & 1) << HASH_BITS - 1 - i;
  return bits;
}
