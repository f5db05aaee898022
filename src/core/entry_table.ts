import type { Entry } from "./entry.ts";
import { HashTable } from "./hash_table.ts";

/** The entries by session id. */
export class EntryTable extends HashTable<Entry> {
  protected override key({ sid }: Entry): string {
    return sid;
  }

  protected override hash({ hash }: Entry): number {
    return hash;
  }

  protected override next({ next }: Entry): Entry | undefined {
    return next;
  }

  protected override place(entry: Entry, hash: number, next: Entry | undefined): void {
    entry.hash = hash;
    entry.next = next;
  }
}
