import timers from "node:timers";

type Timer = ReturnType<typeof timers.setTimeout>;

/** Holds the timers of `node:timers`, and both clocks, until it is disposed. */
export class HeldTimers implements Disposable {
  readonly #real = { ...timers };
  readonly #now = performance.now;
  readonly #date = Date.now;
  readonly #due = new Map<object, { at: number; run: () => void }>();
  /** Whole, so that sums of it are exact. */
  #time = Math.ceil(performance.now());

  constructor() {
    const ahead = Date.now() - this.#time;
    Date.now = () => Math.floor(ahead + this.#time);
    performance.now = () => this.#time;
    timers.setTimeout = ((run: () => void, ms = 0) => {
      const timer = { unref: () => timer };
      this.#due.set(timer, { at: this.#time + ms, run });
      return timer as unknown as Timer;
    }) as typeof timers.setTimeout;
    timers.clearTimeout = (timer) => void this.#due.delete(timer as object);
  }

  /** Moves the time on by `ms` milliseconds, and runs the timers that are due, one after the other. */
  async tick(ms: number): Promise<void> {
    const end = this.#time + ms;
    await settle();
    while (this.#runNext(end)) await settle();
    this.#time = end;
    await settle();
  }

  /** Moves the time on, from timer to timer, until `work` has come to its end. */
  async until<Result>(work: Promise<Result>): Promise<Result> {
    let isDone = false;
    const done = () => isDone = true;
    work.then(done, done);
    for (await settle(); !isDone; await settle()) {
      if (!this.#runNext(Infinity)) throw new Error("There is nothing to wait for");
    }
    return await work;
  }

  /** Runs the timer that is due next, if there is one. */
  #runNext(end: number): boolean {
    let next: [object, { at: number; run: () => void }] | undefined;
    for (const timer of this.#due) if (!next || timer[1].at < next[1].at) next = timer;
    if (!next || next[1].at > end) return false;
    this.#due.delete(next[0]);
    this.#time = next[1].at;
    next[1].run();
    return true;
  }

  [Symbol.dispose](): void {
    performance.now = this.#now;
    Date.now = this.#date;
    Object.assign(timers, this.#real);
  }
}

/** Lets everything go on that waits for nothing but a turn of the event loop. */
async function settle(): Promise<void> {
  for (let i = 0; i < 5; i++) await new Promise((resolve) => setImmediate(resolve));
}
