/**
 * What it takes to keep sessions on the disk.
 *
 * @module
 */
import { rm, stat } from "node:fs/promises";
import { type Figures, longestHold } from "./measure.ts";
import { call, fill, newSession, sidOf } from "./sessions.ts";
import { type BenchStore, open, type Opening, OURS } from "./stores.ts";

/** How the sessions of an app are kept: how its store is opened, with a file at `path`. */
export const KEPT: Record<string, (path: string) => Opening> = {
  "no journal": () => ({ store: OURS }),
  "journal": (journal) => ({ store: OURS, journal }),
  "sealed journal": (journal) => ({ store: OURS, journal, secret: "a secret" }),
  "snapshot": () => ({ store: OURS }),
};

/** How many sessions an app saves at most in one turn of the event loop. */
const TOGETHER = 10;

/** Does `work`, and tells how long it took and for how long it held the event loop. */
async function watched(name: string, work: () => Promise<unknown>): Promise<Figures> {
  const start = performance.now();
  let end = start;
  const hold = await longestHold(`${name}: longest hold`, async () => {
    await work();
    end = performance.now();
  });
  return { [`${name}, ms`]: end - start, ...hold };
}

/** Saves `count` sessions again and again, a few in each turn, until the journal was compacted. */
async function saveAll(store: BenchStore, count: number): Promise<void> {
  const { journal } = store;
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
  const opening = KEPT[kept](path);
  const before = await open(opening);
  await fill(before, 0, count);
  await before.journal?.flush();
  const written = kept === "snapshot"
    ? await watched("writing", () => saveSnapshot(before as never, path))
    : await longestHold("writing: longest hold", () => saveAll(before, count));
  await call((callback) => before.close!(callback));
  if (kept === "no journal") return written;
  const bytes = (await stat(path)).size / count;
  let after: BenchStore;
  const read = await watched("reading", async () => {
    after = await open(opening);
    if (kept === "snapshot") await loadSnapshot(after as never, path);
  });
  if (await call<number>((callback) => after.length!(callback as never)) !== count) {
    throw new Error("Cannot measure: sessions are missing");
  }
  await call((callback) => after.close!(callback));
  await rm(path);
  return { ...written, ...read, "a session in the file, bytes": bytes };
}
