// @ts-types="npm:@types/express-session@^1.18.0"
import type { SessionData } from "express-session";
import { isPassports, type ResolvedOptions } from "../../options.ts";
import { isFunction, isObject } from "../../util/errors.ts";
import { type CookieData, dataOf } from "./cookie_template.ts";
import { asksSession } from "./expiry.ts";
import { parse, serialize } from "./record.ts";

/** What is nested deeper is parsed: whoever looks through it would not come back from a circle. */
const MAX_DEPTH = 100;

/** The options that say what is asked, and of what. */
type Answers = Omit<ResolvedOptions, "interval" | "maxSize" | "address">;

const isOwn = Object.prototype.propertyIsEnumerable;

/**
 * Returns a function that returns a session as it will be read back, for the
 * functions among the options to look at. It parses only where JSON changes a
 * value, such as an id of Mongo's or a Date.
 *
 * @throws What the serializer throws.
 */
export function readBackFor(options: Answers): (session: SessionData) => SessionData {
  const { serializer } = options;
  const parsed = (session: SessionData) => parse(serialize(session, serializer), serializer);
  // The options of most apps look at nothing but the user of Passport.
  if (isPassports(options) && !asksSession(options)) {
    return (session) => hasPlainPassport(session) ? session : parsed(session);
  }
  return (session) => copyOf(session) ?? parsed(session);
}

/** Whether JSON leaves `session.passport.user.id` as it is, as far as there is one. */
function hasPlainPassport(session: SessionData): boolean {
  const { passport, toJSON } = session as {
    passport?: { user?: { id?: unknown } };
    toJSON?: unknown;
  };
  if (isFunction(toJSON) || !isLeft(session, "passport", passport)) return false;
  const user = passport?.user;
  return isLeft(passport, "user", user) && isLeft(user, "id", user?.id);
}

/** Whether JSON leaves `value`, which is that of `key` in `object`, as it is, but for what is in it. */
function isLeft(object: unknown, key: string, value: unknown): boolean {
  if (value === undefined) return true;
  if (!isOwn.call(object, key)) return false;
  if (!isObject(value)) return isPrimitive(value);
  const { toJSON } = value as { toJSON?: unknown };
  return Object.getPrototypeOf(value) === Object.prototype && !isFunction(toJSON);
}

/** Returns a copy of `session` as JSON would return it, if JSON leaves all but its cookie as it is. */
function copyOf(session: SessionData): SessionData | undefined {
  if (isFunction((session as { toJSON?: unknown }).toJSON) || Array.isArray(session)) {
    return undefined;
  }
  const copy: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(session)) {
    if (key === "cookie" && isObject(value)) copy.cookie = cookieOf(value);
    else if (key !== "__proto__" && isPlain(value, 0)) copy[key] = value;
    else return undefined;
    if (copy[key] === undefined) return undefined;
  }
  return copy as unknown as SessionData;
}

/** Returns a cookie as JSON would return it, if its values are primitive or dates. */
function cookieOf(cookie: object): CookieData | undefined {
  const data = dataOf(cookie);
  if (!data) return undefined;
  const copy: CookieData = {};
  for (const [key, value] of Object.entries(data)) {
    if (value instanceof Date && isPlainDate(value)) copy[key] = value.toISOString();
    else if (key === "__proto__" || isObject(value) || !isPlain(value ?? null, 0)) return undefined;
    else if (value !== undefined) copy[key] = value;
  }
  return copy;
}

function isPlainDate(date: Date): boolean {
  return date.toJSON === Date.prototype.toJSON && !Number.isNaN(date.getTime());
}

/** Whether JSON returns `value` as it is. */
function isPlain(value: unknown, depth: number): boolean {
  if (!isObject(value)) return isPrimitive(value);
  if (depth === MAX_DEPTH) return false;
  const keys = Reflect.ownKeys(value);
  if (Array.isArray(value)) {
    if (Object.getPrototypeOf(value) !== Array.prototype || keys.length !== value.length + 1) {
      return false;
    }
    return value.every((item) => isPlain(item, depth + 1));
  }
  return Object.getPrototypeOf(value) === Object.prototype &&
    keys.every((key) =>
      key !== "__proto__" && isOwn.call(value, key) && typeof key === "string" &&
      isPlain((value as Record<string, unknown>)[key], depth + 1)
    );
}

function isPrimitive(value: unknown): boolean {
  return value === null || typeof value === "string" || typeof value === "boolean" ||
    Number.isFinite(value);
}
