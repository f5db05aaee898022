/**
 * What it takes to carry sessions over a restart, measured in this process.
 *
 * @module
 */
// @ts-types="npm:@types/express-session@^1.18.0"
import session from "express-session";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fill, longestHold } from "./measure.ts";
import type { BenchStore } from "./peers.ts";

/** Milliseconds: how long it took, and the longest hold of the event loop meanwhile. */
export interface Taken {
  time: number;
  hold: number;
}

/** What was measured of saving and loading. */
export interface Carried {
  /** The size of the file, in bytes. */
  bytes: number;
  save: Taken;
  load: Taken;
}

/** Saves and loads `count` sessions; of as many `tries` the least: what else the machine does adds to it. */
export async function measureCarry(count: number, tries: number): Promise<Carried> {
  // Here, so that the other processes of the bench load neither.
  const { default: lembro } = await import("express-lembro");
  const { loadSnapshot, saveSnapshot } = await import("express-lembro/snapshot");
  const open = () => new (lembro(session))({ maxSize: Infinity });
  const folder = await mkdtemp(join(tmpdir(), "express-lembro-"));
  const path = join(folder, "sessions");
  try {
    const store = open();
    await fill(store as unknown as BenchStore, 0, count);
    const carried = { bytes: 0, save: never(), load: never() };
    for (let i = 0; i < tries; i++) {
      carried.save = least(
        carried.save,
        await taken(async () => {
          carried.bytes = (await saveSnapshot(store, path)).bytes;
        }),
      );
      const loaded = open();
      carried.load = least(carried.load, await taken(() => loadSnapshot(loaded, path)));
      if (loaded.stats().sessions !== count) {
        throw new Error("Cannot measure: sessions are missing");
      }
      await loaded.close();
    }
    await store.close();
    return carried;
  } finally {
    await rm(folder, { recursive: true });
  }
}

const never = (): Taken => ({ time: Infinity, hold: Infinity });

const least = (a: Taken, b: Taken): Taken => ({
  time: Math.min(a.time, b.time),
  hold: Math.min(a.hold, b.hold),
});

async function taken(work: () => Promise<unknown>): Promise<Taken> {
  let time = 0;
  const hold = await longestHold(async () => {
    const start = performance.now();
    await work();
    time = performance.now() - start;
  });
  return { time, hold };
}
