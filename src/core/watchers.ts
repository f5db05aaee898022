import type { Entry } from "./vault.ts";

/**
 * Is told of each entry before it changes, and whether it leaves its place: it
 * will be the last of its rank, or gone. No entry: all are forgotten.
 */
export type Watcher = (entry: Entry | undefined, leaves: boolean) => void;

/** Nearly always there are none, and no set of them: one look at that is all that they cost. */
export type Watchers = Set<Watcher>;

interface Watched {
  watchers: Watchers | undefined;
}

/** Tells `watcher` of each change from now on. */
export function watch(watched: Watched, watcher: Watcher): void {
  (watched.watchers ??= new Set()).add(watcher);
}

/** Tells `watcher` of nothing more. */
export function unwatch(watched: Watched, watcher: Watcher): void {
  watched.watchers?.delete(watcher);
  if (watched.watchers?.size === 0) watched.watchers = undefined;
}

/** Tells the watchers of a change. */
export function tell({ watchers }: Watched, entry: Entry | undefined, leaves: boolean): void {
  if (!watchers) return;
  for (const watcher of watchers) watcher(entry, leaves);
}
