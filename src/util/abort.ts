import { invalidOption, isFunction, isObject } from "./errors.ts";

/** Reads the option `signal`; throws its reason if it is aborted already. */
export function readSignal(cannot: string, signal: unknown): AbortSignal | undefined {
  if (signal === undefined) return undefined;
  if (!isObject(signal) || !isFunction((signal as AbortSignal).throwIfAborted)) {
    throw invalidOption(TypeError, cannot, "signal must be an AbortSignal", signal);
  }
  (signal as AbortSignal).throwIfAborted();
  return signal as AbortSignal;
}

/** Waits for `work`, but no longer than until `signal` is aborted. */
export function unlessAborted<Result>(
  signal: AbortSignal | undefined,
  work: Promise<Result>,
): Promise<Result> {
  if (!signal) return work;
  return new Promise((resolve, reject) => {
    const abort = () => reject(signal.reason);
    signal.addEventListener("abort", abort);
    work.then(resolve, reject).finally(() => signal.removeEventListener("abort", abort));
  });
}
