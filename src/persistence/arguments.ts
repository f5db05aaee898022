/**
 * What journals and snapshots are given, checked.
 *
 * @module
 */
import { fileURLToPath } from "node:url";
import { type Port, portOf } from "../core/port.ts";
import { invalid } from "../util/errors.ts";

/** Returns the port of `store`, which must be a store of this package. */
export function checkedPort(cannot: string, store: unknown): Port {
  const port = portOf(store);
  if (port) return port;
  throw invalid(TypeError, cannot, "store must be a store of express-lembro", store);
}

/** Returns the path of a file that is given as such or as a `file:` URL. */
export function checkedPath(cannot: string, path: unknown): string {
  const rule = "path must be the path of a file, or a file: URL";
  if (path instanceof URL) {
    try {
      return fileURLToPath(path);
    } catch {
      throw invalid(TypeError, cannot, rule, path.href);
    }
  }
  if (typeof path === "string" && path !== "") return path;
  throw invalid(TypeError, cannot, rule, path);
}
