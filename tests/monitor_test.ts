import { assert, assertEquals, assertMatch, assertThrows } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { FakeTime } from "@std/testing/time";
// @ts-types="npm:@types/express@^5.0.0"
import express5, { type ErrorRequestHandler, type Express, type RequestHandler } from "express";
// @ts-types="npm:@types/express@^5.0.0"
import express4 from "express-4";
import { type Monitor, monitor } from "express-lembro/monitor";
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { embedded } from "../scripts/embed.ts";
import { locked } from "../scripts/suppliers.ts";
import { Lembro, sessionOf } from "./support/setup.ts";

/** All that the monitor answers, below where it is mounted. */
const PATHS = [
  ...["/", "/base.css", "/monitor.css", "/monitor.js", "/charts.js", "/users.js"],
  ...["/monitor.svg", "/stats.json", "/history.json"],
];

/** Serves an app on a free port; disposing ends it. */
async function served(app: Express | Monitor): Promise<{ url: string } & AsyncDisposable> {
  const server = createServer(app).listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async [Symbol.asyncDispose]() {
      server.close();
      server.closeAllConnections();
      await once(server, "close");
    },
  };
}

async function ask(url: string, init: RequestInit = {}) {
  const response = await fetch(url, { redirect: "manual", ...init });
  const { status, headers } = response;
  return { status, headers, text: await response.text() };
}

/** What a monitor answers without a server, parsed. */
function answerOf(watch: Monitor, url: string) {
  let answer = "";
  const response = { statusCode: 0, setHeader() {}, end: (text = "") => answer = text };
  watch({ method: "GET", url }, response);
  assertEquals(response.statusCode, 200);
  return JSON.parse(answer);
}

for (const [name, express] of [["Express 5", express5], ["Express 4", express4]] as const) {
  describe(`the monitor in ${name}`, () => {
    it("gives the page and all that belongs to it, each with its type", async () => {
      using store = new Lembro();
      using watch = monitor(store);
      await using site = await served(express().use("/admin/sessions", watch));
      const types = [];
      for (const path of PATHS) {
        const { status, headers, text } = await ask(`${site.url}/admin/sessions${path}`);
        assertEquals(status, 200, path);
        assert(text.length > 0, path);
        types.push(headers.get("content-type")!.split(";")[0]);
      }
      assertEquals(types, [
        ...["text/html", "text/css", "text/css"],
        ...["text/javascript", "text/javascript", "text/javascript"],
        ...["image/svg+xml", "application/json", "application/json"],
      ]);
    });

    it("sends who left out the slash there, by a relative address", async () => {
      using store = new Lembro();
      using watch = monitor(store);
      const app = express().use("/monitor", watch).use("/a/b:c", watch);
      await using site = await served(app);
      for (
        const [path, location] of [
          ["/monitor", "./monitor/"],
          ["/monitor?a=/b", "./monitor/"],
          ["/a/b:c", "./b:c/"],
        ]
      ) {
        const { status, headers } = await ask(site.url + path);
        assertEquals([status, headers.get("location")], [302, location]);
      }
      const page = await fetch(`${site.url}/monitor`);
      assertEquals([page.status, page.url], [200, `${site.url}/monitor/`]);
      await page.body?.cancel();
      await using atRoot = await served(express().use(watch));
      assertEquals((await ask(atRoot.url)).status, 200);
    });

    it("lets no answer be kept, framed, sniffed, or load anything from elsewhere", async () => {
      using store = new Lembro();
      using watch = monitor(store);
      await using site = await served(express().use("/monitor", watch));
      for (const path of ["", ...PATHS]) {
        const { headers } = await ask(`${site.url}/monitor${path}`);
        const policy = headers.get("content-security-policy")!;
        assertEquals(policy.split("; ").sort(), [
          "base-uri 'none'",
          "connect-src 'self'",
          "default-src 'none'",
          "form-action 'none'",
          "frame-ancestors 'none'",
          "img-src 'self'",
          "script-src 'self'",
          "style-src 'self'",
        ]);
        assertEquals(headers.get("cache-control"), "no-store");
        assertEquals(headers.get("x-content-type-options"), "nosniff");
        assertEquals(headers.get("referrer-policy"), "no-referrer");
      }
    });

    it("answers GET and HEAD alone", async () => {
      using store = new Lembro();
      using watch = monitor(store);
      await using site = await served(express().use("/monitor", watch));
      for (const path of PATHS) {
        const head = await ask(`${site.url}/monitor${path}`, { method: "HEAD" });
        assertEquals([head.status, head.text], [200, ""]);
        for (const method of ["POST", "PUT", "DELETE", "OPTIONS"]) {
          const { status, headers, text } = await ask(`${site.url}/monitor${path}`, { method });
          assertEquals([status, headers.get("allow"), text], [405, "GET, HEAD", ""]);
        }
      }
    });

    it("leaves every other path to the app", async () => {
      using store = new Lembro();
      using watch = monitor(store);
      const app = express().use("/monitor", watch);
      app.use((request, response) => {
        response.status(418).send(request.originalUrl);
      });
      await using site = await served(app);
      for (const path of ["/monitor/other", "/monitor/stats.json/", "/stats.json"]) {
        const { status, text } = await ask(site.url + path);
        assertEquals([status, text], [418, path]);
      }
    });

    it("stays behind the app's access check, with every path", async () => {
      using store = new Lembro();
      using watch = monitor(store);
      const requireAdmin: RequestHandler = (request, response, next) => {
        if (request.get("authorization") === "admin") next();
        else response.sendStatus(403);
      };
      await using site = await served(express().use("/monitor", requireAdmin, watch));
      for (const path of ["", ...PATHS, "/other"]) {
        const { status, text } = await ask(`${site.url}/monitor${path}`);
        assertEquals([status, text], [403, "Forbidden"]);
      }
      const headers = { authorization: "admin" };
      assertEquals((await ask(`${site.url}/monitor/`, { headers })).status, 200);
    });

    it("gives an error of stats() to the app", async () => {
      using watch = monitor({
        stats() {
          throw new Error("No figures");
        },
      });
      const app = express().use("/monitor", watch);
      const failed: ErrorRequestHandler = ({ message }, _request, response, _next) => {
        response.status(500).send(message);
      };
      app.use(failed);
      await using site = await served(app);
      const { status, text } = await ask(`${site.url}/monitor/stats.json`);
      assertEquals([status, text], [500, "No figures"]);
      const history = await ask(`${site.url}/monitor/history.json`);
      assertEquals(JSON.parse(history.text).samples, []);
    });
  });
}

describe("the monitor", () => {
  it("gives no id and no content in any answer", async () => {
    using time = new FakeTime();
    using store = new Lembro({ maxSize: "8K" });
    using watch = monitor(store);
    await using site = await served(express5().use("/monitor", watch));
    for (let i = 0; i < 100; i++) {
      await store.set(`secretid${i}`, sessionOf({ secretkey: `secretvalue${i}` }));
      await store.get(`secretid${i}`);
      await store.get(`secretid${i}unknown`);
      time.tick(100);
    }
    await store.destroy("secretid99");
    const { sessions, evicted } = store.stats();
    assert(sessions > 10 && evicted.returning > 10);
    for (const path of ["", ...PATHS, "/secretless"]) {
      const { headers, text } = await ask(`${site.url}/monitor${path}`);
      const all = text + JSON.stringify([...headers]);
      assertEquals(all.match(/secret(id|key|value)/g), null, path);
    }
  });

  it("gives stats() as stats.json, as it is when asked", async () => {
    using store = new Lembro({ maxSize: "1M" });
    using watch = monitor(store);
    for (const sid of ["a", "b"]) {
      await store.set(sid, sessionOf());
      await store.get(sid);
      const before = store.stats();
      assertEquals(answerOf(watch, "/stats.json"), before);
      assertEquals(store.stats(), before, "looking changes nothing");
    }
  });

  it("gives a store without a limit the maxSize null", async () => {
    using store = new Lembro({ maxSize: Infinity });
    using watch = monitor(store);
    await store.set("a", sessionOf());
    assertEquals(answerOf(watch, "/stats.json"), { ...store.stats(), maxSize: null });
    assertEquals(answerOf(watch, "/history.json").samples[0].stats.maxSize, null);
  });

  it("answers in a server without a framework", async () => {
    using store = new Lembro();
    let fails = false;
    using watch = monitor({
      stats() {
        if (fails) throw new Error("No figures");
        return store.stats();
      },
    });
    await using site = await served(watch);
    assertEquals((await ask(`${site.url}/`)).status, 200);
    assertEquals((await ask(`${site.url}/other`)).status, 404);
    fails = true;
    assertEquals((await ask(`${site.url}/stats.json`)).status, 500);
  });

  it("shows the state of the journal that it is given, and no more of it", () => {
    using store = new Lembro();
    const shown = { bytes: 512, pending: 3, lag: 250, errors: 1, isFailing: true };
    const lastSync = new Date();
    const lastError = new Error("EACCES: /private/path");
    const journal = { stats: () => ({ ...shown, lastSync, lastError, compactions: 2 }) };
    using watch = monitor(store, { journal });
    const expected = { ...shown, lastSync: lastSync.toJSON() };
    assertEquals(answerOf(watch, "/stats.json"), { ...store.stats(), journal: expected });
    const [sample] = answerOf(watch, "/history.json").samples;
    assertEquals([sample.stats, sample.journal], [store.stats(), expected]);
  });

  it("shows the longest lag of the journal since the last sample", () => {
    using time = new FakeTime();
    using store = new Lembro();
    let lag = 0;
    const journal = {
      stats: () => ({
        ...{ bytes: 512, pending: 0, lag, lastSync: undefined, errors: 0 },
        isFailing: false,
      }),
    };
    using watch = monitor(store, { journal });
    time.tick(300);
    lag = 700;
    time.tick(300);
    lag = 0;
    time.tick(1_400);
    const lags = answerOf(watch, "/history.json").samples
      .map(({ journal }: { journal: { lag: number } }) => journal.lag);
    assertEquals(lags, [0, 700, 0]);
  });

  it("says nothing of a journal if it is given none", () => {
    using store = new Lembro();
    using watch = monitor(store, {});
    assertEquals("journal" in answerOf(watch, "/stats.json"), false);
    assertEquals("journal" in answerOf(watch, "/history.json").samples[0], false);
  });

  it("refuses an unknown option, and what is no journal", () => {
    using store = new Lembro();
    for (
      const [options, message] of [
        [
          { journals: 1 },
          /^Cannot monitor: unknown option, use journal, title, users: received "journals"/,
        ],
        [{ title: "" }, /^Cannot monitor: title must be a string that is not empty: received ""/],
        [{ title: 1 }, /^Cannot monitor: title must be a string that is not empty: received 1/],
        [{ users: 1 }, /^Cannot monitor: users must be true or false: received 1/],
        [{ journal: {} }, /^Cannot monitor: journal must be an open journal: received /],
        [{ journal: null }, /^Cannot monitor: journal must be an open journal: received null/],
        [[], /^Cannot monitor: options must be an object: received /],
        ["journal", /^Cannot monitor: options must be an object: received "journal"/],
      ] as const
    ) {
      const error = assertThrows(() => monitor(store, options as never), TypeError);
      assertMatch(error.message, message);
    }
  });

  it("refuses what has no stats()", () => {
    for (const store of [undefined, null, {}, { stats: {} }]) {
      const { message } = assertThrows(() => monitor(store as never), TypeError);
      assertMatch(message, /^Cannot monitor: store must have a function stats.*: received /);
    }
  });
});

describe("the monitor's users", () => {
  const user = (kept: object) => (kept as { user?: string }).user;
  const json = { "content-type": "application/json" };
  const post = (body: unknown, headers: Record<string, string> = json) => ({
    method: "POST",
    headers,
    body: typeof body === "string" ? body : JSON.stringify(body),
  });

  it("stay in the process unless they are asked for", async () => {
    using store = new Lembro({ user });
    await store.set("a", sessionOf({ user: "zoë-1" }));
    using watch = monitor(store);
    await using site = await served(express5().use(watch));
    for (const path of PATHS) {
      assertEquals((await ask(site.url + path)).text.includes("zoë-1"), false, path);
    }
    const headers = { ...json, origin: site.url };
    assertEquals((await ask(`${site.url}/users.json`)).status, 404);
    const { status } = await ask(`${site.url}/users/sign-out`, post({ user: "zoë-1" }, headers));
    assertEquals([status, store.stats().users], [404, 1]);
  });

  it("are listed, sorted, searched and cut to pages, without ids and contents", async () => {
    using time = new FakeTime();
    using store = new Lembro({ user });
    using watch = monitor(store, { users: true });
    const start = Date.now();
    for (const [at, name] of ["ada", "bea", "ada", "Cy", "dan"].entries()) {
      await store.set(`secret${at}`, sessionOf({ user: name, secret: "secret" }));
      time.tick(1_000);
    }
    await store.set("anonymous", sessionOf());
    await using site = await served(express5().use(watch));
    const list = async (query = "") => {
      const { text } = await ask(`${site.url}/users.json?${query}`);
      assertEquals(text.includes("secret"), false);
      return JSON.parse(text);
    };
    assertEquals(await list(), {
      found: 4,
      users: [
        { user: "dan", sessions: 1, lastUsed: start + 4_000 },
        { user: "Cy", sessions: 1, lastUsed: start + 3_000 },
        { user: "ada", sessions: 2, lastUsed: start + 2_000 },
        { user: "bea", sessions: 1, lastUsed: start + 1_000 },
      ],
    });
    const names = async (query: string) =>
      (await list(query)).users.map(({ user }: { user: string }) => user);
    assertEquals(await names("sort=user"), ["Cy", "ada", "bea", "dan"]);
    assertEquals(await names("sort=sessions&limit=1"), ["ada"]);
    assertEquals(await names("sort=user&offset=1&limit=2"), ["ada", "bea"]);
    assertEquals(await names("search=A&sort=user"), ["ada", "bea", "dan"]);
    assertEquals(await list("search=nobody"), { found: 0, users: [] });
    assertEquals(await names("limit=x&offset=-1&sort=constructor"), ["dan", "Cy", "ada", "bea"]);
  });

  for (
    const [name, app] of [
      ["without a body parser", () => express5()],
      ["behind express.json()", () => express5().use(express5.json())],
      ["behind express.json() of Express 4", () => express4().use(express4.json())],
    ] as [string, () => Express][]
  ) {
    it(`can be signed out by a POST of this site alone, ${name}`, async () => {
      using store = new Lembro({ user });
      using watch = monitor(store, { users: true });
      await using site = await served(app().use("/monitor", watch));
      await store.set("a1", sessionOf({ user: "ada" }));
      await store.set("a2", sessionOf({ user: "ada" }));
      await store.set("b", sessionOf({ user: "bea" }));
      const path = `${site.url}/monitor/users/sign-out`;
      const form = { "content-type": "application/x-www-form-urlencoded", origin: site.url };
      const refused: [number, RequestInit][] = [
        [405, { method: "GET", headers: { ...json, origin: site.url } }],
        [405, { method: "PUT", headers: { ...json, origin: site.url } }],
        [403, post({ user: "ada" })],
        [403, post({ user: "ada" }, { ...json, origin: "null" })],
        [403, post({ user: "ada" }, { ...json, origin: "https://evil.example" })],
        [403, post({ user: "ada" }, { ...json, origin: `${site.url}.evil.example` })],
        [
          403,
          post({ user: "ada" }, { ...json, origin: site.url, "sec-fetch-site": "cross-site" }),
        ],
        [403, post({ user: "ada" }, { ...json, origin: site.url, "sec-fetch-site": "same-site" })],
        [415, post("user=ada", form)],
        [415, post({ user: "ada" }, { ...form, "content-type": "text/plain" })],
        [400, post({}, { ...json, origin: site.url })],
        [400, post({ user: ["ada"] }, { ...json, origin: site.url })],
        [400, post({ user: "" }, { ...json, origin: site.url })],
      ];
      for (const [status, init] of refused) {
        assertEquals((await ask(path, init)).status, status, JSON.stringify(init));
      }
      assertEquals(store.stats().users, 2);
      const answer = await ask(path, post({ user: "ada" }, { ...json, origin: site.url }));
      assertEquals([answer.status, JSON.parse(answer.text)], [200, { ended: 2 }]);
      assertEquals((await store.sessionsOfUser("ada")).length, 0);
      assertEquals((await store.sessionsOfUser("bea")).length, 1);
    });
  }

  it("can be signed out behind a proxy that changes the name of the host", async () => {
    using store = new Lembro({ user });
    using watch = monitor(store, { users: true });
    await using site = await served(express5().use(watch));
    await store.set("a", sessionOf({ user: "ada" }));
    const headers = { ...json, origin: "https://shop.example", "sec-fetch-site": "same-origin" };
    const { status } = await ask(`${site.url}/users/sign-out`, post({ user: "ada" }, headers));
    assertEquals([status, store.stats().users], [200, 0]);
  });

  it("are not signed out by a body that is too large", async () => {
    using store = new Lembro({ user });
    using watch = monitor(store, { users: true });
    await using site = await served(express5().use(watch));
    await store.set("a", sessionOf({ user: "ada" }));
    const body = { rest: "x".repeat(20_000), user: "ada" };
    const init = post(body, { ...json, origin: site.url });
    assertEquals((await ask(`${site.url}/users/sign-out`, init)).status, 400);
    assertEquals(store.stats().users, 1);
  });

  it("need a store that can list them", () => {
    const store = { stats: () => ({}) };
    const { message } = assertThrows(() => monitor(store, { users: true }), TypeError);
    assertMatch(message, /^Cannot monitor: users needs a store of express-lembro: received /);
  });
});

describe("the history", () => {
  it("has a sample of each second, and those of the last five minutes", async () => {
    using time = new FakeTime();
    using store = new Lembro();
    using watch = monitor(store);
    const samples = () => answerOf(watch, "/history.json").samples;
    const start = Date.now();
    assertEquals(samples(), [{ time: start, stats: store.stats() }]);
    await store.set("a", sessionOf());
    time.tick(1_000);
    assertEquals(
      samples().map(({ time, stats }: { time: number; stats: { sessions: number } }) => [
        time - start,
        stats.sessions,
      ]),
      [[0, 0], [1_000, 1]],
    );
    time.tick(10 * 60_000);
    assertEquals(samples().length, 301);
    assertEquals(samples().at(-1).time - samples()[0].time, 5 * 60_000);
  });

  it("gives who comes again what is new to them", () => {
    using time = new FakeTime();
    using store = new Lembro();
    using watch = monitor(store);
    const after = (cursor: string) => answerOf(watch, `/history.json?after=${cursor}`);
    time.tick(5_000);
    const { cursor, samples } = after("");
    assertEquals(samples.length, 6);
    assertEquals(after(cursor).samples, []);
    time.tick(2_000);
    assertEquals(after(cursor).samples.length, 2);
    for (const unknown of ["0-9", "x", "-", "1-1-1", "%", cursor + "x"]) {
      assertEquals(after(unknown).samples.length, 8, unknown);
    }
  });

  for (
    const [how, close] of [
      ["close()", (watch) => watch.close()],
      ["Symbol.dispose", (watch) => watch[Symbol.dispose]()],
    ] as [string, (watch: Monitor) => void][]
  ) {
    it(`ends with ${how}, which may be called twice; the answers stay`, () => {
      using time = new FakeTime();
      using store = new Lembro();
      const watch = monitor(store);
      time.tick(1_000);
      close(watch);
      close(watch);
      time.tick(60_000);
      assertEquals(answerOf(watch, "/history.json").samples.length, 2);
      assertEquals(answerOf(watch, "/stats.json"), store.stats());
    });
  }

  it("doesn't keep a process alive", async () => {
    const url = (path: string) => JSON.stringify(new URL(path, import.meta.url).href);
    const { code, stdout } = await new Deno.Command(Deno.execPath(), {
      args: locked([
        "eval",
        "--no-check",
        `
        import lembro from ${url("../mod.ts")};
        import { monitor } from ${url("../src/monitor/mod.ts")};
        monitor(new (lembro({ Store: class {} }))());
        console.log("watching");`,
      ]),
      // Longer than any start takes.
      signal: AbortSignal.timeout(60_000),
    }).output();
    assertEquals(new TextDecoder().decode(stdout).trim(), "watching");
    assertEquals(code, 0);
  });
});

describe("the module with the page's files", () => {
  it("was written after the last change of a file", async () => {
    const url = new URL("../src/monitor/embedded.ts", import.meta.url);
    assertEquals(await Deno.readTextFile(url), await embedded(), "run deno task embed");
  });

  it("has the library that draws with its licence's line", async () => {
    using store = new Lembro();
    using watch = monitor(store);
    await using site = await served(express5().use(watch));
    const { text } = await ask(`${site.url}/charts.js`);
    assert(text.startsWith("/*! With uPlot, ") && text.includes("Permission is hereby granted"));
  });
});
