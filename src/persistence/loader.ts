/**
 * Brings the rows of a file into a store.
 *
 * @module
 */
import { type Rank, RANKS } from "../core/vault/entry.ts";
import type { Port, Prepared, Row } from "../core/port.ts";
import { type Linked, LinkedList } from "../util/linked_list.ts";
import { ShardedMap } from "../util/sharded_map.ts";
import { sliced } from "../util/slices.ts";
import { now } from "../util/time.ts";
import type { Block, BlockReader } from "./block_file.ts";
import { type FileRow, readRow, type Upsert } from "./rows.ts";

/** What has become of the sessions of a file. */
export interface Loaded {
  /** How many are in the store now. */
  sessions: number;
  /** How many had expired. */
  expired: number;
  /** How many the store has no room for, or had already. */
  omitted: number;
}

/** A session of a file, and its neighbours in the order of its rank. */
interface Staged extends Linked<Staged> {
  row: Row;
  /** Where the block with its row is in the file. */
  at: number;
  prepared: Prepared | undefined;
  isKept: boolean;
  prev: Staged | undefined;
  next: Staged | undefined;
}

/**
 * The sessions of a file before they enter a store. All rows are applied first:
 * a later one may take back what an earlier one said.
 */
export class Loader {
  readonly #port: Port;
  readonly #reader: BlockReader;
  #sessions = new ShardedMap<Staged>();
  #lists = emptyLists();

  constructor(port: Port, reader: BlockReader) {
    this.#port = port;
    this.#reader = reader;
  }

  /** Reads the file to its end and applies its rows. */
  async readAll(): Promise<void> {
    let rows = 0;
    for (;;) {
      const block = await this.#reader.next();
      if (!block) return;
      if (block.kind === "ends") return this.#readEnd(block, rows);
      rows += await sliced(this.#apply(block));
    }
  }

  /**
   * Brings the sessions to the store, each to the front of its rank: those that
   * would be evicted last come first. Nothing is brought before all are read.
   *
   * @param admit Puts one into the store; returns whether it is kept.
   * @param expired Called with one that has expired.
   */
  async enter(
    admit = (prepared: Prepared) => this.#port.admit(prepared),
    expired: (row: Row) => void = () => {},
  ): Promise<Loaded> {
    await sliced(this.#prepare());
    return await sliced(this.#enter(admit, expired));
  }

  *#apply(block: Block): Generator<void, number, undefined> {
    let rows = 0;
    for (const { text, at } of block.lines()) {
      let row: FileRow;
      try {
        row = readRow(text);
      } catch (cause) {
        throw this.#reader.refusal("a row cannot be read", at, cause);
      }
      this.#applyRow(row, at);
      rows++;
      yield;
    }
    return rows;
  }

  #readEnd(block: Block, rows: number): void {
    const [line] = block.lines();
    const [, written] = /^\[(\d+),\d+\]$/.exec(line?.text ?? "") ?? [];
    if (Number(written) === rows) return;
    throw this.#reader.refusal(`the end does not tell of ${rows} rows`, block.at);
  }

  #applyRow(row: FileRow, at: number): void {
    if (row.length === 0) {
      this.#sessions = new ShardedMap();
      this.#lists = emptyLists();
      return;
    }
    const staged = this.#sessions.get(row[0]);
    if (row.length === 1) {
      if (staged) this.#remove(staged);
      return;
    }
    const [sid, rank, expires, created, lastUsed, text, stays] = row as Upsert;
    const kept = { sid, rank, expires: expires ?? Infinity, created, lastUsed, text };
    if (staged && stays !== undefined && staged.row.rank === rank) {
      staged.row = kept;
      staged.at = at;
      return;
    }
    if (staged) this.#remove(staged);
    const added: Staged = {
      row: kept,
      at,
      prepared: undefined,
      isKept: false,
      prev: undefined,
      next: undefined,
    };
    this.#sessions.set(sid, added);
    if (stays === undefined) this.#lists[rank].append(added);
    else this.#lists[rank].prepend(added);
  }

  #remove(staged: Staged): void {
    this.#sessions.delete(staged.row.sid);
    this.#lists[staged.row.rank].remove(staged);
  }

  *#prepare(): Generator<void, void, undefined> {
    for (const rank of RANKS) {
      for (let staged = this.#lists[rank].first; staged; staged = staged.next) {
        const { row, at } = staged;
        try {
          if (row.expires > now()) staged.prepared = this.#port.prepare(row);
        } catch (cause) {
          // The cause may show data of a session: it is not for the message.
          throw this.#reader.refusal("a session cannot be read", at, cause);
        }
        yield;
      }
    }
  }

  *#enter(
    admit: (prepared: Prepared) => boolean,
    expired: (row: Row) => void,
  ): Generator<void, Loaded, undefined> {
    const loaded: Loaded = { sessions: 0, expired: 0, omitted: 0 };
    const stop = this.#port.observe({
      // To make room for newcomers, which have a share of their own.
      delete: ({ sid }, reason) => {
        const staged = this.#sessions.get(sid);
        if (reason !== "evict" || !staged?.isKept) return;
        staged.isKept = false;
        loaded.sessions--;
        loaded.omitted++;
      },
    });
    try {
      for (const rank of [...RANKS].reverse()) {
        for (let staged = this.#lists[rank].last; staged; staged = staged.prev) {
          const { prepared } = staged;
          staged.isKept = staged.row.expires > now() && prepared !== undefined && admit(prepared);
          if (staged.isKept) loaded.sessions++;
          else if (staged.row.expires <= now()) {
            loaded.expired++;
            expired(staged.row);
          } else loaded.omitted++;
          yield;
        }
      }
    } finally {
      stop();
    }
    return loaded;
  }
}

function emptyLists(): Record<Rank, LinkedList<Staged>> {
  return {
    newcomers: new LinkedList(),
    returning: new LinkedList(),
    protected: new LinkedList(),
  };
}
