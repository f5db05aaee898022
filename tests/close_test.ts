/** What `close`, `using` and `await using` do to a store and to its journal. */
import { assertEquals, assertRejects } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { openJournal } from "express-lembro/journal";
import { Folder } from "./support/folder.ts";
import { HeldClock, MINUTE } from "./support/clock.ts";
import { idsIn, until } from "./support/journals.ts";
import { called, Lembro, sessionOf, settled, type Store } from "./support/setup.ts";

describe("a store that is closed", () => {
  for (
    const [how, close] of [
      ["by close", (store) => store.close()],
      ["by close with a callback", (store) => called<void>((done) => store.close(done))],
      ["by await using", async (store) => {
        await using _closed = store;
      }],
    ] as [string, (store: Store) => Promise<unknown>][]
  ) {
    it(`${how}: has written its journal, and given it up`, async () => {
      using folder = new Folder();
      const store = new Lembro();
      await openJournal(store, folder.snapshot, { interval: 60_000 });
      await store.set("a", sessionOf());
      await close(store);
      assertEquals(await idsIn(folder.snapshot), ["a"]);
    });
  }

  it("by using: writes its journal and gives it up soon", async () => {
    using folder = new Folder();
    {
      using store = new Lembro();
      await openJournal(store, folder.snapshot, { interval: 60_000 });
      await store.set("a", sessionOf());
    }
    const another = new Lembro();
    let journal: Awaited<ReturnType<typeof openJournal>> | undefined;
    for (let tries = 0; !journal && tries < 500; tries++) {
      await settled();
      journal = await openJournal(another, folder.snapshot).catch(() => undefined);
    }
    assertEquals(await another.ids(), ["a"]);
    await another.close();
  });

  it("purges no more, and may be closed again", async () => {
    using clock = new HeldClock();
    const store = new Lembro({ interval: MINUTE, ttl: 10 });
    await store.set("a", sessionOf());
    await store.close();
    await store.close();
    store[Symbol.dispose]();
    await store[Symbol.asyncDispose]();
    clock.tick(MINUTE);
    assertEquals(store.stats().sessions, 1);
    assertEquals(await store.get("a"), undefined);
  });

  it("can get another journal, and closing the first one again harms nothing", async () => {
    using folder = new Folder();
    const store = new Lembro();
    const first = await openJournal(store, folder.snapshot);
    await store.close();
    const other = `${folder.snapshot}.other`;
    await openJournal(store, other);
    await first.close();
    await store.set("a", sessionOf());
    await store.close();
    assertEquals(await idsIn(other), ["a"]);
  });

  it("whose journal was closed before needs no journal any more", async () => {
    using folder = new Folder();
    const store = new Lembro();
    const journal = await openJournal(store, folder.snapshot);
    await journal.close();
    await store.close();
    assertEquals(await idsIn(folder.snapshot), []);
  });

  it("passes the error of a journal that can't be written", async () => {
    const folder = new Folder();
    const store = new Lembro();
    store.on("error", () => {});
    await openJournal(store, folder.snapshot);
    await store.set("a", sessionOf());
    folder[Symbol.dispose]();
    await assertRejects(() => store.close(), Error, "its lock must stay where it is");
  });

  it("by using: emits the error of a journal that can't be written", async () => {
    const folder = new Folder();
    const errors: { code?: string }[] = [];
    {
      using store = new Lembro();
      store.on("error", (error) => errors.push(error as { code?: string }));
      await openJournal(store, folder.snapshot);
      await store.set("a", sessionOf());
      folder[Symbol.dispose]();
    }
    await until(() => errors.length > 0);
    // Closing fails for the same reason: one error is enough.
    await new Promise((resolve) => setTimeout(resolve, 50));
    assertEquals(errors.map(({ code }) => code), ["ERR_LEMBRO_JOURNAL_LOST"]);
  });
});
