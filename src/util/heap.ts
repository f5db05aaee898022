/** An item of a heap: it knows its position there. */
export interface Heaped {
  position: number;
}

/**
 * A binary heap: each item goes before the two at twice its position plus one
 * and plus two, and so the first before all others.
 */
export class Heap<Item extends Heaped> {
  readonly #items: Item[] = [];
  readonly #goesBefore: (item: Item, other: Item) => boolean;

  constructor(goesBefore: (item: Item, other: Item) => boolean) {
    this.#goesBefore = goesBefore;
  }

  /** The item that goes before all others. */
  get first(): Item | undefined {
    return this.#items[0];
  }

  /** The item that goes before all others but the first. */
  get second(): Item | undefined {
    const [, left, right] = this.#items;
    return right && this.#goesBefore(right, left) ? right : left;
  }

  add(item: Item): void {
    this.#put(item, this.#items.length);
    this.restore(item);
  }

  remove(item: Item): void {
    const last = this.#items.pop()!;
    if (last === item) return;
    this.#put(last, item.position);
    this.restore(last);
  }

  /** Restores the order after `item` has changed. */
  restore(item: Item): void {
    const items = this.#items;
    while (item.position > 0) {
      const parent = items[(item.position - 1) >> 1];
      if (!this.#goesBefore(item, parent)) break;
      this.#swap(item, parent);
    }
    for (;;) {
      const left = items[2 * item.position + 1];
      const right = items[2 * item.position + 2];
      const child = right && this.#goesBefore(right, left) ? right : left;
      if (!child || !this.#goesBefore(child, item)) break;
      this.#swap(item, child);
    }
  }

  #swap(item: Item, other: Item): void {
    const { position } = item;
    this.#put(item, other.position);
    this.#put(other, position);
  }

  #put(item: Item, position: number): void {
    this.#items[position] = item;
    item.position = position;
  }
}
