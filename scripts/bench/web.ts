/**
 * A real Express app with the sessions of a store, and its visitors, who are in
 * another process.
 *
 * @module
 */
// @ts-types="npm:@types/express-session@^1.18.0"
import session from "express-session";
import { once } from "node:events";
import { Agent, get } from "node:http";
import type { AddressInfo } from "node:net";
import { type Live, newSession } from "./sessions.ts";

/** Every how many requests of a visitor one changes the session. */
const WRITES_EVERY = 5;

/** Starts the app, and gives its port. */
export async function serve(store: session.Store): Promise<number> {
  // Only the processes that need it: it takes its time.
  // @ts-types="npm:@types/express@^5.0.0"
  const { default: express } = await import("express");
  const app = express();
  app.use(session({
    store,
    secret: "a secret of the bench",
    resave: false,
    saveUninitialized: false,
    cookie: { maxAge: 60 * 60 * 1000 },
  }));
  app.get("/sign-in/:number", (request, response) => {
    // What the sessions of the bench hold, but the cookie.
    const { cookie: _, ...content } = newSession(store, "", Number(request.params.number));
    Object.assign(request.session, content);
    response.end("welcome");
  });
  app.get("/read", (request, response) => {
    response.end(`${(request.session as Live).views}`);
  });
  app.get("/write", (request, response) => {
    response.end(`${++(request.session as Live).views}`);
  });
  const server = app.listen(0, "127.0.0.1");
  await once(server, "listening");
  return (server.address() as AddressInfo).port;
}

/** What visitors ask for. */
export interface Load {
  port: number;
  requests: number;
  /** How many requests are under way at a time, each by a visitor of its own. */
  visitors: number;
}

/** How an app served its visitors. */
export interface Served {
  /** Requests per second. */
  perSecond: number;
  /** How long the slowest request in a hundred takes at least, in milliseconds. */
  p99: number;
  /** How many requests there were, the visitors' first ones included. */
  requests: number;
}

/** Signs visitors in, and has them ask for pages at the same time. */
export async function visit({ port, requests, visitors }: Load): Promise<Served> {
  const agent = new Agent({ keepAlive: true, maxSockets: visitors });
  const ask = async (path: string, cookie?: string) => {
    const request = get({ port, path, agent, headers: cookie ? { cookie } : {} });
    const [response] = await once(request, "response");
    let text = "";
    for await (const chunk of response) text += chunk;
    if (response.statusCode !== 200) throw new Error(`${path}: ${response.statusCode} ${text}`);
    return { text, cookie: response.headers["set-cookie"]?.[0].split(";")[0] as string };
  };
  const cookies = await Promise.all(
    Array.from({ length: visitors }, async (_, i) => (await ask(`/sign-in/${i}`)).cookie),
  );
  const times: number[] = [];
  const start = performance.now();
  await Promise.all(cookies.map(async (cookie) => {
    for (let i = 0; i < requests / visitors; i++) {
      const asked = performance.now();
      const { text } = await ask(i % WRITES_EVERY === 0 ? "/write" : "/read", cookie);
      if (!(Number(text) > 0)) throw new Error(`The session is lost: ${text}`);
      times.push(performance.now() - asked);
    }
  }));
  const seconds = (performance.now() - start) / 1_000;
  agent.destroy();
  times.sort((a, b) => a - b);
  return {
    perSecond: times.length / seconds,
    p99: times[Math.floor(times.length * 0.99)],
    requests: times.length + visitors,
  };
}
