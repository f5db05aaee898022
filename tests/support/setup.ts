/**
 * What the tests share: the real express-session with its types, a class of
 * stores on it, and sessions to keep there.
 *
 * @module
 */
// @ts-types="npm:@types/express-session@^1.18.0"
import session, { type SessionData } from "express-session";
import type { LembroStore } from "express-lembro";
import sizeomatic from "sizeomatic";
import { isOnRedis, redisStores } from "./engines.ts";

// The same tests can be put to another build of the store: that of the file for CDNs.
const { default: lembro }: typeof import("express-lembro") = await import(
  Deno.env.get("LEMBRO_MODULE") ?? "express-lembro"
);

export { lembro, session };
export type { SessionData };

/** A class of stores on the real `express-session`. */
export const Lembro = isOnRedis ? await redisStores() : lembro(session);

export type Store = InstanceType<typeof Lembro>;

/** A session with express-session's default cookie, which has no expiry, and `data`. */
export function sessionOf(data: Record<string, unknown> = {}, cookie?: unknown): SessionData {
  return { cookie: cookie ?? new session.Cookie(), ...data } as unknown as SessionData;
}

/** A session that takes exactly `bytes`: an even number, and enough for what is in it. */
export function sessionOfSize(
  bytes: number,
  data: Record<string, unknown> = {},
  cookie: unknown = { path: "/" },
): SessionData {
  const empty = sessionOf({ ...data, fill: "" }, cookie);
  return { ...empty, fill: "x".repeat((bytes - sizeOf(empty)) / 2) } as unknown as SessionData;
}

/** The size of a session, in bytes, as sizeomatic measures its JSON. */
export function sizeOf(value: unknown): number {
  return sizeomatic.getSize(JSON.stringify(value));
}

/** The size of all live sessions, in bytes, as sizeomatic measures their JSON. */
export function sizeOfAll(store: LembroStore): number {
  return [...store.entries()].reduce((sum, [, session]) => sum + sizeOf(session), 0);
}

/** Waits until the callbacks of the store have run. */
export function settled(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

/** Counts the turns of the event loop until `done` settles, and fails if that does. */
export async function turnsUntil(done: Promise<unknown>): Promise<number> {
  let turns = 0;
  let isDone = false;
  const end = () => isDone = true;
  done.then(end, end);
  while (!isDone) {
    await settled();
    turns++;
  }
  await done;
  return turns;
}

/** Returns the result of a method that was called with a callback, as a promise. */
export function called<Result>(
  call: (callback: (error: unknown, result?: Result) => void) => void,
): Promise<Result | undefined> {
  return new Promise((resolve, reject) =>
    call((error, result) => error ? reject(error) : resolve(result))
  );
}

/** What a promise is rejected with. */
export async function errorOf(promise: Promise<unknown>): Promise<Error & { code?: string }> {
  try {
    await promise;
  } catch (error) {
    return error as Error;
  }
  throw new Error("Expected a rejection");
}
