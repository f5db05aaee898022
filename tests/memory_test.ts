import { assert, assertEquals } from "@std/assert";
import { afterAll, describe, it } from "@std/testing/bdd";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { locked } from "../scripts/suppliers.ts";
import { Folder } from "./support/folder.ts";
import { succeeds } from "./support/installed.ts";
import { runtimes } from "./support/runtimes.ts";

const pathOf = (name: string) => fileURLToPath(new URL(`./memory/${name}.ts`, import.meta.url));

/** Runs a program with a garbage collector that it can call, and returns what it prints. */
async function run(name: string, ...args: string[]): Promise<unknown> {
  const program = pathOf(name);
  const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: locked(["run", "-A", "--no-check", "--v8-flags=--expose-gc", program, ...args]),
  }).output();
  assert(success, new TextDecoder().decode(stderr));
  return JSON.parse(new TextDecoder().decode(stdout) || "null");
}

describe("sessions that leave the store", () => {
  it("leave nothing on the heap, whichever way they go", async () => {
    const growths = await run("left_behind") as Record<string, number>;
    assertEquals(Object.keys(growths), [
      "destroyed",
      "expired",
      "revoked",
      "evicted",
      "evicted in one flood after the other",
      "cleared",
      "cleared while a request has a session",
    ]);
    // A fiftieth of each session would add up to this in the six rounds.
    for (const [way, growth] of Object.entries(growths)) {
      assert(growth < 0.12, `${Math.round(growth * 100)} % of a filling is left: ${way}`);
    }
  });
});

describe("a store that is dropped without close()", () => {
  it("is collected, and so is its timer's work", async () => {
    assertEquals(await run("dropped"), { stores: 20, collected: 20, timersLeft: 0 });
  });
});

/** How the names of all users begin. */
const USER = "a-user-with-the-number-";
/** Comes in the first kilobyte of each body: of a longer string a snapshot has no more. */
const PASSWORD = "correct-horse-battery-staple";

/** An app in a process of its own, whose users sign in by a form with a password. */
class Forms implements AsyncDisposable {
  readonly #process: Deno.ChildProcess;
  readonly #url: string;
  #users = 0;

  private constructor(process: Deno.ChildProcess, url: string) {
    this.#process = process;
    this.#url = url;
  }

  static async start(command: string, args: string[]): Promise<Forms> {
    const process = new Deno.Command(command, { args, stdout: "piped" }).spawn();
    const reader = process.stdout.pipeThrough(new TextDecoderStream()).getReader();
    const { value } = await reader.read();
    await reader.cancel();
    return new Forms(process, `http://127.0.0.1:${value?.trim()}`);
  }

  /** Signs in so many users, with bodies of so many bytes. Returns how much the heap grows. */
  async signIn(count: number, bytes: number): Promise<number> {
    const before = await this.#heap();
    const last = this.#users + count;
    const visitor = async () => {
      while (this.#users < last) await this.#signInOne(bytes);
    };
    await Promise.all(Array.from({ length: 10 }, visitor));
    return await this.#heap() - before;
  }

  async #signInOne(bytes: number): Promise<void> {
    const fields = `user=${USER}${this.#users++}&password=${PASSWORD}&text=`;
    const response = await fetch(`${this.#url}/sign-in`, {
      method: "POST",
      headers: { "Content-Type": "application/x-www-form-urlencoded" },
      body: fields.padEnd(bytes, "x"),
    });
    await response.text();
    assertEquals(response.status, 200);
  }

  async #heap(): Promise<number> {
    const { sessions, heap } = await (await fetch(`${this.#url}/heap`)).json();
    assertEquals(sessions, this.#users);
    return heap;
  }

  /** Writes all that is on the heap to a file. */
  async snapshot(path: string): Promise<string> {
    const response = await fetch(`${this.#url}/snapshot?path=${encodeURIComponent(path)}`);
    await response.text();
    return await Deno.readTextFile(path);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#process.kill();
    await this.#process.status;
  }
}

const downloads = new Folder();
const everywhere = await runtimes(downloads.path);

// Node's engine, older than Deno's, keeps the keys of a Map as the pieces that they are.
describe("ids and users that are cut from bodies and headers", () => {
  afterAll(() => downloads[Symbol.dispose]());

  for (const { name, command: [command, ...args] } of everywhere) {
    // Bun's engine holds on to strings in other ways, and writes other snapshots.
    if (name.startsWith("Bun")) continue;
    const withCollector = name.startsWith("Deno") ? "--v8-flags=--expose-gc" : "--expose-gc";

    /** The arguments that run a program there with all that it imports, as one file of JavaScript. */
    const argsOf = async (program: string) => {
      const bundle = join(downloads.path, `${program}.mjs`);
      const options = ["bundle", "--quiet", "--platform=deno", "-o", bundle];
      await succeeds(".", Deno.execPath(), [...options, pathOf(program)]);
      return [...args, withCollector, bundle];
    };

    it(`take no more memory than others: nothing holds on to what they were cut from, in ${name}`, async () => {
      const { short, long } = JSON.parse(await succeeds(".", command, await argsOf("pieces")));
      assert(long < 1.5 * short, `${long} bytes of heap, ${short} for those cut from short texts`);
    });

    it(`leave nothing else of a form on the heap, a password least of all, in ${name}`, async () => {
      await using app = await Forms.start(command, await argsOf("forms"));
      for (const bytes of [1_000, 90_000]) await app.signIn(200, bytes);
      const short = await app.signIn(1_001, 1_000);
      const long = await app.signIn(1_001, 90_000);
      const snapshot = await app.snapshot(join(downloads.path, "app.heapsnapshot"));
      assert(snapshot.includes(USER), "the snapshot shows the users");
      assert(!snapshot.includes(PASSWORD), "the snapshot shows the password");
      assert(long < 1.5 * short, `${long} bytes of heap, ${short} for those with short bodies`);
    });
  }
});

describe("a journal that is opened", () => {
  it("takes hardly more heap than its sessions take afterwards", async () => {
    using folder = new Folder();
    await run("opening", folder.snapshot, "20000", "write");
    const { sessions, ratio } = await run("opening", folder.snapshot, "20000") as {
      sessions: number;
      ratio: number;
    };
    assertEquals(sessions, 20_000);
    assert(ratio < 1.15, `${ratio} times what they take afterwards`);
  });
});
