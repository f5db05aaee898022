/**
 * A store of 4 MB, 80 % of which is held by the sessions of signed-in users:
 * what happens to them, and to a login form that somebody has open, when a
 * crawler, a fat session or a busy account needs room?
 *
 * Sessions are made and saved as express-session does it for a request:
 * `store.generate(request)`, then `store.set`; who comes back, by `store.get`
 * and `store.createSession`.
 *
 * @module
 */
// @ts-types="npm:@types/express-session@^1.18.0"
import session from "express-session";
import sizeomatic from "sizeomatic";
import { type BenchStore, call } from "./peers.ts";

/** The limit of each store that has one, in bytes. */
export const LIMIT = 4 * 1024 * 1024;

/** The share of the limit that the users hold. */
const USERS_SHARE = 0.8;

/** How many sessions the crawler makes. */
export const CRAWLED = 50_000;

/** How many characters the fat session has, twice as many bytes in memory. */
const FAT = 1_400_000;

type Live = session.Session & session.SessionData & Record<string, unknown>;

/** What a store reads of a request. */
interface Request {
  ip: string;
  headers: Record<never, never>;
  socket: { remoteAddress: string };
  sessionStore: BenchStore;
  sessionID: string;
  session: Live;
}

/** Who is left. */
export interface Left {
  users: number;
  /** Whether the login form still works. */
  form: boolean;
  /** What all sessions take, in bytes. */
  bytes: number;
}

const DAY = 24 * 60 * 60 * 1000;

/** The IPv4 address with this number, of the range for private networks. */
export const addressOf = (i: number) => `10.${i >> 16 & 255}.${i >> 8 & 255}.${i & 255}`;

/** Far from those of the crawlers, the first of which is 10.0.0.0. */
const FORM_ADDRESS = "192.0.2.7";
const USER_ADDRESS = "198.51.100.7";

/** The size of a session, as sizeomatic counts it. */
function sizeOf(value: unknown): number {
  return sizeomatic.getSize(JSON.stringify(value));
}

/** What a signed-in user's session holds. */
function userData(user: string): object {
  return {
    passport: { user },
    csrfSecret: "b4c0ffee00c0ffeed15ea5e5",
    locale: "en-GB",
    returnTo: `/orders/${user}?tab=open`,
    cart: [{ sku: "A-00000042", quantity: 2 }, { sku: "B-00000017", quantity: 1 }],
  };
}

const userOf = (i: number) => `user-${String(i).padStart(8, "0")}`;

function cookie(): session.Cookie {
  return Object.assign(new session.Cookie(), { maxAge: DAY });
}

const USER_SIZE = sizeOf({ cookie: cookie(), ...userData(userOf(0)) });

/** How many signed-in users hold their share of the limit. */
export const USERS = Math.floor(LIMIT * USERS_SHARE / USER_SIZE);

/** For a store whose limit is a number of sessions: as many users' sessions as take the limit. */
export const LIMIT_AS_SESSIONS = Math.floor(LIMIT / USER_SIZE);

/** A store with its users and a login form in it. */
export class FullStore {
  readonly #store: BenchStore;
  readonly #users: string[] = [];
  readonly #form: { sid: string; token: string };

  private constructor(store: BenchStore, form: { sid: string; token: string }) {
    this.#store = store;
    this.#form = form;
  }

  /** Signs the users in, each of whom comes back once, and opens the login form. */
  static async of(store: BenchStore): Promise<FullStore> {
    // That gives the store its `generate`.
    session({
      store,
      secret: "compare",
      resave: false,
      saveUninitialized: false,
      cookie: { maxAge: DAY },
    });
    const form = { sid: "", token: "a token of the login form" };
    const full = new FullStore(store, form);
    for (let i = 0; i < USERS; i++) {
      const sid = await full.#visit(USER_ADDRESS, userData(userOf(i)));
      full.#users.push(sid);
      await full.#comeBack(sid, USER_ADDRESS);
    }
    form.sid = await full.#visit(FORM_ADDRESS, { csrfToken: form.token });
    return full;
  }

  /** A crawler asks for `count` pages, from `addresses` addresses in turn, and never sends a cookie. */
  async crawl(count: number, addresses: number): Promise<void> {
    for (let i = 0; i < count; i++) await this.#visit(addressOf(i % addresses), { views: 1 });
  }

  /**
   * The same, until the login form is lost: after how many pages, or
   * `undefined` if it still works. Nobody asks for the form meanwhile, so it
   * stays a newcomer.
   */
  async crawlUntilLost(count: number, addresses: number): Promise<number | undefined> {
    let isLost = false;
    this.#store.on("evict", (sid: string) => isLost ||= sid === this.#form.sid);
    for (let i = 0; i < count; i++) {
      await this.#visit(addressOf(i % addresses), { views: 1 });
      if (isLost) return i + 1;
    }
    return await this.formWorks() ? undefined : count;
  }

  /** A user saves 2.8 MB. */
  async saveFat(): Promise<void> {
    await this.#visit(USER_ADDRESS, { passport: { user: "Fay" }, basket: "x".repeat(FAT) });
  }

  /** Whether the login form would still be accepted. */
  async formWorks(): Promise<boolean> {
    const kept = await call<session.SessionData>((callback) =>
      this.#store.get(this.#form.sid, callback as never)
    );
    return (kept as Live | undefined)?.csrfToken === this.#form.token;
  }

  /** Who is left now. */
  async left(): Promise<Left> {
    const all = await call<object>((callback) => this.#store.all!(callback as never));
    let users = 0;
    for (const sid of this.#users) {
      if (await call((callback) => this.#store.get(sid, callback as never))) users++;
    }
    return {
      users,
      form: await this.formWorks(),
      bytes: Object.values(all ?? {}).reduce((sum, one) => sum + sizeOf(one), 0),
    };
  }

  #request(ip: string, sessionID = ""): Request {
    const socket = { remoteAddress: ip };
    return { ip, headers: {}, socket, sessionStore: this.#store, sessionID } as Request;
  }

  /** A request without a cookie, whose session gets `data`; its id. */
  async #visit(ip: string, data: object): Promise<string> {
    const request = this.#request(ip);
    this.#store.generate!(request);
    Object.assign(request.session, data);
    await this.#save(request);
    return request.sessionID;
  }

  /** A request with a cookie, if its session is still there. */
  async #comeBack(sid: string, ip: string): Promise<Request | undefined> {
    const kept = await call<session.SessionData>((callback) =>
      this.#store.get(sid, callback as never)
    );
    if (!kept) return undefined;
    const request = this.#request(ip, sid);
    this.#store.createSession(request as never, kept);
    return request;
  }

  /** Saves the session; that a store refuses one is an answer too. */
  async #save({ sessionID, session }: Request): Promise<void> {
    await call((callback) => this.#store.set(sessionID, session, callback as never)).catch(
      (error) => {
        if (error.code !== "ERR_LEMBRO_SESSION_TOO_LARGE") throw error;
      },
    );
  }
}
