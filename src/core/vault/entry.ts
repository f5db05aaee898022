/**
 * The plain types that the modules of the core share.
 *
 * @module
 */
// @ts-types="npm:@types/express-session@^1.18.0"
import type { SessionData } from "express-session";
import { Heap, type Heaped } from "../../util/heap.ts";
import { type Linked, LinkedList } from "../../util/linked_list.ts";
import type { CookieData, CookieTemplate } from "../record/cookie_template.ts";
import { sizeOfText } from "../../util/sizes.ts";

/**
 * How well a session is known, which decides how soon it is evicted. Newcomers
 * have not been asked for since they were created, returning sessions have, and
 * protected sessions are those that the option `protect` names.
 *
 * ```ts
 * import assert from "node:assert/strict";
 * import session from "express-session";
 * import lembro, { type Rank } from "express-lembro";
 *
 * using store = new (lembro(session))();
 * await store.set("a", { cookie: new session.Cookie() });
 * await store.get("a");
 * const ranks: Rank[] = ["newcomers", "returning", "protected"];
 * assert.deepEqual(ranks.map((rank) => store.stats()[rank]), [0, 1, 0]);
 * ```
 */
export type Rank = "newcomers" | "returning" | "protected";

/**
 * What is known of a session.
 *
 * ```ts
 * import assert from "node:assert/strict";
 * import session from "express-session";
 * import lembro, { type SessionInfo } from "express-lembro";
 *
 * using store = new (lembro(session))();
 * await store.set("a", { cookie: new session.Cookie() });
 * const { rank, user, created, lastUsed }: SessionInfo = (await store.info("a"))!;
 * assert.deepEqual([rank, user, created], ["newcomers", undefined, lastUsed]);
 * ```
 */
export interface SessionInfo {
  /** Its id. */
  sid: string;
  /** A fresh copy of the session. */
  session: SessionData;
  /** Its user by the option `user`, as a string. */
  user: string | undefined;
  /** Its rank. */
  rank: Rank;
  /** Its size, in bytes. */
  bytes: number;
  /** When it was created. */
  created: Date;
  /** When it was last loaded, saved or touched. */
  lastUsed: Date;
  /** When it expires if it is not used any more, or `undefined` if it never does. */
  expires: Date | undefined;
}

/** The ranks, from the first to be evicted to the last. */
export const RANKS: readonly Rank[] = ["newcomers", "returning", "protected"];

/** Why a session left the vault. */
export type Reason = "destroy" | "evict" | "expire";

/** What is kept of a session. */
export interface SessionRecord {
  /** The whole session as the serializer wrote it; with a template, `null` stands for its cookie. */
  readonly text: string;
  /** What the cookie has in common with others, if anything. */
  readonly cookie: CookieTemplate | undefined;
  /** When the session expires, in milliseconds since the epoch. */
  readonly expires: number;
  /** How much later the date of the cookie is, or else the end by `ttl`, in milliseconds. */
  readonly dateOffset: number;
}

/** Returns the size of the session of a record by sizeomatic, in bytes. */
export function sizeOf({ text, cookie }: Pick<SessionRecord, "text" | "cookie">): number {
  return cookie ? cookie.sizeWith(text) : sizeOfText(text);
}

/** A kept session as files see it. */
export interface Row {
  readonly sid: string;
  readonly rank: Rank;
  /** In milliseconds since the epoch; may be `Infinity`. */
  readonly expires: number;
  /** In milliseconds since the epoch. */
  readonly created: number;
  /** In milliseconds since the epoch. */
  readonly lastUsed: number;
  /** Its user when it was saved. */
  readonly user: string | undefined;
  /** The data of its cookie, if `null` stands for that in `text`, which is JSON then. */
  readonly cookie: CookieData | undefined;
  /** The session as the serializer writes it. */
  readonly text: string;
}

/** A session of which nothing but the cookie, the life and the place has changed. */
export type TouchRow = Omit<Row, "created" | "user" | "text" | "cookie"> & {
  readonly cookie: CookieData;
};

/**
 * Times are kept as milliseconds since then: for 24 days these are small
 * integers, which V8 keeps in the entry itself. Any other number is an object.
 */
const START = Date.now();

/** In place of the epoch of a session that was destroyed. */
const DESTROYED = -1;

/** A session in the vault. Only the vault changes it. */
export class Entry implements SessionRecord, Linked<Entry> {
  readonly identity: Identity;
  text: string;
  /** Another number after each save, the same after a touch. */
  revision: number;
  cookie: CookieTemplate | undefined;
  dateOffset: number;
  #lastUsed: number;
  /** The entries of its rank, and its neighbours among them. */
  queue: Queue;
  prev: Entry | undefined = undefined;
  next: Entry | undefined = undefined;
  /** Its user, if any; once that one has had several sessions, its place among them. */
  owner: string | Member | undefined = undefined;
  /** Its place among those from its client address, unless it is protected. */
  seat: Seat | undefined = undefined;
  /** Counts the entries of a vault: an older one has a smaller number. 0 once it has left. */
  number: number;

  constructor(
    identity: Identity,
    number: number,
    revision: number,
    queue: Queue,
    record: SessionRecord,
    lastUsed: number,
  ) {
    this.identity = identity;
    this.text = record.text;
    this.revision = revision;
    this.cookie = record.cookie;
    this.dateOffset = record.dateOffset;
    this.#lastUsed = lastUsed - START;
    this.queue = queue;
    this.number = number;
    this.expires = record.expires;
  }

  get sid(): string {
    return this.identity.sid;
  }

  /** The size of the session, in bytes. */
  get size(): number {
    return sizeOf(this);
  }

  /** When the session expires, in milliseconds since the epoch. */
  get expires(): number {
    return this.identity.expires;
  }

  set expires(time: number) {
    this.identity.expires = time;
  }

  /** When it was created, in milliseconds since the epoch. */
  get created(): number {
    return this.identity.created;
  }

  /** When it was last loaded, saved or touched, in milliseconds since the epoch. */
  get lastUsed(): number {
    return this.#lastUsed + START;
  }

  set lastUsed(time: number) {
    this.#lastUsed = time - START;
  }

  get isKept(): boolean {
    return this.number !== 0;
  }

  get rank(): Rank {
    return this.queue.rank;
  }

  /** Its user by the option `user`. */
  get user(): string | undefined {
    return typeof this.owner === "object" ? this.owner.group.user : this.owner;
  }

  /** How many entries its user has. */
  get countOfUser(): number {
    if (typeof this.owner === "object") return this.owner.group.members.length;
    return this.owner === undefined ? 0 : 1;
  }

  /** Whether it was revoked, and has not left yet. */
  get isRevoked(): boolean {
    return typeof this.owner === "object" && this.owner.group.isRevoked;
  }
}

/**
 * What a session is from its creation until it is destroyed, however often it is
 * evicted or expires in between. All live sessions that were ever loaded of it
 * hold this rather than the entry, whose neighbours they would hold too.
 */
export class Identity {
  readonly sid: string;
  /** The number of endings before its first load, once there was one. */
  epoch: number | undefined = undefined;
  readonly #created: number;
  #expires: number;

  constructor(sid: string, created: number, expires: number) {
    this.sid = sid;
    this.#created = created - START;
    this.#expires = expires - START;
  }

  /** When the session was created, in milliseconds since the epoch. */
  get created(): number {
    return this.#created + START;
  }

  /** When it expires, or was to expire when it left last, in milliseconds since the epoch. */
  get expires(): number {
    return this.#expires + START;
  }

  set expires(time: number) {
    this.#expires = time - START;
  }

  /** Whether the session was destroyed while it was kept. */
  get isDestroyed(): boolean {
    return this.epoch === DESTROYED;
  }

  destroy(): void {
    this.epoch = DESTROYED;
  }
}

/** The sessions of one rank, in the order in which they are evicted. */
export class Queue extends LinkedList<Entry> {
  readonly rank: Rank;
  bytes = 0;

  constructor(rank: Rank) {
    super();
    this.rank = rank;
  }

  override append(entry: Entry): void {
    super.append(entry);
    this.#enter(entry);
  }

  override prepend(entry: Entry): void {
    super.prepend(entry);
    this.#enter(entry);
  }

  override remove(entry: Entry): void {
    super.remove(entry);
    this.bytes -= entry.size;
  }

  #enter(entry: Entry): void {
    entry.queue = this;
    this.bytes += entry.size;
  }
}

/** The sessions of a user that has several. */
export class UserGroup {
  readonly user: string;
  /** The least recently used first. */
  readonly members = new LinkedList<Member>();
  /** The first to expire first. Those of a revoked user are in none. */
  readonly byExpiry = new Heap<Member>(expiresBefore);
  /** The one that was put into its place last: the next one often belongs near it. */
  latest: Member | undefined = undefined;
  /** Those of the walks under way. */
  cursors: readonly Cursor[] = [];
  /** Whether all of them are revoked. */
  isRevoked = false;
  /** How many of them have left since they were revoked. */
  removed = 0;

  constructor(user: string) {
    this.user = user;
  }
}

/** Where a walk through the sessions of a user goes on, whatever leaves its place meanwhile. */
export interface Cursor {
  next: Member | undefined;
}

/** The place of a session among those of its user. */
export class Member implements Linked<Member>, Heaped {
  readonly entry: Entry;
  readonly group: UserGroup;
  prev: Member | undefined = undefined;
  next: Member | undefined = undefined;
  position = 0;

  constructor(entry: Entry, group: UserGroup) {
    this.entry = entry;
    this.group = group;
  }
}

function expiresBefore({ entry: a }: Member, { entry: b }: Member): boolean {
  return a.expires < b.expires || a.expires === b.expires && a.number < b.number;
}

/** The place of an unprotected session among those from its client address. */
export class Seat implements Linked<Seat> {
  readonly entry: Entry;
  readonly group: AddressGroup;
  prev: Seat | undefined = undefined;
  next: Seat | undefined = undefined;

  constructor(entry: Entry, group: AddressGroup) {
    this.entry = entry;
    this.group = group;
  }
}

/** The unprotected sessions from one client address. */
export interface AddressGroup extends Heaped {
  readonly address: string;
  /** In the order of creation. */
  readonly newcomers: LinkedList<Seat>;
  /** The least recently used first; none of the unknown address. */
  readonly returning: LinkedList<Seat>;
  /** The size of all of them. */
  bytes: number;
}
