/** The date of a cookie: whose it is, and what it ends, where requests overlap. */
import { assertEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import type { LembroOptions, Serializer } from "express-lembro";
import { HeldClock, SECOND, START } from "./support/clock.ts";
import { isOnRedis } from "./support/engines.ts";
import { type FakeRequest, type Kept, Requests, save, touch } from "./support/requests.ts";
import { Lembro, type session, sessionOf } from "./support/setup.ts";

const MAX_AGE = 800;

const OWN_SERIALIZER: Serializer = {
  stringify: (session) => JSON.stringify(session),
  parse: (text) => JSON.parse(text),
};

const isActivity = (request: unknown) => (request as FakeRequest).path !== "/poll";

/** Ways to keep a cookie: beside the data or within it. */
const STORES: Record<string, LembroOptions> = {
  JSON: {},
  "own serializer": { serializer: OWN_SERIALIZER },
};

/** A store with a session that lives for 800 ms, and requests to it. */
async function setup(
  options: LembroOptions = {},
  cookie: session.SessionOptions["cookie"] = { maxAge: MAX_AGE },
) {
  const clock = new HeldClock();
  const store = new Lembro({ isActivity, ...options } as LembroOptions);
  const requests = new Requests(store, cookie);
  // The first cookie of its kind is kept another way.
  await requests.create();
  const { sessionID: sid } = await requests.create({ n: 0 });
  const load = (path = "/") => requests.load(sid, { path });
  /** When the session expires, and the date of its cookie, in milliseconds from the start. */
  const dates = async () => {
    const info = await store.info(sid);
    if (!info) return undefined;
    const expires = info.session.cookie.expires;
    return {
      expires: info.expires!.getTime() - START,
      date: expires ? new Date(expires).getTime() - START : null,
    };
  };
  const data = async () => {
    const info = await store.info(sid);
    return info && (info.session as Kept).n;
  };
  return {
    clock,
    store,
    requests,
    sid,
    load,
    dates,
    data,
    [Symbol.dispose]() {
      store.close();
      clock[Symbol.dispose]();
    },
  };
}

type Setup = Awaited<ReturnType<typeof setup>>;

/** Another tab uses the session until `time`, in milliseconds from the start. */
async function useUntil({ clock, load }: Setup, time: number): Promise<void> {
  while (clock.now - START < time) {
    clock.tick(Math.min(200, time - (clock.now - START)));
    await touch(await load());
  }
}

for (const [name, options] of Object.entries(STORES)) {
  describe(`a date that a request did not change (${name})`, () => {
    it("does not end a session that another tab keeps in use", async () => {
      using app = await setup(options);
      const slow = await app.load();
      await useUntil(app, 1_000);
      slow.session.n = 1;
      await save(slow);
      assertEquals([await app.data(), await app.dates()], [1, { expires: 1_800, date: 1_800 }]);
      slow.session.n = 2;
      await save(slow);
      await touch(slow);
      assertEquals([await app.data(), app.store.stats().lateWrites], [2, 0]);
    });

    it("does not end it at a touch either", async () => {
      using app = await setup(options);
      const slow = await app.load();
      await useUntil(app, 1_000);
      await app.store.touch(app.sid, slow.session);
      await app.store.touch(app.sid, slow.session);
      assertEquals(await app.dates(), { expires: 1_800, date: 1_800 });
    });

    it("does not end it in the hands of whoever called get", async () => {
      using app = await setup(options);
      const loaded = (await app.store.get(app.sid))!;
      const touched = (await app.store.get(app.sid))!;
      await useUntil(app, 1_000);
      await app.store.set(app.sid, Object.assign(loaded, { n: 1 }));
      await app.store.touch(app.sid, touched);
      assertEquals([await app.data(), await app.dates()], [1, { expires: 1_800, date: 1_800 }]);
    });

    it("does not take back the later date of another request, at the first save and at the second", async () => {
      using app = await setup(options);
      const slow = await app.load();
      await useUntil(app, 400);
      for (const n of [1, 2]) {
        slow.session.n = n;
        await save(slow);
        assertEquals([await app.data(), await app.dates()], [n, { expires: 1_200, date: 1_200 }]);
      }
    });

    it("that it had renewed and saved before ends nothing later", async () => {
      using app = await setup(options);
      const slow = await app.load();
      app.clock.tick(100);
      await touch(slow);
      await useUntil(app, 1_000);
      slow.session.n = 1;
      await save(slow);
      assertEquals([await app.data(), await app.dates()], [1, { expires: 1_800, date: 1_800 }]);
    });

    it("ends nothing either if the session has expired: nothing is saved, and the end of the request creates it anew", async () => {
      using app = await setup(options);
      const [slow, slower] = [await app.load(), await app.load()];
      app.clock.tick(MAX_AGE);
      await save(slow);
      assertEquals(await app.data(), undefined);
      // Redis counts none.
      if (!isOnRedis) assertEquals(app.store.stats().expired, 1);
      slow.session.n = 1;
      (slow.session as unknown as session.Session).touch();
      await save(slow);
      (slower.session as unknown as session.Session).touch();
      slower.session.m = 1;
      await save(slower);
      assertEquals([await app.data(), app.store.stats().lateWrites], [1, 0]);
    });

    it("stays the later one where the request changed another field of the cookie", async () => {
      using app = await setup(options);
      const slow = await app.load();
      await useUntil(app, 1_000);
      slow.session.cookie.path = "/in";
      await save(slow);
      assertEquals(await app.dates(), { expires: 1_800, date: 1_800 });
      assertEquals((await app.store.get(app.sid))!.cookie.path, "/in");
    });

    it("does not end a session to which an update gave a date that has passed since", async () => {
      using app = await setup(options);
      await app.store.update(
        app.sid,
        ({ cookie }) => void (cookie.expires = new Date(START + 100)),
      );
      const [saving, touching] = [await app.load(), await app.load()];
      app.clock.tick(200);
      await app.store.update(app.sid, (session) => void Object.assign(session, { n: 1 }));
      await app.store.touch(app.sid, touching.session);
      await save(saving);
      assertEquals([await app.data(), (await app.dates())?.expires], [1, MAX_AGE]);
    });
  });

  describe(`a date that a request changed (${name})`, () => {
    it("ends the session if it has passed, and that sticks", async () => {
      using app = await setup(options);
      const [slow, other] = [await app.load(), await app.load()];
      await useUntil(app, 200);
      await save(slow);
      slow.session.cookie.maxAge = 0;
      await save(slow);
      await save(other);
      assertEquals([await app.data(), app.store.stats().lateWrites], [undefined, 1]);
    });

    it("ends one that has expired meanwhile as well", async () => {
      using app = await setup(options);
      const [slow, other] = [await app.load(), await app.load()];
      app.clock.tick(MAX_AGE + 1);
      slow.session.cookie.maxAge = 0;
      await save(slow);
      other.session.cookie.maxAge = MAX_AGE;
      await save(other);
      assertEquals([await app.data(), app.store.stats().lateWrites], [undefined, 1]);
    });

    it("is kept, whatever another request did", async () => {
      using app = await setup(options);
      const slow = await app.load();
      await useUntil(app, 400);
      slow.session.cookie.maxAge = 100;
      await save(slow);
      assertEquals(await app.dates(), { expires: 500, date: 500 });
    });
  });

  describe(`a request that is no activity (${name})`, () => {
    it("does not end a session that others keep in use, by the date that it had loaded", async () => {
      using app = await setup(options);
      const [poll, touching] = [await app.load("/poll"), await app.load("/poll")];
      await useUntil(app, 1_000);
      poll.session.n = 1;
      await save(poll);
      await app.store.touch(app.sid, touching.session);
      assertEquals([await app.data(), await app.dates()], [1, { expires: 1_800, date: 1_800 }]);
    });

    it("does not put an old date back, which would end the session at the save of the next one", async () => {
      using app = await setup(options);
      const poll = await app.load("/poll");
      await useUntil(app, 600);
      await save(poll);
      assertEquals(await app.dates(), { expires: 1_400, date: 1_400 });
      const next = await app.load("/poll");
      app.clock.tick(300);
      next.session.n = 1;
      await save(next);
      assertEquals([await app.data(), await app.dates()], [1, { expires: 1_400, date: 1_400 }]);
    });

    for (
      const [what, maxAge] of [["renewed", undefined], ["lengthened", 90 * SECOND], [
        "put into the past",
        -1,
      ], ["removed", null]] as const
    ) {
      it(`neither extends nor ends a session by a date that it ${what}`, async () => {
        using app = await setup(options);
        app.clock.tick(300);
        const poll = await app.load("/poll");
        if (maxAge === undefined) (poll.session as unknown as session.Session).touch();
        else poll.session.cookie.maxAge = maxAge as number;
        for (const n of [1, 2]) {
          poll.session.n = n;
          await save(poll);
          await app.store.touch(app.sid, poll.session);
          assertEquals([await app.data(), await app.dates()], [n, {
            expires: MAX_AGE,
            date: MAX_AGE,
          }]);
        }
        const next = await app.load();
        await touch(next);
        assertEquals(
          await app.dates(),
          { expires: 1_100, date: 1_100 },
          "the lifetime is as before",
        );
      });
    }

    it("does not end a session that it had not loaded, and saves under its id", async () => {
      using app = await setup(options);
      const poll = app.requests.begin({ path: "/poll" });
      poll.sessionID = app.sid;
      poll.session.n = 1;
      poll.session.cookie.maxAge = -1;
      await save(poll);
      assertEquals([await app.data(), await app.dates()], [1, { expires: MAX_AGE, date: MAX_AGE }]);
    });

    it("gives no date to a session whose cookie has none", async () => {
      using app = await setup({ ...options, ttl: SECOND }, {});
      const poll = await app.load("/poll");
      poll.session.cookie.maxAge = 90 * SECOND;
      poll.session.n = 1;
      await save(poll);
      assertEquals([await app.data(), await app.dates()], [1, { expires: 1_000, date: null }]);
    });

    it("ends nothing if the session has expired, or was evicted, and its own date has passed", async () => {
      using app = await setup(options);
      const [poll, slow] = [await app.load("/poll"), await app.load()];
      app.clock.tick(MAX_AGE);
      await save(poll);
      poll.session.cookie.maxAge = -1;
      await save(poll);
      assertEquals(await app.data(), undefined);
      slow.session.n = 1;
      (slow.session as unknown as session.Session).touch();
      await save(slow);
      assertEquals([await app.data(), app.store.stats().lateWrites], [1, 0]);
    });
  });
}

it("a session that is in use is not destroyed by a merge with a request that did not change its date", async () => {
  using app = await setup();
  const slow = await app.load();
  await useUntil(app, 600);
  const other = await app.load();
  other.session.m = 1;
  (other.session as unknown as session.Session).touch();
  await save(other);
  app.clock.tick(400);
  slow.session.n = 1;
  await save(slow);
  const { cookie, ...data } = (await app.store.get(app.sid)) as Kept;
  assertEquals<unknown>([data, new Date(cookie.expires!).getTime() - START], [
    { n: 1, m: 1 },
    1_400,
  ]);
});

it("plain data with a date that has passed destroys, as ever", async () => {
  using app = await setup();
  await app.store.set(app.sid, sessionOf({}, { expires: new Date(START - 1) }));
  assertEquals(await app.data(), undefined);
});
