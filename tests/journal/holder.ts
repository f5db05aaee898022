/**
 * Opens the journal that is given, says what came of it, and keeps it until it
 * is killed.
 *
 * @module
 */
import { openJournal } from "express-lembro/journal";
import { Lembro, sessionOf } from "../support/setup.ts";

const store = new Lembro();
try {
  const journal = await openJournal(store, Deno.args[0]);
  await store.set("of the holder", sessionOf());
  await journal.flush();
  console.log("open");
  setInterval(() => {}, 1_000);
} catch (error) {
  const { code, message, pid } = error as Error & { code?: string; pid?: number };
  console.log(`${code ?? message} ${pid}`);
}
