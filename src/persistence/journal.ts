/**
 * Keeps the sessions of a store over restarts and crashes, in a file.
 *
 * ```ts
 * import assert from "node:assert/strict";
 * import session from "express-session";
 * import lembro from "express-lembro";
 * import { openJournal } from "express-lembro/journal";
 *
 * const Lembro = lembro(session);
 * const path = `${await Deno.makeTempDir()}/sessions.journal`;
 * {
 *   using store = new Lembro();
 *   await using _journal = await openJournal(store, path);
 *   await store.set("a", { cookie: new session.Cookie() });
 * }
 *
 * using store = new Lembro();
 * await using _journal = await openJournal(store, path);
 * assert.deepEqual(await store.ids(), ["a"]);
 * ```
 *
 * @module
 */
import type { LembroMethods } from "../types.ts";
import { readSignal } from "../util/abort.ts";
import { checkOptions, failure, invalidOption } from "../util/errors.ts";
import { checkedPath, checkedPort } from "./arguments.ts";
import { nodeDisk } from "./disk.ts";
import type { Journal, JournalStats } from "./journal_types.ts";
import { type JournalSettings, OpenJournal } from "./open_journal.ts";
import { readSecrets } from "./encryption.ts";
import { shared } from "./shared.ts";

export type { Journal, JournalStats };

const OPEN = "open journal";

/** The interval may be this long, in milliseconds. */
const MAX_INTERVAL_MS = 60_000;

/**
 * What {@linkcode openJournal} takes besides a store and a path.
 *
 * ```ts
 * import assert from "node:assert/strict";
 * import session from "express-session";
 * import lembro from "express-lembro";
 * import { type JournalOptions, openJournal } from "express-lembro/journal";
 *
 * const options: JournalOptions = { interval: 100, secret: ["the new one", "the old one"] };
 * const path = `${await Deno.makeTempDir()}/sessions.journal`;
 * using store = new (lembro(session))();
 * await using journal = await openJournal(store, path, options);
 * assert.deepEqual(journal.stats().errors, 0);
 * ```
 */
export interface JournalOptions {
  /**
   * How long a change may take to be on the disk, in milliseconds from 1 to
   * 60000. The changes of one session within that time are written once.
   *
   * @default {1000}
   */
  interval?: number | undefined;
  /**
   * Encrypts the file with AES-256-GCM. Of an array the first one encrypts, and
   * all of them decrypt: put a new one in front to replace the old one. Leave it
   * out for a file in plain text: `undefined` and `""` are refused.
   */
  secret?: string | readonly string[];
  /**
   * Whether a file in plain text is opened too, although there is a `secret`. It
   * is encrypted before {@linkcode openJournal} resolves.
   *
   * @default {false}
   */
  plain?: boolean;
  /**
   * How long to wait for another process to close the file, in milliseconds, 0 or
   * more: for reloads and deploys that start the new process before the old one
   * has ended.
   *
   * @default {0}
   */
  wait?: number | undefined;
  /**
   * Gives the opening up: it rejects with the reason of the signal, and the file
   * stays as it is, without a lock. Once the sessions of the file come to the
   * store, and after that, the signal does nothing.
   */
  signal?: AbortSignal | undefined;
}

/**
 * Opens the journal of a store: a file that has its sessions after a restart or
 * a crash. A file that is not there is created, readable by its owner only.
 *
 * A file that is there is read first. Each session comes back with its data,
 * rank, creation, user, the life it has left, and its place in the order of its
 * last save or touch. Expired sessions stay away, and `expire` events announce
 * them. If the store has no room for all, those that it would evict first stay
 * away. A session that the store has already stays as it is, and is written to
 * the file. A session keeps the user that it was saved with; for one without a
 * user the option `user` is called. If that throws, the session is left out, and
 * an `error` event says so.
 *
 * Open the journal before the app listens. What is destroyed, revoked or cleared
 * while the file is read stays away all the same.
 *
 * From then on every change is on the disk within `interval` milliseconds. The
 * callbacks and promises of `destroy`, `revokeUser` and `clear` wait for the disk:
 * a logout that was answered holds, even if the power fails right after it.
 *
 * If the disk fails, the app goes on from memory. The store emits one `error`
 * event, with the code `ERR_LEMBRO_JOURNAL_WRITE`, which without a listener is a
 * warning of the process, and one `recover` event when the file is complete
 * again. Meanwhile writing is tried again, and answers wait for 3 seconds at most.
 *
 * A lock beside the file keeps out other processes, also those of other
 * containers, for as long as this one lives. With the option `wait` a new process
 * waits for the old one to close the file. A network file system is no place for a
 * journal. If somebody takes the lock away, nothing is written any more, and the
 * store emits an `error` event with the code `ERR_LEMBRO_JOURNAL_LOST`.
 *
 * ```ts
 * import assert from "node:assert/strict";
 * import session from "express-session";
 * import lembro from "express-lembro";
 * import { openJournal } from "express-lembro/journal";
 *
 * const Lembro = lembro(session);
 * const path = `${await Deno.makeTempDir()}/sessions.journal`;
 * using store = new Lembro();
 * store.on("error", (error) => console.error(error));
 * await using journal = await openJournal(store, path, { interval: 500, secret: "of the app" });
 * await store.set("a", { cookie: new session.Cookie() });
 * await journal.flush();
 *
 * // It is open: nobody else may write to it.
 * using other = new Lembro();
 * const refused = openJournal(other, path);
 * await assert.rejects(refused, { code: "ERR_LEMBRO_JOURNAL_IN_USE" });
 * ```
 *
 * @param store A store of this package that has no open journal yet.
 * @param path Where the file is: a path or a `file:` URL. Of a symbolic link, the file it leads to.
 * @param options The interval and how long to wait, in milliseconds; a secret; a signal to give up.
 * @returns The open journal. Keep it to close it at the end of the app.
 * @throws {TypeError | RangeError} If an argument cannot be used.
 * @throws {Error} With the code `ERR_LEMBRO_JOURNAL` and the position in bytes, if the file is
 * damaged, of another version, or of another serializer or secret. The file stays as it is.
 * @throws {Error} With the code `ERR_LEMBRO_JOURNAL_IN_USE` and the other's `pid`, if it is open.
 * @throws What the file system says, as `ENOENT` if there is no such folder, or an error with the
 * code `ETIMEDOUT` if the disk does not answer for 3 seconds. The file stays as it is.
 */
export async function openJournal(
  store: LembroMethods,
  path: string | URL,
  options?: JournalOptions,
): Promise<Journal> {
  const port = checkedPort(OPEN, store);
  const where = checkedPath(OPEN, path);
  const settings = checkedOptions(options);
  const { journaled } = shared();
  if (journaled.has(port)) {
    const message = `Cannot ${OPEN}: store must have no open journal: received one that has`;
    throw failure(TypeError, "ERR_LEMBRO_ARGUMENT", message);
  }
  journaled.add(port);
  try {
    return await OpenJournal.open(nodeDisk, port, where, settings);
  } catch (error) {
    journaled.delete(port);
    throw error;
  }
}

function checkedOptions(given: JournalOptions = {}): JournalSettings {
  checkOptions(OPEN, given, ["interval", "secret", "plain", "wait", "signal"], true);
  const { interval = 1_000, wait = 0 } = given;
  const rule = `interval must be a number of milliseconds from 1 to ${MAX_INTERVAL_MS}`;
  if (typeof interval !== "number") throw invalidOption(TypeError, OPEN, rule, interval);
  if (!(interval >= 1 && interval <= MAX_INTERVAL_MS)) {
    throw invalidOption(RangeError, OPEN, rule, interval);
  }
  const waitRule = "wait must be a number of milliseconds, 0 or more";
  if (typeof wait !== "number") throw invalidOption(TypeError, OPEN, waitRule, wait);
  if (!(wait >= 0)) throw invalidOption(RangeError, OPEN, waitRule, wait);
  const secrets = readSecrets(OPEN, given);
  return { interval, wait, signal: readSignal(OPEN, given.signal), ...secrets };
}
