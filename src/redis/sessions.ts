import { createHash } from "node:crypto";
// @ts-types="npm:@types/express-session@^1.18.0"
import type { SessionData } from "express-session";
import { isActivity, isProtected, KEEP, userOf } from "../core/answers.ts";
import { requestOf } from "../core/overlaps/base_version.ts";
import type { Arrival, Outcome, Restore } from "../core/port.ts";
import { isOtherLifetime } from "../core/overlaps/merge_cookies.ts";
import { type Overlay, overlay, overlayCookie } from "../core/overlaps/overlay.ts";
import {
  type CookieData,
  dataOf,
  isoOf,
  plain,
  YEAR_10000,
} from "../core/record/cookie_template.ts";
import { asksSession, dateOf, earlierOf, endOf, expiryOf } from "../core/record/expiry.ts";
import { readBackFor } from "../core/record/read_back.ts";
import { parse, serialize } from "../core/record/record.ts";
import type { SessionInfo } from "../core/vault/entry.ts";
import type { Serializer } from "../options.ts";
import { failure, invalid, invalidResult, isObject, isThenable } from "../util/errors.ts";
import { getSize } from "../util/sizes.ts";
import { now, realMonotonicNow } from "../util/time.ts";
import { type BaseVersion, BaseVersions, versionOf } from "./base_version.ts";
import { Draft } from "./draft.ts";
import type { Connection, Duplicate } from "./clients.ts";
import { ServerClock } from "./clock.ts";
import type { Keys } from "./keys.ts";
import type { ResolvedRedisOptions } from "./options.ts";
import {
  AT,
  cookieFirst,
  flatCookieOf,
  isMarked,
  lifeText,
  randomId,
  read,
  readHead,
  stored,
  type StoredSession,
  userText,
  withLife,
} from "./record.ts";
import { CLEAR, END, SAVE, type Script, TOUCH, UPDATE } from "./scripts.ts";
import type { LembroRedisEvents } from "./types.ts";
import {
  type Enrolment,
  idText,
  lifeArgument,
  MAX_REQUEST_MS,
  MAX_SAVE_MS,
  sidOf,
  Users,
} from "./users.ts";
import { type ListedUser, UserTally } from "../util/user_list.ts";

/** How often a call tries to be faster than other processes. */
const MAX_TRIES = 100;

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
type Mode = "marked" | "unmarked" | "absent" | "any";

/**
 * The engine: what each call does to the sessions that Redis keeps. A save only
 * ever replaces the very version that it was made of; what is not there any more
 * was destroyed, unless its life was over. So what one process has ended stays
 * so, whatever another one has under way.
 */
export class RedisSessions {
  readonly options: ResolvedRedisOptions;
  readonly #connection: Connection;
  /** What replicas have to confirm goes through a connection of its own: a request need not wait for it. */
  #confirmed: Duplicate | undefined;
  readonly #keys: Keys;
  readonly #surroundings: Surroundings;
  readonly #clock = new ServerClock();
  readonly #users: Users;
  readonly #bases = new BaseVersions();
  readonly #asksSession: boolean;
  /** Returns what the functions among the options are asked about. */
  readonly #readBack: (session: SessionData) => SessionData;
  /**
   * Whether this process has looked for sessions of another store. What Redis says
   * may be of a time before: the app may have gone back to that store since.
   */
  #hasLooked = false;
  /** The last write of each id that is under way in this process: the next one waits for it. */
  readonly #turns = new Map<string, Promise<unknown>>();
  readonly #counters = {
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

  constructor(
    connection: Connection,
    keys: Keys,
    options: ResolvedRedisOptions,
    surroundings: Surroundings,
  ) {
    this.options = options;
    this.#connection = connection;
    this.#keys = keys;
    this.#surroundings = surroundings;
    this.#users = new Users(connection, keys, this.#clock);
    if (options.replicas > 0) this.#confirmed = connection.duplicate();
    this.#asksSession = asksSession(options);
    this.#readBack = readBackFor(options);
  }

  /** Asks Redis for its time, some times: the fastest answer counts. */
  async readClock(): Promise<void> {
    for (let n = 0; n < CLOCK_READINGS; n++) {
      for (const [server, time] of await this.#connection.times()) this.#clock.hear(time, server);
    }
  }

  /** Returns a fresh copy of the session of `sid`, and notes that it was asked for. */
  async get(sid: string): Promise<SessionData | undefined> {
    const begin = realMonotonicNow();
    const key = this.#keys.session(sid);
    const kept = this.#received(await this.#connection.send(key, ["GET", key]));
    if (!kept) {
      this.#counters.misses++;
      return undefined;
    }
    this.#counters.hits++;
    const session = this.#parse(kept);
    this.#bases.loaded(session, sid, this.#returned(sid, kept, session), begin);
    return session;
  }

  /** Saves `session`, unless it comes too late; merges it if another save was faster. */
  async save(sid: string, session: SessionData): Promise<void> {
    try {
      const draft = this.#draft(sid, session, false);
      const saved = this.#inTurn(sid, () => this.#save(draft));
      draft.leaveLive();
      await saved;
    } catch (error) {
      throw this.#rejected(error);
    }
  }

  /** Replaces the kept cookie of `sid` by that of `session`, and extends the life. */
  async touch(sid: string, session: SessionData): Promise<void> {
    try {
      if (!isObject(session)) throw invalid(TypeError, KEEP, "session must be an object", session);
      if (!isActivity(session, this.options)) return;
      const base = this.#bases.of(session, sid);
      if (base?.isOver) return;
      await this.#inTurn(sid, () => this.#touch(sid, session, base));
    } catch (error) {
      throw this.#rejected(error);
    }
  }

  /** Forgets the session of `sid`, and whatever a request that had loaded it saves later. */
  async destroy(sid: string): Promise<void> {
    await this.#inTurn(sid, () => this.#end(sid, "*"));
    await this.#confirm();
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
    return await this.#counted(() => this.#inTurn(sid, () => this.#update(sid, change, user)));
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
    const kept = await this.#read(sid);
    return kept && this.#infoOf(sid, await this.#withLife(sid, kept), begin);
  }

  /** Returns what is known of each session of a user, the most recently used first. */
  async sessionsOfUser(user: string): Promise<SessionInfo[]> {
    const begin = realMonotonicNow();
    const members = await this.#users.membersOf(user, now());
    const all = await Promise.all(members.map(async ({ sid }) => {
      const kept = await this.#read(sid);
      return kept?.user === user ? [this.#infoOf(sid, kept, begin)] : [];
    }));
    return all.flat();
  }

  /**
   * Destroys every session of a user but that with the id `spared`, and what
   * requests save of it that began before, unless it is `request` that does.
   * Returns how many sessions there were.
   */
  async revokeUser(
    user: string,
    spared: string | undefined,
    request: object | undefined,
  ): Promise<number> {
    if (request) this.#bases.reached(request, realMonotonicNow());
    const mark = this.#bases.markOf(request, true);
    const connection = await this.#endings();
    const { at, sids } = await this.#users.revoke(user, spared, mark, connection);
    const end = (sid: string) => this.#endOfUser(sid, user, at);
    const others = sids.filter((sid) => sid !== spared);
    const ended = await Promise.all(others.map(end));
    const unmarked = await this.#revokeUnmarked(user, spared, at);
    await this.#users.leave(user, at, others);
    const revoked = [...ended, ...unmarked].filter(Boolean).length;
    this.#counters.revoked += revoked;
    await this.#confirm();
    return revoked;
  }

  /** Forgets all sessions, and whatever a request that had loaded one saves later. */
  async clear(): Promise<void> {
    const { cleared, prefix, channel } = this.#keys;
    const connection = await this.#endings();
    const time = await connection.run(CLEAR, [cleared], [String(MAX_REQUEST_MS)]);
    if (!this.#connection.isCluster) this.#clock.hear(Number(time));
    for await (const keys of this.#connection.scan(prefix)) {
      const sessions = keys.filter((key) => this.#keys.sidOf(key) !== undefined);
      await Promise.all(sessions.map((key) => connection.send(key, ["UNLINK", key])));
    }
    await this.#connection.send(channel, ["PUBLISH", channel, "clear"]);
    if (!this.#surroundings.hearsItself) this.heard("clear");
    await this.#confirm();
  }

  /** Closes what the engine has opened itself. */
  close(): void {
    this.#confirmed?.close();
    this.#confirmed = undefined;
  }

  /** Iterates over the live sessions, in parts: those that are there all the time, each once. */
  async *entries(): AsyncGenerator<[sid: string, session: SessionData], void, undefined> {
    for await (const [sid, kept, begin] of this.#all()) {
      const session = this.#parse(kept);
      this.#bases.loaded(session, sid, kept, begin);
      yield [sid, session];
    }
  }

  /** Lists the users that have a session. */
  async users(): Promise<ListedUser[]> {
    const users = new UserTally();
    for await (const [, { user, lastUsed }] of this.#all()) users.add(user, lastUsed);
    return users.list();
  }

  /** Iterates over the ids of the live sessions, in parts. */
  async *ids(): AsyncGenerator<string, void, undefined> {
    for await (const part of this.#keysOfSessions()) {
      const heads = await this.#heads(part);
      for (const [n, [sid]] of part.entries()) {
        const head = heads[n];
        if (head && (!isMarked(head) || readHead(head).expires > now())) yield sid;
      }
    }
  }

  /** Gives a mark to every session that another store has written. Returns how many there were. */
  async adopt(): Promise<number> {
    let adopted = 0;
    for await (const [sid, kept] of this.#unmarked()) {
      await this.#inTurn(sid, async () => {
        const session = this.#parse(kept);
        const life = await this.#lifeLeft(sid);
        const user = this.#userOf(session, sid);
        const draft = { sid, live: session, begin: -Infinity };
        const at = user === undefined ? "" : (await this.#enrol(draft, user, life, false, true)).at;
        const expires = now() + life;
        const text = cookieFirst(kept.text, this.options.serializer);
        const times = { created: kept.created, lastUsed: kept.lastUsed, expires };
        const indexed = user === undefined ? 0 : expires + life;
        const { raw } = this.#next(kept, { ...times, rank: kept.rank, indexed, user, text });
        const reply = await this.#run(SAVE, sid, [
          ...["unmarked", sha1(kept.raw), raw, lifeArgument(life), at, at],
          ...[String(MAX_SAVE_MS * 1000), "", ""],
        ]);
        if (reply === 1) adopted++;
      });
    }
    await this.#noteAdopted();
    return adopted;
  }

  /**
   * Returns what takes the sessions of a transfer that begins now. What is signed
   * out here from now on stays so, whatever arrives later.
   */
  restorer(): Restore {
    const begin = realMonotonicNow();
    // Without an answer, what has ended shortly before stays away as well: that is safe.
    const ready = this.readClock().catch(() => {});
    return async (arrival) => {
      await ready;
      const sid = wellFormed(arrival.sid);
      return await this.#counted(() =>
        this.#inTurn(sid, () => this.#restore({ ...arrival, sid }, begin))
      );
    };
  }

  stats() {
    return { ...this.#counters };
  }

  /** Notes that a request has reached the store without a session. */
  reached(request: unknown): void {
    this.#bases.renewed(request, realMonotonicNow());
  }

  /** Notes that `made`, the session of a request, was made of what was loaded as `loaded`. */
  created(request: unknown, loaded: SessionData, made: SessionData): void {
    this.#bases.created(request, loaded, made, realMonotonicNow());
    const base = this.#bases.find(made);
    // Nobody waits for that: the session itself is loaded.
    if (base && this.options.idleTimeout !== Infinity) this.#extend(made, base).catch(() => {});
  }

  /** Announces what a process has ended. */
  heard(message: string): void {
    if (message === "clear") return this.#surroundings.announce("clear", () => []);
    const end = message.indexOf("\n");
    const sid = sidOf(message.slice(0, end));
    const kept = read(message.slice(end + 1), now());
    if (kept.expires <= now()) return;
    this.#surroundings.announce("destroy", () => [sid, this.#lastOf(sid, kept)]);
  }

  /** What an event hands out counts as loaded, before whatever has ended it. */
  #lastOf(sid: string, kept: StoredSession): SessionData | undefined {
    try {
      const session = this.#parse(kept);
      this.#bases.loaded(session, sid, kept, -Infinity);
      return session;
    } catch {
      // The serializer can't read it: the listeners still have the id.
      return undefined;
    }
  }

  async #counted<Result>(work: () => Promise<Result>): Promise<Result> {
    try {
      return await work();
    } catch (error) {
      throw this.#rejected(error);
    }
  }

  #rejected(error: unknown): unknown {
    this.#counters.rejected++;
    return error;
  }

  /** Writes of one id wait for each other: what overtakes a save comes from another process. */
  #inTurn<Result>(sid: string, work: () => Promise<Result>): Promise<Result> {
    const before = this.#turns.get(sid);
    const turn = before ? before.then(work, work) : work();
    this.#turns.set(sid, turn);
    const end = () => {
      if (this.#turns.get(sid) === turn) this.#turns.delete(sid);
    };
    turn.then(end, end);
    return turn;
  }

  #run(script: Script, sid: string, args: string[]): Promise<unknown> {
    const keys = script === SAVE ? this.#keys.ofSession(sid) : [this.#keys.session(sid)];
    return this.#connection.run(script, keys, args);
  }

  /** Returns the connection for what ends sessions. */
  async #endings(): Promise<Connection> {
    if (!this.#confirmed) return this.#connection;
    await this.#confirmed.ready;
    return this.#confirmed.connection;
  }

  /** Waits for as many replicas as the options say. */
  async #confirm(): Promise<void> {
    await this.#confirmed?.connection.confirm(this.options.replicas);
  }

  /** Returns what is kept under an id, if it is alive. */
  async #read(sid: string): Promise<StoredSession | undefined> {
    const key = this.#keys.session(sid);
    return this.#received(await this.#connection.send(key, ["GET", key]));
  }

  #received(raw: unknown): StoredSession | undefined {
    if (typeof raw !== "string") return undefined;
    const time = now();
    const kept = read(raw, time);
    if (!kept.identity) this.#metUnmarked();
    return kept.expires > time ? kept : undefined;
  }

  #parse(kept: StoredSession): SessionData {
    return parse(kept.text, this.options.serializer);
  }

  /**
   * Notes that a newcomer was asked for: it gets the whole life that it has
   * since its last save. Nobody waits for that.
   */
  #returned(sid: string, kept: StoredSession, session: SessionData): StoredSession {
    if (kept.rank !== "newcomers") return kept;
    const { created, lastUsed } = kept;
    let expires: number;
    try {
      expires = expiryOf(session, sid, dateOf(session.cookie), lastUsed, created, this.options);
    } catch {
      // What an option throws fails a save, not a load.
      return kept;
    }
    const left = expires - now();
    if (left <= 0) return kept;
    const next = withLife(kept, { ...kept, rank: "returning", expires });
    // If somebody has used it in the meantime, it is no newcomer any more.
    const life = expires > kept.expires ? lifeArgument(left) : "keep";
    const args = [startOf(kept, AT.indexed), lifeText(next), life];
    this.#run(TOUCH, sid, args).catch(() => {});
    return next;
  }

  /**
   * Extends the life of what a request has loaded: a request under way is a use.
   * The date of the cookie, `ttl` and `absoluteTimeout` bound it as before. Less
   * than a hundredth is left to the end of the request.
   */
  async #extend(made: SessionData, base: BaseVersion): Promise<void> {
    const { sid, kept, isOver } = base;
    if (isOver || !kept.identity || !isActivity(made, this.options)) return;
    const session = this.#parse(kept);
    const time = now();
    const end = endOf(session, sid, dateOf(session.cookie), kept.lastUsed, this.options);
    const expires = earlierOf(end, session, sid, time, kept.created, this.options);
    const life = expires - time;
    if (expires - kept.expires < life / 100) return;
    const indexed = kept.user !== undefined && expires > kept.indexed
      ? expires + life
      : kept.indexed;
    const next = withLife(kept, { ...kept, expires, indexed });
    base.kept = next;
    if (indexed !== kept.indexed) {
      await this.#enrol({ sid, live: made, begin: base.begin }, kept.user!, life, false, false);
    }
    await this.#run(TOUCH, sid, [startOf(kept, AT.indexed), lifeText(next), lifeArgument(life)]);
  }

  /** Reads what is to be saved, as it is at the call. */
  #draft(sid: string, live: SessionData, isUpdate: boolean): Draft {
    if (!isObject(live)) throw invalid(TypeError, KEEP, "session must be an object", live);
    const { serializer } = this.options;
    return new Draft(
      sid,
      live,
      cookieFirst(serialize(live, serializer), serializer),
      serializer,
      this.#readBack(live),
      this.#bases.of(live, sid),
      this.#beginOf(live),
      !isUpdate && !isActivity(live, this.options),
      isUpdate,
    );
  }

  /**
   * Saves a draft. Returns what is kept of it, `undefined` if nothing is, and
   * "overtaken" if an update has to begin anew.
   */
  async #save(draft: Draft): Promise<StoredSession | "overtaken" | undefined> {
    const { sid, base, isPassive, isUpdate } = draft;
    if (base?.isOver) return this.#late(sid, base);
    let kept = base?.kept;
    let mode: Mode = kept ? modeOf(kept) : "any";
    if (!base && (isPassive || this.options.absoluteTimeout !== Infinity)) {
      // What it replaces decides how long it may live.
      kept = await this.#read(sid);
      mode = kept ? modeOf(kept) : "any";
    }
    /** Whether `kept` was read after the call. */
    let isFresh = false;
    let entered: Entered | undefined;
    for (let tries = 0; tries < MAX_TRIES; tries++) {
      const time = now();
      if ((isPassive || isUpdate) && kept && !kept.identity) kept = await this.#withLife(sid, kept);
      const plan = this.#plan(draft, kept, mode, isFresh, time);
      if (plan === "look again") {
        isFresh = true;
        kept = await this.#read(sid);
        if (!kept) return base!.kept.expires > time ? this.#late(sid, base) : undefined;
        if (isOther(kept, base!.kept)) return this.#late(sid, base);
        mode = modeOf(kept);
        continue;
      }
      if (plan === "nothing") return undefined;
      if (plan === "destroy") {
        await this.#end(sid, "*");
        return undefined;
      }
      const { next, life } = plan;
      const { user } = next;
      const isSignIn = user !== undefined && (user !== kept?.user || mode === "absent");
      const isIndexed = user === undefined || kept !== undefined && next.expires <= kept.indexed;
      if (isSignIn ? user !== entered?.user : !isIndexed) {
        const enrolment = await this.#enrol(draft, user!, life, isSignIn, mode === "unmarked");
        if (enrolment.isStale) return this.#late(sid);
        if (isSignIn) entered = { user: user!, ...enrolment };
      }
      let reply: unknown;
      try {
        reply = await this.#write(draft, plan, kept, mode, isSignIn ? entered?.at : undefined);
      } catch (error) {
        const { mine } = plan;
        const sent = { text: mine?.text ?? draft.text, isBehind: mine !== undefined };
        base?.unconfirmed.push({ revision: next.revision, ...sent });
        throw error;
      }
      if (reply === 1 || mode === "any" && typeof reply === "string") {
        const saved = reply === 1 ? plan.first ?? next : continued(next, reply as string);
        this.#saved(draft, saved, plan.mine, kept);
        if (entered?.isFull) await this.#limitUser(entered.user, sid);
        return saved;
      }
      if (reply === 0) return this.#late(sid, base);
      if (reply === -1) {
        // The process has stalled: whoever looked for the user's sessions may have missed this one.
        entered = undefined;
        continue;
      }
      this.#counters.conflicts++;
      isFresh = true;
      if (typeof reply !== "string" && !base) {
        kept = undefined;
        mode = "any";
        continue;
      }
      if (typeof reply !== "string") {
        // It was destroyed, unless its life was over by then: then the save creates it anew.
        if (kept!.expires > now() || await this.#wasCleared(base!.begin)) {
          return this.#late(sid, base);
        }
        if (isUpdate) return "overtaken";
        mode = "absent";
        continue;
      }
      const other = read(reply, now());
      if (other.identity && other.revision === next.revision) {
        // It was sent twice, since the answer got lost.
        this.#saved(draft, other, plan.mine, kept);
        return other;
      }
      if (base && (mode === "absent" || isOther(other, kept!))) return this.#late(sid, base);
      if (isUpdate) return "overtaken";
      kept = other;
      mode = modeOf(other);
    }
    throw tooBusy();
  }

  /** What is to be written of a draft, if `kept` is what it replaces. */
  #plan(
    draft: Draft,
    kept: StoredSession | undefined,
    mode: Mode,
    isFresh: boolean,
    time: number,
  ): Plan | "look again" | "nothing" | "destroy" {
    const { sid, base, isPassive, isUpdate } = draft;
    const { options } = this;
    const { serializer } = options;
    const isInPlace = (isPassive || isUpdate) && kept !== undefined && mode !== "absent";
    // A request that is no activity does not bring back what has expired.
    if (isPassive && base && !isInPlace) return "nothing";
    const isChanged = base && kept && (!isSame(base, kept) || base.isBehind || base.ownCookie);
    const mine = kept && mode !== "absent" && (isChanged || isPassive)
      ? overlay(draft.parsed, versionOf(base), kept, serializer, isPassive)
      : undefined;
    const session = mine?.session ?? draft.session;
    const date = mine ? dateOf(session.cookie) : draft.date;
    // A date that the request did not set itself ends nothing: it may have moved on meanwhile.
    const isDateLeft = base !== undefined && draft.date === base.date;
    const hasPassed = date !== undefined && date <= time;
    if (hasPassed && isDateLeft && !isFresh) return "look again";
    if (hasPassed && isDateLeft && !kept) return "nothing";
    const created = kept?.created ?? time;
    const expires = isInPlace || hasPassed && isDateLeft
      ? kept!.expires
      : expiryOf(session, sid, date, time, created, options);
    if (expires <= time) return isDateLeft && hasPassed ? "nothing" : "destroy";
    if (hasPassed && !isDateLeft && !isPassive) return "destroy";
    const user = this.#userOf(session, sid);
    const life = expires - time;
    const text = mine ? cookieFirst(serialize(session, serializer), serializer) : draft.text;
    const rank = isProtected(session, sid, options)
      ? "protected"
      : isInPlace && kept.rank === "newcomers"
      ? "newcomers"
      : "returning";
    const isIndexed = user !== undefined && user === kept?.user && expires <= kept.indexed;
    const next = this.#next(kept, {
      created,
      rank,
      lastUsed: isInPlace ? kept.lastUsed : time,
      expires,
      indexed: user === undefined ? 0 : isIndexed ? kept!.indexed : expires + life,
      user,
      text,
    });
    const isNewcomer = rank !== "protected" && !base && (!kept || mode === "absent");
    const { lastUsed, indexed } = next;
    const newcomer = { rank: "newcomers", lastUsed, indexed } as const;
    return {
      next,
      life,
      mine,
      first: isNewcomer
        ? withLife(next, { ...newcomer, expires: time + Math.min(life, options.newcomerTtl) })
        : undefined,
      isInPlace,
      mustFindTimes: isInPlace || isDateLeft && date !== undefined,
    };
  }

  /** Sends what is to be written. Returns the script's answer. */
  #write(
    { sid, base }: Draft,
    { next, life, first, isInPlace, mustFindTimes }: Plan,
    kept: StoredSession | undefined,
    mode: Mode,
    enteredAt: string | undefined,
  ): Promise<unknown> {
    const guard = mode === "marked"
      ? startOf(kept!, mustFindTimes ? AT.indexed : AT.created)
      : mode === "unmarked"
      ? sha1(kept!.raw)
      : "";
    const left = isInPlace && kept?.identity ? "keep" : lifeArgument(life);
    if (mode === "marked" && enteredAt === undefined) {
      return this.#run(UPDATE, sid, [guard, next.raw, left]);
    }
    const since = mode === "absent" && base ? String(this.#clock.at(base.begin)) : enteredAt ?? "";
    const ifNew = first
      ? [first.raw, lifeArgument(first.expires - first.lastUsed)]
      : [next.raw, left];
    const ifThere = first ? [lifeText(next), left] : ["", ""];
    return this.#run(SAVE, sid, [
      ...[mode, guard, ...ifNew, since, enteredAt ?? "", String(MAX_SAVE_MS * 1000)],
      ...ifThere,
    ]);
  }

  /** Counts a save, and notes what its session was then. */
  #saved(
    { sid, live, date, text, base, begin }: Draft,
    saved: StoredSession,
    mine: Overlay | undefined,
    kept: StoredSession | undefined,
  ): void {
    this.#counters.saves++;
    if (mine && base && kept?.revision !== base.kept.revision) this.#counters.merges++;
    this.#counters.listsTakenWhole += mine?.listsTakenWhole ?? 0;
    // Plain data that was never loaded stays plain: its next save is as plain.
    if (!base && (!requestOf(live) || this.#bases.find(live))) return;
    this.#bases.rebase(live, {
      sid,
      kept: saved,
      text: mine?.text ?? text,
      isBehind: mine !== undefined,
      ownCookie: mine?.ownCookie,
      date,
      begin: base?.begin ?? begin,
    });
  }

  async #update(
    sid: string,
    change: (session: SessionData) => unknown,
    user: string | undefined,
  ): Promise<SessionData | undefined> {
    for (let tries = 0; tries < MAX_TRIES; tries++) {
      const begin = realMonotonicNow();
      const kept = await this.#read(sid);
      if (!kept || user !== undefined && kept.user !== user) return undefined;
      const session = this.#parse(kept);
      this.#bases.loaded(session, sid, kept, begin);
      const result = change(session);
      if (isThenable(result)) {
        throw invalidResult("update session", "change must not return a promise", result);
      }
      const draft = this.#draft(sid, session, true);
      const saving = this.#save(draft);
      draft.leaveLive();
      const saved = await saving;
      if (saved === "overtaken") continue;
      if (!saved) return undefined;
      const updated = this.#parse(saved);
      this.#bases.loaded(updated, sid, saved, begin);
      return updated;
    }
    throw tooBusy();
  }

  async #touch(sid: string, session: SessionData, base: BaseVersion | undefined): Promise<void> {
    if (base?.isOver) return;
    let kept = base && base.kept.expires > now() ? base.kept : await this.#read(sid);
    for (let tries = 0; tries < MAX_TRIES; tries++) {
      const time = now();
      if (!kept || kept.expires <= time || base && isOther(kept, base.kept)) return;
      const plan = this.#planTouch(sid, session, base, kept, time);
      if (plan === "nothing") return;
      if (plan === "destroy") return void await this.#end(sid, "*");
      const { next, patch } = plan;
      const life = next.expires - time;
      let enteredAt = "";
      if (next.user !== undefined && next.indexed !== kept.indexed) {
        const draft = { sid, live: session, begin: this.#beginOf(session) };
        const isAdopted = !kept.identity;
        const enrolment = await this.#enrol(draft, next.user, life, isAdopted, isAdopted);
        if (enrolment.isStale) return;
        if (isAdopted) enteredAt = enrolment.at;
      }
      const guard = startOf(kept, AT.created);
      const reply = !kept.identity
        ? await this.#run(SAVE, sid, [
          ...["unmarked", sha1(kept.raw), next.raw, lifeArgument(life), enteredAt, enteredAt],
          ...[String(MAX_SAVE_MS * 1000), "", ""],
        ])
        : patch === undefined
        ? await this.#run(UPDATE, sid, [guard, next.raw, lifeArgument(life)])
        : await this.#run(TOUCH, sid, [guard, patch, lifeArgument(life)]);
      if (reply === 1) {
        this.#counters.touches++;
        if (base) rebaseCookie(base, next, session, plan.isMerged);
        return;
      }
      this.#counters.conflicts++;
      if (reply === 0) return;
      kept = typeof reply === "string"
        ? read(reply, now())
        : reply === -1
        ? await this.#read(sid)
        : undefined;
    }
    throw tooBusy();
  }

  /** What a touch makes of `kept`. */
  #planTouch(
    sid: string,
    session: SessionData,
    base: BaseVersion | undefined,
    kept: StoredSession,
    time: number,
  ): TouchPlan | "nothing" | "destroy" {
    const { options } = this;
    const { serializer } = options;
    const isUnchanged = base?.text === kept.text && !base.ownCookie;
    const merged = base && !isUnchanged
      ? overlayCookie(session.cookie, versionOf(base), kept, serializer, false)
      : undefined;
    const cookie = (merged ?? session.cookie) as SessionData["cookie"];
    const date = dateOf(cookie);
    const asked = this.#asksSession ? Object.assign(this.#parse(kept), { cookie }) : { cookie };
    const isDateLeft = base !== undefined && dateOf(session.cookie) === base.date;
    const expires = isDateLeft && date !== undefined && date <= time
      ? kept.expires
      : expiryOf(asked, sid, date, time, kept.created, options);
    if (expires <= time) return isDateLeft ? "nothing" : "destroy";
    const user = kept.identity ? kept.user : this.#userOf(this.#parse(kept), sid);
    const isIndexed = user === undefined || expires <= kept.indexed;
    const life = {
      rank: kept.rank === "newcomers" ? "returning" as const : kept.rank,
      lastUsed: time,
      expires,
      indexed: isIndexed ? kept.indexed : expires + (expires - time),
    };
    const dates = kept.identity ? dateInCookie(kept, cookie, date, serializer) : undefined;
    if (dates) {
      // Nothing but times has changed: they are written into the text that is there.
      const { raw, text } = kept;
      const { at, iso } = dates;
      const end = at + iso.length;
      const patch = lifeText(life) + raw.slice(AT.user, at) + iso;
      // The mark stands before the date.
      const inText = at - (raw.length - text.length);
      const next = {
        ...kept,
        ...life,
        text: iso ? text.slice(0, inText) + iso + text.slice(inText + iso.length) : text,
        raw: raw.slice(0, AT.rank) + patch + raw.slice(end),
      };
      return { next, patch, isMerged: merged !== undefined };
    }
    const whole = this.#parse(kept);
    whole.cookie = cookie;
    const text = cookieFirst(serialize(whole, serializer), serializer);
    const next = this.#next(kept, { ...life, created: kept.created, user, text });
    return { next, patch: undefined, isMerged: merged !== undefined };
  }

  /** Ends a session, if it is as `which` says. Returns it, and one of another store instead. */
  async #end(
    sid: string,
    which: string,
    at = "",
  ): Promise<{ ended: StoredSession | undefined; unmarked: StoredSession | undefined }> {
    const args = [which, at, String(MAX_REQUEST_MS), this.#keys.channel, idText(sid)];
    const keys = this.#keys.ofSession(sid);
    const connection = this.#confirmed ? await this.#endings() : this.#connection;
    const [time, text, unmarked] = await connection.run(END, keys, args) as string[];
    if (time && !this.#connection.isCluster) this.#clock.hear(Number(time));
    if (text && !this.#surroundings.hearsItself) this.heard(`${idText(sid)}\n${text}`);
    const ended = text ? read(text, now()) : undefined;
    return {
      ended: ended && ended.expires > now() ? ended : undefined,
      unmarked: unmarked ? read(unmarked, now()) : undefined,
    };
  }

  /** Ends a session if it is that of a user. Returns whether it was. */
  async #endOfUser(sid: string, user: string, at: string): Promise<boolean> {
    const { ended, unmarked } = await this.#end(sid, userText(user), at);
    if (unmarked) return await this.#endUnmarked(sid, unmarked, user, at);
    return ended !== undefined;
  }

  /** The same for one that another store has written: its mark doesn't say whose it is. */
  async #endUnmarked(
    sid: string,
    kept: StoredSession,
    user: string,
    at: string,
  ): Promise<boolean> {
    if (this.#userOf(this.#parse(kept), sid) !== user) return false;
    return (await this.#end(sid, `#${sha1(kept.raw)}`, at)).ended !== undefined;
  }

  /** Ends the sessions of a user that another store has written: no index knows of them. */
  async #revokeUnmarked(
    user: string,
    spared: string | undefined,
    at: string,
  ): Promise<boolean[]> {
    const { adopted } = this.#keys;
    const isAdopted = await this.#connection.send(adopted, ["EXISTS", adopted]) === 1;
    if (isAdopted && this.#hasLooked) return [];
    const ended: boolean[] = [];
    let isEmpty = true;
    for await (const [sid, kept] of this.#unmarked()) {
      isEmpty = false;
      if (sid !== spared) ended.push(await this.#endUnmarked(sid, kept, user, at));
    }
    // Others may have been marked before they were come to.
    for (const sid of await this.#users.adoptedSince(user, at)) {
      if (sid !== spared) ended.push(await this.#endOfUser(sid, user, at));
    }
    if (isEmpty) await this.#noteAdopted();
    return ended;
  }

  /** Destroys the least recently used sessions of `user` that are too many, but not that of `sid`. */
  async #limitUser(user: string, sid?: string): Promise<void> {
    const members = await this.#users.membersOf(user, now());
    const others = members.filter((member) => member.sid !== sid);
    const spared = sid === undefined ? 0 : 1;
    const tooMany = others.slice(Math.max(0, this.options.maxSessionsPerUser - spared));
    const ended = await Promise.all(
      tooMany.map((member) => this.#endOfUser(member.sid, user, "")),
    );
    this.#counters.revoked += ended.filter(Boolean).length;
    await this.#users.leave(
      user,
      this.#clock.at(realMonotonicNow()),
      tooMany.map((member) => member.sid),
    );
  }

  /** Enters a session into the index of its user. */
  async #enrol(
    { sid, live, begin }: Pick<Draft, "sid" | "live" | "begin">,
    user: string,
    life: number,
    isSignIn: boolean,
    isAdopted: boolean,
  ): Promise<Enrolment> {
    const mark = this.#bases.markOf(requestOf(live));
    const enrol = () =>
      this.#users.enrol(
        user,
        sid,
        // A session that lives on enters again every now and then.
        2 * life,
        this.options.maxSessionsPerUser,
        isSignIn ? { begin: this.#clock.at(begin), mark } : undefined,
        isAdopted,
      );
    const enrolment = await enrol();
    if (!enrolment.isStale) return enrolment;
    // The request may have begun a moment later than we can tell: look at the clock more closely.
    await this.readClock();
    return await enrol();
  }

  #beginOf(session: SessionData): number {
    return this.#bases.beginOf(session) ?? realMonotonicNow();
  }

  #userOf(session: SessionData, sid: string): string | undefined {
    const user = userOf(session, sid, this.options);
    return user === undefined ? undefined : wellFormed(user);
  }

  /** The next version of `kept`, or the first one. */
  #next(
    kept: StoredSession | undefined,
    rest: Omit<StoredSession, "identity" | "revision" | "raw">,
  ): StoredSession {
    return stored({ identity: kept?.identity || randomId(), revision: randomId(), ...rest });
  }

  #late(sid: string, base?: BaseVersion): undefined {
    if (base) base.isOver = true;
    this.#counters.lateWrites++;
    this.#surroundings.announce("late", () => [sid]);
  }

  async #wasCleared(begin: number): Promise<boolean> {
    const { cleared } = this.#keys;
    const at = await this.#connection.send(cleared, ["GET", cleared]);
    return at !== null && Number(at) >= this.#clock.at(begin);
  }

  /** Fills in how long a session of another store lives: Redis alone knows. */
  async #withLife(sid: string, kept: StoredSession): Promise<StoredSession> {
    if (kept.identity) return kept;
    return { ...kept, expires: now() + await this.#lifeLeft(sid) };
  }

  async #lifeLeft(sid: string): Promise<number> {
    const key = this.#keys.session(sid);
    const left = Number(await this.#connection.send(key, ["PTTL", key]));
    return left === -1 ? Infinity : Math.max(0, left);
  }

  async #noteAdopted(): Promise<void> {
    const { adopted } = this.#keys;
    await this.#connection.send(adopted, ["SET", adopted, "1"]);
    this.#hasLooked = true;
  }

  /** A session of another store was met: there may be more of them. */
  #metUnmarked(): void {
    const { adopted } = this.#keys;
    this.#connection.send(adopted, ["DEL", adopted]).catch(() => {});
  }

  #infoOf(sid: string, kept: StoredSession, begin: number): SessionInfo {
    const session = this.#parse(kept);
    this.#bases.loaded(session, sid, kept, begin);
    const end = new Date(kept.expires);
    return {
      sid,
      session,
      user: kept.identity ? kept.user : this.#userOf(session, sid),
      rank: kept.rank,
      bytes: getSize(kept.text),
      created: new Date(kept.created),
      lastUsed: new Date(kept.lastUsed),
      expires: Number.isNaN(end.getTime()) ? undefined : end,
    };
  }

  /** Iterates over the keys of the sessions, each once. */
  async *#keysOfSessions(): AsyncGenerator<[sid: string, key: string][], void, undefined> {
    const seen = new Set<string>();
    for await (const keys of this.#connection.scan(this.#keys.prefix)) {
      const part: [string, string][] = [];
      for (const key of keys) {
        const sid = this.#keys.sidOf(key);
        if (sid === undefined || seen.has(key)) continue;
        seen.add(key);
        part.push([sid, key]);
      }
      yield part;
    }
  }

  async *#all(): AsyncGenerator<
    [sid: string, kept: StoredSession, begin: number],
    void,
    undefined
  > {
    for await (const part of this.#keysOfSessions()) {
      const begin = realMonotonicNow();
      const all = await Promise.all(part.map(([sid]) => this.#read(sid)));
      for (const [n, kept] of all.entries()) {
        if (kept && kept.expires > now()) yield [part[n][0], kept, begin];
      }
    }
  }

  /** Iterates over the sessions that another store has written. */
  async *#unmarked(): AsyncGenerator<[sid: string, kept: StoredSession], void, undefined> {
    for await (const part of this.#keysOfSessions()) {
      const heads = await this.#heads(part);
      const found = part.filter((_, n) => heads[n] && !isMarked(heads[n]));
      for (const [sid] of found) {
        const kept = await this.#read(sid);
        if (kept && !kept.identity) yield [sid, kept];
      }
    }
  }

  /** The marks of sessions, as far as their times. */
  #heads(part: [sid: string, key: string][]): Promise<string[]> {
    return Promise.all(part.map(async ([, key]) => {
      return await this.#connection.send(key, ["GETRANGE", key, "0", String(AT.user)]) as string;
    }));
  }

  /** Keeps what another store knew of a session, in place of what is there. */
  async #restore({ sid, session, ...known }: Arrival, begin: number): Promise<Outcome> {
    const { options } = this;
    const { created = now(), lastUsed = now(), rank = "returning" } = known;
    const expires = known.expires === undefined
      ? expiryOf(session, sid, dateOf(session.cookie), now(), created, options)
      : earlierOf(known.expires, session, sid, lastUsed, created, options);
    const user = known.user === undefined ? this.#userOf(session, sid) : wellFormed(known.user);
    const text = cookieFirst(serialize(session, options.serializer), options.serializer);
    let kept: StoredSession | undefined;
    for (let tries = 0; tries < MAX_TRIES; tries++) {
      const life = expires - now();
      if (life <= 0) return "expired";
      const draft = { sid, live: session, begin };
      const entered = user === undefined
        ? undefined
        : await this.#enrol(draft, user, life, true, false);
      if (entered?.isStale) return "ended";
      const indexed = user === undefined ? 0 : expires + life;
      const { raw } = this.#next(kept, { created, lastUsed, rank, expires, indexed, user, text });
      const guard = kept ? kept.identity ? startOf(kept, AT.indexed) : sha1(kept.raw) : "";
      const reply = await this.#run(SAVE, sid, [
        ...[kept ? modeOf(kept) : "absent", guard, raw, lifeArgument(life)],
        ...[String(this.#clock.at(begin)), entered?.at ?? "", String(MAX_SAVE_MS * 1000)],
        ...["", ""],
      ]);
      if (reply === 0) return "ended";
      if (reply === 1) {
        if (entered?.isFull) await this.#limitUser(user!);
        return "arrived";
      }
      if (reply !== -1) kept = typeof reply === "string" ? read(reply, now()) : undefined;
    }
    throw tooBusy();
  }
}

/** What a save is to write. */
interface Plan {
  readonly next: StoredSession;
  /** In milliseconds. */
  readonly life: number;
  /** What was made of the draft, if another save was faster. */
  readonly mine: Overlay | undefined;
  /** What to write instead if there is none yet: nobody has asked for it then. */
  readonly first: StoredSession | undefined;
  readonly isInPlace: boolean;
  /** Whether its times must be as they were, too: another request may have moved them on. */
  readonly mustFindTimes: boolean;
}

/** What a touch is to write: a whole version, or a patch of the one that is there. */
interface TouchPlan {
  readonly next: StoredSession;
  readonly patch: string | undefined;
  readonly isMerged: boolean;
}

/** A sign-in that was entered into the index of its user. */
interface Entered extends Enrolment {
  readonly user: string;
}

function modeOf({ identity }: StoredSession): Mode {
  return identity ? "marked" : "unmarked";
}

/** Whether two versions are of different lives of an id. */
function isOther(one: StoredSession, other: StoredSession): boolean {
  return one.identity !== "" && other.identity !== "" && one.identity !== other.identity;
}

/**
 * Whether a save of what was loaded as `base` has nothing to merge with. If what
 * is kept is what this process has sent itself, without an answer, that is the
 * base from then on.
 */
function isSame(base: BaseVersion, kept: StoredSession): boolean {
  const sent = base.unconfirmed.find(({ revision }) => revision === kept.revision);
  if (sent && kept.identity) {
    Object.assign(base, { kept, text: sent.text, isBehind: sent.isBehind });
    base.unconfirmed.length = 0;
    return true;
  }
  return base.kept.text === kept.text;
}

/** Notes that `base` was touched. */
function rebaseCookie(
  base: BaseVersion,
  next: StoredSession,
  { cookie }: SessionData,
  isMerged: boolean,
): void {
  if (base.text === base.kept.text) base.text = next.text;
  else isMerged = true;
  base.kept = next;
  base.ownCookie = isMerged ? plain(cookie) : undefined;
  base.date = dateOf(cookie);
}

/** What continues the life of the session that was there, as the script says. */
function continued(next: StoredSession, start: string): StoredSession {
  const raw = next.raw.slice(0, AT.identity) + start + next.raw.slice(AT.indexed);
  return { ...next, ...readHead(raw), identity: raw.slice(AT.identity, AT.revision), raw };
}

/** The beginning of a mark, without what is the same in all. */
function startOf({ raw }: StoredSession, end: number): string {
  return raw.slice(AT.identity, end);
}

/**
 * Where the date of the cookie stands in the text that Redis keeps, and what is
 * to stand there, if `cookie` differs in nothing else. Without a date there is
 * nothing to write.
 */
function dateInCookie(
  { raw, text }: StoredSession,
  cookie: unknown,
  date: number | undefined,
  serializer: Serializer,
): { at: number; iso: string } | undefined {
  const mine = dataOf(cookie);
  const theirs = serializer === JSON ? flatCookieOf(text) : undefined;
  if (!mine || !theirs || isOtherLifetime(theirs, mine) || !hasSameFields(theirs, mine)) {
    return undefined;
  }
  if (date === undefined) return { at: AT.user, iso: "" };
  // Of others there is no text, or it is longer.
  if (!(date >= 0 && date < YEAR_10000)) return undefined;
  const iso = isoOf(date);
  const before = theirs.expires;
  if (typeof before !== "string" || before.length !== iso.length) return undefined;
  const at = raw.indexOf(`"expires":"${before}"`, AT.user) + '"expires":"'.length;
  return at < AT.user || at > raw.indexOf("}", AT.user) ? undefined : { at, iso };
}

/** Whether a cookie has the same fields as one that was read, whatever their lifetimes are. */
function hasSameFields(theirs: CookieData, mine: CookieData): boolean {
  const isSame = (name: string) =>
    name === "originalMaxAge" || name === "expires" || theirs[name] === mine[name];
  return Object.keys(theirs).every(isSame) && Object.keys(mine).every(isSame);
}

/** Returns a text without halves of characters, as Redis keeps it. */
export function wellFormed(text: string): string {
  if (!/[\ud800-\udfff]/.test(text)) return text;
  return new TextDecoder().decode(new TextEncoder().encode(text));
}

function sha1(text: string): string {
  return createHash("sha1").update(text).digest("hex");
}

function tooBusy(): Error {
  const rule = `others changed it ${MAX_TRIES} times meanwhile`;
  return failure(Error, "ERR_LEMBRO_CONFLICT", `Cannot ${KEEP}: ${rule}`);
}
