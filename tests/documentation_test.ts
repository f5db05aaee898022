import { assert, assertEquals } from "@std/assert";
import { afterAll, beforeAll, describe, it } from "@std/testing/bdd";
import { readdir } from "node:fs/promises";
import { posix } from "node:path";
import { fileURLToPath } from "node:url";
import config from "../deno.json" with { type: "json" };
import { locked } from "../scripts/suppliers.ts";
import { hasChromium, launch } from "./support/chromium.ts";

interface Documented {
  name: string;
  kind?: string;
  jsDoc?: { doc?: string };
  def?: { methods?: Documented[]; constructors?: Documented[] };
}

describe("the API reference", () => {
  it("has an example for every public symbol, and for every method of the store", async () => {
    const entries = Object.values(config.exports)
      .map((path) => new URL(`../${path}`, import.meta.url).href);
    const { stdout } = await new Deno.Command(Deno.execPath(), {
      args: locked(["doc", "--json", ...entries]),
      stderr: "null",
    }).output();
    const { nodes } = JSON.parse(new TextDecoder().decode(stdout)) as {
      nodes: Record<string, { symbols: { name: string; declarations: Documented[] }[] }>;
    };
    assertEquals(Object.keys(nodes).sort(), entries.toSorted());
    for (const { symbols } of Object.values(nodes)) assert(symbols.length > 0);
    const symbols = Object.values(nodes)
      .flatMap(({ symbols }) => symbols)
      .flatMap(({ name, declarations }) => declarations.map((found) => ({ ...found, name })));
    const store = symbols.filter(({ name }) => /^(SessionStore|LembroMethods)$/.test(name));
    const members = store.flatMap(({ def }) => [
      ...def?.methods ?? [],
      ...def?.constructors ?? [],
    ]);
    // What is exported by a second name is documented with the first.
    const documented = [...symbols, ...members].filter(({ kind }) => kind !== "reference");
    // Of several overloads one has the example; the examples themselves are run.
    const withExample = new Set(
      documented.filter(({ jsDoc }) => /^```ts$/m.test(jsDoc?.doc ?? "")).map(({ name }) => name),
    );
    const bare = documented.filter(({ name, jsDoc }) => !jsDoc?.doc || !withExample.has(name));
    assertEquals(bare.map(({ name }) => name), []);
  });
});

describe("the pages of the API reference", () => {
  let folder: string;
  /** The text of each page, by its path. */
  const pages = new Map<string, string>();

  beforeAll(async () => {
    folder = await Deno.makeTempDir({ prefix: "express-lembro-" });
    const { success } = await new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", "scripts/doc.ts", folder],
      cwd: fileURLToPath(new URL("..", import.meta.url)),
      stdout: "null",
      stderr: "inherit",
    }).output();
    assert(success);
    for (const path of await readdir(folder, { recursive: true })) {
      if (path.endsWith(".html")) pages.set(path, await Deno.readTextFile(`${folder}/${path}`));
    }
    assert(pages.size > 50, `${pages.size} pages`);
  });

  afterAll(() => Deno.remove(folder, { recursive: true }));

  /** The page of an entry of the package. */
  const pageOf = (entry: string) => posix.join(entry, "index.html");

  /** Where the links of a page lead to, as paths of files. */
  function linksOf(path: string): string[] {
    const text = pages.get(path)!.replaceAll("&#x2F;", "/");
    return [...text.matchAll(/(?:href|src)="([^"#]*)/g)]
      .map(([, link]) => link)
      .filter((link) => link && !/^\w+:/.test(link))
      .map((link) => posix.join(posix.dirname(path), decodeURIComponent(link)));
  }

  it("says where each symbol is imported from, as an app has to write it", () => {
    let found = 0;
    for (const [path, text] of pages) {
      const entry = `./${path}`.replace(/\/?(~\/)?[^/]*$/, "");
      const usage = /class="usageContent">[^]*?<code[^>]*>([^]*?)<\/code>/.exec(text)?.[1];
      if (usage === undefined) continue;
      found++;
      assert(entry in config.exports, path);
      const name = entry.replace(".", "express-lembro");
      const [, specifier] =
        /^import (?:\{ [^}]+ \}|\* as mod) from &quot;(.*)&quot;;$/.exec(usage.trim()) ?? [];
      assertEquals(specifier, name, path);
    }
    assert(found > 50, `${found} symbols`);
  });

  it("says the same to whoever copies the line", () => {
    for (const [path, text] of pages) {
      for (const [, copied] of text.matchAll(/data-copy="([^"]*)/g)) {
        for (const [, name] of copied.matchAll(/from &quot;(.*?)&quot;/g)) {
          assert(!/^\.|^(journal|monitor|redis|snapshot|transfer)$/.test(name), `${path}: ${name}`);
        }
      }
    }
  });

  it("starts with a page that links every entry", () => {
    const links = linksOf("index.html");
    for (const entry of Object.keys(config.exports)) {
      const name = entry.replace(".", "express-lembro");
      assert(pages.get("index.html")!.includes(`<code>${name}</code>`), name);
      assert(entry === "." || links.includes(pageOf(entry)), name);
    }
    assert(links.includes("all_symbols.html"));
  });

  it("leads from the factory to the options, methods and events of its stores", () => {
    const links = linksOf("~/lembro.html");
    for (const name of ["LembroOptions", "LembroMethods", "LembroEvents"]) {
      assert(links.includes(`~/${name}.html`), name);
    }
  });

  it("has no link that leads nowhere", async () => {
    const files = new Set(await readdir(folder, { recursive: true }));
    for (const path of pages.keys()) {
      for (const link of linksOf(path)) {
        assert(files.has(link) || files.has(posix.join(link, "index.html")), `${path}: ${link}`);
      }
    }
  });

  it("links the source at the tag of the release, not on the machine that wrote the page", async () => {
    const released = "https://github.com/scottoffen/express-lembro/blob/v" + config.version;
    const sources = new Set<string>();
    for (const [path, text] of pages) {
      const links = [...text.replaceAll("&#x2F;", "/").matchAll(/href="(\w+:[^"]*\.ts)"/g)];
      for (const [, link] of links) {
        assert(link.startsWith(`${released}/`), `${path}: ${link}`);
        sources.add(link.slice(released.length));
      }
    }
    assert(sources.size > 5, `${sources.size} files`);
    for (const source of sources) await Deno.stat(new URL(`..${source}`, import.meta.url));
  });

  it("shows examples that can be understood without the standard library of Deno", () => {
    for (const [path, text] of pages) assert(!text.includes("@std/"), path);
  });

  if (hasChromium()) {
    it("has no page that is wider than a phone", async () => {
      // Of each kind of page the longest.
      const longest = new Map<string, string>();
      for (const [path, text] of pages) {
        const [, kind] = /class="text-\w+">([^<]+)<\/span>&nbsp;/.exec(text) ?? [];
        const key = kind ?? path.replace(/^\w+\/index/, "entry");
        if (text.length > (pages.get(longest.get(key)!)?.length ?? 0)) longest.set(key, path);
      }
      const browser = await launch();
      try {
        const page = await browser.newPage({ viewport: { width: 390, height: 844 } });
        const tooWide: string[] = [];
        for (const path of longest.values()) {
          await page.goto(`file://${folder}/${path}`);
          const width = await page.evaluate<number>("document.documentElement.scrollWidth");
          if (width > 390) tooWide.push(`${path}: ${width}`);
        }
        assertEquals(tooWide, []);
      } finally {
        await browser.close();
      }
    });
  }
});
