// @ts-types="npm:@types/express-session@^1.18.0"
import type { SessionData } from "express-session";
// @ts-types="npm:@types/debug@^4.1.12"
import debug from "debug";
import { expose } from "./core/port.ts";
import type { CookieKinds } from "./core/cookie_template.ts";
import { isFunction, refused, show } from "./util/errors.ts";
import { defer } from "./util/callbacks.ts";
import { every, inSlices, now } from "./util/time.ts";
import { Lineage, merge, type Origin } from "./core/lineage.ts";
import { CREATE, type LembroOptions, type Options, readOptions } from "./options.ts";
import {
  expiryOf,
  readAnswer,
  recordOf,
  REDUCED_SHARE,
  sessionOf,
  type SessionRecord,
  touched,
} from "./core/record.ts";
import { pretty } from "./util/sizes.ts";
import type {
  LembroEvents,
  LembroStats,
  LembroStore,
  SessionModule,
  StoreClass,
  StoreConstructor,
} from "./types.ts";
import { type Entry, type Reason, Vault } from "./core/vault.ts";

type Callback<Result = void> = (error: unknown, result?: Result) => void;

// A promise where there is no callback: the overloads of LembroStore say which.
// deno-lint-ignore no-explicit-any
type Answer = any;

const log = debug("express-lembro");

// Browsers older than the symbol get the one its polyfills agree on.
const dispose: typeof Symbol.dispose = Symbol.dispose ??
  Symbol.for("Symbol.dispose");

/**
 * Makes a class of session stores that extends the `Store` of `session`.
 *
 * ```ts
 * import session from "express-session";
 * import lembro from "express-lembro";
 *
 * const Lembro = lembro(session);
 * using store = new Lembro({ maxSize: "16M" });
 * console.assert(store instanceof session.Store);
 * ```
 *
 * @param session The `express-session` function, or anything with a `Store` class on it.
 * @throws {TypeError} If there is no `Store` class on `session`.
 */
export function lembro<Base extends StoreClass>(
  session: SessionModule<Base>,
): StoreConstructor<InstanceType<Base>> {
  class Lembro extends storeOf(session) implements LembroStore {
    declare readonly options: Options;
    readonly #vault: Vault;
    readonly #lineage = new Lineage();
    readonly #cookies: CookieKinds = [];
    readonly #stopPurging: () => void;
    #isReducing = false;
    readonly #counters = {
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

    constructor(options?: LembroOptions | null | (() => void), callback?: () => void) {
      super();
      if (isFunction(options)) {
        [options, callback] = [undefined, options];
      }
      if (callback !== undefined && !isFunction(callback)) {
        throw refused(TypeError, CREATE, "callback must be a function", callback);
      }
      const inForce = readOptions(options);
      Object.defineProperty(this, "options", { value: inForce, enumerable: true });
      this.#vault = new Vault(inForce.maxSize, now, (entry, reason) => this.#left(entry, reason));
      expose(this, {
        vault: this.#vault,
        cookies: this.#cookies,
        lineage: this.#lineage,
      });
      this.#stopPurging = every(inForce.interval, () =>
        this.purge((error) => {
          if (error) this.#announce("error", error);
        }));
      if (callback) defer(callback);
    }

    get(sid: string, callback?: Callback<SessionData | undefined>): Answer {
      return answer(callback, () => this.#read(String(sid)));
    }

    set(sid: string, session: SessionData, callback?: Callback): Answer {
      return answer(callback, () => this.#save(String(sid), session), this.#counters);
    }

    touch(sid: string, session: SessionData, callback?: Callback): Answer {
      return answer(callback, () => this.#touch(String(sid), session), this.#counters);
    }

    destroy(sid: string, callback?: Callback): Answer {
      return answer(callback, () => this.#destroy(String(sid)));
    }

    all(callback?: Callback<Record<string, SessionData>>): Answer {
      return answerInSlices(callback, () => this.#all());
    }

    length(callback?: Callback<number>): Answer {
      return answerInSlices(callback, () => this.#length());
    }

    ids(callback?: Callback<string[]>): Answer {
      return answerInSlices(callback, () => this.#ids());
    }

    clear(callback?: Callback): Answer {
      return answer(callback, () => {
        this.#vault.clear();
        this.#lineage.endAll();
      });
    }

    reduce(callback?: Callback): Answer {
      return answerInSlices(callback, () => this.#reduce());
    }

    purge(callback?: Callback): Answer {
      return answerInSlices(callback, () => this.#purge());
    }

    close(callback?: Callback): Answer {
      return answer(callback, () => this.#stopPurging());
    }

    [dispose](): void {
      this.#stopPurging();
    }

    stats(): LembroStats {
      const { evicted, ...counters } = this.#counters;
      return {
        sessions: this.#vault.size,
        bytes: this.#vault.bytes,
        maxSize: this.options.maxSize,
        ...this.#vault.counts,
        ...counters,
        evicted: { ...evicted },
      };
    }

    entries(): IterableIterator<[sid: string, session: SessionData]> {
      return parsed(this.#vault.walk(), this.options);
    }

    override createSession(req: unknown, session: SessionData): SessionData {
      const made = super.createSession!(req, session);
      this.#lineage.copied(session, made);
      return made;
    }

    #read(sid: string): SessionData | undefined {
      const entry = this.#vault.find(sid, now());
      if (!entry) {
        this.#counters.misses++;
        return undefined;
      }
      this.#vault.use(entry);
      const session = sessionOf(entry, this.options);
      this.#lineage.loaded(session, entry);
      this.#counters.hits++;
      return session;
    }

    // The options' functions, the serializer and the session's own toJSON may
    // throw, or call the store: they come first, what the store does about it after.
    #save(sid: string, session: SessionData): void {
      const origin = this.#lineage.of(session, sid);
      if (origin && this.#isLate(origin)) return;
      const { ttl, protect, serializer } = this.options;
      const time = now();
      const expires = expiryOf(session, sid, time, ttl);
      if (expires <= time) return this.#destroy(sid);
      const kept = this.#vault.find(sid, time);
      const { changes } = this.#vault;
      const overtaken = origin && kept && origin.version !== kept.version
        ? merge(session, origin.version.text, kept.text, serializer)
        : undefined;
      const saved = overtaken?.merged ?? session;
      const record = recordOf(saved, expires, this.options, this.#cookies);
      const isProtected = readAnswer(protect(saved, sid));
      const isFollowed = origin !== undefined || this.#lineage.follows(session);
      // One of those functions destroyed the session: that is newer.
      if (origin && this.#isLate(origin)) return;
      const found = this.#vault.changes === changes ? kept : this.#vault.find(sid, time);
      const entry = this.#keep(found, sid, record, isProtected);
      if (isFollowed) this.#lineage.saved(session, entry, overtaken?.text);
      this.#counters.saves++;
      if (overtaken) this.#counters.merges++;
      this.#limit(entry);
    }

    #isLate(origin: Origin): boolean {
      const isOver = this.#lineage.isOver(origin);
      if (isOver) this.#counters.lateWrites++;
      return isOver;
    }

    #keep(
      entry: Entry | undefined,
      sid: string,
      record: SessionRecord,
      isProtected: boolean,
    ): Entry {
      if (!entry) {
        return this.#vault.add(sid, record, isProtected, this.#lineage.takeDeparted(sid));
      }
      this.#vault.save(entry, record, isProtected);
      return entry;
    }

    #touch(sid: string, session: SessionData): void {
      const time = now();
      const entry = this.#vault.find(sid, time);
      if (!entry || this.#lineage.isLate(session, entry)) return;
      const { changes } = this.#vault;
      const { version } = entry;
      const expires = expiryOf(session, sid, time, this.options.ttl);
      if (expires <= time) return this.#destroy(sid);
      const record = touched(entry, session, expires, this.options, this.#cookies);
      // One of those functions saved or destroyed the session itself: that is newer.
      const isSame = this.#vault.changes === changes ||
        this.#vault.find(sid, time) === entry && entry.version === version;
      if (!isSame) return;
      this.#vault.touch(entry, record);
      this.#counters.touches++;
      this.#limit(entry);
    }

    #destroy(sid: string): void {
      const entry = this.#vault.find(sid, now());
      if (entry) this.#vault.remove(entry, "destroy");
      this.#lineage.end(sid, entry);
    }

    #limit(saved: Entry): void {
      if (this.#vault.bytes <= this.options.maxSize) return;
      if (!this.#isReducing) {
        this.#isReducing = true;
        const done = () => this.#isReducing = false;
        inSlices(this.#reduce(saved), done, (error) => {
          done();
          this.#announce("error", error);
        });
      }
      // What a first slice has not come to: the limit holds before the save returns.
      this.#vault.limit(saved);
    }

    *#all(): Generator<void, Record<string, SessionData>, undefined> {
      const sessions: Record<string, SessionData> = Object.create(null);
      for (const entry of this.#vault.walk()) {
        if (entry) sessions[entry.sid] = sessionOf(entry, this.options);
        yield;
      }
      return sessions;
    }

    *#ids(): Generator<void, string[], undefined> {
      // As long as it can get: an array that grows copies itself, for tens of milliseconds.
      const ids = new Array<string>(this.#vault.size);
      let length = 0;
      for (const entry of this.#vault.walk()) {
        if (entry) ids[length++] = entry.sid;
        yield;
      }
      ids.length = length;
      return ids;
    }

    *#length(): Generator<void, number, undefined> {
      yield* this.#vault.purge();
      return this.#vault.size;
    }

    *#purge(): Generator<void, void, undefined> {
      const expired = yield* this.#vault.purge();
      this.#announce("purge", { expired });
    }

    *#reduce(saved?: Entry): Generator<void, void, undefined> {
      const before = this.#vault.bytes;
      log("reduce: start %s", pretty(before));
      const evicted = yield* this.#vault.reduce(this.options.maxSize * REDUCED_SHARE, saved);
      const after = this.#vault.bytes;
      log("reduce: done %s", pretty(after));
      this.#announce("reduce", { before, after, evicted });
    }

    #left(entry: Entry, reason: Reason): void {
      if (reason === "destroy") return;
      const { sid, queue: { rank } } = entry;
      this.#lineage.departed(entry);
      if (reason === "expire") {
        this.#counters.expired++;
        this.#announce("expire", sid);
      } else if (reason === "evict") {
        this.#counters.evicted[rank]++;
        this.#announce("evict", sid, rank);
      }
    }

    // A listener runs after the call like a callback: one that throws, or that
    // calls the store, can't come between two steps of the store's own work.
    #announce<E extends keyof LembroEvents>(event: E, ...args: LembroEvents[E]): void {
      if (!isFunction(this.emit)) return;
      if (event !== "error" && this.listenerCount?.(event) === 0) return;
      defer(() => this.emit?.(event, ...args));
    }
  }

  return Lembro as unknown as StoreConstructor<InstanceType<Base>>;
}

/** What the store uses of its `Store`, where the `Store` has it. */
interface BaseStore {
  createSession?(req: unknown, session: SessionData): SessionData;
  emit?(event: string, ...args: unknown[]): unknown;
  listenerCount?(event: string): number;
}

function storeOf(session: SessionModule): new () => BaseStore {
  const from = session as { Store?: unknown; session?: { Store?: unknown } } | null | undefined;
  const Store = from?.Store ?? from?.session?.Store;
  if (!isFunction(Store) || !Store.prototype) {
    const rule = "pass express-session, as in lembro(session), or an object with a Store class";
    throw refused(TypeError, "make a store class", rule, session);
  }
  return Store as unknown as new () => BaseStore;
}

function* parsed(
  entries: Iterable<Entry | undefined>,
  options: Options,
): Generator<[sid: string, session: SessionData], void, undefined> {
  for (const entry of entries) {
    if (entry) yield [entry.sid, sessionOf(entry, options)];
  }
}

/** Does `work` at once, and answers later. What it throws is counted. */
function answer<Result>(
  callback: Callback<Result> | undefined,
  work: () => Result,
  counters?: { rejected: number },
): Promise<Result> | void {
  if (!isFunction(callback)) return promised((settle) => answer(settle, work, counters));
  let result: Result;
  try {
    result = work();
  } catch (thrown) {
    if (counters) counters.rejected++;
    return defer(callback, truthy(thrown));
  }
  defer(callback, null, result);
}

/** Does the work of `start` in slices, the first one at once, and answers when it is done. */
function answerInSlices<Result>(
  callback: Callback<Result> | undefined,
  start: () => Generator<void, Result, undefined>,
): Promise<Result> | void {
  if (!isFunction(callback)) return promised((settle) => answerInSlices(settle, start));
  inSlices(
    start(),
    (result) => defer(callback, null, result),
    (thrown) => defer(callback, truthy(thrown)),
  );
}

function promised<Result>(start: (settle: Callback<Result>) => void): Promise<Result> {
  return new Promise((resolve, reject) => {
    start((error, result) => error ? reject(error) : resolve(result as Result));
  });
}

/** What was thrown, as an error that a callback doesn't take for success. */
function truthy(thrown: unknown): unknown {
  return thrown || new Error(`Cannot use session: ${show(thrown)} was thrown`);
}
