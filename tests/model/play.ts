/**
 * Plays a sequence of commands to a store and to the model, and compares the
 * two after each of them.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import type { LembroOptions, Serializer } from "express-lembro";
import { HeldClock } from "../support/clock.ts";
import { finish } from "../support/core.ts";
import { Lembro, session as expressSession, settled } from "../support/setup.ts";
import {
  type Answer,
  type BaseVersion,
  type Kept,
  Model,
  type Session,
  type Settings,
  type Visit,
} from "./reference.ts";
import { portOf } from "../../src/core/port.ts";
import { isTree } from "./merging.ts";

/** A session that was kept can be read, and its user was known. */
const unexpected = {
  unreadable: (_at: number, cause: unknown) => cause as Error,
  refused(_sessions: number, cause: unknown) {
    throw cause;
  },
};

/**
 * A value of a key; a long string is written by its length, or by its share of
 * the limit. `mongo` is an id as Mongo has it, and `document` what has one, and
 * writes it under another name or not at all.
 */
export type Value =
  | null
  | boolean
  | number
  | string
  | object
  | { pad: number }
  | { share: number }
  | { mongo: string }
  | { document: string; writes: string | null };

/** The keys of a session with their values. */
export type Data = [key: string, value: Value][];

/** What a request does to a key of its session, or to one in an object there. */
export type Edit =
  | ["set" | "push", path: string[], value: Value]
  | ["drop", path: string[], how: keyof typeof drop];

/** A cookie by the form and distance of its expiry, or none. */
export type Cookie = null | [
  form: "none" | "date" | "iso" | "number" | "text" | "maxAge" | "unreadable",
  ms: number,
];

/** A field of the cookie that a request sets; `renew` moves the date as express-session does. */
export type CookieEdit =
  | ["path" | "sameSite", value: string]
  | ["maxAge", ms: number | null]
  | ["renew"];

export interface Options {
  maxSize: number | string;
  interval: number;
  ttl: number | "by key";
  idleTimeout: number | "by key";
  absoluteTimeout: number | "by key";
  user: "passport" | "by key";
  maxSessionsPerUser: number;
  protect: "default" | "by key";
  polls: boolean;
  answers: "callbacks" | "promises";
  /** Whether the sessions of all users are looked at after each command. */
  looks: boolean;
}

/** Where a request comes from, and whether it is a poll. */
export interface From {
  address: string | undefined;
  isPoll: boolean;
}

/** Requests are known by number: each holds one session. */
export type Command =
  | { do: "get" | "copyGone"; sid: string; request: number }
  | { do: "copy"; sid: string; request: number; by: "all" | "info" | "sessionsOfUser" | "entries" }
  | { do: "open"; sid: string; request: number; from: From }
  | { do: "asSession"; request: number; into: number; from: From }
  | { do: "newSession"; sid: string; request: number; data: Data; cookie: Cookie; from: From }
  | { do: "edit"; request: number; edits: Edit[] }
  | { do: "editCookie"; request: number; edit: CookieEdit }
  | { do: "setCookie"; request: number; cookie: Cookie }
  | { do: "signIn"; request: number; user: Value }
  | { do: "save" | "touchOwn" | "reload" | "wrap"; request: number }
  | { do: "saveAs" | "regenerateOwn"; request: number; sid: string }
  | { do: "set" | "regenerate"; sid: string; data: Data; cookie: Cookie }
  | { do: "update"; sid: string; edits: Edit[]; how: "edit" | "throw" | "promise" }
  | { do: "updateUser"; user: string | number; edits: Edit[]; how: "edit" | "throw" | "promise" }
  | { do: "setBad" | "touchBad"; sid: string; bad: keyof typeof bad }
  | { do: "touch"; sid: string; cookie: Cookie }
  | {
    do: "flood";
    who: string;
    count: number;
    data: Data;
    cookie: Cookie;
    from: From | undefined;
    /** Whether each session is asked for once, as by who follows a redirect. */
    returns: boolean;
  }
  | { do: "visit"; count: number }
  | { do: "destroy" | "info"; sid: string }
  | { do: "sessionsOfUser"; user: string | number }
  | {
    do: "revokeUser";
    user: string | number;
    except: { sid: string } | { request: number } | null;
  }
  | { do: "backup" | "restore" }
  | { do: "clear" | "all" | "length" | "ids" | "reduce" | "purge" | "close" }
  | { do: "iterate" | "next"; iterator: number }
  | { do: "wait"; ms: number };

/** All ways to have a key not saved. */
export const drop = {
  delete: (tree: Session, key: string) => delete tree[key],
  undefined: (tree: Session, key: string) => put(tree, key, undefined),
  function: (tree: Session, key: string) => put(tree, key, () => 1),
  symbol: (tree: Session, key: string) => put(tree, key, Symbol(key)),
  toJSON: (tree: Session, key: string) => put(tree, key, { toJSON() {} }),
  hidden: (tree: Session, key: string) =>
    Object.defineProperty(tree, key, { value: 1, configurable: true, enumerable: false }),
};

const circular: Session = {};
circular.circular = circular;

/** What can't be saved. */
export const bad = { null: null, undefined, number: 5, text: "session", circular, big: { n: 1n } };

interface Request {
  sid: string;
  live: Session;
  base: BaseVersion | undefined;
  /** Of a `Session` of express-session, rather than plain data: its request. */
  req?: Session;
  visit?: Visit;
}

const START = Date.UTC(2026, 0, 1);

/** Throws at the first difference; else tells how often what happened. */
export async function play(
  options: Options,
  commands: Command[],
): Promise<Model["counters"] & Model["seen"]> {
  using time = new HeldClock(START);
  const { maxSize, interval, maxSessionsPerUser, polls } = options;
  const bytes = maxSize === "1K" ? 1024 : Number(maxSize);
  const settings: Settings = {
    maxSize: bytes,
    interval,
    maxSessionsPerUser,
    ttl: byKey(options.ttl, 300, 30_000),
    idleTimeout: byKey(options.idleTimeout, 150, 20_000),
    isIdleLimited: options.idleTimeout !== Infinity,
    absoluteTimeout: byKey(options.absoluteTimeout, 500, 40_000),
    user: options.user === "passport" ? userOfPassport : userByKey,
    protect: options.protect === "by key"
      ? (session) => "vip" in session
      : options.user === "passport"
      ? (session) => isSomebody(session.passport?.user)
      : (session) => isSomebody(userByKey(session)) || isSomebody(session.passport?.user),
  };
  const given: LembroOptions = {
    maxSize,
    interval,
    maxSessionsPerUser,
    ttl: options.ttl === "by key" ? settings.ttl : options.ttl,
    idleTimeout: options.idleTimeout === "by key" ? settings.idleTimeout : options.idleTimeout,
    absoluteTimeout: options.absoluteTimeout === "by key"
      ? settings.absoluteTimeout
      : options.absoluteTimeout,
    ...(options.user === "by key" ? { user: userByKey } : {}),
    ...(options.protect === "by key" ? { protect: settings.protect } : {}),
    ...(polls ? { isActivity: (request: Session) => !request.isPoll } : {}),
    serializer: options.answers === "callbacks" ? JSON : serializer,
  };
  using store = new Lembro(given);
  const model = new Model(START, settings);

  const port = portOf(store)!;
  let backup: Kept[] = [];
  const requests: Record<number, Request> = {};
  const iterators: Record<number, [real: Iterator<[string, Session]>, model: () => unknown]> = {};
  const events: unknown[][] = [];
  const gone: Record<string, Session> = Object.create(null);
  for (const event of EVENTS) {
    store.on(event, (...args: unknown[]) => {
      events.push([event, ...args]);
      if (isTree(args[1])) gone[args[0] as string] = args[1];
    });
  }

  /** What express-session does for a request that comes without a session. */
  Object.assign(store, {
    generate(req: Session) {
      req.session = new (expressSession as Session).Session(req);
    },
  });
  const generate = (req: Session) => (store as Session).generate(req);

  let got: Answer[] = [];
  let due: Answer[] = [];

  // deno-lint-ignore no-explicit-any
  function ask(expected: Answer, method: (...args: any[]) => any, ...args: unknown[]): void {
    const before = got.length;
    const tell = (error: unknown, result?: unknown) =>
      got.push(error ? { error: codeOf(error) } : { result });
    if (options.answers === "callbacks") method.call(store, ...args, tell);
    else {
      method.call(store, ...args)
        .then((result: unknown) => tell(null, result), (error: unknown) => tell(error));
    }
    assertEquals(got.length, before, "Answers come after the call");
    due.push(expected);
  }

  /** Waits for the answers and the events, and compares them. */
  async function settle(): Promise<unknown> {
    for (let turns = 0; turns === 0 || (got.length < due.length && turns < 9); turns++) {
      await settled();
    }
    assertEquals(got.map(answered), due.map(answered), "Answers");
    assertEquals(inOrder(events), inOrder(model.events), "Events");
    const last = got.at(-1)?.result;
    [got, due, model.events] = [[], [], []];
    events.length = 0;
    return last;
  }

  /** Finds a session by what hands out copies, which is no use of it. */
  const found = {
    async all(sid: string): Promise<Session> {
      ask(model.all(), store.all);
      return (await settle() as Record<string, Session>)[sid];
    },
    async info(sid: string): Promise<Session> {
      ask(model.info(sid), store.info, sid);
      return (await settle() as { session: Session } | undefined)?.session;
    },
    async sessionsOfUser(sid: string): Promise<Session> {
      const user = model.kept.find((kept) => kept.sid === sid)?.user;
      if (user === undefined) return undefined;
      ask(model.sessionsOfUser(user), store.sessionsOfUser, user);
      const infos = await settle() as { sid: string; session: Session }[];
      return infos.find((info) => info.sid === sid)?.session;
    },
    async entries(sid: string): Promise<Session> {
      await settle();
      const next = model.entries();
      let live: Session;
      for (const entry of store.entries()) {
        assertEquals(comparable(entry), comparable(next()), "entries()");
        if (entry[0] === sid) live = entry[1];
      }
      assertEquals(next(), undefined, "entries()");
      return live;
    },
  };

  function save(request: Request, sid: string): void {
    const { live, base, req, visit } = request;
    const answer = model.set(sid, live, base, visit);
    ask(answer, store.set, sid, live);
    const isFollowed = base ? base.sid === sid : req !== undefined;
    if (answer.base && isFollowed) request.base = answer.base;
  }

  /** A request that comes without a session, and gets a new one. */
  function begin(sid: string, data: Data, cookie: Cookie, from: From): Request {
    const visit = model.visit(from.address, polls && from.isPoll);
    const req = requestOf(sid, from);
    generate(req);
    return { ...renewed(sid, req, data, cookie), visit };
  }

  function renewed(sid: string, req: Session, data: Data, cookie: Cookie): Request {
    const live = req.session;
    for (const [key, value] of data) {
      if (!isTaken(key, live)) put(live, key, valueOf(value, bytes));
    }
    live.cookie = cookie ? cookieOf(cookie) : new expressSession.Cookie();
    return { sid, live, base: undefined, req };
  }

  function requestOf(sid: string, { address, isPoll }: From): Session {
    return { sessionID: sid, sessionStore: store, ip: address, isPoll };
  }

  function sessionOf(data: Data, cookie: Cookie): Session {
    const session: Session = {};
    for (const [key, value] of data) put(session, key, valueOf(value, bytes));
    if (cookie) session.cookie = cookieOf(cookie);
    return session;
  }

  function edit(live: Session, edits: Edit[]): Session {
    for (const [what, path, value] of edits) {
      if (isTaken(path[0], live)) continue;
      let tree = live;
      for (const key of path.slice(0, -1)) {
        if (!isTree(own(tree, key))) put(tree, key, {});
        tree = own(tree, key);
      }
      const key = path.at(-1)!;
      if (what === "drop") drop[value as keyof typeof drop](tree, key);
      else if (what === "set") put(tree, key, valueOf(value as Value, bytes));
      else {
        if (!Array.isArray(own(tree, key))) put(tree, key, []);
        (own(tree, key) as unknown[]).push(valueOf(value as Value, bytes));
      }
    }
    return live;
  }

  async function run(command: Command): Promise<void> {
    switch (command.do) {
      case "get": {
        const answer = model.get(command.sid);
        ask(answer, store.get, command.sid);
        const live = await settle();
        if (live) {
          const { sid } = command;
          requests[command.request] = { sid, live, base: answer.base };
        }
        return;
      }
      case "open": {
        const { sid, request, from } = command;
        delete requests[request];
        await run({ do: "get", sid, request });
        return run({ do: "asSession", request, into: request, from });
      }
      case "copy": {
        const { sid, by } = command;
        const live = await found[by](sid);
        if (live) requests[command.request] = { sid, live, base: model.found(sid) };
        return;
      }
      case "copyGone": {
        await settle();
        const { sid } = command;
        if (!gone[sid]) return;
        requests[command.request] = { sid, live: gone[sid], base: model.gone[sid] };
        delete gone[sid];
        return;
      }
      case "asSession": {
        const { into, from } = command;
        const loaded = requests[command.request];
        if (!isTree(loaded?.live.cookie) || loaded.req) return;
        const { sid, base } = loaded;
        const req = requestOf(sid, from);
        const live = store.createSession(req, loaded.live);
        const visit = model.visit(from.address, polls && from.isPoll, base);
        model.load(base, visit);
        // Each of the two may be saved and touched without the other.
        requests[into] = { sid, live, base: base && { ...base }, req, visit };
        return;
      }
      case "newSession": {
        const { sid, request, data, cookie, from } = command;
        requests[request] = begin(sid, data, cookie, from);
        return;
      }
      case "edit": {
        const request = requests[command.request];
        if (request) edit(request.live, command.edits);
        return;
      }
      case "signIn": {
        const request = requests[command.request];
        if (!request) return;
        put(request.live, "user", valueOf(command.user, bytes));
        put(request.live, "passport", { user: valueOf(command.user, bytes) });
        return;
      }
      case "setCookie": {
        const request = requests[command.request];
        if (request) request.live.cookie = cookieOf(command.cookie);
        return;
      }
      case "editCookie": {
        const cookie = requests[command.request]?.live.cookie;
        if (isTree(cookie)) editCookie(cookie, command.edit);
        return;
      }
      case "save": {
        const request = requests[command.request];
        if (request) save(request, request.sid);
        return;
      }
      case "saveAs": {
        const request = requests[command.request];
        if (request?.base) save(request, command.sid);
        return;
      }
      case "touchOwn": {
        const request = requests[command.request];
        if (!request) return;
        const { sid, live, base, visit } = request;
        return ask(model.touch(sid, live, base, visit), store.touch, sid, live);
      }
      case "wrap": {
        // Plain data in a Proxy is other plain data.
        const request = requests[command.request];
        if (request?.req) request.live = new Proxy(request.live, {});
        return;
      }
      case "reload": {
        const request = requests[command.request];
        if (!request?.req) return;
        const { sid, req, visit } = request;
        const answer = model.get(sid);
        ask(answer, store.get, sid);
        const loaded = await settle() as Session;
        if (!isTree(loaded?.cookie)) return;
        const live = store.createSession(req, loaded as never);
        model.load(answer.base, visit!);
        requests[command.request] = { sid, live, base: answer.base, req, visit: visit! };
        return;
      }
      case "regenerateOwn": {
        const request = requests[command.request];
        if (!request?.req) return;
        const { req, visit, sid } = request;
        ask(model.destroy(sid), store.destroy, sid);
        req.sessionID = command.sid;
        generate(req);
        requests[command.request] = { ...renewed(command.sid, req, [], null), visit: visit! };
        return;
      }
      case "set":
      case "regenerate": {
        const { sid } = command;
        if (command.do === "regenerate") ask(model.destroy(sid), store.destroy, sid);
        const session = sessionOf(command.data, command.cookie);
        return ask(model.set(sid, session), store.set, sid, session);
      }
      case "update":
      case "updateUser": {
        const { edits, how } = command;
        const change = (session: Session) => {
          edit(session, edits);
          if (how === "throw") throw new RangeError();
          return session;
        };
        const modelled = (session: Session) => {
          if (how === "promise") throw new TypeError();
          return change(session);
        };
        const real = (session: Session) => {
          change(session);
          return how === "promise" ? Promise.resolve() : undefined;
        };
        if (command.do === "update") {
          const { sid } = command;
          return ask(model.update(sid, modelled), store.update, sid, real);
        }
        const { user } = command;
        return ask(model.updateUser(String(user), modelled), store.updateUser, user, real);
      }
      case "info":
        return ask(model.info(command.sid), store.info, command.sid);
      case "sessionsOfUser":
        return ask(model.sessionsOfUser(String(command.user)), store.sessionsOfUser, command.user);
      case "revokeUser": {
        const { user, except } = command;
        const name = String(user);
        if (!except) return ask(model.revokeUser(name, {}), store.revokeUser, user);
        if ("sid" in except) {
          return ask(model.revokeUser(name, except), store.revokeUser, user, {
            except: except.sid,
          });
        }
        const request = requests[except.request];
        if (!request?.req) return;
        const { req, visit } = request;
        const answer = model.revokeUser(name, { sid: req.sessionID, visit: visit! });
        return ask(answer, store.revokeUser, user, { except: req });
      }
      case "flood":
        for (let n = 1; n <= command.count; n++) {
          const { who, data, cookie, from } = command;
          const sid = `${who} ${n}`;
          tick(1);
          if (from) save(begin(sid, data, cookie, from), sid);
          else {
            const session = sessionOf(data, cookie);
            ask(model.set(sid, session), store.set, sid, session);
          }
          if (command.returns) ask({ result: model.get(sid).result }, store.get, sid);
        }
        return;
      case "visit":
        for (let n = 1; n <= command.count; n++) {
          tick(1);
          const { result } = model.get(`bot ${n}`);
          ask({ result }, store.get, `bot ${n}`);
        }
        return;
      case "touch": {
        const { sid, cookie } = command;
        const session = sessionOf([], cookie);
        return ask(model.touch(sid, session), store.touch, sid, session);
      }
      case "setBad":
        return ask(
          model.set(command.sid, bad[command.bad]),
          store.set,
          command.sid,
          bad[command.bad],
        );
      case "touchBad":
        return ask(
          model.touch(command.sid, bad[command.bad]),
          store.touch,
          command.sid,
          bad[command.bad],
        );
      case "destroy":
        return ask(model.destroy(command.sid), store.destroy, command.sid);
      case "backup":
        backup = model.backup();
        return;
      case "restore":
        // Whether an iterator that has begun comes to these too is promised nowhere.
        for (const iterator of Object.keys(iterators)) delete iterators[Number(iterator)];
        for (const row of backup) {
          const restoration = port.restore();
          restoration.put({ ...row, cookie: undefined }, false, 0);
          const { sessions } = finish(restoration.enter(unexpected)).result;
          assertEquals(sessions === 1, model.restore(row));
        }
        return;
      case "iterate":
        iterators[command.iterator] = [store.entries(), model.entries()];
        return;
      case "next": {
        const iterator = iterators[command.iterator];
        if (!iterator) return;
        const expected = iterator[1]();
        assertEquals(comparable(iterator[0].next().value), comparable(expected), "Iterator");
        return;
      }
      case "wait": {
        // A purge that finds another one running does nothing: each gets its turn.
        for (let left = command.ms; left > 0;) {
          const ms = Math.min(left, model.untilPurge);
          await settled();
          tick(ms, ms);
          left -= ms;
        }
        return;
      }
      default:
        ask(model[command.do](), store[command.do]);
        await settle();
    }
  }

  /**
   * No two sessions are used in one millisecond: which of them is the later would
   * be open. What slices of work are measured by moves while no work is under way
   * only: how much of it fits into one is the machine's affair.
   */
  function tick(ms: number, elapsed = 0): void {
    model.wait(ms, elapsed);
    time.tick(ms, elapsed);
  }

  async function look(): Promise<void> {
    for (const user of model.users()) {
      ask(model.sessionsOfUser(user), store.sessionsOfUser, user);
      await settle();
    }
  }

  for (const [n, command] of commands.entries()) {
    try {
      tick(1);
      await run(command);
      const stats = store.stats();
      assertEquals<unknown>(stats, model.stats(), "stats()");
      assert(stats.bytes <= stats.maxSize, "bytes above maxSize");
      // Calls of these four are left to pile up: their answers must come in order.
      if (!/^(set|save|touch|destroy|edit|signIn)/.test(command.do)) await settle();
      if (options.looks) {
        await settle();
        await look();
      }
    } catch (error) {
      throw new Error(`Command ${n + 1}: ${(error as Error).message}`, { cause: error });
    }
  }
  await settle();
  await look();
  ask(model.all(), store.all);
  await settle();
  return { ...model.counters, ...model.seen };
}

const EVENTS = ["destroy", "expire", "evict", "late", "clear", "reduce", "purge"] as const;

// The interface, not the methods: JSON itself is the same thing.
const serializer: Serializer = {
  stringify: (session) => JSON.stringify(session),
  parse: (text) => JSON.parse(text),
};

/** A number of milliseconds, or a function of the session that returns one. */
function byKey(ms: number | "by key", short: number, long: number): (session: Session) => number {
  return (session) => ms === "by key" ? "short" in session ? short : long : ms;
}

function userByKey(session: Session): string | number | null {
  const { bad, user } = session;
  if (bad !== undefined) throw new RangeError("bad");
  return user ?? null;
}

function isSomebody(user: unknown): boolean {
  return user === 0 || Boolean(user);
}

function userOfPassport(session: Session): unknown {
  const user = session.passport?.user;
  if (typeof user === "string" || typeof user === "number") return user;
  return typeof user?.id === "string" || typeof user?.id === "number" ? user.id : undefined;
}

/** Sets a key as data, whatever its name: assigning to `__proto__` would do something else. */
function put(session: Session, key: string, value: unknown): void {
  Object.defineProperty(session, key, {
    value,
    configurable: true,
    enumerable: true,
    writable: true,
  });
}

function own(tree: Session, key: string): Session {
  return Object.hasOwn(tree, key) ? tree[key] : undefined;
}

/** An id as Mongo has it. */
class ObjectId {
  readonly #id: string;

  constructor(id: string) {
    this.#id = id;
  }

  toJSON(): string {
    return this.#id;
  }
}

function valueOf(value: Value, maxSize: number): unknown {
  if (Array.isArray(value)) return value.map((item) => valueOf(item, maxSize));
  if (!isTree(value)) return value;
  if ("mongo" in value) return new ObjectId(value.mongo);
  if ("document" in value) {
    const { document: id, writes } = value;
    return { id, toJSON: () => ({ [writes ?? "name"]: id }) };
  }
  if ("pad" in value) return "x".repeat(value.pad);
  if ("share" in value) return "x".repeat(Math.min(maxSize, 100_000) / 2 / value.share);
  return Object.fromEntries(
    Object.entries(value).map(([key, inside]) => [key, valueOf(inside, maxSize)]),
  );
}

function editCookie(cookie: Session, [field, value]: CookieEdit): void {
  const isReal = cookie instanceof expressSession.Cookie;
  if (field === "path" || field === "sameSite") cookie[field] = value;
  else {
    const maxAge = field === "renew" ? cookie.originalMaxAge : value;
    if (isReal) cookie.maxAge = maxAge;
    else if (typeof maxAge === "number") {
      Object.assign(cookie, { originalMaxAge: maxAge, expires: new Date(Date.now() + maxAge) });
    } else if (field === "maxAge") Object.assign(cookie, { originalMaxAge: null, expires: null });
  }
}

function cookieOf(cookie: Cookie): unknown {
  if (cookie === null) return undefined;
  const [form, ms] = cookie;
  const expires = Date.now() + ms;
  switch (form) {
    case "none":
      return { expires: null, originalMaxAge: null };
    case "date":
      return { expires: new Date(expires) };
    case "iso":
      return { expires: new Date(expires).toISOString() };
    case "number":
      return { expires };
    case "text":
      return { expires: String(expires) };
    case "maxAge":
      return { maxAge: ms };
    case "unreadable":
      return { expires: "soon" };
  }
}

function isTaken(key: string, session: Session): boolean {
  return key in session && !Object.hasOwn(session, key);
}

/** What the model says of an error: the code of a session that is too large, else its kind. */
function codeOf(error: unknown): string {
  const { code, name } = error as Error & { code?: string };
  return code === "ERR_LEMBRO_SESSION_TOO_LARGE" ? code : name;
}

/** An answer with its keys in one order, and ids too: no order of them is promised. */
function answered({ error, result }: Answer): unknown {
  const isIds = Array.isArray(result) && result.every((one) => typeof one === "string");
  return [error, isIds ? [...result].sort() : comparable(result)];
}

function comparable(value: unknown): unknown {
  if (value instanceof Date) return value.getTime();
  if (Array.isArray(value)) return value.map(comparable);
  if (typeof value !== "object" || value === null) return value;
  return Object.entries(value)
    .filter(([, one]) => one !== undefined)
    .sort(([a], [b]) => a < b ? -1 : 1)
    .map(([key, one]) => [key, comparable(one)]);
}

/**
 * Which of several sessions that expired, or that were revoked, is met first is
 * promised nowhere; the order of all else is.
 */
function inOrder(events: unknown[][]): unknown[] {
  const isOneOfMany = ([event]: unknown[]) => event === "expire" || event === "destroy";
  return [
    events.filter(isOneOfMany).map(comparable).map((one) => JSON.stringify(one)).sort(),
    ...events.filter((event) => !isOneOfMany(event)).map(comparable),
  ];
}
