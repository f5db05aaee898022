/**
 * Saves more than the process may write, and says what came of it.
 *
 * @module
 */
import { saveSnapshot } from "express-lembro/snapshot";
import { Lembro, sessionOf } from "../support/setup.ts";

using store = new Lembro({ maxSize: "64M" });
await store.set("large", sessionOf({ text: "x".repeat(500_000) }));
await saveSnapshot(store, Deno.args[0]).then(
  () => console.log("saved"),
  (error) => console.log(`refused: ${error.message}`),
);
