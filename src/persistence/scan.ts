import { RANKS } from "../core/vault/entry.ts";
import type { Entry, Observer, Port, Row } from "../core/port.ts";
import { monotonicNow } from "../util/time.ts";
import { rowOf, type Rows, touchOf } from "./rows.ts";

/** How a session has changed: bits of a number. */
type Change = number;
/** It stays in its place in the order. */
const STAYED: Change = 0;
/** It went to the end of its rank. */
const MOVED: Change = 1;
/** It has left, and may have come back. */
const LEFT: Change = 2;
/** More than its place, its rank, its life and its cookie has changed. */
const SAVED: Change = 4;

/** More changes than these are not kept in memory: the file is written anew then. */
export const MAX_CHANGES = 100_000;

/** So many rows are written at once without anybody noticing. */
const MAX_AT_ONCE = 500;

/**
 * Which sessions of a store have changed, each once, the last to move at the
 * end. An {@linkcode Observer} of that store.
 */
export class Changes implements Observer {
  /** By id, in the order in which they moved. */
  #changes = new Map<string, Change>();
  #isTruncated = false;
  #isVoid = false;
  #since: number | undefined;
  /** What has changed since these were taken. */
  #later: Changes | undefined;

  /** When the oldest of them came, by the clock that does not jump. */
  get since(): number | undefined {
    return this.#since;
  }

  /** How many sessions have changed. */
  get size(): number {
    return this.#changes.size;
  }

  /** Whether nothing has changed. */
  get isEmpty(): boolean {
    return this.#changes.size === 0 && !this.#isTruncated && !this.#isVoid;
  }

  /** Whether more has changed than is kept: only a whole new file tells of it. */
  get isVoid(): boolean {
    return this.#isVoid;
  }

  /** Whether a session has changed. */
  has(sid: string): boolean {
    return this.#changes.has(sid);
  }

  /** Whether more of a session has changed than a touch changes, or may have. */
  isSaved(sid: string): boolean {
    return this.#isVoid || (this.#changeOf(sid) & SAVED) !== 0;
  }

  /** Forgets that a session has changed. */
  forget(sid: string): void {
    this.#changes.delete(sid);
  }

  upsert(entry: Entry, isDataSame?: boolean): void {
    const change = this.#changeOf(entry.sid) | (isDataSame ? 0 : SAVED);
    // The last of its rank has moved there, or is new, or was there before, which is the same.
    if (!entry.next) this.#putLast(entry.sid, change | MOVED);
    else this.#put(entry.sid, change);
  }

  delete({ sid }: { readonly sid: string }): void {
    this.#putLast(sid, LEFT | SAVED);
  }

  /** A file may have what the store does not keep any more. */
  end(sid: string): void {
    this.#putLast(sid, LEFT | SAVED);
  }

  truncate(): void {
    this.#since ??= monotonicNow();
    this.#changes = new Map();
    this.#isTruncated = true;
    this.#isVoid = false;
  }

  /** Notes that a session goes to the end of its rank, and may have no row yet. */
  moved(sid: string): void {
    this.#putLast(sid, this.#changeOf(sid) | MOVED | SAVED);
  }

  /** Returns the changes so far, and begins anew. */
  take(): Changes {
    const taken = new Changes();
    taken.#become(this);
    taken.#later = this;
    this.#become(new Changes());
    return taken;
  }

  /** Takes back changes that came before these. */
  takeBack(earlier: Changes): void {
    const later = this.take();
    this.#become(earlier);
    this.#since ??= later.#since;
    if (later.#isTruncated) this.truncate();
    if (later.#isVoid) this.#void();
    for (const [sid, change] of later.#changes) {
      if (change & LEFT) this.#putLast(sid, change);
      else if (change & MOVED) this.#putLast(sid, this.#changeOf(sid) | change);
      else this.#put(sid, this.#changeOf(sid) | change);
    }
  }

  /**
   * The rows that tell of these changes, which must not go on. Yields
   * `undefined` where the caller may leave it alone for a while.
   */
  *rows(port: Port): Rows {
    if (this.#isTruncated) yield [];
    for (const [sid, change] of this.#changes) {
      const entry = port.find(sid);
      if (!entry) {
        yield [sid];
      } else {
        const stays = (change & MOVED) === 0;
        // It has come back, but not to the place that it had.
        if (stays && change & LEFT) yield [sid];
        const row = port.read(entry);
        // With the cookie of a later save, a touch would be of no state that there was.
        yield change & SAVED || this.#later?.isSaved(sid) ? rowOf(row, stays) : touchOf(row, stays);
      }
      yield;
    }
  }

  #changeOf(sid: string): Change {
    return this.#changes.get(sid) ?? STAYED;
  }

  /** Notes a change after which a session is the last to have moved. */
  #putLast(sid: string, change: Change): void {
    this.#changes.delete(sid);
    this.#put(sid, change);
  }

  #put(sid: string, change: Change): void {
    if (this.#isVoid) return;
    this.#since ??= monotonicNow();
    this.#changes.set(sid, change);
    if (this.#changes.size > MAX_CHANGES) this.#void();
  }

  #void(): void {
    this.#changes = new Map();
    this.#isVoid = true;
  }

  #become(other: Changes): void {
    this.#changes = other.#changes;
    this.#isTruncated = other.#isTruncated;
    this.#isVoid = other.#isVoid;
    this.#since = other.#since;
  }
}

/**
 * Goes through the live sessions of a store in the order in which they are
 * evicted, however they change. What was met and has changed since is among the
 * {@linkcode Scan.changes}.
 */
export class Scan implements Observer {
  readonly #port: Port;
  readonly #stop: () => void;
  /** What has changed since the start, or since this was taken. */
  readonly changes = new Changes();
  /** Where the walk through a rank goes on, and where it ends. */
  #next: Entry | undefined;
  #end: Entry | undefined;

  constructor(port: Port) {
    this.#port = port;
    this.#stop = port.observe(this);
  }

  /** Stops observing. */
  stop(): void {
    this.#stop();
  }

  /** The rows of all sessions, once. Yields `undefined` where it may be left alone for a while. */
  *walk(): Rows {
    for (const rank of RANKS) {
      // What will be appended is not met: it is among the changes.
      const { first, last } = this.#port.queue(rank);
      this.#next = first;
      this.#end = last;
      while (this.#next) {
        const entry = this.#next;
        this.#goOn();
        const row = this.#rowOf(entry);
        if (row) yield rowOf(row, false);
        yield;
      }
    }
  }

  /**
   * The rows of what has changed. Goes through twice as much as comes in
   * between, so that less is left each time, however busy the store is.
   */
  *changed(): Rows {
    let rows = 0;
    let goal = 0;
    for (const row of this.changes.take().rows(this.#port)) {
      if (row) {
        rows++;
        yield row;
      } else if (rows >= goal) {
        const before = this.changes.size;
        const hasWaited = yield;
        const came = this.changes.size - before;
        // What came while the disk was slow is no reason to hold the event loop.
        goal = rows + 2 * (hasWaited ? Math.min(came, MAX_AT_ONCE) : came);
      }
    }
  }

  move(entry: Entry): void {
    if (this.#next === entry) this.#goOn();
    if (this.#end === entry) this.#end = entry.prev;
    this.changes.moved(entry.sid);
  }

  upsert(entry: Entry, isDataSame?: boolean): void {
    this.changes.upsert(entry, isDataSame);
  }

  delete(entry: Entry): void {
    this.changes.delete(entry);
  }

  end(sid: string): void {
    this.changes.end(sid);
  }

  truncate(): void {
    this.#next = undefined;
    this.changes.truncate();
  }

  #goOn(): void {
    this.#next = this.#next === this.#end ? undefined : this.#next?.next;
  }

  /** Nothing if it has expired, and leaves at this moment. */
  #rowOf(entry: Entry): Row | undefined {
    const isNoted = this.changes.has(entry.sid);
    if (this.#port.find(entry.sid) === entry) return this.#port.read(entry);
    // Nothing has been written of it.
    if (!isNoted) this.changes.forget(entry.sid);
    return undefined;
  }
}
