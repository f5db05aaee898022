/**
 * What the journal costs: at each request, over a start, and in holds of the
 * event loop.
 *
 * @module
 */
// @ts-types="npm:@types/express-session@^1.18.0"
import session from "express-session";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fill, longestHold, longestHoldWithoutCollector, watchPauses } from "./measure.ts";
import type { BenchStore } from "./peers.ts";
import { newSession, sidOf } from "./sessions.ts";

const SECRET = "a secret of the bench";

/** How many sessions an app saves at most in one turn of the event loop. */
const TOGETHER = 10;

/** How often a hold is measured. */
const TRIES = 2;

/** How often the whole heap is collected at least while sessions are saved again and again. */
const COLLECTIONS = 2;

/** How often all sessions are saved at most: not every runtime reports its collections. */
const MAX_ROUNDS = 10;

/** How many sessions are saved while the longest hold of writing is looked for. */
const WRITTEN = 20_000;

/** How the sessions of an app are kept. */
export const JOURNALS = ["no journal", "journal", "sealed journal"] as const;

/** How the sessions of an app are kept. */
export type Kept = typeof JOURNALS[number];

/** A folder that is gone when the process ends its work. */
async function temporaryFolder(): Promise<AsyncDisposable & { path: string }> {
  const path = await mkdtemp(join(tmpdir(), "express-lembro-"));
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true }) };
}

/** A store whose sessions are kept so. */
export async function openKept(kept: Kept, path: string) {
  const { default: lembro } = await import("express-lembro");
  const { openJournal } = await import("express-lembro/journal");
  const store = new (lembro(session))({ maxSize: Infinity });
  const journal = kept === "no journal"
    ? undefined
    : await openJournal(store, path, kept === "journal" ? {} : { secret: SECRET });
  return { store: store as unknown as BenchStore, journal };
}

/** Milliseconds, with `count` sessions in a sealed journal. */
export interface JournalTimes {
  /** The longest hold while sessions are saved and written. */
  write: number;
  /** How long it takes to open the journal of a process that has ended. */
  replay: number;
  /** The longest hold meanwhile. */
  replayHold: number;
}

/** Saves the sessions with the numbers up to `count` anew, a few in each turn. */
async function saveAgain(store: BenchStore, count: number): Promise<void> {
  for (let i = 0; i < count; i++) {
    const sid = sidOf(i);
    store.set(sid, newSession(store, sid, i), () => {});
    if (i % TOGETHER === 0) await new Promise((resolve) => setImmediate(resolve));
  }
}

/** The least of several tries of a hold: whatever else the machine does only adds to it. */
async function leastHold(work: () => Promise<unknown>, holdOf = longestHold): Promise<number> {
  let least = Infinity;
  for (let i = 0; i < TRIES; i++) least = Math.min(least, await holdOf(work));
  return least;
}

/**
 * The longest hold, in milliseconds, while all of `count` sessions are saved
 * again and again: until the journal, if there is one, has been compacted, and
 * the heap has been collected whole some times.
 *
 * @param isOwn Whether to leave out the pauses of the collector.
 */
export async function measureSaves(kept: Kept, count: number, isOwn: boolean): Promise<number> {
  await using folder = await temporaryFolder();
  const { store, journal } = await openKept(kept, join(folder.path, "sessions.journal"));
  await fill(store, 0, count);
  let collections = 0;
  using _observer = watchPauses((_pause, isWhole) => collections += Number(isWhole));
  const hold = await leastHold(async () => {
    const compactions = () => journal?.stats().compactions ?? 0;
    const before = compactions();
    let rounds = 0;
    collections = 0;
    do {
      await saveAgain(store, count);
      await journal?.flush();
      rounds++;
    } while (
      journal && compactions() === before || collections < COLLECTIONS && rounds < MAX_ROUNDS
    );
  }, isOwn ? longestHoldWithoutCollector : longestHold);
  await journal?.close();
  store.close!();
  return hold;
}

/** Measures a sealed journal of `count` sessions. */
export async function measureJournal(count: number): Promise<JournalTimes> {
  await using folder = await temporaryFolder();
  const path = join(folder.path, "sessions.journal");
  const times: JournalTimes = { write: 0, replay: 0, replayHold: 0 };
  {
    const { store, journal } = await openKept("sealed journal", path);
    await fill(store, 0, count);
    await journal!.flush();
    times.write = await leastHold(async () => {
      await saveAgain(store, Math.min(WRITTEN, count));
      await journal!.flush();
    });
    await journal!.close();
    store.close!();
  }
  let opened: Awaited<ReturnType<typeof openKept>> | undefined;
  times.replayHold = await longestHold(async () => {
    const start = performance.now();
    opened = await openKept("sealed journal", path);
    times.replay = performance.now() - start;
  });
  const { store, journal } = opened!;
  if (store.stats!().sessions !== count) throw new Error("Cannot measure: sessions are missing");
  await journal!.close();
  store.close!();
  return times;
}
