/**
 * A crawler comes by while users are signed in: how many of them are left?
 *
 * @module
 */
// @ts-types="npm:@types/express-session@^1.18.0"
import session from "express-session";
import sizeomatic from "sizeomatic";

/** The limit that each store with a limit has in the flood, in bytes. */
export const FLOOD_LIMIT = 4 * 1024 * 1024;

/** How many users sign in, and how many sessions the crawler makes. */
export const FLOOD = { users: 500, crawled: 100_000 };

const DAY = 24 * 60 * 60 * 1000;

const cookieForADay = () => Object.assign(new session.Cookie(), { maxAge: DAY });
const crawlerSession = () => ({ cookie: cookieForADay(), views: 1 });

/** For a store whose limit is a number of sessions: as many of the crawler's as take the limit. */
export function floodedSessions(): number {
  return Math.floor(FLOOD_LIMIT / sizeOf(crawlerSession()));
}

/** How many of the signed-in users are left after the crawler, and what the store takes then. */
export async function flood(
  store: session.Store,
  { users, crawled } = FLOOD,
): Promise<{ kept: number; bytes: number }> {
  const set = (sid: string, data: object) =>
    call((callback) => store.set(sid, data as session.SessionData, callback));
  for (let i = 0; i < users; i++) {
    await set(`user${i}`, { cookie: cookieForADay(), passport: { user: i }, basket: [i] });
    await call((callback) => store.get(`user${i}`, callback));
  }
  for (let i = 0; i < crawled; i++) await set(`crawler${i}`, crawlerSession());
  const all = await call<object>((callback) => store.all!(callback as never));
  let kept = 0;
  for (let i = 0; i < users; i++) {
    if (await call((callback) => store.get(`user${i}`, callback))) kept++;
  }
  return { kept, bytes: Object.values(all ?? {}).reduce((sum, one) => sum + sizeOf(one), 0) };
}

function sizeOf(value: unknown): number {
  return sizeomatic.getSize(JSON.stringify(value));
}

/** The result of a method of a store, as a promise. */
export function call<Result>(
  work: (callback: (error?: unknown, result?: Result | null) => void) => void,
): Promise<Result | null | undefined> {
  return new Promise((resolve, reject) =>
    work((error, result) => error ? reject(error) : resolve(result))
  );
}
