// @ts-types="npm:@types/express-session@^1.18.0"
import type { SessionData } from "express-session";
import type { Serializer } from "./options.ts";
import { type Entry, GONE } from "./vault.ts";

/** Which kept version a live session came from. */
export interface Origin {
  readonly entry: Entry;
  /** The version of the entry that the live session knows, or {@linkcode BEHIND}. */
  readonly version: number;
  /** What the live session was then: a merge tells by it what has changed since. */
  readonly text: string;
}

/** No version at all: a session whose save was merged lacks what the others saved. */
const BEHIND = -1;

/**
 * Knows of each live session which kept version it came from, for as long as
 * the live session exists. By that a save can tell that it comes too late, or
 * that another one was faster.
 */
export class Lineage {
  readonly #origins = new WeakMap<object, Origin>();
  // Entries that left without being destroyed, while live sessions may still come from them.
  readonly #departed = new Map<string, WeakRef<Entry>>();
  readonly #collected = new FinalizationRegistry((sid: string) => {
    if (!this.#departed.get(sid)?.deref()) this.#departed.delete(sid);
  });

  /** Where `session` came from, if that was the session of this `sid`. */
  of(session: SessionData, sid: string): Origin | undefined {
    const origin = this.#origins.get(session);
    return origin?.entry.sid === sid ? origin : undefined;
  }

  /** Notes that `session` was loaded from `entry` as it is now. */
  loaded(session: SessionData, entry: Entry): void {
    this.#note(session, entry, entry.version, entry.text);
  }

  /** Notes that `to` was made of what was loaded as `from`. */
  copied(from: SessionData, to: SessionData): void {
    const origin = this.#origins.get(from);
    if (origin) this.#origins.set(to, origin);
  }

  /**
   * Whether `session` has an origin once it is saved under this `sid`. Plain
   * data that was never loaded gets none: its next save is as plain. What was
   * loaded under another id is plain data here, and keeps its origin there.
   */
  follows(session: SessionData, sid: string): boolean {
    const origin = this.#origins.get(session);
    return origin ? origin.entry.sid === sid : isOfRequest(session);
  }

  /** Notes that `session` was saved to `entry`; if it was merged, as `text`. */
  saved(session: SessionData, entry: Entry, text?: string): void {
    if (text === undefined) this.loaded(session, entry);
    else this.#note(session, entry, BEHIND, text);
  }

  /** Remembers an entry that was evicted or expired, if something live may come from it. */
  departed(entry: Entry): void {
    if (!entry.hasHeirs) return;
    this.#departed.set(entry.sid, new WeakRef(entry));
    this.#collected.register(entry, entry.sid);
  }

  /** The departed entry of `sid`, for a save that makes the session anew. */
  takeDeparted(sid: string): Entry | undefined {
    const entry = this.#departed.get(sid)?.deref();
    this.#departed.delete(sid);
    return entry;
  }

  /** Notes that the departed entry of `sid`, or each of them, was destroyed after it had left. */
  end(sid?: string): void {
    for (const one of sid === undefined ? [...this.#departed.keys()] : [sid]) {
      const entry = this.takeDeparted(one);
      if (entry) entry.version = GONE;
    }
  }

  #note(session: SessionData, entry: Entry, version: number, text: string): void {
    entry.hasHeirs = true;
    this.#origins.set(session, { entry, version, text });
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
