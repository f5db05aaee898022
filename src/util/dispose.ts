/** `Symbol.dispose`; runtimes older than the symbol get the one that its polyfills agree on. */
export const dispose: typeof Symbol.dispose = Symbol.dispose ?? Symbol.for("Symbol.dispose");
