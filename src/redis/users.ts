// @ts-types="npm:@types/express-session@^1.18.0"
import type { SessionData } from "express-session";
import { requestOf } from "../core/overlaps/base_version.ts";
import { realMonotonicNow } from "../util/time.ts";
import type { BaseVersions } from "./base_version.ts";
import type { Connection } from "./clients.ts";
import { type KeptSessions, MAX_SAVE_MS } from "./kept_sessions.ts";
import { AT, hasMark, lifeArgument, readHead, userText } from "./record.ts";
import { ENROL, LEAVE, REVOKE } from "./scripts.ts";

/** How long a request may take that an ending still has to stop, in milliseconds. */
export const MAX_REQUEST_MS = 10 * 60_000;

/** How many revocations of one user are remembered one by one. */
const MAX_REVOCATIONS = 100;

/** More than any user has: Lua has no word for it. */
const MAX_COUNT = 1e15;

/** A session in the index of its user. */
export interface Member {
  readonly sid: string;
  readonly lastUsed: number;
}

/** A session that is to be entered, and when its request began. */
export interface Applicant {
  readonly sid: string;
  readonly live: SessionData;
  readonly begin: number;
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
  readonly #kept: KeptSessions;
  readonly #bases: BaseVersions;

  constructor(kept: KeptSessions, bases: BaseVersions) {
    this.#kept = kept;
    this.#bases = bases;
  }

  /**
   * Enters a session that lives for `life` ms into the index of `user`.
   *
   * @param isSignIn Whether it is stale if the user was revoked since its request began.
   * @param isAdopted Whether another store has written the session.
   */
  async enrol(
    applicant: Applicant,
    user: string,
    life: number,
    isSignIn: boolean,
    isAdopted: boolean,
  ): Promise<Enrolment> {
    const enrolment = await this.#enrol(applicant, user, life, isSignIn, isAdopted);
    if (!enrolment.isStale) return enrolment;
    // The request may have begun a moment later than we can tell: look at the clock more closely.
    await this.#kept.readClock();
    return await this.#enrol(applicant, user, life, isSignIn, isAdopted);
  }

  async #enrol(
    { sid, live, begin }: Applicant,
    user: string,
    life: number,
    isSignIn: boolean,
    isAdopted: boolean,
  ): Promise<Enrolment> {
    const { connection, keys, clock, options } = this.#kept;
    const [at, verdict] = await connection.run(ENROL, keys.ofUser(user), [
      idText(sid),
      isSignIn ? String(clock.at(begin)) : "",
      isSignIn && this.#bases.markOf(requestOf(live)) || "+",
      String(Math.min(options.maxSessionsPerUser, MAX_COUNT)),
      // A session that lives on enters again every now and then.
      lifeArgument(2 * life),
      isAdopted ? "1" : "",
    ]) as [string, string];
    this.#kept.hear(at);
    return { at, isStale: verdict === "stale", isFull: verdict === "many" };
  }

  /** Notes that `user` is revoked, but for a session and a request. Returns the ids in the index. */
  async revoke(
    user: string,
    spared: string | undefined,
    mark: string | undefined,
    connection: Connection,
  ): Promise<{ at: string; sids: string[] }> {
    const [at, members] = await connection.run(REVOKE, this.#kept.keys.ofUser(user), [
      spared === undefined ? "-" : idText(spared),
      mark ?? "-",
      String(MAX_REQUEST_MS),
      String(MAX_REVOCATIONS),
    ]) as [string, string[]];
    this.#kept.hear(at);
    return { at, sids: members.map(sidOf) };
  }

  /** Takes sessions out of the index of `user`, unless they were entered after `upTo`. */
  async leave(user: string, upTo: string | number, sids: string[]): Promise<void> {
    if (sids.length === 0) return;
    const [index] = this.#kept.keys.ofUser(user);
    await this.#kept.connection.run(LEAVE, [index], [String(upTo), ...sids.map(idText)]);
  }

  /** Returns the live sessions of `user`, the most recently used first. */
  async membersOf(user: string, now: number): Promise<Member[]> {
    const [index] = this.#kept.keys.ofUser(user);
    const reply = await this.#kept.connection.send(index, [
      "ZRANGE",
      index,
      "0",
      "-1",
      "WITHSCORES",
    ]);
    // The newer protocol nests the pairs.
    const pairs = (reply as unknown[]).flat() as (string | number)[];
    const sids = pairs.filter((_, n) => n % 2 === 0).map((text) => sidOf(String(text)));
    const wanted = userText(user) + '"';
    const heads = await Promise.all(sids.map((sid) => this.#head(sid, AT.user + wanted.length)));
    const live: Member[] = [];
    const dead: string[] = [];
    const saved = this.#kept.clock.at(realMonotonicNow()) - 2 * MAX_SAVE_MS * 1000;
    sids.forEach((sid, n) => {
      const head = heads[n];
      const { lastUsed, expires } = readHead(head);
      if (hasMark(head) && head.slice(AT.user) === wanted && expires > now) {
        live.push({ sid, lastUsed });
      } // One that was entered a moment ago may be saved a moment later.
      else if (!head || hasMark(head)) {
        if (Math.abs(Number(pairs[2 * n + 1])) < saved) dead.push(sid);
      }
    });
    await this.leave(user, saved, dead);
    // Of those that were used at the same time, the last to be entered comes first.
    return live.reverse().sort((a, b) => b.lastUsed - a.lastUsed);
  }

  /** Returns the ids that were entered since `time` for sessions of another store. */
  async adoptedSince(user: string, time: string): Promise<string[]> {
    const [index] = this.#kept.keys.ofUser(user);
    const args = ["ZRANGEBYSCORE", index, "-inf", `(-${time}`];
    return (await this.#kept.connection.send(index, args) as string[]).map(sidOf);
  }

  async #head(sid: string, length: number): Promise<string> {
    const key = this.#kept.keys.session(sid);
    return await this.#kept.connection.send(key, [
      "GETRANGE",
      key,
      "0",
      String(length - 1),
    ]) as string;
  }
}

/** An id without spaces, as indexes and messages have it. */
export function idText(sid: string): string {
  return "=" + encodeURIComponent(sid);
}

/** The id in such a text. */
export function sidOf(text: string): string {
  return decodeURIComponent(text.slice(1));
}
