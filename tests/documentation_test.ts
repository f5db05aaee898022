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
    // An overload is documented with the first of its name.
    const members = store.flatMap(({ def }) =>
      [def?.methods ?? [], def?.constructors ?? []].flatMap((all) =>
        all.filter(({ name }, n) => all.findIndex((other) => other.name === name) === n)
      )
    );
    // The examples themselves are run. The default export refers to another symbol.
    const bare = [...symbols.filter(({ kind }) => kind !== "reference"), ...members]
      .filter(({ jsDoc }) => !/^```ts$/m.test(jsDoc?.doc ?? ""));
    assertEquals(bare.map(({ name }) => name), []);
  });
});
