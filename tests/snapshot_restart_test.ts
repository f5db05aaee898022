import { assertEquals, assertStringIncludes } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { Folder } from "./snapshot/setup.ts";

const root = fileURLToPath(new URL("..", import.meta.url));

/** The app of the README, on any free port that it prints. */
async function appOfReadme(): Promise<string> {
  const readme = await Deno.readTextFile(join(root, "README.md"));
  const [, app] = /^## Over a restart\n[^]*?^```js ignore\n([^]*?)^```$/m.exec(readme)!;
  return app.replace("app.listen(3000)", 'app.listen(0, "127.0.0.1")') +
    'server.on("listening", () => console.log(`port ${server.address().port}`));\n';
}

/** Runs the app in `folder` from its start to SIGTERM, and visits it meanwhile. */
async function visit(folder: Folder, app: string, cookie: string) {
  const process = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--quiet", `--config=${join(root, "deno.json")}`, app],
    cwd: folder.path,
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const output = process.stdout.pipeThrough(new TextDecoderStream()).getReader();
  const { value = "" } = await output.read();
  const response = await fetch(`http://127.0.0.1:${value.match(/port (\d+)/)?.[1]}/`, {
    headers: { cookie },
  });
  const page = await response.text();
  process.kill("SIGTERM");
  await output.cancel();
  const warned = await new Response(process.stderr).text();
  return { page, warned, code: (await process.status).code, response };
}

describe("the app that the README shows", () => {
  it("knows its visitor after SIGTERM and another start", async () => {
    using folder = new Folder();
    const app = join(folder.path, "app.mjs");
    await Deno.writeTextFile(app, await appOfReadme());
    const first = await visit(folder, app, "");
    assertEquals([first.page, first.code], ["Visit 1", 0]);
    assertStringIncludes(first.warned, "Nobody is signed in: ENOENT");
    const cookie = first.response.headers.get("set-cookie")!.split(";")[0];
    for (const page of ["Visit 2", "Visit 3"]) {
      const next = await visit(folder, app, cookie);
      assertEquals([next.page, next.code, next.warned], [page, 0, ""]);
    }
    assertEquals(folder.names(), ["app.mjs", "sessions.snapshot"]);
  });
});
