// deno-lint-ignore-file no-explicit-any -- each client has types of its own
import {
  CREATE,
  type LembroOptions,
  refuseUnknown,
  type ResolvedOptions,
  resolveOptions,
} from "../options.ts";
import { invalidOption, isObject } from "../util/errors.ts";

/**
 * A connected client of `redis` 5 or later, alone or of a cluster, or one of
 * `ioredis` 5 or later.
 *
 * ```ts
 * import assert from "node:assert/strict";
 * import session from "express-session";
 * import lembroRedis, { type RedisClient } from "express-lembro/redis";
 * import { createClient } from "redis";
 *
 * const client: RedisClient = createClient({ disableOfflineQueue: true });
 * using store = new (lembroRedis(session))({ client });
 * assert.deepEqual(store.options.prefix, "sess:");
 * ```
 */
export type RedisClient =
  | { sendCommand(args: any): Promise<unknown>; withTypeMapping(...args: any): unknown }
  | {
    sendCommand(firstKey: any, isReadonly: any, args: any): Promise<unknown>;
    readonly masters: readonly unknown[];
    nodeClient(node: any): Promise<unknown>;
  }
  | { call(command: string, ...args: string[]): Promise<unknown> };

/**
 * A connected client that is used for nothing but subscriptions.
 *
 * ```ts
 * import assert from "node:assert/strict";
 * import session from "express-session";
 * import lembroRedis, { type RedisSubscriber } from "express-lembro/redis";
 * import { createClient } from "redis";
 *
 * const client = createClient({ disableOfflineQueue: true });
 * const subscriber: RedisSubscriber = client.duplicate();
 * using store = new (lembroRedis(session))({ client, subscriber });
 * store.on("error", () => {}); // It is not connected here.
 * store.on("gap", () => console.log("Events may be missing"));
 * assert.deepEqual(store.listenerCount("gap"), 1);
 * ```
 */
export interface RedisSubscriber {
  /** Starts hearing what is published on a channel. */
  subscribe(...args: any): Promise<unknown>;
  /** Calls `listener` at each `event`. */
  on(event: any, listener: (...args: any[]) => void): unknown;
}

/**
 * What the constructor of a store on Redis takes: `client`, and the options of
 * a store in memory but `maxSize`, `interval` and `address`.
 *
 * ```ts
 * import assert from "node:assert/strict";
 * import session from "express-session";
 * import lembroRedis, { type LembroRedisOptions } from "express-lembro/redis";
 * import { createClient } from "redis";
 *
 * const options: LembroRedisOptions = {
 *   client: createClient({ disableOfflineQueue: true }),
 *   idleTimeout: 30 * 60_000,
 * };
 * using store = new (lembroRedis(session))(options);
 * assert.deepEqual(store.options.idleTimeout, 1_800_000);
 * ```
 */
export interface LembroRedisOptions
  extends Omit<LembroOptions, "maxSize" | "interval" | "address"> {
  /** The connection. Create it without a queue, so that calls fail at once while Redis is down. */
  client: RedisClient;
  /**
   * A second connection, for the events of other processes. Without it a store
   * emits nothing but what its own process has ended. For a cluster this can be a
   * client of any one of its servers, which hears everything; a client of the
   * whole cluster does not tell when it was away, so that no `gap` is emitted.
   */
  subscriber?: RedisSubscriber | undefined;
  /**
   * How the keys of the sessions begin, as in connect-redis.
   * @default {"sess:"}
   */
  prefix?: string | undefined;
  /**
   * The lifetime, in milliseconds, of a session that nobody has asked for since
   * it was created, unless it is protected: that of a crawler, for example.
   * @default {3600000} an hour
   */
  newcomerTtl?: number | undefined;
  /**
   * How many replicas must have confirmed `destroy`, `revokeUser` and `clear`
   * before they answer. If they don't within a second, the call fails with
   * `ERR_LEMBRO_REPLICAS`, though it has taken effect.
   * @default {0}
   */
  replicas?: number | undefined;
}

/**
 * The options in force in a store on Redis: complete, checked and read-only.
 *
 * ```ts
 * import assert from "node:assert/strict";
 * import session from "express-session";
 * import lembroRedis, { type ResolvedRedisOptions } from "express-lembro/redis";
 * import { createClient } from "redis";
 *
 * const client = createClient({ disableOfflineQueue: true });
 * using store = new (lembroRedis(session))({ client });
 * const { prefix, newcomerTtl }: ResolvedRedisOptions = store.options;
 * assert.deepEqual([prefix, newcomerTtl], ["sess:", 3_600_000]);
 * ```
 */
export interface ResolvedRedisOptions
  extends Omit<ResolvedOptions, "interval" | "maxSize" | "address"> {
  /** How the keys of the sessions begin. */
  readonly prefix: string;
  /** The lifetime of a session that nobody has asked for yet, in milliseconds. */
  readonly newcomerTtl: number;
  /** How many replicas have to confirm what has ended. */
  readonly replicas: number;
}

/** What is an option of the other store, and why it is none of this one. */
const NOT_HERE = {
  maxSize: "Redis has a limit of its own, maxmemory",
  interval: "Redis forgets expired sessions by itself",
  address: "nobody is evicted, and newcomerTtl limits what crawlers take",
};

const COMMON = [
  "ttl",
  "idleTimeout",
  "absoluteTimeout",
  "isActivity",
  "user",
  "maxSessionsPerUser",
  "protect",
  "serializer",
] as const;

const OWN = ["client", "subscriber", "prefix", "newcomerTtl", "replicas"] as const;

/**
 * Checks and completes what a caller passed, which stays as it is.
 *
 * @throws {TypeError | RangeError} Naming the option, what it takes and what it received.
 */
export function resolveRedisOptions(
  given: LembroRedisOptions | null | undefined,
): ResolvedRedisOptions {
  if (!isObject(given) || Array.isArray(given)) {
    throw invalidOption(TypeError, CREATE, "options must be an object with a client", given);
  }
  for (const [name, reason] of Object.entries(NOT_HERE)) {
    const value = (given as unknown as Record<string, unknown>)[name];
    if (value === undefined) continue;
    throw invalidOption(TypeError, CREATE, `${name} is no option on Redis (${reason})`, value);
  }
  // A framework passes its whole session configuration, which has a secret.
  if (!("secret" in given)) refuseUnknown(Object.keys(given), [...OWN, ...COMMON]);
  const common: LembroOptions = {};
  for (const name of COMMON) Object.assign(common, { [name]: given[name] });
  const { interval: _, maxSize: __, address: ___, ...resolved } = resolveOptions(common);
  const { prefix = "sess:", newcomerTtl = 3_600_000, replicas = 0 } = given;
  if (typeof prefix !== "string") {
    throw invalidOption(TypeError, CREATE, "prefix must be a string", prefix);
  }
  if (typeof newcomerTtl !== "number" || !(newcomerTtl > 0)) {
    const rule = "newcomerTtl must be a number of milliseconds above 0";
    throw invalidOption(
      typeof newcomerTtl === "number" ? RangeError : TypeError,
      CREATE,
      rule,
      newcomerTtl,
    );
  }
  if (!Number.isInteger(replicas) || replicas < 0) {
    const rule = "replicas must be a whole number from 0";
    throw invalidOption(
      typeof replicas === "number" ? RangeError : TypeError,
      CREATE,
      rule,
      replicas,
    );
  }
  return Object.freeze({ ...resolved, prefix, newcomerTtl, replicas });
}
