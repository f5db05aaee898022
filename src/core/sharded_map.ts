/** Up to here one map is fast enough: making it larger, or smaller, takes a millisecond. */
const MOST_IN_ONE = 16_384;

const SHARDS = 256;

/** How many of those that were found last are found at once. */
const LATEST = 1_024;

/**
 * A map from ids to values for any number of them. A `Map` copies itself whole
 * whenever it grows or shrinks, which takes tens of milliseconds for a million
 * entries; this one is many small ones once it is large.
 */
export class ShardedMap<Value extends { readonly sid: string }> {
  #shards: Map<string, Value>[] = [new Map()];
  #size = 0;
  /**
   * By the hash of their ids, the values that were found last. A request asks
   * for its session two or three times; to find it in a large map is to wait
   * for memory.
   */
  readonly #latest: (Value | undefined)[] = new Array(LATEST).fill(undefined);
  /** Their hashes: to look at another value than the one asked for would be to wait, too. */
  readonly #hashes = new Int32Array(LATEST);

  /** The number of values. */
  get size(): number {
    return this.#size;
  }

  /** The value of `id`. */
  get(id: string): Value | undefined {
    const hash = hashOf(id);
    const place = hash % LATEST;
    const latest = this.#hashes[place] === hash ? this.#latest[place] : undefined;
    if (latest?.sid === id) return latest;
    const value = this.#shardOf(hash).get(id);
    if (value) {
      this.#latest[place] = value;
      this.#hashes[place] = hash;
    }
    return value;
  }

  /** Adds a value whose id has none. */
  add(value: Value): void {
    if (this.#size === MOST_IN_ONE && this.#shards.length === 1) this.#split();
    this.#shardOf(hashOf(value.sid)).set(value.sid, value);
    this.#size++;
  }

  /** Removes a value that is here. */
  remove(value: Value): void {
    const hash = hashOf(value.sid);
    this.#shardOf(hash).delete(value.sid);
    this.#size--;
    if (this.#latest[hash % LATEST] === value) this.#latest[hash % LATEST] = undefined;
  }

  /**
   * The maps that hold the values now, each in the order in which they came.
   * They may be gone through while this one changes; once it was split, what
   * was removed later is still in the one it was before.
   */
  get shards(): readonly ReadonlyMap<string, Value>[] {
    return this.#shards;
  }

  #split(): void {
    const [all] = this.#shards;
    this.#shards = Array.from({ length: SHARDS }, () => new Map());
    for (const [id, value] of all) this.#shardOf(hashOf(id)).set(id, value);
  }

  #shardOf(hash: number): Map<string, Value> {
    return this.#shards.length === 1 ? this.#shards[0] : this.#shards[hash % SHARDS];
  }
}

/** A number from 0 to 2147483647 that is the same for the same id. */
export function hashOf(id: string): number {
  // Ids are random, or end in a number: their last characters are spread enough.
  let hash = 0;
  for (let i = Math.max(0, id.length - 8); i < id.length; i++) {
    hash = (hash * 31 + id.charCodeAt(i)) | 0;
  }
  return hash & 0x7fffffff;
}
