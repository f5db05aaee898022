/**
 * A real redis-server, and a store of connect-redis on it.
 *
 * @module
 */
import { assert } from "@std/assert";
import { RedisStore } from "connect-redis";
import { createClient } from "redis";
import { type Redis, startRedis } from "../../scripts/support/redis_server.ts";

/** Whether there is a redis-server. Where there has to be one, it is not asked for. */
export function hasRedis(): boolean {
  try {
    return Deno.env.has("CI") ||
      new Deno.Command("redis-server", { args: ["--version"] }).outputSync().success;
  } catch {
    console.log("Skipped the tests with Redis: there is no redis-server on the PATH.");
    return false;
  }
}

/** Waits until `check` does not throw, for half a minute at most. */
export async function eventually(check: () => void | Promise<void>): Promise<void> {
  for (const end = Date.now() + 30_000;;) {
    try {
      return await check();
    } catch (error) {
      if (Date.now() > end) throw error;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }
}

/** A redis-server of our own, and a client of it. */
export class RedisSite implements AsyncDisposable {
  readonly url: string;
  readonly client: ReturnType<typeof createClient>;
  readonly #server: Redis;

  private constructor(server: Redis) {
    this.#server = server;
    this.url = `redis://127.0.0.1:${server.port}`;
    this.client = createClient({ url: this.url });
    // It tries until the server is there.
    this.client.on("error", () => {});
  }

  static async start(): Promise<RedisSite> {
    const server = await startRedis();
    assert(server, "there is no redis-server on the PATH");
    const site = new RedisSite(server);
    await site.client.connect();
    return site;
  }

  /** A store on it, empty. */
  async store(): Promise<RedisStore> {
    await this.client.flushDb();
    return new RedisStore({ client: this.client });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.client.destroy();
    await this.#server[Symbol.asyncDispose]();
  }
}
