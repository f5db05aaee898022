// @ts-types="npm:@types/express-session@^1.18.0"
import type { SessionData } from "express-session";
import { requestOf } from "../core/overlaps/base_version.ts";
import type { CookieData } from "../core/record/cookie_template.ts";
import { dateOf } from "../core/record/expiry.ts";
import { isObject } from "../util/errors.ts";
import { type Note, Stamp } from "../util/stamp.ts";
import { randomId, type StoredSession } from "./record.ts";

/** Which kept version a live session came from. */
export interface BaseVersion extends Note {
  readonly sid: string;
  /** What was kept when the session was loaded or last saved. */
  kept: StoredSession;
  /** What the request's own session was then, as the serializer wrote it. */
  text: string;
  /** Whether it lacks what others had saved: its save was merged. */
  isBehind: boolean;
  /** What the request's own cookie was then, if that is neither of the two. */
  ownCookie: CookieData | undefined;
  /** The date of the request's own cookie then, in milliseconds since the epoch. */
  date: number | undefined;
  /** When the session was loaded, at the latest, by our own clock that does not jump. */
  readonly begin: number;
  /** Whether it is known to have ended. */
  isOver: boolean;
  /** The saves that were sent and not answered: they may be kept or not. */
  readonly unconfirmed: Sent[];
}

/** A save, as it becomes the base of the next one. */
export type Sent = Pick<BaseVersion, "text" | "isBehind"> & { readonly revision: string };

/** When a request reached the store. */
interface Arrival extends Note {
  /** At the latest, by our own clock that does not jump. */
  readonly begin: number;
  /** What a revocation that spares it calls it. */
  mark: string | undefined;
}

/** What one store knows of live sessions and of requests, for as long as they exist. */
export class BaseVersions {
  /** Returns where `session` came from, whatever its id was. */
  find(session: SessionData): BaseVersion | undefined {
    return Stamp.find(session, this) as BaseVersion | undefined;
  }

  /** Returns where `session` came from, if that was the session of this `sid`. */
  of(session: SessionData, sid: string): BaseVersion | undefined {
    const base = this.find(session);
    return base?.sid === sid ? base : undefined;
  }

  /** Notes that `session` was read from `kept`. */
  loaded(session: SessionData, sid: string, kept: StoredSession, begin: number): void {
    const date = dateOf(session.cookie);
    const { text } = kept;
    this.put(session, { sid, kept, text, isBehind: false, ownCookie: undefined, date, begin });
  }

  /** Notes where `session` comes from. */
  put(
    session: SessionData,
    base: Omit<BaseVersion, "owner" | "other" | "isOver" | "unconfirmed">,
  ): void {
    const note: BaseVersion = {
      owner: this,
      other: undefined,
      isOver: false,
      unconfirmed: [],
      ...base,
    };
    Stamp.put(session, note);
  }

  /** Notes that `to` was made of what was loaded as `from`. */
  copied(from: SessionData, to: SessionData): void {
    Stamp.copy(from, to);
  }

  /** Notes that `request` has reached the store, at the latest at `begin`. */
  reached(request: unknown, begin: number): void {
    if (!isObject(request) || this.#arrivalOf(request)) return;
    const arrival: Arrival = { owner: this, other: undefined, begin, mark: undefined };
    Stamp.put(request, arrival);
  }

  /** Returns when the request of `session` reached the store, if that is known. */
  beginOf(session: SessionData): number | undefined {
    const request = requestOf(session);
    return (request && this.#arrivalOf(request))?.begin ?? this.find(session)?.begin;
  }

  /** Returns what revocations that spare `request` call it; with `isSpared`, it gets a name. */
  markOf(request: object | undefined, isSpared = false): string | undefined {
    const arrival = request && this.#arrivalOf(request);
    if (arrival && isSpared) arrival.mark ??= randomId();
    return arrival?.mark;
  }

  #arrivalOf(request: object): Arrival | undefined {
    return Stamp.find(request, this) as Arrival | undefined;
  }
}
