// @ts-types="npm:@types/express-session@^1.18.0"
import type { SessionData } from "express-session";
import type { Arrival, Outcome } from "../core/port.ts";
import { dateOf, earlierOf, lifetimeOf } from "../core/record/expiry.ts";
import { serialize } from "../core/record/record.ts";
import { now } from "../util/time.ts";
import type { Ender } from "./ender.ts";
import { type KeptSessions, MAX_TRIES, modeOf, tooBusy } from "./kept_sessions.ts";
import { wellFormed } from "./keys.ts";
import { AT, cookieFirst, lifeArgument, startOf, StoredSession } from "./record.ts";
import { sha1 } from "./scripts.ts";
import type { Turns } from "./turns.ts";
import type { Users } from "./users.ts";
import type { Walker } from "./walker.ts";

/** Takes over the sessions of other stores. */
export class Importer {
  readonly #kept: KeptSessions;
  readonly #users: Users;
  readonly #ender: Ender;
  readonly #walker: Walker;
  readonly #turns: Turns;

  constructor(kept: KeptSessions, users: Users, ender: Ender, walker: Walker, turns: Turns) {
    this.#kept = kept;
    this.#users = users;
    this.#ender = ender;
    this.#walker = walker;
    this.#turns = turns;
  }

  /**
   * Gives a mark to every session that another store has written. Returns how many there were.
   *
   * @throws If a session can't be read. All others have a mark then.
   */
  async adopt(): Promise<number> {
    let adopted = 0;
    const unread: unknown[] = [];
    for await (const [sid, kept] of this.#walker.unmarked()) {
      let session: SessionData;
      let user: string | undefined;
      try {
        session = this.#kept.parse(kept);
        user = this.#kept.userOf(session, sid);
      } catch (error) {
        unread.push(error);
        continue;
      }
      await this.#turns.take(sid, async () => {
        const life = await this.#kept.lifeLeft(sid);
        const applicant = { sid, live: session, begin: -Infinity };
        const at = user === undefined
          ? ""
          : (await this.#users.enrol(applicant, user, life, false, true)).at;
        const expires = now() + life;
        const text = cookieFirst(kept.text, this.#kept.options.serializer);
        const times = { created: kept.created, lastUsed: kept.lastUsed, expires };
        const indexed = user === undefined ? 0 : expires + life;
        const { raw } = this.#kept.next(kept, { ...times, rank: kept.rank, indexed, user, text });
        const written = { raw, life: lifeArgument(life), since: at, enteredAt: at };
        const reply = await this.#kept.write(sid, "unmarked", sha1(kept.raw), written);
        if (reply === 1) adopted++;
      });
    }
    if (unread.length > 0) throw unread[0];
    await this.#kept.noteAdopted();
    return adopted;
  }

  /** Keeps what another store knew of a session, in place of what is there. */
  async restore({ sid, session, ...known }: Arrival, begin: number): Promise<Outcome> {
    const { options } = this.#kept;
    const { created = now(), lastUsed = now(), rank = "returning" } = known;
    const expires = known.expires === undefined
      ? lifetimeOf(session, sid, dateOf(session.cookie), now(), created, options).expires
      : earlierOf(known.expires, session, sid, lastUsed, created, options);
    const user = known.user === undefined
      ? this.#kept.userOf(session, sid)
      : wellFormed(known.user);
    const text = cookieFirst(serialize(session, options.serializer), options.serializer);
    let kept: StoredSession | undefined;
    for (let tries = 0; tries < MAX_TRIES; tries++) {
      const life = expires - now();
      if (life <= 0) return "expired";
      const applicant = { sid, live: session, begin };
      const entered = user === undefined
        ? undefined
        : await this.#users.enrol(applicant, user, life, true, false);
      if (entered?.isStale) return "ended";
      const indexed = user === undefined ? 0 : expires + life;
      const { raw } = this.#kept.next(kept, {
        created,
        lastUsed,
        rank,
        expires,
        indexed,
        user,
        text,
      });
      const guard = kept ? kept.isMarked ? startOf(kept, AT.indexed) : sha1(kept.raw) : "";
      const reply = await this.#kept.write(sid, kept ? modeOf(kept) : "absent", guard, {
        raw,
        life: lifeArgument(life),
        since: String(this.#kept.clock.at(begin)),
        enteredAt: entered?.at,
      });
      if (reply === 0) return "ended";
      if (reply === 1) {
        if (entered?.isFull) await this.#ender.limitUser(user!);
        return "arrived";
      }
      if (reply !== -1) {
        kept = typeof reply === "string" ? new StoredSession(reply, now()) : undefined;
      }
    }
    throw tooBusy();
  }
}
