/**
 * The same app on another store, so that a visitor sees what both make of the
 * same requests.
 *
 * @module
 */
import { randomUUID } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";
// @ts-types="npm:@types/express@^5.0.0"
import { type Request, type RequestHandler, Router } from "express";
// @ts-types="npm:@types/express-session@^1.18.0"
import session from "express-session";
import memorystore from "memorystore";

/** What the app keeps in a session. */
interface Kept {
  user?: string;
  token?: string;
  items?: string[];
  savedSlowly?: number;
}

/** How long its requests take, in milliseconds. */
export interface Delays {
  slow: number;
  cart: number;
}

/** An app that keeps its sessions in memorystore. */
export class Peer {
  readonly router: Router = Router();
  /** How many of its users the store has evicted. */
  usersEvicted = 0;
  readonly #options: session.SessionOptions;
  #store!: { max: number; clear(): void };
  #sessions!: RequestHandler;

  constructor(options: session.SessionOptions, { slow, cart }: Delays) {
    this.#options = { ...options, name: "peer.sid" };
    this.reset();
    const { router } = this;
    router.use((req, res, next) => this.#sessions(req, res, next));
    router.get("/login", (req, res) => {
      keptOf(req).token = randomUUID();
      res.json({});
    });
    router.post("/sign-in", (req, res) => {
      keptOf(req).user = `${req.body?.name}`;
      res.json({});
    });
    router.get("/me", (req, res) => {
      const { user = null, items = [] } = keptOf(req);
      res.json({ user, items: items.length });
    });
    router.post("/sign-out", (req, res, next) => {
      req.session.destroy((error) => error ? next(error) : res.json({}));
    });
    router.post("/slow", async (req, res, next) => {
      const kept = keptOf(req);
      await delay(slow);
      kept.savedSlowly = (kept.savedSlowly ?? 0) + 1;
      req.session.save((error) => error ? next(error) : res.json({}));
    });
    router.post("/cart", async (req, res) => {
      await delay(cart * Math.random());
      (keptOf(req).items ??= []).push(`${req.body?.item}`);
      res.json({});
    });
    router.post("/cart/empty", (req, res) => {
      keptOf(req).items = [];
      res.json({});
    });
  }

  /** Begins anew, without a session and without a limit. */
  reset(): void {
    this.usersEvicted = 0;
    const store = new (memorystore(session))({
      noDisposeOnSet: true,
      dispose: (_sid, kept) => {
        if (JSON.parse(`${kept}`).user !== undefined) this.usersEvicted++;
      },
    });
    this.#store = (store as unknown as { store: { max: number; clear(): void } }).store;
    this.#sessions = session({ ...this.#options, store });
  }

  /** Gives the store room for this many sessions. */
  limit(sessions: number): void {
    this.#store.max = sessions;
  }
}

function keptOf(req: Request): Kept {
  return req.session as Kept;
}
