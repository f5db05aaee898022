import {
  assert,
  assertEquals,
  assertInstanceOf,
  assertMatch,
  assertStringIncludes,
} from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { FakeTime } from "@std/testing/time";
import { loadSnapshot, saveSnapshot } from "express-lembro/snapshot";
import { withSlowSteps } from "./support/clock.ts";
import { Folder } from "./support/folder.ts";
import { assertSame, eventsOf, type Kept, keptIn } from "./support/kept.ts";
import {
  errorOf,
  Lembro,
  session,
  sessionOf,
  sessionOfSize,
  settled,
  sizeOf,
  type Store,
  turnsUntil,
} from "./support/setup.ts";

/** Protects what starts with "p". */
const protect = (_session: unknown, sid: string) => sid.startsWith("p");

/** Saves `from` to a file and loads that into `to`. */
async function carry(from: Store, to: Store) {
  using folder = new Folder();
  const saved = await saveSnapshot(from, folder.snapshot);
  return { saved, loaded: await loadSnapshot(to, folder.snapshot) };
}

/** Puts sessions into a store; what starts with "r" is asked for once. */
async function put(store: Store, sids: Iterable<string>, size = 100): Promise<void> {
  for (const sid of sids) {
    await store.set(sid, sessionOfSize(size));
    if (sid.startsWith("r")) await store.get(sid);
  }
}

/** Who of `all` finds room under a limit: the last to be evicted first. */
function kept(all: Kept[], maxSize: number): Kept[] {
  const left: Kept[] = [];
  const bytes = (of: Kept[]) => of.reduce((sum, { size }) => sum + size, 0);
  const of = (rank: string) => left.filter((one) => one.rank === rank);
  const next = () => {
    const newcomers = of("newcomers");
    const known = of("returning")[0] ?? of("protected")[0];
    return bytes(newcomers) < maxSize / 8 ? known ?? newcomers[0] : newcomers[0] ?? known;
  };
  for (const one of all.toReversed()) {
    if (one.size > Math.min(maxSize, Math.max(maxSize / 8, 4_096))) continue;
    left.unshift(one);
    while (bytes(left) > maxSize) {
      const gone = next();
      left.splice(left.indexOf(gone), 1);
      if (gone === one) break;
    }
  }
  return left;
}

describe("a snapshot brings back", () => {
  it("sessions as they were: data, cookie, size, life and order in every rank", async () => {
    using before = new Lembro({ protect });
    const cookies = [
      new session.Cookie(),
      Object.assign(new session.Cookie(), { maxAge: 60_000, secure: true }),
      { expires: new Date(Date.now() + 5_000), path: "/" },
      { expires: String(Date.now() + 6_000) },
      { maxAge: 30_000 },
      {},
    ];
    for (const start of ["n", "r", "p"]) {
      for (const [i, cookie] of cookies.entries()) {
        const sid = `${start}${i}`;
        await before.set(sid, sessionOf({ i, nested: { list: [1, null, "é ☃"] } }, cookie));
        if (start === "r") await before.get(sid);
      }
    }
    await before.set("no cookie", { user: "Ada" } as never);
    await before.get("r1");
    await before.get("p0");
    await before.touch("n1", sessionOf({}, { maxAge: 90_000, path: "/touched" }));
    await before.set("n0", sessionOf({ saved: "again" }));
    using after = new Lembro();
    const { saved, loaded } = await carry(before, after);
    assertSame(after, before);
    assertEquals(saved.sessions, 19);
    assertEquals(loaded, { sessions: 19, expired: 0, omitted: 0 });
    const { sessions, bytes, newcomers, returning } = before.stats();
    const zero = new Lembro();
    zero.close();
    assertEquals(after.stats(), {
      ...zero.stats(),
      ...{ sessions, bytes, newcomers, returning, protected: 6 },
    });
    assertEquals((await after.get("n1"))!.cookie, (await before.get("n1"))!.cookie);
  });

  it("the order in which they are evicted", async () => {
    using before = new Lembro({ protect });
    await put(before, ["n1", "r1", "p1", "n2", "r2", "p2", "n3", "r3", "p3"]);
    await before.get("r1");
    await before.touch("p2", sessionOfSize(100));
    using after = new Lembro({ maxSize: 1_000, protect });
    await carry(before, after);
    const evicted: unknown[] = [];
    after.on("evict", (sid, _session, rank) => evicted.push([sid, rank]));
    for (let i = 0; i < 9; i++) await after.set(`p new ${i}`, sessionOfSize(100));
    await settled();
    // n3 alone takes less than an eighth.
    assertEquals(evicted, [
      ["n1", "newcomers"],
      ["n2", "newcomers"],
      ["r2", "returning"],
      ["r3", "returning"],
      ["r1", "returning"],
      ["p1", "protected"],
      ["p3", "protected"],
      ["p2", "protected"],
    ]);
  });

  it("every id, and every text", async () => {
    using before = new Lembro();
    const odd = [
      "",
      "__proto__",
      "constructor",
      "\ud800",
      "\udc00 and \ud83d",
      "\n",
      "\u2028",
      '"',
    ];
    for (const sid of odd) {
      const data = JSON.parse('{ "__proto__": { "a": 1 }, "constructor": "x" }');
      await before.set(sid, { ...sessionOf({ text: sid }), ...data });
      await before.set(`${sid} plain`, sessionOf({ [sid]: sid }));
    }
    using after = new Lembro();
    await carry(before, after);
    assertSame(after, before);
    assertEquals((await after.get("\ud800") as unknown as { text: string }).text, "\ud800");
  });

  it("nothing of an empty store", async () => {
    using before = new Lembro();
    using after = new Lembro();
    const { saved, loaded } = await carry(before, after);
    assertEquals(saved.sessions, 0);
    assertEquals(loaded, { sessions: 0, expired: 0, omitted: 0 });
  });

  it("sessions larger than a block, and many blocks of them", async () => {
    using before = new Lembro({ maxSize: Infinity });
    for (let i = 0; i < 20; i++) await before.set(`big ${i}`, sessionOfSize(100_000 * i + 100));
    await put(before, Array.from({ length: 2_000 }, (_, i) => `r${i}`));
    using after = new Lembro({ maxSize: Infinity });
    const { saved } = await carry(before, after);
    assertSame(after, before);
    assert(saved.bytes > 10 * 65_536);
  });

  it("sessions that live for ever", async () => {
    using before = new Lembro({ ttl: Infinity });
    await before.set("a", sessionOf());
    using after = new Lembro();
    await carry(before, after);
    assertEquals(keptIn(after)[0].expires, Infinity);
  });
});

describe("a serializer", () => {
  const secret = (text: string) => [...text].map((c) => c.charCodeAt(0) ^ 21).join("-");
  const plain = (text: string) =>
    text.split("-").map((code) => String.fromCharCode(Number(code) ^ 21)).join("");
  const serializer = {
    stringify: (kept: unknown) => secret(JSON.stringify(kept)),
    parse: (text: string) => JSON.parse(plain(text)),
  };

  it("of the app's own reads back what it wrote, and nothing else is in the file", async () => {
    using folder = new Folder();
    using before = new Lembro({ serializer });
    await before.set("a", sessionOf({ name: "Ada Lovelace" }, { maxAge: 60_000 }));
    await saveSnapshot(before, folder.snapshot);
    const text = await Deno.readTextFile(folder.snapshot);
    assert(!text.includes("Ada") && text.includes(secret("Ada")));
    using after = new Lembro({ serializer });
    await loadSnapshot(after, folder.snapshot);
    assertSame(after, before);
  });

  const plainJson = { stringify: JSON.stringify, parse: JSON.parse };
  const dated = {
    stringify: (kept: unknown) => JSON.stringify({ json: kept, meta: ["superjson"] }),
    parse: (text: string) => JSON.parse(text).json ?? {},
  };
  for (
    const [what, one, other] of [
      ["of which the texts don't parse", serializer, plainJson],
      ["of which the texts do parse", dated, plainJson],
      ["that wraps the session", plainJson, dated],
      ["that knows another key", serializer, {
        stringify: (kept: unknown) => `-${serializer.stringify(kept)}`,
        parse: (text: string) => serializer.parse(text.slice(1)),
      }],
    ] as const
  ) {
    it(`that is another one refuses the file, and says so: one ${what}`, async () => {
      for (const [writes, reads] of [[one, other], [other, one]]) {
        using folder = new Folder();
        using before = new Lembro({ serializer: writes });
        await before.set("a", sessionOf());
        await saveSnapshot(before, folder.snapshot);
        using after = new Lembro({ serializer: reads });
        const error = await errorOf(loadSnapshot(after, folder.snapshot));
        assertEquals(error.code, "ERR_LEMBRO_SNAPSHOT");
        assertMatch(
          error.message,
          /: the file was written with another serializer \(at byte \d+\)$/,
        );
        assertEquals(after.stats().sessions, 0);
      }
    });
  }

  it("that is another one refuses the file of an empty store, too", async () => {
    using folder = new Folder();
    using before = new Lembro({ serializer });
    await saveSnapshot(before, folder.snapshot);
    using after = new Lembro();
    assertMatch(
      (await errorOf(loadSnapshot(after, folder.snapshot))).message,
      /another serializer/,
    );
  });

  it("that writes another text each time reads what it wrote", async () => {
    let salt = 0;
    const salted = {
      stringify: (kept: unknown) => `${salt++}:${JSON.stringify(kept)}`,
      parse: (text: string) => JSON.parse(text.slice(text.indexOf(":") + 1)),
    };
    using before = new Lembro({ serializer: salted });
    await before.set("a", sessionOf({ name: "Ada" }));
    using after = new Lembro({ serializer: salted });
    await carry(before, after);
    assertSame(after, before);
  });

  it("that takes the sessions of its app only reads what it wrote, and others refuse it", async () => {
    const own = {
      stringify: (kept: { user?: { id: number } }) =>
        JSON.stringify({ ...kept, user: kept.user!.id }),
      parse: (text: string) => {
        const kept = JSON.parse(text);
        return { ...kept, user: { id: kept.user } };
      },
    };
    using folder = new Folder();
    using before = new Lembro({ serializer: own as never });
    await before.set("a", sessionOf({ user: { id: 7 } }));
    await saveSnapshot(before, folder.snapshot);
    using after = new Lembro({ serializer: own as never });
    await loadSnapshot(after, folder.snapshot);
    assertSame(after, before);
    using other = new Lembro();
    assertMatch(
      (await errorOf(loadSnapshot(other, folder.snapshot))).message,
      /another serializer/,
    );
    await saveSnapshot(other, folder.snapshot);
    assertMatch(
      (await errorOf(loadSnapshot(after, folder.snapshot))).message,
      /another serializer/,
    );
  });

  it("that cannot read a session refuses the file, and says where", async () => {
    using folder = new Folder();
    let isBroken = false;
    const breaking = {
      stringify: JSON.stringify,
      parse: (text: string) => {
        if (isBroken && text.includes("Ada")) throw new SyntaxError("unreadable");
        return JSON.parse(text);
      },
    };
    using store = new Lembro({ serializer: breaking });
    await store.set("a", sessionOf({ name: "Ada" }));
    await saveSnapshot(store, folder.snapshot);
    isBroken = true;
    await store.clear();
    const error = await errorOf(loadSnapshot(store, folder.snapshot));
    assertEquals(error.code, "ERR_LEMBRO_SNAPSHOT");
    assertMatch(error.message, /: a session cannot be read \(at byte \d+\)$/);
    assertInstanceOf(error.cause, SyntaxError);
    assertEquals(store.stats().sessions, 0);
  });
});

describe("time goes on while the app is down", () => {
  it("what expired meanwhile stays away, and the rest lives as long as it had left", async () => {
    using time = new FakeTime();
    using before = new Lembro({ ttl: 10_000 });
    await before.set("default", sessionOf());
    await before.set("short", sessionOf({}, { maxAge: 5_000 }));
    await before.set("long", sessionOf({}, { maxAge: 60_000 }));
    time.tick(2_000);
    using folder = new Folder();
    await saveSnapshot(before, folder.snapshot);
    time.tick(3_000);
    using after = new Lembro({ ttl: 1_000_000 });
    const events = eventsOf(after);
    assertEquals(await loadSnapshot(after, folder.snapshot), {
      sessions: 2,
      expired: 1,
      omitted: 0,
    });
    assertEquals((await after.ids()).sort(), ["default", "long"]);
    assertEquals(after.stats().expired, 0);
    time.tick(4_999);
    assert(await after.get("default"));
    assertEquals(events, []);
    time.tick(1);
    assertEquals(await after.get("default"), undefined, "ten seconds after its save");
    assert(await after.get("long"));
  });

  it("what had expired before the save is not in the file, and its store forgets it", async () => {
    using time = new FakeTime();
    using before = new Lembro();
    await before.set("gone", sessionOf({}, { maxAge: 1_000 }));
    await before.set("here", sessionOf());
    time.tick(1_000);
    using folder = new Folder();
    assertEquals((await saveSnapshot(before, folder.snapshot)).sessions, 1);
    assert(!(await Deno.readTextFile(folder.snapshot)).includes("gone"));
    assertEquals(before.stats().expired, 1);
  });
});

describe("a snapshot larger than the store", () => {
  for (const maxSize of [800, 1_000, 1_730, 2_500, 10_000]) {
    it(`loads what the ranks keep of it: ${maxSize} bytes`, async () => {
      using before = new Lembro({ protect });
      // Sizes that differ, so that it matters which of them fit together.
      for (let i = 0; i < 36; i++) await put(before, [`${"nrp"[i % 3]}${i}`], 100 + 10 * (i % 7));
      using after = new Lembro({ maxSize, protect });
      const events = eventsOf(after);
      const { loaded } = await carry(before, after);
      const stay = kept(keptIn(before), maxSize);
      assertEquals(keptIn(after), stay);
      assertEquals(loaded, { sessions: stay.length, expired: 0, omitted: 36 - stay.length });
      await settled();
      // Some may have been in for a moment, until a newcomer took the share of newcomers.
      assertEquals(
        events.filter(([event, , , rank]) => event !== "evict" || rank === "newcomers"),
        [],
      );
    });
  }

  it("may be thirty times as large", async () => {
    using before = new Lembro({ maxSize: Infinity });
    await put(before, Array.from({ length: 3_000 }, (_, i) => `${"nrp"[i % 3]}${i}`));
    using after = new Lembro({ maxSize: 10_000 });
    await carry(before, after);
    assertEquals(keptIn(after), kept(keptIn(before), 10_000));
  });

  it("leaves out a session that is too large for it, and keeps the others", async () => {
    using before = new Lembro();
    await before.set("small", sessionOfSize(100));
    await before.set("large", sessionOfSize(1_002));
    using after = new Lembro({ maxSize: 1_000 });
    const { loaded } = await carry(before, after);
    assertEquals(loaded, { sessions: 1, expired: 0, omitted: 1 });
    assertEquals(await after.ids(), ["small"]);
  });
});

describe("a store that is in use already", () => {
  it("keeps the sessions it has: they are newer, and they are evicted later", async () => {
    using before = new Lembro({ protect });
    await put(before, ["n1", "r1", "p1", "both"]);
    using after = new Lembro({ protect });
    await put(after, ["n2", "r2", "p2"]);
    await after.set("both", sessionOf({ newer: true }));
    const { loaded } = await carry(before, after);
    assertEquals(loaded, { sessions: 3, expired: 0, omitted: 1 });
    assertEquals(
      keptIn(after).map(({ sid }) => sid),
      ["n1", "n2", "both", "r1", "r2", "p1", "p2"],
    );
    assertEquals((await after.get("both") as unknown as { newer: boolean }).newer, true);
  });

  it("stays under its limit, and newcomers go before those that come back", async () => {
    using before = new Lembro({ protect });
    await put(before, ["n1", "r1", "r2", "p1", "p2"]);
    using after = new Lembro({ maxSize: 1_000, protect });
    await put(after, ["x1", "x2", "x3", "x4", "x5", "x6", "x7", "p3"]);
    const events = eventsOf(after);
    const { loaded } = await carry(before, after);
    assertEquals(loaded, { sessions: 4, expired: 0, omitted: 1 });
    assertEquals(
      keptIn(after).map(({ sid }) => sid),
      ["x3", "x4", "x5", "x6", "x7", "r1", "r2", "p1", "p2", "p3"],
    );
    await settled();
    assertEquals(
      events.map(([event, sid, , rank]) => [event, sid, rank]),
      ["x1", "x2"].map((sid) => ["evict", sid, "newcomers"]),
    );
    assertEquals(after.stats().bytes, 1_000);
  });

  it("does not let a late request undo a logout of a session that came back", async () => {
    using before = new Lembro();
    await put(before, ["ra"]);
    using after = new Lembro({ maxSize: 1_000 });
    await put(after, ["ra"]);
    const live = (await after.get("ra"))!;
    await put(after, ["r1", "r2", "r3", "r4", "r5", "r6", "r7", "r8", "r9", "r10"]);
    assertEquals(await after.get("ra"), undefined, "it was evicted");
    await carry(before, after);
    await after.destroy("ra");
    await after.set("ra", live);
    assertEquals(await after.get("ra"), undefined);
    assertEquals(after.stats().lateWrites, 1);
  });
});

describe("a session that came back is like any other", () => {
  it("it is found, touched, merged and counted; a logout sticks", async () => {
    using before = new Lembro();
    for (const sid of ["a", "b", "c"]) {
      await before.set(sid, sessionOf({ x: 1 }, { maxAge: 60_000, path: "/" }));
    }
    using after = new Lembro();
    await carry(before, after);
    const [one, two] = [await after.get("a"), await after.get("a")] as unknown as {
      x: number;
      y?: number;
    }[];
    one.x = 2;
    two.y = 3;
    await after.set("a", one as never);
    await after.set("a", two as never);
    const merged = await after.get("a") as unknown as typeof one;
    assertEquals([merged.x, merged.y, after.stats().merges], [2, 3, 1]);
    await after.touch("b", sessionOf({ x: 9 }, { maxAge: 5_000, path: "/" }));
    const touched = await after.get("b") as unknown as typeof one;
    assertEquals([touched.x, keptIn(after).find(({ sid }) => sid === "b")!.expires > 0], [1, true]);
    const late = (await after.get("c"))!;
    await after.destroy("c");
    await after.set("c", late);
    assertEquals(await after.get("c"), undefined);
    assertEquals(after.stats().lateWrites, 1);
    const { bytes } = after.stats();
    assertEquals(bytes, [...after.entries()].reduce((sum, [, kept]) => sum + sizeOf(kept), 0));
  });
});

describe("what can't be done is said", () => {
  for (const [verb, work] of [["save", saveSnapshot], ["load", loadSnapshot]] as const) {
    it(`to ${verb} takes a store of this package and a path`, async () => {
      for (const other of [undefined, null, 7, {}, new session.MemoryStore()]) {
        const error = await errorOf(work(other as never, "/tmp/none"));
        assertInstanceOf(error, TypeError);
        assertStringIncludes(
          error.message,
          `Cannot ${verb} snapshot: store must be a store of express-lembro: received`,
        );
      }
      using store = new Lembro();
      for (const path of [undefined, "", 7]) {
        const error = await errorOf(work(store, path as never));
        assertInstanceOf(error, TypeError);
        assertStringIncludes(error.message, `Cannot ${verb} snapshot: path must be`);
      }
    });
  }

  it("a file that is not there is the file system's own error", async () => {
    using folder = new Folder();
    using store = new Lembro();
    const error = await errorOf(loadSnapshot(store, folder.snapshot));
    assertEquals(error.code, "ENOENT");
    assertStringIncludes(error.message, folder.snapshot);
  });
});

describe("many sessions", () => {
  it("are saved and loaded a few in a turn", async () => {
    using folder = new Folder();
    using before = new Lembro({ maxSize: Infinity, protect });
    const MANY = 3_000;
    await put(before, Array.from({ length: MANY }, (_, i) => `${"nrp"[i % 3]}${i}`), 700);
    using after = new Lembro({ maxSize: Infinity });
    await withSlowSteps(async () => {
      // A slice is of four steps at most. A step saves one session, or loads sixteen at most.
      const saving = await turnsUntil(saveSnapshot(before, folder.snapshot));
      assert(saving >= MANY / 4, `saved in ${saving} turns`);
      const loading = await turnsUntil(loadSnapshot(after, folder.snapshot));
      assert(loading >= 2 * MANY / (4 * 16), `read and brought in ${loading} turns`);
    });
    assertSame(after, before);
  });

  it("are never in one text, nor in one buffer", async () => {
    using folder = new Folder();
    using before = new Lembro({ maxSize: Infinity });
    await put(before, Array.from({ length: 3_000 }, (_, i) => `r${i}`), 700);
    await saveSnapshot(before, folder.snapshot);
    const lengths = [...(await Deno.readTextFile(folder.snapshot)).matchAll(/^rows (\d{10}) /gm)]
      .map(([, length]) => Number(length));
    assert(lengths.length > 10);
    assert(Math.max(...lengths) < 70_000, `${lengths}`);
  });
});
