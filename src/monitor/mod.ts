/**
 * A page that draws live what a store holds and does, to mount in an Express
 * app behind its own access check. It shows counts, and never a session's id or
 * content.
 *
 * ```ts
 * import express from "express";
 * import session from "express-session";
 * import lembro from "express-lembro";
 * import { monitor } from "express-lembro/monitor";
 *
 * const store = new (lembro(session))();
 * const watch = monitor(store);
 * const app = express();
 * const requireAdmin: express.RequestHandler = (request, response, next) => {
 *   if (request.get("authorization") === "Bearer of the admin") next();
 *   else response.sendStatus(403);
 * };
 * app.use("/admin/sessions", requireAdmin, watch);
 * watch.close();
 * store.close();
 * ```
 *
 * @module
 */
import { dispose } from "../util/dispose.ts";
import { isFunction, refused } from "../util/errors.ts";
import { History } from "./history.ts";
import { html } from "./page/html.ts";
import { icon } from "./page/icon.ts";
import { script } from "./page/script.ts";
import { style } from "./page/style.ts";
import type { LembroStats } from "../types.ts";

/**
 * What the monitor reads of a request: one of Express, or of Node's `http`.
 *
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import type { MonitorRequest } from "express-lembro/monitor";
 *
 * // As Express gives it to what is mounted at /admin/sessions.
 * const request: MonitorRequest = {
 *   method: "GET",
 *   url: "/stats.json",
 *   originalUrl: "/admin/sessions/stats.json",
 * };
 * assertEquals(request.originalUrl?.endsWith(request.url!), true);
 * ```
 */
export interface MonitorRequest {
  /** `GET` and `HEAD` are answered. */
  method?: string | undefined;
  /** The path below the mount point, with its query. */
  url?: string | undefined;
  /** The whole path, with its query, where the app has cut `url`. */
  originalUrl?: string | undefined;
}

/**
 * What the monitor answers with: the response of Express, or of Node's `http`.
 *
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { monitor, type MonitorResponse } from "express-lembro/monitor";
 * import session from "express-session";
 * import lembro from "express-lembro";
 *
 * using store = new (lembro(session))();
 * using watch = monitor(store);
 * let answered = "";
 * const response: MonitorResponse = {
 *   statusCode: 200,
 *   setHeader() {},
 *   end: (text = "") => answered = text,
 * };
 * watch({ method: "GET", url: "/stats.json" }, response);
 * assertEquals(JSON.parse(answered), store.stats());
 * ```
 */
export interface MonitorResponse {
  /** The status of the answer. */
  statusCode: number;
  /** Sets a header of the answer. */
  setHeader(name: string, value: string): unknown;
  /** Ends the answer, with its text. */
  end(text?: string): unknown;
}

/**
 * What {@linkcode monitor} gives: a handler for Express 4 and 5, and all that
 * calls its handlers like them.
 *
 * ```ts
 * import { createServer } from "node:http";
 * import session from "express-session";
 * import lembro from "express-lembro";
 * import { type Monitor, monitor } from "express-lembro/monitor";
 *
 * using store = new (lembro(session))();
 * using watch: Monitor = monitor(store);
 * // A server without a framework, for who can reach 127.0.0.1.
 * const server = createServer(watch).listen(0, "127.0.0.1", () => server.close());
 * ```
 */
export interface Monitor {
  /**
   * Answers a request for the page or what belongs to it. Any other goes to
   * `next`; without one it is answered with 404.
   */
  (
    request: MonitorRequest,
    response: MonitorResponse,
    next?: (error?: unknown) => void,
  ): void;
  /** Stops the sampling; may be called twice. The page stays, and draws nothing new. */
  close(): void;
  /** Closes the monitor at the end of a `using` block. */
  [Symbol.dispose](): void;
}

const HEADERS = {
  "Cache-Control": "no-store",
  "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; " +
    "img-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; " +
    "frame-ancestors 'none'",
  "Cross-Origin-Resource-Policy": "same-origin",
  "Referrer-Policy": "no-referrer",
  "X-Content-Type-Options": "nosniff",
};

/** The type of an answer, and its text by the query. */
type Answer = [type: string, text: (query: string) => string];

/**
 * Makes a handler that shows live what `store` holds and does. From now on it
 * takes a sample each second and keeps those of the last five minutes; that
 * never keeps a process alive.
 *
 * Below its mount point there are the page, `stats.json` with what
 * `store.stats()` gives at the moment, and `history.json` with the samples.
 * It asks nobody who they are: mount it behind the app's own access check.
 *
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import express from "express";
 * import { once } from "node:events";
 * import session from "express-session";
 * import lembro from "express-lembro";
 * import { monitor } from "express-lembro/monitor";
 *
 * using store = new (lembro(session))();
 * using watch = monitor(store);
 * const server = express().use("/monitor", watch).listen(0, "127.0.0.1");
 * await once(server, "listening");
 * const { port } = server.address() as { port: number };
 * const response = await fetch(`http://127.0.0.1:${port}/monitor/stats.json`);
 * assertEquals(await response.json(), store.stats());
 * server.close();
 * ```
 *
 * @param store A store, or anything else with its function `stats`.
 * @throws {TypeError} If there is no function `stats` on `store`.
 */
export function monitor(store: { stats(): LembroStats }): Monitor {
  if (!isFunction(store?.stats)) {
    const rule = "store must have a function stats, as those of express-lembro";
    throw refused(TypeError, "monitor", rule, store);
  }
  const stats = () => store.stats();
  const history = new History(stats);
  const answers = new Map<string, Answer>([
    ["/", ["text/html; charset=utf-8", () => html]],
    ["/monitor.css", ["text/css; charset=utf-8", () => style]],
    ["/monitor.js", ["text/javascript; charset=utf-8", () => script]],
    ["/monitor.svg", ["image/svg+xml", () => icon]],
    ["/stats.json", ["application/json", () => JSON.stringify(stats())]],
    ["/history.json", ["application/json", (query) => history.after(cursorOf(query))]],
  ]);
  const close = () => history.stop();
  return Object.assign(handlerOf(answers), { close, [dispose]: close });
}

function handlerOf(answers: Map<string, Answer>) {
  return (
    request: MonitorRequest,
    response: MonitorResponse,
    next: (error?: unknown) => void = (error) => end(response, error ? 500 : 404),
  ): void => {
    const { method, url = "/", originalUrl = url } = request;
    const [path, query = ""] = url.split("?", 2);
    const [type, text] = answers.get(path) ?? [];
    if (!type || !text) return next();
    if (method !== "GET" && method !== "HEAD") return end(response, 405, { Allow: "GET, HEAD" });
    const [whole] = originalUrl.split("?", 1);
    if (path === "/" && !whole.endsWith("/")) {
      return end(response, 302, { Location: withSlash(whole) });
    }
    let found: string;
    try {
      found = text(query);
    } catch (error) {
      return next(error);
    }
    end(response, 200, { "Content-Type": type }, found);
  };
}

/**
 * The same address with a slash behind it, without which the page's links lead
 * elsewhere. Relative to its folder: the app may not know under which name a
 * proxy shows it, and no path can name another host.
 */
function withSlash(path: string): string {
  return `./${path.slice(path.lastIndexOf("/") + 1)}/`;
}

function cursorOf(query: string): string {
  return new URLSearchParams(query).get("after") ?? "";
}

function end(
  response: MonitorResponse,
  status: number,
  headers: Record<string, string> = {},
  text?: string,
): void {
  response.statusCode = status;
  for (const [name, value] of Object.entries({ ...HEADERS, ...headers })) {
    response.setHeader(name, value);
  }
  response.end(text);
}
