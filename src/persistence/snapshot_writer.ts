import { dirname } from "node:path";
import type { Port } from "../core/port.ts";
import { now } from "../util/time.ts";
import { Copy, type CopySettings } from "./copy.ts";
import {
  checkIsFile,
  type Disk,
  removeLeftovers,
  syncFolder,
  targetOf,
  TEMPORARY,
} from "./disk.ts";
import { DiskWatch, timedOut } from "./outage.ts";
import { type Saves, shared } from "./shared.ts";

/** What a killed process leaves is removed by a save that comes so many milliseconds later. */
const MIN_ABANDONED_MS = 60 * 60 * 1000;

/** How long a disk may take for an answer, in milliseconds: nobody's answer waits for a snapshot. */
export const PATIENCE = 30_000;

/** What was written. */
export interface Saved {
  /** How many sessions are in the file. */
  sessions: number;
  /** The size of the file, in bytes. */
  bytes: number;
}

/** Writes all sessions of a store to the file at `path`, whole or not at all. */
export async function writeSnapshot(
  disk: Disk,
  port: Port,
  path: string,
  secrets: readonly string[],
  signal?: AbortSignal,
): Promise<Saved> {
  const number = ++shared().started;
  let isGivenUp = false;
  const watch = new DiskWatch(PATIENCE, () => isGivenUp = true);
  const check = () => {
    signal?.throwIfAborted();
    // Whoever waited for it has gone.
    if (isGivenUp) throw timedOut(PATIENCE);
  };
  const saving = save(watch, watch.over(disk), port, path, number, { secrets, check });
  return await watch.orHang(saving);
}

async function save(
  watch: DiskWatch,
  disk: Disk,
  port: Port,
  path: string,
  number: number,
  settings: Omit<CopySettings, "kind">,
): Promise<Saved> {
  const all = shared();
  all.underWay++;
  try {
    const target = await targetOf(disk, path);
    await checkIsFile(disk, target, "save snapshot");
    await removeLeftovers(disk, target, TEMPORARY, now() - MIN_ABANDONED_MS);
    const saves = savesTo(target);
    return await Copy.make(disk, port, target, { kind: "snapshot", ...settings }, async (copy) => {
      const sessions = await copy.finish();
      const { bytes, file } = copy.writer;
      const turn = saves.turn.then(async () => {
        // One that started later has been there.
        if (saves.placed > number) return;
        await copy.place();
        saves.placed = number;
        await file.close();
        await syncFolder(disk, dirname(target));
      });
      saves.turn = turn.catch(() => {});
      await watch.answered(turn);
      return { sessions, bytes };
    });
  } finally {
    if (--all.underWay === 0) all.saves.clear();
  }
}

function savesTo(target: string): Saves {
  const all = shared().saves;
  const saves = all.get(target) ?? { placed: 0, turn: Promise.resolve() };
  all.set(target, saves);
  return saves;
}
