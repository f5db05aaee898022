/**
 * A real Express app with the sessions of a store.
 *
 * @module
 */
// @ts-types="npm:@types/express-session@^1.18.0"
import session from "express-session";
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { call, contentOf } from "./sessions.ts";
import type { BenchStore, Live } from "./stores.ts";

const live = (request: { session: unknown }) => request.session as Live;

/** Starts the app, and returns its address. */
export async function serve(store: BenchStore): Promise<string> {
  // Only where it is needed: it takes its time.
  // @ts-types="npm:@types/express@^5.0.0"
  const { default: express } = await import("express");
  const app = express();
  const waiting: (() => void)[] = [];
  app.get("/waiting", (_request, response) => void response.json(waiting.length));
  app.get("/open", (_request, response) => {
    for (const go of waiting.splice(0)) go();
    response.json(true);
  });
  app.use(session({
    store,
    secret: "a secret of the bench",
    resave: false,
    saveUninitialized: false,
    cookie: { maxAge: 60 * 60 * 1000 },
  }));
  // Holds back requests that have loaded their session.
  app.use(async ({ query }, _response, next) => {
    if ("wait" in query) await new Promise<void>((resolve) => waiting.push(resolve));
    next();
  });
  app.get("/sign-in/:number", async (request, response) => {
    await call((callback) => request.session.regenerate(callback));
    Object.assign(request.session, contentOf(Number(request.params.number)));
    response.json(true);
  });
  app.get("/read", (request, response) => void response.json(live(request).views ?? null));
  app.get("/write", (request, response) => void response.json(++live(request).views));
  app.get("/write/:key", (request, response) => {
    live(request)[request.params.key] = true;
    response.json(true);
  });
  app.get("/data", (request, response) => void response.json(request.session));
  app.get("/sign-out", (request, response) => {
    request.session.destroy(() => response.json(true));
  });
  app.get("/sign-out-everywhere", async (request, response) => {
    await signOutEverywhere(store, request as never);
    response.json(true);
  });
  const server = app.listen(0, "127.0.0.1");
  await once(server, "listening");
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

type Owned = { id: string; passport?: { user: string } };

/** Ends all other sessions of the user: by `revokeUser`, or else as is usual, one by one. */
async function signOutEverywhere(
  store: BenchStore,
  request: { sessionID: string; session: Owned },
): Promise<void> {
  const { user } = request.session.passport!;
  if (store.revokeUser) {
    await call((callback) => store.revokeUser!(user, { except: request }, callback as never));
    return;
  }
  const all = await call<object>((callback) => store.all!(callback as never));
  // connect-redis returns an array of sessions with their ids in them.
  const sessions: [string, Owned][] = Array.isArray(all)
    ? all.map((one) => [one.id, one])
    : Object.entries(all!);
  for (const [sid, { passport }] of sessions) {
    if (passport?.user !== user || sid === request.sessionID) continue;
    await call((callback) => store.destroy(sid, callback));
  }
}
