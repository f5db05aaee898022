/**
 * Later: how callbacks wait until the call that they answer has returned.
 *
 * @module
 */

interface Runtime {
  setImmediate?(work: () => void): unknown;
  setTimeout(work: () => void, ms: number): unknown;
}

// dnt-shim-ignore: dnt would put a proxy here, and a browser refuses timers that are called on one.
const runtime = globalThis as unknown as Runtime;

/** The end of this turn of the event loop, and the timer that tells of it. */
let turn: Promise<void> | undefined;
let timer: unknown;

/**
 * Calls `callback` with `error`, and with `result` unless that is `undefined`,
 * after what is running now, in the order of the calls and in the async context
 * of this one. What it throws is an uncaught error.
 *
 * All callbacks of a turn wait for one timer: an app answers a fifth more
 * requests than with a `setImmediate` for each, after which the runtime would
 * look for other work every time. Each waits as a promise does, for only the
 * runtime can bring back its async context. And it is a timer that they wait
 * for: with microtasks or `process.nextTick` alone, a busy store would leave
 * the sockets no turn.
 */
export function defer<Result>(
  callback: (error: unknown, result?: Result) => void,
  error?: unknown,
  result?: Result,
): void {
  endOfTurn().then(() => {
    try {
      if (result === undefined) callback(error);
      else callback(error, result);
    } catch (thrown) {
      later(() => {
        throw thrown;
      });
    }
  });
}

function endOfTurn(): Promise<void> {
  const current = runtime.setImmediate ?? runtime.setTimeout;
  // A test may have put its own timer there, and taken it away before it rang.
  if (turn && timer === current) return turn;
  timer = current;
  return turn = new Promise((resolve) =>
    later(() => {
      turn = undefined;
      resolve();
    })
  );
}

/** Runs `work` in the next turn of the event loop. A browser has no `setImmediate`. */
export function later(work: () => void): void {
  if (runtime.setImmediate) runtime.setImmediate(work);
  else runtime.setTimeout(work, 0);
}
