/**
 * Replaces the `debug` module in the file for CDNs, which is a quarter smaller
 * with it. Like `debug` in a browser, it logs what `localStorage.debug` names.
 *
 * @module
 */

/** What logs for a namespace. */
interface Logger {
  (format: string, ...values: unknown[]): void;
  readonly enabled: boolean;
}

/** Returns the function that logs for a namespace, if that is asked for. */
export default function debug(namespace: string): Logger {
  const log = (format: string, ...values: unknown[]) => {
    if (asksFor(namespace)) console.debug(`${namespace} ${format}`, ...values);
  };
  return Object.defineProperty(log, "enabled", { get: () => asksFor(namespace) }) as Logger;
}

/** Whether `localStorage.debug`, a list of patterns such as `express:*,other`, names the namespace. */
function asksFor(namespace: string): boolean {
  try {
    const patterns = localStorage.debug.replaceAll("*", ".*").replace(/[\s,]+/g, "|");
    return RegExp(`^(${patterns})$`).test(namespace);
  } catch {
    // The storage can be missing, empty or forbidden.
    return false;
  }
}
