/** In place of `src/shards.ts`: a page keeps no million sessions. */
export class ShardedMap<Value> extends Map<string, Value> {
  get shards(): readonly ReadonlyMap<string, Value>[] {
    return [this];
  }
}
