// @ts-types="npm:@types/express-session@^1.18.0"
import type { SessionData } from "express-session";
import { userOfPassport } from "../options.ts";
import { ShardedMap } from "../util/sharded_map.ts";
import { sessionOf, TOO_LARGE } from "./record/record.ts";
import type { Sessions } from "./sessions.ts";
import {
  Entry,
  Identity,
  type Queue,
  type Rank,
  RANKS,
  type Reason,
  type Row,
  type SessionRecord,
  type TouchRow,
} from "./vault/entry.ts";
import { emptyQueues, type Observer } from "./vault/vault.ts";

/** What became of the sessions of a file. */
export interface Restored {
  /** How many are in the store now. */
  sessions: number;
  /** How many had expired. */
  expired: number;
  /** How many the store has no room for, had already, or could not take. */
  omitted: number;
}

/** What {@linkcode Restoration.enter} tells of. */
export interface Watcher {
  /** Called with each session that has expired. */
  expired?(entry: Entry): void;
  /** Returns the error to throw for a session that the serializer cannot read. */
  unreadable(at: number, cause: unknown): Error;
  /** Called if the option `user` threw, with the number of sessions and the first error. */
  refused(sessions: number, cause: unknown): void;
}

/** How many sessions are looked at in one step. */
const STRIDE = 16;

/** So much of a rank may be staged, as a multiple of `maxSize`: rows that follow may take some of it back. */
const STAGED_SHARE = 2;

/**
 * The sessions of a file on their way to a store. They are kept as the store
 * itself will keep them, and come to it when all rows have been read: a later
 * one may take back what an earlier one said. What is destroyed, revoked or
 * cleared meanwhile, from the construction on, stays away.
 */
export class Restoration implements Observer {
  readonly #sessions: Sessions;
  readonly #stop: () => void;
  /** Their numbers mean nothing yet, and their revisions say where their rows are. */
  #staged = new ShardedMap<Entry>();
  #queues = emptyQueues();
  /** The ids of sessions that the store cannot take. */
  #omitted = new Set<string>();
  /** The ids of sessions that have left meanwhile. */
  readonly #ended = new Set<string>();
  /** The users that were revoked meanwhile, and which session each revocation spared. */
  readonly #revoked = new Map<string, (string | undefined)[]>();
  #isCleared = false;
  /** The number of the entry that moved last, and one that all entries from the file are below. */
  #moved = 0;
  #first = -Infinity;
  /** How many of those that had come to the store were evicted since. */
  #evicted = 0;
  /** Whether a session of the file comes to the store at this moment. */
  isEntering = false;

  constructor(sessions: Sessions) {
    this.#sessions = sessions;
    this.#stop = sessions.vault.observe(this);
  }

  /** Stops watching the store. */
  stop(): void {
    this.#stop();
  }

  /** An entry is about to leave, or to move; it has no number any more when it has left. */
  move({ number }: Entry): void {
    this.#moved = number;
  }

  delete({ sid }: Entry, reason: Reason): void {
    this.#ended.add(sid);
    // It had to make room for newcomers, which have a share of their own.
    if (reason === "evict" && this.#moved < this.#first) this.#evicted++;
  }

  end(sid: string): void {
    this.#ended.add(sid);
  }

  revoke(user: string, spared: string | undefined): void {
    const before = this.#revoked.get(user);
    if (before) before.push(spared);
    else this.#revoked.set(user, [spared]);
  }

  truncate(): void {
    this.#isCleared = true;
  }

  /**
   * Takes a session as the last of its rank, or in the place that it has.
   *
   * @param at Where its row is, for the errors: a small number.
   */
  put(row: Row, stays: boolean, at: number): void {
    const record = this.#made(() => this.#sessions.drafts.restored(row));
    if (!record || this.#isCleared) return this.#omit(row.sid);
    this.#omitted.delete(row.sid);
    const before = this.#staged.get(row.sid);
    const queue = this.#queues[row.rank];
    if (before && stays && before.queue === queue) {
      before.owner = row.user;
      before.revision = at;
      return rewrite(before, record, row.lastUsed);
    }
    before?.queue.remove(before);
    const { sid, created, lastUsed } = row;
    const identity = new Identity(sid, created, record.expires);
    const added = new Entry(identity, 1, at, queue, record, lastUsed);
    added.owner = row.user;
    this.#staged.set(sid, added);
    if (stays) queue.prepend(added);
    else queue.append(added);
    this.#limit(queue);
  }

  /** Gives a session another cookie, life and place. */
  touch(row: TouchRow, stays: boolean): void {
    const entry = this.#staged.get(row.sid);
    // The store has no room for it.
    if (!entry) return;
    const record = this.#made(() =>
      this.#sessions.drafts.retouched(entry, row.cookie, row.expires)
    );
    if (!record) return this.#omit(row.sid);
    rewrite(entry, record, row.lastUsed);
    if (stays && entry.rank === row.rank) return;
    entry.queue.remove(entry);
    if (stays) this.#queues[row.rank].prepend(entry);
    else this.#queues[row.rank].append(entry);
    this.#limit(entry.queue);
  }

  /** Forgets a session. */
  remove(sid: string): void {
    this.#omitted.delete(sid);
    this.#unstage(sid);
  }

  #unstage(sid: string): void {
    const entry = this.#staged.get(sid);
    if (!entry) return;
    this.#staged.delete(sid);
    entry.queue.remove(entry);
  }

  /** Forgets all sessions. */
  clear(): void {
    this.#omitted.clear();
    this.#staged = new ShardedMap();
    this.#queues = emptyQueues();
  }

  /**
   * Brings the sessions to the store, each to the front of its rank: those that
   * would be evicted last come first.
   */
  *enter(watcher: Watcher): Generator<void, Restored, undefined> {
    try {
      yield* this.#ask(watcher);
      return yield* this.#enter(watcher);
    } finally {
      this.#stop();
    }
  }

  /** Asks for the users of the sessions that have none. Nothing has come to the store before. */
  *#ask({ unreadable, refused }: Watcher): Generator<void, void, undefined> {
    let looked = 0;
    let count = 0;
    let first: unknown;
    for (const entry of this.#staged.values()) {
      if (this.#isLive(entry) && this.#mustRead(entry)) {
        let session: SessionData;
        try {
          session = sessionOf(entry, this.#sessions.options);
        } catch (cause) {
          throw unreadable(entry.revision, cause);
        }
        try {
          entry.owner ??= this.#sessions.userOf(session, entry.sid);
        } catch (thrown) {
          if (count++ === 0) first = thrown;
          this.#omit(entry.sid);
        }
      }
      if (++looked % STRIDE === 0) yield;
    }
    if (count > 0) refused(count, first);
  }

  *#enter(watcher: Watcher): Generator<void, Restored, undefined> {
    const { vault } = this.#sessions;
    this.#first = vault.oldest;
    let looked = 0;
    let expired = 0;
    let entered = 0;
    for (const rank of [...RANKS].reverse()) {
      for (let entry = this.#queues[rank].last; entry; entry = this.#queues[rank].last) {
        // The store takes it as it is.
        entry.queue.remove(entry);
        if (!this.#isLive(entry)) {
          expired++;
          if (watcher.expired && !this.#isOver(entry) && !vault.find(entry.sid, this.#now())) {
            watcher.expired(entry);
          }
        } else if (!this.#isOver(entry) && this.#restore(entry, rank)) {
          entered++;
        } else {
          this.#omitted.add(entry.sid);
        }
        if (++looked % STRIDE === 0) yield;
      }
    }
    this.#staged = new ShardedMap();
    const evicted = this.#evicted;
    return { sessions: entered - evicted, expired, omitted: this.#omitted.size + evicted };
  }

  #restore(entry: Entry, rank: Rank): boolean {
    this.isEntering = true;
    try {
      return this.#sessions.restore(entry, rank);
    } finally {
      this.isEntering = false;
    }
  }

  /** Whether a session has left the store while its file was read. */
  #isOver({ sid, user }: Entry): boolean {
    if (this.#isCleared || this.#ended.has(sid)) return true;
    const spared = user === undefined ? undefined : this.#revoked.get(user);
    return spared !== undefined && spared.some((one) => one !== sid);
  }

  #isLive({ expires }: Entry): boolean {
    return expires > this.#now();
  }

  #now(): number {
    return this.#sessions.now();
  }

  /** Whether a session has to be parsed: its user is not known, or another serializer has to read it. */
  #mustRead({ owner, text }: Entry): boolean {
    const { serializer, user } = this.#sessions.options;
    if (serializer !== JSON || text[0] !== "{") return true;
    // Nearly all sessions that nobody has signed in to.
    return owner === undefined && !(user === userOfPassport && !text.includes('"passport"'));
  }

  /** Returns a record, or nothing if it is too large for the store. */
  #made(make: () => SessionRecord): SessionRecord | undefined {
    try {
      return make();
    } catch (error) {
      if ((error as { code?: unknown } | null)?.code !== TOO_LARGE) throw error;
      return undefined;
    }
  }

  /** Leaves out what the store would evict first of a rank that alone is far more than it has room for. */
  #limit(queue: Queue): void {
    const limit = this.#sessions.options.maxSize * STAGED_SHARE;
    while (queue.bytes - queue.first!.size > limit) this.#omit(queue.first!.sid);
  }

  /** Leaves a session out, unless a later row of it says otherwise. */
  #omit(sid: string): void {
    this.#unstage(sid);
    this.#omitted.add(sid);
  }
}

function rewrite(entry: Entry, record: SessionRecord, lastUsed: number): void {
  const before = entry.size;
  Object.assign(entry, record);
  entry.queue.bytes += entry.size - before;
  entry.lastUsed = lastUsed;
}
