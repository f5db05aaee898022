import { assertEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { join } from "node:path";
import { removePolyfills } from "../scripts/polyfills.ts";

describe("the build of the npm package", () => {
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
