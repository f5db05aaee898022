/**
 * Processes that hold a journal and do what a test tells them.
 *
 * @module
 */
import { fileURLToPath } from "node:url";
import { locked } from "../../scripts/suppliers.ts";

const script = fileURLToPath(new URL("../journal/holder.ts", import.meta.url));

/** The command that runs the holder with all permissions. */
export const HOLDER: readonly string[] = [
  Deno.execPath(),
  ...locked(["run", "-A", "--no-check", "--quiet", script]),
];

/** A command that runs the holder with these permissions of Deno only. */
export function holderWith(...permissions: string[]): string[] {
  const options = ["--no-prompt", "--no-check", "--quiet", ...permissions];
  return [Deno.execPath(), ...locked(["run", ...options, script])];
}

/** A process that was started with `tests/journal/holder.ts`. */
export class Holder implements AsyncDisposable {
  readonly #child: Deno.ChildProcess;
  readonly #input: WritableStreamDefaultWriter<Uint8Array>;
  readonly #lines: AsyncGenerator<string>;
  #opened: Promise<string> | undefined;
  /** What it has said first. */
  said = "";
  /** What else it has said. */
  readonly errors: string[] = [];

  private constructor(child: Deno.ChildProcess) {
    this.#child = child;
    this.#input = child.stdin.getWriter();
    this.#lines = linesOf(child.stdout);
  }

  /** Starts one, and waits until it has opened the journal or has said why not. */
  static async start(path: string, { wait = 0, command = HOLDER } = {}): Promise<Holder> {
    const holder = Holder.begin(path, { wait, command });
    await holder.opened();
    return holder;
  }

  /** Starts one. */
  static begin(path: string, { wait = 0, command = HOLDER } = {}): Holder {
    const [program, ...args] = command;
    const child = new Deno.Command(program, {
      args: [...args, path, `${wait}`],
      stdin: "piped",
      stdout: "piped",
    }).spawn();
    return new Holder(child);
  }

  get pid(): number {
    return this.#child.pid;
  }

  /** Waits until it has opened the journal or has said why not. */
  opened(): Promise<string> {
    return this.#opened ??= this.next().then((line) => this.said = line);
  }

  /** Tells it something, and returns its answer. */
  async tell(line: string): Promise<string> {
    await this.#input.write(new TextEncoder().encode(`${line}\n`));
    return await this.next();
  }

  /** Waits for an `error` event, and returns its code. */
  async error(): Promise<string> {
    while (this.errors.length === 0) {
      const { value } = await this.#lines.next();
      if (value === undefined) return "";
      if (value.startsWith("error ")) this.errors.push(value.slice(6));
    }
    return this.errors[0];
  }

  signal(name: Deno.Signal): void {
    this.#child.kill(name);
  }

  /** Kills it, and waits until it is gone. */
  async kill(): Promise<void> {
    try {
      this.#child.kill("SIGKILL");
    } catch {
      // It has ended by itself.
    }
    await this.#child.status;
    await this.#input.abort().catch(() => {});
    await this.#lines.return(undefined);
  }

  /** Waits for the next thing that it says, other than errors. */
  async next(): Promise<string> {
    for (;;) {
      const { value } = await this.#lines.next();
      if (!value?.startsWith("error ")) return value ?? "";
      this.errors.push(value.slice(6));
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
  }
}

async function* linesOf(stream: ReadableStream<Uint8Array>): AsyncGenerator<string> {
  let text = "";
  for await (const part of stream.pipeThrough(new TextDecoderStream())) {
    text += part;
    const lines = text.split("\n");
    text = lines.pop()!;
    yield* lines;
  }
}
