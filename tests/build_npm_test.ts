import { assertEquals, assertThrows } from "@std/assert";
import { stop } from "esbuild";
import { afterAll, describe, it } from "@std/testing/bdd";
import { join } from "node:path";
import { redirected, reexported, withoutComments } from "../scripts/lean.ts";
import { removePolyfills } from "../scripts/polyfills.ts";

describe("the build of the npm package", () => {
  afterAll(stop);

  it("takes the comments out of the code, and leaves lines, names and texts", async () => {
    const code = [
      '"use strict";',
      "/** Counts. */",
      "class Counter {",
      "  /** So far. */",
      "  #count = 0; // A private one.",
      "  // It asks for one more.",
      "  next(/** By how many. */ step = 1) {",
      "    return this.#count += step; /* More. */",
      "  }",
      "}",
      "exports.Counter = Counter;",
      'exports.text = "/** no comment */ // nor this ö";',
      "",
    ].join("\n");
    const lines = [
      '"use strict";',
      "class Counter {",
      "  #count = 0;",
      "  next(step = 1) {",
      "    return this.#count += step;",
      "  }",
      "}",
      "exports.Counter = Counter;",
      'exports.text = "/** no comment */ // nor this ö";',
      "",
    ];
    assertEquals((await withoutComments(code)).split("\n"), lines);
  });

  it("lets the module for import hand out the data of the one for require", () => {
    assertEquals(
      reexported("export const a = 1;\nexport const b = 2;\n", "src/deep/data.js"),
      'export { a, b } from "../../../script/src/deep/data.js";\n',
    );
    // What has a state would have it twice, or be one where it was two.
    for (const code of ["export function a() {}\n", "export let a = 1;\n", "const a = 1;\n"]) {
      assertThrows(() => reexported(code, "src/data.js"), Error, "Cannot share src/data.js");
    }
  });

  it("declares an entry for import by the declarations for require", () => {
    assertEquals(
      redirected(
        'export { a, a as default } from "./src/a.js";\nexport type { B } from "./src/b.js";\n',
        "mod.d.ts",
      ),
      'export { a, a as default } from "../script/src/a.js";\n' +
        'export type { B } from "../script/src/b.js";\n',
    );
    assertEquals(
      redirected(
        'import type { B } from "../b.js";\n/** By default 1. */\nexport declare function a(): B;\n',
        "src/deep/a.d.ts",
      ),
      'export * from "../../../script/src/deep/a.js";\n',
    );
    assertThrows(
      () => redirected("export default function a(): void;\n", "src/a.d.ts"),
      Error,
      "Cannot declare src/a.d.ts once",
    );
  });

  it("removes the polyfills that dnt adds, and the imports of them", async () => {
    const folder = await Deno.makeTempDir();
    // As dnt writes them.
    const files: Record<string, [built: string, published?: string]> = {
      "mod.js": [
        '/** Comment. */\nimport "./_dnt.polyfills.js";\nexport { a } from "./src/a.js";\n',
        '/** Comment. */\nexport { a } from "./src/a.js";\n',
      ],
      "mod.d.ts": [
        'import "./_dnt.polyfills.js";\nexport { a } from "./src/a.js";\n',
        'export { a } from "./src/a.js";\n',
      ],
      "src/a.js": [
        '"use strict";\nrequire("../_dnt.polyfills.js");\nexports.a = "_dnt.polyfills.js";\n',
        '"use strict";\nexports.a = "_dnt.polyfills.js";\n',
      ],
      "src/other.js": ['import "./a.js";\n', 'import "./a.js";\n'],
      "_dnt.polyfills.js": ["if (!Object.hasOwn) {}\n"],
      "_dnt.polyfills.d.ts": ["export {};\n"],
    };
    try {
      await Deno.mkdir(join(folder, "src"));
      for (const [path, [built]] of Object.entries(files)) {
        await Deno.writeTextFile(join(folder, path), built);
      }
      await removePolyfills(folder);
      for (const [path, [, published]] of Object.entries(files)) {
        const text = await Deno.readTextFile(join(folder, path)).catch(() => undefined);
        assertEquals(text, published, path);
      }
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  });
});
