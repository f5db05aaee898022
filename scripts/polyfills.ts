/**
 * Takes out of a built package the polyfills that dnt adds for `Object.hasOwn`,
 * `findLast` and the like, whatever the target is. Every supported runtime has
 * these, and a package should not change the globals of its user.
 *
 * @module
 */
import { readdir } from "node:fs/promises";
import { join } from "node:path";

/** A module without its import of the polyfills. */
export function withoutPolyfills(text: string): string {
  return text.replace(/^(import "|require\(")[./]*_dnt\.polyfills\.js"\)?;\n/gm, "");
}

/** Removes the polyfills from all modules in a folder. */
export async function removePolyfills(folder: string): Promise<void> {
  for (const name of await readdir(folder, { recursive: true })) {
    const path = join(folder, name);
    if (/^_dnt\.polyfills\./.test(name)) {
      await Deno.remove(path);
    } else if (/\.(js|d\.ts)$/.test(name)) {
      const text = await Deno.readTextFile(path);
      const without = withoutPolyfills(text);
      if (without !== text) await Deno.writeTextFile(path, without);
    }
  }
}
