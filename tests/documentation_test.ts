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
    const store = symbols.filter(({ name }) => /^(LembroStore|StoreConstructor)$/.test(name));
    // The examples themselves are run.
    const hasExample = ({ jsDoc }: Documented) => /^```ts$/m.test(jsDoc?.doc ?? "");
    // One of the overloads of a method has the example for all of them.
    const members = store.flatMap(({ def }) =>
      [def?.methods ?? [], def?.constructors ?? []].flatMap((all) =>
        all.filter(({ name }) => !all.some((one) => one.name === name && hasExample(one)))
      )
    );
    // The default export refers to another symbol.
    const own = symbols.filter(({ kind }) => kind !== "reference");
    const bare = [...own.filter((symbol) => !hasExample(symbol)), ...members];
    assertEquals(bare.map(({ name }) => name), []);
  });
});
