// @ts-types="npm:@types/express-session@^1.18.0"
import type { SessionData } from "express-session";
import { isActivity } from "../core/answers.ts";
import { isOtherLifetime } from "../core/overlaps/merge_cookies.ts";
import { overlayCookie } from "../core/overlaps/overlay.ts";
import {
  type CookieData,
  dataOf,
  isoOf,
  plain,
  YEAR_10000,
} from "../core/record/cookie_template.ts";
import { dateOf, earlierOf, endOf, lifetimeOf } from "../core/record/expiry.ts";
import { serialize } from "../core/record/record.ts";
import type { Serializer } from "../options.ts";
import { now } from "../util/time.ts";
import { type BaseVersion, type BaseVersions, versionOf } from "./base_version.ts";
import type { Ender } from "./ender.ts";
import { isOther, type KeptSessions, MAX_TRIES, tooBusy } from "./kept_sessions.ts";
import {
  AT,
  cookieFirst,
  flatCookieOf,
  lifeArgument,
  lifeText,
  read,
  startOf,
  type StoredSession,
  withLife,
} from "./record.ts";
import { sha1, TOUCH, UPDATE } from "./scripts.ts";
import type { Users } from "./users.ts";

/** Lengthens lives: at a touch, at the start of a request, and when a newcomer comes back. */
export class Toucher {
  readonly #kept: KeptSessions;
  readonly #bases: BaseVersions;
  readonly #users: Users;
  readonly #ender: Ender;

  constructor(kept: KeptSessions, bases: BaseVersions, users: Users, ender: Ender) {
    this.#kept = kept;
    this.#bases = bases;
    this.#users = users;
    this.#ender = ender;
  }

  async touch(sid: string, session: SessionData, before: BaseVersion | undefined): Promise<void> {
    const base = this.#bases.since(before, session, sid);
    if (base?.isOver) return;
    let kept = base && base.kept.expires > now() ? base.kept : await this.#kept.read(sid);
    for (let tries = 0; tries < MAX_TRIES; tries++) {
      const time = now();
      if (!kept || kept.expires <= time || base && isOther(kept, base.kept)) return;
      const plan = this.#plan(sid, session, base, kept, time);
      if (plan === "nothing") return;
      if (plan === "destroy") return void await this.#ender.end(sid, "*");
      const { next, patch } = plan;
      const life = next.expires - time;
      let enteredAt = "";
      if (next.user !== undefined && next.indexed !== kept.indexed) {
        const applicant = { sid, live: session, begin: this.#bases.beginOf(session) };
        const isAdopted = !kept.identity;
        const enrolment = await this.#users.enrol(applicant, next.user, life, isAdopted, isAdopted);
        if (enrolment.isStale) return;
        if (isAdopted) enteredAt = enrolment.at;
      }
      const guard = startOf(kept, AT.created);
      const reply = !kept.identity
        ? await this.#kept.write(sid, "unmarked", sha1(kept.raw), {
          raw: next.raw,
          life: lifeArgument(life),
          since: enteredAt,
          enteredAt,
        })
        : patch === undefined
        ? await this.#kept.run(UPDATE, sid, [guard, next.raw, lifeArgument(life)])
        : await this.#kept.run(TOUCH, sid, [guard, patch, lifeArgument(life)]);
      if (reply === 1) {
        this.#kept.counters.touches++;
        if (base) rebaseCookie(base, kept, next, session, plan.isMerged);
        return;
      }
      this.#kept.counters.conflicts++;
      if (reply === 0) return;
      kept = typeof reply === "string"
        ? read(reply, now())
        : reply === -1
        ? await this.#kept.read(sid)
        : undefined;
    }
    throw tooBusy();
  }

  /** What a touch makes of `kept`. */
  #plan(
    sid: string,
    session: SessionData,
    base: BaseVersion | undefined,
    kept: StoredSession,
    time: number,
  ): TouchPlan | "nothing" | "destroy" {
    const { options } = this.#kept;
    const { serializer } = options;
    const isUnchanged = base?.text === kept.text && !base.ownCookie;
    const merged = base && !isUnchanged
      ? overlayCookie(session.cookie, versionOf(base), kept, serializer, false)
      : undefined;
    const cookie = (merged ?? session.cookie) as SessionData["cookie"];
    const date = dateOf(cookie);
    const asked = this.#kept.asksSession
      ? Object.assign(this.#kept.parse(kept), { cookie })
      : { cookie };
    const isDateLeft = base !== undefined && dateOf(session.cookie) === base.date;
    const expires = isDateLeft && date !== undefined && date <= time
      ? kept.expires
      : lifetimeOf(asked, sid, date, time, kept.created, options).expires;
    if (expires <= time) return isDateLeft ? "nothing" : "destroy";
    const user = kept.identity ? kept.user : this.#kept.userOf(this.#kept.parse(kept), sid);
    const isIndexed = user === undefined || expires <= kept.indexed;
    const life = {
      rank: kept.rank === "newcomers" ? "returning" as const : kept.rank,
      lastUsed: time,
      expires,
      indexed: isIndexed ? kept.indexed : expires + (expires - time),
    };
    const dates = kept.identity ? dateInCookie(kept, cookie, date, serializer) : undefined;
    if (dates) {
      // Nothing but times has changed: they are written into the text that is there.
      const { raw, text } = kept;
      const { at, iso } = dates;
      const end = at + iso.length;
      const patch = lifeText(life) + raw.slice(AT.user, at) + iso;
      // The mark stands before the date.
      const inText = at - (raw.length - text.length);
      const next = {
        ...kept,
        ...life,
        text: iso ? text.slice(0, inText) + iso + text.slice(inText + iso.length) : text,
        raw: raw.slice(0, AT.rank) + patch + raw.slice(end),
      };
      return { next, patch, isMerged: merged !== undefined };
    }
    const whole = this.#kept.parse(kept);
    whole.cookie = cookie;
    const text = cookieFirst(serialize(whole, serializer), serializer);
    const next = this.#kept.next(kept, { ...life, created: kept.created, user, text });
    return { next, patch: undefined, isMerged: merged !== undefined };
  }

  /**
   * Extends the life of what a request has loaded: a request under way is a use.
   * The date of the cookie, `ttl` and `absoluteTimeout` bound it as before. Less
   * than a hundredth is left to the end of the request.
   */
  async extend(made: SessionData, base: BaseVersion): Promise<void> {
    const { sid, kept, isOver } = base;
    if (isOver || !kept.identity || !isActivity(made, this.#kept.options)) return;
    const session = this.#kept.parse(kept);
    const time = now();
    const end = endOf(session, sid, dateOf(session.cookie), kept.lastUsed, this.#kept.options);
    const expires = earlierOf(end, session, sid, time, kept.created, this.#kept.options);
    const life = expires - time;
    if (expires - kept.expires < life / 100) return;
    const indexed = kept.user !== undefined && expires > kept.indexed
      ? expires + life
      : kept.indexed;
    const next = withLife(kept, { ...kept, expires, indexed });
    base.kept = next;
    if (indexed !== kept.indexed) {
      await this.#users.enrol(
        { sid, live: made, begin: base.begin },
        kept.user!,
        life,
        false,
        false,
      );
    }
    await this.#kept.run(TOUCH, sid, [
      startOf(kept, AT.indexed),
      lifeText(next),
      lifeArgument(life),
    ]);
  }

  /**
   * Notes that a newcomer was asked for: it gets the whole life that it has
   * since its last save, and no shorter one. Nobody waits for that.
   */
  returned(sid: string, kept: StoredSession, session: SessionData): StoredSession {
    if (kept.rank !== "newcomers") return kept;
    const { created, lastUsed } = kept;
    const { options } = this.#kept;
    let whole: number;
    try {
      whole = lifetimeOf(session, sid, dateOf(session.cookie), lastUsed, created, options).expires;
    } catch {
      // What an option throws fails a save, not a load.
      return kept;
    }
    // An update may have given the cookie an earlier date, which ends nothing.
    const expires = Math.max(whole, kept.expires);
    const next = withLife(kept, { ...kept, rank: "returning", expires });
    // If somebody has used it in the meantime, it is no newcomer any more.
    const life = expires > kept.expires ? lifeArgument(expires - now()) : "keep";
    this.#kept.run(TOUCH, sid, [startOf(kept, AT.indexed), lifeText(next), life]).catch(() => {});
    return next;
  }
}

/** What a touch is to write: a whole version, or a patch of the one that is there. */
interface TouchPlan {
  readonly next: StoredSession;
  readonly patch: string | undefined;
  readonly isMerged: boolean;
}

/** Notes that a touch has made `next` of `kept`, which others may have saved since `base`. */
function rebaseCookie(
  base: BaseVersion,
  kept: StoredSession,
  next: StoredSession,
  { cookie }: SessionData,
  isMerged: boolean,
): void {
  base.isBehind ||= kept.text !== base.kept.text;
  if (!base.isBehind) base.text = next.text;
  base.ownCookie = isMerged || base.isBehind ? plain(cookie) : undefined;
  base.kept = next;
  base.date = dateOf(cookie);
}

/**
 * Where the date of the cookie stands in the text that Redis keeps, and what is
 * to stand there, if `cookie` differs in nothing else. Without a date there is
 * nothing to write.
 */
function dateInCookie(
  { raw, text }: StoredSession,
  cookie: unknown,
  date: number | undefined,
  serializer: Serializer,
): { at: number; iso: string } | undefined {
  const mine = dataOf(cookie);
  const theirs = serializer === JSON ? flatCookieOf(text) : undefined;
  if (!mine || !theirs || isOtherLifetime(theirs, mine) || !hasSameFields(theirs, mine)) {
    return undefined;
  }
  if (date === undefined) return { at: AT.user, iso: "" };
  // Of others there is no text, or it is longer.
  if (!(date >= 0 && date < YEAR_10000)) return undefined;
  const iso = isoOf(date);
  const before = theirs.expires;
  if (typeof before !== "string" || before.length !== iso.length) return undefined;
  const at = raw.indexOf(`"expires":"${before}"`, AT.user) + '"expires":"'.length;
  return at < AT.user || at > raw.indexOf("}", AT.user) ? undefined : { at, iso };
}

/** Whether a cookie has the same fields as one that was read, whatever their lifetimes are. */
function hasSameFields(theirs: CookieData, mine: CookieData): boolean {
  const isSame = (name: string) =>
    name === "originalMaxAge" || name === "expires" || theirs[name] === mine[name];
  return Object.keys(theirs).every(isSame) && Object.keys(mine).every(isSame);
}
