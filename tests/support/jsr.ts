/**
 * A JSR registry on 127.0.0.1, whose packages are the stand-ins of
 * `scripts/offline/`: what Deno does where JSR answers can be tested anywhere.
 *
 * @module
 */
import { createHash } from "node:crypto";
import { join } from "node:path";
import { root } from "./installed.ts";

/** The packages, and the files of their exports. */
const PACKAGES: Record<string, Record<string, string>> = {
  "@std/assert": { ".": "assert.ts" },
  "@std/testing": { "./bdd": "testing/bdd.ts", "./time": "testing/time.ts" },
};

const VERSION = "1.0.0";

/** Starts the registry. */
export function serveJsr(): { url: string } & AsyncDisposable {
  const files: Record<string, string> = {};
  for (const [name, exports] of Object.entries(PACKAGES)) {
    const manifest: Record<string, unknown> = {};
    for (const file of Object.values(exports)) {
      const text = Deno.readTextFileSync(join(root, "scripts/offline/@std", file))
        // A package of JSR names the packages of npm in full.
        .replace(/from "@sinonjs/, 'from "npm:@sinonjs');
      files[`/${name}/${VERSION}/${file}`] = text;
      const checksum = createHash("sha256").update(text).digest("hex");
      manifest[`/${file}`] = { size: text.length, checksum: `sha256-${checksum}` };
    }
    files[`/${name}/meta.json`] = JSON.stringify({ latest: VERSION, versions: { [VERSION]: {} } });
    files[`/${name}/${VERSION}_meta.json`] = JSON.stringify({
      manifest,
      exports: Object.fromEntries(Object.entries(exports).map(([key, file]) => [key, `./${file}`])),
    });
  }
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, ({ url }) => {
    const path = new URL(url).pathname;
    if (!(path in files)) return new Response(null, { status: 404 });
    const type = path.endsWith(".json") ? "application/json" : "application/typescript";
    return new Response(files[path], { headers: { "content-type": type } });
  });
  return {
    url: `http://127.0.0.1:${server.addr.port}/`,
    [Symbol.asyncDispose]: () => server.shutdown(),
  };
}
