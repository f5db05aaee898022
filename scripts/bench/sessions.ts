/**
 * The sessions of the bench: real ones of express-session, of about 350
 * characters.
 *
 * @module
 */
import type { BenchStore, Live } from "./stores.ts";

/** How long the cookie of a session lasts, in milliseconds: two weeks. */
export const LIFE_MS = 14 * 24 * 60 * 60 * 1000;

/** How many client addresses the sessions come from. */
const ADDRESSES = 10_000;

const hex = (i: number, factor: number) =>
  (Math.imul(i + 1, factor) >>> 0).toString(16).padStart(8, "0");

/** The id of the session with this number. A new string at each call, as in each request. */
export const sidOf = (i: number): string =>
  hex(i, 2654435761) + hex(i, 2246822519) + hex(i, 3266489917) + hex(i, 668265263);

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

/** `count` values with their numbers. */
export const numbered = <Value>(count: number, value: (i: number) => Value): Value[] =>
  Array.from({ length: Math.floor(count) }, (_, i) => value(i));

/** The session that express-session makes for a request without a cookie. */
export function visit(store: BenchStore, sid: string, content: object, ip: string): Live {
  const request = { ip, headers: {}, socket: { remoteAddress: ip }, sid, sessionStore: store };
  store.generate!(request);
  return Object.assign((request as unknown as { session: Live }).session, content);
}

/** The session with this number, new. */
export function newSession(store: BenchStore, i: number, isSignedIn = true): Live {
  const address = i % ADDRESSES;
  return visit(
    store,
    sidOf(i),
    contentOf(i, isSignedIn),
    `10.0.${address >> 8}.${address & 255}`,
  );
}

/** The result of a method of a store, as a promise. */
export function call<Result>(
  work: (callback: (error?: unknown, result?: Result | null) => void) => void,
): Promise<Result | null | undefined> {
  return new Promise((resolve, reject) =>
    work((error, result) => error ? reject(error) : resolve(result))
  );
}

/** How many requests a busy app works on at a time. */
export const TOGETHER = 100;

/** Makes `count` calls, a hundred at a time, and waits for the callbacks of each hundred. */
export async function inFlight(
  count: number,
  work: (i: number, done: (error?: unknown) => void) => void,
): Promise<void> {
  for (let from = 0; from < count; from += TOGETHER) {
    const to = Math.min(count, from + TOGETHER);
    let left = to - from;
    await new Promise<void>((resolve, reject) => {
      const done = (error?: unknown) => {
        if (error) reject(error);
        if (--left === 0) resolve();
      };
      for (let i = from; i < to; i++) work(i, done);
    });
  }
}

/** Saves the sessions with the numbers from `from` up to `to`, as new ones. */
export const fill = (
  store: BenchStore,
  from: number,
  to: number,
  change: (live: Live, i: number) => void = () => {},
): Promise<void> =>
  inFlight(to - from, (i, done) => {
    const live = newSession(store, from + i);
    change(live, i);
    store.set(sidOf(from + i), live, done);
  });

/** The sessions of requests that have just loaded them. */
export async function loadAll(store: BenchStore, sids: string[]): Promise<Live[]> {
  const all: Live[] = [];
  await inFlight(sids.length, (i, done) =>
    store.get(sids[i], (error, data) => {
      if (!data) return done(error ?? new Error("Cannot measure: a session is missing"));
      all[i] = store.createSession(
        { sessionID: sids[i], sessionStore: store } as never,
        data,
      ) as Live;
      done(error);
    }));
  return all;
}
