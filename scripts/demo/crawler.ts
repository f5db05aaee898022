/**
 * The demo's crawler: many visitors without cookies, each one real HTTP
 * request to the app.
 *
 * @module
 */
import { Agent, get } from "node:http";

/** The most visitors that one run may send. */
export const MOST_VISITORS = 50_000;

const CONNECTIONS = 50;

/** How a run stands. */
export interface Run {
  running: boolean;
  /** How many visitors it was asked to send. */
  wanted: number;
  /** How many of them the app has answered. */
  made: number;
  /** How many of them it has not. */
  failed: number;
  /** How long the run has taken, in milliseconds. */
  took: number;
}

/** Sends visitors to one address of the app, one run at a time. */
export class Crawler {
  /** The run under way, or else the last one. */
  run: Run | undefined;
  #stopped = false;

  /** Starts a run; `false` if one is under way. */
  start(url: string, wanted: number): boolean {
    if (this.run?.running) return false;
    this.#stopped = false;
    this.run = { running: true, wanted, made: 0, failed: 0, took: 0 };
    this.#crawl(url, this.run);
    return true;
  }

  /** Ends the run, once the visitors on their way have been answered. */
  stop(): void {
    this.#stopped = true;
  }

  async #crawl(url: string, run: Run): Promise<void> {
    const agent = new Agent({ keepAlive: true, maxSockets: CONNECTIONS });
    const start = performance.now();
    let sent = 0;
    const visitors = async () => {
      while (!this.#stopped && sent < run.wanted) {
        sent++;
        if (await visit(url, agent)) run.made++;
        else run.failed++;
        run.took = Math.round(performance.now() - start);
      }
    };
    await Promise.all(Array.from({ length: CONNECTIONS }, visitors));
    agent.destroy();
    run.running = false;
  }
}

/** Whether the app answered a visitor well. */
function visit(url: string, agent: Agent): Promise<boolean> {
  return new Promise((resolve) => {
    get(url, { agent }, (response) => {
      response.resume().once("close", () => resolve(response.statusCode === 204));
    }).once("error", () => resolve(false));
  });
}
