import { assertEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";

interface Documented {
  name: string;
  jsDoc?: { doc?: string };
  def?: { methods?: Documented[]; constructors?: Documented[] };
}

/** How many public symbols each entry has. */
const ENTRIES = {
  "mod.ts": 13,
  "src/monitor/mod.ts": 4,
  "src/persistence/snapshot.ts": 4,
  "src/transfer.ts": 6,
};

describe("the API reference", () => {
  it("has an example for every public symbol, and for every method of the store", async () => {
    const entries = Object.keys(ENTRIES).map((path) => new URL(`../${path}`, import.meta.url).href);
    const { stdout } = await new Deno.Command(Deno.execPath(), {
      args: ["doc", "--json", ...entries],
      stderr: "null",
    }).output();
    const { nodes } = JSON.parse(new TextDecoder().decode(stdout));
    const symbols = (Object.values(nodes) as { symbols: { declarations: Documented[] }[] }[])
      .flatMap(({ symbols }) => symbols as ({ name: string; declarations: Documented[] })[])
      .flatMap(({ name, declarations }) => declarations.map((found) => ({ ...found, name })));
    const store = symbols.filter(({ name }) => /^(LembroStore|StoreConstructor)$/.test(name));
    const members = store.flatMap(({ def }) => [
      ...def?.methods ?? [],
      ...def?.constructors ?? [],
    ]);
    // An overload is documented with the first of its name; the examples themselves are run.
    const bare = [...symbols, ...members].filter(({ jsDoc }) =>
      !/^As above/.test(jsDoc?.doc ?? "") && !/^```ts$/m.test(jsDoc?.doc ?? "")
    );
    assertEquals(symbols.length, Object.values(ENTRIES).reduce((sum, count) => sum + count));
    assertEquals(bare.map(({ name }) => name), []);
  });
});
