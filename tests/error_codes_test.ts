/** Every error that the package makes has a code, and the README names them all. */
import { assert, assertEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import type { BadFileError, JournalInUseError, LembroError, LembroErrorCode } from "express-lembro";
import { openJournal } from "express-lembro/journal";
import { monitor } from "express-lembro/monitor";
import { loadSnapshot, saveSnapshot } from "express-lembro/snapshot";
import { transferSessions } from "express-lembro/transfer";
import { Folder } from "./support/folder.ts";
import { root } from "./support/installed.ts";
import { Lembro, lembro, session, sessionOf } from "./support/setup.ts";

// deno-lint-ignore no-explicit-any -- what nobody should pass
type Anything = any;

/** The sources by their path, but for those that run in a browser. */
async function sources(): Promise<Map<string, string>> {
  const paths = (await readdir(join(root, "src"), { recursive: true }))
    .map((path) => path.replaceAll("\\", "/"))
    .filter((path) => path.endsWith(".ts") && !/^monitor\/(page\/|embedded)/.test(path));
  const texts = await Promise.all(paths.map((path) => readFile(join(root, "src", path), "utf8")));
  const found = new Map(paths.map((path, i) => [path, texts[i]]));
  return found;
}

const codesIn = (text: string) => [...new Set(text.match(/ERR_LEMBRO_[A-Z_]+/g))].sort();

/** What `work` throws, or what the promise is rejected with that it returns. */
async function errorOf(work: () => unknown): Promise<LembroError> {
  try {
    await work();
  } catch (error) {
    return error as LembroError;
  }
  throw new Error("Expected an error");
}

describe("the codes of errors", () => {
  it("are in the type LembroErrorCode and in the README's table, all of them and no others", async () => {
    const texts = await sources();
    const [, type] = /export type LembroErrorCode =((?:\s+\| "\w+")+);/
      .exec(texts.get("util/codes.ts")!)!;
    const readme = await readFile(join(root, "README.md"), "utf8");
    const table = readme.match(/^\| `ERR_LEMBRO_[^]*?\n\n/m)![0];
    texts.delete("util/codes.ts");
    assertEquals(codesIn([...texts.values()].join("\n")), codesIn(type));
    assertEquals(codesIn(table), codesIn(type));
    assertEquals(table.trim().split("\n").length, codesIn(type).length, "a line for each");
  });

  it("are given to every error: none is made but by the one function that gives one", async () => {
    const found: string[] = [];
    // One without a message is thrown to be caught in the same module.
    for (const [path, text] of await sources()) {
      for (const [line] of text.matchAll(/^.*\bnew (?:Type|Range|Syntax)?Error\((?!\)).*$/gm)) {
        found.push(`${path}: ${line.trim()}`);
      }
    }
    // These keep the code of the system, but for the last, which nobody gets unless we are wrong.
    const others = /^persistence\/file_errors\.ts|ELOOP: too many|`ETIMEDOUT: |it may not become/;
    assertEquals(found.filter((line) => !others.test(line)), []);
  });

  const promise = () => Promise.resolve() as Anything;
  const cases: [what: string, code: LembroErrorCode, work: () => unknown][] = [
    ["an unknown option", "ERR_LEMBRO_OPTION", () => new Lembro({ maxsize: 5 } as Anything)],
    ["an option of a wrong type", "ERR_LEMBRO_OPTION", () => new Lembro({ ttl: "1d" } as Anything)],
    ["an option out of range", "ERR_LEMBRO_OPTION", () => new Lembro({ interval: 0 })],
    ["options that are no object", "ERR_LEMBRO_OPTION", () => new Lembro(5 as Anything)],
    ["a callback that is none", "ERR_LEMBRO_ARGUMENT", () => new Lembro({}, 5 as Anything)],
    ["express-session as options", "ERR_LEMBRO_ARGUMENT", () => new Lembro(session as Anything)],
    ["no Store class", "ERR_LEMBRO_ARGUMENT", () => lembro({} as Anything)],
    ["no id", "ERR_LEMBRO_ARGUMENT", () => new Lembro().get(undefined as Anything)],
    ["no session", "ERR_LEMBRO_ARGUMENT", () => new Lembro().set("a", null as Anything)],
    ["no session to touch", "ERR_LEMBRO_ARGUMENT", () => new Lembro().touch("a", null as Anything)],
    ["no user", "ERR_LEMBRO_ARGUMENT", () => new Lembro().revokeUser(null as Anything)],
    [
      "an except that is nothing",
      "ERR_LEMBRO_OPTION",
      () => new Lembro().revokeUser("ada", { except: 5n as Anything }),
    ],
    ["no change", "ERR_LEMBRO_ARGUMENT", () => new Lembro().update("a", null as Anything)],
    [
      "a change that returns a promise",
      "ERR_LEMBRO_RESULT",
      async () => {
        using store = new Lembro();
        await store.set("a", sessionOf());
        await store.update("a", promise);
      },
    ],
    ...(["user", "ttl", "protect"] as const).map((name): typeof cases[number] => [
      `an option ${name} that returns a promise`,
      "ERR_LEMBRO_RESULT",
      () => new Lembro({ [name]: promise }).set("a", sessionOf({}, {})),
    ]),
    [
      "a serializer that returns no string",
      "ERR_LEMBRO_RESULT",
      () =>
        new Lembro({ serializer: { stringify: promise, parse: JSON.parse } }).set("a", sessionOf()),
    ],
    [
      "a serializer that throws nothing",
      "ERR_LEMBRO_RESULT",
      () => {
        const stringify = () => {
          throw undefined;
        };
        return new Lembro({ serializer: { stringify, parse: JSON.parse } }).set("a", sessionOf());
      },
    ],
    ["a store of another kind", "ERR_LEMBRO_ARGUMENT", () => openJournal({} as Anything, "path")],
    ["no path", "ERR_LEMBRO_ARGUMENT", () => saveSnapshot(new Lembro(), "")],
    [
      "an interval out of range",
      "ERR_LEMBRO_OPTION",
      () => openJournal(new Lembro(), "path", { interval: 0 }),
    ],
    [
      "a secret that is none",
      "ERR_LEMBRO_OPTION",
      () => loadSnapshot(new Lembro(), "path", { secret: 5 as Anything }),
    ],
    ["no store to watch", "ERR_LEMBRO_ARGUMENT", () => monitor({} as Anything)],
    [
      "a bad journal to watch",
      "ERR_LEMBRO_OPTION",
      () => monitor(new Lembro(), { journal: 5 as Anything }),
    ],
    ["no target", "ERR_LEMBRO_ARGUMENT", () => transferSessions(new Lembro(), {} as Anything)],
    ["no source", "ERR_LEMBRO_ARGUMENT", () => transferSessions({} as Anything, new Lembro())],
    [
      "a bad concurrency",
      "ERR_LEMBRO_OPTION",
      () => transferSessions(new Lembro(), new Lembro(), { concurrency: 0 }),
    ],
  ];
  for (const [what, code, work] of cases) {
    it(`${what}: ${code}`, async () => {
      const error = await errorOf(work);
      assertEquals(error.code, code);
      assert(error.message.startsWith("Cannot "), error.message);
    });
  }

  it("a journal that is open carries the number of the process", async () => {
    using folder = new Folder();
    using store = new Lembro();
    await using _journal = await openJournal(store, folder.snapshot);
    using other = new Lembro();
    const error = await errorOf(() => openJournal(other, folder.snapshot));
    assertEquals(error.code, "ERR_LEMBRO_JOURNAL_IN_USE");
    assertEquals((error as JournalInUseError).pid, Deno.pid);
  });

  it("a file that is damaged carries its path, and the position in bytes", async () => {
    using folder = new Folder();
    using store = new Lembro();
    await store.set("a", sessionOf());
    const { bytes } = await saveSnapshot(store, folder.snapshot);
    await Deno.truncate(folder.snapshot, bytes - 3);
    using after = new Lembro();
    for (
      const [code, open] of [
        ["ERR_LEMBRO_SNAPSHOT", () => loadSnapshot(after, folder.snapshot)],
        ["ERR_LEMBRO_JOURNAL", () => openJournal(after, folder.snapshot)],
      ] as const
    ) {
      const error = await errorOf(open) as BadFileError;
      assertEquals([error.code, error.path], [code, folder.snapshot]);
      assert(error.position > 0 && error.position < bytes, `${error.position}`);
      assert(error.message.includes(`at byte ${error.position}`));
    }
  });
});
