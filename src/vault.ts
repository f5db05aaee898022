import type { SessionRecord } from "./record.ts";

/**
 * How well a session is known, which decides how soon it is evicted:
 * newcomers have not been asked for since they were made, returning sessions
 * have, and the protected ones are those that the option `protect` names.
 */
export type Rank = "newcomers" | "returning" | "protected";

/** Why a session left. */
export type Reason = "clear" | "destroy" | "evict" | "expire";

/** A session in the vault. Only the vault changes it. */
export interface Entry {
  readonly sid: string;
  /** The version it was made as: an iterator stops at entries younger than itself. */
  made: number;
  /** Another one after each save, and {@linkcode GONE} once it is destroyed. */
  version: number;
  text: string;
  /** In bytes. */
  size: number;
  /** In milliseconds since the epoch. */
  expires: number;
  rank: Rank;
  /** Whether a live session may come from it: see lineage.ts. */
  hasHeirs: boolean;
  /** The neighbours in the rank: the one to be evicted before, and after. */
  before: Entry | undefined;
  after: Entry | undefined;
}

/** The version of an entry that was destroyed, or cleared with all others. */
export const GONE = 0;

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
    this.bytes += entry.size;
    this.count++;
  }

  remove(entry: Entry): void {
    if (entry.before) entry.before.after = entry.after;
    else this.first = entry.after;
    if (entry.after) entry.after.before = entry.before;
    else this.last = entry.before;
    entry.before = entry.after = undefined;
    this.bytes -= entry.size;
    this.count--;
  }
}

/**
 * The bounded memory: which sessions are kept, how many bytes they take, and
 * who goes first. Synchronous; time comes in as a number.
 */
export class Vault {
  readonly #maxSize: number;
  readonly #onLeave: (entry: Entry, reason: Reason) => void;
  readonly #entries = new Map<string, Entry>();
  readonly #queues: Record<Rank, Queue> = {
    newcomers: new Queue(),
    returning: new Queue(),
    protected: new Queue(),
  };
  #version = GONE;

  /**
   * @param maxSize The limit, in bytes.
   * @param onLeave Told of every session that leaves, once it has left.
   */
  constructor(
    maxSize: number,
    onLeave: (entry: Entry, reason: Reason) => void,
  ) {
    this.#maxSize = maxSize;
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

  /** The number of entries of a rank. */
  count(rank: Rank): number {
    return this.#queues[rank].count;
  }

  /** The live entry of `sid`; an expired one is forgotten. */
  find(sid: string, now: number): Entry | undefined {
    const entry = this.#entries.get(sid);
    return entry && this.#live(entry, now) ? entry : undefined;
  }

  /** The live entries there are now, each once; those that expired are forgotten. */
  live(clock: () => number): Generator<Entry, void, undefined> {
    return this.#liveUpTo(this.#version, clock);
  }

  /** Notes that `entry` was asked for: it is no newcomer any more, and the last of its rank to go. */
  use(entry: Entry): void {
    this.#move(entry, entry.rank === "newcomers" ? "returning" : entry.rank);
  }

  /**
   * Keeps `record` under `sid`, in `former` if that is how the session was
   * kept before it left. What this takes over the limit is for
   * {@linkcode reduce} to mend.
   */
  keep(sid: string, record: SessionRecord, isProtected: boolean, former?: Entry): Entry {
    const version = ++this.#version;
    let entry = this.#entries.get(sid);
    if (entry) {
      this.replace(entry, record);
      if (isProtected) this.#move(entry, "protected");
      else if (entry.rank === "protected") this.#move(entry, "returning");
    } else {
      const rank = isProtected ? "protected" : "newcomers";
      entry = Object.assign(
        former ?? { hasHeirs: false, before: undefined, after: undefined },
        {
          sid,
          made: version,
          version,
          text: record.text,
          size: record.size,
          expires: record.expires,
          rank,
        } as const,
      );
      this.#entries.set(sid, entry);
      this.#queues[rank].append(entry);
    }
    entry.version = version;
    return entry;
  }

  /** Keeps `record` in the place of what `entry` was. Newcomers stay in the order they were made in. */
  replace(entry: Entry, record: SessionRecord): void {
    this.#queues[entry.rank].bytes += record.size - entry.size;
    entry.text = record.text;
    entry.size = record.size;
    entry.expires = record.expires;
    if (entry.rank !== "newcomers") this.#move(entry, entry.rank);
  }

  /** Forgets `entry`. Every way out of the vault goes through here. */
  remove(entry: Entry, reason: Reason): void {
    this.#entries.delete(entry.sid);
    this.#queues[entry.rank].remove(entry);
    entry.text = "";
    if (reason === "destroy" || reason === "clear") entry.version = GONE;
    this.#onLeave(entry, reason);
  }

  /** Forgets all. */
  clear(): void {
    for (const entry of this.#entries.values()) this.remove(entry, "clear");
  }

  /** Forgets the expired entries, and tells how many there were. */
  purge(now: number): number {
    const before = this.size;
    for (const entry of this.#entries.values()) this.#live(entry, now);
    return before - this.size;
  }

  /**
   * Evicts until at most `target` bytes are left: the expired first, then who
   * is next. `saved` is the entry whose save made it necessary: a save that
   * gave no error is kept, so it goes last of all, and `target` has room for
   * it alone. Tells how many were evicted.
   */
  reduce(target: number, now: number, saved?: Entry): number {
    if (this.bytes <= target) return 0;
    this.purge(now);
    let evicted = 0;
    while (this.bytes > target) {
      const next = this.#next(saved);
      if (!next) break;
      this.remove(next, "evict");
      evicted++;
    }
    return evicted;
  }

  /** Who is evicted next: section 4 of the contract. */
  #next(saved: Entry | undefined): Entry | undefined {
    const { newcomers, returning, protected: guarded } = this.#queues;
    const order = newcomers.bytes < this.#maxSize * NEWCOMERS_SHARE
      ? [returning, guarded, newcomers]
      : [newcomers, returning, guarded];
    for (const { first } of order) {
      const next = first === saved ? first?.after : first;
      if (next) return next;
    }
  }

  #move(entry: Entry, rank: Rank): void {
    this.#queues[entry.rank].remove(entry);
    entry.rank = rank;
    this.#queues[rank].append(entry);
  }

  *#liveUpTo(youngest: number, clock: () => number): Generator<Entry, void, undefined> {
    for (const entry of this.#entries.values()) {
      if (entry.made > youngest) return;
      if (this.#live(entry, clock())) yield entry;
    }
  }

  #live(entry: Entry, now: number): boolean {
    if (entry.expires > now) return true;
    this.remove(entry, "expire");
    return false;
  }
}
