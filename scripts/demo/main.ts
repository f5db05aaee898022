/**
 * Starts the demo on 127.0.0.1, on the port of `PORT` or 3000; 0 is any free port.
 * `MAX_SIZE` is the store's `maxSize`, 4M if it is left out.
 *
 *     deno task demo
 *
 * @module
 */
import { createDemo } from "./app.ts";

function fail(line: string): never {
  console.error(line);
  Deno.exit(1);
}

function createOrFail(maxSize?: string) {
  try {
    return createDemo({ maxSize });
  } catch (error) {
    fail(`Cannot start the demo: ${(error as Error).message}`);
  }
}

const given = Deno.env.get("PORT") || "3000";
const port = Number(given);
if (!/^\d+$/.test(given) || port > 65535) {
  fail(`Cannot start the demo: PORT must be a number from 0 to 65535: received "${given}"`);
}

const demo = createOrFail(Deno.env.get("MAX_SIZE") || undefined);
const address = await demo.listen(port).catch((error) =>
  fail(
    error.code === "EADDRINUSE"
      ? `Cannot start the demo: port ${port} is taken. Choose another with PORT, as in PORT=3001`
      : `Cannot start the demo: ${error.message}`,
  )
);
Deno.addSignalListener("SIGINT", async () => {
  await demo.close();
  Deno.exit();
});

console.log(`The demo is at ${address} (Ctrl+C ends it)`);
