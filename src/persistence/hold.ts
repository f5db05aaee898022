/**
 * Files that the kernel keeps for as long as their process lives, and that every
 * container sees that sees the folder: listening sockets, and in Deno, where
 * these need a permission for the network, locked files.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { lstat, readFile, rm } from "node:fs/promises";
import { connect, createServer } from "node:net";
import process from "node:process";

/** Something that the kernel keeps until it is closed, or until the process has ended. */
export interface Hold {
  close(): Promise<void>;
}

/** An open file of Deno, as far as it is locked. */
interface LockableFile {
  tryLock?(exclusive: boolean): Promise<boolean>;
  close(): void;
}

interface DenoLike {
  open(path: string, options: Record<string, boolean | number>): Promise<LockableFile>;
  permissions: { querySync(permission: { name: "net" }): { state: string } };
}

// dnt-shim-ignore: dnt would put a proxy here.
const { Deno: deno } = globalThis as { Deno?: DenoLike };

/** The longest path of a socket that every system takes, in bytes. Node 20 cuts longer ones off. */
const MAX_SOCKET_PATH = 103;

/** Creates a file at `path` that the kernel keeps; nothing where it does not do that. */
export function hold(path: string): Promise<Hold | undefined> {
  if (deno) return holdFile(deno, path);
  return canBeSocket(path) ? holdSocket(path) : Promise.resolve(undefined);
}

/** Whether the kernel keeps the file at `path` for a process that lives; nothing if it does not say. */
export async function isHeld(path: string): Promise<boolean | undefined> {
  try {
    if ((await lstat(path)).isSocket()) return await isListening(path);
    return deno && await isLocked(deno, path);
  } catch (error) {
    return (error as { code?: string }).code === "ENOENT" ? false : undefined;
  }
}

/** Whom {@linkcode hold} relies on: a running kernel, or the locks of Deno. */
export async function keeper(): Promise<string> {
  if (deno) return "flock";
  try {
    const id = await readFile("/proc/sys/kernel/random/boot_id", "utf8");
    return id.slice(0, 8);
  } catch {
    // Not every system says that, nor to everybody.
    return "kernel";
  }
}

async function holdFile({ open }: DenoLike, path: string): Promise<Hold | undefined> {
  const file = await open(path, { write: true, createNew: true, mode: 0o600 });
  const isOurs = await file.tryLock?.(true).catch(() => false);
  // deno-lint-ignore require-await
  if (isOurs) return { close: async () => file.close() };
  file.close();
  await rm(path);
}

async function isLocked({ open }: DenoLike, path: string): Promise<boolean | undefined> {
  const file = await open(path, { read: true });
  try {
    // Not exclusive: others may ask at the same time.
    const isFree = await file.tryLock?.(false);
    return isFree === undefined ? undefined : !isFree;
  } finally {
    file.close();
  }
}

function canBeSocket(path: string): boolean {
  return process.platform !== "win32" && Buffer.byteLength(path) <= MAX_SOCKET_PATH;
}

function holdSocket(path: string): Promise<Hold | undefined> {
  return new Promise((resolve) => {
    const server = createServer((client) => void client.destroy());
    server.unref();
    server.on("error", () => resolve(undefined));
    const close = () => new Promise<void>((resolve) => void server.close(() => resolve()));
    try {
      // In a cluster, not a socket of the primary process.
      server.listen({ path, exclusive: true }, () => resolve({ close }));
    } catch {
      // Node throws if it has no permission.
      resolve(undefined);
    }
  });
}

function isListening(path: string): Promise<boolean | undefined> {
  // Deno would ask the user for the permission.
  const isAllowed = !deno || deno.permissions.querySync({ name: "net" }).state === "granted";
  if (!isAllowed || !canBeSocket(path)) return Promise.resolve(undefined);
  return new Promise((resolve) => {
    try {
      const client = connect({ path }, () => {
        client.destroy();
        resolve(true);
      });
      client.on("error", ({ code }: Error & { code?: string }) => resolve(ANSWERS[code ?? ""]));
    } catch {
      resolve(undefined);
    }
  });
}

/** What an error of a connection says of the other end. */
const ANSWERS: Record<string, boolean | undefined> = {
  ECONNREFUSED: false,
  ENOENT: false,
  // It has more callers than it takes, or has closed the call already.
  EAGAIN: true,
  ECONNRESET: true,
  EPIPE: true,
};
