/**
 * Several processes of one app, and browsers whose requests come to any of them.
 *
 * @module
 */
import { locked } from "../suppliers.ts";

/** How long a request may take until something is wrong, in milliseconds. */
const LONGEST_REQUEST_MS = 30_000;

/** Processes that each run the same worker, which prints the port that it listens on. */
export class Processes implements AsyncDisposable {
  readonly children: readonly Deno.ChildProcess[];
  readonly urls: readonly string[];

  private constructor(children: Deno.ChildProcess[], urls: string[]) {
    this.children = children;
    this.urls = urls;
  }

  static async start(worker: URL, args: string[], count: number): Promise<Processes> {
    const children = Array.from({ length: count }, () =>
      new Deno.Command(Deno.execPath(), {
        args: locked(["run", "-A", "--no-check", worker.href, ...args]),
        stdout: "piped",
      }).spawn());
    const urls = await Promise.all(children.map(async ({ stdout }) => {
      for await (const text of stdout.pipeThrough(new TextDecoderStream())) {
        return `http://127.0.0.1:${text.trim()}`;
      }
      throw new Error("Cannot start a process of the app");
    }));
    return new Processes(children, urls);
  }

  browser(): Browser {
    return new Browser(this);
  }

  /** Sends a request without a cookie to the process number `n`. */
  get<Result>(path: string, n: number): Promise<Result> {
    return this.browser().get(path, n);
  }

  /** Sends a request to each process. */
  async all<Result>(path: string): Promise<Result[]> {
    return await Promise.all(this.urls.map(async (url) => (await fetch(url + path)).json()));
  }

  /** Waits until the process number `n` has been stopped by SIGSTOP. */
  async untilStopped(n: number): Promise<void> {
    const args = ["-o", "state=", "-p", `${this.children[n].pid}`];
    for (const end = Date.now() + LONGEST_REQUEST_MS; Date.now() < end;) {
      const { stdout } = await new Deno.Command("ps", { args }).output();
      if (new TextDecoder().decode(stdout).trim().startsWith("T")) return;
    }
    throw new Error(`The process number ${n} does not stop`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const child of this.children) {
      try {
        child.kill("SIGKILL");
      } catch {
        // It was killed before.
      }
    }
    await Promise.all(this.children.map((child) => child.status));
  }
}

/** A browser, whose requests come to any of the processes, or to each in turn. */
export class Browser {
  readonly #site: { readonly urls: readonly string[] };
  readonly #isInTurn: boolean;
  #asked = 0;
  cookie = "";

  constructor(site: { readonly urls: readonly string[] }, isInTurn = false) {
    this.#site = site;
    this.#isInTurn = isInTurn;
  }

  /** Another tab of this browser. */
  tab(): Browser {
    return Object.assign(new Browser(this.#site, this.#isInTurn), { cookie: this.cookie });
  }

  /** Gets a page as JSON, of the process number `n` or of the next one. */
  async get<Result>(path: string, n?: number): Promise<Result> {
    const { urls } = this.#site;
    const next = this.#isInTurn ? this.#asked++ : Math.floor(Math.random() * urls.length);
    const url = urls[(n ?? next) % urls.length];
    const response = await fetch(url + path, {
      headers: { cookie: this.cookie },
      signal: AbortSignal.timeout(LONGEST_REQUEST_MS),
    });
    const [set] = response.headers.getSetCookie();
    if (set) this.cookie = set.split(";")[0];
    const result = await response.json();
    if (!response.ok) throw new Error(`${path}: ${result}`);
    return result;
  }
}
