import { assertEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { Users } from "../../src/core/vault/users.ts";
import { entryOf } from "../support/core.ts";

const sids = (users: Users, user: string) => [...users.entriesOf(user)].map(({ sid }) => sid);

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
      assertEquals(group?.entries.size ?? 0, count - 1);
      assertEquals(entries.map(({ isRevoked }) => isRevoked), entries.map((_, i) => i > 0));
      // A new sign-in is not among those that leave.
      users.set(entryOf("new"), "ada");
      assertEquals(sids(users, "ada"), ["0", "new"]);
      for (const entry of entries.slice(1)) users.remove(entry);
      assertEquals(sids(users, "ada"), ["0", "new"]);
    }
  });
});
