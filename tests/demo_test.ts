import {
  assert,
  assertEquals,
  assertMatch,
  assertNotEquals,
  assertStringIncludes,
} from "@std/assert";
import { afterAll, afterEach, beforeAll, beforeEach, describe, it } from "@std/testing/bdd";
import { fileURLToPath } from "node:url";
import type { Browser, BrowserContext, Page } from "playwright-core";
import { hasChromium, launch } from "./support/chromium.ts";

const root = fileURLToPath(new URL("..", import.meta.url));

/** Where the demos of these tests keep their sessions. */
const kept = await Deno.makeTempDir({ prefix: "express-lembro-" });
addEventListener("unload", () => Deno.removeSync(kept, { recursive: true }));
let started = 0;

/** A file for the sessions of one demo. */
const snapshot = () => `${kept}/${started++}/sessions`;

/** The demo, started as its users start it. */
function startDemo(env: Record<string, string>): Deno.ChildProcess {
  return new Deno.Command(Deno.execPath(), {
    args: ["task", "demo"],
    cwd: root,
    env: { NO_COLOR: "1", SNAPSHOT: snapshot(), ...env },
    stdout: "piped",
    stderr: "piped",
  }).spawn();
}

/** The address that the demo prints. */
async function addressOf(demo: Deno.ChildProcess): Promise<string> {
  let printed = "";
  const reader = demo.stdout.pipeThrough(new TextDecoderStream()).getReader();
  for (;;) {
    const { value, done } = await reader.read();
    printed += value ?? "";
    const [address] = printed.match(/http:\/\/127\.0\.0\.1:\d+\//) ?? [];
    if (address) {
      await reader.cancel();
      return address;
    }
    if (done) throw new Error(`The demo has printed no address: ${printed}`);
  }
}

describe("deno task demo", () => {
  for (
    const [what, port, line] of [
      ["the port is taken", "", /port \d+ is taken/],
      ["PORT is no port", "soon", /PORT must be a number .* received "soon"/],
      ["PORT is too large", "65536", /PORT must be a number .* received "65536"/],
    ] as const
  ) {
    it(`says in one line that ${what}, and ends with 1`, async () => {
      using taken = Deno.listen({ hostname: "127.0.0.1", port: 0 });
      const demo = startDemo({ PORT: port || `${taken.addr.port}` });
      const { code, stdout, stderr } = await demo.output();
      const said = new TextDecoder().decode(stderr).trim().split("\n")
        .filter((line) => !line.startsWith("Task demo"));
      assertEquals(said.length, 1);
      assertMatch(said[0], line);
      assertEquals(new TextDecoder().decode(stdout), "");
      assertEquals(code, 1);
    });
  }

  it("ends at Ctrl+C", async () => {
    const { code } = await new Deno.Command(Deno.execPath(), {
      args: [
        "eval",
        `
        const demo = new Deno.Command(Deno.execPath(), {
          args: ["run", "-A", "scripts/demo/main.ts"],
          env: { PORT: "0", SNAPSHOT: Deno.args[0] },
          stdout: "piped",
        }).spawn();
        await demo.stdout.getReader().read();
        demo.kill("SIGINT");
        Deno.exit((await demo.status).code);`,
        snapshot(),
      ],
      cwd: root,
    }).output();
    assertEquals(code, 0);
  });
});

describe("the demo, started again", () => {
  /** Starts the demo, does `work` with its address, and ends it; gives what it has said. */
  async function whileRunning(
    path: string,
    work: (address: string) => Promise<unknown>,
  ): Promise<string> {
    const demo = new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", "scripts/demo/main.ts"],
      cwd: root,
      env: { NO_COLOR: "1", PORT: "0", SNAPSHOT: path },
      stdout: "piped",
    }).spawn();
    const output = demo.stdout.pipeThrough(new TextDecoderStream()).getReader();
    let said = "";
    let address: string | undefined;
    while (!address) {
      const { value, done } = await output.read();
      if (done) throw new Error(`The demo has printed no address: ${said}`);
      said += value;
      [address] = said.match(/http:\/\/127\.0\.0\.1:\d+\//) ?? [];
    }
    await work(address);
    demo.kill("SIGTERM");
    await output.cancel();
    assertEquals((await demo.status).code, 0);
    return said;
  }

  it("knows who had signed in", async () => {
    const path = snapshot();
    let cookie = "";
    const first = await whileRunning(path, async (address) => {
      const response = await fetch(`${address}sign-in`, {
        method: "POST",
        headers: { "content-type": "application/json", "sec-fetch-site": "same-origin" },
        body: JSON.stringify({ name: "Ada" }),
      });
      cookie = response.headers.get("set-cookie")!.split(";")[0];
      assertEquals(await response.json(), { name: "Ada", visits: 1 });
    });
    assertStringIncludes(first, "Sessions carried over: 0\n");
    for (const file of [path, `${path}.secret`]) {
      assertEquals((await Deno.stat(file)).mode! & 0o777, 0o600);
    }
    const second = await whileRunning(path, async (address) => {
      const me = await fetch(`${address}visit`, { headers: { cookie } });
      assertEquals(await me.json(), { name: "Ada", visits: 2 });
    });
    assertStringIncludes(second, "Sessions carried over: 1\n");
    await Deno.writeTextFile(path, "torn");
    const third = await whileRunning(path, async (address) => {
      const me = await fetch(`${address}me`, { headers: { cookie } });
      assertEquals(await me.json(), { visits: 0 });
    });
    assertStringIncludes(third, "Sessions carried over: 0. Cannot load snapshot:");
  });
});

if (hasChromium()) {
  describe("the demo in a browser", () => {
    let demo: Deno.ChildProcess;
    let address: string;
    let browser: Browser;
    let context: BrowserContext;
    let page: Page;
    /** What no page should have done: asked another host, or complained. */
    let wrongs: string[];

    beforeAll(async () => {
      demo = startDemo({ PORT: "0", MAX_SIZE: "256K" });
      address = await addressOf(demo);
      browser = await launch();
    });

    afterAll(async () => {
      await browser.close();
      demo.kill("SIGTERM");
      await demo.stderr.cancel();
      await demo.status;
    });

    beforeEach(async () => {
      wrongs = [];
      context = await browser.newContext();
      page = await open();
    });

    afterEach(async () => {
      await context.close();
      assertEquals(wrongs, []);
    });

    async function open(in_ = context): Promise<Page> {
      const page = await in_.newPage();
      page.on("request", (request) => {
        if (!request.url().startsWith(address)) wrongs.push(request.url());
      });
      page.on("console", (message) => {
        if (message.type() === "error") wrongs.push(message.text());
      });
      page.on("pageerror", (error) => wrongs.push(error.message));
      await page.goto(address);
      return page;
    }

    async function signIn(name: string): Promise<void> {
      await page.getByLabel("Your name").fill(name);
      await page.getByRole("button", { name: "Sign in" }).click();
      await page.getByText(`Hello, ${name}.`).waitFor();
    }

    /** Waits until the page shows this figure of the store. */
    async function shows(name: string, figure: number): Promise<void> {
      const place = page.locator(`[data-figure="${name}"]`);
      await place.filter({ hasText: RegExp(`^${figure.toLocaleString("en")}$`) }).waitFor();
    }

    async function stats() {
      return (await (await fetch(`${address}stats.json`)).json()).store;
    }

    it("signs in with a name, counts the visits, and signs out", async () => {
      await signIn("Ada <b>Lovelace</b>");
      const visits = page.locator("#visits");
      assertEquals(await visits.textContent(), "once");
      await page.reload();
      await page.getByText("Hello, Ada <b>Lovelace</b>.").waitFor();
      assertEquals(await visits.textContent(), "twice");
      await page.reload();
      await page.getByText("3 times").waitFor();
      await page.getByRole("button", { name: "Sign out" }).click();
      await page.getByRole("button", { name: "Sign in" }).waitFor();
      await page.reload();
      assert(await page.getByRole("button", { name: "Sign in" }).isVisible());
    });

    it("knows another browser as somebody else", async () => {
      await signIn("Ada");
      const other = await browser.newContext();
      const theirs = await open(other);
      await theirs.getByRole("button", { name: "Sign in" }).waitFor();
      assertEquals(await theirs.getByText("Hello, Ada").isVisible(), false);
      await other.close();
    });

    it("gives a new session at sign in, and shows no id or content of any", async () => {
      await page.getByText("To the store you are a newcomer").waitFor();
      const [before] = await context.cookies();
      await signIn("Ada");
      const [after] = await context.cookies();
      assertNotEquals(before.value, after.value);
      assertEquals([after.httpOnly, after.sameSite], [true, "Lax"]);
      const shown = await (await fetch(`${address}stats.json`)).text();
      const sid = decodeURIComponent(after.value).slice(2).split(".")[0];
      assert(sid.length > 20 && !shown.includes(sid) && !shown.includes("Ada"));
    });

    it("shows what the store holds, and how that moves", async () => {
      const before = await stats();
      await signIn("Ada");
      await shows("protected", before.protected + 1);
      const aria = await page.getByRole("meter").getAttribute("aria-valuetext");
      assertMatch(aria!, /^[\d.]+ (bytes|KB) of 256 KB$/);
      const { saves } = await stats();
      await page.reload();
      await shows("saves", saves + 1);
    });

    it("has the monitor of its store behind a link", async () => {
      await signIn("Ada");
      await page.getByRole("link", { name: "The monitor" }).click();
      await page.locator("#ranks-words").filter({ hasText: /[1-9]\d* protected\.$/ }).waitFor();
      assertEquals(page.url(), `${address}monitor/`);
    });

    it("fits a phone and a desktop, in light and in dark", async () => {
      for (const [width, colorScheme] of [[390, "light"], [390, "dark"], [1280, "dark"]] as const) {
        await page.emulateMedia({ colorScheme });
        await page.setViewportSize({ width, height: 800 });
        const wide = await page.evaluate<number>("document.documentElement.scrollWidth");
        assert(wide <= width, `${wide} of ${width} pixels`);
      }
    });

    it("refuses a post from elsewhere, and a name that is none", async () => {
      const post = (headers: Record<string, string>, name: unknown) =>
        fetch(`${address}sign-in`, {
          method: "POST",
          headers: { "content-type": "application/json", ...headers },
          body: JSON.stringify({ name }),
        }).then(async (response) => [response.status, await response.text()] as const);
      const [crossSite] = await post({ "sec-fetch-site": "cross-site" }, "Eve");
      assertEquals(crossSite, 403);
      for (const name of [" ", "x".repeat(41), 7, undefined]) {
        const [status, text] = await post({ "sec-fetch-site": "same-origin" }, name);
        assertEquals(status, 400);
        assertStringIncludes(text, "1 to 40 characters");
      }
    });

    it("lets a crawler in, and who has signed in stays", async () => {
      await signIn("Ada");
      await page.reload();
      await page.getByText("twice").waitFor();
      await page.getByLabel("Its visitors").selectOption("5000");
      await page.getByRole("button", { name: "Send the crawler" }).click();
      const outcome = page.locator("#crawler-outcome");
      let samples = 0;
      while (!(await outcome.textContent())) {
        const { bytes, maxSize } = await stats();
        assert(bytes <= maxSize, `${bytes} of ${maxSize} bytes`);
        samples++;
      }
      assert(samples > 1);
      const said = (await outcome.textContent())!;
      assertStringIncludes(said, "The crawler made 5,000 sessions");
      assertStringIncludes(said, "You are still signed in as Ada, with your 2 visits intact.");
      const { evicted } = await stats();
      assert(evicted.newcomers > 1_000);
      assertEquals(evicted.protected, 0);
      assertMatch(
        (await page.locator("#memory-chart").getAttribute("aria-label"))!,
        /under the limit of 256 KB/,
      );
      await page.reload();
      await page.getByText("3 times").waitFor();
    });

    it("can stop the crawler, and has one at a time", async () => {
      await page.getByLabel("Its visitors").selectOption("50000");
      await page.getByRole("button", { name: "Send the crawler" }).click();
      const stop = page.getByRole("button", { name: "Stop it" });
      await stop.click();
      await page.getByText(/The crawler made [\d,]+ sessions/).waitFor();
      const run = (await (await fetch(`${address}stats.json`)).json()).crawler;
      assertEquals(run.running, false);
      assert(run.made < 50_000);
      assertEquals(run.failed, 0);
    });

    it("races a slow request against a logout, and the logout sticks", async () => {
      await signIn("Ada");
      const { lateWrites } = await stats();
      await page.getByRole("button", { name: "Start the race" }).click();
      await page.locator("#race-outcome").getByText(/./).waitFor();
      assertEquals(
        await page.locator("#race-outcome").textContent(),
        "The slow request was answered with 200. You are still signed out. " +
          "The store dropped the late write.",
      );
      assertEquals((await stats()).lateWrites, lateWrites + 1);
      await page.reload();
      assert(await page.getByRole("button", { name: "Sign in" }).isVisible());
    });
  });
}
