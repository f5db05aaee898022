// What users write for sessions in Redis, in every module system.
import session from "express-session";
import lembroRedis, { lembroRedis as named } from "express-lembro/redis";
import type {
  LembroRedisOptions,
  LembroRedisStats,
  LembroRedisStore,
  RedisClient,
  RedisSubscriber,
} from "express-lembro/redis";

declare const client: RedisClient;
declare const subscriber: RedisSubscriber;

const Lembro = lembroRedis(session);
const options: LembroRedisOptions = { client, subscriber, prefix: "app:", ttl: 3_600_000 };
const store = new Lembro(options, () => {});
const middleware = session({ store, secret: "change me" });
const stats: LembroRedisStats = store.stats();
const same: LembroRedisStore = new (named(session))({ client, replicas: 1, newcomerTtl: 60_000 });

store.on("gap", () => {});
store.on("destroy", (sid, ended) => `${sid.trim()} ${ended?.cookie.path}`);
store.revokeUser("ada", { except: "a" }).then((revoked) => revoked.toFixed());
store.adopt((error, adopted) => error ?? adopted?.toFixed());
store.updateUser("ada", (kept) => void Object.assign(kept, { role: "admin" }));

async function list(): Promise<string[]> {
  const sids: string[] = [];
  for await (const [sid, kept] of store) sids.push(`${sid} ${kept.cookie.path}`);
  return sids;
}

// @ts-expect-error It needs a client.
new Lembro({});
// @ts-expect-error Redis has a limit of its own.
new Lembro({ client, maxSize: "4M" });
// @ts-expect-error There is for await.
store.entries();

export { list, middleware, same, stats };
