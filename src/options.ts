// @ts-types="npm:@types/express-session@^1.18.0"
import type { SessionData, Store as ExpressStore } from "express-session";
import { invalidOption, isFunction, isObject } from "./util/errors.ts";
import { howManyBytes } from "./util/sizes.ts";

/**
 * Turns sessions into strings and back, like the global `JSON`.
 *
 * ```ts
 * import assert from "node:assert/strict";
 * import session from "express-session";
 * import lembro, { type Serializer } from "express-lembro";
 *
 * // A look at the memory of the process shows no names.
 * const serializer: Serializer = {
 *   stringify: (kept) => btoa(encodeURIComponent(JSON.stringify(kept))),
 *   parse: (text) => JSON.parse(decodeURIComponent(atob(text))),
 * };
 * using store = new (lembro(session))({ serializer });
 * await store.set("a", { cookie: new session.Cookie() });
 * assert.deepEqual((await store.get("a"))?.cookie.path, "/");
 * ```
 */
export interface Serializer {
  /** Returns a session as a string. What it throws goes to the callback of the save. */
  stringify(session: SessionData): string;
  /** Returns the session that `text` was made from, as a new object. */
  parse(text: string): SessionData;
}

/**
 * A number of milliseconds above 0, or a function that returns one for a session.
 * The function is called with the session as it will be kept. What it returns
 * instead of such a number is refused, and the call that asked fails.
 *
 * ```ts
 * import assert from "node:assert/strict";
 * import session from "express-session";
 * import lembro, { type Duration } from "express-lembro";
 *
 * const anHour: Duration = 3_600_000;
 * using store = new (lembro(session))({ ttl: anHour });
 * assert.deepEqual(store.options.ttl, 3_600_000);
 * ```
 */
export type Duration = number | ((session: SessionData, sid: string) => number);

/**
 * A request, as express-session passes it to a store.
 *
 * ```ts
 * import assert from "node:assert/strict";
 * import session from "express-session";
 * import lembro, { type StoreRequest } from "express-lembro";
 *
 * const isActivity = (request: StoreRequest) => request.path !== "/poll";
 * using store = new (lembro(session))({ isActivity });
 * assert(store.options.isActivity === isActivity);
 * ```
 */
export type StoreRequest = Parameters<ExpressStore["regenerate"]>[0];

/**
 * Whose session it is: what the option `user` returns, and what `revokeUser` and
 * `sessionsOfUser` take. Users are compared as strings.
 *
 * ```ts
 * import assert from "node:assert/strict";
 * import session from "express-session";
 * import lembro, { type User } from "express-lembro";
 *
 * using store = new (lembro(session))();
 * const user: User = 42;
 * assert.deepEqual(await store.sessionsOfUser(user), []);
 * ```
 */
export type User = string | number | bigint;

/**
 * What the constructor of a store takes. Every option can be left out.
 *
 * A function among them is called with the session as it will be read back: after
 * a merge the merged session, at a touch the kept data with the new cookie, and
 * an id of MongoDB's or a Date as the string that JSON makes of it.
 * What it throws fails the call that it was asked for. A promise is refused.
 *
 * ```ts
 * import assert from "node:assert/strict";
 * import session from "express-session";
 * import lembro, { type LembroOptions } from "express-lembro";
 *
 * const options: LembroOptions = { interval: 60_000, maxSize: "16M" };
 * const Lembro = lembro(session);
 * using store = new Lembro(options);
 * assert.deepEqual(store.options.maxSize, 16 * 1024 * 1024);
 * ```
 */
export interface LembroOptions {
  /**
   * Milliseconds between two purges of the expired sessions, 1 to 2147483647.
   * @default {360000} six minutes
   */
  interval?: number | undefined;
  /**
   * The most memory the sessions may take: a number of bytes (fractions of a
   * byte are dropped), or a string that the `sizeomatic` module reads, such as
   * `"512K"`, `"4M"` or `"1G"`. At least 152 bytes: no session fits in fewer.
   * `Infinity` sets no limit.
   * @default {"4M"}
   */
  maxSize?: number | string | undefined;
  /**
   * The lifetime, in milliseconds, of a session whose cookie has no expiry of
   * its own, counted from its last save or touch: above 0, `Infinity` included.
   * @default {86400000} a day
   */
  ttl?: Duration | undefined;
  /**
   * The longest time, in milliseconds, between two uses of a session, even if
   * its cookie would live longer. A request uses it when it loads it, and when
   * it saves or touches it, unless `isActivity` says no.
   * @default {Infinity}
   */
  idleTimeout?: Duration | undefined;
  /**
   * The longest time, in milliseconds, from the creation of a session to its
   * end, however active it is.
   * @default {Infinity}
   */
  absoluteTimeout?: Duration | undefined;
  /**
   * A request for which it returns `false` can read and save the session, but
   * neither extends nor ends its life, whatever date it gives to its cookie: a
   * poll, for example. Only `destroy` ends the session.
   * @default every request is one
   */
  isActivity?: ((request: StoreRequest) => boolean) | undefined;
  /**
   * Returns whose session it is, or `undefined` or `null` if nobody's; `""`, `NaN`
   * and `false` are nobody too. Called at each save. The default reads `session.passport.user`: itself if it is a
   * string, number or bigint, else its `id` if that is one.
   */
  user?: ((session: SessionData, sid: string) => User | null | undefined) | undefined;
  /**
   * How many sessions one user may have, at least 1. With one more, the least
   * recently used session of that user is destroyed.
   * @default {100}
   */
  maxSessionsPerUser?: number | undefined;
  /**
   * Called at each save: the sessions for which it returns `true` are the last
   * to be evicted. The default is `true` for sessions that have a user, and for
   * those with any `passport.user`.
   */
  protect?: ((session: SessionData, sid: string) => boolean) | undefined;
  /**
   * Returns the address of the client that sent `request`, with or without a
   * port. Called when a session is created; among newcomers, the client with
   * the most of them loses its oldest first. What is no address is unknown. The
   * default is `request.ip`, as Express computes it, or else the address of the
   * socket.
   */
  address?: ((request: StoreRequest) => string | undefined) | undefined;
  /**
   * Turns sessions into strings and back. It is only ever given whole sessions.
   * @default {JSON}
   */
  serializer?: Serializer | undefined;
}

/**
 * The options in force in a store: complete, checked and read-only.
 *
 * ```ts
 * import assert from "node:assert/strict";
 * import session from "express-session";
 * import lembro, { type ResolvedOptions } from "express-lembro";
 *
 * using store = new (lembro(session))({ maxSize: "4M" });
 * const { interval, maxSize }: ResolvedOptions = store.options;
 * assert.deepEqual([interval, maxSize], [360_000, 4_194_304]);
 * ```
 */
export interface ResolvedOptions {
  /** Milliseconds between two purges of the expired sessions. */
  readonly interval: number;
  /** The most memory the sessions may take, in bytes; may be `Infinity`. */
  readonly maxSize: number;
  /** The lifetime, in milliseconds, of a session whose cookie has no expiry. */
  readonly ttl: Duration;
  /** The longest time between two uses of a session, in milliseconds. */
  readonly idleTimeout: Duration;
  /** The longest life of a session since its creation, in milliseconds. */
  readonly absoluteTimeout: Duration;
  /** Which requests extend the life of a session. */
  readonly isActivity: (request: StoreRequest) => boolean;
  /** Whose session it is. */
  readonly user: (session: SessionData, sid: string) => User | null | undefined;
  /** How many sessions one user may have. */
  readonly maxSessionsPerUser: number;
  /** Which sessions are the last to be evicted. */
  readonly protect: (session: SessionData, sid: string) => boolean;
  /** The address of the client that sent a request. */
  readonly address: (request: StoreRequest) => string | undefined;
  /** What turns sessions into strings and back. */
  readonly serializer: Serializer;
}

// A longer delay overflows the runtime's timer, which then fires at once.
const MAX_DELAY_MS = 2_147_483_647;

/** What a session of express-session takes that holds nothing but its cookie, in bytes. */
const MIN_SIZE = 152;

/** `"10 MB"`, `"1.5M"` and a bare number of megabytes, as sizeomatic reads them. */
function sizeMeant(value: unknown): string | undefined {
  const [, number, unit] = /^\s*(\d+(?:\.\d+)?)\s*([KMG])?(?:i?B)?\s*$/i.exec(String(value)) ?? [];
  if (!(Number(number) > 0)) return undefined;
  const units = ["G", "M", "K"];
  const at = units.indexOf(unit?.toUpperCase() ?? "M");
  if (Number.isInteger(Number(number))) return `${Number(number)}${units[at]}`;
  const smaller = Math.round(1024 * Number(number));
  return units[at + 1] && unit && `${smaller}${units[at + 1]}`;
}

type Name = keyof ResolvedOptions;

/** What an option may be. */
interface Rule<Value> {
  /** In words. */
  takes: string;
  /** Whether a value is of the right type. */
  fits(value: unknown): boolean;
  /** Returns the value in force, or `undefined` if one of the right type is out of range. */
  read(value: never): Value | undefined;
  /** What may have been meant by a value that is out of range. */
  meant?(value: unknown): string | undefined;
}

const isNumber = (value: unknown) => typeof value === "number";
const unless = <Value>(isWrong: boolean, value: Value) => isWrong ? undefined : value;

const duration: Rule<Duration> = {
  takes: "a number of milliseconds above 0, or a function that returns one",
  fits: (value) => isNumber(value) || isFunction(value),
  read: (value: Duration) => unless(isNumber(value) && !(value as number > 0), value),
};

function functionOf<Value>(signature: string): Rule<Value> {
  return { takes: `a function ${signature}`, fits: isFunction, read: (value: Value) => value };
}

const RULES: { [N in Name]: Rule<ResolvedOptions[N]> } = {
  interval: {
    takes: `a number of milliseconds from 1 to ${MAX_DELAY_MS}`,
    fits: isNumber,
    read: (value: number) => unless(!(value >= 1 && value <= MAX_DELAY_MS), value),
  },
  maxSize: {
    takes: 'a number of bytes, or a string such as "512K", "4M" or "1G", ' +
      `and at least ${MIN_SIZE} bytes, or no session fits`,
    fits: (value) => isNumber(value) || typeof value === "string",
    read(value: number | string) {
      // sizeomatic drops a leading minus: it would read "-4M" as four megabytes.
      const bytes = typeof value === "number"
        ? Math.floor(value)
        : !value.startsWith("-") && howManyBytes(value);
      return bytes !== false && bytes >= MIN_SIZE ? bytes : undefined;
    },
    meant: sizeMeant,
  },
  ttl: duration,
  idleTimeout: duration,
  absoluteTimeout: duration,
  isActivity: functionOf("(request) => boolean"),
  user: functionOf("(session, sid) => string, number, bigint, null or undefined"),
  maxSessionsPerUser: {
    takes: "a whole number from 1, or Infinity",
    fits: isNumber,
    read: (value: number) =>
      unless(!(value >= 1 && (Number.isInteger(value) || value === Infinity)), value),
  },
  protect: functionOf("(session, sid) => boolean"),
  address: functionOf("(request) => string or undefined"),
  serializer: {
    takes: "an object with the functions stringify and parse",
    fits(value) {
      const { stringify, parse } = (value ?? {}) as Partial<Serializer>;
      return isFunction(stringify) && isFunction(parse);
    },
    read: (value: Serializer) => value,
  },
};

const NAMES = Object.keys(RULES) as Name[];

/** What other stores call these options, and their own names, in lower case. */
const ALIASES = new Map<string, Name>([
  ["checkperiod", "interval"],
  ["reapinterval", "interval"],
  ["prunesessioninterval", "interval"],
  ["autoremoveinterval", "interval"],
  ["checkexpirationinterval", "interval"],
  ["cleanupinterval", "interval"],
  ["clearinterval", "interval"],
  ["max", "maxSize"],
  ["maxage", "ttl"],
  ["expiration", "ttl"],
]);

export const CREATE = "create store";

/**
 * Checks and completes what a caller passed, which stays as it is.
 *
 * @throws {TypeError | RangeError} Naming the option, what it takes and what it received.
 */
export function resolveOptions(passed?: LembroOptions | null): ResolvedOptions {
  const given = passed ?? {};
  if (!isObject(given) || Array.isArray(given)) {
    throw invalidOption(TypeError, CREATE, "options must be an object", given);
  }
  // A framework such as Sails passes its whole session configuration, which has a secret.
  if (!("secret" in given)) refuseUnknown(Object.keys(given), NAMES);
  const read = <N extends Name>(name: N, fallback: ResolvedOptions[N]): ResolvedOptions[N] =>
    readOption(name, given[name], fallback);
  const user = read("user", userOfPassport);
  return Object.freeze({
    interval: read("interval", 360_000),
    maxSize: read("maxSize", 4 * 1024 * 1024),
    ttl: read("ttl", 86_400_000),
    idleTimeout: read("idleTimeout", Infinity),
    absoluteTimeout: read("absoluteTimeout", Infinity),
    isActivity: read("isActivity", everyRequest),
    user,
    maxSessionsPerUser: read("maxSessionsPerUser", 100),
    protect: read("protect", user === userOfPassport ? protectPassports : protectUsersOf(user)),
    address: read("address", addressOfRequest),
    serializer: read("serializer", JSON),
  });
}

/** Refuses names that are not among those of a store's options. */
export function refuseUnknown(names: string[], known: readonly string[]): void {
  const unknown = names.find((name) => !known.includes(name));
  if (unknown === undefined) return;
  const lower = unknown.toLowerCase();
  const meant = known.find((name) => name.toLowerCase() === lower) ?? ALIASES.get(lower);
  const hint = meant && known.includes(meant) ? ` (did you mean ${meant}?)` : "";
  throw invalidOption(TypeError, CREATE, `unknown option${hint}, use ${known.join(", ")}`, unknown);
}

function readOption<N extends Name>(
  name: N,
  value: unknown,
  fallback: ResolvedOptions[N],
): ResolvedOptions[N] {
  if (value === undefined) return fallback;
  const { takes, fits, read, meant } = RULES[name];
  const rule = `${name} must be ${takes}`;
  if (!fits(value)) throw invalidOption(TypeError, CREATE, rule, value);
  const inForce = read(value as never);
  if (inForce !== undefined) return inForce;
  const hint = meant?.(value);
  const known = hint ? ` (did you mean ${JSON.stringify(hint)}?)` : "";
  throw invalidOption(RangeError, CREATE, rule + known, value);
}

/** The default of `isActivity`. */
export function everyRequest(): boolean {
  return true;
}

/** The default of `address`. */
function addressOfRequest(request: StoreRequest): string | undefined {
  try {
    const address: unknown = request.ip ?? request.socket?.remoteAddress;
    return typeof address === "string" ? address : undefined;
  } catch {
    // `request.ip` runs the app's own "trust proxy" function.
    return undefined;
  }
}

/** The default of `user`. */
export function userOfPassport(session: SessionData): User | undefined {
  const user = passportUserOf(session);
  if (isUser(user)) return user;
  const { id } = (user ?? {}) as { id?: unknown };
  return isUser(id) ? id : undefined;
}

/** The default of `protect`. */
function protectUsersOf(user: ResolvedOptions["user"]): ResolvedOptions["protect"] {
  return (session, sid) => !isNobody(user(session, sid)) || !isNobody(passportUserOf(session));
}

const protectPassports = protectUsersOf(userOfPassport);

/** Whether `user` and `protect` look at nothing but `session.passport`. */
export function isPassports({ user, protect }: Pick<ResolvedOptions, "user" | "protect">): boolean {
  return user === userOfPassport && protect === protectPassports;
}

function passportUserOf(session: SessionData): unknown {
  return (session as { passport?: { user?: unknown } | null }).passport?.user;
}

/** Whether `user` stands for no user: no value, or what code gives that has looked for one in vain. */
export function isNobody(user: unknown): boolean {
  return user === undefined || user === null || user === "" || user === false ||
    Number.isNaN(user);
}

/** Whether `value` can be a user. */
export function isUser(value: unknown): value is User {
  return typeof value === "string" || typeof value === "number" || typeof value === "bigint";
}
