/**
 * Stands in for `@std/testing/time` where JSR does not answer: a clock that
 * only the test moves, over `@sinonjs/fake-timers`.
 *
 * @module
 */
// @ts-types="npm:@types/sinonjs__fake-timers@^15.0.0"
import FakeTimers from "@sinonjs/fake-timers";

/** Replaces `Date` and the timers until it is restored. */
export class FakeTime {
  readonly #clock: ReturnType<typeof FakeTimers.install>;

  /** @param start The first time, in milliseconds since the epoch; now if left out. */
  constructor(start: number | string | Date = Date.now()) {
    this.#clock = FakeTimers.install({
      now: new Date(start),
      toFake: ["Date", "setTimeout", "clearTimeout", "setInterval", "clearInterval"],
    });
  }

  /** The time, in milliseconds since the epoch. */
  get now(): number {
    return this.#clock.now;
  }

  /** Moves the time on by `ms` milliseconds, and runs the timers that are due. */
  tick(ms = 0): void {
    this.#clock.tick(ms);
  }

  /** As {@linkcode tick}, and lets promises settle. */
  async tickAsync(ms = 0): Promise<void> {
    await this.#clock.tickAsync(ms);
  }

  /** Puts the real time back. */
  restore(): void {
    this.#clock.uninstall();
  }

  [Symbol.dispose](): void {
    this.restore();
  }
}
