/**
 * Opens the journal that is given, says what came of it, and does what it is
 * told, line by line, until it is told to close or killed.
 *
 *     holder.ts path [wait in ms]
 *
 * @module
 */
import { openJournal } from "express-lembro/journal";
import process from "node:process";
import { createInterface } from "node:readline";
import { Lembro, sessionOf } from "../support/setup.ts";

const [path, wait = "0"] = process.argv.slice(2);
const store = new Lembro();
store.on("error", (error: unknown) => {
  console.log(`error ${(error as { code?: string }).code}`);
});
try {
  const journal = await openJournal(store, path, { interval: 20, wait: Number(wait) });
  console.log("open");
  for await (const line of createInterface(process.stdin)) {
    const [command, sid] = line.split(" ");
    try {
      if (command === "save") await store.set(sid, sessionOf({ by: process.pid }));
      if (command === "save") await journal.flush();
      if (command === "destroy") await store.destroy(sid);
      if (command === "ids") console.log((await store.ids()).sort().join(" "));
      else if (command !== "close") console.log(command);
      if (command !== "close") continue;
      await journal.close();
      console.log("closed");
    } catch (error) {
      const { code, message } = error as Error & { code?: string };
      console.log(`${command} ${code ?? message}`);
    }
    if (command === "close") process.exit();
  }
} catch (error) {
  const { code, message, pid } = error as Error & { code?: string; pid?: number };
  console.log(code ? `${code} ${pid}` : message);
  process.exit();
}
