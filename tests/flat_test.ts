import { assertEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { flat } from "../src/util/flat.ts";

describe("flat", () => {
  for (const length of [0, 1, 12, 13, 256, 257, 90_000]) {
    it(`returns the same text: ${length} characters of every kind`, () => {
      const text = 'a"\\\u0000\ud800é\u{1f600}\udc00\n'.repeat(length).slice(0, length);
      assertEquals(flat(text), text);
    });
  }
});
