/**
 * What overlapping requests of one user do to each other, in a real Express
 * app with express-session: a save after the logout, several saves at a time,
 * and a sign-out everywhere while other requests are under way.
 *
 * @module
 */
// @ts-types="npm:@types/express@^5.0.0"
import express, { type Request } from "express";
// @ts-types="npm:@types/express-session@^1.18.0"
import session from "express-session";
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { type BenchStore, call } from "./peers.ts";

/** How many requests write at a time. */
export const WRITERS = 20;

/** What became of the overlaps. */
export interface Overlaps {
  /** Whether a session stays destroyed when a slow request saves it afterwards. */
  logoutSticks: boolean;
  /** How many of the keys are kept that as many requests wrote at a time. */
  keys: number;
  /** Whether a sign-out everywhere ended a sign-in that was under way; */
  signIn: boolean;
  /** and whether the device that asked for it is still signed in. */
  asker: boolean;
}

type Data = Record<string, unknown> & { passport?: { user: string } };

const dataOf = (request: Request) => request.session as Request["session"] & Data;

/** Holds back requests that have loaded their session, until they are let go. */
class Gate {
  #waiting: (() => void)[] = [];
  #expected = 0;
  #complete = () => {};

  /** Is fulfilled when `expected` requests wait. */
  expect(expected: number): Promise<void> {
    this.#expected = expected;
    return new Promise((resolve) => this.#complete = resolve);
  }

  pass(): Promise<void> {
    return new Promise((resolve) => {
      this.#waiting.push(resolve);
      if (this.#waiting.length === this.#expected) this.#complete();
    });
  }

  open(): void {
    for (const go of this.#waiting.splice(0)) go();
  }
}

/** Ends all sessions of a user but that of `request`: by `revokeUser`, or else as is usual, one by one. */
async function signOutEverywhere(store: BenchStore, user: string, request: Request) {
  if (store.revokeUser) {
    await call((callback) => store.revokeUser!(user, { except: request }, callback as never));
    return;
  }
  const all = await call<object>((callback) => store.all!(callback as never)) ?? {};
  // connect-redis returns an array of sessions with their ids in them.
  const sessions = Array.isArray(all)
    ? all.map((one) => [one.id as string, one as Data] as const)
    : Object.entries(all) as [string, Data][];
  for (const [sid, { passport }] of sessions) {
    if (passport?.user !== user || sid === request.sessionID) continue;
    await call((callback) => store.destroy(sid, callback));
  }
}

function appOf(store: BenchStore, gate: Gate): express.Express {
  const app = express();
  app.use(session({ store, secret: "compare", resave: false, saveUninitialized: false }));
  app.get("/form", (request, response) => {
    dataOf(request).csrfToken = "a token of the login form";
    response.end();
  });
  app.get("/sign-in/:user", async (request, response) => {
    // Here an app compares the password with its hash.
    if ("slow" in request.query) await gate.pass();
    await call((callback) => request.session.regenerate(callback));
    dataOf(request).passport = { user: request.params.user };
    response.end();
  });
  app.get("/write/:key", async (request, response) => {
    await gate.pass();
    dataOf(request)[request.params.key] = true;
    response.end();
  });
  app.get("/sign-out", (request, response) => {
    request.session.destroy(() => response.end());
  });
  app.get("/sign-out-everywhere", async (request, response) => {
    await signOutEverywhere(store, dataOf(request).passport!.user, request);
    dataOf(request).changed = true;
    response.end();
  });
  app.get("/data", ({ session: { cookie: _, ...data } }, response) => void response.json(data));
  return app;
}

/** Tries all of it with the store that `open` returns. */
export async function overlapsOf(store: BenchStore): Promise<Overlaps> {
  const gate = new Gate();
  const server = appOf(store, gate).listen(0, "127.0.0.1");
  await once(server, "listening");
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  /** Asks for a page; the cookie to ask with from then on. */
  const ask = async (path: string, cookie = ""): Promise<string> => {
    const response = await fetch(url + path, { headers: { cookie } });
    const text = await response.text();
    if (!response.ok) throw new Error(`Cannot compare: ${path} failed: received ${text}`);
    return response.headers.getSetCookie()[0]?.split(";")[0] ?? cookie;
  };
  const data = async (cookie: string): Promise<Data> =>
    await (await fetch(`${url}/data`, { headers: { cookie } })).json();
  const isSignedIn = async (cookie: string) => "passport" in await data(cookie);
  /** Requests that have all loaded their session before the first of them saves it. */
  const overlap = async (
    requests: [path: string, cookie: string][],
    meanwhile?: () => Promise<unknown>,
  ): Promise<string[]> => {
    const complete = gate.expect(requests.length);
    const answers = requests.map(([path, cookie]) => ask(path, cookie));
    await complete;
    await meanwhile?.();
    gate.open();
    return await Promise.all(answers);
  };
  const numbers = Array.from({ length: WRITERS }, (_, i) => i);
  try {
    const writer = await ask("/sign-in/Ada");
    await overlap(numbers.map((i) => [`/write/key${i}`, writer]));
    const written = await data(writer);
    await overlap([["/write/late", writer]], () => ask("/sign-out", writer));
    const logoutSticks = !await isSignedIn(writer);

    const asker = await ask("/sign-in/Bob");
    const form = await ask("/form");
    const [signIn] = await overlap(
      [["/sign-in/Bob?slow", form]],
      () => ask("/sign-out-everywhere", asker),
    );
    return {
      logoutSticks,
      keys: numbers.filter((i) => `key${i}` in written).length,
      signIn: !await isSignedIn(signIn),
      asker: await isSignedIn(asker),
    };
  } finally {
    server.close();
    server.closeAllConnections();
    await once(server, "close");
  }
}
