import { isObject } from "../../util/errors.ts";
import type { CookieData } from "../record/cookie_template.ts";
import { dateOf } from "../record/expiry.ts";
import { ABSENT, own, put } from "./tree.ts";

const LIFETIME = ["originalMaxAge", "expires", "maxAge"];

/**
 * What becomes of a cookie that another request changed since this one loaded
 * its session: each field as this request set it, if it did, else as it is
 * kept. The lifetime is one thing, and a date that merely moved makes no other
 * one of it.
 *
 * @param keepsLifetime Whether the lifetime stays as it is kept, whatever the request did to it.
 * @returns Nothing if `mine` can stay as it is.
 */
export function mergeCookies(
  base: CookieData | undefined,
  mine: CookieData,
  kept: CookieData,
  keepsLifetime = false,
): CookieData | undefined {
  const isDateKept = keepsLifetime ||
    base !== undefined && isSameDate(base, mine) && !isSameDate(base, kept);
  const isLifetimeKept = keepsLifetime || base !== undefined && !isOtherLifetime(base, mine) &&
      (isDateKept || isOtherLifetime(base, kept));
  const merged: CookieData = {};
  let isSame = true;
  for (const field of new Set([...Object.keys(mine), ...Object.keys(kept)])) {
    const ofMine = own(mine, field);
    const isOfKept = field === "expires"
      ? isDateKept || isLifetimeKept
      : LIFETIME.includes(field)
      ? isLifetimeKept
      : base !== undefined && sameField(own(base, field), ofMine);
    const value = isOfKept ? own(kept, field) : ofMine;
    isSame &&= sameField(value, ofMine);
    if (value !== ABSENT) put(merged, field, value);
  }
  return isSame ? undefined : merged;
}

/** Whether a cookie ends when `base` did: a request that leaves the date alone has not set it. */
function isSameDate(base: CookieData, mine: CookieData): boolean {
  const date = dateOf(base);
  // Without a date, `maxAge` counts.
  if (date === undefined && !sameField(own(base, "maxAge"), own(mine, "maxAge"))) return false;
  return date === dateOf(mine) &&
    (date !== undefined || sameField(own(base, "expires"), own(mine, "expires")));
}

/** Whether two cookies have other lifetimes. A date that merely moved makes no other one. */
function isOtherLifetime(one: CookieData, other: CookieData): boolean {
  if (hasDate(one) !== hasDate(other)) return true;
  const [before, after] = [one.originalMaxAge || null, other.originalMaxAge || null];
  if (typeof before !== "number" || typeof after !== "number") return before !== after;
  // express-session computes it anew at each touch, by two looks at the clock.
  return Math.abs(after - before) > Math.min(1_000, before / 100);
}

function hasDate({ expires, maxAge }: CookieData): boolean {
  return [expires, maxAge].some((date) => isObject(date) || !!date || date === 0);
}

function sameField(one: unknown, other: unknown): boolean {
  return one === other ||
    one !== ABSENT && other !== ABSENT && JSON.stringify(one) === JSON.stringify(other);
}
