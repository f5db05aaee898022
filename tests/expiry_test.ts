import { assertEquals, assertRejects } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { DAY, HeldClock, MINUTE, START } from "./support/clock.ts";
import { Requests, save } from "./support/requests.ts";
import {
  Lembro,
  session,
  type SessionData,
  sessionOf,
  sessionOfSize,
  settled,
} from "./support/setup.ts";

/** Asserts that a session with this cookie lives for exactly `life` milliseconds. */
async function assertLife(cookie: unknown, life: number, options = {}): Promise<void> {
  using clock = new HeldClock();
  using store = new Lembro(options);
  await store.set("a", sessionOf({}, cookie));
  clock.tick(life - 1);
  assertEquals(await store.length(), 1, "it expired too early");
  clock.tick(1);
  assertEquals(await store.get("a"), undefined, "it expired too late");
  assertEquals(await store.length(), 0);
}

describe("a session expires", () => {
  const inAMinute = START + MINUTE;
  for (
    const [what, cookie] of [
      ["a Date", { expires: new Date(inAMinute) }],
      ["an ISO string", { expires: new Date(inAMinute).toISOString() }],
      ["a number", { expires: inAMinute }],
      ["a string of milliseconds", { expires: String(inAMinute) }],
      ["an HTTP date", { expires: new Date(inAMinute).toUTCString() }],
      ["which goes before maxAge", { expires: new Date(inAMinute), maxAge: DAY }],
    ] as const
  ) {
    it(`by cookie.expires: ${what}`, () => assertLife(cookie, MINUTE));
  }

  it("by cookie.maxAge, from now", () => assertLife({ maxAge: MINUTE }, MINUTE));

  it("by express-session's own Cookie with a maxAge", async () => {
    using clock = new HeldClock();
    using store = new Lembro();
    const cookie = new session.Cookie();
    cookie.maxAge = MINUTE;
    await store.set("a", sessionOf({}, cookie));
    clock.tick(MINUTE - 1);
    assertEquals(await store.length(), 1);
    clock.tick(1);
    assertEquals(await store.length(), 0);
  });

  for (
    const [what, cookie] of [
      ["express-session's default cookie", new session.Cookie()],
      ["no expiry", {}],
      ["an unreadable date", { expires: "soon" }],
      ["an invalid Date", { expires: new Date(NaN) }],
      ["an empty string", { expires: " " }],
      ["false", { expires: false }],
      ["null", { expires: null, maxAge: null }],
      ["Infinity", { expires: Infinity, maxAge: Infinity }],
      ["NaN", { expires: NaN, maxAge: NaN }],
      ["a maxAge that is a string", { maxAge: "60000" }],
    ] as const
  ) {
    it(`by ttl with ${what}`, () => assertLife(cookie, MINUTE, { ttl: MINUTE }));
  }

  for (const [year, life] of [["2027", 365 * DAY], ["2030", 1461 * DAY]] as const) {
    it(`by cookie.expires: the year "${year}"`, () => assertLife({ expires: year }, life));
  }

  for (const digits of ["0", "1", "99", "2025", "99999", "1700000000000", "-5", "-12345"]) {
    it(`at once by cookie.expires: "${digits}" has passed`, async () => {
      using _clock = new HeldClock();
      using store = new Lembro();
      await store.set("a", sessionOf({}, { expires: digits }));
      assertEquals(store.stats().sessions, 0);
    });
  }

  it("after a day by default", () => assertLife(new session.Cookie(), DAY));

  it("by cookie.maxAge if the date can't be read", () =>
    assertLife({ expires: "soon", maxAge: MINUTE }, MINUTE));

  it("never, with a ttl of Infinity", async () => {
    using clock = new HeldClock();
    using store = new Lembro({ ttl: Infinity });
    await store.set("a", sessionOf());
    clock.tick(10_000 * DAY);
    assertEquals(await store.length(), 1);
  });

  it("without a cookie, by ttl", async () => {
    using clock = new HeldClock();
    using store = new Lembro({ ttl: MINUTE });
    await store.set("a", { name: "Ada" } as unknown as SessionData);
    clock.tick(MINUTE - 1);
    assertEquals(await store.length(), 1);
    clock.tick(1);
    assertEquals(await store.length(), 0);
  });
});

describe("ttl as a function", () => {
  it("is called with the session and its id, where the cookie has no expiry", async () => {
    using clock = new HeldClock();
    const asked: unknown[] = [];
    using store = new Lembro({
      ttl: (session, sid) => {
        asked.push(session, sid);
        return sid === "short" ? MINUTE : DAY;
      },
    });
    const session = sessionOf();
    await store.set("short", session);
    assertEquals(asked, [JSON.parse(JSON.stringify(session)), "short"]);
    await store.set("long", sessionOf());
    await store.set("own", sessionOf({}, { maxAge: 2 * DAY }));
    assertEquals(asked.length, 4);
    clock.tick(MINUTE);
    assertEquals(await store.ids(), ["long", "own"]);
  });

  for (const life of [NaN, "1d", undefined, null, {}, 0, -1, -Infinity]) {
    it(`that returns ${String(life)} fails the call, and the version before stays`, async () => {
      let next: unknown = DAY;
      using store = new Lembro({ ttl: () => next as number });
      await store.set("a", sessionOf({ n: 1 }, {}));
      next = life;
      await assertRejects(
        () => store.set("a", sessionOf({ n: 2 }, {})),
        TypeError,
        "ttl must return a number",
      );
      await assertRejects(
        () => store.touch("a", sessionOf()),
        TypeError,
        "ttl must return a number",
      );
      assertEquals(await store.get("a"), sessionOf({ n: 1 }, {}));
    });
  }
});

describe("a touch or a save extends the life", () => {
  it("by ttl", async () => {
    using clock = new HeldClock();
    using store = new Lembro({ ttl: MINUTE });
    await store.set("touched", sessionOf());
    await store.set("saved", sessionOf());
    await store.set("left", sessionOf());
    clock.tick(MINUTE - 1);
    await store.touch("touched", sessionOf());
    await store.set("saved", sessionOf());
    clock.tick(MINUTE - 1);
    assertEquals(await store.ids(), ["touched", "saved"]);
    clock.tick(1);
    assertEquals(await store.ids(), []);
  });

  it("or shortens it, by its cookie", async () => {
    using clock = new HeldClock();
    using store = new Lembro();
    for (const sid of ["longer", "shorter"]) {
      await store.set(sid, sessionOf({}, { maxAge: MINUTE }));
    }
    await store.touch("longer", sessionOf({}, { maxAge: 3 * MINUTE }));
    await store.touch("shorter", sessionOf({}, { maxAge: 1 }));
    clock.tick(1);
    assertEquals(await store.ids(), ["longer"]);
    clock.tick(3 * MINUTE - 2);
    assertEquals(await store.ids(), ["longer"]);
    clock.tick(1);
    assertEquals(await store.ids(), []);
  });
});

describe("saving a session whose cookie has already expired", () => {
  for (
    const [what, cookie] of [
      ["long ago", { expires: new Date(0) }],
      ["at the epoch, as a number", { expires: 0 }],
      ["just now", { maxAge: 0 }],
      ["by a negative maxAge", { maxAge: -1 }],
    ] as const
  ) {
    it(`destroys it: ${what}`, async () => {
      using store = new Lembro();
      await store.set("a", sessionOf());
      await store.set("a", sessionOf({}, cookie));
      assertEquals(store.stats().sessions, 0);
      assertEquals(store.stats().bytes, 0);
      await store.set("b", sessionOf({}, cookie));
      assertEquals(store.stats().sessions, 0);
    });

    it(`and touching it destroys it: ${what}`, async () => {
      using store = new Lembro();
      await store.set("a", sessionOf());
      await store.touch("a", sessionOf({}, cookie));
      assertEquals(store.stats().sessions, 0);
    });
  }
});

describe("a new session whose cookie has already expired", () => {
  for (const isOfRequest of [false, true]) {
    it(`is counted and announced as expired: ${isOfRequest ? "of a request" : "plain data"}`, async () => {
      using _clock = new HeldClock();
      using store = new Lembro();
      const events: unknown[] = [];
      for (const event of ["expire", "destroy", "late"] as const) {
        // deno-lint-ignore no-explicit-any
        (store as any).on(
          event,
          (sid: string, session: unknown) => events.push([event, sid, session]),
        );
      }
      const request = new Requests(store, { maxAge: -1 }).begin();
      const session = isOfRequest ? request.session : sessionOf({}, { expires: new Date(0) });
      Object.assign(session, { passport: { user: "ada" } });
      const copy = JSON.parse(JSON.stringify(session));
      await store.set("a", session);
      Object.assign(session, { later: true });
      await settled();
      assertEquals(events, [["expire", "a", copy]]);
      const { sessions, bytes, users, expired, saves } = store.stats();
      assertEquals([sessions, bytes, users, expired, saves], [0, 0, 0, 1, 0]);
    });
  }

  it("may be saved later, with another cookie", async () => {
    using store = new Lembro();
    const request = new Requests(store, { maxAge: -1 }).begin();
    await save(request);
    request.session.cookie.maxAge = MINUTE;
    await save(request);
    assertEquals([store.stats().sessions, store.stats().lateWrites], [1, 0]);
  });

  it("evicts nothing", async () => {
    using store = new Lembro({ maxSize: 1_000 });
    for (let i = 0; i < 10; i++) await store.set(`${i}`, sessionOfSize(100));
    await store.set("a", sessionOfSize(500, {}, { maxAge: -1 }));
    assertEquals([store.stats().sessions, store.stats().expired], [10, 1]);
  });

  it("is refused like any other if it can't be kept", async () => {
    using store = new Lembro({ maxSize: 1_000 });
    await assertRejects(() => store.set("a", sessionOfSize(1_002, {}, { maxAge: -1 })), RangeError);
    assertEquals([store.stats().expired, store.stats().rejected], [0, 1]);
  });

  it("still ends what others have loaded under its id, if that has expired", async () => {
    using clock = new HeldClock();
    using store = new Lembro({ ttl: MINUTE });
    await store.set("a", sessionOf());
    const loaded = (await store.get("a"))!;
    clock.tick(MINUTE);
    await store.purge();
    await store.set("a", sessionOf({}, { maxAge: -1 }));
    await store.set("a", loaded);
    assertEquals([store.stats().sessions, store.stats().lateWrites], [0, 1]);
  });
});

describe("an expired session", () => {
  const methods = [
    "get",
    "touch",
    "destroy",
    "set",
    "all",
    "length",
    "ids",
    "purge",
    "reduce",
  ] as const;
  for (const method of methods) {
    it(`is forgotten by ${method}`, async () => {
      using clock = new HeldClock();
      using store = new Lembro({ maxSize: 4_000 });
      await store.set("a", sessionOf({ text: "x".repeat(100) }, { maxAge: MINUTE }));
      clock.tick(MINUTE);
      assertEquals(store.stats().expired, 0);
      if (method === "set") await store.set("a", sessionOf({}, { path: "/" }));
      else if (method === "touch") await store.touch("a", sessionOf());
      else if (method === "get" || method === "destroy") await store[method]("a");
      else {
        await store[method]();
      }
      assertEquals(store.stats().expired, 1);
      assertEquals(
        await store.get("a"),
        method === "set" ? sessionOf({}, { path: "/" }) : undefined,
      );
    });
  }
});

describe("the date of a cookie", () => {
  it("is returned as JSON writes it, whichever it is", async () => {
    using _clock = new HeldClock(-1);
    using store = new Lembro();
    // Leap days, the ends of years and days, and what is spread over all that has four digits.
    const dates = [
      ...[0, 1, 999, 1_000, 59_999, 60_000, DAY - 1, DAY, Date.UTC(2000, 1, 29)],
      ...[Date.UTC(2028, 1, 29) - 1, Date.UTC(9999, 11, 31, 23, 59, 59, 999), Date.UTC(10_000, 0)],
      ...Array.from({ length: 5_000 }, (_, i) => Math.floor(i * 50_777_777_777.7)),
    ].map((time) => new Date(time));
    for (const expires of dates) {
      await store.set("a", sessionOf({}, { expires }));
      assertEquals((await store.get("a"))?.cookie, JSON.parse(JSON.stringify({ expires })));
    }
  });
});
