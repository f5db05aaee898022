// @ts-types="npm:@types/express-session@^1.18.0"
import type { SessionData } from "express-session";
import { isObject } from "../../util/errors.ts";
import { flat } from "../../util/flat.ts";
import { type Note, Stamp } from "../../util/stamp.ts";
import type { CookieData, CookieTemplate } from "../record/cookie_template.ts";
import { cookieDateOf } from "../record/record.ts";
import { type Entry, Identity, type SessionRecord } from "../vault/entry.ts";
import type { Endings } from "./endings.ts";
import type { Version } from "./overlay.ts";

/** Which kept version a live session came from. */
export interface BaseVersion extends Note {
  readonly identity: Identity;
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

/** Returns what the request's own session was, as the base of a merge. */
export function versionOf({ text, ownCookie, cookie, date }: BaseVersion): Version {
  return { text, cookie: ownCookie ?? cookie?.cookieAt(date ?? 0) };
}

/** Whether `kept` may be another version than that which `base` tells of. */
export function hasMoved(base: BaseVersion, kept: Entry): boolean {
  return base.isBehind || base.revision !== kept.revision || hasOtherCookie(base, kept);
}

/** Whether the cookie of `kept` may be another one than that which `base` tells of. */
export function hasOtherCookie(base: BaseVersion, kept: Entry): boolean {
  if (base.ownCookie || base.cookie !== kept.cookie) return true;
  if (!kept.cookie) return base.text !== kept.text;
  return kept.cookie.hasDate && kept.expires + kept.dateOffset !== base.date;
}

/** Where the session of a request came from: it may be wrapped in a `Proxy`, which has no notes. */
interface RequestNote extends Note {
  readonly base: BaseVersion | undefined;
}

/** What has to be known of an entry, once it has left, for a copy of it that is handed out. */
export type LastVersion = SessionRecord & Pick<Entry, "revision"> & { readonly identity: Identity };

/**
 * Knows of each live session which kept version it came from, for as long as
 * the live session exists. This tells a save that it comes too late, or that
 * another one was faster.
 */
export class BaseVersions {
  readonly #endings: Endings;
  #loads = 0;

  constructor(endings: Endings) {
    this.#endings = endings;
  }

  /**
   * Returns where `session`, or else that of its request, came from in this store,
   * whatever its id was. What was saved through a `Proxy` since the same load counts.
   */
  find(session: SessionData): BaseVersion | undefined {
    const own = Stamp.find(session, this) as BaseVersion | undefined;
    const request = requestOf(session);
    const note = request && Stamp.find(request, this) as RequestNote | undefined;
    return own && note?.base?.load !== own.load ? own : note?.base;
  }

  /** Returns where `session` came from, if that was the session of this `sid`. */
  of(session: SessionData, sid: string): BaseVersion | undefined {
    const base = this.find(session);
    return base?.identity.sid === sid ? base : undefined;
  }

  /** Whether what `base` tells of was destroyed, or cleared with all others. */
  isOver({ identity }: BaseVersion): boolean {
    return identity.isDestroyed || this.#endings.hasEnded(identity.sid, identity.epoch);
  }

  /** Notes that `session` was loaded from `entry` as it is now. */
  loaded(session: SessionData, entry: Entry, epoch: number): void {
    const date = cookieDateOf(entry, session);
    this.#mark(
      session,
      this.#withIdentity(entry),
      undefined,
      undefined,
      date,
      epoch,
      ++this.#loads,
    );
  }

  /** Returns what {@linkcode handedOut} has to know of `entry`, which is about to leave. */
  lastVersion(entry: Entry): LastVersion {
    const { revision, text, cookie, size, expires, dateOffset } = entry;
    return { revision, text, cookie, size, expires, dateOffset, identity: this.#identityOf(entry) };
  }

  /** Notes that `session` is a copy of an entry that has left. */
  handedOut(session: SessionData, last: LastVersion, epoch: number): void {
    const date = cookieDateOf(last, session);
    this.#mark(session, last, undefined, undefined, date, epoch, ++this.#loads);
  }

  /** Notes that `to` was made of what was loaded as `from`. */
  copied(from: SessionData, to: SessionData): void {
    Stamp.copy(from, to);
    this.#noteOnRequest(to, this.find(from));
  }

  /** Notes that `request` gets a new session, which was not loaded. */
  renewed(request: object): void {
    const note: RequestNote = { owner: this, other: undefined, base: undefined };
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
    const load = this.find(session)?.load ?? ++this.#loads;
    this.#mark(session, this.#withIdentity(entry), text, ownCookie, date, epoch, load);
  }

  /**
   * Whether `session`, which does not come from the session of the id that it
   * is saved under, has a base from then on. Plain data that was never
   * loaded gets none: its next save is as plain. What was loaded under another
   * id is plain data here, and keeps its base there.
   */
  follows(session: SessionData): boolean {
    return requestOf(session) !== undefined && !this.find(session);
  }

  /** Notes what is still to be known of an entry that was evicted or has expired. */
  departed(entry: Entry): void {
    entry.identity?.leave(entry);
  }

  /** Notes that the session of `sid` was destroyed, whether it was kept as `entry` or had left. */
  end(sid: string, entry: Entry | undefined): void {
    if (entry?.identity) entry.identity.isDestroyed = true;
    // Others may have loaded an earlier session of this id.
    this.#endings.destroy(entry?.sid ?? flat(sid), entry !== undefined);
  }

  #identityOf(entry: Entry): Identity {
    return entry.identity ??= new Identity(entry.sid, this.#endings.epoch);
  }

  /** Returns `entry`, which has an identity now. */
  #withIdentity(entry: Entry): LastVersion {
    entry.identity = this.#identityOf(entry);
    return entry as Entry & { identity: Identity };
  }

  #mark(
    session: SessionData,
    { identity, revision, text: keptText, cookie }: LastVersion,
    text: string | undefined,
    ownCookie: CookieData | undefined,
    date: number | undefined,
    epoch: number,
    load: number,
  ): void {
    const base: BaseVersion = {
      owner: this,
      other: undefined,
      identity,
      revision,
      text: text ?? keptText,
      isBehind: text !== undefined,
      cookie,
      ownCookie,
      date,
      epoch,
      load,
    };
    Stamp.put(session, base);
    this.#noteOnRequest(session, base);
  }

  #noteOnRequest(session: SessionData, base: BaseVersion | undefined): void {
    const request = base && requestOf(session);
    if (!request) return;
    const note: RequestNote = { owner: this, other: undefined, base };
    Stamp.put(request, note);
  }
}

const isEnumerable = Object.prototype.propertyIsEnumerable;

/** Returns the request that `session` belongs to, if it is a `Session` rather than plain data. */
export function requestOf(session: SessionData): object | undefined {
  const { req } = session as { req?: unknown };
  return isObject(req) && !isEnumerable.call(session, "req") ? req : undefined;
}
