import { realMonotonicNow } from "../util/time.ts";
import type { Connection } from "./clients.ts";
import type { ServerClock } from "./clock.ts";
import type { Keys } from "./keys.ts";
import { AT, isMarked, readHead, userText } from "./record.ts";
import { ENROL, LEAVE, REVOKE } from "./scripts.ts";

/** How long a request may take that an ending still has to stop, in milliseconds. */
export const MAX_REQUEST_MS = 10 * 60_000;

/** How long after its entry into an index a session may still be saved, in milliseconds. */
export const MAX_SAVE_MS = 30_000;

/** How many revocations of one user are remembered one by one. */
const MAX_REVOCATIONS = 100;

/** More than any user has: Lua has no word for it. */
const MAX_COUNT = 1e15;

/** A session in the index of its user. */
export interface Member {
  readonly sid: string;
  readonly lastUsed: number;
}

/** What a sign-in, or another save, has to know before it may be sent. */
export interface Enrolment {
  /** When it was entered into the index, by the clock of Redis in microseconds. */
  readonly at: string;
  /** Whether the user was revoked since the request began. */
  readonly isStale: boolean;
  /** Whether the index has more sessions than a user may have. */
  readonly isFull: boolean;
}

/**
 * The sessions of each user. An index is a hint: it may name sessions that are
 * no more, and the session itself says whose it is. But it names every session
 * that is saved, since a session is entered before.
 */
export class Users {
  readonly #connection: Connection;
  readonly #keys: Keys;
  readonly #clock: ServerClock;

  constructor(connection: Connection, keys: Keys, clock: ServerClock) {
    this.#connection = connection;
    this.#keys = keys;
    this.#clock = clock;
  }

  /**
   * Enters `sid` into the index of `user`, which lives for `life` ms at least.
   *
   * @param signIn When the request began that signs the user in, if it is a sign-in, and its mark.
   * @param isAdopted Whether another store has written the session.
   */
  async enrol(
    user: string,
    sid: string,
    life: number,
    maxSessions: number,
    signIn?: { begin: number; mark: string | undefined },
    isAdopted = false,
  ): Promise<Enrolment> {
    const [at, verdict] = await this.#connection.run(ENROL, this.#keys.ofUser(user), [
      idText(sid),
      signIn ? String(signIn.begin) : "",
      signIn?.mark ?? "+",
      String(Math.min(maxSessions, MAX_COUNT)),
      lifeArgument(life),
      isAdopted ? "1" : "",
    ]) as [string, string];
    this.#hear(at);
    return { at, isStale: verdict === "stale", isFull: verdict === "many" };
  }

  /** Notes that `user` is revoked, but for a session and a request. Returns the ids in the index. */
  async revoke(
    user: string,
    spared: string | undefined,
    mark: string | undefined,
    connection: Connection = this.#connection,
  ): Promise<{ at: string; sids: string[] }> {
    const [at, members] = await connection.run(REVOKE, this.#keys.ofUser(user), [
      spared === undefined ? "-" : idText(spared),
      mark ?? "-",
      String(MAX_REQUEST_MS),
      String(MAX_REVOCATIONS),
    ]) as [string, string[]];
    this.#hear(at);
    return { at, sids: members.map(sidOf) };
  }

  /** Takes sessions out of the index of `user`, unless they were entered after `upTo`. */
  async leave(user: string, upTo: string | number, sids: string[]): Promise<void> {
    if (sids.length === 0) return;
    const [index] = this.#keys.ofUser(user);
    await this.#connection.run(LEAVE, [index], [String(upTo), ...sids.map(idText)]);
  }

  /** Returns the live sessions of `user`, the most recently used first. */
  async membersOf(user: string, now: number): Promise<Member[]> {
    const [index] = this.#keys.ofUser(user);
    const reply = await this.#connection.send(index, ["ZRANGE", index, "0", "-1", "WITHSCORES"]);
    // The newer protocol nests the pairs.
    const pairs = (reply as unknown[]).flat() as (string | number)[];
    const sids = pairs.filter((_, n) => n % 2 === 0).map((text) => sidOf(String(text)));
    const wanted = userText(user) + '"';
    const heads = await Promise.all(sids.map((sid) => this.#head(sid, AT.user + wanted.length)));
    const live: Member[] = [];
    const dead: string[] = [];
    const saved = this.#clock.at(realMonotonicNow()) - 2 * MAX_SAVE_MS * 1000;
    sids.forEach((sid, n) => {
      const head = heads[n];
      const { lastUsed, expires } = readHead(head);
      if (isMarked(head) && head.slice(AT.user) === wanted && expires > now) {
        live.push({ sid, lastUsed });
      } // One that was entered a moment ago may be saved a moment later.
      else if (!head || isMarked(head)) {
        if (Math.abs(Number(pairs[2 * n + 1])) < saved) dead.push(sid);
      }
    });
    await this.leave(user, saved, dead);
    // Of those that were used at the same time, the last to be entered comes first.
    return live.reverse().sort((a, b) => b.lastUsed - a.lastUsed);
  }

  /** Returns the ids that were entered since `time` for sessions of another store. */
  async adoptedSince(user: string, time: string): Promise<string[]> {
    const [index] = this.#keys.ofUser(user);
    const args = ["ZRANGEBYSCORE", index, "-inf", `(-${time}`];
    return (await this.#connection.send(index, args) as string[]).map(sidOf);
  }

  async #head(sid: string, length: number): Promise<string> {
    const key = this.#keys.session(sid);
    return await this.#connection.send(key, ["GETRANGE", key, "0", String(length - 1)]) as string;
  }

  #hear(time: string): void {
    if (!this.#connection.isCluster) this.#clock.hear(Number(time));
  }
}

/** A life in ms, as the scripts take it. */
export function lifeArgument(life: number): string {
  return life === Infinity ? "" : String(Math.max(1, Math.ceil(life)));
}

/** An id without spaces, as indexes and messages have it. */
export function idText(sid: string): string {
  return "=" + encodeURIComponent(sid);
}

/** The id in such a text. */
export function sidOf(text: string): string {
  return decodeURIComponent(text.slice(1));
}
