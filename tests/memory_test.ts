import { assert, assertEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { fileURLToPath } from "node:url";
import { Folder } from "./snapshot/setup.ts";

/** Runs a program with a garbage collector that it can call, and returns what it prints. */
async function run(name: string, ...args: string[]): Promise<unknown> {
  const program = fileURLToPath(new URL(`./memory/${name}.ts`, import.meta.url));
  const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--no-check", "--v8-flags=--expose-gc", program, ...args],
  }).output();
  assert(success, new TextDecoder().decode(stderr));
  return JSON.parse(new TextDecoder().decode(stdout) || "null");
}

describe("sessions that leave the store", () => {
  it("leave nothing on the heap, whichever way they go", async () => {
    const growths = await run("left_behind") as Record<string, number>;
    assertEquals(Object.keys(growths), [
      "destroyed",
      "expired",
      "revoked",
      "evicted",
      "evicted in one flood after the other",
      "cleared",
      "cleared while a request has a session",
    ]);
    // A fiftieth of each session would add up to this in the six rounds.
    for (const [way, growth] of Object.entries(growths)) {
      assert(growth < 0.12, `${Math.round(growth * 100)} % of a filling is left: ${way}`);
    }
  });
});

describe("a store that is dropped without close()", () => {
  it("is collected, and so is its timer's work", async () => {
    assertEquals(await run("dropped"), { stores: 20, collected: 20, timersLeft: 0 });
  });
});

describe("ids and users that are cut from bodies and headers", () => {
  it("take no more memory than others: nothing holds on to what they were cut from", async () => {
    const { short, long } = await run("pieces") as Record<string, number>;
    assert(long < 1.5 * short, `${long} bytes of heap, ${short} for those cut from short texts`);
  });
});

describe("a journal that is opened", () => {
  it("takes hardly more heap than its sessions take afterwards", async () => {
    using folder = new Folder();
    await run("opening", folder.snapshot, "20000", "write");
    const { sessions, ratio } = await run("opening", folder.snapshot, "20000") as {
      sessions: number;
      ratio: number;
    };
    assertEquals(sessions, 20_000);
    assert(ratio < 1.15, `${ratio} times what they take afterwards`);
  });
});
