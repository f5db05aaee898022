/**
 * Fills a store, lets the sessions go in one way after the other, and prints
 * what share of the heap that they took is still taken. Run by memory_test.ts.
 *
 * @module
 */
import lembro, { type LembroOptions } from "../../mod.ts";

declare const gc: () => void;

class Store {}
const Lembro = lembro({ Store });
type Session = Parameters<InstanceType<typeof Lembro>["set"]>[1];

/** The bytes of the heap in use, once all garbage is gone. */
async function heap(): Promise<number> {
  for (let i = 0; i < 5; i++) {
    await new Promise((resolve) => setTimeout(resolve, 10));
    gc();
  }
  return Deno.memoryUsage().heapUsed;
}

async function shareLeft(
  options: LembroOptions,
  count: number,
  bytes: number,
  go: (store: InstanceType<typeof Lembro>, loaded: Session[]) => Promise<unknown>,
): Promise<number> {
  const store = new Lembro(options);
  const before = await heap();
  const loaded: Session[] = [];
  for (let i = 0; i < count; i++) {
    const cookie = { originalMaxAge: 50, expires: new Date(Date.now() + 60_000), path: "/" };
    await store.set(`${i}`, { cookie, i, text: "x".repeat(bytes) } as unknown as Session);
    // Half of them come back, and are with a request.
    const session = i % 2 ? await store.get(`${i}`) : undefined;
    if (session) {
      delete (session as unknown as { text?: string }).text;
      loaded.push(session);
    }
  }
  const full = await heap();
  await go(store, loaded);
  const left = (await heap()) - before;
  await store.close();
  // Until here the store and the sessions of the requests were in use.
  if (!(store instanceof Store) || loaded.length > count) throw new Error("impossible");
  return left / (full - before);
}

/** What a flood of visitors leaves behind, of ten, as a share of what the first filled the store with. */
async function shareLeftByFloods(): Promise<number> {
  const store = new Lembro({ maxSize: "4M" });
  const before = await heap();
  const sizes: number[] = [];
  for (let flood = 0; flood <= 10; flood++) {
    for (let i = 0; i < 20_000; i++) {
      const sid = `${flood}-${i}`;
      await store.set(sid, { text: "x".repeat(200) } as unknown as Session);
      await store.get(sid);
    }
    sizes.push(await heap() - before);
  }
  await store.close();
  const [first, ...later] = sizes;
  return (later.at(-1)! - later[0]) / later.length / first;
}

const { now } = Date;
const unlimited = { maxSize: Infinity };
console.log(JSON.stringify({
  destroyed: await shareLeft(unlimited, 20_000, 1_000, async (store, loaded) => {
    loaded.length = 0;
    for (const sid of await store.ids()) await store.destroy(sid);
  }),
  expired: await shareLeft(unlimited, 20_000, 1_000, async (store, loaded) => {
    loaded.length = 0;
    Date.now = () => now() + 120_000;
    await store.purge();
    Date.now = now;
  }),
  evicted: await shareLeft({ maxSize: "64M" }, 20_000, 1_000, async (store, loaded) => {
    loaded.length = 0;
    // A session of 75 % of the limit leaves room for nothing else; then it goes too.
    await store.set("big", { text: "x".repeat(24 * 1024 * 1024 - 100) } as unknown as Session);
    while (store.stats().sessions > 1) await new Promise((resolve) => setTimeout(resolve, 1));
    await store.destroy("big");
  }),
  "expired while requests had them": await shareLeft(
    unlimited,
    20_000,
    1_000,
    async (store, loaded) => {
      Date.now = () => now() + 120_000;
      await store.purge();
      Date.now = now;
      loaded.length = 0;
    },
  ),
  "evicted in one flood after the other": await shareLeftByFloods(),
  cleared: await shareLeft(unlimited, 20_000, 1_000, async (store, loaded) => {
    loaded.length = 0;
    await store.clear();
  }),
  "cleared while a request still has one": await shareLeft(
    unlimited,
    20_000,
    1_000,
    async (store, loaded) => {
      loaded.length = 1;
      await store.clear();
    },
  ),
  "destroyed while requests still have them": await shareLeft(
    unlimited,
    200,
    500_000,
    async (store, loaded) => {
      for (const sid of await store.ids()) await store.destroy(sid);
      if (loaded.length !== 100) throw new Error(`${loaded.length} sessions are held`);
    },
  ),
}));
