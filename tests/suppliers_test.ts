import { assert, assertEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";

const read = async (path: string) =>
  JSON.parse(await Deno.readTextFile(new URL(`../${path}`, import.meta.url)));

describe("the import map for machines without JSR", () => {
  it("differs from deno.json only in what comes from JSR", async () => {
    const { imports } = await read("deno.json") as { imports: Record<string, string> };
    const offline = (await read("scripts/offline/import_map.json")).imports as typeof imports;
    const standsInFor = (name: string, [, part]: string[]) =>
      name === part || name.startsWith(`${part}/`);
    for (const [name, specifier] of Object.entries(imports)) {
      const jsr = /^jsr:(@[^/]+\/[^@]+)@/.exec(specifier);
      if (jsr) {
        const standIns = Object.keys(offline).filter((other) => standsInFor(other, jsr));
        assert(standIns.length > 0, `${name} has no stand-in`);
      } else {
        const local = specifier.replace(/^\.\//, "../../");
        assertEquals(offline[name], local);
      }
    }
    for (const [name, specifier] of Object.entries(offline)) {
      assert(name in imports || specifier.startsWith("./"), `${name} is not in deno.json`);
    }
  });
});
