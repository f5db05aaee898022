// @ts-types="npm:@types/express-session@^1.18.0"
import type { SessionData } from "express-session";
import { isActivity, isProtected, KEEP } from "../core/answers.ts";
import { requestOf } from "../core/overlaps/base_version.ts";
import { type Overlay, overlay, type Version } from "../core/overlaps/overlay.ts";
import { dateOf, lifetimeOf } from "../core/record/expiry.ts";
import { serialize } from "../core/record/record.ts";
import { invalid, isObject } from "../util/errors.ts";
import { now } from "../util/time.ts";
import { type BaseVersion, type BaseVersions, versionOf } from "./base_version.ts";
import type { Ender } from "./ender.ts";
import {
  isOther,
  type KeptSessions,
  MAX_TRIES,
  type Mode,
  modeOf,
  tooBusy,
} from "./kept_sessions.ts";
import { PendingSave } from "./pending_save.ts";
import {
  AT,
  cookieFirst,
  lifeArgument,
  lifeText,
  startOf,
  StoredSession,
  withLife,
} from "./record.ts";
import { sha1, UPDATE } from "./scripts.ts";
import type { Enrolment, Users } from "./users.ts";

/**
 * Saves sessions. A save only ever replaces the very version that it was made
 * of; what is not there any more was destroyed, unless its life was over. So what
 * one process has ended stays so, whatever another one has under way.
 */
export class Saver {
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

  /** Reads what is to be saved, as it is at the call. */
  begin(sid: string, live: SessionData, isUpdate: boolean): PendingSave {
    if (!isObject(live)) throw invalid(TypeError, KEEP, "session must be an object", live);
    const { serializer } = this.#kept.options;
    return new PendingSave(
      sid,
      live,
      cookieFirst(serialize(live, serializer), serializer),
      serializer,
      this.#kept.readBack(live),
      this.#bases.of(live, sid),
      this.#bases.beginOf(live),
      !isUpdate && !isActivity(live, this.#kept.options),
      isUpdate,
    );
  }

  /**
   * Writes a save. Returns what is kept of it, `undefined` if nothing is, and
   * "overtaken" if an update has to begin anew.
   */
  async save(pending: PendingSave): Promise<StoredSession | "overtaken" | undefined> {
    const { sid, live, isPassive, isUpdate } = pending;
    const base = pending.base = this.#bases.since(pending.base, live, sid);
    if (base?.isOver) return this.#kept.late(sid, base);
    let kept = base?.kept;
    let mode: Mode = kept ? modeOf(kept) : "any";
    if (!base && (isPassive || this.#kept.options.absoluteTimeout !== Infinity)) {
      // What it replaces decides how long it may live.
      kept = await this.#kept.read(sid);
      mode = kept ? modeOf(kept) : "any";
    }
    /** Whether `kept` was read after the call. */
    let isFresh = false;
    let entered: Entered | undefined;
    for (let tries = 0; tries < MAX_TRIES; tries++) {
      const time = now();
      if ((isPassive || isUpdate) && kept && !kept.isMarked) {
        kept = await this.#kept.withLife(sid, kept);
      }
      const plan = this.#plan(pending, kept, mode, isFresh, time);
      if (plan === "nothing") return undefined;
      if (plan === "destroy") {
        await this.#ender.destroy(sid);
        return undefined;
      }
      let isStale = false;
      if (
        plan !== "look again" && (plan.isSignIn ? plan.user !== entered?.user : !plan.isIndexed)
      ) {
        const { user, life, isSignIn } = plan;
        const enrolment = await this.#users.enrol(
          pending,
          user!,
          life,
          isSignIn,
          mode === "unmarked",
        );
        isStale = enrolment.isStale;
        // The user may have signed in to it anew: then this is no sign-in.
        if (isStale && (isFresh || !base)) return this.#kept.late(sid);
        if (isSignIn && !isStale) entered = { user: user!, ...enrolment };
      }
      if (plan === "look again" || isStale) {
        isFresh = true;
        kept = await this.#kept.read(sid);
        if (!kept) {
          return isStale || base!.kept.expires > time ? this.#kept.late(sid, base) : undefined;
        }
        if (isOther(kept, base!.kept)) return this.#kept.late(sid, base);
        mode = modeOf(kept);
        continue;
      }
      const { next, isSignIn } = plan;
      let reply: unknown;
      try {
        reply = await this.#write(pending, plan, kept, mode, isSignIn ? entered?.at : undefined);
      } catch (error) {
        base?.unconfirmed.push({ revision: next.revision, own: versionIn(plan.mine) });
        throw error;
      }
      if (reply === 1 || mode === "any" && typeof reply === "string") {
        const saved = reply === 1 ? plan.first ?? next : continued(next, reply as string);
        this.#saved(pending, saved, plan.mine, kept);
        if (entered?.isFull) await this.#ender.limitUser(entered.user, sid);
        return saved;
      }
      if (reply === 0) return this.#kept.late(sid, base);
      if (reply === -1) {
        // The process has stalled: whoever looked for the user's sessions may have missed this one.
        entered = undefined;
        continue;
      }
      this.#kept.counters.conflicts++;
      isFresh = true;
      if (typeof reply !== "string" && !base) {
        kept = undefined;
        mode = "any";
        continue;
      }
      if (typeof reply !== "string") {
        // It was destroyed, unless its life was over by then: then the save creates it anew.
        if (kept!.expires > now() || await this.#kept.wasCleared(base!.begin)) {
          return this.#kept.late(sid, base);
        }
        if (isUpdate) return "overtaken";
        mode = "absent";
        continue;
      }
      const other = new StoredSession(reply, now());
      if (other.isMarked && other.revision === next.revision) {
        // It was sent twice, since the answer got lost.
        this.#saved(pending, other, plan.mine, kept);
        return other;
      }
      if (base && (mode === "absent" || isOther(other, kept!))) return this.#kept.late(sid, base);
      if (isUpdate) return "overtaken";
      kept = other;
      mode = modeOf(other);
    }
    throw tooBusy();
  }

  /** What is to be written of a save, if `kept` is what it replaces. */
  #plan(
    pending: PendingSave,
    kept: StoredSession | undefined,
    mode: Mode,
    isFresh: boolean,
    time: number,
  ): Plan | "look again" | "nothing" | "destroy" {
    const { sid, base, isPassive, isUpdate } = pending;
    const { options } = this.#kept;
    const { serializer } = options;
    const isInPlace = (isPassive || isUpdate) && kept !== undefined && mode !== "absent";
    // A request that is no activity does not bring back what has expired.
    if (isPassive && base && !isInPlace) return "nothing";
    const isChanged = base && kept && (!isSame(base, kept) || base.own);
    const mine = kept && mode !== "absent" && (isChanged || isPassive)
      ? overlay(pending.parsed, versionOf(base), kept, serializer, isPassive)
      : undefined;
    const session = mine?.session ?? pending.session;
    const date = mine ? dateOf(session.cookie) : pending.date;
    // A date that the request did not set itself ends nothing: it may have moved on meanwhile.
    const isDateLeft = base !== undefined && pending.date === base.date;
    const hasPassed = date !== undefined && date <= time;
    // Nor does its save, which leaves the life as it is.
    const isOverAsLoaded = isInPlace && base !== undefined && kept.expires <= time;
    if ((hasPassed && isDateLeft || isOverAsLoaded) && !isFresh) return "look again";
    if (hasPassed && isDateLeft && !kept) return "nothing";
    const created = kept?.created ?? time;
    const expires = isInPlace || hasPassed && isDateLeft
      ? kept!.expires
      : lifetimeOf(session, sid, date, time, created, options).expires;
    if (expires <= time) {
      // A request that is no activity ends nothing.
      return isPassive && kept || isDateLeft && hasPassed ? "nothing" : "destroy";
    }
    if (hasPassed && !isDateLeft && !isPassive) return "destroy";
    const user = this.#kept.userOf(session, sid);
    const life = expires - time;
    const text = mine ? cookieFirst(serialize(session, serializer), serializer) : pending.text;
    const rank = isProtected(session, sid, options)
      ? "protected"
      : isInPlace && kept.rank === "newcomers"
      ? "newcomers"
      : "returning";
    const isSameUser = user === kept?.user;
    const isIndexed = user === undefined || isSameUser && expires <= kept!.indexed;
    const next = this.#kept.next(kept, {
      created,
      rank,
      lastUsed: isInPlace ? kept.lastUsed : time,
      expires,
      indexed: user === undefined ? 0 : isIndexed ? kept!.indexed : expires + life,
      user,
      text,
    });
    const isNewcomer = rank !== "protected" && !base && (!kept || mode === "absent");
    return {
      next,
      life,
      user,
      isSignIn: user !== undefined && (!isSameUser || mode === "absent"),
      isIndexed,
      mine,
      first: isNewcomer
        ? withLife(next, {
          rank: "newcomers",
          expires: Math.min(expires, time + options.newcomerTtl),
        })
        : undefined,
      isInPlace,
      mustFindTimes: isInPlace || isDateLeft && date !== undefined,
    };
  }

  /** Sends what is to be written. Returns the script's answer. */
  #write(
    { sid, base }: PendingSave,
    { next, life, first, isInPlace, mustFindTimes }: Plan,
    kept: StoredSession | undefined,
    mode: Mode,
    enteredAt: string | undefined,
  ): Promise<unknown> {
    const guard = mode === "marked"
      ? startOf(kept!, mustFindTimes ? AT.indexed : AT.created)
      : mode === "unmarked"
      ? sha1(kept!.raw)
      : "";
    const left = isInPlace && kept?.isMarked ? "keep" : lifeArgument(life);
    if (mode === "marked" && enteredAt === undefined) {
      return this.#kept.run(UPDATE, sid, [guard, next.raw, left]);
    }
    const since = mode === "absent" && base
      ? String(this.#kept.clock.at(base.begin))
      : enteredAt ?? "";
    if (!first) {
      return this.#kept.write(sid, mode, guard, { raw: next.raw, life: left, since, enteredAt });
    }
    return this.#kept.write(sid, mode, guard, {
      raw: first.raw,
      life: lifeArgument(first.expires - first.lastUsed),
      since,
      enteredAt,
      ifThere: [lifeText(next), left],
    });
  }

  /** Counts a save, and notes what its session was then. */
  #saved(
    { sid, live, date, base, begin }: PendingSave,
    saved: StoredSession,
    mine: Overlay | undefined,
    kept: StoredSession | undefined,
  ): void {
    this.#kept.counters.saves++;
    const isOvertaken = base?.isOvertaken || kept?.revision !== base?.kept.revision;
    if (mine && base && isOvertaken) this.#kept.counters.merges++;
    this.#kept.counters.listsTakenWhole += mine?.listsTakenWhole ?? 0;
    // Plain data that was never loaded stays plain: its next save is as plain.
    if (!base && (!requestOf(live) || this.#bases.find(live))) return;
    this.#bases.rebase(live, {
      sid,
      kept: saved,
      own: versionIn(mine),
      expires: date,
      begin: base?.begin ?? begin,
    });
  }
}

/** What a save is to write. */
interface Plan {
  readonly next: StoredSession;
  /** In milliseconds. */
  readonly life: number;
  readonly user: string | undefined;
  readonly isSignIn: boolean;
  /** Whether the index of the user lives as long. */
  readonly isIndexed: boolean;
  /** What was made of the save, if another save was faster. */
  readonly mine: Overlay | undefined;
  /** What to write instead if there is none yet: nobody has asked for it then. */
  readonly first: StoredSession | undefined;
  readonly isInPlace: boolean;
  /** Whether its times must be as they were, too: another request may have moved them on. */
  readonly mustFindTimes: boolean;
}

/** A sign-in that was entered into the index of its user. */
interface Entered extends Enrolment {
  readonly user: string;
}

/**
 * Whether a save of what was loaded as `base` has nothing to merge with. If what
 * is kept is what this process has sent itself, without an answer, that is the
 * base from then on.
 */
function isSame(base: BaseVersion, kept: StoredSession): boolean {
  const sent = base.unconfirmed.find(({ revision }) => revision === kept.revision);
  if (sent) {
    Object.assign(base, { kept, own: sent.own });
    base.unconfirmed.length = 0;
    return true;
  }
  return base.kept === kept || base.kept.text === kept.text;
}

/** What continues the life of the session that was there, as the script says. */
function continued(next: StoredSession, start: string): StoredSession {
  const raw = next.raw.slice(0, AT.identity) + start + next.raw.slice(AT.indexed);
  return new StoredSession(raw, next.met);
}

/** The request's own version of a save that was merged. */
function versionIn(mine: Overlay | undefined): Version | undefined {
  return mine && { text: mine.text, cookie: mine.ownCookie };
}
