/**
 * Runs `deno` with the given arguments, and with the packages of JSR where JSR
 * answers; elsewhere with the stand-ins of `scripts/offline/`. Says which in
 * one line. `LEMBRO_SUPPLIER=jsr` or `=offline` decides without asking.
 *
 *     deno run -A scripts/suppliers.ts test -A
 *
 * @module
 */

/** `deno run` takes the import map before the script: behind the subcommand is right for all. */
export function withImportMap([subcommand, ...rest]: string[], importMap: string): string[] {
  return [subcommand, `--import-map=${importMap}`, ...rest];
}

async function jsrAnswers(): Promise<boolean> {
  try {
    const response = await fetch("https://jsr.io/@std/assert/meta.json", {
      signal: AbortSignal.timeout(5_000),
    });
    await response.body?.cancel();
    return response.ok;
  } catch {
    return false;
  }
}

async function supplier(): Promise<"jsr" | "offline"> {
  const asked = Deno.env.get("LEMBRO_SUPPLIER");
  if (asked === "jsr" || asked === "offline") return asked;
  if (asked) throw new TypeError(`LEMBRO_SUPPLIER must be jsr or offline: received ${asked}`);
  return await jsrAnswers() ? "jsr" : "offline";
}

if (import.meta.main) {
  const offline = await supplier() === "offline";
  console.log(
    offline
      ? "Suppliers: the stand-ins of scripts/offline/ for @std and @deno/dnt (JSR does not answer)"
      : "Suppliers: @std and @deno/dnt from JSR",
  );
  const importMap = new URL("./offline/import_map.json", import.meta.url).pathname;
  const { code } = await new Deno.Command(Deno.execPath(), {
    args: offline ? withImportMap(Deno.args, importMap) : Deno.args,
  }).spawn().status;
  Deno.exit(code);
}
