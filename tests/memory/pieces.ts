/**
 * Signs in 1,001 users whose names and session ids are cut from larger texts,
 * as those of bodies and headers are, and revokes and destroys others that are
 * not kept, or are spared. Prints how much the heap has grown, by the length of these texts.
 * Run by memory_test.ts.
 *
 * @module
 */
import lembro from "express-lembro";
import process from "node:process";
import { setTimeout } from "node:timers/promises";

declare const gc: () => void;

const Lembro = lembro({ Store: class {} });

/** A text that was cut from one that has `length` characters more. */
function cut(text: string, length: number): string {
  const whole = JSON.parse(JSON.stringify("p".repeat(length) + text));
  return whole.slice(length);
}

/** The bytes of the heap in use, once all garbage is gone. */
async function heap(): Promise<number> {
  for (let i = 0; i < 3; i++) {
    await setTimeout(10);
    gc();
  }
  return process.memoryUsage().heapUsed;
}

async function growth(length: number): Promise<number> {
  const before = await heap();
  const store = new Lembro({ user: (session) => (session as never as { name: string }).name });
  for (let i = 0; i < 1_001; i++) {
    const session = { cookie: {}, name: cut(`a user with the name ${i}`, length) };
    await store.set(cut(`a session with the id ${i}`, length), session as never);
    // A second session of every other user.
    if (i % 2) await store.set(cut(`another session ${i}`, length), session as never);
    await store.destroy(cut(`a session that there is not ${i}`, length));
    const except = cut(`a session that is spared ${i}`, length);
    await store.revokeUser(cut(`a user that there is not ${i}`, length), { except });
  }
  const after = await heap();
  if (await store.length() !== 1_501) throw new Error("Not all are kept");
  await store.close();
  return after - before;
}

await growth(10);
const short = await growth(10);
const long = await growth(90_000);
console.log(JSON.stringify({ short, long }));
