/**
 * A real Express app with the sessions of a store, and its visitors, who are in
 * another process.
 *
 * @module
 */
// @ts-types="npm:@types/express-session@^1.18.0"
import session from "express-session";
import { once } from "node:events";
import { type AddressInfo, connect, type Socket } from "node:net";
import { type Live, newSession } from "./sessions.ts";

/** Every how many requests of a visitor one changes the session, if nothing else is said. */
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
    response.send("welcome");
  });
  app.get("/read", (request, response) => {
    response.send(`${(request.session as Live).views}`);
  });
  app.get("/write", (request, response) => {
    response.send(`${++(request.session as Live).views}`);
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
  /** Every how many requests of a visitor one changes the session. */
  writesEvery?: number;
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
export async function visit(
  { port, requests, visitors, writesEvery = WRITES_EVERY }: Load,
): Promise<Served> {
  const all = Array.from({ length: visitors }, () => new Visitor(port));
  await Promise.all(all.map((visitor, i) => visitor.ask(`/sign-in/${i}`)));
  const times: number[] = [];
  const start = performance.now();
  await Promise.all(all.map(async (visitor) => {
    for (let i = 0; i < requests / visitors; i++) {
      const asked = performance.now();
      const views = await visitor.ask(i % writesEvery === 0 ? "/write" : "/read");
      if (!(Number(views) > 0)) throw new Error(`The session is lost: ${views}`);
      times.push(performance.now() - asked);
    }
  }));
  const seconds = (performance.now() - start) / 1_000;
  for (const visitor of all) visitor.leave();
  times.sort((a, b) => a - b);
  return {
    perSecond: times.length / seconds,
    p99: times[Math.floor(times.length * 0.99)],
    requests: times.length + visitors,
  };
}

/**
 * A visitor with a connection and a cookie. Speaks just enough HTTP for the app
 * above: a real client works as hard as the server, and would be measured too.
 */
class Visitor {
  readonly #socket: Socket;
  #cookie = "";
  #text = "";
  #answered: (body: string) => void = () => {};
  #failed: (error: Error) => void = () => {};

  constructor(port: number) {
    this.#socket = connect({ port, host: "127.0.0.1", noDelay: true });
    this.#socket.setEncoding("latin1");
    this.#socket.on("data", (text: string) => this.#read(text));
    this.#socket.on("error", (error) => this.#failed(error));
    this.#socket.on("close", () => this.#failed(new Error("The connection was closed")));
  }

  ask(path: string): Promise<string> {
    return new Promise((resolve, reject) => {
      this.#answered = resolve;
      this.#failed = reject;
      this.#socket.write(`GET ${path} HTTP/1.1\r\nHost: bench\r\n${this.#cookie}\r\n`);
    });
  }

  leave(): void {
    this.#socket.destroy();
  }

  #read(text: string): void {
    this.#text += text;
    const end = this.#text.indexOf("\r\n\r\n") + 4;
    if (end < 4) return;
    const head = this.#text.slice(0, end);
    const length = Number(/^content-length: (\d+)/im.exec(head)?.[1]);
    if (this.#text.length < end + length) return;
    const body = this.#text.slice(end);
    this.#text = "";
    const cookie = /^set-cookie: ([^;]+)/im.exec(head);
    if (cookie) this.#cookie = `Cookie: ${cookie[1]}\r\n`;
    if (head.startsWith("HTTP/1.1 200 ")) this.#answered(body);
    else this.#failed(new Error(head + body));
  }
}
