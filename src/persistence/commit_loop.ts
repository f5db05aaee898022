import timers from "node:timers";
import { monotonicNow, now } from "../util/time.ts";
import { type DiskWatch, isLockLost, type Outage, PATIENCE, unanswered } from "./outage.ts";

/** How many changes are written before their time has come, to keep the memory for them small. */
const MAX_PENDING = 5_000;

/** How long to wait after the disk has failed, in milliseconds: twice as long each time. */
const FIRST_RETRY = 100;
const LAST_RETRY = 5_000;

/** How often a process that is about to end tries to write first. */
const MAX_LAST_TRIES = 3;

/** Stands for the error of a compaction that was given up because the journal is closed. */
const CLOSED = Symbol("closed");

/** What is written to: the file of a journal. */
export interface Target {
  /** Whether all changes so far are on the disk. */
  readonly isUpToDate: boolean;
  /** How many changes are not written yet. */
  readonly changes: { readonly size: number; readonly isEmpty: boolean };
  /** Whether it is worth compacting. */
  readonly isTooLarge: boolean;
  /** Brings the changes so far to the disk. Returns whether all was written anew. */
  write(): Promise<boolean>;
  /** @param check Called again and again; throws to give it up. */
  compact(check: () => void): Promise<void>;
  /** Writes the end. */
  end(): Promise<void>;
}

/** What a commit loop has done. */
export interface CommitStats {
  /** When changes were last brought to the disk; `undefined` if none have been. */
  lastSync: Date | undefined;
  /** How often the file was compacted. */
  compactions: number;
  /** How often writing has failed. */
  errors: number;
  /** What it failed with last. */
  lastError: Error | undefined;
}

/** When changes are written: within an interval, when somebody waits for it, or after an outage. */
export class CommitLoop {
  readonly #target: Target;
  readonly #interval: number;
  readonly #outage: Outage;
  readonly #watch: DiskWatch;
  readonly #onStop: () => void;
  #isRunning = false;
  /** Why nothing is written any more. */
  #end: Error | undefined;
  /** The write that is under way, and the one that is to follow. */
  #current: Promise<void> | undefined;
  #next: Promise<void> | undefined;
  #timer: ReturnType<typeof timers.setTimeout> | undefined;
  /** How many writes have failed since the last one that has not. */
  #failures = 0;
  #retry: ReturnType<typeof timers.setTimeout> | undefined;
  /** Called when the disk works again. */
  #waiting: (() => void)[] = [];
  #compaction: Promise<void> | undefined;
  #noCompactionBefore = 0;
  #lastTries = 0;
  readonly #stats: CommitStats = {
    lastSync: undefined,
    compactions: 0,
    errors: 0,
    lastError: undefined,
  };

  /**
   * @param interval In milliseconds.
   * @param onStop Called when no more changes are to be noted.
   */
  constructor(
    target: Target,
    interval: number,
    outage: Outage,
    watch: DiskWatch,
    onStop: () => void,
  ) {
    this.#target = target;
    this.#interval = interval;
    this.#outage = outage;
    this.#watch = watch;
    this.#onStop = onStop;
  }

  /** Whether the target cannot be written or compacted at the moment, or does not answer. */
  get isFailing(): boolean {
    return this.#outage.isOn || this.#end !== undefined;
  }

  /** What has been done so far. */
  get stats(): CommitStats {
    return { ...this.#stats };
  }

  /** Begins, after the target was opened or has failed with `error`. */
  start(error?: Error): void {
    if (this.#end) return this.#onStop();
    this.#isRunning = true;
    if (error) this.#failed(error);
    this.#answers();
    this.noted();
    this.#considerCompaction();
  }

  /** Something has changed that is not in the target yet. */
  noted(): void {
    const { changes } = this.#target;
    if (!this.#isRunning || changes.isEmpty) return;
    this.#lastTries = 0;
    // It will be tried again anyway.
    if (this.#failures > 0) return;
    if (changes.size === MAX_PENDING) this.commit().catch(() => {});
    // The other half is for the disk.
    this.#timer ??= this.#after(this.#interval / 2, () => this.#timer = undefined);
  }

  /**
   * Waits until the changes so far are on the disk. One write serves all that
   * wait for it. Rejects if the disk fails; the changes are kept then.
   */
  commit(): Promise<void> {
    if (this.#end) return Promise.reject(this.#end);
    if (!this.#current) {
      // After a failure, only a write shows that the disk works again.
      if (this.#target.isUpToDate && this.#failures === 0) return Promise.resolve();
      return this.#current = this.#write().finally(() => this.#current = undefined);
    }
    if (this.#target.changes.isEmpty) return this.#current;
    return this.#next ??= this.#current.catch(() => {}).then(() => {
      this.#next = undefined;
      return this.commit();
    });
  }

  /**
   * What the answers of `destroy`, `revokeUser` and `clear` wait for: that changes are on
   * the disk, but no longer than {@linkcode PATIENCE} for one that fails, and not at all for one
   * that is known to hang.
   */
  confirm(): Promise<void> {
    if (this.#end || !this.#current && this.#target.isUpToDate) return Promise.resolve();
    const patience = PATIENCE - this.#outage.age;
    if (patience <= 0 || this.#watch.isHanging) return Promise.resolve();
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
        if (!this.#isRunning) done();
        else if (this.#failures > 0) this.#waiting.push(attempt);
        else this.commit().then(done, attempt);
      };
      attempt();
    });
  }

  /**
   * Writes what is left to write when the process is about to end by itself.
   * After some failures it may end without.
   */
  async finish(): Promise<void> {
    if (this.#end || this.#lastTries >= MAX_LAST_TRIES) return;
    await this.commit().catch(() => this.#lastTries++);
  }

  /** Stops, writes what is left to write, and the end. */
  async close(): Promise<void> {
    try {
      await this.commit().catch(() => {});
      this.stop();
      await this.#compaction;
      // What has come in between, or what could not be written.
      await this.commit();
      await this.#target.end();
    } catch (error) {
      if (isLockLost(error)) this.giveUp(error as Error);
      throw error;
    } finally {
      timers.clearTimeout(this.#retry);
      this.#release();
    }
  }

  /** Lets no more changes come. */
  stop(): void {
    if (!this.#isRunning) return;
    this.#isRunning = false;
    timers.clearTimeout(this.#timer);
    this.#onStop();
  }

  /** Writes nothing any more: `error` says why. */
  giveUp(error: Error): void {
    if (this.#end) return;
    this.#end = this.#stats.lastError = error;
    this.stop();
    timers.clearTimeout(this.#retry);
    this.#release();
    this.#outage.announce(error);
  }

  /** The disk has not answered a call for some seconds. */
  hangs(): void {
    if (this.#isRunning) this.#outage.begin("answer", unanswered());
  }

  async #write(): Promise<void> {
    let isNew;
    try {
      isNew = await this.#target.write();
    } catch (error) {
      this.#failed(error as Error);
      throw error;
    }
    this.#stats.lastSync = new Date(now());
    this.#failures = 0;
    timers.clearTimeout(this.#retry);
    this.#retry = undefined;
    this.#outage.end("write");
    if (isNew) this.#compacted();
    // What has come during an outage waits for no timer.
    this.noted();
    this.#answers();
    this.#release();
    this.#considerCompaction();
  }

  #failed(error: Error): void {
    if (!this.#note("write", error)) return;
    this.#answers();
    if (this.#retry) return;
    const wait = Math.min(FIRST_RETRY * 2 ** this.#failures++, LAST_RETRY);
    if (this.#isRunning) this.#retry = this.#after(wait, () => this.#retry = undefined);
  }

  /** Notes that a part of the work has failed. Returns whether it will be tried again. */
  #note(part: "write" | "compact", error: Error): boolean {
    if (isLockLost(error)) this.giveUp(error);
    // Whatever fails then is of no interest.
    if (this.#end) return false;
    this.#stats.errors++;
    this.#stats.lastError = error;
    this.#outage.begin(part, error);
    return true;
  }

  /** Compacts the target in the background if it has become too large. */
  #considerCompaction(): void {
    if (this.#compaction || !this.#isRunning || this.#failures > 0) return;
    if (!this.#target.isTooLarge || monotonicNow() < this.#noCompactionBefore) return;
    this.#compaction = this.#compact().finally(() => {
      this.#compaction = undefined;
      // Meanwhile it may have become too large again.
      this.#considerCompaction();
    });
  }

  async #compact(): Promise<void> {
    try {
      await this.#target.compact(() => {
        if (!this.#isRunning) throw CLOSED;
      });
      this.#stats.compactions++;
      this.#compacted();
    } catch (error) {
      if (error === CLOSED) return;
      this.#noCompactionBefore = monotonicNow() + LAST_RETRY;
      this.#note("compact", error as Error);
    } finally {
      this.#answers();
    }
  }

  /** By whichever way: the target is as compact as it can be. */
  #compacted(): void {
    this.#noCompactionBefore = 0;
    this.#outage.end("compact");
    this.noted();
  }

  /** Commits `ms` milliseconds later, and calls `begun` first. */
  #after(ms: number, begun: () => void): ReturnType<typeof timers.setTimeout> {
    const timer = timers.setTimeout(() => {
      begun();
      this.commit().catch(() => {});
    }, ms);
    return timer.unref();
  }

  /** Lets those go on that wait for the disk. */
  #release(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const attempt of waiting) attempt();
  }

  /** Work with the target has come to its end. */
  #answers(): void {
    if (!this.#watch.isHanging) this.#outage.end("answer");
  }
}
