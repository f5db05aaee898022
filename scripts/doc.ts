/**
 * Writes the API reference of every entry of the package to `docs/`, as HTML.
 * With `--lint` it checks the doc comments instead.
 *
 *     deno run -A scripts/doc.ts [--lint]
 *
 * @module
 */
import { fileURLToPath } from "node:url";
import config from "../deno.json" with { type: "json" };

const entries = Object.values(config.exports);
const isLint = Deno.args.includes("--lint");
const { success, stderr } = await new Deno.Command(Deno.execPath(), {
  args: [
    "doc",
    ...isLint ? ["--lint"] : ["--html", "--name=express-lembro", "--output=docs"],
    ...entries,
  ],
  cwd: fileURLToPath(new URL("..", import.meta.url)),
  env: { NO_COLOR: "1" },
  stderr: "piped",
}).output();
// These warnings are about files that the types of Node refer to.
const said = new TextDecoder().decode(stderr).split("\n")
  .filter((line) => !/Failed resolving types|^ {4}at .*@types\/node/.test(line));
console.error(said.join("\n").trim());
if (!success) Deno.exit(1);
