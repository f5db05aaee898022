/**
 * A real Express app on 127.0.0.1, and visitors who keep their cookies.
 *
 * @module
 */
// @ts-types="npm:@types/express@^5.0.0"
import express, { type Express, type Request } from "express";
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { Lembro, session, type Store } from "./setup.ts";

export type { Request };

/** The session of a request, with whatever the app keeps in it. */
export type Kept = Request["session"] & Record<string, unknown>;

/** What a slow page waits for. */
export interface Gate {
  /** Settles when a request has come to the page. */
  readonly started: Promise<void>;
  /** Lets all requests of the page go on. */
  go(): void;
}

/** An app with sessions from a store of its own, listening on a free port. */
export class Site implements AsyncDisposable {
  readonly store: Store;
  readonly app: Express = express();
  readonly #server: ReturnType<Express["listen"]>;

  constructor(
    options: Partial<session.SessionOptions> = {},
    store: Store = new Lembro(),
  ) {
    this.store = store;
    this.app.use(session({
      store,
      secret: "a secret of the tests",
      resave: false,
      saveUninitialized: false,
      ...options,
    }));
    this.#server = this.app.listen(0, "127.0.0.1");
  }

  /** Adds a route that responds with what `work` returns, as JSON. */
  on(path: string, work: (kept: Kept, request: Request) => unknown): void {
    this.app.get(path, async (request, response) => {
      response.json(await work(request.session as Kept, request) ?? null);
    });
  }

  /**
   * Adds a route whose requests have loaded their session, and wait until they
   * are let go before `work` runs.
   */
  slow(path: string, work: (kept: Kept, request: Request) => unknown = () => {}): Gate {
    const started = Promise.withResolvers<void>();
    const go = Promise.withResolvers<void>();
    this.on(path, async (kept, request) => {
      started.resolve();
      await go.promise;
      return await work(kept, request) ?? "slow";
    });
    return { started: started.promise, go: () => go.resolve() };
  }

  /** A browser without any cookie yet. */
  async visitor(): Promise<Visitor> {
    if (!this.#server.listening) await once(this.#server, "listening");
    return new Visitor(`http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.store.close(() => {});
    this.#server.close();
    this.#server.closeAllConnections();
    await once(this.#server, "close");
  }
}

/** A browser: keeps the cookie that the site sets, and sends it along. */
export class Visitor {
  /** The cookie to send, as `name=value`. */
  cookie: string | undefined;
  /** The attributes of the last cookie that was set. */
  attributes: string | undefined;
  /** How many responses have set a cookie. */
  cookies = 0;
  /** Where the site is. */
  readonly url: string;

  constructor(url: string) {
    this.url = url;
  }

  /** Gets a page, whose response must be 200 and JSON. */
  async get<T = unknown>(path: string, init?: RequestInit): Promise<T> {
    return JSON.parse(await this.text(path, init));
  }

  /** Gets a page, or posts to it; the response must be 200. */
  async text(path: string, init: RequestInit = {}): Promise<string> {
    const response = await fetch(this.url + path, {
      headers: this.cookie ? { cookie: this.cookie } : {},
      ...init,
    });
    const [set] = response.headers.getSetCookie();
    if (set) {
      const [cookie, ...attributes] = set.split("; ");
      this.cookie = cookie;
      this.attributes = attributes.join("; ");
      this.cookies++;
    }
    const text = await response.text();
    if (response.status !== 200) throw new Error(`${path}: ${response.status} ${text}`);
    return text;
  }

  /** Another tab of the same browser. */
  tab(): Visitor {
    const tab = new Visitor(this.url);
    tab.cookie = this.cookie;
    return tab;
  }
}
