// @ts-types="npm:@types/express-session@^1.18.0"
import type { SessionData } from "express-session";
import { openTo } from "../core/port.ts";
import type { SessionInfo } from "../core/vault/entry.ts";
import {
  announce,
  changeOf,
  guarded,
  idOf,
  readArguments,
  SELF,
  spared,
  storeOf,
  userNameOf,
  watchGenerate,
} from "../express.ts";
import type { RevokeOptions, SessionModule, StoreOf } from "../types.ts";
import { type Answered, answerLater, type Callback, defer } from "../util/callbacks.ts";
import { asyncDispose, dispose } from "../util/dispose.ts";
import { isFunction } from "../util/errors.ts";
import { every } from "../util/time.ts";
import { Connection, Subscription } from "./clients.ts";
import { Keys, wellFormed } from "./keys.ts";
import {
  type LembroRedisOptions,
  type ResolvedRedisOptions,
  resolveRedisOptions,
} from "./options.ts";
import { SCRIPTS } from "./scripts.ts";
import { RedisSessions } from "./sessions.ts";
import type { LembroRedisStats, LembroRedisStore, RedisStoreConstructor } from "./types.ts";
import { inBatches, type ListedUser, USERS } from "../util/user_list.ts";

/** How often Redis is asked for its time, in milliseconds. */
const CLOCK_INTERVAL_MS = 10_000;

/**
 * Makes a class of session stores on Redis that extends the `Store` of `session`.
 *
 * ```ts
 * import assert from "node:assert/strict";
 * import session from "express-session";
 * import lembroRedis from "express-lembro/redis";
 * import { createClient } from "redis";
 *
 * const Lembro = lembroRedis(session);
 * // Without a queue, calls fail at once while Redis is down. In an app, connect it first.
 * const client = createClient({ disableOfflineQueue: true });
 * using store = new Lembro({ client, ttl: 3_600_000 });
 * assert(store instanceof session.Store);
 * ```
 *
 * @param session The `express-session` function, or anything that has a `Store` class.
 * @returns The class of stores.
 * @throws {TypeError} If `session` has no `Store` class.
 */
export function lembroRedis<Base extends object>(
  session: SessionModule<Base>,
): RedisStoreConstructor<StoreOf<Base>> {
  class LembroRedis extends storeOf(session, "lembroRedis") implements LembroRedisStore {
    declare readonly options: ResolvedRedisOptions;
    readonly #sessions: RedisSessions;
    readonly #stopClock: () => void;
    readonly #subscription: Subscription | undefined;

    constructor(options: LembroRedisOptions, callback?: () => void) {
      super();
      const [passed, ready] = readArguments<LembroRedisOptions>(options, callback, "lembroRedis");
      const resolved = resolveRedisOptions(passed);
      const { client, subscriber } = passed!;
      const connection = new Connection(client);
      const keys = new Keys(resolved.prefix);
      Object.defineProperty(this, SELF, { value: this });
      Object.defineProperty(this, "options", { value: resolved, enumerable: true });
      // What the client and the timer hold must not keep the store.
      const self = new WeakRef<LembroRedis>(this);
      const alive = (work: (store: LembroRedis) => void) => {
        const store = self.deref();
        if (store) work(store);
      };
      this.#sessions = new RedisSessions(connection, keys, resolved, {
        hearsItself: subscriber !== undefined,
        announce: (event, args) => announce(this, event, args),
      });
      watchGenerate(
        this,
        (request) => this.#sessions.reached(request),
        (request, made) => this.#sessions.generated(request, made),
      );
      openTo(this, () => this.#sessions.restorer());
      this.#subscription = subscriber && new Subscription(
        subscriber,
        keys.channel,
        (message) => alive((store) => store.#sessions.heard(message)),
        () => alive((store) => announce(store, "gap", () => [])),
        (error) => alive((store) => announce(store, "error", () => [error])),
      );
      this.#stopClock = every(CLOCK_INTERVAL_MS, this, LembroRedis.#readClock);
      LembroRedis.#readClock(this);
      // Whatever goes wrong here goes wrong in a call as well, and is told there.
      connection.load(SCRIPTS).then(() => connection.warn()).catch(() => {});
      if (ready) defer(ready);
    }

    get(sid: string, callback?: Callback<SessionData | undefined>): Answered {
      return answerLater(callback, () => this.#sessions.get(sidOf(sid)));
    }

    set(sid: string, session: SessionData, callback?: Callback): Answered {
      return answerLater(callback, () => this.#sessions.save(sidOf(sid), session));
    }

    touch(sid: string, session: SessionData, callback?: Callback): Answered {
      return answerLater(callback, () => this.#sessions.touch(sidOf(sid), session));
    }

    destroy(sid: string, callback?: Callback): Answered {
      return answerLater(callback, () => this.#sessions.destroy(sidOf(sid)));
    }

    update(
      sid: string,
      change: (session: SessionData) => unknown,
      callback?: Callback<SessionData | undefined>,
    ): Answered {
      return answerLater(
        callback,
        () => this.#sessions.update(sidOf(sid), changeOf(change)),
      );
    }

    info(sid: string, callback?: Callback<SessionInfo | undefined>): Answered {
      return answerLater(callback, () => this.#sessions.info(sidOf(sid)));
    }

    sessionsOfUser(user: string, callback?: Callback<SessionInfo[]>): Answered {
      return answerLater(callback, () => this.#sessions.sessionsOfUser(nameOf(user)));
    }

    updateUser(
      user: string,
      change: (session: SessionData) => unknown,
      callback?: Callback<number>,
    ): Answered {
      return answerLater(
        callback,
        () => this.#sessions.updateUser(nameOf(user), changeOf(change)),
      );
    }

    revokeUser(
      user: string,
      options?: RevokeOptions | Callback<number> | null,
      callback?: Callback<number>,
    ): Answered {
      if (isFunction(options)) [options, callback] = [undefined, options];
      return answerLater(callback, () => {
        const { sid, request } = spared(options as RevokeOptions | null | undefined);
        const kept = sid === undefined ? undefined : wellFormed(sid);
        return this.#sessions.revokeUser(nameOf(user), kept, request);
      });
    }

    all(callback?: Callback<Record<string, SessionData>>): Answered {
      return answerLater(callback, async () => {
        const all: Record<string, SessionData> = Object.create(null);
        for await (const [sid, session] of this.#sessions.entries()) all[sid] = session;
        return all;
      });
    }

    length(callback?: Callback<number>): Answered {
      return answerLater(callback, async () => {
        let length = 0;
        for await (const _ of this.#sessions.ids()) length++;
        return length;
      });
    }

    ids(callback?: Callback<string[]>): Answered {
      return answerLater(callback, async () => {
        const ids: string[] = [];
        for await (const sid of this.#sessions.ids()) ids.push(sid);
        return ids;
      });
    }

    clear(callback?: Callback): Answered {
      return answerLater(callback, () => this.#sessions.clear());
    }

    adopt(callback?: Callback<number>): Answered {
      return answerLater(callback, () => this.#sessions.adopt());
    }

    /** Redis forgets expired sessions by itself. */
    purge(callback?: Callback): Answered {
      return answerLater(callback, async () => {});
    }

    close(callback?: Callback): Answered {
      // deno-lint-ignore require-await -- what it throws goes to the callback
      return answerLater(callback, async () => this[dispose]());
    }

    [dispose](): void {
      this.#stopClock();
      this.#subscription?.close();
      this.#sessions.close();
    }

    // deno-lint-ignore require-await -- the connection is the app's: there is nothing to wait for
    async [asyncDispose](): Promise<void> {
      this[dispose]();
    }

    [Symbol.asyncIterator](): AsyncGenerator<[sid: string, session: SessionData], void, undefined> {
      return this.#sessions.entries();
    }

    [USERS](): AsyncIterable<ListedUser[]> {
      return inBatches(this.#sessions.users());
    }

    stats(): LembroRedisStats {
      return this.#sessions.stats();
    }

    override createSession(req: unknown, session: SessionData): SessionData {
      const made = super.createSession!(req, session);
      this.#sessions.created(req, session, made);
      return made;
    }

    /** Without an answer, sign-ins count as begun earlier than they did: that is safe. */
    static #readClock(this: void, store: LembroRedis): void {
      store.#sessions.readClock().catch(() => {});
    }
  }

  return guarded(LembroRedis) as unknown as RedisStoreConstructor<StoreOf<Base>>;
}

/** Reads an id as Redis keeps it. */
function sidOf(sid: unknown): string {
  return wellFormed(idOf(sid));
}

function nameOf(user: unknown): string {
  return wellFormed(userNameOf(user));
}
