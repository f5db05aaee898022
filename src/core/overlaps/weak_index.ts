import type { Life } from "../vault/entry.ts";

const BUCKETS = 4_096;

/** How many lives are in a ring at most: a live session that holds one of them keeps the others. */
const RING_SIZE = 32;

interface Ring {
  /** One of its lives. */
  ref: WeakRef<Life>;
  /** The hash of each life: most ids that are looked for are in no ring, and none is walked through. */
  readonly hashes: number[];
}

/**
 * The lives of entries that were evicted or have expired, for as long as live
 * sessions hold them. The lives hold each other, in rings, and nothing else
 * does: a ring is garbage when no live session holds any of its lives. A
 * million entries may leave in one purge, and few of them matter. A weak
 * reference and a place in a map for each would hold up the garbage collector.
 */
export class WeakIndex {
  /** By the hash of the id. */
  readonly #buckets: Ring[][] = Array.from({ length: BUCKETS });

  /** Adds a life whose id has none here. */
  add(life: Life): void {
    const hash = hashOf(life.sid);
    const bucket = this.#buckets[hash % BUCKETS] ??= [];
    const ring = bucket.at(-1);
    const head = ring?.ref.deref();
    if (head && ring!.hashes.length < RING_SIZE) {
      life.next = head.next;
      head.next = life;
      ring!.hashes.push(hash);
    } else {
      life.next = life;
      drop(bucket, ({ ref }) => !ref.deref());
      bucket.push({ ref: new WeakRef(life), hashes: [hash] });
    }
  }

  /** Removes the life of `sid`, and returns it. */
  take(sid: string): Life | undefined {
    const hash = hashOf(sid);
    const bucket = this.#buckets[hash % BUCKETS];
    if (!bucket) return undefined;
    for (const ring of bucket) {
      const place = ring.hashes.indexOf(hash);
      const head = place >= 0 ? ring.ref.deref() : undefined;
      const before = head && beforeOf(sid, head);
      if (!before) continue;
      const life = before.next!;
      before.next = life.next;
      life.next = undefined;
      ring.hashes.splice(place, 1);
      if (life === before) drop(bucket, (other) => other === ring);
      else if (life === head) ring.ref = new WeakRef(before);
      return life;
    }
    return undefined;
  }
}

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

/** Returns a number that depends on every character of `key`. */
function hashOf(key: string): number {
  let hash = 0;
  for (let i = 0; i < key.length; i++) {
    hash = Math.imul(hash ^ key.charCodeAt(i), 0x5bd1e995);
    hash ^= hash >>> 15;
  }
  return hash >>> 2;
}
