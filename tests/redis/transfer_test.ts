import { assert, assertEquals } from "@std/assert";
import { afterAll, beforeAll, beforeEach, describe, it } from "@std/testing/bdd";
// @ts-types="npm:@types/express-session@^1.18.0"
import session, { type SessionData } from "express-session";
import lembro from "express-lembro";
import lembroRedis from "express-lembro/redis";
import { type TargetStore, transferSessions } from "express-lembro/transfer";
import { RedisStore } from "connect-redis";
import { atTime } from "../support/at_time.ts";
import { hasRedis, RedisSite } from "../support/redis.ts";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const TTL = 3 * HOUR;

const Memory = lembro(session);
const Redis = lembroRedis(session);

/** Beside `ttl`, what tells users and ranks here. */
const RULES = {
  ttl: TTL,
  user: (kept: SessionData) => (kept as { user?: string }).user,
  protect: (kept: SessionData) => "keep" in kept,
};

type Reader = Pick<InstanceType<typeof Memory>, "info">;

function sessionOf(data: object = {}, maxAge?: number): SessionData {
  const cookie = new session.Cookie();
  if (maxAge !== undefined) cookie.maxAge = maxAge;
  return { cookie, ...data } as SessionData;
}

/** What a store knows of each of some sessions, but for their sizes. */
async function known(store: Reader, sids: string[]): Promise<unknown[]> {
  return await Promise.all(sids.map(async (sid) => {
    const { bytes: _, ...rest } = await store.info(sid) ?? { bytes: 0 };
    return JSON.parse(JSON.stringify(rest));
  }));
}

/** Sessions of every rank and of different ages, and their ids. */
async function fill(store: InstanceType<typeof Memory>): Promise<string[]> {
  const start = Date.now() - 2 * HOUR;
  await atTime(start, async () => {
    await store.set("new", sessionOf());
    await store.set("Ada", sessionOf({ user: "Ada" }));
    await store.set("guarded", sessionOf({ user: "Ada", keep: true }));
    await store.set("dated", sessionOf({ user: "Eve" }, 5 * HOUR));
  });
  await atTime(start + HOUR, async () => {
    for (const sid of ["guarded", "dated"]) {
      await store.touch(sid, (await store.get(sid))!);
    }
  });
  // An hour is left to the first two, two to the next and three to the last.
  return ["new", "Ada", "guarded", "dated"];
}

if (hasRedis()) {
  describe("transferring", () => {
    let redis: RedisSite;
    beforeAll(async () => {
      redis = await RedisSite.start();
    });
    beforeEach(async () => void await redis.client.flushDb());
    afterAll(() => redis[Symbol.asyncDispose]());

    const onRedis = (options = {}) => new Redis({ client: redis.client, ...RULES, ...options });

    /** How long the key of a session lives, in milliseconds. */
    const lifeOf = async (sid: string) => Number(await redis.client.pTTL(`sess:${sid}`));

    /** Asserts that a session has `life` ms left, but for the seconds that its transfer took. */
    async function assertLives(sid: string, life: number): Promise<void> {
      const left = await lifeOf(sid);
      assert(left <= life && left > life - MINUTE, `${sid}: ${left} of ${life}`);
    }

    describe("sessions that move from memory to Redis", () => {
      it("keep creation, last use, rank, user and the life that they had left", async () => {
        using from = new Memory(RULES);
        using to = onRedis();
        const sids = await fill(from);
        const before = await known(from, sids);
        assertEquals(await transferSessions(from, to), { transferred: 4, expired: 0, failed: [] });
        assertEquals(await known(to, sids), before);
        await assertLives("new", HOUR);
        await assertLives("Ada", HOUR);
        await assertLives("guarded", 2 * HOUR);
        await assertLives("dated", 3 * HOUR);
      });

      it("live on for ever if they did so", async () => {
        using from = new Memory({ ...RULES, ttl: Infinity });
        using to = onRedis();
        await from.set("a", sessionOf());
        await transferSessions(from, to);
        assertEquals(await lifeOf("a"), -1);
      });

      it("end as early as the target's timeouts say, and are not sent if that is over", async () => {
        using from = new Memory(RULES);
        using to = onRedis({ idleTimeout: 1.5 * HOUR });
        await fill(from);
        const result = await transferSessions(from, to);
        assertEquals(result, { transferred: 2, expired: 2, failed: [] });
        await assertLives("guarded", HOUR / 2);
        assertEquals(await to.get("Ada"), undefined);
      });

      it("belong to their users: they are listed and revoked, the last used first", async () => {
        using from = new Memory(RULES);
        using to = onRedis();
        await fill(from);
        await transferSessions(from, to);
        const sids = (await to.sessionsOfUser("Ada")).map(({ sid }) => sid);
        assertEquals(sids, ["guarded", "Ada"]);
        assertEquals(await to.revokeUser("Ada"), 2);
        assertEquals((await to.ids()).sort(), ["dated", "new"]);
      });

      it("are as many as a user may have: the last used", async () => {
        using from = new Memory(RULES);
        using to = onRedis({ maxSessionsPerUser: 2 });
        const start = Date.now() - HOUR;
        for (const [n, sid] of ["b", "d", "a", "c"].entries()) {
          await atTime(start - n, () => from.set(sid, sessionOf({ user: "Ada" })));
        }
        await transferSessions(from, to, { concurrency: 1 });
        assertEquals((await to.ids()).sort(), ["b", "d"]);
      });

      it("replace those that have their ids", async () => {
        using from = new Memory(RULES);
        using to = onRedis();
        const sids = await fill(from);
        await to.set("Ada", sessionOf({ user: "Eve" }));
        await redis.client.set("sess:new", JSON.stringify(sessionOf({ old: true })));
        await transferSessions(from, to);
        assertEquals(await known(to, sids), await known(from, sids));
        await transferSessions(from, to);
        assertEquals(await known(to, sids), await known(from, sids));
      });

      it("don't come after a logout or a revocation there while others were on their way", async () => {
        using from = new Memory(RULES);
        using to = onRedis();
        for (const sid of ["first", "a", "b", "c", "d"]) {
          await from.set(sid, sessionOf({ user: sid === "c" ? "Eve" : "Ada" }));
        }
        let isFirst = true;
        const result = await transferSessions(from, to, {
          concurrency: 1,
          async onProgress() {
            if (!isFirst) return;
            isFirst = false;
            await to.destroy("c");
            await to.revokeUser("Ada", { except: "d" });
          },
        });
        assertEquals(await to.ids(), ["d"]);
        assertEquals(result, { transferred: 2, expired: 0, failed: [] });
      });

      it("may come back after a logout there before the transfer", async () => {
        using from = new Memory(RULES);
        using before = onRedis();
        await from.set("a", sessionOf({ user: "Ada" }));
        await from.set("b", sessionOf());
        await before.destroy("b");
        await before.revokeUser("Ada");
        using to = onRedis();
        assertEquals((await transferSessions(from, to)).transferred, 2);
        assertEquals((await to.ids()).sort(), ["a", "b"]);
      });

      it("are told of by their ids if Redis is gone", async () => {
        using from = new Memory(RULES);
        const sids = await fill(from);
        const client = redis.client.duplicate();
        await client.connect();
        client.destroy();
        using to = onRedis({ client });
        const { transferred, failed } = await transferSessions(from, to);
        assertEquals([transferred, failed.map(({ sid }) => sid)], [0, sids]);
      });
    });

    describe("sessions that move to Redis from connect-redis", () => {
      it("keep the life that they had left, however long it is", async () => {
        const from = new RedisStore({ client: redis.client, prefix: "old:" });
        using to = onRedis();
        for (const [sid, life] of [["short", 16 * MINUTE], ["long", 2 * HOUR]] as const) {
          const text = JSON.stringify(sessionOf({ user: "Ada" }));
          await redis.client.set(`old:${sid}`, text, { PX: life });
        }
        const result = await transferSessions(from, to);
        assertEquals(result, { transferred: 2, expired: 0, failed: [] });
        await assertLives("short", 16 * MINUTE);
        await assertLives("long", 2 * HOUR);
        assertEquals(await to.revokeUser("Ada"), 2);
      });

      it("and from a store that doesn't say how long they live, get what a used one has", async () => {
        const from = new session.MemoryStore();
        await new Promise((resolve) => from.set("a", sessionOf(), resolve));
        using to = onRedis();
        await transferSessions(from, to);
        await assertLives("a", TTL);
      });
    });

    describe("sessions that move from Redis", () => {
      /** Sessions of every rank on Redis, as in memory. */
      async function source() {
        using memory = new Memory(RULES);
        const from = onRedis();
        const sids = await fill(memory);
        await transferSessions(memory, from);
        return { from, sids };
      }

      it("to connect-redis have the life that they had left", async () => {
        const { from } = await source();
        using _ = from;
        const to = new RedisStore({ client: redis.client, prefix: "new:" });
        const result = await transferSessions(from, to);
        assertEquals(result, { transferred: 4, expired: 0, failed: [] });
        for (const [sid, life] of [["new", HOUR], ["guarded", 2 * HOUR], ["dated", 3 * HOUR]]) {
          const left = await redis.client.pTTL(`new:${sid}`);
          // It counts whole seconds.
          assert(left <= +life + 1_000 && left > +life - MINUTE, `${left}`);
        }
      });

      it("to memory are as they were, in a store with users and timeouts of its own", async () => {
        const { from, sids } = await source();
        using _ = from;
        using to = new Memory({ ...RULES, idleTimeout: 1.5 * HOUR });
        await to.set("dated", sessionOf({ replaced: true }));
        const result = await transferSessions(from, to);
        assertEquals(result, { transferred: 2, expired: 2, failed: [] });
        const [before] = await known(from, ["guarded"]) as { lastUsed: string }[];
        const expires = new Date(Date.parse(before.lastUsed) + 1.5 * HOUR).toJSON();
        assertEquals(await known(to, ["guarded"]), [{ ...before, expires }]);
        assertEquals((await to.get("dated") as { user?: string }).user, "Eve");
        using other = new Memory(RULES);
        await transferSessions(from, other);
        assertEquals(await known(other, sids), await known(from, sids));
        assertEquals(await other.revokeUser("Ada"), 2);
      });

      it("to Redis are as they were", async () => {
        const { from, sids } = await source();
        using _ = from;
        using to = onRedis({ prefix: "new:" });
        await transferSessions(from, to);
        assertEquals(await known(to, sids), await known(from, sids));
      });

      it("stay away if they were signed out there meanwhile", async () => {
        const { from } = await source();
        using _ = from;
        const given = new Map<string, SessionData>();
        const to: TargetStore = {
          set: (sid, kept, callback) => callback(void given.set(sid, kept)),
          destroy: (sid, callback) => callback(void given.delete(sid)),
        };
        let isFirst = true;
        const { transferred } = await transferSessions(from, to, {
          concurrency: 1,
          async onProgress() {
            if (!isFirst) return;
            isFirst = false;
            // Another process does it.
            using other = onRedis();
            await other.revokeUser("Ada");
            await other.destroy("new");
          },
        });
        assertEquals([...given.keys()], ["dated"]);
        assertEquals(transferred, 1);
      });
    });
  });
}
