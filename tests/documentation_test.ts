import { assert, assertEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import config from "../deno.json" with { type: "json" };

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
      args: ["doc", "--json", ...entries],
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
