import { assert, assertEquals, assertMatch, assertNotEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { inMemory } from "./support/engines.ts";
import { DAY, HeldClock, MINUTE } from "./support/clock.ts";
import { type Kept, Site } from "./support/http.ts";
import { Lembro, session } from "./support/setup.ts";

/** For what only a store in memory promises. */
const test = inMemory(it);

/** Counts the visits of a session, as every demo of sessions does. */
function countVisits(site: Site): void {
  site.on("/visit", (kept) => kept.visits = Number(kept.visits ?? 0) + 1);
  site.on("/look", (kept) => kept.visits);
}

describe("an Express 5 app", () => {
  it("signs in, comes back, signs out", async () => {
    await using site = new Site();
    site.on("/sign-in", (kept) => kept.user = "Ada");
    site.on("/who", (kept) => kept.user);
    site.on("/sign-out", (kept) => new Promise<void>((resolve) => kept.destroy(() => resolve())));
    const ada = await site.visitor();
    assertEquals(await ada.get("/who"), null);
    await ada.get("/sign-in");
    assertEquals(await ada.get("/who"), "Ada");
    assertEquals(await (await site.visitor()).get("/who"), null, "somebody else is nobody");
    await ada.get("/sign-out");
    assertEquals(await ada.get("/who"), null);
    assertEquals(await site.store.length(), 0);
  });

  it("counts visits, with resave both ways", async () => {
    for (const resave of [false, true]) {
      await using site = new Site({ resave });
      countVisits(site);
      const visitor = await site.visitor();
      for (let visit = 1; visit <= 3; visit++) assertEquals(await visitor.get("/visit"), visit);
      assertEquals(await visitor.get("/look"), 3);
    }
  });

  it("ends a session by the maxAge of its cookie", async () => {
    using clock = new HeldClock();
    await using site = new Site({ cookie: { maxAge: MINUTE } });
    countVisits(site);
    const visitor = await site.visitor();
    await visitor.get("/visit");
    clock.tick(MINUTE - 1);
    assertEquals(await visitor.get("/visit"), 2);
    clock.tick(MINUTE);
    assertEquals(await visitor.get("/visit"), 1);
  });

  it("touches the session at a request that does not change it, which extends its life", async () => {
    using clock = new HeldClock();
    await using site = new Site({ cookie: { maxAge: MINUTE } });
    countVisits(site);
    const visitor = await site.visitor();
    await visitor.get("/visit");
    for (let i = 0; i < 3; i++) {
      clock.tick(MINUTE - 1);
      assertEquals(await visitor.get("/look"), 1);
    }
    assertEquals(site.store.stats().touches, 3);
    clock.tick(MINUTE);
    assertEquals(await visitor.get("/look"), null);
  });

  it("ends a session with the default cookie a day after its last use", async () => {
    using clock = new HeldClock();
    await using site = new Site();
    countVisits(site);
    const visitor = await site.visitor();
    await visitor.get("/visit");
    assert(!/expires/i.test(visitor.attributes!));
    clock.tick(DAY - 1);
    assertEquals(await visitor.get("/look"), 1);
    clock.tick(DAY - 1);
    assertEquals(await visitor.get("/look"), 1);
    clock.tick(DAY);
    assertEquals(await visitor.get("/look"), null);
    assertEquals(site.store.stats().sessions, 0);
  });

  it("regenerate: makes an empty session with another id", async () => {
    await using site = new Site();
    countVisits(site);
    site.on("/regenerate", (kept, request) =>
      new Promise((resolve) =>
        kept.regenerate(() => {
          (request.session as Kept).fresh = true;
          resolve(request.session.id);
        })
      ));
    const visitor = await site.visitor();
    await visitor.get("/visit");
    const [before] = await site.store.ids();
    const after = await visitor.get("/regenerate");
    assertNotEquals(after, before);
    assertEquals(await site.store.ids(), [after]);
    assertEquals(await visitor.get("/look"), null);
  });

  it("regenerate: may keep the id", async () => {
    await using site = new Site({ genid: () => "always the same" });
    countVisits(site);
    site.on("/regenerate", (kept, request) =>
      new Promise<void>((resolve) =>
        kept.regenerate(() => {
          (request.session as Kept).visits = 100;
          resolve();
        })
      ));
    const visitor = await site.visitor();
    await visitor.get("/visit");
    await visitor.get("/regenerate");
    assertEquals(await visitor.get("/visit"), 101);
    assertEquals(await site.store.length(), 1);
    assertEquals(site.store.stats().lateWrites, 0);
  });

  it("reload and save: may be called several times in a request", async () => {
    await using site = new Site();
    countVisits(site);
    site.on("/busy", async (kept, request) => {
      const save = () => new Promise((resolve) => (request.session as Kept).save(resolve));
      kept.step = 1;
      await save();
      (request.session as Kept).step = 2;
      await save();
      (request.session as Kept).lost = true;
      await new Promise((resolve) => (request.session as Kept).reload(resolve));
      const { step, lost } = request.session as Kept;
      (request.session as Kept).step = 3;
      return [step, lost ?? null];
    });
    site.on("/step", (kept) => [kept.step, kept.lost ?? null]);
    const visitor = await site.visitor();
    await visitor.get("/visit");
    assertEquals(await visitor.get("/busy"), [2, null]);
    assertEquals(await visitor.get("/step"), [3, null]);
    assertEquals(site.store.stats().merges, 0);
  });

  it("rolling: sets the cookie at each response, else only once", async () => {
    for (const rolling of [true, false]) {
      await using site = new Site({ rolling, cookie: { maxAge: MINUTE } });
      countVisits(site);
      const visitor = await site.visitor();
      await visitor.get("/visit");
      await visitor.get("/look");
      await visitor.get("/look");
      assertEquals(visitor.cookies, rolling ? 3 : 1);
      assertMatch(visitor.attributes!, /expires/i);
    }
  });

  it("saveUninitialized: decides whether an unchanged session is kept", async () => {
    for (const saveUninitialized of [true, false]) {
      await using site = new Site({ saveUninitialized });
      countVisits(site);
      await (await site.visitor()).get("/look");
      assertEquals(await site.store.length(), saveUninitialized ? 1 : 0);
    }
  });

  it("unset: 'destroy' destroys the session", async () => {
    await using site = new Site({ unset: "destroy" });
    countVisits(site);
    site.on("/unset", (_kept, request) => {
      delete (request as { session?: unknown }).session;
    });
    const visitor = await site.visitor();
    await visitor.get("/visit");
    await visitor.get("/unset");
    assertEquals(await site.store.length(), 0);
  });

  test("receives the errors of the store", async () => {
    await using site = new Site({}, new Lembro({ maxSize: "8K" }));
    site.on("/too-large", (kept) =>
      new Promise((resolve) => {
        kept.text = "x".repeat(3_000);
        kept.save((error) => {
          delete kept.text;
          resolve((error as { code: string }).code);
        });
      }));
    assertEquals(
      await (await site.visitor()).get("/too-large"),
      "ERR_LEMBRO_SESSION_TOO_LARGE",
    );
  });

  it("uses no store between the events disconnect and connect", async () => {
    await using site = new Site();
    site.on("/has-session", (kept) => kept !== undefined);
    const visitor = await site.visitor();
    assertEquals(await visitor.get("/has-session"), true);
    site.store.emit("disconnect");
    assertEquals(await visitor.get("/has-session"), false);
    site.store.emit("connect");
    assertEquals(await visitor.get("/has-session"), true);
  });

  it("store.load: returns a Session", async () => {
    await using site = new Site();
    countVisits(site);
    await (await site.visitor()).get("/visit");
    const [sid] = await site.store.ids();
    const loaded = await new Promise<unknown>((resolve, reject) =>
      site.store.load(sid, (error, found) => error ? reject(error) : resolve(found))
    );
    assert(loaded instanceof (session as unknown as { Session: new () => unknown }).Session);
    assertEquals((loaded as { visits: number }).visits, 1);
  });
});

for (const resave of [false, true]) {
  describe(`overlapping requests, with resave: ${resave}`, () => {
    /** An app with a slow page that changes the session only when it is let go. */
    function slowSite(options: Partial<session.SessionOptions> = {}) {
      const site = new Site({ resave, ...options });
      const started = Promise.withResolvers<void>();
      const go = Promise.withResolvers<void>();
      countVisits(site);
      site.on("/slow", async (kept) => {
        started.resolve();
        await go.promise;
        kept.slow = "was here";
        return "slow";
      });
      site.on("/slow-look", async () => {
        started.resolve();
        await go.promise;
        return "slow";
      });
      site.on("/kept", ({ cookie: _, ...kept }) => kept);
      site.on("/sign-out", (kept) => new Promise<void>((resolve) => kept.destroy(() => resolve())));
      return { site, started: started.promise, go: () => go.resolve() };
    }

    for (const path of ["/slow", "/slow-look"]) {
      it(`a logout during ${path} sticks, and that still answers 200`, async () => {
        const { site, started, go } = slowSite();
        await using _ = site;
        const visitor = await site.visitor();
        await visitor.get("/visit");
        const slow = visitor.tab().get(path);
        await started;
        await visitor.get("/sign-out");
        go();
        assertEquals(await slow, "slow");
        assertEquals(await site.store.length(), 0);
        assertEquals(await visitor.get("/kept"), {});
      });
    }

    it("a logout that keeps the id sticks too", async () => {
      const { site, started, go } = slowSite({ genid: () => "always the same" });
      await using _ = site;
      site.on("/switch", (kept, request) =>
        new Promise<void>((resolve) =>
          kept.regenerate(() => {
            (request.session as Kept).user = "Eve";
            resolve();
          })
        ));
      const visitor = await site.visitor();
      await visitor.get("/visit");
      const slow = visitor.tab().get("/slow");
      await started;
      await visitor.get("/switch");
      go();
      assertEquals(await slow, "slow");
      assertEquals(await visitor.get("/kept"), { user: "Eve" });
      assertEquals(site.store.stats().lateWrites, 1);
    });

    it("a logout sticks for the request that created the session and had saved it", async () => {
      await using site = new Site({ resave });
      site.on("/make", async (kept, request) => {
        kept.user = "Ada";
        await new Promise((resolve) => kept.save(resolve));
        const { sessionID } = request;
        await site.store.destroy(sessionID);
        kept.more = 1;
      });
      await (await site.visitor()).get("/make");
      assertEquals(await site.store.length(), 0);
    });

    it("twenty requests that write a key each keep twenty keys", async () => {
      await using site = new Site({ resave });
      const loaded: (() => void)[] = [];
      site.on("/write/:key", async (kept, { params }) => {
        await new Promise<void>((resolve) => {
          loaded.push(resolve);
          // All have loaded the session before the first one writes.
          if (loaded.length === 20) { for (const go of loaded) go(); }
        });
        kept[String(params.key)] = true;
      });
      countVisits(site);
      site.on("/kept", ({ cookie: _, ...kept }) => kept);
      const visitor = await site.visitor();
      await visitor.get("/visit");
      const keys = Array.from({ length: 20 }, (_, i) => `key${i}`);
      await Promise.all(keys.map((key) => visitor.tab().get(`/write/${key}`)));
      const kept = await visitor.get<Record<string, unknown>>("/kept");
      assertEquals(Object.keys(kept).sort(), [...keys, "visits"].sort());
      assert(site.store.stats().merges >= 19);
    });

    it("a request that saves several times after it was overtaken counts as one merge", async () => {
      const { site } = slowSite();
      await using _ = site;
      const gate = site.slow("/slow-saves", async (kept) => {
        for (let step = 1; step <= 3; step++) {
          kept.step = step;
          await new Promise((resolve) => kept.save(resolve));
        }
        kept.step = 4;
      });
      const visitor = await site.visitor();
      await visitor.get("/visit");
      const slow = visitor.tab().get("/slow-saves");
      await gate.started;
      await visitor.get("/visit");
      gate.go();
      await slow;
      assertEquals(site.store.stats().merges, 1);
      assertEquals(await visitor.get("/kept"), { visits: 2, step: 4 });
    });
  });
}
