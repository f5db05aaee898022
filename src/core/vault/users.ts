import { type Cursor, type Entry, Member, UserGroup } from "./entry.ts";
import { flat } from "../../util/flat.ts";
import { ShardedMap } from "../../util/sharded_map.ts";

/** How many entries are looked at in one step. */
const STRIDE = 64;

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
    return found ? found instanceof UserGroup ? found.members.length : 1 : 0;
  }

  /**
   * Returns the entries of `user` whose numbers are at most `newest`, the most
   * recently used first, in steps.
   */
  *entriesOf(user: string, newest: number): Generator<void, Iterable<Entry>, undefined> {
    const found = this.#owners.get(user);
    if (!(found instanceof UserGroup)) return found ? [found] : [];
    let looked = 0;
    const entries: Entry[] = [];
    const cursor: Cursor = { next: found.members.first };
    found.cursors = [...found.cursors, cursor];
    try {
      for (let member = cursor.next; member; member = cursor.next) {
        if (member.entry.number <= newest) entries.push(member.entry);
        cursor.next = member.next;
        if (++looked % STRIDE === 0) yield;
      }
    } finally {
      found.cursors = found.cursors.filter((other) => other !== cursor);
    }
    // What was used meanwhile came to the end, and is here twice: its latest use counts.
    const unique = new Set<Entry>();
    while (entries.length > 0) {
      unique.add(entries.pop()!);
      if (++looked % STRIDE === 0) yield;
    }
    return unique;
  }

  /** Returns the entry of `user` that is the first to expire. */
  firstToExpireOf(user: string): Entry | undefined {
    const found = this.#owners.get(user);
    return found instanceof UserGroup ? found.byExpiry.first?.entry : found;
  }

  /** Returns the least recently used entry of `user`, other than `spared`. */
  leastRecentOf(user: string, spared: Entry): Entry | undefined {
    const found = this.#owners.get(user);
    if (!(found instanceof UserGroup)) return found === spared ? undefined : found;
    const { first } = found.members;
    return (first?.entry === spared ? first.next : first)?.entry;
  }

  /** Makes `user` the user of `entry`; the entry is then the one used last. */
  set(entry: Entry, user: string | undefined): void {
    if (entry.user === user) {
      this.use(entry);
      return this.extended(entry);
    }
    this.remove(entry);
    if (user === undefined) return;
    const member = this.#add(entry, user);
    member?.group.members.append(member);
  }

  /** As {@linkcode Users.set}, for an entry that was last used before others of that user. */
  restore(entry: Entry, user: string | undefined): void {
    this.remove(entry);
    const member = user === undefined ? undefined : this.#add(entry, user);
    if (member) insert(member);
  }

  /** Notes that `entry` expires at another time than before. */
  extended({ owner }: Entry): void {
    if (typeof owner === "object") owner.group.byExpiry.restore(owner);
  }

  /** Notes that `entry` was used. */
  use({ owner }: Entry): void {
    if (typeof owner !== "object") return;
    const { members } = owner.group;
    if (owner === members.last) return;
    leave(owner);
    members.moveToEnd(owner);
  }

  /** Removes `entry` from those of its user. */
  remove(entry: Entry): void {
    const { owner } = entry;
    entry.owner = undefined;
    if (owner === undefined) return;
    if (typeof owner === "string") return this.#owners.delete(owner);
    const { group } = owner;
    leave(owner);
    group.members.remove(owner);
    if (group.isRevoked) return;
    group.byExpiry.remove(owner);
    if (group.members.length === 0) this.#owners.delete(group.user);
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
    if (isSpared) this.set(spared!, user);
    return group;
  }

  /** Makes `user` the user of `entry`. Returns its place, which is not among the others yet. */
  #add(entry: Entry, user: string): Member | undefined {
    const found = this.#owners.get(user);
    if (!found) {
      entry.owner = flat(user);
      this.#owners.set(entry.owner, entry);
      return undefined;
    }
    const group = groupOf(found);
    if (group !== found) this.#owners.set(group.user, group);
    const member = entry.owner = new Member(entry, group);
    group.byExpiry.add(member);
    return member;
  }
}

/** Returns the group of a user, which the only entry of that user gets now. */
function groupOf(found: Owner): UserGroup {
  if (found instanceof UserGroup) return found;
  const group = new UserGroup(found.user!);
  const member = found.owner = new Member(found, group);
  group.members.append(member);
  group.byExpiry.add(member);
  return group;
}

/** Notes that `member` is about to leave its place: whoever stands there goes on from its neighbour. */
function leave(member: Member): void {
  const { group, prev, next } = member;
  if (group.latest === member) group.latest = prev ?? next;
  for (const cursor of group.cursors) {
    if (cursor.next === member) cursor.next = next;
  }
}

/**
 * Puts a member among the others by its last use. What a file has of a user
 * comes in the order of use: each is near the one before.
 */
function insert(member: Member): void {
  const { group } = member;
  const { members } = group;
  let before = group.latest ?? members.first;
  while (before && usedBefore(member, before)) before = before.prev;
  while (before?.next && !usedBefore(member, before.next)) before = before.next;
  if (before) members.insertAfter(before, member);
  else members.prepend(member);
  group.latest = member;
}

function usedBefore({ entry: a }: Member, { entry: b }: Member): boolean {
  return a.lastUsed < b.lastUsed || a.lastUsed === b.lastUsed && a.number < b.number;
}
