/**
 * Runs `deno` with the given arguments. Where JSR answers, `@std` and
 * `@deno/dnt` come from there; elsewhere the stand-ins of `scripts/offline/`
 * take their place. The first line printed says which.
 * `LEMBRO_SUPPLIER=jsr` or `=offline` decides without asking. The packages'
 * versions are those of `scripts/deno.lock`.
 *
 *     deno run -A scripts/suppliers.ts test -A
 *
 * @module
 */
import { fileURLToPath } from "node:url";

/** Not named in `deno.json`: else every `deno task` would first install all that is in it. */
export const LOCK = fileURLToPath(new URL("./deno.lock", import.meta.url));

/**
 * The imports of an import map at `base`, as one that works from anywhere. The
 * stand-in for `@std/assert`, if that comes from JSR, is `offline/@std/assert.ts`.
 */
export function offlineImports(imports: Record<string, string>, base: URL): Record<string, string> {
  return Object.fromEntries(
    Object.entries(imports).map(([name, specifier]) => {
      const path = specifier.startsWith("jsr:") ? `./offline/${name}.ts` : specifier;
      return [name, path.startsWith(".") ? new URL(path, base).href : path];
    }),
  );
}

/** The import map for a machine without JSR, derived from `imports.json`, as a `data:` URL. */
export function offlineImportMap(): string {
  const file = new URL("./imports.json", import.meta.url);
  const { imports } = JSON.parse(Deno.readTextFileSync(file));
  const map = JSON.stringify({ imports: offlineImports(imports, file) });
  return `data:application/json,${encodeURIComponent(map)}`;
}

/** Who supplies, and why. */
export type Supplier = [name: "jsr" | "offline", reason: string];

async function jsrAnswers(): Promise<boolean> {
  try {
    const jsr = Deno.env.get("JSR_URL") ?? "https://jsr.io";
    const response = await fetch(new URL("/@std/assert/meta.json", jsr), {
      signal: AbortSignal.timeout(5_000),
    });
    await response.body?.cancel();
    return response.ok;
  } catch {
    return false;
  }
}

/** Which supplier, and why. */
export async function supplier(): Promise<Supplier> {
  const asked = Deno.env.get("LEMBRO_SUPPLIER");
  if (asked === "jsr" || asked === "offline") return [asked, `LEMBRO_SUPPLIER=${asked}`];
  if (asked) {
    throw new TypeError(
      `Cannot choose a supplier: LEMBRO_SUPPLIER must be jsr or offline: received ${asked}`,
    );
  }
  return await jsrAnswers() ? ["jsr", "JSR answers"] : ["offline", "JSR does not answer"];
}

/** Says which supplier it is. */
export function supplierLine([name, reason]: Supplier): string {
  const packages = "@std and @deno/dnt";
  return name === "jsr"
    ? `Suppliers: ${packages} from JSR (${reason})`
    : `Suppliers: the stand-ins of scripts/offline/ for ${packages} (${reason})`;
}

/** The arguments of `deno` with the versions of the packages. */
export function locked([subcommand, ...rest]: string[]): string[] {
  // `deno run` reads options only before the script: right behind the subcommand suits them all.
  return [subcommand, `--lock=${LOCK}`, ...rest];
}

/** The arguments of `deno` with the versions of the packages, and what the supplier needs. */
export function supplied([name]: Supplier, [subcommand, ...rest]: string[]): string[] {
  const importMap = name === "jsr" ? [] : ["--no-config", `--import-map=${offlineImportMap()}`];
  return locked([subcommand, ...importMap, ...rest]);
}

if (import.meta.main) {
  const found = await supplier();
  console.log(supplierLine(found));
  const { code } = await new Deno.Command(Deno.execPath(), { args: supplied(found, Deno.args) })
    .spawn().status;
  Deno.exit(code);
}
