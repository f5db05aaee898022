import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { FakeTime } from "@std/testing/time";
import {
  Lembro,
  type SessionData,
  sessionOf,
  sessionOfSize,
  sizeOf,
  sizeOfAll,
} from "./support/setup.ts";

/** A small repeatable source of chance: the same numbers in every run. */
function chanceOf(seed: number): (below: number) => number {
  return (below) => {
    seed = (seed * 1_103_515_245 + 12_345) % 2_147_483_648;
    return Math.floor(seed / 65_536) % below;
  };
}

describe("the cache size", () => {
  it("is the sum of sizeomatic's sizes, after every single kind of change", async () => {
    using time = new FakeTime();
    using store = new Lembro();
    const changes: (() => Promise<unknown>)[] = [
      () => store.set("a", sessionOf({ text: "x".repeat(500) })),
      () => store.set("b", sessionOf({ text: "ü€😀" }, { maxAge: 1000 })),
      () => store.set("a", sessionOf({ text: "shorter" })),
      () => store.set("a", sessionOf({ text: "longer ".repeat(100) })),
      () => store.touch("a", sessionOf({}, { path: "/a/longer/cookie", maxAge: 60_000 })),
      () => store.touch("a", sessionOf({}, {})),
      () => store.set("c", { name: "no cookie" } as unknown as SessionData),
      () => store.touch("c", sessionOf()),
      () => store.get("a"),
      () => store.destroy("c"),
      async () => {
        time.tick(1000);
        await store.get("b");
      },
      () => store.clear(),
    ];
    for (const [i, change] of changes.entries()) {
      await change();
      const { bytes } = store.stats();
      assertEquals(bytes, sizeOfAll(store), `after change ${i}`);
      assert(Number.isInteger(bytes));
    }
    assertEquals(store.stats().bytes, 0);
  });

  it("is exact and under the limit after each of 20,000 random calls of every method", async () => {
    using time = new FakeTime();
    const chance = chanceOf(20_000);
    using store = new Lembro({ maxSize: "16K", ttl: 5_000, interval: 60_000 });
    const cookies = [
      () => ({}),
      () => ({ maxAge: 1 + chance(10_000) }),
      () => ({ maxAge: 1 + chance(100), path: "/a/longer/path" }),
      () => ({ expires: new Date(Date.now() + chance(5_000) - 100) }),
      () => undefined,
    ];
    const sid = () => `sid${chance(150)}`;
    const session = () =>
      ({ cookie: cookies[chance(5)](), text: "x".repeat(chance(300)) }) as unknown as SessionData;
    const loaded: [string, SessionData][] = [];
    const calls: (() => unknown)[] = [
      () => store.set(sid(), session()),
      () => store.set(sid(), session()),
      () => store.set(sid(), session()),
      () => store.touch(sid(), session()),
      () => store.touch(sid(), session()),
      async () => {
        const id = sid();
        const session = await store.get(id);
        if (session) loaded.push([id, Object.assign(session, { more: chance(1000) })]);
      },
      () => store.get(sid()),
      () => loaded.length > 0 && store.set(...loaded.splice(chance(loaded.length), 1)[0]),
      () => store.destroy(sid()),
      () => store.all(),
      () => store.length(),
      () => store.ids(),
      () => store.entries().next(),
      () => store.stats(),
      () => chance(50) === 0 && store.clear(),
      () => chance(10) === 0 && store.reduce(),
      () => store.purge(),
      () => time.tick(chance(200)),
    ];
    const counts = new Map<string, number>();
    for (let i = 0; i < 20_000; i++) {
      const call = chance(calls.length);
      await calls[call]();
      assert(store.stats().bytes <= 16 * 1024, `over the limit after call ${i}`);
      // Meeting all, so that the expired are gone from the ledger too.
      if (i % 10 === 0) {
        assertEquals(sizeOfAll(store), store.stats().bytes, `the ledger is off after call ${i}`);
      }
      counts.set(`${call}`, (counts.get(`${call}`) ?? 0) + 1);
    }
    const { evicted, expired, merges, lateWrites, saves, touches } = store.stats();
    assertEquals(counts.size, calls.length, "every method was called");
    for (const count of [evicted.newcomers, expired, merges, lateWrites, saves, touches]) {
      assert(count > 0, "chance has brought about every kind of change");
    }
  });

  it("is what stats() says, beside the number of sessions", async () => {
    using store = new Lembro({ maxSize: "1M" });
    const sessions = [sessionOf({ n: 1 }), sessionOf({ n: 22 })];
    for (const [i, session] of sessions.entries()) await store.set(`${i}`, session);
    const { bytes, maxSize, sessions: count } = store.stats();
    assertEquals(bytes, sizeOf(sessions[0]) + sizeOf(sessions[1]));
    assertEquals([maxSize, count], [1024 * 1024, 2]);
  });
});

describe("maxSize", () => {
  it("holds after every save and touch, and a save over it reduces to 75 %", async () => {
    using store = new Lembro({ maxSize: 10_000 });
    const after: number[] = [];
    store.on("reduce", (result) => after.push(result.after));
    let previous = 0;
    for (let i = 0; i < 500; i++) {
      const session = sessionOfSize(100 + (i * 34) % 900);
      await store.set(`${i}`, session);
      const { bytes } = store.stats();
      assert(bytes <= 10_000);
      assertEquals(bytes <= previous, previous + sizeOf(session) > 10_000);
      previous = bytes;
    }
    assert(after.length > 20);
    assertEquals(after.filter((bytes) => bytes > 7_500), []);
  });

  it("may be reached, and is exceeded by the next byte", async () => {
    using store = new Lembro({ maxSize: 1_000 });
    await store.set("a", sessionOfSize(500));
    await store.set("b", sessionOfSize(500));
    assertEquals(store.stats().bytes, 1_000);
    await store.set("b", sessionOfSize(502));
    assertEquals(await store.ids(), ["b"]);
  });

  it("holds when a touch brings a longer cookie", async () => {
    using store = new Lembro({ maxSize: 1_000 });
    await store.set("a", sessionOfSize(500));
    await store.set("b", sessionOfSize(500));
    await store.touch("b", sessionOf({}, { path: "/longer" }));
    assertEquals(await store.ids(), ["b"]);
    assertEquals(store.stats().bytes, sizeOfAll(store));
  });

  it("keeps what was just saved, even when that is the oldest", async () => {
    using store = new Lembro({ maxSize: 1_000 });
    for (const sid of "abc") await store.set(sid, sessionOfSize(300));
    await store.set("a", sessionOfSize(500));
    assertEquals(await store.ids(), ["a"]);
  });
});

describe("reduce", () => {
  it("brings the size to at most 75 % of maxSize when called", async () => {
    using store = new Lembro({ maxSize: 1_000 });
    for (const sid of "abcdefghij") await store.set(sid, sessionOfSize(100));
    assertEquals(store.stats().bytes, 1_000);
    await store.reduce();
    assertEquals(store.stats().bytes, 700);
    assertEquals(await store.ids(), [..."defghij"]);
    await store.reduce();
    assertEquals(store.stats().bytes, 700);
  });

  it("has the expired go first", async () => {
    using time = new FakeTime();
    using store = new Lembro({ maxSize: 1_000 });
    await store.set("old", sessionOfSize(300));
    await store.set(
      "expired",
      { ...sessionOfSize(300), cookie: { maxAge: 10, path: "/" } } as never,
    );
    time.tick(10);
    await store.set("new", sessionOfSize(402));
    assertEquals(await store.ids(), ["old", "new"]);
    assertEquals(store.stats().evicted.newcomers, 0);
  });
});

describe("a session over 75 % of maxSize", () => {
  it("gives an error with a code and both sizes; the version before stays, and all others", async () => {
    using store = new Lembro({ maxSize: 1_000 });
    await store.set("a", sessionOfSize(200));
    await store.set("b", sessionOfSize(200));
    const before = await store.all();
    const error = await assertRejects(() => store.set("a", sessionOfSize(752)), RangeError);
    assertEquals((error as unknown as { code: string }).code, "ERR_LEMBRO_SESSION_TOO_LARGE");
    assertStringIncludes(error.message, "received 752");
    assertStringIncludes(error.message, "in bytes must be at most 750,");
    await assertRejects(() => store.set("new", sessionOfSize(752)), RangeError);
    assertEquals(await store.all(), before);
    assertEquals(store.stats().bytes, 400);
    assertEquals(store.stats().rejected, 2);
    await store.set("a", sessionOfSize(750));
    assertEquals(store.stats().bytes, 950);
  });

  it("gives it to a touch that makes it so too", async () => {
    using store = new Lembro({ maxSize: 1_000 });
    await store.set("a", sessionOfSize(740));
    const before = await store.get("a");
    await assertRejects(
      () => store.touch("a", sessionOf({}, { path: "/a/rather/long/path" })),
      RangeError,
    );
    assertEquals(await store.get("a"), before);
  });
});
