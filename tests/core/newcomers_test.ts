import { assertEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import fc from "fast-check";
import type { Entry } from "../../src/core/vault/entry.ts";
import { Newcomers } from "../../src/core/vault/newcomers.ts";
import { entryOf } from "../support/core.ts";

describe("Newcomers", () => {
  it("next: is the oldest of the address with the most, and of equals the oldest of all", () => {
    const newcomers = new Newcomers();
    const entries: Record<string, Entry> = {};
    for (const sid of ["a1", "b1", "b2", "c1", "c2", "c3", "a2"]) {
      newcomers.add(entries[sid] = entryOf(sid), sid[0]);
    }
    const order: string[] = [];
    for (let next = newcomers.next(); next; next = newcomers.next()) {
      order.push(next.sid);
      newcomers.remove(next);
    }
    assertEquals(order, ["c1", "a1", "b1", "c2", "b2", "c3", "a2"]);
  });

  it("next: passes over the spared entry", () => {
    const newcomers = new Newcomers();
    const [a1, b1] = [entryOf("a1"), entryOf("b1")];
    newcomers.add(a1, "a");
    assertEquals(newcomers.next(a1), undefined);
    newcomers.add(b1, "b");
    assertEquals(newcomers.next(a1)?.sid, "b1");
    assertEquals(newcomers.next(b1)?.sid, "a1");
    newcomers.add(entryOf("a2"), "a");
    assertEquals(newcomers.next(a1)?.sid, "a2");
  });

  it("remove: an entry that is no newcomer is none of its business", () => {
    const newcomers = new Newcomers();
    newcomers.remove(entryOf("a"));
    const entry = entryOf("a");
    newcomers.add(entry, "a");
    newcomers.remove(entry);
    newcomers.remove(entry);
    assertEquals(newcomers.next(), undefined);
  });

  it("agrees with a search through all of them, whatever is added and removed", () => {
    fc.assert(
      fc.property(
        fc.array(
          fc.tuple(fc.constantFrom("add", "prepend", "remove", "spare"), fc.nat(6), fc.nat(50)),
          {
            maxLength: 120,
          },
        ),
        (steps) => {
          const newcomers = new Newcomers();
          let all: { entry: Entry; address: string }[] = [];
          let lowest = 0;
          const expected = (spared?: Entry) => {
            const groups = Map.groupBy(all, ({ address }) => address);
            let best: Entry[] | undefined;
            for (const group of groups.values()) {
              const entries = group.map(({ entry }) => entry);
              if (
                !best || entries.length > best.length ||
                entries.length === best.length && entries[0].number < best[0].number
              ) best = entries;
            }
            if (!best || best[0] !== spared) return best?.[0];
            if (best.length > 1) return best[1];
            // All have one: the oldest but the spared one.
            return all.map(({ entry }) => entry).filter((entry) => entry !== spared)
              .sort((a, b) => a.number - b.number)[0];
          };
          for (const [step, address, pick] of steps) {
            const entry = entryOf(`${pick}`);
            if (step === "add") {
              newcomers.add(entry, `${address}`);
              all.push({ entry, address: `${address}` });
            } else if (step === "prepend") {
              entry.number = --lowest;
              newcomers.prepend(entry, `${address}`);
              all.unshift({ entry, address: `${address}` });
            } else if (step === "remove" && all.length > 0) {
              const { entry } = all[pick % all.length];
              newcomers.remove(entry);
              all = all.filter((one) => one.entry !== entry);
            } else if (step === "spare") {
              const top = expected();
              assertEquals(newcomers.next(top), expected(top));
            }
            assertEquals(newcomers.next(), expected());
          }
        },
      ),
      { numRuns: 300, seed: 14 },
    );
  });
});
