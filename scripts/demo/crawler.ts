/**
 * Two full stores under a crawler: users sign in until the store is 80 % full,
 * and the other store gets room for as many sessions. Then a crawler without
 * cookies opens the sign-in page of both again and again. Each time is a real
 * HTTP request to the app.
 *
 * @module
 */
import { Agent, request, type RequestOptions } from "node:http";
import { Buffer } from "node:buffer";
import type { LembroStore } from "express-lembro";
import type { Peer } from "./peer.ts";

/** How full the users make the store before the crawler comes. */
const FULL = 0.8;

const CONNECTIONS = 50;

/** The address of the crawler, as a reverse proxy passes it on. */
const CRAWLER = "203.0.113.7";

/** How a run stands. */
export interface Run {
  phase: "users" | "crawler" | "done";
  /** How many users were signed in when the crawler came. */
  users: number;
  /** How many of them the store has evicted since. */
  usersEvicted: number;
  /** How many of the same users the other store has evicted. */
  usersEvictedByPeer: number;
  /** How many sessions the crawler is to open. */
  wanted: number;
  /** How many of them both apps have answered. */
  opened: number;
  /** How many requests of users and crawler have failed. */
  failed: number;
  /** How long the run has taken, in milliseconds. */
  took: number;
}

/** Runs users and crawler against both stores, one run at a time. */
export class Crawler {
  /** The run under way, or else the last one. */
  run: Run | undefined;
  readonly #store: LembroStore;
  readonly #peer: Peer;
  #stopped = false;

  constructor(store: LembroStore, peer: Peer) {
    this.#store = store;
    this.#peer = peer;
  }

  /** Starts a run; `false` if one is under way. */
  start(address: string, password: string, wanted: number): boolean {
    if (this.run && this.run.phase !== "done") return false;
    this.#stopped = false;
    this.run = {
      ...{ phase: "users", users: 0, usersEvicted: 0, usersEvictedByPeer: 0 },
      ...{ wanted, opened: 0, failed: 0, took: 0 },
    };
    this.#start(address, password, this.run);
    return true;
  }

  /** Ends the run, once the requests on their way have been answered. */
  stop(): void {
    this.#stopped = true;
  }

  async #start(address: string, password: string, run: Run): Promise<void> {
    const agent = new Agent({ keepAlive: true, maxSockets: CONNECTIONS });
    const start = performance.now();
    const inParallel = async (hasMore: () => boolean, send: () => Promise<boolean>) => {
      const one = async () => {
        while (!this.#stopped && hasMore()) {
          if (!await send()) run.failed++;
          run.took = Math.round(performance.now() - start);
        }
      };
      await Promise.all(Array.from({ length: CONNECTIONS }, one));
    };

    const { maxSize, protected: signedIn } = this.#store.stats();
    this.#peer.reset();
    let user = 0;
    await inParallel(
      () => user < signedIn || this.#store.stats().bytes < FULL * maxSize,
      () => {
        const name = `user-${++user}`;
        const headers = { ...addressed(`198.51.100.${user % 250}`), ...JSON_FROM_PAGE };
        const options = { agent, method: "POST", headers };
        const body = JSON.stringify({ name, password });
        const signIn = (path: string) => send(`${address}${path}sign-in`, options, 200, body);
        // Those of the last run are still signed in here.
        return user <= signedIn ? signIn("peer/") : both(signIn);
      },
    );

    const { evicted: { protected: evicted } } = this.#store.stats();
    this.#peer.limit(Math.round(user / FULL));
    Object.assign(run, { phase: "crawler", users: user });
    let sent = 0;
    await inParallel(() => sent < run.wanted, async () => {
      sent++;
      const options = { agent, headers: addressed(CRAWLER) };
      const ok = await both((path) => send(`${address}${path}login`, options, 200));
      if (ok) run.opened++;
      run.usersEvicted = this.#store.stats().evicted.protected - evicted;
      run.usersEvictedByPeer = this.#peer.usersEvicted;
      return ok;
    });
    agent.destroy();
    run.phase = "done";
  }
}

const JSON_FROM_PAGE = { "content-type": "application/json", "sec-fetch-site": "same-origin" };

function addressed(address: string) {
  return { "x-forwarded-for": address };
}

/** Sends a request to the app on each store; whether both have answered as they should. */
async function both(send: (path: string) => Promise<boolean>): Promise<boolean> {
  const [ours, theirs] = await Promise.all([send(""), send("peer/")]);
  return ours && theirs;
}

/** Whether the app answered with this status. */
function send(
  url: string,
  options: RequestOptions,
  status: number,
  body = "",
): Promise<boolean> {
  return new Promise((resolve) => {
    const headers = { ...options.headers, "content-length": Buffer.byteLength(body) };
    request(url, { ...options, headers }, (response) => {
      response.resume().once("close", () => resolve(response.statusCode === status));
    }).once("error", () => resolve(false)).end(body);
  });
}
