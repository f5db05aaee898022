/**
 * The format of the files that keep sessions: journals and snapshots.
 *
 * ```text
 * express-lembro sessions 3
 * head 0000000000 0000000000 0000000080 <digest before> <digest>
 * {"kind":"journal","file":"<UUID>","salt":"<Base64, in an encrypted file>"}
 * test 0000000001 0000000000 0000000123 <digest before> <digest>
 * "<what the serializer makes of a session that is always the same>"
 * rows 0000000002 0000000000 0000065540 <digest before> <digest>
 * ["<sid>","returning",1767225600000,1767139200000,1767140000000,null,{"path":"/"},"<text>"]
 * ["<sid>","protected",null,1767139200000,1767140000000,"<user>",null,"<text>",0]
 * ["<sid>","returning",1767229200000,1767142800000,{"path":"/"}]
 * ["<sid of a session that has left>"]
 * []
 * ends 0000000003 0000000000 0000000006 <digest before> <digest>
 * [4,2]
 * ```
 *
 * The first line is the title with the version of the format. Blocks follow,
 * each with a header of {@linkcode HEADER_LENGTH} bytes: the kind; the number of
 * the block; how many blocks were on the disk for certain when it was written;
 * the length of its content in bytes; the digest of the block before; its own.
 * The digest is the SHA-256 of the file's identity, the header so far, and the
 * content, in hex.
 *
 * - `head` says what kind of file this is and identifies it. It is never encrypted.
 * - `test` tells which serializer and which secret the file was written with.
 * - `rows` are changes, one a line, in their order: see rows.ts. Later rows of a
 *   session take the place of earlier ones.
 * - `ends` is the end of a snapshot, which is a compacted journal with an end:
 *   how many rows there are, and how many sessions are left of them.
 *
 * In an encrypted file the content of each block but the first is a nonce of 12
 * bytes, the text encrypted with AES-256-GCM, and a tag of 16 bytes. The key is
 * made by scrypt of the secret and the salt. The identity of the file and the
 * header up to the digest are authenticated too. So no block can be altered,
 * left out, moved, or brought in from another file.
 *
 * A journal has no end, and a crash may leave its last blocks torn. They are cut
 * off, unless a whole block behind them says that they were on the disk already:
 * then the file was damaged.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { createHash } from "node:crypto";
import { isDeepStrictEqual } from "node:util";
import type { Serializer } from "../options.ts";

/** The version of the format. */
export const VERSION = 3;
/** The first line. */
export const TITLE = `express-lembro sessions ${VERSION}\n`;

/** What a file is for. */
export type FileKind = "journal" | "snapshot";

/** What a block holds. */
export type BlockKind = "head" | "test" | "rows" | "ends";

const NUMBER = "(\\d{10})";
const DIGEST = "([0-9a-f]{64})";
/** The header of a block, as a pattern. */
export const HEADER = `(head|test|rows|ends) ${NUMBER} ${NUMBER} ${NUMBER} ${DIGEST} ${DIGEST}\n`;
export const WHOLE_HEADER = new RegExp(`^${HEADER}$`);

/** The length of a header, in bytes. */
export const HEADER_LENGTH = 168;

/** The longest content of a block, in bytes. */
export const MAX_BLOCK_BYTES = 2 ** 30;

/** Where a file ends, and what the next block has to continue. */
export interface Position {
  /** In bytes. */
  readonly at: number;
  /** How many blocks there are. */
  readonly blocks: number;
  /** The digest of the last block. */
  readonly digest: string;
}

/** Behind the title. */
export const START: Position = {
  at: TITLE.length,
  blocks: 0,
  digest: digestOf("", "", Buffer.from(TITLE)),
};

/** The content of the first block. */
export interface Head {
  readonly kind: FileKind;
  /** The identity of the file. */
  readonly file: string;
  /** In Base64; only in an encrypted file. */
  readonly salt?: string;
}

/** Returns the digest of a block. */
export function digestOf(file: string, start: string, content: Uint8Array): string {
  return createHash("sha256").update(file).update(start).update(content).digest("hex");
}

/** The header of a block, up to its own digest. */
export function startOf(
  kind: string,
  blocks: number,
  synced: number,
  length: number,
  before: string,
) {
  const numbers = [blocks, synced, length].map((number) => String(number).padStart(10, "0"));
  return `${kind} ${numbers.join(" ")} ${before}`;
}

/**
 * A session that is always the same. What a serializer makes of it tells it from
 * others, whose texts may look the same for most sessions.
 */
function testSession(): Parameters<Serializer["stringify"]>[0] {
  const cookie = { originalMaxAge: 60_000, expires: new Date(0), httpOnly: true, path: "/" };
  const data = { date: new Date(1), list: [1, null, "é ☃"], nested: { flag: true } };
  return { cookie, "express-lembro": data } as unknown as ReturnType<typeof testSession>;
}

/** Returns what a serializer makes of the test session; `null` if it takes sessions of its app only. */
export function testOf(serializer: Serializer): string | null {
  try {
    return serializer.stringify(testSession());
  } catch {
    return null;
  }
}

/** Whether `text` of another process comes from the same serializer: read again, it must be the same. */
export function isFrom(serializer: Serializer, text: unknown): boolean {
  const own = testOf(serializer);
  // Never equal with a serializer that encrypts.
  if (text === own) return true;
  if (typeof text !== "string" || own === null) return false;
  try {
    return isDeepStrictEqual(serializer.parse(text), serializer.parse(own));
  } catch {
    return false;
  }
}
