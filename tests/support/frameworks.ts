/**
 * The examples of `scripts/examples/frameworks/`, and what their visitors meet.
 *
 * @module
 */
import { assert, assertEquals, assertNotEquals, assertRejects } from "@std/assert";
import { io } from "socket.io-client";
import { Visitor } from "./http.ts";
import type { Runtime } from "./runtimes.ts";

/** What each example has to do for whoever comes to `url`. */
export const FRAMEWORKS: Record<string, (url: string) => Promise<void>> = {
  "express_5.mjs": countsVisits,
  "express_4.cjs": countsVisits,
  "nest.mjs": countsVisits,

  async "passport.mjs"(url) {
    const form = (name: string, password: string) => ({
      method: "POST",
      body: new URLSearchParams({ username: name, password }),
    });
    const ada = new Visitor(url);
    const who = () => ada.get("/");
    await assertRejects(() => ada.get("/login", form("Ada", "a guess")), Error, "401");
    assertEquals(await who(), { user: null, protected: 0 });
    await ada.get("/login", form("Ada", "Countess of Lovelace"));
    assertEquals(await who(), { user: "Ada", protected: 1 });
    const before = ada.tab();
    await ada.get("/logout", { method: "POST" });
    assertEquals(await who(), { user: null, protected: 0 });
    assertEquals(await before.get("/"), { user: null, protected: 0 });
  },

  async "fastify.mjs"(url) {
    await countsVisits(url);
    const ada = new Visitor(url);
    await ada.get("/");
    const sid = await ada.text("/sid");
    await ada.text("/regenerate", { method: "POST" });
    assertNotEquals(await ada.text("/sid"), sid);
    assertEquals(await ada.get("/"), { visits: 2 }, "what regenerate was told to keep");
    const before = ada.tab();
    // Those of the two who counted visits are left.
    assertEquals(await ada.get("/logout", { method: "POST" }), { left: 2 });
    assertEquals(await before.get("/"), { visits: 1 });
  },

  async "socket_io.mjs"(url) {
    const ada = new Visitor(url);
    await ada.get("/");
    const socket = io(url, { extraHeaders: { cookie: ada.cookie! }, forceNew: true });
    try {
      const visits = await new Promise((resolve, reject) => {
        socket.once("visits", resolve);
        socket.once("connect_error", reject);
      });
      assertEquals(visits, 1, "the session of the page");
      assertEquals(await ada.get("/"), { visits: 2, said: null });
      assertEquals(await socket.emitWithAck("say", "hello"), "said");
      assertEquals(await ada.get("/"), { visits: 3, said: "hello" }, "what both of them saved");
    } finally {
      socket.disconnect();
    }
  },

  async "sails.cjs"(url) {
    await countsVisits(url);
    const ada = new Visitor(url);
    assertEquals(await ada.get("/"), { visits: 1 });
    const socket = io(url, {
      extraHeaders: { cookie: ada.cookie! },
      forceNew: true,
      // Sails requires the version of its own client, and takes no other transport.
      query: { __sails_io_sdk_version: "1.2.1" },
      transports: ["websocket"],
    });
    try {
      const visit = () =>
        socket.timeout(5_000).emitWithAck("get", { method: "get", url: "/", headers: {} });
      assertEquals((await visit()).body, { visits: 2 }, "the session of the page");
      assertEquals(await ada.get("/"), { visits: 3 });
      assertEquals((await visit()).body, { visits: 4 });
    } finally {
      socket.disconnect();
    }
  },
};

async function countsVisits(url: string): Promise<void> {
  const [ada, eve] = [new Visitor(url), new Visitor(url)];
  for (const visits of [1, 2, 3]) assertEquals(await ada.get("/"), { visits });
  assertEquals(await eve.get("/"), { visits: 1 });
}

/** Runs an example in `folder`, while `work` is at the address that it says. */
export async function whileRunning(
  { command: [binary, ...args] }: Runtime,
  folder: string,
  example: string,
  work: (url: string) => Promise<void>,
): Promise<void> {
  const child = new Deno.Command(binary, {
    args: [...args, example],
    cwd: folder,
    env: { PORT: "0" },
    stdout: "piped",
    stderr: "inherit",
  }).spawn();
  try {
    let printed = "";
    for await (const text of child.stdout.pipeThrough(new TextDecoderStream())) {
      printed += text;
      const [url] = /^http:.*(?=\n)/m.exec(printed) ?? [];
      if (url) return await work(url.replace("[::1]", "127.0.0.1"));
    }
    assert(false, `${example} never said where it listens: ${printed}`);
  } finally {
    child.kill();
    await child.status;
  }
}
