import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { afterEach, beforeEach, describe, it } from "@std/testing/bdd";
import { cp } from "node:fs/promises";
import { dirname, join } from "node:path";
import { entryProblem } from "../scripts/release.ts";
import { root, succeeds } from "./support/installed.ts";
import { serveJsr } from "./support/jsr.ts";

describe("the changelog's entry of a release", () => {
  const of = (heading: string, text = "\n- Something.\n") =>
    entryProblem(`# Changelog\n\n${heading}\n${text}\n## 1.1.0\n\nOld.\n`, "2.0.0", "2026-01-31");

  it("is the first one, with a day that has come and something to say", () => {
    assertEquals(of("## 2.0.0 (2026-01-31)"), undefined);
    assertEquals(of("## 2.0.0 (2024-02-29)"), undefined);
    assertEquals(entryProblem("## 2.0.0 (2026-01-31)\n\nNew.\n", "2.0.0", "2026-01-31"), undefined);
  });

  it("is refused without a day, or with one that there is not or not yet", () => {
    assertStringIncludes(of("## 2.0.0")!, "must begin with");
    for (const day of ["2026-02-01", "2025-02-29", "2025-13-01"]) {
      assertStringIncludes(of(`## 2.0.0 (${day})`)!, day);
    }
  });

  it("is refused if it is of another version, or says nothing", () => {
    assertStringIncludes(of("## 2.0.1 (2026-01-31)")!, "2.0.1");
    assertStringIncludes(of("## 1.9.0 (2026-01-31)")!, "1.9.0");
    assertStringIncludes(entryProblem("# Changelog\n", "2.0.0", "2026-01-31")!, "must begin with");
    assertStringIncludes(of("## 2.0.0 (2026-01-31)", "\n")!, "must say what is new");
  });
});

describe("the tree of a release", () => {
  let repository: string;
  let lock: string;

  const git = (...args: string[]) => succeeds(repository, "git", args);

  /** What `treeProblem` says of the repository. */
  const problem = () =>
    succeeds(repository, Deno.execPath(), [
      ...["eval", "--no-lock", "--no-config"],
      `import { treeProblem } from ${
        JSON.stringify(new URL("../scripts/release.ts", import.meta.url))
      };
       console.log(await treeProblem() ?? "clean");`,
    ]);

  beforeEach(async () => {
    repository = await Deno.makeTempDir();
    lock = join(repository, "scripts/deno.lock");
    const files = ["deno.json", "scripts"];
    for (const path of files) {
      await Deno.mkdir(dirname(join(repository, path)), { recursive: true });
      await cp(join(root, path), join(repository, path), { recursive: true });
    }
    // As it was before any command had reached JSR.
    const { jsr: _jsr, specifiers, ...rest } = JSON.parse(await Deno.readTextFile(lock));
    for (const name in specifiers) if (name.startsWith("jsr:")) delete specifiers[name];
    await Deno.writeTextFile(lock, JSON.stringify({ ...rest, specifiers }, undefined, 2));
    await Deno.writeTextFile(join(repository, "use.ts"), 'import "@std/testing/time";\n');
    await git("init", "--quiet");
    await git("add", ".");
    const author = ["-c", "user.name=Test", "-c", "user.email=test@example.com"];
    await git(...author, "commit", "--quiet", "--message", "All");
  });

  afterEach(() => Deno.remove(repository, { recursive: true }));

  it("is accepted if nothing has changed", async () => {
    assertEquals(await problem(), "clean\n");
  });

  it("is accepted after a command has added what JSR has to the lock file", async () => {
    const home = join(repository, ".git/deno");
    await using jsr = serveJsr();
    await succeeds(repository, Deno.execPath(), [
      ...["run", "-A", "scripts/suppliers.ts", "run", "-A", "--no-check", "use.ts"],
    ], { env: { LEMBRO_SUPPLIER: "jsr", JSR_URL: jsr.url, DENO_DIR: home } });
    const changed = await Deno.readTextFile(lock);
    assertStringIncludes(changed, '"jsr:@std/testing@1": "1.0.0"');
    assertEquals(await git("status", "--porcelain"), " M scripts/deno.lock\n");
    assertEquals(await problem(), "clean\n");
  });

  it("is refused if an entry of the lock file is another one", async () => {
    const text = await Deno.readTextFile(lock);
    await Deno.writeTextFile(lock, text.replace(/("npm:debug@.*?": )".*"/, '$1"4.0.0"'));
    assertMatch(await problem(), /but not change any: received another specifiers\.npm:debug/);
  });

  it("is refused if any other file has changed", async () => {
    await Deno.writeTextFile(join(repository, "use.ts"), "\n");
    assertMatch(await problem(), /^Commit or stash .* M use\.ts\n$/);
  });

  it("is refused if a file is not committed", async () => {
    await Deno.writeTextFile(join(repository, "other.ts"), "\n");
    assertMatch(await problem(), /^Commit or stash .*\?\? other\.ts\n$/);
  });
});
