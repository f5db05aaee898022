// @ts-types="npm:@types/express-session@^1.18.0"
import type { SessionData } from "express-session";
import { isObject } from "../../util/errors.ts";
import { Foreign } from "../../util/mark.ts";
import type { CookieData, CookieTemplate } from "../record/cookie_template.ts";
import { cookieDateOf } from "../record/record.ts";
import { type Entry, Life, type SessionRecord } from "../vault/entry.ts";
import { hashOf } from "../vault/hash_table.ts";
import { WeakIndex } from "./weak_index.ts";

/** Which kept version a live session came from. */
export interface Origin {
  readonly lineage: Lineage;
  readonly life: Life;
  /** What was kept when the session was loaded or last saved. */
  readonly revision: number;
  /** What the request's own session was then, as the serializer wrote it. */
  readonly text: string;
  /** Whether it lacks what others had saved: its save was merged. */
  readonly isBehind: boolean;
  /** What was kept of the cookie then. */
  cookie: CookieTemplate | undefined;
  /** What the request's own cookie was then, if that is neither of the two. */
  ownCookie: CookieData | undefined;
  /** The date of the request's own cookie then, in milliseconds since the epoch. */
  date: number | undefined;
  /** The number of revocations that came before the session was loaded. */
  readonly moment: number;
  /** Where the same object came from in other stores. */
  readonly other: Origin | undefined;
}

/** What has to be known of an entry, once it has left, for a copy of it that is handed out. */
export type LastVersion = SessionRecord & Pick<Entry, "revision"> & { readonly life: Life };

/** Marks each live session with its latest origin. */
class Marked extends Foreign {
  #origin: Origin;

  private constructor(session: object, origin: Origin) {
    super(session);
    this.#origin = origin;
  }

  static mark(session: object, origin: Origin): void {
    if (#origin in session) session.#origin = origin;
    else if (Object.isExtensible(session)) new Marked(session, origin);
  }

  static originOf(session: object): Origin | undefined {
    return #origin in session ? session.#origin : undefined;
  }
}

/** How many of the entries that were loaded last are found without a search. */
const RECENT = 1_024;

/**
 * Knows of each live session which kept version it came from, for as long as
 * the live session exists. This tells a save that it comes too late, or that
 * another one was faster.
 */
export class Lineage {
  #departed = new WeakIndex();
  #era: object = {};
  /**
   * The entries that were loaded or saved last. What a request has loaded it
   * touches or saves a moment later, and a search in a large table waits for
   * memory: a touch takes three quarters of the time.
   */
  #recent: (Entry | undefined)[] = new Array(RECENT).fill(undefined);
  #latest = 0;

  /** Returns where `session` came from in this store, whatever its id was. */
  originOf(session: SessionData): Origin | undefined {
    let origin = Marked.originOf(session);
    while (origin && origin.lineage !== this) origin = origin.other;
    return origin;
  }

  /** Returns where `session` came from, if that was the session of this `sid`. */
  of(session: SessionData, sid: string): Origin | undefined {
    const origin = this.originOf(session);
    return origin?.life.sid === sid ? origin : undefined;
  }

  /** Whether what `origin` tells of was destroyed, or cleared with all others. */
  isOver({ life }: Origin): boolean {
    return life.era !== this.#era;
  }

  /** Returns the entry of `origin`, if it was loaded a moment ago and is still kept. */
  recent({ life }: Origin): Entry | undefined {
    const entry = this.#recent[life.place];
    return entry?.life === life ? entry : undefined;
  }

  /** Notes that `session` was loaded from `entry` as it is now. */
  loaded(session: SessionData, entry: Entry, moment: number): void {
    const date = cookieDateOf(entry, session);
    this.#mark(session, this.#recall(entry), undefined, undefined, date, moment);
  }

  /** Returns what {@linkcode handedOut} has to know of `entry`, which is about to leave. */
  lastVersion(entry: Entry): LastVersion {
    const { revision, text, cookie, size, expires, dateOffset } = entry;
    return { revision, text, cookie, size, expires, dateOffset, life: this.#lifeOf(entry) };
  }

  /** Notes that `session` is a copy of an entry that has left. */
  handedOut(session: SessionData, last: LastVersion, moment: number): void {
    this.#mark(session, last, undefined, undefined, cookieDateOf(last, session), moment);
  }

  /** Notes that `to` was made of what was loaded as `from`. */
  copied(from: SessionData, to: SessionData): void {
    const origin = Marked.originOf(from);
    if (origin) Marked.mark(to, origin);
  }

  /**
   * Notes that `session` was saved to `entry`. If it was merged, `text` is what
   * it was before: it lacks what the others saved. If its cookie was merged,
   * `ownCookie` is what that was before. `date` is that of its own cookie.
   */
  saved(
    session: SessionData,
    entry: Entry,
    text: string | undefined,
    ownCookie: CookieData | undefined,
    date: number | undefined,
    moment: number,
  ): void {
    this.#mark(session, this.#recall(entry), text, ownCookie, date, moment);
  }

  /**
   * Whether `session`, which does not come from the session of the id that it
   * is saved under, has an origin from then on. Plain data that was never
   * loaded gets none: its next save is as plain. What was loaded under another
   * id is plain data here, and keeps its origin there.
   */
  follows(session: SessionData): boolean {
    return requestOf(session) !== undefined && !this.originOf(session);
  }

  /** Remembers the life of an entry that was evicted or has expired, if live sessions may hold it too. */
  departed(entry: Entry): void {
    const { life } = entry;
    if (!life) return;
    life.leave(entry);
    this.#forget(life);
    this.#departed.add(life, entry.hash);
  }

  /** Returns the life of the departed entry of `sid`, for a save that creates the session again. */
  takeDeparted(sid: string, hash = hashOf(sid)): Life | undefined {
    return this.#departed.take(sid, hash);
  }

  /** Remembers a life that was taken and not used. */
  returnDeparted(life: Life, hash = hashOf(life.sid)): void {
    this.#departed.add(life, hash);
  }

  /** Notes that the session of `sid` was destroyed, whether it was kept as `entry` or had departed. */
  end(sid: string, entry: Entry | undefined, hash = hashOf(sid)): void {
    const life = entry ? entry.life : this.takeDeparted(sid, hash);
    if (!life) return;
    life.era = undefined;
    this.#forget(life);
  }

  /** Notes that all sessions were destroyed. */
  endAll(): void {
    this.#era = {};
    this.#departed = new WeakIndex();
    this.#recent.fill(undefined);
  }

  /** An entry that has left is kept by nothing. */
  #forget(life: Life): void {
    if (this.#recent[life.place]?.life === life) this.#recent[life.place] = undefined;
  }

  #lifeOf(entry: Entry): Life {
    return entry.life ??= new Life(entry.sid, this.#era);
  }

  /** Makes `entry` the one that was loaded or saved last. */
  #recall(entry: Entry): LastVersion {
    const life = this.#lifeOf(entry);
    life.place = this.#latest = (this.#latest + 1) % RECENT;
    this.#recent[life.place] = entry;
    return entry as Entry & { life: Life };
  }

  #mark(
    session: SessionData,
    { life, revision, text: keptText, cookie }: LastVersion,
    text: string | undefined,
    ownCookie: CookieData | undefined,
    date: number | undefined,
    moment: number,
  ): void {
    // Of this store, only the latest origin counts.
    const other = without(Marked.originOf(session), this);
    Marked.mark(session, {
      lineage: this,
      life,
      revision,
      text: text ?? keptText,
      isBehind: text !== undefined,
      cookie,
      ownCookie,
      date,
      moment,
      other,
    });
  }
}

/** Returns the origins of a session in other stores than that of `lineage`, which comes at most once. */
function without(origin: Origin | undefined, lineage: Lineage): Origin | undefined {
  if (!origin || origin.lineage === lineage) return origin?.other;
  const other = without(origin.other, lineage);
  return other === origin.other ? origin : { ...origin, other };
}

const isEnumerable = Object.prototype.propertyIsEnumerable;

/** Returns the request that `session` belongs to, if it is a `Session` rather than plain data. */
export function requestOf(session: SessionData): object | undefined {
  const { req } = session as { req?: unknown };
  return isObject(req) && !isEnumerable.call(session, "req") ? req : undefined;
}
