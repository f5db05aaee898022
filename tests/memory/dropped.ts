/**
 * Drops stores without closing them, and prints how many were collected, and
 * how many of their timers are left once they have come round. Run by
 * memory_test.ts.
 *
 * @module
 */
import lembro from "../../mod.ts";

declare const gc: () => void;

const STORES = 20;

const timers = new Set<unknown>();
const { setInterval, clearInterval } = globalThis;
globalThis.setInterval = ((work: () => void, ms: number) => {
  const timer = setInterval(work, ms);
  timers.add(timer);
  return timer;
}) as typeof setInterval;
globalThis.clearInterval = ((timer: number) => {
  timers.delete(timer);
  clearInterval(timer);
}) as typeof clearInterval;

class Store {}
const Lembro = lembro({ Store });
let collected = 0;
const registry = new FinalizationRegistry(() => collected++);

async function use(): Promise<void> {
  const store = new Lembro({ interval: 10 });
  await store.set("a", { cookie: {} } as never);
  await store.get("a");
  registry.register(store, undefined);
}

for (let i = 0; i < STORES; i++) await use();

// As many turns as it takes; a store that is held makes the test fail by its last word.
for (let turn = 0; turn < 200 && (collected < STORES || timers.size > 0); turn++) {
  gc();
  await new Promise((resolve) => setTimeout(resolve, 10));
}
console.log(JSON.stringify({ stores: STORES, collected, timersLeft: timers.size }));
Deno.exit();
