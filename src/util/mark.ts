class Same {
  constructor(object: object) {
    return object;
  }
}

/**
 * Writes a value on an object that belongs to somebody else, where nobody but
 * the owner of the mark can see it: a class may add its private field to any
 * object that its base returns. A `WeakMap` would do the same, but make `get` a
 * third slower, and the garbage collector with it.
 */
export interface Mark<Value> {
  /** Writes `value` on `object`, unless that is sealed or frozen. */
  set(object: object, value: Value): void;
  /** Returns what was written on `object`. */
  get(object: object): Value | undefined;
}

/** Creates a mark. */
export function createMark<Value>(): Mark<Value> {
  return class Marked extends Same {
    #value: Value;

    private constructor(object: object, value: Value) {
      super(object);
      this.#value = value;
    }

    static set(object: object, value: Value): void {
      if (#value in object) object.#value = value;
      else if (Object.isExtensible(object)) new Marked(object, value);
    }

    static get(object: object): Value | undefined {
      return #value in object ? object.#value : undefined;
    }
  };
}
