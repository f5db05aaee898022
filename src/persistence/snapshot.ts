/**
 * Writes all sessions of a store to a file and reads them back: for backups and
 * moves. The module `journal` keeps them over restarts and crashes.
 *
 * ```ts
 * import assert from "node:assert/strict";
 * import session from "express-session";
 * import lembro from "express-lembro";
 * import { loadSnapshot, saveSnapshot } from "express-lembro/snapshot";
 *
 * const Lembro = lembro(session);
 * const path = `${await Deno.makeTempDir()}/sessions`;
 * using before = new Lembro();
 * await before.set("a", { cookie: new session.Cookie() });
 * await saveSnapshot(before, path);
 *
 * using after = new Lembro();
 * await loadSnapshot(after, path);
 * assert.deepEqual(await after.ids(), ["a"]);
 * ```
 *
 * @module
 */
import type { LembroMethods } from "../types.ts";
import { readSignal } from "../util/abort.ts";
import { checkOptions } from "../util/errors.ts";
import { checkedPath, checkedPort } from "./arguments.ts";
import { nodeDisk } from "./disk.ts";
import { explained } from "./file_errors.ts";
import { readSecrets } from "./encryption.ts";
import { readSnapshot } from "./snapshot_reader.ts";
import { writeSnapshot } from "./snapshot_writer.ts";

/**
 * What {@linkcode saveSnapshot} has written.
 *
 * ```ts
 * import assert from "node:assert/strict";
 * import session from "express-session";
 * import lembro from "express-lembro";
 * import { type SavedSnapshot, saveSnapshot } from "express-lembro/snapshot";
 *
 * using store = new (lembro(session))();
 * const path = `${await Deno.makeTempDir()}/sessions`;
 * const { sessions, bytes }: SavedSnapshot = await saveSnapshot(store, path);
 * assert.deepEqual([sessions, bytes], [0, (await Deno.stat(path)).size]);
 * ```
 */
export interface SavedSnapshot {
  /** How many sessions are in the file. */
  sessions: number;
  /** The size of the file, in bytes. */
  bytes: number;
}

/**
 * What became of the sessions of a file that {@linkcode loadSnapshot} has read:
 * the three numbers together are all that it holds.
 *
 * ```ts
 * import assert from "node:assert/strict";
 * import session from "express-session";
 * import lembro from "express-lembro";
 * import { type LoadedSnapshot, loadSnapshot, saveSnapshot } from "express-lembro/snapshot";
 *
 * const Lembro = lembro(session);
 * const path = `${await Deno.makeTempDir()}/sessions`;
 * using large = new Lembro();
 * for (const sid of "abcdefghij") await large.set(sid, { cookie: new session.Cookie() });
 * await saveSnapshot(large, path);
 *
 * using small = new Lembro({ maxSize: "1K" });
 * const { sessions, expired, omitted }: LoadedSnapshot = await loadSnapshot(small, path);
 * assert.deepEqual([sessions + omitted, expired, omitted > 0], [10, 0, true]);
 * ```
 */
export interface LoadedSnapshot {
  /** How many sessions are in the store now. */
  sessions: number;
  /** How many have expired since they were saved. */
  expired: number;
  /**
   * How many the store has no room for, or has under the same id already, were
   * signed out meanwhile, or made the option `user` throw.
   */
  omitted: number;
}

/**
 * What {@linkcode saveSnapshot} and {@linkcode loadSnapshot} take besides a store and a path.
 *
 * ```ts
 * import assert from "node:assert/strict";
 * import session from "express-session";
 * import lembro from "express-lembro";
 * import { loadSnapshot, saveSnapshot, type SnapshotOptions } from "express-lembro/snapshot";
 *
 * const Lembro = lembro(session);
 * const path = `${await Deno.makeTempDir()}/sessions`;
 * const options: SnapshotOptions = { secret: "of the app" };
 * using before = new Lembro();
 * await before.set("a", { cookie: new session.Cookie() });
 * await saveSnapshot(before, path, options);
 *
 * using after = new Lembro();
 * assert.deepEqual((await loadSnapshot(after, path, options)).sessions, 1);
 * ```
 */
export interface SnapshotOptions {
  /**
   * Encrypts the file with AES-256-GCM. Of an array the first one encrypts, and
   * all of them decrypt. Leave it out for a file in plain text: `undefined` and
   * `""` are refused.
   */
  secret?: string | readonly string[];
  /**
   * Gives it up: it rejects with the reason of the signal, and the file and the
   * store stay as they are. Once the file is in its place, or its sessions come to
   * the store, the signal does nothing.
   */
  signal?: AbortSignal | undefined;
}

/**
 * What {@linkcode loadSnapshot} takes besides a store and a path.
 *
 * ```ts
 * import assert from "node:assert/strict";
 * import session from "express-session";
 * import lembro from "express-lembro";
 * import { loadSnapshot, type LoadSnapshotOptions, saveSnapshot } from "express-lembro/snapshot";
 *
 * const Lembro = lembro(session);
 * const path = `${await Deno.makeTempDir()}/sessions`;
 * using before = new Lembro();
 * await before.set("a", { cookie: new session.Cookie() });
 * await saveSnapshot(before, path);
 *
 * const options: LoadSnapshotOptions = { secret: "of the app", plain: true };
 * using after = new Lembro();
 * assert.deepEqual((await loadSnapshot(after, path, options)).sessions, 1);
 * ```
 */
export interface LoadSnapshotOptions extends SnapshotOptions {
  /**
   * Whether a file in plain text is loaded too, although there is a `secret`. It
   * stays as it is.
   *
   * @default {false}
   */
  plain?: boolean;
}

const SAVE = "save snapshot";
const LOAD = "load snapshot";

/**
 * Writes the sessions of a store to a file, once: for a backup or a move. The
 * file holds what the serializer makes of them, how long each has to live, and
 * in which order they are evicted.
 *
 * The file is written beside `path`, brought to the disk, and renamed. At `path`
 * there is always a whole snapshot, the earlier one or this one. Only its owner
 * may read it. The store may be used meanwhile. The file is right as of one
 * moment during the save. Of several saves to one path, the last one to start
 * wins.
 *
 * ```ts
 * import assert from "node:assert/strict";
 * import session from "express-session";
 * import lembro from "express-lembro";
 * import { saveSnapshot } from "express-lembro/snapshot";
 *
 * using store = new (lembro(session))();
 * await store.set("a", { cookie: new session.Cookie() });
 * const path = `${await Deno.makeTempDir()}/sessions`;
 * const { sessions } = await saveSnapshot(store, path);
 * assert.deepEqual(sessions, 1);
 * ```
 *
 * @param store A store of this package.
 * @param path Where the file goes: a path or a `file:` URL. Of a symbolic link, the file it leads to.
 * @param options A secret, if the file is to be encrypted.
 * @returns What was written.
 * @throws {TypeError} If an argument cannot be used.
 * @throws What the file system says, as `ENOENT` if there is no such folder, or an error with the
 * code `ETIMEDOUT` if the disk does not answer for 30 seconds. Then the earlier file is as it was,
 * unless the disk hung while the new one took its place.
 */
export async function saveSnapshot(
  store: LembroMethods,
  path: string | URL,
  options: SnapshotOptions = {},
): Promise<SavedSnapshot> {
  const port = checkedPort(SAVE, store);
  const where = checkedPath(SAVE, path);
  checkOptions(SAVE, options, ["secret", "signal"], true);
  const { secrets } = readSecrets(SAVE, options);
  const signal = readSignal(SAVE, options.signal);
  return await writeSnapshot(nodeDisk, port, where, secrets, signal).catch((error) => {
    throw explained(SAVE, where, error, { ETIMEDOUT: "the disk must keep up with the store" });
  });
}

/**
 * Brings the sessions of a file to a store, each with its rank, its creation and
 * the life it has left. Those that have expired stay away. If there are more than
 * the store has room for, its ranks decide. A session that the store has already
 * stays.
 *
 * Nothing is brought before the whole file was read and found to be as it was
 * written. Load before the app listens.
 *
 * ```ts
 * import assert from "node:assert/strict";
 * import session from "express-session";
 * import lembro from "express-lembro";
 * import { loadSnapshot } from "express-lembro/snapshot";
 *
 * using store = new (lembro(session))();
 * const path = `${await Deno.makeTempDir()}/sessions`;
 * // There may be none.
 * const loaded = await loadSnapshot(store, path).catch((error) => {
 *   if (error.code !== "ENOENT") throw error;
 * });
 * assert.deepEqual(loaded, undefined);
 * ```
 *
 * @param store A store of this package.
 * @param path Where the file is: a path or a `file:` URL.
 * @param options The secret of the file, if it is encrypted, and whether it may not be.
 * @returns What became of the sessions in the file.
 * @throws {TypeError} If an argument cannot be used.
 * @throws {Error} With the code `ERR_LEMBRO_SNAPSHOT`, and the position in bytes, if the file is
 * torn, altered, of another version, or of another serializer or secret. The store is as it was.
 * @throws What the file system says, as `ENOENT` if there is no file, or an error with the code
 * `ETIMEDOUT` if the disk does not answer for 30 seconds. The store is as it was.
 */
export async function loadSnapshot(
  store: LembroMethods,
  path: string | URL,
  options: LoadSnapshotOptions = {},
): Promise<LoadedSnapshot> {
  const port = checkedPort(LOAD, store);
  const where = checkedPath(LOAD, path);
  checkOptions(LOAD, options, ["secret", "plain", "signal"], true);
  const secrets = readSecrets(LOAD, options);
  const signal = readSignal(LOAD, options.signal);
  return await readSnapshot(nodeDisk, port, where, secrets, signal).catch((error) => {
    throw explained(LOAD, where, error, { ENOENT: "the file must exist" });
  });
}
