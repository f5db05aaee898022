/**
 * What it takes to keep sessions on the disk.
 *
 * @module
 */
import { rm, stat } from "node:fs/promises";
import { type Figures, longestHold } from "./measure.ts";
import { fill, newSession, sidOf } from "./sessions.ts";
import { type BenchStore, open, OURS } from "./stores.ts";

/** How the sessions of an app are kept. */
export const KEPT = ["no journal", "journal", "sealed journal", "snapshot"];

/** How many sessions an app saves at most in one turn of the event loop. */
const TOGETHER = 10;

/** Opens a store whose sessions are kept so. */
export async function openKept(kept: string, path: string) {
  const { openJournal } = await import("express-lembro/journal");
  const store = await open({ store: OURS });
  const journal = kept.endsWith("journal") && kept !== "no journal"
    ? await openJournal(store as never, path, kept === "journal" ? {} : { secret: "a secret" })
    : undefined;
  return { store, journal };
}

/** Does `work`, and tells how long it took and for how long it held the event loop. */
async function watched(name: string, work: () => Promise<unknown>): Promise<Figures> {
  let time = 0;
  const hold = await longestHold(`${name}: longest hold`, async () => {
    const start = performance.now();
    await work();
    time = performance.now() - start;
  });
  return { [`${name}, ms`]: time, ...hold };
}

/** Saves `count` sessions again and again, a few in each turn, until the journal was compacted. */
async function saveAll(
  { store, journal }: Awaited<ReturnType<typeof openKept>>,
  count: number,
): Promise<void> {
  const compactions = journal?.stats().compactions;
  do {
    for (let i = 0; i < count; i++) {
      store.set(sidOf(i), newSession(store, i), () => {});
      if (i % TOGETHER === 0) await new Promise((resolve) => setImmediate(resolve));
    }
    await journal?.flush();
  } while (journal && journal.stats().compactions === compactions);
}

/** Writes and reads `count` sessions that are kept so in the file `path`. */
export async function measureKept(
  _store: BenchStore,
  { kept, path, count }: { kept: string; path: string; count: number },
): Promise<Figures> {
  const { loadSnapshot, saveSnapshot } = await import("express-lembro/snapshot");
  const before = await openKept(kept, path);
  await fill(before.store, 0, count);
  await before.journal?.flush();
  const written = kept === "snapshot"
    ? await watched("writing", () => saveSnapshot(before.store as never, path))
    : await longestHold("writing: longest hold", () => saveAll(before, count));
  await before.journal?.close();
  before.store.close!();
  if (kept === "no journal") return written;
  const bytes = (await stat(path)).size / count;
  let after: Awaited<ReturnType<typeof openKept>> | undefined;
  const read = await watched("reading", async () => {
    after = await openKept(kept, path);
    if (kept === "snapshot") await loadSnapshot(after.store as never, path);
  });
  if (await lengthOf(after!.store) !== count) {
    throw new Error("Cannot measure: sessions are missing");
  }
  await after!.journal?.close();
  after!.store.close!();
  await rm(path);
  return { ...written, ...read, "a session in the file, bytes": bytes };
}

const lengthOf = (store: BenchStore) =>
  new Promise((resolve) => store.length!((_error, length) => resolve(length)));
