// @ts-types="npm:@types/express-session@^1.18.0"
import type { SessionData } from "express-session";
// @ts-types="npm:@types/debug@^4.1.12"
import debug from "debug";
import { defer, every, now } from "./janitor.ts";
import { Lineage, merge } from "./lineage.ts";
import { type LembroOptions, type Options, readAnswer, readOptions, show } from "./options.ts";
import { expiryOf, recordOf, REDUCED_SHARE, sessionOf, touched } from "./record.ts";
import { pretty } from "./sizes.ts";
import type {
  LembroEvents,
  LembroStats,
  LembroStore,
  SessionModule,
  StoreClass,
  StoreConstructor,
} from "./types.ts";
import { type Entry, GONE, type Reason, Vault } from "./vault.ts";

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
    readonly #stopPurging: () => void;
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
      if (typeof options === "function") {
        [options, callback] = [undefined, options];
      }
      if (callback !== undefined && typeof callback !== "function") {
        throw new TypeError(
          `Cannot create store: callback must be a function: received ${show(callback)}`,
        );
      }
      const inForce = readOptions(options);
      Object.defineProperty(this, "options", { value: inForce, enumerable: true });
      this.#vault = new Vault(inForce.maxSize, (entry, reason) => this.#left(entry, reason));
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
      return answer(callback, () => this.#counted(() => this.#save(String(sid), session)));
    }

    touch(sid: string, session: SessionData, callback?: Callback): Answer {
      return answer(callback, () => this.#counted(() => this.#touch(String(sid), session)));
    }

    destroy(sid: string, callback?: Callback): Answer {
      return answer(callback, () => this.#destroy(String(sid)));
    }

    all(callback?: Callback<Record<string, SessionData>>): Answer {
      return answer(callback, () => {
        const sessions: Record<string, SessionData> = Object.create(null);
        for (const [sid, session] of this.entries()) sessions[sid] = session;
        return sessions;
      });
    }

    length(callback?: Callback<number>): Answer {
      return answer(callback, () => {
        this.#vault.purge(now());
        return this.#vault.size;
      });
    }

    ids(callback?: Callback<string[]>): Answer {
      return answer(callback, () => Array.from(this.#vault.live(now), ({ sid }) => sid));
    }

    clear(callback?: Callback): Answer {
      return answer(callback, () => {
        this.#vault.clear();
        this.#lineage.end();
      });
    }

    reduce(callback?: Callback): Answer {
      return answer(callback, () => this.#reduce());
    }

    purge(callback?: Callback): Answer {
      return answer(callback, () => {
        const expired = this.#vault.purge(now());
        this.#announce("purge", { expired });
      });
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
        newcomers: this.#vault.count("newcomers"),
        returning: this.#vault.count("returning"),
        protected: this.#vault.count("protected"),
        ...counters,
        evicted: { ...evicted },
      };
    }

    entries(): IterableIterator<[sid: string, session: SessionData]> {
      return parsed(this.#vault.live(now), this.options);
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
      const session = sessionOf(entry.text, this.options);
      this.#lineage.loaded(session, entry);
      this.#counters.hits++;
      return session;
    }

    // The options' functions, the serializer and the session's own toJSON may
    // throw, or call the store: they come first, what the store does about it after.
    #save(sid: string, session: SessionData): void {
      const time = now();
      const origin = this.#lineage.of(session, sid);
      if (origin?.entry.version === GONE) {
        this.#counters.lateWrites++;
        return;
      }
      const { ttl, protect, serializer } = this.options;
      const expires = expiryOf(session, sid, time, ttl);
      if (expires <= time) return this.#destroy(sid);
      const kept = this.#vault.find(sid, time);
      const overtaken = origin && kept && origin.version !== kept.version
        ? merge(session, origin.text, kept.text, serializer)
        : undefined;
      const saved = overtaken?.merged ?? session;
      const record = recordOf(saved, expires, this.options);
      const isProtected = readAnswer(protect(saved, sid));
      const isFollowed = this.#lineage.follows(session, sid);
      // One of those functions destroyed the session: that is newer.
      if (origin?.entry.version === GONE) {
        this.#counters.lateWrites++;
        return;
      }
      const entry = this.#vault.keep(sid, record, isProtected, this.#lineage.takeDeparted(sid));
      if (isFollowed) this.#lineage.saved(session, entry, overtaken?.text);
      this.#counters.saves++;
      if (overtaken) this.#counters.merges++;
      this.#limit(entry);
    }

    #touch(sid: string, session: SessionData): void {
      const time = now();
      const entry = this.#vault.find(sid, time);
      if (!entry || this.#lineage.of(session, sid)?.entry.version === GONE) return;
      const { text, version } = entry;
      const expires = expiryOf(session, sid, time, this.options.ttl);
      if (expires <= time) return this.#destroy(sid);
      const record = recordOf(touched(text, session, this.options), expires, this.options);
      // One of those functions saved or destroyed the session itself: that is newer.
      if (this.#vault.find(sid, time) !== entry || entry.version !== version) return;
      this.#vault.replace(entry, record);
      this.#counters.touches++;
      this.#limit(entry);
    }

    #destroy(sid: string): void {
      const entry = this.#vault.find(sid, now());
      if (entry) this.#vault.remove(entry, "destroy");
      else this.#lineage.end(sid);
    }

    #limit(saved: Entry): void {
      if (this.#vault.bytes > this.options.maxSize) this.#reduce(saved);
    }

    #reduce(saved?: Entry): void {
      const before = this.#vault.bytes;
      log("reduce: start %s", pretty(before));
      const target = this.options.maxSize * REDUCED_SHARE;
      const evicted = this.#vault.reduce(target, now(), saved);
      const after = this.#vault.bytes;
      log("reduce: done %s", pretty(after));
      this.#announce("reduce", { before, after, evicted });
    }

    #left(entry: Entry, reason: Reason): void {
      const { sid, rank } = entry;
      if (reason === "expire") {
        this.#lineage.departed(entry);
        this.#counters.expired++;
        this.#announce("expire", sid);
      } else if (reason === "evict") {
        this.#lineage.departed(entry);
        this.#counters.evicted[rank]++;
        this.#announce("evict", sid, rank);
      }
    }

    #counted(work: () => void): void {
      try {
        work();
      } catch (error) {
        this.#counters.rejected++;
        throw error;
      }
    }

    // A listener runs after the call like a callback: one that throws, or that
    // calls the store, can't come between two steps of the store's own work.
    #announce<E extends keyof LembroEvents>(event: E, ...args: LembroEvents[E]): void {
      if (typeof this.emit !== "function") return;
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
  if (typeof Store !== "function" || !Store.prototype) {
    throw new TypeError(
      `Cannot make a store class: pass express-session, as in lembro(session), or an object with a Store class: received ${
        show(session)
      }`,
    );
  }
  return Store as new () => BaseStore;
}

function* parsed(
  entries: Iterable<Entry>,
  options: Options,
): Generator<[sid: string, session: SessionData], void, undefined> {
  for (const { sid, text } of entries) yield [sid, sessionOf(text, options)];
}

/**
 * Does `work` at once, and tells what came of it later: to the callback, or by
 * a promise where there is none.
 */
function answer<Result>(
  callback: Callback<Result> | undefined,
  work: () => Result,
): Promise<Result> | void {
  let error: unknown = null;
  let result: Result;
  try {
    result = work();
  } catch (thrown) {
    // A callback takes what is falsy for success.
    error = thrown || new Error(`Cannot use session: ${show(thrown)} was thrown`);
  }
  if (typeof callback !== "function") {
    return new Promise((resolve, reject) => {
      defer(() => error ? reject(error) : resolve(result));
    });
  }
  defer(() => {
    if (error) callback(error);
    else if (result === undefined) callback(null);
    else callback(null, result);
  });
}
