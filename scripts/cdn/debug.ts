/**
 * Stands in for the `debug` module in the file for CDNs, of which `debug` would
 * be a third: logs what `localStorage.debug` asks for, as that does.
 *
 * @module
 */

/** Makes the log of a namespace. */
export default function debug(namespace: string): (format: string, ...values: unknown[]) => void {
  return (format, ...values) => {
    if (asksFor(namespace)) console.debug(`${namespace} ${format}`, ...values);
  };
}

/** Whether `localStorage.debug`, patterns such as `express:*,other`, is for this namespace. */
function asksFor(namespace: string): boolean {
  try {
    const patterns = localStorage.debug.replaceAll("*", ".*").replace(/[\s,]+/g, "|");
    return RegExp(`^(${patterns})$`).test(namespace);
  } catch {
    // There may be no storage, or nothing in it.
    return false;
  }
}
