/**
 * Time, through its one door. `Date.now` and `setInterval` are looked up at each
 * call, so that a test can hold them still. What callbacks depend on is taken
 * when this module is loaded: a fake timer must not keep them from running.
 *
 * @module
 */
interface Runtime {
  setImmediate?(work: () => void): unknown;
  setTimeout(work: () => void, ms: number): unknown;
  setInterval(work: () => void, ms: number): unknown;
  clearInterval(timer: unknown): void;
}

// dnt-shim-ignore: dnt would put a proxy here, and a browser refuses timers that are called on one.
const runtime = globalThis as unknown as Runtime;

const immediate = runtime.setImmediate?.bind(runtime);
const timeout = runtime.setTimeout.bind(runtime);

/** Runs `work` in the next turn of the event loop. Browsers have no `setImmediate`. */
export const later: (work: () => void) => void = immediate ?? ((work) => timeout(work, 0));

/** The time in milliseconds since the epoch. */
export function now(): number {
  return Date.now();
}

/**
 * Calls `work` with `owner` every `ms` milliseconds, until the function that it
 * returns is called or `owner` has been collected: the timer does not keep it.
 */
export function every<Owner extends object>(
  ms: number,
  owner: Owner,
  work: (owner: Owner) => void,
): () => void {
  const ref = new WeakRef(owner);
  const stop = () => runtime.clearInterval(timer);
  const timer = runtime.setInterval(() => {
    const alive = ref.deref();
    if (alive) work(alive);
    else stop();
  }, ms) as { unref?: () => void };
  // A browser's timer is a number, and a page does not wait for it.
  timer.unref?.();
  return stop;
}
