// @ts-types="npm:@types/express-session@^1.18.0"
import type { SessionData } from "express-session";
import type { Serializer } from "./options.ts";
import { ShardedMap } from "./shards.ts";
import type { Entry } from "./vault.ts";

/**
 * What all that was ever loaded of a session has in common, from its first
 * save until it is destroyed, however often it was evicted or expired between.
 */
export interface Life {
  readonly sid: string;
  readonly era: Era;
  isOver: boolean;
  /** The last generation of live sessions that came from it, and those before that are still alive. */
  generations: WeakRef<Generation> | WeakRef<Generation>[];
}

/** The time from one clearing of a store to the next. */
class Era {
  readonly lineage: Lineage;

  constructor(lineage: Lineage) {
    this.lineage = lineage;
  }
}

/** How many live sessions share a generation. */
const GENERATION_SIZE = 1_000;

/**
 * Is alive as long as any of the live sessions that were marked about the same
 * time: to watch each of them by itself would cost a `WeakRef` for a session.
 */
class Generation {
  readonly ref: WeakRef<Generation> = new WeakRef(this);
  /** The ids of lives that departed while this was alive. */
  readonly departed: string[] = [];
  marked = 0;
}

/** Which kept version a live session came from: what was kept then, or as much of it as matters. */
export interface Origin {
  readonly life: Life;
  /** The version that the live session knows, or {@linkcode BEHIND}. */
  readonly version: number;
  /** What the live session was then: a merge tells by it what has changed since. */
  readonly text: string;
}

/** No version at all: a session whose save was merged lacks what the others saved. */
const BEHIND = -1;

class Same {
  constructor(session: object) {
    return session;
  }
}

/**
 * Writes the origin on a live session itself, where nobody else can see it: a
 * class may give its private fields to any object that its base returns. A
 * `WeakMap` would do the same and make `get` a third slower.
 */
class Marked extends Same {
  #origin: Origin;
  // Only held, so that it is alive.
  #generation: Generation;

  private constructor(session: object, origin: Origin, generation: Generation) {
    super(session);
    this.#origin = origin;
    this.#generation = generation;
  }

  static mark(session: object, origin: Origin, generation: Generation): void {
    if (#origin in session) {
      session.#origin = origin;
      session.#generation = generation;
    } else if (Object.isExtensible(session)) {
      new Marked(session, origin, generation);
    }
  }

  static originOf(session: unknown): Origin | undefined {
    return typeof session === "object" && session !== null && #origin in session
      ? session.#origin
      : undefined;
  }
}

/**
 * Knows of each live session which kept version it came from, for as long as
 * the live session exists. By that a save can tell that it comes too late, or
 * that another one was faster.
 */
export class Lineage {
  // Lives whose entry was evicted or expired, while live sessions may still come from them.
  #departed = new ShardedMap<Life>();
  readonly #collected = new FinalizationRegistry((departed: string[]) => {
    for (const sid of departed) {
      const life = this.#departed.get(sid);
      if (life && generationsOf(life).length === 0) this.#departed.remove(sid);
    }
  });
  #era = new Era(this);
  #generation = this.#begin();

  /** Where `session` came from, if that was the session of this `sid`. */
  of(session: SessionData, sid: string): Origin | undefined {
    const origin = this.#originOf(session);
    return origin?.life.sid === sid ? origin : undefined;
  }

  /** Whether what `origin` tells of was destroyed, or cleared with all others. */
  isOver({ life }: Origin): boolean {
    return life.isOver || life.era !== this.#era;
  }

  /** Notes that `session` was loaded from `entry` as it is now. */
  loaded(session: SessionData, entry: Entry): void {
    const { record } = entry;
    record.life ??= this.#lifeOf(entry);
    this.#mark(session, record as Origin);
  }

  /** Notes that `to` was made of what was loaded as `from`. */
  copied(from: SessionData, to: SessionData): void {
    const origin = this.#originOf(from);
    if (origin) this.#mark(to, origin);
  }

  /**
   * Whether `session`, which does not come from the session of the id that it
   * is saved under, has an origin from then on. Plain data that was never
   * loaded gets none: its next save is as plain. What was loaded under another
   * id is plain data here, and keeps its origin there.
   */
  follows(session: SessionData): boolean {
    return !this.#originOf(session) && isOfRequest(session);
  }

  /** Notes that `session` was saved to `entry`; if it was merged, as `text`. */
  saved(session: SessionData, entry: Entry, text?: string): void {
    if (text === undefined) this.loaded(session, entry);
    else this.#mark(session, { life: this.#lifeOf(entry), version: BEHIND, text });
  }

  /** Remembers the life of an entry that was evicted or expired, if something live may have it too. */
  departed({ sid, life }: Entry): void {
    if (!life) return;
    const generations = generationsOf(life);
    if (generations.length === 0) return;
    this.#departed.add(sid, life);
    for (const { departed } of generations) departed.push(sid);
  }

  /** The life of the departed entry of `sid`, for a save that makes the session anew. */
  takeDeparted(sid: string): Life | undefined {
    const life = this.#departed.get(sid);
    if (life) this.#departed.remove(sid);
    return life;
  }

  /** Notes that a session was destroyed, whether it was kept as `entry` or had departed before. */
  end(sid: string, entry: Entry | undefined): void {
    const life = entry ? entry.life : this.takeDeparted(sid);
    if (life) life.isOver = true;
  }

  /** Notes that all sessions were destroyed. */
  endAll(): void {
    this.#era = new Era(this);
    this.#departed = new ShardedMap();
  }

  #begin(): Generation {
    const generation = new Generation();
    this.#collected.register(generation, generation.departed);
    return generation;
  }

  #mark(session: SessionData, origin: Origin): void {
    if (this.#generation.marked === GENERATION_SIZE) this.#generation = this.#begin();
    this.#generation.marked++;
    const { life } = origin;
    const { ref } = this.#generation;
    if (life.generations !== ref) {
      const before = generationsOf(life).map(({ ref }) => ref).filter((other) => other !== ref);
      life.generations = before.length === 0 ? ref : [...before, ref];
    }
    Marked.mark(session, origin, this.#generation);
  }

  #lifeOf(entry: Entry): Life {
    return entry.life ??= {
      sid: entry.sid,
      era: this.#era,
      isOver: false,
      generations: this.#generation.ref,
    };
  }

  #originOf(session: SessionData): Origin | undefined {
    const origin = Marked.originOf(session);
    return origin?.life.era.lineage === this ? origin : undefined;
  }
}

/** The generations of live sessions that may have this life, and are alive. */
function generationsOf({ generations }: Life): Generation[] {
  const alive: Generation[] = [];
  for (const ref of Array.isArray(generations) ? generations : [generations]) {
    const generation = ref.deref();
    if (generation) alive.push(generation);
  }
  return alive;
}

/**
 * What becomes of a save that another one overtook: key by key, what `session`
 * changed or deleted since it was `before` wins, and the rest is as in `kept`.
 * The cookie is that of `session`. Gives the text of `session` beside it.
 */
export function merge(
  session: SessionData,
  before: string,
  kept: string,
  serializer: Serializer,
): { merged: SessionData; text: string } {
  const text = serializer.stringify(session);
  const mine = serializer.parse(text);
  const base = serializer.parse(before);
  const merged = serializer.parse(kept);
  const textOf = (key: string, from: SessionData) =>
    serializer.stringify(put({ cookie: mine.cookie }, key, from));
  const mineKeys = new Set(Object.keys(mine));
  const baseKeys = new Set(Object.keys(base));
  for (const key of mineKeys) {
    if (!baseKeys.has(key) || textOf(key, base) !== textOf(key, mine)) put(merged, key, mine);
  }
  for (const key of baseKeys) {
    if (!mineKeys.has(key) && !isHidden(key, session)) Reflect.deleteProperty(merged, key);
  }
  merged.cookie = session.cookie;
  return { merged, text };
}

/** Sets a key as data, whatever its name: assigning to `__proto__` would do something else. */
function put(to: SessionData, key: string, from: SessionData): SessionData {
  const { value } = Object.getOwnPropertyDescriptor(from, key)!;
  return Object.defineProperty(to, key, {
    value,
    configurable: true,
    enumerable: true,
    writable: true,
  });
}

/** express-session's `Session` leaves out keys of the names it uses itself: they were not deleted. */
function isHidden(key: string, session: SessionData): boolean {
  return isOfRequest(session) && key in session;
}

/** Whether this is the `Session` of a request, rather than plain data. */
function isOfRequest(session: SessionData): boolean {
  return Object.getOwnPropertyDescriptor(session, "req")?.enumerable === false;
}
