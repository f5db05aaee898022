/**
 * An app that uses its sessions until it is killed, and says what it does: each
 * line is on its way before the next thing happens.
 *
 *     worker.ts path interval secret first-number logouts
 *
 * @module
 */
import { openJournal } from "express-lembro/journal";
import { Lembro, sessionOf } from "../support/setup.ts";

const [path, interval, secret, first, logouts] = Deno.args;
const encoder = new TextEncoder();

function say(what: string, sid: string, n: number): void {
  const bytes = encoder.encode(`${what} ${sid} ${n} ${Date.now()}\n`);
  for (let at = 0; at < bytes.length;) at += Deno.stdout.writeSync(bytes.subarray(at));
}

const store = new Lembro({ maxSize: Infinity });
store.on("error", (error: unknown) => console.error(error));
await openJournal(store, path, { interval: Number(interval), ...(secret ? { secret } : {}) });
let n = Number(first);
say("open", "-", n);
for (;;) {
  for (let i = 0; i < 20; i++) {
    const sid = `s${Math.floor(Math.random() * 150)}`;
    const at = ++n;
    if (Math.random() < Number(logouts)) {
      say("destroying", sid, at);
      store.destroy(sid, () => say("destroyed", sid, at));
    } else {
      store.set(sid, sessionOf({ n: at, fill: "x".repeat(Math.random() * 6_000) }), () => {});
      say("set", sid, at);
    }
  }
  await new Promise((resolve) => setTimeout(resolve, 1));
}
