/**
 * The file for CDNs: the ES modules of the package and what they import, in
 * one file that a browser can import with nothing else.
 *
 * @module
 */
import { build, type Plugin, stop } from "esbuild";
import { basename } from "node:path";
import { fileURLToPath } from "node:url";
import { minify } from "terser";

/**
 * Names that only the store's own modules use on their own objects: they may be
 * short. Any name left out here costs some bytes and nothing else.
 */
const INTERNAL = [
  "append changes copied count counts departed endAll enter era find first fits follows inForce",
  "isLate isOver last life limit lineage loaded made mark merged newer older originOf queue rank",
  "record remove restore saved shards sid sizeWith take takeDeparted takes text version walk",
  "watchers without",
].join(" ").split(" ");

/** Puts what is in `lean/` in the place of the modules of the same names. */
const lean: Plugin = {
  name: "lean",
  setup(build) {
    build.onLoad(
      { filter: /\/src\/(contents|cookies|defer|departed|shards|sizes|watchers)\.js$/ },
      async ({ path }) => {
        const name = basename(path, ".js");
        const contents = await Deno.readTextFile(new URL(`lean/${name}.ts`, import.meta.url));
        return { contents, loader: "ts" };
      },
    );
  },
};

/** The module `entry` and all that it imports as the text of one small file, `title` first. */
export async function bundle(entry: string, title: string): Promise<string> {
  const { outputFiles: [{ text }] } = await build({
    entryPoints: [entry],
    bundle: true,
    format: "esm",
    target: "es2022",
    minifySyntax: true,
    minifyWhitespace: true,
    mangleProps: new RegExp(`^(${INTERNAL.join("|")})$`),
    alias: { debug: fileURLToPath(new URL("debug.ts", import.meta.url)) },
    plugins: [lean],
    write: false,
  });
  await stop();
  const { code } = await minify(text, {
    module: true,
    ecma: 2020,
    // Stores say by it what they are.
    keep_classnames: /^Lembro$/,
    compress: { passes: 4, unsafe_arrows: true, unsafe_methods: true, pure_getters: true },
    format: { preamble: `/*! ${title} */` },
  });
  return code! + "\n";
}
