// @ts-types="npm:@types/express-session@^1.18.0"
import type { SessionData } from "express-session";
import type { Serializer } from "../../options.ts";
import { type CookieData, plain } from "../record/cookie_template.ts";
import { parse, serialize } from "../record/record.ts";
import { mergeCookies } from "./merge_cookies.ts";
import { merge } from "./merge_objects.ts";

/** A version of a session, for either engine. */
export interface Version {
  /** The session as the serializer wrote it. */
  readonly text: string;
  /** Its cookie, if that is another one than that in the text. */
  readonly cookie?: CookieData | undefined;
}

/** What is to be saved instead of the session of a request. */
export interface Overlay {
  readonly session: SessionData;
  /** The request's own session, as the serializer wrote it: it lacks what others saved. */
  readonly text: string;
  /** The request's own cookie, if another one is saved. */
  readonly ownCookie: CookieData | undefined;
  /** How many lists were too long to be merged. */
  readonly listsTakenWhole: number;
}

/**
 * Makes one session of three versions: what a request saves, what it had loaded,
 * if anything, and what is kept now.
 *
 * @param keepsLifetime Whether the lifetime stays as it is kept, whatever the request did to it.
 * @returns Nothing if the session can be saved as it is.
 */
export function overlay(
  session: SessionData,
  base: Version | undefined,
  kept: Version,
  serializer: Serializer,
  keepsLifetime: boolean,
): Overlay | undefined {
  const cookie = overlayCookie(session.cookie, base, kept, serializer, keepsLifetime);
  const hasMoved = base !== undefined && base.text !== kept.text;
  if (!hasMoved && !cookie) return undefined;
  const { merged, text, listsTakenWhole } = hasMoved
    ? merge(session, base.text, kept.text, serializer)
    : copyOf(session, serializer);
  if (cookie) merged.cookie = cookie as never;
  return { session: merged, text, ownCookie: cookie && plain(session.cookie), listsTakenWhole };
}

/** Does the same for the cookie alone. Returns nothing if `cookie` can stay as it is. */
export function overlayCookie(
  cookie: unknown,
  base: Version | undefined,
  kept: Version,
  serializer: Serializer,
  keepsLifetime: boolean,
): CookieData | undefined {
  const before = base && cookieIn(base, serializer);
  const theirs = cookieIn(kept, serializer) ?? (keepsLifetime ? {} : undefined);
  // Mostly nobody else has changed it.
  if (before && !keepsLifetime && JSON.stringify(before) === JSON.stringify(theirs)) {
    return undefined;
  }
  const mine = plain(cookie);
  return mine && theirs && mergeCookies(before, mine, theirs, keepsLifetime);
}

/** Returns the cookie of a version, if it has one. */
function cookieIn(
  { text, cookie }: Version,
  serializer: Serializer,
): CookieData | undefined {
  return cookie ?? plain(parse(text, serializer).cookie);
}

function copyOf(session: SessionData, serializer: Serializer) {
  const text = serialize(session, serializer);
  return { merged: parse(text, serializer), text, listsTakenWhole: 0 };
}
