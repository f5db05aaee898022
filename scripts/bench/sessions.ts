/**
 * The sessions of the bench: real ones of express-session, of about 350
 * characters.
 *
 * @module
 */
// @ts-types="npm:@types/express-session@^1.18.0"
import type session from "express-session";
import { createHash } from "node:crypto";
import type { BenchStore, Live } from "./stores.ts";

/** How long the cookie of a session lasts, in milliseconds: two weeks. */
export const LIFE_MS = 14 * 24 * 60 * 60 * 1000;

/** The id of the session with this number. A new string at each call, as in each request. */
export const sidOf = (i: number): string => createHash("md5").update(`${i}`).digest("hex");

/** What the session with this number holds: of somebody who is signed in, or only a visitor. */
export function contentOf(i: number, isSignedIn = true): object {
  const number = String(i).padStart(8, "0");
  return {
    [isSignedIn ? "passport" : "visitors"]: { user: `user-${number}` },
    returnTo: `/orders/${number}?tab=open`,
    csrfSecret: `b4c0ffee${number}d15ea5e5`,
    locale: "en-GB",
    cart: [{ sku: `A-${number}`, quantity: 2 }, { sku: "B-00000017", quantity: 1 }],
    views: 10 + i % 90,
  };
}

/** Values with the numbers from 0 up to `count`. */
export const numbered = <Value>(count: number, value: (i: number) => Value): Value[] =>
  Array.from({ length: Math.floor(count) }, (_, i) => value(i));

/** How many requests a busy app works on at a time. */
export const TOGETHER = 100;

/** What a session takes by sizeomatic's count, in bytes: two for each character. */
export const bytesOf = (session: unknown): number => 2 * JSON.stringify(session).length;

/** The session that express-session makes for a request without a cookie. */
export function visit(store: BenchStore, sid: string, content: object, ip: string): Live {
  const request = { ip, headers: {}, socket: { remoteAddress: ip }, sid, sessionStore: store };
  store.generate!(request);
  return Object.assign((request as unknown as { session: Live }).session, content);
}

/** The session with this number, new, of one of 16,384 clients. */
export const newSession = (store: BenchStore, i: number, isSignedIn = true): Live =>
  visit(store, sidOf(i), contentOf(i, isSignedIn), `10.0.${i >> 8 & 63}.${i & 255}`);

/** The result of a method of a store, as a promise. */
export function call<Result>(
  work: (callback: (error?: unknown, result?: Result | null) => void) => void,
): Promise<Result | null | undefined> {
  return new Promise((resolve, reject) =>
    work((error, result) => error ? reject(error) : resolve(result))
  );
}

/** Does work with the numbers from 0 up to `count`, all at once. */
export const all = <Result>(count: number, work: (i: number) => Promise<Result>) =>
  Promise.all(numbered(count, work));

/** Saves a session. */
export const save = (store: BenchStore, live: Live) =>
  call((callback) => store.set(live.id, live, callback));

/** Saves the sessions with the numbers from 0 up to `count`, as new ones. */
export async function fill(
  store: BenchStore,
  count: number,
  change: (live: Live, i: number) => void = () => {},
): Promise<void> {
  for (let from = 0; from < count; from += TOGETHER) {
    await all(Math.min(TOGETHER, count - from), (n) => {
      const live = newSession(store, from + n);
      change(live, from + n);
      return save(store, live);
    });
  }
}

/** The sessions of requests that have just loaded them. */
export const loadAll = (store: BenchStore, sids: string[]): Promise<Live[]> =>
  all(sids.length, async (i) => {
    const data = await call<session.SessionData>((callback) => store.get(sids[i], callback));
    if (!data) throw new Error("Cannot measure: a session is missing");
    return store.createSession({ sessionID: sids[i], sessionStore: store } as never, data) as Live;
  });
