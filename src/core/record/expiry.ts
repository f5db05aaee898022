// @ts-types="npm:@types/express-session@^1.18.0"
import type { SessionData } from "express-session";
import type { Duration, ResolvedOptions } from "../../options.ts";
import { invalidResult, isFunction } from "../../util/errors.ts";

/** A string of fewer digits is a year, as in `"2030"`: years are written with four of them. */
const MIN_TIME_DIGITS = 5;

/** The options that say how long a session lives. */
type Lifetimes = Pick<ResolvedOptions, "ttl" | "idleTimeout" | "absoluteTimeout">;

/** When a session ends, in milliseconds since the epoch. */
export interface Lifetime {
  readonly expires: number;
  /** The date of its cookie, or its end by `ttl`: the timeouts may end it before. */
  readonly end: number;
}

/** Returns the date of a cookie in milliseconds since the epoch, if it has one that can be read. */
export function dateOf(cookie: unknown): number | undefined {
  return readDate((cookie as { expires?: unknown } | null | undefined)?.expires);
}

/**
 * Returns when `session` ends if it is used at `now`. `date` is that of its cookie.
 *
 * @throws What the functions among the options throw, and a `TypeError` if they
 * return no number above 0.
 */
export function lifetimeOf(
  session: SessionData,
  sid: string,
  date: number | undefined,
  now: number,
  created: number,
  options: Lifetimes,
): Lifetime {
  const end = endOf(session, sid, date, now, options);
  return { expires: earlierOf(end, session, sid, now, created, options), end };
}

/** Returns when a session that is saved or touched at `now` ends, but for the timeouts. */
export function endOf(
  session: SessionData,
  sid: string,
  date: number | undefined,
  now: number,
  options: Lifetimes,
): number {
  return date ?? now + ttlOf(session, sid, options);
}

/** Returns `end`, or the earlier time at which one of the timeouts ends a session that is used at `now`. */
export function earlierOf(
  end: number,
  session: SessionData,
  sid: string,
  now: number,
  created: number,
  { idleTimeout, absoluteTimeout }: Pick<Lifetimes, "idleTimeout" | "absoluteTimeout">,
): number {
  let expires = end;
  if (idleTimeout !== Infinity) {
    expires = Math.min(expires, now + durationOf("idleTimeout", idleTimeout, session, sid));
  }
  if (absoluteTimeout !== Infinity) {
    expires = Math.min(
      expires,
      created + durationOf("absoluteTimeout", absoluteTimeout, session, sid),
    );
  }
  return expires;
}

/** Whether {@linkcode lifetimeOf} asks about the data of the session. */
export function asksSession({ ttl, idleTimeout, absoluteTimeout }: Lifetimes): boolean {
  return isFunction(ttl) || isFunction(idleTimeout) || isFunction(absoluteTimeout);
}

function ttlOf(session: SessionData, sid: string, { ttl }: Lifetimes): number {
  const maxAge: unknown = session.cookie?.maxAge;
  return Number.isFinite(maxAge) ? maxAge as number : durationOf("ttl", ttl, session, sid);
}

function durationOf(name: string, duration: Duration, session: SessionData, sid: string): number {
  if (typeof duration === "number") return duration;
  const ms: unknown = duration(session, sid);
  if (typeof ms === "number" && ms > 0) return ms;
  throw invalidResult("keep session", `${name} must return a number of milliseconds above 0`, ms);
}

/** Returns a date as milliseconds since the epoch, or `undefined` if it can't be read as one. */
function readDate(date: unknown): number | undefined {
  let time = NaN;
  if (typeof date === "number") {
    time = date;
  } else if (typeof date === "string") {
    time = isTime(date) ? Number(date) : Date.parse(date);
  } else if (isFunction((date as Date | null | undefined)?.getTime)) {
    time = (date as Date).getTime();
  }
  return Number.isFinite(time) ? time : undefined;
}

/** Whether a string is a number of milliseconds since the epoch. */
function isTime(text: string): boolean {
  const [, digits] = /^-?(\d+)(?:\.\d+)?$/.exec(text.trim()) ?? [];
  return digits !== undefined && digits.length >= MIN_TIME_DIGITS;
}
