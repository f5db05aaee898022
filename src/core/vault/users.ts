import { type Entry, UserGroup } from "./entry.ts";
import { flat } from "../../util/flat.ts";
import { ShardedMap } from "../../util/sharded_map.ts";

/** By its name, the only entry of a user, or the group of all. */
type Owner = Entry | UserGroup;

/**
 * The entries of a vault by user. Most users have one session, which then stands
 * for itself: a group for each of them would take a tenth of the memory.
 */
export class Users {
  readonly #owners = new ShardedMap<Owner>();

  /** The number of users that have an entry. */
  get count(): number {
    return this.#owners.size;
  }

  /** Returns how many entries `user` has. */
  countOf(user: string): number {
    const found = this.#owners.get(user);
    return found ? found instanceof UserGroup ? found.entries.size : 1 : 0;
  }

  /** Returns the entries of `user`, the least recently used first. */
  entriesOf(user: string): Iterable<Entry> {
    const found = this.#owners.get(user);
    return found ? found instanceof UserGroup ? sorted(found) : [found] : [];
  }

  /** Makes `user` the user of `entry`; the entry is then the one used last. */
  set(entry: Entry, user: string | undefined): void {
    if (entry.user === user) return this.use(entry);
    this.remove(entry);
    if (user !== undefined) this.#add(entry, user);
  }

  /** As {@linkcode Users.set}, for an entry that was last used before others of that user. */
  restore(entry: Entry, user: string | undefined): void {
    this.remove(entry);
    if (user === undefined) return;
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
      if (owner.entries.size === 0 && !owner.isRevoked) this.#owners.delete(owner.user);
    } else if (owner !== undefined) {
      this.#owners.delete(owner);
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
    const found = this.#owners.get(user);
    this.#owners.delete(user);
    const group = found && groupOf(found);
    if (group) group.isRevoked = true;
    if (isSpared) this.#add(spared!, user);
    return group;
  }

  #add(entry: Entry, user: string): void {
    const found = this.#owners.get(user);
    if (!found) {
      entry.owner = flat(user);
      this.#owners.set(entry.owner, entry);
      return;
    }
    const group = groupOf(found);
    if (group !== found) this.#owners.set(group.user, group);
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
