/**
 * Stands in for `@std/assert` where JSR does not answer: what the tests use of
 * it, over `node:assert`.
 *
 * @module
 */
import nodeAssert from "node:assert";

export { AssertionError } from "node:assert";

// deno-lint-ignore no-explicit-any
type ErrorClass<E extends Error> = abstract new (...args: any[]) => E;

export function assert(value: unknown, message?: string): asserts value {
  nodeAssert.ok(value, message ?? "Expected a truthy value");
}

export function assertEquals<T>(actual: T, expected: T, message?: string): void {
  nodeAssert.deepStrictEqual(actual, expected, message!);
}

export function assertNotEquals<T>(actual: T, expected: T, message?: string): void {
  nodeAssert.notDeepStrictEqual(actual, expected, message!);
}

export function assertStrictEquals<T>(actual: unknown, expected: T, message?: string): void {
  nodeAssert.strictEqual(actual, expected, message!);
}

export function assertMatch(actual: string, expected: RegExp, message?: string): void {
  nodeAssert.match(actual, expected, message!);
}

export function assertStringIncludes(actual: string, expected: string, message?: string): void {
  assert(actual.includes(expected), message ?? `Expected ${actual} to contain ${expected}`);
}

export function assertInstanceOf<E>(
  actual: unknown,
  // deno-lint-ignore no-explicit-any
  expected: abstract new (...args: any[]) => E,
  message?: string,
): asserts actual is E {
  assert(actual instanceof expected, message ?? `Expected an instance of ${expected.name}`);
}

export function assertThrows(work: () => unknown): unknown;
export function assertThrows<E extends Error>(
  work: () => unknown,
  errorClass: ErrorClass<E>,
  includes?: string,
): E;
export function assertThrows<E extends Error>(
  work: () => unknown,
  errorClass?: ErrorClass<E>,
  includes?: string,
): unknown {
  try {
    work();
  } catch (error) {
    return checked(error, errorClass, includes);
  }
  throw new nodeAssert.AssertionError({ message: "Expected a throw" });
}

export function assertRejects(work: () => PromiseLike<unknown>): Promise<unknown>;
export function assertRejects<E extends Error>(
  work: () => PromiseLike<unknown>,
  errorClass: ErrorClass<E>,
  includes?: string,
): Promise<E>;
export async function assertRejects<E extends Error>(
  work: () => PromiseLike<unknown>,
  errorClass?: ErrorClass<E>,
  includes?: string,
): Promise<unknown> {
  try {
    await work();
  } catch (error) {
    return checked(error, errorClass, includes);
  }
  throw new nodeAssert.AssertionError({ message: "Expected a rejection" });
}

function checked<E extends Error>(
  error: unknown,
  errorClass: ErrorClass<E> = Error as unknown as ErrorClass<E>,
  includes = "",
): E {
  assertInstanceOf(error, errorClass);
  assertStringIncludes(error.message, includes);
  return error;
}
