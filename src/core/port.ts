/**
 * The port: how the other modules of this package reach what a store keeps.
 * The store may come from the CommonJS build and the module that asks from the
 * ES modules, so they share nothing but this interface, which has a version.
 *
 * @module
 */
// @ts-types="npm:@types/express-session@^1.18.0"
import type { SessionData } from "express-session";
import type { ResolvedOptions } from "../options.ts";
import type { Entry, Rank, Row, TouchRow } from "./vault/entry.ts";
import { cookieOf, sessionOf } from "./record/record.ts";
import { Restoration, type Restored } from "./restoration.ts";
import type { Sessions } from "./sessions.ts";
import type { Observer } from "./vault/vault.ts";

export type { Entry, Observer, Rank, Restoration, Restored, Row, TouchRow };

/** What a store keeps, for the modules of this package that carry it elsewhere. */
export interface Port {
  readonly version: 1;
  readonly options: ResolvedOptions;
  /** The number of entries, including expired ones that are not forgotten yet. */
  readonly size: number;
  /** Their size, in bytes. */
  readonly bytes: number;
  /** Returns the entries of a rank, from the first to be evicted to the last. */
  queue(rank: Rank): { readonly first: Entry | undefined; readonly last: Entry | undefined };
  /** Returns the live entry of an id. An expired one is forgotten. */
  find(sid: string): Entry | undefined;
  /**
   * Iterates over the entries that are kept at the call, each once. Yields the
   * live ones, and `undefined` for each that had expired, which is forgotten.
   */
  walk(): Generator<Entry | undefined, void, undefined>;
  /** Returns what is kept of an entry. */
  read(entry: Entry): Row;
  /** Returns a fresh copy of the session of an entry. This is no use of it. */
  sessionOf(entry: Entry): SessionData;
  /** Returns the user of a session, as a string. Throws what the option `user` throws. */
  userOf(session: SessionData, sid: string): string | undefined;
  /** Begins to bring the sessions of a file to the store: see restoration.ts. */
  restore(): Restoration;
  /** Calls `observer` at each change, until the function that it returns is called. */
  observe(observer: Observer): () => void;
  /** Makes the answers of `destroy`, `revokeUser` and `clear` wait for `barrier`. */
  confirmBy(barrier: (() => Promise<void>) | undefined): void;
  /** Makes `close` of the store wait for `close`, which it calls. */
  closeWith(close: (() => Promise<void>) | undefined): void;
  /** Emits an `error` event, or warns of it if nobody listens; or a `recover` event. */
  announce(event: "error", error: Error): void;
  announce(event: "recover", message: string): void;
  /** Emits an `expire` event for a session of a file that had expired. */
  announceExpired(entry: Entry): void;
}

/** What a store does for its port. */
export interface Host {
  confirmBy: Port["confirmBy"];
  closeWith: Port["closeWith"];
  /** Emits an event later, if anybody listens to it. */
  announce(event: "error" | "recover", args: () => unknown[]): void;
}

/** Registered, for both builds; the number is the version of the interface. */
const PORT: unique symbol = Symbol.for("express-lembro.port.1");

/** Gives `store`, which is the `host`, a port to `sessions`. */
export function openPort(store: object, sessions: Sessions, host: Host): void {
  const { options, vault } = sessions;
  const now = () => sessions.now();
  const port: Port = {
    version: 1,
    options,
    get size() {
      return vault.size;
    },
    get bytes() {
      return vault.bytes;
    },
    queue: (rank) => vault.queue(rank),
    find: (sid) => vault.find(sid, now()),
    walk: () => vault.walk(),
    read(entry) {
      const { sid, rank, expires, created, lastUsed, user, text } = entry;
      return { sid, rank, expires, created, lastUsed, user, cookie: cookieOf(entry), text };
    },
    sessionOf: (entry) => sessionOf(entry, options),
    userOf: (session, sid) => sessions.userOf(session, sid),
    restore: () => new Restoration(sessions),
    observe: (observer) => vault.observe(observer),
    confirmBy: (barrier) => host.confirmBy(barrier),
    closeWith: (close) => host.closeWith(close),
    announce: (event: "error" | "recover", what: unknown) => host.announce(event, () => [what]),
    announceExpired: (entry) => sessions.announceExpired(entry),
  };
  Object.defineProperty(store, PORT, { value: port });
}

/** Returns the port of `store`, if that is a store of this package. */
export function portOf(store: unknown): Port | undefined {
  return (store as { [PORT]?: Port } | null | undefined)?.[PORT];
}

/** A session from elsewhere, with what is known of it. Times are in milliseconds since the epoch. */
export interface Arrival extends Partial<Pick<Row, "rank" | "created" | "lastUsed" | "user">> {
  readonly sid: string;
  /** A fresh copy. */
  readonly session: SessionData;
  /** `Infinity` if it lives for ever; `undefined` if nobody says. */
  readonly expires: number | undefined;
}

/** What became of it: "ended" if it was signed out at the target since the transfer began. */
export type Outcome = "arrived" | "expired" | "ended";

/** Keeps a session in place of what has its id. */
export type Restore = (arrival: Arrival) => Promise<Outcome>;

/** Registered, for both builds; the number is the version of the interface. */
const RESTORE: unique symbol = Symbol.for("express-lembro.restore.1");

/** Makes `store` one that keeps what is known of a session. `begin` is called when a transfer begins. */
export function openTo(store: object, begin: () => Restore): void {
  Object.defineProperty(store, RESTORE, { value: begin });
}

/** Whether sessions can be brought to `store` with all that is known of them. */
export function isOpen(store: unknown): boolean {
  return beginOf(store) !== undefined;
}

/** Returns how to do so in a transfer that begins now. */
export function restorerOf(store: unknown): Restore | undefined {
  return beginOf(store)?.();
}

function beginOf(store: unknown): (() => Restore) | undefined {
  return (store as { [RESTORE]?: () => Restore } | null | undefined)?.[RESTORE];
}
