import { assert, assertEquals, assertMatch } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { EDITS, LISTS, OBJECTS } from "../scripts/bench/merges.ts";
import { measure, parts } from "../scripts/bench/parts.ts";
import { inDeno } from "../scripts/bench/processes.ts";
import { OURS, OURS_ON_REDIS } from "../scripts/bench/stores.ts";
import {
  FIGURES,
  README,
  RESULTS,
  summaryOf,
  tableIn,
  type Tables,
  textOf,
} from "../scripts/bench/tables.ts";
import { locked } from "../scripts/suppliers.ts";
import { root } from "./support/installed.ts";
import { isAll, itInAll, leaveToAll } from "./support/matrix.ts";
import { hasRedis } from "./support/redis.ts";

/** Runs a script of the bench. */
async function run(script: string, ...args: string[]) {
  const { success, code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: locked(["run", "-A", `scripts/bench/${script}`, ...args]),
    cwd: root,
  }).output();
  const [printed, complaint] = [stdout, stderr].map((bytes) => new TextDecoder().decode(bytes));
  return { success, code, stdout: printed, stderr: complaint };
}

/** The cells of all tables in a page of Markdown, without the rules below the heads. */
function rowsOf(page: string): string[][] {
  return page.split("\n").filter((line) => line.startsWith("|") && !/^\|[ :|-]+$/.test(line))
    .map((row) => row.split("|").slice(1, -1).map((cell) => cell.trim()));
}

/** The rows of a table in the README. */
const rowsInReadme = async (task: string) =>
  rowsOf(tableIn(task).exec(await Deno.readTextFile(README))![0]);

const CALLS = ["get", "touch", "set, overwrite", "set, new", "destroy"];
const inMicroseconds = (name: string) => [`${name}, µs`, `${name}, µs of CPU`];
const inMilliseconds = (name: string) => [`${name}, ms`, `${name}, ms of CPU`];

/** What each part measures. */
const ROWS: Record<string, string[]> = {
  speed: [
    ...[...CALLS, "set, new, in a full store"],
    ...["a save", "a save, merged with another", "three JSON.parse of it"],
  ].flatMap(inMicroseconds),
  lists: [
    "three JSON.parse of it",
    ...Object.keys(EDITS).map((edits) => `a merge: ${edits}`),
  ].flatMap(inMicroseconds),
  express: ["Express: requests per second", "Express: a request, µs of CPU"],
  heap: ["a session, bytes"],
  holds: ["length", "all", "ids", "purge", "reduce", "updateUser", "revokeUser"]
    .flatMap(inMilliseconds),
  journal: [
    ...["Express: requests per second", "Express: a request, µs of CPU"],
    ...inMilliseconds("writing: longest hold"),
    ...["reading, ms", ...inMilliseconds("reading: longest hold")],
    "a session in the file, bytes",
  ],
  redis: [
    "Express: requests per second",
    ...["Express: a request, µs of CPU", "Express: a request, µs of Redis's CPU"],
    "a session, bytes",
    ...CALLS.flatMap((name) => [...inMicroseconds(name), `${name}, µs of Redis's CPU`]),
    ...["at once", "after newcomerTtl"].flatMap((when) => [
      `a crawler's sessions, ${when}`,
      `their bytes, ${when}`,
    ]),
  ],
};

const withRedis = hasRedis();

/** What takes long, or needs other processes. */
const LARGE = ["journal", "redis"];

leaveToAll("the bench on Node and of journal and Redis, and the comparison");

/** The columns that have a figure in each row of theirs. */
const COMPLETE = [OURS, OURS_ON_REDIS, "sealed journal"].concat(
  Object.keys(OBJECTS),
  Object.keys(LISTS),
);

describe("deno task bench", () => {
  const found: Tables = {};

  for (const name of Object.keys(parts)) {
    if (name === "redis" && !withRedis || !isAll && LARGE.includes(name)) continue;
    it(`${name}: has a figure in each row`, async () => {
      const tables = await measure(inDeno, [name], 0.01);
      Object.assign(found, tables);
      const rows = Object.values(tables).flatMap((one) => Object.entries(one.found));
      assertEquals(rows.map(([title]) => title).sort(), ROWS[name].toSorted());
      for (const [title, values] of rows) {
        assert(COMPLETE.some((column) => column in values), title);
        assert(Object.values(values).flat().every(Number.isFinite), title);
      }
      if (name === "redis") {
        assertEquals(Object.fromEntries(rows)["a crawler's sessions, after newcomerTtl"], {
          "connect-redis": [500],
          [OURS_ON_REDIS]: [0],
        });
      }
      const printed = Object.values(tables).flatMap((table) => rowsOf(textOf(table)));
      assertEquals(printed.length, rows.length + Object.keys(tables).length);
    });
  }

  it("has the README's figures from the run that wrote results.md", async () => {
    const written = await rowsInReadme("bench");
    const page = await Deno.readTextFile(RESULTS);
    assertEquals(rowsOf(page).slice(0, written.length), written);
    const method = page.replace(FIGURES, "");
    assertMatch(method, /^## How it was measured\n[^]+\*\*On Redis\.\*\*/);
    if (!isAll) return;
    const titles = rowsOf(summaryOf({ here: found })).map(([title]) => title);
    assertEquals(written.map(([title]) => title), titles);
  });

  if (isAll) {
    it("measures on Node and on Deno, and prints a table of each", async () => {
      const { success, stdout, stderr } = await run("main.ts", "express", "--quick");
      assert(success, stderr);
      assertMatch(stdout, /^## Node \d[^]*^## Deno \d/m);
      assertEquals(rowsOf(stdout).map(([title]) => title), [
        "",
        ...ROWS.express,
        "",
        ...ROWS.express,
      ]);
    });
  }

  it("answers an unknown part with one line", async () => {
    const { code, stderr } = await run("main.ts", "sped");
    assertEquals(code, 2);
    assertMatch(
      stderr,
      /^Cannot measure: the arguments are --quick and speed, .*: received sped\n$/,
    );
  });
});

describe("deno task compare", () => {
  itInAll("prints the table of the README", async () => {
    const { success, stdout, stderr } = await run("compare.ts");
    assert(success, stderr);
    const [found, written] = [rowsOf(stdout), await rowsInReadme("compare")];
    // Where there is no redis-server, two columns are missing.
    const shown = written[0].map((title) => withRedis || !title.includes("edis"));
    assertEquals(found, written.map((row) => row.filter((_, i) => shown[i])));
  });

  it("says which options there are", async () => {
    const { code, stderr } = await run("compare.ts", "--fast");
    assertEquals(code, 2);
    assertMatch(stderr, /^Cannot compare: the only option is --write: received --fast\n$/);
  });
});
