// @ts-types="npm:@types/express-session@^1.18.0"
import type { SessionData } from "express-session";
import { isFunction, isObject, refused } from "./util/errors.ts";
import { howManyBytes } from "./util/sizes.ts";

/**
 * Turns sessions into text and back, like the global `JSON`.
 *
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import session from "express-session";
 * import lembro, { type Serializer } from "express-lembro";
 *
 * // A glance at the memory of the process shows no names.
 * const serializer: Serializer = {
 *   stringify: (kept) => btoa(encodeURIComponent(JSON.stringify(kept))),
 *   parse: (text) => JSON.parse(decodeURIComponent(atob(text))),
 * };
 * using store = new (lembro(session))({ serializer });
 * await store.set("a", { cookie: new session.Cookie() });
 * assertEquals((await store.get("a"))?.cookie.path, "/");
 * ```
 */
export interface Serializer {
  /** A session as text. What it throws goes to the callback of the save. */
  stringify(session: SessionData): string;
  /** The session that `text` was made from, as a new object. */
  parse(text: string): SessionData;
}

/**
 * What the constructor of a store takes. Every option may be left out.
 *
 * ```ts
 * import session from "express-session";
 * import lembro, { type LembroOptions } from "express-lembro";
 *
 * const options: LembroOptions = { interval: 60_000, maxSize: "16M" };
 * const Lembro = lembro(session);
 * using store = new Lembro(options);
 * console.assert(store.options.maxSize === 16 * 1024 * 1024);
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
   * byte are dropped), or text that the `sizeomatic` module reads, such as
   * `"512K"`, `"4M"` or `"1G"`. `Infinity` sets no limit.
   * @default {"4M"}
   */
  maxSize?: number | string | undefined;
  /**
   * The life, in milliseconds, of a session whose cookie has no expiry of its
   * own, counted from its last save or touch: a number above 0, `Infinity`
   * included, or a function that gives the number for one session.
   * @default {86400000} a day
   */
  ttl?: number | ((session: SessionData, sid: string) => number) | undefined;
  /**
   * Asked at each save: the sessions it answers `true` for are the last to be
   * evicted. Left out, it is those that Passport has logged in.
   */
  protect?: ((session: SessionData, sid: string) => boolean) | undefined;
  /**
   * What keeps a session as text.
   * @default {JSON}
   */
  serializer?: Serializer | undefined;
}

/**
 * The options in force in a store: complete, checked and read-only.
 *
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import session from "express-session";
 * import lembro, { type Options } from "express-lembro";
 *
 * using store = new (lembro(session))({ maxSize: "4M" });
 * const { interval, maxSize }: Options = store.options;
 * assertEquals([interval, maxSize], [360_000, 4_194_304]);
 * ```
 */
export interface Options {
  /** Milliseconds between two purges of the expired sessions. */
  readonly interval: number;
  /** The most memory the sessions may take, in bytes; may be `Infinity`. */
  readonly maxSize: number;
  /** The life, in milliseconds, of a session whose cookie has no expiry. */
  readonly ttl: number | ((session: SessionData, sid: string) => number);
  /** Which sessions are the last to be evicted. */
  readonly protect: (session: SessionData, sid: string) => boolean;
  /** What keeps a session as text. */
  readonly serializer: Serializer;
}

// A longer delay overflows the runtime's timer, which then fires at once.
const LONGEST_DELAY = 2_147_483_647;

const DEFAULTS: Options = {
  interval: 360_000,
  maxSize: 4 * 1024 * 1024,
  ttl: 86_400_000,
  protect: loggedInByPassport,
  serializer: JSON,
};

type Name = keyof Options;

const NAMES = Object.keys(DEFAULTS) as Name[];

/** What an option may be. */
interface Rule<Value> {
  /** In words. */
  takes: string;
  /** Whether a value is of the right type. */
  fits(value: unknown): boolean;
  /** The value in force; nothing if one of the right type is out of range. */
  read(value: never): Value | undefined;
}

const same = <Value>(value: Value): Value => value;

const RULES: { [N in Name]: Rule<Options[N]> } = {
  interval: {
    takes: `a number of milliseconds from 1 to ${LONGEST_DELAY}`,
    fits: (value) => typeof value === "number",
    read: (value: number) => value >= 1 && value <= LONGEST_DELAY ? value : undefined,
  },
  maxSize: {
    takes: 'at least 1 byte, as a number or as text such as "512K", "4M" or "1G"',
    fits: (value) => typeof value === "number" || typeof value === "string",
    read(value: number | string) {
      // sizeomatic drops a leading minus: it would read "-4M" as four megabytes.
      const bytes = typeof value === "number"
        ? Math.floor(value)
        : !value.startsWith("-") && howManyBytes(value);
      return bytes !== false && bytes >= 1 ? bytes : undefined;
    },
  },
  ttl: {
    takes: "a number of milliseconds above 0, or a function that gives one",
    fits: (value) => typeof value === "number" || isFunction(value),
    read: (value: Options["ttl"]) => typeof value === "number" && !(value > 0) ? undefined : value,
  },
  protect: {
    takes: "a function (session, sid) => boolean",
    fits: isFunction,
    read: same<Options["protect"]>,
  },
  serializer: {
    takes: "an object with the functions stringify and parse",
    fits(value) {
      const { stringify, parse } = (value ?? {}) as Partial<Serializer>;
      return isFunction(stringify) && isFunction(parse);
    },
    read: same<Serializer>,
  },
};

export const CREATE = "create store";

/**
 * What a caller passed, checked and completed; `passed` stays as it is.
 *
 * @throws {TypeError | RangeError} Naming the option, what it takes and what it received.
 */
export function readOptions(passed?: LembroOptions | null): Options {
  const given = passed ?? {};
  if (!isObject(given) || Array.isArray(given)) {
    throw refused(TypeError, CREATE, "options must be an object", given);
  }
  for (const name of Object.keys(given)) {
    if (!NAMES.includes(name as Name)) {
      throw refused(TypeError, CREATE, `the options are ${NAMES.join(", ")}`, name);
    }
  }
  const read = NAMES.map((name) => [name, readOption(name, given[name])]);
  return Object.freeze(Object.fromEntries(read));
}

function readOption(name: Name, value: unknown): unknown {
  if (value === undefined) return DEFAULTS[name];
  const { takes, fits, read } = RULES[name];
  const rule = `${name} must be ${takes}`;
  if (!fits(value)) throw refused(TypeError, CREATE, rule, value);
  const inForce = read(value as never);
  if (inForce === undefined) throw refused(RangeError, CREATE, rule, value);
  return inForce;
}

function loggedInByPassport(session: SessionData): boolean {
  const { passport } = session as { passport?: { user?: unknown } };
  return passport?.user !== undefined && passport.user !== null;
}
