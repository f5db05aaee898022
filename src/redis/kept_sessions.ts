// @ts-types="npm:@types/express-session@^1.18.0"
import type { SessionData } from "express-session";
import { KEEP, userOf } from "../core/answers.ts";
import { readBackFor } from "../core/record/read_back.ts";
import { parse } from "../core/record/record.ts";
import { asksSession } from "../core/record/expiry.ts";
import { failure } from "../util/errors.ts";
import { now } from "../util/time.ts";
import type { BaseVersion } from "./base_version.ts";
import type { Connection } from "./clients.ts";
import { ServerClock } from "./clock.ts";
import { type Keys, wellFormed } from "./keys.ts";
import type { ResolvedRedisOptions } from "./options.ts";
import { type Content, randomId, stored, StoredSession } from "./record.ts";
import { SAVE, type Script } from "./scripts.ts";
import type { LembroRedisEvents } from "./types.ts";

/** How often a call tries to be faster than other processes. */
export const MAX_TRIES = 100;

/** How long after its entry into an index a session may still be saved, in milliseconds. */
export const MAX_SAVE_MS = 30_000;

/** How often Redis is asked for its time in a row. */
const CLOCK_READINGS = 3;

/** What the engine needs of its surroundings. */
export interface Surroundings {
  /** Calls `args` later, if anybody wants to know of `event`. */
  announce<E extends keyof LembroRedisEvents>(event: E, args: () => LembroRedisEvents[E]): void;
  /** Whether what this process ends comes back to it by a subscription. */
  readonly hearsItself: boolean;
}

/** Which version a save expects to find. */
export type Mode = "marked" | "unmarked" | "absent" | "any";

/** What {@linkcode SAVE} writes. Lives are in milliseconds, as scripts take them. */
export interface Write {
  readonly raw: string;
  readonly life: string;
  /** Nothing is written if the session has ended since then. */
  readonly since?: string | undefined;
  /** When it was entered into the index of its user, if it signs one in. */
  readonly enteredAt?: string | undefined;
  /** The life in the mark, and its length, if there is a session already. */
  readonly ifThere?: [mark: string, life: string] | undefined;
}

/** What Redis keeps of the sessions of a store, and what each call needs of it. */
export class KeptSessions {
  readonly clock = new ServerClock();
  /** Whether the functions among the options look at the data of a session when it is touched. */
  readonly asksSession: boolean;
  /** Returns what the functions among the options are asked about. */
  readonly readBack: (session: SessionData) => SessionData;
  readonly counters = {
    hits: 0,
    misses: 0,
    saves: 0,
    touches: 0,
    merges: 0,
    conflicts: 0,
    lateWrites: 0,
    revoked: 0,
    rejected: 0,
    listsTakenWhole: 0,
  };
  /**
   * Whether this process has looked for sessions of another store. What Redis says
   * may be of a time before: the app may have gone back to that store since.
   */
  #hasLooked = false;

  constructor(
    readonly connection: Connection,
    readonly keys: Keys,
    readonly options: ResolvedRedisOptions,
    readonly surroundings: Surroundings,
  ) {
    this.asksSession = asksSession(options);
    this.readBack = readBackFor(options);
  }

  /** Asks Redis for its time, some times: the fastest answer counts. */
  async readClock(): Promise<void> {
    for (let n = 0; n < CLOCK_READINGS; n++) {
      for (const [server, time] of await this.connection.times()) this.clock.hear(time, server);
    }
  }

  /** Notes the time that a script has told. The servers of a cluster have each their own. */
  hear(time: unknown): void {
    if (time && !this.connection.isCluster) this.clock.hear(Number(time));
  }

  /** Runs a script on the session of an id. */
  run(script: Script, sid: string, args: string[]): Promise<unknown> {
    const keys = script === SAVE ? this.keys.ofSession(sid) : [this.keys.session(sid)];
    return this.connection.run(script, keys, args);
  }

  /** Writes a session by {@linkcode SAVE}. Returns the script's answer. */
  write(
    sid: string,
    mode: Mode,
    guard: string,
    { raw, life, since = "", enteredAt = "", ifThere = ["", ""] }: Write,
  ): Promise<unknown> {
    const longest = String(MAX_SAVE_MS * 1000);
    const args = [mode, guard, raw, life, since, enteredAt, longest, ...ifThere];
    return this.run(SAVE, sid, args);
  }

  /** Returns what is kept under an id, if it is alive. */
  async read(sid: string): Promise<StoredSession | undefined> {
    const key = this.keys.session(sid);
    return this.received(await this.connection.send(key, ["GET", key]));
  }

  /** Reads what Redis has answered. */
  received(raw: unknown): StoredSession | undefined {
    if (typeof raw !== "string") return undefined;
    const time = now();
    const kept = new StoredSession(raw, time);
    if (!kept.isMarked) this.#metUnmarked();
    return kept.expires > time ? kept : undefined;
  }

  parse(kept: StoredSession): SessionData {
    return parse(kept.text, this.options.serializer);
  }

  userOf(session: SessionData, sid: string): string | undefined {
    const user = userOf(session, sid, this.options);
    return user === undefined ? undefined : wellFormed(user);
  }

  /** The next version of `kept`, or the first one. */
  next(kept: StoredSession | undefined, content: Content): StoredSession {
    return stored(kept?.identity || randomId(), randomId(), content);
  }

  /** Fills in how long a session of another store lives: Redis alone knows. */
  async withLife(sid: string, kept: StoredSession): Promise<StoredSession> {
    if (kept.isMarked) return kept;
    return new StoredSession(kept.raw, kept.met, now() + await this.lifeLeft(sid));
  }

  async lifeLeft(sid: string): Promise<number> {
    const key = this.keys.session(sid);
    const left = Number(await this.connection.send(key, ["PTTL", key]));
    return left === -1 ? Infinity : Math.max(0, left);
  }

  async wasCleared(begin: number): Promise<boolean> {
    const { cleared } = this.keys;
    const at = await this.connection.send(cleared, ["GET", cleared]);
    return at !== null && Number(at) >= this.clock.at(begin);
  }

  late(sid: string, base?: BaseVersion): undefined {
    if (base) base.isOver = true;
    this.counters.lateWrites++;
    this.surroundings.announce("late", () => [sid]);
  }

  rejected(error: unknown): unknown {
    this.counters.rejected++;
    return error;
  }

  /** Whether every session is known to have a mark. */
  async areAllMarked(): Promise<boolean> {
    const { adopted } = this.keys;
    return await this.connection.send(adopted, ["EXISTS", adopted]) === 1 && this.#hasLooked;
  }

  async noteAdopted(): Promise<void> {
    const { adopted } = this.keys;
    await this.connection.send(adopted, ["SET", adopted, "1"]);
    this.#hasLooked = true;
  }

  /** A session of another store was met: there may be more of them. */
  #metUnmarked(): void {
    const { adopted } = this.keys;
    this.connection.send(adopted, ["DEL", adopted]).catch(() => {});
  }
}

export function modeOf({ isMarked }: StoredSession): Mode {
  return isMarked ? "marked" : "unmarked";
}

/** Whether two versions are of different lives of an id. */
export function isOther(one: StoredSession, other: StoredSession): boolean {
  return one.isMarked && other.isMarked && one.identity !== other.identity;
}

export function tooBusy(): Error {
  const rule = `others changed it ${MAX_TRIES} times meanwhile`;
  return failure(Error, "ERR_LEMBRO_CONFLICT", `Cannot ${KEEP}: ${rule}`);
}
