import { assertEquals, assertRejects } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { FakeTime } from "@std/testing/time";
import { Lembro, session, type SessionData, sessionOf } from "./support/setup.ts";

const START = Date.UTC(2026, 0, 1);
const MINUTE = 60_000;
const DAY = 24 * 60 * MINUTE;

/** Asserts that a session with this cookie lives for exactly `life` milliseconds. */
async function assertLife(cookie: unknown, life: number, options = {}): Promise<void> {
  using time = new FakeTime(START);
  using store = new Lembro(options);
  await store.set("a", sessionOf({}, cookie));
  time.tick(life - 1);
  assertEquals(await store.length(), 1, "it expired too early");
  time.tick(1);
  assertEquals(await store.get("a"), undefined, "it expired too late");
  assertEquals(await store.length(), 0);
}

describe("a session expires", () => {
  const inAMinute = START + MINUTE;
  for (
    const [what, cookie] of [
      ["a Date", { expires: new Date(inAMinute) }],
      ["an ISO text", { expires: new Date(inAMinute).toISOString() }],
      ["a number", { expires: inAMinute }],
      ["a text of milliseconds", { expires: String(inAMinute) }],
      ["an HTTP date", { expires: new Date(inAMinute).toUTCString() }],
      ["and not by maxAge, which is second", { expires: new Date(inAMinute), maxAge: DAY }],
    ] as const
  ) {
    it(`by cookie.expires: ${what}`, () => assertLife(cookie, MINUTE));
  }

  it("by cookie.maxAge, from now", () => assertLife({ maxAge: MINUTE }, MINUTE));

  it("by express-session's own Cookie with a maxAge", async () => {
    using time = new FakeTime(START);
    using store = new Lembro();
    const cookie = new session.Cookie();
    cookie.maxAge = MINUTE;
    await store.set("a", sessionOf({}, cookie));
    time.tick(MINUTE - 1);
    assertEquals(await store.length(), 1);
    time.tick(1);
    assertEquals(await store.length(), 0);
  });

  for (
    const [what, cookie] of [
      ["express-session's default cookie", new session.Cookie()],
      ["no expiry", {}],
      ["an unreadable date", { expires: "soon" }],
      ["an invalid Date", { expires: new Date(NaN) }],
      ["an empty text", { expires: " " }],
      ["false", { expires: false }],
      ["null", { expires: null, maxAge: null }],
      ["Infinity", { expires: Infinity, maxAge: Infinity }],
      ["NaN", { expires: NaN, maxAge: NaN }],
      ["a maxAge that is a text", { maxAge: "60000" }],
    ] as const
  ) {
    it(`by ttl with ${what}`, () => assertLife(cookie, MINUTE, { ttl: MINUTE }));
  }

  it("after a day by default", () => assertLife(new session.Cookie(), DAY));

  it("an unreadable date leaves it to maxAge", () =>
    assertLife({ expires: "soon", maxAge: MINUTE }, MINUTE));

  it("never, with a ttl of Infinity", async () => {
    using time = new FakeTime(START);
    using store = new Lembro({ ttl: Infinity });
    await store.set("a", sessionOf());
    time.tick(10_000 * DAY);
    assertEquals(await store.length(), 1);
  });

  it("without a cookie, by ttl", async () => {
    using time = new FakeTime(START);
    using store = new Lembro({ ttl: MINUTE });
    await store.set("a", { name: "Ada" } as unknown as SessionData);
    time.tick(MINUTE - 1);
    assertEquals(await store.length(), 1);
    time.tick(1);
    assertEquals(await store.length(), 0);
  });
});

describe("ttl as a function", () => {
  it("is asked for the session and its id", async () => {
    using time = new FakeTime(START);
    const asked: unknown[] = [];
    using store = new Lembro({
      ttl: (session, sid) => {
        asked.push(session, sid);
        return sid === "short" ? MINUTE : DAY;
      },
    });
    const session = sessionOf();
    await store.set("short", session);
    assertEquals(asked, [session, "short"]);
    await store.set("long", sessionOf());
    await store.set("own", sessionOf({}, { maxAge: 2 * DAY }));
    assertEquals(asked.length, 4, "it isn't asked where the cookie says");
    time.tick(MINUTE);
    assertEquals(await store.ids(), ["long", "own"]);
  });

  it("may end a session at once", async () => {
    using store = new Lembro({ ttl: () => 0 });
    await store.set("a", sessionOf());
    assertEquals(store.stats().sessions, 0);
  });

  for (const life of [NaN, "1d", undefined, null, {}]) {
    it(`gives an error when it gives ${String(life)}, and the version before stays`, async () => {
      let next: unknown = DAY;
      using store = new Lembro({ ttl: () => next as number });
      await store.set("a", sessionOf({ n: 1 }, {}));
      next = life;
      await assertRejects(() => store.set("a", sessionOf({ n: 2 }, {})), TypeError, "ttl");
      await assertRejects(() => store.touch("a", sessionOf()), TypeError, "ttl");
      assertEquals(await store.get("a"), sessionOf({ n: 1 }, {}));
    });
  }
});

describe("a touch or save counts the life anew", () => {
  it("by ttl", async () => {
    using time = new FakeTime(START);
    using store = new Lembro({ ttl: MINUTE });
    await store.set("touched", sessionOf());
    await store.set("saved", sessionOf());
    await store.set("left", sessionOf());
    time.tick(MINUTE - 1);
    await store.touch("touched", sessionOf());
    await store.set("saved", sessionOf());
    time.tick(MINUTE - 1);
    assertEquals(await store.ids(), ["touched", "saved"]);
    time.tick(1);
    assertEquals(await store.ids(), []);
  });

  it("by a longer or a shorter cookie", async () => {
    using time = new FakeTime(START);
    using store = new Lembro();
    for (const sid of ["longer", "shorter"]) {
      await store.set(sid, sessionOf({}, { maxAge: MINUTE }));
    }
    await store.touch("longer", sessionOf({}, { maxAge: 3 * MINUTE }));
    await store.touch("shorter", sessionOf({}, { maxAge: 1 }));
    time.tick(1);
    assertEquals(await store.ids(), ["longer"]);
    time.tick(3 * MINUTE - 2);
    assertEquals(await store.ids(), ["longer"]);
    time.tick(1);
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
    it(`is destroying it: ${what}`, async () => {
      using store = new Lembro();
      await store.set("a", sessionOf());
      await store.set("a", sessionOf({}, cookie));
      assertEquals(store.stats().sessions, 0);
      assertEquals(store.stats().bytes, 0);
      await store.set("b", sessionOf({}, cookie));
      assertEquals(store.stats().sessions, 0);
    });

    it(`and so is touching it: ${what}`, async () => {
      using store = new Lembro();
      await store.set("a", sessionOf());
      await store.touch("a", sessionOf({}, cookie));
      assertEquals(store.stats().sessions, 0);
    });
  }
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
      using time = new FakeTime(START);
      using store = new Lembro({ maxSize: 600 });
      await store.set("a", sessionOf({ text: "x".repeat(100) }, { maxAge: MINUTE }));
      time.tick(MINUTE);
      assertEquals(store.stats().expired, 0);
      if (method === "set") await store.set("a", sessionOf({}, { path: "/" }));
      else if (method === "touch") await store.touch("a", sessionOf());
      else if (method === "get" || method === "destroy") await store[method]("a");
      else {
        // Over the 75 %, so that there is something to reduce.
        if (method === "reduce") await store.set("b", sessionOf({ text: "x".repeat(90) }, {}));
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
  it("is given back as JSON writes it, whichever it is", async () => {
    using _time = new FakeTime(-1);
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
