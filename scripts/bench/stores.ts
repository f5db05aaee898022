/**
 * The stores that the bench puts side by side.
 *
 * @module
 */
// @ts-types="npm:@types/express-session@^1.18.0"
import session from "express-session";
import { randomUUID } from "node:crypto";
import { join } from "node:path";
import { bytesOf, contentOf, LIFE_MS } from "./sessions.ts";

type Callback<Result = void> = (error?: unknown, result?: Result) => void;

/** A session of a request. */
export type Live = session.Session & session.SessionData & Record<string, unknown> & {
  views: number;
};

/** A store as the bench uses it: what not every store has is asked for first. */
export interface BenchStore extends session.Store {
  /** What express-session gives it: makes the session of a request that has none. */
  generate?(request: object): void;
  close?(callback: Callback): void;
  readonly journal?: { flush(): Promise<void> };
  /** What serves the sessions of this store to an app. */
  readonly middleware: ReturnType<typeof session>;
  ids?(callback: Callback<string[]>): void;
  revokeUser?(user: string, options: object, callback: Callback<number>): void;
  /** The sum of numbers that the Redis of this store says of itself; only of a store on Redis. */
  redisInfo?(section: "cpu" | "memory" | "keyspace", numbers: RegExp): Promise<number>;
}

/** How to open a store. */
export interface Opening {
  store: string;
  /** The limit in bytes; none if there is none here. */
  maxSize?: number;
  /** Where redis-server listens; several are a cluster. */
  redisPorts?: number[];
  /** How long a session lives in Redis that nobody asks for again, in milliseconds. */
  newcomerTtl?: number;
  /** Where a journal is. */
  folder?: string;
}

/** The limit of a store by default, in bytes. */
export const LIMIT = 4 * 1024 * 1024;

/** What a session of the bench takes. */
export const SESSION_BYTES = bytesOf({
  cookie: Object.assign(new session.Cookie(), { maxAge: LIFE_MS }),
  ...contentOf(0),
});

/** How many of them the default limit holds. */
export const ROOM = LIMIT / SESSION_BYTES;

/** This store. */
export const OURS = "express-lembro 2";
export const OURS_ON_REDIS = "express-lembro 2 on Redis";

/** The stores whose sessions are in this process, and those whose sessions are in Redis. */
export const IN_MEMORY = ["MemoryStore", "memorystore", "express-lembro 1", OURS];
export const ON_REDIS = ["connect-redis", OURS_ON_REDIS];

/** Only what is opened is imported. */
const stores: Record<string, (opening: Opening) => Promise<unknown>> = {
  "MemoryStore": () => Promise.resolve(new session.MemoryStore()),
  async "memorystore"({ maxSize = Infinity }) {
    const { default: memorystore } = await import("memorystore");
    // It counts sessions.
    return new (memorystore(session))({ max: Math.floor(maxSize / SESSION_BYTES) });
  },
  async "express-lembro 1"({ maxSize = "1000G" }) {
    const { default: lembro1 } = await import("express-lembro-1");
    return new (lembro1(session))({ maxSize });
  },
  async [OURS]({ maxSize = Infinity }) {
    const { default: lembro } = await import("express-lembro");
    return new (lembro(session))({ maxSize, maxSessionsPerUser: 10_000 });
  },
  "journal": (opening) => withJournal(opening, {}),
  "sealed journal": (opening) => withJournal(opening, { secret: "a secret" }),
  async "connect-redis"({ redisPorts = [] }) {
    const { RedisStore } = await import("connect-redis");
    const { client, ...more } = await openRedis(redisPorts);
    return Object.assign(new RedisStore({ client }), more);
  },
  async [OURS_ON_REDIS]({ redisPorts = [], newcomerTtl }) {
    const { default: lembroRedis } = await import("express-lembro/redis");
    const { client, ...more } = await openRedis(redisPorts);
    return Object.assign(new (lembroRedis(session))({ client, newcomerTtl }), more);
  },
};

async function withJournal({ folder }: Opening, options: { secret?: string }) {
  const { openJournal } = await import("express-lembro/journal");
  const store = await stores[OURS]({ store: OURS }) as never;
  const journal = await openJournal(store, join(folder!, "journal"), options);
  return Object.assign(store, { journal });
}

/** A client of one server, or of a cluster. */
async function openRedis(ports: number[]) {
  const { createClient, createCluster } = await import("redis");
  const [one, ...more] = ports.map((port) => ({ url: `redis://127.0.0.1:${port}` }));
  const defaults = { disableOfflineQueue: true };
  const single = createClient({ ...one, ...defaults });
  const client = more.length > 0 ? createCluster({ rootNodes: [one, ...more], defaults }) : single;
  client.on("error", (error) => console.error(error));
  await client.connect();
  const redisInfo = async (section: string, numbers: RegExp) => {
    const found = [...(await single.info(section)).matchAll(numbers)];
    return found.reduce((sum, [, number]) => sum + Number(number), 0);
  };
  return { client, redisInfo, close: () => client.destroy() };
}

/** Opens a store, and gives it to express-session. */
export async function open(opening: Opening): Promise<BenchStore> {
  const store = await stores[opening.store](opening) as BenchStore;
  const middleware = session({
    store,
    secret: "a secret of the bench",
    resave: false,
    saveUninitialized: false,
    cookie: { maxAge: LIFE_MS },
    // Without an app the bench says which id it is.
    genid: (request) => (request as { sid?: string }).sid ?? randomUUID(),
  });
  return Object.assign(store, { middleware });
}
