// What users write with `import`, in every module system.
import session from "express-session";
import lembro, { type LembroEvents, type LembroOptions, type LembroStats } from "express-lembro";
import { lembro as named } from "express-lembro";
import type { LembroStore, Rank, ResolvedOptions, Serializer } from "express-lembro";

type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends (<T>() => T extends B ? 1 : 2) ? true
  : false;
/** Compiles if the two types are the very same: `any` is like every type, but the same as none. */
function same<A, B>(_same: Same<A, B>) {}

const Lembro = lembro(session);
same<typeof named, typeof lembro>(true);
lembro({ Store: session.Store });
lembro({ session: { Store: session.Store } });
// @ts-expect-error There is no Store on it.
lembro({});
// @ts-expect-error Nothing to make a store of.
lembro();

// The constructor, and every option.
const serializer: Serializer = { stringify: (kept) => JSON.stringify(kept), parse: JSON.parse };
const options: LembroOptions = {
  interval: 60_000,
  maxSize: "4M",
  ttl: (kept, sid) => sid === "" ? kept.cookie.maxAge ?? 1 : 1000,
  idleTimeout: 60_000,
  absoluteTimeout: (_kept, sid) => sid.length,
  isActivity: (request) => request.path !== "/poll",
  user: (kept) => kept.cookie.domain,
  maxSessionsPerUser: 5,
  protect: (_kept, sid) => sid.startsWith("x"),
  serializer,
};
const store = new Lembro(options, () => {});
same<typeof store, LembroStore>(true);
new Lembro();
new Lembro(() => {});
new Lembro(null);
new Lembro({ maxSize: 4096, ttl: Infinity, interval: undefined });
// @ts-expect-error There is no such option.
new Lembro({ maxsize: "4M" });
// @ts-expect-error A number or a string.
new Lembro({ maxSize: true });
// @ts-expect-error A number.
new Lembro({ interval: "soon" });
// @ts-expect-error A number, or a function that returns one.
new Lembro({ ttl: "1d" });
// @ts-expect-error A function that returns a number.
new Lembro({ ttl: () => "1d" });
// @ts-expect-error A function that returns a boolean, and no promise.
new Lembro({ protect: async () => true });
// @ts-expect-error Both functions are needed.
new Lembro({ serializer: { stringify: JSON.stringify } });
// @ts-expect-error The callback comes last.
new Lembro(() => {}, options);

// It is a store for express-session.
session({ store, secret: "change me" });
session({ store: new Lembro(), secret: "change me" });
const base: session.Store = store;
store.createSession({} as Parameters<typeof store.createSession>[0], {} as session.SessionData);

// A promise, or a callback and no result.
same<ReturnType<typeof read>, Promise<session.SessionData | undefined>>(true);
async function read() {
  await store.set("a", { cookie: new session.Cookie() });
  await store.touch("a", { cookie: new session.Cookie() });
  await store.destroy("b");
  await store.reduce();
  await store.purge();
  await store.clear();
  await store.close();
  same<number, Awaited<ReturnType<typeof count>>>(true);
  return store.get("a");
}
async function count() {
  const all: Record<string, session.SessionData> = await store.all();
  const ids: string[] = await store.ids();
  return Object.keys(all).length + ids.length + await store.length();
}
const nothing: void = store.get("a", (_error: unknown, kept) => kept?.cookie.originalMaxAge);
// As callbacks for MemoryStore are written.
store.get("a", (error) => error.message);
store.set("a", { cookie: new session.Cookie() }, (error) => error.message);
store.destroy("a", (error) => error?.message);
store.all((error) => error.message);
const either: Promise<void> | void = store.touch("a", { cookie: new session.Cookie() }, undefined);
store.set("a", { cookie: new session.Cookie() }, (_error?: unknown) => {});
store.all((_error, all) => Object.values(all ?? {})[0]?.cookie);
store.length((_error, length) => length?.toFixed());
// @ts-expect-error It may be undefined.
store.get("a").then((kept) => kept.cookie);
// @ts-expect-error A session has a cookie.
store.set("a", {});
// @ts-expect-error Not a callback.
store.get("a", "b");

// Users and their sessions.
async function users(request: Parameters<session.Store["regenerate"]>[0]) {
  const [device] = await store.sessionsOfUser(42);
  same<typeof device.created, Date>(true);
  same<typeof device.expires, Date | undefined>(true);
  const info = await store.info("a");
  const kept = await store.update("a", (kept) => void (kept.cookie.path = "/"));
  const revoked: number = await store.revokeUser("ada", { except: request });
  return [info?.rank, kept?.cookie.path, revoked];
}
store.revokeUser("ada", (_error, revoked) => revoked?.toFixed());
// @ts-expect-error A user is a string or a number.
store.sessionsOfUser({ id: 42 });
// @ts-expect-error An id or a request.
store.revokeUser("ada", { except: 42 });

// What is at once.
const stats: LembroStats = store.stats();
same<LembroStats["evicted"], Record<Rank, number>>(true);
same<typeof store.options, ResolvedOptions>(true);
same<ResolvedOptions["maxSize"], number>(true);
for (const [sid, kept] of store.entries()) sid.length + kept.cookie.path!.length;
// @ts-expect-error Read-only.
store.options.maxSize = 1;

// Events.
store.on("evict", (sid, _session, rank) => {
  same<typeof sid, string>(true);
  same<typeof rank, Rank>(true);
});
store.once("reduce", ({ before, after, evicted }) => (before - after) / evicted);
store.on("expire", (sid) => sid.length).on("purge", ({ expired }) => expired.toFixed());
store.off("error", (error) => error instanceof Error);
store.on("disconnect", () => {});
// @ts-expect-error There is no such rank.
store.on("evict", (_sid, _session, rank) => rank === "admin");
// @ts-expect-error There is no such number.
store.on("purge", ({ purged }) => purged);
same<LembroEvents["expire"], [sid: string, kept: session.SessionData | undefined]>(true);
store.on("destroy", (sid, kept) => sid + kept?.cookie.path).on("late", (sid) => sid.length);
store.on("clear", () => {});

// A class on top of it.
class Audited extends Lembro {
  readonly saved: string[] = [];
  constructor(given?: LembroOptions) {
    super({ maxSize: "1M", ...given });
  }
  override set(sid: string, kept: session.SessionData): Promise<void>;
  override set(sid: string, kept: session.SessionData, callback?: (error?: unknown) => void): void;
  override set(sid: string, kept: session.SessionData, callback?: (error?: unknown) => void) {
    this.saved.push(sid);
    return callback ? super.set(sid, kept, callback) : super.set(sid, kept);
  }
  override regenerate(
    req: Parameters<session.Store["regenerate"]>[0],
    callback: (error?: unknown) => unknown,
  ) {
    return super.regenerate(req, callback);
  }
}
const audited = new Audited({ ttl: 1000 });
audited.saved.concat(audited.options.maxSize.toFixed());
session({ store: audited, secret: "change me" });

// Any class will do, as in a browser.
class Bare {
  name = "bare";
}
const bare = new (lembro({ Store: Bare }))({ maxSize: "64K" });
bare.name.concat(bare.stats().bytes.toFixed());
bare.get("a").then((kept) => kept?.cookie);
// @ts-expect-error It has no events.
bare.on("evict", () => {});

export { base, count, either, nothing, read, stats, users };
