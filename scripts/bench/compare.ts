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
import { Browser } from "../support/processes.ts";
import { redisVersion, startRedis } from "../support/redis_server.ts";
import { CRAWLED } from "./crowd.ts";
import { inDeno } from "./processes.ts";
import { numbered } from "./sessions.ts";
import { LIMIT, ON_REDIS, OURS, OURS_ON_REDIS } from "./stores.ts";
import { type Figures, markdown, numberOf, README, rewrite, tableIn } from "./tables.ts";
import type { Task } from "./worker.ts";

/** The stores as the table calls them, in its order. */
const TITLES: Record<string, string> = {
  "MemoryStore": "MemoryStore",
  "memorystore": "memorystore 1.6.8",
  "express-lembro 1": "express-lembro 1.1.0",
  "connect-redis": "connect-redis 9",
  [OURS]: "express-lembro 2",
  [OURS_ON_REDIS]: "express-lembro on Redis, two processes",
};

/** How many requests write at a time. */
const WRITERS = 20;

const yesOrNo = (value: boolean) => value ? "yes" : "no";

/** How many of the users are left, and what the sessions take if that is more than the limit. */
function usersLeft({ users, left, bytes }: Figures): string {
  const count = left === users ? "all" : left === 0 ? "none" : numberOf(left);
  if (bytes === undefined) return left === users ? "no limit" : count;
  return bytes > LIMIT ? `${count}, in ${(bytes / 1024 ** 2).toFixed(1)} MB` : count;
}

/** What overlapping requests of one user do to each other, in an app that has these addresses. */
async function overlapsOf(urls: string[]) {
  /** Asks each of the processes. */
  const all = (path: string) =>
    Promise.all(urls.map(async (url) => await (await fetch(url + path)).json()));
  /** Requests that have all loaded their session before the first of them saves it. */
  const overlap = async (browser: Browser, paths: string[], meanwhile?: () => Promise<unknown>) => {
    const answers = paths.map((path) => browser.get(`${path}?wait`));
    while ((await all("/waiting")).reduce((a, b) => a + b) < paths.length);
    await meanwhile?.();
    await all("/open");
    await Promise.all(answers);
  };
  const isSignedIn = async (one: Browser) => "passport" in await one.get<object>("/read");
  const [writer, asker, form] = Array.from({ length: 3 }, () => new Browser({ urls }, true));
  await writer.get("/sign-in/1");
  const keys = Array.from({ length: WRITERS }, (_, i) => `key${i}`);
  await overlap(writer, keys.map((key) => `/write/${key}`));
  const written = await writer.get<object>("/read");
  const { cookie } = writer;
  await overlap(writer, ["/write/late"], () => writer.get("/sign-out"));
  writer.cookie = cookie;
  const logoutSticks = !await isSignedIn(writer);
  await asker.get("/sign-in/2");
  await form.get("/write/csrfToken");
  await overlap(form, ["/sign-in/2"], () => asker.get("/sign-out-everywhere"));
  const kept = keys.filter((key) => key in written).length;
  const signOutSticks = !await isSignedIn(form) && await isSignedIn(asker);
  return {
    "a slow request saves after the logout: still signed out": yesOrNo(logoutSticks),
    [`${WRITERS} requests at once write ${WRITERS} keys: kept`]: kept === WRITERS
      ? `all ${WRITERS}`
      : numberOf(kept),
    "sign-out everywhere ends a sign-in under way": yesOrNo(signOutSticks),
  };
}

/** What a store does that has the limit if it can have one: a column of the table. */
async function columnOf(store: string): Promise<Record<string, string>> {
  await using redis = ON_REDIS.includes(store) ? await startRedis() : undefined;
  await using stack = new AsyncDisposableStack();
  const start = async (kind: Task["kind"], column: string): Promise<Figures> => {
    const opening = { store, maxSize: LIMIT, redisPort: redis?.port };
    const child = stack.use(await inDeno().start({ kind, column, scale: 1, ...opening }));
    return await child.next();
  };
  const [crawled, fattened] = [await start("crowd", "crawler"), await start("crowd", "fat")];
  const apps = numbered(store === OURS_ON_REDIS ? 2 : 1, () => start("app", "an app"));
  const urls = (await Promise.all(apps)).map(({ port }) => `http://127.0.0.1:${port}`);
  return {
    [`${numberOf(crawled.users)} users hold 80 % of 4 MB`]: TITLES[store],
    [`a crawler makes ${numberOf(CRAWLED)} sessions: users left`]: usersLeft(crawled),
    "… an open login form still works": yesOrNo(crawled.forms > 0),
    "one session of 2.8 MB: users left": usersLeft(fattened),
    ...await overlapsOf(urls),
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
if (option) await rewrite(README, tableIn("compare"), table);
