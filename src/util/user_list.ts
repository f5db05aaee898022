/**
 * How the monitor asks a store who is signed in. Both engines answer, and a
 * store may come from another build of this package than the monitor.
 *
 * @module
 */

/** A user who has at least one session. */
export interface ListedUser {
  user: string;
  /** How many sessions the user has. */
  sessions: number;
  /** When one of them was last used, in milliseconds since the epoch. */
  lastUsed: number;
}

/** Counts the sessions of each user. */
export class UserTally {
  readonly #users = new Map<string, ListedUser>();

  /** Counts a session, which may have no user. */
  add(user: string | undefined, lastUsed: number): void {
    if (user === undefined) return;
    const known = this.#users.get(user);
    if (!known) this.#users.set(user, { user, sessions: 1, lastUsed });
    else {
      known.sessions++;
      known.lastUsed = Math.max(known.lastUsed, lastUsed);
    }
  }

  /** Returns the users that were counted. */
  list(): ListedUser[] {
    return [...this.#users.values()];
  }
}

/** A store that lists its users, each once, some hundreds at a time. */
export interface ListsUsers {
  [USERS](): AsyncIterable<ListedUser[]>;
}

/** Registered, for both builds; the number is the version of the interface. */
export const USERS: unique symbol = Symbol.for("express-lembro.users.1") as never;

/** How many users come at a time. */
const BATCH = 500;

/** Hands out users some at a time. */
export async function* inBatches(users: Promise<ListedUser[]>): AsyncGenerator<ListedUser[]> {
  const all = await users;
  for (let from = 0; from < all.length; from += BATCH) yield all.slice(from, from + BATCH);
}
