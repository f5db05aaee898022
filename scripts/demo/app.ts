/**
 * The demo: a real Express app with express-session, and sessions from this
 * store. Its page is in `page/`.
 *
 * @module
 */
import { randomBytes } from "node:crypto";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
// @ts-types="npm:@types/express@^5.0.0"
import express, { type NextFunction, type Request, type Response } from "express";
// @ts-types="npm:@types/express-session@^1.18.0"
import session from "express-session";
import lembro, { type LembroStore } from "express-lembro";
import { monitor } from "express-lembro/monitor";
import { Crawler, MOST_VISITORS } from "./crawler.ts";

/** What the app keeps in a session. */
interface Visitor {
  user?: string;
  visits?: number;
  savedSlowly?: number;
}

/** A demo that can be started. */
export interface Demo {
  /** What keeps its sessions. */
  readonly store: LembroStore;
  /** Starts the app on 127.0.0.1 and gives its address; 0 is any free port. */
  listen(port: number): Promise<string>;
  /** Ends the app and all that it has open. */
  close(): Promise<void>;
}

/** What may be chosen. */
export interface DemoOptions {
  /** The store's `maxSize`: one that a visitor can fill if it is left out. */
  maxSize?: string;
  /** What the cookies are signed with: known to nobody if it is left out. */
  secret?: string;
}

const LONGEST_NAME = 40;
const SLOW = 1_500;

/** Makes the app and its store. */
export function createDemo(
  { maxSize = "4M", secret = randomBytes(32).toString("hex") }: DemoOptions = {},
): Demo {
  const Lembro = lembro(session);
  const store = new Lembro({
    maxSize,
    // An app without Passport says itself who has signed in.
    protect: (session) => (session as Visitor).user !== undefined,
  });

  const crawler = new Crawler();
  const crawled = new Set<string>();
  for (const event of ["evict", "expire"] as const) {
    store.on(event, (sid: string) => crawled.delete(sid));
  }

  const app = express();
  app.disable("x-powered-by");
  app.use(withSecurityHeaders);
  app.use(express.static(fileURLToPath(new URL("./page", import.meta.url))));

  // Its access check is that the app listens on 127.0.0.1 alone; a real one asks who comes.
  const watch = monitor(store);
  app.use("/monitor", watch);

  // Before the sessions: who looks at the figures doesn't change them.
  app.get("/stats.json", (_req, res) => {
    res.json({
      store: store.stats(),
      crawler: crawler.run && { ...crawler.run, kept: crawled.size },
    });
  });

  app.use(fromThisPage);
  app.use(express.json({ limit: "1kb" }));

  app.post("/crawler/start", (req, res) => {
    const visitors = req.body?.visitors;
    if (!Number.isInteger(visitors) || visitors < 1 || visitors > MOST_VISITORS) {
      res.status(400).json({ error: `A crawler sends 1 to ${MOST_VISITORS} visitors.` });
      return;
    }
    if (!crawler.run?.running) crawled.clear();
    // Its visitors come in by the front door: the app can't tell them from others.
    if (crawler.start(`${addressOf(server)}crawled`, visitors)) res.status(202).json({});
    else res.status(409).json({ error: "The crawler is already under way." });
  });

  app.post("/crawler/stop", (_req, res) => {
    crawler.stop();
    res.status(204).end();
  });

  app.use(session({
    store,
    secret,
    resave: false,
    saveUninitialized: false,
    cookie: { httpOnly: true, sameSite: "lax" },
  }));

  app.get("/me", (req, res) => {
    res.json(shown(req));
  });

  app.get("/visit", (req, res) => {
    const visitor = visitorOf(req);
    visitor.visits = (visitor.visits ?? 0) + 1;
    res.json(shown(req));
  });

  app.post("/sign-in", async (req, res) => {
    const name = readName(req.body?.name);
    if (name === undefined) {
      res.status(400).json({ error: `A name has 1 to ${LONGEST_NAME} characters.` });
      return;
    }
    // A new id: nobody can have planted the one that is signed in.
    await done((callback) => req.session.regenerate(callback));
    Object.assign(visitorOf(req), { user: name, visits: 1 });
    res.json(shown(req));
  });

  app.post("/sign-out", async (req, res) => {
    await done((callback) => req.session.destroy(callback));
    res.status(204).end();
  });

  app.post("/slow", async (req, res) => {
    const visitor = visitorOf(req);
    const name = visitor.user;
    await delay(SLOW);
    visitor.savedSlowly = (visitor.savedSlowly ?? 0) + 1;
    await done((callback) => req.session.save(callback));
    res.json({ name });
  });

  app.get("/crawled", (req, res) => {
    visitorOf(req).visits = 1;
    crawled.add(req.sessionID);
    res.status(204).end();
  });

  app.use((error: { status?: number }, _req: Request, res: Response, _next: NextFunction) => {
    const status = error.status ?? 500;
    if (status >= 500) console.error(error);
    res.status(status).json({ error: status >= 500 ? "The app failed." : "Bad request." });
  });

  const server = createServer(app);
  return {
    store,
    listen: (port) =>
      new Promise((resolve, reject) => {
        server.once("error", reject);
        server.listen(port, "127.0.0.1", () => {
          resolve(addressOf(server));
        });
      }),
    close: async () => {
      crawler.stop();
      watch.close();
      await store.close();
      await done((callback) => {
        server.close(() => callback());
        server.closeAllConnections();
      });
    },
  };
}

function withSecurityHeaders(_req: Request, res: Response, next: NextFunction): void {
  res.set({
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; " +
      "img-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; " +
      "frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
  });
  next();
}

/** Lets a POST pass only if the browser says that a page of this app sent it. */
function fromThisPage(req: Request, res: Response, next: NextFunction): void {
  const site = req.get("Sec-Fetch-Site");
  // Browsers without Sec-Fetch-Site send the origin with each POST.
  const ours = site ? site === "same-origin" : req.get("Origin") === `http://${req.get("Host")}`;
  if (req.method === "POST" && !ours) {
    res.status(403).json({ error: "Only a page of this app may ask for that." });
  } else next();
}

function addressOf(server: Server): string {
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
}

function visitorOf(req: Request): Visitor {
  return req.session as Visitor;
}

/** What the page is told of its own session. */
function shown(req: Request): { name?: string; visits: number } {
  const { user, visits = 0 } = visitorOf(req);
  return { name: user, visits };
}

function readName(given: unknown): string | undefined {
  if (typeof given !== "string") return undefined;
  const name = given.trim();
  return name !== "" && Array.from(name).length <= LONGEST_NAME ? name : undefined;
}

function done(start: (callback: (error?: unknown) => void) => void): Promise<void> {
  return new Promise((resolve, reject) => {
    start((error) => error ? reject(error) : resolve());
  });
}
