/**
 * The base of a class whose private field is written on an object that belongs
 * to somebody else, where nobody but that class can see it: a class adds its
 * private fields to whatever object its base returns. A `WeakMap` would do the
 * same, but make `get` a third slower, and the garbage collector with it.
 *
 * Each mark is a class of its own, not one made by a function: what the compiler
 * learns of one field would be lost on the other.
 */
export class Foreign {
  constructor(object: object) {
    return object;
  }
}
