import { assert, assertEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { Life } from "../../src/core/vault/entry.ts";
import { hashOf } from "../../src/core/vault/hash_table.ts";
import { WeakIndex } from "../../src/core/overlaps/weak_index.ts";

const lifeOf = (sid: string) => new Life(sid, {});

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
    // Whatever the number of buckets is, if it is a power of two and not larger.
    const sids: string[] = [];
    for (let i = 0; sids.length < 100; i++) if (hashOf(`${i}`) % 4_096 === 0) sids.push(`${i}`);
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
