/**
 * Starts the demo on 127.0.0.1, on the port of `PORT` or 3000; 0 is any free port.
 * `MAX_SIZE` is the store's `maxSize`, 4M if it is left out. Ended by Ctrl+C or
 * SIGTERM it keeps its sessions in the file `SNAPSHOT`, `.demo/sessions` if it is
 * left out, and takes them up again at the next start.
 *
 *     deno task demo
 *
 * @module
 */
import { rm } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { loadSnapshot, saveSnapshot } from "express-lembro/snapshot";
import { createDemo, type DemoOptions } from "./app.ts";
import { keptSecret } from "./secret.ts";

function fail(line: string): never {
  console.error(line);
  Deno.exit(1);
}

function createOrFail(options: DemoOptions) {
  try {
    return createDemo(options);
  } catch (error) {
    fail(`Cannot start the demo: ${(error as Error).message}`);
  }
}

const given = Deno.env.get("PORT") || "3000";
const port = Number(given);
if (!/^\d+$/.test(given) || port > 65535) {
  fail(`Cannot start the demo: PORT must be a number from 0 to 65535: received "${given}"`);
}

const snapshot = Deno.env.get("SNAPSHOT") ||
  fileURLToPath(new URL("../../.demo/sessions", import.meta.url));
const demo = createOrFail({
  maxSize: Deno.env.get("MAX_SIZE") || undefined,
  // With another one nobody's cookie would be good any more.
  secret: await keptSecret(`${snapshot}.secret`),
});
const [isLoaded, carried] = await loadSnapshot(demo.store, snapshot).then(
  ({ sessions }) => [true, sessions],
  (error) => [false, error.code === "ENOENT" ? 0 : `0. ${error.message}`],
);
const address = await demo.listen(port).catch((error) =>
  fail(
    error.code === "EADDRINUSE"
      ? `Cannot start the demo: port ${port} is taken. Choose another with PORT, as in PORT=3001`
      : `Cannot start the demo: ${error.message}`,
  )
);

// After a crash it would sign in again who has signed out since.
if (isLoaded) await rm(snapshot);

async function end() {
  await demo.close();
  await saveSnapshot(demo.store, snapshot);
  Deno.exit();
}
Deno.addSignalListener("SIGINT", end);
// Windows has none.
if (Deno.build.os !== "windows") Deno.addSignalListener("SIGTERM", end);

console.log(`Sessions carried over: ${carried}`);
console.log(`The demo is at ${address} (Ctrl+C ends it)`);
