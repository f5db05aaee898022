// @ts-types="npm:@types/express-session@^1.18.0"
import type { SessionData } from "express-session";
import { merge, mergeCookies } from "../core/overlaps/merge_objects.ts";
import { type CookieData, dataOf } from "../core/record/cookie_template.ts";
import { parse } from "../core/record/record.ts";
import type { Serializer } from "../options.ts";
import type { BaseVersion } from "./base_version.ts";

/** What is to be kept of a save that another one has overtaken. */
export interface Overlaid {
  readonly session: SessionData;
  /** What the request's own session was: it lacks what others saved. */
  readonly text: string;
  /** What its own cookie was, if another one is kept. */
  readonly ownCookie: CookieData | undefined;
}

/** Makes one session of what a request saves, what it had loaded and what is kept now. */
export function overlay(
  session: SessionData,
  base: BaseVersion,
  keptText: string,
  serializer: Serializer,
): Overlaid {
  const { merged, text } = merge(session, base.text, keptText, serializer);
  const cookie = overlayCookie(session.cookie, base, keptText, serializer);
  if (cookie) merged.cookie = cookie as never;
  return { session: merged, text, ownCookie: cookie && plain(session.cookie) };
}

/** Returns the cookie to keep instead of `cookie`, if another request has changed the kept one. */
export function overlayCookie(
  cookie: unknown,
  base: BaseVersion,
  keptText: string,
  serializer: Serializer,
): CookieData | undefined {
  const mine = plain(cookie);
  const kept = cookieIn(keptText, serializer);
  if (!mine || !kept) return undefined;
  return mergeCookies(base.ownCookie ?? cookieIn(base.text, serializer), mine, kept);
}

/** The data of the cookie in the text of a session. */
export function cookieIn(text: string, serializer: Serializer): CookieData | undefined {
  return plain(parse(text, serializer).cookie);
}

/** Returns the data of a cookie as JSON writes it, with its date, if that is an object. */
export function plain(cookie: unknown): CookieData | undefined {
  const data = dataOf(cookie);
  return data && JSON.parse(JSON.stringify(data));
}
