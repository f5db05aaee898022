import { assert, assertEquals } from "@std/assert";
import { afterAll, afterEach, beforeAll, beforeEach, describe, it } from "@std/testing/bdd";
import { once } from "node:events";
import { type AddressInfo, createServer, type Socket } from "node:net";
import { join } from "node:path";
import { Visitor } from "./support/http.ts";
import { root } from "./support/installed.ts";
import { App, firstProgram, inserted, snippetOf } from "./support/readme.ts";
import { hasRedis, RedisSite } from "./support/redis.ts";

/** Another one than the default, in milliseconds. */
const TTL = 1_000_000;

/** How long nobody asks before the move, in milliseconds: the sessions have that much less left. */
const PAUSE = 3_000;

/** How long a slow request takes, in milliseconds: longer than a silent Redis is waited for. */
const SLOW = 7_000;

/** What the app does, whatever its store. */
const ROUTES = `
app.get("/sign-in/:user", (request, response) => {
  request.session.user = request.params.user;
  if (request.query.remember) request.session.cookie.maxAge = Number(request.query.remember);
  response.json("welcome");
});
let slow = 0;
app.get("/slow", (_, response) => response.json(slow));
app.get("/slow-sign-in/:user", async (request, response) => {
  slow++;
  await new Promise((resolve) => setTimeout(resolve, ${SLOW}));
  request.session.user = request.params.user;
  response.json("welcome");
});
app.get("/who", (request, response) => response.json(request.session.user ?? null));
app.get("/sign-out", (request, response) => {
  request.session.destroy(() => response.json("bye"));
});
`;

/** The README's first program with its journal, and the example that moves its sessions. */
async function onLembro(): Promise<string> {
  const program = await firstProgram(await snippetOf("journal"));
  const withRoutes = inserted(program, /^app\.use\(.*\n/m, ROUTES);
  return withRoutes.replace('maxSize: "16M"', `$&, ttl: ${TTL}`) +
    await Deno.readTextFile(join(root, "scripts/examples/move_to_redis.mjs"));
}

/** The same app with the README's store on Redis. */
async function onRedis(): Promise<string> {
  const step = await snippetOf("redis");
  return `import express from "express";
const app = express();
${step}
${ROUTES}
app.listen(3000);
`;
}

if (hasRedis()) {
  describe("the steps from one process to Redis", () => {
    let redis: RedisSite;
    let folder: string;
    beforeAll(async () => {
      redis = await RedisSite.start();
    });
    beforeEach(async () => {
      folder = await Deno.makeTempDir({ prefix: "express-lembro-" });
      await redis.client.flushDb();
    });
    afterEach(() => Deno.remove(folder, { recursive: true }));
    afterAll(() => redis[Symbol.asyncDispose]());

    /** Signs Ada in, stops the app, and returns what it says and what Redis has then. */
    async function move(to: string | undefined) {
      await using app = await App.start(folder, await onLembro());
      const ada = new Visitor(app.url);
      await ada.get("/sign-in/Ada");
      if (to !== undefined) await Deno.writeTextFile(join(folder, "move-to-redis"), `${to}\n`);
      const { said, code } = await app.stop();
      assertEquals(code, 0);
      return { said, moved: (await redis.client.keys("sess:*")).length, ada };
    }

    /** Whether the app, started again as it was, still knows a visitor. */
    async function stillKnows({ cookie }: Visitor): Promise<boolean> {
      await using app = await App.start(folder, await onLembro());
      const visitor = new Visitor(app.url);
      visitor.cookie = cookie;
      return await visitor.get("/who") === "Ada";
    }

    it("sign nobody out, and nobody in", async () => {
      const { client, url } = redis;
      await using before = await App.start(folder, await onLembro());
      const [ada, eve, bob] = [1, 2, 3].map(() => new Visitor(before.url));
      await ada.get("/sign-in/Ada");
      await eve.get(`/sign-in/Eve?remember=${2 * TTL}`);
      await bob.get("/sign-in/Bob");
      await bob.get("/sign-out");
      const start = Date.now();
      assertEquals([await ada.get("/who"), await eve.get("/who")], ["Ada", "Eve"]);
      const end = Date.now();
      assert(!/expires/i.test(ada.attributes!), "the cookie ends with the browser");

      await new Promise((resolve) => setTimeout(resolve, PAUSE));
      const stopping = Date.now();
      await Deno.writeTextFile(join(folder, "move-to-redis"), `${url}\n`);
      assertEquals(await before.stop(), { said: "2 sessions moved, 0 failed\n", code: 0 });
      const took = Date.now() - stopping;
      const lives: Record<string, number> = {};
      for (const key of await client.keys("sess:*")) {
        const { user } = JSON.parse(await client.get(key) as string);
        lives[user] = Number(await client.sendCommand(["PEXPIRETIME", key]));
      }
      assertEquals(Object.keys(lives).sort(), ["Ada", "Eve"]);
      for (const [user, life] of [["Ada", TTL], ["Eve", 2 * TTL]] as const) {
        const lived = [lives[user] - start, lives[user] - end];
        // Redis is told whole seconds, and counts them from when it hears it.
        const isLeft = lived[0] >= life && lived[1] <= life + 1_000 + took;
        assert(isLeft, `${user} has ${lived} ms from the last visit on`);
      }

      await using after = await App.start(folder, await onRedis(), { env: { REDIS_URL: url } });
      const [laterAda, laterEve, laterBob] = [ada, eve, bob].map(({ cookie }) => {
        const visitor = new Visitor(after.url);
        visitor.cookie = cookie;
        return visitor;
      });
      assertEquals(await laterAda.get("/who"), "Ada");
      assertEquals(await laterEve.get("/who"), "Eve");
      assertEquals(await laterBob.get("/who"), null);
      await laterAda.get("/sign-out");
      assertEquals(await laterAda.get("/who"), null);
      assertEquals((await client.keys("sess:*")).length, 1);
    });

    it("wait for a request that is under way", async () => {
      await using app = await App.start(folder, await onLembro());
      await Deno.writeTextFile(join(folder, "move-to-redis"), redis.url);
      const ada = new Visitor(app.url);
      const slow = ada.get("/slow-sign-in/Ada");
      while (await new Visitor(app.url).get("/slow") === 0);
      assertEquals(await app.stop(), { said: "1 sessions moved, 0 failed\n", code: 0 });
      const moved = await redis.client.keys("sess:*");
      assertEquals([await slow, moved.length], ["welcome", 1]);
    });

    it("move nothing at a restart before the day", async () => {
      const { said, moved, ada } = await move(undefined);
      assertEquals([said, moved], ["", 0]);
      assert(await stillKnows(ada));
    });

    it("keep all sessions if the URL is wrong", async () => {
      const { said, moved, ada } = await move("localhost is no URL");
      assertEquals([said, moved], ["", 0]);
      assert(await stillKnows(ada));
    });

    it("keep all sessions if nothing listens where Redis should", async () => {
      const { said, moved, ada } = await move("redis://127.0.0.1:1");
      assertEquals([said, moved], ["", 0]);
      assert(await stillKnows(ada));
    });

    it("keep all sessions if Redis does not answer", async () => {
      const silent = createServer().listen(0, "127.0.0.1");
      const sockets: Socket[] = [];
      silent.on("connection", (socket) => sockets.push(socket.on("error", () => {})));
      await once(silent, "listening");
      const { port } = silent.address() as AddressInfo;
      try {
        const { said, moved, ada } = await move(`redis://127.0.0.1:${port}`);
        assertEquals([said, moved], ["", 0]);
        assert(await stillKnows(ada));
      } finally {
        for (const socket of sockets) socket.destroy();
        silent.close();
      }
    });
  });
}
