// @ts-types="npm:@types/express-session@^1.18.0"
import type { SessionData } from "express-session";
import { requestOf } from "../core/overlaps/base_version.ts";
import type { Version } from "../core/overlaps/overlay.ts";
import { dateOf } from "../core/record/expiry.ts";
import { isObject } from "../util/errors.ts";
import { type Note, Stamp } from "../util/stamp.ts";
import { realMonotonicNow } from "../util/time.ts";
import { randomId, type StoredSession } from "./record.ts";

/** What is known of a live session when it is loaded or saved. */
export interface Origin {
  readonly sid: string;
  /** What was kept then. */
  readonly kept: StoredSession;
  /** What the request's own session was then, if it lacks what others had saved: its save was merged. */
  readonly own: Version | undefined;
  /** The date of the request's own cookie then: as JSON writes it, or in milliseconds since the epoch. */
  readonly expires: string | number | undefined;
  /** When the session was loaded, at the latest, by our own clock that does not jump. */
  readonly begin: number;
}

/** Which kept version a live session came from. */
export class BaseVersion implements Note, Origin {
  other: Note | undefined;
  readonly sid: string;
  kept: StoredSession;
  own: Version | undefined;
  expires: string | number | undefined;
  readonly begin: number;
  /** Whether a touch has met what another request saved since then. */
  isOvertaken = false;
  /** Whether it is known to have ended. */
  isOver = false;
  /** The saves that were sent and not answered: they may be kept or not. */
  readonly unconfirmed: Sent[] = [];

  /**
   * @param load Another one for each load: a session and its `Proxy` have the same.
   * @param request What is known of its request, if it has one. To look that up takes longer: in
   *   Express each request has a shape of its own.
   */
  constructor(
    readonly owner: object,
    readonly load: number,
    origin: Origin,
    readonly request: RequestNote | undefined,
  ) {
    this.sid = origin.sid;
    this.kept = origin.kept;
    this.own = origin.own;
    this.expires = origin.expires;
    this.begin = origin.begin;
  }

  /** The date of the request's own cookie then, in milliseconds since the epoch. */
  get date(): number | undefined {
    return dateOf(this);
  }
}

/** Returns what the request's own session was, as the base of a merge. */
export function versionOf(base: BaseVersion | undefined): Version | undefined {
  return base && (base.own ?? base.kept);
}

/** A save, as it becomes the base of the next one. */
export type Sent = Pick<BaseVersion, "own"> & { readonly revision: string };

/** When a request reached the store. */
interface RequestNote extends Note {
  /** At the latest, by our own clock that does not jump. */
  readonly begin: number;
  /** What a revocation that spares it calls it. */
  mark: string | undefined;
  /** Where its session came from: that may be wrapped in a `Proxy`, which has no notes. */
  base: BaseVersion | undefined;
}

/** What one store knows of live sessions and of requests, for as long as they exist. */
export class BaseVersions {
  #loads = 0;

  /** Returns where `session`, or else that of its request, came from, whatever its id was. */
  find(session: SessionData): BaseVersion | undefined {
    const own = this.#own(session);
    const ofRequest = own ? own.request?.base : this.#noteOf(requestOf(session))?.base;
    return own && ofRequest?.load !== own.load ? own : ofRequest;
  }

  /** Returns where `session` came from, if that was the session of this `sid`. */
  of(session: SessionData, sid: string): BaseVersion | undefined {
    const base = this.find(session);
    return base?.sid === sid ? base : undefined;
  }

  /**
   * Returns where `session` comes from now, if that was `before` at some call: what the same
   * request saved before that may have been answered since.
   */
  since(
    before: BaseVersion | undefined,
    session: SessionData,
    sid: string,
  ): BaseVersion | undefined {
    const base = this.of(session, sid);
    return !before || base?.load === before.load ? base : before;
  }

  /** Notes that `session` was read from `kept`. */
  loaded(session: SessionData, sid: string, kept: StoredSession, begin: number): void {
    const date: unknown = session.cookie?.expires;
    // Most loads need not know when that is. Anything but a string might be changed in place.
    const expires = typeof date === "string" ? date : dateOf(session.cookie);
    const origin = { sid, kept, own: undefined, expires, begin };
    Stamp.put(session, new BaseVersion(this, ++this.#loads, origin, undefined));
  }

  /** Notes where `session` comes from. */
  rebase(session: SessionData, origin: Origin): void {
    const request = this.#noteOfRequest(session);
    const load = this.find(session)?.load ?? ++this.#loads;
    const note = new BaseVersion(this, load, origin, request);
    Stamp.put(session, note);
    if (request) request.base = note;
  }

  /** Notes that `to`, the session of `request`, was made of what was loaded as `from`. */
  created(request: unknown, from: SessionData, to: SessionData, begin: number): void {
    Stamp.copy(from, to);
    const loaded = this.#own(from);
    const ofRequest = this.reached(request, loaded?.begin ?? begin);
    if (ofRequest) ofRequest.base = undefined;
    if (!loaded) return;
    // Each of the two may be saved without the other.
    const base = new BaseVersion(this, loaded.load, loaded, ofRequest);
    Stamp.put(to, base);
    if (ofRequest) ofRequest.base = base;
  }

  /** Notes that `request` gets a new session, which was not loaded. */
  renewed(request: unknown, begin: number): void {
    const ofRequest = this.reached(request, begin);
    if (ofRequest) ofRequest.base = undefined;
  }

  /** Notes that `request` has reached the store, at the latest at `begin`; returns what is known of it. */
  reached(request: unknown, begin: number): RequestNote | undefined {
    if (!isObject(request)) return undefined;
    const known = this.#noteOf(request);
    if (known) return known;
    const note: RequestNote = {
      owner: this,
      other: undefined,
      begin,
      mark: undefined,
      base: undefined,
    };
    Stamp.put(request, note);
    return note;
  }

  /** Returns when the request of `session` reached the store; now, if that is not known. */
  beginOf(session: SessionData): number {
    return (this.#noteOfRequest(session) ?? this.#own(session))?.begin ?? realMonotonicNow();
  }

  /** Returns what revocations that spare `request` call it; with `isSpared`, it gets a name. */
  markOf(request: object | undefined, isSpared = false): string | undefined {
    const ofRequest = this.#noteOf(request);
    if (ofRequest && isSpared) ofRequest.mark ??= randomId();
    return ofRequest?.mark;
  }

  #own(session: SessionData): BaseVersion | undefined {
    return Stamp.find(session, this) as BaseVersion | undefined;
  }

  #noteOfRequest(session: SessionData): RequestNote | undefined {
    return this.#own(session)?.request ?? this.#noteOf(requestOf(session));
  }

  #noteOf(request: unknown): RequestNote | undefined {
    return isObject(request) ? Stamp.find(request, this) as RequestNote | undefined : undefined;
  }
}
