import { assert, assertEquals, assertMatch, assertThrows } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { fileURLToPath } from "node:url";
import { readTable } from "../scripts/bench/readme.ts";
import { lockedVersion, versions } from "../scripts/bench/runtimes.ts";

const root = fileURLToPath(new URL("..", import.meta.url));

/** Runs a script of the bench. */
async function run(script: string, ...args: string[]) {
  const { success, code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", `scripts/bench/${script}`, ...args],
    cwd: root,
  }).output();
  const [printed, complaint] = [stdout, stderr].map((bytes) => new TextDecoder().decode(bytes));
  return { success, code, stdout: printed, stderr: complaint };
}

/** The cells of all tables in a page of Markdown. */
function rowsOf(page: string): string[][] {
  return page.split("\n").filter((line) => line.startsWith("|"))
    .map((row) => row.split("|").slice(1, -1).map((cell) => cell.trim()));
}

describe("deno task bench", () => {
  it("prints every row with numbers, on Node and on Deno, and draws them", async () => {
    const out = await Deno.makeTempDir();
    try {
      const { success, stderr } = await run("main.ts", "--smoke", `--out=${out}`);
      assert(success, stderr);

      const page = await Deno.readTextFile(`${out}/results.md`);
      assertEquals(page.match(/NaN|Infinity|undefined|null/g), null, page);
      const cells = rowsOf(page);
      const rows = (name: string) => cells.filter(([first]) => first === name);
      assertEquals(rows("p99, ms").length, 1);
      // Of all stores, and of the journal.
      for (const name of ["requests per second", "work on a request, µs"]) {
        assertEquals(rows(name).length, 2, name);
      }
      for (const name of ["to no journal", "100 sessions"]) {
        assertEquals(rows(name).length, 1, name);
      }
      // Writing, compacting, that without the collector, no journal, and opening.
      for (const hold of rows("100 sessions")[0].slice(1, 6)) assertMatch(hold, /^\d+\.\d$/);
      const onBoth = ["a session", "left of it when destroyed"];
      onBoth.push("newcomers", "returning sessions", "350 characters", "10,000 keys");
      for (const name of onBoth) assertEquals(rows(name).length, 2, name);
      // Each in the table of the speed, and in that of the growth of three stores.
      for (const operation of ["get", "set, new", "set, overwrite", "touch", "destroy"]) {
        assertEquals(rows(operation).length, 2 * (1 + 3), operation);
      }
      const holds = ["purge, all", "purge, half", "reduce", "overflow"];
      for (const hold of [...holds, "length", "ids", "revokeUser", "all", "clear"]) {
        const found = rows(hold);
        assertEquals(found.length, 2, hold);
        for (const row of found) assertMatch(row.at(-1)!, /^\d+\.\d$/);
      }
      assertMatch(await Deno.readTextFile(`${out}/results.svg`), /^<svg [^]*<\/svg>\n$/);
    } finally {
      await Deno.remove(out, { recursive: true });
    }
  });

  it("puts another checkout's store beside this one", async () => {
    const { success, stdout, stderr } = await run("main.ts", "--smoke", "--against=mod.ts");
    assert(success, stderr);
    const rows = rowsOf(stdout);
    for (const name of ["get", "set, new", "set, overwrite", "touch"]) {
      const found = rows.filter(([first]) => first === `${name}: calls per second`);
      assertEquals(found.length, 2, name);
      for (const row of found) assertMatch(row.at(-1)!, /^\d+\.\d\d × \(/);
    }
    assertEquals(rows.filter(([first]) => first === "heap of a session, bytes").length, 2);
  });

  it("answers an unknown option with one line", async () => {
    const { code, stderr } = await run("main.ts", "--fast");
    assertEquals(code, 2);
    assertMatch(stderr, /^Cannot measure: the options are --quick, .*'--fast'.*\n$/);
  });
});

describe("deno task compare", () => {
  it("prints the table of the README", async () => {
    const { success, stdout, stderr } = await run("compare.ts");
    assert(success, stderr);
    const [found, written] = [stdout, await readTable("deno task compare")].map(rowsOf);
    // Where there is no redis-server, one column is missing.
    const missing = written[0].filter((title) => !found[0].includes(title));
    assert(missing.every((title) => title.startsWith("connect-redis")), `${missing}`);
    const shown = written[0].map((title) => !missing.includes(title));
    const isRule = ([cell]: string[]) => /^:?-+:?$/.test(cell);
    assertEquals(
      found.filter((row) => !isRule(row)),
      written.filter((row) => !isRule(row)).map((row) => row.filter((_, i) => shown[i])),
    );
  });

  it("says which options there are", async () => {
    const { code, stderr } = await run("compare.ts", "--fast");
    assertEquals(code, 2);
    assertMatch(
      stderr,
      /^Cannot compare: the options are --write and --addresses: .*'--fast'.*\n$/,
    );
  });
});

describe("the versions of the bench", () => {
  it("are those of deno.lock for the ranges of deno.json: Express 5 beside Express 4", async () => {
    const { express, ...others } = await versions();
    assertEquals(express.from, "express");
    assertMatch(express.version, /^5\./);
    assertMatch(others["connect-redis"].version, /^9\.\d+\.\d+$/);
    assertEquals(others["express-lembro-1"], { from: "express-lembro", version: "1.1.0" });
  });

  it("are an error if the lock file has another major, or none", () => {
    const of = (specifiers: Record<string, string>) =>
      lockedVersion("npm:express@^5.1.0", specifiers);
    assertEquals(of({ "npm:express@^4.21.0": "4.22.0", "npm:express@^5.1.0": "5.3.0" }), {
      from: "express",
      version: "5.3.0",
    });
    assertThrows(() => of({ "npm:express@^5.1.0": "4.22.0" }), Error, "received 4.22.0");
    assertThrows(() => of({ "npm:express@^4.21.0": "4.22.0" }), Error, "received undefined");
  });

  it("are found by the short form in which the lock file has a range", () => {
    assertEquals(
      lockedVersion("npm:redis@^5.0.0", { "npm:redis@5": "5.12.1_a@1" }).version,
      "5.12.1",
    );
    assertEquals(lockedVersion("npm:a@^0.5.0", { "npm:a@0.5": "0.5.16" }).version, "0.5.16");
  });
});
