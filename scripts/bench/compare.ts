/**
 * Puts what this store promises to it and to its peers, and prints the answers
 * as a table: who keeps the users while a crawler comes by, whose logout
 * sticks, and who loses updates.
 *
 *     deno task compare
 *
 * @module
 */
import { RedisStore } from "connect-redis";
// @ts-types="npm:@types/express@^5.0.0"
import express, { type Request } from "express";
import lembro from "express-lembro";
import lembro1 from "express-lembro-1";
// @ts-types="npm:@types/express-session@^1.18.0"
import session from "express-session";
import memorystore from "memorystore";
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { createClient } from "redis";
import { FLOOD, flood, FLOOD_LIMIT, floodedSessions } from "./flood.ts";
import { startRedis } from "../../support/redis_server.ts";

const WRITERS = 20;

/** Each peer with a limit of 4 MB, where it has one. */
const peers: [name: string, open: () => session.Store][] = [
  ["MemoryStore", () => new session.MemoryStore()],
  [
    "memorystore 1.6.8",
    () => new (memorystore(session))({ max: floodedSessions() }),
  ],
  ["express-lembro 1.1.0", () => new (lembro1(session))({ maxSize: FLOOD_LIMIT })],
  ["**express-lembro 2**", () => new (lembro(session))({ maxSize: FLOOD_LIMIT })],
];

/** What two overlapping requests of one session do to each other, in a real Express app. */
async function overlap(store: session.Store): Promise<{ sticks: boolean; kept: number }> {
  const app = express();
  app.use(session({ store, secret: "compare", resave: false, saveUninitialized: false }));
  const dataOf = (request: Request) =>
    request.session as Request["session"] & Record<string, unknown>;
  let waiting: (() => void)[] = [];
  let expected = 0;
  app.get("/sign-in", (request, response) => {
    dataOf(request).user = "Ada";
    response.end();
  });
  // Loads the session, waits for the others, and then writes one key of it.
  app.get("/write/:key", async (request, response) => {
    await new Promise<void>((resolve) => {
      waiting.push(resolve);
      if (waiting.length === expected) arrived();
    });
    dataOf(request)[request.params.key] = true;
    response.end();
  });
  app.get("/sign-out", (request, response) => {
    request.session.destroy(() => response.end());
  });
  app.get("/kept", ({ session: { cookie: _, ...data } }, response) => void response.json(data));
  let arrived = () => {};

  const server = app.listen(0, "127.0.0.1");
  await once(server, "listening");
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const get = async (path: string, cookie = "") => {
    const response = await fetch(url + path, { headers: { cookie } });
    const text = await response.text();
    return { text, cookie: response.headers.getSetCookie()[0]?.split(";")[0] ?? cookie };
  };
  const write = async (cookie: string, keys: string[], meanwhile: () => Promise<unknown>) => {
    waiting = [];
    expected = keys.length;
    const all = new Promise<void>((resolve) => arrived = resolve);
    const answers = keys.map((key) => get(`/write/${key}`, cookie));
    await all;
    await meanwhile();
    for (const go of waiting) go();
    await Promise.all(answers);
    return JSON.parse((await get("/kept", cookie)).text) as Record<string, unknown>;
  };

  const keys = Array.from({ length: WRITERS }, (_, i) => `key${i}`);
  const { cookie } = await get("/sign-in");
  const written = await write(cookie, keys, () => Promise.resolve());
  const revived = await write(cookie, ["late"], () => get("/sign-out", cookie));
  server.close();
  server.closeAllConnections();
  await once(server, "close");
  return { sticks: !("user" in revived), kept: keys.filter((key) => key in written).length };
}

/** The same with connect-redis, where there is a redis-server: its limits are its own, so only overlaps are asked. */
async function overlapInRedis() {
  await using server = await startRedis();
  if (!server) return undefined;
  const client = createClient({ url: `redis://127.0.0.1:${server.port}` });
  client.on("error", () => {});
  try {
    await client.connect();
    return await overlap(new RedisStore({ client }) as unknown as session.Store);
  } finally {
    client.destroy();
  }
}

function rowOf(...cells: unknown[]): string {
  return `| ${cells.join(" | ")} |`;
}

console.log(rowOf("", "users left", "sessions take", "logout sticks", "updates kept"));
console.log(rowOf("---", "---:", "---:", "---", "---:"));
for (const [name, open] of peers) {
  const { kept: users, bytes } = await flood(open());
  const { sticks, kept } = await overlap(open());
  console.log(rowOf(
    name,
    `${users} of ${FLOOD.users}`,
    `${(bytes / 1024 / 1024).toFixed(1)} MB`,
    sticks ? "yes" : "no",
    `${kept} of ${WRITERS}`,
  ));
}
const redis = await overlapInRedis();
console.log(
  redis
    ? rowOf("connect-redis 9", "–", "–", redis.sticks ? "yes" : "no", `${redis.kept} of ${WRITERS}`)
    : "\nconnect-redis was left out: there is no redis-server on this machine.",
);
// The peers' timers would keep the process.
Deno.exit();
