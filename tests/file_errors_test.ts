/** Errors of the file system: the system's code, and a sentence that says what to do. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { openJournal } from "express-lembro/journal";
import { loadSnapshot, saveSnapshot } from "express-lembro/snapshot";
import { explained } from "../src/persistence/file_errors.ts";
import { Folder } from "./support/folder.ts";
import { errorOf, Lembro, type Store } from "./support/setup.ts";
import { diskError } from "./support/disks.ts";

const CALLS: [what: string, call: (store: Store, path: string) => Promise<unknown>][] = [
  ["open journal", openJournal],
  ["save snapshot", saveSnapshot],
  ["load snapshot", loadSnapshot],
];

describe("a path that can't be used", () => {
  for (const [what, call] of CALLS) {
    const rows: [code: string, name: string, rule: RegExp][] = [
      [
        "ENOENT",
        "none/sessions",
        what === "load snapshot" ? /the file must exist/ : /its folder must exist, create it first/,
      ],
      ["EISDIR", "", /path must be that of a file, not of a folder/],
      ["ENOTDIR", "file/sessions", /what comes before the name must be a folder/],
    ];
    for (const [code, name, rule] of rows) {
      it(`${what}: says what to do, with the code ${code} of the system`, async () => {
        using folder = new Folder();
        await Deno.writeTextFile(`${folder.path}/file`, "a file");
        await Deno.mkdir(`${folder.path}/in`);
        const path = name ? `${folder.path}/${name}` : `${folder.path}/in`;
        using store = new Lembro();
        const error = await errorOf(call(store, path));
        assertEquals(error.code, code, error.message);
        assertMatch(error.message, new RegExp(`^Cannot ${what}: ${rule.source}`));
        assert(error.message.endsWith(`: received ${code} for "${path}"`), error.message);
        assertEquals((error.cause as { code?: string }).code, code);
        assertEquals(folder.names(), ["file", "in"]);
      });
    }
  }

  for (
    const [code, rule] of [
      ["EACCES", "the process must be allowed to read and write the file and its folder"],
      ["EPERM", "the process must be allowed to read and write the file and its folder"],
      ["EROFS", "the file system must not be read-only"],
      ["ENOSPC", "the disk must have room"],
      ["EIO", "the file system must not fail"],
    ] as const
  ) {
    it(`is explained for the code ${code} too`, () => {
      const error = explained("save snapshot", "/data/sessions", diskError(code)) as Error;
      assertEquals(
        error.message,
        `Cannot save snapshot: ${rule}: received ${code} for "/data/sessions"`,
      );
      assertEquals((error as { code?: string }).code, code);
    });
  }

  it("leaves alone what is no error of the file system", () => {
    for (const error of [new Error("other"), "text", undefined, { code: "ERR_LEMBRO_OPTION" }]) {
      assert(explained("save snapshot", "path", error) === error);
    }
  });
});
