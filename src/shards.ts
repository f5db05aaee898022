/** Up to here one map is fast enough: making it larger, or smaller, takes a millisecond. */
const MOST_IN_ONE = 16_384;

const SHARDS = 256;

/**
 * A map from ids to values for any number of them. A `Map` copies itself whole
 * whenever it grows or shrinks, which takes tens of milliseconds for a million
 * entries; this one is many small ones once it is large.
 */
export class ShardedMap<Value> {
  #shards: Map<string, Value>[] = [new Map()];
  #size = 0;

  /** The number of values. */
  get size(): number {
    return this.#size;
  }

  /** The value of `id`. */
  get(id: string): Value | undefined {
    return this.#shardOf(id).get(id);
  }

  /** Adds the value of an `id` that has none. */
  set(id: string, value: Value): void {
    if (this.#size === MOST_IN_ONE && this.#shards.length === 1) this.#split();
    this.#shardOf(id).set(id, value);
    this.#size++;
  }

  /** Removes the value of an `id` that has one. */
  delete(id: string): void {
    this.#shardOf(id).delete(id);
    this.#size--;
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
    for (const [id, value] of all) this.#shardOf(id).set(id, value);
  }

  #shardOf(id: string): Map<string, Value> {
    if (this.#shards.length === 1) return this.#shards[0];
    return this.#shards[hashOf(id) % SHARDS];
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
