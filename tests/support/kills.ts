/**
 * Processes that are killed in the middle of their work.
 *
 * @module
 */
import { assert } from "@std/assert";
import { fileURLToPath } from "node:url";
import { locked } from "../../scripts/suppliers.ts";
import { isAll } from "./matrix.ts";

/** How often a test kills a process; a thousand take some twenty minutes. */
export const KILLS = Number(Deno.env.get("KILLS") ?? (isAll ? 24 : 6));

/**
 * Runs a script of the tests with `args`, and kills it `after` milliseconds from the
 * first that it says. Returns all that it has said, and when it was killed.
 */
export async function killed(
  script: string,
  args: readonly string[],
  after: number,
): Promise<{ said: string; time: number }> {
  const path = fileURLToPath(new URL(`../${script}`, import.meta.url));
  const process = new Deno.Command(Deno.execPath(), {
    args: locked(["run", "-A", "--no-check", "--quiet", path, ...args]),
    stdout: "piped",
  }).spawn();
  let kill: { time: number } | undefined;
  let said = "";
  for await (const part of process.stdout.pipeThrough(new TextDecoderStream())) {
    said += part;
    if (kill) continue;
    kill = { time: Infinity };
    setTimeout(() => {
      kill!.time = Date.now();
      process.kill("SIGKILL");
    }, after);
  }
  await process.status;
  assert(kill, "it has said nothing");
  return { said, time: kill.time };
}
