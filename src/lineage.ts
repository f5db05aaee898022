// @ts-types="npm:@types/express-session@^1.18.0"
import type { SessionData } from "express-session";
import { isObject } from "./checks.ts";
import type { Serializer } from "./options.ts";
import { ShardedMap } from "./shards.ts";
import { DESTROYED, type Entry, type Version } from "./vault.ts";

/** The time from one clearing of a store to the next. */
export interface Era {
  readonly lineage: Lineage;
}

/** Which kept version a live session came from. */
export interface Origin {
  /**
   * The entry of the session: the same from its first save until it is
   * destroyed, however often it was evicted or expired between.
   */
  readonly entry: Entry;
  /** What was kept then: a merge tells by it what has changed since. */
  readonly version: Version;
}

class Same {
  constructor(session: object) {
    return session;
  }
}

/**
 * Writes the origin on a live session itself, where nobody else can see it: a
 * class may give its private fields to any object that its base returns. A
 * `WeakMap` would do the same and make `get` a third slower.
 */
class Marked extends Same {
  #entry: Entry;
  #version: Version;

  private constructor(session: object, { entry, version }: Origin) {
    super(session);
    this.#entry = entry;
    this.#version = version;
  }

  static mark(session: object, origin: Origin): void {
    if (#entry in session) {
      session.#entry = origin.entry;
      session.#version = origin.version;
    } else if (Object.isExtensible(session)) {
      new Marked(session, origin);
    }
  }

  static originOf(session: unknown): Origin | undefined {
    return isObject(session) && #entry in session
      ? { entry: session.#entry, version: session.#version }
      : undefined;
  }
}

/** How many departed entries are looked at for each one that departs. */
const SWEPT = 2;

/**
 * Knows of each live session which kept version it came from, for as long as
 * the live session exists. By that a save can tell that it comes too late, or
 * that another one was faster.
 */
export class Lineage {
  // Entries that were evicted or expired, for as long as live sessions come from them.
  #departed = new ShardedMap<WeakRef<Entry>>();
  #sweep = this.#sweeping();
  #era: Era = { lineage: this };

  /** Where `session` came from, if that was the session of this `sid`. */
  of(session: SessionData, sid: string): Origin | undefined {
    const origin = this.#originOf(session);
    return origin?.entry.sid === sid ? origin : undefined;
  }

  /** Whether what `origin` tells of was destroyed, or cleared with all others. */
  isOver({ entry }: Origin): boolean {
    return entry.made === DESTROYED || entry.era !== this.#era;
  }

  /** Notes that `session` was loaded from `entry` as it is now. */
  loaded(session: SessionData, entry: Entry): void {
    this.#mark(session, entry, entry.version);
  }

  /** Notes that `to` was made of what was loaded as `from`. */
  copied(from: SessionData, to: SessionData): void {
    const origin = this.#originOf(from);
    if (origin) Marked.mark(to, origin);
  }

  /**
   * Whether `session`, which does not come from the session of the id that it
   * is saved under, has an origin from then on. Plain data that was never
   * loaded gets none: its next save is as plain. What was loaded under another
   * id is plain data here, and keeps its origin there.
   */
  follows(session: SessionData): boolean {
    return !this.#originOf(session) && isOfRequest(session);
  }

  /** Notes that `session` was saved to `entry`; if it was merged, as `text`. */
  saved(session: SessionData, entry: Entry, text?: string): void {
    // A session whose save was merged lacks what the others saved: it has a version of its own.
    this.#mark(session, entry, text === undefined ? entry.version : { text });
  }

  /** Remembers an entry that was evicted or expired, if live sessions may have come from it. */
  departed(entry: Entry): void {
    if (!entry.era) return;
    this.#departed.set(entry.sid, new WeakRef(entry));
    for (let i = 0; i < SWEPT; i++) this.#sweep.next();
  }

  /** The departed entry of `sid`, for a save that makes the session anew. */
  takeDeparted(sid: string): Entry | undefined {
    const entry = this.#departed.get(sid);
    if (entry) this.#departed.delete(sid);
    return entry?.deref();
  }

  /** Notes that the session of `sid`, which is not kept, was destroyed. */
  end(sid: string): void {
    const entry = this.takeDeparted(sid);
    if (entry) entry.made = DESTROYED;
  }

  /** Notes that all sessions were destroyed. */
  endAll(): void {
    this.#era = { lineage: this };
    this.#departed = new ShardedMap();
    this.#sweep = this.#sweeping();
  }

  /** Drops all departed entries that no live session comes from, in steps. */
  *sweep(): Generator<void, void, undefined> {
    for (let left = this.#departed.size; left > 0; left--) {
      this.#sweep.next();
      yield;
    }
  }

  /** Goes round and round the departed entries, and drops those that are gone. */
  *#sweeping(): Generator<void, never, undefined> {
    for (;;) {
      yield;
      for (const shard of this.#departed.shards) {
        for (const [sid, entry] of shard) {
          if (!entry.deref() && this.#departed.get(sid) === entry) this.#departed.delete(sid);
          yield;
        }
      }
    }
  }

  #mark(session: SessionData, entry: Entry, version: Version): void {
    entry.era ??= this.#era;
    Marked.mark(session, { entry, version });
  }

  #originOf(session: SessionData): Origin | undefined {
    const origin = Marked.originOf(session);
    return origin?.entry.era?.lineage === this ? origin : undefined;
  }
}

/**
 * What becomes of a save that another one overtook: key by key, what `session`
 * changed or deleted since it was `before` wins, and the rest is as in `kept`.
 * The cookie is that of `session`. Gives the text of `session` beside it.
 */
export function merge(
  session: SessionData,
  before: string,
  kept: string,
  serializer: Serializer,
): { merged: SessionData; text: string } {
  const text = serializer.stringify(session);
  const mine = serializer.parse(text);
  const base = serializer.parse(before);
  const merged = serializer.parse(kept);
  const textOf = (key: string, from: SessionData) =>
    serializer.stringify(put({ cookie: mine.cookie }, key, from));
  const mineKeys = new Set(Object.keys(mine));
  const baseKeys = new Set(Object.keys(base));
  for (const key of mineKeys) {
    if (!baseKeys.has(key) || textOf(key, base) !== textOf(key, mine)) put(merged, key, mine);
  }
  for (const key of baseKeys) {
    if (!mineKeys.has(key) && !isHidden(key, session)) Reflect.deleteProperty(merged, key);
  }
  merged.cookie = session.cookie;
  return { merged, text };
}

/** Sets a key as data, whatever its name: assigning to `__proto__` would do something else. */
function put(to: SessionData, key: string, from: SessionData): SessionData {
  const { value } = Object.getOwnPropertyDescriptor(from, key)!;
  return Object.defineProperty(to, key, {
    value,
    configurable: true,
    enumerable: true,
    writable: true,
  });
}

/** express-session's `Session` leaves out keys of the names it uses itself: they were not deleted. */
function isHidden(key: string, session: SessionData): boolean {
  return isOfRequest(session) && key in session;
}

/** Whether this is the `Session` of a request, rather than plain data. */
function isOfRequest(session: SessionData): boolean {
  return Object.getOwnPropertyDescriptor(session, "req")?.enumerable === false;
}
