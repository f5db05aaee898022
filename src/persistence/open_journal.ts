import process from "node:process";
import type { Port } from "../core/port.ts";
import { asyncDispose } from "../util/dispose.ts";
import { failure } from "../util/errors.ts";
import { monotonicNow } from "../util/time.ts";
import { CommitLoop } from "./commit_loop.ts";
import { checkIsFile, type Disk, removeLeftovers, targetOf, TEMPORARY } from "./disk.ts";
import type { Secrets } from "./encryption.ts";
import { explained } from "./file_errors.ts";
import { JournalFile } from "./journal_file.ts";
import type { Journal, JournalStats } from "./journal_types.ts";
import { Loader } from "./loader.ts";
import { Lock, LockedError, type Patience } from "./lock.ts";
import { DiskWatch, lockLost, Outage, PATIENCE, timedOut, unanswered } from "./outage.ts";
import { shared } from "./shared.ts";

/** The code of the error for a journal that is open already. */
const IN_USE = "ERR_LEMBRO_JOURNAL_IN_USE";

const OPEN = "open journal";

/** How a journal is opened. */
export interface JournalSettings extends Secrets {
  /** In milliseconds. */
  readonly interval: number;
  /** How long to wait for another process to close the file, in milliseconds. */
  readonly wait?: number;
  readonly signal?: AbortSignal | undefined;
}

/** The open journals, for the end of the process. */
const open = new Set<OpenJournal>();

/** A timer does not keep the process alive, so it may end with changes that are not written yet. */
function finish(): void {
  for (const journal of open) void journal.finish();
}

/** The journal of a store: its file, and when that is written. */
export class OpenJournal implements Journal {
  readonly #port: Port;
  readonly #lock: Lock;
  readonly #watch: DiskWatch;
  readonly #file: JournalFile;
  readonly #loop: CommitLoop;
  readonly #stopObserving: () => void;
  #closing: Promise<void> | undefined;

  private constructor(
    disk: Disk,
    port: Port,
    path: string,
    lock: Lock,
    { interval, ...secrets }: JournalSettings,
    loader: Loader,
  ) {
    this.#port = port;
    this.#lock = lock;
    this.#watch = new DiskWatch(PATIENCE, () => this.#loop.hangs());
    // The heartbeat may hang: it says nothing of the file.
    const isLocked = () => this.#watch.answered(lock.isHeld());
    this.#file = new JournalFile(this.#watch.over(disk), port, path, isLocked, secrets);
    this.#stopObserving = this.#observe(loader);
    this.#loop = new CommitLoop(
      this.#file,
      interval,
      new Outage(port, path),
      this.#watch,
      () => {
        this.#stopObserving();
        port.confirmBy(undefined);
      },
    );
    lock.onLost = () => this.#loop.giveUp(lockLost(path));
  }

  /** Opens the journal at `path`: replays its file, or creates it. */
  static async open(
    disk: Disk,
    port: Port,
    path: string,
    settings: JournalSettings,
  ): Promise<OpenJournal> {
    // At once: what is destroyed while the file is read must not come back from it.
    const loader = new Loader(port);
    let opened!: (loop: CommitLoop | undefined) => void;
    const opening = new Promise<CommitLoop | undefined>((resolve) => opened = resolve);
    port.confirmBy(async () => {
      await (await opening)?.confirm();
    });
    try {
      const { target, lock } = await claim(disk, path, settings);
      const journal = new OpenJournal(disk, port, target, lock, settings, loader);
      await journal.#start(loader, settings.signal);
      opened(journal.#loop);
      return journal;
    } catch (error) {
      port.confirmBy(undefined);
      opened(undefined);
      throw explained(OPEN, path, error);
    } finally {
      loader.stop();
    }
  }

  async flush(): Promise<void> {
    await this.#watch.orHang(this.#loop.commit(), unanswered);
  }

  async close(): Promise<void> {
    try {
      // If the disk hangs, the file is given up when it answers. Nobody else may have it before.
      await (this.#closing ??= this.#watch.orHang(this.#close(), unanswered));
    } finally {
      this.#loop.stop();
      this.#forget();
    }
  }

  /** Writes what is left to write when the process is about to end by itself. */
  async finish(): Promise<void> {
    await this.#loop.finish();
  }

  stats(): JournalStats {
    const { bytes, pending, since } = this.#file;
    const { isFailing, stats } = this.#loop;
    const lag = since === undefined ? 0 : monotonicNow() - since;
    return { bytes, pending, lag, ...stats, isFailing };
  }

  [asyncDispose](): Promise<void> {
    return this.close();
  }

  #observe(loader: Loader): () => void {
    const { changes } = this.#file;
    const noted = () => this.#loop.noted();
    return this.#port.observe({
      upsert(entry, isDataSame) {
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

  async #start(loader: Loader, signal: AbortSignal | undefined): Promise<void> {
    try {
      const reader = await this.#watch.orHang(this.#file.read(loader, signal));
      // From here on it is done in any case.
      const isComplete = await this.#file.enter(loader, reader);
      const beginning = this.#file.begin(isComplete ? reader : undefined);
      const error = await this.#watch.orHang(beginning, unanswered).catch((error) => {
        // The store has the sessions: the app goes on, as when the disk hangs later.
        if (!this.#watch.isHanging) throw error;
        return error as Error;
      });
      this.#loop.start(error);
    } catch (error) {
      this.#stopObserving();
      await this.#watch.orHang(this.#release()).catch(() => {});
      throw error;
    }
    this.#port.closeWith(() => this.close());
    if (open.size === 0) process.on("beforeExit", finish);
    open.add(this);
  }

  async #close(): Promise<void> {
    try {
      await this.#loop.close();
    } finally {
      await this.#release();
    }
  }

  async #release(): Promise<void> {
    await this.#file.close().catch(() => {});
    await this.#watch.answered(this.#lock.release()).catch(() => {});
  }

  #forget(): void {
    if (!open.delete(this)) return;
    if (open.size === 0) process.off("beforeExit", finish);
    this.#port.closeWith(undefined);
    shared().journaled.delete(this.#port);
  }
}

/** Takes the lock of the file that `path` leads to. */
async function claim(disk: Disk, path: string, { wait, signal }: JournalSettings) {
  let isGivenUp = false;
  const watch = new DiskWatch(PATIENCE, () => isGivenUp = true);
  const check = () => {
    signal?.throwIfAborted();
    // Whoever waited for it has gone.
    if (isGivenUp) throw timedOut(PATIENCE);
  };
  const work = async (disk: Disk) => {
    const target = await targetOf(disk, path);
    await checkIsFile(disk, target, OPEN);
    const lock = await lockOf(disk, target, { wait, check });
    try {
      await removeLeftovers(disk, target, TEMPORARY, Infinity);
      check();
    } catch (error) {
      await lock.release();
      throw error;
    }
    return { target, lock };
  };
  return await watch.orHang(work(watch.over(disk)));
}

async function lockOf(disk: Disk, target: string, patience: Patience): Promise<Lock> {
  try {
    return await Lock.acquire(disk, target, patience);
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
