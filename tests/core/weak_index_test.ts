import { assert, assertEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import type { Life } from "../../src/core/entry.ts";
import { hashOf, ShardedMap } from "../../src/core/sharded_map.ts";
import { WeakIndex } from "../../src/core/weak_index.ts";

const lifeOf = (sid: string): Life => ({
  sid,
  era: {},
  created: 0,
  expires: undefined,
  isOver: false,
  next: undefined,
  ringSize: 0,
});

describe("WeakIndex", () => {
  it("takes each life that was added, once, in any order", () => {
    const index = new WeakIndex();
    const lives = Array.from({ length: 20_000 }, (_, i) => lifeOf(`${i}`));
    for (const life of lives) index.add(life);
    const step = 7_919;
    for (let i = 0; i < lives.length; i++) {
      const life = lives[i * step % lives.length];
      assertEquals(index.take(life.sid) === life, true);
      assertEquals(life.next, undefined);
      assertEquals(index.take(life.sid), undefined);
    }
  });

  it("takes lives whose ids share a bucket, heads of rings and others", () => {
    // Ids with the same hash: "Aa" and "BB" are equal in such a sum.
    const sids = Array.from(
      { length: 256 },
      (_, i) => i.toString(2).padStart(8, "0").replace(/0/g, "Aa").replace(/1/g, "BB"),
    );
    assertEquals(new Set(sids.map(hashOf)).size, 1);
    for (const order of [sids, sids.toReversed(), sids.toSorted((a, b) => a < b ? 1 : -1)]) {
      const index = new WeakIndex();
      const lives = new Map(sids.map((sid) => [sid, lifeOf(sid)]));
      for (const life of lives.values()) index.add(life);
      for (const sid of order) assert(index.take(sid) === lives.get(sid), sid);
      for (const life of lives.values()) index.add(life);
      for (const sid of order) assert(index.take(sid) === lives.get(sid), `${sid} again`);
    }
  });

  it("has nothing for an id that was never added", () => {
    assertEquals(new WeakIndex().take("a"), undefined);
  });
});

describe("hashOf", () => {
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

describe("ShardedMap", () => {
  it("finds and removes its values before and after it has become many maps", () => {
    const map = new ShardedMap<{ i: number }>();
    const keys = Array.from({ length: 20_000 }, (_, i) => `${i}`);
    for (const [i, key] of keys.entries()) {
      map.set(key, { i });
      assertEquals(map.get(key)?.i, i);
    }
    assertEquals([map.size, map.shards.length > 1], [20_000, true]);
    for (const [i, key] of keys.entries()) {
      assertEquals(map.get(key)?.i, i);
      map.remove(key);
      assertEquals(map.get(key), undefined);
    }
    assertEquals(map.size, 0);
    map.set("0", { i: 5 });
    assertEquals(map.get("0")?.i, 5);
  });

  it("can be iterated while it becomes many maps", () => {
    const map = new ShardedMap<number>();
    for (let i = 1; i <= 16_384; i++) map.set(`${i}`, i);
    const seen: number[] = [];
    for (const shard of map.shards) {
      for (const value of shard.values()) {
        seen.push(value);
        if (value === 1) { for (let i = 0; i < 100; i++) map.set(`new ${i}`, 100_000 + i); }
      }
    }
    assertEquals(seen.filter((value) => value < 100_000).length, 16_384);
  });
});
