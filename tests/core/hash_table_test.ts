import { assert, assertEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { hashOf, type Linked, LinkedTable } from "../../src/core/vault/hash_table.ts";

interface Item extends Linked<Item> {
  readonly key: string;
}

const itemOf = (key: string): Item => ({ key, hash: 0, next: undefined });

/** A table that counts how often it gives an item a place. */
class TestTable extends LinkedTable<Item> {
  placed = 0;

  protected override key = ({ key }: Item) => key;
  protected override place(item: Item, hash: number, next: Item | undefined): void {
    super.place(item, hash, next);
    this.placed++;
  }

  /** Adds an item for each of the keys, and returns them. */
  fill(keys: Iterable<string>): Item[] {
    return Array.from(keys, (key) => {
      const item = itemOf(key);
      this.add(item);
      return item;
    });
  }
}

function* numbers(from: number, to: number): Generator<string> {
  for (let i = from; i < to; i++) yield `${i}`;
}

const MANY = 20_000;

describe("HashTable", () => {
  it("find: returns each item while the table grows, and until it is removed while it shrinks", () => {
    const table = new TestTable();
    const items = table.fill(numbers(0, MANY));
    assertEquals(table.size, MANY);
    for (const item of items) assert(table.find(item.key) === item, item.key);
    assertEquals(table.find(`${MANY}`), undefined);
    for (const [i, item] of items.entries()) {
      table.remove(item);
      assertEquals([table.find(item.key), item.next, table.size], [
        undefined,
        undefined,
        MANY - 1 - i,
      ]);
      const last = items[MANY - 1 - i % 100];
      assert(table.find(last.key) === (items.indexOf(last) > i ? last : undefined), last.key);
    }
  });

  it("find: tells keys with the same hash apart", () => {
    const keys = new Map<number, string>();
    let pair: [string, string] | undefined;
    for (let i = 0; !pair; i++) {
      const before = keys.get(hashOf(`${i}`));
      if (before !== undefined) pair = [before, `${i}`];
      keys.set(hashOf(`${i}`), `${i}`);
    }
    const table = new TestTable();
    const [first, second] = table.fill(pair);
    assertEquals([table.find(pair[0]) === first, table.find(pair[1]) === second], [true, true]);
    table.remove(first);
    assertEquals([table.find(pair[0]), table.find(pair[1]) === second], [undefined, true]);
    table.remove(second);
    assertEquals([table.find(pair[1]), table.size], [undefined, 0]);
  });

  it("add, remove: move a few items at a time, however many there are", () => {
    const table = new TestTable();
    let most = 0;
    const count = (change: () => void) => {
      table.placed = 0;
      change();
      most = Math.max(most, table.placed);
    };
    const items = Array.from(numbers(0, 5 * MANY), itemOf);
    for (const item of items) count(() => table.add(item));
    for (const item of items) count(() => table.remove(item));
    assert(most > 1 && most < 40, `${most} places were given in one step`);
    assertEquals([table.size, table.buckets], [0, new TestTable().buckets]);
  });

  it("items: yields each one once, whether the table grows or shrinks meanwhile", () => {
    for (const [grown, shrunk] of [[0, 0], [3 * MANY, 0], [0, 3 * MANY], [2 * MANY, 2 * MANY]]) {
      const table = new TestTable();
      const staying = table.fill(numbers(0, MANY));
      const leaving = table.fill(numbers(MANY, MANY + shrunk));
      const added = numbers(10 * MANY, 10 * MANY + grown);
      const seen = new Map<Item, number>();
      for (const item of table.items()) {
        seen.set(item, (seen.get(item) ?? 0) + 1);
        for (let i = 0; i < 8; i++) {
          const key = added.next().value;
          if (key !== undefined) table.add(itemOf(key));
          const removed = leaving.pop();
          if (removed) table.remove(removed);
        }
      }
      for (const item of staying) assertEquals(seen.get(item), 1, item.key);
      for (const [item, times] of seen) assertEquals(times, 1, item.key);
      assertEquals(table.size, MANY + grown);
    }
  });

  it("items: yields each one once, wherever it is when many are removed", () => {
    for (let at = 0; at < 300; at++) {
      const table = new TestTable();
      const leaving = table.fill(numbers(0, 5_000));
      const staying = table.fill(numbers(5_000, 5_400));
      const seen: Item[] = [];
      for (const item of table.items()) {
        if (staying.includes(item)) seen.push(item);
        if (seen.length === at) { for (const removed of leaving.splice(0)) table.remove(removed); }
      }
      assertEquals([seen.length, new Set(seen).size], [staying.length, staying.length]);
    }
  });

  it("items: ends at once in an empty table", () => {
    assertEquals([...new TestTable().items()], []);
  });
});

describe("hashOf", () => {
  it("tells keys apart that differ in pairs of high bits, whatever the seed is", () => {
    const pieces = [["a\u0100a\u0100", "a\u8100b\u8101"], ["a\u0100a\u0100", "a\u8100a\u8101"]];
    const hashes = new Set<number>();
    const keys = new Set<string>();
    for (let i = 0; i < 256; i++) {
      for (const two of pieces) {
        const key = Array.from({ length: 8 }, (_, bit) => two[i >> bit & 1]).join("");
        keys.add(key);
        hashes.add(hashOf(key));
      }
    }
    assert(hashes.size > keys.size - 5, `${hashes.size} hashes of ${keys.size} keys`);
  });

  for (
    const [what, idOf] of [
      ["begin alike", (i: number) => `a session of the shop: ${i}`],
      ["end alike", (i: number) => `${i}: a session of the shop`],
      ["differ in the middle only", (i: number) => `prefix-${i}-suffix-of-the-shop`],
      ["are numbers", (i: number) => `${i}`],
      ["are hexadecimal", (i: number) => (i * 2_654_435_761).toString(16)],
    ] as const
  ) {
    it(`spreads ids that ${what}`, () => {
      const count = 60_000;
      for (const buckets of [256, 1_024, 4_096]) {
        const sizes = new Map<number, number>();
        for (let i = 0; i < count; i++) {
          const hash = hashOf(idOf(i));
          assert(hash >= 0 && Number.isInteger(hash));
          sizes.set(hash % buckets, (sizes.get(hash % buckets) ?? 0) + 1);
        }
        const largest = Math.max(...sizes.values());
        assert(
          largest < 4 * count / buckets,
          `${largest} of ${count} in one of ${buckets} buckets`,
        );
      }
    });
  }
});
