/**
 * The rows of a file: what has become of a session.
 *
 * @module
 */
import { type Rank, RANKS } from "../core/vault/entry.ts";
import type { Restoration, Row } from "../core/port.ts";
import type { CookieData } from "../core/record/cookie_template.ts";
import { failure, isObject } from "../util/errors.ts";
import { sliced } from "../util/slices.ts";
import type { BlockWriter } from "./block_writer.ts";

/** How much text there is in a block, in characters: a little more, or the text of one session. */
const BLOCK = 65_536;

/** As the last item of a row: the session stays in its place in the order. */
const STAYS = 0;

/**
 * A session as it was when the row was written. It goes to the end of its rank,
 * the last to be evicted, unless the row ends with `0`. Then it stays in its
 * place, or goes to the front of its rank if it has none there. JSON has no
 * `Infinity`: a session that never expires has `null`. With a `cookie`, `null`
 * stands for that in the `text`.
 */
export type Upsert = [
  sid: string,
  rank: Rank,
  expires: number | null,
  created: number,
  lastUsed: number,
  user: string | null,
  cookie: CookieData | null,
  text: string,
  stays?: typeof STAYS,
];

/** A session that was touched or used: nothing else of it has changed. */
export type Touch = [
  sid: string,
  rank: Rank,
  expires: number | null,
  lastUsed: number,
  cookie: CookieData,
  stays?: typeof STAYS,
];

/** An {@linkcode Upsert}, a {@linkcode Touch}, the id of a session that has left, or nothing: all have left. */
export type FileRow = Upsert | Touch | [sid: string] | [];

/** Returns the row of a session. */
export function rowOf(row: Row, stays: boolean): Upsert {
  const { sid, rank, created, lastUsed, user = null, cookie = null, text } = row;
  const upsert: Upsert = [sid, rank, lifeOf(row), created, lastUsed, user, cookie, text];
  if (stays) upsert.push(STAYS);
  return upsert;
}

/** Returns the row of a session of which nothing but the cookie, the life and the place has changed. */
export function touchOf(row: Row, stays: boolean): Touch | Upsert {
  const { sid, rank, lastUsed, cookie } = row;
  // Its cookie is part of the text.
  if (!cookie) return rowOf(row, stays);
  const touch: Touch = [sid, rank, lifeOf(row), lastUsed, cookie];
  if (stays) touch.push(STAYS);
  return touch;
}

function lifeOf({ expires }: Row): number | null {
  return expires === Infinity ? null : expires;
}

/** Returns a row as a line of a file. */
export function lineOf(row: FileRow): string {
  return JSON.stringify(row) + "\n";
}

/** Reads a line of a file, and does to the sessions of `restoration` what it says. */
export function applyRow(line: string, restoration: Restoration, at: number): void {
  const row: unknown = JSON.parse(line);
  if (isEnd(row)) {
    if (row.length === 0) restoration.clear();
    else restoration.remove(row[0]);
  } else if (isTouch(row)) {
    const [sid, rank, expires, lastUsed, cookie, stays] = row;
    const touch = { sid, rank, expires: expires ?? Infinity, lastUsed, cookie };
    restoration.touch(touch, stays === STAYS);
  } else if (isUpsert(row)) {
    const [sid, rank, expires, created, lastUsed, user, cookie, text, stays] = row;
    const life = expires ?? Infinity;
    restoration.put(
      {
        sid,
        rank,
        expires: life,
        created,
        lastUsed,
        user: user ?? undefined,
        cookie: cookie ?? undefined,
        text,
      },
      stays === STAYS,
      at,
    );
  } else {
    throw failure(
      TypeError,
      "ERR_LEMBRO_JOURNAL",
      "Cannot read row: a row must be [sid, rank, expires, created, lastUsed, user, cookie, " +
        "text], [sid, rank, expires, lastUsed, cookie], [sid] or []",
    );
  }
}

function isEnd(row: unknown): row is [sid: string] | [] {
  return Array.isArray(row) &&
    (row.length === 0 || row.length === 1 && typeof row[0] === "string");
}

function isTouch(row: unknown): row is Touch {
  if (!Array.isArray(row) || row.length !== 5 && row.length !== 6) return false;
  const [sid, rank, expires, lastUsed, cookie, stays] = row;
  return isPlaced(sid, rank, expires) && typeof lastUsed === "number" && isCookie(cookie) &&
    (row.length === 5 || stays === STAYS);
}

function isUpsert(row: unknown): row is Upsert {
  if (!Array.isArray(row) || row.length !== 8 && row.length !== 9) return false;
  const [sid, rank, expires, created, lastUsed, user, cookie, text, stays] = row;
  return isPlaced(sid, rank, expires) && typeof created === "number" &&
    typeof lastUsed === "number" && (user === null || typeof user === "string") &&
    (cookie === null || isCookie(cookie)) && typeof text === "string" &&
    (row.length === 8 || stays === STAYS);
}

function isPlaced(sid: unknown, rank: Rank, expires: unknown): boolean {
  return typeof sid === "string" && RANKS.includes(rank) &&
    (expires === null || typeof expires === "number");
}

function isCookie(cookie: unknown): cookie is CookieData {
  return isObject(cookie) && !Array.isArray(cookie);
}

/**
 * Rows, and `undefined` where they may be left alone for a while. They are told
 * whether that was because of the disk.
 */
export type Rows = Generator<FileRow | undefined, void, boolean | undefined>;

/** Writes rows in blocks, and in slices. Returns how many there were. */
export async function writeRows(writer: BlockWriter, rows: Rows): Promise<number> {
  try {
    for (let written = 0;;) {
      const { lines, isLast } = await sliced(gather(rows));
      if (lines.length > 0) await writer.write("rows", lines.join(""));
      written += lines.length;
      if (isLast) return written;
    }
  } finally {
    rows.return();
  }
}

/** Returns the lines of the next block. */
function* gather(rows: Rows): Generator<void, { lines: string[]; isLast: boolean }, undefined> {
  const lines: string[] = [];
  let length = 0;
  for (let isFirst = true;; isFirst = false) {
    const { value, done } = rows.next(isFirst);
    if (done) return { lines, isLast: true };
    if (value) {
      const line = lineOf(value);
      lines.push(line);
      length += line.length;
    } else if (length < BLOCK) {
      yield;
    } else {
      return { lines, isLast: false };
    }
  }
}
