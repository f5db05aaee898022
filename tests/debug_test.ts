import { assertEquals, assertStringIncludes } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import debug from "debug";
import sizeomatic from "sizeomatic";
import { Lembro, sessionOf, sessionOfSize } from "./support/setup.ts";

describe("reduce", () => {
  it("logs the size at the start and at the end through debug, and nothing else logs", async () => {
    const messages: unknown[][] = [];
    const { log } = debug;
    const enabled = debug.disable();
    debug.log = (...args: unknown[]) => messages.push(args);
    debug.enable("express-lembro");
    try {
      using store = new Lembro({ maxSize: "2K" });
      for (const sid of "abcdefgh") await store.set(sid, sessionOfSize(256));
      await store.get("a");
      await store.touch("a", sessionOf({}, { path: "/" }));
      for (const method of ["all", "length", "ids", "purge"] as const) await store[method]();
      await store.info("a");
      await store.update("a", () => {});
      await store.sessionsOfUser("nobody");
      await store.revokeUser("nobody");
      await store.destroy("nobody");
      assertEquals(messages, []);
      await store.reduce();
      assertEquals(messages.length, 2);
      assertStringIncludes(String(messages[0][0]), "express-lembro");
      assertStringIncludes(String(messages[0].join(" ")), sizeomatic.pretty(2_048));
      assertStringIncludes(String(messages[1].join(" ")), sizeomatic.pretty(1_536));
      for (const sid of "ijk") await store.set(sid, sessionOfSize(256));
      assertEquals(messages.length, 4, "a save over maxSize reduces too");
    } finally {
      debug.log = log;
      debug.disable();
      debug.enable(enabled);
    }
  });
});
