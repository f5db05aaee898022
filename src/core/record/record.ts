// @ts-types="npm:@types/express-session@^1.18.0"
import type { SessionData } from "express-session";
import type { ResolvedOptions, Serializer } from "../../options.ts";
import { failure, invalidResult, isObject } from "../../util/errors.ts";
import {
  type CookieData,
  type CookieTemplate,
  type CookieTemplates,
  isTemplatable,
} from "./cookie_template.ts";
import { dateOf, type Lifetime } from "./expiry.ts";
import { type Entry, type Row, type SessionRecord, sizeOf } from "../vault/entry.ts";

/** The code of the error for a session that is larger than the store allows. */
export const TOO_LARGE = "ERR_LEMBRO_SESSION_TOO_LARGE";

/** The share of `maxSize` that one session may take. */
const SESSION_SHARE = 1 / 8;

/** What one session may take in any store that has room for it, in bytes. */
const MIN_SESSION_LIMIT = 4 * 1024;

/**
 * Returns what is to be kept of `session`, whose cookie has the date `date`.
 *
 * @throws What the serializer throws, a `TypeError` if it returns no string, and
 * a `RangeError` with the code {@linkcode TOO_LARGE}.
 */
export function recordOf(
  session: SessionData,
  date: number | undefined,
  lifetime: Lifetime,
  options: ResolvedOptions,
  templates: CookieTemplates,
): SessionRecord {
  const template = isTemplatable(session, options.serializer)
    ? templates.of(session.cookie, relative(date, lifetime.expires))
    : undefined;
  return recordBy(template, session, lifetime, options);
}

/** Returns the session of a record, as a new object. */
export function sessionOf(record: SessionRecord, { serializer }: ResolvedOptions): SessionData {
  const { text, cookie, expires, dateOffset } = record;
  const session = parse(text, serializer);
  if (cookie) session.cookie = cookie.cookieAt(expires + dateOffset) as never;
  return session;
}

/** Returns the date of the cookie of `session`, which was read from `record`, in milliseconds since the epoch. */
export function cookieDateOf(
  { cookie, expires, dateOffset }: SessionRecord,
  session: SessionData,
): number | undefined {
  return cookie?.hasDate ? expires + dateOffset : dateOf(session.cookie);
}

/** How the JSON of a session begins that had its cookie before anything else, as those of requests. */
const COOKIE_FIRST = '{"cookie":null';

/** Returns the data of the cookie of a record, if `null` stands for it in the text. */
export function cookieOf({ cookie, expires, dateOffset }: SessionRecord): CookieData | undefined {
  return cookie?.cookieAt(expires + dateOffset);
}

/**
 * Returns what is to be kept of a session that was written as `text`; with a
 * `cookie`, `null` stands for that in it. The session is not parsed.
 *
 * @throws As {@linkcode recordOf}.
 */
export function restored(
  { text, cookie, expires }: Pick<Row, "text" | "cookie" | "expires">,
  { maxSize, serializer }: ResolvedOptions,
  templates: CookieTemplates,
): SessionRecord {
  const date = dateOf(cookie);
  const template = cookie && serializer === JSON
    ? templates.of(cookie, relative(date, expires))
    : undefined;
  const whole = cookie && !template ? insertCookie(text, cookie) : text;
  const record = withLifetime(whole, template, { expires, end: date ?? expires });
  return checkSize(record, maxSize);
}

/** Puts a cookie into the JSON of a session. */
function insertCookie(text: string, cookie: CookieData): string {
  if (!text.startsWith(COOKIE_FIRST)) return JSON.stringify({ ...JSON.parse(text), cookie });
  return `{"cookie":${JSON.stringify(cookie)}${text.slice(COOKIE_FIRST.length)}`;
}

/**
 * Returns what is to be kept of `entry` with another cookie, whose date is `date`.
 * The data is neither read nor written if both cookies have templates.
 *
 * @throws As {@linkcode recordOf}.
 */
export function withCookie(
  entry: Entry,
  cookie: SessionData["cookie"],
  date: number | undefined,
  lifetime: Lifetime,
  options: ResolvedOptions,
  templates: CookieTemplates,
): SessionRecord {
  const { serializer } = options;
  const template = serializer === JSON
    ? templates.of(cookie, relative(date, lifetime.expires))
    : undefined;
  if (entry.cookie && template) {
    const record = withLifetime(entry.text, template, lifetime);
    return template === entry.cookie ? record : checkSize(record, options.maxSize);
  }
  const session = parse(entry.text, serializer);
  session.cookie = cookie;
  const fitting = isTemplatable(session, serializer) ? template : undefined;
  return recordBy(fitting, session, lifetime, options);
}

/** Returns a record that ends as `lifetime` says. */
export function withLifetime(
  text: string,
  cookie: CookieTemplate | undefined,
  { expires, end }: Lifetime,
): SessionRecord {
  return { text, cookie, expires, dateOffset: expires === Infinity ? 0 : end - expires };
}

function recordBy(
  template: CookieTemplate | undefined,
  session: SessionData,
  lifetime: Lifetime,
  { maxSize, serializer }: ResolvedOptions,
): SessionRecord {
  const text = serialize(template?.without(session) ?? session, serializer);
  return checkSize(withLifetime(text, template, lifetime), maxSize);
}

/**
 * Returns `session` as the serializer writes it.
 *
 * @throws What the serializer throws, and a `TypeError` if it returns no string.
 */
export function serialize(session: SessionData, serializer: Serializer): string {
  const text = serializer.stringify(session);
  if (typeof text !== "string") {
    throw invalidResult("keep session", "serializer.stringify must return a string", text);
  }
  // JSON of anything but an object could never be returned as a session.
  if (serializer === JSON && text[0] !== "{" && text[0] !== "[") {
    throw invalidResult("keep session", "its toJSON must return an object", JSON.parse(text));
  }
  return text;
}

/**
 * Returns the session that the serializer reads in `text`.
 *
 * @throws What the serializer throws, and a `TypeError` if it returns no object.
 */
export function parse(text: string, serializer: Serializer): SessionData {
  const session = serializer.parse(text);
  if (isObject(session)) return session;
  throw invalidResult("read session", "serializer.parse must return an object", session);
}

/** Returns `date`, if it can be kept as so much later than `expires`. */
function relative(date: number | undefined, expires: number): number | undefined {
  return expires === Infinity ? undefined : date;
}

/** Returns `record`, unless its session is too large. */
function checkSize(record: SessionRecord, maxSize: number): SessionRecord {
  const size = sizeOf(record);
  const share = Math.floor(maxSize * SESSION_SHARE);
  const most = Math.min(maxSize, Math.max(share, MIN_SESSION_LIMIT));
  if (size <= most) return record;
  const which = most === maxSize
    ? "all of maxSize"
    : most === share
    ? "an eighth of maxSize"
    : "which is more than an eighth of maxSize";
  const enough = size > MIN_SESSION_LIMIT ? size / SESSION_SHARE : size;
  const message = `Cannot keep session: its size in bytes must be at most ${most}, ${which} ` +
    `(raise maxSize to at least ${enough}, or keep less in the session): received ${size}`;
  throw failure(RangeError, TOO_LARGE, message, { bytes: size, limit: most });
}
