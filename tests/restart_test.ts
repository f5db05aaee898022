import { assertEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { Visitor } from "./support/http.ts";
import { App, firstProgram, snippetOf } from "./support/readme.ts";
import { Folder } from "./support/folder.ts";
import { until } from "./support/journals.ts";

/** The same browser, after the app was started again elsewhere. */
function returning(visitor: Visitor, { url }: App): Visitor {
  const returning = new Visitor(url);
  returning.cookie = visitor.cookie;
  return returning;
}

describe("the README's app with its line for the journal", () => {
  it("knows its visitors after kill -9 and another start", async () => {
    using folder = new Folder();
    const program = await firstProgram(await snippetOf("journal"));
    const size = () => Deno.statSync(`${folder.path}/sessions.journal`).size;
    let visitor: Visitor | undefined;
    for (const visit of ["Visit 1", "Visit 2", "Visit 3"]) {
      await using app = await App.start(folder.path, program);
      visitor = visitor ? returning(visitor, app) : new Visitor(app.url);
      const before = size();
      assertEquals(await visitor.text("/"), visit);
      await until(() => size() > before);
      await app.kill();
    }
  });

  it("loses nothing at SIGTERM with the README's lines for it", async () => {
    using folder = new Folder();
    const program = await firstProgram(await snippetOf("journal")) + await snippetOf("stop");
    let visitor: Visitor | undefined;
    for (const visit of ["Visit 1", "Visit 2", "Visit 3"]) {
      await using app = await App.start(folder.path, program);
      visitor = visitor ? returning(visitor, app) : new Visitor(app.url);
      assertEquals(await visitor.text("/"), visit);
      assertEquals(await app.stop(), { said: "", code: 0 });
    }
    assertEquals(folder.names(), ["app.mjs", "sessions.journal"]);
  });
});
