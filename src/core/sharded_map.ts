/** Up to here one map is fast enough: growing it takes a millisecond. */
const MOST_IN_ONE = 16_384;

const SHARDS = 256;

/**
 * A map from strings to values for any number of them. A `Map` copies itself
 * whole whenever it grows or shrinks, which holds the event loop for tens of
 * milliseconds at a million entries. This one becomes many small maps.
 */
export class ShardedMap<Value> {
  #shards: Map<string, Value>[] = [new Map()];
  #size = 0;

  /** The number of values. */
  get size(): number {
    return this.#size;
  }

  /** Returns the value of `key`. */
  get(key: string): Value | undefined {
    return this.#shardOf(key).get(key);
  }

  /** Sets the value of `key`, and returns the one that it had. */
  set(key: string, value: Value): Value | undefined {
    if (this.#size === MOST_IN_ONE && this.#shards.length === 1) this.#split();
    const shard = this.#shardOf(key);
    const before = shard.get(key);
    shard.set(key, value);
    if (before === undefined) this.#size++;
    return before;
  }

  /** Removes the value of a key that has one. */
  remove(key: string): void {
    this.#shardOf(key).delete(key);
    this.#size--;
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
    for (const [key, value] of all) this.#shardOf(key).set(key, value);
  }

  #shardOf(key: string): Map<string, Value> {
    return this.#shards.length === 1 ? this.#shards[0] : this.#shards[hashOf(key) % SHARDS];
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
