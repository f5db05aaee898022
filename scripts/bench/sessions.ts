/**
 * The sessions of the bench: of about 350 characters, as real ones are, and
 * real ones for express-session too.
 *
 * @module
 */
// @ts-types="npm:@types/express-session@^1.18.0"
import session from "express-session";
import { Buffer } from "node:buffer";

/** How long the cookie of a session lasts, in milliseconds: two weeks. */
export const LIFE = 14 * 24 * 60 * 60 * 1000;

/** A session of a request. */
export type Live = session.Session & session.SessionData & { views: number };

// The types have the constructor for private; express-session itself calls it in every request.
const Session = session.Session as unknown as new (request: object, data?: object) => Live;

const hex = (i: number, factor: number) =>
  (Math.imul(i + 1, factor) >>> 0).toString(16).padStart(8, "0");

/**
 * The id of the session with this number: 32 characters, of which any few tell
 * two apart. A new and flat string at each call, as in each request.
 */
export function sidOf(i: number): string {
  const text = hex(i, 2654435761) + hex(i, 2246822519) + hex(i, 3266489917) + hex(i, 668265263);
  return Buffer.from(text, "latin1").toString("latin1");
}

/** The session that a request makes which had none; always of the same size. */
export function newSession(store: session.Store, sid: string, i: number, life = LIFE): Live {
  const made = new Session({ sessionID: sid, sessionStore: store });
  made.cookie = new session.Cookie();
  Object.assign(made.cookie, { maxAge: life, secure: true, sameSite: "lax" });
  const number = String(i).padStart(8, "0");
  return Object.assign(made, {
    passport: { user: `user-${number}` },
    returnTo: `/orders/${number}?tab=open`,
    csrfSecret: `b4c0ffee${number}d15ea5e5`,
    locale: "en-GB",
    cart: [{ sku: `A-${number}`, quantity: 2 }, { sku: "B-00000017", quantity: 1 }],
    views: 10 + i % 90,
  });
}

/** The session of a request that had loaded `data`. */
export function loadedSession(store: session.Store, sid: string, data: session.SessionData): Live {
  const request = { sessionID: sid, sessionStore: store };
  return store.createSession(request as never, data) as Live;
}
