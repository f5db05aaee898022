// @ts-types="npm:@types/express-session@^1.18.0"
import type { SessionData } from "express-session";
import { isActivity, KEEP } from "../core/answers.ts";
import type { Restore } from "../core/port.ts";
import type { SessionInfo } from "../core/vault/entry.ts";
import { invalid, invalidResult, isObject, isThenable } from "../util/errors.ts";
import { sizeOfText } from "../util/sizes.ts";
import { now, realMonotonicNow } from "../util/time.ts";
import { type ListedUser, UserTally } from "../util/user_list.ts";
import { BaseVersions } from "./base_version.ts";
import type { Connection } from "./clients.ts";
import { Ender } from "./ender.ts";
import { Importer } from "./importer.ts";
import { KeptSessions, MAX_TRIES, type Surroundings, tooBusy } from "./kept_sessions.ts";
import { type Keys, wellFormed } from "./keys.ts";
import type { ResolvedRedisOptions } from "./options.ts";
import type { StoredSession } from "./record.ts";
import { Saver } from "./saver.ts";
import { Toucher } from "./toucher.ts";
import { Turns } from "./turns.ts";
import { Users } from "./users.ts";
import { Walker } from "./walker.ts";

/** The engine: what each call does to the sessions that Redis keeps. */
export class RedisSessions {
  readonly #kept: KeptSessions;
  readonly #bases = new BaseVersions();
  readonly #turns = new Turns();
  readonly #users: Users;
  readonly #walker: Walker;
  readonly #ender: Ender;
  readonly #saver: Saver;
  readonly #toucher: Toucher;
  readonly #importer: Importer;

  constructor(
    connection: Connection,
    keys: Keys,
    options: ResolvedRedisOptions,
    surroundings: Surroundings,
  ) {
    const kept = this.#kept = new KeptSessions(connection, keys, options, surroundings);
    const users = this.#users = new Users(kept, this.#bases);
    this.#walker = new Walker(kept);
    const ender = this.#ender = new Ender(kept, this.#bases, users, this.#walker);
    this.#saver = new Saver(kept, this.#bases, users, ender);
    this.#toucher = new Toucher(kept, this.#bases, users, ender);
    this.#importer = new Importer(kept, users, ender, this.#walker, this.#turns);
  }

  /** Returns a fresh copy of the session of `sid`, and notes that it was asked for. */
  async get(sid: string): Promise<SessionData | undefined> {
    const begin = realMonotonicNow();
    const key = this.#kept.keys.session(sid);
    const kept = this.#kept.received(await this.#kept.connection.send(key, ["GET", key]));
    if (!kept) {
      this.#kept.counters.misses++;
      return undefined;
    }
    this.#kept.counters.hits++;
    const session = this.#kept.parse(kept);
    this.#bases.loaded(session, sid, this.#toucher.returned(sid, kept, session), begin);
    return session;
  }

  /** Saves `session`, unless it comes too late; merges it if another save was faster. */
  async save(sid: string, session: SessionData): Promise<void> {
    try {
      const pending = this.#saver.begin(sid, session, false);
      const saved = this.#turns.take(sid, () => this.#saver.save(pending));
      pending.leaveLive();
      await saved;
    } catch (error) {
      throw this.#kept.rejected(error);
    }
  }

  /** Replaces the kept cookie of `sid` by that of `session`, and extends the life. */
  async touch(sid: string, session: SessionData): Promise<void> {
    try {
      if (!isObject(session)) throw invalid(TypeError, KEEP, "session must be an object", session);
      if (!isActivity(session, this.#kept.options)) return;
      const base = this.#bases.of(session, sid);
      if (base?.isOver) return;
      await this.#turns.take(sid, () => this.#toucher.touch(sid, session, base));
    } catch (error) {
      throw this.#kept.rejected(error);
    }
  }

  /** Forgets the session of `sid`, and whatever a request that had loaded it saves later. */
  async destroy(sid: string): Promise<void> {
    await this.#turns.take(sid, () => this.#ender.destroy(sid));
    await this.#ender.confirm();
  }

  /**
   * Calls `change` with a fresh copy of the session of `sid` and saves the
   * result in its place; again, if another save was faster. Returns the session
   * as it is kept then.
   */
  async update(
    sid: string,
    change: (session: SessionData) => unknown,
    user?: string,
  ): Promise<SessionData | undefined> {
    return await this.#counted(() => this.#turns.take(sid, () => this.#update(sid, change, user)));
  }

  /**
   * Does the same for each session of a user, the most recently used first.
   * Returns how many are kept then. What `change` throws ends it.
   */
  async updateUser(user: string, change: (session: SessionData) => unknown): Promise<number> {
    let updated = 0;
    for (const { sid } of await this.#users.membersOf(user, now())) {
      if (await this.update(sid, change, user)) updated++;
    }
    return updated;
  }

  /** Returns what is known of the session of `sid`. This is no use of it. */
  async info(sid: string): Promise<SessionInfo | undefined> {
    const begin = realMonotonicNow();
    const kept = await this.#kept.read(sid);
    return kept && this.#infoOf(sid, await this.#kept.withLife(sid, kept), begin);
  }

  /** Returns what is known of each session of a user, the most recently used first. */
  async sessionsOfUser(user: string): Promise<SessionInfo[]> {
    const begin = realMonotonicNow();
    const members = await this.#users.membersOf(user, now());
    const all = await Promise.all(members.map(async ({ sid }) => {
      const kept = await this.#kept.read(sid);
      return kept?.user === user ? [this.#infoOf(sid, kept, begin)] : [];
    }));
    return all.flat();
  }

  /** Destroys the sessions of a user: {@linkcode Ender.revokeUser}. */
  revokeUser(
    user: string,
    spared: string | undefined,
    request: object | undefined,
  ): Promise<number> {
    return this.#ender.revokeUser(user, spared, request);
  }

  /** Forgets all sessions, and whatever a request that had loaded one saves later. */
  clear(): Promise<void> {
    return this.#ender.clear();
  }

  /** Closes what the engine has opened itself. */
  close(): void {
    this.#ender.close();
  }

  /** Iterates over the live sessions, in parts: those that are there all the time, each once. */
  async *entries(): AsyncGenerator<[sid: string, session: SessionData], void, undefined> {
    for await (const [sid, kept, begin] of this.#walker.sessions()) {
      const session = this.#kept.parse(kept);
      this.#bases.loaded(session, sid, kept, begin);
      yield [sid, session];
    }
  }

  /** Iterates over the ids of the live sessions, in parts. */
  ids(): AsyncGenerator<string, void, undefined> {
    return this.#walker.ids();
  }

  /** Gives a mark to every session that another store has written. Returns how many there were. */
  adopt(): Promise<number> {
    return this.#importer.adopt();
  }

  /** Lists the users that have a session. */
  async users(): Promise<ListedUser[]> {
    const users = new UserTally();
    for await (const [, { user, lastUsed }] of this.#walker.sessions()) users.add(user, lastUsed);
    return users.list();
  }

  /**
   * Returns what takes the sessions of a transfer that begins now. What is signed
   * out here from now on stays so, whatever arrives later.
   */
  restorer(): Restore {
    const begin = realMonotonicNow();
    // Without an answer, what has ended shortly before stays away as well: that is safe.
    const ready = this.#kept.readClock().catch(() => {});
    return async (arrival) => {
      await ready;
      const sid = wellFormed(arrival.sid);
      return await this.#counted(() =>
        this.#turns.take(sid, () => this.#importer.restore({ ...arrival, sid }, begin))
      );
    };
  }

  stats() {
    return { ...this.#kept.counters };
  }

  /** Asks Redis for its time: the fastest of some answers counts. */
  readClock(): Promise<void> {
    return this.#kept.readClock();
  }

  /** Announces what a process has ended. */
  heard(message: string): void {
    this.#ender.heard(message);
  }

  /** Notes that a request has reached the store without a session. */
  reached(request: unknown): void {
    this.#bases.reached(request, realMonotonicNow());
  }

  /** Notes that `made` is a new session of a request. */
  generated(request: unknown, made: unknown): void {
    if (isObject(made)) this.#bases.generated(request, made as SessionData);
  }

  /** Notes that `made`, the session of a request, was made of what was loaded as `loaded`. */
  created(request: unknown, loaded: SessionData, made: SessionData): void {
    this.#bases.created(request, loaded, made, realMonotonicNow());
    const base = this.#bases.find(made);
    // Nobody waits for that: the session itself is loaded.
    if (base && this.#kept.options.idleTimeout !== Infinity) {
      this.#toucher.extend(made, base).catch(() => {});
    }
  }

  async #counted<Result>(work: () => Promise<Result>): Promise<Result> {
    try {
      return await work();
    } catch (error) {
      throw this.#kept.rejected(error);
    }
  }

  async #update(
    sid: string,
    change: (session: SessionData) => unknown,
    user: string | undefined,
  ): Promise<SessionData | undefined> {
    for (let tries = 0; tries < MAX_TRIES; tries++) {
      const begin = realMonotonicNow();
      const kept = await this.#kept.read(sid);
      if (!kept || user !== undefined && kept.user !== user) return undefined;
      const session = this.#kept.parse(kept);
      this.#bases.loaded(session, sid, kept, begin);
      const result = change(session);
      if (isThenable(result)) {
        throw invalidResult("update session", "change must not return a promise", result);
      }
      const pending = this.#saver.begin(sid, session, true);
      const saving = this.#saver.save(pending);
      pending.leaveLive();
      const saved = await saving;
      if (saved === "overtaken") continue;
      if (!saved) return undefined;
      const updated = this.#kept.parse(saved);
      this.#bases.loaded(updated, sid, saved, begin);
      return updated;
    }
    throw tooBusy();
  }

  #infoOf(sid: string, kept: StoredSession, begin: number): SessionInfo {
    const session = this.#kept.parse(kept);
    this.#bases.loaded(session, sid, kept, begin);
    const end = new Date(kept.expires);
    return {
      sid,
      session,
      user: kept.isMarked ? kept.user : this.#kept.userOf(session, sid),
      rank: kept.rank,
      bytes: sizeOfText(kept.text),
      created: new Date(kept.created),
      lastUsed: new Date(kept.lastUsed),
      expires: Number.isNaN(end.getTime()) ? undefined : end,
    };
  }
}
