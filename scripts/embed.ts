/**
 * Writes the files of the monitor's page into a module, so that the package can
 * answer with them wherever it is installed. Charts and style come with the
 * library that draws.
 *
 *     deno task embed
 *
 * With `--check` it writes nothing, and fails if the module is not up to date.
 *
 * @module
 */
import { build, stop } from "esbuild";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
// Where it comes from is all that is needed of it, and that it has been downloaded.
import "uplot";

const PAGE = new URL("../src/monitor/page/", import.meta.url);
const TARGET = new URL("../src/monitor/embedded.ts", import.meta.url);
const UPLOT = fileURLToPath(new URL("..", import.meta.resolve("uplot")));

/** The files that are bundled with the library. */
const BUNDLED = ["charts.js", "base.css"];
/** The files that are embedded as they are. */
const PLAIN = ["index.html", "icon.svg", "monitor.css", "monitor.js", "users.js"];

/** Returns the text of the module. */
export async function embedded(): Promise<string> {
  const lines = [
    "// Written by `deno task embed` from the files in page/. Change those instead.",
    "// The charts are drawn by uPlot, which is under the MIT licence, © Leon Sorokin.",
    "",
    "/** The files of the page, by their name. */",
    "export const files: Readonly<Record<string, string>> = {",
  ];
  for (const name of PLAIN) lines.push(entry(name, await readFile(new URL(name, PAGE), "utf8")));
  for (const name of BUNDLED) lines.push(entry(name, await bundled(name)));
  return [...lines, "};", ""].join("\n");
}

function entry(name: string, text: string): string {
  return `  ${JSON.stringify(name)}: ${JSON.stringify(text)},`;
}

async function bundled(name: string): Promise<string> {
  const licence = (await readFile(join(UPLOT, "LICENSE"), "utf8")).trim();
  const banner = `/*! With uPlot, https://github.com/leeoniya/uPlot\n\n${licence}\n*/`;
  const { outputFiles: [{ text }] } = await build({
    entryPoints: [fileURLToPath(new URL(name, PAGE))],
    absWorkingDir: fileURLToPath(new URL("..", import.meta.url)),
    alias: { uplot: UPLOT },
    bundle: true,
    format: name.endsWith(".js") ? "esm" : undefined,
    target: "es2022",
    minify: true,
    banner: { js: banner, css: banner },
    legalComments: "none",
    write: false,
  });
  return text;
}

if (import.meta.main) {
  const text = await embedded();
  await stop();
  if (!Deno.args.includes("--check")) await writeFile(TARGET, text);
  else if (await readFile(TARGET, "utf8") !== text) {
    console.error("Cannot check the monitor's page: embedded.ts is old: run deno task embed");
    Deno.exit(1);
  }
}
