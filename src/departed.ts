import type { Life } from "./lineage.ts";
import { hashOf } from "./shards.ts";

const BUCKETS = 1_024;

/** How many lives hold on to each other: one that a live session has keeps its batch. */
const BATCH_SIZE = 32;

/**
 * Lives whose entries left about the same time. They hold it, and it holds
 * them, but nothing else does: it is garbage when no live session has any.
 */
export class Batch {
  readonly ref: WeakRef<Batch> = new WeakRef(this);
  readonly lives: Life[] = [];
  /** The hashes of their ids: to look at those is faster than to look at the lives. */
  readonly hashes: number[] = [];
}

/**
 * The lives of entries that were evicted or expired, for as long as live
 * sessions have them. A million may leave in a purge, and few of them matter:
 * a weak reference and a place in a map for each would hold up the collector.
 */
export class Departed {
  readonly #buckets: WeakRef<Batch>[][] = Array.from({ length: BUCKETS });

  /** Adds a life, none of whose id is here. */
  add(life: Life): void {
    const hash = hashOf(life.sid);
    const batch = this.#batchFor(hash);
    batch.lives.push(life);
    batch.hashes.push(hash);
    life.batch = batch;
  }

  /** Gives the life of `sid`, and forgets it. */
  take(sid: string): Life | undefined {
    const hash = hashOf(sid);
    for (const ref of this.#buckets[hash % BUCKETS] ?? []) {
      const { lives, hashes } = ref.deref() ?? {};
      const i = lives?.findIndex((life, i) => hashes![i] === hash && life.sid === sid) ?? -1;
      if (i < 0) continue;
      hashes!.splice(i, 1);
      const [life] = lives!.splice(i, 1);
      life.batch = undefined;
      return life;
    }
    return undefined;
  }

  #batchFor(hash: number): Batch {
    const bucket = this.#buckets[hash % BUCKETS] ??= [];
    const last = bucket.at(-1)?.deref();
    if (last && last.lives.length < BATCH_SIZE) return last;
    const batch = new Batch();
    const alive = bucket.filter((ref) => ref.deref());
    this.#buckets[hash % BUCKETS] = [...alive, batch.ref];
    return batch;
  }
}
