/**
 * Several processes serve one Express app, with sessions in Redis: are logouts
 * undone, do sign-ins under way survive "sign out everywhere", are keys lost?
 *
 *     deno task races [--rounds=1000] [--processes=4] [--cluster]
 *
 * Prints a table of connect-redis and of this package. Fails if a promise of
 * this package is broken.
 *
 * @module
 */
import { OURS_ON_REDIS } from "../bench/stores.ts";
import { type Browser, Processes } from "../support/processes.ts";
import { type Redis, startRedis, startRedisCluster } from "../support/redis_server.ts";

/** What was found. */
export interface Found {
  /** Of 20 keys, items of a list and nested keys, each written by another request at once. */
  readonly keptKeys: number;
  readonly keptItems: number;
  readonly keptNested: number;
  /** Of requests that write at random moments, of one browser at once. */
  readonly writes: number;
  readonly lostWrites: number;
  /** Of sign-outs while others write. */
  readonly signOuts: number;
  readonly undoneSignOuts: number;
  /** Of sign-ins that began before "sign out everywhere". */
  readonly signInsUnderWay: number;
  readonly survivingSignIns: number;
  /** Of sign-ins that began after it was answered. */
  readonly laterSignIns: number;
  readonly refusedSignIns: number;
}

/** The processes of an app with such a store. */
export const serve = (store: string, redisPorts: number[], processes: number) =>
  Processes.start(
    new URL("worker.ts", import.meta.url),
    [store, ...redisPorts.map(String)],
    processes,
  );

/** How many requests write at once. */
export const PARALLEL = 20;

/** Plays all races with processes of their own. */
export async function race(
  store: string,
  redisPorts: number[],
  rounds: number,
  processes: number,
): Promise<Found> {
  await using site = await serve(store, redisPorts, processes);
  const [keptKeys, keptItems, keptNested] = [
    await gated(site, "key"),
    await gated(site, "item"),
    await gated(site, "nested"),
  ];
  const totals = { writes: 0, lostWrites: 0, signOuts: 0, undoneSignOuts: 0 };
  const signIns = { signInsUnderWay: 0, survivingSignIns: 0, laterSignIns: 0, refusedSignIns: 0 };
  for (let round = 0; round < rounds; round++) {
    const [writes, lost] = await parallelWrites(site, round);
    totals.writes += writes;
    totals.lostWrites += lost;
    totals.signOuts++;
    if (await signOutIsUndone(site, round)) totals.undoneSignOuts++;
    for (const { isUnderWay, isThere } of await signInsAround(site, round)) {
      signIns[isUnderWay ? "signInsUnderWay" : "laterSignIns"]++;
      if (isUnderWay && isThere) signIns.survivingSignIns++;
      if (!isUnderWay && !isThere) signIns.refusedSignIns++;
    }
  }
  return { keptKeys, keptItems, keptNested, ...totals, ...signIns };
}

/** As many requests of one browser load its session before any of them saves it. */
export async function gated(site: Processes, what: "key" | "item" | "nested"): Promise<number> {
  const browser = site.browser();
  await browser.get(`/sign-in?user=gated`);
  const requests = Array.from(
    { length: PARALLEL },
    (_, n) => browser.get(`/write?gate=${what}&${what}=${what}${n}`, n),
  );
  await untilWaiting(site, what, PARALLEL);
  await site.all(`/open?gate=${what}`);
  await Promise.all(requests);
  const kept = await browser.get<Record<string, unknown>>("/read");
  return what === "key"
    ? Object.keys(kept).filter((key) => /^key\d/.test(key)).length
    : what === "item"
    ? new Set(kept.list as string[]).size
    : Object.keys(kept.nested as object).length;
}

/** Lets the first process hold back a request that has loaded its session, until all is done. */
export async function overtaken(
  site: Processes,
  browser: Browser,
  path: string,
  meanwhile: () => Promise<unknown>,
): Promise<void> {
  const answer = browser.get(`${path}&gate=${path}`, 0);
  await untilWaiting(site, path, 1);
  await meanwhile();
  await site.all(`/open?gate=${path}`);
  await answer;
}

/** Waits until so many requests wait at a gate. */
async function untilWaiting(site: Processes, gate: string, count: number): Promise<void> {
  const sum = async () => {
    const waiting = await site.all<number>(`/waiting?gate=${gate}`);
    return waiting.reduce((total, one) => total + one, 0);
  };
  while (await sum() < count) await pause(5);
}

const random = (most: number) => Math.random() * most;

/** Five requests write a key each, at random moments. Returns how many, and how many keys are lost. */
async function parallelWrites(site: Processes, round: number): Promise<[number, number]> {
  const browser = site.browser();
  await browser.get(`/sign-in?user=writer${round}`);
  const keys = ["a", "b", "c", "d", "e"];
  await Promise.all(keys.map((key) => browser.get(`/write?key=${key}&ms=${random(6)}`)));
  const kept = await browser.get<Record<string, unknown>>("/read");
  return [keys.length, keys.filter((key) => !(key in kept)).length];
}

/** While others write, one request signs out. Returns whether the user is signed in afterwards. */
async function signOutIsUndone(site: Processes, round: number): Promise<boolean> {
  const browser = site.browser();
  await browser.get(`/sign-in?user=leaver${round}`);
  const { cookie } = browser;
  await Promise.all([
    ...["a", "b", "c", "d"].map((key) => browser.get(`/write?key=${key}&ms=${random(8)}`)),
    browser.get(`/sign-out?ms=${random(8)}`),
  ]);
  browser.cookie = cookie;
  return "passport" in await browser.get<object>("/read");
}

/** A user signs in on several devices, and signs out everywhere meanwhile. */
async function signInsAround(
  site: Processes,
  round: number,
): Promise<{ isUnderWay: boolean; isThere: boolean }[]> {
  const user = `traveller${round}`;
  const first = site.browser();
  await first.get(`/sign-in?user=${user}`);
  const early = Array.from({ length: 4 }, () => site.browser());
  const signIns = early.map(async (browser) => {
    await pause(random(6));
    return await browser.get<{ began: number }>(`/sign-in?user=${user}&ms=${random(8)}`);
  });
  await pause(random(6));
  const { sent } = await site.browser().get<{ sent: number }>(`/revoke?user=${user}`);
  const late = Array.from({ length: 2 }, () => site.browser());
  await Promise.all(late.map((browser) => browser.get(`/sign-in?user=${user}&ms=${random(3)}`)));
  const began = (await Promise.all(signIns)).map((signIn) => signIn.began);
  const isThere = async (browser: Browser) => "passport" in await browser.get<object>("/read");
  const found: { isUnderWay: boolean; isThere: boolean }[] = [
    { isUnderWay: true, isThere: await isThere(first) },
  ];
  for (const [n, browser] of early.entries()) {
    // What began in the meantime is on neither side.
    if (began[n] < sent) found.push({ isUnderWay: true, isThere: await isThere(browser) });
  }
  for (const browser of late) found.push({ isUnderWay: false, isThere: await isThere(browser) });
  return found;
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** Whether a store has kept every promise. */
export function isFaultless(found: Found): boolean {
  return found.keptKeys === PARALLEL && found.keptItems === PARALLEL &&
    found.keptNested === PARALLEL && found.lostWrites === 0 && found.undoneSignOuts === 0 &&
    found.survivingSignIns === 0 && found.refusedSignIns === 0;
}

/** The results side by side, in Markdown. */
function tableOf(results: Record<string, Found>): string {
  const rows: [string, (found: Found) => string][] = [
    [
      "keys, items of a list, nested keys kept of 20 written at once",
      (found) => `${found.keptKeys}, ${found.keptItems}, ${found.keptNested}`,
    ],
    ["keys lost of parallel writes", (found) => `${found.lostWrites} of ${found.writes}`],
    ["sign-outs undone by a write", (found) => `${found.undoneSignOuts} of ${found.signOuts}`],
    [
      'sign-ins under way that survived "sign out everywhere"',
      (found) => `${found.survivingSignIns} of ${found.signInsUnderWay}`,
    ],
    [
      "sign-ins that began after it and were refused",
      (found) => `${found.refusedSignIns} of ${found.laterSignIns}`,
    ],
  ];
  const names = Object.keys(results);
  return [
    `| | ${names.join(" | ")} |`,
    `| --- |${names.map(() => " --- |").join("")}`,
    ...rows.map(([name, show]) => `| ${name} | ${Object.values(results).map(show).join(" | ")} |`),
  ].join("\n");
}

if (import.meta.main) {
  const option = (name: string, fallback: number) =>
    Number(Deno.args.find((arg) => arg.startsWith(`--${name}=`))?.split("=")[1] ?? fallback);
  const isCluster = Deno.args.includes("--cluster");
  const [rounds, processes] = [option("rounds", 1_000), option("processes", 4)];
  await using redis = isCluster ? await startRedisCluster() : await startRedis();
  if (!redis) throw new Error("Cannot race: there is no redis-server on the PATH");
  const ports = "ports" in redis ? redis.ports : [(redis as Redis).port];
  console.log(
    `${rounds} rounds, ${processes} processes, ${
      isCluster ? "a cluster of three masters" : "one Redis"
    }\n`,
  );
  const theirs = await race("connect-redis", ports, Math.min(rounds, 100), processes);
  const ours = await race(OURS_ON_REDIS, ports, rounds, processes);
  console.log(tableOf({ "connect-redis": theirs, "express-lembro": ours }));
  // The servers have to end first.
  if (!isFaultless(ours)) Deno.exitCode = 1;
}
