/**
 * Saves one content and the other to the file that is given, again and again,
 * and says so once it has begun.
 *
 * @module
 */
import { saveSnapshot } from "express-lembro/snapshot";
import { fillWith } from "./contents.ts";
import { Lembro } from "../support/setup.ts";

const [path] = Deno.args;
const stores = [];
for (const name of ["A", "B"]) {
  const store = new Lembro({ maxSize: "64M" });
  await fillWith(store, name);
  stores.push(store);
}
for (let i = 0;; i++) {
  await saveSnapshot(stores[i % 2], path);
  if (i === 0) console.log("saving");
}
