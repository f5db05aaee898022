import { assertEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { Users } from "../../src/core/vault/users.ts";
import { entryOf, finish } from "../support/core.ts";

/** The ids of a user's entries, the least recently used first. */
const sids = (users: Users, user: string) =>
  [...finish(users.entriesOf(user, Infinity)).result].map(({ sid }) => sid).reverse();

describe("Users", () => {
  it("set, use and remove: keep the entries of a user in the order of use", () => {
    const users = new Users();
    const [a, b, c] = ["a", "b", "c"].map((sid) => entryOf(sid));
    for (const entry of [a, b, c]) users.set(entry, "ada");
    users.use(a);
    assertEquals([sids(users, "ada"), users.countOf("ada"), users.count], [["b", "c", "a"], 3, 1]);
    users.set(b, "ada");
    assertEquals(sids(users, "ada"), ["c", "a", "b"]);
    users.remove(a);
    assertEquals(sids(users, "ada"), ["c", "b"]);
    users.remove(c);
    users.remove(b);
    users.remove(b);
    assertEquals([sids(users, "ada"), users.count], [[], 0]);
  });

  it("set: moves an entry from one user to another, and to none", () => {
    const users = new Users();
    const [a, b] = [entryOf("a"), entryOf("b")];
    users.set(a, "ada");
    users.set(b, "ada");
    users.set(a, "eve");
    assertEquals([sids(users, "ada"), sids(users, "eve"), a.user], [["b"], ["a"], "eve"]);
    users.set(b, undefined);
    assertEquals([users.count, users.countOf("ada"), b.user], [1, 0, undefined]);
  });

  it("tells a user without a name from none", () => {
    const users = new Users();
    const entry = entryOf("a");
    users.set(entry, "");
    assertEquals([users.count, entry.user, sids(users, "")], [1, "", ["a"]]);
    users.remove(entry);
    assertEquals(users.count, 0);
  });

  it("restore: sorts by the last use", () => {
    const users = new Users();
    for (const lastUsed of [30, 10, 20]) users.restore(entryOf(`${lastUsed}`, { lastUsed }), "ada");
    assertEquals(sids(users, "ada"), ["10", "20", "30"]);
    users.set(entryOf("new", { lastUsed: 40 }), "ada");
    users.restore(entryOf("5", { lastUsed: 5 }), "ada");
    assertEquals(sids(users, "ada"), ["5", "10", "20", "30", "new"]);
  });

  it("revoke: takes all but the spared entry out at once", () => {
    for (const count of [1, 2, 3]) {
      const users = new Users();
      const entries = Array.from({ length: count }, (_, i) => entryOf(`${i}`));
      for (const entry of entries) users.set(entry, "ada");
      const group = users.revoke("ada", entries[0]);
      assertEquals([sids(users, "ada"), users.count], [["0"], 1]);
      assertEquals(group?.members.length ?? 0, count - 1);
      assertEquals(entries.map(({ isRevoked }) => isRevoked), entries.map((_, i) => i > 0));
      // A new sign-in is not among those that leave.
      users.set(entryOf("new"), "ada");
      assertEquals(sids(users, "ada"), ["0", "new"]);
      for (const entry of entries.slice(1)) users.remove(entry);
      assertEquals(sids(users, "ada"), ["0", "new"]);
    }
  });

  it("entriesOf: comes to each entry once, whatever is used, comes and goes between its steps", () => {
    const users = new Users();
    const entries = Array.from({ length: 1_000 }, (_, i) => entryOf(`${i}`));
    for (const entry of entries) users.set(entry, "ada");
    const walk = users.entriesOf("ada", entries[999].number);
    walk.next();
    // One that it has come to, one that it has not, the one that is next, and its neighbour.
    for (const n of [0, 900, 64, 65]) users.use(entries[n]);
    users.remove(entries[66]);
    users.set(entries[67], "eve");
    const other = users.entriesOf("ada", entries[999].number);
    other.next();
    walk.next();
    users.use(entries[1]);
    users.set(entryOf("new"), "ada");
    for (const walked of [walk, other]) {
      const found = [...finish(walked).result].map(({ sid }) => Number(sid));
      assertEquals(new Set(found).size, found.length);
      assertEquals(found.length, 998);
      assertEquals(found.slice(0, 6), [1, 65, 64, 900, 0, 999]);
    }
  });

  it("firstToExpireOf, leastRecentOf: look at all entries of the user", () => {
    const users = new Users();
    const [a, b, c] = ["a", "b", "c"].map((sid) => entryOf(sid));
    const found = (spared: typeof a) => [
      users.firstToExpireOf("ada")?.sid,
      users.leastRecentOf("ada", spared)?.sid,
    ];
    assertEquals(found(a), [undefined, undefined]);
    users.set(a, "ada");
    assertEquals([found(a), found(b)], [["a", undefined], ["a", "a"]]);
    for (const entry of [b, c]) users.set(entry, "ada");
    assertEquals([found(c), found(a)], [["a", "a"], ["a", "b"]]);
    b.expires = 10;
    users.set(b, "ada");
    assertEquals(found(a), ["b", "c"]);
    c.expires = 5;
    users.set(c, "ada");
    assertEquals(found(b), ["c", "a"]);
    users.remove(c);
    users.remove(a);
    assertEquals(found(a), ["b", "b"]);
  });

  it("restore: comes to its place whatever the order, as in a file with several ranks", () => {
    const users = new Users();
    const times = [90, 70, 50, 30, 80, 60, 40, 20, 55, 55];
    for (const [n, lastUsed] of times.entries()) {
      users.restore(entryOf(`${lastUsed} ${n}`, { lastUsed }), "ada");
    }
    const found = sids(users, "ada").map((sid) => Number(sid.split(" ")[0]));
    assertEquals(found, [...times].sort((a, b) => a - b));
  });
});
