import { assert, assertEquals, assertMatch, assertNotEquals } from "@std/assert";
import { afterAll, afterEach, beforeAll, beforeEach, describe, it } from "@std/testing/bdd";
import axe from "axe-core";
import type { LembroStats } from "express-lembro";
import { type Monitor, monitor } from "express-lembro/monitor";
import type { Browser, BrowserContext, BrowserContextOptions, Page } from "playwright-core";
import { hasChromium, launch } from "./support/chromium.ts";
import { Site, type Visitor } from "./support/http.ts";
import { Lembro, type session, sessionOf } from "./support/setup.ts";

/** The limit of the store whose monitor is looked at. */
const LIMIT = "16K";

/** The cards with a picture, by their id. */
const CARDS = ["memory", "ranks", "hits", "evictions", "expiries", "merges", "late"];

/** Figures as a store gives them, to be changed by the test. */
function figures(changes: Partial<LembroStats> = {}): LembroStats {
  return {
    ...{ sessions: 0, bytes: 0, maxSize: 4 * 1024 ** 2, newcomers: 0, returning: 0, protected: 0 },
    ...{ hits: 0, misses: 0, saves: 0, touches: 0, merges: 0, lateWrites: 0, expired: 0 },
    evicted: { newcomers: 0, returning: 0, protected: 0 },
    rejected: 0,
    ...changes,
  };
}

if (hasChromium()) {
  describe("the monitor's page", () => {
    let browser: Browser;
    let context: BrowserContext;
    let site: Site;
    let store: Site["store"];
    let watch: Monitor;
    let origin: string;
    let page: Page;
    /** The status that the app's access check answers with instead of the monitor. */
    let refusal: number | undefined;
    /** What no page should have done: asked another host, or complained. */
    let wrongs: string[];

    beforeAll(async () => {
      browser = await launch();
    });

    afterAll(() => browser.close());

    beforeEach(async () => {
      wrongs = [];
      refusal = undefined;
      store = new Lembro({ maxSize: LIMIT });
      watch = monitor(store);
      await start(store, watch);
      page = await open();
    });

    afterEach(async () => {
      await context.close();
      watch.close();
      await site[Symbol.asyncDispose]();
      assertEquals(wrongs, []);
    });

    async function start(store: Site["store"], watch: Monitor) {
      site = new Site({}, store);
      site.on("/visit", (kept) => kept.visits = Number(kept.visits ?? 0) + 1);
      site.app.use("/monitor", (_request, response, next) => {
        if (refusal) response.sendStatus(refusal);
        else next();
      }, watch);
      origin = (await site.visitor()).url;
    }

    async function open(options: BrowserContextOptions = {}): Promise<Page> {
      context = await browser.newContext(options);
      const page = await context.newPage();
      page.on("request", (request) => {
        if (!request.url().startsWith(`${origin}/`)) wrongs.push(request.url());
      });
      page.on("console", (message) => {
        if (["error", "warning"].includes(message.type())) wrongs.push(message.text());
      });
      page.on("pageerror", (error) => wrongs.push(error.message));
      await page.goto(`${origin}/monitor/`);
      await page.locator("#memory path.line").first().waitFor({ state: "attached" });
      return page;
    }

    /** Looks at a store with just these figures instead. */
    async function lookAt(stats: () => LembroStats, options?: BrowserContextOptions) {
      await context.close();
      watch.close();
      await site[Symbol.asyncDispose]();
      watch = monitor({ stats });
      await start(new Lembro(), watch);
      page = await open(options);
    }

    const words = (card: string) => page.locator(`#${card}-words`).textContent();

    /** Waits until the card says so. */
    const says = (card: string, text: string | RegExp) =>
      page.locator(`#${card}-words`).filter({ hasText: text }).waitFor();

    /** Waits until the total of a series is shown as this. */
    const counts = (card: string, path: string, total: number) =>
      page.locator(`#${card} [data-path="${path}"] td`).nth(1)
        .filter({ hasText: RegExp(`^${total.toLocaleString("en")}$`) }).waitFor();

    /** How high the lines of a picture are, from left to right; 0 is the top. */
    async function heights(card: string): Promise<number[]> {
      const paths = await page.locator(`#${card} .chart path.line`).evaluateAll(
        (lines) => lines.map((line) => line.getAttribute("d")!),
      );
      return paths.flatMap((path) => [...path.matchAll(/[ML]\S+ (\S+?)(?=L|$)/g)])
        .map(([, y]) => Number(y));
    }

    /** Lets the store do all that there is a picture of. */
    async function work(visitor: Visitor): Promise<void> {
      for (let visit = 0; visit < 5; visit++) await visitor.get("/visit");
      for (let i = 0; i < 100; i++) await store.set(`newcomer${i}`, sessionOf({ i }));
      await store.get("nobody");
      await store.set("short", sessionOf({}, { maxAge: 1 }));
      while (await store.get("short")) await new Promise((resolve) => setTimeout(resolve, 1));
      await store.set("shared", sessionOf());
      const [one, two, three] = await Promise.all(
        [1, 2, 3].map(() => store.get("shared")),
      ) as session.SessionData[];
      await store.set("shared", Object.assign(one, { one: 1 }));
      await store.set("shared", Object.assign(two, { two: 2 }));
      await store.destroy("shared");
      await store.set("shared", three);
    }

    it("moves each of its pictures when the store works", async () => {
      const still = ["hits", "evictions", "expiries", "merges", "late"];
      await page.waitForResponse(/history/).then(() => page.waitForResponse(/history/));
      for (const card of still) {
        assertEquals(new Set(await heights(card)).size, 1, `${card} is flat`);
      }
      const [empty] = await heights("memory");
      assertEquals(await heights("ranks"), []);
      await work(await site.visitor());
      const { hits, misses, evicted, expired, merges, lateWrites } = store.stats();
      assert(hits > 4 && misses > 0 && evicted.newcomers > 20);
      assertEquals([expired, merges, lateWrites], [1, 1, 1]);
      await counts("hits", "hits", hits);
      await counts("hits", "misses", misses);
      await counts("evictions", "evicted.newcomers", evicted.newcomers);
      await counts("expiries", "expired", 1);
      await counts("merges", "merges", 1);
      await counts("late", "lateWrites", 1);
      for (const card of still) {
        const found = await heights(card);
        assert(Math.min(...found) < Math.max(...found), `${card} has a peak: ${found}`);
      }
      assert((await heights("memory")).at(-1)! < empty);
      assert((await heights("ranks")).length > 0);
    });

    it("says the figures in words beside the pictures", async () => {
      await lookAt(() =>
        figures({
          sessions: 12_345,
          bytes: 3 * 1024 ** 2,
          newcomers: 12_000,
          returning: 344,
          protected: 1,
          hits: 1_000_000,
          evicted: { newcomers: 70_000, returning: 2, protected: 0 },
        })
      );
      await says("hits", "0 hits, 0 misses a second.");
      assertEquals(await words("memory"), "3 MB of 4 MB, 75 %. At most 3 MB in the time drawn.");
      assertEquals(await words("ranks"), "12,000 newcomers, 344 returning, 1 protected.");
      assertEquals(
        await words("evictions"),
        "0 newcomers, 0 returning, 0 protected evicted a second.",
      );
      assertEquals(await words("expiries"), "0 sessions expired a second.");
      assertEquals(await words("merges"), "0 merges a second.");
      assertEquals(await words("late"), "0 late writes a second.");
      await counts("hits", "hits", 1_000_000);
      await counts("evictions", "evicted.newcomers", 70_000);
      assertEquals(await page.title(), "75 % full – express-lembro");
      await page.getByText("The last minutes as a table").click();
      const newest = page.locator("#minutes tbody tr").first();
      // The table is filled when the page is drawn the next time.
      await newest.filter({ hasText: "3 MB12,345" }).waitFor();
    });

    it("says how many a second while they happen", async () => {
      let lateWrites = 0;
      await lookAt(() => figures({ lateWrites: lateWrites += 20 }));
      // A second has never exactly a thousand milliseconds.
      await says("late", /^(1[5-9]|2\d) late writes a second\.$/);
    });

    it("says that a store without a limit has none", async () => {
      await lookAt(() => figures({ bytes: 2048, maxSize: Infinity }));
      assertEquals(await words("memory"), "2 KB, without a limit. At most 2 KB in the time drawn.");
      assertEquals(await page.locator("#memory .limit").count(), 0);
    });

    it("draws and says nothing below zero when the counters start anew", async () => {
      let hits = 5_000;
      await lookAt(() => figures({ hits }));
      await counts("hits", "hits", 5_000);
      hits = 7;
      await counts("hits", "hits", 7);
      assertEquals(await words("hits"), "0 hits, 0 misses a second.");
      assertEquals(new Set(await heights("hits")).size <= 1, true);
    });

    it("has a name and a description for each picture", async () => {
      for (const card of CARDS) {
        const picture = page.locator(`#${card} .chart`);
        assertEquals(await picture.getAttribute("role"), "img");
        const [name, description] = await picture.evaluate((svg) =>
          ["aria-labelledby", "aria-describedby"]
            .map((attribute) => svg.ownerDocument.getElementById(svg.getAttribute(attribute)!)!)
            .map(({ textContent }) => textContent)
        );
        assertEquals(name, await page.locator(`#${card} h2`).textContent());
        assertEquals(description, await words(card));
      }
    });

    it("pauses and goes on by the keyboard", async () => {
      const state = page.locator("#state");
      await state.filter({ hasText: "Live" }).waitFor();
      await page.keyboard.press("Tab");
      await page.keyboard.press("Enter");
      await state.filter({ hasText: "Paused." }).waitFor();
      const before = await page.locator("#hits").innerHTML();
      const visitor = await site.visitor();
      for (let visit = 0; visit < 5; visit++) await visitor.get("/visit");
      const { hits } = store.stats();
      await sampled(hits);
      assertEquals(await page.locator("#hits").innerHTML(), before);
      await page.keyboard.press("Enter");
      await counts("hits", "hits", hits);
      assertMatch((await state.textContent())!, /^Live/);
    });

    /** Waits until the monitor has taken three samples with these hits. */
    async function sampled(hits: number): Promise<void> {
      for (let count = 0; count < 3;) {
        await new Promise((resolve) => setTimeout(resolve, 100));
        const { samples } = await (await fetch(`${origin}/monitor/history.json`)).json();
        count = samples.filter((sample: { stats: LembroStats }) => sample.stats.hits === hits)
          .length;
      }
    }

    it("tells that it is not let in, and goes on when it is", async () => {
      const trouble = page.locator("#trouble");
      for (const status of [401, 403]) {
        refusal = status;
        await trouble.filter({ hasText: "does not let this page in. Sign in again" }).waitFor();
        assertEquals(await page.locator("#state").textContent(), "");
        refusal = undefined;
        await page.locator("#state").filter({ hasText: "Live" }).waitFor();
        assertEquals(await trouble.textContent(), "");
      }
      // The browser itself complains about the status; nothing else may.
      wrongs = wrongs.filter((text) => !/status of 40[13]/.test(text));
    });

    it("tells that the connection is lost, and since when", async () => {
      await site[Symbol.asyncDispose]();
      const trouble = page.getByRole("alert").filter({ hasText: "The app does not answer." });
      await trouble.waitFor();
      assertMatch((await trouble.textContent())!, /What is drawn ends at \d\d:\d\d:\d\d\./);
      wrongs = wrongs.filter((text) => !/ERR_(CONNECTION|EMPTY|SOCKET)/.test(text));
      await start(store, watch);
      await page.goto("about:blank");
    });

    it("is light and dark, as the reader likes it", async () => {
      const colours = [];
      for (const colorScheme of ["light", "dark"] as const) {
        await page.emulateMedia({ colorScheme });
        colours.push(
          await page.evaluate<string>("getComputedStyle(document.body).backgroundColor"),
        );
      }
      assertNotEquals(colours[0], colours[1]);
    });

    it("fits 320 pixels", async () => {
      await page.setViewportSize({ width: 320, height: 700 });
      await page.getByText("The last minutes as a table").click();
      const wide = await page.evaluate<number>("document.documentElement.scrollWidth");
      assert(wide <= 320, `${wide} pixels`);
    });

    for (const colorScheme of ["light", "dark"] as const) {
      it(`gives axe nothing to say, ${colorScheme}`, async () => {
        await work(await site.visitor());
        await context.close();
        // The policy of the page keeps axe out, as anything else.
        page = await open({ colorScheme, bypassCSP: true });
        await counts("hits", "hits", store.stats().hits);
        await page.getByText("The last minutes as a table").click();
        await page.addScriptTag({ content: axe.source });
        const { violations, passes } = await page.evaluate("axe.run()") as axe.AxeResults;
        assertEquals(violations.map(({ id, nodes }) => [id, nodes[0].html]), []);
        assert(passes.some(({ id }) => id === "color-contrast"));
      });
    }
  });
}
