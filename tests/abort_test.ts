/** The option `signal`: what is given up leaves file and store as they were. */
import { assert, assertEquals, assertRejects } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { openJournal } from "express-lembro/journal";
import { loadSnapshot, saveSnapshot } from "express-lembro/snapshot";
import { transferSessions } from "express-lembro/transfer";
import { writeSnapshot } from "../src/persistence/snapshot_writer.ts";
import { Folder } from "./support/folder.ts";
import { portOf } from "./support/kept.ts";
import { Lembro, sessionOf, sessionOfSize, type Store } from "./support/setup.ts";
import { HookedDisk } from "./support/disks.ts";
import { openOn } from "./support/journals.ts";

const reason = new Error("the app is closing");

/** What a call is rejected with. */
async function reasonOf(call: Promise<unknown>): Promise<unknown> {
  return await call.then(() => "it was done", (error) => error);
}

/** A store with sessions that take several blocks of a file. */
async function storeOf200(): Promise<Store> {
  const store = new Lembro({ maxSize: Infinity });
  for (let i = 0; i < 200; i++) await store.set(`${i}`, sessionOfSize(2_000, { i }));
  return store;
}

describe("a signal that is aborted before", () => {
  const signal = AbortSignal.abort(reason);
  for (
    const [what, call] of [
      ["openJournal", (store, path) => openJournal(store, path, { signal })],
      ["saveSnapshot", (store, path) => saveSnapshot(store, path, { signal })],
      ["loadSnapshot", (store, path) => loadSnapshot(store, path, { signal })],
      ["transferSessions", (store) => transferSessions(store, new Lembro(), { signal })],
    ] as [string, (store: Store, path: string) => Promise<unknown>][]
  ) {
    it(`${what}: rejects with its reason, and touches nothing`, async () => {
      using folder = new Folder();
      using store = new Lembro();
      assert(await reasonOf(call(store, folder.snapshot)) === reason);
      assertEquals(folder.names(), []);
      // Nothing is left that would be in the way.
      await (await openJournal(store, folder.snapshot)).close();
    });
  }

  it("is refused if it is no signal", async () => {
    using store = new Lembro();
    const options = { signal: { aborted: false } as AbortSignal };
    for (
      const call of [
        () => openJournal(store, "path", options),
        () => saveSnapshot(store, "path", options),
        () => loadSnapshot(store, "path", options),
        () => transferSessions(store, new Lembro(), options),
      ]
    ) {
      const error = await assertRejects(call, TypeError, "signal must be an AbortSignal");
      assertEquals((error as { code?: string }).code, "ERR_LEMBRO_OPTION");
    }
  });
});

describe("a signal that is aborted in the middle", () => {
  it("saveSnapshot: leaves the earlier file, and none beside it", async () => {
    for (const method of ["write", "datasync"]) {
      using folder = new Folder();
      using before = new Lembro();
      await before.set("before", sessionOf());
      await saveSnapshot(before, folder.snapshot);
      using store = await storeOf200();
      const abort = new AbortController();
      const hooked = new HookedDisk();
      hooked.hook = (called) => {
        if (called === method) abort.abort(reason);
      };
      const saving = writeSnapshot(hooked.disk, portOf(store), folder.snapshot, [], abort.signal);
      assert(await reasonOf(saving) === reason, method);
      assertEquals(folder.names(), ["sessions"]);
      using after = new Lembro();
      await loadSnapshot(after, folder.snapshot);
      assertEquals(await after.ids(), ["before"]);
    }
  });

  it("openJournal: leaves the file as it is and unlocked, and the store as it was", async () => {
    using folder = new Folder();
    {
      await using store = await storeOf200();
      await openJournal(store, folder.snapshot);
    }
    const bytes = await Deno.readFile(folder.snapshot);
    using store = new Lembro({ maxSize: Infinity });
    await store.set("own", sessionOf());
    const abort = new AbortController();
    const hooked = new HookedDisk();
    hooked.hook = (method) => {
      if (method === "read") abort.abort(reason);
    };
    const opening = openOn(hooked.disk, store, folder.snapshot, { signal: abort.signal });
    assert(await reasonOf(opening) === reason);
    assertEquals(await Deno.readFile(folder.snapshot), bytes);
    assertEquals(folder.names(), ["sessions"]);
    assertEquals(await store.ids(), ["own"]);
    await using _journal = await openJournal(store, folder.snapshot);
    assertEquals(await store.length(), 201);
  });

  it("openJournal: ends the wait for a process that has the file", async () => {
    using folder = new Folder();
    using first = new Lembro();
    await using _journal = await openJournal(first, folder.snapshot);
    using store = new Lembro();
    const abort = new AbortController();
    const opening = openJournal(store, folder.snapshot, { wait: 60_000, signal: abort.signal });
    abort.abort(reason);
    assert(await reasonOf(opening) === reason);
  });

  it("loadSnapshot: leaves the store as it was", async () => {
    using folder = new Folder();
    {
      using store = await storeOf200();
      await saveSnapshot(store, folder.snapshot);
    }
    using store = new Lembro({ maxSize: Infinity });
    await store.set("own", sessionOf());
    const abort = new AbortController();
    const loading = loadSnapshot(store, folder.snapshot, { signal: abort.signal });
    abort.abort(reason);
    assert(await reasonOf(loading) === reason);
    assertEquals(await store.ids(), ["own"]);
    await loadSnapshot(store, folder.snapshot);
    assertEquals(await store.length(), 201);
  });

  it("transferSessions: rejects though a store does not answer, and sends nothing more", async () => {
    using from = new Lembro();
    for (const sid of "abcdef") await from.set(sid, sessionOf());
    const abort = new AbortController();
    const sent: string[] = [];
    const answers: (() => void)[] = [];
    const to = {
      set(sid: string, _session: unknown, callback: () => void) {
        sent.push(sid);
        answers.push(callback);
        if (sent.length === 2) abort.abort(reason);
      },
      destroy() {},
    };
    let told = 0;
    const transfer = transferSessions(from, to as never, {
      concurrency: 2,
      signal: abort.signal,
      onProgress: () => told++,
    });
    assert(await reasonOf(transfer) === reason);
    for (const answer of answers) answer();
    for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setTimeout(resolve, 0));
    assertEquals([sent.length, told], [2, 0]);
  });
});

describe("a signal that is aborted after", () => {
  it("does nothing", async () => {
    using folder = new Folder();
    const abort = new AbortController();
    const { signal } = abort;
    using store = await storeOf200();
    using other = new Lembro({ maxSize: Infinity });
    await saveSnapshot(store, `${folder.snapshot}.copy`, { signal });
    await transferSessions(store, other, { signal });
    using third = new Lembro({ maxSize: Infinity });
    await loadSnapshot(third, `${folder.snapshot}.copy`, { signal });
    const journal = await openJournal(store, folder.snapshot, { signal });
    abort.abort(reason);
    await store.set("after", sessionOf());
    await journal.close();
    assertEquals([await other.length(), await third.length()], [200, 200]);
    using after = new Lembro({ maxSize: Infinity });
    await (await openJournal(after, folder.snapshot)).close();
    assertEquals(await after.length(), 201);
  });
});
