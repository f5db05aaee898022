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

/** What a touch changes. Times are in milliseconds since the epoch. */
export interface Life {
  readonly rank: Rank;
  readonly lastUsed: number;
  /** May be `Infinity`. */
  readonly expires: number;
  /** How long the index of the user lives at least. */
  readonly indexed: number;
}

/** What is written of a session. */
export interface Content extends Life {
  readonly created: number;
  readonly user: string | undefined;
  /** The whole session as the serializer wrote it. */
  readonly text: string;
}

/** What Redis keeps of a session. Each part is read when it is asked for: a load needs few of them. */
export class StoredSession implements Content {
  /**
   * @param raw The text with its mark.
   * @param met What counts as the creation of what another store has written.
   * @param end When such a session expires: Redis alone knows.
   * @param isMarked Whether it has a mark. To look for that, V8 first joins a text that was made of
   *   several.
   */
  constructor(
    readonly raw: string,
    readonly met: number,
    readonly end: number = Infinity,
    readonly isMarked: boolean = hasMark(raw),
  ) {}

  /** Another one for each life of an id; "" if another store wrote the session. */
  get identity(): string {
    return this.isMarked ? this.raw.slice(AT.identity, AT.revision) : "";
  }

  /** Another one for each save. */
  get revision(): string {
    return this.isMarked ? this.raw.slice(AT.revision, AT.created) : "";
  }

  get created(): number {
    return this.isMarked ? readTime(this.raw, AT.created) : this.met;
  }

  get rank(): Rank {
    return this.isMarked ? RANK_OF[this.raw[AT.rank]] : "returning";
  }

  get lastUsed(): number {
    return this.isMarked ? readTime(this.raw, AT.lastUsed) : this.met;
  }

  get expires(): number {
    return this.isMarked ? readTime(this.raw, AT.expires) : this.end;
  }

  get indexed(): number {
    return this.isMarked ? readTime(this.raw, AT.indexed) : 0;
  }

  get user(): string | undefined {
    const end = this.isMarked ? markEndOf(this.raw) : AT.user;
    return end === AT.user ? undefined : decodeURIComponent(this.raw.slice(AT.user + 1, end));
  }

  get text(): string {
    const { raw } = this;
    if (!this.isMarked) return raw;
    const end = markEndOf(raw);
    if (raw[0] !== INSIDE[0]) return raw.slice(end + 1);
    return COOKIE_FIRST + raw.slice(raw[end + 1] === "," ? end + 2 : end + 1);
  }
}

/** Where a mark ends: at its quotation mark. */
function markEndOf(raw: string): number {
  return raw.indexOf('"', AT.user);
}

/** Reads last use and expiry in the beginning of a marked session. */
export function readHead(head: string): Pick<Life, "lastUsed" | "expires"> {
  return { lastUsed: readTime(head, AT.lastUsed), expires: readTime(head, AT.expires) };
}

/** Whether a text has a mark. */
export function hasMark(raw: string): boolean {
  // Of a session, `startsWith` takes three times as long.
  return raw.indexOf(INSIDE) === 0 || raw.startsWith(OUTSIDE);
}

/** Puts the mark into the text of a session. */
export function stored(identity: string, revision: string, content: Content): StoredSession {
  const { created, user, text } = content;
  const mark = identity + revision + timeText(created) + lifeText(content) + userText(user) + '"';
  const rest = text.slice(COOKIE_FIRST.length);
  const raw = text.startsWith(COOKIE_FIRST)
    ? INSIDE + mark + (rest[0] === "}" ? "" : ",") + rest
    : OUTSIDE + mark + text;
  return new StoredSession(raw, created, Infinity, true);
}

/** The part of a mark that a touch changes: from the rank to the user. */
export function lifeText(life: Life): string {
  const { rank, lastUsed, expires, indexed } = life;
  return rank[0] + timeText(lastUsed) + timeText(expires) + timeText(indexed);
}

/** The same session with another text from the rank on, which is as long. */
export function patched({ raw, met, end }: StoredSession, patch: string): StoredSession {
  const text = raw.slice(0, AT.rank) + patch + raw.slice(AT.rank + patch.length);
  return new StoredSession(text, met, end, true);
}

/** The same session with another life, or a part of it. */
export function withLife(
  kept: StoredSession,
  {
    rank = kept.rank,
    lastUsed = kept.lastUsed,
    expires = kept.expires,
    indexed = kept.indexed,
  }: Partial<Life>,
): StoredSession {
  return patched(kept, lifeText({ rank, lastUsed, expires, indexed }));
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
  const ms = Math.max(0, Math.floor(time));
  // Of a number above 31 bits, this takes a third of the time.
  const seconds = Math.floor(ms / 1000);
  return String(seconds).padStart(DIGITS - 3, "0") + String(ms - 1000 * seconds).padStart(3, "0");
}

function readTime(raw: string, at: number): number {
  const time = Number(raw.slice(at, at + DIGITS));
  return time > LAST ? Infinity : time;
}
