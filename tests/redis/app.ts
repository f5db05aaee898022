/**
 * One of several processes that serve an Express app with sessions in Redis,
 * which can be told to stop at a step of a save.
 *
 *     deno run -A tests/redis/app.ts <client> <port of Redis>…
 *
 * Prints the port that it listens on.
 *
 * @module
 */
// @ts-types="npm:@types/express@^5.0.0"
import express from "express";
// @ts-types="npm:@types/express-session@^1.18.0"
import session from "express-session";
import lembroRedis, { type LembroRedisOptions } from "express-lembro/redis";
import type { AddressInfo } from "node:net";
import process from "node:process";
import * as scripts from "../../src/redis/scripts.ts";
import { CLIENTS } from "../support/redis_clients.ts";

const [name, ...ports] = Deno.args;
const connect = () => CLIENTS[name](...ports.map(Number));
const [[client], [subscriber]] = [await connect(), await connect()];

type Kept = session.SessionData & {
  passport?: { user: string };
  list?: string[];
  count?: number;
};

/** The step before which this process stops, once: "handler" or the name of a script. */
let stopBefore: string | undefined;

/** Stops at once, as a machine that is out of memory or asleep does, until SIGCONT. */
function step(name: string): void {
  if (name !== stopBefore) return;
  stopBefore = undefined;
  process.kill(process.pid, "SIGSTOP");
}

const names = new Map(
  Object.entries(scripts).flatMap(([name, script]) => "sha" in script ? [[script.sha, name]] : []),
);

/** How many commands Redis has not answered yet. */
let underWay = 0;

/** Looks at each command before it is sent. */
const watched = new Proxy(client as object, {
  get(target, property) {
    const value = Reflect.get(target, property, target);
    if (typeof value !== "function") return value;
    if (property !== "sendCommand" && property !== "call") return value.bind(target);
    return async (...args: unknown[]) => {
      const [command, sha] = (args.find(Array.isArray) ?? args) as string[];
      step(names.get(sha) ?? command);
      underWay++;
      try {
        return await value.apply(target, args);
      } finally {
        underWay--;
      }
    };
  },
}) as LembroRedisOptions["client"];

const Lembro = lembroRedis(session);
const store = new Lembro({ client: watched, subscriber: subscriber as never });
const heard: string[] = [];
store.on("gap", () => heard.push("gap"));
store.on("clear", () => heard.push("clear"));
store.on("destroy", (sid) => heard.push(sid));

const app = express();
// Express prints no errors then.
app.set("env", "test");
// Outside of the sessions.
app.get("/stop-before", ({ query }, response) => {
  stopBefore = String(query.step);
  response.json(true);
});
app.get("/under-way", (_request, response) => void response.json(underWay));
app.get("/heard", (_request, response) => void response.json(heard));
app.get("/stats", (_request, response) => void response.json(store.stats()));
app.get("/revoke", async ({ query }, response) => {
  response.json(await store.revokeUser(String(query.user)));
});
app.get("/sessions", async ({ query }, response) => {
  response.json((await store.sessionsOfUser(String(query.user))).map(({ sid }) => sid));
});
app.get("/clear", async (_request, response) => {
  await store.clear();
  response.json(true);
});

app.use(session({
  store,
  secret: "a secret of the tests",
  resave: false,
  saveUninitialized: false,
  cookie: { maxAge: 600_000 },
}));
app.use((_request, _response, next) => {
  step("handler");
  next();
});
app.get("/sign-in", (request, response, next) => {
  (request.session as unknown as Kept).passport = { user: String(request.query.user) };
  request.session.save((error) => error ? next(error) : response.json(request.sessionID));
});
app.get("/sign-out", (request, response, next) => {
  request.session.destroy((error) => error ? next(error) : response.json(true));
});
// Answers when it is saved: express-session itself answers as well if it can't be.
app.get("/append", (request, response, next) => {
  const kept = request.session as unknown as Kept;
  (kept.list ??= []).push(String(request.query.item));
  request.session.save((error) => error ? next(error) : response.json(true));
});
app.get("/count", async (request, response) => {
  const kept = await store.update(request.sessionID, (kept: Kept) => {
    kept.count = (kept.count ?? 0) + 1;
  }) as Kept | undefined;
  response.json(kept?.count ?? null);
});
app.get("/read", (request, response) => {
  const { cookie: _, ...kept } = request.session as unknown as Kept;
  response.json(kept);
});
app.use((error: Error, _request: unknown, response: express.Response, _next: unknown) => {
  if (!response.headersSent) response.status(500).json(String(error));
});

const server = app.listen(0, "127.0.0.1", () => {
  console.log((server.address() as AddressInfo).port);
});
