import { assert, assertEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { HeldClock, MINUTE } from "./support/clock.ts";
import { Lembro, sessionOf, sessionOfSize, settled, type Store } from "./support/setup.ts";

describe("events", () => {
  it("expire: passes the id, whichever call finds the session expired", async () => {
    using clock = new HeldClock();
    using store = new Lembro({ ttl: 1000 });
    const expired: string[] = [];
    store.on("expire", (sid) => expired.push(sid));
    for (const sid of "abc") await store.set(sid, sessionOf());
    await store.destroy("c");
    clock.tick(1000);
    await store.get("a");
    assertEquals(expired, ["a"]);
    await store.purge();
    assertEquals(expired, ["a", "b"]);
    assertEquals(store.stats().expired, 2);
  });

  it("expire: passes the session as it left, though a save brings it back in the same turn", async () => {
    using clock = new HeldClock();
    using store = new Lembro();
    const date = new Date(Date.now() + 1000);
    for (const sid of "ab") await store.set(sid, sessionOf({}, { expires: date }));
    const loaded = (await store.get("b"))!;
    const dates: unknown[] = [];
    store.on("expire", (_sid, session) => dates.push(session?.cookie.expires));
    clock.tick(1000);
    loaded.cookie.expires = new Date(Date.now() + MINUTE);
    await store.set("b", loaded);
    assertEquals(dates, [date.toISOString()]);
  });

  it("purge: passes how many sessions had expired, at each purge", async () => {
    using clock = new HeldClock();
    using store = new Lembro({ ttl: 1000 });
    const purges: unknown[] = [];
    store.on("purge", (result) => purges.push(result));
    for (const sid of "abc") await store.set(sid, sessionOf());
    clock.tick(1000);
    await store.purge();
    await store.purge();
    assertEquals(purges, [{ expired: 3 }, { expired: 0 }]);
  });

  it("evict: passes the id, the session and the rank; reduce: the sizes and how many went", async () => {
    using store = new Lembro({ maxSize: 4_000, protect: (_session, sid) => sid.startsWith("p") });
    const evicted: string[][] = [];
    const reduced: unknown[] = [];
    store.on("evict", (sid, _session, rank) => evicted.push([sid, rank]));
    store.on("reduce", (result) => reduced.push(result));
    await store.set("n", sessionOfSize(400));
    await store.set("r", sessionOfSize(100));
    await store.get("r");
    for (const sid of ["p1", "p2", "p3", "p4", "p5", "p6", "p7"]) {
      await store.set(sid, sessionOfSize(500));
    }
    assertEquals(evicted, []);
    await store.set("p8", sessionOfSize(500));
    assertEquals(evicted, [["r", "returning"], ["p1", "protected"]]);
    await store.set("n2", sessionOfSize(500));
    assertEquals(evicted.slice(2), [["n", "newcomers"]]);
    assertEquals(reduced, [
      { before: 4_500, after: 3_900, evicted: 2 },
      { before: 4_400, after: 4_000, evicted: 1 },
    ]);
    assertEquals(store.stats().evicted, { newcomers: 1, returning: 1, protected: 1 });
  });

  it("run before the callback of the call that caused them, and never inside the call", async () => {
    using store = new Lembro({ maxSize: 800 });
    const log: string[] = [];
    for (let i = 0; i < 8; i++) {
      await store.set(`${i}`, sessionOfSize(100));
      await store.get(`${i}`);
    }
    store.on("evict", (sid) => log.push(`evict ${sid}`));
    store.set("b", sessionOfSize(100), () => log.push("saved"));
    log.push("returned");
    await settled();
    assertEquals(log, ["returned", "evict 0", "saved"]);
  });

  it("error: passes what fails in the background", async () => {
    using clock = new HeldClock();
    class Failing extends Lembro {
      override purge(callback?: unknown): Promise<void> {
        (callback as (error: unknown) => void)(new Error("no purge today"));
        return Promise.resolve();
      }
    }
    using store = new Failing({ interval: 1000 });
    const errors: unknown[] = [];
    store.on("error", (error) => errors.push((error as Error).message));
    clock.tick(1000);
    await settled();
    assertEquals(errors, ["no purge today"]);
  });

  it("those of Store itself still work", () => {
    using store = new Lembro();
    let heard = 0;
    store.on("disconnect", () => heard++);
    assert(store.emit("disconnect"));
    assertEquals(heard, 1);
  });
});

describe("the session in an event", () => {
  /** A store for eight sessions of 200 bytes, which counts how many it has parsed. */
  function counting() {
    const counts = { parsed: 0 };
    const store = new Lembro({
      maxSize: 1_600,
      ttl: MINUTE,
      serializer: {
        stringify: (session) => JSON.stringify(session),
        parse: (text) => (counts.parsed++, JSON.parse(text)),
      },
    });
    return { store, counts };
  }
  const withUser = (n: number) => sessionOfSize(200, { passport: { user: n } });

  const causes: [
    event: "destroy" | "expire" | "evict",
    how: string,
    cause: (store: Store, clock: HeldClock) => Promise<unknown>,
  ][] = [
    ["destroy", "destroy", (store) => store.destroy("0")],
    [
      "destroy",
      "a save with an expired cookie",
      (store) => store.set("0", sessionOf({ late: true }, { maxAge: 0 })),
    ],
    [
      "destroy",
      "a touch with an expired cookie",
      (store) => store.touch("0", sessionOf({}, { maxAge: 0 })),
    ],
    ["destroy", "revokeUser", (store) => store.revokeUser(0)],
    ["expire", "get", (store, clock) => (clock.tick(MINUTE), store.get("0"))],
    ["expire", "purge", (store, clock) => (clock.tick(MINUTE), store.purge())],
    ["evict", "a save over the limit", async (store) => {
      for (let i = 1; i <= 8; i++) await store.set(`${i}`, withUser(i));
    }],
  ];
  for (const [event, how, cause] of causes) {
    it(`comes after the id, and is what was kept: ${event} by ${how}`, async () => {
      using clock = new HeldClock();
      const { store } = counting();
      using _ = store;
      const heard: unknown[][] = [];
      store.on(event, (...args: unknown[]) => heard.push(args));
      await store.set("0", withUser(0));
      await cause(store, clock);
      await settled();
      const rank = event === "evict" ? ["protected"] : [];
      assertEquals(heard, [["0", withUser(0), ...rank]]);
    });

    it(`is parsed only if somebody listens: ${event} by ${how}`, async () => {
      using clock = new HeldClock();
      const { store, counts } = counting();
      using _ = store;
      await store.set("0", withUser(0));
      counts.parsed = 0;
      await cause(store, clock);
      await settled();
      // A touch with a serializer of its own reads the session, but not for the event.
      assert(counts.parsed <= (how.startsWith("a touch") ? 1 : 0), `${counts.parsed} parsed`);
    });
  }

  it("is undefined if the serializer can't read it", async () => {
    let isBroken = false;
    using store = new Lembro({
      serializer: {
        stringify: (session) => JSON.stringify(session),
        parse(text) {
          if (isBroken) throw new Error("the key is lost");
          return JSON.parse(text);
        },
      },
    });
    const heard: unknown[][] = [];
    store.on("destroy", (...args) => heard.push(args));
    await store.set("a", sessionOf());
    isBroken = true;
    await store.destroy("a");
    assertEquals(heard, [["a", undefined]]);
  });

  it("is what was kept then, though the id has another session by the time it is heard", async () => {
    using store = new Lembro();
    const heard: unknown[][] = [];
    store.on("destroy", (...args) => heard.push(args));
    await store.set("a", sessionOf({ n: 1 }, {}));
    store.destroy("a");
    store.set("a", sessionOf({ n: 2 }, {}));
    await settled();
    assertEquals(heard, [["a", sessionOf({ n: 1 }, {})]]);
  });

  it("is a copy: a listener that changes it changes nothing kept", async () => {
    using store = new Lembro({ maxSessionsPerUser: 1 });
    store.on("destroy", (_sid, session) => void Object.assign(session!, { passport: null }));
    for (const sid of ["a", "b"]) await store.set(sid, sessionOf({ passport: { user: 1 } }));
    assertEquals((await store.sessionsOfUser(1)).map(({ sid }) => sid), ["b"]);
  });
});

describe("events of calls that keep nothing", () => {
  it("destroy: is not emitted for an absent session", async () => {
    using store = new Lembro();
    let heard = 0;
    store.on("destroy", () => heard++);
    await store.destroy("nobody");
    await store.revokeUser("nobody");
    assertEquals(heard, 0);
  });

  it("clear: is emitted once, and destroy is not", async () => {
    using store = new Lembro();
    const heard: string[] = [];
    store.on("clear", (...args: unknown[]) => heard.push(`clear ${args.length}`));
    store.on("destroy", (sid) => heard.push(sid));
    for (const sid of "abc") await store.set(sid, sessionOf());
    await store.clear();
    assertEquals(heard, ["clear 0"]);
  });

  it("late: passes the id of each save that was dropped", async () => {
    using store = new Lembro();
    const heard: unknown[][] = [];
    store.on("late", (...args) => heard.push(args));
    await store.set("a", sessionOf());
    const loaded = (await store.get("a"))!;
    await store.destroy("a");
    await store.set("a", loaded);
    await store.touch("a", loaded);
    assertEquals(heard, [["a"]]);
    assertEquals(store.stats().lateWrites, 1);
  });

  it("once and off: work for the events of the store", async () => {
    using store = new Lembro();
    const heard: string[] = [];
    const listener = (sid: string) => void heard.push(sid);
    store.once("destroy", listener);
    store.on("late", listener);
    store.off("late", listener);
    for (const sid of "ab") {
      await store.set(sid, sessionOf());
      const loaded = (await store.get(sid))!;
      await store.destroy(sid);
      await store.set(sid, loaded);
    }
    assertEquals(heard, ["a"]);
  });
});
