import type { Life } from "./lineage.ts";
import type { SessionRecord } from "./record.ts";
import { ShardedMap } from "./shards.ts";

/**
 * How well a session is known, which decides how soon it is evicted:
 * newcomers have not been asked for since they were made, returning sessions
 * have, and the protected ones are those that the option `protect` names.
 *
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import session from "express-session";
 * import lembro, { type Rank } from "express-lembro";
 *
 * using store = new (lembro(session))();
 * await store.set("a", { cookie: new session.Cookie() });
 * await store.get("a");
 * const ranks: Rank[] = ["newcomers", "returning", "protected"];
 * assertEquals(ranks.map((rank) => store.stats()[rank]), [0, 1, 0]);
 * ```
 */
export type Rank = "newcomers" | "returning" | "protected";

/** Why a session left. */
export type Reason = "destroy" | "evict" | "expire";

/** A session in the vault. Only the vault changes it, but for its life. */
export class Entry {
  readonly sid: string;
  /** What is kept of the session: another one after each save and touch. */
  record: SessionRecord;
  /** The version it was made as, or {@linkcode GONE} once it has left. */
  made: number;
  rank: Rank;
  /** What it shares with the live sessions that came from it: see lineage.ts. */
  life: Life | undefined;
  /** The neighbours in the rank: the one to be evicted before, and after. */
  before: Entry | undefined = undefined;
  after: Entry | undefined = undefined;

  constructor(sid: string, record: SessionRecord, rank: Rank, life?: Life) {
    this.sid = sid;
    this.record = record;
    this.made = record.version;
    this.rank = rank;
    this.life = life;
  }
}

const GONE = 0;

/** How many entries are looked at in one step. */
const STRIDE = 64;

/** The share of the limit that newcomers may take from the other ranks. */
const NEWCOMERS_SHARE = 1 / 8;

/** The sessions of one rank, in the order in which they are evicted. */
class Queue {
  first: Entry | undefined;
  last: Entry | undefined;
  bytes = 0;
  count = 0;

  append(entry: Entry): void {
    entry.before = this.last;
    entry.after = undefined;
    if (this.last) this.last.after = entry;
    else this.first = entry;
    this.last = entry;
    this.bytes += entry.record.size;
    this.count++;
  }

  remove(entry: Entry): void {
    if (entry.before) entry.before.after = entry.after;
    else this.first = entry.after;
    if (entry.after) entry.after.before = entry.before;
    else this.last = entry.before;
    entry.before = entry.after = undefined;
    this.bytes -= entry.record.size;
    this.count--;
  }
}

/**
 * The bounded memory: which sessions are kept, how many bytes they take, and
 * who goes first. Synchronous; time comes in as a clock, and long work goes out
 * as steps: generators that the caller may leave alone for a while, and the
 * vault used meanwhile.
 */
export class Vault {
  readonly #maxSize: number;
  readonly #clock: () => number;
  readonly #onLeave: (entry: Entry, reason: Reason) => void;
  #entries = new ShardedMap<Entry>();
  #queues: Record<Rank, Queue> = emptyQueues();
  #version = GONE;
  #changes = 0;

  /**
   * @param maxSize The limit, in bytes.
   * @param clock Gives the time, in milliseconds since the epoch.
   * @param onLeave Told of every session that leaves by itself, once it has left.
   */
  constructor(
    maxSize: number,
    clock: () => number,
    onLeave: (entry: Entry, reason: Reason) => void,
  ) {
    this.#maxSize = maxSize;
    this.#clock = clock;
    this.#onLeave = onLeave;
  }

  /** The size of all entries, in bytes. */
  get bytes(): number {
    const { newcomers, returning, protected: guarded } = this.#queues;
    return newcomers.bytes + returning.bytes + guarded.bytes;
  }

  /** The number of entries, the expired ones that nobody met yet included. */
  get size(): number {
    return this.#entries.size;
  }

  /** Another number after each save, and whenever something has left. */
  get changes(): number {
    return this.#changes;
  }

  /** The number of entries of a rank. */
  count(rank: Rank): number {
    return this.#queues[rank].count;
  }

  /** The live entry of `sid`; an expired one is forgotten. */
  find(sid: string, now: number): Entry | undefined {
    const entry = this.#entries.get(sid);
    return entry && this.#isLive(entry, now) ? entry : undefined;
  }

  /**
   * Goes through the entries there are now, each once. Yields the live ones,
   * and `undefined` for each that had expired, which is forgotten.
   */
  walk(): Generator<Entry | undefined, void, undefined> {
    return this.#walk(this.#entries, this.#version);
  }

  /** Notes that `entry` was asked for: it is no newcomer any more, and the last of its rank to go. */
  use(entry: Entry): void {
    this.#move(entry, entry.rank === "newcomers" ? "returning" : entry.rank);
  }

  /** Makes an entry. What this takes over the limit is for {@linkcode limit} to mend. */
  add(sid: string, record: SessionRecord, isProtected: boolean, life?: Life): Entry {
    this.#changes++;
    const rank = isProtected ? "protected" : "newcomers";
    record.version = ++this.#version;
    const entry = new Entry(sid, record, rank, life);
    this.#entries.add(sid, entry);
    this.#queues[rank].append(entry);
    return entry;
  }

  /** Saves `record` to `entry`. Newcomers stay in the order they were made in. */
  save(entry: Entry, record: SessionRecord, isProtected: boolean): void {
    this.#changes++;
    record.version = ++this.#version;
    this.#measure(entry, record.size);
    entry.record = record;
    if (isProtected) this.#move(entry, "protected");
    else if (entry.rank !== "newcomers") this.#move(entry, "returning");
  }

  /** Replaces what is kept in `entry` by `record`, which has the same data. */
  touch(entry: Entry, { text, cookie, size, expires }: SessionRecord): void {
    this.#measure(entry, size);
    // In place: what a million touches make shall not outlive them.
    const { record } = entry;
    record.text = text;
    record.cookie = cookie;
    record.size = size;
    record.expires = expires;
    record.date = undefined;
    if (entry.rank !== "newcomers") this.#move(entry, entry.rank);
  }

  /** Forgets `entry`. Every way out of the vault goes through here, but for that of all at once. */
  remove(entry: Entry, reason: Reason): void {
    this.#changes++;
    this.#entries.remove(entry.sid);
    this.#queues[entry.rank].remove(entry);
    entry.made = GONE;
    // A live session that came from it needs this no more: all its saves are late.
    if (reason === "destroy") entry.record.text = "";
    this.#onLeave(entry, reason);
  }

  /** Forgets all, whatever their number: nothing holds them any more. */
  clear(): void {
    this.#changes++;
    this.#entries = new ShardedMap();
    this.#queues = emptyQueues();
  }

  /** Forgets the expired entries, in steps, and tells how many there were. */
  *purge(): Generator<void, number, undefined> {
    let expired = 0;
    let looked = 0;
    for (const entry of this.walk()) {
      if (!entry) expired++;
      if (++looked % STRIDE === 0) yield;
    }
    return expired;
  }

  /**
   * Evicts until at most `target` bytes are left, in steps: the expired first,
   * then who is next. Tells how many were evicted. Meanwhile the limit is for
   * {@linkcode limit} to keep.
   */
  *reduce(target: number, saved?: Entry): Generator<void, number, undefined> {
    if (this.bytes <= target) return 0;
    yield* this.purge();
    let evicted = 0;
    while (this.bytes > target && this.#evict(saved)) {
      if (++evicted % STRIDE === 0) yield;
    }
    return evicted;
  }

  /**
   * Evicts until the limit is kept. `saved` is the entry whose save made it
   * necessary: what was saved without an error is kept, so it goes last of all.
   */
  limit(saved: Entry): void {
    while (this.bytes > this.#maxSize && this.#evict(saved));
  }

  /** Evicts who is next, by section 4 of the contract, and tells whether there was anybody. */
  #evict(saved: Entry | undefined): boolean {
    const { newcomers, returning, protected: guarded } = this.#queues;
    const order = newcomers.bytes < this.#maxSize * NEWCOMERS_SHARE
      ? [returning, guarded, newcomers]
      : [newcomers, returning, guarded];
    for (const { first } of order) {
      const next = first === saved ? first?.after : first;
      if (!next) continue;
      this.remove(next, "evict");
      return true;
    }
    return false;
  }

  #measure(entry: Entry, size: number): void {
    this.#queues[entry.rank].bytes += size - entry.record.size;
  }

  #move(entry: Entry, rank: Rank): void {
    this.#queues[entry.rank].remove(entry);
    entry.rank = rank;
    this.#queues[rank].append(entry);
  }

  *#walk(
    entries: ShardedMap<Entry>,
    youngest: number,
  ): Generator<Entry | undefined, void, undefined> {
    for (const shard of entries.shards) {
      for (const entry of shard.values()) {
        // All were cleared meanwhile.
        if (this.#entries !== entries) return;
        if (entry.made > youngest) break;
        if (entry.made !== GONE) yield this.#isLive(entry, this.#clock()) ? entry : undefined;
      }
    }
  }

  #isLive(entry: Entry, now: number): boolean {
    if (entry.record.expires > now) return true;
    this.remove(entry, "expire");
    return false;
  }
}

function emptyQueues(): Record<Rank, Queue> {
  return { newcomers: new Queue(), returning: new Queue(), protected: new Queue() };
}
