// @ts-types="npm:@types/express-session@^1.18.0"
import type { SessionData } from "express-session";
import { type CookieKind, type CookieKinds, kindOf, kindOfSession } from "./cookie_template.ts";
import { isFunction, isObject, refused } from "../util/errors.ts";
import type { Options, Serializer } from "../options.ts";
import { getSize } from "../util/sizes.ts";

/** What is kept of a session. */
export interface SessionRecord {
  /** The session as the serializer wrote it; if there is a `cookie`, with `null` in its place. */
  text: string;
  /** The kind of cookie that stands for the one in `text`. */
  cookie: CookieKind | undefined;
  /** The size of the session as sizeomatic gives it, in bytes. */
  size: number;
  /** When the session expires, in milliseconds since the epoch. */
  expires: number;
}

/** What a touch replaces of it: mostly not the text. */
export type Touched = Omit<SessionRecord, "text"> & Partial<SessionRecord>;

const SAVE = "save session";

/** The code of the error for a session that is over 75 % of `maxSize`. */
export const TOO_LARGE = "ERR_LEMBRO_SESSION_TOO_LARGE";

/** The share of `maxSize` that a reduced store keeps at most, and one session too. */
export const REDUCED_SHARE = 0.75;

/**
 * What is to be kept of `session`.
 *
 * @throws What the serializer throws, a `TypeError` if it gives no text, and a
 * `RangeError` with the code {@linkcode TOO_LARGE}.
 */
export function recordOf(
  session: SessionData,
  expires: number,
  { maxSize, serializer }: Options,
  cookies: CookieKinds,
): SessionRecord {
  const cookie = kindOfSession(cookies, session, expires, serializer);
  const text = serializer.stringify(cookie?.without(session) ?? session);
  if (typeof text !== "string") {
    throw refused(TypeError, SAVE, "serializer.stringify must give a string", text);
  }
  // JSON text of anything but an object could never be given back as a session.
  if (serializer === JSON && text[0] !== "{" && text[0] !== "[") {
    throw refused(TypeError, SAVE, "its toJSON must give an object", JSON.parse(text));
  }
  const size = cookie?.sizeWith(text) ?? getSize(text);
  return { text, cookie, size: measured(size, maxSize), expires };
}

/** What `protect` said; a promise, which would be true of everyone, is refused. */
export function readAnswer(value: unknown): boolean {
  if (value instanceof Promise) {
    throw refused(TypeError, SAVE, "protect must give true or false, at once", value);
  }
  return Boolean(value);
}

/** The session of a record, as a new object. */
export function sessionOf(
  { text, cookie, expires }: SessionRecord,
  { serializer }: Options,
): SessionData {
  const session = parse(text, serializer);
  cookie?.restore(session, expires);
  return session;
}

/** The session of a record, as the serializer writes it. */
export function textOf(record: SessionRecord, options: Options): string {
  if (!record.cookie) return record.text;
  return options.serializer.stringify(sessionOf(record, options));
}

/**
 * What is to be kept of `record` with the cookie of `session`. The text stays
 * as it is, unread, if both cookies are of a known kind.
 *
 * @throws As {@linkcode recordOf}.
 */
export function touched(
  record: SessionRecord,
  session: SessionData,
  expires: number,
  options: Options,
  cookies: CookieKinds,
): Touched {
  const { cookie: before, size } = record;
  const cookie = before && kindOf(cookies, session.cookie, expires);
  if (cookie) {
    return { cookie, size: measured(size - before.size + cookie.size, options.maxSize), expires };
  }
  const kept = parse(record.text, options.serializer);
  kept.cookie = session.cookie;
  return recordOf(kept, expires, options, cookies);
}

/** `size`, unless a session of it is too large. */
function measured(size: number, maxSize: number): number {
  const most = maxSize * REDUCED_SHARE;
  if (size <= most) return size;
  const rule = `its size in bytes must be at most ${most}, 75 % of maxSize`;
  throw Object.assign(refused(RangeError, SAVE, rule, size), { code: TOO_LARGE });
}

/**
 * The session that the serializer reads in `text`.
 *
 * @throws What the serializer throws, and a `TypeError` if it gives no object.
 */
export function parse(text: string, serializer: Serializer): SessionData {
  const session = serializer.parse(text);
  if (!isObject(session)) {
    throw refused(TypeError, "read session", "serializer.parse must give an object", session);
  }
  return session;
}

/**
 * When `session` expires, in milliseconds since the epoch.
 *
 * @throws What `ttl` throws, and a `TypeError` for what is no session or no number.
 */
export function expiryOf(
  session: SessionData,
  sid: string,
  now: number,
  ttl: Options["ttl"],
): number {
  if (!isObject(session)) {
    throw refused(TypeError, SAVE, "session must be an object", session);
  }
  const cookie: { expires?: unknown; maxAge?: unknown } = session.cookie ?? {};
  const expires = readDate(cookie.expires);
  if (expires !== undefined) return expires;
  const { maxAge } = cookie;
  if (Number.isFinite(maxAge)) return now + (maxAge as number);
  if (typeof ttl === "number") return now + ttl;
  const life = ttl(session, sid);
  if (typeof life !== "number" || Number.isNaN(life)) {
    throw refused(TypeError, SAVE, "ttl must give a number of milliseconds", life);
  }
  return now + life;
}

/** A date as milliseconds since the epoch, or `undefined` for what can't be read as one. */
function readDate(date: unknown): number | undefined {
  let time = NaN;
  if (typeof date === "number") {
    time = date;
  } else if (typeof date === "string" && date.trim() !== "") {
    time = Number(date);
    if (Number.isNaN(time)) time = Date.parse(date);
  } else if (isFunction((date as Date | null)?.getTime)) {
    time = (date as Date).getTime();
  }
  return Number.isFinite(time) ? time : undefined;
}
