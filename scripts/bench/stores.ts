/**
 * The stores that the bench puts side by side.
 *
 * @module
 */
// @ts-types="npm:@types/express-session@^1.18.0"
import session from "express-session";
import { LIFE_MS } from "./sessions.ts";

type Callback<Result = void> = (error?: unknown, result?: Result) => void;

/** A session of a request. */
export type Live = session.Session & session.SessionData & Record<string, unknown> & {
  views: number;
};

/** A store as the bench uses it: what not every store has is asked for first. */
export interface BenchStore extends session.Store {
  /** What express-session gives it: makes the session of a request that has none. */
  generate?(request: object): void;
  /** Ends its timers and connections, and closes its journal. */
  close?(callback?: Callback): void;
  readonly journal?: { flush(): Promise<void>; stats(): { compactions: number } };
  ids?(callback: Callback<string[]>): void;
  reduce?(callback: Callback): void;
  purge?(callback: Callback): void;
  updateUser?(user: string, change: (session: Live) => void, callback: Callback<number>): void;
  revokeUser?(user: string, options: { except?: object }, callback: Callback<number>): void;
  /** A part of what the Redis of this store says of itself; only of a store on Redis. */
  redisInfo?(section: "cpu" | "memory" | "keyspace"): Promise<Record<string, string>>;
}

/** How to open a store. */
export interface Opening {
  store: string;
  /** The limit in bytes, and as a number of sessions for a store that counts them. */
  maxSize?: number;
  maxSessions?: number;
  /** Where redis-server listens. */
  redisPort?: number;
  /** The file of its journal, and the secret of that. */
  journal?: string;
  secret?: string;
  /** How long a session lives in Redis that nobody asks for again, in milliseconds. */
  newcomerTtl?: number;
}

/** This store. */
export const OURS = "express-lembro 2";
export const OURS_ON_REDIS = "express-lembro 2 on Redis";

/** The stores whose sessions are in this process, and those whose sessions are in Redis. */
export const IN_MEMORY = ["MemoryStore", "memorystore", "express-lembro 1", OURS];
export const ON_REDIS = ["connect-redis", OURS_ON_REDIS];

/** Only what is opened is imported. */
const stores: Record<string, (opening: Opening) => Promise<unknown>> = {
  "MemoryStore": () => Promise.resolve(new session.MemoryStore()),
  async "memorystore"({ maxSessions }) {
    const { default: memorystore } = await import("memorystore");
    const store = new (memorystore(session))({ max: maxSessions });
    const purge = (callback: Callback) => {
      store.prune();
      setImmediate(callback);
    };
    return Object.assign(store, { purge });
  },
  async "express-lembro 1"({ maxSize }) {
    const { default: lembro1 } = await import("express-lembro-1");
    const store = new (lembro1(session))({ maxSize: maxSize ?? "1000G" });
    // That is what its interval does.
    const purge = (callback: Callback) => store.all!(() => callback());
    return Object.assign(store, { purge });
  },
  async [OURS]({ maxSize = Infinity, journal, secret }) {
    const { default: lembro } = await import("express-lembro");
    const store = new (lembro(session))({ maxSize, maxSessionsPerUser: 10_000 });
    if (!journal) return store;
    const { openJournal } = await import("express-lembro/journal");
    const options = secret ? { secret } : {};
    return Object.assign(store, { journal: await openJournal(store, journal, options) });
  },
  async "connect-redis"({ redisPort }) {
    const { RedisStore } = await import("connect-redis");
    const { client, ...more } = await openRedis(redisPort);
    return Object.assign(new RedisStore({ client }), more);
  },
  async [OURS_ON_REDIS]({ redisPort, newcomerTtl }) {
    const { default: lembroRedis } = await import("express-lembro/redis");
    const { client, ...more } = await openRedis(redisPort);
    return Object.assign(new (lembroRedis(session))({ client, newcomerTtl }), more);
  },
};

async function openRedis(port: number | undefined) {
  const { createClient } = await import("redis");
  const client = createClient({ url: `redis://127.0.0.1:${port}`, disableOfflineQueue: true });
  await client.connect();
  const redisInfo = async (section: string) =>
    Object.fromEntries(
      (await client.info(section)).split("\r\n").map((line) => line.split(":", 2)),
    ) as Record<string, string>;
  return { client, redisInfo, close: () => client.destroy() };
}

/** Opens a store, and gives it to express-session. */
export async function open(opening: Opening): Promise<BenchStore> {
  const store = await stores[opening.store](opening) as BenchStore;
  session({
    store,
    secret: "a secret of the bench",
    resave: false,
    saveUninitialized: false,
    cookie: { maxAge: LIFE_MS },
    genid: (request) => (request as unknown as { sid: string }).sid,
  });
  return store;
}
