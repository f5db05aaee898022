// @ts-types="npm:@types/express-session@^1.18.0"
import type { SessionData } from "express-session";
import { howManyBytes } from "./sizes.ts";

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

/**
 * What a caller passed, checked and completed; `given` stays as it is.
 *
 * @throws {TypeError | RangeError} Naming the option, what it takes and what it received.
 */
export function readOptions(given?: LembroOptions | null): Options {
  if (given === undefined || given === null) {
    return Object.freeze({ ...DEFAULTS });
  }
  if (typeof given !== "object" || Array.isArray(given)) {
    throw new TypeError(
      `Cannot create store: options must be an object: received ${show(given)}`,
    );
  }
  const names = Object.keys(DEFAULTS);
  for (const name of Object.keys(given)) {
    if (!names.includes(name)) {
      throw new TypeError(
        `Cannot create store: the options are ${names.join(", ")}: received the unknown option ${
          show(name)
        }`,
      );
    }
  }
  const { interval, maxSize, ttl, protect, serializer } = given;
  return Object.freeze({
    interval: interval === undefined ? DEFAULTS.interval : readInterval(interval),
    maxSize: maxSize === undefined ? DEFAULTS.maxSize : readMaxSize(maxSize),
    ttl: ttl === undefined ? DEFAULTS.ttl : readTtl(ttl),
    protect: protect === undefined ? DEFAULTS.protect : readProtect(protect),
    serializer: serializer === undefined ? DEFAULTS.serializer : readSerializer(serializer),
  });
}

/** `value` as an error message shows it: on one line, and never long. */
export function show(value: unknown): string {
  const text = typeof value === "string"
    ? JSON.stringify(value)
    : typeof value === "function"
    ? "a function"
    : typeof value === "bigint"
    ? `${value}n`
    : typeof value === "object" && value !== null
    ? Array.isArray(value) ? "an array" : "an object"
    : String(value);
  return text.length > 60 ? `${text.slice(0, 60)}…` : text;
}

/** What `protect` said; a promise, which would be true of everyone, is refused. */
export function readAnswer(value: unknown): boolean {
  if (value instanceof Promise) {
    throw new TypeError(
      "Cannot save session: protect must give true or false, at once: received a promise",
    );
  }
  return Boolean(value);
}

function readInterval(value: unknown): number {
  const takes = `interval must be a number of milliseconds from 1 to ${LONGEST_DELAY}`;
  if (typeof value !== "number") throw refused(TypeError, takes, value);
  if (!(value >= 1 && value <= LONGEST_DELAY)) {
    throw refused(RangeError, takes, value);
  }
  return value;
}

function readMaxSize(value: unknown): number {
  const takes =
    'maxSize must be at least 1 byte, as a number or as text such as "512K", "4M" or "1G"';
  if (typeof value !== "number" && typeof value !== "string") {
    throw refused(TypeError, takes, value);
  }
  // sizeomatic drops a leading minus: it would read "-4M" as four megabytes.
  const bytes = typeof value === "string"
    ? value.startsWith("-") ? false : howManyBytes(value)
    : Math.floor(value);
  if (bytes === false || !(bytes >= 1)) throw refused(RangeError, takes, value);
  return bytes;
}

function readTtl(value: unknown): Options["ttl"] {
  const takes = "ttl must be a number of milliseconds above 0, or a function that gives one";
  if (typeof value === "function") return value as Options["ttl"];
  if (typeof value !== "number") throw refused(TypeError, takes, value);
  if (!(value > 0)) throw refused(RangeError, takes, value);
  return value;
}

function readProtect(value: unknown): Options["protect"] {
  if (typeof value !== "function") {
    throw refused(
      TypeError,
      "protect must be a function (session, sid) => boolean",
      value,
    );
  }
  return value as Options["protect"];
}

function readSerializer(value: unknown): Serializer {
  const { stringify, parse } = (value ?? {}) as Partial<Serializer>;
  if (typeof stringify !== "function" || typeof parse !== "function") {
    throw refused(
      TypeError,
      "serializer must be an object with the functions stringify and parse",
      value,
    );
  }
  return value as Serializer;
}

function refused(
  Kind: TypeErrorConstructor | RangeErrorConstructor,
  takes: string,
  value: unknown,
): Error {
  return new Kind(`Cannot create store: ${takes}: received ${show(value)}`);
}

function loggedInByPassport(session: SessionData): boolean {
  const { passport } = session as { passport?: { user?: unknown } };
  return passport?.user !== undefined && passport.user !== null;
}
