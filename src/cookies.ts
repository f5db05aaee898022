import { getSize } from "./sizes.ts";

type Data = Record<string, unknown>;

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

  /** Such a cookie with the date `expires`, in milliseconds since the epoch, as JSON gives it back. */
  parse(expires: number): Data {
    return this.#hasDate ? { ...this.#parsed, expires: isoOf(expires) } : { ...this.#parsed };
  }
}

/** An app has as many kinds of cookies as it has settings for them: one, or a few. */
const MOST_KINDS = 8;

/** Tells what kind a cookie is of, once there was another one like it. */
export class CookieKinds {
  #kinds: CookieKind[] = [];

  /** The kind of `cookie` in a session that expires at `expires`, in milliseconds since the epoch. */
  of(cookie: unknown, expires: number): CookieKind | undefined {
    const data = dataOf(cookie);
    if (!data) return undefined;
    for (const kind of this.#kinds) {
      if (kind.has(data, expires)) return kind;
    }
    // The first one is kept in full, so that cookies that are all different share nothing.
    const kind = CookieKind.of(data, expires);
    if (kind) this.#kinds = [kind, ...this.#kinds.slice(0, MOST_KINDS - 1)];
    return undefined;
  }
}

/** What JSON writes for a cookie, if that is an object. */
function dataOf(cookie: unknown): Data | undefined {
  if (typeof cookie !== "object" || cookie === null) return undefined;
  const { toJSON } = cookie as { toJSON?: unknown };
  const data = typeof toJSON === "function" ? toJSON.call(cookie, "cookie") : cookie;
  return typeof data === "object" && data !== null && !Array.isArray(data) ? data : undefined;
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
