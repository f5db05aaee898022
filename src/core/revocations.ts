// @ts-types="npm:@types/express-session@^1.18.0"
import type { SessionData } from "express-session";
import { isObject } from "../util/errors.ts";
import { createMark } from "../util/mark.ts";
import { type Origin, requestOf } from "./lineage.ts";

/** How long a request may take that a revocation still has to stop, in milliseconds. */
const LONGEST_REQUEST = 10 * 60 * 1000;

/** How many users are remembered one by one. */
const MOST_USERS = 10_000;

interface Revocation {
  /** How many revocations there had been with this one. */
  readonly moment: number;
  /** In milliseconds since the epoch. */
  readonly time: number;
  readonly sid: string | undefined;
  readonly request: WeakRef<object> | undefined;
}

/**
 * Which users were revoked, and when: for sign-ins that were under way. A moment
 * is the number of revocations so far. A request that reached the store at an
 * earlier moment than that of the revocation began before it.
 *
 * Memory is bounded: a revocation is forgotten after ten minutes, and at most
 * ten thousand are remembered by user. When there are more within ten minutes,
 * the oldest ones become one: every sign-in that began before it is stale,
 * whoever the user is.
 */
export class Revocations {
  #moment = 0;
  /** The oldest first. */
  #users = new Map<string, Revocation>();
  #everybody: Revocation | undefined;
  /** When requests reached the store, by the moment. */
  readonly #requests = createMark<number>();

  /** The present moment. */
  get moment(): number {
    return this.#moment;
  }

  /** Notes that `request` has reached the store, at the latest at `moment`. */
  reached(request: unknown, moment: number = this.#moment): void {
    if (isObject(request) && this.#requests.get(request) === undefined) {
      this.#requests.set(request, moment);
    }
  }

  /** Returns the moment at which the request of `session` reached the store. */
  momentOf(session: SessionData, origin: Origin | undefined): number {
    const request = requestOf(session);
    const reached = request && this.#requests.get(request);
    return reached ?? origin?.moment ?? this.#moment;
  }

  /** Revokes a user, but for the session `sid` and whatever `request` saves. */
  revoke(user: string, sid: string | undefined, request: object | undefined, now: number): void {
    this.#forget(now);
    this.#users.delete(user);
    this.#users.set(user, {
      moment: ++this.#moment,
      time: now,
      sid,
      request: request && new WeakRef(request),
    });
    if (this.#users.size <= MOST_USERS) return;
    const [[oldest, revocation]] = this.#users;
    this.#users.delete(oldest);
    this.#everybody = revocation;
  }

  /**
   * Whether a save of `session` as one of `user` comes from a request that began
   * before that user was revoked. `isSignIn`: whether the user changes by it.
   */
  isStale(
    user: string,
    sid: string,
    session: SessionData,
    origin: Origin | undefined,
    isSignIn: boolean,
    now: number,
  ): boolean {
    // Nearly always nobody was revoked since.
    if (this.#users.size === 0) return false;
    const moment = this.momentOf(session, origin);
    if (moment === this.#moment) return false;
    this.#forget(now);
    const revocation = this.#users.get(user);
    if (!revocation) return isSignIn && moment < (this.#everybody?.moment ?? 0);
    if (moment >= revocation.moment || sid === revocation.sid) return false;
    const spared = revocation.request?.deref();
    return spared === undefined || spared !== requestOf(session);
  }

  #forget(now: number): void {
    const isOld = ({ time }: Revocation) => now - time > LONGEST_REQUEST;
    for (const [user, revocation] of this.#users) {
      if (!isOld(revocation)) break;
      this.#users.delete(user);
    }
    if (this.#everybody && isOld(this.#everybody)) this.#everybody = undefined;
  }
}
