/**
 * The built package, as Node and its users' compilers get it: packed, installed
 * into an empty project, and tried with what is in `npm_package/`.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { afterAll, beforeAll, describe, it } from "@std/testing/bdd";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import config from "../deno.json" with { type: "json" };

const root = fileURLToPath(new URL("..", import.meta.url));
const fixtures = join(root, "tests/npm_package");

/** Long enough for a slow machine, and short enough to notice a process that never ends. */
const PATIENCE = 20_000;

const missing = ["node", "npm"].find((command) => !runs(command));
if (missing && !Deno.env.has("CI")) {
  console.log(`Skipped the tests of the npm package: there is no ${missing} on the PATH.`);
} else {
  describe("the npm package", () => {
    let scratch: string;
    let project: string;
    let packed: { filename: string; files: { path: string }[] };

    beforeAll(async () => {
      scratch = await Deno.makeTempDir({ prefix: "express-lembro-" });
      const outDir = join(scratch, "npm");
      project = join(scratch, "project");
      await succeeds(root, Deno.execPath(), [
        ...["run", "-A", "scripts/suppliers.ts", "run", "-A", "scripts/build_npm.ts"],
        outDir,
      ]);
      [packed] = JSON.parse(
        await succeeds(outDir, "npm", ["pack", "--json", "--pack-destination", scratch]),
      );

      await Deno.mkdir(project);
      for await (const { name } of Deno.readDir(fixtures)) {
        await Deno.copyFile(join(fixtures, name), join(project, name));
      }
      await Deno.writeTextFile(join(project, "package.json"), "{}");
      const { imports } = config;
      await succeeds(project, "npm", [
        "install",
        join(scratch, packed.filename),
        ...[imports.express, imports["express-session"], imports.typescript]
          .map((specifier) => specifier.replace("npm:", "")),
        ...["@types/express@^5.0.0", "@types/express-session@^1.18.0", "@types/node@^20.0.0"],
      ]);
    });

    afterAll(async () => {
      await Deno.remove(scratch, { recursive: true });
    });

    it("holds what users need and nothing else", async () => {
      const modules = ["mod.ts"];
      for await (const { name } of Deno.readDir(join(root, "src"))) modules.push(`src/${name}`);
      const built = modules.flatMap((module) => [
        module.replace(/ts$/, "js"),
        module.replace(/ts$/, "d.ts"),
      ]);
      assertEquals(
        packed.files.map(({ path }) => path).sort(),
        [
          ...["CHANGELOG.md", "LICENSE", "README.md", "package.json"],
          ...["esm", "script"].flatMap((format) =>
            ["package.json", ...built].map((path) => `${format}/${path}`)
          ),
        ].sort(),
      );
    });

    it("depends on debug and sizeomatic, and on the express-session of the app", async () => {
      const manifest = JSON.parse(
        await Deno.readTextFile(join(project, "node_modules/express-lembro/package.json")),
      );
      assertEquals(manifest.name, "express-lembro");
      assertEquals(manifest.version, config.version);
      assertEquals(Object.keys(manifest.dependencies), ["debug", "sizeomatic"]);
      assertEquals(manifest.peerDependencies, { "express-session": "^1.17.0" });
      assertEquals(manifest.devDependencies, undefined);
    });

    it("is the factory for require, as 1.x's README shows", async () => {
      assertEquals(await node("require.cjs"), "session store ready, captain.\nkept\n");
    });

    it("has the factory as default export for import", async () => {
      assertEquals(await node("import.mjs"), "session store ready, captain.\nkept\n");
    });

    it("can be required and imported in one process", async () => {
      assertEquals(await node("both.mjs"), "both\n");
    });

    it("keeps the sessions of an Express app that requires it", async () => {
      assertEquals(await node("express.cjs"), "visit 2\n");
    });

    it("keeps the sessions of an Express app that imports it", async () => {
      assertEquals(await node("express.mjs"), "visit 2\n");
    });

    it("lets the process exit when nothing but a store is left", async () => {
      assertEquals(await node("exit.cjs"), "set\n");
    });

    it("has types for ES modules, CommonJS and bundlers", async () => {
      const importAndRequire = ["import.mts", "require.mts", "import.cts", "require.cts"];
      const commonjs = ["commonjs", "--moduleResolution", "node10", "--esModuleInterop"];
      const bundler = ["esnext", "--moduleResolution", "bundler"];
      await Promise.all([
        compiles(["--module", "nodenext"], importAndRequire),
        compiles(["--module", ...commonjs], ["import.ts"]),
        compiles(["--module", ...bundler], ["import.ts"]),
      ]);
    });

    it("runs the snippets of the README that say so", async () => {
      const readme = await Deno.readTextFile(join(root, "README.md"));
      const snippets = [...readme.matchAll(/^<!-- run in node -->\n+```js ignore\n([^]*?)^```$/gm)];
      assert(snippets.length > 0, "README.md has no snippet with <!-- run in node --> before it");
      for (const [index, [, snippet]] of snippets.entries()) {
        const file = `readme_${index + 1}.${/^import /m.test(snippet) ? "mjs" : "cjs"}`;
        // What the snippet leaves running, a server above all, ends with it.
        const ending = "\nsetTimeout(() => process.exit(0), 200);\n";
        await Deno.writeTextFile(join(project, file), snippet + ending);
        await node("--require", "./any_port.cjs", file);
      }
    });

    /** Runs Node in the project, and gives what it printed. */
    function node(...args: string[]): Promise<string> {
      return succeeds(project, "node", args, PATIENCE);
    }

    /** Lets the compiler check files in the project: lines after `@ts-expect-error` have to fail. */
    async function compiles(options: string[], files: string[]) {
      const strict = ["--noEmit", "--strict", "--skipLibCheck", "false", "--target", "es2022"];
      await succeeds(project, "npm", ["exec", "--", "tsc", ...strict, ...options, ...files]);
    }
  });
}

function runs(command: string): boolean {
  try {
    return new Deno.Command(command, { args: ["--version"] }).outputSync().success;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

/** Runs a command that has to succeed, and gives what it printed. */
async function succeeds(cwd: string, command: string, args: string[], patience?: number) {
  const signal = patience === undefined ? undefined : AbortSignal.timeout(patience);
  const output = await new Deno.Command(command, { args, cwd, signal }).output();
  const [printed, complaint] = [output.stdout, output.stderr]
    .map((bytes) => new TextDecoder().decode(bytes));
  assert(output.success, `${[command, ...args].join(" ")} failed:\n${printed}${complaint}`);
  return printed;
}
