/**
 * How a journal is, and what it has done since it was opened.
 *
 * ```ts
 * import assert from "node:assert/strict";
 * import session from "express-session";
 * import lembro from "express-lembro";
 * import { type JournalStats, openJournal } from "express-lembro/journal";
 *
 * const path = `${await Deno.makeTempDir()}/sessions.journal`;
 * using store = new (lembro(session))();
 * await using journal = await openJournal(store, path);
 * await store.set("a", { cookie: new session.Cookie() });
 * await journal.flush();
 * const { bytes, pending, lag }: JournalStats = journal.stats();
 * assert.deepEqual([bytes, pending, lag], [(await Deno.stat(path)).size, 0, 0]);
 * ```
 */
export interface JournalStats {
  /** The size of the file, in bytes. */
  bytes: number;
  /** How many sessions have changed and are not in the file yet. */
  pending: number;
  /** How long the oldest change has waited that is not on the disk, in milliseconds. */
  lag: number;
  /** When changes were last brought to the disk; `undefined` if none have been. */
  lastSync: Date | undefined;
  /** How often the file was compacted. */
  compactions: number;
  /** How often writing has failed. */
  errors: number;
  /** What it failed with last. */
  lastError: Error | undefined;
  /** Whether the file cannot be written or compacted at the moment, or the disk does not answer. */
  isFailing: boolean;
}

/**
 * An open journal: what {@linkcode openJournal} returns.
 *
 * ```ts
 * import assert from "node:assert/strict";
 * import session from "express-session";
 * import lembro from "express-lembro";
 * import { type Journal, openJournal } from "express-lembro/journal";
 *
 * const path = `${await Deno.makeTempDir()}/sessions.journal`;
 * using store = new (lembro(session))();
 * const journal: Journal = await openJournal(store, path);
 * await store.set("a", { cookie: new session.Cookie() });
 * await journal.close();
 * assert((await Deno.stat(path)).size > 0);
 * ```
 */
export interface Journal {
  /**
   * Writes what has changed, without waiting for the interval, and waits until
   * it is on the disk.
   *
   * @throws What the file system says, or an error with the code `ERR_LEMBRO_JOURNAL_WRITE` if the
   * disk does not answer for 3 seconds. The changes are kept, and writing is tried again.
   */
  flush(): Promise<void>;
  /**
   * Writes what has changed, closes the file and releases its lock. The store
   * stays usable; what changes in it later is not written. May be called twice.
   *
   * @throws What the file system says. The file is closed nevertheless. If the disk does not answer
   * for 3 seconds, an error with the code `ERR_LEMBRO_JOURNAL_WRITE`; then it is closed, and its lock
   * released, when it answers.
   */
  close(): Promise<void>;
  /** Returns how the journal is. */
  stats(): JournalStats;
  /** Closes the journal at the end of an `await using` block. */
  [Symbol.asyncDispose](): Promise<void>;
}
