import { assertEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { rewrittenGlobal } from "../scripts/offline/globals.ts";

// What dnt does with each was read from its sources and its own tests.
describe("the stand-in for dnt", () => {
  for (
    const code of [
      "window.test = 5;",
      "f({ window });",
      "type T = window.Something;",
      "true ? globalThis : 0;",
      "'Map' in globalThis;",
      "typeof globalThis;",
      "globalThis[name];",
      "(globalThis as unknown as Runtime).test;",
      "type T = typeof globalThis;",
      "const f = () => {\n  return globalThis;\n};",
      "// dnt-shim-ignore\nf();\nglobalThis;",
      "const a = `${globalThis}`;",
    ]
  ) {
    it(`refuses ${JSON.stringify(code)}, which dnt rewrites`, () => {
      const name = code.includes("window") ? "window" : "globalThis";
      const line = code.slice(0, code.lastIndexOf(name)).split("\n").length;
      assertEquals(rewrittenGlobal(code), `${name} in line ${line}`);
    });
  }

  for (
    const code of [
      "globalThis.test();",
      "globalThis?.test();",
      "globalThis['test']();",
      "typeof globalThis.Map;",
      "type T = typeof globalThis.Map;",
      "const window = {}; window.test;",
      "page.window; const o = { window: 1, globalThis: 2 };",
      "interface T { window: string; globalThis(): string }",
      "// globalThis\n/* window */ '`window`'; `globalThis`;",
      "// dnt-shim-ignore: why\nconst runtime = globalThis;",
      "f(\n  /* dnt-shim-ignore */\n  globalThis,\n);",
    ]
  ) {
    it(`accepts ${JSON.stringify(code)}, which dnt leaves as it is`, () => {
      assertEquals(rewrittenGlobal(code), undefined);
    });
  }
});
