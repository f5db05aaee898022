/**
 * The built package, as its users' runtimes and compilers get it: packed,
 * installed into an empty project, and tried with what is in `npm_package/`: in
 * the Node on the PATH and in Chromium. With `LEMBRO_RUNTIMES=all` in every
 * runtime, with other tools and frameworks, and with all tests of the store.
 *
 * @module
 */
import { assert, assertEquals, assertRejects } from "@std/assert";
import { afterAll, beforeAll, describe, it } from "@std/testing/bdd";
import { build, stop } from "esbuild";
import type { LembroStats } from "express-lembro";
import { cp, readdir } from "node:fs/promises";
import { basename, join } from "node:path";
import { pathToFileURL } from "node:url";
import { gzipSync } from "node:zlib";
import type { Browser } from "playwright-core";
import config from "../deno.json" with { type: "json" };
import importMap from "../scripts/imports.json" with { type: "json" };
import { hasChromium, launch, serve } from "./support/chromium.ts";
import { FRAMEWORKS, whileRunning } from "./support/frameworks.ts";
import { Installed, root, succeeds } from "./support/installed.ts";
import { isAll, itInAll, leaveToAll } from "./support/matrix.ts";
import { devicesProgram, firstProgram, inserted, snippetOf, snippetsOf } from "./support/readme.ts";
import { runtimes } from "./support/runtimes.ts";

/** Long enough for a slow machine, and short enough to notice a process that never ends. */
const PATIENCE = 60_000;

const { imports } = importMap;

const PACKAGE = "node_modules/express-lembro";
const CDN_FILE = "./esm/express-lembro.min.js";

const READY = "session store ready, captain.\n";

/** What is run in every runtime, and what it has to print. */
const SCRIPTS = {
  "require.cjs": ["is the factory for require, as 1.x's README shows", `${READY}kept\n`],
  "import.mjs": ["has the factory as default export for import", `${READY}kept\n`],
  "both.mjs": ["can be required and imported in one process, and in one app", "both\n"],
  "express.cjs": ["keeps the sessions of an Express app that requires it", "visit 2\n"],
  "express.mjs": ["keeps the sessions of an Express app that imports it", "visit 2\n"],
  "readme_of_1.cjs": ["does what 1.1.0's README says, line by line", "every line\n"],
  "monitor.mjs": ["shows the stores of its two builds, with the monitor of either", "4 times\n"],
  "journal.mjs": [
    "keeps sessions in a journal, whichever way store and journal come in",
    "4 visits\n",
  ],
  "journal_killed.mjs": ["comes back with every answered logout when it is killed", "survived\n"],
  "lock.mjs": ["lets one process or worker write a journal, until it has ended", "one writer\n"],
  "lock_by_time.mjs": ["does so without sockets, and syncs as Yarn's handles can", "one writer\n"],
  "snapshot.mjs": ["carries sessions over, whichever way store and snapshot come in", "carried\n"],
  "snapshot_killed.mjs": ["leaves a whole snapshot when it is killed in a save", "whole\n"],
  "transfer.mjs": ["transfers sessions between its two builds, by either of them", "4 times\n"],
  "exit.cjs": ["lets the process exit when nothing but a store is left", "set\n"],
};

/** A test that takes its time, and that `deno task ok` and CI run. */
const missing = ["node", "npm"].find((command) => !runs(command));
if (Deno.env.get("LEMBRO_RUNTIMES") === "none") {
  console.log("Left out the tests of the npm package, as LEMBRO_RUNTIMES=none asks.");
} else if (missing && !Deno.env.has("CI")) {
  console.log(`Skipped the tests of the npm package: there is no ${missing} on the PATH.`);
} else {
  // Which runtimes there are has to be known before the tests are named.
  const folder = await Deno.makeTempDir({ prefix: "express-lembro-" });
  const everywhere = (await runtimes(folder)).filter(({ name }) => isAll || /^Node/.test(name));
  leaveToAll(
    "the npm package in other runtimes, compilers, frameworks and PM2, the README's programs in " +
      "TypeScript, and the store's tests with the file for CDNs",
  );

  describe("the npm package", () => {
    let installed: Installed;
    let project: string;
    let frameworks: string;

    beforeAll(async () => {
      installed = await Installed.pack();
      project = await installed.project("project", "tests/npm_package", [
        ...[imports.express, imports["express-session"], imports.typescript]
          .map((specifier) => specifier.replace("npm:", "")),
        ...["@types/express@^5.0.0", "@types/express-session@^1.18.0", "@types/node@^20.0.0"],
        `express-lembro-1@${imports["express-lembro-1"]}`,
        ...(isAll
          ? ["typescript-newest@npm:typescript", "pm2@^7.0.0", "publint@^0.3.0"]
            .concat("@arethetypeswrong/cli@^0.18.0")
          : []),
      ]);
      if (!isAll) return;
      frameworks = await installed.project("frameworks", "scripts/examples/frameworks", []);
      await succeeds(frameworks, "npm", ["exec", "--", "tsc", "--project", ".", "--noCheck"]);
    });

    afterAll(async () => {
      await installed[Symbol.asyncDispose]();
      await Deno.remove(folder, { recursive: true });
    });

    it("holds what users need and nothing else", async () => {
      const modules = (await readdir(join(root, "src"), { recursive: true }))
        .filter((path) => path.endsWith(".ts"))
        .map((path) => `src/${path}`);
      const built = ["mod.ts", ...modules].map((module) => module.replace(/ts$/, "js"));
      assertEquals(
        installed.packed.files.map(({ path }) => path).filter((path) => !path.endsWith(".d.ts"))
          .sort(),
        [
          ...["CHANGELOG.md", "LICENSE", "README.md", "package.json"],
          ...["esm", "script"].flatMap((format) =>
            ["package.json", ...built].map((path) => `${format}/${path}`)
          ),
          "esm/express-lembro.min.js",
        ].sort(),
      );
    });

    it("takes less than 1 MB", () => {
      const { size, unpackedSize } = installed.packed;
      console.log(`The package: ${size} bytes, ${unpackedSize} unpacked`);
      assert(unpackedSize < 1_000_000, `${unpackedSize} bytes unpacked`);
    });

    it("has each declaration once, and none that no compiler reads", async () => {
      const folder = join(project, "every_entry");
      await Deno.mkdir(folder);
      const lines = Object.keys(config.exports)
        .map((name) => `import ${JSON.stringify(name.replace(".", "express-lembro"))};\n`);
      for (const name of ["every.mts", "every.cts"]) {
        await Deno.writeTextFile(join(folder, name), lines.join(""));
      }
      const read = await succeeds(project, "node", [
        ...["node_modules/typescript/bin/tsc", "--listFilesOnly", "--module", "nodenext"],
        ...["every_entry/every.mts", "every_entry/every.cts"],
      ]);
      const declarations = installed.packed.files.map(({ path }) => path)
        .filter((path) => path.endsWith(".d.ts"));
      assertEquals(
        declarations.toSorted(),
        read.split("\n").filter((path) => path.includes(`/${PACKAGE}/`))
          .map((path) => path.replace(/.*\/node_modules\/express-lembro\//, "")).toSorted(),
      );
      assertEquals(
        declarations.filter((path) => path.startsWith("esm/")),
        Object.values(config.exports)
          .map((path) => path.replace(/^\.\/(.*)\.ts$/, "esm/$1.d.ts")).toSorted(),
      );
    });

    it("depends on debug, diff, ipaddr.js and sizeomatic, on the express-session of the app, and on a client of Redis if there is one", async () => {
      const manifest = await manifestOf(project);
      assertEquals(manifest.name, "express-lembro");
      assertEquals(manifest.version, config.version);
      assertEquals(Object.keys(manifest.dependencies), [
        "debug",
        "diff",
        "ipaddr.js",
        "sizeomatic",
      ]);
      assertEquals(manifest.peerDependencies, {
        "@types/express-session": "^1.17.0",
        "express-session": "^1.17.0",
        "ioredis": "^5.0.0 || ^6.0.0",
        "redis": "^5.0.0 || ^6.0.0",
      });
      assertEquals(manifest.peerDependenciesMeta, {
        "@types/express-session": { optional: true },
        "ioredis": { optional: true },
        "redis": { optional: true },
      });
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

    itInAll("gives publint nothing to say", async () => {
      const said = await succeeds(project, "npm", [
        ...["exec", "--", "publint", "--strict"],
        join(installed.scratch, installed.packed.filename),
      ]);
      assert(said.includes("All good!"), said);
    });

    itInAll("gives attw (are the types wrong) nothing to say", async () => {
      const tarball = join(installed.scratch, installed.packed.filename);
      const said = await succeeds(project, "npm", ["exec", "--", "attw", tarball]);
      assert(said.includes("No problems found"), said);
    });

    it("has types for ES modules, CommonJS and bundlers", async () => {
      for (const type of ["module", "commonjs"]) {
        await cp(join(project, "types"), join(project, type), { recursive: true });
        await Deno.writeTextFile(join(project, type, "package.json"), JSON.stringify({ type }));
      }
      const uses = (await readdir(join(project, "types"))).filter((name) => name.endsWith(".ts"));
      const files = (type: string) => uses.map((use) => `${type}/${use}`);
      const inNode = ["require.cts", "require.mts"].map((file) => `types/${file}`)
        .concat(files("module"), files("commonjs"));
      await compiles("typescript", ["--module", "nodenext", ...inNode]);
      if (!isAll) return;
      await Promise.all([
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

    itInAll("compiles the README's programs with its file of types, and not without", async () => {
      const folder = join(project, "readme");
      await Deno.mkdir(folder);
      await Deno.writeTextFile(join(folder, "package.json"), '{ "type": "module" }');
      const clients = [imports["redis-6"].replace("npm:", ""), "socket.io@^4.8.0"];
      await succeeds(folder, "npm", ["install", ...clients]);
      const [journal, stop, snapshot, redis, update, timeouts, monitor] = await Promise.all(
        ["journal", "stop", "snapshot", "redis", "update", "timeouts", "monitor"].map(snippetOf),
      );
      const using = /^app\.use\(.*\n/m;
      const journaled = await firstProgram(journal);
      const onRedis = `import express from "express";\nconst app = express();\n${redis}`;
      const programs = {
        "first.ts": await firstProgram(),
        "require.cts": (await snippetsOf("run in node"))[1],
        "journal.ts": journaled + stop,
        "snapshot.ts": await firstProgram(snapshot),
        "devices.ts": await devicesProgram(),
        "redis.ts": inserted(onRedis, using, monitor.replace(", { journal }", "")),
        "update.ts": inserted(await firstProgram(), using, update),
        "timeouts.ts": (await firstProgram()).replace(/^const store = .*\n/m, timeouts),
        "monitor.ts": inserted(journaled, using, monitor),
        "session.d.ts": await snippetOf("session.d.ts"),
      };
      for (const [name, program] of Object.entries(programs)) {
        await Deno.writeTextFile(join(folder, name), program);
      }
      // What `tsc --init` sets beside `strict`.
      const options = [
        ...["--module", "nodenext", "--noUncheckedIndexedAccess", "--exactOptionalPropertyTypes"],
        ...["--verbatimModuleSyntax", "--isolatedModules", "--moduleDetection", "force"],
      ];
      const files = Object.keys(programs).map((name) => join(folder, name));
      for (const compiler of ["typescript", "typescript-newest"]) {
        await compiles(compiler, [...options, ...files]);
      }
      const first = [...options, join(folder, "first.ts")];
      await assertRejects(() => compiles("typescript", first), Error, "'visits'");
    });

    for (const { name, command: [binary, ...args] } of everywhere) {
      describe(`in ${name}`, () => {
        const run = (...script: string[]) =>
          succeeds(join(project, "run"), binary, [...args, ...script], {
            signal: AbortSignal.timeout(PATIENCE),
          });

        for (const [file, [promise, printed]] of Object.entries(SCRIPTS)) {
          it(promise, async () => assertEquals(await run(file), printed));
        }

        for (const [example, work] of Object.entries(FRAMEWORKS)) {
          itInAll(`serves scripts/examples/frameworks/${example}`, async () => {
            await whileRunning({ name, command: [binary, ...args] }, frameworks, example, work);
          });
        }

        if (!name.startsWith("Node")) return;
        it("runs the snippets of the README that say so", async () => {
          for (const [index, snippet] of (await snippetsOf("run in node")).entries()) {
            const file = `readme_${index + 1}.${/^import /m.test(snippet) ? "mjs" : "cjs"}`;
            // What the snippet leaves running, a server above all, ends with it.
            const ending = "\nsetTimeout(() => process.exit(0), 200);\n";
            await Deno.writeTextFile(join(project, "run", file), snippet + ending);
            await run("--require", "./any_port.cjs", file);
          }
        });

        it("warns of a cluster in its workers, once, and nowhere else", async () => {
          assertEquals(await run("cluster.cjs"), "primary: \nworker: LEMBRO_CLUSTER\n");
        });

        it("keeps a journal under the permissions of Node", async () => {
          // Version 20 has the flag by its first name alone, and later ones by the other.
          const isFirst = /^Node v?20\./.test(name);
          const flag = isFirst ? "--experimental-permission" : "--permission";
          const allowed = ["--no-warnings", flag, "--allow-fs-read=*", "--allow-fs-write=*"];
          assertEquals(await run(...allowed, "permission.mjs"), "3 runs\n");
        });

        it("runs the example of a test", async () => {
          const file = join(project, "run", "session.test.mjs");
          await Deno.copyFile(join(root, "scripts/examples/session.test.mjs"), file);
          // Newer versions report in another form by default.
          const report = await run("--test", "--test-reporter=tap", file);
          assert(report.includes("# pass 1\n"));
        });
      });
    }

    for (
      const [mode, args, codes] of [
        ["cluster", ["-i", "2"], ["LEMBRO_CLUSTER"]],
        ["fork", [], []],
      ] as const
    ) {
      itInAll(`warns of a cluster in PM2's ${mode} mode: ${codes.length === 1}`, async () => {
        const home = join(installed.scratch, `pm2 ${mode}`);
        const told = join(installed.scratch, `pm2 ${mode}.json`);
        await Deno.mkdir(home);
        const manager = new Deno.Command(join(project, "node_modules/.bin/pm2-runtime"), {
          args: ["start", join(project, "run/cluster.cjs"), ...args],
          env: { PM2_HOME: home, TOLD: told },
          stdout: "null",
        }).spawn();
        try {
          let found: string | undefined;
          for (let tries = 0; !found && tries < 200; tries++) {
            await new Promise((resolve) => setTimeout(resolve, 100));
            found = await Deno.readTextFile(told).catch(() => undefined);
          }
          assertEquals(JSON.parse(found!), codes);
        } finally {
          // It ends what it has started.
          manager.kill("SIGINT");
          await manager.status;
        }
      });
    }

    describe("the file for CDNs", () => {
      it("is what CDNs find, and needs nothing else", async () => {
        const manifest = await manifestOf(project);
        assertEquals([manifest.jsdelivr, manifest.unpkg], [CDN_FILE, CDN_FILE]);
        const code = await Deno.readTextFile(join(project, PACKAGE, CDN_FILE));
        assertEquals(code.match(/\bimport\b|\brequire\b/g), null);
        const { size } = await Deno.stat(join(project, PACKAGE, CDN_FILE));
        console.log(`The file for CDNs: ${size} bytes, ${gzipSync(code).length} compressed`);
      });

      itInAll("keeps every promise that the store keeps", async () => {
        const module = pathToFileURL(join(project, PACKAGE, CDN_FILE)).href;
        const files: string[] = [];
        for await (const { name } of Deno.readDir(join(root, "tests"))) {
          if (!name.endsWith("_test.ts")) continue;
          const code = await Deno.readTextFile(join(root, "tests", name));
          // The file has no debug in it: a browser hears it, below. Nor has it any other module.
          const isLeftOut = /from "(debug|playwright-core|express-lembro\/\w+)"|support\/readme/
            .test(code);
          if (/"\.\/(support\/(setup|http)|model\/\w+)\.ts"/.test(code) && !isLeftOut) {
            files.push(`tests/${name}`);
          }
        }
        assert(files.length >= 10, `only ${files}`);
        await succeeds(root, Deno.execPath(), [
          ...["run", "-A", "scripts/suppliers.ts", "test", "-A", "--no-check"],
          ...[...files, "--", "1000"],
        ], { env: { LEMBRO_MODULE: module } });
      });
    });

    if (hasChromium()) {
      describe("in Chromium", () => {
        let browser: Browser;
        beforeAll(async () => {
          browser = await launch();
        });
        afterAll(() => browser.close());

        it("keeps sessions under a cap, from the file for CDNs alone", async () => {
          assertKept(await found("cdn.html"), [
            "express-lembro reduce: start",
            "express-lembro reduce: done",
          ]);
        });

        it("keeps them from the ES modules too, as esm.sh and skypack serve them", async () => {
          assertKept(await found("modules.html"), []);
        });

        it("runs the README's page", async () => {
          const page = await browser.newPage();
          try {
            await page.route(
              "https://cdn.jsdelivr.net/npm/express-lembro@2",
              (route) =>
                route.fulfill({
                  path: join(project, PACKAGE, CDN_FILE),
                  contentType: "text/javascript",
                  headers: { "access-control-allow-origin": "*" },
                }),
            );
            await page.setContent(`<body></body>${await snippetOf("run in a browser")}`);
            await page.waitForFunction("document.body.textContent === 'Ada'");
          } finally {
            await page.close();
          }
        });

        /** What the page found. */
        async function found(html: string): Promise<Found> {
          const dependencies = await asModules(join(project, "node_modules"));
          await using server = serve(async (path) => {
            const name = path.slice(1);
            if (name in dependencies) return dependencies[name];
            const file = name === "cdn.js"
              ? join(PACKAGE, CDN_FILE)
              : name.startsWith("package/")
              ? name.replace("package", PACKAGE)
              : join("browser", name);
            return await Deno.readTextFile(join(project, file));
          });
          const page = await browser.newPage();
          const errors: Error[] = [];
          page.on("pageerror", (error) => errors.push(error));
          await page.goto(`${server.url}/${html}`);
          await page.waitForFunction("globalThis.found").catch(() => {
            throw errors[0] ?? new Error(`${html} found nothing`);
          });
          const found = await page.evaluate("found") as Found;
          await page.close();
          assertEquals(errors, []);
          return found;
        }
      });
    }

    itInAll("has types for NestJS and Fastify", async () => {
      await succeeds(frameworks, "npm", ["exec", "--", "tsc", "--project", ".", "--noEmit"]);
    });

    itInAll("knows the sessions of the app in a pnpm workspace that hoists nothing", async () => {
      const workspace = join(installed.scratch, "workspace");
      const app = join(workspace, "app");
      await Deno.mkdir(app, { recursive: true });
      await Deno.writeTextFile(join(workspace, "package.json"), '{ "private": true }');
      await Deno.writeTextFile(
        join(workspace, "pnpm-workspace.yaml"),
        "packages: [app]\nhoist: false\n",
      );
      const manifest = {
        name: "app",
        private: true,
        type: "module",
        dependencies: {
          "express-lembro": `file:${join(installed.scratch, installed.packed.filename)}`,
          "express-session": imports["express-session"].replace(/.*@/, ""),
          "@types/express-session": "^1.18.0",
          "@types/node": "^20.0.0",
        },
      };
      await Deno.writeTextFile(join(app, "package.json"), JSON.stringify(manifest));
      await Deno.copyFile(join(project, "types/augmentation.ts"), join(app, "augmentation.ts"));
      await succeeds(app, "npm", ["exec", "--yes", "--package=pnpm@10", "--", "pnpm", "install"]);
      await compiles("typescript", ["--module", "nodenext", join(app, "augmentation.ts")]);
    });

    /** Lets a compiler check files: lines after `@ts-expect-error` have to fail. */
    async function compiles(compiler: string, args: string[]) {
      const strict = ["--noEmit", "--strict", "--skipLibCheck", "false", "--target", "es2022"];
      const tsc = join(project, "node_modules", compiler, "bin/tsc");
      await succeeds(project, "node", [tsc, ...strict, ...args]);
    }
  });
}

/** What `browser/store.js` leaves. */
interface Found {
  most: number;
  filled: LembroStats;
  [name: string]: unknown;
}

function assertKept({ most, filled, ...found }: Found, logged: string[]): void {
  assert(most <= 64 * 1024, `${most} bytes of 65536`);
  assert(filled.sessions > 30, `${filled.sessions} sessions of about a kilobyte`);
  assertEquals(filled.evicted.newcomers, 1000 - filled.sessions);
  assertEquals(found, {
    isStore: true,
    className: "Lembro",
    logged,
    kept: { cookie: { maxAge: 30 } },
    gone: undefined,
    expired: 1,
    refused: "ERR_LEMBRO_SESSION_TOO_LARGE",
    calledBack: [null, "Ada"],
    left: 0,
  });
}

/** The dependencies as ES modules, as a CDN gives them, by the names of their files. */
async function asModules(folder: string): Promise<Record<string, string>> {
  const { outputFiles } = await build({
    entryPoints: {
      debug: join(folder, "debug/src/browser.js"),
      diff: join(folder, "diff/libesm/index.js"),
      ipaddr: join(folder, "ipaddr.js/lib/ipaddr.js"),
      sizeomatic: join(folder, "sizeomatic/index.js"),
    },
    outdir: folder,
    bundle: true,
    format: "esm",
    write: false,
  });
  await stop();
  return Object.fromEntries(outputFiles.map(({ path, text }) => [basename(path), text]));
}

async function manifestOf(project: string) {
  const path = join(project, PACKAGE, "package.json");
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
