/**
 * Warnings of the process, where there is one.
 *
 * @module
 */
import { failure, isFunction, show } from "./errors.ts";

interface Runtime {
  process?: { emitWarning?(warning: Error): void };
}

/** Warns of an error that nobody listens for. */
export function warn(error: unknown): void {
  // dnt-shim-ignore: the process is that of the runtime, if it has one.
  const { process } = globalThis as unknown as Runtime;
  const warning = error instanceof Error ? error : failure(Error, "ERR_LEMBRO_RESULT", show(error));
  if (isFunction(process?.emitWarning)) process.emitWarning(warning);
  else console.warn(warning);
}
