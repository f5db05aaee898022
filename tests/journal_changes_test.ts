/** What a journal notes of a store until it is written. */
import { assert, assertEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import type { Port } from "../src/core/port.ts";
import { CookieTemplate } from "../src/core/record/cookie_template.ts";
import { cookieOf } from "../src/core/record/record.ts";
import type { FileRow } from "../src/persistence/rows.ts";
import { Changes, Scan } from "../src/persistence/scan.ts";
import { HeldClock } from "./support/clock.ts";
import { draftOf, restore, TestVault } from "./support/core.ts";

/** A vault with these protected sessions, which expire at the time 50, and their changes from now on. */
function noting(...sids: string[]) {
  const vault = new TestVault(10_000);
  const expiring = (sid: string, expires: number) => {
    const { record, ...draft } = draftOf(sid, 2, { isProtected: true });
    return { ...draft, record: { ...record, expires } };
  };
  const entries = sids.map((sid) => vault.put(expiring(sid, 50)));
  const changes = new Changes();
  vault.observe(changes);
  const port = {
    observe: (observer: Changes) => vault.observe(observer),
    find: (sid: string) => vault.find(sid, vault.time),
    read: (entry: typeof entries[number]) => {
      const { sid, rank, expires, created, lastUsed, user, text } = entry;
      return { sid, rank, expires, created, lastUsed, user, cookie: cookieOf(entry), text };
    },
  } as unknown as Port;
  const save = (sid: string, expires = 50) => vault.put(expiring(sid, expires));
  const update = (sid: string) => vault.put({ ...expiring(sid, 50), as: "update" });
  return { vault, entries, changes, port, save, update };
}

/** The rows that are written of changes: the ids, and whether the session stays in its place. */
function rowsOf(changes: Changes, port: Port): string[] {
  return [...changes.rows(port)]
    .filter((row): row is FileRow => row !== undefined)
    .map(([sid = "all", ...rest]) =>
      rest.length === 0 ? `${sid} left` : rest.at(-1) === 0 ? `${sid} stays` : sid
    );
}

describe("Changes", () => {
  it("note that a session has left which expires: the clock may have been ahead", () => {
    const { vault, changes, port } = noting("a", "b");
    vault.time = 50;
    for (const sid of ["a", "b"]) assertEquals(port.find(sid), undefined);
    assertEquals(rowsOf(changes, port), ["a left", "b left"]);
  });

  it("note that a session has left which is not kept any more", () => {
    const { vault, changes, port } = noting("a");
    vault.notifyEnd("of the file");
    assertEquals(rowsOf(changes, port), ["of the file left"]);
  });

  it("tell of a touch and of a use without the data, unless that has changed as well", () => {
    const { vault, changes, port } = noting("a", "b");
    const cookie = CookieTemplate.of({ path: "/" }, undefined);
    const put = (sid: string, as: "touch" | "update") => {
      const { record, ...draft } = draftOf(sid, 2, { isProtected: true, lastUsed: 1 });
      vault.put({ ...draft, as, record: { ...record, cookie, expires: 60 } });
    };
    for (const sid of ["a", "b"]) put(sid, "touch");
    const touch = ["protected" as const, 60, 1, { path: "/" }] as const;
    assertEquals([...changes.rows(port)].filter(Boolean), [["a", ...touch], ["b", ...touch]]);
    put("b", "update");
    const [, row] = [...changes.rows(port)].filter(Boolean);
    assertEquals(row, ["b", "protected", 60, 0, 1, null, { path: "/" }, "x"]);
  });

  it("tell all of a session that was touched, and saved before its row was read", () => {
    const { vault, changes, port } = noting("a", "b", "c");
    const cookie = CookieTemplate.of({ path: "/" }, undefined);
    const put = (sid: string, as: "touch" | "update") => {
      const { record, ...draft } = draftOf(sid, 2, { isProtected: true, lastUsed: 1 });
      vault.put({ ...draft, as, record: { ...record, cookie } });
    };
    for (const sid of ["a", "b", "c"]) put(sid, "touch");
    const rows = changes.take().rows(port);
    assertEquals((rows.next().value as FileRow).length, 5);
    put("b", "update");
    const [b, c] = [...rows].filter((row) => row !== undefined);
    assertEquals([b.length, c.length], [8, 5], "the touch of b would have the save's cookie");
    assertEquals(rowsOf(changes, port), ["b stays"]);
  });

  it("note that a session has left which expires after a change", () => {
    const { vault, changes, port, save } = noting("a", "b");
    save("a", 40);
    vault.time = 45;
    assertEquals(port.find("a"), undefined);
    assertEquals(rowsOf(changes, port), ["a left"]);
  });

  it("tell of each session once, the last to move at the end", () => {
    const { changes, port, save, update } = noting("a", "b", "c");
    for (const sid of ["a", "b", "c", "a"]) save(sid);
    update("b");
    assertEquals(rowsOf(changes, port), ["b", "c", "a"]);
  });

  it("tell of a session that was saved in its place, and of one that came back to another", () => {
    const { vault, entries: [a], changes, port, update } = noting("a", "b", "c");
    update("b");
    vault.remove(a, "destroy");
    restore(vault, draftOf("a", 100), "protected");
    assertEquals(rowsOf(changes, port), ["b stays", "a left", "a stays"]);
  });

  it("takeBack: what came later goes last, and forgets what a session was before it left", () => {
    const { vault, entries: [a], changes, port, update } = noting("a", "b", "c");
    let earlier = new Changes();
    for (const sid of ["a", "b"]) earlier.moved(sid);
    vault.remove(a, "destroy");
    restore(vault, draftOf("a", 100), "protected");
    changes.takeBack(earlier);
    assertEquals(rowsOf(changes, port), ["b", "a left", "a stays"]);

    earlier = changes.take();
    update("b");
    changes.takeBack(earlier);
    assertEquals(rowsOf(changes, port), ["b", "a left", "a stays"]);
  });

  it("takeBack: what came before all have left is forgotten", () => {
    const { vault, changes, port, save } = noting("a", "b");
    save("a");
    const earlier = changes.take();
    vault.clear();
    vault.put(draftOf("c", 100));
    changes.takeBack(earlier);
    assertEquals(rowsOf(changes, port), ["all left", "c"]);
  });

  it("keep no more than 100,000, over what was taken back too, until all have left", () => {
    const changes = new Changes();
    const move = (from: number, to: number) => {
      for (let i = from; i < to; i++) changes.moved(`${i}`);
    };
    move(0, 60_000);
    const earlier = changes.take();
    move(50_000, 100_000);
    changes.takeBack(earlier);
    assertEquals([changes.size, changes.isVoid], [100_000, false]);
    move(100_000, 100_010);
    assertEquals([changes.size, changes.isVoid, changes.isEmpty], [0, true, false]);
    const taken = changes.take();
    assertEquals([changes.isVoid, changes.isEmpty], [false, true]);
    changes.moved("a");
    changes.takeBack(taken);
    assertEquals([changes.size, changes.isVoid], [0, true]);
    changes.truncate();
    changes.moved("a");
    assertEquals([changes.size, changes.isVoid], [1, false]);
  });

  it("know when the oldest of them came", () => {
    using clock = new HeldClock();
    const changes = new Changes();
    assertEquals(changes.since, undefined);
    const start = performance.now();
    changes.moved("a");
    clock.tick(1_000);
    changes.moved("b");
    assertEquals(changes.since, start);
    const taken = changes.take();
    assertEquals(changes.since, undefined);
    changes.moved("c");
    assertEquals(changes.since, start + 1_000);
    changes.takeBack(taken);
    assertEquals(changes.since, start);
  });
});

describe("Scan", () => {
  it("changed: writes few of the changes at once that came while the disk was slow", () => {
    const sids = Array.from({ length: 5_000 }, (_, i) => `${i}`);
    const { vault, entries, port } = noting(...sids);
    const scan = new Scan(port);
    const useAll = () => entries.forEach((entry) => vault.use(entry, 0));
    useAll();
    const rows = scan.changed();
    while (rows.next(false).value) { /* The first pause comes soon. */ }
    useAll();
    let together = 0;
    for (let row = rows.next(true).value; row; row = rows.next(false).value) together++;
    scan.stop();
    assert(together > 0 && together <= 1_000, `${together} at once`);
  });
});
