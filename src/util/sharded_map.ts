/** A power of two. With a million keys, a shard has some 16,000. */
const SHARDS = 64;

/**
 * A map from strings that never copies itself whole. A `Map` of a million keys
 * does when it grows, which holds the event loop for some 50 ms.
 */
export class ShardedMap<Value> {
  readonly #shards: (Map<string, Value> | undefined)[] = new Array(SHARDS).fill(undefined);
  #size = 0;

  /** The number of keys. */
  get size(): number {
    return this.#size;
  }

  /** Returns the value of `key`, if it has one. */
  get(key: string): Value | undefined {
    return this.#shards[shardOf(key)]?.get(key);
  }

  /** Makes `value` that of `key`. */
  set(key: string, value: Value): void {
    const shard = this.#shards[shardOf(key)] ??= new Map();
    const before = shard.size;
    shard.set(key, value);
    this.#size += shard.size - before;
  }

  /** Removes `key` and its value, if it is there. */
  delete(key: string): void {
    if (this.#shards[shardOf(key)]?.delete(key)) this.#size--;
  }

  /**
   * Iterates over the values, while the map may change. What is there from the
   * beginning to the end comes once.
   */
  *values(): Generator<Value, void, undefined> {
    for (const shard of this.#shards) {
      if (shard) yield* shard.values();
    }
  }
}

/**
 * Returns the shard of a key, by its last two characters: those of an id are
 * random. Keys that end alike share a shard, which is no worse than one `Map`.
 */
function shardOf(key: string): number {
  const { length } = key;
  return (31 * key.charCodeAt(length - 1) + key.charCodeAt(length - 2)) & SHARDS - 1;
}
