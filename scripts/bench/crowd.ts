/**
 * A store of 4 MB, 80 % of which is held by signed-in users who come back, and
 * a login form that somebody has open: what happens to them when a crawler or a
 * fat session needs room?
 *
 * @module
 */
import sizeomatic from "sizeomatic";
import { call, contentOf, inFlight, loadAll, numbered, visit } from "./sessions.ts";
import type { BenchStore, Live } from "./stores.ts";

/** The limit of each store that has one, in bytes. */
export const LIMIT = 4 * 1024 * 1024;

/** How many sessions the crawler makes. */
export const CRAWLED = 50_000;

const FORM = "the session of the login form";

/** The address of the users, and that of the crawler. */
const [THEIRS, CRAWLERS] = ["198.51.100.7", "192.0.2.7"];

/** The size of a session, as sizeomatic counts it. */
const sizeOf = (value: unknown) => sizeomatic.getSize(JSON.stringify(value));

/** Requests without a cookie, whose sessions get these ids. */
const visitAs = (store: BenchStore, sids: string[], ip: string, contentOf: (i: number) => object) =>
  inFlight(
    sids.length,
    (i, done) => store.set(sids[i], visit(store, sids[i], contentOf(i), ip), done),
  );

/** Signs the users in, each of whom comes back once, and opens the login form. Returns their ids. */
export async function gather(store: BenchStore): Promise<string[]> {
  const users = numbered(
    0.8 * LIMIT / sizeOf(visit(store, "", contentOf(0), THEIRS)),
    (i) => `user ${i}`,
  );
  await visitAs(store, users, THEIRS, (i) => contentOf(i));
  await loadAll(store, users);
  await visitAs(store, [FORM], THEIRS, () => ({ csrfToken: "a token" }));
  return users;
}

/** What needs room. */
const deeds = {
  /** A client asks for pages, and never sends a cookie. */
  crawler: (store: BenchStore) =>
    visitAs(store, numbered(CRAWLED, (i) => `crawler ${i}`), CRAWLERS, () => ({ views: 1 })),
  /** A user saves 2.8 MB. That a store refuses them is an answer, too. */
  fat: (store: BenchStore) =>
    visitAs(store, ["fat"], THEIRS, () => ({ basket: "x".repeat(1_400_000) })).catch((error) => {
      if (error.code !== "ERR_LEMBRO_SESSION_TOO_LARGE") throw error;
    }),
};

/** Something of that name needs room. */
export const need = (store: BenchStore, name: keyof typeof deeds) => deeds[name](store);

/** Who is left. */
export interface Left {
  users: number;
  /** Whether the login form would still be accepted. */
  form: boolean;
  /** What all sessions take, in bytes; not of a store on Redis, which has no limit. */
  bytes?: number;
}

/** Who of the users is left. */
export async function left(store: BenchStore, users: string[]): Promise<Left> {
  const get = (sid: string) => call<Live>((callback) => store.get(sid, callback as never));
  const sizes = async () =>
    Object.values(await call<object>((done) => store.all!(done as never)) ?? {}).map(sizeOf);
  const bytes = store.redisInfo ? {} : { bytes: (await sizes()).reduce((a, b) => a + b) };
  const found = await Promise.all(users.map(get));
  const form = "csrfToken" in (await get(FORM) ?? {});
  return { users: found.filter(Boolean).length, form, ...bytes };
}
