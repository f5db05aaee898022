// @ts-types="npm:@types/express-session@^1.18.0"
import type { SessionData } from "express-session";
import { isObject } from "../../util/errors.ts";
import { flat } from "../../util/flat.ts";
import { type Note, Stamp } from "../../util/stamp.ts";
import { type CookieData, type CookieTemplate, plain } from "../record/cookie_template.ts";
import { dateOf } from "../record/expiry.ts";
import { cookieDateOf } from "../record/record.ts";
import { type Entry, Identity, type SessionRecord } from "../vault/entry.ts";
import type { Endings } from "./endings.ts";
import type { Overlay, Version } from "./overlay.ts";

/**
 * Which kept version a live session came from: what it was loaded from, or last
 * saved as. All are made here: objects that get their fields in different ways
 * are slow to change.
 */
export class BaseVersion {
  identity: Identity;
  /** What was kept then. */
  revision: number;
  /** What the request's own session was then, as the serializer wrote it. */
  text: string;
  /** Whether it lacks what others had saved: its save was merged. */
  isBehind = false;
  /** What was kept of the cookie then. */
  cookie: CookieTemplate | undefined;
  /** What the request's own cookie was then, if that is neither of the two. */
  ownCookie: CookieData | undefined = undefined;
  /** The date of the request's own cookie then, in milliseconds since the epoch. */
  date: number | undefined;
  /** The number of endings that came before its request began. */
  readonly epoch: number;

  constructor(
    { identity, revision, text, cookie }: Kept,
    date: number | undefined,
    epoch: number,
  ) {
    this.identity = identity;
    this.revision = revision;
    this.text = text;
    this.cookie = cookie;
    this.date = date;
    this.epoch = epoch;
  }

  copy(): BaseVersion {
    const copy = new BaseVersion(this, this.date, this.epoch);
    copy.isBehind = this.isBehind;
    copy.ownCookie = this.ownCookie;
    return copy;
  }
}

/** What has to be known of an entry that is loaded. */
type Loadable = Pick<Entry, "identity" | "revision" | keyof SessionRecord>;

/** What a base keeps of it. */
type Kept = Omit<Loadable, "expires" | "dateOffset">;

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

/** Notes that `cookie`, the request's own, was saved to `entry`; `isMerged`: with what others had saved. */
export function rebaseCookie(
  base: BaseVersion,
  entry: Entry,
  cookie: SessionData["cookie"],
  isMerged: boolean,
): void {
  base.cookie = entry.cookie;
  base.ownCookie = isMerged || !entry.cookie ? plain(cookie) : undefined;
  base.date = dateOf(cookie);
}

/**
 * Where a live session came from. The same is noted on its request, since the
 * session may be wrapped in a `Proxy`, which has no notes.
 */
interface BaseNote extends Note {
  readonly base: BaseVersion;
}

/** In place of what is kept of a session that a request has made and not saved yet. */
const UNSAVED: Kept = {
  identity: new Identity("", 0, 0),
  revision: 0,
  text: "",
  cookie: undefined,
};

/**
 * Knows of each live session which kept version it came from, for as long as
 * the live session exists. This tells a save that it comes too late, or that
 * another one was faster.
 */
export class BaseVersions {
  readonly #endings: Endings;

  constructor(endings: Endings) {
    this.#endings = endings;
  }

  /** Returns where `session`, or else that of its request, came from in this store, whatever its id was. */
  find(session: SessionData): BaseVersion | undefined {
    const base = this.#notedOf(session);
    return base?.identity === UNSAVED.identity ? undefined : base;
  }

  /** Returns where `session` came from, if that was the session of this `sid`. */
  of(session: SessionData, sid: string): BaseVersion | undefined {
    const base = this.find(session);
    return base?.identity.sid === sid ? base : undefined;
  }

  /** Notes that `session` was loaded from `entry`, as it is now or was when it left, after `epoch` endings. */
  loaded(session: SessionData, entry: Loadable, epoch: number = this.#endings.epoch): void {
    const base = this.#baseOf(entry, cookieDateOf(entry, session), epoch);
    this.#note(session, requestOf(session), base);
  }

  /** Notes that `to`, the session of a request, was made of what was loaded as `from`. */
  created(from: SessionData, to: SessionData): void {
    Stamp.copy(from, to);
    const base = this.find(from);
    // Each of the two may be saved without the other.
    if (base) this.#note(to, requestOf(to), base.copy());
  }

  /** Notes that `made` is a new session of `request`, which was not loaded. */
  generated(request: object, made: SessionData): void {
    const epoch = this.#endings.epochOf(request, undefined);
    this.#note(made, request, new BaseVersion(UNSAVED, undefined, epoch));
  }

  /**
   * Notes that `session`, which came from `loaded`, was saved to `entry`; as
   * `mine`, if others had saved. Plain data that was never loaded stays plain: its
   * next save is as plain. What was loaded under another id is plain data here, and
   * keeps its base there.
   */
  rebase(
    session: SessionData,
    loaded: BaseVersion | undefined,
    entry: Entry,
    mine: Overlay | undefined,
  ): void {
    const request = loaded ? undefined : requestOf(session);
    if (loaded ? loaded.identity.sid !== entry.sid : !request) return;
    const date = dateOf(session.cookie);
    const noted = loaded ?? this.#notedOf(session);
    const base = noted ?? this.#baseOf(entry, date, this.#endings.epochOf(request, undefined));
    base.identity = this.identityOf(entry);
    base.revision = entry.revision;
    base.text = mine?.text ?? entry.text;
    base.isBehind = mine !== undefined;
    base.cookie = entry.cookie;
    base.ownCookie = mine?.ownCookie;
    base.date = date;
    // What has a note shares it with its request, unless that has got another session since.
    this.#note(session, noted ? undefined : request, base);
  }

  /** Returns the identity of `entry`, which is loaded, or about to leave. */
  identityOf({ identity }: Loadable): Identity {
    identity.epoch ??= this.#endings.epoch;
    return identity;
  }

  /** Notes that the session of `sid` was destroyed, whether it was kept as `entry` or had left. */
  end(sid: string, entry: Entry | undefined): void {
    entry?.identity.destroy();
    // Others may have loaded an earlier session of this id.
    this.#endings.destroy(entry?.sid ?? flat(sid), entry !== undefined);
  }

  #baseOf(entry: Loadable, date: number | undefined, epoch: number): BaseVersion {
    this.identityOf(entry);
    return new BaseVersion(entry, date, epoch);
  }

  /** Returns what is noted on `session`, or else on its request. */
  #notedOf(session: SessionData): BaseVersion | undefined {
    const own = this.#noteOn(session);
    if (own) return own.base;
    const request = requestOf(session);
    return request && this.#noteOn(request)?.base;
  }

  #note(session: SessionData, request: object | undefined, base: BaseVersion): void {
    this.#put(session, base);
    if (request) this.#put(request, base);
  }

  #noteOn(object: object): BaseNote | undefined {
    return Stamp.find(object, this) as BaseNote | undefined;
  }

  #put(object: object, base: BaseVersion): void {
    if (this.#noteOn(object)?.base === base) return;
    const note: BaseNote = { owner: this, other: undefined, base };
    Stamp.put(object, note);
  }
}

const isEnumerable = Object.prototype.propertyIsEnumerable;

/** Returns the request that `session` belongs to, if it is a `Session` rather than plain data. */
export function requestOf(session: SessionData): object | undefined {
  const { req } = session as { req?: unknown };
  return isObject(req) && !isEnumerable.call(session, "req") ? req : undefined;
}
