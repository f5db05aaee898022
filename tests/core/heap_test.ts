import { assertEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import fc from "fast-check";
import { Heap } from "../../src/util/heap.ts";

/** What is done to one of a few items: it comes, changes or goes. */
type Step = [n: number, key: number | undefined];

describe("Heap", () => {
  it("has the two that go before all others, whatever comes, changes and goes", () => {
    const step: fc.Arbitrary<Step> = fc.tuple(
      fc.nat(12),
      fc.option(fc.nat(30), { nil: undefined }),
    );
    fc.assert(fc.property(fc.array(step, { maxLength: 80 }), (steps) => {
      const items = Array.from({ length: 13 }, (_, n) => ({ n, key: 0, position: -1 }));
      const goesBefore = (a: typeof items[0], b: typeof items[0]) =>
        a.key < b.key || a.key === b.key && a.n < b.n;
      const heap = new Heap(goesBefore);
      const there = new Set<typeof items[0]>();
      for (const [n, key] of steps) {
        const item = items[n];
        const isThere = there.has(item);
        if (key === undefined) {
          if (isThere) heap.remove(item);
          there.delete(item);
        } else {
          item.key = key;
          if (isThere) heap.restore(item);
          else heap.add(item);
          there.add(item);
        }
        const [first, second] = [...there].sort((a, b) => goesBefore(a, b) ? -1 : 1);
        assertEquals([heap.first, heap.second], [first, second]);
      }
    }));
  });
});
