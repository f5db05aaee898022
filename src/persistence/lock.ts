/**
 * The lock of a file: one process writes it, and one store of that process.
 *
 * Whoever wants the lock puts a lock file of its own beside the file, and then
 * looks for those of others. Whoever finds no other that is alive has the lock.
 * Of two that come at the same moment at least one sees the other; the later
 * one leaves. No name is used twice, so a dead lock file stays dead, and anyone
 * can remove it.
 *
 * A lock file is something that the kernel keeps for as long as its process
 * lives, and that every container sees: a listening socket, in Deno a locked
 * file. It gets its name when it is alive already. The holder renews its time
 * every second. Whoever cannot ask the kernel watches that: there may be no
 * sockets, the path may be too long for one, permissions may be missing, or it
 * is the kernel of another machine that knows.
 *
 * @module
 */
import { basename, dirname, join } from "node:path";
import process from "node:process";
import timers from "node:timers";
import { monotonicNow, now } from "../util/time.ts";
import { closing, codeOf, type Disk, type Hold, removeLeftovers } from "./disk.ts";
import { pause } from "./pause.ts";
import { shared } from "./shared.ts";

/** How often a holder renews its lock file, in milliseconds. */
const BEAT = 1_000;
/** A holder that nobody can ask is dead after so many milliseconds without that. */
const SILENCE = 5_000;
/** How often that is looked for, in milliseconds. */
const LOOK = 100;
/** How often a lock that somebody else holds is tried again, in milliseconds. */
const RETRY = 100;
/** How often a later one that came at the same moment is given the time to leave, in milliseconds. */
const YIELD = 25;
const MAX_YIELDS = 40;

/** Who keeps a lock file alive if it is no kernel: only its time tells. */
const NOBODY = "time";

/** Behind `<file>.lock`: when it was wanted, the process, who keeps it alive, and chance. */
const NAME = /^\.[0-9a-z]{8,}-(\d+)-([0-9a-z]+)-([0-9a-f]{12})$/;
/** A lock file that is not alive yet. Nobody takes an hour for that. */
const NEW = ".new";
const LEFTOVER = /^\.[0-9a-z-]+\.new$/;
const HOUR = 60 * 60 * 1000;

/** A lock file. */
interface LockFile {
  readonly path: string;
  /** The earlier one sorts first. */
  readonly name: string;
  readonly pid: number;
  readonly keeper: string;
  readonly token: string;
}

/** How to wait for another holder to give the lock up. */
export interface Patience {
  /** In milliseconds. */
  readonly wait?: number | undefined;
  /** Called again and again. Throws to give it up. */
  check?(): void;
}

/** Somebody else holds the lock. */
export class LockedError extends Error {
  /** The process that holds it, by the number that it has where it runs. */
  readonly pid: number;
  /** Whether it is this very process. */
  readonly isOwn: boolean;

  constructor({ pid, token, path }: LockFile) {
    super(`locked by process ${pid} with ${path}`);
    this.pid = pid;
    this.isOwn = shared().locks.has(token);
  }
}

/** A lock that is held. */
export class Lock {
  readonly #disk: Disk;
  readonly #file: LockFile;
  readonly #hold: Hold | undefined;
  #timer: ReturnType<typeof timers.setTimeout> | undefined;
  /** Called when the lock file is gone. */
  onLost: () => void = () => {};

  private constructor(disk: Disk, file: LockFile, hold: Hold | undefined) {
    this.#disk = disk;
    this.#file = file;
    this.#hold = hold;
    shared().locks.add(file.token);
    this.#beatLater();
  }

  /**
   * Takes the lock of the file at `target`.
   *
   * @throws {LockedError} If somebody else still holds it after `wait` ms.
   */
  static async acquire(
    disk: Disk,
    target: string,
    { wait = 0, check = () => {} }: Patience = {},
  ): Promise<Lock> {
    await removeLeftovers(disk, `${target}.lock`, LEFTOVER, now() - HOUR);
    const start = monotonicNow();
    const others = new Others(disk, target, check);
    for (;;) {
      check();
      let other = await others.first();
      if (!other) {
        const lock = await Lock.#announce(disk, target, others.keeper);
        other = await lock.#yieldTo(others).catch(async (error) => {
          await lock.release();
          throw error;
        });
        if (!other) return lock;
        await lock.release();
      }
      if (monotonicNow() - start >= wait) throw new LockedError(other);
      await pause(RETRY);
    }
  }

  /** Puts a lock file there. */
  static async #announce(disk: Disk, target: string, kernel: string): Promise<Lock> {
    const { pid } = process;
    const token = crypto.randomUUID().slice(-12);
    const since = now().toString(36).padStart(8, "0");
    const nameOf = (keeper: string) => `.${since}-${pid}-${keeper}-${token}`;
    const fresh = `${target}.lock${nameOf(kernel)}${NEW}`;
    const hold = await disk.hold(fresh);
    const keeper = hold ? kernel : NOBODY;
    const path = `${target}.lock${nameOf(keeper)}`;
    try {
      if (!hold) await closing(await disk.open(fresh, "wx", 0o600), () => Promise.resolve());
      await disk.rename(fresh, path);
    } catch (error) {
      await hold?.close();
      await disk.remove(fresh).catch(() => {});
      throw error;
    }
    return new Lock(disk, { path, name: nameOf(keeper), pid, keeper, token }, hold);
  }

  /** Returns whoever else has the lock; nobody, if the others have left. */
  async #yieldTo(others: Others): Promise<LockFile | undefined> {
    for (let yields = 0;; yields++) {
      const other = await others.first(this.#file);
      if (!other) return await this.isHeld() ? undefined : this.#file;
      if (other.name < this.#file.name || yields === MAX_YIELDS) return other;
      await pause(YIELD);
    }
  }

  /** Whether nobody has taken the lock away. Fails if the disk does. */
  async isHeld(): Promise<boolean> {
    return await timeOf(this.#disk, this.#file.path) !== undefined;
  }

  /** Gives the lock up. */
  async release(): Promise<void> {
    timers.clearTimeout(this.#timer);
    shared().locks.delete(this.#file.token);
    try {
      await removeIfThere(this.#disk, this.#file.path);
    } finally {
      await this.#hold?.close();
    }
  }

  #beatLater(): void {
    this.#timer = timers.setTimeout(() => void this.#beat(), BEAT).unref();
  }

  async #beat(): Promise<void> {
    const isOurs = () => shared().locks.has(this.#file.token);
    try {
      await this.#disk.utimes(this.#file.path, now());
    } catch (error) {
      if (codeOf(error) === "ENOENT" && isOurs()) this.onLost();
    }
    // It may have been released meanwhile.
    if (isOurs()) this.#beatLater();
  }
}

/** Those who have or want the lock of a file. */
class Others {
  readonly #disk: Disk;
  readonly #target: string;
  readonly #check: () => void;
  /** Dead lock files that could not be removed. */
  readonly #dead = new Set<string>();
  #keeper: string | undefined;

  /** @param check Called while a lock file is watched. Throws to give that up. */
  constructor(disk: Disk, target: string, check: () => void) {
    this.#disk = disk;
    this.#target = target;
    this.#check = check;
  }

  /** Who keeps a lock file of this process alive. */
  get keeper(): string {
    return this.#keeper!;
  }

  /** Returns the first one that is alive, and removes the lock files of the dead. */
  async first(but?: LockFile): Promise<LockFile | undefined> {
    this.#keeper ??= await this.#disk.keeper();
    for (const file of await this.#all()) {
      if (file.name === but?.name || this.#dead.has(file.name)) continue;
      if (await this.#isAlive(file)) return file;
      this.#dead.add(file.name);
      await removeIfThere(this.#disk, file.path).catch(() => {});
    }
  }

  async #all(): Promise<LockFile[]> {
    const folder = dirname(this.#target);
    const start = `${basename(this.#target)}.lock`;
    const names = (await this.#disk.names(folder)).filter((name) => name.startsWith(start));
    return names.sort().flatMap((whole) => {
      const name = whole.slice(start.length);
      const [, pid, keeper, token] = NAME.exec(name) ?? [];
      if (token === undefined) return [];
      return [{ path: join(folder, whole), name, pid: Number(pid), keeper, token }];
    });
  }

  async #isAlive({ path, keeper }: LockFile): Promise<boolean> {
    const isHeld = await this.#disk.isHeld(path);
    // Another kernel knows nothing of it.
    if (isHeld || isHeld === false && keeper === this.keeper) return isHeld;
    const before = await timeOf(this.#disk, path);
    for (let waited = 0; waited < SILENCE; waited += LOOK) {
      await pause(LOOK);
      this.#check();
      const time = await timeOf(this.#disk, path);
      if (time === undefined) return false;
      if (time !== before) return true;
    }
    return false;
  }
}

/** When a lock file was renewed, in milliseconds since the epoch; nothing if it is gone. */
async function timeOf(disk: Disk, path: string): Promise<number | undefined> {
  try {
    return (await disk.lstat(path)).mtimeMs;
  } catch (error) {
    if (codeOf(error) !== "ENOENT") throw error;
  }
}

async function removeIfThere(disk: Disk, path: string): Promise<void> {
  await disk.remove(path).catch((error) => {
    if (codeOf(error) !== "ENOENT") throw error;
  });
}
