import { assert, assertEquals } from "@std/assert";
import { afterAll, beforeAll, describe, it } from "@std/testing/bdd";
import { FakeTime } from "@std/testing/time";
import { PGlite } from "@electric-sql/pglite";
// @ts-types="npm:@types/connect-pg-simple@^7.0.0"
import connectPgSimple from "connect-pg-simple";
import { RedisStore } from "connect-redis";
import { transferSessions } from "express-lembro/transfer";
import { portOf } from "../src/core/port.ts";
import { Site } from "./support/http.ts";
import { hasRedis, RedisSite } from "./support/redis.ts";
import { called, Lembro, session, sessionOf, type Store } from "./support/setup.ts";

/** Another one than that of any target here, in milliseconds. */
const TTL = 1_000_000;

/** A store with sessions of users and of all kinds of cookies, which have lived for a while. */
async function filledStore(): Promise<Store> {
  const store = new Lembro({ ttl: (kept) => "short" in kept ? TTL / 2 : TTL });
  using _ = new FakeTime(Date.now() - TTL / 4);
  const cookie = new session.Cookie();
  cookie.maxAge = 2 * TTL;
  await store.set("plain", sessionOf({ user: "Ada", text: 'é "\ud83d\ude00"' }));
  await store.set("short", sessionOf({ short: true }));
  await store.set("dated", sessionOf({ user: "Eve" }, cookie));
  return store;
}

/** When each session expires, in milliseconds since the epoch. */
function expiriesOf(store: Store): Record<string, number> {
  const entries = [...portOf(store)!.walk()];
  return Object.fromEntries(entries.map((entry) => [entry!.sid, entry!.expires]));
}

/**
 * Transfers, and asserts of each session that it expires at the target when
 * it did at the source: `expiryOf` gives that in milliseconds since the epoch.
 */
async function assertLivesOn(
  from: Store,
  to: Parameters<typeof transferSessions>[1],
  expiryOf: (sid: string) => Promise<number>,
) {
  const start = Date.now();
  const result = await transferSessions(from, to);
  const took = Date.now() - start;
  assertEquals(result, { transferred: 3, expired: 0, failed: [] });
  for (const [sid, expires] of Object.entries(expiriesOf(from))) {
    const later = await expiryOf(sid) - expires;
    // These stores count whole seconds, from when they come to it.
    assert(later >= 0 && later <= 1_000 + took, `${sid} lives ${later} ms longer`);
  }
}

/** Signs a user in on a store of this package, moves to `to`, and asserts that nobody noticed. */
async function assertStaysSignedIn(to: session.Store): Promise<void> {
  const signIn = (site: Site) => {
    site.on("/sign-in", (kept) => kept.user = "Ada");
    site.on("/who", (kept) => kept.user);
    site.on("/sign-out", (kept) => new Promise<void>((resolve) => kept.destroy(() => resolve())));
  };
  await using before = new Site();
  signIn(before);
  const ada = await before.visitor();
  await ada.get("/sign-in");
  await transferSessions(before.store, to);

  await using after = new Site({ store: to });
  signIn(after);
  const tab = await after.visitor();
  tab.cookie = ada.cookie;
  assertEquals(await tab.get("/who"), "Ada");
  assertEquals(tab.cookies, 0, "the cookie stays as the browser has it");
  assertEquals(await (await after.visitor()).get("/who"), null);
  await tab.get("/sign-out");
  assertEquals(await tab.get("/who"), null);
}

/** What a store of this package writes of a session. */
async function textOf(store: Store, sid: string): Promise<string> {
  return JSON.stringify(await store.get(sid));
}

if (hasRedis()) {
  describe("connect-redis, on a real redis-server", () => {
    let redis: RedisSite;
    beforeAll(async () => {
      redis = await RedisSite.start();
    });
    afterAll(() => redis[Symbol.asyncDispose]());

    /** When a key expires, as Redis says. */
    const expiryOf = async (sid: string) => {
      return Number(await redis.client.sendCommand(["PEXPIRETIME", `sess:${sid}`]));
    };

    it("gets each session with what it had left as the key's time to live", async () => {
      using from = await filledStore();
      await assertLivesOn(from, await redis.store(), expiryOf);
      for (const sid of ["plain", "short", "dated"]) {
        assertEquals(await redis.client.get(`sess:${sid}`), await textOf(from, sid));
      }
    });

    it("and users who signed in stay so, over HTTP", async () => {
      await assertStaysSignedIn(await redis.store());
    });

    it("gives them back as they were, and stays as it was", async () => {
      using before = await filledStore();
      const from = await redis.store();
      await transferSessions(before, from);
      const expiries = expiriesOf(before);
      using to = new Lembro();
      const sids = Object.keys(expiries);
      const inRedis = await Promise.all(sids.map(expiryOf));
      const start = Date.now();
      assertEquals(await transferSessions(from, to), { transferred: 3, expired: 0, failed: [] });
      const took = Date.now() - start;
      for (const [i, sid] of sids.entries()) {
        assertEquals(await to.get(sid), await before.get(sid));
        // What the cookie says, and else what Redis says, to the time it takes to ask.
        const later = expiriesOf(to)[sid] - (sid === "dated" ? expiries[sid] : inRedis[i]);
        assert(later >= -1 && later <= took + 1, `${sid} lives ${later} ms longer`);
      }
      assertEquals(await Promise.all(sids.map(expiryOf)), inRedis);
    });

    it("gives those that live for ever the ttl of a new one", async () => {
      const from = await redis.store();
      await redis.client.set("sess:a", JSON.stringify(sessionOf()));
      using to = new Lembro({ ttl: TTL });
      const start = Date.now();
      await transferSessions(from, to);
      const { a } = expiriesOf(to);
      assert(a >= start + TTL && a <= Date.now() + TTL);
    });

    it("gets thousands, and gives them back", async () => {
      using from = new Lembro();
      for (let i = 0; i < 3_000; i++) from.set(`${i}`, sessionOf({ i }), () => {});
      const between = await redis.store();
      assertEquals((await transferSessions(from, between)).transferred, 3_000);
      assertEquals(await redis.client.dbSize(), 3_000);
      using to = new Lembro();
      assertEquals((await transferSessions(between, to)).transferred, 3_000);
      assertEquals(await to.get("2999"), await from.get("2999"));
    });

    it("that is gone is told of by the id of each session", async () => {
      using from = await filledStore();
      const client = redis.client.duplicate();
      await client.connect();
      client.destroy();
      const to = new RedisStore({ client });
      const { transferred, failed } = await transferSessions(from, to);
      assertEquals([transferred, failed.map(({ sid }) => sid)], [0, ["plain", "short", "dated"]]);
      assert(failed.every(({ error }) => error instanceof Error));
    });
  });
}

describe("connect-pg-simple, on a real Postgres", () => {
  let database: PGlite;
  beforeAll(async () => {
    database = await PGlite.create();
  });
  afterAll(() => database.close());

  /** What the store uses of a pool of `pg`. */
  const query = async (sql: string, parameters: unknown[] = []) =>
    parameters.length > 0
      ? await database.query(sql, parameters)
      : (await database.exec(sql)).at(-1);

  const open = async () => {
    await database.exec('drop table if exists "session"');
    return new (connectPgSimple(session))({
      pool: { query } as unknown as import("npm:@types/pg@^8.0.0").Pool,
      createTableIfMissing: true,
      pruneSessionInterval: false,
    });
  };

  it("gets each session with what it had left until it expires there", async () => {
    using from = await filledStore();
    const to = await open();
    await assertLivesOn(from, to, async (sid) => {
      const { rows: [{ seconds, text }] } = await database.query<{ seconds: string; text: string }>(
        "select extract(epoch from expire::timestamptz) as seconds, sess::text as text from session where sid = $1",
        [sid],
      );
      assertEquals(text, await textOf(from, sid));
      return Number(seconds) * 1000;
    });
    const kept = await called((callback) => to.get("plain", callback));
    assertEquals(kept, await from.get("plain"));
  });

  it("and users who signed in stay so, over HTTP", async () => {
    await assertStaysSignedIn(await open());
  });

  it("is told of by the id of a session that it can't keep", async () => {
    using from = await filledStore();
    await from.set("no text\u0000", sessionOf());
    const { transferred, failed } = await transferSessions(from, await open());
    assertEquals([transferred, failed.map(({ sid }) => sid)], [3, ["no text\u0000"]]);
  });

  it("can't be left: it lists nothing", async () => {
    using to = new Lembro();
    const failed = await transferSessions(await open(), to).catch((error) => error);
    assert(failed instanceof TypeError);
  });
});
