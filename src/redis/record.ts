/**
 * A session <-> the text that Redis keeps of it.
 *
 * That is plain JSON, which connect-redis can read, with a mark of this package
 * inside its cookie: what express-session doesn't know there it drops when it
 * writes, so a session that another store has written has no mark. The mark
 * stands in front, at fixed places: a script compares and changes parts of it
 * without reading the session.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { randomFillSync } from "node:crypto";
// @ts-types="npm:@types/express-session@^1.18.0"
import type { SessionData } from "express-session";
import type { CookieData } from "../core/record/cookie_template.ts";
import type { Rank } from "../core/vault/entry.ts";
import type { Serializer } from "../options.ts";
import { isObject } from "../util/errors.ts";

/** How a marked session begins that is JSON with a cookie. */
export const INSIDE = '{"cookie":{"lembro":"1';

/** How any other marked session begins, as long as {@linkcode INSIDE}: its text follows the mark. */
export const OUTSIDE = 'express-lembro:mark:"1';

/** Where the parts of a mark begin: two random ids, four times of thirteen digits, the rank and the user. */
export const AT = {
  identity: 22,
  revision: 30,
  created: 38,
  rank: 51,
  lastUsed: 52,
  expires: 65,
  indexed: 78,
  user: 91,
} as const;

const COOKIE_FIRST = '{"cookie":{';

/** What Redis keeps of a session. Times are in milliseconds since the epoch. */
export interface StoredSession {
  /** Another one for each life of an id; "" if another store wrote the session. */
  readonly identity: string;
  /** Another one for each save. */
  readonly revision: string;
  readonly created: number;
  readonly rank: Rank;
  readonly lastUsed: number;
  /** May be `Infinity`; unknown if another store wrote the session, and `Infinity` then. */
  readonly expires: number;
  /** How long the index of the user lives at least. */
  readonly indexed: number;
  readonly user: string | undefined;
  /** The whole session as the serializer wrote it. */
  readonly text: string;
  /** The text with its mark. */
  readonly raw: string;
}

/** What a touch changes. */
export type Life = Pick<StoredSession, "rank" | "lastUsed" | "expires" | "indexed">;

/** Reads what Redis keeps. `now` counts as the creation of what another store has written. */
export function read(raw: string, now: number): StoredSession {
  const isInside = raw.startsWith(INSIDE);
  if (!isInside && !raw.startsWith(OUTSIDE)) {
    return {
      identity: "",
      revision: "",
      created: now,
      rank: "returning",
      lastUsed: now,
      expires: Infinity,
      indexed: 0,
      user: undefined,
      text: raw,
      raw,
    };
  }
  const end = raw.indexOf('"', AT.user);
  return {
    identity: raw.slice(AT.identity, AT.revision),
    revision: raw.slice(AT.revision, AT.created),
    created: readTime(raw, AT.created),
    rank: RANK_OF[raw[AT.rank]],
    lastUsed: readTime(raw, AT.lastUsed),
    expires: readTime(raw, AT.expires),
    indexed: readTime(raw, AT.indexed),
    user: end === AT.user ? undefined : decodeURIComponent(raw.slice(AT.user + 1, end)),
    text: isInside
      ? COOKIE_FIRST + raw.slice(raw[end + 1] === "," ? end + 2 : end + 1)
      : raw.slice(end + 1),
    raw,
  };
}

/** Reads creation, rank, last use and expiry in a mark. */
export function readHead(
  raw: string,
): Pick<StoredSession, "created" | "rank" | "lastUsed" | "expires"> {
  return {
    created: readTime(raw, AT.created),
    rank: RANK_OF[raw[AT.rank]],
    lastUsed: readTime(raw, AT.lastUsed),
    expires: readTime(raw, AT.expires),
  };
}

/** Whether a text has a mark. */
export function isMarked(raw: string): boolean {
  return raw.startsWith(INSIDE) || raw.startsWith(OUTSIDE);
}

/** Puts the mark into the text of a session. */
export function stored(session: Omit<StoredSession, "raw">): StoredSession {
  const { identity, revision, created, user, text } = session;
  const mark = identity + revision + timeText(created) + lifeText(session) + userText(user) + '"';
  const rest = text.slice(COOKIE_FIRST.length);
  const raw = text.startsWith(COOKIE_FIRST)
    ? INSIDE + mark + (rest[0] === "}" ? "" : ",") + rest
    : OUTSIDE + mark + text;
  return { ...session, raw };
}

/** The part of a mark that a touch changes: from the rank to the user. */
export function lifeText(life: Life): string {
  const { rank, lastUsed, expires, indexed } = life;
  return rank[0] + timeText(lastUsed) + timeText(expires) + timeText(indexed);
}

/** The same session with another life. */
export function withLife(kept: StoredSession, life: Life): StoredSession {
  const raw = kept.raw.slice(0, AT.rank) + lifeText(life) + kept.raw.slice(AT.user);
  return { ...kept, ...life, raw };
}

/** A user as a mark has it. */
export function userText(user: string | undefined): string {
  return user === undefined ? "" : "=" + encodeURIComponent(user);
}

/**
 * Returns the text of a session that Redis is to keep: as the serializer wrote
 * it, with its cookie in front if it is JSON and has one.
 */
export function cookieFirst(text: string, serializer: Serializer): string {
  if (serializer !== JSON || text.startsWith(COOKIE_FIRST)) return text;
  const { cookie, ...rest } = JSON.parse(text) as Partial<SessionData>;
  if (!isObject(cookie) || Array.isArray(cookie)) return text;
  const others = JSON.stringify(rest).slice(1);
  return `{"cookie":${JSON.stringify(cookie)}${others === "}" ? "" : ","}${others}`;
}

/** The cookie of a session, if its text is JSON with a flat cookie in front; the rest is not read. */
export function flatCookieOf(text: string): CookieData | undefined {
  if (!text.startsWith(COOKIE_FIRST)) return undefined;
  try {
    return JSON.parse(text.slice(COOKIE_FIRST.length - 1, text.indexOf("}") + 1));
  } catch {
    // There are braces inside.
    return undefined;
  }
}

const ID_BYTES = 6;

/** Random bytes for the next ids: asking for a few at a time takes longer than the rest of a save. */
const randomBytes = Buffer.alloc(512 * ID_BYTES);
let randomAt = randomBytes.length;

/** A random text of eight characters. */
export function randomId(): string {
  if (randomAt === randomBytes.length) {
    randomFillSync(randomBytes);
    randomAt = 0;
  }
  return randomBytes.toString("base64url", randomAt, randomAt += ID_BYTES);
}

const RANK_OF: Record<string, Rank> = { n: "newcomers", r: "returning", p: "protected" };

/** A life in ms, as the scripts take it. */
export function lifeArgument(life: number): string {
  return life === Infinity ? "" : String(Math.max(1, Math.ceil(life)));
}

/** The beginning of a mark, without what is the same in all. */
export function startOf({ raw }: StoredSession, end: number): string {
  return raw.slice(AT.identity, end);
}

const DIGITS = 13;
const NEVER = "9".repeat(DIGITS);
const LAST = Number(NEVER) - 1;

/** Writes a time so that all are as long. */
export function timeText(time: number): string {
  if (time > LAST) return NEVER;
  return String(Math.max(0, Math.floor(time))).padStart(DIGITS, "0");
}

function readTime(raw: string, at: number): number {
  const text = raw.slice(at, at + DIGITS);
  return text === NEVER ? Infinity : Number(text);
}
