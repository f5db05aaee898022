/**
 * A page that draws live what a store holds and does, to mount in an Express
 * app behind its own access check. It shows counts, never the id or the content
 * of a session, and users only if it is asked to.
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
import { checkOptions, invalid, invalidOption, isFunction } from "../util/errors.ts";
import { files } from "./embedded.ts";
import { History } from "./history.ts";
import { isFromHere, signOut, userList, type UserStore } from "./users.ts";
import { USERS } from "../util/user_list.ts";
import type { LembroStats } from "../types.ts";

/**
 * What the monitor reads of a request: one of Express, or of Node's `http`.
 *
 * ```ts
 * import assert from "node:assert/strict";
 * import type { MonitorRequest } from "express-lembro/monitor";
 *
 * // As Express passes it to what is mounted at /admin/sessions.
 * const request: MonitorRequest = {
 *   method: "GET",
 *   url: "/stats.json",
 *   originalUrl: "/admin/sessions/stats.json",
 * };
 * assert.deepEqual(request.originalUrl?.endsWith(request.url!), true);
 * ```
 */
export interface MonitorRequest {
  /** `GET` and `HEAD` are answered, and `POST` where a user is signed out. */
  method?: string | undefined;
  /** The path below the mount point, with its query. */
  url?: string | undefined;
  /** The whole path, with its query, where the app has cut `url`. */
  originalUrl?: string | undefined;
  /** The headers, by their names in small letters. */
  headers?: Readonly<Record<string, string | string[] | undefined>>;
  /** What `express.json()` has read of the body, if the app uses it. */
  body?: unknown;
}

/**
 * What the monitor answers with: the response of Express, or of Node's `http`.
 *
 * ```ts
 * import assert from "node:assert/strict";
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
 *   end: (body = "") => answered = body,
 * };
 * watch({ method: "GET", url: "/stats.json" }, response);
 * assert.deepEqual(JSON.parse(answered), store.stats());
 * ```
 */
export interface MonitorResponse {
  /** The status of the answer. */
  statusCode: number;
  /** Sets a header of the answer. */
  setHeader(name: string, value: string): unknown;
  /** Ends the answer, with its body. */
  end(body?: string): unknown;
}

/**
 * What {@linkcode monitor} returns: a handler for Express 4 and 5, and for
 * whatever else calls its handlers like them.
 *
 * ```ts
 * import { createServer } from "node:http";
 * import session from "express-session";
 * import lembro from "express-lembro";
 * import { type Monitor, monitor } from "express-lembro/monitor";
 *
 * using store = new (lembro(session))();
 * using watch: Monitor = monitor(store);
 * // A server without a framework, for whoever can reach 127.0.0.1.
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

/**
 * What {@linkcode monitor} takes besides a store.
 *
 * ```ts
 * import assert from "node:assert/strict";
 * import session from "express-session";
 * import lembro from "express-lembro";
 * import { monitor, type MonitorOptions } from "express-lembro/monitor";
 *
 * // An open journal of express-lembro/journal is one, too.
 * const journal = {
 *   stats: () => ({
 *     ...{ bytes: 512, pending: 0, lag: 0, lastSync: new Date(), errors: 0 },
 *     isFailing: false,
 *   }),
 * };
 * const options: MonitorOptions = { journal };
 * using store = new (lembro(session))();
 * using watch = monitor(store, options);
 * let answered = "";
 * const response = { statusCode: 0, setHeader() {}, end: (body = "") => answered = body };
 * watch({ method: "GET", url: "/stats.json" }, response);
 * assert.deepEqual(JSON.parse(answered).journal.bytes, 512);
 * ```
 */
export interface MonitorOptions {
  /** The open journal of the store. Its state is shown too. */
  journal?: { stats(): JournalFigures } | undefined;
  /** The headline of the page; by default `"express-lembro"`. */
  title?: string | undefined;
  /**
   * Whether the page lists who is signed in, and can sign a user out everywhere;
   * by default not, and then no user leaves the process.
   */
  users?: boolean | undefined;
}

/**
 * What the monitor shows of a journal: a part of what its `stats()` returns.
 *
 * ```ts
 * import assert from "node:assert/strict";
 * import type { JournalFigures } from "express-lembro/monitor";
 *
 * const { bytes, lag }: JournalFigures = {
 *   ...{ bytes: 512, pending: 3, lag: 250, lastSync: undefined, errors: 0 },
 *   isFailing: false,
 * };
 * assert.deepEqual([bytes, lag], [512, 250]);
 * ```
 */
export interface JournalFigures {
  /** The size of the file, in bytes. */
  bytes: number;
  /** How many sessions have changed and are not in the file yet. */
  pending: number;
  /** How long the oldest change has waited that is not on the disk, in milliseconds. */
  lag: number;
  /** When changes were last brought to the disk. */
  lastSync: Date | undefined;
  /** How often writing has failed. */
  errors: number;
  /** Whether the file cannot be written at the moment. */
  isFailing: boolean;
}

/**
 * What the monitor shows of a store: the figures of `store.stats()` that there are.
 *
 * ```ts
 * import assert from "node:assert/strict";
 * import session from "express-session";
 * import lembro from "express-lembro";
 * import type { MonitorStats } from "express-lembro/monitor";
 *
 * using store = new (lembro(session))();
 * const figures: MonitorStats = store.stats();
 * assert.deepEqual(figures.sessions, 0);
 * ```
 */
export type MonitorStats = Partial<LembroStats>;

const HEADERS = {
  "Cache-Control": "no-store",
  "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; " +
    "img-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; " +
    "frame-ancestors 'none'",
  "Cross-Origin-Resource-Policy": "same-origin",
  "Referrer-Policy": "no-referrer",
  "X-Content-Type-Options": "nosniff",
};

/** The type of an answer, and what returns its body for a query. */
type Page = [type: string, body: (query: string) => string | Promise<string>];

/**
 * Returns a handler that shows live what `store` holds and does. It takes a
 * sample each second from now on and keeps those of the last five minutes; that
 * never keeps a process alive.
 *
 * Below its mount point there are the page, `stats.json` with what
 * `store.stats()` returns at the moment, and `history.json` with the samples.
 * With a journal, each of them has its state as `journal` too. There is no
 * access check: mount it behind that of the app.
 *
 * With the option `users` there is `users.json` as well: who is signed in, with
 * the number of sessions and the last use in ms since the epoch. Its query is
 * `search` (a part of the user), `sort` (`lastUsed`, `sessions` or `user`),
 * `offset` and `limit`. A `POST` of `{"user": …}` as JSON to `users/sign-out`
 * ends all sessions of a user. It is refused with 403 unless its `Origin` is
 * that of the site itself.
 *
 * ```ts
 * import assert from "node:assert/strict";
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
 * assert.deepEqual(await response.json(), store.stats());
 * server.close();
 * ```
 *
 * @param store A store, or anything else with its function `stats`.
 * @param options The journal of the store, a title, and whether to list users.
 * @returns The handler. Its `close` stops the sampling.
 * @throws {TypeError} If `store` or `journal` has no function `stats`, or if an option is unknown.
 */
export function monitor(store: { stats(): MonitorStats }, options?: MonitorOptions): Monitor {
  if (!isFunction(store?.stats)) {
    const rule = "store must have a function stats, as those of express-lembro";
    throw invalid(TypeError, "monitor", rule, store);
  }
  const { journal, title, users } = checkedOptions(options);
  const listing = users ? store as unknown as UserStore : undefined;
  if (listing && !isFunction(listing[USERS])) {
    throw invalid(TypeError, "monitor", "users needs a store of express-lembro", store);
  }
  const figures = () => ({ ...store.stats(), journal: figuresOf(journal) });
  const history = new History(() => store.stats(), () => figuresOf(journal));
  const html = htmlOf(title, users);
  const pages = new Map<string, Page>([
    ["/", ["text/html; charset=utf-8", () => html]],
    ["/monitor.svg", ["image/svg+xml", () => files["icon.svg"]]],
    ...["base.css", "monitor.css"].map((name): [string, Page] => [
      `/${name}`,
      ["text/css; charset=utf-8", () => files[name]],
    ]),
    ...["monitor.js", "charts.js", "users.js"].map((name): [string, Page] => [
      `/${name}`,
      ["text/javascript; charset=utf-8", () => files[name]],
    ]),
    ["/stats.json", ["application/json", () => JSON.stringify(figures())]],
    ["/history.json", ["application/json", (query) => history.after(cursorOf(query))]],
  ]);
  if (listing) {
    pages.set("/users.json", ["application/json", (query) => userList(listing, query)]);
  }
  const close = () => history.stop();
  const handler = handlerOf(pages, listing);
  return Object.assign(handler, { close, [dispose]: close });
}

/** The page with its title, and what else it shows. */
function htmlOf(title: string, users: boolean): string {
  const escaped = title.replace(/[&<>"']/g, (sign) => `&#${sign.charCodeAt(0)};`);
  const html = files["index.html"].replaceAll("$TITLE", () => escaped);
  return users ? html.replace("<body", "<body data-users") : html;
}

function checkedOptions(given: MonitorOptions = {}) {
  checkOptions("monitor", given, ["journal", "title", "users"]);
  const { journal, title = "express-lembro", users = false } = given;
  if (journal !== undefined && !isFunction(journal?.stats)) {
    throw invalidOption(TypeError, "monitor", "journal must be an open journal", journal);
  }
  if (typeof title !== "string" || title.trim() === "") {
    throw invalidOption(TypeError, "monitor", "title must be a string that is not empty", title);
  }
  if (typeof users !== "boolean") {
    throw invalidOption(TypeError, "monitor", "users must be true or false", users);
  }
  return { journal, title, users };
}

/** What is shown of a journal. Its last error is not: it has the path in its message. */
function figuresOf(journal: MonitorOptions["journal"]): JournalFigures | undefined {
  if (!journal) return;
  const { bytes, pending, lag, lastSync, errors, isFailing } = journal.stats();
  return { bytes, pending, lag, lastSync, errors, isFailing };
}

function handlerOf(pages: Map<string, Page>, store: UserStore | undefined) {
  return (
    request: MonitorRequest,
    response: MonitorResponse,
    next: (error?: unknown) => void = (error) => end(response, error ? 500 : 404),
  ): void => {
    const { method, url = "/", originalUrl = url } = request;
    const [path, query = ""] = url.split("?", 2);
    if (store && path === "/users/sign-out") return answerSignOut(store, request, response, next);
    const [type, bodyOf] = pages.get(path) ?? [];
    if (!type || !bodyOf) return next();
    if (method !== "GET" && method !== "HEAD") return end(response, 405, { Allow: "GET, HEAD" });
    const [whole] = originalUrl.split("?", 1);
    if (path === "/" && !whole.endsWith("/")) {
      return end(response, 302, { Location: withSlash(whole) });
    }
    let body: string | Promise<string>;
    try {
      body = bodyOf(query);
    } catch (error) {
      return next(error);
    }
    const send = (body: string) => end(response, 200, { "Content-Type": type }, body);
    if (typeof body === "string") send(body);
    else body.then(send).catch(next);
  };
}

/**
 * Ends the sessions of a user. Only a page of this very site can ask for that:
 * another site can send a form with the admin's cookies, but neither this
 * content type without being asked nor this site's origin.
 */
function answerSignOut(
  store: UserStore,
  request: MonitorRequest,
  response: MonitorResponse,
  next: (error?: unknown) => void,
): void {
  if (request.method !== "POST") return end(response, 405, { Allow: "POST" });
  if (!isFromHere(request)) return end(response, 403);
  if (!/^application\/json\b/i.test(`${request.headers?.["content-type"]}`)) {
    return end(response, 415);
  }
  signOut(store, request).then((ended) => {
    if (ended === undefined) return end(response, 400);
    end(response, 200, { "Content-Type": "application/json" }, JSON.stringify({ ended }));
  }).catch(next);
}

/**
 * The same address with a slash at its end, which the links of the page need. It
 * is relative to its folder: the app may not know the name by which a proxy shows
 * it, and no path can name another host.
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
  body?: string,
): void {
  response.statusCode = status;
  for (const [name, value] of Object.entries({ ...HEADERS, ...headers })) {
    response.setHeader(name, value);
  }
  response.end(body);
}
