import { assert, assertEquals, assertMatch } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));

describe("deno task bench", () => {
  it("prints every row with numbers, on Node and on Deno, and draws them", async () => {
    const out = await Deno.makeTempDir();
    try {
      const { success, stderr } = await new Deno.Command(Deno.execPath(), {
        args: ["run", "-A", "scripts/bench/main.ts", "--smoke", `--out=${out}`],
        cwd: root,
      }).output();
      assert(success, new TextDecoder().decode(stderr));

      const page = await Deno.readTextFile(`${out}/results.md`);
      assertEquals(page.match(/NaN|Infinity|undefined|null/g), null, page);
      const cells = page.split("\n").filter((line) => line.startsWith("|"))
        .map((row) => row.split("|").slice(1, -1).map((cell) => cell.trim()));
      const rows = (name: string) => cells.filter(([first]) => first === name);
      for (
        const name of ["requests per second", "p99, ms", "work on a request, µs", "users left"]
      ) {
        assertEquals(rows(name).length, 1, name);
      }
      for (const name of ["a session", "left of it when destroyed"]) {
        assertEquals(rows(name).length, 2, name);
      }
      // Each in the table of the speed, and in that of the growth of three stores.
      for (const operation of ["get", "set, new", "set, overwrite", "touch", "destroy"]) {
        assertEquals(rows(operation).length, 2 * (1 + 3), operation);
      }
      const holds = ["purge, all", "purge, half", "reduce", "overflow"];
      for (const hold of [...holds, "length", "ids", "all", "clear"]) {
        const found = rows(hold);
        assertEquals(found.length, 2, hold);
        for (const row of found) assertMatch(row.at(-1)!, /^\d+\.\d$/);
      }
      assertMatch(await Deno.readTextFile(`${out}/results.svg`), /^<svg [^]*<\/svg>\n$/);
    } finally {
      await Deno.remove(out, { recursive: true });
    }
  });
});
