import { assert, assertEquals, assertMatch } from "@std/assert";
import { afterAll, beforeAll, describe, it } from "@std/testing/bdd";
import { join } from "node:path";
import { io } from "socket.io-client";
import { Visitor } from "./support/http.ts";
import { root } from "./support/installed.ts";
import { App, devicesProgram, firstProgram, inserted, snippetOf } from "./support/readme.ts";
import { keptData, Requests, save } from "./support/requests.ts";
import { Lembro } from "./support/setup.ts";

/** An idle timeout to wait for, in milliseconds. */
const IDLE = 1_500;

const json = (body: unknown): RequestInit => ({
  method: "POST",
  headers: { "content-type": "application/json" },
  body: JSON.stringify(body),
});

/** Posts as a visitor who keeps the cookie. */
function post(visitor: Visitor, path: string, body: unknown = {}): Promise<unknown> {
  const { headers, ...rest } = json(body);
  const cookie = visitor.cookie ? { cookie: visitor.cookie } : {};
  return visitor.get(path, { ...rest, headers: { ...headers, ...cookie } as HeadersInit });
}

async function statusOf({ url, cookie = "" }: Visitor, path: string): Promise<number> {
  const response = await fetch(url + path, { headers: { cookie } });
  await response.body?.cancel();
  return response.status;
}

/** What runs the snippets: here, or the tests of the npm package, of a restart or of the move to Redis. */
const MARKS = [
  "first program: run in node",
  "run in node",
  "journal",
  "stop",
  "snapshot",
  "devices: run in node",
  "socket.io",
  "redis",
  "update",
  "timeouts",
  "monitor",
  "session.d.ts",
  "run in deno",
  "run in a browser",
];

describe("the text of the README", () => {
  it("has no snippet that no test runs", async () => {
    const readme = await Deno.readTextFile(join(root, "README.md"));
    const blocks = readme.matchAll(/^(?:<!-- (.*) -->\n+)?```(\w+)[^]*?^```$/gm);
    const marks = [...blocks].filter(([, , language]) => language !== "sh").map(([, mark]) => mark);
    assertEquals(marks, MARKS);
  });

  it("has no more than 3,000 words", async () => {
    const readme = await Deno.readTextFile(join(root, "README.md"));
    const words = readme.split(/\s+/).filter((word) => /[\p{L}\p{N}]/u.test(word));
    assert(words.length <= 3000, `${words.length} words`);
  });

  it("leads to headings and files that there are", async () => {
    const readme = await Deno.readTextFile(join(root, "README.md"));
    const text = readme.replace(/^```[^]*?^```$/gm, "");
    const anchors = [...text.matchAll(/^#+ (.*)$/gm)].map(([, heading]) =>
      `#${heading.toLowerCase().replace(/[^\w\- ]/g, "").replaceAll(" ", "-")}`
    );
    const links = [...text.matchAll(/\]\(([^)]+)\)/g)].map(([, link]) => link)
      .filter((link) => !link.startsWith("https:"));
    assert(links.length > 15);
    for (const link of links) {
      if (link.startsWith("#")) assert(anchors.includes(link), link);
      else await Deno.stat(join(root, link));
    }
  });
});

describe("the README's table of overlapping requests", () => {
  it("has ten rows, and each is what happens", async () => {
    const readme = await Deno.readTextFile(join(root, "README.md"));
    const [, table] = readme.match(/^\| Before .*\n\|[- |]+\n((?:\|.*\n)+)/m)!;
    const rows = table.trim().split("\n")
      .map((row) => [...row.matchAll(/\| `(.*?)` +(?=\|)/g)].map(([, cell]) => cell));
    assertEquals(rows.map((cells) => cells.length), new Array(10).fill(4));
    for (const [before, one, later, kept] of rows) {
      using store = new Lembro();
      const requests = new Requests(store);
      const { sessionID } = await requests.create(value(before));
      const all = [await requests.load(sessionID), await requests.load(sessionID)];
      for (const [n, code] of [one, later].entries()) {
        const { session } = all[n];
        new Function("session", ...Object.keys(session), code)(session, ...Object.values(session));
      }
      for (const request of all) await save(request);
      assertEquals(await keptData(store, sessionID), value(kept), `${one} and ${later}`);
    }

    function value(literal: string): Record<string, unknown> {
      return new Function(`return (${literal})`)();
    }
  });
});

describe("the README", () => {
  let folder: string;
  beforeAll(async () => {
    folder = await Deno.makeTempDir({ prefix: "express-lembro-" });
  });
  afterAll(() => Deno.remove(folder, { recursive: true }));

  it("has a first program that counts visits", async () => {
    await using app = await App.start(folder, await firstProgram());
    const ada = new Visitor(app.url);
    for (const visit of ["Visit 1", "Visit 2"]) assertEquals(await ada.text("/"), visit);
    assertEquals(await new Visitor(app.url).text("/"), "Visit 1");
  });

  it("has a program for Deno that needs no other permissions and no other types", async () => {
    await using app = await App.start(folder, await snippetOf("run in deno"), {
      name: "app.ts",
      permissions: ["--check", "--allow-net", "--allow-env"],
    });
    const ada = new Visitor(app.url);
    for (const visit of ["Visit 1", "Visit 2"]) assertEquals(await ada.text("/"), visit);
  });

  it("has timeouts that a poll does not put off", async () => {
    const options = (await snippetOf("timeouts")).replace("30 * 60_000", `${IDLE}`);
    const program = (await firstProgram()).replace(/^const store = .*\n/m, options);
    await using app = await App.start(
      folder,
      program.replace(/^const server/m, 'app.get("/poll", (_, res) => void res.json(0));\n$&'),
    );
    const [ada, eve] = [new Visitor(app.url), new Visitor(app.url)];
    for (const visitor of [ada, eve]) await visitor.text("/");
    const start = performance.now();
    let visits = 1;
    while (performance.now() - start < IDLE * 4 / 3) {
      await new Promise((resolve) => setTimeout(resolve, IDLE / 30));
      await ada.text("/poll");
      assertEquals(await eve.text("/"), `Visit ${++visits}`);
    }
    assertEquals(await ada.text("/"), "Visit 1");
  });

  it("has lines that save a snapshot and load it", async () => {
    await using app = await App.start(folder, await firstProgram(await snippetOf("snapshot")));
    assertEquals(await new Visitor(app.url).text("/"), "Visit 1");
  });

  it("has a counter that overlapping requests do not lose", async () => {
    const program = inserted(await firstProgram(), /^app\.use\(.*\n/m, await snippetOf("update"));
    await using app = await App.start(folder, program);
    const ada = new Visitor(app.url);
    await ada.text("/");
    await Promise.all(Array.from({ length: 20 }, () => post(ada.tab(), "/visit")));
    assertEquals(await post(ada, "/visit"), 22);
  });

  it("has a monitor behind an access check", async () => {
    const program = await firstProgram(await snippetOf("journal"));
    await using app = await App.start(
      folder,
      inserted(program, /^app\.use\(.*\n/m, await snippetOf("monitor")),
    );
    const paths = ["/admin/sessions/", "/admin/sessions/stats.json"];
    for (const path of paths) assertEquals(await statusOf(new Visitor(app.url), path), 403, path);
    const types = ["text/html", "application/json"];
    for (const [index, path] of paths.entries()) {
      const response = await fetch(app.url + path, {
        headers: { authorization: "Bearer change me" },
      });
      assertEquals(response.status, 200, path);
      const type = response.headers.get("content-type")!;
      assert(type.startsWith(types[index]), `${path}: ${type}`);
      const text = await response.text();
      if (path.endsWith("json")) assertEquals(JSON.parse(text).journal.errors, 0);
    }
  });

  it("has an isActivity for requests of sockets too, which have no originalUrl", async () => {
    const { isActivity } = new Function("Lembro", `${await snippetOf("timeouts")}\nreturn store;`)(
      class {
        constructor(options: object) {
          Object.assign(this, options);
        }
      },
    );
    const requests = [
      { url: "/socket.io/?EIO=4" },
      { url: "/poll?at=1" },
      { url: "/", originalUrl: "/poll" },
      { url: "/poll", originalUrl: "/in/poll" },
    ];
    assertEquals(requests.map(isActivity), [true, false, false, true]);
  });

  describe("on users and devices", () => {
    let app: App;
    beforeAll(async () => {
      const streams = await Deno.readTextFile(join(root, "scripts/examples/event_streams.mjs"));
      const program = await devicesProgram("npm:socket.io@4", streams);
      app = await App.start(folder, program, { name: "devices.mjs" });
    });
    afterAll(() => app[Symbol.asyncDispose]());

    /** Somebody who signs in on that many devices. */
    async function signIn(name: string, devices: number): Promise<Visitor[]> {
      const visitors = Array.from({ length: devices }, () => new Visitor(app.url));
      for (const visitor of visitors) await post(visitor, "/sign-in", { name });
      return visitors;
    }

    it("lists the devices of whoever asks, and of nobody else", async () => {
      const [ada] = await signIn("Ada", 3);
      await signIn("Bob", 2);
      const devices = await ada.get<{ name: string; lastUsed: string }[]>("/devices");
      assertEquals(devices.length, 3);
      for (const { name, lastUsed } of devices) {
        assertMatch(name, /^Deno/);
        assert(Date.now() - new Date(lastUsed).getTime() < 60_000);
      }
      assertEquals(await statusOf(new Visitor(app.url), "/devices"), 401);
    });

    it("goes on after a sign-in without a body, or with a name that is no text", async () => {
      const [ada] = await signIn("ada without a body", 1);
      const headers = { "content-type": "application/json" };
      for (const body of [undefined, "{}", '{"name":{}}', '{"name":5}', "[]", "null", "{"]) {
        const response = await fetch(`${app.url}/sign-in`, {
          method: "POST",
          ...(body === undefined ? {} : { headers, body }),
        });
        await response.body?.cancel();
        assertEquals(response.status, 400, `${body}`);
      }
      assertEquals(await statusOf(ada, "/devices"), 200);
    });

    it("signs out the other devices when the password changes", async () => {
      const [here, ...others] = await signIn("Carla", 3);
      assertEquals(await post(here, "/password"), { signedOut: 2 });
      assertEquals(await statusOf(here, "/devices"), 200);
      for (const other of others) assertEquals(await statusOf(other, "/devices"), 401);
    });

    it("signs out everywhere, and in again", async () => {
      const all = await signIn("Dora", 2);
      await post(all[0], "/sign-out-everywhere");
      for (const device of all) assertEquals(await statusOf(device, "/devices"), 401);
      await post(all[0], "/sign-in", { name: "Dora" });
      assertEquals(await statusOf(all[0], "/devices"), 200);
    });

    it("ends a Socket.IO connection with its session, and no other", async () => {
      const [here, there] = await signIn("Emma", 2);
      const [mine, theirs] = [here, there].map(({ url, cookie }) =>
        io(url, { extraHeaders: { cookie: cookie! }, forceNew: true, reconnection: false })
      );
      try {
        await Promise.all(
          [mine, theirs].map((socket) =>
            new Promise<void>((resolve) => socket.once("connect", resolve))
          ),
        );
        const ended = new Promise((resolve) => theirs.once("disconnect", resolve));
        await post(here, "/password");
        assertEquals(await ended, "io server disconnect");
        assert(mine.connected);
      } finally {
        mine.disconnect();
        theirs.disconnect();
      }
    });

    it("ends a stream of server-sent events with its session, and no other", async () => {
      const [here, there] = await signIn("Frida", 2);
      const leave = new AbortController();
      const [mine, theirs] = await Promise.all(
        [here, there].map(({ url, cookie }) =>
          fetch(`${url}/events`, { headers: { cookie: cookie! }, signal: leave.signal })
        ),
      );
      assertEquals(mine.headers.get("content-type")?.split(";")[0], "text/event-stream");
      await post(here, "/password");
      assertEquals(await theirs.text(), "");
      const reading = mine.text().then(() => "ended", () => "left");
      await new Promise((resolve) => setTimeout(resolve, 100));
      leave.abort();
      assertEquals(await reading, "left");
    });
  });
});
