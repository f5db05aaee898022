import type { Life } from "./entry.ts";
import { hashOf } from "./sharded_map.ts";

const BUCKETS = 4_096;

/** How many lives are in a ring at most: a live session that holds one of them keeps the others. */
const RING_SIZE = 32;

/**
 * The lives of entries that were evicted or have expired, for as long as live
 * sessions hold them. The lives hold each other, in rings, and nothing else
 * does: a ring is garbage when no live session holds any of its lives. A
 * million entries may leave in one purge, and few of them matter. A weak
 * reference and a place in a map for each would hold up the garbage collector.
 */
export class WeakIndex {
  /** By the hash of the id; each ring by one of its lives. */
  readonly #buckets: WeakRef<Life>[][] = Array.from({ length: BUCKETS });

  /** Adds a life whose id has none here. */
  add(life: Life): void {
    const bucket = this.#buckets[bucketOf(life.sid)] ??= [];
    const head = bucket.at(-1)?.deref();
    if (head && head.ringSize < RING_SIZE) {
      life.next = head.next;
      head.next = life;
      head.ringSize++;
    } else {
      life.next = life;
      life.ringSize = 1;
      drop(bucket, (ref) => !ref.deref());
      bucket.push(new WeakRef(life));
    }
  }

  /** Removes the life of `sid`, and returns it. */
  take(sid: string): Life | undefined {
    const bucket = this.#buckets[bucketOf(sid)];
    if (!bucket) return undefined;
    for (const ref of bucket) {
      const head = ref.deref();
      const before = head && beforeOf(sid, head);
      if (!before) continue;
      const life = before.next!;
      before.next = life.next;
      life.next = undefined;
      if (life !== head) head.ringSize--;
      else {
        before.ringSize = head.ringSize - 1;
        drop(bucket, (other) => other === ref);
        if (life !== before) bucket.push(new WeakRef(before));
      }
      return life;
    }
    return undefined;
  }
}

const bucketOf = (sid: string) => hashOf(sid) % BUCKETS;

/** Returns the life before that of `sid`, in the ring of `head`. */
function beforeOf(sid: string, head: Life): Life | undefined {
  let before = head;
  do {
    if (before.next!.sid === sid) return before;
    before = before.next!;
  } while (before !== head);
  return undefined;
}

function drop<Item>(items: Item[], isToGo: (item: Item) => boolean): void {
  for (let i = items.length - 1; i >= 0; i--) {
    if (isToGo(items[i])) items.splice(i, 1);
  }
}
