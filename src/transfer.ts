/**
 * Copies sessions from one store to another, each with the life it has left: for
 * the day when one process is no longer enough, and for the way back.
 *
 * ```ts
 * import assert from "node:assert/strict";
 * import session from "express-session";
 * import lembro from "express-lembro";
 * import { transferSessions } from "express-lembro/transfer";
 *
 * using store = new (lembro(session))();
 * await store.set("a", { cookie: new session.Cookie() });
 * // Any store will do: connect-redis, a database.
 * const other = new session.MemoryStore();
 * const { transferred, failed } = await transferSessions(store, other);
 * assert.deepEqual([transferred, failed], [1, []]);
 * ```
 *
 * @module
 */
// @ts-types="npm:@types/express-session@^1.18.0"
import type { SessionData } from "express-session";
import {
  type Arrival,
  type Entry,
  isOpen,
  type Outcome,
  type Port,
  portOf,
  type Restore,
  restorerOf,
} from "./core/port.ts";
import { dateOf, earlierOf } from "./core/record/expiry.ts";
import { serialize } from "./core/record/record.ts";
import type { SessionInfo } from "./core/vault/entry.ts";
import { readSignal, unlessAborted } from "./util/abort.ts";
import {
  checkOptions,
  failure,
  invalid,
  invalidOption,
  isFunction,
  isObject,
} from "./util/errors.ts";
import { sliced, yieldIfSpent } from "./util/slices.ts";
import { now } from "./util/time.ts";

const TRANSFER = "transfer sessions";

/**
 * A store to take sessions from: one of this package, or one that has `ids`
 * and `get`, or `all`.
 *
 * ```ts
 * import assert from "node:assert/strict";
 * import session from "express-session";
 * import { type SourceStore, transferSessions } from "express-lembro/transfer";
 *
 * const old = new Map([["a", { cookie: new session.Cookie() }]]);
 * const from: SourceStore = { all: (callback) => callback(null, Object.fromEntries(old)) };
 * const { transferred } = await transferSessions(from, new session.MemoryStore());
 * assert.deepEqual(transferred, 1);
 * ```
 */
export interface SourceStore {
  /** Calls back with the ids of all sessions. */
  ids?(callback: (error?: unknown, ids?: string[] | null) => void): unknown;
  /** Calls back with a session. */
  get?(sid: string, callback: (error?: unknown, session?: SessionData | null) => void): unknown;
  /** Calls back with all sessions: by id, or in an array if each has its id as `id`. */
  all?(
    callback: (
      error?: unknown,
      sessions?: SessionData[] | { [sid: string]: SessionData } | null,
    ) => void,
  ): unknown;
}

/**
 * A store to bring sessions to: any store for express-session.
 *
 * ```ts
 * import assert from "node:assert/strict";
 * import session from "express-session";
 * import lembro from "express-lembro";
 * import { type TargetStore, transferSessions } from "express-lembro/transfer";
 *
 * using store = new (lembro(session))();
 * await store.set("a", { cookie: new session.Cookie() });
 * const arrived: string[] = [];
 * const to: TargetStore = {
 *   set(sid, _session, callback) {
 *     arrived.push(sid);
 *     callback();
 *   },
 *   destroy: (_sid, callback) => callback(),
 * };
 * await transferSessions(store, to);
 * assert.deepEqual(arrived, ["a"]);
 * ```
 */
export interface TargetStore {
  /** Saves a session; asks its cookie how long it has to live. */
  set(sid: string, session: SessionData, callback: (error?: unknown) => void): unknown;
  /** Forgets a session. */
  destroy(sid: string, callback: (error?: unknown) => void): unknown;
}

/**
 * How to transfer. Every option may be left out.
 *
 * ```ts
 * import assert from "node:assert/strict";
 * import session from "express-session";
 * import lembro from "express-lembro";
 * import { type TransferOptions, transferSessions } from "express-lembro/transfer";
 *
 * using store = new (lembro(session))();
 * for (const sid of ["a", "b"]) await store.set(sid, { cookie: new session.Cookie() });
 * const said: string[] = [];
 * const options: TransferOptions = {
 *   concurrency: 1,
 *   onProgress: ({ transferred, total }) => said.push(`${transferred} of ${total}`),
 * };
 * await transferSessions(store, new session.MemoryStore(), options);
 * assert.deepEqual(said, ["1 of 2", "2 of 2"]);
 * ```
 */
export interface TransferOptions {
  /**
   * How many sessions are on their way at once, at most: a whole number from 1.
   * @default {16}
   */
  concurrency?: number | undefined;
  /**
   * Called after each session. A promise that it returns is waited for. What
   * it throws ends the transfer.
   */
  onProgress?: ((progress: TransferProgress) => unknown) | undefined;
  /**
   * Gives it up: it rejects with the reason of the signal at once, and nothing
   * more is sent. What has arrived stays.
   */
  signal?: AbortSignal | undefined;
}

/** The options in force. */
type Settings = Required<Omit<TransferOptions, "signal">> & { signal: AbortSignal | undefined };

/**
 * How far a transfer has come.
 *
 * ```ts
 * import assert from "node:assert/strict";
 * import session from "express-session";
 * import lembro from "express-lembro";
 * import { type TransferProgress, transferSessions } from "express-lembro/transfer";
 *
 * using store = new (lembro(session))();
 * await store.set("a", { cookie: new session.Cookie() });
 * const all: TransferProgress[] = [];
 * const onProgress = (progress: TransferProgress) => all.push(progress);
 * await transferSessions(store, new session.MemoryStore(), { onProgress });
 * assert.deepEqual(all, [{ transferred: 1, expired: 0, failed: 0, total: 1 }]);
 * ```
 */
export interface TransferProgress {
  /** How many sessions have arrived. */
  transferred: number;
  /** How many had expired, and were not sent. */
  expired: number;
  /** How many could not be transferred. */
  failed: number;
  /** How many there were at the start; those that are destroyed meanwhile are counted nowhere else. */
  total: number;
}

/**
 * What came of a transfer.
 *
 * ```ts
 * import assert from "node:assert/strict";
 * import session from "express-session";
 * import lembro from "express-lembro";
 * import { type TransferResult, transferSessions } from "express-lembro/transfer";
 *
 * using store = new (lembro(session))();
 * const cookie = new session.Cookie();
 * await store.set("large", Object.assign({ cookie }, { text: "x".repeat(1000) }));
 * using small = new (lembro(session))({ maxSize: "1K" });
 * const { transferred, failed }: TransferResult = await transferSessions(store, small);
 * assert.deepEqual([transferred, failed.map(({ sid }) => sid)], [0, ["large"]]);
 * ```
 */
export interface TransferResult {
  /** How many sessions have arrived. */
  transferred: number;
  /** How many had expired, and were not sent. */
  expired: number;
  /** The sessions that could not be transferred, each with what the stores gave as the error. */
  failed: { sid: string; error: unknown }[];
}

/**
 * Copies every live session to another store, under its id, with the life it
 * has left. The source is left as it is. What fails doesn't stop the rest.
 *
 * A session whose cookie has no expiry lives in a store for a time that this
 * store alone knows; it is carried over from stores of this package and from
 * `connect-redis`. From others such a session starts with the time that the
 * target has for a new one. The cookie stays as it was kept. From memory to
 * Redis and back, stores of this package carry rank, creation, last use and user
 * as well; and what is signed out during the transfer at one on Redis stays so.
 *
 * Transfer while no request is under way: what is saved at the source
 * meanwhile may stay behind. What is destroyed there meanwhile is destroyed at
 * the target too, if the source is a store of this package.
 *
 * ```ts
 * import assert from "node:assert/strict";
 * import session from "express-session";
 * import lembro from "express-lembro";
 * import { transferSessions } from "express-lembro/transfer";
 *
 * const Lembro = lembro(session);
 * using from = new Lembro({ ttl: 3_600_000 });
 * using to = new Lembro({ maxSize: "64M" });
 * await from.set("a", { cookie: new session.Cookie() });
 * const result = await transferSessions(from, to, { concurrency: 4 });
 * assert.deepEqual(result, { transferred: 1, expired: 0, failed: [] });
 * assert.deepEqual(await to.get("a"), await from.get("a"));
 * ```
 *
 * @param from The store that has the sessions.
 * @param to The store that gets them; a session that it has under the same id is replaced.
 * @throws {TypeError | RangeError} For a store that can't be used, or a bad option.
 * @throws What `onProgress` threw, or what the source gave instead of its ids.
 */
export async function transferSessions(
  from: SourceStore,
  to: TargetStore,
  options?: TransferOptions,
): Promise<TransferResult> {
  const settings = readOptions(options);
  const { signal } = settings;
  const transfer = new Transfer(readTarget(to, from), from, settings);
  const source = await unlessAborted(signal, sourceOf(from, transfer.sent));
  try {
    return await unlessAborted(signal, transfer.run(source));
  } finally {
    source.close?.();
  }
}

/** What there is to transfer. */
interface Source {
  readonly total: number;
  /** Each session once, and `undefined` in the place of one that has expired. */
  readonly candidates: Iterable<Candidate | undefined>;
  /** Whether a session is still there, if the source does not tell which ones have ended. */
  has?(sid: string): Promise<boolean>;
  /** Stops observing the source. */
  close?(): void;
}

/** A session that is to be transferred. */
interface Candidate {
  readonly sid: string;
  /** What to send; nothing if the session has left meanwhile. */
  read(): Copy | undefined | Promise<Copy | undefined>;
}

/** A session, and what its store knows of it. */
type Copy = Omit<Arrival, "sid">;

/** The sessions that were sent. */
class Sent {
  /** By id, whose they are at the source. */
  readonly users = new Map<string, string | undefined>();
  /** Those that have ended there since. */
  readonly ended = new Set<string>();

  end(sid: string): void {
    if (this.users.has(sid)) this.ended.add(sid);
  }
}

/** One transfer: where it goes, and how far it has come. */
class Transfer {
  readonly #to: TargetStore;
  /** For a target that keeps more than what `set` brings. */
  readonly #restore: Restore | undefined;
  readonly #options: Settings;
  readonly #result: TransferResult = { transferred: 0, expired: 0, failed: [] };
  readonly sent = new Sent();

  constructor(to: TargetStore, from: SourceStore, options: Settings) {
    this.#to = to;
    const port = isOpen(from) ? portOf(to) : undefined;
    this.#restore = port ? (arrival) => this.#restoreInMemory(port, arrival) : restorerOf(to);
    this.#options = options;
  }

  async run(source: Source): Promise<TransferResult> {
    const { total } = source;
    const { users, ended } = this.sent;
    await this.#each(source.candidates, total, async (candidate) => {
      if (!candidate) this.#result.expired++;
      else if (!await this.#collect(candidate.sid, () => this.#send(candidate))) {
        users.delete(candidate.sid);
      }
      return true;
    });
    // A logout sticks, even one while the session was on its way.
    if (source.has) {
      await this.#each(users.keys(), total, async (sid) => {
        const isThere = await this.#collect(sid, () => source.has!(sid));
        if (isThere === false) ended.add(sid);
        if (isThere !== undefined) return false;
        this.#result.transferred--;
        return true;
      });
    }
    // What ends while others are taken back is found by another pass.
    while (ended.size > 0) {
      await this.#each([...ended], total, async (sid) => {
        ended.delete(sid);
        if (!users.delete(sid)) return false;
        this.#result.transferred--;
        await this.#collect(sid, () => answerOf<void>((done) => this.#to.destroy(sid, done)));
        return true;
      });
    }
    return this.#result;
  }

  /** Sends a session. Returns whether it has arrived. */
  async #send({ sid, read }: Candidate): Promise<boolean> {
    const copy = await read();
    if (!copy) return false;
    let outcome: Outcome = "expired";
    if ((copy.expires ?? Infinity) > now()) {
      this.#options.signal?.throwIfAborted();
      outcome = this.#restore ? await this.#restore({ ...copy, sid }) : await this.#set(sid, copy);
    }
    if (outcome === "expired") this.#result.expired++;
    if (outcome === "arrived") this.#result.transferred++;
    return outcome === "arrived";
  }

  async #set(sid: string, copy: Copy): Promise<Outcome> {
    const session = withLife(copy);
    await answerOf<void>((callback) => this.#to.set(sid, session, callback));
    return "arrived";
  }

  /**
   * Brings what a store on Redis knew of a session to one in memory: as a session
   * of a file, if there is room for it and none with its id.
   */
  async #restoreInMemory(port: Port, { sid, ...copy }: Arrival): Promise<Outcome> {
    const { session, rank, created, lastUsed, user } = copy as Required<Copy>;
    const end = copy.expires ?? Infinity;
    const expires = earlierOf(end, session, sid, lastUsed, created, port.options);
    if (expires <= now()) return "expired";
    const text = serialize(session, port.options.serializer);
    const restoration = port.restore();
    restoration.put(
      { sid, rank, created, lastUsed, user, expires, cookie: undefined, text },
      false,
      0,
    );
    const { sessions } = await sliced(restoration.enter({
      unreadable: (_, cause) => cause as Error,
      refused(_, cause) {
        throw cause;
      },
    }));
    return sessions > 0 ? "arrived" : await this.#set(sid, { ...copy, expires });
  }

  /**
   * Does `work` for all of `items`, several at once, with turns for the app in
   * between, and tells how far it is after each for which that returns so. After
   * an error it begins no other, and ends with it once those under way have ended.
   */
  async #each<Item>(
    items: Iterable<Item>,
    total: number,
    work: (item: Item) => Promise<boolean>,
  ): Promise<void> {
    const { concurrency, signal, onProgress } = this.#options;
    // One generator for all workers: an error in one of them ends it.
    const queue = each(items, (item) => item);
    const worker = async () => {
      for (const item of queue) {
        signal?.throwIfAborted();
        if (await work(item) && !signal?.aborted) {
          const { transferred, expired, failed } = this.#result;
          await onProgress({ transferred, expired, failed: failed.length, total });
        }
        await yieldIfSpent();
      }
    };
    const length = Math.min(concurrency, total);
    for (const ended of await Promise.allSettled(Array.from({ length }, worker))) {
      if (ended.status === "rejected") throw ended.reason;
    }
  }

  /** Returns what `work` returns, or notes why it failed. */
  async #collect<Result>(sid: string, work: () => Promise<Result>): Promise<Result | undefined> {
    try {
      return await work();
    } catch (error) {
      this.#result.failed.push({ sid, error });
    }
  }
}

async function sourceOf(from: SourceStore, sent: Sent): Promise<Source> {
  const port = portOf(from);
  if (port) return inMemory(port, sent);
  const { ids, get, all } = from ?? {};
  if (isOpen(from)) return await onRedis(from as never, sent);
  if (isFunction(ids) && isFunction(get)) return await listed(from as Required<SourceStore>);
  if (isFunction(all)) return await whole(from as Required<SourceStore>);
  throw invalid(TypeError, TRANSFER, "from must be a store with ids and get, or with all", from);
}

/**
 * A store of this package in memory: entry by entry, so that nothing counts as
 * asked for. It tells which sessions were signed out meanwhile, even if they had
 * been evicted before.
 */
function inMemory(port: Port, sent: Sent): Source {
  const candidateOf = (entry: Entry): Candidate => ({
    sid: entry.sid,
    read() {
      const { sid, expires, created, lastUsed, rank, user } = entry;
      const session = port.sessionOf(entry);
      sent.users.set(sid, port.userOf(session, sid));
      return { session, expires, created, lastUsed, rank, user };
    },
  });
  const close = port.observe({
    delete: ({ sid }, reason) => {
      if (reason === "destroy") sent.end(sid);
    },
    end: (sid) => sent.end(sid),
    revoke: (user, spared) => {
      for (const [sid, owner] of sent.users) if (owner === user && sid !== spared) sent.end(sid);
    },
    truncate: () => {
      for (const sid of sent.users.keys()) sent.end(sid);
    },
  });
  return {
    total: port.size,
    candidates: each(port.walk(), (entry) => entry && candidateOf(entry)),
    close,
  };
}

/** What a store of this package on Redis has. */
interface RedisStore {
  ids(): Promise<string[]>;
  info(sid: string): Promise<SessionInfo | undefined>;
}

/** Such a store. What has ended in another process shows when it is asked once more. */
async function onRedis(from: RedisStore, sent: Sent): Promise<Source> {
  const ids = await from.ids();
  const candidateOf = (sid: string): Candidate => ({
    sid,
    async read() {
      const info = await from.info(sid);
      if (!info) return undefined;
      sent.users.set(sid, undefined);
      const { session, created, lastUsed, rank, user, expires } = info;
      return {
        session,
        expires: expires?.getTime() ?? Infinity,
        created: created.getTime(),
        lastUsed: lastUsed.getTime(),
        rank,
        user,
      };
    },
  });
  const has = async (sid: string) => await from.info(sid) !== undefined;
  return { total: ids.length, candidates: each(ids, candidateOf), has };
}

/** A store that returns its sessions one by one. */
async function listed(from: Required<SourceStore>): Promise<Source> {
  const ids = await answerOf<string[]>((callback) => from.ids(callback)) ?? [];
  const read = (sid: string) => readFrom(from, sid);
  return { total: ids.length, candidates: each(ids, (sid) => ({ sid, read: () => read(sid) })) };
}

/** A store that returns its sessions all at once. */
async function whole(from: Required<SourceStore>): Promise<Source> {
  type All = (SessionData & { id?: unknown })[] | Record<string, SessionData>;
  const all = await answerOf<All>((callback) => from.all(callback)) ?? [];
  const sessions = Array.isArray(all) ? all.map(withoutId) : Object.entries(all);
  return {
    total: sessions.length,
    candidates: each(sessions, ([sid, session]) => ({ sid, read: () => copyOf(session) })),
  };
}

function* each<Item, Made>(items: Iterable<Item>, make: (item: Item) => Made): Generator<Made> {
  for (const item of items) yield make(item);
}

/** A session of an array, and its id, which is the store's and no part of it. */
function withoutId({ id, ...session }: SessionData & { id?: unknown }): [string, SessionData] {
  if (typeof id === "string") return [id, session];
  throw invalid(
    TypeError,
    TRANSFER,
    "from.all must return sessions by id, or each with its id",
    id,
    "ERR_LEMBRO_RESULT",
  );
}

async function readFrom(from: Required<SourceStore>, sid: string): Promise<Copy | undefined> {
  const session = await answerOf<SessionData>((callback) => from.get(sid, callback));
  if (!session) return undefined;
  const copy = copyOf(session);
  if (copy.expires !== undefined) return copy;
  const left = await lifeInRedis(from, sid);
  return left === undefined ? copy : { ...copy, expires: now() + left };
}

/** What connect-redis leaves to Redis: how long a key has to live, in milliseconds. */
async function lifeInRedis(from: object, sid: string): Promise<number | undefined> {
  const { client, prefix } = from as {
    client?: { pTTL?(key: string): Promise<number> };
    prefix?: unknown;
  };
  if (!isFunction(client?.pTTL) || typeof prefix !== "string") return undefined;
  const left = await client.pTTL(prefix + sid);
  // Redis says so of a key that lives for ever.
  return left === -1 ? Infinity : left;
}

function copyOf(session: SessionData): Copy {
  if (!isObject(session)) {
    throw invalid(
      TypeError,
      TRANSFER,
      "each session must be an object",
      session,
      "ERR_LEMBRO_RESULT",
    );
  }
  const { cookie } = session;
  const maxAge: unknown = cookie?.maxAge;
  const end = Number.isFinite(maxAge) ? now() + (maxAge as number) : undefined;
  return { session: { ...session }, expires: dateOf(cookie) ?? end };
}

/**
 * The session with a cookie that tells a store when it expires, as those of
 * express-session do; written as JSON it is what was kept. One without a date
 * must not get one there: the browser's cookie would outlive the browser.
 */
function withLife({ session, expires = Infinity }: Copy): SessionData {
  const date = new Date(expires);
  // It lives for ever, or for a time that nobody knows.
  if (Number.isNaN(date.getTime())) return session;
  const kept: unknown = session.cookie;
  const { toJSON } = (kept ?? {}) as { toJSON?: unknown };
  const data = isFunction(toJSON) ? toJSON.call(kept) : kept;
  const property = (name: string, value: unknown) => ({
    value,
    enumerable: (data?.[name] ?? undefined) !== undefined,
    configurable: true,
    writable: true,
  });
  const cookie = Object.defineProperties({ ...data }, {
    expires: property("expires", date),
    maxAge: property("maxAge", expires - now()),
    toJSON: { ...property("toJSON", () => data), enumerable: false },
  });
  return Object.defineProperty(session, "cookie", {
    value: cookie,
    enumerable: kept !== undefined,
    configurable: true,
    writable: true,
  });
}

/** Returns what a method of a store calls back with. Rejects, too, if it throws or its promise rejects. */
function answerOf<Result>(
  call: (callback: (error?: unknown, result?: Result | null) => void) => unknown,
): Promise<Result | null | undefined> {
  return new Promise((resolve, reject) => {
    const given = call((error, result) => error ? reject(error) : resolve(result));
    (given as Partial<PromiseLike<unknown>> | null | undefined)?.then?.(undefined, reject);
  });
}

function readTarget(to: TargetStore, from: SourceStore): TargetStore {
  if (!isFunction(to?.set) || !isFunction(to.destroy)) {
    throw invalid(TypeError, TRANSFER, "to must be a store with set and destroy", to);
  }
  if (to as unknown === from) {
    const message =
      `Cannot ${TRANSFER}: from and to must be two stores: received the same one twice`;
    throw failure(TypeError, "ERR_LEMBRO_ARGUMENT", message);
  }
  return to;
}

function readOptions(given: TransferOptions = {}): Settings {
  checkOptions(TRANSFER, given, ["concurrency", "onProgress", "signal"]);
  const { concurrency = 16, onProgress = () => {} } = given;
  if (!Number.isInteger(concurrency) || concurrency < 1) {
    const Kind = typeof concurrency === "number" ? RangeError : TypeError;
    throw invalidOption(Kind, TRANSFER, "concurrency must be a whole number from 1", concurrency);
  }
  if (!isFunction(onProgress)) {
    throw invalidOption(TypeError, TRANSFER, "onProgress must be a function", onProgress);
  }
  return { concurrency, onProgress, signal: readSignal(TRANSFER, given.signal) };
}
