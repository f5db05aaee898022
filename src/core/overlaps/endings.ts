// @ts-types="npm:@types/express-session@^1.18.0"
import type { SessionData } from "express-session";
import { isObject } from "../../util/errors.ts";
import { type Note, Stamp } from "../../util/stamp.ts";
import { type Origin, requestOf } from "./base_version.ts";

/** How long a request may take that a revocation still has to stop, in milliseconds. */
const LONGEST_REQUEST = 10 * 60 * 1000;

/** How many users are remembered one by one. */
const MOST_USERS = 10_000;

/** How many revocations of one user are remembered one by one. */
const MOST_OF_USER = 100;

interface Revocation {
  /** How many revocations there had been with this one. */
  readonly moment: number;
  /** When it was, by a clock that does not jump. */
  readonly time: number;
  /** What it spares. */
  readonly sid: string | undefined;
  readonly request: WeakRef<object> | undefined;
}

/** The moment at which a request reached a store. */
interface Reached extends Note {
  readonly moment: number;
}

/**
 * Which users were revoked, and when: for sign-ins that were under way. A moment
 * is the number of revocations so far. A request that reached the store at an
 * earlier moment than that of the revocation began before it.
 *
 * Memory is bounded: a revocation is forgotten after ten minutes, and so is one
 * that a later one covers. When there are more than ten thousand users within
 * ten minutes, the oldest ones become one: every sign-in that began before it is
 * stale, whoever the user is. When there are more than a hundred revocations of
 * one user, the oldest ones become one that spares nothing.
 */
export class Revocations {
  readonly #clock: () => number;
  #moment = 0;
  /** The revocations of each user, the oldest first, and so the users by their latest. */
  #users = new Map<string, Revocation[]>();
  #everybody: Revocation | undefined;

  /** @param clock Returns the milliseconds since some moment, and does not jump. */
  constructor(clock: () => number) {
    this.#clock = clock;
  }

  /** The present moment. */
  get moment(): number {
    return this.#moment;
  }

  /** Notes that `request` has reached the store, at the latest at `moment`. */
  reached(request: unknown, moment: number = this.#moment): void {
    if (isObject(request) && this.#reachedAt(request) === undefined) {
      const reached: Reached = { owner: this, other: undefined, moment };
      Stamp.put(request, reached);
    }
  }

  /** Returns the moment at which the request of `session` reached the store. */
  momentOf(session: SessionData, origin: Origin | undefined): number {
    if (this.#moment === 0) return 0;
    const request = requestOf(session);
    const reached = request && this.#reachedAt(request);
    return reached ?? origin?.moment ?? this.#moment;
  }

  /** Revokes a user, but for the session `sid` and whatever `request` saves. */
  revoke(user: string, sid: string | undefined, request: object | undefined): void {
    const now = this.#clock();
    this.#forget(now);
    const before = (this.#users.get(user) ?? []).filter((one) =>
      !isOld(one, now) && !this.#covers(one, sid, request)
    );
    if (before.length === MOST_OF_USER) {
      before.shift();
      before[0] = { ...before[0], sid: undefined, request: undefined };
    }
    const revocation = {
      moment: ++this.#moment,
      time: now,
      sid,
      request: request && new WeakRef(request),
    };
    this.#users.delete(user);
    this.#users.set(user, [...before, revocation]);
    if (this.#users.size <= MOST_USERS) return;
    const [[oldest, revocations]] = this.#users;
    this.#users.delete(oldest);
    this.#everybody = revocations.at(-1);
  }

  /**
   * Whether a save of `session` signs `user` in, and comes from a request that
   * began before that user was revoked. `isSignIn`: whether the user changes by it.
   */
  isStale(
    user: string,
    sid: string,
    session: SessionData,
    origin: Origin | undefined,
    isSignIn: boolean,
  ): boolean {
    // Nearly always nobody was revoked since. And nobody comes back by a save into
    // a session that the user has signed in to anew.
    if (this.#users.size === 0 || !isSignIn) return false;
    const moment = this.momentOf(session, origin);
    if (moment === this.#moment) return false;
    const now = this.#clock();
    this.#forget(now);
    const revocations = this.#users.get(user);
    if (!revocations) return moment < (this.#everybody?.moment ?? 0);
    const request = requestOf(session);
    return revocations.some((one) =>
      moment < one.moment && !isOld(one, now) && sid !== one.sid &&
      (!request || request !== one.request?.deref())
    );
  }

  /** Whether a revocation that spares `sid` and `request` stops all that the earlier `one` does. */
  #covers(one: Revocation, sid: string | undefined, request: object | undefined): boolean {
    if (sid !== undefined && sid !== one.sid) return false;
    if (!request || request === one.request?.deref()) return true;
    return (this.#reachedAt(request) ?? 0) >= one.moment;
  }

  #reachedAt(request: object): number | undefined {
    return (Stamp.find(request, this) as Reached | undefined)?.moment;
  }

  #forget(now: number): void {
    for (const [user, revocations] of this.#users) {
      if (!isOld(revocations.at(-1)!, now)) break;
      this.#users.delete(user);
    }
    if (this.#everybody && isOld(this.#everybody, now)) this.#everybody = undefined;
  }
}

function isOld({ time }: Revocation, now: number): boolean {
  return now - time > LONGEST_REQUEST;
}
