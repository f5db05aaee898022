import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { afterAll, beforeAll, describe, it } from "@std/testing/bdd";
import { join } from "node:path";
import { root } from "./support/installed.ts";

describe("deno task test", () => {
  let folder: string;
  beforeAll(async () => {
    folder = await Deno.makeTempDir();
  });
  afterAll(() => Deno.remove(folder, { recursive: true }));

  /** Runs files with this code, and returns what is printed, and the exit code. */
  async function run(...files: string[]): Promise<{ code: number; lines: string[] }> {
    const paths = files.map((_, index) => join(folder, `${index}_test.ts`));
    for (const [index, code] of files.entries()) await Deno.writeTextFile(paths[index], code);
    const { code, stdout } = await new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", "scripts/test.ts", ...paths],
      cwd: root,
    }).output();
    return { code, lines: new TextDecoder().decode(stdout).trim().split("\n") };
  }

  const PASSES = 'Deno.test("a", async (t) => { await t.step("b", () => {}); });';
  const FAILS = 'Deno.test("breaks", () => { throw new Error("out of order"); });';

  it("ends with the sums of all files, and 0 if none has failed", async () => {
    const { code, lines } = await run(PASSES, `${PASSES} Deno.test("c", () => {});`);
    assertMatch(lines.at(-1)!, /^ok \| 3 passed \(2 steps\) \| 0 failed \(\d.* s\)$/);
    assertEquals(code, 0);
  });

  it("shows what a test that passes prints, such as what it leaves out", async () => {
    const { lines } = await run('console.log("Skipped: no browser");' + PASSES);
    assertEquals(lines.filter((line) => line === "Skipped: no browser").length, 1);
  });

  it("ends with 1 if a test fails, and shows why and in which file", async () => {
    const { code, lines } = await run(FAILS, PASSES);
    assertStringIncludes(lines.join("\n"), "out of order");
    assertMatch(lines.at(-3)!, /^Failed: \S+0_test\.ts$/);
    assertMatch(lines.at(-1)!, /^FAILED \| 1 passed \(1 step\) \| 1 failed /);
    assertEquals(code, 1);
  });

  it("counts a file that can't be run as one that has failed", async () => {
    const { code, lines } = await run("throw new Error('no test')", PASSES);
    assertMatch(lines.at(-1)!, /^FAILED \| 1 passed \(1 step\) \| 1 failed /);
    assertEquals(code, 1);
  });
});
