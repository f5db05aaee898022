/**
 * The suite that express-lembro 1.1.0 was published with, as it is, against this
 * store. What it reads of the old store's internals stands for what the old
 * README says of them: the sessions by id, and their size.
 */
import { assertEquals } from "@std/assert";
import { afterEach, describe, it } from "@std/testing/bdd";
import chai from "chai";
import session from "express-session";
import sizeomatic from "sizeomatic";
import { readFile } from "node:fs/promises";
import { Lembro } from "./support/setup.ts";

class OldLembro extends Lembro {
  readonly advanced = {};

  get sessions(): Record<string, unknown> {
    return Object.fromEntries(this.entries());
  }

  get _size(): number {
    return this.stats().bytes;
  }
}

const MODULES: Record<string, unknown> = {
  chai,
  "express-session": session,
  sizeomatic,
  "./index.js": () => OldLembro,
};

type Done = (error?: unknown) => void;
type Work = (done: Done) => unknown;

let count = 0;

/** Mocha's `it`: work that takes a callback ends when it calls that. */
function test(name: string, work: Work): void {
  count++;
  it(name, async () => {
    if (work.length === 0) return void await work(() => {});
    await new Promise<void>((resolve, reject) =>
      work((error) => error ? reject(error) : resolve())
    );
  });
}

const beside = import.meta.resolve("express-lembro-1");
const suite = await readFile(new URL("test.js", beside), "utf8");
new Function("require", "describe", "it", "afterEach", suite)(
  (name: string) => MODULES[name],
  describe,
  test,
  afterEach,
);

it("the suite of 1.1.0 has its 13 tests", () => assertEquals(count, 13));
