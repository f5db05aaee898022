// @ts-types="npm:@types/express-session@^1.18.0"
import type { SessionData } from "express-session";
import { isActivity } from "../core/answers.ts";
import { overlayCookie } from "../core/overlaps/overlay.ts";
import {
  type CookieTemplate,
  CookieTemplates,
  isoOf,
  plain,
} from "../core/record/cookie_template.ts";
import { dateOf, earlierOf, endOf, lifetimeOf } from "../core/record/expiry.ts";
import { serialize } from "../core/record/record.ts";
import { now } from "../util/time.ts";
import { type BaseVersion, type BaseVersions, versionOf } from "./base_version.ts";
import type { Ender } from "./ender.ts";
import { isOther, type KeptSessions, MAX_TRIES, tooBusy } from "./kept_sessions.ts";
import {
  AT,
  cookieFirst,
  INSIDE,
  lifeArgument,
  lifeText,
  patched,
  startOf,
  StoredSession,
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
  readonly #templates = new CookieTemplates();

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
      if (plan === "destroy") return void await this.#ender.destroy(sid);
      const { next, patch, isIndexed } = plan;
      const life = plan.expires - time;
      let enteredAt = "";
      if (!isIndexed) {
        const applicant = { sid, live: session, begin: this.#bases.beginOf(session) };
        const isAdopted = !kept.isMarked;
        const enrolment = await this.#users.enrol(
          applicant,
          next.user!,
          life,
          isAdopted,
          isAdopted,
        );
        if (enrolment.isStale) return;
        if (isAdopted) enteredAt = enrolment.at;
      }
      const guard = startOf(kept, AT.created);
      const reply = !kept.isMarked
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
        if (base) rebaseCookie(base, kept, next, session);
        return;
      }
      this.#kept.counters.conflicts++;
      if (reply === 0) return;
      kept = typeof reply === "string"
        ? new StoredSession(reply, now())
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
    const isUnchanged = base && !base.own && (base.kept === kept || base.kept.text === kept.text);
    const merged = base && !isUnchanged
      ? overlayCookie(session.cookie, versionOf(base), kept, serializer, false)
      : undefined;
    const cookie = (merged ?? session.cookie) as SessionData["cookie"];
    const date = dateOf(cookie);
    const asked = this.#kept.asksSession
      ? Object.assign(this.#kept.parse(kept), { cookie })
      : { cookie };
    const isDateLeft = () => base !== undefined && dateOf(session.cookie) === base.date;
    const expires = date !== undefined && date <= time && isDateLeft()
      ? kept.expires
      : lifetimeOf(asked, sid, date, time, kept.created, options).expires;
    if (expires <= time) return isDateLeft() ? "nothing" : "destroy";
    const { indexed } = kept;
    const isIndexed = expires <= indexed || this.#userIn(kept, sid) === undefined;
    const life = {
      rank: kept.rank === "newcomers" ? "returning" as const : kept.rank,
      lastUsed: time,
      expires,
      indexed: isIndexed ? indexed : expires + (expires - time),
    };
    const template = serializer === JSON ? this.#templates.of(cookie, date) : undefined;
    const dates = template && withDate(kept.raw, template, date);
    if (dates !== undefined) {
      // Nothing but times has changed: they are written into the text that is there.
      const patch = lifeText(life) + dates;
      return { next: patched(kept, patch), patch, expires, isIndexed };
    }
    const whole = this.#kept.parse(kept);
    whole.cookie = cookie;
    const text = cookieFirst(serialize(whole, serializer), serializer);
    const user = this.#userIn(kept, sid);
    const next = this.#kept.next(kept, { ...life, created: kept.created, user, text });
    return { next, patch: undefined, expires, isIndexed };
  }

  #userIn(kept: StoredSession, sid: string): string | undefined {
    return kept.isMarked ? kept.user : this.#kept.userOf(this.#kept.parse(kept), sid);
  }

  /**
   * Extends the life of what a request has loaded: a request under way is a use.
   * The date of the cookie, `ttl` and `absoluteTimeout` bound it as before. Less
   * than a hundredth is left to the end of the request.
   */
  async extend(made: SessionData, base: BaseVersion): Promise<void> {
    const { sid, kept, isOver } = base;
    if (isOver || !kept.isMarked || !isActivity(made, this.#kept.options)) return;
    const session = this.#kept.parse(kept);
    const time = now();
    const end = endOf(session, sid, dateOf(session.cookie), kept.lastUsed, this.#kept.options);
    const expires = earlierOf(end, session, sid, time, kept.created, this.#kept.options);
    const life = expires - time;
    if (expires - kept.expires < life / 100) return;
    const indexed = kept.user !== undefined && expires > kept.indexed
      ? expires + life
      : kept.indexed;
    const next = withLife(kept, { expires, indexed });
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
    const next = withLife(kept, { rank: "returning", expires });
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
  readonly expires: number;
  /** Whether the index of its user lives as long. */
  readonly isIndexed: boolean;
}

/** Notes that a touch has made `next` of `kept`, which others may have saved since `base`. */
function rebaseCookie(
  base: BaseVersion,
  kept: StoredSession,
  next: StoredSession,
  { cookie }: SessionData,
): void {
  if (base.own || base.kept !== kept && base.kept.text !== kept.text) {
    base.own = { text: versionOf(base)!.text, cookie: plain(cookie) };
  }
  base.isOvertaken ||= kept.revision !== base.kept.revision;
  base.kept = next;
  base.expires = dateOf(cookie);
}

/** A date, as JSON writes it. */
const DATE = /^[\d-]{10}T[\d:.]{12}Z$/;
const DATE_LENGTH = isoOf(0).length;

/**
 * Returns what is to stand in `raw` from the user on so that the cookie is one of `template`
 * with the date `date`, if that is the only difference. Without a date there is nothing to write.
 */
function withDate(
  raw: string,
  { head, tail, hasDate }: CookieTemplate,
  date: number | undefined,
): string | undefined {
  if (!raw.startsWith(INSIDE)) return undefined;
  // The mark is the first field of the kept cookie, and a comma follows.
  const start = raw.indexOf('"', AT.user) + 2;
  const fields = head.slice(1);
  if (!raw.startsWith(fields, start)) return undefined;
  if (!hasDate) return "";
  const at = start + fields.length;
  const end = at + DATE_LENGTH;
  return raw.startsWith(tail, end) && DATE.test(raw.slice(at, end))
    ? raw.slice(AT.user, at) + isoOf(date!)
    : undefined;
}
