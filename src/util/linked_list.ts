/** An item of a list: it holds its neighbours itself. */
export interface Linked<Item> {
  prev: Item | undefined;
  next: Item | undefined;
}

/** A list that takes items out of its middle, wherever they are. An item is in one list at most. */
export class LinkedList<Item extends Linked<Item>> {
  first: Item | undefined = undefined;
  last: Item | undefined = undefined;
  length = 0;

  /** Adds an item at the end. */
  append(item: Item): void {
    this.#link(item);
    this.length++;
  }

  /** Adds an item at the beginning. */
  prepend(item: Item): void {
    item.next = this.first;
    if (this.first) this.first.prev = item;
    else this.last = item;
    this.first = item;
    this.length++;
  }

  /** Adds an item right behind `prev`, which is in this list. */
  insertAfter(prev: Item, item: Item): void {
    const { next } = prev;
    if (!next) return this.append(item);
    item.prev = prev;
    item.next = next;
    prev.next = next.prev = item;
    this.length++;
  }

  /** Removes an item that is in this list. */
  remove(item: Item): void {
    this.#unlink(item);
    this.length--;
  }

  /** Makes an item of this list its last. */
  moveToEnd(item: Item): void {
    if (item === this.last) return;
    this.#unlink(item);
    this.#link(item);
  }

  /** Makes an item that is in no list the last. */
  #link(item: Item): void {
    item.prev = this.last;
    if (this.last) this.last.next = item;
    else this.first = item;
    this.last = item;
  }

  #unlink(item: Item): void {
    const { prev, next } = item;
    if (prev) prev.next = next;
    else this.first = next;
    if (next) next.prev = prev;
    else this.last = prev;
    item.prev = item.next = undefined;
  }
}
