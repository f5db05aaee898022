import { assertEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { Life } from "../../src/core/vault/entry.ts";
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

  it("has nothing for an id that was never added", () => {
    assertEquals(new WeakIndex().take("a"), undefined);
  });
});
