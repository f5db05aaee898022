/**
 * What this store promises, asked of it and of its peers, as a table that can be
 * read at a glance.
 *
 *     deno task compare [--write]
 *
 * `--write` puts the table into the README.
 *
 * @module
 */
import { gated, overtaken, PARALLEL, serve } from "../races/main.ts";
import type { Browser, Processes } from "../support/processes.ts";
import { redisVersion, startRedis } from "../support/redis_server.ts";
import { CRAWLED } from "./crowd.ts";
import { inDeno, start } from "./processes.ts";
import { LIMIT, ON_REDIS, OURS, OURS_ON_REDIS, ROOM } from "./stores.ts";
import { type Figures, markdown, numberOf, writeTable } from "./tables.ts";

/** The stores as the table calls them, in its order. */
const TITLES: Record<string, string> = {
  "MemoryStore": "MemoryStore",
  "memorystore": "memorystore 1.6.8",
  "express-lembro 1": "express-lembro 1.1.0",
  "connect-redis": "connect-redis 9",
  [OURS]: "express-lembro 2",
  [OURS_ON_REDIS]: "express-lembro on Redis, two processes",
};

const yesOrNo = (value: boolean) => value ? "yes" : "no";

/** How many of the users are left, and what the sessions take if that is more than the limit. */
function usersLeft({ users, left, bytes }: Figures): string {
  const count = left === users ? "all" : left === 0 ? "none" : numberOf(left);
  if (bytes === undefined) return left === users ? "no limit" : count;
  return bytes > LIMIT ? `${count}, in ${(bytes / 1024 ** 2).toFixed(1)} MB` : count;
}

/** What overlapping requests of one user do to each other. */
async function overlapsIn(site: Processes): Promise<Record<string, string>> {
  const isSignedIn = async (browser: Browser) => "passport" in await browser.get<object>("/read");
  const keys = await gated(site, "key");
  const kept = keys === PARALLEL ? `all ${keys}` : `${keys}`;
  const [writer, form] = [site.browser(), site.browser()];
  await writer.get("/sign-in?user=one");
  const { cookie } = writer;
  await overtaken(site, writer, "/write?key=late", () => writer.get("/sign-out", 1));
  writer.cookie = cookie;
  await form.get("/write?key=csrfToken");
  await overtaken(site, form, "/sign-in?user=two", () => site.get("/revoke?user=two", 1));
  return {
    "a slow request saves after the logout: still signed out": yesOrNo(!await isSignedIn(writer)),
    [`${PARALLEL} requests at once write ${PARALLEL} keys: kept`]: kept,
    "sign-out everywhere ends a sign-in under way": yesOrNo(!await isSignedIn(form)),
  };
}

/** What a store does that has the limit if it can have one: a column of the table. */
async function columnOf(store: string): Promise<Record<string, string>> {
  await using redis = ON_REDIS.includes(store) ? await startRedis() : undefined;
  const redisPorts = redis ? [redis.port] : [];
  const after = async (column: string): Promise<Figures> => {
    const task = { kind: "crowd", store, maxSize: LIMIT, redisPorts, count: 0.8 * ROOM } as const;
    await using child = await start(inDeno, { ...task, column });
    return await child.next();
  };
  const [crawled, fattened] = [await after("crawler"), await after("fat")];
  await using site = await serve(store, redisPorts, store === OURS_ON_REDIS ? 2 : 1);
  return {
    [`${numberOf(crawled.users)} users hold 80 % of 4 MB`]: TITLES[store],
    [`a crawler makes ${numberOf(CRAWLED)} sessions: users left`]: usersLeft(crawled),
    "… an open login form still works": yesOrNo(crawled.forms > 0),
    "one session of 2.8 MB: users left": usersLeft(fattened),
    ...await overlapsIn(site),
  };
}

const [option, ...more] = Deno.args;
if (more.length > 0 || option !== undefined && option !== "--write") {
  console.error(`Cannot compare: the only option is --write: received ${Deno.args.join(" ")}`);
  Deno.exit(2);
}
const hasRedis = await redisVersion() !== undefined;
if (!hasRedis) console.error("Skipped the stores on Redis: there is no redis-server on the PATH.");
const rows: Record<string, string[]> = {};
for (const store of Object.keys(TITLES)) {
  if (!hasRedis && ON_REDIS.includes(store)) continue;
  for (const [title, cell] of Object.entries(await columnOf(store))) {
    const isOurs = store === OURS || store === OURS_ON_REDIS;
    (rows[title] ??= [title]).push(isOurs ? `**${cell}**` : cell);
  }
}
const table = markdown(Object.values(rows));
console.log(table);
if (option) await writeTable("compare", table);
