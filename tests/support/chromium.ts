/**
 * Whether there is a Chromium, and a server on 127.0.0.1 for its pages.
 *
 * @module
 */
import { PATH } from "../../scripts/support/chromium.ts";

export { launch } from "../../scripts/support/chromium.ts";

/** Whether there is a Chromium. Where there has to be one, it is not asked for. */
export function hasChromium(): boolean {
  try {
    return Deno.env.has("CI") || Deno.statSync(PATH).isFile;
  } catch {
    console.log(`Skipped the tests in a browser: there is no ${PATH}.`);
    return false;
  }
}

/** Serves files, by the path that a page asks for. */
export function serve(files: (path: string) => Promise<string>): { url: string } & AsyncDisposable {
  const types: Record<string, string> = { html: "text/html", js: "text/javascript" };
  // A browser keeps its connections: a shutdown would wait for them.
  const ending = new AbortController();
  const server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen() {}, signal: ending.signal },
    async ({ url }) => {
      const { pathname } = new URL(url);
      const type = types[pathname.replace(/.*\./, "")];
      try {
        return new Response(await files(pathname), { headers: { "content-type": type } });
      } catch {
        return new Response(null, { status: 404 });
      }
    },
  );
  return {
    url: `http://127.0.0.1:${server.addr.port}`,
    async [Symbol.asyncDispose]() {
      ending.abort();
      await server.finished;
    },
  };
}
