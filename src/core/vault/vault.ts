import { Addresses } from "./addresses.ts";
import {
  Entry,
  Identity,
  type Member,
  Queue,
  type Rank,
  type Reason,
  type SessionRecord,
  type UserGroup,
} from "./entry.ts";
import { flat } from "../../util/flat.ts";
import { ShardedMap } from "../../util/sharded_map.ts";
import { UNKNOWN_ADDRESS } from "./address.ts";
import { Users } from "./users.ts";

/**
 * Watches a vault. Its methods are synchronous, must not throw, and must not
 * change the store.
 */
export interface Observer {
  /** `entry` was used, or is about to leave its place in its queue. */
  move?(entry: Entry): void;
  /** `entry` is new, was saved or touched, or has changed its rank; its data may be the same as before. */
  upsert?(entry: Entry, isDataSame?: boolean): void;
  /** `entry` has left. */
  delete?(entry: Entry, reason: Reason): void;
  /** All entries have left at once. */
  truncate?(): void;
  /** The session of this id was destroyed, kept or not. */
  end?(sid: string): void;
  /** All sessions of this user were revoked, kept or not, but the one with the id `spared`. */
  revoke?(user: string, spared: string | undefined): void;
}

/** What is to be kept of a session. */
export interface Draft {
  /**
   * Why it is kept. A save and a touch use the session, an update and an
   * extension leave it in its place; a save and an update make a new version.
   */
  readonly as: "save" | "update" | "touch" | "extension";
  readonly sid: string;
  /** What was kept of it when the draft was made. */
  readonly kept: Entry | undefined;
  readonly record: SessionRecord;
  readonly isProtected: boolean;
  readonly user: string | undefined;
  /** The client address of a session that is new, or protected no more. */
  readonly address: string;
  readonly created: number;
  readonly lastUsed: number;
  /** What the session was, if it is there no more. */
  readonly identity: Identity | undefined;
}

/** How many entries are looked at in one step. */
const STRIDE = 64;

/** Up to so many entries are walked through in the order of creation, which is easier to read. */
const MAX_SORTED = 1_000;

/** The share of the limit that newcomers may take from the other ranks. */
const NEWCOMERS_SHARE = 1 / 8;

/** The share of the limit that the unprotected sessions of a client address may take before they pay first. */
const ADDRESS_SHARE = 1 / 8;

/** The share of the limit that a reduction aims at. */
export const REDUCED_SHARE = 0.75;

/**
 * The bounded memory: which sessions are kept, how many bytes they take, and
 * which is evicted next. Synchronous. Time comes in as a clock. Long work is a
 * generator, which may be left alone between two steps while the vault is used.
 */
export class Vault {
  readonly #maxSize: number;
  readonly #clock: () => number;
  readonly #onRemove: (entry: Entry, reason: Reason) => void;
  /** By session id. */
  #entries = new ShardedMap<Entry>();
  #queues = emptyQueues();
  #addresses: Addresses;
  #users = new Users();
  #newest = 0;
  #oldest = 0;
  #revision = 0;
  #observers: Observer[] | undefined;
  /** No entry expires before this time, in milliseconds since the epoch. */
  #earliest = Infinity;
  /** The same of what was written since the latest purge began. */
  #earliestSince = Infinity;
  #latestPurge: object | undefined;

  /**
   * @param maxSize The limit, in bytes.
   * @param clock Returns the time, in milliseconds since the epoch.
   * @param onRemove Called for every entry that was removed, but not when all are cleared.
   */
  constructor(
    maxSize: number,
    clock: () => number,
    onRemove: (entry: Entry, reason: Reason) => void,
  ) {
    this.#maxSize = maxSize;
    this.#addresses = new Addresses(maxSize * ADDRESS_SHARE);
    this.#clock = clock;
    this.#onRemove = onRemove;
  }

  /** The size of all entries, in bytes. */
  get bytes(): number {
    const { newcomers, returning, protected: guarded } = this.#queues;
    return newcomers.bytes + returning.bytes + guarded.bytes;
  }

  /** The number of entries, including expired ones that are not forgotten yet. */
  get size(): number {
    return this.#entries.size;
  }

  /** Another number after each save, and after all were cleared. */
  get revision(): number {
    return this.#revision;
  }

  /** The number of users that have an entry. */
  get users(): number {
    return this.#users.count;
  }

  /** The number of entries of each rank. */
  get counts(): Record<Rank, number> {
    const { newcomers, returning, protected: guarded } = this.#queues;
    return { newcomers: newcomers.length, returning: returning.length, protected: guarded.length };
  }

  /** Whether newcomers hold more than the share that stays open to them. */
  get hasTooManyNewcomers(): boolean {
    return this.#queues.newcomers.bytes > this.#maxSize * NEWCOMERS_SHARE;
  }

  /** Returns the entries of a rank. */
  queue(rank: Rank): Queue {
    return this.#queues[rank];
  }

  /** The smallest number that an entry has, or had: the last that was restored. */
  get oldest(): number {
    return this.#oldest;
  }

  /** Returns the live entry of `sid`. An expired one is forgotten. */
  find(sid: string, now: number): Entry | undefined {
    const entry = this.#entries.get(sid);
    return entry && this.#isLive(entry, now) ? entry : undefined;
  }

  /** Whether `entry`, which was found here, is still there. */
  has(entry: Entry): boolean {
    return entry.isKept && !entry.isRevoked && entry.queue === this.#queues[entry.rank];
  }

  /** Returns how many entries a user has. */
  countOf(user: string): number {
    return this.#users.countOf(user);
  }

  /** Returns the entries that a user has now, the most recently used first, in steps. */
  entriesOf(user: string): Generator<void, Iterable<Entry>, undefined> {
    return this.#users.entriesOf(user, this.#newest);
  }

  /** Returns the entry of a user that is the first to expire. */
  firstToExpireOf(user: string): Entry | undefined {
    return this.#users.firstToExpireOf(user);
  }

  /** Returns the least recently used entry of a user, other than `spared`. */
  leastRecentOf(user: string, spared: Entry): Entry | undefined {
    return this.#users.leastRecentOf(user, spared);
  }

  /**
   * Iterates over the entries that are kept now, each once. Yields the live
   * ones, and `undefined` for each that had expired, which is forgotten.
   */
  walk(): Generator<Entry | undefined, void, undefined> {
    return this.#walk(this.#entries, this.#newest);
  }

  /** Notes that `entry` was asked for: it is no newcomer any more, and the last of its rank to go. */
  use(entry: Entry, now: number): void {
    const { newcomers, returning } = this.#queues;
    entry.lastUsed = now;
    this.#users.use(entry);
    if (entry.queue !== newcomers) return this.#move(entry, entry.queue);
    this.#move(entry, returning);
    this.#tellUpsert(entry, true);
  }

  /**
   * Keeps `draft`. What this takes over the limit is for {@linkcode limit} to
   * mend. Newcomers stay in the order of creation.
   */
  put(draft: Draft): Entry {
    const { as, sid, kept, record, isProtected, user, address, lastUsed } = draft;
    // One of the app's functions may have ended it meanwhile, and saved another.
    const entry = kept && this.has(kept) ? kept : this.find(sid, lastUsed);
    if (!entry) return this.#add(draft);
    const { newcomers, returning, protected: guarded } = this.#queues;
    const isUse = as === "save" || as === "touch";
    const isNewVersion = as === "save" || as === "update";
    if (isNewVersion) entry.revision = ++this.#revision;
    const { text, cookie, expires, dateOffset } = record;
    if (isNewVersion || text !== entry.text || cookie !== entry.cookie) {
      this.#resize(entry, record);
    }
    entry.expires = expires;
    entry.dateOffset = dateOffset;
    this.#noteExpiry(expires);
    if (isUse) entry.lastUsed = lastUsed;
    if (isUse) this.#users.set(entry, user);
    else if (entry.user !== user) this.#users.restore(entry, user);
    else this.#users.extended(entry);
    const unprotected = entry.queue === guarded ? returning : entry.queue;
    const queue = isProtected ? guarded : unprotected;
    if (queue !== entry.queue || isUse && queue !== newcomers) this.#move(entry, queue, address);
    this.#tellUpsert(entry, !isNewVersion);
    return entry;
  }

  /**
   * Takes an entry that is in no vault and in no queue as the next of its rank to
   * be evicted, and evicts what goes before it to keep the limit. Returns whether
   * it is kept: it is not if it would be the next to go itself.
   */
  restore(entry: Entry, rank: Rank): boolean {
    const { user } = entry;
    entry.owner = undefined;
    entry.number = --this.#oldest;
    entry.revision = ++this.#revision;
    this.#entries.set(entry.sid, entry);
    this.#noteExpiry(entry.expires);
    this.#queues[rank].prepend(entry);
    if (rank === "newcomers") this.#addresses.addNewcomer(entry, UNKNOWN_ADDRESS, true);
    this.#users.restore(entry, user);
    while (this.bytes > this.#maxSize) {
      const next = this.next()!;
      if (next === entry) {
        this.#unlink(entry);
        return false;
      }
      this.#evict(next);
    }
    this.#tellUpsert(entry);
    return true;
  }

  /** Forgets `entry`. Every way out goes through here, except that of all at once. */
  remove(entry: Entry, reason: Reason): void {
    this.#onRemove(entry, reason);
    const { owner } = entry;
    if (entry.isRevoked && reason === "destroy") (owner as Member).group.removed++;
    this.#unlink(entry);
    this.#observers?.forEach((observer) => observer.delete?.(entry, reason));
  }

  /** Forgets all, whatever their number: nothing refers to them any more. */
  clear(): void {
    this.#revision++;
    this.#entries = new ShardedMap();
    this.#queues = emptyQueues();
    this.#addresses = new Addresses(this.#maxSize * ADDRESS_SHARE);
    this.#users = new Users();
    this.#observers?.forEach((observer) => observer.truncate?.());
  }

  /**
   * Forgets the expired entries, in steps, and learns when the next one can
   * expire: before that there is nothing to do. Returns how many there were.
   */
  *purge(): Generator<void, number, undefined> {
    if (this.#clock() < this.#earliest) return 0;
    const purge = this.#latestPurge = {};
    this.#earliestSince = Infinity;
    let earliest = Infinity;
    let expired = 0;
    let looked = 0;
    for (const entry of this.walk()) {
      if (entry) earliest = Math.min(earliest, entry.expires);
      else expired++;
      if (++looked % STRIDE === 0) yield;
    }
    // What was written before a later purge began may not have been met here.
    if (this.#latestPurge === purge) this.#earliest = Math.min(earliest, this.#earliestSince);
    return expired;
  }

  /**
   * Evicts until at most `REDUCED_SHARE` of the limit is left, in steps: whoever
   * is next, or only newcomers beyond their share. Returns how many went.
   */
  *reduce(whom: "anyone" | "newcomers", saved?: Entry): Generator<void, number, undefined> {
    const target = this.#maxSize * REDUCED_SHARE;
    let evicted = 0;
    let removed = 0;
    while (this.bytes > target) {
      if (whom === "newcomers" && !this.hasTooManyNewcomers) break;
      const next = whom === "newcomers" ? this.#addresses.nextNewcomer(saved) : this.next(saved);
      if (!next) break;
      if (this.#evict(next)) evicted++;
      if (++removed % STRIDE === 0) yield;
    }
    return evicted;
  }

  /**
   * Evicts what the limit demands, all at once. Returns how many went. `saved`
   * is the entry whose save made it necessary. It is evicted last of all: what
   * was saved without an error is kept.
   */
  limit(saved: Entry): number {
    let evicted = 0;
    while (this.bytes > this.#maxSize) {
      const next = this.next(saved);
      if (!next) break;
      if (this.#evict(next)) evicted++;
    }
    return evicted;
  }

  /**
   * Returns the entry that is evicted next, other than `spared`: a newcomer as
   * long as newcomers hold their share, else the returning session that was used
   * least recently, else such a protected one. Client addresses that take more
   * than their share lose their returning sessions before others do.
   */
  next(spared?: Entry): Entry | undefined {
    const { newcomers, returning, protected: guarded } = this.#queues;
    const newcomer = this.#addresses.nextNewcomer(spared);
    if (newcomer && newcomers.bytes >= this.#maxSize * NEWCOMERS_SHARE) return newcomer;
    return this.#addresses.nextReturning(spared) ?? firstOf(returning, spared) ??
      firstOf(guarded, spared) ?? newcomer;
  }

  /**
   * Revokes all entries of a user but `spared`. They count as gone at once, and
   * leave in steps. Returns how many there were.
   */
  revoke(user: string, spared: Entry | undefined): Generator<void, number, undefined> {
    // They are as good as expired.
    this.#noteExpiry(-Infinity);
    return this.#empty(this.#users.revoke(user, spared));
  }

  /** Calls `observer` at each change, until the function that it returns is called. */
  observe(observer: Observer): () => void {
    this.#observers = [...this.#observers ?? [], observer];
    return () => {
      const others = this.#observers?.filter((other) => other !== observer) ?? [];
      // Without observers, one look is all that they cost.
      this.#observers = others.length > 0 ? others : undefined;
    };
  }

  /** Tells the observers what happened to sessions that may not be kept. */
  notifyEnd(sid: string): void {
    if (!this.#observers) return;
    const kept = flat(sid);
    for (const observer of this.#observers) observer.end?.(kept);
  }

  /** Tells the observers that a user was revoked. */
  notifyRevoke(user: string, spared: string | undefined): void {
    this.#observers?.forEach((observer) => observer.revoke?.(user, spared));
  }

  *#empty(group: UserGroup | undefined): Generator<void, number, undefined> {
    const entries = this.#entries;
    let removed = 0;
    for (let member = group?.members.first; member; member = group!.members.first) {
      // All were cleared meanwhile: others may have these ids by now.
      if (this.#entries !== entries) break;
      // Removes it, since it was revoked.
      this.#isLive(member.entry, this.#clock());
      if (++removed % STRIDE === 0) yield;
    }
    return group?.removed ?? 0;
  }

  #add(draft: Draft): Entry {
    const queue = this.#queues[draft.isProtected ? "protected" : "newcomers"];
    const entry = this.#enter(draft, ++this.#newest, queue);
    queue.append(entry);
    if (!draft.isProtected) this.#addresses.addNewcomer(entry, draft.address);
    this.#users.set(entry, draft.user);
    this.#tellUpsert(entry);
    return entry;
  }

  #enter(draft: Draft, number: number, queue: Queue): Entry {
    const { sid, record, created, lastUsed } = draft;
    const identity = draft.identity ?? new Identity(flat(sid), created, record.expires);
    const entry = new Entry(identity, number, ++this.#revision, queue, record, lastUsed);
    this.#entries.set(entry.sid, entry);
    this.#noteExpiry(record.expires);
    return entry;
  }

  /** Takes `entry` out of all that leads to it. */
  #unlink(entry: Entry): void {
    this.#observers?.forEach((observer) => observer.move?.(entry));
    entry.number = 0;
    this.#entries.delete(entry.sid);
    this.#addresses.remove(entry);
    entry.queue.remove(entry);
    this.#users.remove(entry);
  }

  /** Gives `entry` the data of `record`, and counts by how much it grows. */
  #resize(entry: Entry, { text, cookie }: SessionRecord): void {
    const before = entry.size;
    entry.text = text;
    entry.cookie = cookie;
    const grown = entry.size - before;
    entry.queue.bytes += grown;
    this.#addresses.resize(entry, grown);
  }

  #noteExpiry(time: number): void {
    if (time < this.#earliest) this.#earliest = time;
    if (time < this.#earliestSince) this.#earliestSince = time;
  }

  /** Makes `entry` the last of `queue`. Its client address is known to be `address` if it was protected. */
  #move(entry: Entry, queue: Queue, address = UNKNOWN_ADDRESS): void {
    this.#observers?.forEach((observer) => observer.move?.(entry));
    if (queue === entry.queue) {
      queue.moveToEnd(entry);
      this.#addresses.use(entry);
      return;
    }
    const from = entry.seat?.group.address ?? address;
    this.#addresses.remove(entry);
    entry.queue.remove(entry);
    queue.append(entry);
    if (queue.rank === "returning") this.#addresses.addReturning(entry, from);
  }

  /** Removes `entry`, which is next, and returns whether it was evicted: it may have expired before. */
  #evict(entry: Entry): boolean {
    if (!this.#isLive(entry, this.#clock())) return false;
    this.remove(entry, "evict");
    return true;
  }

  *#walk(
    entries: ShardedMap<Entry>,
    newest: number,
  ): Generator<Entry | undefined, void, undefined> {
    const found = entries.size > MAX_SORTED
      ? entries.values()
      : [...entries.values()].sort((a, b) => a.number - b.number);
    for (const entry of found) {
      // All were cleared meanwhile.
      if (this.#entries !== entries) return;
      if (!entry.isKept || entry.number > newest) continue;
      yield this.#isLive(entry, this.#clock()) ? entry : undefined;
    }
  }

  /** Whether `entry` is live at the time `now`; if it is not, it is removed. */
  #isLive(entry: Entry, now: number): boolean {
    if (entry.expires > now && !entry.isRevoked) return true;
    this.remove(entry, entry.expires > now ? "destroy" : "expire");
    return false;
  }

  #tellUpsert(entry: Entry, isDataSame = false): void {
    this.#observers?.forEach((observer) => observer.upsert?.(entry, isDataSame));
  }
}

export function emptyQueues(): Record<Rank, Queue> {
  return {
    newcomers: new Queue("newcomers"),
    returning: new Queue("returning"),
    protected: new Queue("protected"),
  };
}

function firstOf({ first }: Queue, spared: Entry | undefined): Entry | undefined {
  return first === spared ? first?.next : first;
}
