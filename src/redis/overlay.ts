// @ts-types="npm:@types/express-session@^1.18.0"
import type { SessionData } from "express-session";
import { mergeCookies } from "../core/overlaps/merge_cookies.ts";
import { merge } from "../core/overlaps/merge_objects.ts";
import { type CookieData, plain } from "../core/record/cookie_template.ts";
import { parse, serialize } from "../core/record/record.ts";
import type { Serializer } from "../options.ts";
import type { BaseVersion } from "./base_version.ts";

/** What is to be kept of a save that another one has overtaken. */
export interface Overlaid {
  readonly session: SessionData;
  /** What the request's own session was: it lacks what others saved. */
  readonly text: string;
  /** What its own cookie was, if another one is kept. */
  readonly ownCookie: CookieData | undefined;
  readonly listsTakenWhole: number;
}

/**
 * Makes one session of what a request saves, what it had loaded, if anything,
 * and what is kept now.
 *
 * @param keepsLifetime Whether the lifetime stays as it is kept, whatever the request did to it.
 */
export function overlay(
  session: SessionData,
  base: BaseVersion | undefined,
  keptText: string,
  serializer: Serializer,
  keepsLifetime: boolean,
): Overlaid {
  const { merged, text, listsTakenWhole } = base
    ? merge(session, base.text, keptText, serializer)
    : { merged: { ...session }, text: serialize(session, serializer), listsTakenWhole: 0 };
  const cookie = overlayCookie(session.cookie, base, keptText, serializer, keepsLifetime);
  if (cookie) merged.cookie = cookie as never;
  return { session: merged, text, ownCookie: cookie && plain(session.cookie), listsTakenWhole };
}

/** Returns the cookie to keep instead of `cookie`, if another request has changed the kept one. */
export function overlayCookie(
  cookie: unknown,
  base: BaseVersion | undefined,
  keptText: string,
  serializer: Serializer,
  keepsLifetime: boolean,
): CookieData | undefined {
  const mine = plain(cookie);
  const kept = cookieIn(keptText, serializer) ?? (keepsLifetime ? {} : undefined);
  if (!mine || !kept) return undefined;
  const before = base && (base.ownCookie ?? cookieIn(base.text, serializer));
  return mergeCookies(before, mine, kept, keepsLifetime);
}

/** The data of the cookie in the text of a session. */
export function cookieIn(text: string, serializer: Serializer): CookieData | undefined {
  return plain(parse(text, serializer).cookie);
}
