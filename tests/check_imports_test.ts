import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { afterEach, beforeEach, describe, it } from "@std/testing/bdd";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const SCRIPT = fileURLToPath(new URL("../scripts/check_imports.ts", import.meta.url));

describe("the check of imports", () => {
  let folder: string;

  beforeEach(async () => {
    folder = await Deno.realPath(await Deno.makeTempDir());
  });
  afterEach(() => Deno.remove(folder, { recursive: true }));

  /** Writes the modules into the folder and checks it. */
  async function check(modules: Record<string, string>) {
    for (const [path, text] of Object.entries(modules)) {
      await Deno.mkdir(dirname(join(folder, path)), { recursive: true });
      await Deno.writeTextFile(join(folder, path), text);
    }
    const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", "--no-lock", SCRIPT, folder],
    }).output();
    const [plan, problems] = [stdout, stderr].map((bytes) => new TextDecoder().decode(bytes));
    return { code, plan, problems };
  }

  const SOUND = {
    "mod.ts": 'export { store } from "./src/store.ts";\n',
    "src/store.ts": 'import { a } from "./core/a.ts";\nexport const store = a;\n',
    "src/core/a.ts": 'import { b } from "./b.ts";\nexport const a = b;\n',
    "src/core/b.ts": "export interface B {}\nexport const b = 1;\n",
  };

  it("accepts imports that go downward, and prints them floor by floor", async () => {
    const { code, plan, problems } = await check(SOUND);
    assertEquals([code, problems], [0, ""]);
    assertStringIncludes(
      plan,
      "\nsrc/core/\n  src/core/a.ts → src/core/b.ts\n  src/core/b.ts → –\n",
    );
    assert(plan.indexOf("src/store.ts →") < plan.indexOf("src/core/a.ts →"), plan);
  });

  it("refuses an import of a floor above", async () => {
    const { code, problems } = await check({
      ...SOUND,
      "src/core/c.ts": 'import { store } from "../store.ts";\nexport const c = store;\n',
    });
    assertEquals([code, problems], [1, "src/core/c.ts imports upward: src/store.ts\n"]);
  });

  it("refuses an import of a floor above that is one of types alone", async () => {
    const { code, problems } = await check({
      ...SOUND,
      "src/util/c.ts": 'export type C = import("../core/b.ts").B;\n',
      "src/util/d.ts": 'import type { B } from "../core/b.ts";\nexport type D = B;\n',
    });
    assertEquals(code, 1);
    assertEquals(problems.split("\n").sort(), [
      "",
      "src/util/c.ts imports upward: src/core/b.ts",
      "src/util/d.ts imports upward: src/core/b.ts",
    ]);
  });

  it("refuses a cycle on one floor, of types alone too", async () => {
    const { code, problems } = await check({
      ...SOUND,
      "src/core/b.ts": 'import type { a } from "./a.ts";\nexport const b = 1;\n' +
        "export type B = typeof a;\n",
    });
    assertEquals(code, 1);
    assertEquals(problems, "A cycle: src/core/a.ts → src/core/b.ts → src/core/a.ts\n");
  });

  it("refuses a module that is on no floor", async () => {
    const { code, problems } = await check({ ...SOUND, "src/extra.ts": "export {};\n" });
    assertEquals([code, problems], [1, "src/extra.ts is on no floor\n"]);
  });
});
