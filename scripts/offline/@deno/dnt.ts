/**
 * Stands in for `@deno/dnt` where JSR does not answer: takes the options that
 * `scripts/build_npm.ts` passes, refuses any other, and writes the same files
 * with the TypeScript compiler from npm.
 *
 * @module
 */
import { dirname, join, relative, resolve } from "node:path";
import ts from "typescript";
import { rewrittenGlobal } from "../globals.ts";

interface BuildOptions {
  entryPoints: { name: string; path: string }[];
  outDir: string;
  importMap: string;
  compilerOptions: { target: "Latest"; lib: string[] };
  filterDiagnostic: (diagnostic: ts.Diagnostic) => boolean;
  package: Record<string, unknown>;
  [fixed: string]: unknown;
}

const FREE = ["entryPoints", "outDir", "importMap", "lib", "filterDiagnostic", "package"];

/** The other options: one value each, which is not always what dnt takes for a missing one. */
const FIXED: Record<string, unknown> = {
  shims: {},
  test: false,
  typeCheck: "both",
  declaration: "inline",
  declarationMap: false,
  skipSourceOutput: true,
  target: "Latest",
};

/** Makes `path` an empty folder. */
export async function emptyDir(path: string): Promise<void> {
  await Deno.mkdir(path, { recursive: true });
  for await (const { name } of Deno.readDir(path)) {
    await Deno.remove(join(path, name), { recursive: true });
  }
}

/** Writes an npm package of the modules: ESM and CommonJS, each with declarations. */
export async function build(options: BuildOptions): Promise<void> {
  refuseUnknown(options);
  const { outDir } = options;
  const { sources, ...dependencies } = await transform(options);
  const main = Object.keys(sources)[0].replace(/\.ts$/, ".js");
  write(join(outDir, ".npmignore"), "/src/\n/test_runner.js\nyarn.lock\npnpm-lock.yaml\n");
  write(
    join(outDir, "package.json"),
    JSON.stringify({
      main: `./script/${main}`,
      module: `./esm/${main}`,
      ...options.package,
      ...dependencies,
    }),
  );
  // The type check reads the declarations of the dependencies.
  const install = new Deno.Command("npm", { args: ["install"], cwd: outDir });
  if (!(await install.spawn().status).success) throw new Error("Cannot build: npm install failed");

  compile(sources, "esm", options, {
    module: "esnext",
    moduleResolution: "bundler",
    allowSyntheticDefaultImports: true,
  });
  compile(sources, "script", options, {
    module: "commonjs",
    moduleResolution: "node10",
    esModuleInterop: true,
  });
  write(join(outDir, "esm/package.json"), '{\n  "type": "module"\n}\n');
  write(join(outDir, "script/package.json"), '{\n  "type": "commonjs"\n}\n');
}

function refuseUnknown({ compilerOptions, ...options }: BuildOptions): void {
  const given: Record<string, unknown> = { ...options, ...compilerOptions };
  for (const name of Object.keys({ ...FIXED, ...given })) {
    if (FREE.includes(name)) continue;
    const [takes, received] = [FIXED[name], given[name]].map((value) => JSON.stringify(value));
    if (takes === undefined || takes !== received) {
      throw new TypeError(
        `Cannot build: the stand-in for dnt takes ${takes} for ${name}: received ${received}`,
      );
    }
  }
}

/** The modules as Node will know them, by path, the entry points first, and what they depend on. */
async function transform({ entryPoints, importMap }: BuildOptions) {
  const { imports } = JSON.parse(await Deno.readTextFile(importMap));
  const root = dirname(resolve(entryPoints[0].path));
  const sources: Record<string, string> = {};
  const dependencies: Record<string, string> = {};

  const files = new Set(entryPoints.map(({ path }) => resolve(path)));
  for (const file of files) {
    const text = await Deno.readTextFile(file);
    refuseGlobals(text, file);
    sources[relative(root, file)] = renameImports(text, (specifier) => {
      if (specifier.startsWith("node:")) return specifier;
      if (/^\.\.?\//.test(specifier)) {
        files.add(resolve(dirname(file), specifier));
        return specifier.replace(/\.ts$/, ".js");
      }
      const [, name, version] = imports[specifier]?.match(/^npm:(@?[^@]+)@([^/]+)$/) ?? [];
      if (!name) throw new Error(`Cannot build: ${specifier} must be a package of npm`);
      dependencies[name] = version;
      return name;
    });
  }
  return { sources, dependencies: Object.fromEntries(Object.entries(dependencies).sort()) };
}

/** Throws if dnt would change what a module does. */
function refuseGlobals(text: string, file: string): void {
  const rewritten = rewrittenGlobal(text);
  if (rewritten) {
    throw new Error(
      `Cannot build: dnt would rewrite ${rewritten} of ${file}: put dnt-shim-ignore before it`,
    );
  }
}

/** A module with the names that it imports and exports from changed. */
function renameImports(text: string, rename: (specifier: string) => string): string {
  const { statements } = ts.createSourceFile("module.ts", text, ts.ScriptTarget.Latest);
  let [renamed, done] = ["", 0];
  for (const statement of statements) {
    if (!ts.isImportDeclaration(statement) && !ts.isExportDeclaration(statement)) continue;
    if (!statement.moduleSpecifier) continue;
    const { text: specifier, end } = statement.moduleSpecifier as ts.StringLiteral;
    renamed += text.slice(done, end - specifier.length - 1) + rename(specifier);
    done = end - 1;
  }
  return renamed + text.slice(done);
}

/** Checks the types, and writes the code and the declarations to the folder `format`. */
function compile(
  sources: Record<string, string>,
  format: string,
  { outDir, compilerOptions: { lib }, filterDiagnostic }: BuildOptions,
  modules: Record<string, unknown>,
): void {
  const { options, errors } = ts.convertCompilerOptionsFromJson({
    lib,
    target: "esnext",
    strict: true,
    useUnknownInCatchVariables: false,
    skipLibCheck: true,
    isolatedModules: true,
    declaration: true,
    rootDir: join(outDir, "src"),
    outDir: join(outDir, format),
    ...modules,
  }, outDir);
  const texts = new Map(
    Object.entries(sources).map(([path, text]) => [join(outDir, "src", path), text]),
  );
  const host = ts.createCompilerHost(options);
  const { fileExists, readFile } = host;
  // The sources are in no folder: without this one the compiler just looks for the files.
  delete host.directoryExists;
  host.getCurrentDirectory = () => outDir;
  host.fileExists = (path) => texts.has(path) || fileExists(path);
  host.readFile = (path) => texts.get(path) ?? readFile(path);
  const program = ts.createProgram([...texts.keys()], options, host);
  const diagnostics = [...errors, ...ts.getPreEmitDiagnostics(program).filter(filterDiagnostic)];
  if (diagnostics.length > 0) throw new Error(ts.formatDiagnostics(diagnostics, host));
  program.emit(undefined, write);
}

function write(path: string, text: string): void {
  Deno.mkdirSync(dirname(path), { recursive: true });
  Deno.writeTextFileSync(path, text);
}
