/**
 * A file of blocks: a line that names the format and its version, blocks of
 * text, and an end. Each block has a header with its length and a digest, which
 * goes over the block before too: none can be altered, left out or moved.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { createHash } from "node:crypto";
import { type FileHandle, open } from "node:fs/promises";

const VERSION = 1;
const TITLE = `express-lembro snapshot ${VERSION}\n`;

/** Rows have more blocks behind them, the end has none. */
export type Kind = "rows" | "ends";

/** As `rows 0000065536 <SHA-256 in hex>`, and a line feed. */
const HEADER = /^(rows|ends) (\d{10}) ([0-9a-f]{64})\n$/;
const HEADER_LENGTH = 81;

const LINE_FEED = 10;

/** The code of the error for a file that is no whole snapshot. */
export const BAD_SNAPSHOT = "ERR_LEMBRO_SNAPSHOT";

function digestOf(previous: string, start: string, payload: Uint8Array): string {
  return createHash("sha256").update(previous).update(start).update(payload).digest("hex");
}

function startOf(kind: string, length: number): string {
  return `${kind} ${String(length).padStart(10, "0")}`;
}

/** Writes a file of blocks. */
export class BlockWriter {
  readonly #file: FileHandle;
  #digest = TITLE;
  /** The length of the file so far, in bytes. */
  bytes = 0;

  private constructor(file: FileHandle) {
    this.#file = file;
  }

  static async begin(file: FileHandle): Promise<BlockWriter> {
    const writer = new BlockWriter(file);
    await writer.#append(Buffer.from(TITLE));
    return writer;
  }

  async write(kind: Kind, text: string): Promise<void> {
    const payload = Buffer.from(text);
    const start = startOf(kind, payload.length);
    this.#digest = digestOf(this.#digest, start, payload);
    await this.#append(Buffer.concat([Buffer.from(`${start} ${this.#digest}\n`), payload]));
  }

  async #append(bytes: Buffer): Promise<void> {
    let written = 0;
    while (written < bytes.length) {
      written +=
        (await this.#file.write(bytes, written, bytes.length - written, this.bytes + written))
          .bytesWritten;
    }
    this.bytes += bytes.length;
  }
}

/** A line of a block, and where it begins in the file. */
export interface Line {
  text: string;
  at: number;
}

/** A block that was found to be as it was written. */
export class Block {
  readonly kind: Kind;
  /** Where its lines begin in the file. */
  readonly at: number;
  readonly #payload: Buffer;

  constructor(kind: Kind, at: number, payload: Buffer) {
    this.kind = kind;
    this.at = at;
    this.#payload = payload;
  }

  /** The lines, each of which ends with a line feed. */
  *lines(): Generator<Line, void, undefined> {
    for (let from = 0; from < this.#payload.length;) {
      const end = this.#payload.indexOf(LINE_FEED, from);
      const to = end < 0 ? this.#payload.length : end;
      yield { text: this.#payload.toString("utf8", from, to), at: this.at + from };
      from = to + 1;
    }
  }
}

/** Reads a file of blocks, and trusts none of it. */
export class BlockReader {
  readonly #path: string;
  readonly #file: FileHandle;
  readonly #size: number;
  #digest = TITLE;
  #at = 0;

  private constructor(path: string, file: FileHandle, size: number) {
    this.#path = path;
    this.#file = file;
    this.#size = size;
  }

  /** @throws What the file system says if there is no such file. */
  static async open(path: string): Promise<BlockReader> {
    const file = await open(path, "r");
    try {
      const reader = new BlockReader(path, file, (await file.stat()).size);
      await reader.#readTitle();
      return reader;
    } catch (error) {
      await file.close();
      throw error;
    }
  }

  /** What is wrong with the file, and where. */
  refusal(what: string, at: number, cause?: unknown): Error {
    return Object.assign(
      new Error(`Cannot load snapshot: ${this.#path}: ${what} at byte ${at}`, { cause }),
      { code: BAD_SNAPSHOT },
    );
  }

  /** The next block; nothing may follow the last one. */
  async next(): Promise<Block> {
    const at = this.#at;
    const header = await this.#read(HEADER_LENGTH, "the file is cut off");
    const [, kind, digits, digest] = HEADER.exec(header.toString("latin1")) ?? [];
    if (!kind) throw this.refusal("there is no block", at);
    const payload = await this.#read(Number(digits), "a block is cut off, or its length altered");
    this.#digest = digestOf(this.#digest, startOf(kind, payload.length), payload);
    if (this.#digest !== digest) throw this.refusal("a block was altered", at);
    if (kind === "ends" && this.#at < this.#size) {
      throw this.refusal("something follows the end", this.#at);
    }
    return new Block(kind as Kind, at + HEADER_LENGTH, payload);
  }

  async close(): Promise<void> {
    await this.#file.close();
  }

  async #readTitle(): Promise<void> {
    const title = await this.#read(TITLE.length, "this is no snapshot, or it is cut off");
    if (title.toString("latin1") === TITLE) return;
    const [, version] = /^express-lembro snapshot (\d+)\n?$/.exec(title.toString("latin1")) ?? [];
    throw this.refusal(
      version
        ? `the snapshot is of version ${version}, and this is made for version ${VERSION},`
        : "this is no snapshot",
      0,
    );
  }

  /** The next `length` bytes, or a refusal that says `what` is wrong if there are not as many. */
  async #read(length: number, what: string): Promise<Buffer> {
    if (length > this.#size - this.#at) throw this.refusal(what, this.#size);
    const bytes = Buffer.alloc(length);
    let read = 0;
    while (read < length) {
      const { bytesRead } = await this.#file.read(bytes, read, length - read, this.#at + read);
      if (bytesRead === 0) throw this.refusal("the file became shorter", this.#at + read);
      read += bytesRead;
    }
    this.#at += length;
    return bytes;
  }
}
