import { assert, assertEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { fileURLToPath } from "node:url";

const program = fileURLToPath(new URL("./memory/left_behind.ts", import.meta.url));

/** What is left of the heap, as a share of what the sessions took, by the way they went. */
async function leftBehind(): Promise<Record<string, number>> {
  const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--no-check", "--v8-flags=--expose-gc", program],
  }).output();
  assert(success, new TextDecoder().decode(stderr));
  return JSON.parse(new TextDecoder().decode(stdout));
}

describe("sessions that go", () => {
  it("leave nothing behind, whichever way they go", async () => {
    const shares = await leftBehind();
    assertEquals(Object.keys(shares), [
      "destroyed",
      "expired",
      "evicted",
      "expired while requests had them",
      "evicted in one flood after the other",
      "cleared",
      "cleared while a request still has one",
      "destroyed while requests still have them",
    ]);
    for (const [way, share] of Object.entries(shares)) {
      assert(share < 0.05, `${Math.round(share * 100)} % is left of what was ${way}`);
    }
  });
});
