import { dirname } from "node:path";
import type { Entry, Port } from "../core/port.ts";
import { failure } from "../util/errors.ts";
import type { BlockReader, Purpose } from "./block_reader.ts";
import { BlockWriter } from "./block_writer.ts";
import { Copy } from "./copy.ts";
import { codeOf, type Disk, type DiskFile, type FileStatus, syncFolder } from "./disk.ts";
import type { Secrets } from "./encryption.ts";
import type { Loader } from "./loader.ts";
import { lockLost, UNWRITTEN } from "./outage.ts";
import { writeRows } from "./rows.ts";
import { Changes } from "./scan.ts";

/** The code of the error for a file that is damaged, or no journal of this store. */
const BAD_JOURNAL = "ERR_LEMBRO_JOURNAL";

const PURPOSE: Purpose = { cannot: "open journal", code: BAD_JOURNAL, kind: "journal" };

/** A file that is shorter is not worth compacting, in bytes. */
const MIN_COMPACTED_BYTES = 2 ** 18;

/** The size of a session in a file that is not known yet, for each byte of it in the store. */
const USUAL_RATIO = 0.6;
/** What a row takes besides its text, in bytes of the store. */
const ROW_OVERHEAD = 200;

/** The codes of a disk that is full: an app starts nevertheless, with what is there. */
const FULL = ["ENOSPC", "EDQUOT"];

/**
 * How the file is.
 *
 * - `sound`: all that was written is on the disk.
 * - `torn`: a write has failed. What may not be on the disk has to be cut off.
 * - `lost`: there is no file, or somebody has changed it. It has to be written anew.
 * - `unnamed`: it is whole, but its name may not be on the disk.
 */
type State = "sound" | "torn" | "lost" | "unnamed";

/**
 * What may become of it.
 *
 * ```text
 *          opened, or written anew            name synced
 *   lost ───────────────────────────▶ unnamed ───────────▶ sound
 *    ▲                                ▲  │ ▲                │ │
 *    │               cut off, or anew │  │ └────compacted───┘ │
 *    │                                │  ▼                    │
 *    └───── gone, or changed ──────── torn ◀───write failed───┘
 * ```
 */
const NEXT: Record<State, readonly State[]> = {
  lost: ["unnamed"],
  unnamed: ["sound", "torn", "lost"],
  sound: ["torn", "lost", "unnamed"],
  torn: ["unnamed", "lost"],
};

/** The file of a journal: something that may break, and is repaired by the next write. */
export class JournalFile {
  readonly #disk: Disk;
  readonly #port: Port;
  readonly #path: string;
  readonly #isLocked: () => Promise<boolean>;
  readonly #secrets: Secrets;
  /** What is not in the file yet. */
  readonly changes = new Changes();
  /** What is being written. */
  #writing: Changes | undefined;
  #state: State = "lost";
  #writer: BlockWriter | undefined;
  /** The file at the path is known by these. */
  #identity = { ino: 0, dev: 0 };
  /** Work on the file, one after the other. */
  #queue: Promise<unknown> = Promise.resolve();
  /** The size of a whole file for each byte in the store. */
  #ratio = USUAL_RATIO;

  /** @param isLocked Whether the file is still that of this journal. */
  constructor(
    disk: Disk,
    port: Port,
    path: string,
    isLocked: () => Promise<boolean>,
    secrets: Secrets,
  ) {
    this.#disk = disk;
    this.#port = port;
    this.#path = path;
    this.#isLocked = isLocked;
    this.#secrets = secrets;
  }

  /** Whether all changes so far are on the disk. */
  get isUpToDate(): boolean {
    return this.changes.isEmpty && !this.#writing && this.#state === "sound";
  }

  /** When the oldest change came that is not on the disk, by the clock that does not jump. */
  get since(): number | undefined {
    return this.#writing?.since ?? this.changes.since;
  }

  /** How many sessions have changed and are not in the file yet. */
  get pending(): number {
    return this.changes.isVoid ? this.#port.size : this.changes.size;
  }

  /** The size of the file, in bytes. */
  get bytes(): number {
    return this.#writer?.bytes ?? 0;
  }

  /** Whether it is worth compacting: twice as large as what is live. */
  get isTooLarge(): boolean {
    return this.bytes > MIN_COMPACTED_BYTES && this.bytes > 2 * this.#ratio * this.#weight;
  }

  /** What the sessions of the store take in it, in bytes, and something for each of them. */
  get #weight(): number {
    return this.#port.bytes + ROW_OVERHEAD * this.#port.size;
  }

  /** Reads the file, if there is one. Nothing has come to the store then. */
  async read(loader: Loader, signal: AbortSignal | undefined): Promise<BlockReader | undefined> {
    try {
      return await loader.read(this.#disk, this.#path, PURPOSE, this.#secrets, signal);
    } catch (error) {
      if (codeOf(error) !== "ENOENT") throw error;
    }
  }

  /**
   * Brings the sessions of the file to the store. Returns whether it can go on as it is.
   *
   * @param reader Has read it. Nothing if there is none.
   */
  async enter(loader: Loader, reader: BlockReader | undefined): Promise<boolean> {
    if (!reader) return false;
    const hadSessions = this.#port.size > 0;
    const { omitted } = await loader.enter(reader, (entry: Entry) => {
      // By a clock that may have been wrong: it stays away all the same.
      this.changes.delete(entry);
      this.#port.announceExpired(entry);
    });
    // What the store has not taken must not come back from the file later.
    return omitted === 0 && !hadSessions && reader.kind === "journal" && reader.isCurrent;
  }

  /**
   * Goes on behind what `reader` has read, or writes the file anew. Returns the error of
   * a disk that is full: the next write does it.
   */
  begin(reader: BlockReader | undefined): Promise<Error | undefined> {
    return this.#exclusive(async () => {
      try {
        if (reader) await this.#resume(reader);
        else await this.#writeAnew();
      } catch (error) {
        if (!FULL.includes(codeOf(error) ?? "")) throw error;
        this.#become("lost");
        return error as Error;
      }
    });
  }

  /**
   * Brings the changes so far to the disk. Returns whether the file was written anew.
   * If that fails, they are kept.
   */
  write(): Promise<boolean> {
    return this.#exclusive(async () => {
      try {
        const isNew = await this.#repair();
        await this.#checkPath();
        await this.#bring(async (take) => {
          await writeRows(this.#writer!, take().rows(this.#port));
          await this.#writer!.sync();
          await this.#checkPath();
        });
        return isNew;
      } catch (error) {
        if (this.#state !== "lost") this.#become("torn");
        throw error;
      }
    });
  }

  /** Writes all that the store keeps to a new file, while changes are written to this one. */
  async compact(check: () => void): Promise<void> {
    await this.#writeAnew((swap) => this.#exclusive(swap), check);
  }

  /** Says in the file that all of it is on the disk. */
  async end(): Promise<void> {
    await this.#exclusive(async () => {
      try {
        await this.#checkPath();
      } catch (error) {
        if (this.#state !== "lost") throw error;
        await this.#repair();
      }
      await this.#writer!.mark();
      await this.#writer!.sync();
    });
  }

  /** Closes the file. */
  async close(): Promise<void> {
    await this.#writer?.file.close();
  }

  /** Does `work` with the file when nobody else does anything with it. */
  #exclusive<Result>(work: () => Promise<Result>): Promise<Result> {
    const result = this.#queue.then(work);
    this.#queue = result.catch(() => {});
    return result;
  }

  #become(state: State): void {
    if (state === this.#state) return;
    if (!NEXT[this.#state].includes(state)) {
      throw new Error(`Cannot change journal: it may not become ${state}: received ${this.#state}`);
    }
    this.#state = state;
  }

  /** Goes on behind what `reader` has read. */
  async #resume(reader: BlockReader): Promise<void> {
    const file = await this.#disk.open(this.#path, "r+");
    this.#writer = BlockWriter.resume(file, reader);
    this.#identity = await identityOf(file);
    if (reader.isTorn) await this.#writer.rewind(file);
    // What a killed process has written need not be on the disk.
    await file.sync();
    this.#become("unnamed");
    await this.#syncName();
  }

  /** Makes the file one that can be written to. Returns whether it was written anew. */
  async #repair(): Promise<boolean> {
    if (this.#state === "torn" || this.#state === "lost") await this.#checkLock();
    if (this.#state === "torn") await this.#reopen();
    const isNew = this.#state === "lost" || this.changes.isVoid;
    if (isNew) await this.#writeAnew();
    if (this.#state === "unnamed") await this.#syncName();
    return isNew;
  }

  async #reopen(): Promise<void> {
    const writer = this.#writer!;
    const file = await this.#disk.open(this.#path, "r+").catch((error) => {
      if (codeOf(error) !== "ENOENT") throw error;
    });
    const found = await file?.stat();
    if (!file || !found || !this.#isOurs(found) || found.size < writer.syncedBytes) {
      await file?.close();
      return this.#become("lost");
    }
    await writer.file.close().catch(() => {});
    // After a failed sync, the system may take for written what is not: it is written again.
    await writer.rewind(file);
    this.#become("unnamed");
  }

  async #syncName(): Promise<void> {
    await syncFolder(this.#disk, dirname(this.#path));
    this.#become("sound");
  }

  /**
   * Writes the whole file anew.
   *
   * @param exclusive Does the last of it when nothing else is written.
   * @param check Throws to give it up.
   */
  async #writeAnew(
    exclusive = (swap: () => Promise<void>) => swap(),
    check = () => {},
  ): Promise<void> {
    const settings = { kind: "journal", secrets: this.#secrets.secrets, check } as const;
    const place = (copy: Copy) => exclusive(() => this.#replaceBy(copy));
    await Copy.make(this.#disk, this.#port, this.#path, settings, place);
  }

  async #replaceBy(copy: Copy): Promise<void> {
    const { writer } = copy;
    const before = this.#writer;
    await this.#bring(async (take) => {
      // What changes from that moment on is not in this file; all before is.
      await copy.finish(take);
      const identity = await identityOf(writer.file);
      await this.#checkLock();
      await copy.place();
      this.#writer = writer;
      this.#identity = identity;
      // Nobody may count on the file before its name is on the disk.
      this.#become("unnamed");
    });
    // A small file tells little.
    this.#ratio = writer.bytes > MIN_COMPACTED_BYTES ? writer.bytes / this.#weight : USUAL_RATIO;
    await before?.file.close().catch(() => {});
    await this.#syncName();
  }

  /**
   * Does `work`, which brings changes to the disk that it takes at some moment. If it
   * fails, they are not in the file after all.
   */
  async #bring(work: (take: () => Changes) => Promise<void>): Promise<void> {
    try {
      await work(() => this.#writing = this.changes.take());
    } catch (error) {
      if (this.#writing) this.changes.takeBack(this.#writing);
      throw error;
    } finally {
      this.#writing = undefined;
    }
  }

  /** Somebody may have removed the file, cut it off, or put another one in its place. */
  async #checkPath(): Promise<void> {
    await this.#checkLock();
    const found = await this.#disk.stat(this.#path).catch((error) => {
      if (codeOf(error) === "ENOENT") this.#become("lost");
      throw error;
    });
    if (this.#isOurs(found) && found.size === this.#writer!.bytes) return;
    this.#become("lost");
    throw failure(Error, UNWRITTEN, `${this.#path} was changed by somebody else`);
  }

  /** Somebody else has the file if its lock is gone. */
  async #checkLock(): Promise<void> {
    if (!await this.#isLocked()) throw lockLost(this.#path);
  }

  #isOurs({ ino, dev }: FileStatus): boolean {
    return ino === this.#identity.ino && dev === this.#identity.dev;
  }
}

async function identityOf(file: DiskFile): Promise<{ ino: number; dev: number }> {
  const { ino, dev } = await file.stat();
  return { ino, dev };
}
