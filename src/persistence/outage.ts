/**
 * A disk that fails, or does not answer.
 *
 * @module
 */
import timers from "node:timers";
import type { Port } from "../core/port.ts";
import { failure } from "../util/errors.ts";
import { monotonicNow } from "../util/time.ts";
import type { Disk, DiskFile } from "./disk.ts";

/** The code of the event when the journal cannot be written. */
export const UNWRITTEN = "ERR_LEMBRO_JOURNAL_WRITE";

/** The code of the event when somebody else has taken the lock: nothing is written any more. */
const LOCK_LOST = "ERR_LEMBRO_JOURNAL_LOST";

/** How long a disk may take for an answer before it counts as failing, in milliseconds. */
export const PATIENCE = 3_000;

/** The event loop is free for so much of that at least, in milliseconds. */
const LAST_MS = 100;

/** The error for a disk that does not answer, as an event of the journal. */
export function unanswered(): Error {
  return failure(Error, UNWRITTEN, `the disk has not answered for ${PATIENCE} ms`);
}

/** The error for a disk that is too slow for what was to be done, as a file system would throw it. */
export function tooSlow(message: string): Error {
  return Object.assign(new Error(`ETIMEDOUT: ${message}`), { code: "ETIMEDOUT" });
}

/** The error for a disk that has not answered for `ms` milliseconds. */
export function timedOut(ms: number): Error {
  return tooSlow(`the disk has not answered for ${ms} ms`);
}

/** The error for a journal whose lock somebody has taken: what is at its path now is theirs. */
export function lockLost(path: string): Error {
  const rule = `its lock must stay where it is: received ${path} without it: nothing is written ` +
    "to it any more; restart the app";
  return failure(Error, LOCK_LOST, `Cannot write journal: ${rule}`);
}

/** Whether an error says that. */
export function isLockLost(error: unknown): boolean {
  return (error as { code?: string }).code === LOCK_LOST;
}

/** What of a journal may fail. Each is over by itself. */
type Part = "write" | "compact" | "answer";

/**
 * The time in which something of a journal fails, whatever it is: one `error`
 * event when it begins, and one `recover` event when nothing fails any more.
 */
export class Outage {
  readonly #port: Port;
  readonly #path: string;
  readonly #failing = new Set<Part>();
  #since = 0;

  constructor(port: Port, path: string) {
    this.#port = port;
    this.#path = path;
  }

  /** Whether anything fails. */
  get isOn(): boolean {
    return this.#failing.size > 0;
  }

  /** How long something has failed, in milliseconds. */
  get age(): number {
    return this.isOn ? monotonicNow() - this.#since : 0;
  }

  begin(part: Part, error: Error): void {
    const isOn = this.isOn;
    this.#failing.add(part);
    if (isOn) return;
    this.#since = monotonicNow();
    const message = `Cannot ${part === "compact" ? part : "write"} journal: ${error.message}`;
    this.announce(failure(Error, UNWRITTEN, message, { cause: error }));
  }

  /** Says what will never be over. */
  announce(error: Error): void {
    this.#port.announce("error", error);
  }

  end(part: Part): void {
    if (!this.#failing.delete(part) || this.isOn) return;
    this.#port.announce("recover", `Journal ${this.#path} is written again`);
  }
}

/** Notices calls of a disk that are not answered. */
export class DiskWatch {
  readonly #patience: number;
  readonly #onHang: () => void;
  #unanswered = 0;
  /** Called when the disk hangs. */
  #waiting = new Set<() => void>();

  /**
   * @param patience How long a call may take, in milliseconds.
   */
  constructor(patience: number, onHang: () => void) {
    this.#patience = patience;
    this.#onHang = onHang;
  }

  /** Whether there is a call that the disk has not answered in time. */
  get isHanging(): boolean {
    return this.#unanswered > 0;
  }

  /** Returns `disk`, with each of its calls watched, and those of its files. */
  over(disk: Disk): Disk {
    return this.#watched(disk);
  }

  /**
   * Waits for `work`, but not for a disk that hangs.
   *
   * @throws What `work` is rejected with, or what `error` returns.
   */
  orHang<Result>(
    work: Promise<Result>,
    error: () => Error = () => timedOut(this.#patience),
  ): Promise<Result> {
    return new Promise((resolve, reject) => {
      const hang = () => reject(error());
      if (this.isHanging) hang();
      else this.#waiting.add(hang);
      work.then(resolve, reject).finally(() => this.#waiting.delete(hang));
    });
  }

  #watched<Watched extends Disk | DiskFile>(target: Watched): Watched {
    return new Proxy(target, {
      get: (_, name) => {
        const method = target[name as keyof Watched];
        if (typeof method !== "function") return method;
        return (...args: unknown[]) => {
          const answer: unknown = method.apply(target, args);
          if (!(answer instanceof Promise)) return answer;
          const watched = this.answered(answer);
          return name === "open" ? watched.then((file) => this.#watched(file)) : watched;
        };
      },
    });
  }

  /** Waits for an answer of the disk. */
  async answered<Result>(answer: Promise<Result>): Promise<Result> {
    let isHanging = false;
    const hangs = () => {
      isHanging = true;
      this.#unanswered++;
      this.#onHang();
      for (const hang of this.#waiting) hang();
      this.#waiting.clear();
    };
    // If the event loop was held, the answer may be there: the last of the time begins after that.
    let timer = timers.setTimeout(() => {
      timer = timers.setTimeout(hangs, LAST_MS).unref();
    }, this.#patience - LAST_MS).unref();
    try {
      return await answer;
    } finally {
      timers.clearTimeout(timer);
      if (isHanging) this.#unanswered--;
    }
  }
}
