/**
 * The engines that a store can have. The same tests are put to each: those of
 * Redis with `LEMBRO_ENGINE=redis`, and the port of a server of their own in
 * `REDIS_PORT`, or those of a cluster with commas between. `LEMBRO_CLIENT` names
 * one of `redis_clients.ts`. What only a store in memory promises, a test marks with
 * {@linkcode inMemory}.
 *
 * @module
 */
// @ts-types="npm:@types/express-session@^1.18.0"
import session, { type SessionData } from "express-session";
import type lembro from "express-lembro";
import { lembroRedis } from "express-lembro/redis";
import { StoredSession } from "../../src/redis/record.ts";
import sizeomatic from "sizeomatic";
import { CLIENTS } from "./redis_clients.ts";

/** Whether the tests are put to a store on Redis. */
export const isOnRedis = Deno.env.get("LEMBRO_ENGINE") === "redis";

/** For the tests of what only a store in memory has: `it`, which on Redis leaves them out. */
export function inMemory<It extends { ignore: unknown }>(it: It): It {
  return isOnRedis ? it.ignore as It : it;
}

/** A class of stores on Redis, each with keys of its own, that can stand for one in memory. */
export async function redisStores(): Promise<ReturnType<typeof lembro<typeof session.Store>>> {
  const ports = Deno.env.get("REDIS_PORT")!.split(",");
  const [client] = await CLIENTS[Deno.env.get("LEMBRO_CLIENT") ?? "redis 5"](...ports.map(Number));
  const Stores = lembroRedis(session);

  class OnRedis extends Stores {
    constructor(passed?: object | (() => void), callback?: () => void) {
      const isCallback = typeof passed === "function";
      // Its memory has no limit here.
      const { maxSize: _, interval: __, address: ___, ...rest } = {
        ...isCallback ? {} : passed,
      } as Record<string, unknown>;
      const prefix = `${crypto.randomUUID()}:`;
      super(
        { newcomerTtl: Infinity, ...rest, client, prefix },
        isCallback ? passed as () => void : callback,
      );
    }

    /** The figures that a store in memory has at once, as well. */
    override stats() {
      const kept = this.#kept().map(([, one]) => one);
      const ranked = (rank: string) => kept.filter((one) => one.rank === rank).length;
      return {
        ...super.stats(),
        sessions: kept.length,
        expired: 0,
        bytes: kept.reduce((sum, { text }) => sum + sizeomatic.getSize(text), 0),
        users: new Set(kept.flatMap(({ user }) => user ?? [])).size,
        newcomers: ranked("newcomers"),
        returning: ranked("returning"),
        protected: ranked("protected"),
      };
    }

    *entries(): Generator<[string, SessionData]> {
      const { serializer } = this.options;
      for (const [sid, { text }] of this.#kept()) yield [sid, serializer.parse(text)];
    }

    /** What Redis keeps, without waiting for it. */
    #kept(): [sid: string, kept: StoredSession][] {
      const { prefix } = this.options;
      const lua = "local all = {} for _, key in ipairs(redis.call('KEYS', ARGV[1] .. '*')) do " +
        "all[#all + 1] = key all[#all + 1] = redis.call('GET', key) end return all";
      const flat = ports.flatMap((port): string[] => {
        const { stdout } = new Deno.Command("redis-cli", {
          args: ["-p", port, "--json", "EVAL", lua, "0", prefix],
        }).outputSync();
        return JSON.parse(new TextDecoder().decode(stdout));
      });
      const now = Date.now();
      return flat.flatMap((key, n): [string, StoredSession][] =>
        n % 2 === 0 ? [[key.slice(prefix.length), new StoredSession(flat[n + 1], now)]] : []
      ).filter(([, { expires }]) => expires > now);
    }
  }
  return OnRedis as never;
}
