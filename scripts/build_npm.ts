/**
 * Writes the npm package to `npm/`, or to the folder that is given.
 *
 *     deno task build:npm [folder]
 *
 * @module
 */
import { build, emptyDir } from "@deno/dnt";
import { readdir } from "node:fs/promises";
import { join, resolve } from "node:path";
import config from "../deno.json" with { type: "json" };
import { bundle } from "./cdn/bundle.ts";
import { makeLean } from "./lean.ts";
import { removePolyfills } from "./polyfills.ts";

/** The compiler's complaint about `import … from "@types/…"`; see {@linkcode importTypesByName}. */
const IMPORTS_TYPES_PACKAGE = 6137;

/** What a CDN serves a browser that asks for the package by its name alone. */
const CDN_FILE = "./esm/express-lembro.min.js";

const outDir = resolve(Deno.args[0] ?? "npm");
Deno.chdir(new URL("..", import.meta.url));

const manifest = {
  name: "express-lembro",
  version: config.version,
  description:
    "A session store for Express apps: in memory for one process, on Redis for many. No logout undone, no update lost.",
  keywords: [
    "express",
    "express-session",
    "session",
    "session-store",
    "sessions",
    "store",
    "memory",
    "memory-store",
    "redis",
    "connect",
    "middleware",
    "deno",
  ],
  author: "Scott Offen",
  homepage: "https://github.com/scottoffen/express-lembro#readme",
  repository: { type: "git", url: "git+https://github.com/scottoffen/express-lembro.git" },
  license: config.license,
  bugs: { url: "https://github.com/scottoffen/express-lembro/issues" },
  types: "./script/mod.d.ts",
  jsdelivr: CDN_FILE,
  unpkg: CDN_FILE,
  exports: {
    ...Object.fromEntries(
      Object.entries(config.exports).map(([name, path]) => [name, conditions(path)]),
    ),
    "./package.json": "./package.json",
  },
  // For compilers that don't read `exports`.
  typesVersions: {
    "*": Object.fromEntries(
      Object.entries(config.exports).filter(([name]) => name !== ".")
        .map(([name, path]) => [name.slice(2), [conditions(path).require.types]]),
    ),
  },
  type: "commonjs",
  engines: { node: ">=20" },
  // The store is built on the express-session of the app, and imports nothing but its types.
  // Where packages see only what they name, as in a pnpm workspace, these have to be named too.
  peerDependencies: {
    "@types/express-session": "^1.17.0",
    "express-session": "^1.17.0",
    "ioredis": "^5.0.0 || ^6.0.0",
    "redis": "^5.0.0 || ^6.0.0",
  },
  // One client of Redis is enough, and none is needed for a store in memory.
  peerDependenciesMeta: {
    "@types/express-session": { optional: true },
    "ioredis": { optional: true },
    "redis": { optional: true },
  },
  sideEffects: false,
};

await emptyDir(outDir);
await build({
  entryPoints: Object.entries(config.exports).map(([name, path]) => ({ name, path })),
  outDir,
  importMap: "scripts/imports.json",
  shims: {},
  test: false,
  typeCheck: "both",
  declaration: "inline",
  declarationMap: false,
  skipSourceOutput: true,
  // Any other target brings more polyfills than removePolyfills knows.
  compilerOptions: { target: "Latest", lib: ["ES2022", "DOM", "ESNext.Disposable"] },
  filterDiagnostic: ({ code }) => code !== IMPORTS_TYPES_PACKAGE,
  package: {
    ...manifest,
    // For the type check.
    devDependencies: {
      "@types/debug": "^4.1.12",
      "@types/express-session": "^1.18.0",
      "@types/node": "^20.0.0",
    },
  },
});
for (const format of ["esm", "script"]) await removePolyfills(join(outDir, format));
await importTypesByName();
await makeRequireCallable();
await makeLean(
  outDir,
  Object.values(config.exports).map((path) => path.replace(/^\.\/(.*)\.ts$/, "$1.d.ts")),
);
await writeCdnFile();
await writeManifest();
for (const file of ["README.md", "CHANGELOG.md", "LICENSE"]) {
  await Deno.copyFile(file, join(outDir, file));
}
// They served the type check and the bundler.
await Deno.remove(join(outDir, "node_modules"), { recursive: true });
await Deno.remove(join(outDir, "package-lock.json"));

/** Where the package keeps the module at `path`, for `import` and for `require`. */
function conditions(path: string) {
  const file = path.replace(/^\.\/(.*)\.ts$/, "$1");
  return {
    import: { types: `./esm/${file}.d.ts`, default: `./esm/${file}.js` },
    require: { types: `./script/${file}.d.ts`, default: `./script/${file}.js` },
  };
}

/**
 * Some versions of dnt follow the comment `@ts-types` of a type-only import to
 * `@types/…`. TypeScript wants the name of the package that the types are about.
 */
async function importTypesByName() {
  for (const format of ["esm", "script"]) {
    const folder = join(outDir, format);
    for (const path of await readdir(folder, { recursive: true })) {
      if (!path.endsWith(".d.ts")) continue;
      const text = await Deno.readTextFile(join(folder, path));
      const named = text.replaceAll('from "@types/', 'from "');
      if (named !== text) await Deno.writeTextFile(join(folder, path), named);
    }
  }
}

/** Makes `require("express-lembro")` the factory itself, as in 1.x: it was under `.default`. */
async function makeRequireCallable() {
  const types = join(outDir, "script/mod.d.ts");
  const factory = await Deno.readTextFile(join(outDir, "script/src/store.d.ts"));
  const { text, names } = callable(await Deno.readTextFile(types), factory);
  await Deno.writeTextFile(types, text);

  const exported = names.map((name) => `module.exports.${name} = module.exports;\n`);
  await Deno.writeTextFile(
    join(outDir, "script/mod.js"),
    `\nmodule.exports = exports.default;\n${exported.join("")}`,
    { append: true },
  );
}

/**
 * The declarations of an entry that exports the function `lembro` of `factory`,
 * as its default and by name, as those of a module that is this function, and
 * the names that the function is exported by. What TypeScript calls `export =`
 * has room for nothing else, so the types go into a namespace that merges with
 * the function, which has to be declared in the same file.
 */
function callable(entry: string, factory: string): { text: string; names: string[] } {
  const declared = factory.match(
    /(\/\*\*(?:(?!\*\/)[^])*\*\/\n)export (declare function lembro[^]*?;\n)/,
  );
  const types = [...entry.matchAll(/^export type \{ (.*?),? \} from .*\n/gm)];
  const functions = [...entry.matchAll(/^export \{ (.*?),? \} from "\.\/src\/store\.js";\n/gm)];
  const names = functions.flatMap(([, names]) => names.split(", "))
    .map((name) => /^lembro(?: as (\w+))?$/.exec(name)?.slice(0, 2) ?? [])
    .map(([name, renamed]) => renamed ?? name);
  const rest = [...types, ...functions].reduce((text, [line]) => text.replace(line, ""), entry);
  if (
    !declared || !names.includes("default") || names.includes(undefined!) ||
    !/^\/\*\*(?:(?!\*\/)[^])*\*\/\n$/.test(rest)
  ) {
    throw new Error(
      `Cannot declare what require returns: only the function lembro and types may be exported: received ${entry}`,
    );
  }
  const exported = [
    // In the namespace its own name would mean this export.
    ...names.map((name) => name === "lembro" ? "named as lembro" : `lembro as ${name}`),
    ...types.flatMap(([, names]) => names.split(", ")),
  ];
  // Types that the function is declared with, and that nobody imports.
  const [, others = ""] = /^import type \{ (.*?),? \} from "\.\/types\.js";$/m.exec(factory) ?? [];
  const internal = others.split(", ").filter((name) =>
    name && declared?.[2].includes(name) && !exported.includes(name)
  );
  const text = [
    rest,
    ...types.map(([line]) => line.replace("export", "import")),
    ...internal.length > 0
      ? [`import type { ${internal.join(", ")} } from "./src/types.js";\n`]
      : [],
    ...declared.slice(1),
    ...names.includes("lembro") ? ["declare const named: typeof lembro;\n"] : [],
    "declare namespace lembro {\n",
    `    export { ${exported.join(", ")} };\n`,
    "}\n",
    "export = lembro;\n",
  ].join("");
  return { text, names };
}

/** Writes the default entry and all that it imports as one file. */
async function writeCdnFile() {
  const { name, version, license } = manifest;
  const code = await bundle(join(outDir, "esm/mod.js"), `${name} ${version}, ${license}`);
  await Deno.writeTextFile(join(outDir, CDN_FILE), code);
}

/** Writes the manifest with the dependencies that dnt found, less what only a type check needs. */
async function writeManifest() {
  const path = join(outDir, "package.json");
  const { main, module, dependencies } = JSON.parse(await Deno.readTextFile(path));
  const needed = Object.entries(dependencies)
    .filter(([name]) => !name.startsWith("@types/") && !(name in manifest.peerDependencies))
    .sort(([a], [b]) => a < b ? -1 : 1);
  const published = { ...manifest, main, module, dependencies: Object.fromEntries(needed) };
  await Deno.writeTextFile(path, JSON.stringify(published, undefined, 2) + "\n");
}
