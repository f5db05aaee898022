/**
 * Time, through its one door. `Date.now`, `performance.now` and `setInterval` are
 * looked up at each call, so that a test can hold them still. What callbacks depend on is taken
 * when this module is loaded, and is no timer if those are fakes by then: a fake
 * timer must not keep them from running.
 *
 * @module
 */
interface Timers {
  MessageChannel?: typeof MessageChannel;
  setImmediate?(work: () => void): unknown;
  setTimeout(work: () => void, ms: number): unknown;
  setInterval(work: () => void, ms: number): unknown;
  clearInterval(timer: unknown): void;
}

// dnt-shim-ignore: dnt would put a proxy here, and a browser refuses timers that are called on one.
const runtime = globalThis as unknown as Timers;

/** Runs `work` in the next turn of the event loop. */
export const later: (work: () => void) => void = realTimer();

/** Browsers have no `setImmediate`. */
function realTimer(): (work: () => void) => void {
  const { setImmediate, setTimeout, MessageChannel } = runtime;
  if (setImmediate && isReal(setImmediate, "setImmediate")) return setImmediate.bind(runtime);
  if (isReal(setTimeout, "setTimeout")) return (work) => setTimeout.call(runtime, work, 0);
  if (!MessageChannel) return (work) => void Promise.resolve().then(work);
  return (work) => {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => {
      // An open port would keep the process.
      port1.close();
      work();
    };
    port2.postMessage(null);
  };
}

/** Whether a timer is the runtime's own: fakes have a clock, are mocks, or have other names. */
function isReal(timer: object, name: string): boolean {
  return (timer as { name?: unknown }).name === name && !("clock" in timer) &&
    !("_isMockFunction" in timer);
}

/**
 * The time in milliseconds since the epoch. It jumps when somebody sets the clock:
 * {@linkcode monotonicNow} is for how long ago something was.
 */
export function now(): number {
  return Date.now();
}

/** Milliseconds since some moment of this process, by a clock that nobody can set. */
export function monotonicNow(): number {
  return performance.now();
}

const performanceNow = performance.now.bind(performance);

/**
 * The same, even while a test holds the clock of this process: for what is
 * compared with the clock of another one, which nobody can hold.
 */
export function realMonotonicNow(): number {
  return performanceNow();
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
