import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { join } from "node:path";
import importMap from "../scripts/imports.json" with { type: "json" };
import { offlineImports } from "../scripts/suppliers.ts";
import { root } from "./support/installed.ts";

/** Runs `deno` through scripts/suppliers.ts, and returns what it printed. */
async function throughSuppliers(env: Record<string, string>, ...args: string[]): Promise<string> {
  const { stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "scripts/suppliers.ts", ...args],
    cwd: root,
    env,
  }).output();
  return [stdout, stderr].map((bytes) => new TextDecoder().decode(bytes)).join("");
}

describe("the import map for machines without JSR", () => {
  const base = new URL("file:///repo/scripts/imports.json");

  it("has the imports of the given map, local ones as absolute URLs", () => {
    assertEquals(
      offlineImports({ debug: "npm:debug@^4.4.0", "express-lembro": "../mod.ts" }, base),
      { debug: "npm:debug@^4.4.0", "express-lembro": "file:///repo/mod.ts" },
    );
  });

  it("has the stand-ins for what comes from JSR", () => {
    assertEquals(
      offlineImports({ "@std/testing/bdd": "jsr:@std/testing@^1.0.0/bdd" }, base),
      { "@std/testing/bdd": "file:///repo/scripts/offline/@std/testing/bdd.ts" },
    );
  });

  it("resolves every import of scripts/imports.json", async () => {
    const scratch = await Deno.makeTempDir();
    try {
      const script = join(scratch, "resolve.ts");
      const fromJsr = Object.entries(importMap.imports)
        .filter(([, specifier]) => specifier.startsWith("jsr:"))
        .map(([name]) => name);
      const names = Object.keys(importMap.imports).filter((name) => !fromJsr.includes(name));
      await Deno.writeTextFile(
        script,
        `for (const name of ${JSON.stringify(names)}) import.meta.resolve(name);
         await Promise.all([import("@std/assert"), import("@std/testing/bdd"), import("debug"),
           import("express-lembro/snapshot")]);
         console.log("resolved");`,
      );
      const printed = await throughSuppliers(
        { LEMBRO_SUPPLIER: "offline" },
        ...["run", "-A", "--no-check", script],
      );
      assertStringIncludes(printed, "\nresolved\n");
    } finally {
      await Deno.remove(scratch, { recursive: true });
    }
  });
});

describe("the line that says who supplies", () => {
  it("says that it was asked for", async () => {
    const printed = await throughSuppliers({ LEMBRO_SUPPLIER: "offline" }, "--version");
    assertStringIncludes(printed, "scripts/offline/");
    assertStringIncludes(printed, "(LEMBRO_SUPPLIER=offline)");
  });

  it("says that JSR does not answer", async () => {
    // Nothing listens on this port.
    const nowhere = { LEMBRO_SUPPLIER: "", JSR_URL: "http://127.0.0.1:9/" };
    const printed = await throughSuppliers(nowhere, "--version");
    assertStringIncludes(printed, "(JSR does not answer)");
  });

  it("is an error if LEMBRO_SUPPLIER is neither jsr nor offline", async () => {
    const printed = await throughSuppliers({ LEMBRO_SUPPLIER: "npm" }, "--version");
    assert(printed.includes("must be jsr or offline: received npm"), printed);
  });
});
