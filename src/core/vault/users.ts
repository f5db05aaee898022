import { type Entry, UserGroup } from "./entry.ts";
import { flat } from "../../util/flat.ts";
import { hashOf, HashTable } from "./hash_table.ts";

/** By its name, the only entry of a user, or the group of all. */
type Owner = Entry | UserGroup;

class Owners extends HashTable<Owner> {
  protected override key({ user }: Owner): string {
    return user!;
  }

  protected override hash({ ownerHash }: Owner): number {
    return ownerHash;
  }

  protected override next({ nextOwner }: Owner): Owner | undefined {
    return nextOwner;
  }

  protected override place(owner: Owner, hash: number, next: Owner | undefined): void {
    owner.ownerHash = hash;
    owner.nextOwner = next;
  }
}

/**
 * The entries of a vault by user. Most users have one session, which then stands
 * for itself: a group for each of them would take a tenth of the memory.
 */
export class Users {
  readonly #owners = new Owners();

  /** The number of users that have an entry. */
  get count(): number {
    return this.#owners.size;
  }

  /** Returns how many entries `user` has. */
  countOf(user: string): number {
    const found = this.#owners.find(user);
    return found ? found instanceof UserGroup ? found.entries.size : 1 : 0;
  }

  /** Returns the entries of `user`, the least recently used first. */
  entriesOf(user: string): Iterable<Entry> {
    const found = this.#owners.find(user);
    return found ? found instanceof UserGroup ? sorted(found) : [found] : [];
  }

  /** Makes `user` the user of `entry`; the entry is then the one used last. */
  set(entry: Entry, user: string | undefined): void {
    if (entry.user === user) return this.use(entry);
    this.remove(entry);
    if (user !== undefined) this.#add(entry, user);
  }

  /** As {@linkcode Users.set}, for an entry that was last used before others of that user. */
  restore(entry: Entry, user: string): void {
    this.#add(entry, user);
    if (entry.owner instanceof UserGroup) entry.owner.isSorted = false;
  }

  /** Notes that `entry` was used. */
  use(entry: Entry): void {
    if (!(entry.owner instanceof UserGroup)) return;
    const { entries } = entry.owner;
    entries.delete(entry);
    entries.add(entry);
  }

  /** Removes `entry` from those of its user. */
  remove(entry: Entry): void {
    const { owner } = entry;
    if (owner instanceof UserGroup) {
      owner.entries.delete(entry);
      if (owner.entries.size === 0 && owner.revoked === undefined) this.#owners.remove(owner);
    } else if (owner !== undefined) {
      this.#owners.remove(entry);
    }
    entry.owner = undefined;
  }

  /**
   * Takes all entries of `user` but `spared` out of the index at once. They keep
   * the group that is returned, which is marked as revoked, until they leave.
   */
  revoke(user: string, spared: Entry | undefined): UserGroup | undefined {
    const isSpared = spared?.user === user;
    if (isSpared) this.remove(spared!);
    const found = this.#owners.find(user);
    if (found) this.#owners.remove(found);
    const group = found && groupOf(found);
    if (group) group.revoked = 0;
    if (isSpared) this.#add(spared!, user);
    return group;
  }

  #add(entry: Entry, user: string): void {
    const hash = hashOf(user);
    const found = this.#owners.find(user, hash);
    if (!found) {
      entry.owner = flat(user);
      this.#owners.add(entry, hash);
      return;
    }
    const group = groupOf(found);
    if (group !== found) {
      this.#owners.remove(found);
      this.#owners.add(group, hash);
    }
    group.entries.add(entry);
    entry.owner = group;
  }
}

/** Returns the group of a user, which the only entry of that user gets now. */
function groupOf(found: Owner): UserGroup {
  if (found instanceof UserGroup) return found;
  const group = new UserGroup(found.user!, found);
  found.owner = group;
  return group;
}

function sorted(group: UserGroup): Set<Entry> {
  if (!group.isSorted) {
    group.entries = new Set(
      [...group.entries].sort((a, b) => a.lastUsed - b.lastUsed || a.number - b.number),
    );
    group.isSorted = true;
  }
  return group.entries;
}
