// @ts-types="npm:@types/express-session@^1.18.0"
import type { SessionData } from "express-session";
import type { ResolvedOptions } from "../options.ts";
import { addressOf, isProtected, userOf } from "./answers.ts";
import type { BaseVersion } from "./overlaps/base_version.ts";
import type { Overlay } from "./overlaps/overlay.ts";
import { type CookieData, CookieTemplates, plain } from "./record/cookie_template.ts";
import { asksSession, dateOf, earlierOf, type Lifetime, lifetimeOf } from "./record/expiry.ts";
import { readBackFor } from "./record/read_back.ts";
import {
  cookieOf,
  recordOf,
  restored,
  sessionOf,
  withCookie,
  withLifetime,
} from "./record/record.ts";
import { UNKNOWN_ADDRESS } from "./vault/address.ts";
import type { Entry, Row, SessionRecord } from "./vault/entry.ts";
import type { Draft } from "./vault/vault.ts";

/** A save, with what the store knows of its session. */
export interface Save {
  readonly sid: string;
  /** The session of the request. */
  readonly session: SessionData;
  /** What the session was loaded from, if it was. */
  readonly base: BaseVersion | undefined;
  /** What is kept now. */
  readonly kept: Entry | undefined;
  /** What is saved instead of the session, if others have saved. */
  readonly mine: Overlay | undefined;
  /** Whether it leaves the session in its place, since `update` saves it. */
  readonly isUpdate: boolean;
  /** Whether it does, and leaves its life alone, since its request is no activity. */
  readonly isPassive: boolean;
}

/**
 * Says what will be kept of a session after a call. The app's own functions are
 * asked here, and nothing is changed. They may call the store themselves: what
 * a draft was made of may be another version by the time it is there.
 */
export class Drafts {
  readonly #options: ResolvedOptions;
  readonly #templates = new CookieTemplates();
  readonly #asksSession: boolean;
  /** Returns what the functions among the options are asked about. */
  readonly #readBack: (session: SessionData) => SessionData;

  constructor(options: ResolvedOptions) {
    this.#options = options;
    this.#asksSession = asksSession(options);
    this.#readBack = readBackFor(options);
  }

  /** Returns what will be kept of a save: nothing, if what it saves has ended without it. */
  ofSave(save: Save, now: number): Draft | "nothing" | "destroy" {
    const { sid, session, base, kept, mine, isUpdate, isPassive } = save;
    const whole = mine?.session ?? session;
    const asked = this.#readBack(whole);
    const date = dateOf(whole.cookie);
    const hasPassed = date !== undefined && date <= now;
    if (hasPassed) {
      // A date that a request did not set itself, or that is none of its business, ends nothing.
      const isSet = isPassive ? !base && !kept : !base || dateOf(session.cookie) !== base.date;
      if (isSet && (base || kept)) return "destroy";
      if (!isSet && !kept) return "nothing";
    }
    // Nor does a request that is no activity extend the life of one that has left meanwhile.
    const last = isPassive && !kept ? base?.identity.expires ?? Infinity : Infinity;
    if (last <= now) return "nothing";

    const isInPlace = kept !== undefined && (isUpdate || isPassive);
    const created = kept?.created ?? base?.identity.created ?? now;
    const lifetime = kept && (isInPlace || hasPassed)
      ? { expires: kept.expires, end: date ?? kept.expires + kept.dateOffset }
      : until(last, date, lifetimeOf(asked, sid, date, now, created, this.#options));
    if (lifetime.expires <= now && (base || kept)) return "destroy";

    // JSON writes of both the same, unless a getter has another answer the second time.
    const saved = this.#options.serializer === JSON ? asked : whole;
    const record = recordOf(saved, date, lifetime, this.#options, this.#templates);
    const user = userOf(asked, sid, this.#options);
    const isGuarded = isProtected(asked, sid, this.#options);
    const hasAddress = isGuarded || kept && kept.rank !== "protected";
    return {
      as: isInPlace ? "update" : "save",
      sid,
      kept,
      record,
      user,
      isProtected: isGuarded,
      address: hasAddress ? UNKNOWN_ADDRESS : addressOf(session, this.#options),
      created,
      lastUsed: now,
      identity: base?.identity,
    };
  }

  /** Returns what will be kept of a touch by `session` that brings `cookie`. */
  ofTouch(
    kept: Entry,
    session: SessionData,
    base: BaseVersion | undefined,
    cookie: SessionData["cookie"],
    now: number,
  ): Draft | "destroy" {
    const date = dateOf(cookie);
    // A date that the request did not set ends nothing.
    const isLeft = date !== undefined && date <= now && base &&
      dateOf(session.cookie) === base.date;
    const lifetime = isLeft ? { expires: kept.expires, end: date } : lifetimeOf(
      this.#asked(kept, cookie),
      kept.sid,
      date,
      now,
      kept.created,
      this.#options,
    );
    if (lifetime.expires <= now) return "destroy";
    const record = withCookie(kept, cookie, date, lifetime, this.#options, this.#templates);
    return draftOf(kept, "touch", record, now);
  }

  /** Returns what will be kept of `kept` if it is used: nothing new, if its life is as long as that. */
  ofUse(kept: Entry, now: number): Draft | undefined {
    const { sid, created } = kept;
    const cookie = cookieOf(kept) ?? sessionOf(kept, this.#options).cookie;
    const asked = this.#asked(kept, cookie);
    const end = dateOf(cookie) ?? kept.expires + kept.dateOffset;
    const expires = earlierOf(end, asked, sid, now, created, this.#options);
    if (expires <= kept.expires) return undefined;
    return draftOf(kept, "extension", withLifetime(kept.text, kept.cookie, { expires, end }), now);
  }

  /** Returns what is to be kept of a session that comes from a file. */
  restored(row: Row): SessionRecord {
    return restored(row, this.#options, this.#templates);
  }

  /** Returns what is to be kept of a session of a file with another cookie and life. */
  retouched(entry: Entry, cookie: CookieData, expires: number): SessionRecord {
    const date = dateOf(cookie);
    const lifetime = { expires, end: date ?? expires };
    return withCookie(entry, cookie as never, date, lifetime, this.#options, this.#templates);
  }

  /** Returns what the functions among the options are asked about if `kept` has `cookie`. */
  #asked(kept: Entry, cookie: unknown): SessionData {
    if (!this.#asksSession) return { cookie } as SessionData;
    const session = sessionOf(kept, this.#options);
    session.cookie = (plain(cookie) ?? cookie) as SessionData["cookie"];
    return session;
  }
}

/** Returns `lifetime`, or one that ends at the time `last` if that is earlier. */
function until(last: number, date: number | undefined, lifetime: Lifetime): Lifetime {
  if (last === Infinity) return lifetime;
  const expires = Math.min(lifetime.expires, last);
  return { expires, end: date ?? expires };
}

/** Returns a draft that changes nothing of `kept` but its record and when it was used. */
function draftOf(kept: Entry, as: Draft["as"], record: SessionRecord, now: number): Draft {
  const { sid, user, rank, created, identity } = kept;
  return {
    as,
    sid,
    kept,
    record,
    user,
    isProtected: rank === "protected",
    address: UNKNOWN_ADDRESS,
    created,
    lastUsed: now,
    identity,
  };
}
