/**
 * The contract, sections 2 to 4 and 5, as plainly as it can be said: arrays,
 * no clock, no cleverness. `model_test.ts` holds the store against it.
 *
 * @module
 */
import sizeomatic from "sizeomatic";

export type Rank = "newcomers" | "returning" | "protected";

// deno-lint-ignore no-explicit-any
export type Session = any;

/** A session that is kept. */
export interface Kept {
  sid: string;
  text: string;
  expires: number;
  rank: Rank;
  /** When it was made and last used, as a number in the course of things. */
  made: number;
  used: number;
  /** Another one after each save. */
  version: number;
}

/** Where a request has its session from. */
export interface Origin {
  sid: string;
  /** When it was loaded or last saved, as a number in the course of things. */
  at: number;
  /** The kept version that the request knows; none after a merge. */
  version: number | undefined;
  /** What the request's session was then. */
  base: Session;
}

/** What a call answers: the code or name of an error, or a result. */
export interface Answer {
  error?: string;
  result?: unknown;
  /** Where the session is from after a load or a save. */
  origin?: Origin;
}

export interface Settings {
  /** In bytes. */
  maxSize: number;
  interval: number;
  ttl(session: Session): number;
  protect(session: Session): boolean;
}

export class Model {
  now: number;
  /** In the order in which they were made. */
  kept: Kept[] = [];
  /** Every destroy, and every clear as one without an id. */
  ends: { sid?: string; at: number }[] = [];
  /** The events since somebody last looked. */
  events: unknown[][] = [];
  counters = {
    hits: 0,
    misses: 0,
    saves: 0,
    touches: 0,
    merges: 0,
    lateWrites: 0,
    expired: 0,
    evicted: { newcomers: 0, returning: 0, protected: 0 },
    rejected: 0,
  };
  #course = 0;
  #settings: Settings;
  #nextPurge: number;

  constructor(now: number, settings: Settings) {
    this.now = now;
    this.#settings = settings;
    this.#nextPurge = now + settings.interval;
  }

  get(sid: string): Answer {
    this.#meet(sid);
    const kept = this.#find(sid);
    if (!kept) {
      this.counters.misses++;
      return {};
    }
    this.counters.hits++;
    if (kept.rank === "newcomers") kept.rank = "returning";
    kept.used = ++this.#course;
    return { result: JSON.parse(kept.text), origin: this.#originOf(kept, kept.version, kept.text) };
  }

  set(sid: string, session: Session, origin?: Origin): Answer {
    // Under another id it is plain data.
    if (origin?.sid !== sid) origin = undefined;
    if (origin && this.#endedSince(origin)) {
      this.counters.lateWrites++;
      return {};
    }
    if (typeof session !== "object" || session === null) return this.#reject("TypeError");
    const expires = this.#expiryOf(session);
    if (expires <= this.now) return this.destroy(sid);
    this.#meet(sid);

    let mine;
    try {
      mine = JSON.stringify(session);
    } catch (error) {
      return this.#reject((error as Error).name);
    }
    let kept = this.#find(sid);
    const isMerge = origin && kept && origin.version !== kept.version;
    const data = isMerge
      ? merge(origin!.base, JSON.parse(mine), JSON.parse(kept!.text))
      : JSON.parse(mine);
    const text = JSON.stringify(data);
    if (this.#isTooLarge(text)) return this.#reject("ERR_LEMBRO_SESSION_TOO_LARGE");

    const isProtected = this.#settings.protect(data);
    const version = ++this.#course;
    if (!kept) {
      const rank: Rank = isProtected ? "protected" : "newcomers";
      kept = { sid, text, expires, rank, made: version, used: version, version };
      this.kept.push(kept);
    } else {
      Object.assign(kept, { text, expires, version, used: version });
      if (isProtected) kept.rank = "protected";
      else if (kept.rank === "protected") kept.rank = "returning";
    }
    this.counters.saves++;
    if (isMerge) this.counters.merges++;
    this.#limit(kept);
    // A merged session lacks what others saved: it knows no kept version.
    return { origin: this.#originOf(kept, isMerge ? undefined : version, mine) };
  }

  touch(sid: string, session: Session, origin?: Origin): Answer {
    this.#meet(sid);
    const kept = this.#find(sid);
    if (!kept) return {};
    if (origin?.sid === sid && this.#endedSince(origin)) return {};
    if (typeof session !== "object" || session === null) return this.#reject("TypeError");
    const expires = this.#expiryOf(session);
    if (expires <= this.now) return this.destroy(sid);
    const text = JSON.stringify({ ...JSON.parse(kept.text), cookie: session.cookie });
    if (this.#isTooLarge(text)) return this.#reject("ERR_LEMBRO_SESSION_TOO_LARGE");
    Object.assign(kept, { text, expires, used: ++this.#course });
    this.counters.touches++;
    this.#limit(kept);
    return {};
  }

  destroy(sid: string): Answer {
    this.#meet(sid);
    this.kept = this.kept.filter((kept) => kept.sid !== sid);
    this.ends.push({ sid, at: ++this.#course });
    return {};
  }

  clear(): Answer {
    this.kept = [];
    this.ends.push({ at: ++this.#course });
    return {};
  }

  all(): Answer {
    this.#meetAll();
    return {
      result: Object.fromEntries(this.kept.map(({ sid, text }) => [sid, JSON.parse(text)])),
    };
  }

  ids(): Answer {
    this.#meetAll();
    return { result: this.kept.map(({ sid }) => sid) };
  }

  length(): Answer {
    this.#meetAll();
    return { result: this.kept.length };
  }

  reduce(): Answer {
    this.#reduce();
    return {};
  }

  purge(): Answer {
    const before = this.kept.length;
    this.#meetAll();
    this.events.push(["purge", { expired: before - this.kept.length }]);
    return {};
  }

  close(): Answer {
    this.#nextPurge = Infinity;
    return {};
  }

  wait(ms: number): void {
    const until = this.now + ms;
    while (this.#nextPurge <= until) {
      this.now = this.#nextPurge;
      this.#nextPurge += this.#settings.interval;
      this.purge();
    }
    this.now = until;
  }

  /** An iterator: those kept now, each once, in the order in which they were made. */
  entries(): () => [sid: string, session: Session] | undefined {
    const left = [...this.kept];
    return () => {
      for (let kept = left.shift(); kept; kept = left.shift()) {
        if (!this.kept.includes(kept)) continue;
        if (kept.expires > this.now) return [kept.sid, JSON.parse(kept.text)];
        this.#meet(kept.sid);
      }
    };
  }

  stats() {
    const count = (rank: Rank) => this.kept.filter((kept) => kept.rank === rank).length;
    return {
      sessions: this.kept.length,
      bytes: bytesOf(this.kept),
      maxSize: this.#settings.maxSize,
      newcomers: count("newcomers"),
      returning: count("returning"),
      protected: count("protected"),
      ...this.counters,
    };
  }

  #find(sid: string): Kept | undefined {
    return this.kept.find((kept) => kept.sid === sid);
  }

  /** Whoever comes across an expired session forgets it. */
  #meet(sid: string): void {
    const kept = this.#find(sid);
    if (!kept || kept.expires > this.now) return;
    this.kept = this.kept.filter((one) => one !== kept);
    this.counters.expired++;
    this.events.push(["expire", sid]);
  }

  #meetAll(): void {
    for (const { sid } of this.kept) this.#meet(sid);
  }

  #originOf({ sid }: Kept, version: number | undefined, text: string): Origin {
    return { sid, at: ++this.#course, version, base: JSON.parse(text) };
  }

  #endedSince({ sid, at }: Origin): boolean {
    return this.ends.some((end) => end.at > at && (end.sid === undefined || end.sid === sid));
  }

  #expiryOf(session: Session): number {
    const { expires, maxAge } = session.cookie ?? {};
    let date = NaN;
    if (typeof expires === "number") date = expires;
    else if (expires instanceof Date) date = expires.getTime();
    else if (typeof expires === "string") {
      date = /^-?\d+$/.test(expires) ? Number(expires) : Date.parse(expires);
    }
    if (Number.isFinite(date)) return date;
    if (Number.isFinite(maxAge)) return this.now + maxAge;
    return this.now + this.#settings.ttl(session);
  }

  #isTooLarge(text: string): boolean {
    return sizeomatic.getSize(text) > 0.75 * this.#settings.maxSize;
  }

  #reject(error: string): Answer {
    this.counters.rejected++;
    return { error };
  }

  #limit(saved: Kept): void {
    if (bytesOf(this.kept) > this.#settings.maxSize) this.#reduce(saved);
  }

  /** The session whose save made it necessary is not evicted by it. */
  #reduce(saved?: Kept): void {
    const target = 0.75 * this.#settings.maxSize;
    const before = bytesOf(this.kept);
    let evicted = 0;
    if (before > target) this.#meetAll();
    while (bytesOf(this.kept) > target) {
      const victim = this.#nextVictim(saved);
      this.kept = this.kept.filter((kept) => kept !== victim);
      this.counters.evicted[victim.rank]++;
      this.events.push(["evict", victim.sid, victim.rank]);
      evicted++;
    }
    this.events.push(["reduce", { before, after: bytesOf(this.kept), evicted }]);
  }

  #nextVictim(saved?: Kept): Kept {
    const of = (rank: Rank) => this.kept.filter((kept) => kept.rank === rank);
    const newcomers = of("newcomers").sort((a, b) => a.made - b.made);
    const returning = of("returning").sort((a, b) => a.used - b.used);
    const guarded = of("protected").sort((a, b) => a.used - b.used);
    const order = bytesOf(newcomers) < this.#settings.maxSize / 8
      ? [...returning, ...guarded, ...newcomers]
      : [...newcomers, ...returning, ...guarded];
    return order.filter((kept) => kept !== saved)[0];
  }
}

function bytesOf(kept: Kept[]): number {
  return kept.reduce((sum, { text }) => sum + sizeomatic.getSize(text), 0);
}

/** Key by key: what `mine` changed or deleted since it was `base` wins; the cookie is mine. */
function merge(base: Session, mine: Session, theirs: Session): Session {
  const textOf = (from: Session, key: string) =>
    Object.hasOwn(from, key) ? JSON.stringify(from[key]) : "absent";
  const keys = [...new Set([...Object.keys(theirs), ...Object.keys(mine)])];
  return Object.fromEntries(
    keys
      .map((key) => {
        const isMine = key === "cookie" || textOf(base, key) !== textOf(mine, key);
        return [key, isMine ? mine : theirs] as const;
      })
      .filter(([key, from]) => Object.hasOwn(from, key))
      .map(([key, from]) => [key, from[key]]),
  );
}
