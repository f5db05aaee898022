import { assertEquals, assertRejects } from "@std/assert";
import { afterAll, beforeAll, beforeEach, describe, it } from "@std/testing/bdd";
import { RedisStore as ConnectRedis9 } from "connect-redis";
import { RedisStore as ConnectRedis10 } from "connect-redis-10";
import lembroRedis from "express-lembro/redis";
import { Site, type Visitor } from "../support/http.ts";
import { hasRedis, RedisSite } from "../support/redis.ts";
import { session, type SessionData } from "../support/setup.ts";

const Lembro = lembroRedis(session);

const USERS = Array.from({ length: 50 }, (_, n) => `user ${n}`);

/** The app, whatever its store: who is signed in, and how many pages the visitor has seen. */
class App extends Site {
  constructor(store: session.Store) {
    super({ store });
    this.on("/sign-in/:user", (kept, request) => kept.user = request.params.user);
    this.on("/who", (kept) => kept.user);
    this.on("/count", (kept) => kept.pages = (kept.pages as number ?? 0) + 1);
    this.on("/sign-out", (kept) => new Promise<void>((resolve) => kept.destroy(() => resolve())));
  }

  /** The same browser, whichever process answers it. */
  async again(visitor: Visitor): Promise<Visitor> {
    const again = await this.visitor();
    again.cookie = visitor.cookie;
    return again;
  }

  async signIn(user: string): Promise<Visitor> {
    const visitor = await this.visitor();
    await visitor.get(`/sign-in/${user}`);
    return visitor;
  }

  /** Whom the app takes each visitor for. */
  async who(visitors: Visitor[]): Promise<unknown[]> {
    await this.visitor();
    return await Promise.all(visitors.map(async (visitor) => {
      const again = await this.again(visitor);
      const user = await again.get("/who");
      assertEquals(again.cookies, 0, "the cookie stays as the browser has it");
      return user;
    }));
  }
}

if (hasRedis()) {
  for (const [name, Other] of Object.entries({ 9: ConnectRedis9, 10: ConnectRedis10 })) {
    describe(`an Express app on connect-redis ${name}`, () => {
      let redis: RedisSite;
      beforeAll(async () => {
        redis = await RedisSite.start();
      });
      beforeEach(async () => void await redis.client.flushDb());
      afterAll(() => redis[Symbol.asyncDispose]());

      const other = () => new Other({ client: redis.client as never }) as unknown as session.Store;
      const ours = () =>
        new Lembro({
          client: redis.client,
          user: (kept: SessionData) => (kept as { user?: string }).user,
        });

      it("switches the store, and back: only who was revoked or signed out has to sign in", async () => {
        const visitors: Visitor[] = [];
        {
          await using before = new App(other());
          for (const user of USERS) visitors.push(await before.signIn(user));
        }
        const expected: (string | null)[] = [...USERS];
        {
          using store = ours();
          await using app = new App(store);
          assertEquals(await app.who(visitors.slice(0, 20)), expected.slice(0, 20));
          assertEquals(await store.revokeUser("user 7"), 1, "who was here since the switch");
          assertEquals(await store.revokeUser("user 30"), 1, "who was not");
          assertEquals(await store.adopt(), 48 - 19);
          assertEquals(await store.revokeUser("user 31"), 1, "who was adopted");
          await (await app.again(visitors[40])).get("/sign-out");
          for (const n of [7, 30, 31, 40]) expected[n] = null;
          assertEquals(await app.who(visitors), expected);
          for (let n = 0; n < 3; n++) await (await app.again(visitors[1])).get("/count");
          visitors.push(await app.signIn("Ada"));
          expected.push("Ada");
        }
        {
          await using after = new App(other());
          assertEquals(await after.who(visitors), expected);
          assertEquals(await (await after.again(visitors[1])).get("/count"), 4);
        }
        using store = ours();
        await using app = new App(store);
        assertEquals(await app.who(visitors), expected);
        assertEquals(await store.revokeUser("user 1"), 1, "though its mark was overwritten");
        assertEquals(await app.who([visitors[1]]), [null]);
      });

      it("switches process by process: each knows what the other did before", async () => {
        using store = ours();
        await using old = new App(other());
        await using latest = new App(store);
        const apps = [old, latest];
        await Promise.all(apps.map((app) => app.visitor()));
        const visitors = await Promise.all(USERS.map((user, n) => apps[n % 2].signIn(user)));
        for (const app of apps) assertEquals(await app.who(visitors), USERS);

        // One page after the other, each from the other process.
        for (let n = 1; n <= 4; n++) {
          const counts = visitors.map(async (visitor, i) =>
            (await apps[(n + i) % 2].again(visitor)).get("/count")
          );
          assertEquals(await Promise.all(counts), USERS.map(() => n));
        }
        const expected: (string | null)[] = [...USERS];
        for (const n of [10, 11, 12, 13]) {
          await (await apps[n >> 1 & 1].again(visitors[n])).get("/sign-out");
          expected[n] = null;
        }
        for (const n of [20, 21]) {
          assertEquals(await store.revokeUser(`user ${n}`), 1);
          expected[n] = null;
        }
        for (const app of apps) assertEquals(await app.who(visitors), expected);
      });

      it("switches once more: whom connect-redis has signed in since can be revoked at once", async () => {
        {
          using store = ours();
          assertEquals(await store.adopt(), 0);
          assertEquals(await store.revokeUser("Ada"), 0);
        }
        await using old = new App(other());
        const ada = await old.signIn("Ada");
        using store = ours();
        assertEquals(await store.revokeUser("Ada"), 1);
        assertEquals(await store.revokeUser("Eve"), 0);
        assertEquals(await old.who([ada]), [null]);
      });

      it("switches though there are sessions that can't be read: all others can be revoked, and prepared", async () => {
        await using old = new App(other());
        const signedIn = await Promise.all(USERS.map(() => old.signIn("Ada")));
        const eve = await old.signIn("Eve");
        await redis.client.set("sess:broken", "{");
        const options = { client: redis.client, prefix: "sess:" };
        const user = (kept: SessionData) =>
          (kept as unknown as { user: { toString(): string } }).user.toString();
        for (const store of [ours(), new Lembro({ ...options, user })]) {
          using _ = store;
          await assertRejects(() => store.revokeUser("Ada"), Error);
          assertEquals(await old.who(signedIn), signedIn.map(() => null));
          await assertRejects(() => store.adopt(), Error);
          assertEquals((await store.sessionsOfUser("Eve")).length, 1);
          await store.destroy("broken");
          // There, the option throws.
          await redis.client.set("sess:nobody's", JSON.stringify({ cookie: {} }));
          signedIn.push(await old.signIn("Ada"));
        }
        assertEquals(await old.who([eve]), ["Eve"]);
      });

      it("undoes a logout while a process is left that uses connect-redis, and only there", async () => {
        using store = ours();
        await using old = new App(other());
        await using latest = new App(store);
        for (const [slow, quick] of [[old, latest], [latest, old]]) {
          const gate = slow.slow("/slow", (kept) => kept.late = true);
          const ada = await quick.signIn("Ada");
          const page = (await slow.again(ada)).get("/slow");
          await gate.started;
          await (await quick.again(ada)).get("/sign-out");
          gate.go();
          await page;
          assertEquals(await quick.who([ada]), [slow === old ? "Ada" : null]);
        }
      });
    });
  }
}
