/**
 * Time, by its one door: what o'clock it is, later, and again and again.
 * Each looks up the runtime's own function when it is called, so that a test
 * can put a clock of its own there.
 *
 * @module
 */
import { later } from "./callbacks.ts";

interface Runtime {
  setInterval(work: () => void, ms: number): unknown;
  clearInterval(timer: unknown): void;
}

// dnt-shim-ignore: dnt would put a proxy here, and a browser refuses timers that are called on one.
const runtime = globalThis as unknown as Runtime;

/** Now, in milliseconds since the epoch. */
export function now(): number {
  return Date.now();
}

/** How long a stretch of work in slices may take, in milliseconds: of ten, the collector takes most. */
export const SLICE = 1;

/**
 * Runs `steps` in slices: at once as far as one slice goes, and the rest in
 * later ones, when others had their turn. Ends with `done`, or with `failed`.
 */
export function inSlices<Result>(
  steps: Generator<void, Result, undefined>,
  done: (result: Result) => void,
  failed: (thrown: unknown) => void,
): void {
  const end = performance.now() + SLICE;
  try {
    do {
      const step = steps.next();
      if (step.done) return done(step.value);
    } while (performance.now() < end);
  } catch (thrown) {
    return failed(thrown);
  }
  later(() => inSlices(steps, done, failed));
}

/** Runs `work` every `ms` milliseconds until the function it gives is called. */
export function every(ms: number, work: () => void): () => void {
  const timer = runtime.setInterval(work, ms) as { unref?: () => void };
  // A timer of a browser is a number, and a page doesn't wait for it.
  timer.unref?.();
  return () => runtime.clearInterval(timer);
}
