/**
 * What the tests of snapshots share.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import { join } from "node:path";
import { type Rank, RANKS } from "../../src/core/vault/entry.ts";
import { type Entry, type Port, portOf as portOfStore } from "../../src/core/port.ts";
import type { Lembro, SessionData } from "../support/setup.ts";

export {
  called,
  Lembro,
  session,
  sessionOf,
  sessionOfSize,
  settled,
  sizeOf,
  turnsUntil,
} from "../support/setup.ts";
export { withSlowSteps } from "../support/clock.ts";
export type { SessionData };

export type Store = InstanceType<typeof Lembro>;

/** A session as a store keeps it. */
export interface Kept {
  sid: string;
  rank: Rank;
  size: number;
  expires: number;
  created: number;
  lastUsed: number;
}

/** A folder that is gone at the end. */
export class Folder implements Disposable {
  readonly path = Deno.makeTempDirSync({ prefix: "express-lembro-" });
  /** Where the snapshot goes. */
  readonly snapshot = join(this.path, "sessions");

  names(): string[] {
    return [...Deno.readDirSync(this.path)].map(({ name }) => name).sort();
  }

  [Symbol.dispose](): void {
    Deno.removeSync(this.path, { recursive: true });
  }
}

export function portOf(store: Store): Port {
  return portOfStore(store)!;
}

/** What a store keeps, in the order in which it is evicted. */
export function keptIn(store: Store): Kept[] {
  return entriesIn(store).map((entry) => {
    const { rank, size, expires } = entry;
    const { sid, created, lastUsed } = portOf(store).read(entry);
    return { sid, rank, size, expires, created, lastUsed };
  });
}

function entriesIn(store: Store): Entry[] {
  const entries: Entry[] = [];
  for (const rank of RANKS) {
    for (let entry = portOf(store).queue(rank).first; entry; entry = entry.next) {
      if (entry.expires > Date.now()) entries.push(entry);
    }
  }
  return entries;
}

/** The live sessions of a store by id; it forgets none of the others by this. */
export function sessionsIn(store: Store): Map<string, SessionData> {
  return new Map(entriesIn(store).map((entry) => [entry.sid, portOf(store).sessionOf(entry)]));
}

/** Asserts that two stores keep the same sessions, in the same order, for as long. */
export function assertSame(actual: Store, expected: Store): void {
  assertEquals(keptIn(actual), keptIn(expected));
  assertEquals(sessionsIn(actual), sessionsIn(expected));
}

/** Notes every event of a store that a session could have brought about. */
export function eventsOf(store: Store): unknown[][] {
  const events: unknown[][] = [];
  for (const event of ["expire", "evict", "reduce", "purge", "error"] as const) {
    store.on(event, (...args: unknown[]) => void events.push([event, ...args]));
  }
  return events;
}

/** What a promise is rejected with. */
export async function errorOf(promise: Promise<unknown>): Promise<Error & { code?: string }> {
  try {
    await promise;
  } catch (error) {
    return error as Error;
  }
  throw new Error("Expected a rejection");
}
