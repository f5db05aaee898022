/**
 * The tables of the README that a command of the bench writes: each between
 * two comments that name the command.
 *
 * @module
 */
import { fileURLToPath } from "node:url";

/** Where the README is. */
export const README = fileURLToPath(new URL("../../README.md", import.meta.url));

/** Where the table of `command` begins and ends in `text`. */
function placeOf(text: string, command: string): [from: number, to: number] {
  const [start, end] = [`<!-- ${command} -->`, `<!-- /${command} -->`];
  const [from, to] = [text.indexOf(start), text.indexOf(end)];
  if (from < 0 || to < from) {
    throw new Error(`Cannot find the table: README.md must have ${start} and ${end}`);
  }
  return [from + start.length, to];
}

/** The table of `command` in the README. */
export async function readTable(command: string): Promise<string> {
  const text = await Deno.readTextFile(README);
  return text.slice(...placeOf(text, command)).trim();
}

/** Puts the table of `command` into the README. */
export async function writeTable(command: string, table: string): Promise<void> {
  const text = await Deno.readTextFile(README);
  const [from, to] = placeOf(text, command);
  await Deno.writeTextFile(README, `${text.slice(0, from)}\n\n${table}\n\n${text.slice(to)}`);
}
