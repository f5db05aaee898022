/**
 * A real Express app with the sessions of a store.
 *
 * @module
 */
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { allClocks, spent } from "./calls.ts";
import { call, contentOf } from "./sessions.ts";
import type { BenchStore, Live } from "./stores.ts";
import type { Figures } from "./tables.ts";
import type { Steps } from "./worker.ts";

/** In each turn the port, and what the requests took that came meanwhile. */
export const app: Steps = async function* (store) {
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
  app.use(store.middleware);
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
  app.get("/read", ({ session }, response) => void response.json(session));
  app.get("/write/:key", ({ session, params }, response) => {
    const live = session as Live;
    live[params.key] = Number(live[params.key] ?? 0) + 1;
    response.json(live);
  });
  app.get("/sign-out", ({ session }, response) => {
    session.destroy(() => response.json(true));
  });
  app.get("/sign-out-everywhere", async (request, response) => {
    await signOutEverywhere(store, request as never);
    response.json(true);
  });
  const server = app.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  let requests = 0;
  server.on("request", () => requests++);
  for (;; requests = 0) {
    const before = await allClocks(store);
    yield { port };
    const taken = spent("Express: a request", before, await allClocks(store), requests);
    const { "Express: a request, µs": wall, ...cpu } = taken;
    yield { "Express: requests per second": 1e6 / wall, ...cpu } as Figures;
  }
};

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
  const all = await call<Record<string, Owned>>((callback) => store.all!(callback as never));
  for (const [key, { id, passport }] of Object.entries(all!)) {
    // connect-redis returns an array of sessions with their ids in them.
    const sid = id ?? key;
    if (passport?.user !== user || sid === request.sessionID) continue;
    await call((callback) => store.destroy(sid, callback));
  }
}
