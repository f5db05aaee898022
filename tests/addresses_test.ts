/** The client address of a newcomer: where it comes from, and that nobody ever sees it. */
import { assert, assertEquals, assertRejects } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import debug from "debug";
import { Site } from "./support/http.ts";
import { Requests, save, touch } from "./support/requests.ts";
import { Lembro, sessionOf, settled } from "./support/setup.ts";

const ADDRESS = "203.0.113.77";

describe("a newcomer's client address", () => {
  /** A request that counts how often its address is read. */
  function counting() {
    const counts = { reads: 0 };
    const fields = {
      get ip() {
        counts.reads++;
        return ADDRESS;
      },
    };
    return { fields, counts };
  }

  it("is read once, when its session is created, and not at later saves, touches and loads", async () => {
    using store = new Lembro();
    const requests = new Requests(store);
    const { fields, counts } = counting();
    const request = requests.begin();
    Object.defineProperties(request, Object.getOwnPropertyDescriptors(fields));
    assertEquals(counts.reads, 0);
    await save(request);
    assertEquals(counts.reads, 1);
    for (let i = 0; i < 3; i++) {
      request.session.n = i;
      await save(request);
      await touch(request);
      const again = await requests.load(request.sessionID);
      Object.defineProperties(again, Object.getOwnPropertyDescriptors(fields));
      await save(again);
    }
    assertEquals(counts.reads, 1);
  });

  it("is not read of a session that is protected from its first save on", async () => {
    using store = new Lembro();
    const { fields, counts } = counting();
    const request = new Requests(store).begin();
    Object.defineProperties(request, Object.getOwnPropertyDescriptors(fields));
    Object.assign(request.session, { passport: { user: 1 } });
    await save(request);
    assertEquals(counts.reads, 0);
  });

  it("may be unknown: a getter that throws, and anything but a string, does not matter", async () => {
    using store = new Lembro();
    const requests = new Requests(store);
    const fail = () => {
      throw new Error("the app's trust proxy function fails");
    };
    for (const descriptor of [{ get: fail }, { value: 5 }, { value: null }, { value: {} }]) {
      const request = requests.begin();
      Object.defineProperty(request, "ip", descriptor);
      await save(request);
    }
    assertEquals(store.stats().newcomers, 4);
  });

  it("is in no counter, no event, no information, no session and no log", async () => {
    const seen: unknown[] = [];
    const { log } = debug;
    const enabled = debug.disable();
    debug.log = (...args: unknown[]) => seen.push(args);
    debug.enable("express-lembro");
    try {
      using store = new Lembro({ maxSize: "4K", maxSessionsPerUser: 1 });
      const events = ["destroy", "expire", "evict", "late", "clear", "reduce", "purge"] as const;
      for (const event of events) {
        store.on(event, (...args: unknown[]) => seen.push([event, ...args]));
      }
      const requests = new Requests(store);
      const { sessionID } = await requests.create({ n: 1 }, { ip: ADDRESS });
      seen.push(await store.info(sessionID), await store.all(), [...store.entries()]);
      await store.update(sessionID, (session) => void seen.push({ ...session }));
      for (let i = 0; i < 30; i++) await requests.create({}, { ip: ADDRESS });
      const late = await requests.load((await store.ids())[0], { ip: ADDRESS });
      await store.destroy(late.sessionID);
      await save(late);
      for (let i = 0; i < 2; i++) await requests.create({ passport: { user: 1 } }, { ip: ADDRESS });
      seen.push(
        await store.sessionsOfUser(1),
        await store.reduce(),
        await store.purge(),
        store.stats(),
      );
      await store.clear();
      await settled();
      const texts = JSON.stringify(seen);
      for (const event of events.filter((event) => event !== "expire")) {
        assert(texts.includes(`["${event}"`), `there was no event ${event}`);
      }
      assert(texts.includes("reduce: done"));
      assert(!texts.includes(ADDRESS.slice(0, 9)), "the address is in what anybody can see");
    } finally {
      debug.log = log;
      debug.disable();
      debug.enable(enabled);
    }
  });
});

describe("an Express app", () => {
  /** An app that a crawler of one forwarded address floods while a form waits. */
  async function formSurvives(trustProxy: boolean): Promise<boolean> {
    await using site = new Site({}, new Lembro({ maxSize: "8K" }));
    site.app.set("trust proxy", trustProxy);
    site.on("/form", (kept) => kept.csrf = "token");
    const post = (path: string, ip: string, cookie = "") =>
      site.visitor().then((visitor) =>
        visitor.tab().text(path, { headers: { "x-forwarded-for": ip, cookie } })
      );
    const typist = await site.visitor();
    await typist.text("/form", { headers: { "x-forwarded-for": "192.0.2.7" } });
    const [sid] = await site.store.ids();
    for (let n = 0; n < 120; n++) await post("/form", ADDRESS);
    assert(site.store.stats().evicted.newcomers > 60);
    return await site.store.info(sid) !== undefined;
  }

  it("behind a proxy that it trusts: a crawler evicts the sessions of its own address", async () => {
    assertEquals(await formSurvives(true), true);
  });

  it("that trusts no proxy: all requests share the proxy's address, and the oldest goes", async () => {
    assertEquals(await formSurvives(false), false);
  });
});

describe("a request that is not Express's own", () => {
  it("is known by the address of its socket", async () => {
    using store = new Lembro({ maxSize: "8K" });
    const requests = new Requests(store);
    const create = async (remoteAddress: string) => {
      const request = requests.begin();
      Object.assign(request, { socket: { remoteAddress } });
      await save(request);
      return request.sessionID;
    };
    const form = await create("192.0.2.7");
    for (let n = 0; n < 120; n++) await create("::ffff:203.0.113.77");
    assert(store.stats().evicted.newcomers > 60);
    assert(await store.info(form));
  });

  it("without any address counts with all others of that kind", async () => {
    using store = new Lembro({ maxSize: "8K" });
    const requests = new Requests(store);
    const form = await requests.create({}, { ip: "192.0.2.7" });
    for (let n = 0; n < 60; n++) await requests.create();
    for (let n = 0; n < 60; n++) await store.set(`plain ${n}`, sessionOf());
    assert(store.stats().evicted.newcomers > 60);
    assert(await store.info(form.sessionID));
  });
});

describe("the option address", () => {
  it("says whose newcomers go first, for each new session once", async () => {
    const asked: unknown[] = [];
    const address = (request: unknown) => {
      asked.push(request);
      return (request as { client: string }).client;
    };
    using store = new Lembro({ maxSize: "32K", address });
    const requests = new Requests(store);
    const form = await requests.create({ csrf: "token" }, { client: "192.0.2.1", ip: "10.0.0.1" });
    for (let i = 0; i < 1_000; i++) {
      await requests.create({}, { client: `203.0.113.9:${i}`, ip: "10.0.0.1" });
    }
    assertEquals(asked.length, 1_001);
    assertEquals((await store.info(form.sessionID))?.rank, "newcomers");
    await save(form);
    assertEquals(asked.length, 1_001);
  });

  it("is asked about the request that a session of Fastify keeps under a symbol", async () => {
    const asked: unknown[] = [];
    const request = { ip: ADDRESS };
    using store = new Lembro({ address: (one) => void asked.push(one) });
    await store.set("a", Object.assign(sessionOf(), { [Symbol("request")]: request }));
    assertEquals(asked, [request]);
  });

  it("fails that save, and nothing else, if it throws or returns a promise", async () => {
    let answer: () => unknown = () => "192.0.2.1";
    using store = new Lembro({ address: (() => answer()) as never });
    const requests = new Requests(store);
    const first = await requests.create();
    answer = () => {
      throw new Error("no address");
    };
    await assertRejects(() => save(requests.begin()), Error, "no address");
    answer = () => Promise.resolve("192.0.2.1");
    await assertRejects(
      () => save(requests.begin()),
      TypeError,
      "Cannot keep session: address must return a string or undefined, at once: " +
        "received a promise",
    );
    await save(first);
    assertEquals([store.stats().sessions, store.stats().rejected], [1, 2]);
  });
});
