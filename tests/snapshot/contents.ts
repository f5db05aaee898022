/**
 * The sessions of a process that saves again and again until it is killed:
 * the same two contents in every process.
 *
 * @module
 */
import { sessionOf, type Store } from "../support/setup.ts";

/** How many sessions each content has. */
export const SESSIONS = 1_500;

/** Fills a store with the content `name`, of some hundreds of kilobytes. */
export async function fillWith(store: Store, name: string): Promise<void> {
  for (let i = 0; i < SESSIONS; i++) {
    const cookie = { path: "/", expires: new Date(Date.UTC(2100, 0, 1)) };
    store.set(`${name} ${i}`, sessionOf({ name, i, text: name.repeat(200) }, cookie), () => {});
    if (i % 3 === 0) store.get(`${name} ${i}`, () => {});
  }
  await new Promise((resolve) => setImmediate(resolve));
}
