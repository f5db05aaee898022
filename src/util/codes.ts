/**
 * The codes of the errors that this package makes:
 *
 * - `ERR_LEMBRO_OPTION`: an option is unknown, or cannot be used.
 * - `ERR_LEMBRO_ARGUMENT`: another argument of a call cannot be used.
 * - `ERR_LEMBRO_RESULT`: a function of the app, such as an option or the
 *   `change` of an update, has returned what cannot be used, or has thrown in
 *   the background.
 * - `ERR_LEMBRO_SESSION_TOO_LARGE`: see {@linkcode SessionTooLargeError}.
 * - `ERR_LEMBRO_CONFLICT`: other processes changed a session in Redis again and
 *   again, so that this one could not. Nothing was changed; try again.
 * - `ERR_LEMBRO_REPLICAS`: done, but fewer replicas of Redis than asked for have
 *   confirmed it.
 * - `ERR_LEMBRO_JOURNAL`, `ERR_LEMBRO_SNAPSHOT`: see {@linkcode BadFileError}.
 * - `ERR_LEMBRO_JOURNAL_IN_USE`: see {@linkcode JournalInUseError}.
 * - `ERR_LEMBRO_JOURNAL_LOST`: somebody took away the lock of an open journal, which is written no
 *   more.
 * - `ERR_LEMBRO_JOURNAL_WRITE`: a journal cannot be written at the moment.
 *
 * An error of the file system keeps the code of the system, such as `ENOENT`.
 *
 * ```ts
 * import assert from "node:assert/strict";
 * import session from "express-session";
 * import lembro, { type LembroErrorCode } from "express-lembro";
 *
 * const expected: LembroErrorCode = "ERR_LEMBRO_ARGUMENT";
 * using store = new (lembro(session))();
 * store.destroy(undefined as never, (error) => assert.deepEqual(error.code, expected));
 * ```
 */
export type LembroErrorCode =
  | "ERR_LEMBRO_OPTION"
  | "ERR_LEMBRO_ARGUMENT"
  | "ERR_LEMBRO_RESULT"
  | "ERR_LEMBRO_SESSION_TOO_LARGE"
  | "ERR_LEMBRO_CONFLICT"
  | "ERR_LEMBRO_REPLICAS"
  | "ERR_LEMBRO_JOURNAL"
  | "ERR_LEMBRO_SNAPSHOT"
  | "ERR_LEMBRO_JOURNAL_IN_USE"
  | "ERR_LEMBRO_JOURNAL_LOST"
  | "ERR_LEMBRO_JOURNAL_WRITE";

/**
 * The error for a session that is larger than the store allows.
 *
 * ```ts
 * import assert from "node:assert/strict";
 * import session from "express-session";
 * import lembro, { type SessionTooLargeError } from "express-lembro";
 *
 * using store = new (lembro(session))({ maxSize: "32K" });
 * const large = Object.assign({ cookie: new session.Cookie() }, { text: "x".repeat(9_000) });
 * await store.set("a", large).catch(({ code, bytes, limit }: SessionTooLargeError) => {
 *   assert.deepEqual([code, limit], ["ERR_LEMBRO_SESSION_TOO_LARGE", 4_096]);
 *   assert(bytes > 18_000);
 * });
 * ```
 */
export interface SessionTooLargeError extends RangeError {
  /** What went wrong. */
  readonly code: "ERR_LEMBRO_SESSION_TOO_LARGE";
  /** The size of the session, in bytes. */
  readonly bytes: number;
  /** The size that a session may have, in bytes. */
  readonly limit: number;
}

/**
 * The error for a journal that is open already.
 *
 * ```ts
 * import assert from "node:assert/strict";
 * import session from "express-session";
 * import lembro, { type JournalInUseError } from "express-lembro";
 * import { openJournal } from "express-lembro/journal";
 *
 * const Lembro = lembro(session);
 * const path = `${await Deno.makeTempDir()}/sessions.journal`;
 * using store = new Lembro();
 * await using _journal = await openJournal(store, path);
 * await openJournal(new Lembro(), path).catch(({ code, pid }: JournalInUseError) => {
 *   assert.deepEqual([code, pid], ["ERR_LEMBRO_JOURNAL_IN_USE", Deno.pid]);
 * });
 * ```
 */
export interface JournalInUseError extends Error {
  /** What went wrong. */
  readonly code: "ERR_LEMBRO_JOURNAL_IN_USE";
  /** The number of the process that has it open. */
  readonly pid: number;
}

/**
 * The error for a journal or a snapshot that is damaged, of another version, or
 * of another serializer or secret.
 *
 * ```ts
 * import assert from "node:assert/strict";
 * import session from "express-session";
 * import lembro, { type BadFileError } from "express-lembro";
 * import { loadSnapshot } from "express-lembro/snapshot";
 *
 * const path = `${await Deno.makeTempDir()}/sessions`;
 * await Deno.writeTextFile(path, "no snapshot");
 * using store = new (lembro(session))();
 * await loadSnapshot(store, path).catch(({ code, ...where }: BadFileError) => {
 *   assert.deepEqual([code, where.path], ["ERR_LEMBRO_SNAPSHOT", path]);
 * });
 * ```
 */
export interface BadFileError extends Error {
  /** What went wrong. */
  readonly code: "ERR_LEMBRO_JOURNAL" | "ERR_LEMBRO_SNAPSHOT";
  /** Where the file is. */
  readonly path: string;
  /** Where in the file it was found, in bytes from its beginning. */
  readonly position: number;
}

/**
 * An error that this package makes: its code tells what more it carries.
 *
 * ```ts
 * import assert from "node:assert/strict";
 * import session from "express-session";
 * import lembro, { type LembroError } from "express-lembro";
 *
 * const advice = (error: LembroError) =>
 *   error.code === "ERR_LEMBRO_SESSION_TOO_LARGE"
 *     ? `${error.bytes - error.limit} bytes too many`
 *     : error.message;
 *
 * using store = new (lembro(session))();
 * const large = Object.assign({ cookie: new session.Cookie() }, { text: "x".repeat(524_288) });
 * const advised = await store.set("a", large).then(() => "fits", advice);
 * assert.deepEqual(/^\d+ bytes too many$/.test(advised), true);
 * ```
 */
export type LembroError =
  | SessionTooLargeError
  | JournalInUseError
  | BadFileError
  | (Error & {
    readonly code: Exclude<
      LembroErrorCode,
      (SessionTooLargeError | JournalInUseError | BadFileError)["code"]
    >;
  });
