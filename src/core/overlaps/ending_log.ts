/** How long a request may take that an ending still has to stop, in milliseconds. */
const MEMORY_MS = 10 * 60 * 1000;

/** How many names are remembered one by one. */
const MAX_NAMES = 10_000;

/**
 * So many more may come before the oldest go. Whoever looks for the first of a
 * Map passes all that has left it lately: thousands, if one goes at a time.
 */
const SPARE_NAMES = 1_000;

/** What is old is looked for so often at most, in milliseconds, for the same reason. */
const PAUSE_MS = 1_000;

/** A power of two. Of the names that are remembered no more, each has one of so many numbers. */
const BUCKETS = 1 << 16;

/** That of a session or of a user. */
export interface Ending {
  /** The number of the ending: a later one has a greater number. */
  readonly epoch: number;
  /** When it was, by a clock that does not jump. */
  readonly time: number;
}

/** Whether what was at `time` need not be remembered at the time `now`. */
export function isOld(time: number, now: number): boolean {
  return now - time > MEMORY_MS;
}

/**
 * The latest ending of each name, for ten minutes. Memory is bounded: of more
 * than ten thousand names, the oldest share buckets. A name then takes the
 * ending of any other in its bucket for its own: a few saves are dropped without
 * need, but none is kept that has to be dropped.
 */
export class EndingLog<E extends Ending> {
  readonly #clock: () => number;
  /** The oldest first. */
  readonly #endings = new Map<string, { ending: E; mayBeDropped: boolean }>();
  #buckets: { readonly epochs: Float64Array; readonly times: Float64Array } | undefined;
  /** When the latest ending was that came into a bucket. */
  #droppedAt = -Infinity;
  #forgotAt = -Infinity;

  /** @param clock Returns the milliseconds since some moment, and does not jump. */
  constructor(clock: () => number) {
    this.#clock = clock;
  }

  /** Whether nothing is remembered. */
  get isEmpty(): boolean {
    return this.#endings.size === 0;
  }

  /** Notes the latest ending of `name`. If `mayBeDropped`, it comes into no bucket. */
  put(name: string, ending: E, mayBeDropped: boolean): void {
    this.#forget();
    const before = this.#endings.get(name);
    this.#endings.delete(name);
    // What has to be remembered of the one before has to be of this one.
    mayBeDropped &&= before?.mayBeDropped ?? true;
    this.#endings.set(name, { ending, mayBeDropped });
    if (this.#endings.size <= MAX_NAMES + SPARE_NAMES) return;
    for (const [oldest, dropped] of this.#endings) {
      this.#endings.delete(oldest);
      if (!dropped.mayBeDropped) this.#drop(oldest, dropped.ending);
      if (this.#endings.size === MAX_NAMES) break;
    }
  }

  /** Returns the latest ending of `name`, unless it is forgotten or in a bucket. */
  get(name: string): E | undefined {
    const ending = this.#endings.get(name)?.ending;
    return ending && !isOld(ending.time, this.#clock()) ? ending : undefined;
  }

  /** Returns the epoch of the latest ending of `name`, or that of its bucket; 0 if there is none. */
  epochOf(name: string): number {
    return this.isEmpty ? 0 : this.get(name)?.epoch ?? this.epochDropped(name);
  }

  /** Returns the epoch of the latest ending in the bucket of `name`; 0 if there is none. */
  epochDropped(name: string): number {
    if (!this.#buckets) return 0;
    const { epochs, times } = this.#buckets;
    const bucket = bucketOf(name);
    return isOld(times[bucket], this.#clock()) ? 0 : epochs[bucket];
  }

  #drop(name: string, { epoch, time }: E): void {
    this.#buckets ??= { epochs: new Float64Array(BUCKETS), times: new Float64Array(BUCKETS) };
    const bucket = bucketOf(name);
    this.#buckets.epochs[bucket] = epoch;
    this.#buckets.times[bucket] = this.#droppedAt = time;
  }

  #forget(): void {
    const now = this.#clock();
    if (now - this.#forgotAt < PAUSE_MS) return;
    this.#forgotAt = now;
    for (const [name, { ending }] of this.#endings) {
      if (!isOld(ending.time, now)) break;
      this.#endings.delete(name);
    }
    if (isOld(this.#droppedAt, now)) this.#buckets = undefined;
  }
}

/** Returns a number for a name, by FNV-1a. */
function bucketOf(name: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < name.length; i++) {
    hash = Math.imul(hash ^ name.charCodeAt(i), 0x01000193);
  }
  return (hash ^ hash >>> 16) & BUCKETS - 1;
}
