import timers from "node:timers";

type Timer = ReturnType<typeof timers.setTimeout>;

/**
 * Holds the timers of `node:timers` and the clock that does not jump until it is
 * disposed. `Date` goes on: it is another clock.
 */
export class HeldTimers implements Disposable {
  readonly #real = { ...timers };
  readonly #now = performance.now;
  readonly #due = new Map<object, { at: number; run: () => void }>();
  /** Whole, so that sums of it are exact. */
  #time = Math.ceil(performance.now());

  constructor() {
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
    for (;;) {
      const [next] = [...this.#due].sort(([, one], [, other]) => one.at - other.at);
      if (!next || next[1].at > end) break;
      this.#due.delete(next[0]);
      this.#time = next[1].at;
      next[1].run();
      await settle();
    }
    this.#time = end;
    await settle();
  }

  [Symbol.dispose](): void {
    performance.now = this.#now;
    Object.assign(timers, this.#real);
  }
}

/** Lets everything go on that waits for nothing but a turn of the event loop. */
async function settle(): Promise<void> {
  for (let i = 0; i < 5; i++) await new Promise((resolve) => setImmediate(resolve));
}
