// @ts-types="npm:@types/express-session@^1.18.0"
import type { SessionData } from "express-session";
import type { ResolvedOptions, User } from "../options.ts";
import { invalid, invalidResult, isObject, isThenable } from "../util/errors.ts";
import { flat } from "../util/flat.ts";
import { type ListedUser, UserTally } from "../util/user_list.ts";
import { isActivity, userOf } from "./answers.ts";
import { Drafts } from "./drafts.ts";
import {
  type BaseVersion,
  BaseVersions,
  hasMoved,
  hasOtherCookie,
  rebaseCookie,
  requestOf,
  versionOf,
} from "./overlaps/base_version.ts";
import { Endings } from "./overlaps/endings.ts";
import { type Overlay, overlay, overlayCookie, type Version } from "./overlaps/overlay.ts";
import { cookieOf, sessionOf } from "./record/record.ts";
import type { Entry, Rank, Reason, SessionInfo } from "./vault/entry.ts";
import { type Draft, Vault } from "./vault/vault.ts";

/** How long a store that is over its limit waits at least before it looks for expired sessions again, in milliseconds. */
const MIN_PAUSE_MS = 1_000;

/** A look at one takes some 0.2 µs: at most so many for each millisecond are less than 1 % of the time. */
const MAX_LOOKS_PER_MS = 20;

/** How often a save or a touch is made at most, if one of the app's functions saves the same session whenever it is asked. */
const MAX_ATTEMPTS = 3;

/** What the engine announces, each with its arguments. */
export interface Announcements {
  destroy: [sid: string, session: SessionData | undefined];
  expire: [sid: string, session: SessionData | undefined];
  evict: [sid: string, session: SessionData | undefined, rank: Rank];
  late: [sid: string];
  clear: [];
  reduce: [result: { before: number; after: number; evicted: number }];
  purge: [result: { expired: number }];
}

/** What the engine needs of its surroundings. */
export interface Surroundings {
  /** Returns the time, in milliseconds since the epoch. */
  clock(): number;
  /** Returns the milliseconds since some moment, by a clock that does not jump. */
  monotonicClock(): number;
  /** Runs work in slices: the first one at once. */
  run(steps: Steps<void>): void;
  /** Called when a reduction begins, with the size of all sessions in bytes. */
  reducing(bytes: number): void;
  /** Whether anybody wants to know of `event`. */
  hasListeners(event: keyof Announcements): boolean;
  /** Calls `args` later, if anybody wants to know of `event`. */
  announce<E extends keyof Announcements>(event: E, args: () => Announcements[E]): void;
}

/** Long work: it may be left alone between two steps. */
type Steps<Result> = Generator<void, Result, undefined>;

/**
 * The engine: what each call does to the sessions that are kept. Synchronous.
 * What is long is a generator.
 */
export class Sessions {
  readonly options: ResolvedOptions;
  readonly vault: Vault;
  readonly drafts: Drafts;
  readonly #endings: Endings;
  readonly #bases: BaseVersions;
  readonly #surroundings: Surroundings;
  #isReducing = false;
  /** When expired sessions were looked for last because the store was over its limit. */
  #lookedAt = -Infinity;
  /** Whether a save or a touch is under way, which asks the app's functions. */
  #isAttempting = false;
  readonly #counters = {
    hits: 0,
    misses: 0,
    saves: 0,
    touches: 0,
    merges: 0,
    lateWrites: 0,
    expired: 0,
    evicted: { newcomers: 0, returning: 0, protected: 0 },
    revoked: 0,
    rejected: 0,
    listsTakenWhole: 0,
  };

  constructor(options: ResolvedOptions, surroundings: Surroundings) {
    this.options = options;
    this.#surroundings = surroundings;
    this.drafts = new Drafts(options);
    this.#endings = new Endings(surroundings.monotonicClock);
    this.#bases = new BaseVersions(this.#endings);
    this.vault = new Vault(
      options.maxSize,
      surroundings.clock,
      (entry, reason) => this.#onRemove(entry, reason),
    );
  }

  /** Returns a fresh copy of the session of `sid`, and notes that it was asked for. */
  get(sid: string): SessionData | undefined {
    const now = this.now();
    const entry = this.vault.find(sid, now);
    if (!entry) {
      this.#counters.misses++;
      return undefined;
    }
    const session = this.#load(entry);
    this.vault.use(entry, now);
    this.#counters.hits++;
    return session;
  }

  /** Saves `session`, unless it comes too late; merges it if another save was faster. */
  save(sid: string, session: SessionData): void {
    this.#attempting((attempts) => this.#save(sid, session, false, attempts));
  }

  /**
   * Calls `change` with a fresh copy of the session of `sid` and saves the result
   * in its place. Returns the session as it is kept then.
   */
  update(sid: string, change: (session: SessionData) => unknown): SessionData | undefined {
    const entry = this.vault.find(sid, this.now());
    const saved = entry && this.#update(entry, change);
    return saved && this.#load(saved);
  }

  /**
   * Does the same for each session of a user, the most recently used first.
   * Returns how many are kept then. What `change` throws ends it.
   */
  *updateUser(user: User, change: (session: SessionData) => unknown): Steps<number> {
    const name = String(user);
    let updated = 0;
    for (const { sid } of yield* this.vault.entriesOf(name)) {
      const entry = this.vault.find(sid, this.now());
      // Meanwhile it may have ended, or have become that of somebody else.
      if (entry?.user === name && this.#update(entry, change)) updated++;
      yield;
    }
    return updated;
  }

  /** Replaces the kept cookie of `sid` by that of `session`, and extends the life. */
  touch(sid: string, session: SessionData): void {
    this.#attempting((attempts) => this.#touch(sid, session, attempts));
  }

  /** Forgets the session of `sid`, and whatever a request that had loaded it saves later. */
  destroy(sid: string): void {
    const entry = this.vault.find(sid, this.now());
    if (entry) return this.vault.remove(entry, "destroy");
    this.#bases.end(sid, undefined);
    this.vault.notifyEnd(sid);
  }

  /** Forgets all sessions, and whatever a request that had loaded one saves later. */
  clear(): void {
    this.vault.clear();
    this.#endings.clear();
    this.#surroundings.announce("clear", () => []);
  }

  /** Returns what is known of the session of `sid`. This is no use of it. */
  info(sid: string): SessionInfo | undefined {
    const entry = this.vault.find(sid, this.now());
    return entry && this.#infoOf(entry);
  }

  /** Returns what is known of each session of a user, the most recently used first. */
  *sessionsOfUser(user: User): Steps<SessionInfo[]> {
    const name = String(user);
    const infos: SessionInfo[] = [];
    for (const entry of yield* this.vault.entriesOf(name)) {
      const isStill = entry.user === name && this.vault.find(entry.sid, this.now()) === entry;
      if (isStill) infos.push(this.#infoOf(entry));
      yield;
    }
    return infos;
  }

  /**
   * Destroys every session of a user but that with the id `sid`, and what
   * requests save of it that began before, unless it is `request` that does.
   * Returns how many sessions there were.
   */
  revokeUser(user: User, sid: string | undefined, request: object | undefined): Steps<number> {
    const name = flat(String(user));
    const spared = sid === undefined ? undefined : flat(sid);
    this.#endings.revoke(name, spared, request);
    this.vault.notifyRevoke(name, spared);
    const kept = spared === undefined ? undefined : this.vault.find(spared, this.now());
    return this.vault.revoke(name, kept);
  }

  *all(): Steps<Record<string, SessionData>> {
    const sessions: Record<string, SessionData> = Object.create(null);
    for (const entry of this.vault.walk()) {
      if (entry) sessions[entry.sid] = this.#load(entry);
      yield;
    }
    return sessions;
  }

  *ids(): Steps<string[]> {
    // As long as it can get: an array that grows copies itself, for tens of milliseconds.
    const ids = new Array<string>(this.vault.size);
    let length = 0;
    for (const entry of this.vault.walk()) {
      if (entry) ids[length++] = entry.sid;
      yield;
    }
    ids.length = length;
    return ids;
  }

  /** Lists the users that have a session. */
  *users(): Steps<ListedUser[]> {
    const users = new UserTally();
    for (const entry of this.vault.walk()) {
      if (entry) users.add(entry.user, entry.lastUsed);
      yield;
    }
    return users.list();
  }

  *length(): Steps<number> {
    yield* this.vault.purge();
    return this.vault.size;
  }

  *purge(): Steps<void> {
    const expired = yield* this.vault.purge();
    this.#surroundings.announce("purge", () => [{ expired }]);
  }

  /** Brings the size of all sessions to at most 75 % of the limit. */
  *reduce(): Steps<void> {
    const told = this.#reducing();
    yield* this.vault.purge();
    yield* this.vault.reduce("anyone");
    told();
  }

  /** Iterates over the sessions that are live now, with their ids. */
  entries(): Generator<[sid: string, session: SessionData], void, undefined> {
    return defined(this.walk());
  }

  /** Does the same; yields `undefined` for each that has expired by then. */
  walk(): Generator<[sid: string, session: SessionData] | undefined, void, undefined> {
    return this.#parsed(this.vault.walk());
  }

  stats() {
    const { evicted, ...counters } = this.#counters;
    return {
      sessions: this.vault.size,
      bytes: this.vault.bytes,
      maxSize: this.options.maxSize,
      ...this.vault.counts,
      users: this.vault.users,
      ...counters,
      evicted: { ...evicted },
    };
  }

  /** Notes that a request has reached the store without a session. */
  reached(request: unknown): void {
    this.#endings.reached(request);
  }

  /** Notes that `made`, a new session of such a request, was made of nothing. */
  generated(request: unknown, made: unknown): void {
    if (isObject(request) && isObject(made)) this.#bases.generated(request, made as SessionData);
  }

  /** Notes that `made`, the session of a request, was made of what was loaded as `loaded`. */
  created(request: unknown, loaded: SessionData, made: SessionData): void {
    this.#bases.created(loaded, made);
    this.#endings.reached(request, this.#bases.find(made)?.epoch);
    if (this.options.idleTimeout !== Infinity) this.#extend(made);
  }

  /**
   * Adds a session of a file as the next of its rank to be evicted. Returns
   * `false` if there is no room for it by its rank, if its user has as many
   * sessions as allowed, or if its id is kept already.
   */
  restore(entry: Entry, rank: Rank): boolean {
    const { sid, user } = entry;
    if (this.vault.find(sid, this.now())) return false;
    if (user !== undefined) {
      const { maxSessionsPerUser } = this.options;
      this.#forgetExpired(user, maxSessionsPerUser - 1, this.now());
      if (this.vault.countOf(user) >= maxSessionsPerUser) return false;
    }
    return this.vault.restore(entry, rank);
  }

  /** Announces a session that has expired before it came to the store. */
  announceExpired(entry: Entry): void {
    if (!this.#surroundings.hasListeners("expire")) return;
    const session = this.#lastOf(entry);
    this.#surroundings.announce("expire", () => [entry.sid, session()]);
  }

  /** Returns the user of a session, as a string. */
  userOf(session: SessionData, sid: string): string | undefined {
    return userOf(session, sid, this.options);
  }

  /** Returns the time, in milliseconds since the epoch. */
  now(): number {
    return this.#surroundings.clock();
  }

  /**
   * Extends the life of what a request has loaded: a request under way is a use.
   * The date of the cookie, `ttl` and `absoluteTimeout` bound it as before.
   */
  #extend(session: SessionData): void {
    const base = this.#bases.find(session);
    if (!base) return;
    const now = this.now();
    const entry = this.vault.find(base.identity.sid, now);
    if (!entry || this.#isOver(base, entry) || !isActivity(session, this.options)) return;
    const draft = this.drafts.ofUse(entry, now);
    // One of the app's functions may have ended the session.
    if (draft && this.vault.has(entry)) this.vault.put(draft);
  }

  #load(entry: Entry): SessionData {
    const session = sessionOf(entry, this.options);
    this.#bases.loaded(session, entry);
    return session;
  }

  /**
   * Does `work`, which may be made anew so many times, and counts what fails. Within a
   * function of the app that asks for more it is once: else each of them would double it.
   */
  #attempting<Result>(work: (attempts: number) => Result): Result {
    const isNested = this.#isAttempting;
    this.#isAttempting = true;
    try {
      return work(isNested ? 1 : MAX_ATTEMPTS);
    } catch (thrown) {
      this.#counters.rejected++;
      throw thrown;
    } finally {
      this.#isAttempting = isNested;
    }
  }

  #update(entry: Entry, change: (session: SessionData) => unknown): Entry | undefined {
    return this.#attempting((attempts) => {
      const session = this.#load(entry);
      const result = change(session);
      if (!isThenable(result)) return this.#save(entry.sid, session, true, attempts);
      throw invalidResult("update session", "change must not return a promise", result);
    });
  }

  /**
   * Saves a session; with `isUpdate`, in its place. If others have saved since the
   * request loaded it, what is saved is made of three versions: that one, what the
   * request made of it, and what is kept now. Nothing is changed before it is known
   * what will be kept: the app's own functions, which are asked for that, may call
   * the store.
   */
  #save(
    sid: string,
    session: SessionData,
    isUpdate: boolean,
    attempts: number,
  ): Entry | undefined {
    checkSession("save session", session);
    const loaded = this.#bases.find(session);
    const base = loaded?.identity.sid === sid ? loaded : undefined;
    const now = this.now();
    const kept = this.vault.find(sid, now);
    if (this.#isOver(base, kept)) return this.#late(sid);
    const isPassive = !isUpdate && !isActivity(session, this.options);
    const before = this.vault.revision;
    const revision = kept?.revision;
    const isOvertaken = base && kept && base.revision !== kept.revision;
    const mine = this.#overlay(session, base, kept, isPassive);
    const save = { sid, session, base, kept, mine, isUpdate, isPassive };
    const draft = this.drafts.ofSave(save, now);
    // One of the app's functions saved the same session: that is another version to merge with.
    const hasSaved = this.vault.revision !== before;
    if (hasSaved && attempts > 1 && this.vault.find(sid, now)?.revision !== revision) {
      return this.#save(sid, session, isUpdate, attempts - 1);
    }
    if (draft === "nothing") return undefined;
    if (draft === "destroy") return void this.destroy(sid);

    if (this.#isOver(base, kept)) return this.#late(sid);
    if (this.#isStale(draft, session, loaded, now)) return this.#late(sid);
    if (draft.record.expires <= now) return void this.#saveExpired(draft, now);
    const entry = this.vault.put(draft);
    this.#bases.rebase(session, loaded, entry, mine);
    this.#counters.saves++;
    if (isOvertaken) this.#counters.merges++;
    this.#counters.listsTakenWhole += mine?.listsTakenWhole ?? 0;
    this.#limitUser(entry, now);
    this.#limit(entry, now);
    return entry;
  }

  /**
   * Returns what is to be saved instead of `session`, if what is kept has changed
   * since it was loaded. `isPassive`: whether its request may not change the lifetime.
   */
  #overlay(
    session: SessionData,
    base: BaseVersion | undefined,
    kept: Entry | undefined,
    isPassive: boolean,
  ): Overlay | undefined {
    if (!kept || !isPassive && !(base && hasMoved(base, kept))) return undefined;
    const before = base && versionOf(base);
    return overlay(session, before, keptVersionOf(kept), this.options.serializer, isPassive);
  }

  /**
   * Whether the session that `base` was loaded from has been destroyed since. It has
   * not while it is `kept`, which is sooner known than what has ended.
   */
  #isOver(base: BaseVersion | undefined, kept: Entry | undefined): boolean {
    if (!base || base.identity === kept?.identity && this.vault.has(kept)) return false;
    return this.#endings.isOver(base.identity);
  }

  /**
   * Whether the user was revoked since the request began: nobody comes back by a
   * save, but into a session that the user has signed in to anew. What was loaded
   * under another id began when it was loaded.
   */
  #isStale(
    { sid, user }: Draft,
    session: SessionData,
    loaded: BaseVersion | undefined,
    now: number,
  ): boolean {
    if (user === undefined) return false;
    return this.#endings.isStale(user, sid, requestOf(session), loaded?.epoch) &&
      this.vault.find(sid, now)?.user !== user;
  }

  /** Counts and announces a new session that has expired, like any other. What others had loaded is over. */
  #saveExpired(draft: Draft, now: number): void {
    const isKept = this.vault.find(draft.sid, now) !== undefined;
    this.destroy(draft.sid);
    if (isKept) return;
    this.vault.put(draft);
    this.vault.find(draft.sid, now);
  }

  #touch(sid: string, session: SessionData, attempts: number): void {
    checkSession("touch session", session);
    const now = this.now();
    const entry = this.vault.find(sid, now);
    if (!entry) return;
    const base = this.#bases.of(session, sid);
    if (this.#isOver(base, entry) || !isActivity(session, this.options)) return;

    const { revision } = entry;
    const mine = this.#overlayCookie(session.cookie, base, entry);
    const draft = this.drafts.ofTouch(entry, session, base, mine ?? session.cookie, now);
    // One of the app's functions saved the same session, or has destroyed it.
    const isMoved = !this.vault.has(entry) || entry.revision !== revision;
    if (isMoved) return attempts > 1 ? this.#touch(sid, session, attempts - 1) : undefined;
    if (draft === "destroy") return this.destroy(sid);
    this.vault.put(draft);
    if (base) rebaseCookie(base, entry, session.cookie, mine !== undefined);
    this.#counters.touches++;
    this.#limit(entry, now);
  }

  /** Returns the cookie to save instead of `cookie`, if the kept one has changed since it was loaded. */
  #overlayCookie(
    cookie: SessionData["cookie"],
    base: BaseVersion | undefined,
    kept: Entry,
  ): SessionData["cookie"] | undefined {
    if (!base || !hasOtherCookie(base, kept)) return undefined;
    const { serializer } = this.options;
    const mine = overlayCookie(cookie, versionOf(base), keptVersionOf(kept), serializer, false);
    return mine as SessionData["cookie"] | undefined;
  }

  #late(sid: string): undefined {
    this.#counters.lateWrites++;
    this.#surroundings.announce("late", () => [sid]);
  }

  /** Destroys the least recently used sessions of the user of `entry` that are too many. */
  #limitUser(entry: Entry, now: number): void {
    const { maxSessionsPerUser } = this.options;
    if (entry.countOfUser <= maxSessionsPerUser) return;
    const user = entry.user!;
    this.#forgetExpired(user, maxSessionsPerUser, now);
    while (entry.countOfUser > maxSessionsPerUser) {
      this.#counters.revoked++;
      // What was just saved stays, even if an update has left it in its place.
      this.vault.remove(this.vault.leastRecentOf(user, entry)!, "destroy");
    }
  }

  /** Forgets expired sessions of a user who has more than `most`: they must not cost a live one its place. */
  #forgetExpired(user: string, most: number, now: number): void {
    while (this.vault.countOf(user) > most) {
      const { sid, expires } = this.vault.firstToExpireOf(user)!;
      if (expires > now) return;
      this.vault.find(sid, now);
    }
  }

  /** Keeps the limit after `saved` was saved. */
  #limit(saved: Entry, now: number): void {
    if (this.vault.bytes <= this.options.maxSize) return;
    const pause = Math.max(MIN_PAUSE_MS, this.vault.size / MAX_LOOKS_PER_MS);
    const mustLook = Math.abs(now - this.#lookedAt) >= pause;
    if (!this.#isReducing && (mustLook || this.vault.hasTooManyNewcomers)) {
      this.#isReducing = true;
      this.#surroundings.run(this.#relieve(saved, mustLook));
    }
    if (this.vault.bytes <= this.options.maxSize) return;
    // Nothing but what the limit demands; or the first slice has not come to it.
    const told = this.#isReducing ? undefined : this.#reducing();
    this.vault.limit(saved);
    told?.();
  }

  /**
   * Makes room: by what has expired, then by newcomers beyond their share as far
   * as a reduction goes, and by others only as far as the limit demands.
   */
  *#relieve(saved: Entry, mustLook: boolean): Steps<void> {
    const told = this.#reducing();
    try {
      if (mustLook) {
        this.#lookedAt = this.now();
        yield* this.vault.purge();
      }
      yield* this.vault.reduce("newcomers", saved);
      this.vault.limit(saved);
    } finally {
      this.#isReducing = false;
    }
    told();
  }

  /** Reports that a reduction begins; the function that it returns reports the end. */
  #reducing(): () => void {
    const before = this.vault.bytes;
    const evictedBefore = this.#evicted();
    this.#surroundings.reducing(before);
    return () => {
      const result = {
        before,
        after: this.vault.bytes,
        evicted: this.#evicted() - evictedBefore,
      };
      this.#surroundings.announce("reduce", () => [result]);
    };
  }

  #evicted(): number {
    const { newcomers, returning, protected: guarded } = this.#counters.evicted;
    return newcomers + returning + guarded;
  }

  #infoOf(entry: Entry): SessionInfo {
    const { sid, rank, size, created, lastUsed, expires } = entry;
    const end = new Date(expires);
    return {
      sid,
      session: this.#load(entry),
      user: entry.user,
      rank,
      bytes: size,
      created: new Date(created),
      lastUsed: new Date(lastUsed),
      expires: Number.isNaN(end.getTime()) ? undefined : end,
    };
  }

  *#parsed(
    entries: Iterable<Entry | undefined>,
  ): Generator<[sid: string, session: SessionData] | undefined, void, undefined> {
    for (const entry of entries) yield entry && [entry.sid, this.#load(entry)];
  }

  /** Counts and announces an entry that is about to leave the vault. */
  #onRemove(entry: Entry, reason: Reason): void {
    const { sid, rank } = entry;
    const session = this.#surroundings.hasListeners(reason) ? this.#lastOf(entry) : undefined;
    if (reason === "destroy") {
      this.#bases.end(sid, entry);
      if (entry.isRevoked) this.#counters.revoked++;
      this.vault.notifyEnd(sid);
    } else {
      if (reason === "expire") this.#counters.expired++;
      else this.#counters.evicted[rank]++;
    }
    if (!session) return;
    this.#surroundings.announce(
      reason,
      () => reason === "evict" ? [sid, session(), rank] : [sid, session()] as never,
    );
  }

  /** Returns a function that parses what is kept of `entry` now; what it returns counts as loaded now. */
  #lastOf(entry: Entry): () => SessionData | undefined {
    // What a revocation ends was loaded before it.
    const epoch = entry.isRevoked ? 0 : this.#endings.epoch;
    const { revision, text, cookie, expires, dateOffset } = entry;
    // It may be saved again before it is parsed: then it expires at another time.
    const identity = this.#bases.identityOf(entry);
    const last = { identity, revision, text, cookie, expires, dateOffset };
    return () => {
      try {
        const session = sessionOf(last, this.options);
        this.#bases.loaded(session, last, epoch);
        return session;
      } catch {
        // The serializer can't read it: the listeners still have the id.
        return undefined;
      }
    };
  }
}

function checkSession(cannot: string, session: unknown): void {
  if (!isObject(session)) throw invalid(TypeError, cannot, "session must be an object", session);
}

function keptVersionOf(kept: Entry): Version {
  return { text: kept.text, cookie: cookieOf(kept) };
}

function* defined<Item>(items: Iterable<Item | undefined>): Generator<Item, void, undefined> {
  for (const item of items) {
    if (item !== undefined) yield item;
  }
}
