/**
 * What a store keeps, as files of sessions and tests see it.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import { type Rank, RANKS } from "../../src/core/vault/entry.ts";
import { type Entry, type Port, portOf as portOfStore } from "../../src/core/port.ts";
import type { SessionData, Store } from "./setup.ts";

/** A session as a store keeps it. */
export interface Kept {
  sid: string;
  rank: Rank;
  size: number;
  expires: number;
  created: number;
  lastUsed: number;
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
