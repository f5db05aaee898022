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
import type { Entry, Rank } from "./vault/entry.ts";
import { parse, sessionOf, textOf, TOO_LARGE } from "./record/record.ts";
import type { Prepared as PreparedRecord, Sessions } from "./sessions.ts";
import type { Observer } from "./vault/vault.ts";

export type { Entry, Observer, Rank };

/** A kept session as files and other stores see it. */
export interface Row {
  readonly sid: string;
  readonly rank: Rank;
  /** The whole session, its cookie included, as the serializer writes it. */
  readonly text: string;
  /** In milliseconds since the epoch; may be `Infinity`. */
  readonly expires: number;
  /** In milliseconds since the epoch. */
  readonly created: number;
  /** In milliseconds since the epoch. */
  readonly lastUsed: number;
}

/** A row that is ready to be kept: parsed, measured, its user known. */
export interface Prepared extends PreparedRecord {
  readonly row: Row;
}

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
  /**
   * Makes a row ready. Throws what the serializer and the option `user` throw.
   * Returns `undefined` if the session is larger than the store allows.
   */
  prepare(row: Row): Prepared | undefined;
  /**
   * Puts a session before all others of its rank, as the next of them to be
   * evicted, and evicts what goes before it. Returns `false` if there is no room
   * for it by its rank, if its user has as many sessions as allowed, or if its
   * id is kept already.
   */
  admit(prepared: Prepared): boolean;
  /** Calls `observer` at each change, until the function that it returns is called. */
  observe(observer: Observer): () => void;
  /** Makes the answers of `destroy`, `revokeUser` and `clear` wait for `barrier`. */
  confirmBy(barrier: (() => Promise<void>) | undefined): void;
  /** Makes `close` of the store wait for `close`, which it calls. */
  closeWith(close: (() => Promise<void>) | undefined): void;
  /** Emits an `error` event, or warns of it if nobody listens; or a `recover` event. */
  announce(event: "error", error: Error): void;
  announce(event: "recover", message: string): void;
  /** Emits an `expire` event for a session that expired before it came to the store. */
  announceExpired(row: Row): void;
}

/** What a store does for its port. */
export interface Host {
  confirmBy: Port["confirmBy"];
  closeWith: Port["closeWith"];
  /** Emits an event later, if anybody listens to it. */
  announce(event: "error" | "recover" | "expire", args: () => unknown[]): void;
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
      const { sid, rank, expires, created, lastUsed } = entry;
      return { sid, rank, text: textOf(entry, options), expires, created, lastUsed };
    },
    sessionOf: (entry) => sessionOf(entry, options),
    userOf: (session, sid) => sessions.userOf(session, sid),
    prepare(row) {
      try {
        return { ...sessions.prepare(row.sid, row.text, row.expires), row };
      } catch (error) {
        if ((error as { code?: unknown } | null)?.code === TOO_LARGE) return undefined;
        throw error;
      }
    },
    admit: (prepared) => {
      const { rank, created, lastUsed } = prepared.row;
      return sessions.admit(prepared, rank, created, lastUsed);
    },
    observe: (observer) => vault.observe(observer),
    confirmBy: (barrier) => host.confirmBy(barrier),
    closeWith: (close) => host.closeWith(close),
    announce: (event: "error" | "recover", what: unknown) => host.announce(event, () => [what]),
    announceExpired: ({ sid, text }) =>
      host.announce("expire", () => [sid, readable(text, options.serializer)]),
  };
  Object.defineProperty(store, PORT, { value: port });
}

/** Returns a session, or `undefined` if the serializer can't read it. */
function readable(
  text: string,
  serializer: ResolvedOptions["serializer"],
): SessionData | undefined {
  try {
    return parse(text, serializer);
  } catch {
    return undefined;
  }
}

/** Returns the port of `store`, if that is a store of this package. */
export function portOf(store: unknown): Port | undefined {
  return (store as { [PORT]?: Port } | null | undefined)?.[PORT];
}
