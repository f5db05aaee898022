/**
 * What the tests of journals share.
 *
 * @module
 */
import { OpenJournal } from "../../src/persistence/open_journal.ts";
import type { Disk } from "../../src/persistence/disk.ts";
import { portOf, type Store } from "../snapshot/setup.ts";

/** A journal on a file system of the test, as `openJournal` opens it on the real one. */
export async function openOn(
  disk: Disk,
  store: Store,
  path: string,
  { interval = 60_000, secrets = [] as string[], signal }: {
    interval?: number;
    secrets?: string[];
    signal?: AbortSignal;
  } = {},
): Promise<OpenJournal> {
  const settings = { interval, secrets, isPlainRead: secrets.length === 0, signal };
  return await OpenJournal.open(disk, portOf(store), path, settings);
}

/** Lock files are named after when, by whom and how they are held. */
const LOCK = /\.lock\.[0-9a-z]{8,}-\d+-[0-9a-z]+-[0-9a-f]{12}$/;

/** The names of lock files among others. */
export function namesOfLocks(names: string[]): string[] {
  return names.filter((name) => LOCK.test(name));
}

/** The names of all that is no lock file. */
export function namesOfFiles(names: string[]): string[] {
  return names.filter((name) => !LOCK.test(name));
}

/** Waits until `holds` returns `true`. */
export async function until(holds: () => boolean, ms = 10_000): Promise<void> {
  for (const end = Date.now() + ms; !holds();) {
    if (Date.now() > end) throw new Error(`it did not come true within ${ms} ms: ${holds}`);
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}

/** Numbers from 0 to 1, the same for the same seed. */
export function chances(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
