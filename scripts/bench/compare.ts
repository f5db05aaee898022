/**
 * What this store promises, asked of it and of its peers in a full store of
 * 4 MB, as a table that can be read at a glance.
 *
 *     deno task compare [--write | --addresses]
 *
 * `--write` puts the table into the README. `--addresses` prints another one:
 * how many client addresses a crawler needs to push out a login form that
 * somebody has open.
 *
 * @module
 */
import { addressTable } from "./addresses.ts";
import { readOptions } from "./command_line.ts";
import { CRAWLED, FullStore, type Left, LIMIT, LIMIT_AS_SESSIONS, USERS } from "./full_store.ts";
import { type Overlaps, overlapsOf, WRITERS } from "./overlaps.ts";
import { type BenchStore, OURS, peers, REDIS } from "./peers.ts";
import { README, writeTable } from "./readme.ts";
import { startRedis } from "../support/redis_server.ts";

/** The stores by the names of peers.ts, and as the table calls them. */
const STORES: Record<string, string> = {
  "MemoryStore": "MemoryStore",
  "memorystore": "memorystore 1.6.8",
  "express-lembro 1": "express-lembro 1.1.0",
  [REDIS]: "connect-redis 9",
  [OURS]: "**express-lembro 2**",
};

const number = (value: number) => value.toLocaleString("en-US");
const yesOrNo = (value: boolean) => value ? "yes" : "no";
const ofWriters = (kept: number) => kept === WRITERS ? `all ${WRITERS}` : number(kept);

/** How many of the users are left, and what the sessions take if that is more than the limit. */
function usersLeft({ users, bytes }: Left): string {
  const left = users === USERS ? "all" : users === 0 ? "none" : number(users);
  return bytes > LIMIT ? `${left}, in ${(bytes / 1024 ** 2).toFixed(1)} MB` : left;
}

/** What is done to a full store, by name. */
const deeds: Record<string, (full: FullStore) => Promise<void>> = {
  crawler: (full) => full.crawl(CRAWLED, 1),
  fat: (full) => full.saveFat(),
};

/** What was found of one store. */
interface Found {
  /** Who is left after each of the deeds; not of a store whose limit is set elsewhere. */
  left?: Record<string, Left>;
  overlaps: Overlaps;
}

const ofLeft = (deed: string, cell: (left: Left) => string) => ({ left }: Found) =>
  left ? cell(left[deed]) : "–";

const ofOverlaps = (cell: (overlaps: Overlaps) => string) => ({ overlaps }: Found) =>
  cell(overlaps);

/** The rows of the table. */
const ROWS: [title: string, cell: (found: Found) => string][] = [
  [`a crawler makes ${number(CRAWLED)} sessions: users left`, ofLeft("crawler", usersLeft)],
  [
    "… a login form opened before still works",
    ofLeft("crawler", ({ form }) => yesOrNo(form)),
  ],
  ["one session of 2.8 MB: users left", ofLeft("fat", usersLeft)],
  [
    "a slow request saves after the logout: still signed out",
    ofOverlaps(({ logoutSticks }) => yesOrNo(logoutSticks)),
  ],
  [
    `${WRITERS} requests at a time write ${WRITERS} keys: keys kept`,
    ofOverlaps(({ keys }) => ofWriters(keys)),
  ],
  [
    "sign-out everywhere ends a sign-in under way, too",
    ofOverlaps(({ signIn, asker }) => yesOrNo(signIn && asker)),
  ],
];

/** Does `work` with a new store of that name, which has the limit if it can have one. */
async function withStore<Result>(
  name: string,
  work: (store: BenchStore) => Promise<Result>,
  redisPort?: number,
): Promise<Result> {
  const store = await peers[name]({ maxSize: LIMIT, sessions: LIMIT_AS_SESSIONS, redisPort });
  try {
    return await work(store);
  } finally {
    store.close?.();
  }
}

async function ask(name: string, redisPort?: number): Promise<Found> {
  const overlaps = await withStore(name, overlapsOf, redisPort);
  if (name === REDIS) return { overlaps };
  const left: Record<string, Left> = {};
  for (const [deed, work] of Object.entries(deeds)) {
    left[deed] = await withStore(name, async (store) => {
      const full = await FullStore.of(store);
      await work(full);
      return await full.left();
    });
  }
  return { left, overlaps };
}

/** A row of a Markdown table. */
const row = (cells: string[]) => `| ${cells.join(" | ")} |`;

async function compare(): Promise<string> {
  await using redis = await startRedis();
  if (!redis) {
    console.error("There is no redis-server on this machine: connect-redis is left out");
  }
  const names = Object.keys(STORES).filter((name) => name !== REDIS || redis);
  const found: Record<string, Found> = {};
  for (const name of names) found[name] = await ask(name, redis?.port);
  const bold = (name: string, cell: string) => name === OURS ? `**${cell}**` : cell;
  return [
    row([
      `4 MB, of which ${number(USERS)} signed-in users hold 80 %`,
      ...names.map((name) => STORES[name]),
    ]),
    row(["---", ...names.map(() => "---")]),
    ...ROWS.map(([title, cell]) =>
      row([title, ...names.map((name) => bold(name, cell(found[name])))])
    ),
  ].join("\n");
}

const options = readOptions("compare", "--write and --addresses", {
  write: { type: "boolean" },
  addresses: { type: "boolean" },
});
if (options.addresses) {
  console.log(await addressTable());
} else {
  const table = await compare();
  console.log(table);
  if (options.write) {
    await writeTable("deno task compare", table);
    await new Deno.Command(Deno.execPath(), { args: ["fmt", "--quiet", README] }).output();
  }
}
// The timers of the peers would keep the process.
Deno.exit();
