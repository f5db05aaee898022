/**
 * Who visits the app.
 *
 * @module
 */

/** A browser with a cookie, whose requests come to the processes of an app in turn. */
export class Browser {
  readonly #ports: number[];
  #asked = 0;
  cookie = "";

  constructor(ports: number[]) {
    this.#ports = ports;
  }

  /** Asks for a page, and returns what it has as JSON. */
  async ask<Result>(path: string): Promise<Result> {
    const port = this.#ports[this.#asked++ % this.#ports.length];
    const response = await fetch(`http://127.0.0.1:${port}${path}`, {
      headers: { cookie: this.cookie },
    });
    const text = await response.text();
    if (!response.ok) throw new Error(`Cannot measure: ${path} failed: received ${text}`);
    const [set] = response.headers.getSetCookie();
    if (set) this.cookie = set.split(";")[0];
    return JSON.parse(text);
  }

  /** Is fulfilled when `count` requests wait. */
  async untilWaiting(count: number): Promise<void> {
    for (let waiting = 0; waiting < count;) {
      waiting = 0;
      for (const _ of this.#ports) waiting += await this.ask<number>("/waiting");
    }
  }

  /** Lets go all requests that wait. */
  async open(): Promise<void> {
    for (const _ of this.#ports) await this.ask("/open");
  }
}

/**
 * Browsers ask for `requests` pages at the same time, every so many of which
 * change the session. Returns how many they got in a second.
 */
export async function visitAll(
  browsers: Browser[],
  requests: number,
  writesEvery: number,
): Promise<number> {
  const start = performance.now();
  await Promise.all(browsers.map(async (browser) => {
    for (let i = 0; i < requests / browsers.length; i++) {
      const views = await browser.ask(i % writesEvery === 0 ? "/write" : "/read");
      if (!(Number(views) > 0)) throw new Error(`Cannot measure: a session is lost: ${views}`);
    }
  }));
  return requests / (performance.now() - start) * 1e3;
}
