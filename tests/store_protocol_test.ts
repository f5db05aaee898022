import { assert, assertEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { Lembro, session, type SessionData, sessionOf } from "./support/setup.ts";

type AnyStore = InstanceType<typeof session.MemoryStore>;

/** Calls methods one after the other, and returns what each has passed to its callback. */
async function answersOf(store: AnyStore, script: [method: string, ...args: unknown[]][]) {
  const answers: unknown[] = [];
  for (const [method, ...args] of script) {
    answers.push(
      await new Promise((resolve) =>
        (store as unknown as Record<string, (...args: unknown[]) => void>)[method](
          ...args,
          (error: unknown, result: unknown) => resolve([method, Boolean(error), result]),
        )
      ),
    );
  }
  return answers;
}

const later = new Date(Date.now() + 60_000);
const before = new Date(Date.now() - 60_000);
const without = { name: "no cookie" } as unknown as SessionData;

const SCRIPTS: Record<string, [string, ...unknown[]][]> = {
  "a life": [
    ["get", "a"],
    ["set", "a", sessionOf({ n: 1 })],
    ["get", "a"],
    ["set", "a", sessionOf({ n: 2 })],
    ["get", "a"],
    ["touch", "a", sessionOf({ n: 3 }, { path: "/touched" })],
    ["get", "a"],
    ["length"],
    ["all"],
    ["destroy", "a"],
    ["get", "a"],
    ["length"],
  ],
  "sessions without a cookie": [
    ["set", "a", without],
    ["get", "a"],
    ["touch", "a", without],
    ["get", "a"],
    ["all"],
    ["length"],
  ],
  "cookies that expire": [
    ["set", "later", sessionOf({}, { expires: later })],
    ["set", "later as a string", sessionOf({}, { expires: later.toISOString() })],
    ["set", "before", sessionOf({}, { expires: before })],
    ["get", "later"],
    ["get", "later as a string"],
    ["get", "before"],
    ["touch", "later", sessionOf({}, { expires: before })],
    ["get", "later"],
    ["length"],
  ],
  "several sessions": [
    ["set", "a", sessionOf({ n: 1 })],
    ["set", "b", sessionOf({ n: 2 })],
    ["set", "__proto__", sessionOf({ n: 3 })],
    ["all"],
    ["length"],
    ["destroy", "nobody"],
    ["touch", "nobody", sessionOf()],
    ["length"],
    ["clear"],
    ["all"],
    ["length"],
  ],
};

describe("what works with MemoryStore works here unchanged", () => {
  for (const [name, script] of Object.entries(SCRIPTS)) {
    it(name, async () => {
      using store = new Lembro();
      const theirs = await answersOf(new session.MemoryStore(), script);
      const ours = await answersOf(store as unknown as AnyStore, script);
      assertEquals(ours, theirs);
    });
  }

  it("every method that MemoryStore has", () => {
    using store = new Lembro();
    for (const name in session.MemoryStore.prototype) {
      const theirs = (session.MemoryStore.prototype as unknown as Record<string, unknown>)[name];
      if (typeof theirs !== "function") continue;
      const ours = (store as unknown as Record<string, unknown>)[name];
      assertEquals(typeof ours, "function", name);
    }
  });

  it("calls without a callback", async () => {
    using store = new Lembro();
    void store.set("a", sessionOf());
    void store.touch("a", sessionOf());
    void store.destroy("b");
    assertEquals(await store.length(), 1);
    void store.clear();
    assert(await store.length() === 0);
  });
});
