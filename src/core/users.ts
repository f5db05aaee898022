import type { Entry, UserGroup } from "./entry.ts";
import { ShardedMap } from "./sharded_map.ts";

/**
 * The entries of a vault by user. Most users have one session, which then stands
 * for itself: a group for each of them would take a tenth of the memory.
 */
export class Users {
  readonly #owners = new ShardedMap<Entry | UserGroup>();

  /** The number of users that have an entry. */
  get count(): number {
    return this.#owners.size;
  }

  /** Returns how many entries `user` has. */
  countOf(user: string): number {
    const found = this.#owners.get(user);
    return found ? isGroup(found) ? found.entries.size : 1 : 0;
  }

  /** Returns the entries of `user`, the least recently used first. */
  entriesOf(user: string): Iterable<Entry> {
    const found = this.#owners.get(user);
    return found ? isGroup(found) ? sorted(found) : [found] : [];
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
    if (isGroup(entry.owner)) entry.owner.isSorted = false;
  }

  /** Notes that `entry` was used. */
  use(entry: Entry): void {
    if (!isGroup(entry.owner)) return;
    const { entries } = entry.owner;
    entries.delete(entry);
    entries.add(entry);
  }

  /** Removes `entry` from those of its user. */
  remove(entry: Entry): void {
    const { owner } = entry;
    entry.owner = undefined;
    if (isGroup(owner)) {
      owner.entries.delete(entry);
      if (owner.entries.size === 0 && owner.revoked === undefined) this.#owners.remove(owner.user);
    } else if (owner !== undefined) {
      this.#owners.remove(owner);
    }
  }

  /**
   * Takes all entries of `user` but `spared` out of the index at once. They keep
   * the group that is returned, which is marked as revoked, until they leave.
   */
  revoke(user: string, spared: Entry | undefined): UserGroup | undefined {
    const isSpared = spared?.user === user;
    if (isSpared) this.remove(spared!);
    const found = this.#owners.get(user);
    const group = found && (isGroup(found) ? found : groupOf(found, user));
    if (group) {
      group.revoked = 0;
      this.#owners.remove(user);
    }
    if (isSpared) this.#add(spared!, user);
    return group;
  }

  #add(entry: Entry, user: string): void {
    const before = this.#owners.set(user, entry);
    if (!before) {
      entry.owner = user;
      return;
    }
    const group = isGroup(before) ? before : groupOf(before, user);
    this.#owners.set(user, group);
    group.entries.add(entry);
    entry.owner = group;
  }
}

function isGroup(value: Entry | UserGroup | string | undefined): value is UserGroup {
  return typeof value === "object" && "entries" in value;
}

/** Makes a group of the only entry of a user. */
function groupOf(entry: Entry, user: string): UserGroup {
  const group = { user, entries: new Set([entry]), isSorted: true, revoked: undefined };
  entry.owner = group;
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
