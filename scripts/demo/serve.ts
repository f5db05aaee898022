/**
 * The process of the demo that keeps the sessions. `main.ts` starts it, passes
 * the environment on, and starts it again when it was killed.
 *
 * @module
 */
import { fileURLToPath } from "node:url";
import { createDemo } from "./app.ts";
import { keptSecret } from "./secret.ts";

function fail(error: unknown): never {
  console.error(`Cannot start the demo: ${(error as Error).message}`);
  Deno.exit(1);
}

const given = Deno.env.get("CRAWLER") || "10000";
if (!/^[1-9]\d{0,6}$/.test(given)) {
  fail(new RangeError(`CRAWLER must be a number from 1 to 9999999: received "${given}"`));
}
const folder = Deno.env.get("DATA") || fileURLToPath(new URL("../../.demo", import.meta.url));
const demo = await createDemo({
  maxSize: Deno.env.get("MAX_SIZE") || "1M",
  // With another secret no cookie would be valid any more.
  secret: await keptSecret(`${folder}/secret`),
  journal: `${folder}/sessions.journal`,
  crawlerSessions: Number(given),
}).catch(fail);
const address = await demo.listen(Number(Deno.env.get("PORT"))).catch(fail);

let ending: Promise<void> | undefined;

async function end() {
  await demo.close();
  Deno.exit();
}
const endOnce = () => ending ??= end();
Deno.addSignalListener("SIGINT", endOnce);
// Windows has none.
if (Deno.build.os !== "windows") Deno.addSignalListener("SIGTERM", endOnce);

console.log(`The demo is at ${address} (process ${Deno.pid}; Ctrl+C stops it)`);
console.log(`Sessions restored: ${demo.restored}`);

// Its other end is open as long as main.ts runs.
for await (const _ of Deno.stdin.readable);
endOnce();
