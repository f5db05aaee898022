// deno-lint-ignore-file no-explicit-any -- as in the types of express-session: callbacks written for its MemoryStore compile unchanged
// @ts-types="npm:@types/express-session@^1.18.0"
import type { SessionData, Store as ExpressStore } from "express-session";
import type { Rank, SessionInfo } from "./core/vault/entry.ts";
import type { LembroOptions, ResolvedOptions, StoreRequest, User } from "./options.ts";

/**
 * A class of session stores to build on, such as `session.Store`.
 *
 * @internal
 */
export type StoreClass = abstract new (...args: any[]) => object;

/**
 * What the factory takes: `express-session`, or anything with a `Store` class on it.
 *
 * @internal
 */
export type SessionModule<Base extends object = StoreClass> =
  | { readonly Store: Base }
  | { readonly session: { readonly Store: Base } };

/**
 * The stores of a `Store` class. `@fastify/session` declares its class as one of
 * its stores, which leaves out the methods of an EventEmitter.
 *
 * @internal
 */
export type StoreOf<Base extends object> = Base extends StoreClass ? InstanceType<Base>
  : Base & LembroEvented;

/**
 * The counters of a store. The first seven say how it stands now, including
 * sessions that have expired and that nothing has met since. The rest count
 * since it was created.
 *
 * ```ts
 * import assert from "node:assert/strict";
 * import session from "express-session";
 * import lembro, { type LembroStats } from "express-lembro";
 *
 * using store = new (lembro(session))({ maxSize: "1M" });
 * await store.set("a", { cookie: new session.Cookie() });
 * await store.get("a");
 * await store.get("nobody");
 * const { sessions, maxSize, returning, hits, misses }: LembroStats = store.stats();
 * assert.deepEqual([sessions, maxSize, returning, hits, misses], [1, 1_048_576, 1, 1, 1]);
 * ```
 */
export interface LembroStats {
  /** How many sessions are kept. */
  sessions: number;
  /** Their size, in bytes. */
  bytes: number;
  /** The limit of their size, in bytes. */
  maxSize: number;
  /** How many sessions nobody has asked for since they were created. */
  newcomers: number;
  /** How many came back. */
  returning: number;
  /** How many are protected. */
  protected: number;
  /** How many distinct users have a session. */
  users: number;
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
  /** How many saves came after their session was destroyed or revoked, and wrote nothing. */
  lateWrites: number;
  /** How many sessions were forgotten because they had expired. */
  expired: number;
  /** How many sessions were evicted to keep to `maxSize`, by rank. */
  evicted: Record<Rank, number>;
  /** How many sessions `revokeUser` and `maxSessionsPerUser` have ended. */
  revoked: number;
  /** How many saves, updates and touches failed with an error. */
  rejected: number;
  /** How many lists that two requests changed were too long to be merged, and taken whole. */
  listsTakenWhole: number;
}

/**
 * What {@linkcode SessionStore.revokeUser} leaves alone.
 *
 * ```ts
 * import assert from "node:assert/strict";
 * import session from "express-session";
 * import lembro, { type RevokeOptions } from "express-lembro";
 *
 * using store = new (lembro(session))();
 * const options: RevokeOptions = { except: "the id of this session" };
 * assert.deepEqual(await store.revokeUser("ada", options), 0);
 * ```
 */
export interface RevokeOptions {
  /**
   * A session by its id; or a request, or the session of one: then its session,
   * and all that this request saves later, even under a new id.
   */
  except?: string | StoreRequest | SessionData | null | undefined;
}

/**
 * The events that a store adds to those of its `Store`, with the arguments of
 * their listeners. A session among them is a copy. It is `undefined` if the
 * serializer can't read it any more.
 *
 * ```ts
 * import assert from "node:assert/strict";
 * import session from "express-session";
 * import lembro, { type LembroEvents } from "express-lembro";
 *
 * using store = new (lembro(session))();
 * const ended: LembroEvents["destroy"][] = [];
 * store.on("destroy", (...args) => ended.push(args));
 * await store.set("a", { cookie: new session.Cookie() });
 * await store.destroy("a");
 * assert.deepEqual(ended.map(([sid]) => sid), ["a"]);
 * ```
 */
export interface LembroEvents {
  /** A session was destroyed: by `destroy`, `revokeUser`, `maxSessionsPerUser` or an expired cookie. */
  destroy: [sid: string, session: SessionData | undefined];
  /**
   * A session has expired and is forgotten. Those that expired while the app was
   * down are announced when a journal is opened: listen before.
   */
  expire: [sid: string, session: SessionData | undefined];
  /** A session had to go to keep to `maxSize`. */
  evict: [sid: string, session: SessionData | undefined, rank: Rank];
  /** All sessions were cleared at once. */
  clear: [];
  /** A save was dropped: its session had been destroyed or revoked since it was loaded. */
  late: [sid: string];
  /** The store was reduced from `before` to `after` bytes; `evicted` sessions went. */
  reduce: [result: { before: number; after: number; evicted: number }];
  /** The expired sessions were purged: `expired` of them. */
  purge: [result: { expired: number }];
  /** What an `error` event was about works again: the journal is written, or compacted. */
  recover: [message: string];
  /**
   * Something failed in the background, where no callback could be told. Without
   * a listener it is a warning of the process.
   */
  error: [error: unknown];
}

/**
 * Listening to {@linkcode LembroEvents}, on a `Store` that is an EventEmitter.
 *
 * @internal
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
 * What a store of this package does on top of its `Store`, in memory and on
 * Redis. Each method takes a Node-style callback last, which runs later and never
 * inside the call. Without one, it returns a promise of the same result. An id is
 * a string, or a number, which is turned into one.
 *
 * ```ts
 * import assert from "node:assert/strict";
 * import session from "express-session";
 * import lembro, { type SessionStore } from "express-lembro";
 *
 * // On how many devices somebody is signed in, whichever store the app has.
 * const devices = async (store: SessionStore, user: string) =>
 *   (await store.sessionsOfUser(user)).length;
 *
 * using store = new (lembro(session))();
 * assert.deepEqual(await devices(store, "ada"), 0);
 * ```
 */
export interface SessionStore {
  /**
   * Returns a fresh copy of the session with the cookie of its last save or
   * touch, or `undefined` if there is none or it has expired.
   *
   * ```ts
   * import assert from "node:assert/strict";
   * import session from "express-session";
   * import lembro from "express-lembro";
   *
   * using store = new (lembro(session))();
   * assert.deepEqual(await store.get("nobody"), undefined);
   * ```
   *
   * @throws {TypeError} If `sid` is neither a string nor a number.
   */
  get(sid: string): Promise<SessionData | undefined>;
  /** As above, with a callback. */
  get(sid: string, callback: (error: any, session?: SessionData | null) => void): void;
  /** As above, with a callback that may be missing: then it returns a promise. */
  get(
    sid: string,
    callback: ((error: any, session?: SessionData | null) => void) | undefined,
  ): Promise<SessionData | undefined> | void;

  /**
   * Saves a session. One whose cookie has already expired is destroyed. If the
   * session was loaded from this store and another save was faster, the two are
   * merged. If it was destroyed or revoked since, nothing is saved. After an
   * error, the version that was kept before is still there.
   *
   * ```ts
   * import assert from "node:assert/strict";
   * import session from "express-session";
   * import lembro from "express-lembro";
   *
   * using store = new (lembro(session))();
   * await store.set("a", Object.assign({ cookie: new session.Cookie() }, { visits: 1 }));
   * assert.deepEqual(await store.length(), 1);
   * ```
   *
   * @throws {TypeError} If `sid` is neither a string nor a number, or `session` is no object.
   * @throws {RangeError} With the code `ERR_LEMBRO_SESSION_TOO_LARGE`, for a session that takes more than
   * an eighth of `maxSize`, or 4096 bytes where that is more and within `maxSize`.
   * @throws What the `serializer` or a function among the options throws.
   */
  set(sid: string, session: SessionData): Promise<void>;
  /** As above, with a callback. */
  set(sid: string, session: SessionData, callback: (error?: any) => void): void;
  /** As above, with a callback that may be missing: then it returns a promise. */
  set(
    sid: string,
    session: SessionData,
    callback: ((error?: any) => void) | undefined,
  ): Promise<void> | void;

  /**
   * Replaces the kept cookie by `session.cookie`, extends the life, and leaves
   * the data alone. Does nothing if the session is absent.
   *
   * ```ts
   * import assert from "node:assert/strict";
   * import session from "express-session";
   * import lembro from "express-lembro";
   *
   * using store = new (lembro(session))();
   * await store.set("a", { cookie: new session.Cookie() });
   * const cookie = new session.Cookie();
   * cookie.maxAge = 60_000;
   * await store.touch("a", { cookie });
   * assert.deepEqual((await store.get("a"))?.cookie.originalMaxAge, cookie.originalMaxAge);
   * ```
   *
   * @throws As {@linkcode SessionStore.set}.
   */
  touch(sid: string, session: SessionData): Promise<void>;
  /** As above, with a callback. */
  touch(sid: string, session: SessionData, callback: (error?: any) => void): void;
  /** As above, with a callback that may be missing: then it returns a promise. */
  touch(
    sid: string,
    session: SessionData,
    callback: ((error?: any) => void) | undefined,
  ): Promise<void> | void;

  /**
   * Forgets a session. A request that had loaded it can't save it any more.
   *
   * ```ts
   * import assert from "node:assert/strict";
   * import session from "express-session";
   * import lembro from "express-lembro";
   *
   * using store = new (lembro(session))();
   * await store.set("a", { cookie: new session.Cookie() });
   * await store.destroy("a");
   * assert.deepEqual(await store.get("a"), undefined);
   * ```
   */
  destroy(sid: string): Promise<void>;
  /** As above, with a callback. */
  destroy(sid: string, callback: (error?: any) => void): void;
  /** As above, with a callback that may be missing: then it returns a promise. */
  destroy(sid: string, callback: ((error?: any) => void) | undefined): Promise<void> | void;

  /**
   * Calls `change` at once with a fresh copy of the session, and saves what it
   * has made of it. No other call can come between the two. The life, the rank
   * and the place in the order of eviction stay. Returns the session as it is
   * kept then, or `undefined` if it is absent. If `change` throws or returns a
   * promise, nothing changes.
   *
   * ```ts
   * import assert from "node:assert/strict";
   * import session from "express-session";
   * import lembro from "express-lembro";
   *
   * using store = new (lembro(session))();
   * await store.set("a", { cookie: new session.Cookie() });
   * const kept = await store.update("a", (session) => void Object.assign(session, { visits: 1 }));
   * assert.deepEqual(Object.keys(kept!), ["cookie", "visits"]);
   * ```
   *
   * @throws {TypeError} If `change` is no function or returns a promise.
   * @throws What `change` throws, and as {@linkcode SessionStore.set}.
   */
  update(sid: string, change: (session: SessionData) => void): Promise<SessionData | undefined>;
  /** As above, with a callback. */
  update(
    sid: string,
    change: (session: SessionData) => void,
    callback: (error: any, session?: SessionData) => void,
  ): void;
  /** As above, with a callback that may be missing: then it returns a promise. */
  update(
    sid: string,
    change: (session: SessionData) => void,
    callback: ((error: any, session?: SessionData) => void) | undefined,
  ): Promise<SessionData | undefined> | void;

  /**
   * Returns what is known of a session, or `undefined` if it is absent. This
   * does not count as a use of it: no rank, order, life or counter changes.
   *
   * ```ts
   * import assert from "node:assert/strict";
   * import session from "express-session";
   * import lembro from "express-lembro";
   *
   * using store = new (lembro(session))();
   * await store.set("a", { cookie: new session.Cookie() });
   * assert.deepEqual((await store.info("a"))?.rank, "newcomers");
   * ```
   */
  info(sid: string): Promise<SessionInfo | undefined>;
  /** As above, with a callback. */
  info(sid: string, callback: (error: any, info?: SessionInfo) => void): void;
  /** As above, with a callback that may be missing: then it returns a promise. */
  info(
    sid: string,
    callback: ((error: any, info?: SessionInfo) => void) | undefined,
  ): Promise<SessionInfo | undefined> | void;

  /**
   * Returns what {@linkcode SessionStore.info} returns, for each live session of
   * a user, the most recently used first.
   *
   * ```ts
   * import assert from "node:assert/strict";
   * import session from "express-session";
   * import lembro from "express-lembro";
   *
   * using store = new (lembro(session))();
   * const passport = { user: "ada" };
   * await store.set("a", Object.assign({ cookie: new session.Cookie() }, { passport }));
   * assert.deepEqual((await store.sessionsOfUser("ada")).map(({ sid }) => sid), ["a"]);
   * ```
   *
   * @throws {TypeError} If `user` is no string, number or bigint.
   */
  sessionsOfUser(user: User): Promise<SessionInfo[]>;
  /** As above, with a callback. */
  sessionsOfUser(user: User, callback: (error: any, sessions?: SessionInfo[]) => void): void;
  /** As above, with a callback that may be missing: then it returns a promise. */
  sessionsOfUser(
    user: User,
    callback: ((error: any, sessions?: SessionInfo[]) => void) | undefined,
  ): Promise<SessionInfo[]> | void;

  /**
   * Does what {@linkcode SessionStore.update} does for each session of a user: a
   * new role, a changed name. Returns how many were updated. Each session is
   * changed as a whole, but not all of them at once: what a request saves
   * meanwhile is merged. If `change` throws, the session that it threw on stays
   * as it was, and no further one is changed.
   *
   * ```ts
   * import assert from "node:assert/strict";
   * import session from "express-session";
   * import lembro from "express-lembro";
   *
   * using store = new (lembro(session))();
   * const passport = { user: "ada" };
   * for (const sid of ["a", "b"]) {
   *   await store.set(sid, Object.assign({ cookie: new session.Cookie() }, { passport }));
   * }
   * const role = "admin";
   * const changed = await store.updateUser("ada", (session) => Object.assign(session, { role }));
   * assert.deepEqual(changed, 2);
   * ```
   *
   * @throws {TypeError} If `user` is no string, number or bigint, or as {@linkcode SessionStore.update}.
   * @throws What `change` throws, and as {@linkcode SessionStore.set}.
   */
  updateUser(user: User, change: (session: SessionData) => void): Promise<number>;
  /** As above, with a callback. */
  updateUser(
    user: User,
    change: (session: SessionData) => void,
    callback: (error: any, updated?: number) => void,
  ): void;
  /** As above, with a callback that may be missing: then it returns a promise. */
  updateUser(
    user: User,
    change: (session: SessionData) => void,
    callback: ((error: any, updated?: number) => void) | undefined,
  ): Promise<number> | void;

  /**
   * Destroys every session of a user and returns how many there were. What
   * requests that began before save as sessions of that user is dropped for at
   * least ten minutes, a sign-in that was under way included.
   *
   * ```ts
   * import assert from "node:assert/strict";
   * import session from "express-session";
   * import lembro from "express-lembro";
   *
   * using store = new (lembro(session))();
   * const passport = { user: "ada" };
   * for (const sid of ["a", "b"]) {
   *   await store.set(sid, Object.assign({ cookie: new session.Cookie() }, { passport }));
   * }
   * assert.deepEqual(await store.revokeUser("ada", { except: "a" }), 1);
   * assert.deepEqual(await store.ids(), ["a"]);
   * ```
   *
   * @throws {TypeError} If `user` is no string, number or bigint, or for a bad option.
   */
  revokeUser(user: User, options?: RevokeOptions | null): Promise<number>;
  /** As above, with a callback. */
  revokeUser(user: User, callback: (error: any, revoked?: number) => void): void;
  /** As above, with a callback. */
  revokeUser(
    user: User,
    options: RevokeOptions | null | undefined,
    callback: (error: any, revoked?: number) => void,
  ): void;
  /** As above, with a promise: the last signature is the one that the compiler's messages are about. */
  revokeUser(
    user: User,
    options?: RevokeOptions | null,
    callback?: undefined,
  ): Promise<number>;

  /**
   * Returns every live session, as an object by id that has no prototype.
   *
   * ```ts
   * import assert from "node:assert/strict";
   * import session from "express-session";
   * import lembro from "express-lembro";
   *
   * using store = new (lembro(session))();
   * await store.set("a", { cookie: new session.Cookie() });
   * assert.deepEqual(Object.keys(await store.all()), ["a"]);
   * ```
   */
  all(): Promise<Record<string, SessionData>>;
  /** As above, with a callback. */
  all(callback: (error: any, sessions?: Record<string, SessionData> | null) => void): void;
  /** As above, with a callback that may be missing: then it returns a promise. */
  all(
    callback: ((error: any, sessions?: Record<string, SessionData> | null) => void) | undefined,
  ): Promise<Record<string, SessionData>> | void;

  /**
   * Returns the number of live sessions.
   *
   * ```ts
   * import assert from "node:assert/strict";
   * import session from "express-session";
   * import lembro from "express-lembro";
   *
   * using store = new (lembro(session))();
   * assert.deepEqual(await store.length(), 0);
   * ```
   */
  length(): Promise<number>;
  /** As above, with a callback. */
  length(callback: (error: any, length?: number) => void): void;
  /** As above, with a callback that may be missing: then it returns a promise. */
  length(callback: ((error: any, length?: number) => void) | undefined): Promise<number> | void;

  /**
   * Returns the ids of the live sessions.
   *
   * ```ts
   * import assert from "node:assert/strict";
   * import session from "express-session";
   * import lembro from "express-lembro";
   *
   * using store = new (lembro(session))();
   * await store.set("a", { cookie: new session.Cookie() });
   * assert.deepEqual(await store.ids(), ["a"]);
   * ```
   */
  ids(): Promise<string[]>;
  /** As above, with a callback. */
  ids(callback: (error: any, ids?: string[]) => void): void;
  /** As above, with a callback that may be missing: then it returns a promise. */
  ids(callback: ((error: any, ids?: string[]) => void) | undefined): Promise<string[]> | void;

  /**
   * Forgets all sessions. Requests that had loaded one can't save it any more.
   *
   * ```ts
   * import assert from "node:assert/strict";
   * import session from "express-session";
   * import lembro from "express-lembro";
   *
   * using store = new (lembro(session))();
   * await store.set("a", { cookie: new session.Cookie() });
   * await store.clear();
   * assert.deepEqual(await store.length(), 0);
   * ```
   */
  clear(): Promise<void>;
  /** As above, with a callback. */
  clear(callback: (error?: any) => void): void;
  /** As above, with a callback that may be missing: then it returns a promise. */
  clear(callback: ((error?: any) => void) | undefined): Promise<void> | void;

  /**
   * Forgets the expired sessions now. The interval calls it.
   *
   * ```ts
   * import assert from "node:assert/strict";
   * import session from "express-session";
   * import lembro from "express-lembro";
   *
   * using store = new (lembro(session))({ ttl: 1 });
   * await store.set("a", { cookie: new session.Cookie() });
   * await new Promise((resolve) => setTimeout(resolve, 5));
   * await store.purge();
   * assert.deepEqual(store.stats().expired, 1);
   * ```
   */
  purge(): Promise<void>;
  /** As above, with a callback. */
  purge(callback: (error?: any) => void): void;
  /** As above, with a callback that may be missing: then it returns a promise. */
  purge(callback: ((error?: any) => void) | undefined): Promise<void> | void;

  /**
   * Stops the timer, and writes and closes an open journal. May be called twice.
   * The store stays usable: it still never returns what has expired.
   *
   * ```ts
   * import assert from "node:assert/strict";
   * import session from "express-session";
   * import lembro from "express-lembro";
   *
   * using store = new (lembro(session))();
   * await store.close();
   * assert.deepEqual(await store.length(), 0);
   * ```
   *
   * @throws What the file system says of the journal.
   */
  close(): Promise<void>;
  /** As above, with a callback. */
  close(callback: (error?: any) => void): void;
  /** As above, with a callback that may be missing: then it returns a promise. */
  close(callback: ((error?: any) => void) | undefined): Promise<void> | void;

  /**
   * Closes the store at the end of a `using` block, without waiting for a journal:
   * what the file system says of that is an `error` event.
   *
   * ```ts
   * import assert from "node:assert/strict";
   * import session from "express-session";
   * import lembro from "express-lembro";
   *
   * {
   *   using store = new (lembro(session))();
   *   assert.deepEqual(await store.length(), 0);
   * }
   * ```
   */
  [Symbol.dispose](): void;

  /**
   * Closes the store at the end of an `await using` block.
   *
   * ```ts
   * import assert from "node:assert/strict";
   * import session from "express-session";
   * import lembro from "express-lembro";
   *
   * {
   *   await using store = new (lembro(session))();
   *   assert.deepEqual(await store.length(), 0);
   * }
   * ```
   */
  [Symbol.asyncDispose](): Promise<void>;

  /**
   * Iterates over the live sessions with their ids: those that are there at the
   * call, each once. Other work gets its turn in between.
   *
   * ```ts
   * import assert from "node:assert/strict";
   * import session from "express-session";
   * import lembro from "express-lembro";
   *
   * using store = new (lembro(session))();
   * await store.set("a", { cookie: new session.Cookie() });
   * for await (const [sid, { cookie }] of store) assert.deepEqual([sid, cookie.path], ["a", "/"]);
   * ```
   */
  [Symbol.asyncIterator](): AsyncIterableIterator<[sid: string, session: SessionData]>;
}

/**
 * What a store in memory does on top of that. A change has taken effect when the
 * call returns.
 *
 * ```ts
 * import assert from "node:assert/strict";
 * import session from "express-session";
 * import lembro, { type LembroMethods } from "express-lembro";
 *
 * // How full a store is, from 0 to 1, whatever it is built on.
 * const fullness = (store: LembroMethods) => store.stats().bytes / store.options.maxSize;
 *
 * using store = new (lembro(session))();
 * using plain = new (lembro({ Store: class {} }))();
 * assert.deepEqual([fullness(store), fullness(plain)], [0, 0]);
 * ```
 */
export interface LembroMethods extends SessionStore {
  /** The options in force; `maxSize` is in bytes. */
  readonly options: ResolvedOptions;

  /**
   * Brings the size of all sessions to at most 75 % of `maxSize`. When a save
   * takes the store over `maxSize`, it makes room by itself. Logs through the
   * `debug` module, with the namespace `express-lembro`.
   *
   * ```ts
   * import assert from "node:assert/strict";
   * import session from "express-session";
   * import lembro from "express-lembro";
   *
   * using store = new (lembro(session))();
   * await store.reduce();
   * assert.deepEqual(store.stats().bytes <= 0.75 * store.options.maxSize, true);
   * ```
   */
  reduce(): Promise<void>;
  /** As above, with a callback. */
  reduce(callback: (error?: any) => void): void;
  /** As above, with a callback that may be missing: then it returns a promise. */
  reduce(callback: ((error?: any) => void) | undefined): Promise<void> | void;

  /**
   * Returns the counters, synchronously.
   *
   * ```ts
   * import assert from "node:assert/strict";
   * import session from "express-session";
   * import lembro from "express-lembro";
   *
   * using store = new (lembro(session))();
   * await store.get("nobody");
   * assert.deepEqual(store.stats().misses, 1);
   * ```
   */
  stats(): LembroStats;

  /**
   * Iterates over the live sessions with their ids, synchronously: those that
   * are there at the call, each once. It may be held while the store works.
   *
   * ```ts
   * import assert from "node:assert/strict";
   * import session from "express-session";
   * import lembro from "express-lembro";
   *
   * using store = new (lembro(session))();
   * await store.set("a", { cookie: new session.Cookie() });
   * assert.deepEqual([...store.entries()].map(([sid]) => sid), ["a"]);
   * ```
   */
  entries(): IterableIterator<[sid: string, session: SessionData]>;
}

/**
 * A store in memory: what `new Lembro()` returns, on the `Store` of
 * express-session, or on another `Base`.
 *
 * ```ts
 * import assert from "node:assert/strict";
 * import session from "express-session";
 * import lembro, { type LembroStore } from "express-lembro";
 *
 * const Lembro = lembro(session);
 * using store: LembroStore = new Lembro();
 * const middleware = session({ store, secret: "s", resave: false, saveUninitialized: false });
 * assert(store instanceof session.Store && middleware.length === 3);
 * ```
 */
export type LembroStore<Base extends object = ExpressStore> =
  & LembroMethods
  & (Base extends { on: unknown } ? LembroEvented : unknown)
  & Base;

/**
 * The class that the factory returns.
 *
 * @internal
 */
export interface StoreConstructor<Base extends object> {
  // The last signature is the one that the compiler's messages are about.
  /** Creates a store with the default options. `callback` runs once, after the constructor has returned. */
  new (callback: () => void): LembroStore<Base>;
  /**
   * Creates a store.
   *
   * ```ts
   * import assert from "node:assert/strict";
   * import session from "express-session";
   * import lembro from "express-lembro";
   *
   * const Lembro = lembro(session);
   * const store = await new Promise<InstanceType<typeof Lembro>>((resolve) => {
   *   const made = new Lembro({ maxSize: "16M" }, () => resolve(made));
   * });
   * store.close();
   * assert.deepEqual(store.options.maxSize, 16 * 1024 * 1024);
   * ```
   *
   * @param options All of them can be left out. The object is never modified.
   * @param callback Runs once, after the constructor has returned.
   * @throws {TypeError | RangeError} For a bad option; names it, what it takes and what it received.
   */
  new (options?: LembroOptions | null, callback?: () => void): LembroStore<Base>;
  /** The prototype of the stores. */
  readonly prototype: LembroStore<Base>;
}
