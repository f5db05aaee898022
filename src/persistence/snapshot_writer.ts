import { dirname } from "node:path";
import { setTimeout } from "node:timers/promises";
import type { Port } from "../core/port.ts";
import { now } from "../util/time.ts";
import type { Position } from "./block_format.ts";
import { BlockWriter } from "./block_writer.ts";
import {
  checkIsFile,
  closing,
  type Disk,
  type DiskFile,
  isHeldForAMoment,
  keepOwner,
  removeLeftovers,
  RENAME_PAUSE,
  RENAME_TRIES,
  secondName,
  syncFolder,
  targetOf,
  TEMPORARY,
  temporaryOf,
} from "./disk.ts";
import { type Rows, writeRows, writeRowsSync } from "./rows.ts";
import { Scan } from "./scan.ts";
import { type Saves, shared } from "./shared.ts";

/** What a killed process leaves is removed by a save that comes so many milliseconds later. */
const MIN_ABANDONED_MS = 60 * 60 * 1000;

/** How often a save catches up with a store that is in use. */
const ROUNDS = 10;

/** And on a slow disk, with one where sessions are signed out all the time. */
const MAX_ROUNDS = 100;

/** A disk that takes longer to sync would hold the event loop, in milliseconds. */
const MIN_SLOW_MS = 10;

/** Of more changes than these, those of the order alone are not written at once. */
const MAX_ORDER_CHANGES = 1_000;

/** What was written. */
export interface Saved {
  /** How many sessions are in the file. */
  sessions: number;
  /** The size of the file, in bytes. */
  bytes: number;
}

/** Writes all sessions of a store to the file at `path`, whole or not at all. */
export async function writeSnapshot(
  disk: Disk,
  port: Port,
  path: string,
  secrets: readonly string[],
  signal?: AbortSignal,
): Promise<Saved> {
  const number = ++shared().started;
  const target = await targetOf(disk, path);
  await checkIsFile(disk, target, "save snapshot");
  await removeLeftovers(disk, target, TEMPORARY, now() - MIN_ABANDONED_MS);
  const saves = begin(target);
  try {
    return await new SnapshotWriter(disk, port, target, saves, number, signal).write(secrets);
  } finally {
    if (--saves.underWay === 0) shared().saves.delete(target);
  }
}

function begin(target: string): Saves {
  const all = shared().saves;
  const saves = all.get(target) ?? { underWay: 0, placed: 0 };
  all.set(target, saves);
  saves.underWay++;
  return saves;
}

/** One save. */
class SnapshotWriter {
  readonly #disk: Disk;
  readonly #port: Port;
  readonly #target: string;
  readonly #temporary: string;
  readonly #saves: Saves;
  readonly #number: number;
  readonly #signal: AbortSignal | undefined;
  #rows = 0;
  #failures = 0;
  #isPlaced = false;

  constructor(
    disk: Disk,
    port: Port,
    target: string,
    saves: Saves,
    number: number,
    signal: AbortSignal | undefined,
  ) {
    this.#disk = disk;
    this.#port = port;
    this.#target = target;
    // Unique: another process may save at the same time.
    this.#temporary = temporaryOf(target);
    this.#saves = saves;
    this.#number = number;
    this.#signal = signal;
  }

  async write(secrets: readonly string[]): Promise<Saved> {
    // A link that somebody put there is not followed.
    const file = await this.#disk.open(this.#temporary, "wx", 0o600);
    const scan = new Scan(this.#port, Infinity);
    const removeOld = await secondName(this.#disk, this.#target);
    try {
      const saved = await closing(file, async () => {
        await keepOwner(this.#disk, file, this.#target);
        return await this.#writeAll(file, scan, secrets);
      });
      if (this.#isPlaced) await syncFolder(this.#disk, dirname(this.#target));
      else await this.#disk.remove(this.#temporary);
      return saved;
    } catch (error) {
      await this.#disk.remove(this.#temporary).catch(() => {});
      throw error;
    } finally {
      scan.stop();
      await removeOld();
    }
  }

  /** Writes until what is on the disk is right, and renames the file at that very moment. */
  async #writeAll(file: DiskFile, scan: Scan, secrets: readonly string[]): Promise<Saved> {
    const writer = await BlockWriter.create(file, {
      kind: "snapshot",
      serializer: this.#port.options.serializer,
      secrets,
    });
    this.#rows += await writeRows(writer, this.#unlessAborted(scan.walk()));
    for (let round = 0;; round++) {
      const pending = scan.changes.size;
      this.#rows += await writeRows(writer, this.#unlessAborted(scan.changed()));
      const end = writer.position;
      const sessions = this.#port.size;
      await writer.write("ends", this.#end(sessions));
      const start = performance.now();
      await writer.sync();
      this.#signal?.throwIfAborted();
      const isSlow = performance.now() - start > MIN_SLOW_MS;
      const isQuiet = scan.changes.isEmpty || isSlow && round >= ROUNDS && !scan.changes.hasEnded;
      if (isQuiet && this.#place(scan)) return { sessions, bytes: writer.bytes };
      if (isQuiet) await setTimeout(RENAME_PAUSE);
      await writer.cut(end);
      const isHopeless = scan.changes.size > MAX_ORDER_CHANGES && scan.changes.size >= pending;
      if (round < (isSlow ? MAX_ROUNDS : ROUNDS) && !isHopeless) continue;
      const { saved, cut } = this.#writeEnd(writer, scan);
      if (saved) return saved;
      await setTimeout(RENAME_PAUSE);
      await writer.cut(cut);
    }
  }

  *#unlessAborted(rows: Rows): Rows {
    for (let hasWaited: boolean | undefined = true;;) {
      this.#signal?.throwIfAborted();
      const { value, done } = rows.next(hasWaited);
      if (done) return;
      hasWaited = yield value;
    }
  }

  /** Writes the last of it while nothing else can happen. If the file is not in place, `cut` there. */
  #writeEnd(writer: BlockWriter, scan: Scan): { saved: Saved | undefined; cut: Position } {
    const isOrderKept = scan.changes.size <= MAX_ORDER_CHANGES;
    this.#rows += writeRowsSync(writer, scan.changes.take().rows(this.#port, isOrderKept));
    const cut = writer.position;
    const sessions = this.#port.size;
    writer.writeSync("ends", this.#end(sessions));
    writer.syncSync();
    return { saved: this.#place(scan) ? { sessions, bytes: writer.bytes } : undefined, cut };
  }

  #end(sessions: number): string {
    return `${JSON.stringify([this.#rows, sessions])}\n`;
  }

  /** Renames the file if it is the newest. Returns `false` while somebody else holds the other one. */
  #place(scan: Scan): boolean {
    // A save that started later has been there.
    if (this.#saves.placed > this.#number) return true;
    try {
      this.#disk.renameSync(this.#temporary, this.#target);
    } catch (error) {
      if (!isHeldForAMoment(error) || ++this.#failures >= RENAME_TRIES) throw error;
      return false;
    }
    this.#saves.placed = this.#number;
    this.#isPlaced = true;
    scan.stop();
    return true;
  }
}
