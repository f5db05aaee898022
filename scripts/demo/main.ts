/**
 * Starts the demo, and starts it again when it was killed.
 *
 *     deno task demo
 *
 * It listens on 127.0.0.1, on the port in `PORT` or 3000; 0 is any free port.
 * `MAX_SIZE` is the store's `maxSize`, by default 1M. The sessions are in the
 * folder `DATA`, by default `.demo`. `CRAWLER` says how many sessions the
 * crawler opens, by default 10000. Ctrl+C or SIGTERM ends it.
 *
 * This process imports no package, so that it can say what is going on before
 * the first one is downloaded. The app runs in a process of its own, `serve.ts`.
 *
 * @module
 */
import { fileURLToPath } from "node:url";
import { offlineImportMap } from "../suppliers.ts";

function fail(line: string): never {
  console.error(`Cannot start the demo: ${line}`);
  Deno.exit(1);
}

/** The port to listen on, once it is certain that it is free. */
function freePort(given: string): number {
  const port = Number(given);
  if (!/^\d+$/.test(given) || port > 65535) {
    fail(`PORT must be a number from 0 to 65535: received "${given}"`);
  }
  try {
    using listener = Deno.listen({ hostname: "127.0.0.1", port });
    return listener.addr.port;
  } catch (error) {
    if (!(error instanceof Deno.errors.AddrInUse)) throw error;
    fail(`port ${port} is taken. Choose another with PORT, as in PORT=3001`);
  }
}

const port = freePort(Deno.env.get("PORT") || "3000");

// With deno.json or deno.lock Deno would download what the tests and the benchmarks need, too.
const needed = ["--no-config", "--no-lock", `--import-map=${offlineImportMap()}`];

function start(): Deno.ChildProcess {
  return new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", ...needed, fileURLToPath(new URL("./serve.ts", import.meta.url))],
    env: { PORT: `${port}` },
    // The app ends when its standard input does, that is with this process, however that ends.
    stdin: "piped",
  }).spawn();
}

console.log("Starting the demo. The first start downloads its packages from npm.");
let app = start();
let isEnding = false;

function end() {
  isEnding = true;
  try {
    app.kill("SIGTERM");
  } catch {
    // The terminal passes Ctrl+C to the app as well: it may have ended already.
  }
}
Deno.addSignalListener("SIGINT", end);
// Windows has none.
if (Deno.build.os !== "windows") Deno.addSignalListener("SIGTERM", end);

for (;;) {
  const { signal, code } = await app.status;
  if (isEnding) Deno.exit(signal ? 0 : code);
  if (signal !== "SIGKILL") Deno.exit(code);
  console.log("The app was killed with SIGKILL. Starting it again.");
  app = start();
}
