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
export class BaseVersion implements Origin {
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

  constructor(readonly source: Source, origin: Origin) {
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

  /** The same, for another live session that is made of this one: each may be saved without the other. */
  copyFor(source: Source): BaseVersion {
    const copy = new BaseVersion(source, this);
    copy.isOvertaken = this.isOvertaken;
    copy.unconfirmed.push(...this.unconfirmed);
    return copy;
  }
}

/** Returns what the request's own session was, as the base of a merge. */
export function versionOf(base: BaseVersion | undefined): Version | undefined {
  return base && (base.own ?? base.kept);
}

/** A save, as it becomes the base of the next one. */
export type Sent = Pick<BaseVersion, "own"> & { readonly revision: string };

/** What is known of a live session, and of each `Proxy` of it. */
interface Source {
  /** Its id, by which a `Proxy` finds it at its request: that one has no notes. */
  readonly id: string;
  /** Where it came from, or what it was saved as; nothing yet if it is new. */
  base: BaseVersion | undefined;
  /** What is known of its request, if it has one: to find that there takes longer. */
  readonly request: RequestNote | undefined;
}

interface SessionNote extends Note {
  readonly source: Source;
}

/** When a request reached the store. */
interface RequestNote extends Note {
  /** At the latest, by our own clock that does not jump. */
  readonly begin: number;
  /** What a revocation that spares it calls it. */
  mark: string | undefined;
  /** What is known of its sessions: of the latest of each id. */
  readonly sources: Source[];
}

/** A request has a session, and another one if it regenerates it: so many are remembered. */
const MAX_SOURCES = 8;

/** What one store knows of live sessions and of requests, for as long as they exist. */
export class BaseVersions {
  /** Returns where `session`, or the one that it is a `Proxy` of, came from, whatever its id was. */
  find(session: SessionData): BaseVersion | undefined {
    return this.#sourceOf(session)?.base;
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
    return before ? before.source.base : this.of(session, sid);
  }

  /** Notes that `session` was read from `kept`. */
  loaded(session: SessionData, sid: string, kept: StoredSession, begin: number): void {
    const date: unknown = session.cookie?.expires;
    // Most loads need not know when that is. Anything but a string might be changed in place.
    const expires = typeof date === "string" ? date : dateOf(session.cookie);
    const source: Source = { id: sid, base: undefined, request: undefined };
    source.base = new BaseVersion(source, { sid, kept, own: undefined, expires, begin });
    this.#note(session, source);
  }

  /** Notes where `session` comes from. */
  rebase(session: SessionData, origin: Origin): void {
    const source = this.#sourceOf(session) ??
      this.#enter(session, origin.sid, this.#noteOf(requestOf(session)));
    // From now on a `Proxy` needs no request for that, which may get another session.
    if (!this.#noteOn(session)) this.#note(session, source);
    source.base = new BaseVersion(source, origin);
  }

  /** Notes that `to`, the session of `request`, was made of what was loaded as `from`. */
  created(request: unknown, from: SessionData, to: SessionData, begin: number): void {
    Stamp.copy(from, to);
    const loaded = this.find(from);
    const source = this.#enter(to, idIn(to), this.reached(request, loaded?.begin ?? begin));
    source.base = loaded?.copyFor(source);
  }

  /** Notes that `made` is a new session of `request`, which was not loaded. */
  generated(request: unknown, made: SessionData): void {
    this.#enter(made, idIn(made), this.#noteOf(request));
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
      sources: [],
    };
    Stamp.put(request, note);
    return note;
  }

  /** Returns when the request of `session` reached the store; now, if that is not known. */
  beginOf(session: SessionData): number {
    const source = this.#sourceOf(session);
    const request = source?.request ?? this.#noteOf(requestOf(session));
    return (request ?? source?.base)?.begin ?? realMonotonicNow();
  }

  /** Returns what revocations that spare `request` call it; with `isSpared`, it gets a name. */
  markOf(request: object | undefined, isSpared = false): string | undefined {
    const ofRequest = this.#noteOf(request);
    if (ofRequest && isSpared) ofRequest.mark ??= randomId();
    return ofRequest?.mark;
  }

  /** Notes a session of a request anew, which may have another one of that id. */
  #enter(session: SessionData, id: string, request: RequestNote | undefined): Source {
    const source: Source = { id, base: undefined, request };
    this.#note(session, source);
    if (!request) return source;
    const { sources } = request;
    const at = sources.findIndex((one) => one.id === id);
    if (at >= 0) sources[at] = source;
    else if (sources.push(source) > MAX_SOURCES) sources.shift();
    return source;
  }

  #sourceOf(session: SessionData): Source | undefined {
    const note = this.#noteOn(session);
    if (note) return note.source;
    const id = idIn(session);
    return this.#noteOf(requestOf(session))?.sources.find((source) => source.id === id);
  }

  #note(session: SessionData, source: Source): void {
    const note: SessionNote = { owner: this, other: undefined, source };
    Stamp.put(session, note);
  }

  #noteOn(session: SessionData): SessionNote | undefined {
    return Stamp.find(session, this) as SessionNote | undefined;
  }

  #noteOf(request: unknown): RequestNote | undefined {
    return isObject(request) ? Stamp.find(request, this) as RequestNote | undefined : undefined;
  }
}

/** The id that a session of express-session, or a `Proxy` of it, says it has. */
function idIn(session: SessionData): string {
  return String((session as { id?: unknown }).id);
}
