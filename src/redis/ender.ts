// @ts-types="npm:@types/express-session@^1.18.0"
import type { SessionData } from "express-session";
import { now, realMonotonicNow } from "../util/time.ts";
import type { BaseVersions } from "./base_version.ts";
import type { Connection, Duplicate } from "./clients.ts";
import type { KeptSessions } from "./kept_sessions.ts";
import { StoredSession, userText } from "./record.ts";
import { CLEAR, END, sha1 } from "./scripts.ts";
import { idText, MAX_REQUEST_MS, sidOf, type Users } from "./users.ts";
import type { Walker } from "./walker.ts";

/** Ends sessions: one, those of a user, or all. What has ended stays so. */
export class Ender {
  readonly #kept: KeptSessions;
  readonly #bases: BaseVersions;
  readonly #users: Users;
  readonly #walker: Walker;
  /** What replicas have to confirm goes through a connection of its own: a request need not wait for it. */
  #confirmed: Duplicate | undefined;

  constructor(kept: KeptSessions, bases: BaseVersions, users: Users, walker: Walker) {
    this.#kept = kept;
    this.#bases = bases;
    this.#users = users;
    this.#walker = walker;
    if (kept.options.replicas > 0) this.#confirmed = kept.connection.duplicate();
  }

  /**
   * Destroys every session of a user but that with the id `spared`, and what
   * requests save of it that began before, unless it is `request` that does.
   * Returns how many sessions there were.
   *
   * @throws If it can't be told whose a session is that another store has written. All
   * others of the user have ended then.
   */
  async revokeUser(
    user: string,
    spared: string | undefined,
    request: object | undefined,
  ): Promise<number> {
    if (request) this.#bases.reached(request, realMonotonicNow());
    const mark = this.#bases.markOf(request, true);
    const connection = await this.#ready();
    const { at, sids } = await this.#users.revoke(user, spared, mark, connection);
    const unread: unknown[] = [];
    const end = (sid: string) => this.#endOfUser(sid, user, at, unread);
    const others = sids.filter((sid) => sid !== spared);
    const ended = await Promise.all(others.map(end));
    const unmarked = await this.#revokeUnmarked(user, spared, at, unread);
    await this.#users.leave(user, at, others);
    const revoked = [...ended, ...unmarked].filter(Boolean).length;
    this.#kept.counters.revoked += revoked;
    await this.confirm();
    if (unread.length > 0) throw unread[0];
    return revoked;
  }

  /** Forgets all sessions, and whatever a request that had loaded one saves later. */
  async clear(): Promise<void> {
    const { cleared, prefix, channel } = this.#kept.keys;
    const connection = await this.#ready();
    const time = await connection.run(CLEAR, [cleared], [String(MAX_REQUEST_MS)]);
    this.#kept.hear(time);
    for await (const keys of this.#kept.connection.scan(prefix)) {
      const sessions = keys.filter((key) => this.#kept.keys.sidOf(key) !== undefined);
      await Promise.all(sessions.map((key) => connection.send(key, ["UNLINK", key])));
    }
    await this.#kept.connection.send(channel, ["PUBLISH", channel, "clear"]);
    if (!this.#kept.surroundings.hearsItself) this.heard("clear");
    await this.confirm();
  }

  /** Closes what the engine has opened itself. */
  close(): void {
    this.#confirmed?.close();
    this.#confirmed = undefined;
  }

  /** Announces what a process has ended. */
  heard(message: string): void {
    if (message === "clear") return this.#kept.surroundings.announce("clear", () => []);
    const end = message.indexOf("\n");
    const sid = sidOf(message.slice(0, end));
    const kept = new StoredSession(message.slice(end + 1), now());
    if (kept.expires <= now()) return;
    this.#kept.surroundings.announce("destroy", () => [sid, this.#lastOf(sid, kept)]);
  }

  /** What an event hands out counts as loaded, before whatever has ended it. */
  #lastOf(sid: string, kept: StoredSession): SessionData | undefined {
    try {
      const session = this.#kept.parse(kept);
      this.#bases.loaded(session, sid, kept, -Infinity);
      return session;
    } catch {
      // The serializer can't read it: the listeners still have the id.
      return undefined;
    }
  }

  /** Ends the session of `sid`, whoever's it is. */
  async destroy(sid: string): Promise<void> {
    const begin = realMonotonicNow();
    const { ended } = await this.#end(sid, "*");
    // Nobody waits for that: an index is a hint.
    if (ended?.user !== undefined) this.#leave(ended.user, begin, [sid]).catch(() => {});
  }

  /** Takes sessions that have ended since `begin` out of an index. Who has signed in to their ids since stays. */
  #leave(user: string, begin: number, sids: string[]): Promise<void> {
    return this.#users.leave(user, this.#kept.clock.at(begin), sids);
  }

  /** Ends a session, if it is as `which` says. Returns it, and one of another store instead. */
  async #end(
    sid: string,
    which: string,
    at = "",
  ): Promise<{ ended: StoredSession | undefined; unmarked: StoredSession | undefined }> {
    const args = [which, at, String(MAX_REQUEST_MS), this.#kept.keys.channel, idText(sid)];
    const keys = this.#kept.keys.ofSession(sid);
    const connection = this.#confirmed ? await this.#ready() : this.#kept.connection;
    const [time, text, unmarked] = await connection.run(END, keys, args) as string[];
    this.#kept.hear(time);
    if (text && !this.#kept.surroundings.hearsItself) this.heard(`${idText(sid)}\n${text}`);
    const ended = text ? new StoredSession(text, now()) : undefined;
    return {
      ended: ended && ended.expires > now() ? ended : undefined,
      unmarked: unmarked ? new StoredSession(unmarked, now()) : undefined,
    };
  }

  /**
   * Ends a session if it is that of a user. Returns whether it was.
   *
   * @param unread Takes the error if that can't be told.
   */
  async #endOfUser(sid: string, user: string, at: string, unread: unknown[]): Promise<boolean> {
    const { ended, unmarked } = await this.#end(sid, userText(user), at);
    if (unmarked) return await this.#endUnmarked(sid, unmarked, user, at, unread);
    return ended !== undefined;
  }

  /** The same for one that another store has written: its mark doesn't say whose it is. */
  async #endUnmarked(
    sid: string,
    kept: StoredSession,
    user: string,
    at: string,
    unread: unknown[],
  ): Promise<boolean> {
    try {
      if (this.#kept.userOf(this.#kept.parse(kept), sid) !== user) return false;
    } catch (error) {
      unread.push(error);
      return false;
    }
    return (await this.#end(sid, `#${sha1(kept.raw)}`, at)).ended !== undefined;
  }

  /** Ends the sessions of a user that another store has written: no index knows of them. */
  async #revokeUnmarked(
    user: string,
    spared: string | undefined,
    at: string,
    unread: unknown[],
  ): Promise<boolean[]> {
    if (await this.#kept.areAllMarked()) return [];
    const ended: boolean[] = [];
    let isEmpty = true;
    for await (const [sid, kept] of this.#walker.unmarked()) {
      isEmpty = false;
      if (sid !== spared) ended.push(await this.#endUnmarked(sid, kept, user, at, unread));
    }
    // Others may have been marked before they were come to.
    for (const sid of await this.#users.adoptedSince(user, at)) {
      if (sid !== spared) ended.push(await this.#endOfUser(sid, user, at, unread));
    }
    if (isEmpty) await this.#kept.noteAdopted();
    return ended;
  }

  /** Destroys the least recently used sessions of `user` that are too many, but not that of `sid`. */
  async limitUser(user: string, sid?: string): Promise<void> {
    const members = await this.#users.membersOf(user, now());
    const others = members.filter((member) => member.sid !== sid);
    const spared = sid === undefined ? 0 : 1;
    const tooMany = others.slice(Math.max(0, this.#kept.options.maxSessionsPerUser - spared));
    const sids = tooMany.map((member) => member.sid);
    const begin = realMonotonicNow();
    const ended = await Promise.all(sids.map((one) => this.#endOfUser(one, user, "", [])));
    this.#kept.counters.revoked += ended.filter(Boolean).length;
    await this.#leave(user, begin, sids);
  }

  /** Returns the connection for what ends sessions. */
  async #ready(): Promise<Connection> {
    if (!this.#confirmed) return this.#kept.connection;
    await this.#confirmed.ready;
    return this.#confirmed.connection;
  }

  /** Waits for as many replicas as the options say. */
  async confirm(): Promise<void> {
    await this.#confirmed?.connection.confirm(this.#kept.options.replicas);
  }
}
