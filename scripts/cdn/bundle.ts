/**
 * The file for CDNs: the ES modules of the package and what they import, in
 * one file that a browser can import with nothing else.
 *
 * @module
 */
import { build, type Plugin, stop } from "esbuild";
import { fileURLToPath } from "node:url";
import { minify } from "terser";

/**
 * Names that only the store's own modules use on their own objects: they may be
 * short. Any name left out here costs some bytes and nothing else.
 */
const INTERNAL =
  /^(changes|copied|departed|endAll|entry|era|first|follows|hasDate|isOver|last|life|lineage|loaded|made|mark|merged|originOf|rank|record|saved|takeDeparted|text|version|walk)$/;

/** Reads sizeomatic as an ES module: around CommonJS the bundler puts half a kilobyte of its own. */
const sizeomatic: Plugin = {
  name: "sizeomatic",
  setup(build) {
    build.onLoad({ filter: /\bsizeomatic\/index\.js$/ }, async ({ path }) => {
      const code = await Deno.readTextFile(path);
      return {
        contents: `const module = { exports: {} };\n${code}\nexport default module.exports;`,
      };
    });
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
    mangleProps: INTERNAL,
    alias: { debug: fileURLToPath(new URL("debug.ts", import.meta.url)) },
    plugins: [sizeomatic],
    write: false,
  });
  await stop();
  const { code } = await minify(text, {
    module: true,
    // Stores say by it what they are.
    keep_classnames: /^Lembro$/,
    compress: { passes: 3, unsafe_arrows: true },
    format: { preamble: `/*! ${title} */` },
  });
  return code! + "\n";
}
