// @ts-types="npm:@types/express-session@^1.18.0"
import type { SessionData } from "express-session";
import type { Serializer } from "../../options.ts";
import { isFunction, isObject } from "../../util/errors.ts";
import { sizeOfText } from "../../util/sizes.ts";

/** The data of a cookie, as JSON writes it. */
export type CookieData = Record<string, unknown>;

/** The size of the `null` that stands for a cookie. */
const NULL_SIZE = sizeOfText("null");

/** Stands for the date among the values of a template. */
const DATE = Symbol("date");

/** Dates from here on are no longer written with four digits for the year. */
const YEAR_10000 = Date.UTC(10_000, 0);

/**
 * What the cookies of an app have in common: they differ in nothing but their
 * date. The sessions share one of these instead of keeping the same text each,
 * which halves what a small session takes, and a touch need not read the data.
 */
export class CookieTemplate {
  readonly #keys: string[];
  readonly #values: unknown[];
  readonly #parsed: CookieData;
  /** Whether such cookies have dates that differ. */
  readonly hasDate: boolean;
  /** The size of the JSON of such a cookie, in bytes. */
  readonly size: number;
  /** Its JSON: what stands before the date, or all of it; and behind. */
  readonly head: string;
  readonly tail: string;

  private constructor(keys: string[], values: unknown[], json: string) {
    this.#keys = keys;
    this.#values = values;
    this.#parsed = JSON.parse(json);
    this.hasDate = values.includes(DATE);
    this.size = sizeOfText(json);
    [this.head, this.tail = ""] = this.hasDate ? json.split(/(?<="expires":")[^"]*/) : [json];
  }

  /** Returns the template of a cookie with this `data`, if only its date will ever differ. */
  static of(data: CookieData, date: number | undefined): CookieTemplate | undefined {
    // JSON leaves the others out.
    const keys = Object.keys(data).filter((key) => data[key] !== undefined);
    const values = keys.map((key) =>
      key === "expires" && isDate(data[key], date) ? DATE : data[key]
    );
    const isPlain = values.every((value) => value === DATE || isPrimitive(value));
    // As a key of a literal it would be something else.
    if (!isPlain || keys.includes("__proto__")) return undefined;
    return new CookieTemplate(keys, values, JSON.stringify(data));
  }

  /** Whether a cookie with this `data` has this template. */
  fits(data: CookieData, date: number | undefined): boolean {
    const keys = this.#keys;
    const values = this.#values;
    let i = 0;
    for (const key in data) {
      const value = data[key];
      if (value === undefined) continue;
      if (key !== keys[i]) return false;
      if (value !== values[i] && !(values[i] === DATE && isDate(value, date))) return false;
      i++;
    }
    return i === keys.length;
  }

  /** Returns what JSON would write of `session`, with the cookie left blank. */
  without(session: SessionData): SessionData {
    return { ...session, cookie: null as never };
  }

  /** Returns the size of the JSON `text` of such a session, with its cookie in place, in bytes. */
  sizeWith(text: string): number {
    return sizeOfText(text) - NULL_SIZE + this.size;
  }

  /** Returns such a cookie with the date `date`, as JSON would return it. */
  cookieAt(date: number): CookieData {
    return this.hasDate ? { ...this.#parsed, expires: isoOf(date) } : { ...this.#parsed };
  }
}

/** An app has as many templates as it has settings for its cookies: one, or a few. */
const MAX_TEMPLATES = 8;

/** The cookie templates of a store. */
export class CookieTemplates {
  /** The latest first. */
  readonly #templates: CookieTemplate[] = [];

  /**
   * Returns the template for `cookie`, whose date is `date`, in milliseconds
   * since the epoch. There is one once another such cookie has come before.
   */
  of(cookie: unknown, date: number | undefined): CookieTemplate | undefined {
    const data = dataOf(cookie);
    if (!data) return undefined;
    for (const template of this.#templates) {
      if (template.fits(data, date)) return template;
    }
    // The first one is kept in full, so that cookies that are all different share nothing.
    const template = CookieTemplate.of(data, date);
    if (template && this.#templates.unshift(template) > MAX_TEMPLATES) this.#templates.pop();
    return undefined;
  }
}

const isOwn = Object.prototype.propertyIsEnumerable;

/**
 * Whether the serializer is JSON, and writes of `session` its own keys as they
 * are, the cookie among them: then a template can stand for the cookie.
 */
export function isTemplatable(session: SessionData, serializer: Serializer): boolean {
  return serializer === JSON && (session as { toJSON?: unknown }).toJSON === undefined &&
    !Array.isArray(session) && isOwn.call(session, "cookie");
}

/** Returns what JSON writes for a cookie, if that is an object. */
export function dataOf(cookie: unknown): CookieData | undefined {
  if (!isObject(cookie)) return undefined;
  const { toJSON } = cookie as { toJSON?: unknown };
  const data = isFunction(toJSON) ? toJSON.call(cookie, "cookie") : cookie;
  return isObject(data) && !Array.isArray(data) ? data as CookieData : undefined;
}

/** Returns the data of a cookie as JSON writes it, with its date, if that is an object. */
export function plain(cookie: unknown): CookieData | undefined {
  const data = dataOf(cookie);
  return data && JSON.parse(JSON.stringify(data));
}

/** Whether JSON writes `value` as the date `date`, and as long as every other date. */
function isDate(value: unknown, date: number | undefined): boolean {
  if (date === undefined || !(date >= 0 && date < YEAR_10000)) return false;
  if (typeof value === "string") return value === isoOf(date);
  return value instanceof Date && value.getTime() === date &&
    value.toJSON === Date.prototype.toJSON && value.toISOString === Date.prototype.toISOString;
}

const DAY = 24 * 60 * 60 * 1000;

const padded = (number: number, length: number) => String(number).padStart(length, "0");

/** That of the time before, as far as the `T`: most sessions expire on the same day. */
let day = NaN;
let dayText = "";

/** Returns a time up to the year 9999 as `Date.toISOString` writes it, in a quarter of its time. */
export function isoOf(time: number): string {
  const itsDay = Math.floor(time / DAY);
  if (itsDay !== day) dayText = new Date(time).toISOString().slice(0, -"00:00:00.000Z".length);
  day = itsDay;
  const ms = time - day * DAY;
  const minutes = Math.floor(ms / 60_000);
  const clock = `${padded(Math.floor(minutes / 60), 2)}:${padded(minutes % 60, 2)}`;
  return `${dayText}${clock}:${padded(Math.floor(ms / 1000) % 60, 2)}.${padded(ms % 1000, 3)}Z`;
}

/** Whether `value` can't change, and JSON writes it as itself. */
function isPrimitive(value: unknown): boolean {
  return value === null || value === undefined || typeof value === "string" ||
    typeof value === "boolean" || Number.isFinite(value);
}
