import type { LembroErrorCode } from "./codes.ts";

/** Whether `value` is an object, an array included. */
export function isObject(value: unknown): value is object {
  return typeof value === "object" && value !== null;
}

/** Whether `value` can be called. */
// deno-lint-ignore no-explicit-any
export function isFunction(value: unknown): value is (...args: any[]) => any {
  return typeof value === "function";
}

/** Whether `value` is a promise, or anything else that `await` would wait for. */
export function isThenable(value: unknown): boolean {
  return (isObject(value) || isFunction(value)) && isFunction((value as { then?: unknown }).then);
}

type ErrorClass = ErrorConstructor | TypeErrorConstructor | RangeErrorConstructor;

/** Makes an error of this package: every one of them has a code. */
export function failure<Details extends object>(
  Kind: ErrorClass,
  code: LembroErrorCode,
  message: string,
  { cause, ...details }: Details & { cause?: unknown } = {} as Details,
): Error {
  const error = cause === undefined ? new Kind(message) : new Kind(message, { cause });
  return Object.assign(error, { code }, details);
}

/** An error that says what can't be done, what the rule is, and what was there instead. */
export function invalid(
  Kind: ErrorClass,
  cannot: string,
  rule: string,
  value: unknown,
  code: LembroErrorCode = "ERR_LEMBRO_ARGUMENT",
): Error {
  return failure(Kind, code, `Cannot ${cannot}: ${rule}: received ${show(value)}`);
}

/** The same for an option. */
export function invalidOption(
  Kind: ErrorClass,
  cannot: string,
  rule: string,
  value: unknown,
): Error {
  return invalid(Kind, cannot, rule, value, "ERR_LEMBRO_OPTION");
}

/** The same for what a function of the app has returned. */
export function invalidResult(cannot: string, rule: string, value: unknown): Error {
  return invalid(TypeError, cannot, rule, value, "ERR_LEMBRO_RESULT");
}

/**
 * Checks that `given` is an object and that it has no other keys than `known`.
 *
 * @param isSecret Whether a value in its place is not to be shown: somebody may have passed a secret.
 */
export function checkOptions(
  cannot: string,
  given: unknown,
  known: readonly string[],
  isSecret = false,
): void {
  if (!isObject(given) || Array.isArray(given)) {
    const rule = "options must be an object";
    if (!isSecret) throw invalidOption(TypeError, cannot, rule, given);
    const message = `Cannot ${cannot}: ${rule}: received something else`;
    throw failure(TypeError, "ERR_LEMBRO_OPTION", message);
  }
  const unknown = Object.keys(given).find((name) => !known.includes(name));
  if (unknown !== undefined) {
    throw invalidOption(TypeError, cannot, `unknown option, use ${known.join(", ")}`, unknown);
  }
}

/** `value` as an error message shows it: on one line, and never long. */
export function show(value: unknown): string {
  const text = typeof value === "string"
    ? JSON.stringify(value)
    : isFunction(value)
    ? "a function"
    : typeof value === "bigint"
    ? `${value}n`
    : isObject(value)
    ? isThenable(value) ? "a promise" : Array.isArray(value) ? "an array" : "an object"
    : String(value);
  return text.length > 60 ? `${text.slice(0, 60)}…` : text;
}
