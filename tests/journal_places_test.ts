import { assert, assertEquals, assertMatch } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { openJournal } from "express-lembro/journal";
import { loadSnapshot, saveSnapshot } from "express-lembro/snapshot";
import { Folder } from "./support/folder.ts";
import { errorOf, Lembro, sessionOf } from "./support/setup.ts";
import { diskError, HookedDisk, isTemporary } from "./support/disks.ts";
import { Holder, holderWith } from "./support/holders.ts";
import { idsIn, openOn, toldBy, until } from "./support/journals.ts";

/** What `path` belongs to. */
function ownerOf(path: string): [number | null, number | null] {
  const { uid, gid } = Deno.statSync(path);
  return [uid, gid];
}

describe("a journal where there is something missing", () => {
  it("with a path too long for a socket: two processes exclude each other", async () => {
    using folder = new Folder();
    const deep = `${folder.path}/${"long".repeat(30)}`;
    await Deno.mkdir(deep);
    await using first = await Holder.start(`${deep}/sessions`);
    assertEquals([first.said, await first.tell("save a")], ["open", "save"]);
    await using second = await Holder.start(`${deep}/sessions`);
    assertEquals(second.said, `ERR_LEMBRO_JOURNAL_IN_USE ${first.pid}`);
    await first.kill();
    await using third = await Holder.start(`${deep}/sessions`);
    assertEquals([third.said, await third.tell("ids")], ["open", "a"]);
  });

  for (const code of ["ENOSPC", "EDQUOT"]) {
    for (const has of ["nothing yet", "a file", "a file and sessions of its own"]) {
      it(`with ${has} on a disk that is full (${code}): starts from what is there, and says so`, async () => {
        using folder = new Folder();
        if (has !== "nothing yet") {
          using before = new Lembro();
          await using _journal = await openJournal(before, folder.snapshot);
          for (const sid of ["a", "b"]) await before.set(sid, sessionOf());
        }
        using store = new Lembro();
        if (has.includes("own")) await store.set("own", sessionOf());
        const told = toldBy(store);
        const hooked = new HookedDisk();
        hooked.hook = (method, path) => {
          const isNew = method === "open" && isTemporary(path);
          if (isNew || method === "write") throw diskError(code);
        };
        const journal = await openOn(hooked.disk, store, folder.snapshot, { interval: 20 });
        const own = has.includes("own") ? ["own"] : [];
        const known = has === "nothing yet" ? [] : ["a", "b"];
        assertEquals((await store.ids()).sort(), [...known, ...own]);
        await store.set("new", sessionOf());
        await until(() => told.length === 1);
        assertEquals([told[0].code, told[0].cause?.code], ["ERR_LEMBRO_JOURNAL_WRITE", code]);
        assertEquals(journal.stats().isFailing, true);
        hooked.hook = () => {};
        await until(() => told.length === 2);
        assertEquals(told[1].code, "recover");
        await journal.close();
        assertEquals(await idsIn(folder.snapshot), [...known, "new", ...own].sort());
      });
    }
  }

  it("on a full disk, closes with what the file system says, and leaves the file as it was", async () => {
    using folder = new Folder();
    using store = new Lembro();
    store.on("error", () => {});
    const hooked = new HookedDisk();
    hooked.fail("ENOSPC", ["write"]);
    const journal = await openOn(hooked.disk, store, folder.snapshot);
    await store.set("a", sessionOf());
    assertMatch((await errorOf(journal.close())).message, /ENOSPC/);
    assertEquals(folder.names(), []);
  });

  it("on a disk that may not be written to, is not opened", async () => {
    using folder = new Folder();
    using store = new Lembro();
    const hooked = new HookedDisk();
    hooked.fail("EROFS", ["open"], isTemporary);
    const error = await errorOf(openOn(hooked.disk, store, folder.snapshot));
    assertEquals((error as { code?: string }).code, "EROFS");
    assertEquals(folder.names(), []);
  });
});

describe("a path that is no file's", () => {
  it("a pipe is refused at once, by journals and snapshots", async () => {
    using folder = new Folder();
    using store = new Lembro();
    const pipe = folder.snapshot;
    const made = await new Deno.Command("mkfifo", { args: [pipe] }).output();
    if (!made.success) return console.log("      Skipped: mkfifo makes no pipe here.");
    for (
      const [cannot, call] of [
        ["open journal", () => openJournal(store, pipe)],
        ["save snapshot", () => saveSnapshot(store, pipe)],
        ["load snapshot", () => loadSnapshot(store, pipe)],
      ] as const
    ) {
      const error = await errorOf(call() as Promise<unknown>);
      assertMatch(error.message, new RegExp(`^Cannot ${cannot}: path must be that of a file`));
    }
    assertEquals(folder.names(), ["sessions"]);
  });
});

describe("a file of somebody else", () => {
  it("keeps its owner when root opens the journal or saves the snapshot", async () => {
    if (Deno.uid() !== 0) return console.log("      Skipped: only root can do this.");
    using folder = new Folder();
    using store = new Lembro();
    const snapshot = `${folder.path}/snapshot`;
    await (await openJournal(store, folder.snapshot)).close();
    await saveSnapshot(store, snapshot);
    for (const path of [folder.snapshot, snapshot]) Deno.chownSync(path, 1234, 2345);
    // What the store has already makes the journal write a new file.
    await store.set("a", sessionOf());
    await (await openJournal(store, folder.snapshot)).close();
    await saveSnapshot(store, snapshot);
    for (const path of [folder.snapshot, snapshot]) {
      assertEquals(ownerOf(path), [1234, 2345]);
      assertEquals(Deno.statSync(path).mode! & 0o777, 0o600);
    }
    using after = new Lembro();
    await (await openJournal(after, folder.snapshot)).close();
    assertEquals(await after.ids(), ["a"]);
  });
});

describe("a reload in one process", () => {
  it("deno run --watch: the journal is open again after an edit", async () => {
    using folder = new Folder();
    const app = `${folder.path}/app.ts`;
    const [deno, run, ...rest] = holderWith("-A");
    const script = rest.pop()!;
    const write = (version: number) =>
      Deno.writeTextFile(app, `// ${version}\nawait import("file://${script}");\n`);
    await write(1);
    const config = ["--config", new URL("../deno.json", import.meta.url).pathname];
    const command = [deno, run, "--watch", ...config, ...rest, app];
    await using holder = await Holder.start(folder.snapshot, { command });
    assertEquals([holder.said, await holder.tell("save a")], ["open", "save"]);
    await write(2);
    assertEquals(await holder.next(), "open");
    assert(folder.names().includes("sessions"));
  });
});
