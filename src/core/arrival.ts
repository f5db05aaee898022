/**
 * How a transfer brings sessions to a store of this package that keeps more of
 * a session than its data. The store may come from another build than the
 * transfer, so they share nothing but this interface, which has a version.
 *
 * @module
 */
// @ts-types="npm:@types/express-session@^1.18.0"
import type { SessionData } from "express-session";
import type { Rank } from "./vault/entry.ts";

/** What another store knew of a session. Times are in milliseconds since the epoch. */
export interface Arrival {
  readonly sid: string;
  /** A fresh copy. */
  readonly session: SessionData;
  /** `Infinity` if it lives for ever; `undefined` if nobody says. */
  readonly expires: number | undefined;
  readonly created?: number;
  readonly lastUsed?: number;
  readonly rank?: Rank;
  readonly user?: string;
}

/** What became of it: "ended" if it was signed out at the target since the transfer began. */
export type Outcome = "arrived" | "expired" | "ended";

/** Keeps a session in place of what has its id. */
export type Receive = (arrival: Arrival) => Promise<Outcome>;

/** A store that takes the sessions of a transfer, which begins at the call. */
export interface Receives {
  [RECEIVE](): Receive;
}

/** Registered, for both builds; the number is the version of the interface. */
export const RECEIVE: unique symbol = Symbol.for("express-lembro.receive.1") as never;
