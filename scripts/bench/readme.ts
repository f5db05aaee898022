/**
 * What the commands of the bench write: `results.md`, and the tables of the
 * README, each between two comments that name its command.
 *
 * @module
 */
import { fileURLToPath } from "node:url";

/** The pages. */
export const README = fileURLToPath(new URL("../../README.md", import.meta.url));
export const RESULTS = fileURLToPath(new URL("results.md", import.meta.url));

/** Where the table of `command` stands. */
const placeOf = (command: string) =>
  new RegExp(`(?<=<!-- ${command} -->\\n)[^]*(?=<!-- /${command} -->)`);

/** The table of `command` in the README. */
export async function readTable(command: string): Promise<string> {
  return placeOf(command).exec(await Deno.readTextFile(README))![0];
}

/** Puts the table of `command` into the README. */
export async function writeTable(command: string, table: string): Promise<void> {
  const text = await Deno.readTextFile(README);
  await Deno.writeTextFile(README, text.replace(placeOf(command), () => `\n${table}\n\n`));
  await format(README);
}

/** Formats a page. */
export async function format(path: string): Promise<void> {
  await new Deno.Command(Deno.execPath(), { args: ["fmt", "--quiet", path] }).output();
}
