/** Up to here one map is fast enough: growing it takes a millisecond. */
const MOST_IN_ONE = 16_384;

const SHARDS = 256;

/** How many of the values that were found last are found at once. */
const LATEST = 1_024;

/**
 * A map from strings to values for any number of them. A `Map` copies itself
 * whole whenever it grows or shrinks, which holds the event loop for tens of
 * milliseconds at a million entries. This one becomes many small maps.
 */
export class ShardedMap<Value> {
  #shards: Map<string, Value>[] = [new Map()];
  #size = 0;
  /**
   * By their hashes, the values that were found last. A request asks for its
   * session three times, and each search in a large map waits for memory: with
   * this, a touch takes two thirds of the time.
   */
  readonly #latest: (Value | undefined)[] = new Array(LATEST).fill(undefined);
  readonly #latestKeys: string[] = new Array(LATEST).fill("");

  /** The number of values. */
  get size(): number {
    return this.#size;
  }

  /** Returns the value of `key`. */
  get(key: string): Value | undefined {
    const hash = hashOf(key);
    const place = hash % LATEST;
    if (this.#latestKeys[place] === key && this.#latest[place]) return this.#latest[place];
    const value = this.#shardOf(hash).get(key);
    if (value) {
      this.#latest[place] = value;
      this.#latestKeys[place] = key;
    }
    return value;
  }

  /** Adds a value under a key that has none. */
  add(key: string, value: Value): void {
    if (this.#size === MOST_IN_ONE && this.#shards.length === 1) this.#split();
    this.#shardOf(hashOf(key)).set(key, value);
    this.#size++;
  }

  /** Removes the value of a key that has one. */
  remove(key: string): void {
    const hash = hashOf(key);
    this.#shardOf(hash).delete(key);
    this.#size--;
    if (this.#latestKeys[hash % LATEST] === key) this.#latest[hash % LATEST] = undefined;
  }

  /**
   * The maps that hold the values now, each in the order in which they were
   * added. They can be iterated while this map changes. After a split, what was
   * removed later is still in the map that was split.
   */
  get shards(): readonly ReadonlyMap<string, Value>[] {
    return this.#shards;
  }

  #split(): void {
    const [all] = this.#shards;
    this.#shards = Array.from({ length: SHARDS }, () => new Map());
    for (const [key, value] of all) this.#shardOf(hashOf(key)).set(key, value);
  }

  #shardOf(hash: number): Map<string, Value> {
    return this.#shards.length === 1 ? this.#shards[0] : this.#shards[hash % SHARDS];
  }
}

/**
 * Returns a number from 0 to 2147483647 that depends on every character of
 * `key`: an app's own ids may all begin or end alike.
 */
export function hashOf(key: string): number {
  let hash = 0;
  for (let i = 0; i < key.length; i++) hash = Math.imul(hash, 31) + key.charCodeAt(i) | 0;
  // The low bits decide on the shard: mix the high ones in.
  return (hash ^ hash >>> 15) & 0x7fffffff;
}
