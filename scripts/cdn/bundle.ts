/**
 * The file for CDNs: the ES modules of the package and what they import, in
 * one file that a browser can import with nothing else.
 *
 * @module
 */
import { build, stop } from "esbuild";
import { fileURLToPath } from "node:url";

/** Bundles the module `entry` and all that it imports; returns the code, `title` first. */
export async function bundle(entry: string, title: string): Promise<string> {
  const { outputFiles: [{ text }] } = await build({
    entryPoints: [entry],
    bundle: true,
    format: "esm",
    target: "es2022",
    minify: true,
    // Stores are shown by the name of their class. Without this option it would be a single letter.
    keepNames: true,
    // `debug` itself would add a quarter to the file.
    alias: { debug: fileURLToPath(new URL("debug.ts", import.meta.url)) },
    banner: { js: `/*! ${title} */` },
    legalComments: "none",
    write: false,
  });
  await stop();
  return text;
}
