/**
 * A lock file: one process writes a file, and one store of it.
 *
 * The lock names its holder: the process and when that started, so that another
 * program that has got the same number later is not taken for it. It is created
 * whole, by a second name for a file that was written before.
 *
 * The lock of a dead holder is replaced by a rename, and only by whoever holds
 * the right to do so: a lock file of its own, named after the token of the dead
 * holder. It becomes the new lock. So of several processes one wins, and none
 * can take away the lock of another that is alive. Whoever dies with that right
 * is succeeded in the same way.
 *
 * Only processes of the same machine are seen, and of the same container.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import process from "node:process";
import { closing, codeOf, type Disk } from "./disk.ts";

/** Who holds a lock. */
interface Holder {
  readonly pid: number;
  /** Tells apart processes of the same number, where the system says when they started. */
  readonly started?: string;
  /** Tells apart the locks of one process. */
  readonly token: string;
}

/** Somebody else holds the lock. */
export class LockedError extends Error {
  /** The process that holds it. */
  readonly pid: number;

  constructor(pid: number) {
    super(`locked by process ${pid}`);
    this.pid = pid;
  }
}

/** A lock that is held. */
export class Lock {
  readonly #disk: Disk;
  readonly #path: string;
  readonly #token: string;

  private constructor(disk: Disk, path: string, token: string) {
    this.#disk = disk;
    this.#path = path;
    this.#token = token;
  }

  /**
   * Takes the lock at `path`.
   *
   * @throws {LockedError} If another process holds it, or this one already.
   */
  static async acquire(disk: Disk, path: string): Promise<Lock> {
    const { pid } = process;
    const status = await statusOf(disk, pid);
    if (!status) assertSignals(path);
    const token = crypto.randomUUID();
    const own = `${path}.${token}`;
    const file = await disk.open(own, "wx", 0o600);
    const holder: Holder = { pid, started: status?.started, token };
    const text = Buffer.from(JSON.stringify(holder));
    try {
      await closing(file, async () => {
        await file.write(text, 0, text.length, 0);
        // A power loss must not leave a lock that names nobody.
        await file.sync();
      });
      await take(disk, path, path, own);
    } finally {
      await disk.remove(own);
    }
    return new Lock(disk, path, token);
  }

  /** Gives the lock up, unless somebody else has it by now. */
  async release(): Promise<void> {
    const holder = await holderOf(this.#disk, this.#path);
    if (holder?.token === this.#token) await this.#disk.remove(this.#path);
  }
}

/** Makes the file `own` the lock at `path`, or at `right`, which is the right to replace a lock. */
async function take(disk: Disk, path: string, right: string, own: string): Promise<void> {
  for (;;) {
    try {
      return await disk.link(own, right);
    } catch (error) {
      if (codeOf(error) !== "EEXIST") throw error;
    }
    const holder = await holderOf(disk, right);
    // It was given up at this moment.
    if (!holder) continue;
    if (await isAlive(disk, holder)) throw new LockedError(holder.pid);
    const successor = `${path}.after.${holder.token}`;
    await take(disk, path, successor, own);
    // Nobody else can replace it now. But somebody may have done so before.
    if ((await holderOf(disk, right))?.token === holder.token) {
      return await disk.rename(successor, right);
    }
    await disk.remove(successor);
  }
}

async function holderOf(disk: Disk, path: string): Promise<Holder | undefined> {
  try {
    const holder = JSON.parse(await disk.readText(path));
    // Written by nobody of ours: whoever it was, it is not known to be dead.
    if (typeof holder?.token !== "string") throw new SyntaxError("no holder");
    return holder;
  } catch (error) {
    if (codeOf(error) === "ENOENT") return undefined;
    if (!(error instanceof SyntaxError)) throw error;
    throw new Error(`Cannot lock: ${path} must be the lock of a journal: remove it if it is not`);
  }
}

async function isAlive(disk: Disk, { pid, started }: Holder): Promise<boolean> {
  const status = await statusOf(disk, pid);
  if (status) return status.isRunning && (started === undefined || status.started === started);
  return answers(pid);
}

/** What Linux says of a process; nothing on other systems, which have no `/proc`. */
async function statusOf(
  disk: Disk,
  pid: number,
): Promise<{ isRunning: boolean; started: string } | undefined> {
  try {
    const boot = await disk.readText("/proc/sys/kernel/random/boot_id");
    const stat = await disk.readText(`/proc/${pid}/stat`).catch((error) => {
      if (/ENOENT|ESRCH/.test(codeOf(error) ?? "")) return undefined;
      throw error;
    });
    if (stat === undefined) return { isRunning: false, started: "" };
    // Behind the name of the program, which may have spaces and parentheses in it.
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    // A process that was killed stays there until its parent has taken notice.
    const isRunning = !["Z", "X"].includes(fields[0]);
    return { isRunning, started: `${boot.trim()} ${fields[19]}` };
  } catch {
    return undefined;
  }
}

/**
 * Refuses where the runtime does not allow to ask for a process: nobody could
 * take over the lock then after a crash.
 */
function assertSignals(path: string): void {
  try {
    // Any process but this one, for which Deno asks no permission.
    process.kill(process.ppid, 0);
  } catch (cause) {
    if ((cause as Error).name !== "NotCapable") return;
    throw new Error(
      `Cannot lock ${path}: the process must be allowed to see whether another one is alive, ` +
        "in Deno with --allow-run: received no such permission",
      { cause },
    );
  }
}

/** Whether there is a process of this number; `true` if the system does not say. */
function answers(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return codeOf(error) !== "ESRCH";
  }
}
