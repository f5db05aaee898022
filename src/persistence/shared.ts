/**
 * What all journals and snapshots of a process share, also those of the other
 * build: an app may have got one module by `import` and one by `require`.
 *
 * @module
 */
import type { Port } from "../core/port.ts";

/** The saves to one file. */
export interface Saves {
  /** The number of the save that wrote the file last. */
  placed: number;
  /** One after the other, they put their files in its place. */
  turn: Promise<void>;
}

interface Shared {
  /** The stores that have a journal. */
  readonly journaled: WeakSet<Port>;
  /** The tokens of the locks that are held. */
  readonly locks: Set<string>;
  /** How many saves of snapshots have started. */
  started: number;
  /** How many of them have not ended. */
  underWay: number;
  /** By the file that they write; until none is under way that may write one of them, too. */
  readonly saves: Map<string, Saves>;
}

const SHARED: unique symbol = Symbol.for("express-lembro.persistence.1");

/** Returns what they share. */
export function shared(): Shared {
  // dnt-shim-ignore: dnt would put a proxy here, one for each build.
  const holder = globalThis as { [SHARED]?: Shared };
  return holder[SHARED] ??= {
    journaled: new WeakSet(),
    locks: new Set(),
    started: 0,
    underWay: 0,
    saves: new Map(),
  };
}
