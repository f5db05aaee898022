import { assertEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import fc from "fast-check";
import type { Entry } from "../../src/core/vault/entry.ts";
import { Addresses } from "../../src/core/vault/addresses.ts";
import { entryOf } from "../support/core.ts";

describe("Addresses: newcomers", () => {
  it("nextNewcomer: is the oldest of the address with the most, and of equals the oldest of all", () => {
    const addresses = new Addresses(Infinity);
    const entries: Record<string, Entry> = {};
    for (const sid of ["a1", "b1", "b2", "c1", "c2", "c3", "a2"]) {
      addresses.addNewcomer(entries[sid] = entryOf(sid), sid[0]);
    }
    const order: string[] = [];
    for (let next = addresses.nextNewcomer(); next; next = addresses.nextNewcomer()) {
      order.push(next.sid);
      addresses.remove(next);
    }
    assertEquals(order, ["c1", "a1", "b1", "c2", "b2", "c3", "a2"]);
  });

  it("nextNewcomer: passes over the spared entry", () => {
    const addresses = new Addresses(Infinity);
    const [a1, b1] = [entryOf("a1"), entryOf("b1")];
    addresses.addNewcomer(a1, "a");
    assertEquals(addresses.nextNewcomer(a1), undefined);
    addresses.addNewcomer(b1, "b");
    assertEquals(addresses.nextNewcomer(a1)?.sid, "b1");
    assertEquals(addresses.nextNewcomer(b1)?.sid, "a1");
    addresses.addNewcomer(entryOf("a2"), "a");
    assertEquals(addresses.nextNewcomer(a1)?.sid, "a2");
  });

  it("remove: an entry that is no newcomer is none of its business", () => {
    const addresses = new Addresses(Infinity);
    addresses.remove(entryOf("a"));
    const entry = entryOf("a");
    addresses.addNewcomer(entry, "a");
    addresses.remove(entry);
    addresses.remove(entry);
    assertEquals(addresses.nextNewcomer(), undefined);
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
          const addresses = new Addresses(Infinity);
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
              addresses.addNewcomer(entry, `${address}`);
              all.push({ entry, address: `${address}` });
            } else if (step === "prepend") {
              entry.number = --lowest;
              addresses.addNewcomer(entry, `${address}`, true);
              all.unshift({ entry, address: `${address}` });
            } else if (step === "remove" && all.length > 0) {
              const { entry } = all[pick % all.length];
              addresses.remove(entry);
              all = all.filter((one) => one.entry !== entry);
            } else if (step === "spare") {
              const top = expected();
              assertEquals(addresses.nextNewcomer(top), expected(top));
            }
            assertEquals(addresses.nextNewcomer(), expected());
          }
        },
      ),
      { numRuns: 300, seed: 14 },
    );
  });
});

describe("Addresses: returning entries", () => {
  /** Addresses with a share of 10 bytes, whose entries take 4 bytes each. */
  function addressesWith(...sids: string[]) {
    const addresses = new Addresses(10);
    const entries: Record<string, Entry> = {};
    for (const sid of sids) {
      entries[sid] = entryOf(sid, { rank: "returning" });
      addresses.addReturning(entries[sid], sid[0]);
    }
    return { addresses, entries };
  }

  it("nextReturning: is nobody's as long as no address takes more than its share", () => {
    const { addresses, entries: { a1 } } = addressesWith("a1", "a2", "b1", "b2");
    assertEquals(addresses.nextReturning(), undefined);
    addresses.resize(a1, 2);
    assertEquals(addresses.nextReturning(), undefined, "ten bytes are no more than its share");
    addresses.resize(a1, 1);
    assertEquals(addresses.nextReturning()?.sid, "a1");
    addresses.resize(a1, -1);
    assertEquals(addresses.nextReturning(), undefined);
  });

  it("nextReturning: is the least recently used one of the address that takes most", () => {
    const { addresses, entries } = addressesWith("a1", "a2", "a3", "b1", "b2", "b3", "b4");
    assertEquals(addresses.nextReturning()?.sid, "b1");
    addresses.use(entries.b1);
    assertEquals(addresses.nextReturning()?.sid, "b2");
    addresses.remove(entries.b2);
    assertEquals(addresses.nextReturning()?.sid, "a1", "of equals, the older one");
    addresses.remove(entries.a1);
    addresses.remove(entries.b3);
    assertEquals(addresses.nextReturning(), undefined);
  });

  it("nextReturning: is of the address of the spared one, if that takes too much, but not that one", () => {
    const { addresses, entries } = addressesWith("a1", "a2", "a3", "b1", "b2", "b3", "b4", "c1");
    assertEquals(addresses.nextReturning(entries.a3)?.sid, "a1");
    assertEquals(addresses.nextReturning(entries.a1)?.sid, "a2");
    assertEquals(addresses.nextReturning(entries.c1)?.sid, "b1");
    const alone = addressesWith("d1");
    alone.addresses.resize(alone.entries.d1, 20);
    assertEquals(alone.addresses.nextReturning(alone.entries.d1), undefined);
  });

  it("nextReturning: has nobody of the unknown address", () => {
    const addresses = new Addresses(10);
    for (const sid of ["1", "2", "3"]) {
      addresses.addReturning(entryOf(sid, { rank: "returning" }), "");
    }
    assertEquals(addresses.nextReturning(), undefined);
  });
});
