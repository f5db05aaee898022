import { isFunction, isObject } from "../../util/errors.ts";
import { hasOwn, isPlain, type Tree } from "./tree.ts";

/** How deep a hash looks into a value. */
const MAX_DEPTH = 32;

/** The longest texts of which a hash looks at all characters. */
const MAX_CHARACTERS = 64;

/** The label of what can't be told from others. */
export const UNKNOWN = Symbol("unknown");

/** Whether a value is compared as it is. */
function isPrimitive(value: unknown): boolean {
  return !isObject(value) && !isFunction(value);
}

/** As `Object.is`, but quicker. */
function isSame(one: unknown, other: unknown): boolean {
  // Of what is identical, only 0 and -0 are two.
  return one === other ? one !== 0 || Object.is(one, other) : Object.is(one, other);
}

/** Whether two values are equal, as far as they are no objects; two objects are left to be compared. */
function mayBeEqual(one: unknown, other: unknown, todo: object[]): boolean {
  if (!isObject(one) || !isObject(other)) return isSame(one, other);
  todo.push(one, other);
  return true;
}

/**
 * Tells values apart. What is no plain JSON is compared by its structure: the
 * prototype, what it iterates over, its own keys, and where it has neither, the
 * primitive that it stands for. What shows nothing of these is equal to nothing
 * but itself: a function, an object with private state only.
 */
export class Labels {
  readonly #prototypes = new Map<unknown, number>();
  readonly #texts = new Map<string, number>();
  /** What is left to compare. */
  readonly #todo: object[] = [];
  /** How many objects may still be looked at. */
  #left: number;

  /**
   * @param maxObjects How many objects may be looked at in all. Without an end, an object that
   *   contains itself would have none, and lists in lists would take the square of their depth.
   */
  constructor(maxObjects: number) {
    this.#left = maxObjects;
  }

  /** Whether so many objects were looked at that no answer can be relied on. */
  get isSpent(): boolean {
    return this.#left < 0;
  }

  /** Whether two values are equal. It looks no further than the first difference. */
  areEqual(one: unknown, other: unknown): boolean {
    if (!isObject(one) || !isObject(other)) return isSame(one, other);
    // Instead of calls, which no depth may exceed, pairs of what is left to compare.
    const todo = this.#todo;
    todo.push(one, other);
    while (todo.length > 0) {
      const other = todo.pop()!;
      const one = todo.pop()!;
      if (one === other || this.#haveEqualParts(one, other, todo)) continue;
      todo.length = 0;
      return false;
    }
    return true;
  }

  #haveEqualParts(one: object, other: object, todo: object[]): boolean {
    if (--this.#left < 0) return false;
    if (Array.isArray(one)) {
      if (!Array.isArray(other) || one.length !== other.length) return false;
      for (let n = 0; n < one.length; n++) if (!mayBeEqual(one[n], other[n], todo)) return false;
      return true;
    }
    if (isPlain(one) && isPlain(other)) {
      const keys = Object.keys(one);
      const others = Object.keys(other);
      if (keys.length !== others.length) return false;
      for (let n = 0; n < keys.length; n++) {
        const key = keys[n];
        if (others[n] !== key && !hasOwn(other, key)) return false;
        if (!mayBeEqual(one[key], other[key], todo)) return false;
      }
      return true;
    }
    const label = this.of(one);
    return label !== UNKNOWN && label === this.of(other);
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

  /**
   * Returns a number that equal values have in common, and others mostly don't.
   * Nothing if the value can't be told from others.
   *
   * @param isExact Whether all of a long text counts, or only a part.
   */
  hashOf(value: unknown, isExact: boolean): number | undefined {
    try {
      return this.#hashOf(value, isExact, 0);
    } catch {
      return undefined;
    }
  }

  #hashOf(value: unknown, isExact: boolean, depth: number): number {
    if (typeof value === "number" && value === (value | 0)) return mixed(0, value);
    if (!isObject(value)) {
      if (isFunction(value)) throw new TypeError();
      return this.#hashOfText(String(value), isExact);
    }
    if (--this.#left < 0) throw new RangeError();
    if (depth === MAX_DEPTH) return 0;
    let hash = 1;
    if (Array.isArray(value)) {
      for (let n = 0; n < value.length; n++) {
        hash = mixed(hash, this.#hashOf(value[n], isExact, depth + 1));
      }
    } else if (isPlain(value)) {
      // Whatever the order of the keys is.
      for (const key of Object.keys(value)) {
        hash += mixed(this.#hashOfText(key, isExact), this.#hashOf(value[key], isExact, depth + 1));
      }
    } else {
      hash = this.#hashOfText(this.#textOf(value), isExact);
    }
    return hash | 0;
  }

  #hashOfText(text: string, isExact: boolean): number {
    const { length } = text;
    let hash = length;
    if (length <= MAX_CHARACTERS) {
      hash = hashOfPart(text, hash, 0, length, 1);
    } else if (isExact) {
      // The engine has a hash of its own.
      hash = this.#texts.get(text) ?? this.#texts.size;
      this.#texts.set(text, hash);
    } else {
      // Both ends, and a part of what is between.
      const end = MAX_CHARACTERS >> 2;
      hash = hashOfPart(text, hash, 0, end, 1);
      hash = hashOfPart(text, hash, end, length - end, Math.ceil(length / MAX_CHARACTERS));
      hash = hashOfPart(text, hash, length - end, length, 1);
    }
    return Math.imul(hash, 0x9e3779b1);
  }

  #textOf(value: unknown): string {
    // With its length before it, no text can be taken for something else.
    if (typeof value === "string") return `${value.length}"${value}`;
    if (typeof value === "symbol" || isFunction(value)) throw new TypeError();
    if (typeof value === "bigint") return `${value}n`;
    if (!isObject(value)) return String(value);
    if (--this.#left < 0) throw new RangeError();
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

function mixed(one: number, other: number): number {
  return Math.imul(Math.imul(one, 31) + other, 0x9e3779b1);
}

function hashOfPart(text: string, hash: number, start: number, end: number, step: number): number {
  for (let at = start; at < end; at += step) {
    hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193);
  }
  return hash;
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
