/**
 * Requests with the `Session` objects of express-session, without HTTP: as many
 * of them as a test likes.
 *
 * @module
 */
import { called, session, type SessionData, type Store } from "./setup.ts";

/** The session of a request, with whatever the app keeps in it. */
export type Kept = SessionData & Record<string, unknown>;

/** A request, as far as express-session and the store look at it. */
export interface FakeRequest {
  readonly ip?: string;
  readonly path?: string;
  readonly sessionStore: Store;
  sessionID: string;
  session: Kept;
}

/** What may differ from one request to the other. */
export interface RequestFields {
  ip?: string | undefined;
  path?: string;
  /** Where an app's own option `address` finds the address. */
  client?: string;
}

/** What express-session assigns to a store. */
interface Generating {
  generate(request: FakeRequest): void;
}

/** An app's requests to a store. */
export class Requests {
  readonly store: Store;

  /** @param cookie The cookie settings of the app. */
  constructor(store: Store, cookie: session.SessionOptions["cookie"] = {}) {
    this.store = store;
    // This assigns a function to `store.generate`, which makes new sessions.
    session({
      store,
      secret: "a secret of the tests",
      resave: false,
      saveUninitialized: false,
      cookie,
    });
  }

  /** A request that comes without a session: it has a new one, which is not saved yet. */
  begin(fields: RequestFields = {}): FakeRequest {
    const request = { ...fields, sessionStore: this.store } as FakeRequest;
    (this.store as unknown as Generating).generate(request);
    return request;
  }

  /** A request with a new session, which is saved with `data`. */
  async create(data: Record<string, unknown> = {}, fields?: RequestFields): Promise<FakeRequest> {
    const request = this.begin(fields);
    Object.assign(request.session, data);
    await save(request);
    return request;
  }

  /** A request that has loaded the session `sid`. */
  async load(sid: string, fields: RequestFields = {}): Promise<FakeRequest> {
    const request = { ...fields, sessionStore: this.store, sessionID: sid } as FakeRequest;
    const found = await this.store.get(sid);
    if (!found) throw new Error(`there is no session ${sid}`);
    this.store.createSession(request as never, found);
    return request;
  }
}

/** Saves the session of a request, as at its end with changes or with `resave`. */
export function save({ sessionStore, sessionID, session }: FakeRequest): Promise<void> {
  return sessionStore.set(sessionID, session);
}

/** Touches the session of a request, as at its end without changes. */
export function touch({ sessionStore, sessionID, session }: FakeRequest): Promise<void> {
  (session as unknown as { touch(): void }).touch();
  return sessionStore.touch(sessionID, session);
}

/** Gives a request a new session with another id; the one before is destroyed. */
export async function regenerate(request: FakeRequest): Promise<void> {
  await called((done) => (request.session as unknown as session.Session).regenerate(done));
}

/** The kept data of a session without its cookie. This is no use of it. */
export async function keptData(
  store: Store,
  sid: string,
): Promise<Record<string, unknown> | undefined> {
  const info = await store.info(sid);
  if (!info) return undefined;
  const { cookie: _, ...data } = info.session as Kept;
  return data;
}
