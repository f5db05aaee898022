// @ts-types="npm:@types/express-session@^1.18.0"
import type { SessionData } from "express-session";
import { isFunction, isObject } from "../util/errors.ts";
import type { Serializer } from "../options.ts";
import { getSize } from "../util/sizes.ts";

type Data = Record<string, unknown>;

/** What `null` takes in the place of a cookie. */
const NULL_SIZE = getSize("null");

/** Stands among the values of a kind of cookies where there is the date. */
const DATE = Symbol("date");

/** Dates from here on are no longer written with four digits for the year. */
const YEAR_10000 = Date.UTC(10_000, 0);

/**
 * Cookies that differ in nothing but their date, which is that of the session's
 * expiry: all cookies of an app, or of a setting in it. The sessions share one
 * of these instead of having the same text each.
 */
export class CookieKind {
  readonly #keys: string[];
  readonly #values: unknown[];
  readonly #parsed: Data;
  readonly #hasDate: boolean;
  /** The size of the JSON of such a cookie, in bytes. */
  readonly size: number;

  private constructor(keys: string[], values: unknown[], json: string) {
    this.#keys = keys;
    this.#values = values;
    this.#parsed = JSON.parse(json);
    this.#hasDate = values.includes(DATE);
    this.size = getSize(json);
  }

  /** The kind of a cookie with this `data`, if all of it but the date always looks alike. */
  static of(data: Data, expires: number): CookieKind | undefined {
    const keys = Object.keys(data);
    const values = keys.map((key) =>
      key === "expires" && isDate(data[key], expires) ? DATE : data[key]
    );
    const isPlain = values.every((value) => value === DATE || isPrimitive(value));
    // As a key of a literal it would be something else.
    if (!isPlain || keys.includes("__proto__")) return undefined;
    return new CookieKind(keys, values, JSON.stringify(data));
  }

  /** Whether a cookie with this `data` is of this kind. */
  has(data: Data, expires: number): boolean {
    const keys = this.#keys;
    const values = this.#values;
    let i = 0;
    for (const key in data) {
      if (key !== keys[i]) return false;
      const value = data[key];
      if (value !== values[i] && !(values[i] === DATE && isDate(value, expires))) return false;
      i++;
    }
    return i === keys.length;
  }

  /** What JSON would write of `session`, with the cookie left blank. */
  without(session: SessionData): SessionData {
    // For a Session, which has hidden keys, this is twice as fast as `{ ...session }`.
    const copy = Object.assign({}, session) as unknown as Data;
    copy.cookie = null;
    return copy as unknown as SessionData;
  }

  /** The size of the JSON `text` of such a session, with its cookie in place, in bytes. */
  sizeWith(text: string): number {
    return getSize(text) - NULL_SIZE + this.size;
  }

  /** Gives `session` its cookie, which expires at `expires`, as JSON gives it back. */
  restore(session: SessionData, expires: number): void {
    const cookie: Data = this.#hasDate
      ? { ...this.#parsed, expires: isoOf(expires) }
      : { ...this.#parsed };
    session.cookie = cookie as unknown as SessionData["cookie"];
  }
}

/** An app has as many kinds of cookies as it has settings for them: one, or a few. */
const MOST_KINDS = 8;

/** The kinds of cookies that a store has met, the latest first. */
export type CookieKinds = CookieKind[];

/** The kind of the cookie of `session`, if that is written by JSON, which can do without the cookie. */
export function kindOfSession(
  kinds: CookieKinds,
  session: SessionData,
  expires: number,
  serializer: Serializer,
): CookieKind | undefined {
  return serializer === JSON && isPlain(session)
    ? kindOf(kinds, session.cookie, expires)
    : undefined;
}

/**
 * The kind of `cookie`, in a session that expires at `expires`, in milliseconds
 * since the epoch; once there was another cookie of that kind.
 */
export function kindOf(
  kinds: CookieKinds,
  cookie: unknown,
  expires: number,
): CookieKind | undefined {
  const data = dataOf(cookie);
  if (!data) return undefined;
  for (const kind of kinds) {
    if (kind.has(data, expires)) return kind;
  }
  // The first one is kept in full, so that cookies that are all different share nothing.
  const kind = CookieKind.of(data, expires);
  if (kind && kinds.unshift(kind) > MOST_KINDS) kinds.pop();
  return undefined;
}

const isOwn = Object.prototype.propertyIsEnumerable;

/** Whether JSON writes of `session` its own keys as they are, the cookie among them. */
function isPlain(session: SessionData): boolean {
  return (session as { toJSON?: unknown }).toJSON === undefined && !Array.isArray(session) &&
    isOwn.call(session, "cookie") && !isOwn.call(session, "__proto__");
}

/** What JSON writes for a cookie, if that is an object. */
function dataOf(cookie: unknown): Data | undefined {
  if (!isObject(cookie)) return undefined;
  const { toJSON } = cookie as { toJSON?: unknown };
  const data = isFunction(toJSON) ? toJSON.call(cookie, "cookie") : cookie;
  return isObject(data) && !Array.isArray(data) ? data as Data : undefined;
}

/** Whether JSON writes `value` as the date `expires`, and as long as every other date. */
function isDate(value: unknown, expires: number): boolean {
  if (!(expires >= 0 && expires < YEAR_10000)) return false;
  if (typeof value === "string") return value === isoOf(expires);
  return value instanceof Date && value.getTime() === expires &&
    value.toJSON === Date.prototype.toJSON && value.toISOString === Date.prototype.toISOString;
}

const DAY = 24 * 60 * 60 * 1000;

const digits = (numbers: number, length: number) =>
  Array.from({ length: numbers }, (_, i) => String(i).padStart(length, "0"));
const TWO_DIGITS = digits(60, 2);
const THREE_DIGITS = digits(1000, 3);

let lastDay = NaN;
let textOfLastDay = "";

/**
 * A time up to the year 9999 as `Date.toISOString` writes it. That takes longer
 * than to parse a cookie; this, a tenth of it, for most sessions expire on the same day.
 */
function isoOf(time: number): string {
  const day = Math.floor(time / DAY);
  if (day !== lastDay) {
    lastDay = day;
    textOfLastDay = new Date(time).toISOString().slice(0, "2026-11-21T".length);
  }
  const ms = time - day * DAY;
  const seconds = Math.floor(ms / 1000);
  const minutes = Math.floor(seconds / 60);
  const hours = Math.floor(minutes / 60);
  return `${textOfLastDay}${TWO_DIGITS[hours]}:${TWO_DIGITS[minutes % 60]}:${
    TWO_DIGITS[seconds % 60]
  }.${THREE_DIGITS[ms % 1000]}Z`;
}

/** Whether `value` can't change, and JSON writes it as itself. */
function isPrimitive(value: unknown): boolean {
  return value === null || value === undefined || typeof value === "string" ||
    typeof value === "boolean" || Number.isFinite(value);
}
