// @ts-types="npm:@types/express-session@^1.18.0"
import type { SessionData } from "express-session";
import { isObject } from "../util/errors.ts";
import { Departed } from "./weak_index.ts";
import type { Serializer } from "../options.ts";
import type { Entry, Version } from "./vault.ts";

/** The time from one clearing of a store to the next. */
interface Era {
  readonly lineage: Lineage;
}

/**
 * What all that was ever loaded of a session has in common, from its first
 * save until it is destroyed, however often it was evicted or expired between.
 * Live sessions hold it, and not the entry, whose neighbours they would hold too.
 */
export interface Life {
  readonly sid: string;
  readonly era: Era;
  isOver: boolean;
  /** Its place among those whose entries have left: see departed.ts. */
  next: Life | undefined;
  ringSize: number;
}

/** Which kept version a live session came from. */
export interface Origin {
  readonly life: Life;
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
  #life: Life;
  #version: Version;

  private constructor(session: object, { life, version }: Origin) {
    super(session);
    this.#life = life;
    this.#version = version;
  }

  static mark(session: object, origin: Origin): void {
    if (#life in session) {
      session.#life = origin.life;
      session.#version = origin.version;
    } else if (Object.isExtensible(session)) {
      new Marked(session, origin);
    }
  }

  static originOf(session: unknown): Origin | undefined {
    return isObject(session) && #life in session
      ? { life: session.#life, version: session.#version }
      : undefined;
  }
}

/**
 * Knows of each live session which kept version it came from, for as long as
 * the live session exists. By that a save can tell that it comes too late, or
 * that another one was faster.
 */
export class Lineage {
  #departed = new Departed();
  #era: Era = { lineage: this };

  /** Where `session` came from, if that was the session of this `sid`. */
  of(session: SessionData, sid: string): Origin | undefined {
    const origin = this.#originOf(session);
    return origin?.life.sid === sid ? origin : undefined;
  }

  /** Whether what `origin` tells of was destroyed, or cleared with all others. */
  isOver({ life }: Origin): boolean {
    return life.isOver || life.era !== this.#era;
  }

  /** Whether `session` came from one that had the id of `entry`, and was destroyed. */
  isLate(session: SessionData, entry: Entry): boolean {
    // Most came from the one that is there, and nothing more has to be looked up.
    if (Marked.originOf(session)?.life === entry.life) return false;
    const origin = this.of(session, entry.sid);
    return !!origin && this.isOver(origin);
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

  /** Remembers the life of an entry that was evicted or expired, if live sessions may have it too. */
  departed({ life }: Entry): void {
    if (life) this.#departed.add(life);
  }

  /** The life of the departed entry of `sid`, for a save that makes the session anew. */
  takeDeparted(sid: string): Life | undefined {
    return this.#departed.take(sid);
  }

  /** Notes that a session was destroyed, whether it was kept as `entry` or had departed before. */
  end(sid: string, entry: Entry | undefined): void {
    const life = entry ? entry.life : this.takeDeparted(sid);
    if (life) life.isOver = true;
  }

  /** Notes that all sessions were destroyed. */
  endAll(): void {
    this.#era = { lineage: this };
    this.#departed = new Departed();
  }

  #mark(session: SessionData, entry: Entry, version: Version): void {
    const { sid } = entry;
    const life = entry.life ??= {
      sid,
      era: this.#era,
      isOver: false,
      next: undefined,
      ringSize: 0,
    };
    Marked.mark(session, { life, version });
  }

  #originOf(session: SessionData): Origin | undefined {
    const origin = Marked.originOf(session);
    return origin?.life.era.lineage === this ? origin : undefined;
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
