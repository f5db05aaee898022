/**
 * What a new session costs in a full store, where each save is one too many.
 *
 * @module
 */
// @ts-types="npm:@types/express-session@^1.18.0"
import session from "express-session";
import { inFlight, settle, waited } from "./measure.ts";
import { type BenchStore, call } from "./peers.ts";
import { LIFE, type Live, newSession, sidOf } from "./sessions.ts";

/** Whom the store is full of. */
export const FULL_OF = ["newcomers", "returning sessions"] as const;

/** Whom a store is full of. */
export type FullOf = typeof FULL_OF[number];

/** How many sessions are made at a time. */
const TOGETHER = 100;

/** How many client addresses the sessions come from. */
const ADDRESSES = 10_000;

const generating = new WeakSet<BenchStore>();

/** A new session of a visitor who isn't signed in, of a request as express-session gets it. */
function visit(store: BenchStore, i: number): { sid: string; live: Live } {
  if (!generating.has(store)) {
    generating.add(store);
    // That gives the store its `generate`.
    session({
      store,
      secret: "a secret of the bench",
      resave: false,
      saveUninitialized: false,
      genid: (request) => (request as unknown as { number: string }).number,
    });
  }
  const address = i % ADDRESSES;
  const ip = `10.0.${address >> 8}.${address & 255}`;
  const sid = sidOf(i);
  const request = {
    ip,
    headers: {},
    socket: { remoteAddress: ip },
    number: sid,
    sessionStore: store,
  };
  store.generate!(request);
  const { session: live } = request as unknown as { session: Live };
  const { cookie: _, passport, ...content } = newSession(store, sid, i, LIFE) as Live & {
    passport: unknown;
  };
  // As long as the session of somebody who is signed in, so that as many fit.
  Object.assign(live, { visitor: passport }, content);
  Object.assign(live.cookie, { maxAge: LIFE, secure: true, sameSite: "lax" });
  return { sid, live };
}

/** The sessions that were made so far. */
let made = 0;

/**
 * Nanoseconds for each of `count` new sessions in a store that is full of
 * `fullOf`, whatever they set off included. The store has room for `kept`.
 */
export async function measureFull(
  store: BenchStore,
  { fullOf, kept, count }: { fullOf: FullOf; kept: number; count: number },
): Promise<number> {
  const add = async (some: number): Promise<number> => {
    const visits = Array.from({ length: some }, () => visit(store, made++));
    const before = waited();
    const start = performance.now();
    await inFlight(some, (i, done) => store.set(visits[i].sid, visits[i].live, done));
    const time = performance.now() - start - (waited() - before);
    if (fullOf === "returning sessions") {
      // They come back before others come.
      for (const { sid } of visits) await call((callback) => store.get(sid, callback as never));
    }
    return time;
  };
  while (made < kept) await add(TOGETHER);
  let time = 0;
  for (let i = 0; i < count; i += TOGETHER) time += await add(TOGETHER);
  return (time + await settle(store)) * 1e6 / count;
}
