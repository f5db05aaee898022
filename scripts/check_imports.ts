/**
 * Prints which module of the package imports which, floor by floor, and fails
 * if one imports from a floor above its own, or if there is a cycle. Imports
 * of types alone count too.
 *
 *     deno run -A scripts/check_imports.ts
 *
 * @module
 */
import { join, relative, resolve, sep } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

/** The floors from the top. A name that ends with a slash is a folder. */
export const FLOORS: readonly (readonly string[])[] = [
  ["mod.ts"],
  ["src/store.ts", "src/redis/"],
  ["src/express.ts", "src/persistence/", "src/transfer.ts", "src/monitor/"],
  ["src/types.ts"],
  ["src/core/"],
  ["src/options.ts"],
  ["src/util/"],
];

/** For each module the modules of the package that it imports, by paths such as `src/store.ts`. */
export type Imports = Record<string, string[]>;

/** Reads the imports of `mod.ts` and of every module in `src/` of a folder. */
export async function importsIn(folder: string): Promise<Imports> {
  const found: Imports = {};
  const modules = ["mod.ts", ...modulesIn(folder, "src")];
  for (const module of modules) found[module] = [];
  // Each graph has all that its root imports: a root that is in one already needs none.
  const seen = new Set<string>();
  for (const module of modules) {
    if (seen.has(module)) continue;
    for (const { specifier, error, dependencies = [] } of await graphOf(join(folder, module))) {
      const from = pathIn(folder, specifier);
      if (error) throw new Error(`Cannot check imports: ${error}`);
      if (from === undefined || seen.has(from)) continue;
      seen.add(from);
      const targets = dependencies.flatMap(({ code, type }) => [code?.specifier, type?.specifier])
        .flatMap((target) => target ? pathIn(folder, target) ?? [] : []);
      found[from] = [...new Set(targets)].sort();
    }
  }
  return found;
}

/** What is wrong with the imports: one line each. */
export function problemsOf(imports: Imports): string[] {
  const problems: string[] = [];
  for (const [module, targets] of Object.entries(imports)) {
    const floor = floorOf(module);
    if (floor === -1) problems.push(`${module} is on no floor`);
    for (const target of targets) {
      if (floorOf(target) < floor) problems.push(`${module} imports upward: ${target}`);
    }
  }
  const cycle = cycleIn(imports);
  return cycle ? [...problems, `A cycle: ${cycle.join(" → ")}`] : problems;
}

/** The plan: the modules of each floor, and what they import. */
export function planOf(imports: Imports): string {
  return FLOORS.map((names, floor) => {
    const modules = Object.keys(imports).filter((module) => floorOf(module) === floor).sort();
    const lines = modules.map((module) => `  ${module} → ${imports[module].join(", ") || "–"}`);
    return [names.join(", "), ...lines].join("\n");
  }).join("\n\n");
}

function floorOf(module: string): number {
  return FLOORS.findIndex((names) =>
    names.some((name) => name.endsWith("/") ? module.startsWith(name) : module === name)
  );
}

/** The modules of the first cycle found, the first one at its end again. */
function cycleIn(imports: Imports): string[] | undefined {
  const done = new Set<string>();
  const path: string[] = [];
  const search = (module: string): string[] | undefined => {
    if (path.includes(module)) return [...path.slice(path.indexOf(module)), module];
    if (done.has(module)) return;
    path.push(module);
    for (const target of imports[module] ?? []) {
      const cycle = search(target);
      if (cycle) return cycle;
    }
    path.pop();
    done.add(module);
  };
  for (const module of Object.keys(imports)) {
    const cycle = search(module);
    if (cycle) return cycle;
  }
}

function modulesIn(folder: string, path: string): string[] {
  return [...Deno.readDirSync(join(folder, path))].flatMap(({ name, isDirectory }) =>
    isDirectory
      ? modulesIn(folder, `${path}/${name}`)
      : name.endsWith(".ts")
      ? [`${path}/${name}`]
      : []
  );
}

/** The path of a module in the folder; `undefined` if it is elsewhere. */
function pathIn(folder: string, specifier: string): string | undefined {
  if (!specifier.startsWith(pathToFileURL(folder).href)) return;
  return relative(folder, fileURLToPath(specifier)).replaceAll(sep, "/");
}

interface Module {
  specifier: string;
  error?: string;
  dependencies?: { code?: { specifier?: string }; type?: { specifier?: string } }[];
}

async function graphOf(module: string): Promise<Module[]> {
  const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["info", "--json", "--no-lock", module],
  }).output();
  if (!success) throw new Error(`Cannot check imports: ${new TextDecoder().decode(stderr)}`);
  return JSON.parse(new TextDecoder().decode(stdout)).modules;
}

if (import.meta.main) {
  const folder = resolve(Deno.args[0] ?? fileURLToPath(new URL("..", import.meta.url)));
  const imports = await importsIn(folder);
  console.log(planOf(imports));
  const problems = problemsOf(imports);
  for (const problem of problems) console.error(problem);
  if (problems.length > 0) Deno.exit(1);
}
