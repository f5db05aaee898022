/**
 * What a store does, as plainly as it can be said: arrays, no clock, no
 * cleverness. `model_test.ts` holds the store against it. The rules are:
 *
 * **Life.** A session expires at the date of its cookie, else its numeric
 * `maxAge` from its last save or touch, else `ttl` from then; but no later than
 * `idleTimeout` from then or from a load by a request, nor `absoluteTimeout` after its creation. Creation
 * survives saves, touches, and an eviction or an expiry that a save of what was
 * loaded before undoes. What has expired is forgotten by whoever meets it. A
 * date that has passed ends the session if the request that saves or touches
 * put it there, and nothing otherwise. A new session that has expired is one that expires. A request that is no activity neither
 * extends nor ends a life.
 *
 * **Options** are asked about what will be kept: the merged session as it will be
 * read, and at a touch the kept data with the new cookie.
 *
 * **Size.** It is that of the sessions as JSON. One session takes at most an
 * eighth of the limit, or 4 KB where that is more and within the limit.
 *
 * **Ranks.** A newcomer was never asked for since it was created, or protected.
 * Newcomers beyond an eighth of the limit go first: of the client address that
 * has most of them its oldest, and among addresses with equally many that with
 * the oldest one. Then the returning sessions go, and then the protected ones,
 * each time the one that was used least recently. But an address whose
 * unprotected sessions take more than an eighth of the limit pays first with its
 * returning sessions: the address of what was just saved, or else the one that
 * takes most. What was just saved goes last of all. What has expired is not
 * evicted, it expires.
 *
 * **Over the limit** the store looks for expired sessions, but only once a
 * second. Then newcomers beyond their eighth go until 75 % of the limit are
 * left, and others only until the limit is kept. `reduce` reaches 75 %.
 *
 * **Overlaps.** A save is merged with what is kept, against what its request
 * had loaded or last saved; so is the cookie, at a touch too. What was
 * destroyed stays so: a save of what was loaded before is late, and dropped. For
 * what was loaded of an earlier session of that id, which has left, this holds
 * for ten minutes.
 *
 * **Users.** An empty string, NaN and `false` are nobody, as `null` is. A user
 * has at most so many sessions; one more destroys the least recently used one.
 * After a revocation, a save of a session of that user is late if its request
 * began before, for ten minutes. Spared are the session of the id that was
 * given, or the request that was given and its session.
 *
 * @module
 */
import sizeomatic from "sizeomatic";
import { dateOf, merge, mergeCookies, same } from "./merging.ts";

export type Rank = "newcomers" | "returning" | "protected";

// deno-lint-ignore no-explicit-any
export type Session = any;

/** A session that is kept. */
export interface Kept {
  sid: string;
  text: string;
  expires: number;
  /** When it expires but for the timeouts, if its cookie has no date. */
  end: number;
  rank: Rank;
  user: string | undefined;
  /** The client address that it came from, or from which it was made unprotected. */
  address: string;
  /** In milliseconds. */
  created: number;
  lastUsed: number;
  /** When it was made, as a number in the course of things. */
  made: number;
  /** When it came to its rank, or was last used there. */
  usedInRank: number;
  /** Another one after each save. */
  version: number;
  /** Which session of this id it is: one that left is the same again if a request that had loaded it saves. */
  identity: number;
}

/** Where a live session is from. */
export interface BaseVersion {
  sid: string;
  identity: number;
  /** When it was loaded or last saved, as a number in the course of things. */
  at: number;
  /** When it was loaded. */
  began: number;
  /** The kept version that it was loaded from or saved as. */
  version: number;
  /** What the session was then, and its cookie, which a touch changes too. */
  session: Session;
  cookie: Session;
}

/** A request, and when it came to the store. */
export interface Visit {
  began: number;
  address: string | undefined;
  isPoll: boolean;
}

/** What a call answers: the code or name of an error, or a result. */
export interface Answer {
  error?: string;
  result?: unknown;
  /** Where the session is from after a load or a save. */
  base?: BaseVersion;
}

export interface Settings {
  /** In bytes. */
  maxSize: number;
  interval: number;
  maxSessionsPerUser: number;
  ttl(session: Session): number;
  idleTimeout(session: Session): number;
  isIdleLimited: boolean;
  absoluteTimeout(session: Session): number;
  user(session: Session): unknown;
  protect(session: Session): boolean;
}

interface Revocation {
  user: string;
  at: number;
  /** By a clock that nobody can set. */
  time: number;
  sid: string | undefined;
  visit: Visit | undefined;
}

const TEN_MINUTES = 600_000;

export class Model {
  now: number;
  /** The time by a clock that nobody can set. */
  elapsed = 0;
  /** In the order in which they came. */
  kept: Kept[] = [];
  /** Those that were evicted or expired, the latest first. */
  departed: Kept[] = [];
  /** Every destroy, and every clear as one without an id. */
  ends: { sid?: string; identity?: number | undefined; at: number; time: number }[] = [];
  revocations: Revocation[] = [];
  /** The events since somebody last looked. */
  events: unknown[][] = [];
  /** Where what the last event of a session handed out is from. */
  gone: Record<string, BaseVersion> = Object.create(null);
  counters = {
    hits: 0,
    misses: 0,
    saves: 0,
    touches: 0,
    merges: 0,
    lateWrites: 0,
    // No list is that long here.
    listsTakenWhole: 0,
    expired: 0,
    evicted: { newcomers: 0, returning: 0, protected: 0 },
    revoked: 0,
    rejected: 0,
  };
  /** What else has happened, for the test to know that it did. */
  seen = {
    cookieMerges: 0,
    staleSignIns: 0,
    pollSaves: 0,
    updates: 0,
    createdAgain: 0,
    capped: 0,
    paidFirst: 0,
  };
  #course = 0;
  #before = 0;
  #settings: Settings;
  #nextPurge: number;
  #lookedAt = -Infinity;

  constructor(now: number, settings: Settings) {
    this.now = now;
    this.#settings = settings;
    this.#nextPurge = now + settings.interval;
  }

  /** A request comes, with the session that was loaded for it or without one. */
  visit(address: string | undefined, isPoll: boolean, loaded?: BaseVersion): Visit {
    return { began: loaded?.began ?? ++this.#course, address, isPoll };
  }

  get(sid: string): Answer {
    const kept = this.#meet(sid);
    if (!kept) {
      this.counters.misses++;
      return {};
    }
    this.counters.hits++;
    this.#use(kept);
    if (kept.rank === "newcomers") this.#moveTo("returning", kept);
    return { result: JSON.parse(kept.text), base: this.#baseOf(kept) };
  }

  /** A request has loaded a session: that is a use, as far as `idleTimeout` goes. */
  load(base: BaseVersion | undefined, { isPoll }: { isPoll: boolean }): void {
    const { isIdleLimited, idleTimeout, absoluteTimeout } = this.#settings;
    if (!isIdleLimited || !base) return;
    const kept = this.#meet(base.sid);
    if (!kept || this.#endedSince(base) || isPoll) return;
    const session = JSON.parse(kept.text);
    const expires = Math.min(
      dateOf(session.cookie) ?? kept.end,
      this.now + idleTimeout(session),
      kept.created + absoluteTimeout(session),
    );
    kept.expires = Math.max(kept.expires, expires);
  }

  /** What all() hands out counts as loaded, though it is no use. */
  found(sid: string): BaseVersion | undefined {
    const kept = this.#find(sid);
    return kept && this.#baseOf(kept);
  }

  set(sid: string, session: Session, base?: BaseVersion, visit?: Visit): Answer {
    if (typeof session !== "object" || session === null) return this.#reject("TypeError");
    // Under another id it is plain data, that began when it was loaded.
    const began = visit?.began ?? base?.began ?? Infinity;
    if (base?.sid !== sid) base = undefined;
    const kept = this.#meet(sid);
    if (base && this.#endedSince(base)) return this.#late(sid);

    let mine;
    try {
      mine = JSON.parse(JSON.stringify(session));
    } catch (error) {
      return this.#reject((error as Error).name);
    }
    const isPoll = Boolean(visit?.isPoll);
    const data = kept && (base || isPoll) ? this.#merged(base, mine, kept, isPoll) : mine;
    const created = kept?.created ?? (base && this.#departed(base)?.created) ?? this.now;
    const left = isPoll && base && !kept ? this.#departed(base) : undefined;
    // A poll that comes too late to keep it, but that is no logout.
    if (left && left.expires <= this.now) return {};
    let expires = this.#expiryOf(data, created);
    let end = this.#endOf(data);
    if (dateOf(data.cookie)! <= this.now) {
      const isItsOwn = isPoll ? !base && !kept : isDateSet(base, mine);
      if (isItsOwn && (kept || base)) return this.destroy(sid);
      if (!kept && !isItsOwn) return {};
      if (kept) [expires, end] = [kept.expires, kept.end];
    } else if (isPoll) {
      if (kept) [expires, end] = [kept.expires, kept.end];
      else if (left) expires = end = Math.min(expires, left.expires);
    }
    if (expires <= this.now && (kept || base)) return this.destroy(sid);
    return this.#keep(sid, data, mine, { expires, end, created }, { kept, base, visit, began });
  }

  /** `change` gives what the session is to be, or throws. */
  update(sid: string, change: (session: Session) => Session): Answer {
    const kept = this.#meet(sid);
    if (!kept) return {};
    let data;
    try {
      data = change(JSON.parse(kept.text));
    } catch (error) {
      return this.#reject((error as Error).name);
    }
    data = JSON.parse(JSON.stringify(data));
    const before = dateOf(JSON.parse(kept.text).cookie);
    const date = dateOf(data.cookie);
    if (date !== before && date! <= this.now) return this.destroy(sid);
    const { error } = this.#keep(sid, data, data, kept, { kept, inPlace: true });
    const after = this.#find(sid);
    return error ? { error } : { result: after && JSON.parse(after.text) };
  }

  /** `update` for each session of a user, the most recently used first. */
  updateUser(user: string, change: (session: Session) => Session): Answer {
    // What comes after the session on which `change` throws is not looked at: it may have expired.
    const listed = this.kept.filter((kept) => kept.user === user)
      .sort((a, b) => b.lastUsed - a.lastUsed);
    let updated = 0;
    for (const { sid } of listed) {
      if (this.#meet(sid)?.user !== user) continue;
      const { error, result } = this.update(sid, change);
      if (error) return { error };
      if (result) updated++;
    }
    return { result: updated };
  }

  #keep(
    sid: string,
    data: Session,
    mine: Session,
    lifetime: Pick<Kept, "expires" | "end" | "created">,
    from: {
      kept: Kept | undefined;
      base?: BaseVersion | undefined;
      visit?: Visit | undefined;
      began?: number;
      inPlace?: boolean;
    },
  ): Answer {
    const { base, visit, began = Infinity } = from;
    const { expires, end, created } = lifetime;
    const text = JSON.stringify(data);
    if (this.#isTooLarge(text)) return this.#reject("ERR_LEMBRO_SESSION_TOO_LARGE");
    let user: string | undefined;
    try {
      user = this.#userOf(data);
    } catch (error) {
      return this.#reject((error as Error).name);
    }
    const isSignIn = user !== undefined && this.#find(sid)?.user !== user;
    if (isSignIn && this.#isRevoked(user!, began, sid, visit)) {
      this.seen.staleSignIns++;
      return this.#late(sid);
    }

    const isOver = expires <= this.now;
    // Others may have loaded an earlier session of this id.
    if (isOver) this.destroy(sid);
    const isProtected = this.#settings.protect(data);
    const version = ++this.#course;
    const isOvertaken = base && from.kept && base.version !== from.kept.version;
    let { kept } = from;
    if (!kept) {
      kept = {
        sid,
        text,
        expires,
        end,
        rank: isProtected ? "protected" : "newcomers",
        user,
        address: networkOf(visit?.address),
        created,
        lastUsed: this.now,
        made: version,
        usedInRank: version,
        version,
        identity: base?.identity ?? version,
      };
      this.kept.push(kept);
      if (isOver) {
        this.#meet(sid);
        return {};
      }
    } else {
      Object.assign(kept, { text, expires, end, version });
      if (kept.rank === "protected") kept.address = networkOf(visit?.address);
      if (!from.inPlace && !visit?.isPoll) this.#use(kept);
      kept.user = user;
      if (isProtected) this.#moveTo("protected", kept);
      else if (kept.rank === "protected") this.#moveTo("returning", kept);
    }
    this.counters.saves++;
    if (visit?.isPoll) this.seen.pollSaves++;
    if (from.inPlace) this.seen.updates++;
    if (base && !from.kept) this.seen.createdAgain++;
    if (isOvertaken) this.counters.merges++;
    const after = this.#baseOf(kept, mine, base?.began ?? began);
    this.#limitUser(kept);
    this.#limit(kept);
    return { base: after };
  }

  touch(sid: string, session: Session, base?: BaseVersion, visit?: Visit): Answer {
    if (typeof session !== "object" || session === null) return this.#reject("TypeError");
    const kept = this.#meet(sid);
    if (!kept) return {};
    if (base?.sid !== sid) base = undefined;
    if (base && this.#endedSince(base) || visit?.isPoll) return {};
    const mine = JSON.parse(JSON.stringify({ cookie: session.cookie })).cookie;
    const before = JSON.parse(kept.text);
    const cookie = base ? this.#mergedCookie(base, mine, before.cookie) : mine;
    const data = { ...before, cookie };
    const isOver = dateOf(cookie)! <= this.now;
    if (isOver && isDateSet(base, { cookie: mine })) return this.destroy(sid);
    const expires = isOver ? kept.expires : this.#expiryOf(data, kept.created);
    if (expires <= this.now) return this.destroy(sid);
    const text = JSON.stringify(data);
    if (this.#isTooLarge(text)) return this.#reject("ERR_LEMBRO_SESSION_TOO_LARGE");
    Object.assign(kept, { text, expires, end: isOver ? kept.end : this.#endOf(data) });
    if (base) base.cookie = mine;
    this.#use(kept);
    this.counters.touches++;
    this.#limit(kept);
    return {};
  }

  destroy(sid: string): Answer {
    const kept = this.#meet(sid);
    if (kept) this.#remove(kept, "destroy");
    this.ends.push({ sid, identity: kept?.identity, at: ++this.#course, time: this.elapsed });
    return {};
  }

  clear(): Answer {
    this.kept = [];
    this.ends.push({ at: ++this.#course, time: this.elapsed });
    this.events.push(["clear"]);
    return {};
  }

  revokeUser(user: string, except: { sid?: string; visit?: Visit }): Answer {
    const { sid, visit } = except;
    this.revocations.push({ user, at: ++this.#course, time: this.elapsed, sid, visit });
    if (sid !== undefined) this.#meet(sid);
    const ended = this.kept.filter((kept) => kept.user === user && kept.sid !== sid);
    const revoked = ended.filter((kept) => this.#meet(kept.sid));
    for (const kept of revoked) this.#revoke(kept);
    // What the events hand out of these is from before the revocation.
    for (const kept of ended) this.gone[kept.sid].began = 0;
    return { result: revoked.length };
  }

  info(sid: string): Answer {
    const kept = this.#meet(sid);
    return { result: kept && infoOf(kept) };
  }

  sessionsOfUser(user: string): Answer {
    const found = this.kept.filter((kept) => kept.user === user && this.#meet(kept.sid));
    return { result: found.sort((a, b) => b.lastUsed - a.lastUsed).map(infoOf) };
  }

  all(): Answer {
    return {
      result: Object.fromEntries(
        this.#meetAll().map(({ sid, text }) => [sid, JSON.parse(text)]),
      ),
    };
  }

  ids(): Answer {
    return { result: this.#meetAll().map(({ sid }) => sid) };
  }

  length(): Answer {
    return { result: this.#meetAll().length };
  }

  reduce(): Answer {
    this.#reducing(() => {
      this.#meetAll();
      this.#evict(0.75, () => this.#nextVictim());
    });
    return {};
  }

  purge(): Answer {
    const before = this.kept.length;
    this.events.push(["purge", { expired: before - this.#meetAll().length }]);
    return {};
  }

  close(): Answer {
    this.#nextPurge = Infinity;
    return {};
  }

  /** How many milliseconds are left until the next purge. */
  get untilPurge(): number {
    return this.#nextPurge - this.now;
  }

  /** Time passes: no more than until the next purge. */
  wait(ms: number, elapsed: number): void {
    this.now += ms;
    this.elapsed += elapsed;
    if (this.now < this.#nextPurge) return;
    this.#nextPurge += this.#settings.interval;
    this.purge();
  }

  /** What is kept, those that would be evicted last first: what a file has of it. */
  backup(): Kept[] {
    const order = ({ rank, made, usedInRank }: Kept) => rank === "newcomers" ? made : usedInRank;
    const live = this.kept.filter(({ expires }) => expires > this.now);
    return live.map((kept) => ({ ...kept })).sort((a, b) => order(b) - order(a));
  }

  /** One from a backup comes before all others of its rank. Whether there is room for it. */
  restore(row: Kept): boolean {
    if (row.expires <= this.now || this.#meet(row.sid)) return false;
    const { user } = row;
    if (user !== undefined) {
      const { maxSessionsPerUser } = this.#settings;
      this.#forgetExpired(user, maxSessionsPerUser - 1);
      if (this.#ofUser(user).length >= maxSessionsPerUser) return false;
    }
    const before = --this.#before;
    const kept = {
      ...row,
      // How long `ttl` would have let it live is not in the file.
      end: row.expires,
      address: networkOf(undefined),
      made: before,
      usedInRank: before,
      version: ++this.#course,
      identity: this.#course,
    };
    this.kept.push(kept);
    while (bytesOf(this.kept) > this.#settings.maxSize) {
      const next = this.#nextVictim()!;
      if (next === kept) {
        this.kept.pop();
        return false;
      }
      this.#evictOne(next);
    }
    return true;
  }

  /** An iterator: those kept now, each once, in the order in which they came; a restored one is older than all. */
  entries(): () => [sid: string, session: Session] | undefined {
    const left = [...this.kept].sort((a, b) => a.made - b.made);
    return () => {
      for (let kept = left.shift(); kept; kept = left.shift()) {
        if (!this.kept.includes(kept)) continue;
        if (this.#meet(kept.sid)) return [kept.sid, JSON.parse(kept.text)];
      }
    };
  }

  stats() {
    return {
      sessions: this.kept.length,
      bytes: bytesOf(this.kept),
      maxSize: this.#settings.maxSize,
      newcomers: this.#ofRank("newcomers").length,
      returning: this.#ofRank("returning").length,
      protected: this.#ofRank("protected").length,
      users: this.users().length,
      ...this.counters,
    };
  }

  /** All users that have a session. */
  users(): string[] {
    const users = this.kept.flatMap(({ user }) => user === undefined ? [] : [user]);
    return [...new Set(users)];
  }

  #find(sid: string): Kept | undefined {
    return this.kept.find((kept) => kept.sid === sid);
  }

  /** What a live session was loaded from, once it has left: another one may have had its id since. */
  #departed({ identity }: BaseVersion): Kept | undefined {
    return this.departed.find((kept) => kept.identity === identity);
  }

  #ofRank(rank: Rank): Kept[] {
    return this.kept.filter((kept) => kept.rank === rank);
  }

  /** Whoever comes across an expired session forgets it. */
  #meet(sid: string): Kept | undefined {
    const kept = this.#find(sid);
    if (!kept || kept.expires > this.now) return kept;
    this.counters.expired++;
    this.#remove(kept, "expire");
    return undefined;
  }

  #meetAll(): Kept[] {
    for (const { sid } of this.kept) this.#meet(sid);
    return this.kept;
  }

  #use(kept: Kept): void {
    Object.assign(kept, { lastUsed: this.now, usedInRank: ++this.#course });
  }

  /** A session that comes to another rank is the last one there. */
  #moveTo(rank: Rank, kept: Kept): void {
    if (kept.rank !== rank) Object.assign(kept, { rank, usedInRank: ++this.#course });
  }

  #remove(kept: Kept, event: string): void {
    this.kept = this.kept.filter((one) => one !== kept);
    if (event !== "destroy") this.departed.unshift(kept);
    this.gone[kept.sid] = this.#baseOf(kept);
    const session = JSON.parse(kept.text);
    this.events.push([event, kept.sid, session, ...event === "evict" ? [kept.rank] : []]);
  }

  #revoke(kept: Kept): void {
    this.counters.revoked++;
    this.#remove(kept, "destroy");
    const { sid, identity } = kept;
    this.ends.push({ sid, identity, at: ++this.#course, time: this.elapsed });
  }

  #late(sid: string): Answer {
    this.counters.lateWrites++;
    this.events.push(["late", sid]);
    return {};
  }

  #reject(error: string): Answer {
    this.counters.rejected++;
    return { error };
  }

  #merged(base: BaseVersion | undefined, mine: Session, kept: Kept, isPoll: boolean): Session {
    const before = JSON.parse(kept.text);
    const data = base ? merge(base.session, mine, before) : { ...mine };
    delete data.cookie;
    const cookie = this.#mergedCookie(base, mine.cookie, before.cookie, isPoll);
    return cookie === undefined ? data : { ...data, cookie };
  }

  #mergedCookie(
    base: BaseVersion | undefined,
    mine: Session,
    kept: Session,
    isPoll = false,
  ): Session {
    const cookie = mergeCookies(base?.cookie, mine, kept, isPoll);
    if (!same(cookie, mine)) this.seen.cookieMerges++;
    return cookie;
  }

  #baseOf(kept: Kept, mine = JSON.parse(kept.text), began?: number): BaseVersion {
    const { sid, version, identity } = kept;
    const at = ++this.#course;
    return {
      sid,
      identity,
      at,
      began: began === undefined || began === Infinity ? at : began,
      version,
      session: mine,
      cookie: mine.cookie,
    };
  }

  #endedSince({ sid, identity, at }: BaseVersion): boolean {
    return this.ends.some((end) =>
      end.at > at && (end.sid === undefined || end.identity === identity ||
        end.sid === sid && this.elapsed - end.time <= TEN_MINUTES)
    );
  }

  #isRevoked(user: string, began: number, sid: string, visit: Visit | undefined): boolean {
    return this.revocations.some((one) =>
      one.user === user && one.at > began && this.elapsed - one.time <= TEN_MINUTES &&
      one.sid !== sid && (one.visit === undefined || one.visit !== visit)
    );
  }

  #userOf(session: Session): string | undefined {
    const user = this.#settings.user(session);
    if ([undefined, null, "", NaN, false].includes(user as never)) return undefined;
    if (["string", "number", "bigint"].includes(typeof user)) return String(user);
    throw new TypeError();
  }

  /** When a session that is saved or touched now ends but for the timeouts. */
  #endOf(session: Session): number {
    const { maxAge } = session.cookie ?? {};
    const ttl = Number.isFinite(maxAge) ? maxAge : this.#settings.ttl(session);
    return dateOf(session.cookie) ?? this.now + ttl;
  }

  #expiryOf(session: Session, created: number): number {
    const { idleTimeout, absoluteTimeout } = this.#settings;
    return Math.min(
      this.#endOf(session),
      this.now + idleTimeout(session),
      created + absoluteTimeout(session),
    );
  }

  #isTooLarge(text: string): boolean {
    const { maxSize } = this.#settings;
    const size = sizeomatic.getSize(text);
    return size > maxSize || size > 4_096 && size > maxSize / 8;
  }

  #ofUser(user: string): Kept[] {
    return this.kept.filter((kept) => kept.user === user);
  }

  #limitUser(saved: Kept): void {
    const { user } = saved;
    if (user === undefined) return;
    const { maxSessionsPerUser } = this.#settings;
    this.#forgetExpired(user, maxSessionsPerUser);
    while (this.#ofUser(user).length > maxSessionsPerUser) {
      this.seen.capped++;
      const others = this.#ofUser(user).filter((kept) => kept !== saved);
      this.#revoke(others.sort((a, b) => a.lastUsed - b.lastUsed)[0]);
    }
  }

  /** An expired session is none: of a user with more than `most`, such go first. */
  #forgetExpired(user: string, most: number): void {
    const expired = this.#ofUser(user).filter(({ expires }) => expires <= this.now)
      .sort((a, b) => a.expires - b.expires || a.made - b.made);
    for (const { sid } of expired) {
      if (this.#ofUser(user).length > most) this.#meet(sid);
    }
  }

  #limit(saved: Kept): void {
    if (bytesOf(this.kept) <= this.#settings.maxSize) return;
    this.#reducing(() => {
      if (this.now - this.#lookedAt >= 1_000) {
        this.#lookedAt = this.now;
        this.#meetAll();
      }
      this.#evict(0.75, () => {
        const isMuch = bytesOf(this.#ofRank("newcomers")) > this.#settings.maxSize / 8;
        return isMuch ? this.#nextNewcomer(saved) : undefined;
      });
      this.#evict(1, () => this.#nextVictim(saved));
    });
  }

  #reducing(work: () => void): void {
    const count = () => Object.values(this.counters.evicted).reduce((sum, n) => sum + n);
    const [before, evicted] = [bytesOf(this.kept), count()];
    work();
    const after = bytesOf(this.kept);
    this.events.push(["reduce", { before, after, evicted: count() - evicted }]);
  }

  /** Evicts whoever is next until this share of the limit is left. */
  #evict(share: number, next: () => Kept | undefined): void {
    while (bytesOf(this.kept) > share * this.#settings.maxSize) {
      const victim = next();
      if (!victim) return;
      this.#evictOne(victim);
    }
  }

  #evictOne(kept: Kept): void {
    if (!this.#meet(kept.sid)) return;
    this.counters.evicted[kept.rank]++;
    this.#remove(kept, "evict");
  }

  #nextVictim(saved?: Kept): Kept | undefined {
    const others = (["returning", "protected"] as const).flatMap((rank) =>
      this.#ofRank(rank).filter((kept) => kept !== saved)
        .sort((a, b) => a.usedInRank - b.usedInRank)
    );
    const [paying] = this.#paysFirst(others, saved);
    const known = paying ?? others[0];
    const newcomer = this.#nextNewcomer(saved);
    const victim = bytesOf(this.#ofRank("newcomers")) < this.#settings.maxSize / 8
      ? known ?? newcomer
      : newcomer ?? known;
    if (victim && victim === paying && victim !== others[0]) this.seen.paidFirst++;
    return victim;
  }

  /** Of each address that takes too much, the returning session that goes next; who pays first is first. */
  #paysFirst(others: Kept[], saved?: Kept): Kept[] {
    const unprotected = this.kept.filter(({ rank }) => rank !== "protected");
    const taken = (address: string) =>
      bytesOf(unprotected.filter((kept) => kept.address === address));
    const isOfSaved = ({ address }: Kept) =>
      saved !== undefined && saved.rank !== "protected" && saved.address === address;
    return [...new Set(unprotected.map(({ address }) => address))]
      .filter((address) => address !== UNKNOWN && taken(address) > this.#settings.maxSize / 8)
      .flatMap((address) =>
        others.find((kept) => kept.rank === "returning" && kept.address === address) ?? []
      )
      .sort((a, b) =>
        Number(isOfSaved(b)) - Number(isOfSaved(a)) ||
        taken(b.address) - taken(a.address) || a.made - b.made
      );
  }

  #nextNewcomer(saved?: Kept): Kept | undefined {
    const newcomers = this.#ofRank("newcomers").sort((a, b) => a.made - b.made);
    return [...new Set(newcomers.map(({ address }) => address))]
      .map((address) => newcomers.filter((kept) => kept.address === address))
      .sort((a, b) => b.length - a.length || a[0].made - b[0].made)
      .flat()
      .find((kept) => kept !== saved);
  }
}

/** Whether a request has set the date of its cookie since it was loaded, saved or touched. */
function isDateSet(base: BaseVersion | undefined, { cookie }: Session): boolean {
  return !base || dateOf(cookie) !== dateOf(base.cookie);
}

function bytesOf(kept: Kept[]): number {
  return kept.reduce((sum, { text }) => sum + sizeomatic.getSize(text), 0);
}

function infoOf({ sid, text, user, rank, created, lastUsed, expires }: Kept) {
  return {
    sid,
    session: JSON.parse(text),
    user,
    rank,
    bytes: sizeomatic.getSize(text),
    created,
    lastUsed,
    expires: expires === Infinity ? undefined : expires,
  };
}

const UNKNOWN = "unknown";

/** One client may have all addresses of an IPv6 /56. Those used here are written in full. */
function networkOf(address: string | undefined): string {
  if (address === undefined) return UNKNOWN;
  if (!address.includes(":")) return address;
  const [a, b, c, d] = address.split(":");
  return [a, b, c, d.padStart(4, "0").slice(0, 2)].join(":");
}
