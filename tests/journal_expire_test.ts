/** What expired while the app was down: it stays away, and is announced when the journal is opened. */
import { assertEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { openJournal } from "express-lembro/journal";
import { loadSnapshot, saveSnapshot } from "express-lembro/snapshot";
import { Folder } from "./support/folder.ts";
import { Lembro, type SessionData, sessionOf, settled, type Store } from "./support/setup.ts";
import { HeldClock, HOUR, MINUTE } from "./support/clock.ts";

/** Notes the sessions that expire, with what they hold. */
function expiredIn(store: Store): [sid: string, name: unknown][] {
  const expired: [string, unknown][] = [];
  store.on("expire", (sid: string, session: SessionData | undefined) => {
    expired.push([sid, (session as { name?: string } | undefined)?.name]);
  });
  return expired;
}

/** Leaves a file with sessions that live for a minute, and one that lives for longer. */
async function left(path: string): Promise<void> {
  using store = new Lembro({ ttl: (_, sid) => sid === "long" ? HOUR : MINUTE });
  await using _journal = await openJournal(store, path);
  for (const sid of ["a", "b", "long"]) await store.set(sid, sessionOf({ name: `of ${sid}` }));
}

const both: [string, unknown][] = [["a", "of a"], ["b", "of b"]];

describe("a session that expired while the app was down", () => {
  it("stays away and is announced with its data, before the journal is open", async () => {
    using folder = new Folder();
    using clock = new HeldClock();
    await left(folder.snapshot);
    clock.tick(MINUTE);
    using store = new Lembro();
    const expired = expiredIn(store);
    await using _journal = await openJournal(store, folder.snapshot);
    await settled();
    assertEquals(expired.sort(), both);
    assertEquals(await store.ids(), ["long"]);
  });

  it("is announced once, not at each start", async () => {
    using folder = new Folder();
    using clock = new HeldClock();
    await left(folder.snapshot);
    clock.tick(MINUTE);
    for (const expected of [both, [], []] as (typeof both)[]) {
      using store = new Lembro();
      const expired = expiredIn(store);
      const journal = await openJournal(store, folder.snapshot);
      await settled();
      await journal.close();
      assertEquals(expired.sort(), expected);
      assertEquals(await store.ids(), ["long"]);
    }
  });

  it("is not announced if it has come back under the same id before", async () => {
    using folder = new Folder();
    using clock = new HeldClock();
    await left(folder.snapshot);
    clock.tick(MINUTE);
    using store = new Lembro();
    await store.set("a", sessionOf({ name: "the new one" }));
    const expired = expiredIn(store);
    await using _journal = await openJournal(store, folder.snapshot);
    await settled();
    assertEquals(expired, [["b", "of b"]]);
    assertEquals((await store.ids()).sort(), ["a", "long"]);
  });

  it("is announced without its data if the serializer can't read it", async () => {
    using folder = new Folder();
    using clock = new HeldClock();
    await left(folder.snapshot);
    clock.tick(MINUTE);
    const parse = (text: string) => {
      if (text.includes("of a")) throw new Error("unreadable");
      return JSON.parse(text);
    };
    // A serializer is known by what it writes: this one writes what JSON does.
    using store = new Lembro({ serializer: { stringify: JSON.stringify, parse } });
    const expired = expiredIn(store);
    await using _journal = await openJournal(store, folder.snapshot);
    await settled();
    assertEquals(expired.sort(), [["a", undefined], ["b", "of b"]]);
  });

  it("needs no listener", async () => {
    using folder = new Folder();
    using clock = new HeldClock();
    await left(folder.snapshot);
    clock.tick(MINUTE);
    using store = new Lembro();
    await using _journal = await openJournal(store, folder.snapshot);
    assertEquals(await store.ids(), ["long"]);
  });

  it("is not announced by a snapshot, which says how many there were", async () => {
    using folder = new Folder();
    using clock = new HeldClock();
    using before = new Lembro({ ttl: MINUTE });
    await before.set("a", sessionOf());
    await saveSnapshot(before, folder.snapshot);
    clock.tick(MINUTE);
    using store = new Lembro();
    const expired = expiredIn(store);
    assertEquals((await loadSnapshot(store, folder.snapshot)).expired, 1);
    await settled();
    assertEquals(expired, []);
  });
});
