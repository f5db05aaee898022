/** In place of `src/contents.ts`: the modules that look into a store are not in this file. */
export function expose(): void {}
