import { assert, assertEquals, assertMatch } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { loadSnapshot } from "express-lembro/snapshot";
import { writeSnapshot } from "../src/persistence/snapshot_writer.ts";
import {
  assertSame,
  errorOf,
  Folder,
  Lembro,
  portOf,
  sessionOf,
  settled,
  type Store,
  withSlowSteps,
} from "./snapshot/setup.ts";
import { diskError, HookedDisk } from "./support/disks.ts";
import { until } from "./support/journals.ts";

const save = (hooked: HookedDisk, store: Store, path: string) =>
  writeSnapshot(hooked.disk, portOf(store), path, []);

async function storeOf(sids: string[]): Promise<Store> {
  const store = new Lembro({ maxSize: Infinity });
  for (const sid of sids) await store.set(sid, sessionOf({ sid }));
  return store;
}

/** What is in a file. */
async function idsIn(path: string): Promise<string[]> {
  using loaded = new Lembro({ maxSize: Infinity });
  await loadSnapshot(loaded, path);
  return (await loaded.ids()).sort();
}

describe("what happens while the file is brought to the disk", () => {
  for (
    const [what, work, left] of [
      ["a logout", (store) => store.destroy("a", () => {}), ["b", "c"]],
      ["a save", (store) => store.set("d", sessionOf(), () => {}), ["a", "b", "c", "d"]],
      ["a clearing", (store) => store.clear(() => {}), []],
    ] as [string, (store: Store) => void, string[]][]
  ) {
    it(`is in it: ${what}`, async () => {
      using folder = new Folder();
      using store = await storeOf(["a", "b", "c"]);
      const hooked = new HookedDisk();
      let syncs = 0;
      hooked.hook = (method) => {
        if (method === "datasync" && ++syncs === 1) work(store);
      };
      const { sessions, bytes } = await save(hooked, store, folder.snapshot);
      assertEquals(await idsIn(folder.snapshot), left);
      assertEquals([sessions, bytes], [left.length, (await Deno.stat(folder.snapshot)).size]);
      assertEquals(syncs, 2);
    });
  }

  it("is in it even if it never ends, and the file is renamed in the same turn", async () => {
    using folder = new Folder();
    using store = await storeOf(["a", "b", "c"]);
    const hooked = new HookedDisk();
    let [n, atRename] = [0, -1];
    hooked.hook = (method) => {
      if (method === "datasync") store.set(`new ${n++}`, sessionOf(), () => {});
      if (method === "renameSync") atRename = n;
    };
    await save(hooked, store, folder.snapshot);
    assertEquals(hooked.calls.includes("datasyncSync"), true);
    assertEquals((await idsIn(folder.snapshot)).length, 3 + atRename);
    assert(n < 20, `${n} rounds`);
  });

  it("on a slow disk that is never let alone: no long hold, and no logout is missed", async () => {
    using folder = new Folder();
    using store = await storeOf(Array.from({ length: 300 }, (_, i) => `${i}`));
    const hooked = new HookedDisk();
    let n = 0;
    const gone: string[] = [];
    hooked.hook = async (method) => {
      if (method !== "datasync") return;
      await new Promise((resolve) => setTimeout(resolve, 15));
      for (let i = 0; i < 500; i++) store.get(`${i % 300}`, () => {});
      store.set(`new ${n++}`, sessionOf(), () => {});
      if (n % 2) {
        gone.push(`${n}`);
        store.destroy(`${n}`, () => {});
      }
    };
    await save(hooked, store, folder.snapshot);
    assertEquals(hooked.calls.includes("datasyncSync"), false, "it would hold the event loop");
    const ids = new Set(await idsIn(folder.snapshot));
    assertEquals(gone.filter((sid) => ids.has(sid)), []);
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
});

describe("of several saves to one path", () => {
  it("the last one to start wins, though the first one ends last", async () => {
    using folder = new Folder();
    using store = await storeOf(["a", "b"]);
    const slow = new HookedDisk();
    let release = () => {};
    const stalled = new Promise<void>((resolve) => release = resolve);
    slow.hook = (method) => method === "datasync" ? stalled : undefined;
    // By a link: it is the same file.
    await Deno.symlink("sessions", `${folder.path}/link`);
    const first = save(slow, store, `${folder.path}/link`);
    await until(() => slow.calls.includes("datasync"));
    await store.destroy("a");
    await save(new HookedDisk(), store, folder.snapshot);
    await store.set("c", sessionOf());
    release();
    await first;
    assertEquals(await idsIn(folder.snapshot), ["b"]);
    assertEquals(folder.names(), ["link", "sessions"]);
  });

  it("the first one stays if the last one fails", async () => {
    using folder = new Folder();
    using store = await storeOf(["a"]);
    const failing = new HookedDisk();
    failing.hook = (method) => {
      if (method === "datasync") throw diskError("EIO");
    };
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
    it(`with ${code} is tried again for a moment, and nothing is missed in it`, async () => {
      using folder = new Folder();
      using store = await storeOf(["a", "b"]);
      const hooked = new HookedDisk();
      let tries = 0;
      hooked.hook = (method) => {
        if (method !== "renameSync" || ++tries > 3) return;
        if (tries === 2) setTimeout(() => store.destroy("a", () => {}), 5);
        throw diskError(code);
      };
      const { sessions } = await save(hooked, store, folder.snapshot);
      assertEquals([sessions, await idsIn(folder.snapshot)], [1, ["b"]]);
      assertEquals(tries, 4);
    });

    it(`with ${code} for good is an error, and leaves the earlier file`, async () => {
      using folder = new Folder();
      using store = await storeOf(["a"]);
      await save(new HookedDisk(), store, folder.snapshot);
      await store.set("b", sessionOf());
      const hooked = new HookedDisk();
      hooked.hook = (method) => {
        if (method === "renameSync") throw diskError(code);
      };
      const start = performance.now();
      const error = await errorOf(save(hooked, store, folder.snapshot));
      assertMatch(error.message, new RegExp(code));
      assert(performance.now() - start < 10_000);
      assertEquals(await idsIn(folder.snapshot), ["a"]);
      assertEquals(folder.names(), ["sessions"]);
    });
  }

  it("with another code is an error at once", async () => {
    using folder = new Folder();
    using store = await storeOf(["a"]);
    const hooked = new HookedDisk();
    hooked.hook = (method) => {
      if (method === "renameSync") throw diskError("EROFS");
    };
    assertEquals((await errorOf(save(hooked, store, folder.snapshot))).code, "EROFS");
    assertEquals(hooked.calls.filter((name) => name === "renameSync").length, 1);
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
      if (method !== "datasync" || ++syncs > 3) return;
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
      assertEquals((await small.get(sid) as unknown as { syncs: number }).syncs, 3);
    }
  });
});
