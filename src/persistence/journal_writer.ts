import { dirname } from "node:path";
import process from "node:process";
import timers from "node:timers";
import type { Port } from "../core/port.ts";
import { failure } from "../util/errors.ts";
import { monotonicNow, now } from "../util/time.ts";
import { BlockReader, type Purpose } from "./block_reader.ts";
import { BlockWriter } from "./block_writer.ts";
import { Copy } from "./copy.ts";
import {
  checkIsFile,
  closing,
  codeOf,
  type Disk,
  type DiskFile,
  removeLeftovers,
  syncFolder,
  targetOf,
  TEMPORARY,
} from "./disk.ts";
import { Loader } from "./loader.ts";
import { Lock, LockedError } from "./lock.ts";
import { DiskWatch, Outage, PATIENCE, unanswered, UNWRITTEN } from "./outage.ts";
import { writeRows } from "./rows.ts";
import { Changes } from "./scan.ts";
import type { Secrets } from "./encryption.ts";

/** The code of the error for a file that is damaged, or no journal of this store. */
const BAD_JOURNAL = "ERR_LEMBRO_JOURNAL";
/** The code of the error for a journal that is open already. */
const IN_USE = "ERR_LEMBRO_JOURNAL_IN_USE";
/** The code of the event when somebody else has taken the lock: nothing is written any more. */
const LOST = "ERR_LEMBRO_JOURNAL_LOST";

const OPEN = "open journal";
const PURPOSE: Purpose = { cannot: OPEN, code: BAD_JOURNAL, kind: "journal" };

/** A file that is shorter is not worth compacting, in bytes. */
const MIN_COMPACTED_BYTES = 2 ** 18;

/** How many changes are written before their time has come, to keep the memory for them small. */
const MAX_PENDING = 5_000;

/** How long to wait after the disk has failed, in milliseconds: twice as long each time. */
const FIRST_RETRY = 100;
const LAST_RETRY = 5_000;

/** The codes of a disk that is full: an app starts nevertheless, with what is there. */
const FULL = ["ENOSPC", "EDQUOT"];

/** The size of a session in a file that is not known yet, for each byte of it in the store. */
const USUAL_RATIO = 0.6;
/** What a row takes besides its text, in bytes of the store. */
const ROW_OVERHEAD = 200;

/** Stands for the error of work that was given up because the journal is closed. */
const CLOSED = Symbol("closed");

/**
 * How a journal is, and what it has done since it was opened.
 *
 * ```ts
 * import assert from "node:assert/strict";
 * import session from "express-session";
 * import lembro from "express-lembro";
 * import { type JournalStats, openJournal } from "express-lembro/journal";
 *
 * const path = `${await Deno.makeTempDir()}/sessions.journal`;
 * using store = new (lembro(session))();
 * await using journal = await openJournal(store, path);
 * await store.set("a", { cookie: new session.Cookie() });
 * await journal.flush();
 * const { bytes, pending, lag }: JournalStats = journal.stats();
 * assert.deepEqual([bytes, pending, lag], [(await Deno.stat(path)).size, 0, 0]);
 * ```
 */
export interface JournalStats {
  /** The size of the file, in bytes. */
  bytes: number;
  /** How many sessions have changed and are not in the file yet. */
  pending: number;
  /** How long the oldest change has waited that is not on the disk, in milliseconds. */
  lag: number;
  /** When changes were last brought to the disk; `undefined` if none have been. */
  lastSync: Date | undefined;
  /** How often the file was compacted. */
  compactions: number;
  /** How often writing has failed. */
  errors: number;
  /** What it failed with last. */
  lastError: Error | undefined;
  /** Whether the file cannot be written or compacted at the moment, or the disk does not answer. */
  isFailing: boolean;
}

/** How a journal is opened. */
export interface JournalSettings extends Secrets {
  /** In milliseconds. */
  readonly interval: number;
  /** How long to wait for another process to close the file, in milliseconds. */
  readonly wait?: number;
  readonly signal?: AbortSignal | undefined;
}

/** Keeps the file of a store up to date. */
export class JournalWriter {
  readonly #disk: Disk;
  readonly #port: Port;
  readonly #path: string;
  readonly #interval: number;
  readonly #secrets: Secrets;
  readonly #lock: Lock;
  /** What is not in the file yet. */
  readonly #changes = new Changes();
  readonly #stopObserving: () => void;
  #writer: BlockWriter | undefined;
  /** The file at the path is known by these. */
  #ino = 0;
  #dev = 0;
  /** Work on the file, one after the other. */
  #queue: Promise<unknown> = Promise.resolve();
  /** The write that is under way, and the one that is to follow. */
  #current: Promise<void> | undefined;
  #next: Promise<void> | undefined;
  #timer: ReturnType<typeof timers.setTimeout> | undefined;
  /** What is being written. */
  #writing: Changes | undefined;
  /** Whether blocks behind those that are on the disk have to be cut off first. */
  #isTorn = false;
  /** Whether the file must be written anew. */
  #isLost = true;
  /** Whether the name of the file may not be on the disk. */
  #isUnnamed = false;
  /** What is thrown once somebody else has the file. */
  #lost: Error | undefined;
  /** Whether the file has been replayed. */
  #isOpen = false;
  #retryAfter = FIRST_RETRY;
  #isRetrying = false;
  #retry: ReturnType<typeof timers.setTimeout> | undefined;
  /** Called when the disk works again. */
  #waiting: (() => void)[] = [];
  #compaction: Promise<void> | undefined;
  #noCompactionBefore = 0;
  /** The size of a whole file for each byte in the store. */
  #ratio = USUAL_RATIO;
  readonly #outage: Outage;
  readonly #watch: DiskWatch;
  #closing: Promise<void> | undefined;
  #isClosed = false;
  #futile = 0;
  #lastSync: number | undefined;
  #compactions = 0;
  #errors = 0;
  #lastError: Error | undefined;

  private constructor(
    disk: Disk,
    port: Port,
    path: string,
    lock: Lock,
    interval: number,
    secrets: Secrets,
    loader: Loader,
  ) {
    this.#outage = new Outage(port, path);
    this.#watch = new DiskWatch(PATIENCE, unanswered, () => this.#hangs());
    this.#disk = this.#watch.over(disk);
    this.#port = port;
    this.#path = path;
    this.#lock = lock;
    this.#interval = interval;
    this.#secrets = secrets;
    lock.onLost = () => this.#lose();
    const noted = () => this.#noted();
    const changes = this.#changes;
    this.#stopObserving = port.observe({
      upsert: (entry, isDataSame) => {
        if (loader.isEntering) return;
        changes.upsert(entry, isDataSame);
        noted();
      },
      delete(entry) {
        changes.delete(entry);
        noted();
      },
      end(sid) {
        changes.end(sid);
        noted();
      },
      truncate() {
        changes.truncate();
        noted();
      },
    });
  }

  /** Replays the file at `path`, or creates it, and writes to it from then on. */
  static async open(
    disk: Disk,
    port: Port,
    path: string,
    { interval, wait, signal, ...secrets }: JournalSettings,
  ): Promise<JournalWriter> {
    // At once: what is destroyed while the file is read must not come back from it.
    const loader = new Loader(port);
    let opened!: (writer: JournalWriter | undefined) => void;
    const opening = new Promise<JournalWriter | undefined>((resolve) => opened = resolve);
    port.confirmBy(async () => {
      const writer = await opening;
      await (writer && writer.#confirm());
    });
    try {
      const target = await targetOf(disk, path);
      await checkIsFile(disk, target, OPEN);
      const lock = await lockOf(disk, target, wait, signal);
      const writer = new JournalWriter(disk, port, target, lock, interval, secrets, loader);
      try {
        await removeLeftovers(disk, target, TEMPORARY, Infinity);
        await writer.#exclusive(() => writer.#replay(loader, signal));
      } catch (error) {
        writer.#stop();
        await writer.#writer?.file.close().catch(() => {});
        await lock.release().catch(() => {});
        throw error;
      }
      opened(writer);
      writer.#answers();
      writer.#noted();
      writer.#considerCompaction();
      return writer;
    } catch (error) {
      port.confirmBy(undefined);
      opened(undefined);
      throw error;
    } finally {
      loader.stop();
    }
  }

  /** Waits until all that has changed is on the disk. */
  async flush(): Promise<void> {
    await this.#watch.orHang(this.#commit());
  }

  /**
   * Writes what is left to write, and gives the file up: once the disk answers,
   * if it hangs. Nobody else may have the file before.
   */
  close(): Promise<void> {
    return this.#closing ??= this.#watch.orHang(this.#close()).finally(() => this.#stop());
  }

  /**
   * Writes what is left to write when the process is about to end by itself.
   * After some failures it may end without.
   */
  async finish(): Promise<void> {
    if (this.#lost || this.#isUpToDate || this.#futile > 2) return;
    await this.#commit().catch(() => this.#futile++);
  }

  stats(): JournalStats {
    const oldest = this.#writing?.since ?? this.#changes.since;
    return {
      bytes: this.#writer?.bytes ?? 0,
      pending: this.#changes.isVoid ? this.#port.size : this.#changes.size,
      lag: oldest === undefined ? 0 : monotonicNow() - oldest,
      lastSync: this.#lastSync === undefined ? undefined : new Date(this.#lastSync),
      compactions: this.#compactions,
      errors: this.#errors,
      lastError: this.#lastError,
      isFailing: this.#outage.isOn || this.#lost !== undefined,
    };
  }

  async #replay(loader: Loader, signal: AbortSignal | undefined): Promise<void> {
    const hadSessions = this.#port.size > 0;
    const reader = await BlockReader.open(
      this.#disk,
      this.#path,
      PURPOSE,
      this.#port.options.serializer,
      this.#secrets,
    ).catch((error) => {
      if (codeOf(error) !== "ENOENT") throw error;
    });
    let isComplete = false;
    if (reader) {
      await closing(reader, () => loader.read(reader, signal));
      // From here on it is done in any case.
      const { omitted } = await loader.enter(reader, (entry) => {
        // By a clock that may have been wrong: it stays away all the same.
        this.#changes.delete(entry);
        this.#port.announceExpired(entry);
      });
      // What the store has not taken must not come back from the file later.
      isComplete = omitted === 0 && !hadSessions && reader.kind === "journal" && reader.isCurrent;
    }
    try {
      if (reader && isComplete) await this.#resume(reader);
      else await this.#rewrite((swap) => swap());
    } catch (error) {
      if (!FULL.includes(codeOf(error) ?? "")) throw error;
      this.#isLost = true;
      this.#failed(error as Error);
    }
    this.#isOpen = true;
  }

  async #resume(reader: BlockReader): Promise<void> {
    const file = await this.#disk.open(this.#path, "r+");
    this.#writer = BlockWriter.resume(file, reader);
    await this.#identify(file);
    if (reader.isTorn) await this.#writer.rewind(file);
    // What a killed process has written need not be on the disk.
    await file.sync();
    await syncFolder(this.#disk, dirname(this.#path));
    this.#isLost = false;
  }

  async #identify(file: DiskFile): Promise<void> {
    const { ino, dev } = await file.stat();
    this.#ino = ino;
    this.#dev = dev;
  }

  /** Something has changed that is not in the file yet. */
  #noted(): void {
    if (!this.#isOpen || this.#changes.isEmpty || this.#isClosed) return;
    this.#futile = 0;
    if (this.#isRetrying) return;
    if (this.#changes.size === MAX_PENDING) this.#commit().catch(() => {});
    if (this.#timer) return;
    // The other half is for the disk.
    this.#timer = timers.setTimeout(() => {
      this.#timer = undefined;
      this.#commit().catch(() => {});
    }, this.#interval / 2);
    this.#timer.unref();
  }

  get #isUpToDate(): boolean {
    return this.#changes.isEmpty && !this.#writing && !this.#current && !this.#isTorn &&
      !this.#isLost &&
      !this.#isUnnamed;
  }

  /**
   * Waits until the changes so far are on the disk. One write serves all that
   * wait for it. Rejects if the disk fails; the changes are kept then.
   */
  #commit(): Promise<void> {
    if (this.#lost) return Promise.reject(this.#lost);
    if (!this.#current) {
      if (this.#isUpToDate) return Promise.resolve();
      this.#current = this.#exclusive(() => this.#write()).finally(() => this.#current = undefined);
      return this.#current;
    }
    if (this.#changes.isEmpty && !this.#isLost) return this.#current;
    return this.#next ??= this.#current.catch(() => {}).then(() => {
      this.#next = undefined;
      return this.#commit();
    });
  }

  /** Does `work` with the file when nobody else does anything with it. */
  #exclusive<Result>(work: () => Promise<Result>): Promise<Result> {
    const result = this.#queue.then(work);
    this.#queue = result.catch(() => {});
    return result;
  }

  async #write(): Promise<void> {
    try {
      await this.#repair();
      const writer = this.#writer!;
      await this.#checkPath();
      this.#writing = this.#changes.take();
      await writeRows(writer, this.#writing.rows(this.#port));
      await writer.sync();
      await this.#checkPath();
    } catch (error) {
      this.#isTorn = true;
      // They are not in the file after all.
      if (this.#writing) this.#changes.takeBack(this.#writing);
      this.#failed(error as Error);
      throw error;
    } finally {
      this.#writing = undefined;
    }
    this.#succeeded();
  }

  /** Somebody may have removed the file, cut it off, or put another one in its place. */
  async #checkPath(): Promise<void> {
    await this.#checkLock();
    const { ino, dev, size } = await this.#disk.stat(this.#path).catch((error) => {
      this.#isLost ||= codeOf(error) === "ENOENT";
      throw error;
    });
    const isOurs = ino === this.#ino && dev === this.#dev;
    if (isOurs && size === this.#writer!.bytes) return;
    this.#isLost = true;
    throw failure(Error, UNWRITTEN, `${this.#path} was changed by somebody else`);
  }

  /** Somebody else has the file if its lock is gone. */
  async #checkLock(): Promise<void> {
    if (this.#lost || !await this.#lock.isHeld()) throw this.#lose();
  }

  /** Stops writing for good: what is at the path now is somebody else's. */
  #lose(): Error {
    if (this.#lost) return this.#lost;
    const rule = `its lock must stay where it is: received ${this.#path} without it: nothing is ` +
      "written to it any more; restart the app";
    this.#lost = failure(Error, LOST, `Cannot write journal: ${rule}`);
    this.#lastError = this.#lost;
    this.#stop();
    timers.clearTimeout(this.#retry);
    this.#changes.take();
    this.#release();
    this.#port.announce("error", this.#lost);
    return this.#lost;
  }

  /** Makes the file one that can be written to, after the disk has failed. */
  async #repair(): Promise<void> {
    if (this.#isTorn || this.#isLost) await this.#checkLock();
    if (this.#isTorn && !this.#isLost) await this.#reopen();
    if (this.#isLost || this.#changes.isVoid) await this.#rewrite((swap) => swap());
    if (this.#isUnnamed) await this.#name();
    this.#isTorn = false;
  }

  async #reopen(): Promise<void> {
    const writer = this.#writer!;
    const file = await this.#disk.open(this.#path, "r+").catch((error) => {
      if (codeOf(error) !== "ENOENT") throw error;
    });
    const found = await file?.stat();
    const isOurs = found?.ino === this.#ino && found.dev === this.#dev;
    if (!file || !isOurs || found.size < writer.syncedBytes) {
      await file?.close();
      this.#isLost = true;
      return;
    }
    await writer.file.close().catch(() => {});
    // After a failed sync, the system may take for written what is not: it is written again.
    await writer.rewind(file);
  }

  async #name(): Promise<void> {
    await syncFolder(this.#disk, dirname(this.#path));
    this.#isUnnamed = false;
  }

  #succeeded(): void {
    this.#lastSync = now();
    this.#retryAfter = FIRST_RETRY;
    this.#isRetrying = false;
    this.#outage.end("write");
    this.#answers();
    this.#release();
    this.#considerCompaction();
  }

  /** Lets those go on that wait for the disk. */
  #release(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const attempt of waiting) attempt();
  }

  #failed(error: Error): void {
    if (this.#lost) return;
    this.#errors++;
    this.#lastError = error;
    this.#outage.begin("write", error);
    this.#answers();
    this.#isRetrying = true;
    if (this.#isClosed || this.#retry) return;
    this.#retry = timers.setTimeout(() => {
      this.#retry = undefined;
      this.#commit().catch(() => {});
    }, this.#retryAfter);
    this.#retry.unref();
    this.#retryAfter = Math.min(2 * this.#retryAfter, LAST_RETRY);
  }

  /** What the answers of `destroy`, `revoke` and `clear` wait for: at most {@linkcode PATIENCE}. */
  #confirm(): Promise<void> {
    if (this.#lost || this.#isUpToDate) return Promise.resolve();
    const patience = PATIENCE - this.#outage.age;
    if (patience <= 0) return Promise.resolve();
    return new Promise((resolve) => {
      const timer = timers.setTimeout(() => {
        this.#outage.begin("write", unanswered());
        resolve();
      }, patience);
      const done = () => {
        timers.clearTimeout(timer);
        resolve();
      };
      const attempt = () => {
        if (this.#isClosed) done();
        else if (this.#isRetrying) this.#waiting.push(attempt);
        else this.#commit().then(done, attempt);
      };
      attempt();
    });
  }

  /** Compacts the file in the background if it has become too large. */
  #considerCompaction(): void {
    if (this.#compaction || this.#isClosed || this.#isRetrying || !this.#writer) return;
    const { bytes } = this.#writer;
    if (
      bytes <= MIN_COMPACTED_BYTES || bytes <= 2 * this.#ratio * this.#weight ||
      monotonicNow() < this.#noCompactionBefore
    ) {
      return;
    }
    this.#compaction = this.#compact().finally(() => {
      this.#compaction = undefined;
      // Meanwhile it may have become too large again.
      this.#considerCompaction();
    });
  }

  /** What the sessions of the store take in it, in bytes, and something for each of them. */
  get #weight(): number {
    return this.#port.bytes + ROW_OVERHEAD * this.#port.size;
  }

  async #compact(): Promise<void> {
    try {
      const check = () => {
        if (this.#isClosed) throw CLOSED;
      };
      await this.#rewrite((swap) => this.#exclusive(swap), check);
      this.#compactions++;
    } catch (error) {
      if (error === CLOSED || this.#lost) return;
      this.#noCompactionBefore = monotonicNow() + LAST_RETRY;
      this.#errors++;
      this.#lastError = error as Error;
      this.#outage.begin("compact", error as Error);
    } finally {
      this.#answers();
    }
  }

  /** The disk has not answered a call for some seconds. */
  #hangs(): void {
    if (this.#isOpen && !this.#isClosed) this.#outage.begin("answer", unanswered());
  }

  /** Work with the file has come to its end. */
  #answers(): void {
    if (!this.#watch.isHanging) this.#outage.end("answer");
  }

  /**
   * Writes all that the store holds to a file beside, and renames it.
   *
   * @param exclusive Does the last of it when nothing else is written.
   */
  async #rewrite(
    exclusive: (swap: () => Promise<void>) => Promise<void>,
    check: () => void = () => {},
  ): Promise<void> {
    const { secrets } = this.#secrets;
    const settings = { kind: "journal", secrets, check } as const;
    await Copy.make(
      this.#disk,
      this.#port,
      this.#path,
      settings,
      (copy) => exclusive(() => this.#swap(copy)),
    );
  }

  async #swap(copy: Copy): Promise<void> {
    let taken = new Changes();
    try {
      await copy.finish(() => {
        // What changes from now on is not in this file; all before is.
        taken = this.#changes.take();
        this.#writing = taken;
      });
      await this.#identify(copy.writer.file);
      await this.#checkLock();
      await copy.place();
    } catch (error) {
      this.#changes.takeBack(taken);
      throw error;
    } finally {
      this.#writing = undefined;
    }
    const before = this.#writer;
    this.#writer = copy.writer;
    this.#isLost = this.#isTorn = false;
    // Nobody may count on the file before its name is on the disk.
    this.#isUnnamed = true;
    this.#noted();
    const { bytes } = copy.writer;
    // A small file tells little.
    this.#ratio = bytes > MIN_COMPACTED_BYTES ? bytes / this.#weight : USUAL_RATIO;
    await before?.file.close().catch(() => {});
    await this.#name();
    // By whichever way: it is as compact as it can be.
    this.#noCompactionBefore = 0;
    this.#outage.end("compact");
  }

  #stop(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    timers.clearTimeout(this.#timer);
    this.#stopObserving();
    this.#port.confirmBy(undefined);
  }

  async #close(): Promise<void> {
    try {
      await this.#commit().catch(() => {});
      this.#stop();
      await this.#compaction;
      // What has come in between, or what could not be written.
      await this.#commit();
      await this.#exclusive(() => this.#end());
    } finally {
      timers.clearTimeout(this.#retry);
      this.#release();
      await this.#writer?.file.close().catch(() => {});
      await this.#lock.release().catch(() => {});
    }
  }

  async #end(): Promise<void> {
    try {
      await this.#checkPath();
    } catch (error) {
      if (this.#lost || !this.#isLost) throw error;
      await this.#repair();
    }
    await this.#writer!.mark();
    await this.#writer!.sync();
  }
}

async function lockOf(
  disk: Disk,
  target: string,
  wait: number | undefined,
  signal: AbortSignal | undefined,
): Promise<Lock> {
  try {
    return await Lock.acquire(disk, target, { wait, signal });
  } catch (error) {
    if (!(error instanceof LockedError)) throw error;
    const { pid, isOwn } = error;
    const holder = isOwn
      ? `this very process, ${pid}, has open: close the other journal first, as when a hot ` +
        "reload runs the app's modules again"
      : pid === process.pid
      ? `process ${pid} of another container has open, or another thread of this process: ${HELP}`
      : `process ${pid} has open: ${HELP}`;
    const rule = `${target} must not be open already: received one that ${holder}`;
    throw failure(Error, IN_USE, `Cannot ${OPEN}: ${rule}`, { pid });
  }
}

/** What to do about a journal that another process has open. */
const HELP = "end that one first, or let this one wait for it with the option wait";
