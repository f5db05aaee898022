/**
 * Opens a journal, and prints how much heap that takes at most, as a multiple of
 * what the sessions take afterwards. With `write` it writes the journal first.
 *
 *     opening.ts <path> <sessions> [write]
 */
import session from "express-session";
import lembro from "express-lembro";
import { openJournal } from "express-lembro/journal";

const { gc } = globalThis as unknown as { gc(): void };
const [path, count] = [Deno.args[0], Number(Deno.args[1])];
const Lembro = lembro(session);

function used(): number {
  gc();
  return Deno.memoryUsage().heapUsed;
}

/** Sessions as apps have them, of some hundred characters; every second one of a user. */
function dataOf(i: number): Record<string, unknown> {
  const cart = Array.from({ length: 4 }, (_, k) => ({ id: i * 7 + k, name: `item ${i} of ${k}` }));
  return { cart, views: i, ...(i % 2 ? { passport: { user: `user ${i}` } } : {}) };
}

if (Deno.args[2] === "write") {
  const store = new Lembro({ maxSize: Infinity });
  const journal = await openJournal(store, path);
  for (let i = 0; i < count; i++) {
    const cookie = Object.assign(new session.Cookie(), { maxAge: 86_400_000 });
    store.set(`${i}`.padStart(32, "s"), Object.assign({ cookie }, dataOf(i)), () => {});
    if (i % 1_000 === 0) await journal.flush();
  }
  await journal.close();
  Deno.exit();
}

const before = used();
const store = new Lembro({ maxSize: Infinity });
let most = 0;
let isOpen = false;
const opening = openJournal(store, path).finally(() => isOpen = true);
for (let turn = 0; !isOpen; turn++) {
  await new Promise((resolve) => setImmediate(resolve));
  if (turn % 20 === 0) most = Math.max(most, used());
}
const journal = await opening;
const living = used() - before;
console.log(JSON.stringify({
  sessions: store.stats().sessions,
  ratio: (most - before) / living,
}));
await journal.close();
Deno.exit();
