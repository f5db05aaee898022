import type { Entry, Queue, Rank, Vault } from "./vault.ts";
import { tell } from "./watchers.ts";

/**
 * Takes an entry that has left another vault, as the next of its rank to be
 * evicted. Evicts who goes before it to keep the limit of `maxSize` bytes, and
 * tells whether it stays: it does not if it would be the next to go.
 */
export function restore(vault: Vault, entry: Entry, rank: Rank, maxSize: number): boolean {
  // Not as one that leaves its place: those are the last of their rank.
  tell(vault, entry, false);
  vault.enter(entry);
  prepend(vault.queue(rank), entry);
  while (vault.bytes > maxSize) {
    const next = vault.next()!;
    vault.remove(next, next === entry ? "refuse" : "evict");
    if (next === entry) return false;
  }
  return true;
}

/** As the queue itself appends an entry, at its other end. */
function prepend(queue: Queue, entry: Entry): void {
  entry.queue = queue;
  entry.newer = queue.first;
  if (queue.first) queue.first.older = entry;
  else queue.last = entry;
  queue.first = entry;
  queue.bytes += entry.size;
  queue.count++;
}
