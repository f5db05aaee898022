import { assertEquals, assertRejects } from "@std/assert";
import { afterAll, beforeAll, describe, it } from "@std/testing/bdd";
import { Processes } from "../../scripts/support/processes.ts";
import { type Redis, startRedis } from "../../scripts/support/redis_server.ts";
import { hasRedis } from "../support/redis.ts";

const APP = new URL("app.ts", import.meta.url);

/** The number of the process that stops, and of the one that goes on. */
const [STALLED, OTHER] = [0, 1];

/** What ends the session of ada. */
const ENDINGS: Record<string, string> = {
  "she signs out": "/sign-out",
  "she is signed out everywhere": "/revoke?user=ada",
  "all sessions are cleared": "/clear",
};

/** Requests of hers, and before which step their process stops. */
const STEPS: [name: string, path: string, step: string][] = [
  ["after a request has loaded the session", "/append?item=late", "handler"],
  ["before the write of a save", "/append?item=late", "UPDATE"],
  ["between the read and the write of an update", "/count", "UPDATE"],
  ["before a touch", "/read", "TOUCH"],
  ["before the session of another user is entered into the index", "/sign-in?user=eve", "ENROL"],
  ["before the session of another user is written", "/sign-in?user=eve", "SAVE"],
];

if (hasRedis()) {
  describe("two processes of one app, of which one is stopped for a while", () => {
    let redis: Redis;
    let site: Processes;
    beforeAll(async () => {
      redis = (await startRedis())!;
      site = await Processes.start(APP, ["redis 5", `${redis.port}`], 2);
    });
    afterAll(async () => {
      await site[Symbol.asyncDispose]();
      await redis[Symbol.asyncDispose]();
    });

    /** Begins a request, whose process stops before `step` until `go` is called. */
    async function stall(browser = site.browser(), path: string, step: string) {
      await site.get(`/stop-before?step=${step}`, STALLED);
      const answer = browser.get(path, STALLED).catch(String);
      await site.untilStopped(STALLED);
      return { answer, go: () => site.children[STALLED].kill("SIGCONT") };
    }

    async function assertIsOut(cookie: string): Promise<void> {
      for (const n of [STALLED, OTHER]) {
        assertEquals(await Object.assign(site.browser(), { cookie }).get("/read", n), {});
      }
    }

    for (const [name, path, step] of STEPS) {
      for (const [what, ending] of Object.entries(ENDINGS)) {
        it(`${name}, ${what}, and stays out`, async () => {
          const browser = site.browser();
          await browser.get("/sign-in?user=ada");
          const { answer, go } = await stall(browser.tab(), path, step);
          await browser.tab().get(ending, OTHER);
          go();
          await answer;
          await assertIsOut(browser.cookie);
          for (const user of ["ada", "eve"]) {
            assertEquals(await site.get(`/sessions?user=${user}`, OTHER), []);
          }
        });
      }
    }

    for (const step of ["handler", "ENROL", "SAVE"]) {
      it(`a sign-in that stops before ${step} does not survive the end of all of the user's`, async () => {
        const browser = site.browser();
        const { answer, go } = await stall(browser, "/sign-in?user=ada", step);
        await site.get("/revoke?user=ada", OTHER);
        go();
        await answer;
        await assertIsOut(browser.cookie);
        assertEquals(await site.get("/sessions?user=ada", OTHER), []);
        // One that begins now is none of these.
        await browser.get("/sign-in?user=ada", STALLED);
        assertEquals(await browser.get("/read", OTHER), { passport: { user: "ada" } });
        await browser.get("/sign-out", OTHER);
      });
    }

    it("a process that is killed in the middle leaves nothing that lasts, and a revocation can be repeated", async () => {
      await using mortal = await Processes.start(APP, ["redis 5", `${redis.port}`], 2);
      const [browser, other] = [mortal.browser(), site.browser()];
      await browser.get("/sign-in?user=ada");
      for (
        const [n, path, step] of [[0, "/sign-in?user=ada", "SAVE"], [
          1,
          "/revoke?user=ada",
          "END",
        ]] as const
      ) {
        await mortal.get(`/stop-before?step=${step}`, n);
        const answer = mortal.browser().get(path, n);
        await mortal.untilStopped(n);
        mortal.children[n].kill("SIGKILL");
        await assertRejects(() => answer);
      }
      assertEquals((await other.get<string[]>("/sessions?user=ada")).length, 1);
      assertEquals(await other.get("/revoke?user=ada"), 1);
      await assertIsOut(browser.cookie);
    });
  });
}
