/**
 * Time that only the test moves.
 *
 * @module
 */
import { FakeTime } from "@std/testing/time";

export { atTime } from "./at_time.ts";

export const SECOND = 1_000;
export const MINUTE = 60 * SECOND;
export const HOUR = 60 * MINUTE;
export const DAY = 24 * HOUR;

/** How far each look at `performance.now` moves it: see {@linkcode withSlowSteps}. */
let perLook = 0;
let looks = 0;

/** When a held clock starts, in milliseconds since the epoch: the first day of 2026. */
export const START = Date.UTC(2026, 0, 1);

/**
 * Holds `Date`, `performance.now`, `setTimeout` and `setInterval` still until it
 * is disposed:
 *
 *     using clock = new HeldClock();
 *     clock.tick(1_000);
 */
export class HeldClock implements Disposable {
  readonly #time: FakeTime;
  readonly #realNow = performance.now;
  #elapsed = 0;

  /** @param start The first time, in milliseconds since the epoch. */
  constructor(start: number = START) {
    this.#time = new FakeTime(start);
    performance.now = () => this.#elapsed + (looks += perLook);
  }

  /** The time, in milliseconds since the epoch. */
  get now(): number {
    return Date.now();
  }

  /**
   * Moves the time on by `ms` milliseconds, and runs the timers that are due.
   *
   * @param elapsed How far `performance.now` gets, by which slices of work end.
   */
  tick(ms: number, elapsed: number = ms): void {
    this.#elapsed += elapsed;
    this.#time.tick(ms);
  }

  /** Sets the wall clock, `Date.now`, ahead or back by `ms` milliseconds, while no time passes. */
  jump(ms: number): void {
    const { now } = Date;
    Date.now = () => now() + ms;
  }

  [Symbol.dispose](): void {
    performance.now = this.#realNow;
    this.#time.restore();
  }
}

/**
 * Runs `work` while each look at `performance.now` finds one millisecond more:
 * each step of long work then uses up the budget of its turn, on any machine.
 */
export async function withSlowSteps<Result>(work: () => Promise<Result>): Promise<Result> {
  // A turn that has its budget by the real clock ends first.
  await new Promise((resolve) => setImmediate(resolve));
  const { now } = performance;
  performance.now = () => now.call(performance) + (looks += perLook);
  perLook = 1;
  try {
    return await work();
  } finally {
    perLook = 0;
    performance.now = now;
  }
}

/** Whether a promise is settled by now. */
export function watched(promise: Promise<unknown>): { isDone: boolean } {
  const state = { isDone: false };
  const done = () => void (state.isDone = true);
  promise.then(done, done);
  return state;
}
