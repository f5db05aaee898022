/**
 * Time, by its one door: what o'clock it is, later, and again and again.
 * Each looks up the runtime's own function when it is called, so that a test
 * can put a clock of its own there.
 *
 * @module
 */

interface Runtime {
  setImmediate?: (work: () => void) => unknown;
  setTimeout: (work: () => void, ms: number) => unknown;
  setInterval: (work: () => void, ms: number) => unknown;
  clearInterval: (timer: unknown) => void;
}

// dnt-shim-ignore: dnt would put a proxy here, and a browser refuses timers that are called on one.
const runtime = globalThis as unknown as Runtime;

/** Now, in milliseconds since the epoch. */
export function now(): number {
  return Date.now();
}

/** Runs `work` after what is running now, in the order of the calls. */
export function defer(work: () => void): void {
  // setImmediate lets sockets be served in between; a browser has none.
  if (runtime.setImmediate) runtime.setImmediate(work);
  else runtime.setTimeout(work, 0);
}

/** Runs `work` every `ms` milliseconds until the function it gives is called. */
export function every(ms: number, work: () => void): () => void {
  const timer = runtime.setInterval(work, ms) as { unref?: () => void };
  // A timer of a browser is a number, and a page doesn't wait for it.
  timer.unref?.();
  return () => runtime.clearInterval(timer);
}
