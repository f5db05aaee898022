import { assert, assertEquals } from "@std/assert";
import { afterAll, beforeAll, describe, it } from "@std/testing/bdd";
import { join } from "node:path";
import { Visitor } from "./support/http.ts";
import { root } from "./support/installed.ts";
import { hasRedis, RedisSite } from "./support/redis.ts";

/** Another one than that of connect-redis, in milliseconds. */
const TTL = 1_000_000;

/** How long nobody asks before the move, in milliseconds: the sessions have that much less left. */
const PAUSE = 3_000;

/** What the app does, whatever its store. */
const ROUTES = `
app.get("/sign-in/:user", (request, response) => {
  request.session.user = request.params.user;
  if (request.query.remember) request.session.cookie.maxAge = Number(request.query.remember);
  response.json("welcome");
});
app.get("/who", (request, response) => response.json(request.session.user ?? null));
app.get("/sign-out", (request, response) => {
  request.session.destroy(() => response.json("bye"));
});
const server = app.listen(0, "127.0.0.1", () => {
  console.log("http://127.0.0.1:" + server.address().port);
});
`;

/** The app as it is, with the README's first step in it. */
const onLembro = (step: string) => `
import express from "express";
import session from "express-session";
import lembro from "express-lembro";
const app = express();
const store = new (lembro(session))({ ttl: ${TTL} });
app.use(session({ store, secret: "change me", resave: false, saveUninitialized: false }));
${ROUTES}
${step}`;

/** The same app with the sessions of the README's third step. */
const onRedis = (step: string) => `
import express from "express";
const app = express();
${step}
${ROUTES}`;

/** The code of a step, as README.md has it. */
async function stepOf(number: number): Promise<string> {
  const readme = await Deno.readTextFile(join(root, "README.md"));
  const marked = `^<!-- leaving: step ${number} -->\n+\`\`\`js ignore\n([^]*?)^\`\`\`$`;
  const [, step] = new RegExp(marked, "m").exec(readme) ?? [];
  assert(step, `README.md has no code marked as step ${number} of leaving`);
  return step;
}

/** A process that runs an app. */
class App implements AsyncDisposable {
  readonly url: string;
  readonly #process: Deno.ChildProcess;
  readonly #output: ReadableStreamDefaultReader<string>;

  private constructor(
    url: string,
    process: Deno.ChildProcess,
    output: ReadableStreamDefaultReader<string>,
  ) {
    this.url = url;
    this.#process = process;
    this.#output = output;
  }

  static async start(file: string, code: string, redis: string): Promise<App> {
    await Deno.writeTextFile(file, code);
    const process = new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", "--no-lock", "--config", join(root, "deno.json"), file],
      env: { REDIS_URL: redis },
      stdout: "piped",
    }).spawn();
    const output = process.stdout.pipeThrough(new TextDecoderStream()).getReader();
    const { value = "" } = await output.read();
    return new App(value.trim(), process, output);
  }

  /** Stops it as a process manager does, and gives what it says until it has ended. */
  async stop(): Promise<string> {
    this.#process.kill("SIGTERM");
    let said = "";
    for (;;) {
      const { value, done } = await this.#output.read();
      if (done) break;
      said += value;
    }
    assertEquals((await this.#process.status).code, 0);
    return said;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      this.#process.kill("SIGKILL");
    } catch {
      // It has ended.
    }
    await this.#output.cancel();
    await this.#process.status;
  }
}

if (hasRedis()) {
  describe("the README's three steps from one process to Redis", () => {
    let redis: RedisSite;
    let folder: string;
    beforeAll(async () => {
      redis = await RedisSite.start();
      folder = await Deno.makeTempDir({ prefix: "express-lembro-" });
    });
    afterAll(async () => {
      await Deno.remove(folder, { recursive: true });
      await redis[Symbol.asyncDispose]();
    });

    it("sign nobody out, and nobody in", async () => {
      const { client, url } = redis;
      await using before = await App.start(
        join(folder, "before.mjs"),
        onLembro(await stepOf(1)),
        url,
      );
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
      assertEquals(await before.stop(), "2 sessions moved, 0 failed\n");
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

      await using after = await App.start(join(folder, "after.mjs"), onRedis(await stepOf(3)), url);
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
      assertEquals(await client.dbSize(), 1);
    });
  });
}
