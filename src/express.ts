/**
 * What both stores share of express-session: what they are built on, and how
 * they read ids, users, requests and the arguments of their constructors.
 *
 * @module
 */
// @ts-types="npm:@types/express-session@^1.18.0"
import type { SessionData } from "express-session";
import { requestOf } from "./core/overlaps/base_version.ts";
import { CREATE, isUser } from "./options.ts";
import type { RevokeOptions } from "./types.ts";
import { defer } from "./util/callbacks.ts";
import {
  checkOptions,
  failure,
  invalid,
  invalidOption,
  isFunction,
  isObject,
} from "./util/errors.ts";
import { warn } from "./util/warnings.ts";

export const REVOKE = "revoke user";

/** What the stores use of their `Store`, where the `Store` has it. */
export interface BaseStore {
  createSession?(req: unknown, session: SessionData): SessionData;
  emit?(event: string, ...args: unknown[]): unknown;
  listenerCount?(event: string): number;
}

/**
 * Returns the `Store` of `session`.
 *
 * @param factory The name of the function that `session` was passed to.
 */
export function storeOf(session: unknown, factory: string): new () => BaseStore {
  const from = session as { Store?: unknown; session?: { Store?: unknown } } | null | undefined;
  const Store = from?.Store ?? from?.session?.Store;
  if (!isFunction(Store) || !Store.prototype) {
    const rule = `pass express-session, as in ${factory}(session), or an object with a Store class`;
    throw invalid(TypeError, "make a store class", rule, session);
  }
  return Store as unknown as new () => BaseStore;
}

/** Reads what the constructor of a store was called with: options, a callback, both or neither. */
export function readArguments<Options>(
  options: Options | (() => void),
  callback: (() => void) | undefined,
  factory: string,
): [options: Options | undefined, callback: (() => void) | undefined] {
  const [passed, ready] = isFunction(options) ? [undefined, options] : [options, callback];
  if (ready !== undefined && !isFunction(ready)) {
    throw invalid(TypeError, CREATE, "callback must be a function", ready);
  }
  if (ready && "Store" in ready) {
    const rule = `pass express-session to ${factory}(), as in new (${factory}(session))(options)`;
    throw invalid(TypeError, CREATE, rule, ready);
  }
  return [passed, ready];
}

/**
 * Calls `reached` with each request that comes to `store` without a session, or
 * gets a new one: express-session assigns its `generate`, and calls it for these.
 * Calls `generated` with the new session after that.
 */
export function watchGenerate(
  store: object,
  reached: (request: unknown) => void,
  generated?: (request: unknown, made: unknown) => void,
): void {
  let generate: unknown;
  Object.defineProperty(store, "generate", {
    // A subclass may have one of its own.
    configurable: true,
    get: () => generate,
    set(assigned: unknown) {
      generate = !isFunction(assigned) ? assigned : function (this: unknown, ...args: unknown[]) {
        const [request] = args;
        reached(request);
        const result = assigned.apply(this, args);
        generated?.(request, (request as { session?: unknown } | undefined)?.session);
        return result;
      };
    },
  });
}

/** Whether anybody listens to `event`: a bare emitter may not be able to count its listeners. */
export function hasListeners(store: BaseStore, event: string): boolean {
  return isFunction(store.emit) && store.listenerCount?.(event) !== 0;
}

/**
 * Emits `event` after the call, like a callback: a listener that throws, or that
 * calls the store, can't come between two steps of the store's own work. An error
 * that nobody listens to becomes a warning of the process.
 */
export function announce(store: BaseStore, event: string, args: () => unknown[]): void {
  if (hasListeners(store, event)) defer(() => store.emit?.(event, ...args()));
  else if (event === "error") defer(() => warn(args()[0]));
}

/** Reads the id of a session. */
export function idOf(sid: unknown): string {
  if (typeof sid === "string") return sid;
  if (typeof sid === "number") return String(sid);
  throw invalid(TypeError, "use session", "sid must be a string or a number", sid);
}

/** Reads a user, as a string. */
export function userNameOf(user: unknown): string {
  // No session has this user.
  if (Number.isNaN(user)) return "";
  if (isUser(user)) return String(user);
  const rule = "user must be a string, a number or a bigint";
  throw invalid(TypeError, "find sessions of user", rule, user);
}

/** Reads what is to be done to a session. */
export function changeOf(change: unknown): (session: SessionData) => unknown {
  if (isFunction(change)) return change;
  throw invalid(TypeError, "update session", "change must be a function", change);
}

/** Reads which session, and which request, a revocation leaves alone. */
export function spared(
  options: RevokeOptions | null | undefined,
): { sid?: string; request?: object } {
  if (options === undefined || options === null) return {};
  checkOptions(REVOKE, options, ["except"]);
  const { except } = options;
  if (except === undefined || except === null) return {};
  if (isObject(except) && !Array.isArray(except)) {
    const found = sparedBy(except as RequestLike);
    if (found) return found;
  }
  if (typeof except === "string" || typeof except === "number") return { sid: String(except) };
  const rule = "except must be a session id, a request or its session (for a socket, its request)";
  throw invalidOption(TypeError, REVOKE, rule, except);
}

/** Reads a request, or the session of one; anything else spares nothing. */
function sparedBy(except: RequestLike): { sid?: string; request?: object } | undefined {
  const request = requestOf(except as SessionData);
  if (request) {
    const { id } = except as { id?: unknown };
    return { request, ...(typeof id === "string" ? { sid: id } : {}) };
  }
  const { sessionID, session } = except;
  const sid = sessionID ?? session?.id ?? session?.sessionId;
  if (typeof sid === "string") return { request: except, sid };
  // A session that was destroyed is no longer there.
  return "session" in except && !session ? { request: except } : undefined;
}

/** Where requests have the id of their session: those of Express, and those of Fastify. */
interface RequestLike {
  sessionID?: unknown;
  session?: { id?: unknown; sessionId?: unknown } | null;
}

/** The store itself, where a `Proxy` stands for it. */
export const SELF: unique symbol = Symbol("store");

/**
 * Returns a class of stores that says what was meant if it is taken for a store
 * or called without `new`. Its methods work on a `Proxy` of a store too, which
 * has no private fields: each store has itself as its `SELF`.
 */
export function guarded<Class extends new (...args: never[]) => object>(Store: Class): Class {
  const { prototype } = Store;
  for (const name of Reflect.ownKeys(prototype)) {
    if (name === "constructor") continue;
    const { value, get, set, ...rest } = Object.getOwnPropertyDescriptor(prototype, name)!;
    const wrapped = [value, get, set].map((work) => isFunction(work) ? onSelf(work) : work);
    const [method, getter, setter] = wrapped;
    const { writable: _, ...accessor } = rest;
    Object.defineProperty(
      prototype,
      name,
      value === undefined ? { ...accessor, get: getter, set: setter } : { ...rest, value: method },
    );
  }
  // What express-session calls first.
  Object.defineProperty(Store, "on", {
    value() {
      const message = "Cannot use store: store must be a store, as in new Lembro(options): " +
        "received the class of stores";
      throw failure(TypeError, "ERR_LEMBRO_ARGUMENT", message);
    },
  });
  const guard = new Proxy(Store, {
    apply() {
      const message =
        `Cannot ${CREATE}: call it with new, or extend it with class (in a function ` +
        "of ES5: return Reflect.construct(Lembro, [options], new.target)): received a plain call";
      throw failure(TypeError, "ERR_LEMBRO_ARGUMENT", message);
    },
  });
  Object.defineProperty(prototype, "constructor", { value: guard });
  return guard;
}

/** Makes a method work on the store that a `Proxy` stands for. */
function onSelf<Method extends (...args: never[]) => unknown>(method: Method): Method {
  const wrapper = function (this: { [SELF]?: object }, ...args: never[]) {
    return method.apply(this[SELF] ?? this, args);
  };
  return Object.defineProperties(wrapper, {
    name: { value: method.name },
    length: { value: method.length },
  }) as unknown as Method;
}
