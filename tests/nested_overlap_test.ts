/** Overlapping requests that write into the same object, the same array and the same cookie, over HTTP. */
import { assert, assertEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { DAY, HeldClock, HOUR, MINUTE, START } from "./support/clock.ts";
import { type Kept, Site, type Visitor } from "./support/http.ts";
import { keptData, Requests, save, touch } from "./support/requests.ts";
import { Lembro, type session } from "./support/setup.ts";

const TWENTY = Array.from({ length: 20 }, (_, i) => i);

interface Basket {
  cart: { items: Record<string, number>; total?: number };
  flash: string[];
}

/** Lets requests of `path` go on only when all twenty have loaded the session. */
function together(site: Site, path: string, work: (kept: Kept & Basket, n: number) => void): void {
  const waiting: (() => void)[] = [];
  site.on(`${path}/:n`, async (kept, { params }) => {
    await new Promise<void>((resolve) => {
      waiting.push(resolve);
      if (waiting.length === TWENTY.length) { for (const go of waiting) go(); }
    });
    work(kept as Kept & Basket, Number(params.n));
  });
}

const all = (visitor: Visitor, path: string) =>
  Promise.all(TWENTY.map((n) => visitor.tab().get(`${path}/${n}`)));

for (const resave of [false, true]) {
  describe(`twenty requests at once, with resave: ${resave}`, () => {
    async function shop(options: Partial<session.SessionOptions> = {}) {
      const site = new Site({ resave, ...options });
      site.on("/start", (kept) => {
        kept.cart = { items: {} };
        kept.flash = ["welcome"];
      });
      site.on("/kept", ({ cookie: _, ...kept }) => kept);
      const visitor = await site.visitor();
      await visitor.get("/start");
      return { site, visitor, kept: () => visitor.get<Basket>("/kept") };
    }

    it("into one object keep twenty keys", async () => {
      const { site, visitor, kept } = await shop();
      await using _ = site;
      together(site, "/add", ({ cart }, n) => cart.items[`item ${n}`] = n);
      await all(visitor, "/add");
      const items = Object.entries((await kept()).cart.items).sort(([, a], [, b]) => a - b);
      assertEquals(items, TWENTY.map((n) => [`item ${n}`, n]));
    });

    it("into one array keep twenty elements, behind those that were there", async () => {
      const { site, visitor, kept } = await shop();
      await using _ = site;
      together(site, "/push", ({ flash }, n) => flash.push(`message ${n}`));
      await all(visitor, "/push");
      const [first, ...others] = (await kept()).flash;
      assertEquals(first, "welcome");
      assertEquals(others.sort(), TWENTY.map((n) => `message ${n}`).sort());
    });

    it("into an object and an array that none of them had found keep twenty of each", async () => {
      const { site, visitor } = await shop();
      await using _ = site;
      together(site, "/new", (kept, n) => {
        (kept.seen as Record<string, true> ?? (kept.seen = {}))[`page ${n}`] = true;
        ((kept.log ??= []) as number[]).push(n);
      });
      await all(visitor, "/new");
      const { seen, log } = await visitor.get<{ seen: object; log: number[] }>("/kept");
      assertEquals(Object.keys(seen).length, 20);
      assertEquals(log.sort((a, b) => a - b), TWENTY);
    });

    it("that replace the whole object by one with their key still keep twenty", async () => {
      const { site, visitor, kept } = await shop();
      await using _ = site;
      together(site, "/add", (session, n) => {
        session.cart = { ...session.cart, items: { ...session.cart.items, [`item ${n}`]: n } };
      });
      await all(visitor, "/add");
      assertEquals(Object.keys((await kept()).cart.items).length, 20);
    });

    it("flash messages that one request reads and clears go, and one added meanwhile stays", async () => {
      for (const first of ["clear", "add"]) {
        const { site, visitor, kept } = await shop();
        await using _ = site;
        const read = (session: Kept) => {
          const messages = session.flash;
          session.flash = [];
          return messages;
        };
        const add = (session: Kept) => (session.flash as string[]).push("saved");
        const slowRead = site.slow("/slow-read", read);
        const slowAdd = site.slow("/slow-add", add);
        site.on("/read", read);
        site.on("/add", (session) => void add(session));
        const [path, gate, quick] = first === "clear"
          ? ["/slow-add", slowAdd, "/read"] as const
          : ["/slow-read", slowRead, "/add"] as const;
        const slow = visitor.tab().get(path);
        await gate.started;
        await visitor.get(quick);
        gate.go();
        await slow;
        assertEquals((await kept()).flash, ["saved"]);
      }
    });

    it("flash messages by category, as connect-flash keeps them, are read once each", async () => {
      const { site, visitor } = await shop();
      await using _ = site;
      // As connect-flash does it: the category is deleted when it is read.
      const flash = (kept: Kept) => (kept.messages ??= {}) as Record<string, string[]>;
      site.on("/say", (kept) => void (flash(kept).info ??= []).push("one"));
      const slow = site.slow("/slow-say", (kept) => void (flash(kept).info ??= []).push("two"));
      site.on("/read", (kept) => {
        const messages = flash(kept).info ?? [];
        delete flash(kept).info;
        return messages;
      });
      await visitor.get("/say");
      const waiting = visitor.tab().get("/slow-say");
      await slow.started;
      assertEquals(await visitor.get("/read"), ["one"]);
      slow.go();
      await waiting;
      assertEquals(await visitor.get("/read"), ["two"]);
      assertEquals(await visitor.get("/read"), []);
    });
  });

  for (const rolling of [false, true]) {
    describe(`remember me, with resave: ${resave}, rolling: ${rolling}`, () => {
      /** An app whose cookie lives for an hour, or for thirty days after /remember. */
      async function remembering(cookie: session.SessionOptions["cookie"]) {
        const site = new Site({ resave, rolling, cookie });
        site.on("/sign-in", (kept) => kept.user = "Ada");
        site.on("/remember", (kept) => {
          kept.cookie.maxAge = 30 * DAY;
          kept.remember = true;
        });
        site.on("/forget", (kept) => {
          kept.cookie.maxAge = MINUTE;
          kept.remember = false;
        });
        site.on("/session-only", (kept) => {
          kept.cookie.expires = null;
          kept.remember = null;
        });
        site.on("/who", (kept) => kept.user);
        const write = site.slow("/slow-write", (kept) => kept.page = 1);
        const read = site.slow("/slow-read");
        const visitor = await site.visitor();
        await visitor.get("/sign-in");
        const [sid] = await site.store.ids();
        const life = async () => (await site.store.info(sid))!.expires!.getTime() - Date.now();
        return { site, visitor, gates: { "/slow-write": write, "/slow-read": read }, life };
      }

      for (const cookie of [{}, { maxAge: HOUR }]) {
        for (const path of ["/slow-write", "/slow-read"] as const) {
          for (
            const [change, lifetime] of [
              ["/remember", 30 * DAY],
              ["/forget", MINUTE],
            ] as const
          ) {
            it(`${change} is not taken back by ${path}, with the cookie ${JSON.stringify(cookie)}`, async () => {
              using _clock = new HeldClock();
              const { site, visitor, gates, life } = await remembering(cookie);
              await using _ = site;
              const slow = visitor.tab().get(path);
              await gates[path].started;
              await visitor.get(change);
              assertEquals(await life(), lifetime);
              gates[path].go();
              await slow;
              assertEquals(await life(), lifetime);
              assertEquals(await visitor.get("/who"), "Ada");
            });
          }
        }
      }

      it("a cookie that was made to end with the browser stays so", async () => {
        using _clock = new HeldClock();
        const { site, visitor, gates } = await remembering({ maxAge: HOUR });
        await using _ = site;
        const slow = visitor.tab().get("/slow-write");
        await gates["/slow-write"].started;
        await visitor.get("/session-only");
        gates["/slow-write"].go();
        await slow;
        const [session] = Object.values(await site.store.all());
        assertEquals(session.cookie.expires, null as never);
      });

      it("the slow request's own change of the cookie wins", async () => {
        using _clock = new HeldClock();
        const { site, visitor, life } = await remembering({ maxAge: HOUR });
        await using _ = site;
        const gate = site.slow("/slow-forget", (kept) => {
          kept.cookie.maxAge = MINUTE;
          kept.page = 1;
        });
        const slow = visitor.tab().get("/slow-forget");
        await gate.started;
        await visitor.get("/remember");
        gate.go();
        await slow;
        assertEquals(await life(), MINUTE);
      });
    });
  }
}

describe("a list that was not there", () => {
  for (
    const [how, before] of [["absent", {}], ["null", { cart: null }], ["a number", {
      cart: 0,
    }]] as [
      string,
      Record<string, unknown>,
    ][]
  ) {
    it(`but ${how}, and that two requests begin, keeps what both put into it`, async () => {
      for (const [one, other] of [[["tea"], ["milk"]], [["tea"], ["tea"]], [["tea"], []]]) {
        using store = new Lembro();
        const requests = new Requests(store);
        const { sessionID } = await requests.create({ ...before, n: 1 });
        const [first, then] = [await requests.load(sessionID), await requests.load(sessionID)];
        first.session.cart = one;
        then.session.cart = other;
        await save(first);
        await save(then);
        assertEquals(await keptData(store, sessionID), { cart: [...one, ...other], n: 1 });
      }
    });
  }

  it("is begun twice inside an object that was not there", async () => {
    using store = new Lembro();
    const requests = new Requests(store);
    const { sessionID } = await requests.create();
    const [first, then] = [await requests.load(sessionID), await requests.load(sessionID)];
    for (const { session } of [first, then]) session.flash = { info: ["saved"] };
    await save(first);
    await save(then);
    assertEquals(await keptData(store, sessionID), { flash: { info: ["saved", "saved"] } });
  });
});

describe("the cookie of overlapping requests", () => {
  for (const [name, end] of Object.entries({ save, touch })) {
    it(`keeps what another request changed of it, field by field: ${name}`, async () => {
      using clock = new HeldClock();
      using store = new Lembro();
      const requests = new Requests(store, { maxAge: HOUR });
      const { sessionID } = await requests.create();
      const [one, other] = [await requests.load(sessionID), await requests.load(sessionID)];
      one.session.cookie.sameSite = "strict";
      one.session.cookie.maxAge = 30 * DAY;
      await save(one);
      other.session.cookie.path = "/app";
      clock.tick(MINUTE);
      await end(other);
      const { cookie } = (await store.get(sessionID))!;
      assertEquals([cookie.sameSite, cookie.path, cookie.originalMaxAge], [
        "strict",
        "/app",
        30 * DAY,
      ]);
      const { expires } = (await store.info(sessionID))!;
      assert(expires!.getTime() >= START + 30 * DAY, "the life follows the kept cookie");
    });

    it(`takes no drift of a few milliseconds for a change of the lifetime: ${name}`, async () => {
      using clock = new HeldClock();
      using store = new Lembro();
      const requests = new Requests(store, { maxAge: HOUR });
      const { sessionID } = await requests.create();
      const [one, other] = [await requests.load(sessionID), await requests.load(sessionID)];
      one.session.cookie.maxAge = 30 * DAY;
      await save(one);
      // express-session computes it anew, by two looks at the clock.
      other.session.cookie.originalMaxAge = HOUR - 3;
      clock.tick(MINUTE);
      await end(other);
      const { expires } = (await store.info(sessionID))!;
      assert(expires!.getTime() >= START + 30 * DAY);
    });

    it(`moves its date on, if nobody changed the lifetime: ${name}`, async () => {
      using clock = new HeldClock();
      using store = new Lembro();
      const requests = new Requests(store, { maxAge: HOUR });
      const { sessionID } = await requests.create();
      const [one, other] = [await requests.load(sessionID), await requests.load(sessionID)];
      one.session.n = 1;
      await save(one);
      clock.tick(MINUTE);
      (other.session as unknown as { touch(): void }).touch();
      await end(other);
      assertEquals((await store.info(sessionID))!.expires, new Date(START + MINUTE + HOUR));
    });
  }

  const ends = Object.entries({ save, touch });
  for (const [first, endFirst] of ends) {
    for (const [then, endThen] of ends) {
      for (const [how, remember] of ends) {
        it(`stays as another request left it by ${how}: at a ${first}, and at a ${then} of the same request`, async () => {
          using _clock = new HeldClock();
          using store = new Lembro();
          const requests = new Requests(store, { maxAge: HOUR });
          for (let i = 0; i < 2; i++) await requests.create();
          const { sessionID } = await requests.create();
          const slow = await requests.load(sessionID);
          const other = await requests.load(sessionID);
          other.session.cookie.maxAge = 30 * DAY;
          await remember(other);
          const expires = async () => (await store.info(sessionID))!.expires!.getTime() - START;
          await endFirst(slow);
          assertEquals(await expires(), 30 * DAY);
          await endThen(slow);
          assertEquals(await expires(), 30 * DAY);
          slow.session.n = 1;
          await save(slow);
          await endThen(slow);
          assertEquals(await expires(), 30 * DAY);
          // What the request changes in the end is its own.
          slow.session.cookie.maxAge = MINUTE;
          await endThen(slow);
          assertEquals(await expires(), MINUTE);
        });
      }
    }
  }
});
