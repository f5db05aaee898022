import {
  CREATE,
  type LembroOptions,
  refuseUnknown,
  type ResolvedOptions,
  resolveOptions,
} from "../options.ts";
import { isObject, refusedOption } from "../util/errors.ts";
import type { LembroRedisOptions } from "./types.ts";

/**
 * The options in force in a store on Redis: complete, checked and read-only.
 *
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import session from "express-session";
 * import lembroRedis, { type ResolvedRedisOptions } from "express-lembro/redis";
 * import { createClient } from "redis";
 *
 * const client = createClient({ disableOfflineQueue: true });
 * using store = new (lembroRedis(session))({ client });
 * const { prefix, newcomerTtl }: ResolvedRedisOptions = store.options;
 * assertEquals([prefix, newcomerTtl], ["sess:", 3_600_000]);
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
    throw refusedOption(TypeError, CREATE, "options must be an object with a client", given);
  }
  for (const [name, reason] of Object.entries(NOT_HERE)) {
    const value = (given as unknown as Record<string, unknown>)[name];
    if (value === undefined) continue;
    throw refusedOption(TypeError, CREATE, `${name} is no option on Redis (${reason})`, value);
  }
  // A framework passes its whole session configuration, which has a secret.
  if (!("secret" in given)) refuseUnknown(Object.keys(given), [...OWN, ...COMMON]);
  const common: LembroOptions = {};
  for (const name of COMMON) Object.assign(common, { [name]: given[name] });
  const { interval: _, maxSize: __, address: ___, ...resolved } = resolveOptions(common);
  const { prefix = "sess:", newcomerTtl = 3_600_000, replicas = 0 } = given;
  if (typeof prefix !== "string") {
    throw refusedOption(TypeError, CREATE, "prefix must be a string", prefix);
  }
  if (typeof newcomerTtl !== "number" || !(newcomerTtl > 0)) {
    const rule = "newcomerTtl must be a number of milliseconds above 0";
    throw refusedOption(
      typeof newcomerTtl === "number" ? RangeError : TypeError,
      CREATE,
      rule,
      newcomerTtl,
    );
  }
  if (!Number.isInteger(replicas) || replicas < 0) {
    const rule = "replicas must be a whole number from 0";
    throw refusedOption(
      typeof replicas === "number" ? RangeError : TypeError,
      CREATE,
      rule,
      replicas,
    );
  }
  return Object.freeze({ ...resolved, prefix, newcomerTtl, replicas });
}
