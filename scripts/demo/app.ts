/**
 * The demo: a real Express app with express-session, and sessions from this
 * store. Its page is in `page/`.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { createHmac, randomBytes, randomUUID, timingSafeEqual } from "node:crypto";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import process from "node:process";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
// @ts-types="npm:@types/express@^5.0.0"
import express, { type NextFunction, type Request, type Response } from "express";
// @ts-types="npm:@types/express-session@^1.18.0"
import session from "express-session";
import lembro, { type LembroStore } from "express-lembro";
import { openJournal } from "express-lembro/journal";
import { monitor } from "express-lembro/monitor";
import { Crawler } from "./crawler.ts";
import { deviceName, OtherDevices } from "./devices.ts";
import { expiredForm, signedIn, signInForm } from "./login.ts";
import { Peer } from "./peer.ts";

/** What the app keeps in a session. */
interface Visitor {
  /** Who has signed in. */
  user?: string;
  /** What they signed in with. */
  device?: string;
  /** What the page calls this session: a session id stays in its cookie. */
  deviceId?: string;
  cart?: { items: string[] };
  savedSlowly?: number;
  /** The CSRF token of the login form. */
  token?: string;
}

/** A demo that can be started. */
export interface Demo {
  /** Keeps its sessions. */
  readonly store: LembroStore;
  /** How many sessions it has from its journal. */
  readonly restored: number;
  /** Starts the app on 127.0.0.1 and returns its address; 0 is any free port. */
  listen(port: number): Promise<string>;
  /** Ends the app and closes all that it has open, store and journal included. */
  close(): Promise<void>;
}

/** Options of {@linkcode createDemo}. */
export interface DemoOptions {
  /** The store's `maxSize`; the default is small enough to be filled. */
  maxSize?: string;
  /** The file that keeps the sessions over restarts and crashes; by default they are lost. */
  journal?: string;
  /** The secret that signs the cookies; by default a random one. */
  secret?: string;
  /** How many sessions the crawler opens. */
  crawlerSessions?: number;
}

const DAY = 86_400_000;
const MAX_NAME_LENGTH = 40;
const MAX_ITEMS = 100;
/** The password of every account. The page has it filled in. */
const PASSWORD = "remember";
/** How long a slow request takes, in milliseconds. */
const SLOW = 1_500;
/** How long a request for the cart takes at most, in milliseconds. */
const CART = 200;

/** How long a change takes to be on the disk at most, in milliseconds. */
const JOURNAL_INTERVAL = 100;

/** Makes the app and its store. */
export async function createDemo(
  {
    maxSize = "4M",
    journal: path,
    secret = randomBytes(32).toString("hex"),
    crawlerSessions = 20_000,
  }: DemoOptions = {},
): Promise<Demo> {
  const Lembro = lembro(session);
  const store = new Lembro({
    maxSize,
    user: (session) => (session as Visitor).user,
  });
  const journal = path === undefined
    ? undefined
    : await openJournal(store, path, { interval: JOURNAL_INTERVAL });
  const restored = store.stats().sessions;
  const sessionOptions = {
    store,
    secret,
    resave: false,
    saveUninitialized: false,
    cookie: { httpOnly: true, sameSite: "lax", maxAge: 7 * DAY },
  } satisfies session.SessionOptions;

  const peer = new Peer({ ...sessionOptions, store: undefined }, { slow: SLOW, cart: CART });
  const crawler = new Crawler(store, peer);
  const otherDevices = new OtherDevices();
  const started = { pid: process.pid, time: Date.now(), restored };

  const app = express();
  app.disable("x-powered-by");
  // The crawler and its users pass their addresses on, as a reverse proxy does.
  app.set("trust proxy", "loopback");
  app.use(withSecurityHeaders);
  app.use(fromThisPage);
  app.use(express.json({ limit: "1kb" }), express.urlencoded({ extended: false, limit: "1kb" }));

  // A cookie of its own: the form waits in a session apart from that of the page around it.
  app.use("/login", session({ ...sessionOptions, name: "login.sid" }));

  app.get("/login", async (req, res) => {
    // Opened anew, the form is a newcomer again.
    if (Object.keys(visitorOf(req)).length > 1) {
      await done((callback) => req.session.regenerate(callback));
    }
    const token = randomUUID();
    visitorOf(req).token = token;
    res.type("html").send(signInForm(token));
  });

  app.post("/login", async (req, res) => {
    const user = readName(req.body?.name);
    if (user === undefined || !req.body.token || req.body.token !== visitorOf(req).token) {
      res.status(403).type("html").send(expiredForm);
      return;
    }
    await signIn(req, user);
    res.type("html").send(signedIn);
  });

  app.use("/peer", peer.router);

  app.use(express.static(fileURLToPath(new URL("./page", import.meta.url))));

  // The app listens on 127.0.0.1 alone; elsewhere an access check belongs before the monitor.
  const watch = monitor(store, { title: "The demo", journal, users: true });
  app.use("/monitor", watch);

  app.post("/crawler/start", (_req, res) => {
    if (crawler.start(addressOf(server), PASSWORD, crawlerSessions)) res.status(202).json({});
    else res.status(409).json({ error: "The crawler is already under way." });
  });

  app.post("/crawler/stop", (_req, res) => {
    crawler.stop();
    res.status(204).end();
  });

  app.post("/kill", () => {
    // Nothing runs after this: no answer, no handler, no saving.
    process.kill(process.pid, "SIGKILL");
  });

  // Asked each second. It reads the session by `info`, since that is no use of it.
  app.get("/state", async (req, res) => {
    const info = await store.info(sidOf(req, secret));
    const { user, deviceId, cart } = (info?.session ?? {}) as Visitor;
    const devices = user === undefined ? [] : await store.sessionsOfUser(user);
    res.json({
      me: user === undefined ? null : { user, deviceId, items: cart?.items.length ?? 0 },
      devices: devices.map(({ session, created, lastUsed }) => {
        const { device, deviceId } = session as Visitor;
        return { id: deviceId, name: device, created, lastUsed };
      }),
      store: store.stats(),
      crawler: crawler.run ?? null,
      crawlerSessions,
      process: { ...started, journal: journal?.stats().bytes ?? 0 },
    });
  });

  app.use(session(sessionOptions));

  app.post("/sign-in", async (req, res) => {
    const { name, password, slow } = req.body ?? {};
    const user = readName(name);
    if (user === undefined) {
      res.status(400).json({ error: `A name has 1 to ${MAX_NAME_LENGTH} characters.` });
      return;
    }
    if (slow) await delay(SLOW);
    if (password !== PASSWORD) {
      res.status(401).json({ error: `Wrong password. It is "${PASSWORD}".` });
      return;
    }
    await signIn(req, user);
    if (await store.info(req.sessionID)) res.json({ user });
    else res.status(409).json({ error: "Your account was signed out meanwhile. Sign in again." });
  });

  app.post("/sign-out", async (req, res) => {
    await done((callback) => req.session.destroy(callback));
    res.status(204).end();
  });

  app.use("/devices", (req, res, next) => {
    if (visitorOf(req).user === undefined) res.status(401).json({ error: "Sign in first." });
    else next();
  });

  app.post("/devices/sign-in", async (req, res) => {
    const account = { name: visitorOf(req).user!, password: PASSWORD, slow: !!req.body?.slow };
    res.json({ isSignedIn: await otherDevices.signIn(addressOf(server), account) });
  });

  app.post("/devices/sign-out", async (req, res) => {
    const devices = await store.sessionsOfUser(visitorOf(req).user!);
    const device = devices.find(({ session }) => (session as Visitor).deviceId === req.body?.id);
    // One that has gone meanwhile is signed out.
    if (device) await store.destroy(device.sid);
    res.status(204).end();
  });

  app.post("/devices/sign-out-others", async (req, res) => {
    res.json({ signedOut: await store.revokeUser(visitorOf(req).user!, { except: req }) });
  });

  app.post("/slow", async (req, res) => {
    const visitor = visitorOf(req);
    const { user } = visitor;
    await delay(SLOW);
    visitor.savedSlowly = (visitor.savedSlowly ?? 0) + 1;
    await done((callback) => req.session.save(callback));
    res.json({ user });
  });

  app.post("/cart", async (req, res) => {
    const { cart } = visitorOf(req);
    if (!cart || cart.items.length >= MAX_ITEMS) {
      res.status(409).json({ error: cart ? "The cart is full." : "Sign in first." });
      return;
    }
    await delay(CART * Math.random());
    cart.items.push(`${req.body?.item}`);
    res.status(204).end();
  });

  app.post("/cart/empty", (req, res) => {
    visitorOf(req).cart = { items: [] };
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
    restored,
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
      await journal?.close();
    },
  };
}

/** Makes the session one of `user`, under a new id: nobody can have planted it. */
async function signIn(req: Request, user: string): Promise<void> {
  await done((callback) => req.session.regenerate(callback));
  const device = deviceName(req.get("User-Agent"));
  Object.assign(visitorOf(req), { user, device, deviceId: randomUUID(), cart: { items: [] } });
  await done((callback) => req.session.save(callback));
}

function withSecurityHeaders(_req: Request, res: Response, next: NextFunction): void {
  res.set({
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; " +
      "img-src 'self'; connect-src 'self'; frame-src 'self'; form-action 'self'; " +
      "base-uri 'none'; frame-ancestors 'self'",
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

/** The session id in the cookie of a request, or an empty string if its signature is wrong. */
function sidOf(req: Request, secret: string): string {
  const [, cookie = ""] = req.get("Cookie")?.match(/(?:^|; )connect\.sid=([^;]*)/) ?? [];
  const [sid, signature = ""] = decodeURIComponent(cookie).replace(/^s:/, "").split(".");
  const expected = createHmac("sha256", secret).update(sid).digest("base64").replace(/=+$/, "");
  const isOurs = signature.length === expected.length &&
    timingSafeEqual(Buffer.from(signature), Buffer.from(expected));
  return isOurs ? sid : "";
}

function addressOf(server: Server): string {
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
}

function visitorOf(req: Request): Visitor {
  return req.session as Visitor;
}

function readName(given: unknown): string | undefined {
  if (typeof given !== "string") return undefined;
  const name = given.trim();
  return name !== "" && Array.from(name).length <= MAX_NAME_LENGTH ? name : undefined;
}

function done(start: (callback: (error?: unknown) => void) => void): Promise<void> {
  return new Promise((resolve, reject) => {
    start((error) => error ? reject(error) : resolve());
  });
}
