import { assert, assertEquals, assertMatch, assertNotEquals } from "@std/assert";
import { afterAll, afterEach, beforeAll, beforeEach, describe, it } from "@std/testing/bdd";
import axe from "axe-core";
import type { LembroStats } from "express-lembro";
import {
  type JournalFigures,
  type Monitor,
  monitor,
  type MonitorOptions,
} from "express-lembro/monitor";
import type { Browser, BrowserContext, BrowserContextOptions, Page } from "playwright-core";
import { hasChromium, launch } from "./support/chromium.ts";
import { Site, type Visitor } from "./support/http.ts";
import { Lembro, type session, sessionOf } from "./support/setup.ts";

/** The limit of the store whose monitor is looked at. */
const LIMIT = "16K";

/** The cards with a picture, by their id. */
const CARDS = [
  ...["memory", "ranks", "hits", "evictions", "users", "revocations"],
  ...["expiries", "merges", "late"],
];

/** Figures as a store gives them, to be changed by the test. */
function figures(changes: Partial<LembroStats> = {}): LembroStats {
  return {
    ...{ sessions: 0, bytes: 0, maxSize: 4 * 1024 ** 2, newcomers: 0, returning: 0, protected: 0 },
    ...{ hits: 0, misses: 0, saves: 0, touches: 0, merges: 0, lateWrites: 0, expired: 0 },
    evicted: { newcomers: 0, returning: 0, protected: 0 },
    ...{ users: 0, revoked: 0, rejected: 0, listsTakenWhole: 0 },
    ...changes,
  };
}

/** Figures of a store with each of its counters, and numbers that need room. */
const FULL = figures({
  sessions: 1_012_345,
  bytes: 3 * 1024 ** 2,
  newcomers: 1_012_000,
  returning: 344,
  protected: 1,
  users: 1_234,
  hits: 1_234_567_890,
  misses: 987_654_321,
  merges: 1_000_000,
  lateWrites: 1_000_000,
  expired: 100_000_000,
  evicted: { newcomers: 70_000_000, returning: 2, protected: 0 },
  revoked: 321_000,
});

/** The state of a journal, to be changed by the test. */
function journalOf(changes: Partial<JournalFigures> = {}): { stats(): JournalFigures } {
  const stats = { bytes: 3.2 * 1024 ** 2, pending: 0, lag: 0, lastSync: new Date(), errors: 0 };
  return { stats: () => ({ ...stats, isFailing: false, ...changes }) };
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
      store = new Lembro({ maxSize: LIMIT, user: (kept) => (kept as { user?: string }).user });
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
      // The page waits for its first samples.
      await page.locator("#memory path.line, #start:not([hidden])").first()
        .waitFor({ state: "attached" });
      return page;
    }

    /** Looks at a store with just these figures instead. */
    async function lookAt(
      stats: () => LembroStats,
      options?: BrowserContextOptions & MonitorOptions,
    ) {
      await context.close();
      watch.close();
      await site[Symbol.asyncDispose]();
      watch = monitor({ stats }, { journal: options?.journal });
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
      await store.set("theirs", sessionOf({ user: "Ada" }));
      await store.revokeUser("Ada");
      await store.set("hers", sessionOf({ user: "Ada" }));
    }

    it("says that there is nothing yet, rather than drawing empty boxes", async () => {
      await page.getByText("No sessions yet. The charts appear with the first one.").waitFor();
      assertEquals(await page.locator(".card:visible").count(), 1);
      assertEquals(await page.title(), "No sessions yet – express-lembro");
      await store.set("first", sessionOf());
      await page.locator("#memory .chart").waitFor();
      assertEquals(await page.locator("#start").isVisible(), false);
    });

    it("draws what has happened, and lists what has not", async () => {
      await store.set("first", sessionOf());
      await page.locator("#quiet li").first().waitFor();
      assertEquals(await page.locator("#quiet li").allTextContents(), [
        "No request has asked for a session yet.",
        "No session has been evicted.",
        "No session belongs to a user.",
        "No session has been revoked.",
        "No session has expired.",
        "No save has been merged.",
        "No save has been dropped.",
      ]);
      assertEquals(await page.locator(".chart:visible").count(), 2);
      await store.get("first");
      await page.locator("#hits .chart").waitFor();
      assertEquals(await page.locator("#quiet li").count(), 6);
    });

    it("moves each of its pictures when the store works", async () => {
      await work(await site.visitor());
      const { hits, misses, evicted, expired, merges, lateWrites, revoked } = store.stats();
      assert(hits > 4 && misses > 0 && evicted.newcomers > 20);
      assertEquals([expired, merges, lateWrites, revoked], [1, 1, 1, 1]);
      await counts("hits", "hits", hits);
      await counts("hits", "misses", misses);
      await counts("evictions", "evicted.newcomers", evicted.newcomers);
      await counts("revocations", "revoked", 1);
      await counts("expiries", "expired", 1);
      await counts("merges", "merges", 1);
      await counts("late", "lateWrites", 1);
      await says("users", "1 user, at most 1 in the time shown.");
      assertEquals(await page.locator(".chart:visible").count(), CARDS.length);
      // With two more samples each picture has points before and after the work.
      await page.waitForResponse(/history/).then(() => page.waitForResponse(/history/));
      await page.waitForResponse(/history/);
      for (const card of CARDS) {
        const found = await heights(card);
        assert(Math.min(...found) < Math.max(...found), `${card} has a peak: ${found}`);
      }
    });

    it("says the figures in words beside the pictures", async () => {
      await lookAt(() => FULL);
      await says("hits", "0 hits, 0 misses per second.");
      assertEquals(await words("memory"), "3 MB of 4 MB, 75 %. At most 3 MB in the time shown.");
      assertEquals(await words("ranks"), "1,012,000 newcomers, 344 returning, 1 protected.");
      assertEquals(
        await words("evictions"),
        "0 newcomers, 0 returning, 0 protected evicted per second.",
      );
      assertEquals(await words("users"), "1,234 users, at most 1,234 in the time shown.");
      assertEquals(await words("revocations"), "0 sessions revoked per second.");
      assertEquals(await words("expiries"), "0 sessions expired per second.");
      assertEquals(await words("merges"), "0 merges per second.");
      assertEquals(await words("late"), "0 late writes per second.");
      await counts("hits", "hits", 1_234_567_890);
      await counts("evictions", "evicted.newcomers", 70_000_000);
      await counts("revocations", "revoked", 321_000);
      assertEquals(await page.title(), "75 % full – express-lembro");
      await page.getByText("The last minutes as a table").click();
      const newest = page.locator("#minutes tbody tr").first();
      // The table is filled when the page is drawn the next time.
      await newest.filter({ hasText: "3 MB1,012,3451,234" }).waitFor();
    });

    it("says how the journal is", async () => {
      await lookAt(() => FULL, { journal: journalOf() });
      await says("journal", "Everything is on the disk.");
      const [bytes, lastSync, errors] = await page.locator("#journal td").allTextContents();
      assertEquals([bytes, errors], ["3.2 MB", "0"]);
      assertMatch(lastSync, /^\d\d:\d\d:\d\d$/);

      await lookAt(() => FULL, {
        journal: journalOf({ pending: 1, lag: 340, lastSync: undefined }),
      });
      await says("journal", /^1 change waits, the oldest for 0\.3\ss\.$/);
      assertEquals((await page.locator("#journal td").allTextContents())[1], "Not yet");
    });

    it("says that the journal cannot be written, in an empty store too", async () => {
      const failing = { pending: 12, lag: 74_300, errors: 3, isFailing: true };
      for (const stats of [FULL, figures()]) {
        await lookAt(() => stats, { journal: journalOf(failing) });
        await says(
          "journal",
          /^The file cannot be written\. The app goes on from memory\. 12 changes wait, the oldest for 74\ss\.$/,
        );
        assertEquals(await page.locator("#journal .chart").isVisible(), true);
        assertEquals((await page.locator("#journal td").allTextContents())[2], "3");
      }
    });

    it("says how many a second while they happen", async () => {
      let lateWrites = 0;
      await lookAt(() => figures({ lateWrites: lateWrites += 20 }));
      // A second has never exactly a thousand milliseconds.
      await says("late", /^(1[5-9]|2\d) late writes per second\.$/);
    });

    it("says that a store without a limit has none", async () => {
      await lookAt(() => figures({ sessions: 1, bytes: 2048, maxSize: Infinity }));
      assertEquals(await words("memory"), "2 KB, without a limit. At most 2 KB in the time shown.");
      assertEquals(await page.locator("#memory .limit").count(), 0);
    });

    it("draws and says nothing below zero when the counters start anew", async () => {
      let hits = 5_000;
      await lookAt(() => figures({ hits }));
      await counts("hits", "hits", 5_000);
      hits = 7;
      await counts("hits", "hits", 7);
      assertEquals(await words("hits"), "0 hits, 0 misses per second.");
      assertEquals(new Set(await heights("hits")).size <= 1, true);
    });

    it("has a name and a description for each picture", async () => {
      await lookAt(() => FULL, { journal: journalOf() });
      for (const card of [...CARDS, "journal"]) {
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
      const before = await page.locator("main").innerHTML();
      const visitor = await site.visitor();
      for (let visit = 0; visit < 5; visit++) await visitor.get("/visit");
      const { hits } = store.stats();
      await sampled(hits);
      assertEquals(await page.locator("main").innerHTML(), before);
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
      assertMatch((await trouble.textContent())!, /The figures are from \d\d:\d\d:\d\d\./);
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

    for (const width of [320, 360, 768, 1280]) {
      it(`has room for everything at ${width} pixels, and breaks no label`, async () => {
        await lookAt(() => FULL, {
          journal: journalOf({ pending: 12, lag: 74_300, isFailing: true }),
          viewport: { width, height: 800 },
        });
        await page.getByText("The last minutes as a table").click();
        const wide = await page.evaluate<number>("document.documentElement.scrollWidth");
        assert(wide <= width, `${wide} pixels`);
        assertEquals(await faults(), []);
      });
    }

    /** What sticks out of its card, lies over something else, or is broken within a word. */
    function faults(): Promise<string[]> {
      return page.evaluate<string[]>(`(() => {
        const found = [];
        const isShown = (element) => element.checkVisibility();
        for (const card of [...document.querySelectorAll("section.card")].filter(isShown)) {
          const edge = card.getBoundingClientRect();
          const parts = [...card.querySelectorAll("h2, p, .chart, table, li")].filter(isShown);
          parts.forEach((part, at) => {
            const { left, right, top } = part.getBoundingClientRect();
            if (left < edge.left || right > edge.right) found.push(card.id + ": cut off");
            const before = parts[at - 1]?.getBoundingClientRect();
            if (before && before.bottom > top + 1) found.push(card.id + ": overlaps");
          });
        }
        const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
        for (let text; text = texts.nextNode();) {
          if (!text.parentElement.checkVisibility() || text.parentElement.closest("svg")) continue;
          for (const { index, 0: word } of text.data.matchAll(/[^\\s]+/g)) {
            const range = document.createRange();
            range.setStart(text, index);
            range.setEnd(text, index + word.length);
            const tops = new Set([...range.getClientRects()].map(({ top }) => Math.round(top)));
            if (tops.size > 1) found.push("broken: " + word);
          }
        }
        return found;
      })()`);
    }

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
