import type { Entry } from "./entry.ts";
import { HashTable } from "./hash_table.ts";

/** The entries by session id. */
export class EntryTable extends HashTable<Entry> {
  protected override keyOf({ sid }: Entry): string {
    return sid;
  }

  protected override hashOf({ hash }: Entry): number {
    return hash;
  }

  protected override nextOf({ next }: Entry): Entry | undefined {
    return next;
  }

  protected override place(entry: Entry, hash: number, next: Entry | undefined): void {
    entry.hash = hash;
    entry.next = next;
  }
}
