/** What becomes of a store that is in use while a journal or a snapshot is read into it. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { openJournal } from "express-lembro/journal";
import { loadSnapshot, saveSnapshot } from "express-lembro/snapshot";
import type { OpenJournal } from "../src/persistence/open_journal.ts";
import { Folder } from "./support/folder.ts";
import { keptIn, sessionsIn } from "./support/kept.ts";
import { errorOf, Lembro, sessionOf, sessionOfSize, settled, type Store } from "./support/setup.ts";
import { HookedDisk } from "./support/disks.ts";
import { idsIn, openOn, until } from "./support/journals.ts";

const user = (session: unknown) => (session as { user?: string }).user;

/** Sessions of two users and of nobody, as a file that is closed. */
async function writeFile(folder: Folder): Promise<void> {
  using store = new Lembro({ user });
  const journal = await openJournal(store, folder.snapshot);
  for (const sid of ["ada 1", "ada 2", "bob", "nobody"]) {
    await store.set(sid, sessionOf(sid === "nobody" ? {} : { user: sid.split(" ")[0] }));
  }
  await journal.close();
}

/** A store whose journal is being opened, on a disk that does not give the file away yet. */
class Opening implements Disposable {
  readonly folder = new Folder();
  readonly path = this.folder.snapshot;
  readonly store = new Lembro({ user });
  readonly disk = new HookedDisk();

  async begin(): Promise<{ journal: Promise<OpenJournal> }> {
    await writeFile(this.folder);
    this.disk.hang("read");
    return { journal: openOn(this.disk.disk, this.store, this.path) };
  }

  async isRead(): Promise<void> {
    await until(() => this.disk.isHanging);
  }

  [Symbol.dispose](): void {
    this.store[Symbol.dispose]();
    this.folder[Symbol.dispose]();
  }
}

describe("what is answered while a journal is read", () => {
  for (
    const [what, work, left] of [
      ["a destroy", (store) => store.destroy("bob"), ["ada 1", "ada 2", "nobody"]],
      ["a revocation", (store) => store.revokeUser("ada"), ["bob", "nobody"]],
      [
        "a revocation that spares a session",
        (store) => store.revokeUser("ada", { except: "ada 2" }),
        ["ada 2", "bob", "nobody"],
      ],
      [
        "two revocations that spare different sessions",
        (store) =>
          Promise.all([
            store.revokeUser("ada", { except: "ada 2" }),
            store.revokeUser("ada", { except: "ada 1" }),
          ]),
        ["bob", "nobody"],
      ],
      ["a clear", (store) => store.clear(), []],
    ] as [string, (store: Store) => Promise<unknown>, string[]][]
  ) {
    for (const when of ["at once", "when the file is being read"]) {
      it(`${what} ${when}: holds, and is answered when it is on the disk`, async () => {
        using opening = new Opening();
        const { store, disk, path } = opening;
        const { journal } = await opening.begin();
        if (when !== "at once") await opening.isRead();
        let atAnswer: Promise<string[]> | undefined;
        const answered = work(store).then(() => atAnswer = idsIn(path));
        await opening.isRead();
        await settled();
        assertEquals(atAnswer, undefined, "nothing is on the disk yet");
        disk.work();
        await journal;
        assertEquals((await store.ids()).sort(), left);
        await answered;
        assertEquals(await atAnswer, left);
        await (await journal).close();
        assertEquals(await idsIn(path), left);
      });
    }
  }

  it("is answered too if the journal cannot be opened", async () => {
    using folder = new Folder();
    await Deno.writeTextFile(folder.snapshot, "no journal".padEnd(1_000));
    using store = new Lembro();
    const opening = errorOf(openJournal(store, folder.snapshot));
    await store.destroy("a");
    assertEquals((await opening).code, "ERR_LEMBRO_JOURNAL");
    await store.destroy("b");
  });

  it("a save stays: it is newer than what the file has", async () => {
    using opening = new Opening();
    const { store, disk, path } = opening;
    const { journal } = await opening.begin();
    await opening.isRead();
    await store.set("bob", sessionOf({ user: "bob", n: 2 }));
    disk.work();
    await journal;
    assertEquals((await store.get("bob") as unknown as { n: number }).n, 2);
    await (await journal).close();
    using after = new Lembro({ user });
    await using _journal = await openJournal(after, path);
    assertEquals(sessionsIn(after), sessionsIn(store));
  });

  it("a late save of what was destroyed meanwhile brings nothing back", async () => {
    using opening = new Opening();
    const { store, disk, path } = opening;
    const { journal } = await opening.begin();
    await opening.isRead();
    await store.set("bob", sessionOf({ user: "bob" }));
    const live = (await store.get("bob"))!;
    const answered = store.destroy("bob");
    await store.set("bob", live);
    disk.work();
    await journal;
    await answered;
    assertEquals(await store.get("bob"), undefined);
    await (await journal).close();
    assertEquals(await idsIn(path), ["ada 1", "ada 2", "nobody"]);
  });
});

describe("what is answered while a snapshot is read", () => {
  for (
    const [what, work, left] of [
      ["a destroy", (store) => store.destroy("bob"), ["ada 1", "ada 2"]],
      ["a revocation", (store) => store.revokeUser("ada"), ["bob"]],
      ["a clear", (store) => store.clear(), []],
    ] as [string, (store: Store) => Promise<unknown>, string[]][]
  ) {
    it(`${what} holds`, async () => {
      using folder = new Folder();
      using source = new Lembro({ user });
      for (const sid of ["ada 1", "ada 2", "bob"]) {
        await source.set(sid, sessionOf({ user: sid.split(" ")[0] }));
      }
      await saveSnapshot(source, folder.snapshot);
      using store = new Lembro({ user });
      const loading = loadSnapshot(store, folder.snapshot);
      await work(store);
      const { sessions, omitted } = await loading;
      assertEquals((await store.ids()).sort(), left);
      assertEquals([sessions, omitted], [left.length, 3 - left.length]);
    });
  }
});

describe("an option user that throws for some sessions of a file", () => {
  const broken = (session: unknown) => {
    const { role } = session as { role?: string };
    if (role === "guest") throw new TypeError("guests have no user");
    return role;
  };

  it("leaves those out, counts them, and says which option threw", async () => {
    using folder = new Folder();
    using source = new Lembro();
    for (const [sid, role] of [["a", "guest"], ["b", "admin"], ["c", "guest"]]) {
      await source.set(sid, sessionOf({ role }));
    }
    await saveSnapshot(source, folder.snapshot);
    using store = new Lembro({ user: broken as never });
    const errors: Error[] = [];
    store.on("error", (error: unknown) => void errors.push(error as Error));
    const loaded = await loadSnapshot(store, folder.snapshot);
    assertEquals(loaded, { sessions: 1, expired: 0, omitted: 2 });
    await settled();
    assertEquals(errors.length, 1);
    assertMatch(
      errors[0].message,
      /^Cannot load 2 of the sessions, .*: the option user must not throw/,
    );
    assertEquals((errors[0] as { code?: string }).code, "ERR_LEMBRO_RESULT");
    assertEquals((errors[0].cause as Error).message, "guests have no user");
    assertEquals((await store.sessionsOfUser("admin")).map(({ sid }) => sid), ["b"]);
  });

  it("does not keep the app from starting with its journal", async () => {
    using folder = new Folder();
    using before = new Lembro();
    const first = await openJournal(before, folder.snapshot);
    await before.set("a", sessionOf({ role: "guest" }));
    await before.set("b", sessionOf({ role: "admin" }));
    await first.close();
    using store = new Lembro({ user: broken as never });
    store.on("error", () => {});
    const journal = await openJournal(store, folder.snapshot);
    assertEquals(await store.ids(), ["b"]);
    await journal.close();
  });
});

describe("the user of a session of a file", () => {
  it("is the one it was saved with, until its next save", async () => {
    using folder = new Folder();
    using source = new Lembro({ user });
    await source.set("a", sessionOf({ user: "ada", name: "Ada L." }));
    await saveSnapshot(source, folder.snapshot);
    let asked = 0;
    const byName = (session: unknown) => {
      asked++;
      return (session as { name?: string }).name;
    };
    using store = new Lembro({ user: byName });
    await loadSnapshot(store, folder.snapshot);
    assertEquals([(await store.info("a"))!.user, asked], ["ada", 0]);
    await store.set("a", (await store.get("a"))!);
    assertEquals((await store.info("a"))!.user, "Ada L.");
  });

  it("is asked for if it had none: an app that has begun to sign users in", async () => {
    using folder = new Folder();
    using source = new Lembro();
    await source.set("a", sessionOf({ user: "ada" }));
    assertEquals((await source.info("a"))!.user, undefined);
    await saveSnapshot(source, folder.snapshot);
    using store = new Lembro({ user });
    await loadSnapshot(store, folder.snapshot);
    assertEquals((await store.sessionsOfUser("ada")).length, 1);
  });

  it("by default is that of Passport, whoever wrote the file", async () => {
    using folder = new Folder();
    using source = new Lembro({ user: () => undefined });
    await source.set("a", sessionOf({ passport: { user: 7 } }));
    await source.set("b", sessionOf({ passport: {} }));
    await source.set("c", sessionOf({}));
    await saveSnapshot(source, folder.snapshot);
    using store = new Lembro();
    await loadSnapshot(store, folder.snapshot);
    assertEquals((await store.sessionsOfUser("7")).map(({ sid }) => sid), ["a"]);
    assertEquals(store.stats().users, 1);
  });
});

describe("a file that holds more than the store", () => {
  it("gives it what its ranks keep, however much more that is", async () => {
    using folder = new Folder();
    const protect = (_session: unknown, sid: string) => sid.startsWith("p");
    using large = new Lembro({ maxSize: Infinity, protect });
    const journal = await openJournal(large, folder.snapshot);
    for (let i = 0; i < 200; i++) {
      for (const rank of ["n", "r", "p"]) {
        await large.set(`${rank}${i}`, sessionOfSize(100));
        if (rank === "r") await large.get(`r${i}`);
      }
    }
    await journal.close();
    using small = new Lembro({ maxSize: 10_000, protect });
    await using _journal = await openJournal(small, folder.snapshot);
    const kept = keptIn(small);
    assertEquals(kept.length, 100);
    const of = (rank: string) => kept.filter((one) => one.rank === rank).map(({ sid }) => sid);
    assertEquals(of("returning"), []);
    // The last ones of each rank, in their order.
    const last = (rank: string, n: number) =>
      Array.from({ length: n }, (_, i) => `${rank}${200 - n + i}`);
    assertEquals(of("newcomers"), last("n", of("newcomers").length));
    assertEquals(of("protected"), last("p", of("protected").length));
    assert(of("newcomers").length >= 12 && of("newcomers").length <= 13);
  });
});
