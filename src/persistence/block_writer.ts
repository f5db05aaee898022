import { Buffer } from "node:buffer";
import { randomUUID } from "node:crypto";
import type { Serializer } from "../options.ts";
import { failure } from "../util/errors.ts";
import {
  type BlockKind,
  digestOf,
  type FileKind,
  type Head,
  MAX_BLOCK_BYTES,
  type Position,
  START,
  startOf,
  testOf,
  TITLE,
} from "./block_format.ts";
import type { BlockReader } from "./block_reader.ts";
import type { DiskFile } from "./disk.ts";
import { Cipher, CIPHER_OVERHEAD } from "./encryption.ts";

/** What a file is written with. */
export interface WriteOptions {
  readonly kind: FileKind;
  readonly serializer: Serializer;
  /** The first one encrypts the file; without any it is not encrypted. */
  readonly secrets: readonly string[];
}

/** Writes blocks to the end of a file. */
export class BlockWriter {
  #file: DiskFile;
  readonly #identity: string;
  readonly #cipher: Cipher | undefined;
  #end: Position;
  /** The end of what is on the disk for certain. */
  #synced: Position;

  private constructor(
    file: DiskFile,
    identity: string,
    cipher: Cipher | undefined,
    end: Position,
    synced: Position,
  ) {
    this.#file = file;
    this.#identity = identity;
    this.#cipher = cipher;
    this.#end = end;
    this.#synced = synced;
  }

  /** Begins a file, which must be empty. */
  static async create(
    file: DiskFile,
    { kind, serializer, secrets: [secret] }: WriteOptions,
  ): Promise<BlockWriter> {
    const cipher = secret === undefined ? undefined : await Cipher.of(secret);
    const identity = randomUUID();
    const head: Head = { kind, file: identity, salt: cipher?.salt.toString("base64") };
    const writer = new BlockWriter(file, identity, cipher, START, { ...START, at: 0 });
    await writeAll(file, Buffer.from(TITLE), 0);
    await writer.#write("head", "", undefined, JSON.stringify(head) + "\n");
    await writer.write("test", JSON.stringify(testOf(serializer)) + "\n");
    return writer;
  }

  /** Goes on where `reader` has ended. All that it has read must be on the disk. */
  static resume(file: DiskFile, { identity, cipher, end }: BlockReader): BlockWriter {
    return new BlockWriter(file, identity, cipher, end, end);
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
    await this.#write(kind, this.#identity, this.#cipher, text);
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

  /** Takes `file`, the same one opened again, and cuts off what may not be on the disk. */
  async rewind(file: DiskFile): Promise<void> {
    this.#file = file;
    await file.truncate(this.#synced.at);
    this.#end = this.#synced;
  }

  async #write(
    kind: BlockKind,
    identity: string,
    cipher: Cipher | undefined,
    text: string,
  ): Promise<void> {
    const { bytes, end } = this.#blockOf(kind, identity, cipher, text);
    await writeAll(this.#file, bytes, this.#end.at);
    this.#end = end;
  }

  #blockOf(
    kind: BlockKind,
    identity: string,
    cipher: Cipher | undefined,
    text: string,
  ): { bytes: Buffer; end: Position } {
    const { at, blocks, digest: before } = this.#end;
    const plain = Buffer.from(text);
    const length = plain.length + (cipher ? CIPHER_OVERHEAD : 0);
    if (length > MAX_BLOCK_BYTES) {
      const message = `Cannot write block: over ${MAX_BLOCK_BYTES} bytes`;
      throw failure(RangeError, "ERR_LEMBRO_SESSION_TOO_LARGE", message);
    }
    const start = startOf(kind, blocks, this.#synced.blocks, length, before);
    const content = cipher ? cipher.encrypt(plain, identity + start) : plain;
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
