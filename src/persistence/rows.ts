/**
 * The rows of a file: what has become of a session.
 *
 * @module
 */
import { type Rank, RANKS } from "../core/vault/entry.ts";
import type { Row } from "../core/port.ts";
import { failure } from "../util/errors.ts";
import { sliced } from "../util/slices.ts";
import type { BlockWriter } from "./block_file.ts";

/** How much text there is in a block, in characters: a little more, or the text of one session. */
const BLOCK = 65_536;

/** As the seventh item of a row: the session stays in its place in the order. */
const STAYS = 0;

/**
 * A session as it was when the row was written. It goes to the end of its rank,
 * the last to be evicted, unless the row ends with `0`. Then it stays in its
 * place, or goes to the front of its rank if it has none there. JSON has no
 * `Infinity`: a session that never expires has `null`.
 */
export type Upsert = [
  sid: string,
  rank: Rank,
  expires: number | null,
  created: number,
  lastUsed: number,
  text: string,
  stays?: typeof STAYS,
];

/** An {@linkcode Upsert}, the id of a session that has left, or nothing: all have left. */
export type FileRow = Upsert | [sid: string] | [];

/** Returns the row of a session. */
export function rowOf(row: Row, stays: boolean): Upsert {
  const { sid, rank, expires, created, lastUsed, text } = row;
  const life = expires === Infinity ? null : expires;
  return stays
    ? [sid, rank, life, created, lastUsed, text, STAYS]
    : [sid, rank, life, created, lastUsed, text];
}

/** Returns a row as a line of a file. */
export function lineOf(row: FileRow): string {
  return JSON.stringify(row) + "\n";
}

/** Reads a line of a file. */
export function readRow(line: string): FileRow {
  const row: unknown = JSON.parse(line);
  if (isRow(row)) return row;
  throw failure(
    TypeError,
    "ERR_LEMBRO_JOURNAL",
    "Cannot read row: a row must be [sid, rank, expires, created, lastUsed, text], [sid] or []",
  );
}

function isRow(row: unknown): row is FileRow {
  if (!Array.isArray(row)) return false;
  const [sid, rank, expires, created, lastUsed, text, stays] = row;
  if (row.length === 0) return true;
  if (typeof sid !== "string") return false;
  if (row.length === 1) return true;
  return (row.length === 6 || row.length === 7 && stays === STAYS) &&
    RANKS.includes(rank) && (expires === null || typeof expires === "number") &&
    typeof created === "number" && typeof lastUsed === "number" && typeof text === "string";
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

/** Writes rows at once, as one block. Returns how many there were. */
export function writeRowsSync(writer: BlockWriter, rows: Rows): number {
  const lines = [...rows].flatMap((row) => row ? [lineOf(row)] : []);
  if (lines.length > 0) writer.writeSync("rows", lines.join(""));
  return lines.length;
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
