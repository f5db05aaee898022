/**
 * Writes the API reference of every entry of the package to `docs/`, or to the
 * folder that is given, as HTML. With `--lint` it checks the doc comments instead.
 *
 *     deno run -A scripts/doc.ts [--lint] [folder]
 *
 * @module
 */
import { readdir, readFile, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import config from "../deno.json" with { type: "json" };
import { locked } from "./suppliers.ts";

const REPOSITORY = "https://github.com/scottoffen/express-lembro";

/** Deno's pages are made for wide screens. */
const NARROW = `
.ddoc > div, #topnav, #content > main, #content > .toc { min-width: 0; max-width: 100%; }
.ddoc { overflow-wrap: anywhere; }
.ddoc pre { overflow-x: auto; }
@media (max-width: 48rem) {
  #topnav, #topnav > div { height: auto; }
  #topnav > div, #topnav ul { flex-wrap: wrap; }
  #content { display: flex; flex-direction: column; align-items: stretch; }
}
`;

const root = fileURLToPath(new URL("..", import.meta.url));
const isLint = Deno.args.includes("--lint");
const folder = resolve(Deno.args.find((argument) => !argument.startsWith("-")) ?? "docs");
const entries = Object.entries(config.exports);

await document(...isLint ? ["--lint"] : ["--html", "--name=express-lembro", `--output=${folder}`]);
if (!isLint) {
  for (const path of await readdir(folder, { recursive: true })) {
    if (path.endsWith(".html")) {
      await rewrite(join(folder, path), (page) => withSources(withImports(page)));
    }
  }
  const list = await entryList();
  await rewrite(join(folder, "index.html"), (page) => {
    if (page.split("</main>").length !== 2) throw new Error("Cannot list the entries: no <main>");
    return page.replace("</main>", `${list}</main>`);
  });
  await rewrite(join(folder, "page.css"), (css) => css + NARROW);
}

/** Runs `deno doc` on every entry. */
async function document(...options: string[]): Promise<void> {
  const { success, stderr } = await new Deno.Command(Deno.execPath(), {
    args: locked(["doc", ...options, ...entries.map(([, path]) => path)]),
    cwd: root,
    env: { NO_COLOR: "1" },
    stderr: "piped",
  }).output();
  // These warnings are about files that the types of Node refer to.
  const said = new TextDecoder().decode(stderr).split("\n")
    .filter((line) => !/Failed resolving types|^ {4}at .*@types\/node/.test(line));
  console.error(said.join("\n").trim());
  if (!success) Deno.exit(1);
}

/** A page that imports from the package: Deno names its entries "." and "journal". */
function withImports(page: string): string {
  return entries.reduce((page, [entry]) => {
    const ours = entry === "." ? "." : entry.slice(2);
    const theirs = entry.replace(".", "express-lembro");
    return page.replaceAll(`from &quot;${ours}&quot;`, `from &quot;${theirs}&quot;`);
  }, page);
}

/** A page whose links to the source lead to the release: Deno links the files of this machine. */
function withSources(page: string): string {
  const here = pathToFileURL(root).href.replaceAll("/", "&#x2F;");
  return page.replaceAll(`href="${here}`, `href="${REPOSITORY}/blob/v${config.version}/`);
}

/** A list of the entries, with the first sentence of each. */
async function entryList(): Promise<string> {
  const items = await Promise.all(entries.map(async ([entry, path]) => {
    const name = entry.replace(".", "express-lembro");
    const link = entry === "." ? "all_symbols.html" : `${entry}/index.html`;
    const text = await readFile(join(root, path), "utf8");
    const [, about] = /^\/\*\*\n([^]*?)\n \*(?:\n|\/)/.exec(text) ?? [];
    if (!about) throw new Error(`Cannot list ${path}: it begins with no doc comment`);
    const shown = about.replace(/^ \* /gm, "").replaceAll("&", "&amp;").replaceAll("<", "&lt;")
      .replace(/`(.*?)`/g, "<code>$1</code>");
    return `<li><a href="${link}"><code>${name}</code></a>: ${shown}</li>\n`;
  }));
  return `<section class="markdown"><h2>Entries</h2>\n<ul>\n${items.join("")}</ul></section>`;
}

async function rewrite(path: string, change: (text: string) => string): Promise<void> {
  await writeFile(path, change(await readFile(path, "utf8")));
}
