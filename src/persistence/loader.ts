/**
 * Brings the rows of a file into a store.
 *
 * @module
 */
import type { Entry, Port, Restoration, Restored } from "../core/port.ts";
import { failure } from "../util/errors.ts";
import { sliced } from "../util/slices.ts";
import { type Block, BlockReader, type Purpose } from "./block_reader.ts";
import { closing, type Disk } from "./disk.ts";
import type { Secrets } from "./encryption.ts";
import { applyRow } from "./rows.ts";

/** How many rows are read in one step. */
const STRIDE = 16;

/**
 * Reads a file, and then brings its sessions to a store. What is destroyed,
 * revoked or cleared in the store from the construction on stays away.
 */
export class Loader {
  readonly #port: Port;
  readonly #restoration: Restoration;
  /** Where the blocks of rows are in the file. */
  readonly #blocks: number[] = [];

  constructor(port: Port) {
    this.#port = port;
    this.#restoration = port.restore();
  }

  /** Whether a session of the file comes to the store at this moment. */
  get isEntering(): boolean {
    return this.#restoration.isEntering;
  }

  /**
   * Reads the file at `path` to its end. Nothing has come to the store then.
   *
   * @returns What {@linkcode Loader.enter} takes.
   */
  async read(
    disk: Disk,
    path: string,
    purpose: Purpose,
    secrets: Secrets,
    signal?: AbortSignal,
  ): Promise<BlockReader> {
    const { serializer } = this.#port.options;
    const reader = await BlockReader.open(disk, path, purpose, serializer, secrets);
    await closing(reader, () => this.#read(reader, signal));
    return reader;
  }

  /**
   * Brings the sessions to the store, each to the front of its rank: those that
   * would be evicted last come first.
   *
   * @param expired Called with each one that has expired.
   */
  async enter(reader: BlockReader, expired?: (entry: Entry) => void): Promise<Restored> {
    return await sliced(this.#restoration.enter({
      ...(expired ? { expired } : {}),
      // The cause may show data of a session: it is not for the message.
      unreadable: (block, cause) =>
        reader.refusal("a session cannot be read", this.#blocks[block], cause),
      refused: (sessions, cause) => {
        const message = `Cannot load ${sessions} of the sessions, which are left out: the option ` +
          "user must not throw: received an error, which is the cause";
        const error = failure(Error, "ERR_LEMBRO_RESULT", message, { cause });
        this.#port.announce("error", error);
      },
    }));
  }

  /** Stops watching the store, once or again. */
  stop(): void {
    this.#restoration.stop();
  }

  async #read(reader: BlockReader, signal: AbortSignal | undefined): Promise<void> {
    let rows = 0;
    for (;;) {
      const block = await reader.next();
      signal?.throwIfAborted();
      if (!block) return;
      if (block.kind === "ends") return readEnd(reader, block, rows);
      rows += await sliced(this.#apply(reader, block));
    }
  }

  *#apply(reader: BlockReader, block: Block): Generator<void, number, undefined> {
    let rows = 0;
    const place = this.#blocks.push(block.at) - 1;
    for (const { text, at } of block.lines()) {
      try {
        applyRow(text, this.#restoration, place);
      } catch (cause) {
        throw reader.refusal("a row cannot be read", at, cause);
      }
      if (++rows % STRIDE === 0) yield;
    }
    return rows;
  }
}

function readEnd(reader: BlockReader, block: Block, rows: number): void {
  const [line] = block.lines();
  const [, written] = /^\[(\d+),\d+\]$/.exec(line?.text ?? "") ?? [];
  if (Number(written) === rows) return;
  throw reader.refusal(`the end does not tell of ${rows} rows`, block.at);
}
