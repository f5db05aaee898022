/**
 * The stores that the bench puts side by side.
 *
 * @module
 */
// @ts-types="npm:@types/express-session@^1.18.0"
import session from "express-session";

type Callback<Result = void> = (error?: unknown, result?: Result) => void;

/** A store as the bench uses it: what not every store has is asked for first. */
export interface BenchStore extends session.Store {
  /** What express-session gives it: makes the session of a request that has none. */
  generate?(request: object): void;
  /** Ends its timers and connections. */
  close?(): void;
  ids?(callback: Callback<string[]>): void;
  reduce?(callback: Callback): void;
  purge?(callback: Callback): void;
  stats?(): { bytes: number; sessions: number };
  /** Destroys all sessions of a user but that of the request in `except`. */
  revokeUser?(user: string, options: { except?: object }, callback: Callback<number>): void;
  /** How many sessions it keeps, at once and without parsing them; not in {@linkcode REDIS}. */
  size?(): number;
}

/** The result of a method of a store, as a promise. */
export function call<Result>(
  work: (callback: (error?: unknown, result?: Result | null) => void) => void,
): Promise<Result | null | undefined> {
  return new Promise((resolve, reject) =>
    work((error, result) => error ? reject(error) : resolve(result))
  );
}

/** How to open a store. */
export interface Opening {
  /** The limit, in bytes; none if left out. */
  maxSize?: number;
  /** The limit as a number of sessions, for a store that counts them. */
  sessions?: number;
  /** How many sessions a user may have, where the store knows of users; its default, if left out. */
  sessionsPerUser?: number;
  /** Where redis-server listens. */
  redisPort?: number;
  /** The module to take {@linkcode OURS} from; the package, if left out. */
  module?: string;
}

/**
 * What a store in memory can't do without: a `Map` of JSON text, and callbacks
 * by one `setImmediate` each, as every store here defers them. No expiry, no
 * limit, no order, no protection of anything.
 */
class BareLimit extends session.Store {
  readonly #texts = new Map<string, string>();

  get(sid: string, callback: Callback<session.SessionData>): void {
    const text = this.#texts.get(sid);
    setImmediate(callback, null, text === undefined ? undefined : JSON.parse(text));
  }

  set(sid: string, live: session.SessionData, callback: Callback): void {
    this.#texts.set(sid, JSON.stringify(live));
    setImmediate(callback, null);
  }

  override touch(sid: string, live: session.SessionData, callback: Callback): void {
    const text = this.#texts.get(sid);
    if (text !== undefined) {
      const kept = JSON.parse(text);
      kept.cookie = live.cookie;
      this.#texts.set(sid, JSON.stringify(kept));
    }
    setImmediate(callback, null);
  }

  destroy(sid: string, callback: Callback): void {
    this.#texts.delete(sid);
    setImmediate(callback, null);
  }
}

/** This store. */
export const OURS = "express-lembro 2";

/** What is no store, but what a store can be measured by. */
export const BARE = "bare limit";

/** The one whose sessions are in another process. */
export const REDIS = "connect-redis";

/** Each store by its name; only what is opened is imported. */
export const peers: Record<string, (opening: Opening) => BenchStore | Promise<BenchStore>> = {
  [BARE]: () => new BareLimit() as BenchStore,
  "MemoryStore": () => sized(new session.MemoryStore()),
  "memorystore": async ({ sessions }) => {
    const { default: memorystore } = await import("memorystore");
    const store = new (memorystore(session))({ max: sessions }) as unknown as BenchStore & {
      prune(): void;
      store: { itemCount: number };
    };
    store.size = () => store.store.itemCount;
    store.purge = (callback) => {
      store.prune();
      setImmediate(callback);
    };
    return store;
  },
  "express-lembro 1": async ({ maxSize }) => {
    const { default: lembro1 } = await import("express-lembro-1");
    const store = sized(new (lembro1(session))({ maxSize: maxSize ?? "1000G" }));
    // That is what its interval does.
    store.purge = (callback) => store.all!(() => callback());
    return store;
  },
  [REDIS]: async ({ redisPort }) => {
    const { RedisStore } = await import("connect-redis");
    const { createClient } = await import("redis");
    const client = createClient({ url: `redis://127.0.0.1:${redisPort}` });
    await client.connect();
    await client.flushDb();
    const store = new RedisStore({ client }) as unknown as BenchStore;
    return Object.assign(store, { close: () => client.destroy() });
  },
  [OURS]: async ({ maxSize = Infinity, sessionsPerUser, module = "express-lembro" }) => {
    const { default: lembro }: typeof import("express-lembro") = await import(module);
    const Lembro = lembro(session);
    // An older one that is measured beside refuses an option that it doesn't know.
    const knowsUsers = sessionsPerUser !== undefined && "revokeUser" in Lembro.prototype;
    const options = knowsUsers ? { maxSize, maxSessionsPerUser: sessionsPerUser } : { maxSize };
    const store = new Lembro(options) as unknown as BenchStore;
    store.size = () => store.stats!().sessions;
    return store;
  },
};

/** A store that keeps its sessions in an object. */
function sized(store: session.Store): BenchStore {
  const { sessions } = store as unknown as { sessions: object };
  return Object.assign(store, { size: () => Object.keys(sessions).length });
}
