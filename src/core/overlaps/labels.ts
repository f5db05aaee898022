import { isFunction, isObject } from "../../util/errors.ts";

/** Stands for what is not there: a key of an object, an item of a list. */
export const ABSENT = Symbol("absent");

/** An object as a literal makes it. */
export type Tree = Record<string, unknown>;

/**
 * Numbers for values: equal values have the same number. What is no plain JSON
 * is compared by its structure: the prototype, what it iterates over, its own
 * keys, and where it has neither, the primitive that it stands for. Whatever
 * shows nothing of these is equal to nothing but itself: a function, an object
 * with private state only, one that contains itself.
 *
 * Each object is looked at once, so that any number of comparisons is linear.
 */
export class Labels {
  /** The numbers of primitives and of objects; `undefined` for those that are being looked at. */
  readonly #known = new Map<unknown, number | undefined>();
  readonly #byText = new Map<string, number>();
  readonly #prototypes = new Map<unknown, number>();
  #count = 0;

  /** Whether two values are equal. */
  areEqual(one: unknown, other: unknown): boolean {
    if (Object.is(one, other)) return true;
    if (!isObject(one) || !isObject(other)) return false;
    if (Array.isArray(one) && Array.isArray(other) && one.length !== other.length) return false;
    return this.of(one) === this.of(other);
  }

  /** Returns the number of a value. */
  of(value: unknown): number {
    const known = this.#known.get(value);
    if (known !== undefined) return known;
    if (!isObject(value)) return this.#note(value, this.#count++);
    if (this.#known.has(value)) return this.#count++;
    this.#known.set(value, undefined);
    const text = this.#textOf(value);
    if (text === undefined) return this.#note(value, this.#count++);
    const label = this.#byText.get(text) ?? this.#count++;
    this.#byText.set(text, label);
    return this.#note(value, label);
  }

  #note(value: unknown, label: number): number {
    this.#known.set(value, label);
    return label;
  }

  /** What an object consists of, its parts as numbers; nothing if that can't be told. */
  #textOf(value: object): string | undefined {
    try {
      if (Array.isArray(value)) return `[${this.#textOfAll(value)}`;
      if (isPlain(value)) return `{${this.#textOfKeys(value)}`;
      const parts = isIterable(value) ? `[${this.#textOfAll(value)}` : "";
      const keys = this.#textOfKeys(value);
      const primitive = parts || keys ? "" : this.of(primitiveOf(value));
      return `${this.#prototypeOf(value)} ${parts}{${keys}} ${primitive}`;
    } catch {
      // Deeper than the stack, or an object that refuses to be looked at.
      return undefined;
    }
  }

  #textOfAll(values: Iterable<unknown>): string {
    let text = "";
    for (const value of values) text += `${this.of(value)},`;
    return text;
  }

  #textOfKeys(value: object): string {
    let text = "";
    for (const key of Object.keys(value).sort()) {
      text += `${key.length}:${key}=${this.of((value as Tree)[key])},`;
    }
    return text;
  }

  #prototypeOf(value: object): number {
    const prototype = Object.getPrototypeOf(value);
    const known = this.#prototypes.get(prototype) ?? this.#prototypes.size;
    this.#prototypes.set(prototype, known);
    return known;
  }
}

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
