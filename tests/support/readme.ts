/**
 * The snippets of README.md, and programs made of them.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { join } from "node:path";
import { root } from "./installed.ts";

/** Returns the snippets of README.md below comments that end with `mark`. */
export async function snippetsOf(mark: string): Promise<string[]> {
  const readme = await Deno.readTextFile(join(root, "README.md"));
  const marked = /^<!-- (.*) -->\n+```\w+(?: ignore)?\n([^]*?)^```$/gm;
  const snippets = [...readme.matchAll(marked)]
    .filter(([, found]) => found.endsWith(mark)).map(([, , snippet]) => snippet);
  assert(snippets.length > 0, `README.md has a snippet below <!-- ${mark} -->`);
  return snippets;
}

/** Returns the snippet of README.md below the comment `<!-- mark -->`. */
export async function snippetOf(mark: string): Promise<string> {
  const [snippet, ...others] = await snippetsOf(mark);
  assertEquals(others, [], `README.md has one snippet below <!-- ${mark} -->`);
  return snippet;
}

/** The first program of README.md, with `added` after the line that makes the store. */
export async function firstProgram(added = ""): Promise<string> {
  const program = await snippetOf("first program: run in node");
  return inserted(program, /^const store = .*\n/m, added);
}

/** The program on devices of README.md with its lines on Socket.IO, and `routes` before it listens. */
export async function devicesProgram(socketIo = "socket.io", routes = ""): Promise<string> {
  const using = /^app\.use\((session\(.*\))\);$/m;
  const listening = /^app\.listen\(.*$/m;
  const program = await snippetOf("devices: run in node");
  for (const line of [using, listening]) assert(line.test(program), `${line} is in ${program}`);
  const sockets = await snippetOf("socket.io");
  return `import { Server } from "${socketIo}";\n` + program
    .replace(using, (_, sessions) => `const sessions = ${sessions};\napp.use(sessions);`)
    .replace(
      listening,
      (line) => `${routes}\nconst server = ${line}\nconst io = new Server(server);\n${sockets}`,
    );
}

/** `program` with `added` behind the line that `line` finds. */
export function inserted(program: string, line: RegExp, added: string): string {
  assert(line.test(program), `${line} is in ${program}`);
  return program.replace(line, (found) => found + added);
}

/** `program`, but that it listens on a free port of 127.0.0.1, and says where. */
function onFreePort(program: string): string {
  const listening = /^(?:const server = )?app\.listen\(.*\);$/m;
  assert(listening.test(program), `the program has a line with app.listen: ${program}`);
  return program.replace(
    listening,
    `const server = app.listen(0, "127.0.0.1", () => {
      console.log("http://127.0.0.1:" + Object(server.address()).port);
    });`,
  );
}

/** A process that runs an app of README.md. */
export class App implements AsyncDisposable {
  readonly url: string;
  readonly #process: Deno.ChildProcess;
  readonly #output: ReadableStreamDefaultReader<string>;

  private constructor(
    url: string,
    process: Deno.ChildProcess,
    output: ReadableStreamDefaultReader<string>,
  ) {
    this.url = url;
    this.#process = process;
    this.#output = output;
  }

  /** Starts a program in `folder`, and waits until it listens. */
  static async start(
    folder: string,
    program: string,
    { name = "app.mjs", permissions = ["-A"], env = {} }: {
      name?: string;
      permissions?: string[];
      env?: Record<string, string>;
    } = {},
  ): Promise<App> {
    await Deno.writeTextFile(join(folder, name), onFreePort(program));
    const process = new Deno.Command(Deno.execPath(), {
      args: [
        ...["run", "--quiet", "--no-lock", "--no-prompt", ...permissions],
        ...["--config", join(root, "deno.json"), name],
      ],
      cwd: folder,
      env,
      stdout: "piped",
    }).spawn();
    const output = process.stdout.pipeThrough(new TextDecoderStream()).getReader();
    const { value = "" } = await output.read();
    assert(value.startsWith("http:"), `${name} listens: ${value}`);
    return new App(value.trim(), process, output);
  }

  /** Ends it at once, as a crash does. */
  async kill(): Promise<void> {
    this.#process.kill("SIGKILL");
    await this.#process.status;
  }

  /** Stops it as a process manager does, and returns what it says until it has ended. */
  async stop(): Promise<{ said: string; code: number }> {
    this.#process.kill("SIGTERM");
    let said = "";
    for (;;) {
      const { value, done } = await this.#output.read();
      if (done) break;
      said += value;
    }
    return { said, code: (await this.#process.status).code };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      this.#process.kill("SIGKILL");
    } catch {
      // It has ended.
    }
    await this.#output.cancel();
    await this.#process.status;
  }
}
