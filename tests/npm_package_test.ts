/**
 * The built package, as its users' runtimes and compilers get it: packed,
 * installed into an empty project, and tried with what is in `npm_package/`.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { afterAll, beforeAll, describe, it } from "@std/testing/bdd";
import { cp } from "node:fs/promises";
import { join } from "node:path";
import config from "../deno.json" with { type: "json" };
import { Installed, root, succeeds } from "./installed.ts";
import { runtimes } from "./runtimes.ts";

/** Long enough for a slow machine, and short enough to notice a process that never ends. */
const PATIENCE = 20_000;

const READY = "session store ready, captain.\n";

/** What is run in every runtime, and what it has to print. */
const SCRIPTS = {
  "require.cjs": ["is the factory for require, as 1.x's README shows", `${READY}kept\n`],
  "import.mjs": ["has the factory as default export for import", `${READY}kept\n`],
  "both.mjs": ["can be required and imported in one process, and in one app", "both\n"],
  "express.cjs": ["keeps the sessions of an Express app that requires it", "visit 2\n"],
  "express.mjs": ["keeps the sessions of an Express app that imports it", "visit 2\n"],
  "exit.cjs": ["lets the process exit when nothing but a store is left", "set\n"],
};

const missing = ["node", "npm"].find((command) => !runs(command));
if (missing && !Deno.env.has("CI")) {
  console.log(`Skipped the tests of the npm package: there is no ${missing} on the PATH.`);
} else {
  // Which runtimes there are has to be known before the tests are named.
  const folder = await Deno.makeTempDir({ prefix: "express-lembro-" });
  const everywhere = await runtimes(folder);

  describe("the npm package", () => {
    let installed: Installed;
    let project: string;

    beforeAll(async () => {
      installed = await Installed.pack();
      const { imports } = config;
      project = await installed.project("project", "tests/npm_package", [
        ...[imports.express, imports["express-session"], imports.typescript]
          .map((specifier) => specifier.replace("npm:", "")),
        ...["@types/express@^5.0.0", "@types/express-session@^1.18.0", "@types/node@^20.0.0"],
        "typescript-newest@npm:typescript",
        ...["publint@^0.3.0", "@arethetypeswrong/cli@^0.18.0"],
      ]);
    });

    afterAll(async () => {
      await installed[Symbol.asyncDispose]();
      await Deno.remove(folder, { recursive: true });
    });

    it("holds what users need and nothing else", async () => {
      const modules = ["mod.ts"];
      for await (const { name } of Deno.readDir(join(root, "src"))) modules.push(`src/${name}`);
      const built = modules.flatMap((module) => [
        module.replace(/ts$/, "js"),
        module.replace(/ts$/, "d.ts"),
      ]);
      assertEquals(
        installed.packed.files.map(({ path }) => path).sort(),
        [
          ...["CHANGELOG.md", "LICENSE", "README.md", "package.json"],
          ...["esm", "script"].flatMap((format) =>
            ["package.json", ...built].map((path) => `${format}/${path}`)
          ),
        ].sort(),
      );
    });

    it("depends on debug and sizeomatic, and on the express-session of the app", async () => {
      const manifest = await manifestOf(project);
      assertEquals(manifest.name, "express-lembro");
      assertEquals(manifest.version, config.version);
      assertEquals(Object.keys(manifest.dependencies), ["debug", "sizeomatic"]);
      assertEquals(manifest.peerDependencies, { "express-session": "^1.17.0" });
      assertEquals(manifest.devDependencies, undefined);
    });

    it("says what tools and people look for", async () => {
      const manifest = await manifestOf(project);
      assertEquals(manifest.engines, { node: ">=20" });
      assertEquals(manifest.sideEffects, false);
      assertEquals(manifest.types, "./script/mod.d.ts");
      assertEquals(manifest.repository.type, "git");
      assert(manifest.repository.url.startsWith("git+https://"));
      for (const keyword of ["express", "session", "store", "memory"]) {
        assert(manifest.keywords.includes(keyword), `1.1.0 had the keyword ${keyword}`);
      }
    });

    it("gives publint nothing to say", async () => {
      const said = await succeeds(project, "npm", [
        ...["exec", "--", "publint", "--strict"],
        join(installed.scratch, installed.packed.filename),
      ]);
      assert(said.includes("All good!"), said);
    });

    it("gives attw (are the types wrong) nothing to say", async () => {
      const tarball = join(installed.scratch, installed.packed.filename);
      const said = await succeeds(project, "npm", ["exec", "--", "attw", tarball]);
      assert(said.includes("No problems found"), said);
    });

    it("has types for ES modules, CommonJS and bundlers", async () => {
      for (const type of ["module", "commonjs"]) {
        await cp(join(project, "types"), join(project, type), { recursive: true });
        await Deno.writeTextFile(join(project, type, "package.json"), JSON.stringify({ type }));
      }
      const files = (type: string) =>
        ["usage.ts", "augmentation.ts"].map((use) => `${type}/${use}`);
      const inNode = ["require.cts", "require.mts"].map((file) => `types/${file}`)
        .concat(files("module"), files("commonjs"));
      await Promise.all([
        compiles("typescript", ["--module", "nodenext", ...inNode]),
        compiles("typescript-newest", ["--module", "nodenext", ...inNode]),
        compiles("typescript", [
          ...["--module", "esnext", "--moduleResolution", "bundler"],
          ...files("module"),
        ]),
        compiles("typescript", [
          ...["--module", "commonjs", "--moduleResolution", "node10", "--esModuleInterop"],
          ...files("commonjs"),
        ]),
      ]);
    });

    for (const { name, command: [binary, ...args] } of everywhere) {
      describe(`in ${name}`, () => {
        const run = (...script: string[]) =>
          succeeds(join(project, "run"), binary, [...args, ...script], PATIENCE);

        for (const [file, [promise, printed]] of Object.entries(SCRIPTS)) {
          it(promise, async () => assertEquals(await run(file), printed));
        }

        if (!name.startsWith("Node")) return;
        it("runs the snippets of the README that say so", async () => {
          const readme = await Deno.readTextFile(join(root, "README.md"));
          const snippets = [
            ...readme.matchAll(/^<!-- run in node -->\n+```js ignore\n([^]*?)^```$/gm),
          ];
          assert(
            snippets.length > 0,
            "README.md has no snippet with <!-- run in node --> before it",
          );
          for (const [index, [, snippet]] of snippets.entries()) {
            const file = `readme_${index + 1}.${/^import /m.test(snippet) ? "mjs" : "cjs"}`;
            // What the snippet leaves running, a server above all, ends with it.
            const ending = "\nsetTimeout(() => process.exit(0), 200);\n";
            await Deno.writeTextFile(join(project, "run", file), snippet + ending);
            await run("--require", "./any_port.cjs", file);
          }
        });
      });
    }

    /** Lets a compiler check files: lines after `@ts-expect-error` have to fail. */
    async function compiles(compiler: string, args: string[]) {
      const strict = ["--noEmit", "--strict", "--skipLibCheck", "false", "--target", "es2022"];
      const tsc = join(project, "node_modules", compiler, "bin/tsc");
      await succeeds(project, "node", [tsc, ...strict, ...args]);
    }
  });
}

async function manifestOf(project: string) {
  const path = join(project, "node_modules/express-lembro/package.json");
  return JSON.parse(await Deno.readTextFile(path));
}

function runs(command: string): boolean {
  try {
    return new Deno.Command(command, { args: ["--version"] }).outputSync().success;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}
