import type { Life } from "./lineage.ts";
import type { SessionRecord, Touched } from "./record.ts";
import { ShardedMap } from "./sharded_map.ts";
import { tell, type Watchers } from "./watchers.ts";

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
export type Reason = "destroy" | "evict" | "expire" | "refuse";

/** In place of an entry's number: it was evicted, or has expired. */
export const DEPARTED = 0;

/** In place of an entry's number: it was destroyed. */
const DESTROYED = -1;

/** The text of a session as it was saved: another object after each save, the same after a touch. */
export interface Version {
  text: string;
}

/** A session in the vault. Only the vault changes it, but for its life. */
export class Entry implements SessionRecord {
  readonly sid: string;
  version: Version = { text: "" };
  cookie: SessionRecord["cookie"];
  size = 0;
  expires = 0;
  /** Its number among all that were made, or what has become of it. */
  made = DEPARTED;
  /** The sessions of its rank, itself among them. */
  queue: Queue;
  /** What it shares with the live sessions that came from it: see lineage.ts. */
  life: Life | undefined;
  /** The neighbours in the queue: the one to be evicted before, and after. */
  older: Entry | undefined;
  newer: Entry | undefined;

  constructor(sid: string, queue: Queue, life?: Life) {
    this.sid = sid;
    this.queue = queue;
    this.life = life;
  }

  get text(): string {
    return this.version.text;
  }
}

/** How many entries are looked at in one step. */
const STRIDE = 64;

/** The share of the limit that newcomers may take from the other ranks. */
const NEWCOMERS_SHARE = 1 / 8;

/** The sessions of one rank, in the order in which they are evicted. */
export class Queue {
  readonly rank: Rank;
  first: Entry | undefined;
  last: Entry | undefined;
  bytes = 0;
  count = 0;

  constructor(rank: Rank) {
    this.rank = rank;
  }

  /** The entry to be evicted first, if that is not `spared`, or else the next one. */
  next(spared: Entry | undefined): Entry | undefined {
    return this.first === spared ? this.first?.newer : this.first;
  }

  append(entry: Entry): void {
    entry.queue = this;
    entry.older = this.last;
    if (this.last) this.last.newer = entry;
    else this.first = entry;
    this.last = entry;
    this.bytes += entry.size;
    this.count++;
  }

  remove(entry: Entry): void {
    if (entry.older) entry.older.newer = entry.newer;
    else this.first = entry.newer;
    if (entry.newer) entry.newer.older = entry.older;
    else this.last = entry.older;
    entry.older = entry.newer = undefined;
    this.bytes -= entry.size;
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
  #made = 0;
  #changes = 0;
  /** Who is told of changes: see watchers.ts. */
  watchers: Watchers | undefined;

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

  /** The number of entries of each rank. */
  get counts(): Record<Rank, number> {
    const { newcomers, returning, protected: guarded } = this.#queues;
    return { newcomers: newcomers.count, returning: returning.count, protected: guarded.count };
  }

  /** The entries of a rank. */
  queue(rank: Rank): Queue {
    return this.#queues[rank];
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
    return this.#walk(this.#entries, this.#made);
  }

  /** Notes that `entry` was asked for: it is no newcomer any more, and the last of its rank to go. */
  use(entry: Entry): void {
    const { newcomers, returning } = this.#queues;
    this.#move(entry, entry.queue === newcomers ? returning : entry.queue);
  }

  /** Makes an entry. What this takes over the limit is for {@linkcode limit} to mend. */
  add(sid: string, record: SessionRecord, isProtected: boolean, life?: Life): Entry {
    const queue = this.#queues[isProtected ? "protected" : "newcomers"];
    const entry = new Entry(sid, queue, life);
    entry.version.text = record.text;
    this.#write(entry, record);
    tell(this, entry, true);
    this.enter(entry);
    queue.append(entry);
    return entry;
  }

  /** Makes `entry` one of those here; its place in a queue is for the caller to find. */
  enter(entry: Entry): void {
    this.#changes++;
    entry.made = ++this.#made;
    this.#entries.add(entry);
  }

  /** Saves `record` to `entry`. Newcomers stay in the order they were made in. */
  save(entry: Entry, record: SessionRecord, isProtected: boolean): void {
    const { newcomers, returning, protected: guarded } = this.#queues;
    this.#changes++;
    tell(this, entry, false);
    entry.queue.bytes += record.size - entry.size;
    entry.version = { text: record.text };
    this.#write(entry, record);
    if (isProtected) this.#move(entry, guarded);
    else if (entry.queue !== newcomers) this.#move(entry, returning);
  }

  /** Replaces what is kept in `entry` by `record`, which has the same data. */
  touch(entry: Entry, record: Touched): void {
    tell(this, entry, false);
    if (record.text !== undefined) entry.version.text = record.text;
    entry.queue.bytes += record.size - entry.size;
    this.#write(entry, record);
    if (entry.queue !== this.#queues.newcomers) this.#move(entry, entry.queue);
  }

  /** Forgets `entry`. Every way out of the vault goes through here, but for that of all at once. */
  remove(entry: Entry, reason: Reason): void {
    this.#changes++;
    tell(this, entry, true);
    this.#entries.remove(entry);
    entry.queue.remove(entry);
    entry.made = reason === "destroy" ? DESTROYED : DEPARTED;
    // A live session that came from it needs this no more: all its saves are late.
    if (reason === "destroy") entry.version.text = "";
    this.#onLeave(entry, reason);
  }

  /** Forgets all, whatever their number: nothing holds them any more. */
  clear(): void {
    this.#changes++;
    tell(this, undefined, true);
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

  /** Evicts who is next, and tells whether there was anybody. */
  #evict(spared: Entry | undefined): boolean {
    const next = this.next(spared);
    if (next) this.remove(next, "evict");
    return next !== undefined;
  }

  /** Who is to be evicted next, by section 4 of the contract. */
  next(spared?: Entry): Entry | undefined {
    const { newcomers, returning, protected: guarded } = this.#queues;
    const known = returning.next(spared) ?? guarded.next(spared);
    const newcomer = newcomers.next(spared);
    return newcomers.bytes < this.#maxSize * NEWCOMERS_SHARE
      ? known ?? newcomer
      : newcomer ?? known;
  }

  #write(entry: Entry, { cookie, size, expires }: Touched): void {
    entry.cookie = cookie;
    entry.size = size;
    entry.expires = expires;
  }

  #move(entry: Entry, queue: Queue): void {
    if (entry === queue.last) return;
    tell(this, entry, true);
    entry.queue.remove(entry);
    queue.append(entry);
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
        if (entry.made > DEPARTED) yield this.#isLive(entry, this.#clock()) ? entry : undefined;
      }
    }
  }

  #isLive(entry: Entry, now: number): boolean {
    if (entry.expires > now) return true;
    this.remove(entry, "expire");
    return false;
  }
}

function emptyQueues(): Record<Rank, Queue> {
  return {
    newcomers: new Queue("newcomers"),
    returning: new Queue("returning"),
    protected: new Queue("protected"),
  };
}
