// @ts-types="npm:@types/express-session@^1.18.0"
import type { SessionData } from "express-session";
import { isObject } from "../../util/errors.ts";
import { flat } from "../../util/flat.ts";
import { type Note, Stamp } from "../../util/stamp.ts";
import type { CookieData, CookieTemplate } from "../record/cookie_template.ts";
import { cookieDateOf } from "../record/record.ts";
import { type Entry, Life, type SessionRecord } from "../vault/entry.ts";
import type { Endings } from "./endings.ts";

/** Which kept version a live session came from. */
export interface Origin extends Note {
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
  /** The number of endings that came before its request began. */
  readonly epoch: number;
  /** The number of the load that it and all saves since then began with. */
  readonly load: number;
}

/** Where the session of a request came from: it may be wrapped in a `Proxy`, which has no notes. */
interface RequestNote extends Note {
  readonly origin: Origin | undefined;
}

/** What has to be known of an entry, once it has left, for a copy of it that is handed out. */
export type LastVersion = SessionRecord & Pick<Entry, "revision"> & { readonly life: Life };

/**
 * Knows of each live session which kept version it came from, for as long as
 * the live session exists. This tells a save that it comes too late, or that
 * another one was faster.
 */
export class Lineage {
  readonly #endings: Endings;
  #loads = 0;

  constructor(endings: Endings) {
    this.#endings = endings;
  }

  /**
   * Returns where `session`, or else that of its request, came from in this store,
   * whatever its id was. What was saved through a `Proxy` since the same load counts.
   */
  originOf(session: SessionData): Origin | undefined {
    const own = Stamp.find(session, this) as Origin | undefined;
    const request = requestOf(session);
    const note = request && Stamp.find(request, this) as RequestNote | undefined;
    return own && note?.origin?.load !== own.load ? own : note?.origin;
  }

  /** Returns where `session` came from, if that was the session of this `sid`. */
  of(session: SessionData, sid: string): Origin | undefined {
    const origin = this.originOf(session);
    return origin?.life.sid === sid ? origin : undefined;
  }

  /** Whether what `origin` tells of was destroyed, or cleared with all others. */
  isOver({ life }: Origin): boolean {
    return life.isDestroyed || this.#endings.hasEnded(life.sid, life.epoch);
  }

  /** Notes that `session` was loaded from `entry` as it is now. */
  loaded(session: SessionData, entry: Entry, epoch: number): void {
    const date = cookieDateOf(entry, session);
    this.#mark(session, this.#withLife(entry), undefined, undefined, date, epoch, ++this.#loads);
  }

  /** Returns what {@linkcode handedOut} has to know of `entry`, which is about to leave. */
  lastVersion(entry: Entry): LastVersion {
    const { revision, text, cookie, size, expires, dateOffset } = entry;
    return { revision, text, cookie, size, expires, dateOffset, life: this.#lifeOf(entry) };
  }

  /** Notes that `session` is a copy of an entry that has left. */
  handedOut(session: SessionData, last: LastVersion, epoch: number): void {
    const date = cookieDateOf(last, session);
    this.#mark(session, last, undefined, undefined, date, epoch, ++this.#loads);
  }

  /** Notes that `to` was made of what was loaded as `from`. */
  copied(from: SessionData, to: SessionData): void {
    Stamp.copy(from, to);
    this.#noteOnRequest(to, this.originOf(from));
  }

  /** Notes that `request` gets a new session, which was not loaded. */
  renewed(request: object): void {
    const note: RequestNote = { owner: this, other: undefined, origin: undefined };
    if (Stamp.find(request, this)) Stamp.put(request, note);
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
    epoch: number,
  ): void {
    const load = this.originOf(session)?.load ?? ++this.#loads;
    this.#mark(session, this.#withLife(entry), text, ownCookie, date, epoch, load);
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

  /** Notes what is still to be known of an entry that was evicted or has expired. */
  departed(entry: Entry): void {
    entry.life?.leave(entry);
  }

  /** Notes that the session of `sid` was destroyed, whether it was kept as `entry` or had left. */
  end(sid: string, entry: Entry | undefined): void {
    if (entry?.life) entry.life.isDestroyed = true;
    // Others may have loaded an earlier session of this id.
    this.#endings.destroy(entry?.sid ?? flat(sid), entry !== undefined);
  }

  #lifeOf(entry: Entry): Life {
    return entry.life ??= new Life(entry.sid, this.#endings.epoch);
  }

  /** Returns `entry`, which has a life now. */
  #withLife(entry: Entry): LastVersion {
    entry.life = this.#lifeOf(entry);
    return entry as Entry & { life: Life };
  }

  #mark(
    session: SessionData,
    { life, revision, text: keptText, cookie }: LastVersion,
    text: string | undefined,
    ownCookie: CookieData | undefined,
    date: number | undefined,
    epoch: number,
    load: number,
  ): void {
    const origin: Origin = {
      owner: this,
      other: undefined,
      life,
      revision,
      text: text ?? keptText,
      isBehind: text !== undefined,
      cookie,
      ownCookie,
      date,
      epoch,
      load,
    };
    Stamp.put(session, origin);
    this.#noteOnRequest(session, origin);
  }

  #noteOnRequest(session: SessionData, origin: Origin | undefined): void {
    const request = origin && requestOf(session);
    if (!request) return;
    const note: RequestNote = { owner: this, other: undefined, origin };
    Stamp.put(request, note);
  }
}

const isEnumerable = Object.prototype.propertyIsEnumerable;

/** Returns the request that `session` belongs to, if it is a `Session` rather than plain data. */
export function requestOf(session: SessionData): object | undefined {
  const { req } = session as { req?: unknown };
  return isObject(req) && !isEnumerable.call(session, "req") ? req : undefined;
}
