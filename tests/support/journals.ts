/**
 * What the tests of journals share.
 *
 * @module
 */
import { OpenJournal } from "../../src/persistence/open_journal.ts";
import { type Disk, nodeDisk } from "../../src/persistence/disk.ts";
import { realMonotonicNow } from "../../src/util/time.ts";
import { Folder } from "./folder.ts";
import { assertSame, portOf } from "./kept.ts";
import { Lembro, type Store } from "./setup.ts";

/** A journal on a file system of the test, as `openJournal` opens it on the real one. */
export async function openOn(
  disk: Disk,
  store: Store,
  path: string,
  { interval = 60_000, secrets = [] as string[], wait = 0, signal }: {
    interval?: number;
    secrets?: string[];
    wait?: number;
    signal?: AbortSignal;
  } = {},
): Promise<OpenJournal> {
  const settings = { interval, secrets, isPlainRead: secrets.length === 0, wait, signal };
  return await OpenJournal.open(disk, portOf(store), path, settings);
}

/** What a store has told of its journal: an error, or that it is over. */
export type Told = Error & { code: string; cause?: { code?: string } };

/** Notes what a store tells of its journal. */
export function toldBy(store: Store): Told[] {
  const told: Told[] = [];
  store.on("error", (error: unknown) => void told.push(error as Told));
  store.on("recover", (message: string) => {
    told.push(Object.assign(new Error(message), { code: "recover" }) as Told);
  });
  return told;
}

/** The codes of what was told. */
export function codesOf(told: readonly Told[]): string[] {
  return told.map(({ code }) => code);
}

/** Asserts that the file of a journal, which is closed, has what the store has. */
export async function assertInFile(path: string, store: Store, disk = nodeDisk): Promise<void> {
  using after = new Lembro({ maxSize: Infinity });
  await (await openOn(disk, after, path)).close();
  assertSame(after, store);
}

/** The ids of the sessions in a journal or a snapshot, sorted. It may be open. */
export async function idsIn(path: string): Promise<string[]> {
  using folder = new Folder();
  await Deno.copyFile(path, folder.snapshot);
  using store = new Lembro({ maxSize: Infinity });
  await (await openOn(nodeDisk, store, folder.snapshot)).close();
  return (await store.ids()).sort();
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
  // The clock may be held, and a disk is not.
  for (const end = realMonotonicNow() + ms; !holds();) {
    if (realMonotonicNow() > end) throw new Error(`it did not come true within ${ms} ms: ${holds}`);
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
