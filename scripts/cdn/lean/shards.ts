/** In place of `src/shards.ts`: a page keeps no million sessions. */
export class ShardedMap<Value extends { readonly sid: string }> extends Map<string, Value> {
  get shards(): readonly ReadonlyMap<string, Value>[] {
    return [this];
  }

  add(value: Value): void {
    this.set(value.sid, value);
  }

  remove({ sid }: Value): void {
    this.delete(sid);
  }
}
