/**
 * Parts of the core, without a store around them.
 *
 * @module
 */
import { Entry, Identity, Queue, type Rank, type Reason } from "../../src/core/vault/entry.ts";
import { type Draft, Vault } from "../../src/core/vault/vault.ts";

let last = 0;

/** An entry that no vault keeps. */
export function entryOf(
  sid: string,
  { user, lastUsed = 0, rank = "newcomers" }: {
    user?: string;
    lastUsed?: number;
    rank?: Rank;
  } = {},
) {
  const record = { text: "{}", cookie: undefined, expires: Infinity, dateOffset: 0 };
  const number = ++last;
  const identity = new Identity(sid, 0, Infinity);
  const entry = new Entry(identity, number, number, new Queue(rank), record, lastUsed);
  entry.owner = user;
  return entry;
}

/** A text of so many bytes by sizeomatic. */
export const textOf = (size: number): string => "x".repeat(size / 2);

/** What a vault takes, of `size` bytes. */
export function draftOf(sid: string, size: number, more: Partial<Draft> = {}): Draft {
  const record = { text: textOf(size), cookie: undefined, expires: Infinity, dateOffset: 0 };
  return {
    as: "save",
    sid,
    record,
    isProtected: false,
    user: undefined,
    address: "",
    created: 0,
    lastUsed: 0,
    kept: undefined,
    identity: undefined,
    ...more,
  };
}

/** Brings a session to a vault as from a file. */
export function restore(vault: Vault, draft: Draft, rank: Rank): boolean {
  const { sid, record, created, lastUsed, user } = draft;
  const identity = new Identity(sid, created, record.expires);
  const entry = new Entry(identity, 1, 0, vault.queue(rank), record, lastUsed);
  entry.owner = user;
  return vault.restore(entry, rank);
}

/** A vault, with a clock that the test sets, and what has left it. */
export class TestVault extends Vault {
  time = 0;
  readonly gone: [sid: string, reason: Reason][];

  constructor(maxSize: number) {
    const gone: [string, Reason][] = [];
    super(maxSize, () => this.time, ({ sid }, reason) => gone.push([sid, reason]));
    this.gone = gone;
  }

  /** Adds entries of 100 bytes. Returning ones are asked for once. */
  fill(rank: Rank, ...sids: string[]): Entry[] {
    return sids.map((sid) => {
      const entry = this.put(draftOf(sid, 100, { isProtected: rank === "protected" }));
      if (rank === "returning") this.use(entry, this.time);
      return entry;
    });
  }

  /** The ids of a rank, from the next to be evicted on, and the other way round. */
  sids(rank: Rank): string[] {
    const forth: string[] = [];
    const back: string[] = [];
    const { first, last } = this.queue(rank);
    for (let entry = first; entry; entry = entry.next) forth.push(entry.sid);
    for (let entry = last; entry; entry = entry.prev) back.push(entry.sid);
    if (forth.join() !== back.reverse().join()) throw new Error(`${forth} is not ${back}`);
    return forth;
  }
}

/** Runs all steps of long work, and counts them. */
export function finish<Result>(work: Generator<void, Result>): { result: Result; steps: number } {
  for (let steps = 0;; steps++) {
    const { done, value } = work.next();
    if (done) return { result: value, steps };
  }
}
