/**
 * Plays a sequence of commands to a store and to the model, and compares the
 * two after each of them.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { FakeTime } from "@std/testing/time";
import type { Serializer } from "express-lembro";
import { Lembro, settled } from "../support/setup.ts";
import { type Answer, Model, type Origin, type Session } from "./reference.ts";

/** A value of a session's key; a long text is written by its length. */
export type Value = null | boolean | number | string | object | { pad: number };

/** The keys of a session with their values; `undefined` deletes the key. */
export type Data = [key: string, value: Value | undefined][];

/** A cookie by the form and distance of its expiry, or none. */
export type Cookie = null | [
  form: "none" | "date" | "iso" | "number" | "text" | "maxAge" | "unreadable",
  ms: number,
];

export interface Options {
  maxSize: number | string;
  interval: number;
  ttl: number | "by key";
  protect: "passport" | "by key";
  answers: "callbacks" | "promises";
}

/** Requests are known by number: each holds one session. */
export type Command =
  | { do: "get" | "copy"; sid: string; request: number }
  | { do: "asSession"; request: number; into: number }
  | { do: "newSession"; sid: string; request: number; data: Data; cookie: Cookie }
  | { do: "edit"; request: number; data: Data; cookie?: Cookie | undefined }
  | { do: "save" | "touchOwn"; request: number }
  | { do: "saveAs"; request: number; sid: string }
  | { do: "set" | "regenerate"; sid: string; data: Data; cookie: Cookie }
  | { do: "setBad" | "touchBad"; sid: string; bad: keyof typeof bad }
  | { do: "touch"; sid: string; cookie: Cookie }
  | { do: "flood"; count: number; data: Data; cookie: Cookie }
  | { do: "visit"; count: number }
  | { do: "destroy"; sid: string }
  | { do: "clear" | "all" | "length" | "ids" | "reduce" | "purge" | "close" }
  | { do: "iterate" | "next"; iterator: number }
  | { do: "wait"; ms: number };

const circular: Session = {};
circular.circular = circular;

/** What can't be saved. */
export const bad = { null: null, undefined, number: 5, text: "session", circular, big: { n: 1n } };

interface Request {
  sid: string;
  live: Session;
  origin: Origin | undefined;
  /** Whether it is a `Session` of express-session rather than plain data. */
  isSession: boolean;
}

const START = Date.UTC(2026, 0, 1);

/** Throws at the first difference; else tells how often what happened. */
export async function play(options: Options, commands: Command[]): Promise<Model["counters"]> {
  using time = new FakeTime(START);
  const ttl = options.ttl === "by key" ? ttlByKey : options.ttl;
  using store = new Lembro({
    maxSize: options.maxSize,
    interval: options.interval,
    ttl,
    ...(options.protect === "by key" ? { protect: (session) => "vip" in session } : {}),
    serializer,
  });
  const model = new Model(START, {
    maxSize: options.maxSize === "1K" ? 1024 : Number(options.maxSize),
    interval: options.interval,
    ttl: (session) => typeof ttl === "number" ? ttl : ttl(session),
    protect: (session) =>
      options.protect === "by key"
        ? "vip" in session
        : session.passport?.user !== undefined && session.passport.user !== null,
  });

  const requests: Record<number, Request> = {};
  const iterators: Record<number, [real: Iterator<[string, Session]>, model: () => unknown]> = {};
  const events: unknown[][] = [];
  store.on("expire", (...args) => events.push(["expire", ...args]));
  store.on("evict", (...args) => events.push(["evict", ...args]));
  store.on("reduce", (...args) => events.push(["reduce", ...args]));
  store.on("purge", (...args) => events.push(["purge", ...args]));

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
    assertEquals(got.map(comparable), due.map(comparable), "Answers");
    assertEquals(inOrder(events), inOrder(model.events), "Events");
    const last = got.at(-1)?.result;
    [got, due, model.events] = [[], [], []];
    events.length = 0;
    return last;
  }

  function save(request: Request, sid: string): void {
    const { live, origin, isSession } = request;
    const answer = model.set(sid, live, origin);
    ask(answer, store.set, sid, live);
    const hasLineage = origin ? origin.sid === sid : isSession;
    if (answer.origin && hasLineage) request.origin = answer.origin;
  }

  async function run(command: Command): Promise<void> {
    switch (command.do) {
      case "get": {
        const answer = model.get(command.sid);
        ask(answer, store.get, command.sid);
        const live = await settle();
        if (live) {
          const { sid } = command;
          requests[command.request] = { sid, live, origin: answer.origin, isSession: false };
        }
        return;
      }
      case "copy": {
        ask(model.all(), store.all);
        const live = (await settle() as Record<string, Session>)[command.sid];
        if (live) {
          const { sid } = command;
          requests[command.request] = { sid, live, origin: undefined, isSession: false };
        }
        return;
      }
      case "asSession": {
        const from = requests[command.request];
        if (!from?.live.cookie || from.isSession) return;
        const { sid } = from;
        const live = store.createSession(
          { sessionID: sid, sessionStore: store } as never,
          from.live,
        );
        // A Session leaves out keys of the names it uses itself: the request never saw them.
        const origin = from.origin &&
          { ...from.origin, base: without((key) => isTaken(key, live), from.origin.base) };
        requests[command.into] = { sid, live, origin, isSession: true };
        return;
      }
      case "newSession": {
        const { sid } = command;
        const data = sessionOf(command.data, command.cookie ?? ["none", 0]);
        const live = store.createSession({ sessionID: sid, sessionStore: store } as never, data);
        requests[command.request] = { sid, live, origin: undefined, isSession: true };
        return;
      }
      case "edit": {
        const request = requests[command.request];
        if (!request) return;
        const { live, isSession } = request;
        for (const [key, value] of command.data) {
          if (isSession && isTaken(key, live)) continue;
          if (value === undefined) delete live[key];
          else put(live, key, valueOf(value));
        }
        if (command.cookie !== undefined) live.cookie = cookieOf(command.cookie);
        return;
      }
      case "save": {
        const request = requests[command.request];
        if (request) save(request, request.sid);
        return;
      }
      case "saveAs": {
        const request = requests[command.request];
        if (request?.origin) save(request, command.sid);
        return;
      }
      case "touchOwn": {
        const request = requests[command.request];
        if (!request) return;
        const { sid, live, origin } = request;
        return ask(model.touch(sid, live, origin), store.touch, sid, live);
      }
      case "set":
      case "regenerate": {
        const { sid } = command;
        if (command.do === "regenerate") ask(model.destroy(sid), store.destroy, sid);
        const session = sessionOf(command.data, command.cookie);
        return ask(model.set(sid, session), store.set, sid, session);
      }
      case "flood":
        for (let n = 1; n <= command.count; n++) {
          const session = sessionOf(command.data, command.cookie);
          ask(model.set(`bot ${n}`, session), store.set, `bot ${n}`, session);
        }
        return;
      case "visit":
        for (let n = 1; n <= command.count; n++) {
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
      case "wait":
        model.wait(command.ms);
        time.tick(command.ms);
        return;
      default:
        ask(model[command.do](), store[command.do]);
        await settle();
    }
  }

  for (const [n, command] of commands.entries()) {
    try {
      await run(command);
      const stats = store.stats();
      assertEquals<unknown>(stats, model.stats(), "stats()");
      assert(stats.bytes <= stats.maxSize, "bytes above maxSize");
      // Calls of these four are left to pile up: their answers must come in order.
      if (!/^(set|save|touch|destroy|edit)/.test(command.do)) await settle();
    } catch (error) {
      throw new Error(`Command ${n + 1}: ${(error as Error).message}`, { cause: error });
    }
  }
  ask(model.all(), store.all);
  await settle();
  return model.counters;
}

// The interface, not the methods: JSON itself is the same thing.
const serializer: Serializer = {
  stringify: (session) => JSON.stringify(session),
  parse: (text) => JSON.parse(text),
};

function ttlByKey(session: Session): number {
  return "short" in session ? 300 : 30_000;
}

function sessionOf(data: Data, cookie: Cookie): Session {
  const session: Session = {};
  for (const [key, value] of data) {
    if (value !== undefined) put(session, key, valueOf(value));
  }
  if (cookie) session.cookie = cookieOf(cookie);
  return session;
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

function valueOf(value: Value): unknown {
  return typeof value === "object" && value !== null && "pad" in value
    ? "x".repeat(value.pad as number)
    : structuredClone(value);
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

function without(leftOut: (key: string) => boolean, session: Session): Session {
  return Object.fromEntries(Object.entries(session).filter(([key]) => !leftOut(key)));
}

function codeOf(error: unknown): string {
  const { code, name } = error as Error & { code?: string };
  return code ?? name;
}

/** Answers with their keys in one order; the contract promises none. */
function comparable(value: unknown): unknown {
  if (Array.isArray(value) && value.every((one) => typeof one === "string")) return value.sort();
  if (Array.isArray(value)) return value.map(comparable);
  if (typeof value !== "object" || value === null) return value;
  return Object.entries(value)
    .filter(([key, one]) => key !== "origin" && one !== undefined)
    .sort(([a], [b]) => a < b ? -1 : 1)
    .map(([key, one]) => [key, comparable(one)]);
}

/** Which expired session is met first is promised nowhere; the order of all else is. */
function inOrder(events: unknown[][]): unknown[] {
  const isExpiry = ([event]: unknown[]) => event === "expire";
  return [
    events.filter(isExpiry).map(([, sid]) => sid).sort(),
    ...events.filter((event) => !isExpiry(event)),
  ];
}
