/**
 * A real Express app with the sessions of a store.
 *
 * @module
 */
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { allClocks, spent } from "./calls.ts";
import { call, contentOf } from "./sessions.ts";
import type { Live } from "./stores.ts";
import type { Figures } from "./tables.ts";
import type { Steps } from "./worker.ts";

/** In each turn the port, and what the requests took that came meanwhile. */
export const app: Steps = async function* (store) {
  // Only where it is needed: it takes its time.
  // @ts-types="npm:@types/express@^5.0.0"
  const { default: express } = await import("express");
  const app = express();
  app.use(store.middleware);
  app.get("/sign-in/:number", async (request, response) => {
    await call((callback) => request.session.regenerate(callback));
    Object.assign(request.session, contentOf(Number(request.params.number)));
    response.json(true);
  });
  app.get("/read", ({ session }, response) => void response.json((session as Live).views));
  app.get("/write", ({ session }, response) => void response.json(++(session as Live).views));
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
