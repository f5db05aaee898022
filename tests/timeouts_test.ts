/** `idleTimeout`, `absoluteTimeout` and `isActivity`. */
import { assert, assertEquals, assertRejects } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import type { LembroOptions } from "express-lembro";
import { inMemory } from "./support/engines.ts";
import { openJournal } from "express-lembro/journal";
import { Folder } from "./support/folder.ts";
import { atTime, DAY, HeldClock, HOUR, MINUTE, SECOND, START } from "./support/clock.ts";
import { Site } from "./support/http.ts";
import { jsonCalls } from "./support/json.ts";
import {
  type FakeRequest,
  keptData,
  regenerate,
  Requests,
  save,
  touch,
} from "./support/requests.ts";
import { Lembro, type session, sessionOf, sessionOfSize } from "./support/setup.ts";

/** For what only a store in memory promises. */
const test = inMemory(it);

/** A number, and a function that returns it. */
const BOTH = (ms: number): [name: string, duration: number | (() => number)][] => [
  ["a number", ms],
  ["a function", () => ms],
];

/** The cookies that an app may have: without an expiry, with one, and rolling for a year. */
const COOKIES: session.SessionOptions["cookie"][] = [{}, { maxAge: DAY }, { maxAge: 365 * DAY }];

const uses: Record<string, (requests: Requests, request: FakeRequest) => Promise<void>> = {
  "a save": async (requests, { sessionID }) => {
    const request = await requests.load(sessionID);
    request.session.visits = Number(request.session.visits ?? 0) + 1;
    await save(request);
  },
  "a touch": async (requests, { sessionID }) => await touch(await requests.load(sessionID)),
};

describe("idleTimeout", () => {
  for (const [kind, idleTimeout] of BOTH(10 * MINUTE)) {
    for (const cookie of COOKIES) {
      const with_ = `${kind}, with the cookie ${JSON.stringify(cookie)}`;
      it(`ends a session so long after its last use: ${with_}`, async () => {
        for (const use of Object.values(uses)) {
          using clock = new HeldClock();
          using store = new Lembro({ idleTimeout });
          const requests = new Requests(store, cookie);
          const request = await requests.create();
          for (let i = 0; i < 20; i++) {
            clock.tick(10 * MINUTE - 1);
            await use(requests, request);
          }
          clock.tick(10 * MINUTE - 1);
          assertEquals(await store.length(), 1);
          clock.tick(1);
          assertEquals(await store.length(), 0);
        }
      });
    }
  }

  for (const [kind, idleTimeout] of BOTH(MINUTE)) {
    for (const cookie of COOKIES) {
      it(`does not end a session while a long request is under way, which began with a load: ${kind}, cookie ${JSON.stringify(cookie)}`, async () => {
        using clock = new HeldClock();
        using store = new Lembro({ idleTimeout });
        const requests = new Requests(store, cookie);
        const { sessionID } = await requests.create({ n: 0 });
        clock.tick(50 * SECOND);
        const upload = await requests.load(sessionID);
        assertEquals((await store.info(sessionID))!.expires, new Date(START + 110 * SECOND));
        const { expires } = upload.session.cookie;
        clock.tick(50 * SECOND);
        // Another tab is not signed out meanwhile, nor is the cookie another one.
        assertEquals(
          `${(await store.get(sessionID))!.cookie.expires ?? null}`,
          `${expires ? new Date(expires).toJSON() : null}`,
        );
        upload.session.n = 1;
        await save(upload);
        assertEquals(await keptData(store, sessionID), { n: 1 });
        assertEquals([store.stats().expired, store.stats().touches], [0, 0]);
        clock.tick(MINUTE);
        assertEquals(await store.length(), 0);
      });
    }
  }

  it("is extended by the load of a request, and by no other", async () => {
    using clock = new HeldClock();
    using store = new Lembro({
      idleTimeout: MINUTE,
      isActivity: (request) => (request as unknown as FakeRequest).path !== "/poll",
    });
    const requests = new Requests(store);
    const { sessionID } = await requests.create();
    clock.tick(50 * SECOND);
    await store.get(sessionID);
    await requests.load(sessionID, { path: "/poll" });
    await store.all();
    assertEquals((await store.info(sessionID))!.expires, new Date(START + MINUTE));
    await requests.load(sessionID);
    assertEquals((await store.info(sessionID))!.expires, new Date(START + 110 * SECOND));
  });

  for (
    const [what, options, cookie] of [
      ["ttl, from the last save or touch", { ttl: 70 * SECOND }, {}],
      ["the date of the cookie", {}, { maxAge: 70 * SECOND }],
      ["absoluteTimeout", { absoluteTimeout: 70 * SECOND }, {}],
    ] as [string, LembroOptions, session.SessionOptions["cookie"]][]
  ) {
    it(`is extended by a load no longer than ${what} allows, however often`, async () => {
      using clock = new HeldClock();
      using store = new Lembro({ idleTimeout: MINUTE, ...options });
      const requests = new Requests(store, cookie);
      const { sessionID } = await requests.create();
      clock.tick(5 * SECOND);
      await requests.load(sessionID);
      clock.tick(55 * SECOND);
      await requests.load(sessionID);
      assertEquals((await store.info(sessionID))!.expires, new Date(START + 70 * SECOND));
      clock.tick(10 * SECOND);
      assertEquals(await store.length(), 0);
    });
  }

  test("is extended by a load in the journal too", async () => {
    using folder = new Folder();
    const { sessionID } = await atTime(START, async () => {
      using store = new Lembro({ idleTimeout: MINUTE });
      await using _journal = await openJournal(store, folder.snapshot);
      const requests = new Requests(store);
      const request = await requests.create();
      await requests.load(request.sessionID);
      await _journal.flush();
      Date.now = () => START + 50 * SECOND;
      await requests.load(request.sessionID);
      return request;
    });
    await atTime(START + 100 * SECOND, async () => {
      using store = new Lembro({ idleTimeout: MINUTE });
      await using _journal = await openJournal(store, folder.snapshot);
      assertEquals((await store.info(sessionID))?.expires, new Date(START + 110 * SECOND));
    });
  });

  it("does not lengthen the life of a session", async () => {
    using clock = new HeldClock();
    using store = new Lembro({ idleTimeout: DAY, ttl: HOUR });
    await store.set("ttl", sessionOf());
    await store.set("cookie", sessionOf({}, { maxAge: MINUTE }));
    clock.tick(MINUTE);
    assertEquals(await store.ids(), ["ttl"]);
    clock.tick(HOUR);
    assertEquals(await store.ids(), []);
  });

  it("may differ by session", async () => {
    using clock = new HeldClock();
    using store = new Lembro({
      idleTimeout: (session) => (session as { passport?: unknown }).passport ? MINUTE : HOUR,
    });
    await store.set("user", sessionOf({ passport: { user: 1 } }));
    await store.set("guest", sessionOf());
    clock.tick(MINUTE);
    assertEquals(await store.ids(), ["guest"]);
  });
});

describe("absoluteTimeout", () => {
  for (const [kind, absoluteTimeout] of BOTH(HOUR)) {
    for (const cookie of COOKIES) {
      for (const [use, work] of Object.entries(uses)) {
        it(`ends the session of a client with ${use} every ten seconds: ${kind}, cookie ${JSON.stringify(cookie)}`, async () => {
          using clock = new HeldClock();
          using store = new Lembro({ absoluteTimeout, idleTimeout: MINUTE });
          const requests = new Requests(store, cookie);
          const request = await requests.create();
          for (let use = 1; use < 360; use++) {
            clock.tick(10 * SECOND);
            await work(requests, request);
          }
          clock.tick(10 * SECOND - 1);
          assertEquals(await store.length(), 1);
          clock.tick(1);
          assertEquals(await store.length(), 0);
          assertEquals(await store.get(request.sessionID), undefined);
        });
      }
    }
  }

  /** Asserts that what happens half an hour after the creation does not lengthen the hour. */
  function survives(
    what: string,
    options: LembroOptions,
    work: (requests: Requests, request: FakeRequest, clock: HeldClock) => Promise<unknown>,
  ): void {
    const isEvicted = "maxSize" in options;
    (isEvicted ? test : it)(`counts from the creation, which survives ${what}`, async () => {
      using clock = new HeldClock();
      using store = new Lembro({ absoluteTimeout: HOUR, ...options });
      const requests = new Requests(store);
      const { sessionID } = await requests.create({ n: 0 });
      const request = await requests.load(sessionID);
      clock.tick(HOUR / 2);
      await work(requests, request, clock);
      const info = (await store.info(sessionID))!;
      assertEquals(info.created, new Date(START));
      assertEquals(info.expires, new Date(START + HOUR));
      clock.tick(START + HOUR - Date.now());
      assertEquals(await store.info(sessionID), undefined);
    });
  }

  survives("a save and a touch", {}, async (_requests, request) => {
    await save(request);
    await touch(request);
  });
  survives("a merge", {}, async (requests, request) => {
    const other = await requests.load(request.sessionID);
    other.session.m = 1;
    await save(other);
    request.session.n = 1;
    await save(request);
    assertEquals(requests.store.stats().merges, 1);
  });
  survives("an overwrite by plain data", {}, async ({ store }, { sessionID }) => {
    await store.set(sessionID, sessionOf({ n: 1 }));
  });
  survives("an update", {}, async ({ store }, { sessionID }) => {
    await store.update(sessionID, (session) => void Object.assign(session, { n: 1 }));
  });
  survives("a sign-in within the session", {}, async (_requests, request) => {
    request.session.passport = { user: 1 };
    await save(request);
  });
  survives(
    "an eviction that a late save undoes",
    { maxSize: "16K" },
    async ({ store }, request) => {
      for (let i = 0; i < 8; i++) {
        await store.set(`${i}`, sessionOfSize(2_048, { passport: { user: i } }));
      }
      assertEquals(await store.info(request.sessionID), undefined);
      await save(request);
    },
  );
  survives(
    "several evictions, one after the other",
    { maxSize: "16K" },
    async (requests, request) => {
      const { store } = requests;
      for (let round = 0; round < 3; round++) {
        for (let i = 0; i < 9; i++) {
          await store.set(`${round}-${i}`, sessionOfSize(2_048, { passport: { user: i } }));
        }
        assertEquals(await store.info(request.sessionID), undefined);
        await save(request);
        await requests.load(request.sessionID);
      }
    },
  );
  survives(
    "an expiry by idleTimeout that a late save undoes",
    { idleTimeout: 45 * MINUTE },
    async ({ store }, request, clock) => {
      clock.tick(20 * MINUTE);
      assertEquals(await store.info(request.sessionID), undefined);
      await save(request);
    },
  );

  it("is not undone by a late save after the absolute timeout itself", async () => {
    using clock = new HeldClock();
    using store = new Lembro({ absoluteTimeout: HOUR });
    const requests = new Requests(store);
    const request = await requests.load((await requests.create()).sessionID);
    clock.tick(HOUR);
    await save(request);
    await touch(request);
    assertEquals(await store.length(), 0);
  });

  it("starts anew with regenerate, with the same id too", async () => {
    using clock = new HeldClock();
    using store = new Lembro({ absoluteTimeout: HOUR });
    const requests = new Requests(store);
    const request = await requests.create();
    clock.tick(HOUR / 2);
    await regenerate(request);
    await save(request);
    assertEquals((await store.info(request.sessionID))!.expires, new Date(START + 1.5 * HOUR));
    clock.tick(HOUR / 4);
    const { sessionID } = request;
    await store.destroy(sessionID);
    const again = requests.begin();
    again.sessionID = sessionID;
    await save(again);
    assertEquals((await store.info(sessionID))!.expires, new Date(START + 1.75 * HOUR));
  });
});

for (const name of ["idleTimeout", "absoluteTimeout"] as const) {
  for (const ms of [0, -1, NaN, "1h", undefined]) {
    it(`${name}: a function that returns ${ms} fails the call, and the version before stays`, async () => {
      let next: unknown = HOUR;
      using store = new Lembro({ [name]: () => next as number });
      await store.set("a", sessionOf({ n: 1 }, {}));
      next = ms;
      const error = `${name} must return a number of milliseconds above 0`;
      await assertRejects(() => store.set("a", sessionOf({ n: 2 }, {})), TypeError, error);
      await assertRejects(() => store.touch("a", sessionOf()), TypeError, error);
      next = HOUR;
      assertEquals([await store.get("a"), store.stats().rejected], [sessionOf({ n: 1 }, {}), 2]);
    });
  }
}

describe("a request that is no activity", () => {
  const options: LembroOptions = {
    idleTimeout: 10 * MINUTE,
    isActivity: (request) => (request as unknown as FakeRequest).path !== "/poll",
  };

  for (const [use, work] of Object.entries({ save, touch })) {
    it(`does not extend the life, the rank, the order or the last use: ${use}`, async () => {
      using clock = new HeldClock();
      using store = new Lembro(options);
      const requests = new Requests(store, { maxAge: HOUR });
      const { sessionID } = await requests.create({ passport: { user: 1 } });
      clock.tick(MINUTE);
      const poll = await requests.load(sessionID, { path: "/poll" });
      const before = (await store.info(sessionID))!;
      clock.tick(MINUTE);
      await work(poll);
      const after = (await store.info(sessionID))!;
      assertEquals([after.expires, after.lastUsed, after.rank], [
        before.expires,
        before.lastUsed,
        before.rank,
      ]);
    });
  }

  test("does not extend the life of a session that was evicted meanwhile", async () => {
    using clock = new HeldClock();
    using store = new Lembro({ ...options, maxSize: "16K" });
    const requests = new Requests(store);
    const { sessionID } = await requests.create();
    const poll = await requests.load(sessionID, { path: "/poll" });
    const { expires } = (await store.info(sessionID))!;
    for (let i = 0; i < 8; i++) {
      await store.set(`${i}`, sessionOfSize(2_048, { passport: { user: i } }));
    }
    assertEquals(await store.info(sessionID), undefined);
    clock.tick(MINUTE);
    await save(poll);
    assertEquals((await store.info(sessionID))!.expires, expires);
  });

  it("does not bring back a session that has expired meanwhile", async () => {
    using clock = new HeldClock();
    using store = new Lembro(options);
    const requests = new Requests(store);
    const { sessionID } = await requests.create();
    const poll = await requests.load(sessionID, { path: "/poll" });
    clock.tick(10 * MINUTE);
    await store.purge();
    await save(poll);
    assertEquals(await store.length(), 0);
  });

  it("can read and save the session", async () => {
    using store = new Lembro(options);
    const requests = new Requests(store);
    const { sessionID } = await requests.create({ n: 1 });
    const poll = await requests.load(sessionID, { path: "/poll" });
    assertEquals(poll.session.n, 1);
    poll.session.n = 2;
    await save(poll);
    assertEquals((await requests.load(sessionID)).session.n, 2);
  });

  for (const cookie of COOKIES) {
    it(`can save a session that another has kept alive since it was loaded: cookie ${JSON.stringify(cookie)}`, async () => {
      using clock = new HeldClock();
      using store = new Lembro(options);
      const requests = new Requests(store, cookie);
      const { sessionID } = await requests.create({ n: 1 });
      const poll = await requests.load(sessionID, { path: "/poll" });
      clock.tick(9 * MINUTE);
      await touch(await requests.load(sessionID));
      const { expires } = (await store.info(sessionID))!;
      clock.tick(9 * MINUTE);
      poll.session.n = 2;
      await save(poll);
      const after = (await store.info(sessionID))!;
      assertEquals([after.session, after.expires], [{ ...after.session, n: 2 } as never, expires]);
    });
  }

  it("can destroy the session", async () => {
    using store = new Lembro(options);
    const requests = new Requests(store);
    const { sessionID } = await requests.create();
    await store.destroy((await requests.load(sessionID, { path: "/poll" })).sessionID);
    assertEquals(await store.length(), 0);
  });
});

for (const resave of [false, true]) {
  describe(`a browser tab that polls every second, with resave: ${resave}`, () => {
    function pollingSite(options: LembroOptions) {
      const isActivity = ({ path }: { path: string }) => path !== "/poll";
      const site = new Site(
        { resave, rolling: true, cookie: { maxAge: DAY } },
        new Lembro({ isActivity, ...options } as LembroOptions),
      );
      site.on("/visit", (kept) => kept.visits = Number(kept.visits ?? 0) + 1);
      site.on("/poll", (kept) => kept.visits);
      site.on("/poll-and-write", (kept) => kept.polls = Number(kept.polls ?? 0) + 1);
      return site;
    }

    it("expires at its idle timeout while the tab stays open", async () => {
      using clock = new HeldClock();
      await using site = pollingSite({ idleTimeout: MINUTE });
      const tab = await site.visitor();
      await tab.get("/visit");
      for (let second = 1; second < 60; second++) {
        clock.tick(SECOND);
        assertEquals(await tab.get("/poll"), 1);
      }
      clock.tick(SECOND);
      assertEquals(await tab.get("/poll"), null);
      assertEquals(site.store.stats().sessions, 0);
    });

    it("lives on as long as somebody also clicks", async () => {
      using clock = new HeldClock();
      await using site = pollingSite({ idleTimeout: 10 * SECOND });
      const tab = await site.visitor();
      for (let click = 1; click <= 4; click++) {
        assertEquals(await tab.get("/visit"), click);
        for (let second = 1; second < 10; second += 3) {
          clock.tick(3 * SECOND);
          assertEquals(await tab.get("/poll"), click);
        }
      }
      clock.tick(SECOND);
      assertEquals(await tab.get("/poll"), null);
    });

    it("ends at its absolute timeout, however much it writes and clicks", async () => {
      using clock = new HeldClock();
      await using site = pollingSite({ absoluteTimeout: MINUTE });
      const tab = await site.visitor();
      await tab.get("/visit");
      for (let second = 10; second < 60; second += 10) {
        clock.tick(10 * SECOND);
        await tab.get("/visit");
        await tab.get("/poll-and-write");
      }
      assertEquals(site.store.stats().sessions, 1);
      clock.tick(10 * SECOND);
      assertEquals(await tab.get("/visit"), 1, "it is another session");
    });
  });
}

describe("a capped date", () => {
  for (
    const [name, options] of [
      ["no timeout", {}],
      ["idleTimeout", { idleTimeout: MINUTE }],
      ["absoluteTimeout", { absoluteTimeout: HOUR }],
      ["both", { idleTimeout: MINUTE, absoluteTimeout: HOUR }],
    ] as [string, LembroOptions][]
  ) {
    for (const cookie of [{}, { maxAge: DAY }]) {
      test(`leaves a touch fast: it neither reads nor writes the data: ${name}, ${JSON.stringify(cookie)}`, async () => {
        using clock = new HeldClock();
        using store = new Lembro(options);
        const requests = new Requests(store, cookie);
        for (let i = 0; i < 3; i++) await requests.create({ text: "x" });
        const { sessionID } = await requests.create({ text: "x" });
        const request = await requests.load(sessionID);
        clock.tick(SECOND);
        const calls = await jsonCalls(async () => {
          for (let i = 0; i < 10; i++) {
            clock.tick(SECOND);
            await touch(request);
          }
        });
        assertEquals(calls, { parse: 0, stringify: 0 });
        assertEquals(store.stats().touches, 10);
        const kept = (await store.get(sessionID))!;
        const date = (request.session.cookie.expires as Date | null)?.toJSON() ?? null;
        assertEquals(kept.cookie.expires as unknown, date, "the date of the cookie is not capped");
        assertEquals((kept as unknown as { text: string }).text, "x");
        assert(store.stats().bytes > 0);
      });
    }
  }
});
