/** In place of `src/watchers.ts`: the modules that watch a store are not in this file. */
export function tell(): void {}
