/**
 * Takes out of a built package what it holds twice, or what nobody reads: the
 * same declarations beside both formats, those that no entry leads to, comments
 * in code, and the files of the monitor's page.
 *
 * @module
 */
import { stop, transform } from "esbuild";
import { readdir } from "node:fs/promises";
import { dirname, join, posix } from "node:path";

/** The files of the monitor's page: nothing but data, so both formats can have the same. */
const DATA = "src/monitor/embedded.js";

/**
 * Makes the package in `folder` lean. The paths of its entries are given as
 * those of their declarations, relative to the folder of a format.
 */
export async function makeLean(folder: string, entries: string[]): Promise<void> {
  for (const format of ["esm", "script"]) {
    for (const path of await filesOf(join(folder, format), ".js")) {
      await rewrite(join(folder, format, path), withoutComments);
    }
  }
  await stop();
  const data = reexported(await Deno.readTextFile(join(folder, "esm", DATA)), DATA);
  await Deno.writeTextFile(join(folder, "esm", DATA), data);
  await keepOnce(folder, entries);
}

/** A module without its comments, line by line and name by name as before. */
export async function withoutComments(code: string): Promise<string> {
  const options = { target: "esnext", charset: "utf8", legalComments: "none" } as const;
  // Printed as it is, some comments stay; printed without white space, none does.
  const dense = await transform(code, { ...options, minifyWhitespace: true });
  return (await transform(dense.code, options)).code;
}

/** The module at `path` that exports what its counterpart for `require` does. */
export function reexported(code: string, path: string): string {
  const names = [...code.matchAll(/^export (\w+) (\w+)/gm)];
  if (names.length === 0 || names.some(([, kind]) => kind !== "const")) {
    throw new Error(`Cannot share ${path}: it may export constants only: received ${code}`);
  }
  const from = JSON.stringify(counterpart(path, `./${posix.basename(path)}`));
  return `export { ${names.map(([, , name]) => name).join(", ")} } from ${from};\n`;
}

/**
 * Has the entries for `import` declare what those for `require` do, and removes
 * the declarations that no entry leads to.
 */
async function keepOnce(folder: string, entries: string[]): Promise<void> {
  const wanted = new Set<string>();
  for (const entry of entries) {
    const path = join(folder, "esm", entry);
    await rewrite(path, (text) => redirected(text, entry));
    wanted.add(path).add(join(folder, "script", entry));
  }
  for (const path of wanted) {
    for (const name of specifiersOf(await Deno.readTextFile(path))) {
      wanted.add(join(dirname(path), name.replace(/\.js$/, ".d.ts")));
    }
  }
  for (const format of ["esm", "script"]) {
    for (const path of await filesOf(join(folder, format), ".d.ts")) {
      if (!wanted.has(join(folder, format, path))) await Deno.remove(join(folder, format, path));
    }
  }
}

/** The declarations of an entry for `import`, by those of its counterpart for `require`. */
export function redirected(text: string, path: string): string {
  // `export *` of an entry that `require` gets as a function is an error.
  const isList = !/^export (?!(type )?\{)/m.test(text);
  if (isList) {
    return specifiersOf(text).reduce(
      (text, name) => text.replaceAll(`"${name}"`, `"${counterpart(path, name)}"`),
      text,
    );
  }
  if (/\bdefault\b/.test(text.replace(/\/\*[^]*?\*\//g, ""))) {
    throw new Error(`Cannot declare ${path} once: only an entry that lists may have a default`);
  }
  const name = `./${posix.basename(path).replace(/\.d\.ts$/, ".js")}`;
  return `export * from "${counterpart(path, name)}";\n`;
}

/** What `specifier`, in the module at `path` for `import`, is for `require`. */
function counterpart(path: string, specifier: string): string {
  const folder = posix.dirname(path);
  return posix.relative(posix.join("esm", folder), posix.join("script", folder, specifier));
}

function specifiersOf(declarations: string): string[] {
  return [
    ...new Set(
      [...declarations.matchAll(/\b(?:from |import\(|import )"(\.[^"]*)"/g)].map(([, name]) =>
        name
      ),
    ),
  ];
}

async function filesOf(folder: string, ending: string): Promise<string[]> {
  const files = await readdir(folder, { recursive: true });
  return files.filter((path) => path.endsWith(ending));
}

async function rewrite(
  path: string,
  change: (text: string) => string | Promise<string>,
): Promise<void> {
  await Deno.writeTextFile(path, await change(await Deno.readTextFile(path)));
}
