/**
 * Carries the sessions of a store over a restart, in a file.
 *
 * ```ts
 * import { assertEquals } from "@std/assert";
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
 * assertEquals(await after.ids(), ["a"]);
 * ```
 *
 * @module
 */
import { type FileHandle, open, readdir, rename, rm, stat } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { type Block, BlockReader, BlockWriter } from "./block_file.ts";
import { type Contents, contentsOf } from "../core/port.ts";
import { refused } from "../util/errors.ts";
import { type Given, inOrder, RANKS } from "./scan.ts";
import { inSlices, now } from "../util/time.ts";
import type { Options } from "../options.ts";
import { parse, recordOf, type SessionRecord, textOf, TOO_LARGE } from "../core/record.ts";
import { restore } from "../core/restore.ts";
import type { LembroStore } from "../types.ts";
import { type Entry, type Rank, Vault } from "../core/vault.ts";

/**
 * What {@linkcode saveSnapshot} has written.
 *
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import session from "express-session";
 * import lembro from "express-lembro";
 * import { type SavedSnapshot, saveSnapshot } from "express-lembro/snapshot";
 *
 * using store = new (lembro(session))();
 * const path = `${await Deno.makeTempDir()}/sessions`;
 * const { sessions, bytes }: SavedSnapshot = await saveSnapshot(store, path);
 * assertEquals([sessions, bytes], [0, (await Deno.stat(path)).size]);
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
 * import { assertEquals } from "@std/assert";
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
 * assertEquals([sessions + omitted, expired, omitted > 0], [10, 0, true]);
 * ```
 */
export interface LoadedSnapshot {
  /** How many sessions are in the store now. */
  sessions: number;
  /** How many have expired since they were saved. */
  expired: number;
  /** How many the store has no room for, or has under the same id already. */
  omitted: number;
}

/** How much text there is in a block, in characters: a little more, or the text of one session. */
const BLOCK = 65_536;

/** What a killed process leaves is removed by a save that comes so many milliseconds later. */
const ABANDONED = 60 * 60 * 1000;

/** A time before all others: nothing has expired then. */
const EVER = -Infinity;

/** The end of a snapshot: how many rows there are, and how many sessions are left of them. */
type End = [rows: number, sessions: number];

/**
 * A session in the file, or only the id of one that has left; nothing: all that
 * came before have left. JSON has no `Infinity`: it is `null`.
 */
type Row = [sid: string, rank: Rank, expires: number | null, text: string] | [sid: string] | [];

/**
 * Writes the sessions of a store to a file: what the serializer makes of them,
 * how long each has to live, and who is evicted before whom.
 *
 * The file is written beside `path`, brought to the disk, and renamed: at
 * `path` there is always a whole snapshot, the earlier one or this one. Only
 * its owner may read it. The store may be used meanwhile: what the file holds
 * is right as of the end, and no session that was destroyed is in it.
 *
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import session from "express-session";
 * import lembro from "express-lembro";
 * import { saveSnapshot } from "express-lembro/snapshot";
 *
 * using store = new (lembro(session))();
 * await store.set("a", { cookie: new session.Cookie() });
 * const path = `${await Deno.makeTempDir()}/sessions`;
 * const { sessions } = await saveSnapshot(store, path);
 * assertEquals(sessions, 1);
 * ```
 *
 * @throws {TypeError} If `store` is no store of this package, or `path` no path.
 * @throws What the file system says: then the earlier file is as it was.
 */
export async function saveSnapshot(store: LembroStore, path: string): Promise<SavedSnapshot> {
  const contents = checked("save", store, path);
  await removeAbandoned(path);
  // Unique: another process, or the other build of this module, may save at the same time.
  const temporary = `${path}.${crypto.randomUUID()}.tmp`;
  // A link that somebody put there is not followed.
  const file = await open(temporary, "wx", 0o600);
  try {
    const saved = await closing(file, () => write(file, contents, store.options));
    await rename(temporary, path);
    await syncFolder(dirname(path));
    return saved;
  } catch (error) {
    await rm(temporary, { force: true }).catch(() => {});
    throw error;
  }
}

/**
 * Brings the sessions of a file to a store, each with its rank and the life it
 * has left. Those that have expired stay away; if there are more than the store
 * has room for, its ranks decide. A session that the store has already stays.
 *
 * Nothing is brought before the whole file was read and found to be as it was
 * written. Load before the app listens.
 *
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import session from "express-session";
 * import lembro from "express-lembro";
 * import { loadSnapshot } from "express-lembro/snapshot";
 *
 * using store = new (lembro(session))();
 * const path = `${await Deno.makeTempDir()}/sessions`;
 * // At the very first start there is none.
 * const loaded = await loadSnapshot(store, path).catch((error) => {
 *   if (error.code !== "ENOENT") throw error;
 * });
 * assertEquals(loaded, undefined);
 * ```
 *
 * @throws {TypeError} If `store` is no store of this package, or `path` no path.
 * @throws {Error} With the code `ERR_LEMBRO_SNAPSHOT`, and the position in bytes, if the file is
 * torn, altered, of another version or written with another serializer. The store is as it was.
 * @throws What the file system says, as `ENOENT` if there is no file.
 */
export async function loadSnapshot(store: LembroStore, path: string): Promise<LoadedSnapshot> {
  const contents = checked("load", store, path);
  const arrivals = new Arrivals(contents, store.options);
  const reader = await BlockReader.open(path);
  const [, inFile] = await closing(reader, () => readAll(reader, arrivals));
  const { sessions, expired } = await sliced(arrivals.enter());
  return { sessions, expired, omitted: inFile - sessions - expired };
}

function checked(verb: string, store: LembroStore, path: string): Contents {
  const contents = Object(store) === store ? contentsOf(store) : undefined;
  const cannot = `${verb} snapshot`;
  if (!contents) throw refused(TypeError, cannot, "store must be a store of express-lembro", store);
  if (typeof path !== "string" || path === "") {
    throw refused(TypeError, cannot, "path must be the path of a file", path);
  }
  return contents;
}

async function closing<Result>(
  file: { close(): Promise<void> },
  work: () => Promise<Result>,
): Promise<Result> {
  try {
    return await work();
  } finally {
    await file.close();
  }
}

function sliced<Result>(steps: Generator<void, Result, undefined>): Promise<Result> {
  return new Promise((resolve, reject) => inSlices(steps, resolve, reject));
}

async function write(
  file: FileHandle,
  { vault }: Contents,
  options: Options,
): Promise<SavedSnapshot> {
  const rows = rowsOf(vault, options);
  try {
    const writer = await BlockWriter.begin(file);
    let written = 0;
    let sessions: number | undefined;
    while (sessions === undefined) {
      const gathered = await sliced(gather(rows));
      if (gathered.lines.length > 0) await writer.write("rows", gathered.lines.join(""));
      written += gathered.lines.length;
      sessions = gathered.sessions;
    }
    const end: End = [written, sessions];
    await writer.write("ends", lineOf(end));
    await file.sync();
    return { sessions, bytes: writer.bytes };
  } finally {
    rows.return(0);
  }
}

/** The rows, `undefined` where it may pause, and at last how many sessions the file holds. */
function* rowsOf(vault: Vault, options: Options): Generator<Row | undefined, number, undefined> {
  for (const given of inOrder(vault)) yield given && rowOf(given, options);
  // The walk has forgotten what had expired before it came by.
  return vault.size;
}

function rowOf([sid, entry]: Given, options: Options): Row {
  if (sid === undefined) return [];
  if (!entry) return [sid];
  return [sid, entry.queue.rank, entry.expires, textOf(entry, options)];
}

/** The lines of the next block; behind the last row, the number of sessions too. */
function* gather(
  rows: Generator<Row | undefined, number, undefined>,
): Generator<void, { lines: string[]; sessions?: number }, undefined> {
  const lines: string[] = [];
  let length = 0;
  for (;;) {
    const { value, done } = rows.next();
    if (done) return { lines, sessions: value };
    if (value) {
      const line = lineOf(value);
      lines.push(line);
      length += line.length;
    } else if (length < BLOCK) {
      yield;
    } else {
      return { lines };
    }
  }
}

function lineOf(value: unknown): string {
  return JSON.stringify(value) + "\n";
}

/** Makes sure that the new name is on the disk too, where the system can do that to a folder. */
async function syncFolder(path: string): Promise<void> {
  try {
    const folder = await open(path, "r");
    await closing(folder, () => folder.sync());
  } catch {
    // Windows can't.
  }
}

/** Removes what processes have left that were killed while they saved. */
async function removeAbandoned(path: string): Promise<void> {
  const folder = dirname(path);
  const start = `${basename(path)}.`;
  try {
    for (const name of await readdir(folder)) {
      if (!name.startsWith(start) || !/^[\da-f-]{36}\.tmp$/.test(name.slice(start.length))) {
        continue;
      }
      const file = join(folder, name);
      if ((await stat(file)).mtimeMs < now() - ABANDONED) await rm(file);
    }
  } catch {
    // They are in nobody's way; what is wrong with the folder the save itself will meet.
  }
}

async function readAll(reader: BlockReader, arrivals: Arrivals): Promise<End> {
  let rows = 0;
  for (;;) {
    const block = await reader.next();
    if (block.kind === "ends") return readEnd(block, rows, reader);
    rows += await sliced(readRows(block, arrivals, reader));
  }
}

function* readRows(
  block: Block,
  arrivals: Arrivals,
  reader: BlockReader,
): Generator<void, number, undefined> {
  let rows = 0;
  for (const { text, at } of block.lines()) {
    try {
      arrivals.take(readRow(text));
    } catch (cause) {
      // The cause may show data of a session: it is not for the message.
      throw reader.refusal("a session can't be read (has the serializer changed?)", at, cause);
    }
    rows++;
    yield* arrivals.limit();
    yield;
  }
  return rows;
}

function readRow(text: string): Row {
  const row: unknown = JSON.parse(text);
  if (isRow(row)) return row;
  throw new TypeError("Cannot read row: a row must be [sid, rank, expires, text], [sid] or []");
}

function isRow(row: unknown): row is Row {
  if (!Array.isArray(row)) return false;
  if (row.length === 0) return true;
  const [sid, rank, expires, text] = row;
  if (typeof sid !== "string") return false;
  if (row.length === 1) return true;
  return RANKS.includes(rank) && (expires === null || typeof expires === "number") &&
    typeof text === "string";
}

function readEnd(block: Block, rows: number, reader: BlockReader): End {
  const [line] = block.lines();
  const [, written, sessions] = /^\[(\d+),(\d+)\]$/.exec(line?.text ?? "") ?? [];
  if (Number(written) !== rows) {
    throw reader.refusal(`the end does not tell of ${rows} rows`, block.at);
  }
  return [rows, Number(sessions)];
}

/**
 * The sessions of a file before they enter the store: in a vault of their own,
 * so that the ranks decide in the same way who finds room.
 */
class Arrivals {
  readonly #contents: Contents;
  readonly #options: Options;
  readonly #staged: Vault;
  #expired = 0;

  constructor(contents: Contents, options: Options) {
    this.#contents = contents;
    this.#options = options;
    this.#staged = new Vault(options.maxSize, now, (_entry, reason) => {
      if (reason === "expire") this.#expired++;
    });
  }

  /** Follows a row. A later one of the same session takes the place of the earlier. */
  take([sid, rank, expires, text]: Row): void {
    if (sid === undefined) return this.#staged.clear();
    const record = rank && this.#recordOf(text!, expires ?? Infinity);
    const kept = this.#staged.find(sid, EVER);
    if (record && rank === "newcomers" && kept?.queue.rank === rank) {
      return this.#staged.save(kept, record, false);
    }
    if (kept) this.#staged.remove(kept, "destroy");
    if (!record) return;
    const entry = this.#staged.add(sid, record, rank === "protected");
    if (rank === "returning") this.#staged.use(entry);
  }

  /** Keeps the memory bounded. What a later row makes room for may be over the limit till then. */
  *limit(): Generator<void, void, undefined> {
    const { maxSize } = this.#options;
    if (this.#staged.bytes > 2 * maxSize) yield* this.#staged.reduce(maxSize);
  }

  /** Brings them into the store, where each goes before those of its rank that are there. */
  *enter(): Generator<void, { sessions: number; expired: number }, undefined> {
    yield* this.#staged.reduce(this.#options.maxSize);
    let sessions = 0;
    for (const rank of [...RANKS].reverse()) {
      const queue = this.#staged.queue(rank);
      while (queue.last) {
        const entry = queue.last;
        this.#staged.remove(entry, "refuse");
        if (entry.expires <= now()) this.#expired++;
        else if (this.#enter(entry, rank)) sessions++;
        yield;
      }
    }
    return { sessions, expired: this.#expired };
  }

  #enter(entry: Entry, rank: Rank): boolean {
    const { vault, lineage } = this.#contents;
    if (vault.find(entry.sid, now())) return false;
    // What live sessions came from before it was evicted here is the same session.
    entry.life = lineage.takeDeparted(entry.sid);
    return restore(vault, entry, rank, this.#options.maxSize);
  }

  /** What is to be kept of a session, or nothing if it is too large for this store. */
  #recordOf(text: string, expires: number): SessionRecord | undefined {
    const session = parse(text, this.#options.serializer);
    try {
      return recordOf(session, expires, this.#options, this.#contents.cookies);
    } catch (error) {
      if ((error as { code?: unknown }).code === TOO_LARGE) return undefined;
      throw error;
    }
  }
}
