import { Buffer } from "node:buffer";
import type { Serializer } from "../options.ts";
import type { BadFileError } from "../util/codes.ts";
import { failure } from "../util/errors.ts";
import { yieldIfSpent } from "../util/slices.ts";
import {
  type BlockKind,
  digestOf,
  type FileKind,
  type Head,
  HEADER,
  HEADER_LENGTH,
  isFrom,
  MAX_BLOCK_BYTES,
  type Position,
  START,
  TITLE,
  VERSION,
  WHOLE_HEADER,
} from "./block_format.ts";
import type { Disk, DiskFile } from "./disk.ts";
import { Cipher, type Secrets } from "./encryption.ts";

/** How much is read at once, in bytes. */
const WINDOW = 2 ** 18;

/** A line of a block, and where its block begins in the file. */
export interface Line {
  text: string;
  at: number;
}

/** A block that was found to be as it was written. */
export class Block {
  readonly kind: BlockKind;
  /** Where it begins in the file. */
  readonly at: number;
  readonly #content: Buffer;

  constructor(kind: BlockKind, at: number, content: Buffer) {
    this.kind = kind;
    this.at = at;
    this.#content = content;
  }

  /** The lines, each of which ends with a line feed. */
  *lines(): Generator<Line, void, undefined> {
    const text = this.#content.toString("utf8");
    for (let from = 0; from < text.length;) {
      const end = text.indexOf("\n", from);
      const to = end < 0 ? text.length : end;
      yield { text: text.slice(from, to), at: this.at };
      from = to + 1;
    }
  }
}

/** What somebody wants to do with a file, for the errors. */
export interface Purpose {
  readonly cannot: string;
  readonly code: BadFileError["code"];
  /** What the file should be. */
  readonly kind: FileKind;
}

/** What is wrong with a file, and where. */
interface Fault {
  readonly what: string;
  readonly at: number;
}

/** A block, before it is opened. */
interface Found {
  readonly kind: BlockKind;
  readonly start: string;
  readonly synced: number;
  readonly content: Buffer;
  readonly end: Position;
}

/** Reads a file of blocks, and trusts none of it. */
export class BlockReader {
  readonly #path: string;
  readonly #file: DiskFile;
  readonly #size: number;
  readonly #purpose: Purpose;
  #window: Buffer = Buffer.alloc(0);
  #windowAt = 0;
  #head: Head = { kind: "snapshot", file: "" };
  /** The end of the blocks that were read. */
  end: Position = START;
  /** What opens the blocks, in an encrypted file. */
  cipher: Cipher | undefined;
  /** Whether it is encrypted with the first of the secrets, or not encrypted if there are none. */
  isCurrent = true;
  /** Whether the file ends with blocks that a crash has torn. */
  isTorn = false;

  private constructor(path: string, file: DiskFile, size: number, purpose: Purpose) {
    this.#path = path;
    this.#file = file;
    this.#size = size;
    this.#purpose = purpose;
  }

  /**
   * Opens a file and finds out what it was written with.
   *
   * @throws What the file system says if there is no such file, or a refusal.
   */
  static async open(
    disk: Disk,
    path: string,
    purpose: Purpose,
    serializer: Serializer,
    secrets: Secrets,
  ): Promise<BlockReader> {
    const file = await disk.open(path, "r");
    try {
      const reader = new BlockReader(path, file, (await file.stat()).size, purpose);
      await reader.#readTitle();
      await reader.#readHead();
      await reader.#readTest(serializer, secrets);
      return reader;
    } catch (error) {
      await file.close();
      throw error;
    }
  }

  get identity(): string {
    return this.#head.file;
  }

  get kind(): FileKind {
    return this.#head.kind;
  }

  /** Returns an error that says what is wrong with the file, and where. */
  refusal(what: string, at: number, cause?: unknown): Error {
    const { cannot, code } = this.#purpose;
    const message = `Cannot ${cannot}: ${this.#path}: ${what} (at byte ${at})`;
    return failure(Error, code, message, { cause, path: this.#path, position: at });
  }

  /** Returns the next block; `undefined` behind the last one of a journal. */
  async next(): Promise<Block | undefined> {
    const { at } = this.end;
    const isJournal = this.kind === "journal";
    if (isJournal && at === this.#size) return undefined;
    const found = await this.#find(at, this.identity);
    if (!isFault(found)) {
      if (found.kind === "ends" && !isJournal && found.end.at < this.#size) {
        throw this.refusal("something follows the end", found.end.at);
      }
      if (found.kind === "rows" || found.kind === "ends" && !isJournal) return this.#open(found);
      throw this.refusal("there is no block of rows", at);
    }
    if (!isJournal || await this.#wasSynced(this.end)) throw this.refusal(found.what, found.at);
    this.isTorn = true;
    return undefined;
  }

  async close(): Promise<void> {
    await this.#file.close();
  }

  async #readTitle(): Promise<void> {
    const what = `this is no ${this.#purpose.kind} of express-lembro`;
    if (this.#size < TITLE.length) throw this.refusal(`${what}, or it is cut off`, this.#size);
    const title = (await this.#bytes(0, TITLE.length)).toString("latin1");
    if (title === TITLE) return;
    const [, version] = /^express-lembro (?:sessions|snapshot) (\d+)\n?$/.exec(title) ?? [];
    throw this.refusal(
      version ? `the file is of version ${version}, and this reads version ${VERSION}` : what,
      0,
    );
  }

  async #readHead(): Promise<void> {
    const found = await this.#expect("head", "");
    try {
      this.#head = JSON.parse(found.content.toString());
    } catch (cause) {
      throw this.refusal("the head cannot be read", START.at, cause);
    }
    if (this.#purpose.kind === "snapshot" && this.kind === "journal") {
      throw this.refusal("this is a journal, which openJournal opens", START.at);
    }
    this.end = found.end;
  }

  async #readTest(
    serializer: Serializer,
    { secrets, isPlainRead }: Secrets,
  ): Promise<void> {
    const { at } = this.end;
    const found = await this.#expect("test", this.identity);
    const { salt } = this.#head;
    if (salt === undefined && !isPlainRead) {
      const what =
        "the file is not encrypted, and a secret was given: plain: true beside it reads it too";
      throw this.refusal(what, at);
    }
    if (salt === undefined) this.isCurrent = secrets.length === 0;
    if (salt !== undefined) await this.#unlock(found, salt, secrets);
    const [line] = this.#open(found).lines();
    let test: unknown;
    try {
      test = JSON.parse(line.text);
    } catch (cause) {
      throw this.refusal("the test of the serializer cannot be read", at, cause);
    }
    if (!isFrom(serializer, test)) {
      throw this.refusal("the file was written with another serializer", at);
    }
  }

  /** Finds the secret that the file was encrypted with. */
  async #unlock(found: Found, salt: string, secrets: readonly string[]): Promise<void> {
    const { at } = this.end;
    if (secrets.length === 0) throw this.refusal("the file is encrypted, and needs its secret", at);
    for (const secret of secrets) {
      const cipher = await Cipher.of(secret, Buffer.from(salt, "base64"));
      if (!cipher.decrypt(found.content, this.identity + found.start)) continue;
      this.cipher = cipher;
      this.isCurrent = secret === secrets[0];
      return;
    }
    throw this.refusal("the file was encrypted with another secret, or altered", at);
  }

  /** Returns the block at the end of what was read, which must be of this kind. */
  async #expect(kind: BlockKind, identity: string): Promise<Found> {
    const found = await this.#find(this.end.at, identity);
    if (isFault(found)) throw this.refusal(found.what, found.at);
    if (found.kind !== kind) throw this.refusal(`there is no block "${kind}"`, this.end.at);
    return found;
  }

  #open(found: Found): Block {
    const { at } = this.end;
    const content = this.cipher
      ? this.cipher.decrypt(found.content, this.identity + found.start)
      : found.content;
    // Its digest is right: this was no accident.
    if (!content) throw this.refusal("a block was altered", at);
    this.end = found.end;
    return new Block(found.kind, at, content);
  }

  /** Returns the block that continues what was read, or what is wrong with it. */
  async #find(at: number, identity: string): Promise<Found | Fault> {
    const found = await this.#wholeBlock(at, identity);
    if (isFault(found)) return found;
    const { blocks, digest } = this.end;
    const continues = found.end.blocks === blocks + 1 && found.start.endsWith(digest);
    return continues ? found : { what: "a block was left out or moved", at };
  }

  /** Returns the block at `at`, whichever it is, or what is wrong with it. */
  async #wholeBlock(at: number, identity: string): Promise<Found | Fault> {
    if (this.#size - at < HEADER_LENGTH) return { what: "the file is cut off", at: this.#size };
    const header = (await this.#bytes(at, HEADER_LENGTH)).toString("latin1");
    const [, kind, number, synced, length, , digest] = WHOLE_HEADER.exec(header) ?? [];
    if (!kind) return { what: "there is no block", at };
    const end = at + HEADER_LENGTH + Number(length);
    if (Number(length) > MAX_BLOCK_BYTES || end > this.#size) {
      return { what: "a block is cut off, or its length altered", at };
    }
    const content = await this.#bytes(at + HEADER_LENGTH, Number(length));
    const start = header.slice(0, -digest.length - 2);
    if (digestOf(identity, start, content) !== digest) return { what: "a block was altered", at };
    return {
      kind: kind as BlockKind,
      start,
      synced: Number(synced),
      content,
      end: { at: end, blocks: Number(number) + 1, digest },
    };
  }

  /** Whether a whole block from `end` on says that the one that should be there was on the disk. */
  async #wasSynced({ at: from, blocks }: Position): Promise<boolean> {
    const header = new RegExp(HEADER, "g");
    for (let at = from; at < this.#size; at += WINDOW) {
      const length = Math.min(WINDOW + HEADER_LENGTH, this.#size - at);
      const text = (await this.#bytes(at, length)).toString("latin1");
      for (const { index = 0 } of text.matchAll(header)) {
        const found = await this.#wholeBlock(at + index, this.identity);
        if (!isFault(found) && found.synced > blocks) return true;
      }
      await yieldIfSpent();
    }
    return false;
  }

  /** Returns bytes that the file has. */
  async #bytes(at: number, length: number): Promise<Buffer> {
    const from = at - this.#windowAt;
    if (from >= 0 && from + length <= this.#window.length) {
      return this.#window.subarray(from, from + length);
    }
    const window = Buffer.allocUnsafe(Math.min(Math.max(length, WINDOW), this.#size - at));
    for (let read = 0; read < window.length;) {
      const { bytesRead } = await this.#file.read(window, read, window.length - read, at + read);
      if (bytesRead === 0) throw this.refusal("the file became shorter", at + read);
      read += bytesRead;
    }
    this.#window = window;
    this.#windowAt = at;
    return window.subarray(0, length);
  }
}

function isFault(found: Found | Fault): found is Fault {
  return "what" in found;
}
