import { now, realMonotonicNow } from "../util/time.ts";
import type { KeptSessions } from "./kept_sessions.ts";
import { AT, hasMark, readHead, type StoredSession } from "./record.ts";

/** Goes through all sessions, in parts: those that are there all the time come once each. */
export class Walker {
  readonly #kept: KeptSessions;

  constructor(kept: KeptSessions) {
    this.#kept = kept;
  }

  /** Iterates over the keys of the sessions, each once. */
  async *#parts(): AsyncGenerator<[sid: string, key: string][], void, undefined> {
    const seen = new Set<string>();
    for await (const keys of this.#kept.connection.scan(this.#kept.keys.prefix)) {
      const part: [string, string][] = [];
      for (const key of keys) {
        const sid = this.#kept.keys.sidOf(key);
        if (sid === undefined || seen.has(key)) continue;
        seen.add(key);
        part.push([sid, key]);
      }
      yield part;
    }
  }

  async *sessions(): AsyncGenerator<
    [sid: string, kept: StoredSession, begin: number],
    void,
    undefined
  > {
    for await (const part of this.#parts()) {
      const begin = realMonotonicNow();
      const all = await Promise.all(part.map(([sid]) => this.#kept.read(sid)));
      for (const [n, kept] of all.entries()) {
        if (kept && kept.expires > now()) yield [part[n][0], kept, begin];
      }
    }
  }

  /** Iterates over the ids of the live sessions, in parts. */
  async *ids(): AsyncGenerator<string, void, undefined> {
    for await (const part of this.#parts()) {
      const heads = await this.#heads(part);
      for (const [n, [sid]] of part.entries()) {
        const head = heads[n];
        if (head && (!hasMark(head) || readHead(head).expires > now())) yield sid;
      }
    }
  }

  /** Iterates over the sessions that another store has written. */
  async *unmarked(): AsyncGenerator<[sid: string, kept: StoredSession], void, undefined> {
    for await (const part of this.#parts()) {
      const heads = await this.#heads(part);
      const found = part.filter((_, n) => heads[n] && !hasMark(heads[n]));
      for (const [sid] of found) {
        const kept = await this.#kept.read(sid);
        if (kept && !kept.isMarked) yield [sid, kept];
      }
    }
  }

  /** The marks of sessions, as far as their times. */
  #heads(part: [sid: string, key: string][]): Promise<string[]> {
    return Promise.all(part.map(async ([, key]) => {
      return await this.#kept.connection.send(key, [
        "GETRANGE",
        key,
        "0",
        String(AT.user),
      ]) as string;
    }));
  }
}
