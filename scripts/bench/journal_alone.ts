/**
 * Measures only what the journal costs: requests of an app in which each one
 * saves, the longest holds of the event loop, and how long a replay takes. On
 * Node with the built package, on Deno with the sources.
 *
 *     deno task bench:journal [sessions …]
 *
 * @module
 */
import { journalTables } from "./results.ts";
import { FULL, measureJournal } from "./rounds.ts";
import { inDeno, inNode } from "./runtimes.ts";

const counts = Deno.args.length > 0 ? Deno.args.map(Number) : FULL.journal.counts;
const project = await Deno.makeTempDir({ prefix: "express-lembro-" });
try {
  for (const runtime of [await inNode(project), inDeno()]) {
    const found = await measureJournal(runtime, { ...FULL.journal, counts });
    console.log(`## ${runtime.name}\n\n${journalTables(found)}\n`);
  }
} finally {
  await Deno.remove(project, { recursive: true });
}
