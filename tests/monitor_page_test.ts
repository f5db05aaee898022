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
import { itInAll, leaveToAll } from "./support/matrix.ts";
import { Lembro, type session, sessionOf } from "./support/setup.ts";

/** The limit of the store whose monitor is looked at. */
const LIMIT = "16K";

/** The cards with a chart, by their id. */
const CARDS = ["memory", "ranks", "traffic", "prevented"];

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
  leaveToAll("the layout of the monitor at all widths, and axe");

  describe("the monitor's page", () => {
    let browser: Browser;
    let context: BrowserContext | undefined;
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

    beforeEach(() => {
      wrongs = [];
      refusal = undefined;
    });

    afterEach(async () => {
      await close();
      assertEquals(wrongs, []);
    });

    async function close() {
      await context?.close();
      context = undefined;
      watch.close();
      await site[Symbol.asyncDispose]();
    }

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
      await page.locator("#traffic canvas").waitFor();
      return page;
    }

    /** Looks at a store with just these figures. */
    async function lookAt(
      stats: () => LembroStats,
      options?: BrowserContextOptions & MonitorOptions,
    ) {
      if (context) await close();
      watch = monitor({ stats }, { journal: options?.journal, title: options?.title });
      await start(new Lembro(), watch);
      page = await open(options);
    }

    /** What a chart says to those who can't see it. */
    const words = (card: string) => page.locator(`#${card} .drawing`).getAttribute("aria-label");

    /** Waits until the chart says so. */
    const says = (card: string, text: string) =>
      page.locator(`#${card} .drawing[aria-label*="${text}"]`).waitFor();

    /** The two lines of a key number. */
    const key = (name: string) => page.locator(`[data-key="${name}"] dd`).allTextContents();

    /** Waits until a key number says this in its second line. */
    const tells = (name: string, text: string) =>
      page.locator(`[data-key="${name}"] dd`).nth(1).filter({ hasText: text }).waitFor();

    /** The values beside the names of a chart's lines. */
    const legend = (card: string) => page.locator(`#${card} .legend dd`).allTextContents();

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

    describe("of a store at work", () => {
      beforeEach(async () => {
        store = new Lembro({ maxSize: LIMIT, user: (kept) => (kept as { user?: string }).user });
        watch = monitor(store, { title: "shop, eu-1", users: true });
        await start(store, watch);
        page = await open();
      });

      it("has its title, its key numbers and four charts from the first second on", async () => {
        assertEquals(await page.locator("h1").textContent(), "shop, eu-1");
        assertMatch(
          (await page.locator("#process").textContent())!,
          /^Sessions in memory, process \d+, up for \d/,
        );
        assertEquals(await page.title(), "0 % full – shop, eu-1");
        assertEquals(await key("sessions"), ["0", "of 0 users"]);
        assertEquals(await key("memory"), ["0 %", "0 bytes of 16 KB"]);
        assertEquals((await key("hits"))[0], "–");
        assertEquals(await key("prevented"), ["0", "0 late, 0 merged, 0 evicted"]);
        assertEquals(await key("journal"), ["none", "lost at a restart"]);
        assertEquals(await page.locator(".chart canvas:visible").count(), CARDS.length);
      });

      it("moves no card when the first event of a kind comes", async () => {
        const places = () =>
          page.evaluate<number[]>(
            `[...document.querySelectorAll(".keys div, .card")].map((card) =>
            card.checkVisibility() ? Math.round(card.getBoundingClientRect().top) : -1)`,
          );
        const before = await places();
        await work(await site.visitor());
        await tells("prevented", "1 late, 1 merged");
        assertEquals(await places(), before);
      });

      it("moves no card when the app lets the page in no more, and does again", async () => {
        const places = () =>
          page.evaluate<number[]>(
            `[...document.querySelectorAll(".keys div, .card")].map((card) =>
            card.checkVisibility() ? Math.round(card.getBoundingClientRect().top) : -1)`,
          );
        await page.getByText("Nobody found.").waitFor();
        const before = await places();
        refusal = 403;
        await page.getByRole("alert").filter({ hasText: "Sign in again" }).waitFor();
        assertEquals(await places(), before);
        refusal = undefined;
        await page.locator("#state").filter({ hasText: "Live" }).waitFor();
        assertEquals(await places(), before);
        wrongs = wrongs.filter((text) => !/status of 403/.test(text));
      });

      it("cuts off no time below a chart", async () => {
        const cut = await page.evaluate<string[]>(`import("./charts.js").then(({ chart }) => {
        const place = document.querySelector("#memory .chart");
        const cut = [];
        const { fillText } = CanvasRenderingContext2D.prototype;
        CanvasRenderingContext2D.prototype.fillText = function (text, x, ...rest) {
          const half = this.measureText(text).width / 2;
          const isTime = /:/.test(text);
          if (isTime && (x < half || x + half > this.canvas.width)) cut.push(text);
          if (isTime) place.drawn = true;
          return fillText.call(this, text, x, ...rest);
        };
        const series = [{ name: "sessions", color: "--accent" }];
        // The first and the last time are where lines of the axis are.
        chart(place, { series, format: String })([0, 15_000, 30_000], [[1, 2, 3]]);
        return new Promise((resolve) => setTimeout(resolve)).then(() => {
          if (!place.drawn) throw new Error("no time was drawn");
          return cut;
        });
      })`);
        assertEquals(cut, []);
      });

      it("writes at least two times below a chart, however long the time shown", async () => {
        await page.setViewportSize({ width: 1080, height: 900 });
        const few = await page.evaluate<string[]>(`import("./charts.js").then(async ({ chart }) => {
        let drawn;
        const { fillText } = CanvasRenderingContext2D.prototype;
        CanvasRenderingContext2D.prototype.fillText = function (text, ...rest) {
          if (/:/.test(text)) drawn.add(text);
          return fillText.call(this, text, ...rest);
        };
        const few = [];
        const series = [{ name: "sessions", color: "--accent" }];
        for (let seconds = 5; seconds <= 300; seconds += 5) {
          const place = document.createElement("div");
          document.querySelector("#memory .chart").replaceChildren(place);
          const draw = chart(place, { series, format: String });
          drawn = new Set();
          // From a second after a full minute.
          draw([61_000, 61_000 + seconds * 1000], [[1, 2]]);
          await new Promise((resolve) => setTimeout(resolve));
          if (drawn.size < 2) few.push(seconds + " s: " + [...drawn]);
        }
        return few;
      })`);
        assertEquals(few, []);
      });

      it("shows what the store does in its key numbers, legends and words", async () => {
        await work(await site.visitor());
        await tells("prevented", "1 late, 1 merged");
        const { sessions, evicted, hits, misses, newcomers, returning } = store.stats();
        assert(evicted.newcomers > 20 && misses > 0);
        await says("ranks", `${newcomers} newcomers, ${returning} returning, 1 protected`);
        assertEquals(await key("sessions"), [`${sessions}`, "of 1 user"]);
        assertEquals(await legend("ranks"), [`${newcomers}`, `${returning}`, "1"]);
        const share = Math.round(100 * hits / (hits + misses));
        assertEquals((await key("hits"))[0], `${share} of 100`);
        assertEquals(
          (await key("prevented"))[0],
          `${2 + evicted.newcomers + evicted.returning + evicted.protected}`,
        );
      });

      it("counts in the table what happened in each half minute", async () => {
        const fields = [
          "Hits",
          "Misses",
          "Merges",
          "Late saves",
          "Evicted",
          "Expired",
          "Signed out",
        ];
        await page.getByText("All figures as a table").click();
        await work(await site.visitor());
        await tells("prevented", "1 late, 1 merged");
        const names = await page.locator("#minutes thead th").allTextContents();
        const rows = await page.locator("#minutes tbody tr").evaluateAll((rows) =>
          rows.map((row) => [...row.children].map(({ textContent }) => textContent))
        );
        const { hits, misses, evicted } = store.stats();
        const sum = (name: string) =>
          rows.reduce((sum, row) => sum + Number(row[names.indexOf(name)]), 0);
        const all = evicted.newcomers + evicted.returning + evicted.protected;
        assertEquals(fields.map(sum), [hits, misses, 1, 1, all, 1, 1]);
      });

      describe("who is signed in", () => {
        beforeEach(async () => {
          await store.set("a1", sessionOf({ user: "ada" }));
          await store.set("b1", sessionOf({ user: "bea" }));
          await store.set("a2", sessionOf({ user: "ada" }));
          await store.set("c1", sessionOf({ user: "<i>cy</i>" }));
          await store.set("nobody", sessionOf());
          await page.getByRole("button", { name: "Search" }).click();
          await page.getByText("3 of 3 users.").waitFor();
        });

        const users = () => page.locator("#users tbody th").allTextContents();

        it("lists the users, can be sorted and searched", async () => {
          await page.getByLabel("Sort by").selectOption("user");
          await page.locator("#users tbody th").first().filter({ hasText: "<i>cy</i>" }).waitFor();
          assertEquals(await users(), ["<i>cy</i>", "ada", "bea"]);
          await page.getByLabel("Sort by").selectOption("sessions");
          await page.locator("#users tbody th").first().filter({ hasText: "ada" }).waitFor();
          assertEquals((await users())[0], "ada");
          await page.getByLabel("Search for a user").fill("BE");
          await page.keyboard.press("Enter");
          await page.getByText("1 of 1 users.").waitFor();
          assertEquals(await users(), ["bea"]);
        });

        it("lists who has signed in since, unless somebody is at work in the list", async () => {
          await page.clock.install();
          await page.reload();
          await page.getByText("3 of 3 users.").waitFor();
          await store.set("d1", sessionOf({ user: "dee" }));
          await page.clock.fastForward(11_000);
          await page.getByText("4 of 4 users.").waitFor();
          await store.set("e1", sessionOf({ user: "eve" }));
          await page.getByRole("button", { name: "Sign out ada everywhere" }).focus();
          const asked = page.waitForResponse(/history/);
          await page.clock.fastForward(11_000);
          await asked;
          assertEquals((await users()).length, 4);
          assert(await page.evaluate("document.activeElement.closest('#users tbody') !== null"));
        });

        it("keeps a name on its line, and the list in a part of the page, at 390 pixels", async () => {
          await page.setViewportSize({ width: 390, height: 844 });
          for (let user = 1000; user < 1050; user++) {
            await store.set(`${user}`, sessionOf({ user: `user-${user}` }));
          }
          await page.clock.setFixedTime(Date.now() + 59 * 60_000);
          await page.getByLabel("Search for a user").fill("user-");
          await page.keyboard.press("Enter");
          await page.getByText("users.").filter({ hasText: /of \d\d/ }).waitFor();
          const lines = await page.evaluate<number[]>(
            `[...document.querySelectorAll("#users tbody th")].map((name) => {
            const range = document.createRange();
            range.selectNodeContents(name);
            return range.getClientRects().length;
          })`,
          );
          assert(lines.length > 20 && lines.every((count) => count === 1), `${lines}`);
          const list = page.locator("#users .scroll");
          assert((await list.boundingBox())!.height < 600);
          assert(await list.evaluate((part) => part.scrollWidth <= part.clientWidth));
        });

        it("shows no table where nobody is found", async () => {
          const table = page.locator("#users table");
          assert(await table.isVisible());
          await page.getByLabel("Search for a user").fill("nobody of that name");
          await page.keyboard.press("Enter");
          await page.getByText("Nobody found.").waitFor();
          assert(!await table.isVisible());
        });

        it("asks again at once after a no, and signs out nobody but who was asked about last", async () => {
          // The event of the first answer comes when the second question is there.
          await page.evaluate(`
            const button = (user) =>
              document.querySelector('[aria-label="Sign out ' + user + ' everywhere"]');
            button("bea").click();
            document.querySelector("#users dialog").close("");
            button("ada").click();
          `);
          await page.getByRole("dialog").getByText("Sign ada out of 2 sessions?").waitFor();
          await page.getByRole("button", { name: "Sign out everywhere", exact: true }).click();
          await page.getByText("ada is signed out of 2 sessions.").waitFor();
          assertEquals((await store.sessionsOfUser("ada")).length, 0);
          assertEquals((await store.sessionsOfUser("bea")).length, 1);
        });

        it("signs a user out everywhere after a question, by the keyboard", async () => {
          await page.getByRole("button", { name: "Sign out ada everywhere" }).focus();
          await page.keyboard.press("Enter");
          await page.getByRole("dialog").getByText("Sign ada out of 2 sessions?").waitFor();
          await page.keyboard.press("Escape");
          await page.getByRole("dialog").waitFor({ state: "hidden" });
          assertEquals((await store.sessionsOfUser("ada")).length, 2, "the answer was no");
          await page.keyboard.press("Enter");
          await page.keyboard.press("Tab");
          await page.keyboard.press("Enter");
          await page.getByText("ada is signed out of 2 sessions.").waitFor();
          assertEquals((await store.sessionsOfUser("ada")).length, 0);
          assertEquals(store.stats().users, 2);
        });
      });

      it("pauses and goes on by the keyboard", async () => {
        const state = page.locator("#state");
        await state.filter({ hasText: "Live" }).waitFor();
        await page.keyboard.press("Tab");
        await page.keyboard.press("Enter");
        await state.filter({ hasText: "Paused" }).waitFor();
        const before = await page.locator("main").innerHTML();
        const visitor = await site.visitor();
        for (let visit = 0; visit < 5; visit++) await visitor.get("/visit");
        const { hits } = store.stats();
        await sampled(hits);
        assertEquals(await page.locator("main").innerHTML(), before);
        await page.keyboard.press("Enter");
        await page.waitForResponse(/history/).then(() => page.waitForResponse(/history/));
        assertNotEquals(await page.locator("main").innerHTML(), before);
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
          assertEquals(await page.locator("#state").textContent(), "Trying again");
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

      for (const colorScheme of ["light", "dark"] as const) {
        itInAll(`gives axe nothing to say, ${colorScheme}`, async () => {
          await work(await site.visitor());
          await context?.close();
          // The policy of the page keeps axe out, as anything else.
          page = await open({ colorScheme, bypassCSP: true });
          await tells("prevented", "1 late, 1 merged");
          await page.getByText("All figures as a table").click();
          await page.addScriptTag({ content: axe.source });
          const { violations, passes } = await page.evaluate("axe.run()") as axe.AxeResults;
          assertEquals(violations.map(({ id, nodes }) => [id, nodes[0].html]), []);
          assert(passes.some(({ id }) => id === "color-contrast"));
        });
      }
    });

    describe("of given figures", () => {
      it("shows large figures in full where there is room, and short where there is none", async () => {
        await lookAt(() => FULL);
        assertEquals(await key("sessions"), ["1,012,345", "of 1,234 users"]);
        assertEquals(await key("memory"), ["75 %", "3 MB of 4 MB"]);
        assertEquals(await key("prevented"), ["72M", "1M late, 1M merged, 70M evicted"]);
        assertEquals(
          await words("memory"),
          "Memory: 3 MB of 4 MB, at most 3 MB in the time shown.",
        );
        assertEquals(
          await words("ranks"),
          "Sessions by rank: 1,012,000 newcomers, 344 returning, 1 protected.",
        );
        await says("traffic", "Traffic: 0 hits, 0 misses, 0 saves per second.");
        await says("prevented", "Prevented: 0 late saves, 0 merges, 0 evictions per second.");
        assertEquals(await page.title(), "75 % full – express-lembro");
        await page.getByText("All figures as a table").click();
        const newest = page.locator("#minutes tbody tr").first();
        // The table is filled when the page is drawn the next time.
        await newest.filter({ hasText: "3 MB1,012,3451,234" }).waitFor();
      });

      it("shows the values under the cursor, and the last ones without it", async () => {
        let hits = 0;
        await lookAt(() => figures({ sessions: 1, hits: hits += 100, newcomers: 1 }));
        await page.waitForResponse(/history/).then(() => page.waitForResponse(/history/));
        const drawing = page.locator("#memory .drawing");
        const box = (await drawing.boundingBox())!;
        await page.mouse.move(box.x + box.width / 2, box.y + box.height / 2);
        await page.locator("#memory .moment").filter({ hasText: /^At \d\d:\d\d:\d\d$/ }).waitFor();
        await page.mouse.move(0, 0);
        await page.locator("#memory .moment").filter({ hasText: /^$/ }).waitFor();
      });

      it("says how the journal is", async () => {
        await lookAt(() => FULL, { journal: journalOf() });
        await says("journal", "3.2 MB, last written at ");
        assertEquals(await key("journal"), ["0\u00a0s", "until it is on the disk"]);
        await lookAt(() => FULL, {
          journal: journalOf({ pending: 1, lag: 340, lastSync: undefined }),
        });
        await says("journal", "Journal: 3.2 MB, 0 failed writes.");
        assertEquals(await key("journal"), ["340\u00a0ms", "until it is on the disk"]);
        assertEquals(await legend("journal"), ["340\u00a0ms"]);
      });

      it("says that the journal cannot be written, in an empty store too", async () => {
        const failing = { pending: 12, lag: 74_300, errors: 3, isFailing: true };
        for (const stats of [FULL, figures()]) {
          await lookAt(() => stats, { journal: journalOf(failing) });
          await page.locator("#journal .notice").filter({
            hasText: "The file cannot be written. The app goes on from memory. 12 changes wait, " +
              "the oldest for 74\u00a0s.",
          }).waitFor();
          assertEquals(await key("journal"), ["74\u00a0s", "cannot be written"]);
          assertEquals(await page.locator("#journal canvas").isVisible(), true);
        }
      });

      it("says how many a second while they happen", async () => {
        let lateWrites = 0;
        await lookAt(() => figures({ lateWrites: lateWrites += 20 }));
        // A second has never exactly a thousand milliseconds.
        const rate = page.locator("#prevented .legend dd").first();
        await rate.filter({ hasText: /^(1[5-9]|2\d)(\.\d)?$/ }).waitFor();
      });

      it("says that a store without a limit has none", async () => {
        await lookAt(() => figures({ sessions: 1, bytes: 2048, maxSize: Infinity }));
        assertEquals(await key("memory"), ["2 KB", "no limit"]);
        assertEquals(
          await words("memory"),
          "Memory: 2 KB, without a limit, at most 2 KB in the time shown.",
        );
      });

      it("shows what there is of a store whose sessions are elsewhere", async () => {
        const { hits, misses, saves, touches, merges, lateWrites, revoked } = FULL;
        const stats = { hits, misses, saves, touches, merges, lateWrites, revoked };
        await lookAt(() => stats as never);
        assertMatch((await page.locator("#process").textContent())!, /^Sessions on Redis/);
        assertEquals(await key("memory"), ["–", "kept by Redis"]);
        const shown = await page.locator(".card canvas:visible").count();
        assertEquals(shown, 2, "traffic, and what was prevented");
      });

      it("draws and says nothing below zero when the counters start anew", async () => {
        let hits = 5_000;
        await lookAt(() => figures({ hits }));
        hits = 7;
        await page.waitForResponse(/history/).then(() => page.waitForResponse(/history/));
        await says("traffic", "Traffic: 0 hits, 0 misses, 0 saves per second.");
      });

      it("has a name and a description for each chart", async () => {
        await lookAt(() => FULL, { journal: journalOf() });
        for (const card of [...CARDS, "journal"]) {
          const drawing = page.locator(`#${card} .drawing`);
          assertEquals(await drawing.getAttribute("role"), "img");
          const name = await page.locator(`#${card} h2`).textContent();
          assert((await words(card))!.startsWith(`${name}: `), card);
        }
      });

      it("escapes its title", async () => {
        await lookAt(() => FULL, { title: `<b id="x">"a" & 'b'</b> $& $1` });
        assertEquals(await page.locator("h1").textContent(), `<b id="x">"a" & 'b'</b> $& $1`);
        assertEquals(await page.locator("#x").count(), 0);
      });

      for (const width of [320, 360, 768, 1280]) {
        itInAll(`has room for everything at ${width} pixels, and breaks no label`, async () => {
          await lookAt(() => FULL, {
            journal: journalOf({ pending: 12, lag: 74_300, isFailing: true }),
            viewport: { width, height: 800 },
          });
          await page.getByText("All figures as a table").click();
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
          const parts = [...card.querySelectorAll("h2, p, .legend, .drawing, table, form")].filter(isShown);
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
    });
  });
}
