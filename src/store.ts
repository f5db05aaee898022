// @ts-types="npm:@types/express-session@^1.18.0"
import type { SessionData } from "express-session";
// @ts-types="npm:@types/debug@^4.1.12"
import debug from "debug";
import { openPort } from "./core/port.ts";
import type { SessionInfo } from "./core/vault/entry.ts";
import { Sessions } from "./core/sessions.ts";
import {
  announce,
  changeOf,
  guarded,
  hasListeners,
  idOf,
  readArguments,
  SELF,
  spared,
  storeOf,
  userNameOf,
  watchGenerate,
} from "./express.ts";
import { type LembroOptions, type ResolvedOptions, resolveOptions } from "./options.ts";
import type {
  LembroMethods,
  LembroStats,
  RevokeOptions,
  SessionModule,
  StoreConstructor,
  StoreOf,
} from "./types.ts";
import { answer, type Answered, answerInSlices, type Callback, defer } from "./util/callbacks.ts";
import { isFunction } from "./util/errors.ts";
import { asyncDispose, dispose } from "./util/dispose.ts";
import { pretty } from "./util/sizes.ts";
import { inSlices, inTurns, sliced } from "./util/slices.ts";
import { every, monotonicNow, now } from "./util/time.ts";
import { inBatches, type ListedUser, USERS } from "./util/user_list.ts";
import { warnInCluster } from "./util/warnings.ts";

const log = debug("express-lembro");

/**
 * Makes a class of session stores that extends the `Store` of `session`. Its
 * constructor takes {@linkcode LembroOptions} and a callback. Its stores have the
 * methods of {@linkcode LembroMethods} and emit {@linkcode LembroEvents}.
 *
 * ```ts
 * import assert from "node:assert/strict";
 * import session from "express-session";
 * import lembro from "express-lembro";
 *
 * const Lembro = lembro(session);
 * using store = new Lembro({ maxSize: "16M" });
 * assert(store instanceof session.Store);
 * ```
 *
 * @param session The `express-session` function, or anything that has a `Store` class.
 * @returns The class of stores.
 * @throws {TypeError} If `session` has no `Store` class.
 */
export function lembro<Base extends object>(
  session: SessionModule<Base>,
): StoreConstructor<StoreOf<Base>> {
  class Lembro extends storeOf(session, "lembro") implements LembroMethods {
    declare readonly options: ResolvedOptions;
    readonly #sessions: Sessions;
    readonly #stopPurging: () => void;
    #isPurging = false;
    /** What the answers of `destroy`, `revokeUser` and `clear` wait for, if a journal is open. */
    #confirmed: (() => Promise<void>) | undefined;
    /** Closes the journal, if one is open. */
    #closeJournal: (() => Promise<void>) | undefined;

    constructor(options?: LembroOptions | null | (() => void), callback?: () => void) {
      super();
      const [passed, ready] = readArguments(options, callback, "lembro");
      const resolved = resolveOptions(passed);
      Object.defineProperty(this, SELF, { value: this });
      Object.defineProperty(this, "options", { value: resolved, enumerable: true });
      this.#sessions = new Sessions(resolved, {
        clock: now,
        monotonicClock: monotonicNow,
        run: (steps) =>
          inSlices(steps, () => {}, (error) => this.#announce("error", () => [error])),
        reducing: (bytes) => this.#log("reduce: start %s", bytes),
        hasListeners: (event) => hasListeners(this, event),
        announce: (event, args) => this.#announce(event, args),
      });
      watchGenerate(
        this,
        (request) => this.#sessions.reached(request),
        (request, made) => this.#sessions.generated(request, made),
      );
      openPort(this, this.#sessions, {
        confirmBy: (barrier) => this.#confirmed = barrier,
        closeWith: (close) => this.#closeJournal = close,
        announce: (event, args) => this.#announce(event, args),
      });
      this.#stopPurging = every(resolved.interval, this, Lembro.#purgeInBackground);
      warnInCluster();
      if (ready) defer(ready);
    }

    get(sid: string, callback?: Callback<SessionData | undefined>): Answered {
      return answer(callback, () => this.#sessions.get(idOf(sid)));
    }

    set(sid: string, session: SessionData, callback?: Callback): Answered {
      return answer(callback, () => this.#sessions.save(idOf(sid), session));
    }

    touch(sid: string, session: SessionData, callback?: Callback): Answered {
      return answer(callback, () => this.#sessions.touch(idOf(sid), session));
    }

    destroy(sid: string, callback?: Callback): Answered {
      return answer(callback, () => this.#sessions.destroy(idOf(sid)), this.#confirmed);
    }

    update(
      sid: string,
      change: (session: SessionData) => unknown,
      callback?: Callback<SessionData | undefined>,
    ): Answered {
      return answer(callback, () => this.#sessions.update(idOf(sid), changeOf(change)));
    }

    info(sid: string, callback?: Callback<SessionInfo | undefined>): Answered {
      return answer(callback, () => this.#sessions.info(idOf(sid)));
    }

    sessionsOfUser(user: string, callback?: Callback<SessionInfo[]>): Answered {
      return answerInSlices(callback, () => this.#sessions.sessionsOfUser(userNameOf(user)));
    }

    updateUser(
      user: string,
      change: (session: SessionData) => unknown,
      callback?: Callback<number>,
    ): Answered {
      return answerInSlices(
        callback,
        () => this.#sessions.updateUser(userNameOf(user), changeOf(change)),
      );
    }

    revokeUser(
      user: string,
      options?: RevokeOptions | Callback<number> | null,
      callback?: Callback<number>,
    ): Answered {
      if (isFunction(options)) [options, callback] = [undefined, options];
      return answerInSlices(callback, () => {
        const { sid, request } = spared(options as RevokeOptions | null | undefined);
        return this.#sessions.revokeUser(userNameOf(user), sid, request);
      }, this.#confirmed);
    }

    all(callback?: Callback<Record<string, SessionData>>): Answered {
      return answerInSlices(callback, () => this.#sessions.all());
    }

    length(callback?: Callback<number>): Answered {
      return answerInSlices(callback, () => this.#sessions.length());
    }

    ids(callback?: Callback<string[]>): Answered {
      return answerInSlices(callback, () => this.#sessions.ids());
    }

    clear(callback?: Callback): Answered {
      return answer(callback, () => this.#sessions.clear(), this.#confirmed);
    }

    reduce(callback?: Callback): Answered {
      return answerInSlices(callback, () => this.#sessions.reduce());
    }

    purge(callback?: Callback): Answered {
      return answerInSlices(callback, () => this.#sessions.purge());
    }

    close(callback?: Callback): Answered {
      return answer(callback, () => this.#stopPurging(), this.#closeJournal);
    }

    [dispose](): void {
      this.close((error) => {
        // A lost lock was announced when it was found.
        const { code } = Object(error);
        if (error && code !== "ERR_LEMBRO_JOURNAL_LOST") this.#announce("error", () => [error]);
      });
    }

    [asyncDispose](): Promise<void> {
      return this.close();
    }

    [Symbol.asyncIterator](): AsyncIterableIterator<[sid: string, session: SessionData]> {
      return inTurns(this.#sessions.walk());
    }

    stats(): LembroStats {
      return this.#sessions.stats();
    }

    [USERS](): AsyncIterable<ListedUser[]> {
      return inBatches(sliced(this.#sessions.users()));
    }

    entries(): IterableIterator<[sid: string, session: SessionData]> {
      return this.#sessions.entries();
    }

    override createSession(req: unknown, session: SessionData): SessionData {
      const made = super.createSession!(req, session);
      try {
        this.#sessions.created(req, session, made);
      } catch (error) {
        // What one of the app's functions throws here would end the process:
        // express-session calls this in a callback, where nobody catches it.
        this.#announce("error", () => [error]);
      }
      return made;
    }

    // Made in the constructor, this function would hold the store, and the timer with it.
    static #purgeInBackground(this: void, store: Lembro): void {
      if (store.#isPurging) return;
      store.#isPurging = true;
      store.purge((error) => {
        store.#isPurging = false;
        if (error) store.#announce("error", () => [error]);
      });
    }

    // The log is the app's own function: what it throws must not fail a save.
    #log(message: string, bytes: number): void {
      if (!log.enabled) return;
      try {
        log(message, pretty(bytes));
      } catch (error) {
        this.#announce("error", () => [error]);
      }
    }

    #announce(event: string, args: () => unknown[]): void {
      if (event === "reduce") this.#log("reduce: done %s", this.#sessions.vault.bytes);
      announce(this, event, args);
    }
  }

  return guarded(Lembro) as unknown as StoreConstructor<StoreOf<Base>>;
}
