/**
 * File systems that fail or forget on demand, for journals and snapshots.
 *
 * @module
 */
import { basename } from "node:path";
import { type Disk, type DiskFile, type Hold, nodeDisk } from "../../src/persistence/disk.ts";

/** What is about to be done: the name of a method, and the file that it is about. */
export type Hook = (method: string, path: string) => void | Promise<void>;

/** An error as the file system throws it. */
export function diskError(code: string): Error {
  return Object.assign(new Error(`${code}: as the test wants it`), { code });
}

/** Whether a path is that of a file that is written beside the one that it is to replace. */
export function isTemporary(path: string): boolean {
  return path.endsWith(".tmp");
}

/** The real file system, with a hook before each call. The hook may throw, or take its time. */
export class HookedDisk {
  hook: Hook = () => {};
  /** Each call, as the name of its method. */
  readonly calls: string[] = [];
  readonly disk: Disk;
  /** Whether a call waits for {@linkcode HookedDisk.work}. */
  isHanging = false;
  #release = () => {};

  constructor(disk: Disk = nodeDisk) {
    const before = async (method: string, path: string) => {
      this.calls.push(method);
      await this.hook(method, path);
    };
    const hooked: Record<string, unknown> = {};
    for (const name of Object.keys(nodeDisk) as (keyof Disk)[]) {
      // deno-lint-ignore no-explicit-any
      const method = (disk[name] as (...args: any[]) => any).bind(disk);
      hooked[name] = async (path: string, ...rest: unknown[]) => {
        await before(name, path);
        const result = await method(path, ...rest);
        return name === "open" ? this.#hookFile(result, path, before) : result;
      };
    }
    this.disk = hooked as unknown as Disk;
  }

  /** Lets these methods fail, for some paths only, until {@linkcode HookedDisk.work}. */
  fail(code: string, methods: readonly string[], isFor = (_path: string) => true): void {
    this.hook = (method, path) => {
      if (methods.includes(method) && isFor(path)) throw diskError(code);
    };
  }

  /** Lets this method wait for {@linkcode HookedDisk.work}, for some paths only. */
  hang(hanging: string, isFor = (_path: string) => true): void {
    const answer = new Promise<void>((resolve) => this.#release = resolve);
    this.hook = (method, path) => {
      if (method !== hanging || !isFor(path)) return;
      this.isHanging = true;
      return answer;
    };
  }

  /** Lets one call, counted from 0, wait for {@linkcode HookedDisk.work}. Returns which it is. */
  hangAt(at: number): { method: string } {
    let calls = 0;
    const state = { method: "" };
    const answer = new Promise<void>((resolve) => this.#release = resolve);
    this.hook = (method) => {
      // The heartbeat of a lock goes on by itself.
      if (method === "utimes" || calls++ !== at) return;
      state.method = method;
      return answer;
    };
    return state;
  }

  /** Works from now on, and answers what has waited for it. */
  work(): void {
    this.hook = () => {};
    this.isHanging = false;
    this.#release();
  }

  #hookFile(
    file: DiskFile,
    path: string,
    before: (method: string, path: string) => Promise<void>,
  ): DiskFile {
    return new Proxy(file, {
      get: (_target, name: keyof DiskFile) => {
        const method = file[name] as (...args: unknown[]) => unknown;
        if (typeof method !== "function") return method;
        return async (...args: unknown[]) => {
          await before(name, path);
          return await method.apply(file, args);
        };
      },
    });
  }
}

/** What is in a file: as it is read, and what of it is on the disk. */
class Inode {
  readonly ino: number;
  now = new Uint8Array(0);
  synced = new Uint8Array(0);
  /** Whether a process that lives keeps it. */
  isHeld = false;
  mtimeMs = Date.now();
  /** What was written since the last sync. */
  pending: { at: number; bytes: Uint8Array }[] = [];

  constructor(ino: number) {
    this.ino = ino;
  }
}

/**
 * A file system in memory that can lose its power: what was written since the
 * last sync of a file is then lost, or partly not, in any order. Names in the
 * folder are as of its last sync, or as they are now.
 */
export class MemoryDisk implements Disk {
  #names = new Map<string, Inode>();
  #syncedNames = new Map<string, Inode>();
  #inodes = 0;

  /** Loses the power, and comes back. `keeps` says of each thing that is unsynced whether it survives. */
  loseThePower(keeps: () => boolean): void {
    const names = new Map(this.#syncedNames);
    for (const [name, inode] of this.#names) if (keeps()) names.set(name, inode);
    for (const name of this.#syncedNames.keys()) {
      if (!this.#names.has(name) && keeps()) names.delete(name);
    }
    this.#names = names;
    this.#syncedNames = new Map(names);
    for (const inode of new Set(names.values())) {
      let bytes = inode.synced;
      for (const write of inode.pending) {
        if (keeps()) {
          if (keeps()) bytes = put(bytes, write.bytes, write.at);
          continue;
        }
        // A disk writes sectors, and each of them or not.
        for (let from = 0; from < write.bytes.length; from += 512) {
          if (keeps()) bytes = put(bytes, write.bytes.subarray(from, from + 512), write.at + from);
        }
      }
      inode.now = bytes;
      inode.synced = bytes.slice();
      inode.pending = [];
      inode.isHeld = false;
    }
  }

  /** The bytes of a file. */
  bytes(path: string): Uint8Array {
    return this.#find(path).now;
  }

  /** Puts a file there, as if it had always been there. */
  put(path: string, bytes: Uint8Array): void {
    const inode = new Inode(++this.#inodes);
    inode.now = inode.synced = bytes.slice();
    this.#names.set(path, inode);
    this.#syncedNames.set(path, inode);
  }

  // deno-lint-ignore require-await
  async open(path: string, flags: string): Promise<DiskFile> {
    if (path === "/disk") return this.#folder();
    let inode = this.#names.get(path);
    if (inode && flags === "wx") throw diskError("EEXIST");
    if (!inode && flags.startsWith("r")) throw diskError("ENOENT");
    if (!inode) {
      inode = new Inode(++this.#inodes);
      this.#names.set(path, inode);
    }
    return new MemoryFile(inode);
  }

  #folder(): DiskFile {
    const sync = () => {
      this.#syncedNames = new Map(this.#names);
      return Promise.resolve();
    };
    return { sync, close: () => Promise.resolve() } as unknown as DiskFile;
  }

  #find(path: string): Inode {
    const inode = this.#names.get(path);
    if (!inode) throw diskError("ENOENT");
    return inode;
  }

  // deno-lint-ignore require-await
  async readText(path: string): Promise<string> {
    return new TextDecoder().decode(this.#find(path).now);
  }

  // deno-lint-ignore require-await
  async names(): Promise<string[]> {
    return [...this.#names.keys()].map((path) => basename(path));
  }

  // deno-lint-ignore require-await
  async stat(path: string) {
    return statusOf(this.#find(path));
  }

  lstat(path: string) {
    return this.stat(path);
  }

  // deno-lint-ignore require-await
  async realpath(path: string): Promise<string> {
    if (path !== "/disk") this.#find(path);
    return path;
  }

  readlink(): Promise<string> {
    throw diskError("EINVAL");
  }

  // deno-lint-ignore require-await
  async rename(from: string, to: string): Promise<void> {
    this.#names.set(to, this.#find(from));
    this.#names.delete(from);
  }

  // deno-lint-ignore require-await
  async remove(path: string): Promise<void> {
    this.#find(path);
    this.#names.delete(path);
  }

  // deno-lint-ignore require-await
  async utimes(path: string, time: number): Promise<void> {
    this.#find(path).mtimeMs = time;
  }

  // deno-lint-ignore require-await
  async hold(path: string): Promise<Hold> {
    const inode = new Inode(++this.#inodes);
    inode.isHeld = true;
    this.#names.set(path, inode);
    // deno-lint-ignore require-await
    return { close: async () => void (inode.isHeld = false) };
  }

  // deno-lint-ignore require-await
  async isHeld(path: string): Promise<boolean> {
    return this.#names.get(path)?.isHeld ?? false;
  }

  // deno-lint-ignore require-await
  async keeper(): Promise<string> {
    return "memory";
  }
}

class MemoryFile implements DiskFile {
  readonly #inode: Inode;

  constructor(inode: Inode) {
    this.#inode = inode;
  }

  // deno-lint-ignore require-await
  async read(into: Uint8Array, offset: number, length: number, position: number) {
    const bytes = this.#inode.now.subarray(position, position + length);
    into.set(bytes, offset);
    return { bytesRead: bytes.length };
  }

  // deno-lint-ignore require-await
  async write(from: Uint8Array, offset: number, length: number, position: number) {
    const bytes = new Uint8Array(from.subarray(offset, offset + length));
    this.#inode.pending.push({ at: position, bytes });
    this.#inode.now = put(this.#inode.now, bytes, position);
    return { bytesWritten: length };
  }

  async truncate(length: number): Promise<void> {
    this.#inode.now = this.#inode.now.slice(0, length);
    // As good as synced, for the test.
    await this.sync();
  }

  // deno-lint-ignore require-await
  async sync(): Promise<void> {
    this.#inode.synced = this.#inode.now.slice();
    this.#inode.pending = [];
  }

  datasync(): Promise<void> {
    return this.sync();
  }

  // deno-lint-ignore require-await
  async stat() {
    return statusOf(this.#inode);
  }

  async chown(): Promise<void> {}

  async close(): Promise<void> {}
}

function statusOf({ ino, now, mtimeMs }: Inode) {
  const isFile = () => true;
  const isNot = () => false;
  const owner = { uid: 0, gid: 0 };
  const kind = { isFile, isDirectory: isNot, isSymbolicLink: isNot };
  return { dev: 1, ino, size: now.length, mtimeMs, ...owner, ...kind };
}

/** Returns `bytes` with others put in at a place; zeros stand in a gap. */
function put(bytes: Uint8Array, more: Uint8Array, at: number): Uint8Array<ArrayBuffer> {
  const result = new Uint8Array(Math.max(bytes.length, at + more.length));
  result.set(bytes);
  result.set(more, at);
  return result;
}
