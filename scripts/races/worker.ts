/**
 * One of several processes that serve the same Express app, with sessions in
 * Redis or in memory: see main.ts, and the comparison of stores.
 *
 *     deno run -A scripts/races/worker.ts <store> [<port of Redis>…]
 *
 * With several ports it is a cluster. Prints the port that it listens on.
 *
 * @module
 */
// @ts-types="npm:@types/express@^5.0.0"
import express from "express";
// @ts-types="npm:@types/express-session@^1.18.0"
import type session from "express-session";
import type { AddressInfo } from "node:net";
import { call } from "../bench/sessions.ts";
import { LIMIT, open } from "../bench/stores.ts";

const [name, ...ports] = Deno.args;
const store = await open({ store: name, maxSize: LIMIT, redisPorts: ports.map(Number) });

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
  if (store.revokeUser) await call((callback) => store.revokeUser!(user, {}, callback));
  else await revokeWithout(user);
  response.json({ sent });
});
app.get("/end", async ({ query }, response) => {
  await call((callback) => store.destroy(String(query.sid), callback));
  response.json(true);
});

app.use(store.middleware);
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

/** What an app does with a store that knows no users: it looks at every session. */
async function revokeWithout(user: string): Promise<void> {
  // On a cluster connect-redis can't read all of them at once.
  const sids = store.ids
    ? await call<string[]>((callback) => store.ids!(callback))
    : Object.keys((await call<object>((callback) => store.all!(callback as never)))!);
  for (const sid of sids!) {
    const kept = await call<Kept>((callback) => store.get(sid, callback as never));
    if (kept?.passport?.user === user) await call((callback) => store.destroy(sid, callback));
  }
}
