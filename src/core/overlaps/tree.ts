import { isObject } from "../../util/errors.ts";

/** Stands for what is not there: a key of an object, an item of a list. */
export const ABSENT = Symbol("absent");

/** An object as a literal makes it. */
export type Tree = Record<string, unknown>;

/** Whether `value` is an object as a literal makes it, in whatever realm. */
export function isPlain(value: unknown): value is Tree {
  if (!isObject(value) || Array.isArray(value)) return false;
  const prototype = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null ||
    Object.getPrototypeOf(prototype) === null && hasOwn(prototype, "isPrototypeOf");
}

/** As `Object.hasOwn`, for which dnt would bring a polyfill. */
export function hasOwn(object: object, key: PropertyKey): boolean {
  return Object.prototype.hasOwnProperty.call(object, key);
}

export function own(tree: Tree, key: string): unknown {
  return hasOwn(tree, key) ? tree[key] : ABSENT;
}

/** Sets a key as data, whatever its name: assigning to `__proto__` would do something else. */
export function put(to: Tree, key: string, value: unknown): void {
  if (value === ABSENT) return;
  if (key in to) {
    Object.defineProperty(to, key, { value, configurable: true, enumerable: true, writable: true });
  } else {
    to[key] = value;
  }
}
