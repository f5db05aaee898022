/**
 * One of several processes that serve the same Express app with sessions in
 * Redis: see main.ts.
 *
 *     deno run -A scripts/races/worker.ts lembro|connect-redis <port of Redis>…
 *
 * With several ports it is a cluster. Prints the port that it listens on.
 *
 * @module
 */
import { RedisStore } from "connect-redis";
// @ts-types="npm:@types/express@^5.0.0"
import express from "express";
// @ts-types="npm:@types/express-session@^1.18.0"
import session from "express-session";
import lembroRedis from "express-lembro/redis";
import type { AddressInfo } from "node:net";
import { createClient, createCluster } from "redis";

const [engine, ...ports] = Deno.args;
const urls = ports.map((port) => ({ url: `redis://127.0.0.1:${port}` }));
const client = ports.length > 1
  ? createCluster({ rootNodes: urls, defaults: { disableOfflineQueue: true } })
  : createClient({ ...urls[0], disableOfflineQueue: true });
client.on("error", (error) => console.error(error));
await client.connect();

const Lembro = lembroRedis(session);
const lembro = engine === "lembro" ? new Lembro({ client }) : undefined;
const store = lembro ?? new RedisStore({ client });

type Kept = session.SessionData & {
  passport?: { user: string };
  list?: string[];
  nested?: Record<string, number>;
  [key: string]: unknown;
};

/** What requests wait for, by name. */
const gates = new Map<string, { waiting: number; open: () => void; opened: Promise<void> }>();

function gate(name: string) {
  let found = gates.get(name);
  if (!found) {
    const { promise, resolve } = Promise.withResolvers<void>();
    gates.set(name, found = { waiting: 0, open: resolve, opened: promise });
  }
  return found;
}

const app = express();
// Outside of the sessions.
app.get("/open", ({ query }, response) => {
  gate(String(query.gate)).open();
  response.json(true);
});
app.get("/waiting", ({ query }, response) => {
  response.json(gate(String(query.gate)).waiting);
});
app.get("/revoke", async ({ query }, response) => {
  const user = String(query.user);
  const sent = Date.now();
  if (lembro) await lembro.revokeUser(user);
  else await revokeWithout(user);
  response.json({ sent });
});
app.get("/end", async ({ query }, response) => {
  await (store as session.Store & { destroy(sid: string): Promise<void> })
    .destroy(String(query.sid));
  response.json(true);
});

app.use(session({
  store,
  secret: "a secret of the races",
  resave: false,
  saveUninitialized: false,
  cookie: { maxAge: 600_000 },
}));
app.use((request, _response, next) => {
  // Behind the sessions: the store had the request by then, however busy the machine is.
  Object.assign(request, { began: Date.now() });
  next();
});
app.use(async ({ query }, _response, next) => {
  if (query.gate) {
    const { opened } = Object.assign(gate(String(query.gate)), {
      waiting: gate(String(query.gate)).waiting + 1,
    });
    await opened;
  }
  if (query.ms) await new Promise((resolve) => setTimeout(resolve, Number(query.ms)));
  next();
});
app.get("/sign-in", (request, response) => {
  (request.session as unknown as Kept).passport = { user: String(request.query.user) };
  response.json({ began: (request as unknown as { began: number }).began });
});
app.get("/sign-out", (request, response, next) => {
  request.session.destroy((error) => error ? next(error) : response.json(true));
});
app.get("/write", (request, response) => {
  const kept = request.session as unknown as Kept;
  const { key, item, nested } = request.query;
  if (key) kept[String(key)] = 1;
  if (item) (kept.list ??= []).push(String(item));
  if (nested) (kept.nested ??= {})[String(nested)] = 1;
  response.json(true);
});
app.get("/read", (request, response) => {
  const { cookie: _, ...kept } = request.session as unknown as Kept;
  response.json({ ...kept, sid: request.sessionID });
});
app.use((error: Error, _request: unknown, response: express.Response, _next: unknown) => {
  response.status(500).json(String(error));
});

const server = app.listen(0, "127.0.0.1", () => {
  console.log((server.address() as AddressInfo).port);
});

/** What an app does on connect-redis, which knows no users: it looks at every session. */
async function revokeWithout(user: string): Promise<void> {
  const redis = store as RedisStore;
  // On a cluster it can't read all of them at once.
  for (const sid of await redis.ids() as string[]) {
    const kept = await redis.get(sid) as Kept | null;
    if (kept?.passport?.user === user) await redis.destroy(sid);
  }
}
