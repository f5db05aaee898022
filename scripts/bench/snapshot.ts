/**
 * Measures how long it takes to save and load a snapshot, and for how long that
 * holds the event loop: on Node with the built package, on Deno with the sources.
 *
 *     deno task bench:snapshot [sessions …]
 *
 * @module
 */
import { inDeno, inNode } from "./runtimes.ts";

const TRIES = 3;

const counts = Deno.args.length > 0 ? Deno.args.map(Number) : [100_000, 1_000_000];
const project = await Deno.makeTempDir({ prefix: "express-lembro-" });
try {
  console.log(
    "| sessions | file, MB | save, ms | its longest hold | load, ms | its longest hold |",
  );
  console.log("| --- | --: | --: | --: | --: | --: |");
  for (const runtime of [await inNode(project), inDeno()]) {
    for (const count of counts) {
      await using child = runtime.start();
      const { bytes, save, load } = await child.ask("carry", { count, tries: TRIES });
      const cells = [
        `${count.toLocaleString("en")} on ${runtime.name}`,
        (bytes / 1e6).toFixed(1),
        ...[save, load].flatMap(({ time, hold }) => [Math.round(time), hold.toFixed(1)]),
      ];
      console.log(`| ${cells.join(" | ")} |`);
    }
  }
} finally {
  await Deno.remove(project, { recursive: true });
}
