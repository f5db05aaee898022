// deno-lint-ignore-file no-explicit-any -- as in the types of express-session: callbacks written for its MemoryStore compile unchanged
// @ts-types="npm:@types/express-session@^1.18.0"
import type { SessionData } from "express-session";
import type { LembroEvents, SessionStore } from "../types.ts";
import type { LembroRedisOptions, ResolvedRedisOptions } from "./options.ts";

/**
 * The counters of one process since its store was created.
 *
 * ```ts
 * import assert from "node:assert/strict";
 * import session from "express-session";
 * import lembroRedis, { type LembroRedisStats } from "express-lembro/redis";
 * import { createClient } from "redis";
 *
 * const client = createClient({ disableOfflineQueue: true });
 * using store = new (lembroRedis(session))({ client });
 * const { saves, merges, lateWrites }: LembroRedisStats = store.stats();
 * assert.deepEqual([saves, merges, lateWrites], [0, 0, 0]);
 * ```
 */
export interface LembroRedisStats {
  /** How often `get` found a session. */
  hits: number;
  /** How often `get` found none. */
  misses: number;
  /** How many saves were kept. */
  saves: number;
  /** How many touches were kept. */
  touches: number;
  /** How many saves were merged with one that had overtaken them. */
  merges: number;
  /** How often another process was faster, and a call had to look again. */
  conflicts: number;
  /** How many saves came after their session was destroyed or revoked, and wrote nothing. */
  lateWrites: number;
  /** How many sessions `revokeUser` and `maxSessionsPerUser` have ended. */
  revoked: number;
  /** How many saves, updates and touches failed with an error. */
  rejected: number;
  /** How many lists that two requests changed were too long to be merged, and taken whole. */
  listsTakenWhole: number;
}

/**
 * The events of a store on Redis. With a `subscriber`, `destroy` and `clear` come
 * from every process.
 *
 * ```ts
 * import assert from "node:assert/strict";
 * import session from "express-session";
 * import lembroRedis, { type LembroRedisEvents } from "express-lembro/redis";
 * import { createClient } from "redis";
 *
 * const client = createClient({ disableOfflineQueue: true });
 * using store = new (lembroRedis(session))({ client });
 * const signOff = (...[sid]: LembroRedisEvents["destroy"]) => console.log(sid);
 * store.on("destroy", signOff);
 * assert.deepEqual(store.listenerCount("destroy"), 1);
 * ```
 */
export interface LembroRedisEvents
  extends Pick<LembroEvents, "destroy" | "clear" | "late" | "error"> {
  /** The subscriber was away: events may be missing. */
  gap: [];
}

/**
 * Listening to {@linkcode LembroRedisEvents}, on a `Store` that is an EventEmitter.
 *
 * ```ts
 * import assert from "node:assert/strict";
 * import session from "express-session";
 * import lembroRedis, { type LembroRedisEvented } from "express-lembro/redis";
 * import { createClient } from "redis";
 *
 * const client = createClient({ disableOfflineQueue: true });
 * using store = new (lembroRedis(session))({ client });
 * const listening: LembroRedisEvented = store;
 * listening.once("late", (sid) => console.log(`${sid} came too late`));
 * assert.deepEqual(store.listenerCount("late"), 1);
 * ```
 */
export interface LembroRedisEvented {
  /** Calls `listener` at each `event`. */
  on<E extends keyof LembroRedisEvents>(
    event: E,
    listener: (...args: LembroRedisEvents[E]) => void,
  ): this;
  /** Calls `listener` at the next `event`. */
  once<E extends keyof LembroRedisEvents>(
    event: E,
    listener: (...args: LembroRedisEvents[E]) => void,
  ): this;
  /** Stops calling `listener` at `event`. */
  off<E extends keyof LembroRedisEvents>(
    event: E,
    listener: (...args: LembroRedisEvents[E]) => void,
  ): this;
}

/**
 * What a store on Redis can do on top of its `Store`: the methods of a store in
 * memory, for any number of processes. A change has taken effect when the call
 * answers, and `update` and `updateUser` may call `change` again if another
 * process was faster.
 *
 * ```ts
 * import assert from "node:assert/strict";
 * import session from "express-session";
 * import lembroRedis, { type LembroRedisStore } from "express-lembro/redis";
 * import { createClient } from "redis";
 *
 * // How often this process had to look again, of all its saves.
 * const contention = (store: LembroRedisStore) => store.stats().conflicts / store.stats().saves;
 *
 * const client = createClient({ disableOfflineQueue: true });
 * using store = new (lembroRedis(session))({ client });
 * assert.deepEqual(contention(store), NaN);
 * ```
 */
export interface LembroRedisStore extends Omit<SessionStore, typeof Symbol.asyncIterator> {
  /** The options in force. */
  readonly options: ResolvedRedisOptions;

  /**
   * Prepares the sessions that another store, such as connect-redis, has
   * written under the same keys, and returns how many there were. They can be
   * used without. But until then every `revokeUser` has to read all sessions.
   * Call it when no process uses the other store any more: `revokeUser` can miss
   * what that writes later. If it can't read a session, or the option `user` throws
   * on it, it prepares all others and rejects with that error, and so does
   * `revokeUser` once it has ended the others: destroy such a session.
   */
  adopt(): Promise<number>;
  /** As above, with a callback. */
  adopt(callback: (error: any, adopted?: number) => void): void;
  /** As above, with a callback that may be missing: then it returns a promise. */
  adopt(callback: ((error: any, adopted?: number) => void) | undefined): Promise<number> | void;

  /** Returns the counters of this process, synchronously. */
  stats(): LembroRedisStats;

  /** Iterates over the live sessions with their ids: those that are there all the time, each once. */
  [Symbol.asyncIterator](): AsyncIterableIterator<[sid: string, session: SessionData]>;
}

/**
 * A store on Redis on top of a `Base`: what `new Lembro()` returns.
 *
 * ```ts
 * import assert from "node:assert/strict";
 * import session from "express-session";
 * import lembroRedis, { type RedisStore } from "express-lembro/redis";
 * import { createClient } from "redis";
 *
 * const client = createClient({ disableOfflineQueue: true });
 * using store: RedisStore<session.Store> = new (lembroRedis(session))({ client });
 * assert.deepEqual(store instanceof session.Store, true);
 * ```
 */
export type RedisStore<Base extends object> =
  & LembroRedisStore
  & (Base extends { on: unknown } ? LembroRedisEvented : unknown)
  & Base;

/**
 * The class that the factory returns.
 *
 * ```ts
 * import assert from "node:assert/strict";
 * import session from "express-session";
 * import lembroRedis, { type RedisStoreConstructor } from "express-lembro/redis";
 * import { createClient } from "redis";
 *
 * const Lembro: RedisStoreConstructor<session.Store> = lembroRedis(session);
 * const client = createClient({ disableOfflineQueue: true });
 * using store = new Lembro({ client });
 * assert.deepEqual(store instanceof Lembro, true);
 * ```
 */
export interface RedisStoreConstructor<Base extends object> {
  /**
   * Creates a store. `callback` runs once, after the constructor has returned.
   *
   * @throws {TypeError | RangeError} For a bad option; names it, what it takes and what it received.
   */
  new (options: LembroRedisOptions, callback?: () => void): RedisStore<Base>;
  /** The prototype of the stores. */
  readonly prototype: RedisStore<Base>;
}
