import { now } from "../util/time.ts";
import type { Entry, Rank, Vault } from "../core/vault.ts";
import { unwatch, watch, type Watcher } from "../core/watchers.ts";

/** The ranks, from the first to be evicted to the last. */
export const RANKS: readonly Rank[] = ["newcomers", "returning", "protected"];

/** A live session, or only the id of one that has left; nothing: all that came before have left. */
export type Given = [sid: string, entry: Entry] | [sid: string] | [];

/** Stands for all entries among those that have changed. */
const ALL = Symbol("all");

/** Follows a walk through the queues, however they change. */
class Follower {
  /** Where the walk through a queue goes on, and where it ends. */
  next: Entry | undefined;
  #end: Entry | undefined;
  /** What has changed and is to be given again, the last to move at the end, and whether it did. */
  readonly changes = new Map<Entry | typeof ALL, boolean>();

  /** Goes to the first entry of a queue. What will be appended to it is not met. */
  enter({ first, last }: { first: Entry | undefined; last: Entry | undefined }): void {
    this.next = first;
    this.#end = last;
  }

  goOn(): void {
    this.next = this.next === this.#end ? undefined : this.next?.newer;
  }

  readonly watch: Watcher = (entry, leaves) => {
    if (!entry) {
      this.next = undefined;
      this.changes.clear();
      this.changes.set(ALL, true);
    } else if (leaves) {
      if (this.next === entry) this.goOn();
      if (this.#end === entry) this.#end = entry.older;
      this.changes.delete(entry);
      this.changes.set(entry, true);
    } else if (!this.changes.has(entry)) {
      this.changes.set(entry, false);
    }
  };
}

/**
 * Goes through the live entries in the order in which they are evicted. The
 * vault may be used meanwhile: what changes is given again at the end, until
 * nothing is left to give, so that what was given is right as of the end. What
 * has left its place is given as one that has left, and then, if it is kept,
 * as the last of its rank.
 *
 * Gives `undefined` where the caller may leave it alone for a while, and nowhere else.
 */
export function* inOrder(vault: Vault): Generator<Given | undefined, void, undefined> {
  const follower = new Follower();
  const { changes } = follower;
  const isKept = (entry: Entry) => vault.find(entry.sid, now()) === entry;
  watch(vault, follower.watch);
  try {
    for (const rank of RANKS) {
      follower.enter(vault.queue(rank));
      while (follower.next) {
        const entry = follower.next;
        follower.goOn();
        // What has moved comes below.
        if (!changes.get(entry)) {
          if (isKept(entry)) yield [entry.sid, entry];
          // It has expired, and left at this moment.
          else changes.delete(entry);
        }
        yield;
      }
    }
    let goal = changes.size;
    for (const [entry, hasMoved] of changes) {
      changes.delete(entry);
      if (entry === ALL) yield [];
      else {
        if (hasMoved) yield [entry.sid];
        if (isKept(entry)) yield [entry.sid, entry];
      }
      if (changes.size <= goal) {
        const before = changes.size;
        yield;
        // More than has come in between: so there is an end, however busy the store is.
        const came = changes.size - before;
        goal = before - came;
      }
    }
  } finally {
    unwatch(vault, follower.watch);
  }
}
