/**
 * Warnings of the process, where there is one.
 *
 * @module
 */
import { failure, isFunction, show } from "./errors.ts";

interface WithProcess {
  process?: {
    emitWarning?(warning: Error | string, options?: { type: string; code: string }): void;
    getBuiltinModule?(id: string): { isWorker?: boolean } | undefined;
    env?: Record<string, string | undefined>;
  };
  [WARNED]?: boolean;
}

/** For both builds of this package, which may be in one process. */
const WARNED: unique symbol = Symbol.for("express-lembro.cluster");

/** Warns of an error that nobody listens for. */
export function warn(error: unknown): void {
  // dnt-shim-ignore: the process is that of the runtime, if it has one.
  const { process } = globalThis as unknown as WithProcess;
  const warning = error instanceof Error ? error : failure(Error, "ERR_LEMBRO_RESULT", show(error));
  if (isFunction(process?.emitWarning)) process.emitWarning(warning);
  else console.warn(warning);
}

/** Warns of a setting under which a promise does not hold. */
export function advise(message: string, code: string): void {
  // dnt-shim-ignore: the process is that of the runtime, if it has one.
  const { process } = globalThis as unknown as WithProcess;
  if (isFunction(process?.emitWarning)) {
    process.emitWarning(message, { type: "LembroWarning", code });
  } else console.warn(`[${code}] ${message}`);
}

/** Warns once, in a worker of a cluster, that sessions in memory are not shared. */
export function warnInCluster(): void {
  // dnt-shim-ignore: as above.
  const runtime = globalThis as unknown as WithProcess;
  if (runtime[WARNED] || !isInCluster(runtime)) return;
  runtime[WARNED] = true;
  advise(
    "Sessions in memory are not shared by the processes of a cluster: a user is signed in at one " +
      "of them. Use express-lembro/redis, or run one process.",
    "LEMBRO_CLUSTER",
  );
}

/** Whether this is a worker of `node:cluster`, as those of PM2's cluster mode are. */
function isInCluster({ process }: WithProcess): boolean {
  try {
    if (isFunction(process?.getBuiltinModule)) {
      return process.getBuiltinModule("node:cluster")?.isWorker === true;
    }
    // Before Node 20.16, which does not leave its own mark in the environment.
    return process?.env?.exec_mode === "cluster_mode";
  } catch {
    return false;
  }
}
