/**
 * What the commands of the bench write: `results.md`, and the tables of the
 * README, each between two comments with the name of the task.
 *
 * @module
 */
import { fileURLToPath } from "node:url";

/** The pages. */
export const README = fileURLToPath(new URL("../../README.md", import.meta.url));
export const RESULTS = fileURLToPath(new URL("results.md", import.meta.url));

/** Where the table of `task` stands. */
const placeOf = (task: string) => new RegExp(`(?<=<!-- ${task} -->\\n)[^]*(?=<!-- /${task} -->)`);

/** The table of `task` in the README. */
export async function readTable(task: string): Promise<string> {
  return placeOf(task).exec(await Deno.readTextFile(README))![0];
}

/** What `results.md` says at its end: how it was measured. People write that. */
export async function readMethod(): Promise<string> {
  return /^## How it was measured$[^]*/m.exec(await Deno.readTextFile(RESULTS))![0];
}

/** Puts the table of `task` into the README. */
export async function writeTable(task: string, table: string): Promise<void> {
  const text = await Deno.readTextFile(README);
  await Deno.writeTextFile(README, text.replace(placeOf(task), () => `\n${table}\n\n`));
  await format(README);
}

/** Formats a page. */
export async function format(path: string): Promise<void> {
  await new Deno.Command(Deno.execPath(), { args: ["fmt", "--quiet", path] }).output();
}
