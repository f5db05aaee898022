import { assert, assertEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { loadSnapshot } from "express-lembro/snapshot";
import type { Entry, Port } from "../src/core/port.ts";
import { Copy } from "../src/persistence/copy.ts";
import { nodeDisk } from "../src/persistence/disk.ts";
import { Scan } from "../src/persistence/scan.ts";
import { readSnapshot } from "../src/persistence/snapshot_reader.ts";
import { writeSnapshot } from "../src/persistence/snapshot_writer.ts";
import { SECOND, watched, withSlowSteps } from "./support/clock.ts";
import { Folder } from "./support/folder.ts";
import { assertSame, keptIn, portOf } from "./support/kept.ts";
import { errorOf, Lembro, sessionOf, settled, type Store } from "./support/setup.ts";
import { diskError, HookedDisk, MemoryDisk } from "./support/disks.ts";
import { HeldTimers } from "./support/held_timers.ts";
import { idsIn, until } from "./support/journals.ts";

const save = (hooked: HookedDisk, store: Store, path: string) =>
  writeSnapshot(hooked.disk, portOf(store), path, []);

/** The secrets of a file without any. */
const PLAIN = { secrets: [], isPlainRead: true };

async function storeOf(sids: string[]): Promise<Store> {
  const store = new Lembro({ maxSize: Infinity });
  for (const sid of sids) await store.set(sid, sessionOf({ sid }));
  return store;
}

/** A save of a store that changes at each call of the disk, and all states that it had meanwhile. */
async function saveWhileItChanges(store: Store, path: string, change: (n: number) => void) {
  const states = [keptIn(store)];
  const hooked = new HookedDisk();
  let n = 0;
  hooked.hook = () => {
    change(n++);
    states.push(keptIn(store));
  };
  return { saved: await save(hooked, store, path), states, changes: n };
}

describe("what changes while the file is written", () => {
  for (
    const [what, change] of [
      ["sessions come", (store, n) => store.set(`new ${n}`, sessionOf(), () => {})],
      ["sessions are used", (store, n) => store.get(`${n % 300}`, () => {})],
      ["sessions are saved", (store, n) => store.set(`${n % 300}`, sessionOf({ n }), () => {})],
      ["users sign out", (store, n) => store.destroy(`${n}`, () => {})],
      ["all are cleared", (store, n) => {
        if (n % 5 === 0) store.clear(() => {});
        else store.set(`${n}`, sessionOf(), () => {});
      }],
    ] as [string, (store: Store, n: number) => void][]
  ) {
    it(`leaves it right as of one moment during the save, when ${what} all the time`, async () => {
      using folder = new Folder();
      using store = await storeOf(Array.from({ length: 300 }, (_, i) => `${i}`));
      const { saved, states, changes } = await saveWhileItChanges(
        store,
        folder.snapshot,
        (n) => change(store, n),
      );
      assert(changes > 10, `${changes} changes`);
      using loaded = new Lembro({ maxSize: Infinity });
      assertEquals((await loadSnapshot(loaded, folder.snapshot)).sessions, saved.sessions);
      const found = JSON.stringify(keptIn(loaded));
      assert(states.some((state) => JSON.stringify(state) === found), "it had no such state");
    });
  }

  it("is in it if it came before the last rows: a logout while the first ones are written", async () => {
    using folder = new Folder();
    using store = await storeOf(["a", "b", "c"]);
    const hooked = new HookedDisk();
    hooked.hook = (method) => {
      if (method === "write") store.destroy("a", () => {});
    };
    const { sessions, bytes } = await save(hooked, store, folder.snapshot);
    assertEquals(await idsIn(folder.snapshot), ["b", "c"]);
    assertEquals([sessions, bytes], [2, (await Deno.stat(folder.snapshot)).size]);
  });

  it("while it stalls, tens of thousands of reads are written in slices", async () => {
    using folder = new Folder();
    const MANY = 20_000;
    using store = new Lembro({ maxSize: Infinity });
    const read = () => {
      for (let i = 0; i < MANY; i++) store.get(`${i}`, () => {});
    };
    for (let i = 0; i < MANY; i++) store.set(`${i}`, sessionOf(), () => {});
    read();
    await settled();
    const hooked = new HookedDisk();
    let stalled: (() => void) | undefined;
    hooked.hook = (method, path) => {
      if (method !== "write" || stalled || !path.includes("sessions")) return;
      return new Promise((resolve) => stalled = resolve);
    };
    let turns = 0;
    await withSlowSteps(async () => {
      let isDone = false;
      const saving = save(hooked, store, folder.snapshot).finally(() => isDone = true);
      while (!stalled) await settled();
      read();
      stalled();
      for (; !isDone; turns++) await settled();
      await saving;
    });
    // A step of each turn is a session of the walk, and then of those that were read.
    assert(turns > 1.5 * MANY, `${turns} turns`);
    using loaded = new Lembro({ maxSize: Infinity });
    await loadSnapshot(loaded, folder.snapshot);
    assertSame(loaded, store);
  });

  it("while the file waits for its place, tens of thousands of changes are read in slices", async () => {
    using folder = new Folder();
    const MANY = 20_000;
    using store = new Lembro({ maxSize: Infinity });
    const port = portOf(store);
    let reads = 0;
    const counting: Port = Object.create(port, {
      read: { value: (entry: Entry) => (reads++, port.read(entry)) },
    });
    const settings = { kind: "snapshot", secrets: [], check: () => {} } as const;
    let most = 0;
    await Copy.make(nodeDisk, counting, folder.snapshot, settings, async (copy) => {
      for (let i = 0; i < MANY; i++) store.set(`${i}`, sessionOf(), () => {});
      await settled();
      await withSlowSteps(async () => {
        let isDone = false;
        const finished = copy.finish().finally(() => isDone = true);
        for (let before = 0; !isDone; before = reads) {
          await settled();
          most = Math.max(most, reads - before);
        }
        await finished;
      });
      await copy.place();
      await copy.writer.file.close();
    });
    assert(reads >= MANY && most < MANY / 20, `${most} of ${reads} in one turn`);
    using loaded = new Lembro({ maxSize: Infinity });
    await loadSnapshot(loaded, folder.snapshot);
    assertSame(loaded, store);
  });
});

/** A save on a disk that does not answer `method` before `release` is called. */
function hangingSave(store: Store, path: string, method: string) {
  const hooked = new HookedDisk();
  hooked.hang(method);
  const saving = save(hooked, store, path);
  return { saving, release: () => hooked.work(), isHanging: () => hooked.isHanging };
}

describe("a disk that does not answer", () => {
  it("does not make the memory for changes grow without end, and the file is right then", async () => {
    using folder = new Folder();
    using store = new Lembro({ maxSize: "1M" });
    const port = portOf(store);
    const { observe } = port;
    let kept = () => 0;
    port.observe = (observer) => {
      if (observer instanceof Scan) kept = () => observer.changes.size;
      return observe.call(port, observer);
    };
    const { saving, release, isHanging } = hangingSave(store, folder.snapshot, "datasync");
    await until(isHanging);
    let most = 0;
    for (let i = 0; i < 150_000; i++) {
      store.set(`${i}`, sessionOf(), () => {});
      if (i % 1_000 === 0) await settled();
      most = Math.max(most, kept());
    }
    assert(most > 10_000 && most <= 100_000, `${most} are kept in memory`);
    release();
    await saving;
    using loaded = new Lembro({ maxSize: "1M" });
    await loadSnapshot(loaded, folder.snapshot);
    assertSame(loaded, store);
  });

  it("for half a minute is an error at any call, and one file or the other stays for good", async () => {
    for (let at = 0;; at++) {
      const memory = new MemoryDisk();
      using store = await storeOf(["a"]);
      await save(new HookedDisk(memory), store, "/disk/sessions");
      await store.set("b", sessionOf());
      using timers = new HeldTimers();
      const hooked = new HookedDisk(memory);
      const hang = hooked.hangAt(at);
      const failed = save(hooked, store, "/disk/sessions").then(() => undefined, (error) => error);
      const saved = watched(failed);
      await timers.tick(29 * SECOND);
      assertEquals(saved.isDone, hang.method === "");
      await timers.tick(SECOND);
      assertEquals((await failed)?.code, hang.method === "" ? undefined : "ETIMEDOUT");
      // Once it is being renamed, nobody can take it back.
      const ids = hooked.calls.includes("rename") ? ["a", "b"] : ["a"];
      hooked.work();
      await timers.tick(SECOND);
      assertEquals(await memory.names(), ["sessions"]);
      using loaded = new Lembro();
      await readSnapshot(memory, portOf(loaded), "/disk/sessions", PLAIN);
      assertEquals((await loaded.ids()).sort(), ids, `call ${at}, ${hang.method}`);
      if (hang.method === "") return assert(at > 10, `${at} calls`);
    }
  });

  it("for half a minute while a file is loaded is an error, and nothing comes to the store", async () => {
    using before = await storeOf(["a"]);
    const memory = new MemoryDisk();
    await save(new HookedDisk(memory), before, "/disk/sessions");
    for (let at = 0;; at++) {
      using store = new Lembro();
      using timers = new HeldTimers();
      const hooked = new HookedDisk(memory);
      const hang = hooked.hangAt(at);
      const loading = readSnapshot(hooked.disk, portOf(store), "/disk/sessions", PLAIN);
      const failed = loading.then(() => undefined, (error) => error);
      const loaded = watched(failed);
      await timers.tick(29 * SECOND);
      assertEquals(loaded.isDone, hang.method === "");
      await timers.tick(SECOND);
      assertEquals(loaded.isDone, true);
      if (hang.method === "") {
        assertEquals([await store.ids(), await failed], [["a"], undefined]);
        return assert(at > 3, `${at} calls`);
      }
      assertEquals([(await failed).code, hang.method], ["ETIMEDOUT", hang.method]);
      hooked.work();
      await timers.tick(SECOND);
      assertEquals(await store.ids(), []);
    }
  });
});

describe("of several saves to one path", () => {
  it("the last one to start wins, though the first one is being renamed", async () => {
    using folder = new Folder();
    using store = await storeOf(["a", "b"]);
    const first = hangingSave(store, folder.snapshot, "rename");
    await until(first.isHanging);
    await store.destroy("a");
    const hooked = new HookedDisk();
    const second = save(hooked, store, folder.snapshot);
    await until(() => hooked.calls.filter((name) => name === "datasync").length === 2);
    await settled();
    first.release();
    await Promise.all([first.saving, second]);
    assertEquals(await idsIn(folder.snapshot), ["b"]);
    assertEquals(folder.names(), ["sessions"]);
  });

  it("the last one to start wins, though the first one has not found its file before that ends", async () => {
    using folder = new Folder();
    using store = await storeOf(["a"]);
    const first = hangingSave(store, folder.snapshot, "realpath");
    await until(first.isHanging);
    const second = await save(new HookedDisk(), store, folder.snapshot);
    await store.set("b", sessionOf());
    first.release();
    await first.saving;
    assertEquals([await idsIn(folder.snapshot), second.sessions], [["a"], 1]);
    assertEquals(folder.names(), ["sessions"]);
  });

  it("the last one to start wins, though the first one ends last", async () => {
    using folder = new Folder();
    using store = await storeOf(["a", "b"]);
    // By a link: it is the same file.
    await Deno.symlink("sessions", `${folder.path}/link`);
    const { saving, release, isHanging } = hangingSave(store, `${folder.path}/link`, "datasync");
    await until(isHanging);
    await store.destroy("a");
    await save(new HookedDisk(), store, folder.snapshot);
    await store.set("c", sessionOf());
    release();
    await saving;
    assertEquals(await idsIn(folder.snapshot), ["b"]);
    assertEquals(folder.names(), ["link", "sessions"]);
  });

  it("the first one stays if the last one fails", async () => {
    using folder = new Folder();
    using store = await storeOf(["a"]);
    const failing = new HookedDisk();
    failing.fail("EIO", ["datasync"]);
    const first = save(new HookedDisk(), store, folder.snapshot);
    const error = await errorOf(save(failing, store, folder.snapshot));
    assertEquals(error.code, "EIO");
    await first;
    assertEquals(await idsIn(folder.snapshot), ["a"]);
    assertEquals(folder.names(), ["sessions"]);
  });
});

describe("a rename that fails because somebody reads the file", () => {
  for (const code of ["EPERM", "EBUSY", "EACCES"]) {
    it(`with ${code} is tried again for a moment`, async () => {
      using folder = new Folder();
      using store = await storeOf(["a", "b"]);
      const hooked = new HookedDisk();
      let tries = 0;
      hooked.hook = (method) => {
        if (method === "rename" && ++tries < 3) throw diskError(code);
      };
      const { sessions } = await save(hooked, store, folder.snapshot);
      assertEquals([sessions, await idsIn(folder.snapshot), tries], [2, ["a", "b"], 3]);
    });
  }

  it("for good is an error, and leaves the earlier file", async () => {
    using folder = new Folder();
    using store = await storeOf(["a"]);
    await save(new HookedDisk(), store, folder.snapshot);
    await store.set("b", sessionOf());
    const hooked = new HookedDisk();
    hooked.fail("EPERM", ["rename"]);
    using timers = new HeldTimers();
    const failed = errorOf(save(hooked, store, folder.snapshot));
    await until(() => hooked.calls.includes("rename"));
    await timers.tick(SECOND);
    assertEquals((await failed).code, "EPERM");
    assertEquals(await idsIn(folder.snapshot), ["a"]);
    assertEquals(folder.names(), ["sessions"]);
  });

  it("with another code is an error at once", async () => {
    using folder = new Folder();
    using store = await storeOf(["a"]);
    const hooked = new HookedDisk();
    hooked.fail("EROFS", ["rename"]);
    assertEquals((await errorOf(save(hooked, store, folder.snapshot))).code, "EROFS");
    assertEquals(hooked.calls.filter((name) => name === "rename").length, 1);
    assertEquals(folder.names(), []);
  });
});

describe("a file that was written while the app worked", () => {
  it("is loaded with the right counts into a store that is too small", async () => {
    using folder = new Folder();
    using store = await storeOf(Array.from({ length: 200 }, (_, i) => `${i}`));
    const hooked = new HookedDisk();
    let syncs = 0;
    hooked.hook = (method) => {
      if (method !== "datasync" || ++syncs > 1) return;
      // All rows of the file are taken back by later ones.
      for (let i = 0; i < 200; i++) {
        store.destroy(`${i}`, () => {});
        store.set(`${i}`, sessionOf({ syncs }), () => {});
        if (i < 100) store.get(`${i}`, () => {});
      }
    };
    await save(hooked, store, folder.snapshot);
    const order = [...Array.from({ length: 100 }, (_, i) => `${i}`)];
    using small = new Lembro({ maxSize: 4_000 });
    const { sessions, expired, omitted } = await loadSnapshot(small, folder.snapshot);
    assertEquals([sessions + omitted, expired, sessions], [200, 0, await small.length()]);
    // The newest of those that had returned, and an eighth of newcomers.
    const returning = (await small.ids()).filter((sid) => Number(sid) < 100);
    assert(returning.length > 10);
    assertEquals(
      returning.sort((one, other) => Number(one) - Number(other)),
      order.slice(-returning.length),
    );
    for (const sid of await small.ids()) {
      assertEquals((await small.get(sid) as unknown as { syncs: number }).syncs, 1);
    }
  });
});
