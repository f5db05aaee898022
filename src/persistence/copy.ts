/**
 * A whole file of what a store keeps, written beside the one that it replaces:
 * a journal that is compacted, or a snapshot.
 *
 * The sessions are written while the store is used, and then what has changed
 * meanwhile, again and again, until few changes are left. Those are read within
 * one turn of the event loop: the file is right as of that moment.
 *
 * @module
 */
import type { Port } from "../core/port.ts";
import type { FileKind } from "./block_format.ts";
import { BlockWriter } from "./block_writer.ts";
import { type Disk, type DiskFile, keepOwner, renamePatiently, temporaryOf } from "./disk.ts";
import { tooSlow } from "./outage.ts";
import { type FileRow, type Rows, writeRows } from "./rows.ts";
import { MAX_CHANGES, Scan } from "./scan.ts";

/** So few changes are left for the end. */
const MAX_LEFT_OVER = 200;

/** How often a copy catches up with a store that is in use before its end. */
const MAX_ROUNDS = 10;

/** How often a copy is begun, if more changes meanwhile than is kept in memory. */
const MAX_TRIES = 3;

/** Stands for the error of a copy that is of no use: too much has changed meanwhile. */
const VOID = Symbol("void");

/** How a copy is written. */
export interface CopySettings {
  readonly kind: FileKind;
  /** The first one encrypts the file; without any it is plain text. */
  readonly secrets: readonly string[];
  /** Called again and again until the copy is placed. Throws to give it up. */
  check(): void;
}

/** A file beside the one that it is to replace. */
export class Copy {
  readonly #disk: Disk;
  readonly #port: Port;
  readonly #target: string;
  readonly #temporary: string;
  readonly #settings: CopySettings;
  readonly #scan: Scan;
  #file: DiskFile | undefined;
  #writer: BlockWriter | undefined;
  #rows = 0;
  #isPlaced = false;

  private constructor(disk: Disk, port: Port, target: string, settings: CopySettings) {
    this.#disk = disk;
    this.#port = port;
    this.#target = target;
    // Unique: another process may write one at the same time.
    this.#temporary = temporaryOf(target);
    this.#settings = settings;
    this.#scan = new Scan(port);
  }

  /**
   * Writes a copy for the file at `target`. Calls `place` when few changes are left:
   * that is to {@linkcode Copy.finish} and {@linkcode Copy.place} it, and to close it.
   */
  static async make<Result>(
    disk: Disk,
    port: Port,
    target: string,
    settings: CopySettings,
    place: (copy: Copy) => Promise<Result>,
  ): Promise<Result> {
    for (let tries = 1;; tries++) {
      const copy = new Copy(disk, port, target, settings);
      try {
        await copy.#write();
        return await place(copy);
      } catch (error) {
        if (error !== VOID) throw error;
        if (tries === MAX_TRIES) {
          throw tooSlow(`over ${MAX_CHANGES} sessions changed while the file was written`);
        }
      } finally {
        await copy.#leave();
      }
    }
  }

  /** Writes the file. */
  get writer(): BlockWriter {
    return this.#writer!;
  }

  /**
   * Writes what is left, and brings all of it to the disk. Returns how many sessions
   * are in the file.
   *
   * @param isRight Called at the moment as of which the file is right.
   */
  async finish(isRight: () => void = () => {}): Promise<number> {
    // Whoever places it may have had to wait.
    await this.#catchUp();
    const { changes } = this.#scan;
    if (changes.isVoid) throw VOID;
    const rows = [...changes.take().rows(this.#port)].filter((row): row is FileRow => !!row);
    const sessions = this.#port.size;
    isRight();
    this.#scan.stop();
    await this.#add(each(rows));
    if (this.#settings.kind === "journal") await this.writer.mark();
    else await this.writer.write("ends", `${JSON.stringify([this.#rows, sessions])}\n`);
    await this.writer.sync();
    return sessions;
  }

  /** Puts the file in the place of the one that it replaces. Its name may not be on the disk yet. */
  async place(): Promise<void> {
    this.#settings.check();
    await renamePatiently(this.#disk, this.#temporary, this.#target);
    this.#isPlaced = true;
  }

  async #write(): Promise<void> {
    // A link that somebody put there is not followed.
    this.#file = await this.#disk.open(this.#temporary, "wx", 0o600);
    await keepOwner(this.#disk, this.#file, this.#target);
    const { kind, secrets } = this.#settings;
    const { serializer } = this.#port.options;
    this.#writer = await BlockWriter.create(this.#file, { kind, serializer, secrets });
    await this.#add(this.#scan.walk());
    // What takes long, before the last changes.
    await this.writer.sync();
    await this.#catchUp();
  }

  /** Writes what has changed meanwhile, until few changes are left. */
  async #catchUp(): Promise<void> {
    const { changes } = this.#scan;
    for (let round = 0; round < MAX_ROUNDS && changes.size > MAX_LEFT_OVER; round++) {
      await this.#add(this.#scan.changed());
    }
  }

  async #add(rows: Rows): Promise<void> {
    this.#rows += await writeRows(this.writer, this.#unlessGivenUp(rows));
  }

  *#unlessGivenUp(rows: Rows): Rows {
    for (let hasWaited: boolean | undefined = true;;) {
      this.#settings.check();
      if (this.#scan.changes.isVoid) throw VOID;
      const { value, done } = rows.next(hasWaited);
      if (done) return;
      hasWaited = yield value;
    }
  }

  /** Leaves the file where it was placed, or none. */
  async #leave(): Promise<void> {
    this.#scan.stop();
    if (this.#isPlaced || !this.#file) return;
    await this.#file.close().catch(() => {});
    await this.#disk.remove(this.#temporary).catch(() => {});
  }
}

/** Yields rows that may be left alone after each. */
function* each(rows: FileRow[]): Rows {
  for (const row of rows) {
    yield row;
    yield;
  }
}
