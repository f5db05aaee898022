import { isFunction, isObject } from "../../util/errors.ts";
import { hasOwn, isPlain, type Tree } from "./tree.ts";

/** How many values are looked at where the walk may have no end: an object that contains itself. */
const MAX_VALUES = 2_000_000;

/** The label of what can't be told from others. */
export const UNKNOWN = Symbol("unknown");

/** Whether a value is compared as it is. */
function isPrimitive(value: unknown): boolean {
  return !isObject(value) && !isFunction(value);
}

/**
 * Tells values apart. What is no plain JSON is compared by its structure: the
 * prototype, what it iterates over, its own keys, and where it has neither, the
 * primitive that it stands for. What shows nothing of these is equal to nothing
 * but itself: a function, an object with private state only.
 */
export class Labels {
  readonly #prototypes = new Map<unknown, number>();
  /** How many values may still be looked at. */
  #left: number;

  /** @param isJson Whether all values are plain JSON, of which nothing contains itself. */
  constructor(isJson: boolean) {
    this.#left = isJson ? Infinity : MAX_VALUES;
  }

  /** Whether two values are equal. It looks no further than the first difference. */
  areEqual(one: unknown, other: unknown): boolean {
    if (Object.is(one, other)) return true;
    if (!isObject(one) || !isObject(other)) return false;
    // Instead of calls, which no depth may exceed, pairs of what is left to compare.
    const todo: unknown[] = [one, other];
    while (todo.length > 0) {
      const other = todo.pop();
      const one = todo.pop();
      if (Object.is(one, other)) continue;
      if (!isObject(one) || !isObject(other) || this.#left-- <= 0) return false;
      if (Array.isArray(one)) {
        if (!Array.isArray(other) || one.length !== other.length) return false;
        for (let n = one.length - 1; n >= 0; n--) todo.push(one[n], other[n]);
      } else if (isPlain(one) && isPlain(other)) {
        const keys = Object.keys(one);
        if (keys.length !== Object.keys(other).length) return false;
        for (const key of keys) {
          if (!hasOwn(other, key)) return false;
          todo.push(one[key], other[key]);
        }
      } else {
        const label = this.of(one);
        if (label === UNKNOWN || label !== this.of(other)) return false;
      }
    }
    return true;
  }

  /**
   * Returns what equal values have in common, and others don't: a primitive.
   * It is {@linkcode UNKNOWN} if the value can't be told from others.
   */
  of(value: unknown): unknown {
    if (typeof value === "string") return value.startsWith("\0") ? `\0s${value}` : value;
    if (isPrimitive(value)) return value;
    try {
      return `\0${this.#textOf(value)}`;
    } catch {
      // It shows nothing of itself, is deeper than the stack, or refuses to be looked at.
      return UNKNOWN;
    }
  }

  #textOf(value: unknown): string {
    // With its length before it, no text can be taken for something else.
    if (typeof value === "string") return `${value.length}"${value}`;
    if (typeof value === "symbol" || isFunction(value)) throw new TypeError();
    if (typeof value === "bigint") return `${value}n`;
    if (!isObject(value)) return String(value);
    if (this.#left-- <= 0) throw new RangeError();
    if (Array.isArray(value)) return this.#textOfAll(value);
    if (isPlain(value)) return this.#textOfKeys(value);
    const parts = isIterable(value) ? this.#textOfAll(value) : "";
    const keys = Object.keys(value).length > 0 ? this.#textOfKeys(value as unknown as Tree) : "";
    const primitive = parts || keys ? "" : this.#textOf(primitiveOf(value));
    return `<${this.#prototypeOf(value)} ${parts}${keys}${primitive}>`;
  }

  #textOfAll(values: Iterable<unknown>): string {
    let text = "[";
    for (const value of values) text += `${this.#textOf(value)},`;
    return `${text}]`;
  }

  #textOfKeys(tree: Tree): string {
    let text = "{";
    for (const key of Object.keys(tree).sort()) {
      text += `${key.length}:${key}${this.#textOf(tree[key])},`;
    }
    return `${text}}`;
  }

  #prototypeOf(value: object): number {
    const prototype = Object.getPrototypeOf(value);
    const known = this.#prototypes.get(prototype) ?? this.#prototypes.size;
    this.#prototypes.set(prototype, known);
    return known;
  }
}

function isIterable(value: object): value is Iterable<unknown> {
  return isFunction((value as Partial<Iterable<unknown>>)[Symbol.iterator]);
}

/**
 * Returns the primitive that an object without any parts stands for: the time
 * of a `Date`, the text of a `URL`. Two that show none are not equal.
 */
function primitiveOf(value: object): unknown {
  const primitive: unknown = value.valueOf();
  if (!isObject(primitive)) return primitive;
  return value.toString === Object.prototype.toString ? Symbol() : String(value);
}
