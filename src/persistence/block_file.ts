/**
 * The format of the files that keep sessions: journals and snapshots.
 *
 * ```text
 * express-lembro sessions 3
 * head 0000000000 0000000000 0000000080 <digest before> <digest>
 * {"kind":"journal","file":"<UUID>","salt":"<Base64, in a sealed file>"}
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
 * - `head` says what kind of file this is and identifies it. It is never sealed.
 * - `test` tells which serializer and which secret the file was written with.
 * - `rows` are changes, one a line, in their order: see rows.ts. Later rows of a
 *   session take the place of earlier ones.
 * - `ends` is the end of a snapshot, which is a compacted journal with an end:
 *   how many rows there are, and how many sessions are left of them.
 *
 * In a sealed file the content of each block but the first is a nonce of 12
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
import { createHash, randomUUID } from "node:crypto";
import { isDeepStrictEqual } from "node:util";
import type { Serializer } from "../options.ts";
import type { BadFileError } from "../util/codes.ts";
import { failure } from "../util/errors.ts";
import { yieldIfSpent } from "../util/slices.ts";
import type { Disk, DiskFile } from "./disk.ts";
import { Seal, SEAL_LENGTH, type Secrets } from "./sealing.ts";

const VERSION = 3;
const TITLE = `express-lembro sessions ${VERSION}\n`;

/** What a file is for. */
export type FileKind = "journal" | "snapshot";

/** What a block holds. */
export type BlockKind = "head" | "test" | "rows" | "ends";

const NUMBER = "(\\d{10})";
const DIGEST = "([0-9a-f]{64})";
const HEADER = `(head|test|rows|ends) ${NUMBER} ${NUMBER} ${NUMBER} ${DIGEST} ${DIGEST}\n`;
const WHOLE_HEADER = new RegExp(`^${HEADER}$`);

/** The length of a header, in bytes. */
export const HEADER_LENGTH = 168;

/** The longest content of a block, in bytes. */
const MAX_BLOCK_BYTES = 2 ** 30;

/** How much is read at once, in bytes. */
const WINDOW = 2 ** 18;

/** Where a file ends, and what the next block has to continue. */
export interface Position {
  /** In bytes. */
  readonly at: number;
  /** How many blocks there are. */
  readonly blocks: number;
  /** The digest of the last block. */
  readonly digest: string;
}

const START: Position = {
  at: TITLE.length,
  blocks: 0,
  digest: digestOf("", "", Buffer.from(TITLE)),
};

/** The content of the first block. */
interface Head {
  readonly kind: FileKind;
  /** The identity of the file. */
  readonly file: string;
  /** In Base64; only in a sealed file. */
  readonly salt?: string;
}

function digestOf(file: string, start: string, content: Uint8Array): string {
  return createHash("sha256").update(file).update(start).update(content).digest("hex");
}

/** The header of a block, up to its own digest. */
function startOf(kind: string, blocks: number, synced: number, length: number, before: string) {
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
function testOf(serializer: Serializer): string | null {
  try {
    return serializer.stringify(testSession());
  } catch {
    return null;
  }
}

/** Whether `text` of another process comes from the same serializer: read again, it must be the same. */
function isFrom(serializer: Serializer, text: unknown): boolean {
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

/** What a file is written with. */
export interface WriteOptions {
  readonly kind: FileKind;
  readonly serializer: Serializer;
  /** The first one seals the file; without any it is not sealed. */
  readonly secrets: readonly string[];
}

/** Writes blocks to the end of a file. */
export class BlockWriter {
  #file: DiskFile;
  readonly #identity: string;
  readonly #seal: Seal | undefined;
  #end: Position;
  /** The end of what is on the disk for certain. */
  #synced: Position;

  private constructor(
    file: DiskFile,
    identity: string,
    seal: Seal | undefined,
    end: Position,
    synced: Position,
  ) {
    this.#file = file;
    this.#identity = identity;
    this.#seal = seal;
    this.#end = end;
    this.#synced = synced;
  }

  /** Begins a file, which must be empty. */
  static async create(
    file: DiskFile,
    { kind, serializer, secrets: [secret] }: WriteOptions,
  ): Promise<BlockWriter> {
    const seal = secret === undefined ? undefined : await Seal.of(secret);
    const identity = randomUUID();
    const head: Head = { kind, file: identity, salt: seal?.salt.toString("base64") };
    const writer = new BlockWriter(file, identity, seal, START, { ...START, at: 0 });
    await writeAll(file, Buffer.from(TITLE), 0);
    await writer.#write("head", "", undefined, JSON.stringify(head) + "\n");
    await writer.write("test", JSON.stringify(testOf(serializer)) + "\n");
    return writer;
  }

  /** Goes on where `reader` has ended. All that it has read must be on the disk. */
  static resume(file: DiskFile, { identity, seal, end }: BlockReader): BlockWriter {
    return new BlockWriter(file, identity, seal, end, end);
  }

  /** The length of the file, in bytes. */
  get bytes(): number {
    return this.#end.at;
  }

  /** How much of the file is on the disk for certain, in bytes. */
  get syncedBytes(): number {
    return this.#synced.at;
  }

  /** The file that is written to. */
  get file(): DiskFile {
    return this.#file;
  }

  /** Writes a block. After an error {@linkcode BlockWriter.rewind} is required. */
  async write(kind: BlockKind, text: string): Promise<void> {
    await this.#write(kind, this.#identity, this.#seal, text);
  }

  /** Writes a block at once. */
  writeSync(kind: BlockKind, text: string): void {
    const { bytes, end } = this.#blockOf(kind, this.#identity, this.#seal, text);
    for (let written = 0; written < bytes.length;) {
      const at = this.#end.at + written;
      written += this.#file.writeSync(bytes, written, bytes.length - written, at);
    }
    this.#end = end;
  }

  /** Says in the file that all of it so far is on the disk. Call {@linkcode BlockWriter.sync} then. */
  async mark(): Promise<void> {
    this.#synced = this.#end;
    await this.write("rows", "");
  }

  /** Waits until all that was written is on the disk. */
  async sync(): Promise<void> {
    const end = this.#end;
    await this.#file.datasync();
    this.#synced = end;
  }

  /** Brings all that was written to the disk, at once. */
  syncSync(): void {
    this.#file.datasyncSync();
    this.#synced = this.#end;
  }

  /** The place where the next block begins. */
  get position(): Position {
    return this.#end;
  }

  /** Cuts off what is behind `position`. */
  async cut(position: Position): Promise<void> {
    await this.#file.truncate(position.at);
    this.#end = position;
    if (this.#synced.at > position.at) this.#synced = position;
  }

  /** Takes `file`, the same one opened again, and cuts off what may not be on the disk. */
  async rewind(file: DiskFile): Promise<void> {
    this.#file = file;
    await this.cut(this.#synced);
  }

  async #write(
    kind: BlockKind,
    identity: string,
    seal: Seal | undefined,
    text: string,
  ): Promise<void> {
    const { bytes, end } = this.#blockOf(kind, identity, seal, text);
    await writeAll(this.#file, bytes, this.#end.at);
    this.#end = end;
  }

  #blockOf(
    kind: BlockKind,
    identity: string,
    seal: Seal | undefined,
    text: string,
  ): { bytes: Buffer; end: Position } {
    const { at, blocks, digest: before } = this.#end;
    const plain = Buffer.from(text);
    const length = plain.length + (seal ? SEAL_LENGTH : 0);
    if (length > MAX_BLOCK_BYTES) {
      const message = `Cannot write block: over ${MAX_BLOCK_BYTES} bytes`;
      throw failure(RangeError, "ERR_LEMBRO_SESSION_TOO_LARGE", message);
    }
    const start = startOf(kind, blocks, this.#synced.blocks, length, before);
    const content = seal ? seal.close(plain, identity + start) : plain;
    const digest = digestOf(identity, start, content);
    const bytes = Buffer.concat([Buffer.from(`${start} ${digest}\n`), content]);
    return { bytes, end: { at: at + bytes.length, blocks: blocks + 1, digest } };
  }
}

async function writeAll(file: DiskFile, bytes: Uint8Array, at: number): Promise<void> {
  for (let written = 0; written < bytes.length;) {
    const { bytesWritten } = await file.write(
      bytes,
      written,
      bytes.length - written,
      at + written,
    );
    written += bytesWritten;
  }
}

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
  /** What opens the blocks, in a sealed file. */
  seal: Seal | undefined;
  /** Whether it is sealed with the first of the secrets, or not sealed if there are none. */
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
        "the file is not sealed, and a secret was given: plain: true beside it reads it too";
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

  /** Finds the secret that the file was sealed with. */
  async #unlock(found: Found, salt: string, secrets: readonly string[]): Promise<void> {
    const { at } = this.end;
    if (secrets.length === 0) throw this.refusal("the file is sealed, and needs its secret", at);
    for (const secret of secrets) {
      const seal = await Seal.of(secret, Buffer.from(salt, "base64"));
      if (!seal.open(found.content, this.identity + found.start)) continue;
      this.seal = seal;
      this.isCurrent = secret === secrets[0];
      return;
    }
    throw this.refusal("the file was sealed with another secret, or altered", at);
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
    const content = this.seal
      ? this.seal.open(found.content, this.identity + found.start)
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
