import { assertEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { ShardedMap } from "../src/util/sharded_map.ts";

describe("ShardedMap", () => {
  it("does what a Map does, whatever keys look like", () => {
    const map = new ShardedMap<number>();
    const plain = new Map<string, number>();
    const keys = ["", "a", "ä\u{1F600}", "__proto__", "size"];
    for (let i = 0; i < 2_000; i++) keys.push(`${i}`, `${i} ends alike`);
    for (const [i, key] of [...keys, ...keys].entries()) {
      map.set(key, i);
      plain.set(key, i);
    }
    for (const [i, key] of keys.entries()) {
      if (i % 3 === 0) continue;
      map.delete(key);
      map.delete(key);
      plain.delete(key);
    }
    map.delete("never there");
    assertEquals(map.size, plain.size);
    assertEquals(keys.map((key) => map.get(key)), keys.map((key) => plain.get(key)));
    assertEquals([...map.values()].sort(), [...plain.values()].sort());
    assertEquals(map.get("never there"), undefined);
  });

  it("values: yields each one once that stays, while others come and go", () => {
    const map = new ShardedMap<string>();
    const staying = Array.from({ length: 2_000 }, (_, i) => `staying ${i}`);
    const leaving = Array.from({ length: 2_000 }, (_, i) => `leaving ${i}`);
    for (const key of [...staying, ...leaving]) map.set(key, key);
    const seen: string[] = [];
    for (const value of map.values()) {
      seen.push(value);
      for (let i = 0; i < 4; i++) {
        const left = leaving.pop();
        if (left) map.delete(left);
        // Those that come are yielded too, if their shard is still to come.
        if (seen.length < 2_000) map.set(`new ${seen.length} ${i}`, "new");
      }
    }
    assertEquals(seen.filter((value) => value.startsWith("staying")).sort(), staying.sort());
  });
});
