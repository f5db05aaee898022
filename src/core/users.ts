import { type Entry, UserGroup } from "./entry.ts";
import { ShardedMap } from "./sharded_map.ts";

/** The entries of a vault by user. */
export class Users {
  #groups = new ShardedMap<UserGroup>();

  /** The number of users that have an entry. */
  get count(): number {
    return this.#groups.size;
  }

  /** Returns the entries of `user`. */
  get(user: string): UserGroup | undefined {
    return this.#groups.get(user);
  }

  /** Makes `user` the user of `entry`; the entry is then the one used last. */
  set(entry: Entry, user: string | undefined): void {
    if (entry.user?.user === user) return this.use(entry);
    this.remove(entry);
    if (user === undefined) return;
    const group = this.#groupOf(user);
    group.append(entry);
    entry.user = group;
  }

  /** As {@linkcode Users.set}, but the entry is then the one used first. */
  prepend(entry: Entry, user: string): void {
    const group = this.#groupOf(user);
    group.prepend(entry);
    entry.user = group;
  }

  /** Notes that `entry` was used. */
  use(entry: Entry): void {
    const { user: group } = entry;
    if (!group || group.last === entry) return;
    group.remove(entry);
    group.append(entry);
  }

  /** Removes `entry` from those of its user. */
  remove(entry: Entry): void {
    const { user: group } = entry;
    if (!group) return;
    entry.user = undefined;
    group.remove(entry);
    if (group.count === 0 && group.revoked === undefined) this.#groups.remove(group.user);
  }

  /**
   * Takes all entries of `user` but `spared` out of the index at once. They keep
   * the group that is returned, which is marked as revoked, until they leave.
   */
  revoke(user: string, spared: Entry | undefined): UserGroup | undefined {
    const group = this.#groups.get(user);
    if (!group) return undefined;
    const isSpared = spared?.user === group;
    if (isSpared) this.remove(spared!);
    if (group.count > 0) {
      group.revoked = 0;
      this.#groups.remove(user);
    }
    if (isSpared) this.set(spared!, user);
    return group;
  }

  #groupOf(user: string): UserGroup {
    let group = this.#groups.get(user);
    if (!group) {
      group = new UserGroup(user);
      this.#groups.add(user, group);
    }
    return group;
  }
}
