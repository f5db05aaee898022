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
import { startRedis } from "../support/redis_server.ts";
import { CRAWLED, type Left, LIMIT } from "./crowd.ts";
import { type Child, inDeno } from "./processes.ts";
import { writeTable } from "./readme.ts";
import { IN_MEMORY, OURS, OURS_ON_REDIS } from "./stores.ts";
import { row } from "./tables.ts";

/** The stores as the table calls them, in its order. */
const TITLES: Record<string, string> = {
  "MemoryStore": "MemoryStore",
  "memorystore": "memorystore 1.6.8",
  "express-lembro 1": "express-lembro 1.1.0",
  "connect-redis": "connect-redis 9",
  [OURS]: "**express-lembro 2**",
  [OURS_ON_REDIS]: "**express-lembro on Redis, two processes**",
};

/** How many requests write at a time. */
const WRITERS = 20;

/** What overlapping requests of one user do to each other, and who is left of a crowd. */
interface Found {
  crowd: number;
  crawler: Left;
  fat: Left;
  /** Whether a session stays destroyed when a slow request saves it afterwards. */
  logoutSticks: boolean;
  /** How many of the keys are kept that as many requests wrote at a time. */
  keys: number;
  /** Whether a sign-out everywhere ends a sign-in under way, but not the device that asks for it. */
  signOutSticks: boolean;
}

const number = (value: number) => value.toLocaleString("en-US");
const yesOrNo = (value: boolean) => value ? "yes" : "no";

/** How many of the users are left, and what the sessions take if that is more than the limit. */
function usersLeft({ users, bytes }: Left, { crowd }: Found): string {
  const count = users === crowd ? "all" : users === 0 ? "none" : number(users);
  if (bytes === undefined) return users === crowd ? "no limit" : count;
  return bytes > LIMIT ? `${count}, in ${(bytes / 1024 ** 2).toFixed(1)} MB` : count;
}

/** The rows of the table. */
const ROWS: [title: string, cell: (found: Found) => string][] = [
  [`a crawler makes ${number(CRAWLED)} sessions: users left`, (f) => usersLeft(f.crawler, f)],
  ["… an open login form still works", (f) => yesOrNo(f.crawler.form)],
  ["one session of 2.8 MB: users left", (f) => usersLeft(f.fat, f)],
  ["a slow request saves after the logout: still signed out", (f) => yesOrNo(f.logoutSticks)],
  [
    `${WRITERS} requests at once write ${WRITERS} keys: kept`,
    (f) => f.keys === WRITERS ? `all ${WRITERS}` : number(f.keys),
  ],
  ["sign-out everywhere ends a sign-in under way", (f) => yesOrNo(f.signOutSticks)],
];

/** Tries the overlaps in an app that has these processes. */
async function overlapsOf(processes: Child[]) {
  const urls = await Promise.all(processes.map((one) => one.ask("serve")));
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
  const isSignedIn = async (one: Browser) => "passport" in await one.get<object>("/data");
  const [writer, asker, form] = Array.from({ length: 3 }, () => new Browser({ urls }, true));
  await writer.get("/sign-in/1");
  const keys = Array.from({ length: WRITERS }, (_, i) => `key${i}`);
  await overlap(writer, keys.map((key) => `/write/${key}`));
  const written = await writer.get<object>("/data");
  const { cookie } = writer;
  await overlap(writer, ["/write/late"], () => writer.get("/sign-out"));
  writer.cookie = cookie;
  const logoutSticks = !await isSignedIn(writer);
  await asker.get("/sign-in/2");
  await form.get("/write/csrfToken");
  await overlap(form, ["/sign-in/2"], () => asker.get("/sign-out-everywhere"));
  return {
    logoutSticks,
    keys: keys.filter((key) => key in written).length,
    signOutSticks: !await isSignedIn(form) && await isSignedIn(asker),
  };
}

/** Tries all of it with a store that has the limit if it can have one. */
async function ask(processes: Child[], store: string, redisPort?: number): Promise<Found> {
  const open = () =>
    Promise.all(processes.map((one) => one.ask("open", { store, maxSize: LIMIT, redisPort })));
  await open();
  const overlaps = await overlapsOf(processes);
  let crowd = 0;
  const leftAfter = async (name: "crawler" | "fat") => {
    await open();
    const users = await processes[0].ask("gather");
    crowd = users.length;
    await processes.at(-1)!.ask("need", name);
    return await processes[0].ask("left", users);
  };
  const [crawler, fat] = [await leftAfter("crawler"), await leftAfter("fat")];
  return { crowd, crawler, fat, ...overlaps };
}

async function compare(): Promise<string> {
  await using redis = await startRedis();
  if (!redis) console.error("Skipped the stores on Redis: there is no redis-server on the PATH.");
  const stores = Object.keys(TITLES).filter((store) => redis || IN_MEMORY.includes(store));
  await using first = inDeno().start();
  await using second = inDeno().start();
  const found: Found[] = [];
  for (const store of stores) {
    const processes = store === OURS_ON_REDIS ? [first, second] : [first];
    found.push(await ask(processes, store, redis?.port));
  }
  const cellOf = (i: number, cell: string) =>
    TITLES[stores[i]].startsWith("**") ? `**${cell}**` : cell;
  const title = `${number(found[0].crowd)} users hold 80 % of 4 MB`;
  return [
    [title, ...stores.map((store) => TITLES[store])],
    ["---", ...stores.map(() => "---")],
    ...ROWS.map(([title, cell]) => [title, ...found.map((one, i) => cellOf(i, cell(one)))]),
  ].map(row).join("\n");
}

const [option, ...more] = Deno.args;
if (more.length > 0 || option !== undefined && option !== "--write") {
  console.error(`Cannot compare: the only option is --write: received ${Deno.args.join(" ")}`);
  Deno.exit(2);
}
const table = await compare();
console.log(table);
if (option) await writeTable("compare", table);
