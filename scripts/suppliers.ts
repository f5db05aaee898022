/**
 * Runs `deno` with the given arguments. Where JSR answers, `@std` and
 * `@deno/dnt` come from there; elsewhere the stand-ins of `scripts/offline/`
 * take their place. The first line printed says which.
 * `LEMBRO_SUPPLIER=jsr` or `=offline` decides without asking.
 *
 *     deno run -A scripts/suppliers.ts test -A
 *
 * @module
 */

/** The stand-in for `@std/testing/bdd` is `@std/testing/bdd.ts` in this folder. */
const STAND_INS = new URL("./offline/", import.meta.url);

/**
 * The imports of a `deno.json` at `base`, with stand-ins for what comes from
 * JSR, as an import map that works from anywhere.
 */
export function offlineImports(
  imports: Record<string, string>,
  base: URL,
  standIns: Record<string, string>,
): Record<string, string> {
  const found: Record<string, string> = {};
  for (const [name, specifier] of Object.entries(imports)) {
    if (!specifier.startsWith("jsr:")) {
      found[name] = specifier.startsWith(".") ? new URL(specifier, base).href : specifier;
      continue;
    }
    const names = Object.keys(standIns).filter((other) =>
      other === name || other.startsWith(`${name}/`)
    );
    if (names.length === 0) {
      throw new Error(`Cannot work without JSR: a stand-in is required: received ${specifier}`);
    }
    for (const other of names) found[other] = standIns[other];
  }
  return found;
}

/** The stand-ins by the names that they are imported by. */
function standIns(folder = STAND_INS, prefix = ""): Record<string, string> {
  const found: Record<string, string> = {};
  for (const { name, isDirectory } of Deno.readDirSync(folder)) {
    if (isDirectory) {
      Object.assign(found, standIns(new URL(`${name}/`, folder), `${prefix}${name}/`));
    } else if (name.endsWith(".ts")) {
      found[prefix + name.slice(0, -".ts".length)] = new URL(name, folder).href;
    }
  }
  return found;
}

/** The import map for a machine without JSR, derived from `deno.json`, as a `data:` URL. */
export function offlineImportMap(): string {
  const config = new URL("../deno.json", import.meta.url);
  const { imports } = JSON.parse(Deno.readTextFileSync(config));
  const map = JSON.stringify({ imports: offlineImports(imports, config, standIns()) });
  return `data:application/json,${encodeURIComponent(map)}`;
}

/** `deno run` reads options only before the script: right behind the subcommand suits them all. */
export function withImportMap([subcommand, ...rest]: string[], importMap: string): string[] {
  return [subcommand, `--import-map=${importMap}`, ...rest];
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

/** The arguments of `deno` with what the supplier needs. */
export function supplied([name]: Supplier, args: string[]): string[] {
  return name === "jsr" ? args : withImportMap(args, offlineImportMap());
}

if (import.meta.main) {
  const found = await supplier();
  console.log(supplierLine(found));
  const { code } = await new Deno.Command(Deno.execPath(), { args: supplied(found, Deno.args) })
    .spawn().status;
  Deno.exit(code);
}
