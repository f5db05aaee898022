import { hashOf, type Linked, LinkedTable } from "./hash_table.ts";

interface Pair<Value> extends Linked<Pair<Value>> {
  readonly key: string;
  value: Value;
}

class Pairs<Value> extends LinkedTable<Pair<Value>> {
  protected override key({ key }: Pair<Value>): string {
    return key;
  }
}

/** A map from strings to values, for any number of them: see hash_table.ts. */
export class HashMap<Value> {
  readonly #pairs = new Pairs<Value>();

  /** The number of values. */
  get size(): number {
    return this.#pairs.size;
  }

  /** Returns the value of `key`. */
  get(key: string): Value | undefined {
    return this.#pairs.find(key)?.value;
  }

  /** Sets the value of `key`. */
  set(key: string, value: Value): void {
    const hash = hashOf(key);
    const pair = this.#pairs.find(key, hash);
    if (pair) pair.value = value;
    else this.#pairs.add({ key, value, hash, next: undefined }, hash);
  }

  /** Removes the value of `key`, if it has one. */
  delete(key: string): void {
    const pair = this.#pairs.find(key);
    if (pair) this.#pairs.remove(pair);
  }
}
