/**
 * The options of the commands of the bench.
 *
 * @module
 */
import { parseArgs, type ParseArgsConfig } from "node:util";

/** The options of the command line; one line and the end for what is none of them. */
export function readOptions<Options extends NonNullable<ParseArgsConfig["options"]>>(
  purpose: string,
  usage: string,
  options: Options,
): ReturnType<typeof parseArgs<{ options: Options }>>["values"] {
  try {
    return parseArgs({ args: Deno.args, options }).values;
  } catch (error) {
    const { message } = error as Error;
    console.error(`Cannot ${purpose}: the options are ${usage}: ${message}`);
    Deno.exit(2);
  }
}
