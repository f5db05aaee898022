import type { Entry } from "./entry.ts";
import { LinkedTable } from "./hash_table.ts";

/** The entries by session id. */
export class EntryTable extends LinkedTable<Entry> {
  protected override key({ sid }: Entry): string {
    return sid;
  }
}
