/**
 * The file system, as far as sessions are kept in it. Tests put one of their
 * own in its place that fails or forgets on demand.
 *
 * @module
 */
import { constants, fdatasync, fsync } from "node:fs";
import * as fs from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import process from "node:process";
import { promisify } from "node:util";
import { invalid } from "../util/errors.ts";
import { type Hold, hold, isHeld, keeper } from "./hold.ts";
import { pause } from "./pause.ts";

export type { Hold };

/** What is asked about a file. */
export interface FileStatus {
  readonly dev: number;
  readonly ino: number;
  /** In bytes. */
  readonly size: number;
  /** In milliseconds since the epoch. */
  readonly mtimeMs: number;
  readonly uid: number;
  readonly gid: number;
  isFile(): boolean;
  isDirectory(): boolean;
  isSymbolicLink(): boolean;
}

/** An open file. */
export interface DiskFile {
  read(
    into: Uint8Array,
    offset: number,
    length: number,
    position: number,
  ): Promise<{ bytesRead: number }>;
  write(
    from: Uint8Array,
    offset: number,
    length: number,
    position: number,
  ): Promise<{ bytesWritten: number }>;
  truncate(length: number): Promise<void>;
  sync(): Promise<void>;
  datasync(): Promise<void>;
  stat(): Promise<FileStatus>;
  chown(uid: number, gid: number): Promise<void>;
  close(): Promise<void>;
}

/** A file system. The methods fail as those of `node:fs` do. */
export interface Disk {
  open(path: string, flags: string, mode?: number): Promise<DiskFile>;
  readText(path: string): Promise<string>;
  names(folder: string): Promise<string[]>;
  stat(path: string): Promise<FileStatus>;
  /** Like `stat`, but of a link itself. */
  lstat(path: string): Promise<FileStatus>;
  realpath(path: string): Promise<string>;
  readlink(path: string): Promise<string>;
  rename(from: string, to: string): Promise<void>;
  remove(path: string): Promise<void>;
  /** Sets the time of a file, in milliseconds since the epoch. */
  utimes(path: string, time: number): Promise<void>;
  /** Creates something that the kernel keeps for this process; nothing where there is no such thing. */
  hold(path: string): Promise<Hold | undefined>;
  /** Whether such a thing is kept for a process that lives; nothing if it cannot be told. */
  isHeld(path: string): Promise<boolean | undefined>;
  /** Who it is that keeps such things for this process: a kernel, and in which way. */
  keeper(): Promise<string>;
}

/** What a newer Node with `--permission` answers to every sync, whatever it was allowed. */
const NO_SYNC = "ERR_ACCESS_DENIED";

/** There, a file is opened in such a way that each write is synced. */
const SYNCED_FLAGS = new Map([
  ["r+", constants.O_RDWR | (constants.O_DSYNC ?? 0)],
  ["wx", constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | (constants.O_DSYNC ?? 0)],
]);

/** The handles of Yarn's loader cannot sync; Node without the permission can do it by them only. */
async function orByNumber(byHandle: () => Promise<void>, byNumber: () => Promise<void>) {
  try {
    await byHandle();
  } catch (error) {
    if (codeOf(error) === NO_SYNC) return;
    // What the system says has a code.
    if (codeOf(error) !== undefined) throw error;
    await byNumber();
  }
}

const syncNumber = promisify(fsync);
const datasyncNumber = promisify(fdatasync);

class NodeFile implements DiskFile {
  readonly #handle: fs.FileHandle;

  constructor(handle: fs.FileHandle) {
    this.#handle = handle;
  }

  read(into: Uint8Array, offset: number, length: number, position: number) {
    return this.#handle.read(into, offset, length, position);
  }

  write(from: Uint8Array, offset: number, length: number, position: number) {
    return this.#handle.write(from, offset, length, position);
  }

  truncate(length: number): Promise<void> {
    return this.#handle.truncate(length);
  }

  sync(): Promise<void> {
    return orByNumber(() => this.#handle.sync(), () => syncNumber(this.#handle.fd));
  }

  datasync(): Promise<void> {
    return orByNumber(() => this.#handle.datasync(), () => datasyncNumber(this.#handle.fd));
  }

  stat(): Promise<FileStatus> {
    return this.#handle.stat();
  }

  chown(uid: number, gid: number): Promise<void> {
    return this.#handle.chown(uid, gid);
  }

  close(): Promise<void> {
    return this.#handle.close();
  }
}

/** The real file system. */
export const nodeDisk: Disk = {
  open: async (path, flags, mode) => {
    const isRestricted = (process as { permission?: unknown }).permission !== undefined;
    const how = isRestricted ? SYNCED_FLAGS.get(flags) ?? flags : flags;
    return new NodeFile(await fs.open(path, how, mode));
  },
  readText: (path) => fs.readFile(path, "utf8"),
  names: (folder) => fs.readdir(folder),
  stat: (path) => fs.stat(path),
  lstat: (path) => fs.lstat(path),
  realpath: (path) => fs.realpath(path),
  readlink: (path) => fs.readlink(path),
  rename: (from, to) => fs.rename(from, to),
  remove: (path) => fs.rm(path),
  utimes: (path, time) => fs.utimes(path, time / 1_000, time / 1_000),
  hold,
  isHeld,
  keeper,
};

/** Returns the code of an error of the file system, such as `ENOENT`. */
export function codeOf(error: unknown): string | undefined {
  return (error as { code?: string } | null)?.code;
}

/** Does `work` with a file and closes it, whatever comes of it. */
export async function closing<Result>(
  file: { close(): Promise<void> },
  work: () => Promise<Result>,
): Promise<Result> {
  try {
    return await work();
  } finally {
    await file.close();
  }
}

/** More links in a row than this are a circle. */
const MAX_LINKS = 40;

/**
 * Returns the path of the file that `path` leads to, which need not exist yet.
 *
 * @throws What the file system says, as `ENOENT` if the folder does not exist.
 */
export async function targetOf(disk: Disk, path: string): Promise<string> {
  let at = resolve(path);
  for (let links = 0; links < MAX_LINKS; links++) {
    const real = await disk.realpath(at).catch((error) => {
      if (codeOf(error) !== "ENOENT") throw error;
    });
    if (real !== undefined) return real;
    // A link that leads nowhere, or nothing.
    at = join(await disk.realpath(dirname(at)), basename(at));
    const isLink = await disk.lstat(at).then((found) => found.isSymbolicLink(), (error) => {
      if (codeOf(error) !== "ENOENT") throw error;
      return false;
    });
    if (!isLink) return at;
    at = resolve(dirname(at), await disk.readlink(at));
  }
  throw Object.assign(new Error(`ELOOP: too many symbolic links encountered, open '${path}'`), {
    code: "ELOOP",
  });
}

/**
 * Refuses what is at `path` if it is neither a file nor a folder, which the
 * system refuses itself: whoever opens a pipe waits for its other end.
 */
export async function checkIsFile(disk: Disk, path: string, cannot: string): Promise<void> {
  const status = await disk.stat(path).catch((error) => {
    if (codeOf(error) !== "ENOENT") throw error;
  });
  if (!status || status.isFile() || status.isDirectory()) return;
  throw invalid(TypeError, cannot, "path must be that of a file, not of a pipe or device", path);
}

/** Gives a new file the owner of the one at `path`, which it is to replace. Root can do that. */
export async function keepOwner(disk: Disk, file: DiskFile, path: string): Promise<void> {
  const before = await disk.stat(path).catch((error) => {
    if (codeOf(error) !== "ENOENT") throw error;
  });
  if (!before) return;
  const { uid, gid } = await file.stat();
  if (before.uid === uid && before.gid === gid) return;
  // Others may not give a file away.
  await file.chown(before.uid, before.gid).catch(() => {});
}

/** How file systems say that a folder cannot be synced there. */
const UNSYNCABLE = ["EACCES", "EBADF", "EINVAL", "EISDIR", "ENOSYS", "ENOTSUP", "EPERM"];

/** Brings the names in a folder to the disk, where the system can do that. Windows cannot. */
export async function syncFolder(disk: Disk, path: string): Promise<void> {
  try {
    const folder = await disk.open(path, "r");
    await closing(folder, () => folder.sync());
  } catch (error) {
    if (!UNSYNCABLE.includes(codeOf(error) ?? "")) throw error;
  }
}

/** How often a rename is tried while somebody else holds a file, and how long after, in ms. */
const RENAME_TRIES = 20;
const RENAME_PAUSE = 50;

/** Whether a rename has failed as it does on Windows while a virus scanner reads the file. */
function isHeldForAMoment(error: unknown): boolean {
  return ["EACCES", "EBUSY", "EPERM"].includes(codeOf(error) ?? "");
}

/** Renames a file, and tries again for a moment while somebody else holds it. */
export async function renamePatiently(disk: Disk, from: string, to: string): Promise<void> {
  for (let tries = 1;; tries++) {
    try {
      return await disk.rename(from, to);
    } catch (error) {
      if (!isHeldForAMoment(error) || tries === RENAME_TRIES) throw error;
      await pause(RENAME_PAUSE);
    }
  }
}

/** Returns the path of a temporary file beside `target`, which no other process uses. */
export function temporaryOf(target: string): string {
  return `${target}.${crypto.randomUUID()}.tmp`;
}

/** What {@linkcode temporaryOf} puts behind the name of a file. */
export const TEMPORARY = /^\.[\da-f-]{36}\.tmp$/;

/**
 * Removes files beside `target` that killed processes have left.
 *
 * @param ending What their names have behind that of `target`.
 * @param before When they were last written at the latest, in milliseconds since the epoch.
 */
export async function removeLeftovers(
  disk: Disk,
  target: string,
  ending: RegExp,
  before: number,
): Promise<void> {
  const folder = dirname(target);
  const start = basename(target);
  // They are in nobody's way. What is wrong with the folder, the caller itself will meet.
  const names = await disk.names(folder).catch(() => []);
  for (const name of names) {
    if (!name.startsWith(start) || !ending.test(name.slice(start.length))) continue;
    const path = join(folder, name);
    try {
      // Of a link that leads nowhere, too.
      if ((await disk.lstat(path)).mtimeMs < before) await disk.remove(path);
    } catch {
      // The next one may be removed.
    }
  }
}
