import { assert, assertEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { locked } from "../../scripts/suppliers.ts";
import { freePort, startRedis } from "../../scripts/support/redis_server.ts";
import { root } from "../support/installed.ts";
import { hasRedis } from "../support/redis.ts";

const EXAMPLE = fileURLToPath(new URL("../../scripts/examples/two_workers.mjs", import.meta.url));

interface Page {
  user?: string;
  worker: number;
}

if (hasRedis()) {
  describe("the example with two workers of node:cluster", () => {
    it("knows a visitor in both, and a sign-out in one holds in the other", async () => {
      await using redis = await startRedis();
      const port = await freePort();
      const app = new Deno.Command(Deno.execPath(), {
        args: locked(["run", "-A", "--no-check", "--config", join(root, "deno.json"), EXAMPLE]),
        env: { PORT: `${port}`, REDIS_URL: `redis://127.0.0.1:${redis!.port}` },
        stdout: "piped",
      }).spawn();
      const output = app.stdout.pipeThrough(new TextDecoderStream()).getReader();
      let said = "";
      const untilSaid = async (what: RegExp, times: number) => {
        while ([...said.matchAll(what)].length < times) {
          const { value, done } = await output.read();
          assert(!done, `it ended: ${said}`);
          said += value;
        }
      };
      let cookie = "";
      // A connection stays with its worker: each request has one of its own.
      const get = async <Result>(path: string): Promise<Result> => {
        const response = await fetch(`http://127.0.0.1:${port}${path}`, {
          headers: { cookie, connection: "close" },
        });
        const [set] = response.headers.getSetCookie();
        if (set) cookie = set.split(";")[0];
        return await response.json();
      };
      /** What each worker answers, by its process. */
      const pages = async () => {
        const pages = new Map<number, Page>();
        for (let n = 0; n < 100 && pages.size < 2; n++) {
          const page = await get<Page>("/");
          pages.set(page.worker, page);
        }
        return [...pages.values()].map(({ user }) => user);
      };
      try {
        await untilSaid(/http:/g, 2);
        assertEquals(await pages(), [undefined, undefined]);
        await get("/sign-in?user=ada");
        const signedIn = cookie;
        assertEquals(await pages(), ["ada", "ada"]);
        await get("/sign-out");
        cookie = signedIn;
        assertEquals(await pages(), [undefined, undefined]);
        await untilSaid(/ada has left/g, 2);
      } finally {
        app.kill("SIGKILL");
        // Its workers have its output as well: this ends when they have.
        while (!(await output.read()).done);
        await app.status;
      }
    });
  });
}
