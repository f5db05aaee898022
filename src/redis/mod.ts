/**
 * A session store for Express apps of any number of processes, on Redis or
 * Valkey, with the interface and the promises of the one in memory.
 *
 * @module
 */
export { lembroRedis, lembroRedis as default } from "./store.ts";
export type {
  LembroRedisOptions,
  RedisClient,
  RedisSubscriber,
  ResolvedRedisOptions,
} from "./options.ts";
export type {
  LembroRedisEvented,
  LembroRedisEvents,
  LembroRedisStats,
  LembroRedisStore,
  RedisStore,
  RedisStoreConstructor,
} from "./types.ts";
