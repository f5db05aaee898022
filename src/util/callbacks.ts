/**
 * Node-style callbacks and promises: how a method answers.
 *
 * @module
 */
import { failure, isFunction, show } from "./errors.ts";
import { inSlices } from "./slices.ts";
import { later } from "./time.ts";

/** A Node-style callback. */
export type Callback<Result = void> = (error: unknown, result?: Result) => void;

/** A promise where there is no callback: the overloads of the methods say which. */
// deno-lint-ignore no-explicit-any
export type Answered = any;

/**
 * Calls `callback` with `error`, and with `result` unless that is `undefined`:
 * in a later turn of the event loop, in the order of the calls, and in the async
 * context of this call. What it throws is an uncaught error.
 */
export function defer<Result>(callback: Callback<Result>, error?: unknown, result?: Result): void {
  later(() => {
    if (result === undefined) callback(error);
    else callback(error, result);
  });
}

/**
 * Does `work` at once and answers later: through `callback`, or through the
 * promise that is returned if there is none. If there is a `barrier`, a
 * successful answer waits for it too.
 */
export function answer<Result>(
  callback: Callback<Result> | undefined,
  work: () => Result,
  barrier?: () => Promise<unknown>,
): Promise<Result> | void {
  if (!isFunction(callback)) return answerByPromise(work, barrier);
  let result: Result;
  try {
    result = work();
  } catch (thrown) {
    return defer(callback, truthy(thrown));
  }
  succeed(callback, result, barrier);
}

/** Apart, since what a closure holds is an object at every call. */
function answerByPromise<Result>(
  work: () => Result,
  barrier: (() => Promise<unknown>) | undefined,
): Promise<Result> {
  return promised((settle) => answer(settle, work, barrier));
}

/** As {@linkcode answer}, for work in slices: the first slice runs at once. */
export function answerInSlices<Result>(
  callback: Callback<Result> | undefined,
  start: () => Generator<void, Result, undefined>,
  barrier?: () => Promise<unknown>,
): Promise<Result> | void {
  if (!isFunction(callback)) return promised((settle) => answerInSlices(settle, start, barrier));
  let steps: Generator<void, Result, undefined>;
  try {
    steps = start();
  } catch (thrown) {
    return defer(callback, truthy(thrown));
  }
  inOwnContext<Result>(
    (done, failed) => inSlices(steps, done, failed),
    (result) => succeed(callback, result, barrier),
    (thrown) => defer(callback, truthy(thrown)),
  );
}

/**
 * As {@linkcode answer}, for work that waits for something else. It answers as
 * soon as that has come, which is never inside the call.
 */
export function answerLater<Result>(
  callback: Callback<Result> | undefined,
  work: () => Promise<Result>,
): Promise<Result> | void {
  const promise = attempt(work);
  if (!isFunction(callback)) {
    // A failure that nobody looks at must not end the process, as it does not with a callback.
    promise.catch(() => {});
    return promise;
  }
  promise.then(
    (result) => settle(callback, null, result),
    (thrown) => settle(callback, truthy(thrown)),
  );
}

/** Calls `callback` now. What it throws is an uncaught error. */
function settle<Result>(callback: Callback<Result>, error: unknown, result?: Result): void {
  try {
    if (result === undefined) callback(error);
    else callback(error, result);
  } catch (thrown) {
    later(() => {
      throw thrown;
    });
  }
}

function attempt<Result>(work: () => Promise<Result>): Promise<Result> {
  try {
    return work();
  } catch (thrown) {
    return Promise.reject(thrown);
  }
}

/**
 * Starts `work`, and ends with `done` or `failed` in the async context of this
 * call: a later slice runs in that of whoever opened its turn.
 */
function inOwnContext<Result>(
  work: (done: (result: Result) => void, failed: (thrown: unknown) => void) => void,
  done: (result: Result) => void,
  failed: (thrown: unknown) => void,
): void {
  let isOver = false;
  const over = <Value>(end: (value: Value) => void) => (value: Value) => {
    isOver = true;
    end(value);
  };
  let end = { done: over(done), failed: over(failed) };
  work((result) => end.done(result), (thrown) => end.failed(thrown));
  if (isOver) return;
  new Promise<Result>((resolve, reject) => end = { done: resolve, failed: reject })
    .then(done, failed);
}

function succeed<Result>(
  settle: Callback<Result>,
  result: Result,
  barrier: (() => Promise<unknown>) | undefined,
): void {
  if (!barrier) return defer(settle, null, result);
  succeedAfter(barrier(), settle, result);
}

function succeedAfter<Result>(
  confirmed: Promise<unknown>,
  settle: Callback<Result>,
  result: Result,
): void {
  confirmed.then(() => defer(settle, null, result), (error) => defer(settle, error));
}

function promised<Result>(start: (settle: Callback<Result>) => void): Promise<Result> {
  const promise = new Promise<Result>((resolve, reject) => {
    start((error, result) => error ? reject(error) : resolve(result as Result));
  });
  // A failure that nobody looks at must not end the process, as it does not with a callback.
  promise.catch(() => {});
  return promise;
}

/** What was thrown, as an error that a callback does not take for success. */
function truthy(thrown: unknown): unknown {
  return thrown ||
    failure(Error, "ERR_LEMBRO_RESULT", `Cannot use session: ${show(thrown)} was thrown`);
}
