/**
 * Gives every object the `__proto__` that it has in Node and in browsers, and
 * that Deno leaves out: code that assigns to a key of that name shows it here.
 *
 * @module
 */
Object.defineProperty(Object.prototype, "__proto__", {
  configurable: true,
  get() {
    return Object.getPrototypeOf(this);
  },
  set(prototype) {
    if (Object(prototype) === prototype || prototype === null) {
      Object.setPrototypeOf(this, prototype);
    }
  },
});
