// @ts-types="npm:@types/express-session@^1.18.0"
import type { SessionData } from "express-session";
import { type Options, show } from "./options.ts";
import { getSize } from "./sizes.ts";

/** What is kept of a session. */
export interface SessionRecord {
  /** The session as the serializer wrote it. */
  readonly text: string;
  /** The size of `text` as sizeomatic gives it, in bytes. */
  readonly size: number;
  /** When the session expires, in milliseconds since the epoch. */
  readonly expires: number;
}

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
): SessionRecord {
  const text = serializer.stringify(session);
  if (typeof text !== "string") {
    throw new TypeError(
      `Cannot save session: serializer.stringify must give a string: received ${show(text)}`,
    );
  }
  // JSON text of anything but an object could never be given back as a session.
  if (serializer === JSON && !/^[{[]/.test(text)) {
    throw new TypeError(
      `Cannot save session: its toJSON must give an object: received ${show(JSON.parse(text))}`,
    );
  }
  const size = getSize(text);
  const most = maxSize * REDUCED_SHARE;
  if (size > most) {
    throw Object.assign(
      new RangeError(
        `Cannot save session: its size must be at most ${most} bytes, 75 % of maxSize: received ${size} bytes`,
      ),
      { code: TOO_LARGE },
    );
  }
  return { text, size, expires };
}

/**
 * The session of `text`, as a new object.
 *
 * @throws What the serializer throws, and a `TypeError` if it gives no object.
 */
export function sessionOf(text: string, { serializer }: Options): SessionData {
  const session = serializer.parse(text);
  if (typeof session !== "object" || session === null) {
    throw new TypeError(
      `Cannot read session: serializer.parse must give an object: received ${show(session)}`,
    );
  }
  return session;
}

/** The session of `text` with the cookie of `session`. */
export function touched(
  text: string,
  session: SessionData,
  options: Options,
): SessionData {
  const kept = sessionOf(text, options);
  kept.cookie = session.cookie;
  return kept;
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
  if (typeof session !== "object" || session === null) {
    throw new TypeError(
      `Cannot save session: session must be an object: received ${show(session)}`,
    );
  }
  const cookie: { expires?: unknown; maxAge?: unknown } = session.cookie ?? {};
  const expires = readDate(cookie.expires);
  if (expires !== undefined) return expires;
  const { maxAge } = cookie;
  if (typeof maxAge === "number" && Number.isFinite(maxAge)) {
    return now + maxAge;
  }
  if (typeof ttl === "number") return now + ttl;
  const life = ttl(session, sid);
  if (typeof life !== "number" || Number.isNaN(life)) {
    throw new TypeError(
      `Cannot save session: ttl must give a number of milliseconds: received ${show(life)}`,
    );
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
  } else if (typeof (date as Date | null)?.getTime === "function") {
    time = (date as Date).getTime();
  }
  return Number.isFinite(time) ? time : undefined;
}
