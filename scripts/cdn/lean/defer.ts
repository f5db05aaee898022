/** In place of `src/defer.ts`: a page doesn't answer requests by the hundred. */
export function later(work: () => void): void {
  // In a server, a page's timer would take a millisecond.
  (globalThis.setImmediate ?? setTimeout)(work);
}

export function defer<Result>(
  callback: (error: unknown, result?: Result) => void,
  error?: unknown,
  result?: Result,
): void {
  later(() => result === undefined ? callback(error) : callback(error, result));
}
