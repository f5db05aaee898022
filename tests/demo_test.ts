import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { afterAll, afterEach, beforeAll, beforeEach, describe, it } from "@std/testing/bdd";
import axe from "axe-core";
import { fileURLToPath } from "node:url";
import type { Browser, BrowserContext, BrowserContextOptions, Page } from "playwright-core";
import type { LembroStats } from "express-lembro";
import type { Run } from "../scripts/demo/crawler.ts";
import { deviceName } from "../scripts/demo/devices.ts";
import { hasChromium, launch } from "./support/chromium.ts";
import { layoutFaults } from "./support/layout.ts";
import { itInAll, leaveToAll } from "./support/matrix.ts";

const root = fileURLToPath(new URL("..", import.meta.url));
const MAIN = fileURLToPath(new URL("../scripts/demo/main.ts", import.meta.url));

/** How long a test waits for something, in milliseconds. */
const MAX_WAIT_MS = 30_000;

/** Where the demos of these tests keep their sessions. */
const kept = await Deno.makeTempDir({ prefix: "express-lembro-" });
addEventListener("unload", () => Deno.removeSync(kept, { recursive: true }));
let folders = 0;

/** A folder for the sessions of one demo. */
const newFolder = () => `${kept}/${folders++}`;

/** What the app says about itself and the visitor that asks. */
interface State {
  devices: { created: string; lastUsed: string }[];
  store: LembroStats;
  crawler: Run;
  process: { pid: number; restored: number };
}

/** The demo in a process of its own, and what it prints. */
class DemoProcess implements AsyncDisposable {
  readonly process: Deno.ChildProcess;
  #printed = "";
  #told = Promise.withResolvers<void>();
  readonly #reading: Promise<unknown>;

  constructor(env: Record<string, string>, args = ["run", "-A", MAIN]) {
    this.process = new Deno.Command(Deno.execPath(), {
      args,
      cwd: root,
      env: { NO_COLOR: "1", PORT: "0", DATA: newFolder(), ...env },
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    const { stdout, stderr } = this.process;
    this.#reading = Promise.all([this.#read(stdout), this.#read(stderr)])
      .then(() => this.#told.reject(new Error(`The demo has ended: ${this.#printed}`)));
    this.#told.promise.catch(() => {});
  }

  async #read(stream: ReadableStream<Uint8Array<ArrayBuffer>>) {
    for await (const text of stream.pipeThrough(new TextDecoderStream())) {
      this.#printed += text;
      this.#told.resolve();
      this.#told = Promise.withResolvers();
      this.#told.promise.catch(() => {});
    }
  }

  /** What it has printed, once it matches. */
  async prints(expected: RegExp): Promise<string[]> {
    const isTooLate = () => this.#told.reject(new Error(`Not printed so far: ${expected}`));
    const timer = setTimeout(isTooLate, MAX_WAIT_MS);
    try {
      for (;;) {
        const found = this.#printed.match(expected);
        if (found) return [...found];
        await this.#told.promise;
      }
    } finally {
      clearTimeout(timer);
    }
  }

  /** The address of the app. */
  async address(): Promise<string> {
    return (await this.prints(/http:\/\/127\.0\.0\.1:\d+\//))[0];
  }

  /** The process of the app, the one that `main.ts` has started last. */
  async pid(): Promise<number> {
    await this.address();
    return Number([...this.#printed.matchAll(/process (\d+);/g)].at(-1)![1]);
  }

  /** The lines that it has printed when it has ended, and its exit code. */
  async ended(): Promise<{ code: number; lines: string[] }> {
    const { code } = await this.process.status;
    await this.#reading;
    const lines = this.#printed.trim().split("\n");
    // The first run on a machine says what Deno downloads, in between.
    return { code, lines: lines.filter((line) => !DOWNLOAD.test(line)) };
  }

  async end(signal: "SIGINT" | "SIGTERM" = "SIGTERM"): Promise<number> {
    this.process.kill(signal);
    return (await this.ended()).code;
  }

  /** Ends it where a test has failed before. */
  async [Symbol.asyncDispose](): Promise<void> {
    try {
      await this.end();
    } catch {
      // It has ended.
    }
  }
}

/** What Deno prints of itself when it downloads something. */
const DOWNLOAD = /Download.* https?:/;

/** Whether the app at this address accepts connections. */
async function isListening(address: string): Promise<boolean> {
  try {
    using _ = await Deno.connect({ hostname: "127.0.0.1", port: Number(new URL(address).port) });
    return true;
  } catch {
    return false;
  }
}

/** Waits until `condition` holds. */
async function until(condition: () => Promise<boolean>): Promise<void> {
  for (const start = Date.now(); !await condition();) {
    if (Date.now() - start > MAX_WAIT_MS) throw new Error(`It does not come to hold: ${condition}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

describe("deno task demo", () => {
  for (
    const [what, env, line] of [
      ["the port is taken", {}, /port \d+ is taken/],
      ["PORT is no number", { PORT: "soon" }, /PORT must be a number .* received "soon"/],
      ["PORT is too large", { PORT: "65536" }, /PORT must be a number .* received "65536"/],
    ] as const
  ) {
    it(`prints one line and exits with 1 if ${what}`, async () => {
      using taken = Deno.listen({ hostname: "127.0.0.1", port: 0 });
      await using demo = new DemoProcess({ PORT: `${taken.addr.port}`, ...env });
      const { code, lines } = await demo.ended();
      assertEquals(lines.length, 1);
      assertMatch(lines[0], line);
      assertEquals(code, 1);
    });
  }

  it("prints one line and exits with 1 if the store refuses MAX_SIZE", async () => {
    await using demo = new DemoProcess({ MAX_SIZE: "lots" });
    const { code, lines } = await demo.ended();
    assertEquals(lines.length, 2);
    assertMatch(lines[1], /^Cannot start the demo: .*maxSize.*lots/);
    assertEquals(code, 1);
  });

  it("says that it downloads first, where it is and how to stop it", async () => {
    await using demo = new DemoProcess({}, ["task", "demo"]);
    await demo.prints(/downloads its packages[^]*127\.0\.0\.1:\d+\/.*Ctrl\+C stops it/);
    assertEquals(await demo.end(), 0);
  });

  it("downloads what it needs, and not what the tests and benchmarks need", async () => {
    const cache = newFolder();
    await using demo = new DemoProcess({ DENO_DIR: cache });
    await demo.address();
    const [registry] = [...Deno.readDirSync(`${cache}/npm`)].filter((entry) => entry.isDirectory);
    const packages = [...Deno.readDirSync(`${cache}/npm/${registry.name}`)].map(({ name }) => name);
    assertEquals(
      ["express", "playwright-core", "redis", "typescript"].filter((name) =>
        packages.includes(name)
      ),
      ["express"],
    );
  });

  it("ends with 0 on SIGINT, and the app with it", async () => {
    await using demo = new DemoProcess({});
    const address = await demo.address();
    assertEquals(await demo.end("SIGINT"), 0);
    assertEquals(await isListening(address), false);
  });

  it("leaves no app behind if it is killed itself", async () => {
    await using demo = new DemoProcess({});
    const address = await demo.address();
    demo.process.kill("SIGKILL");
    await demo.process.status;
    await until(async () => !await isListening(address));
  });
});

describe("deviceName", () => {
  for (
    const [name, userAgent] of [
      ["Safari on iPhone", "(iPhone; CPU iPhone OS 18_5 like Mac OS X) Version/18.5 Safari/604.1"],
      ["Chrome on iPad", "(iPad; CPU OS 18_5 like Mac OS X) CriOS/142.0 Mobile Safari/604.1"],
      ["Edge on Windows", "(Windows NT 10.0; Win64; x64) Chrome/142.0 Safari/537.36 Edg/142.0"],
      ["Chrome on Android", "(Linux; Android 10; K) Chrome/142.0 Mobile Safari/537.36"],
      ["Firefox on Linux", "(X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0"],
      ["Safari on Mac", "(Macintosh; Intel Mac OS X 10_15_7) Version/18.5 Safari/605.1.15"],
      ["Chrome on Linux", "(X11; Linux x86_64) HeadlessChrome/142.0 Safari/537.36"],
      ["Unknown browser", "curl/8.5.0"],
    ]
  ) {
    it(`is ${name}`, () => assertEquals(deviceName(userAgent), name));
  }
});

if (hasChromium()) {
  leaveToAll("the demo's layout at all widths, and axe");

  describe("the demo in a browser", () => {
    let demo: DemoProcess;
    let address: string;
    let browser: Browser;
    let contexts: BrowserContext[];
    let page: Page;
    /** What no page should have done: asked another host, or complained. */
    let wrongs: string[];
    /** What a page may complain about in this test. */
    let expected: RegExp | undefined;

    beforeAll(async () => {
      demo = new DemoProcess({ MAX_SIZE: "256K", CRAWLER: "3000" });
      address = await demo.address();
      browser = await launch();
    });

    afterAll(async () => {
      await browser.close();
      assertEquals(await demo.end(), 0);
    });

    beforeEach(async () => {
      wrongs = [];
      expected = undefined;
      contexts = [];
      page = await open();
    });

    afterEach(async () => {
      for (const context of contexts) await context.close();
      assertEquals(wrongs.filter((wrong) => !expected?.test(wrong)), []);
    });

    /** A page in a browser of its own, which has no cookies yet. */
    async function open(options: BrowserContextOptions = {}): Promise<Page> {
      const context = await browser.newContext(options);
      context.setDefaultTimeout(MAX_WAIT_MS);
      contexts.push(context);
      const page = await context.newPage();
      page.on("request", (request) => {
        if (!request.url().startsWith(address)) wrongs.push(request.url());
      });
      page.on("console", (message) => {
        if (message.type() === "error") wrongs.push(message.text());
      });
      page.on("pageerror", (error) => wrongs.push(error.message));
      await page.goto(address);
      await page.locator('[data-figure="pid"]').first().filter({ hasText: /\d/ }).waitFor();
      return page;
    }

    const openPhone = () =>
      open({ userAgent: "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) Safari/604.1" });

    const press = (name: string, on = page) =>
      on.getByRole("button", { name, exact: true }).click();

    /** Waits until the outcome of a part of the page says this. */
    const says = (part: string, text: string | RegExp, on = page) =>
      on.locator(`#${part}-outcome`).filter({ hasText: text }).waitFor();

    const devices = (on = page) => on.locator("#device-list li .device").allTextContents();

    /** Waits until the list has this many devices. */
    async function lists(length: number, on = page): Promise<void> {
      const rows = on.locator("#device-list li");
      if (length > 0) await rows.nth(length - 1).waitFor();
      await rows.nth(length).waitFor({ state: "detached" });
    }

    async function signIn(name: string, on = page): Promise<void> {
      await on.getByLabel("Name", { exact: true }).fill(name);
      await press("Sign in", on);
      await on.getByText(`Signed in as ${name}`).waitFor();
    }

    const isSignedOut = (on = page) =>
      on.getByRole("button", { name: "Sign in", exact: true }).waitFor();

    async function state(): Promise<State> {
      return await (await fetch(`${address}state`)).json();
    }

    describe("your devices", () => {
      it("signs in with the account that is filled in, and out again", async () => {
        await page.getByText("No device.").waitFor();
        await press("Sign in");
        await page.getByText("Signed in as ada").waitFor();
        assertEquals(await devices(), ["Chrome on Linux this device"]);
        await press("Sign out");
        await isSignedOut();
        await says("devices", "You are signed out.");
        await page.reload();
        await isSignedOut();
      });

      it("says that a password is wrong, and what it is", async () => {
        expected = /401/;
        await page.getByLabel("Password").fill("forgotten");
        await press("Sign in");
        await says("devices", 'Wrong password. It is "remember".');
      });

      it("lists where an account is signed in, and nobody else's devices", async () => {
        const phone = await openPhone();
        const stranger = await open();
        await signIn("Lists", phone);
        await signIn("Stranger", stranger);
        await signIn("Lists");
        await lists(2);
        assertEquals(await devices(), ["Chrome on Linux this device", "Safari on iPhone"]);
        await lists(2, phone);
        assertEquals(await devices(phone), ["Safari on iPhone this device", "Chrome on Linux"]);
        assertEquals(await devices(stranger), ["Chrome on Linux this device"]);
      });

      it("shows when a device was last used, and being asked each second is no use", async () => {
        // As this browser gets it, with its cookie.
        const seen = () => page.evaluate<State>("fetch('state').then((answer) => answer.json())");
        await signIn("Used");
        const [before] = (await seen()).devices;
        await page.waitForResponse(/\/state$/);
        await page.waitForResponse(/\/state$/);
        const [after] = (await seen()).devices;
        assertEquals(after, before);
        await press("Add 20 items");
        await says("cart", "20");
        const [used] = (await seen()).devices;
        assertEquals(used.created, before.created);
        assert(used.lastUsed > before.lastUsed);
      });

      it("signs out one device, whose page shows it by itself", async () => {
        const phone = await openPhone();
        await signIn("One", phone);
        await signIn("One");
        await page.getByRole("button", { name: "Sign out Safari on iPhone" }).click();
        await says("devices", "Signed out Safari on iPhone.");
        await lists(1);
        await says("devices", "You were signed out from another device.", phone);
        await isSignedOut(phone);
      });

      it("signs out all other devices, and neither this one nor another account", async () => {
        const phone = await openPhone();
        const stranger = await open();
        await signIn("Others", phone);
        await signIn("Somebody", stranger);
        await signIn("Others");
        await press("Sign in on another device");
        await lists(3);
        await press("Sign out all others");
        await says("devices", "Signed out 2 other devices.");
        await lists(1);
        assertEquals(await devices(), ["Chrome on Linux this device"]);
        await isSignedOut(phone);
        await lists(1, stranger);
        await press("Sign out all others");
        await says("devices", "There was no other device.");
      });

      it("signs out a device whose sign-in is under way, which can sign in again", async () => {
        const phone = await openPhone();
        expected = /409/;
        await signIn("Under way");
        const isSent = phone.waitForRequest(/\/sign-in$/);
        const answer = phone.evaluate<{ status: number; error: string }>(`fetch("sign-in", {
          method: "POST",
          headers: { "Content-Type": "application/json" },
          body: JSON.stringify({ name: "Under way", password: "remember", slow: true }),
        }).then(async (answer) => ({ status: answer.status, ...await answer.json() }))`);
        await isSent;
        await press("Sign out all others");
        await says("devices", "There was no other device.");
        assertEquals(await answer, {
          status: 409,
          error: "Your account was signed out meanwhile. Sign in again.",
        });
        await phone.reload();
        await isSignedOut(phone);
        await lists(1);
        await signIn("Under way", phone);
        await lists(2);
      });

      it("gives a new id at each sign-in, and shows no id", async () => {
        const [context] = contexts;
        const sid = async () => {
          const cookie = (await context.cookies()).find(({ name }) => name === "connect.sid")!;
          assertEquals([cookie.httpOnly, cookie.sameSite], [true, "Lax"]);
          return decodeURIComponent(cookie.value).slice(2).split(".")[0];
        };
        await signIn("Ids");
        const first = await sid();
        const shown = await page.evaluate<string>("fetch('state').then((answer) => answer.text())");
        assert(first.length > 20 && !shown.includes(first));
        const status = await page.evaluate(`fetch("sign-in", {
          method: "POST",
          headers: { "Content-Type": "application/json" },
          body: JSON.stringify({ name: "Ids again", password: "remember" }),
        }).then((answer) => answer.status)`);
        assertEquals(status, 200);
        assert(await sid() !== first);
      });

      it("refuses a post from another site, and a name that is too long", async () => {
        const post = async (site: string, name: unknown) => {
          const answer = await fetch(`${address}sign-in`, {
            method: "POST",
            headers: { "content-type": "application/json", "sec-fetch-site": site },
            body: JSON.stringify({ name, password: "remember" }),
          });
          return [answer.status, (await answer.json()).error];
        };
        assertEquals((await post("cross-site", "Eve"))[0], 403);
        for (const name of [" ", "x".repeat(41), 7, undefined]) {
          assertEquals(await post("same-origin", name), [400, "A name has 1 to 40 characters."]);
        }
      });
    });

    describe("requests that overlap", () => {
      it("stays signed out when a slow request saves after the sign-out", async () => {
        await signIn("Slow");
        await press("Sign out during a request");
        await says(
          "logout",
          "You are still signed out: 1 late write dropped. On memorystore you are signed in again.",
        );
        assertEquals(await page.locator("#logout .done").count(), 3);
        await page.reload();
        await isSignedOut();
      });

      it("keeps a device out whose sign-in ends after the sign-out", async () => {
        await press("Sign out during a sign-in");
        await says("revoke", "The other device is not signed in. You still are.");
        assertEquals(await devices(), ["Chrome on Linux this device"]);
      });

      it("loses none of 20 items that are added at once", async () => {
        await press("Add 20 items");
        await says("cart", "20 of 20 items are in the cart.");
        assertEquals(await page.locator("#items .kept").count(), 20);
        const theirs = await page.locator("#peer-items .kept").count();
        assert(theirs < 20, `${theirs} items in the other store`);
        await says("cart", `memorystore kept ${theirs}.`);
      });
    });

    describe("the crawler in a full store", () => {
      const form = () => page.frameLocator("#form");

      const details = () => page.getByText("The store in figures, a form that waits").click();

      it("draws nothing before the first run", async () => {
        await page.getByText("No run yet.").waitFor();
        assertEquals(await page.locator("#chart").isVisible(), false);
      });

      it("evicts no user, and the form that waits still works", async () => {
        await signIn("Stays");
        await details();
        await press("Send the crawler");
        let fullest = 0;
        for (let phase = ""; phase !== "done";) {
          const answer = await page.waitForResponse(/\/state$/);
          const { crawler, store: { bytes, maxSize } } = await answer.json() as State;
          fullest = Math.max(fullest, bytes / maxSize);
          phase = crawler?.phase ?? "";
        }
        assert(fullest > 0.8 && fullest <= 1, `${fullest}`);
        const outcome = page.locator("#crawler-outcome");
        await outcome.getByText("The crawler opened").waitFor();
        const { crawler, store } = await state();
        assert(crawler.users > 200, `${crawler.users} users`);
        assertMatch(
          (await outcome.textContent())!,
          RegExp(
            `^express-lembro kept all ${crawler.users} users\\. ` +
              `memorystore lost ${crawler.usersEvictedByPeer}\\. ` +
              "The crawler opened 3,000 sessions\\.$",
          ),
        );
        assertEquals([crawler.usersEvicted, crawler.failed], [0, 0]);
        assertEquals(crawler.usersEvictedByPeer, crawler.users);
        assert(store.evicted.newcomers > 2_000);
        assertMatch(
          (await page.getByRole("img", { name: /^Users who are still signed in/ })
            .getAttribute("aria-label"))!,
          RegExp(`: ${crawler.users} of express-lembro and 0 of memorystore at \\d`),
        );
        assertMatch(
          (await page.getByRole("meter").getAttribute("aria-valuetext"))!,
          /^[\d.]+\sKB of 256\sKB$/,
        );
        await form().getByRole("button", { name: "Sign in" }).click();
        await form().getByText("Signed in").waitFor();
        await page.reload();
        await page.getByText("Signed in as Stays").waitFor();
      });

      it("can be stopped, and keeps the focus on the button that does something", async () => {
        await page.getByRole("button", { name: "Send the crawler" }).focus();
        await page.keyboard.press("Enter");
        await page.locator("#stop-crawler:focus").waitFor();
        await page.keyboard.press("Enter");
        await says("crawler", "The crawler opened");
        await page.locator("#start-crawler:focus").waitFor();
        const { crawler } = await state();
        assertEquals(crawler.phase, "done");
        assert(crawler.opened < 3_000);
      });

      it("refuses a form whose session has gone", async () => {
        expected = /403/;
        await details();
        await contexts[0].clearCookies();
        await form().getByRole("button", { name: "Sign in" }).click();
        await form().getByText("The session of the form is gone.").waitFor();
        await form().getByRole("link", { name: "Open the form again" }).click();
        await form().getByRole("button", { name: "Sign in" }).click();
        await form().getByText("Signed in").waitFor();
      });

      it("links to the monitor of its store", async () => {
        await page.getByRole("link", { name: "Monitor" }).click();
        await page.locator('#ranks [aria-label$="protected."]').waitFor();
        assertEquals(page.url(), `${address}monitor/`);
      });
    });

    describe("killing the process", () => {
      it("starts another one, in which the visitor is still signed in", async () => {
        expected = /ERR_/;
        const { process: { pid } } = await state();
        const phone = await openPhone();
        await signIn("Killed", phone);
        await signIn("Killed");
        await page.getByRole("button", { name: "Sign out Safari on iPhone" }).click();
        await says("devices", "Signed out Safari on iPhone.");
        await press("Kill with SIGKILL");
        await page.getByText("Not running").waitFor();
        await says("crash", /^Process \d+ restored \d+ sessions?\. You are still signed in\.$/);
        const after = await state();
        assert(after.process.pid !== pid);
        assert(after.process.restored > 0);
        // What was signed out before stays so.
        assertEquals(await devices(), ["Chrome on Linux this device"]);
        await isSignedOut(phone);
      });

      it("signs in first if need be", async () => {
        expected = /ERR_/;
        await press("Kill with SIGKILL");
        await says("crash", "You are still signed in.");
        await page.getByText("Signed in as ada").waitFor();
      });

      it("moves nothing else on the page, at 390 and 1280 pixels", async () => {
        expected = /ERR_/;
        await signIn("Steady");
        for (const width of [390, 1280]) {
          await page.setViewportSize({ width, height: 844 });
          await page.reload();
          await page.getByText("Signed in as Steady").waitFor();
          const top = () =>
            page.locator("#devices").evaluate((part) =>
              (part as unknown as { offsetTop: number }).offsetTop
            );
          const before = await top();
          await press("Kill with SIGKILL");
          await says("crash", "does not answer");
          const down = await top();
          await says("crash", "You are still signed in.");
          assertEquals([down, await top()], [before, before], `${width} pixels`);
        }
      });

      it("shows a kill from a terminal as well", async () => {
        expected = /ERR_/;
        const { process: { pid } } = await state();
        await page.getByText(`kill -9 ${pid}`).waitFor();
        assertEquals(await demo.pid(), pid);
        Deno.kill(pid, "SIGKILL");
        await says("crash", "You had not signed in.");
        await page.getByText("Running", { exact: true }).waitFor();
      });
    });

    describe("its page", () => {
      /** Brings the page to a state in which it shows all that it can. */
      async function fill(name: string): Promise<void> {
        await signIn(name);
        for (const length of [2, 3]) {
          await press("Sign in on another device");
          await lists(length);
        }
        await press("Add 20 items");
        await says("cart", "20");
        await press("Send the crawler");
        await press("Stop");
        await says("crawler", "The crawler opened");
      }

      const SCHEMES = ["light", "dark"] as const;

      itInAll("cuts nothing off, at 360, 768 and 1280 pixels, in light and dark", async () => {
        const check = async (what: string) => {
          await page.evaluate(
            "for (const part of document.querySelectorAll('details')) part.open = true",
          );
          for (const width of [360, 768, 1280]) {
            for (const colorScheme of SCHEMES) {
              await page.emulateMedia({ colorScheme });
              await page.setViewportSize({ width, height: 800 });
              // The charts follow the width of the page in the next frame.
              await page.evaluate(
                "new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))",
              );
              for (const frame of page.frames()) {
                const where = `${what}, ${width} pixels, ${colorScheme}, ${frame.url()}`;
                assertEquals([where, ...await layoutFaults(frame)], [where]);
              }
            }
          }
        };
        expected = /ERR_/;
        await check("signed out");
        await fill("Layout");
        await check("full");
        await press("Kill with SIGKILL");
        await says("crash", "restored");
        await check("restarted");
      });

      itInAll("has no fault that axe finds, in light and dark", async () => {
        // The page's policy keeps axe out, as any other foreign script.
        page = await open({ bypassCSP: true });
        const check = async () => {
          for (const colorScheme of SCHEMES) {
            await page.emulateMedia({ colorScheme });
            for (const frame of page.frames()) await frame.addScriptTag({ content: axe.source });
            const { violations, passes } = await page.evaluate("axe.run()") as axe.AxeResults;
            assertEquals(
              violations.map(({ id, nodes }) => [id, ...nodes.map(({ html }) => html)]),
              [],
            );
            assert(passes.some(({ id }) => id === "color-contrast"));
          }
        };
        await check();
        await fill("Axe");
        await check();
      });

      it("can be used with the keyboard alone, and never loses the focus", async () => {
        const focused = () =>
          page.evaluate<string>(
            "document.activeElement.id || document.activeElement.ariaLabel || document.activeElement.localName",
          );
        const tabTo = async (id: string) => {
          for (let at = 0; at < 40 && await focused() !== id; at++) {
            await page.keyboard.press("Tab");
          }
          assertEquals(await focused(), id);
        };
        await tabTo("name");
        await page.keyboard.type("Keys");
        await page.keyboard.press("Enter");
        await lists(1);
        assertEquals(await focused(), "devices-title");
        await tabTo("sign-in-other");
        await page.keyboard.press("Enter");
        await lists(2);
        assertEquals(await focused(), "sign-in-other");
        const other = (await devices())[1];
        await tabTo(`Sign out ${other}`);
        await page.keyboard.press("Enter");
        await lists(1);
        assertEquals(await focused(), "device-list-title");
        await tabTo("sign-out");
        await page.keyboard.press("Enter");
        await isSignedOut();
        assertEquals(await focused(), "name");
      });

      it("says that it needs JavaScript where there is none", async () => {
        const context = await browser.newContext({ javaScriptEnabled: false });
        contexts.push(context);
        const plain = await context.newPage();
        await plain.goto(address);
        const notice = plain.locator("noscript p");
        await notice.waitFor();
        assertEquals(await notice.textContent(), "This page needs JavaScript.");
      });
    });

    it("tells its visitors in the terminal what happened", async () => {
      await demo.prints(/The app was killed with SIGKILL\. Starting it again\./);
      assertStringIncludes((await demo.prints(/Sessions restored: \d+/))[0], "restored");
    });
  });
}
