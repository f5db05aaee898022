/** The engine without a store around it: synchronous, and without express. */
import { assert, assertEquals, assertThrows } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import process from "node:process";
import { Sessions } from "../../src/core/sessions.ts";
import { type LembroOptions, resolveOptions } from "../../src/options.ts";
import { DAY } from "../support/clock.ts";
import { finish } from "../support/core.ts";
import { session, type SessionData, sessionOf, sizeOf } from "../support/setup.ts";

/** An engine with a clock that the test sets, and what it has announced. */
function engine(options: LembroOptions = {}) {
  const announced: unknown[][] = [];
  const clock = { time: 1_000 };
  const sessions = new Sessions(resolveOptions(options), {
    clock: () => clock.time,
    monotonicClock: () => clock.time,
    run: (steps) => void finish(steps),
    reducing: () => {},
    hasListeners: () => true,
    announce: (event, args) => void announced.push([event, ...args()]),
  });
  return { sessions, announced, clock };
}

describe("Sessions", () => {
  it("answers at once", () => {
    const { sessions, announced, clock } = engine({ ttl: 50 });
    sessions.save("a", sessionOf({ n: 1 }, {}));
    assertEquals(sessions.get("a"), sessionOf({ n: 1 }, {}));
    assertEquals(
      sessions.update("a", (kept) => void Object.assign(kept, { n: 2 })),
      sessionOf({ n: 2 }, {}),
    );
    assertEquals(finish(sessions.ids()).result, ["a"]);
    clock.time += 50;
    assertEquals(sessions.get("a"), undefined);
    sessions.save("b", sessionOf({}, {}));
    sessions.destroy("b");
    assertEquals(finish(sessions.length()).result, 0);
    assertEquals(announced, [["expire", "a", sessionOf({ n: 2 }, {})], [
      "destroy",
      "b",
      sessionOf({}, {}),
    ]]);
  });

  it("counts what it rejects, and changes nothing by it", () => {
    const { sessions } = engine();
    sessions.save("a", sessionOf({ n: 1 }, {}));
    assertThrows(() => sessions.save("a", { n: 1n } as never), TypeError);
    assertThrows(() => sessions.touch("a", null as never), TypeError);
    assertThrows(() => sessions.update("a", () => Promise.resolve()), TypeError);
    assertEquals([sessions.stats().rejected, sessions.stats().saves], [3, 1]);
    assertEquals(sessions.info("a")?.session, sessionOf({ n: 1 }, {}));
  });

  it("saves and touches what is kept, however many other ids have ended", () => {
    const { sessions } = engine();
    sessions.save("a", sessionOf({ n: 1 }));
    const [saved, touched] = [sessions.get("a")!, sessions.get("a")!];
    // More than are remembered one by one: "a" shares what is known of them with many.
    for (let n = 0; n < 300_000; n++) sessions.destroy(`absent ${n}`);
    sessions.touch("a", touched);
    sessions.save("a", Object.assign(saved, { n: 2 }));
    const { touches, lateWrites } = sessions.stats();
    const { n } = sessions.get("a") as SessionData & { n?: number };
    assertEquals([touches, lateWrites, n], [1, 0, 2]);
  });

  for (const isTouch of [false, true]) {
    it(`keeps no template for cookies that are all different: ${isTouch ? "touch" : "save"}`, () => {
      const { sessions } = engine();
      const cookieOf = (originalMaxAge: number) => {
        const cookie = new session.Cookie();
        cookie.expires = new Date(10_000_000);
        cookie.originalMaxAge = originalMaxAge;
        return cookie;
      };
      const templates = new Set<unknown>();
      for (let i = 1; i <= 200; i++) {
        const sid = `${i % 20}`;
        if (isTouch && i > 20) sessions.touch(sid, sessionOf({ n: 1 }, cookieOf(i)));
        else sessions.save(sid, sessionOf({ n: 1 }, cookieOf(i)));
        templates.add(sessions.vault.find(sid, 1_000)!.cookie);
        assertEquals(sessions.vault.find(sid, 1_000)!.size, sizeOf(sessions.info(sid)!.session));
      }
      assertEquals([...templates], [undefined]);
    });
  }

  it("keeps one template for the sessions of an app, and its touches leave the text alone", () => {
    const { sessions, clock } = engine({ idleTimeout: 5_000, absoluteTimeout: 60_000 });
    const cookieAt = (time: number) => {
      const cookie = new session.Cookie();
      cookie.expires = new Date(time);
      cookie.originalMaxAge = 10_000;
      return cookie;
    };
    const texts = new Map<string, string>();
    for (let i = 0; i < 20; i++) {
      clock.time += 3;
      sessions.save(`${i}`, sessionOf({ i }, cookieAt(clock.time + 10_000)));
      texts.set(`${i}`, sessions.vault.find(`${i}`, clock.time)!.text);
    }
    const templates = new Set<unknown>();
    for (let round = 0; round < 3; round++) {
      for (let i = 1; i < 20; i++) {
        clock.time += 7;
        sessions.touch(`${i}`, sessionOf({}, cookieAt(clock.time + 10_000)));
        const entry = sessions.vault.find(`${i}`, clock.time)!;
        templates.add(entry.cookie);
        assertEquals(entry.text, texts.get(`${i}`)!);
        assertEquals(entry.expires, clock.time + 5_000);
        assertEquals(entry.size, sizeOf(sessions.info(`${i}`)!.session));
      }
    }
    assertEquals([templates.size, templates.has(undefined)], [1, false]);
  });

  it("keeps the cookie of each session in its own place in the order of keys", () => {
    const { sessions } = engine();
    const keys = (sid: string) => Object.keys(sessions.get(sid)!).join();
    for (let i = 0; i < 3; i++) {
      sessions.save("first", sessionOf({ a: 1, b: 2 }, { path: "/" }));
      sessions.save("last", { a: 1, b: 2, cookie: { path: "/" } } as unknown as SessionData);
    }
    assert(sessions.vault.find("last", 1_000)!.cookie);
    assertEquals([keys("first"), keys("last")], ["cookie,a,b", "a,b,cookie"]);
  });

  it("spends less than 2 % of a core on five saves a second in a store full of 480,000 sessions", () => {
    const SESSIONS = 480_000;
    const SECONDS = 60;
    const saved = (isShort: boolean) => sessionOf({ isShort }, {});
    const { sessions, clock } = engine({
      maxSize: SESSIONS * sizeOf(saved(false)),
      // Every other session expires long before it is the next to be evicted.
      ttl: (session) => (session as unknown as { isShort: boolean }).isShort ? 500 : DAY,
      user: () => undefined,
    });
    const visit = (sid: string, isShort = false) => {
      sessions.save(sid, saved(isShort));
      sessions.get(sid);
    };
    for (let i = 0; i < SESSIONS; i++) visit(`${i}`);
    visit("one more");
    assertEquals(sessions.stats().evicted.returning > 0, true, "it is full");
    const before = process.cpuUsage();
    for (let i = 0; i < 5 * SECONDS; i++) {
      clock.time += 200;
      visit(`new ${i}`, i % 2 === 0);
    }
    const { user, system } = process.cpuUsage(before);
    const share = (user + system) / 1e6 / SECONDS;
    assert(sessions.stats().expired > 0, "it has looked for expired sessions");
    assert(share < 0.02, `${(100 * share).toFixed(1)} % of a core`);
  });
});
