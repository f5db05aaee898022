// @ts-types="npm:@types/express-session@^1.18.0"
import type { SessionData } from "express-session";
import type { LembroOptions, Options } from "./options.ts";
import type { Rank } from "./core/vault.ts";

/**
 * A class of session stores to build on, such as `session.Store`.
 *
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import lembro, { type StoreClass } from "express-lembro";
 *
 * class Bare {
 *   name = "a class is enough";
 * }
 * const Base: StoreClass = Bare;
 * using store = new (lembro({ Store: Bare }))();
 * assertEquals([store.name, store instanceof Base], ["a class is enough", true]);
 * ```
 */
// deno-lint-ignore no-explicit-any
export type StoreClass = abstract new (...args: any[]) => object;

/**
 * What the factory takes: `express-session`, or anything with a `Store` class on it.
 *
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import session from "express-session";
 * import lembro from "express-lembro";
 *
 * const own = { Store: class extends session.MemoryStore {} };
 * using store = new (lembro(own))();
 * assertEquals(store instanceof own.Store, true);
 * ```
 */
export type SessionModule<Base extends StoreClass = StoreClass> =
  | { readonly Store: Base }
  | { readonly session: { readonly Store: Base } };

/**
 * The counters of a store. The first six say how it stands now, sessions that
 * have expired and that nobody met since included; the rest count since it
 * was made.
 *
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import session from "express-session";
 * import lembro, { type LembroStats } from "express-lembro";
 *
 * using store = new (lembro(session))({ maxSize: "1M" });
 * await store.set("a", { cookie: new session.Cookie() });
 * await store.get("a");
 * await store.get("nobody");
 * const { sessions, maxSize, returning, hits, misses }: LembroStats = store.stats();
 * assertEquals([sessions, maxSize, returning, hits, misses], [1, 1_048_576, 1, 1, 1]);
 * ```
 */
export interface LembroStats {
  /** How many sessions are kept. */
  sessions: number;
  /** What they take, in bytes. */
  bytes: number;
  /** What they may take, in bytes. */
  maxSize: number;
  /** How many sessions nobody has asked for since they were made. */
  newcomers: number;
  /** How many came back. */
  returning: number;
  /** How many are protected. */
  protected: number;
  /** How often `get` found a session. */
  hits: number;
  /** How often `get` found none, or an expired one. */
  misses: number;
  /** How many saves were kept. */
  saves: number;
  /** How many touches were kept. */
  touches: number;
  /** How many saves were merged with one that had overtaken them. */
  merges: number;
  /** How many saves came after their session was destroyed, and wrote nothing. */
  lateWrites: number;
  /** How many sessions were forgotten because they had expired. */
  expired: number;
  /** How many sessions were evicted to keep to `maxSize`, by rank. */
  evicted: Record<Rank, number>;
  /** How many saves and touches gave an error. */
  rejected: number;
}

/**
 * The events that a store adds to those of its `Store`, with what the listeners get.
 *
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import session from "express-session";
 * import lembro, { type LembroEvents } from "express-lembro";
 *
 * using store = new (lembro(session))({ maxSize: "1K" });
 * const gone: LembroEvents["evict"][] = [];
 * store.on("evict", (sid, rank) => gone.push([sid, rank]));
 * for (const sid of "abcdefghij") await store.set(sid, { cookie: new session.Cookie() });
 * assertEquals(gone[0], ["a", "newcomers"]);
 * ```
 */
export interface LembroEvents {
  /** A session has expired and is forgotten. */
  expire: [sid: string];
  /** A session had to go to keep to `maxSize`. */
  evict: [sid: string, rank: Rank];
  /** The store was reduced from `before` to `after` bytes; `evicted` sessions went. */
  reduce: [result: { before: number; after: number; evicted: number }];
  /** The expired sessions were purged: `expired` of them. */
  purge: [result: { expired: number }];
  /** Something failed in the background, where no callback could be told. */
  error: [error: unknown];
}

/**
 * Listening to {@linkcode LembroEvents}, on a `Store` that is an EventEmitter.
 *
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import session from "express-session";
 * import lembro, { type LembroEvented } from "express-lembro";
 *
 * using store = new (lembro(session))();
 * const listening: LembroEvented = store;
 * const purged = new Promise((resolve) => listening.once("purge", resolve));
 * await store.purge();
 * assertEquals(await purged, { expired: 0 });
 * ```
 */
export interface LembroEvented {
  /** Calls `listener` at each `event`. */
  on<E extends keyof LembroEvents>(
    event: E,
    listener: (...args: LembroEvents[E]) => void,
  ): this;
  /** Calls `listener` at the next `event`. */
  once<E extends keyof LembroEvents>(
    event: E,
    listener: (...args: LembroEvents[E]) => void,
  ): this;
  /** Stops calling `listener` at `event`. */
  off<E extends keyof LembroEvents>(
    event: E,
    listener: (...args: LembroEvents[E]) => void,
  ): this;
}

/**
 * What a store can do on top of its `Store`. Each method takes a Node-style
 * callback last, which runs later and never inside the call; without one it
 * gives a promise of the same result. What a call changes has changed when it
 * returns. An id is turned into a string, and every string is one.
 *
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import session from "express-session";
 * import lembro, { type LembroStore } from "express-lembro";
 *
 * // How full a store is, from 0 to 1.
 * const fullness = (store: LembroStore) => store.stats().bytes / store.options.maxSize;
 *
 * using store = new (lembro(session))();
 * assertEquals(fullness(store), 0);
 * ```
 */
export interface LembroStore {
  /** The options in force; `maxSize` is in bytes. */
  readonly options: Options;

  /**
   * Gives a fresh copy of the session with the cookie of its last save or
   * touch, or `undefined` if there is none or it has expired.
   *
   * ```ts
   * import { assertEquals } from "@std/assert";
   * import session from "express-session";
   * import lembro from "express-lembro";
   *
   * using store = new (lembro(session))();
   * assertEquals(await store.get("nobody"), undefined);
   * ```
   */
  get(sid: string): Promise<SessionData | undefined>;
  /** As above, with a callback. */
  get(
    sid: string,
    callback: (error: unknown, session?: SessionData | null) => void,
  ): void;

  /**
   * Saves a session. One whose cookie has already expired is destroyed.
   *
   * The error is what the `serializer`, `ttl` or `protect` threw, a
   * `TypeError` for what is no object, or a `RangeError` with the code
   * `ERR_LEMBRO_SESSION_TOO_LARGE` for a session over 75 % of `maxSize`.
   * After an error the version kept before is still there.
   *
   * ```ts
   * import { assertEquals } from "@std/assert";
   * import session from "express-session";
   * import lembro from "express-lembro";
   *
   * using store = new (lembro(session))();
   * const cookie = new session.Cookie();
   * await store.set("a", Object.assign({ cookie }, { visits: 1 }));
   * assertEquals(await store.length(), 1);
   * ```
   */
  set(sid: string, session: SessionData): Promise<void>;
  /** As above, with a callback. */
  set(
    sid: string,
    session: SessionData,
    callback: ((error?: unknown) => void) | undefined,
  ): void;

  /**
   * Replaces the kept cookie by `session.cookie`, extends the life and leaves
   * the data alone. Does nothing if the session is absent. The errors are
   * those of {@linkcode LembroStore.set}.
   *
   * ```ts
   * import { assertEquals } from "@std/assert";
   * import session from "express-session";
   * import lembro from "express-lembro";
   *
   * using store = new (lembro(session))();
   * await store.set("a", { cookie: new session.Cookie() });
   * const cookie = new session.Cookie();
   * cookie.maxAge = 60_000;
   * await store.touch("a", { cookie });
   * assertEquals((await store.get("a"))?.cookie.originalMaxAge, cookie.originalMaxAge);
   * ```
   */
  touch(sid: string, session: SessionData): Promise<void>;
  /** As above, with a callback. */
  touch(
    sid: string,
    session: SessionData,
    callback: ((error?: unknown) => void) | undefined,
  ): void;

  /**
   * Forgets a session.
   *
   * ```ts
   * import { assertEquals } from "@std/assert";
   * import session from "express-session";
   * import lembro from "express-lembro";
   *
   * using store = new (lembro(session))();
   * await store.set("a", { cookie: new session.Cookie() });
   * await store.destroy("a");
   * assertEquals(await store.get("a"), undefined);
   * ```
   */
  destroy(sid: string): Promise<void>;
  /** As above, with a callback. */
  destroy(sid: string, callback: ((error?: unknown) => void) | undefined): void;

  /**
   * Gives every live session: an object by id, with no prototype.
   *
   * ```ts
   * import { assertEquals } from "@std/assert";
   * import session from "express-session";
   * import lembro from "express-lembro";
   *
   * using store = new (lembro(session))();
   * await store.set("a", { cookie: new session.Cookie() });
   * assertEquals(Object.keys(await store.all()), ["a"]);
   * ```
   */
  all(): Promise<Record<string, SessionData>>;
  /** As above, with a callback. */
  all(
    callback: (
      error: unknown,
      sessions?: Record<string, SessionData> | null,
    ) => void,
  ): void;

  /**
   * Gives the number of live sessions.
   *
   * ```ts
   * import { assertEquals } from "@std/assert";
   * import session from "express-session";
   * import lembro from "express-lembro";
   *
   * using store = new (lembro(session))();
   * assertEquals(await store.length(), 0);
   * ```
   */
  length(): Promise<number>;
  /** As above, with a callback. */
  length(callback: (error: unknown, length?: number) => void): void;

  /**
   * Gives the ids of the live sessions.
   *
   * ```ts
   * import { assertEquals } from "@std/assert";
   * import session from "express-session";
   * import lembro from "express-lembro";
   *
   * using store = new (lembro(session))();
   * await store.set("a", { cookie: new session.Cookie() });
   * assertEquals(await store.ids(), ["a"]);
   * ```
   */
  ids(): Promise<string[]>;
  /** As above, with a callback. */
  ids(callback: (error: unknown, ids?: string[]) => void): void;

  /**
   * Forgets all sessions.
   *
   * ```ts
   * import { assertEquals } from "@std/assert";
   * import session from "express-session";
   * import lembro from "express-lembro";
   *
   * using store = new (lembro(session))();
   * await store.set("a", { cookie: new session.Cookie() });
   * await store.clear();
   * assertEquals(await store.length(), 0);
   * ```
   */
  clear(): Promise<void>;
  /** As above, with a callback. */
  clear(callback: ((error?: unknown) => void) | undefined): void;

  /**
   * Brings the size of the sessions to at most 75 % of `maxSize`. The store
   * does so itself whenever a save takes it over `maxSize`. Speaks through the
   * `debug` module, namespace `express-lembro`.
   *
   * ```ts
   * import { assert } from "@std/assert";
   * import session from "express-session";
   * import lembro from "express-lembro";
   *
   * using store = new (lembro(session))({ maxSize: "1K" });
   * for (const sid of "abcdef") {
   *   await store.set(sid, { cookie: new session.Cookie() });
   * }
   * await store.reduce();
   * assert(store.stats().bytes <= 768);
   * ```
   */
  reduce(): Promise<void>;
  /** As above, with a callback. */
  reduce(callback: ((error?: unknown) => void) | undefined): void;

  /**
   * Forgets the expired sessions now; the interval calls it.
   *
   * ```ts
   * import { assertEquals } from "@std/assert";
   * import session from "express-session";
   * import lembro from "express-lembro";
   *
   * using store = new (lembro(session))({ ttl: 1 });
   * await store.set("a", { cookie: new session.Cookie() });
   * await new Promise((resolve) => setTimeout(resolve, 5));
   * await store.purge();
   * assertEquals(store.stats().expired, 1);
   * ```
   */
  purge(): Promise<void>;
  /** As above, with a callback. */
  purge(callback: ((error?: unknown) => void) | undefined): void;

  /**
   * Stops the timer; may be called twice. The store itself stays usable: what
   * has expired is still never given out.
   *
   * ```ts
   * import { assertEquals } from "@std/assert";
   * import session from "express-session";
   * import lembro from "express-lembro";
   *
   * const store = new (lembro(session))();
   * await store.close();
   * assertEquals(await store.length(), 0);
   * ```
   */
  close(): Promise<void>;
  /** As above, with a callback. */
  close(callback: ((error?: unknown) => void) | undefined): void;

  /**
   * Closes the store at the end of a `using` block.
   *
   * ```ts
   * import { assertEquals } from "@std/assert";
   * import session from "express-session";
   * import lembro from "express-lembro";
   *
   * {
   *   using store = new (lembro(session))();
   *   assertEquals(await store.length(), 0);
   * }
   * ```
   */
  [Symbol.dispose](): void;

  /**
   * The counters, at once.
   *
   * ```ts
   * import { assertEquals } from "@std/assert";
   * import session from "express-session";
   * import lembro from "express-lembro";
   *
   * using store = new (lembro(session))();
   * await store.get("nobody");
   * assertEquals(store.stats().misses, 1);
   * ```
   */
  stats(): LembroStats;

  /**
   * Iterates over the live sessions with their ids: those that are there at
   * the call, each once. It may be held while the store works.
   *
   * ```ts
   * import { assertEquals } from "@std/assert";
   * import session from "express-session";
   * import lembro from "express-lembro";
   *
   * using store = new (lembro(session))();
   * await store.set("a", { cookie: new session.Cookie() });
   * assertEquals([...store.entries()].map(([sid]) => sid), ["a"]);
   * ```
   */
  entries(): IterableIterator<[sid: string, session: SessionData]>;
}

/**
 * A store on top of a `Base`: what `new Lembro()` gives.
 *
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import session from "express-session";
 * import lembro, { type Store } from "express-lembro";
 *
 * const Lembro = lembro(session);
 * using store: Store<session.Store> = new Lembro();
 * assertEquals(store instanceof session.Store, true);
 * ```
 */
export type Store<Base extends object> =
  & LembroStore
  & (Base extends { on: unknown } ? LembroEvented : unknown)
  & Base;

/**
 * The class that the factory makes.
 *
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import session from "express-session";
 * import lembro, { type StoreConstructor } from "express-lembro";
 *
 * const Lembro: StoreConstructor<session.Store> = lembro(session);
 * // A store that comes with the options of this app.
 * class OurStore extends Lembro {
 *   constructor() {
 *     super({ maxSize: "16M", ttl: 3_600_000 });
 *   }
 * }
 * using store = new OurStore();
 * assertEquals(store.options.ttl, 3_600_000);
 * ```
 */
export interface StoreConstructor<Base extends object> {
  /**
   * Makes a store.
   *
   * ```ts
   * import { assertEquals } from "@std/assert";
   * import session from "express-session";
   * import lembro from "express-lembro";
   *
   * const Lembro = lembro(session);
   * const store = await new Promise<InstanceType<typeof Lembro>>((resolve) => {
   *   const made = new Lembro({ maxSize: "16M" }, () => resolve(made));
   * });
   * store.close();
   * assertEquals(store.options.maxSize, 16 * 1024 * 1024);
   * ```
   *
   * @param options All of them may be left out. The object is never changed.
   * @param callback Runs once, after the constructor has returned.
   * @throws {TypeError | RangeError} For a bad option; names it, what it takes and what it received.
   */
  new (options?: LembroOptions | null, callback?: () => void): Store<Base>;
  /** As above, with all options left out. */
  new (callback: () => void): Store<Base>;
  /** The prototype of the stores. */
  readonly prototype: Store<Base>;
}
