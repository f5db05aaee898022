import { assert, assertEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { type Browser, Processes } from "../../scripts/support/processes.ts";
import { type Redis, startRedis } from "../../scripts/support/redis_server.ts";
import { hasRedis } from "../support/redis.ts";
import { CLIENTS } from "../support/redis_clients.ts";

/** How much longer Redis stays away than until every tab has met errors, in milliseconds. */
const OUTAGE_MS = Number(Deno.env.get("LEMBRO_OUTAGE_MS") ?? 0);

const APP = new URL("app.ts", import.meta.url);

/** A Redis that keeps on the disk whatever it has answered. */
const startLasting = async (folder: string, port?: number): Promise<Redis> =>
  (await startRedis(["--appendonly", "yes", "--appendfsync", "always", "--dir", folder], port))!;

/** A tab that asks for one page after another, and what came of it. */
class Tab {
  readonly #browser: Browser;
  readonly #name: string;
  #isClosed = false;
  #requests = 0;
  readonly appended: string[] = [];
  counted = 0;
  /** Requests that failed: what they asked for was done or not. */
  failed = { append: 0, count: 0 };
  /** Of those, the one that took longest, in milliseconds. */
  slowest = 0;

  constructor(browser: Browser, name: string) {
    this.#browser = browser;
    this.#name = name;
  }

  get errors(): number {
    return this.failed.append + this.failed.count;
  }

  get answers(): number {
    return this.appended.length + this.counted;
  }

  async load(): Promise<void> {
    while (!this.#isClosed) {
      const what = this.#requests++ % 3 === 0 ? "count" : "append";
      const item = `${this.#name}.${this.#requests}`;
      const start = performance.now();
      try {
        await this.#browser.get(what === "count" ? "/count" : `/append?item=${item}`);
        if (what === "count") this.counted++;
        else this.appended.push(item);
      } catch {
        this.failed[what]++;
        this.slowest = Math.max(this.slowest, performance.now() - start);
        await pause(5);
      }
    }
  }

  close(): void {
    this.#isClosed = true;
  }
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** Waits until `isTrue`, for half a minute at most. */
async function until(isTrue: () => boolean | Promise<boolean>, what: string): Promise<void> {
  for (const end = Date.now() + 30_000; !await isTrue();) {
    assert(Date.now() < end, `it never came to it that ${what}`);
    await pause(10);
  }
}

if (hasRedis()) {
  describe("Redis is killed under load, and comes back:", () => {
    for (const name of Object.keys(CLIENTS)) {
      it(`${name}: errors at once, no save lost or repeated, and the app goes on by itself`, async () => {
        const folder = await Deno.makeTempDir();
        let redis = await startLasting(folder);
        try {
          await using site = await Processes.start(APP, [name, `${redis.port}`], 2);
          const browsers = await Promise.all(["ada", "bob", "cyd"].map(async (user) => {
            const browser = site.browser();
            await browser.get(`/sign-in?user=${user}`);
            return browser;
          }));
          const [leaver, revoked] = [site.browser(), site.browser()];
          for (const one of [leaver, revoked]) await one.get("/sign-in?user=eve");
          const { cookie } = leaver;
          await leaver.get("/sign-out");
          assertEquals(await revoked.get("/revoke?user=eve"), 1);

          const tabs = browsers.map((browser, n) =>
            ["a", "b"].map((tab) => new Tab(browser.tab(), `${n}${tab}`))
          );
          const all = tabs.flat();
          const loads = all.map((tab) => tab.load());
          const eachHas = async (more: number, of: "errors" | "answers") => {
            const before = all.map((tab) => tab[of]);
            await until(
              () => all.every((tab, n) => tab[of] >= before[n] + more),
              `each tab had ${more} more ${of}`,
            );
          };
          await eachHas(10, "answers");
          // Commands are under way when it dies.
          Deno.kill(redis.pid, "SIGSTOP");
          await until(
            async () => (await site.all<number>("/under-way")).every((count) => count > 0),
            "each process waited for Redis",
          );
          await redis[Symbol.asyncDispose]();
          await eachHas(3, "errors");
          await pause(OUTAGE_MS);
          redis = await startLasting(folder, redis.port);
          await eachHas(10, "answers");
          for (const tab of all) tab.close();
          await Promise.all(loads);

          for (const [n, browser] of browsers.entries()) {
            const kept = await browser.get<{ list: string[]; count: number }>("/read");
            const appended = tabs[n].flatMap((tab) => tab.appended);
            assertEquals(kept.list.length, new Set(kept.list).size, "nothing is there twice");
            assertEquals(appended.filter((item) => !kept.list.includes(item)), []);
            const counted = tabs[n].reduce((sum, tab) => sum + tab.counted, 0);
            const most = counted + tabs[n].reduce((sum, tab) => sum + tab.failed.count, 0);
            assert(kept.count >= counted && kept.count <= most, `${kept.count} of ${counted}`);
          }
          for (const signedOut of [cookie, revoked.cookie]) {
            revoked.cookie = signedOut;
            assertEquals(await revoked.get("/read"), {});
          }
          if (OUTAGE_MS > 0) {
            const sum = (of: (tab: Tab) => number) => all.reduce((sum, tab) => sum + of(tab), 0);
            console.log(
              `${name}: ${sum((tab) => tab.answers)} answers, ${
                sum((tab) => tab.errors)
              } errors, ` +
                `the slowest after ${Math.round(Math.max(...all.map((tab) => tab.slowest)))} ms`,
            );
          }

          // Each process hears again what the others end, and knows that it may have missed something.
          const sid = await leaver.get<string>("/sign-in?user=eve");
          await until(
            async () => (await site.all<string[]>("/heard")).every((one) => one.includes("gap")),
            "each process said that there was a gap",
          );
          await leaver.get("/sign-out", 0);
          await until(
            async () => (await site.all<string[]>("/heard")).every((one) => one.includes(sid)),
            "each process heard of a logout",
          );
        } finally {
          await redis[Symbol.asyncDispose]();
          await Deno.remove(folder, { recursive: true });
        }
      });
    }
  });
}
