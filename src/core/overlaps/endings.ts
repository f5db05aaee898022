import { isObject } from "../../util/errors.ts";
import { type Note, Stamp } from "../../util/stamp.ts";
import type { Identity } from "../vault/entry.ts";
import { type Ending, EndingLog, isOld } from "./ending_log.ts";

/** How many revocations of one user are remembered one by one. */
const MAX_OF_USER = 100;

/** What one revocation of a user stops. */
interface Revocation {
  /** The number of the ending. */
  readonly epoch: number;
  /** When it was, by a clock that does not jump. */
  readonly time: number;
  /** What it spares. */
  readonly sid: string | undefined;
  readonly request: WeakRef<object> | undefined;
}

/** All revocations of a user that are remembered, the oldest first. */
interface UserEnding extends Ending {
  readonly revocations: Revocation[];
}

/** The epoch at which a request reached a store. */
interface Reached extends Note {
  readonly epoch: number;
}

/**
 * What ended, and when: sessions that were destroyed, users that were revoked.
 * An epoch is the number of endings so far. A request that reached the store at
 * an earlier epoch than that of an ending began before it, and a session that
 * was loaded then is one that ended.
 *
 * An ending is remembered for ten minutes, by a log of bounded size. A revocation
 * is forgotten as well when a later one covers it; of more than a hundred of one
 * user, the oldest become one that spares nothing.
 */
export class Endings {
  readonly #clock: () => number;
  readonly #users: EndingLog<UserEnding>;
  #sessions: EndingLog<Ending>;
  #epoch = 0;
  #clearedAt = 0;

  /** @param clock Returns the milliseconds since some moment, and does not jump. */
  constructor(clock: () => number) {
    this.#clock = clock;
    this.#users = new EndingLog(clock);
    this.#sessions = new EndingLog(clock);
  }

  /** The present epoch. */
  get epoch(): number {
    return this.#epoch;
  }

  /** Notes that `request` has reached the store, at the latest at `epoch`. */
  reached(request: unknown, epoch: number = this.#epoch): void {
    if (isObject(request) && this.#reachedAt(request) === undefined) {
      const reached: Reached = { owner: this, other: undefined, epoch };
      Stamp.put(request, reached);
    }
  }

  /** Returns the epoch at which `request` reached the store; `loadedAt`, if that is not known. */
  epochOf(request: object | undefined, loadedAt: number | undefined): number {
    if (this.#epoch === 0) return 0;
    return (request && this.#reachedAt(request)) ?? loadedAt ?? this.#epoch;
  }

  /**
   * Notes that the session of `sid` was destroyed. `isKept`: whether it was there,
   * so that those who had loaded it know that it is over.
   */
  destroy(sid: string, isKept: boolean): void {
    const ending = { epoch: ++this.#epoch, time: this.#clock() };
    this.#sessions.put(sid, ending, isKept);
  }

  /** Notes that all sessions were destroyed. */
  clear(): void {
    this.#clearedAt = ++this.#epoch;
    // All that it tells of is older.
    this.#sessions = new EndingLog(this.#clock);
  }

  /** Whether the session that something was loaded from has been destroyed since. */
  isOver(identity: Identity): boolean {
    return identity.isDestroyed || this.hasEnded(identity.sid, identity.epoch!);
  }

  /** Whether a session of `sid` that was there at `epoch` has been destroyed since. */
  hasEnded(sid: string, epoch: number): boolean {
    if (epoch === this.#epoch) return false;
    return epoch < this.#clearedAt || epoch < this.#sessions.epochOf(sid);
  }

  /** Revokes a user, but for the session `sid` and whatever `request` saves. */
  revoke(user: string, sid: string | undefined, request: object | undefined): void {
    const time = this.#clock();
    const revocations = this.#revocationsOf(user).filter((one) => !this.#covers(one, sid, request));
    if (revocations.length === MAX_OF_USER) {
      revocations.shift();
      revocations[0] = { ...revocations[0], sid: undefined, request: undefined };
    }
    const epoch = ++this.#epoch;
    revocations.push({ epoch, time, sid, request: request && new WeakRef(request) });
    this.#users.put(user, { epoch, time, revocations }, false);
  }

  /**
   * Whether `request`, or what it saves under `sid` if it is not known, began
   * before `user` was revoked, so that it must not sign that user in. `loadedAt`
   * is the epoch at which its session was loaded.
   */
  isStale(
    user: string,
    sid: string,
    request: object | undefined,
    loadedAt: number | undefined,
  ): boolean {
    // Nearly always nobody was revoked since.
    if (this.#users.isEmpty) return false;
    const epoch = this.epochOf(request, loadedAt);
    if (epoch === this.#epoch) return false;
    if (epoch < this.#users.epochDropped(user)) return true;
    return this.#revocationsOf(user).some((one) =>
      epoch < one.epoch && sid !== one.sid && (!request || request !== one.request?.deref())
    );
  }

  #revocationsOf(user: string): Revocation[] {
    const now = this.#clock();
    return this.#users.get(user)?.revocations.filter(({ time }) => !isOld(time, now)) ?? [];
  }

  /** Whether a revocation that spares `sid` and `request` stops all that the earlier `one` does. */
  #covers(one: Revocation, sid: string | undefined, request: object | undefined): boolean {
    if (sid !== undefined && sid !== one.sid) return false;
    if (!request || request === one.request?.deref()) return true;
    return (this.#reachedAt(request) ?? 0) >= one.epoch;
  }

  #reachedAt(request: object): number | undefined {
    return (Stamp.find(request, this) as Reached | undefined)?.epoch;
  }
}
