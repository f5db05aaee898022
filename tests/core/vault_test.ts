import { assert, assertEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import fc from "fast-check";
import type { Draft, Observer } from "../../src/core/vault/vault.ts";
import { RANKS } from "../../src/core/vault/entry.ts";
import { draftOf, finish, restore, TestVault, textOf } from "../support/core.ts";

describe("Vault: the ledger", () => {
  it("counts the bytes and the entries of each rank", () => {
    const vault = new TestVault(1_000);
    vault.fill("newcomers", "n1", "n2");
    vault.fill("returning", "r1");
    const [entry] = vault.fill("protected", "p1");
    assertEquals([vault.bytes, vault.size], [400, 4]);
    assertEquals(vault.counts, { newcomers: 2, returning: 1, protected: 1 });
    const record = { ...draftOf("p1", 150).record };
    const put = (size: number, as: "save" | "touch" | "update", more: Partial<Draft>) =>
      vault.put(draftOf("p1", 100, { as, record: { ...record, text: textOf(size) }, ...more }));
    put(150, "save", { lastUsed: 1 });
    assertEquals([vault.bytes, vault.queue("returning").bytes], [450, 250]);
    put(120, "touch", { lastUsed: 2 });
    assertEquals([vault.bytes, entry.lastUsed], [420, 2]);
    put(130, "update", { isProtected: true, lastUsed: 3 });
    assertEquals([vault.bytes, entry.lastUsed, entry.rank], [430, 2, "protected"]);
    for (const rank of RANKS) {
      for (const sid of vault.sids(rank)) vault.remove(vault.find(sid, 0)!, "destroy");
    }
    assertEquals([vault.bytes, vault.size, vault.users], [0, 0, 0]);
  });

  it("is empty after clear, and what is held of before does not count", () => {
    const vault = new TestVault(1_000);
    vault.fill("newcomers", "a");
    const walk = vault.walk();
    const [b] = vault.fill("protected", "b");
    vault.clear();
    assertEquals([vault.bytes, vault.size, vault.users], [0, 0, 0]);
    vault.fill("newcomers", "a");
    assertEquals(walk.next().done, true);
    assertEquals(b.isKept, true, "nobody has looked at it");
    assertEquals(vault.gone, [], "a clear is no way out for each");
  });
});

describe("Vault: the order of eviction", () => {
  it("is newcomers, returning, protected; each by age or by use", () => {
    const vault = new TestVault(1_000);
    const [p1] = vault.fill("protected", "p1", "p2");
    const [r1] = vault.fill("returning", "r1", "r2");
    vault.fill("newcomers", "n1", "n2");
    vault.use(p1, 1);
    vault.use(r1, 1);
    const order: string[] = [];
    for (let next = vault.next(); next; next = vault.next()) {
      order.push(next.sid);
      vault.remove(next, "evict");
    }
    // With less than an eighth left, the others go before the last newcomer.
    assertEquals(order, ["n1", "r2", "r1", "p2", "p1", "n2"]);
  });

  it("skips an entry that is spared, in every rank", () => {
    for (const rank of RANKS) {
      const vault = new TestVault(100);
      const [first] = vault.fill(rank, "1", "2");
      assertEquals(vault.next()!.sid, "1");
      assertEquals(vault.next(first)!.sid, "2");
    }
  });

  it("has nobody left when only the spared entry is there", () => {
    const vault = new TestVault(50);
    const [only] = vault.fill("newcomers", "1");
    assertEquals(vault.next(only), undefined);
    assertEquals(vault.limit(only), 0);
    assertEquals(vault.size, 1);
  });

  it("limit: evicts no more than it must, and returns how many", () => {
    const vault = new TestVault(1_000);
    vault.fill("returning", ..."abcdefghij");
    const [saved] = vault.fill("newcomers", "new");
    assertEquals(vault.limit(saved), 1);
    assertEquals([vault.bytes, vault.gone], [1_000, [["a", "evict"]]]);
    assertEquals(vault.limit(saved), 0);
  });

  it("limit: does not count what had expired", () => {
    const vault = new TestVault(200);
    const { record } = draftOf("old", 100);
    vault.put(draftOf("old", 100, { record: { ...record, expires: 5 } }));
    vault.fill("newcomers", "a", "b");
    vault.time = 5;
    assertEquals(vault.limit(vault.find("b", 5)!), 0);
    assertEquals(vault.gone, [["old", "expire"]]);
  });

  it("reduce: takes anyone down to 75 %", () => {
    const vault = new TestVault(1_000);
    vault.fill("protected", ..."abcdefghij");
    assertEquals(finish(vault.reduce("anyone")).result, 3);
    assertEquals(vault.bytes, 700);
  });

  it("reduce: takes newcomers only beyond their eighth", () => {
    const vault = new TestVault(1_000);
    vault.fill("protected", ..."abcdefgh");
    vault.fill("newcomers", "1", "2");
    assertEquals(finish(vault.reduce("newcomers")).result, 1);
    assertEquals([vault.bytes, vault.sids("newcomers")], [900, ["2"]]);
  });
});

describe("Vault: restore", () => {
  it("puts an entry before all others of its rank", () => {
    const vault = new TestVault(1_000);
    for (const rank of RANKS) {
      vault.fill(rank, `${rank} 1`);
      assert(restore(vault, draftOf(`${rank} 0`, 100), rank));
      assert(restore(vault, draftOf(`${rank} -1`, 100), rank));
      assertEquals(vault.sids(rank), [`${rank} -1`, `${rank} 0`, `${rank} 1`]);
    }
  });

  it("evicts what goes before it, and refuses what would go next itself", () => {
    const vault = new TestVault(1_000);
    vault.fill("returning", ..."abcdefgh");
    vault.fill("newcomers", "1", "2");
    assertEquals(restore(vault, draftOf("r", 100), "returning"), true);
    assertEquals(vault.gone, [["1", "evict"]]);
    assertEquals(restore(vault, draftOf("r 2", 100), "returning"), false);
    assertEquals(vault.find("r 2", 0), undefined);
    assertEquals([vault.bytes, vault.size], [1_000, 10]);
    assertEquals(restore(vault, draftOf("p", 100), "protected"), true);
  });
});

describe("Vault: walk and purge", () => {
  it("walk: yields each live entry that was there once, whatever happens meanwhile", () => {
    const vault = new TestVault(Infinity);
    const [, b, c] = vault.fill("newcomers", ..."abcde");
    const walk = vault.walk();
    const seen = [walk.next().value?.sid];
    vault.remove(b, "destroy");
    vault.use(c, 1);
    vault.fill("newcomers", "new");
    restore(vault, draftOf("restored", 100), "newcomers");
    for (const entry of walk) seen.push(entry?.sid);
    assertEquals(seen.filter((sid) => sid !== "restored"), ["a", "c", "d", "e"]);
  });

  it("walk: yields undefined for what has expired, and forgets it", () => {
    const vault = new TestVault(Infinity);
    const record = { ...draftOf("x", 100).record, expires: 5 };
    for (const sid of "abc") vault.put(draftOf(sid, 100, sid === "b" ? { record } : {}));
    vault.time = 5;
    assertEquals([...vault.walk()].map((entry) => entry?.sid), ["a", undefined, "c"]);
    assertEquals(vault.gone, [["b", "expire"]]);
  });
});

describe("Vault: when it walks", () => {
  it("purge: does not walk while nothing can have expired", () => {
    const vault = new TestVault(Infinity);
    const { record } = draftOf("x", 100);
    const put = (sid: string, expires: number) =>
      vault.put(draftOf(sid, 100, { record: { ...record, expires } }));
    for (let i = 0; i < 1_000; i++) put(`${i}`, 1_000);
    put("first", 500);
    vault.time = 499;
    assertEquals(finish(vault.purge()), { result: 0, steps: 0 });
    put("first", 2_000);
    vault.time = 500;
    assert(finish(vault.purge()).steps > 0, "it does not know yet that this one stays");
    assertEquals(finish(vault.purge()), { result: 0, steps: 0 });
    vault.time = 999;
    assertEquals(finish(vault.purge()), { result: 0, steps: 0 });
    vault.time = 1_000;
    assertEquals(finish(vault.purge()).result, 1_000);
  });

  it("purge: forgets all that have expired, whatever was done before and meanwhile", () => {
    const time = fc.integer({ min: 1, max: 40 });
    const sid = fc.integer({ min: 0, max: 200 }).map(String);
    const user = fc.constantFrom("ada", "eve");
    const step = fc.oneof(
      fc.record({ do: fc.constantFrom("save", "touch", "update", "restore"), sid, time, user }),
      fc.record({ do: fc.constantFrom("fill", "wait"), sid, time, user }),
      fc.record({ do: fc.constantFrom("begin", "go on", "clear", "revoke"), sid, time, user }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
        const vault = new TestVault(Infinity);
        const purges: Generator<void, number>[] = [];
        for (const { do: what, sid, time, user } of steps) {
          const draft = (sid: string) => {
            const { record } = draftOf(sid, 100);
            return draftOf(sid, 100, { user, record: { ...record, expires: vault.time + time } });
          };
          if (what !== "restore" && what !== "go on") vault.find(sid, vault.time);
          if (what === "save" || what === "touch" || what === "update") {
            vault.put({ ...draft(sid), as: what });
          } else if (what === "restore") {
            vault.find(sid, vault.time) ?? restore(vault, draft(sid), "returning");
          } else if (what === "wait") vault.time += time;
          else if (what === "begin") purges.push(vault.purge());
          else if (what === "go on") purges.forEach((purge) => purge.next());
          else if (what === "clear") vault.clear();
          else if (what === "revoke") vault.revoke(user, undefined);
          else {for (let i = 0; i < 200; i++) {
              vault.find(`${i}`, vault.time) ?? vault.put(draft(`${i}`));
            }}
        }
        // The others are never gone on with.
        for (const purge of purges.slice(0, 1)) finish(purge);
        vault.time += 20;
        finish(vault.purge());
        const gone = vault.gone.length;
        assertEquals([...vault.walk()].length, vault.size);
        assertEquals(vault.gone.length, gone, "the walk has met one that the purge had left");
      }),
      { numRuns: 2_000, seed: 18 },
    );
  });
});

describe("Vault: revoke", () => {
  /** A vault with so many entries of Ada. */
  function withAda(count: number) {
    const vault = new TestVault(Infinity);
    for (let i = 0; i < count; i++) vault.put(draftOf(`${i}`, 100, { user: "ada" }));
    vault.put(draftOf("eve", 100, { user: "eve" }));
    return vault;
  }

  it("hides all entries of the user at once, and removes them in steps", () => {
    const vault = withAda(200);
    const work = vault.revoke("ada", vault.find("5", 0));
    assertEquals([vault.users, vault.countOf("ada")], [2, 1]);
    assertEquals(vault.find("7", 0), undefined);
    assertEquals([...vault.walk()].filter(Boolean).map((entry) => entry!.sid), ["5", "eve"]);
    assertEquals(finish(work).result, 199);
    assertEquals([vault.size, vault.bytes], [2, 200]);
    assert(vault.gone.every(([, reason]) => reason === "destroy"));
  });

  it("counts what was met before a step came to it", () => {
    const vault = withAda(130);
    const work = vault.revoke("ada", undefined);
    work.next();
    for (let i = 0; i < 130; i++) vault.find(`${i}`, 0);
    assertEquals(finish(work).result, 130);
  });

  it("leaves what is added under the same ids after a clear alone", () => {
    const vault = withAda(130);
    const work = vault.revoke("ada", undefined);
    work.next();
    vault.clear();
    for (let i = 0; i < 130; i++) vault.put(draftOf(`${i}`, 100, { user: "ada" }));
    finish(work);
    assertEquals([vault.size, vault.bytes, vault.countOf("ada")], [130, 13_000, 130]);
  });

  it("of nobody returns 0", () => {
    assertEquals(finish(new TestVault(100).revoke("nobody", undefined)).result, 0);
  });
});

describe("Vault: observers", () => {
  it("are told of every change, and of nothing once they have stopped", () => {
    const vault = new TestVault(1_000);
    const told: string[] = [];
    const note = (what: string) => (one?: unknown, two?: unknown) => {
      const name = typeof one === "object" ? (one as { sid: string }).sid : one;
      told.push([what, name, two].filter((part) => part !== undefined).join(" "));
    };
    const observer: Observer = {
      upsert: note("upsert"),
      delete: note("delete"),
      truncate: note("truncate"),
      end: note("end"),
      revoke: note("revoke"),
    };
    const stop = vault.observe(observer);
    const other = vault.observe({ truncate: note("other truncate") });
    const [a] = vault.fill("newcomers", "a");
    vault.use(a, 1);
    vault.use(a, 2);
    vault.put(draftOf("a", 110, { user: "ada" }));
    vault.put({ ...draftOf("a", 110, { user: "ada" }), as: "touch" });
    vault.put({ ...draftOf("a", 110, { user: "ada", isProtected: true }), as: "update" });
    vault.notifyRevoke("ada", "a");
    vault.notifyEnd("b");
    vault.remove(a, "evict");
    vault.clear();
    assertEquals(told, [
      // The data is new, or the same as before.
      "upsert a false",
      "upsert a true",
      "upsert a false",
      "upsert a true",
      "upsert a false",
      "revoke ada a",
      "end b",
      "delete a evict",
      "truncate",
      "other truncate",
    ]);
    stop();
    stop();
    other();
    told.length = 0;
    vault.fill("newcomers", "b");
    vault.clear();
    assertEquals(told, []);
  });

  it("may hold a place in a queue: they are told before an entry leaves it", () => {
    const vault = new TestVault(1_000);
    const [a, b] = vault.fill("returning", "a", "b", "c");
    let place: typeof a | undefined = a;
    vault.observe({
      move(entry) {
        if (entry === place) place = entry.next;
      },
    });
    vault.use(a, 1);
    assertEquals(place, b);
    vault.remove(b, "destroy");
    assertEquals(place?.sid, "c");
  });

  it("are told of the use of an entry that is the last already", () => {
    const vault = new TestVault(1_000);
    const [a] = vault.fill("returning", "a");
    const told: number[] = [];
    vault.observe({ move: (entry) => told.push(entry.lastUsed) });
    vault.use(a, 5);
    vault.use(a, 6);
    assertEquals(told, [5, 6]);
  });
});
