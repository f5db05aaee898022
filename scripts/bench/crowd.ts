/**
 * A store of 4 MB, 80 % of which is held by signed-in users who come back, and
 * a login form that somebody has open: what happens to them when a crawler or a
 * fat session needs room?
 *
 * @module
 */
import { all, bytesOf, call, contentOf, loadAll, numbered, save, visit } from "./sessions.ts";
import type { BenchStore, Live } from "./stores.ts";
import type { Steps } from "./worker.ts";

/** How many sessions the crawler makes. */
export const CRAWLED = 50_000;

const FORM = "the session of the login form";

/** The address of the users, and that of the crawler. */
const [THEIRS, CRAWLERS] = ["198.51.100.7", "192.0.2.7"];

/** Requests without a cookie, whose sessions get these ids. */
const visitAs = (store: BenchStore, sids: string[], ip: string, contentOf: (i: number) => object) =>
  all(sids.length, (i) => save(store, visit(store, sids[i], contentOf(i), ip)));

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

/**
 * How many users there were and are, whether the login form would still be accepted, and what all
 * sessions take, but in Redis, where there is no limit.
 */
export const crowd: Steps = async function* (store, { column, count }) {
  const users = numbered(count, (i) => `user ${i}`);
  await visitAs(store, users, THEIRS, (i) => contentOf(i));
  // Each of them comes back once.
  await loadAll(store, users);
  await visitAs(store, [FORM], THEIRS, () => ({ csrfToken: "a token" }));
  await deeds[column as keyof typeof deeds](store);
  const get = (sid: string) => call<Live>((callback) => store.get(sid, callback as never));
  const left = (await Promise.all(users.map(get))).filter(Boolean).length;
  const forms = "csrfToken" in (await get(FORM) ?? {}) ? 1 : 0;
  const found = { users: users.length, left, forms };
  if (store.redisInfo) return yield found;
  const sessions = Object.values((await call<object>((done) => store.all!(done as never)))!);
  yield { ...found, bytes: sessions.map(bytesOf).reduce((a, b) => a + b) };
};
