/**
 * The headline promise in a full store: the users do not pay for a crawler, a
 * fat session or a busy account.
 */
import { assert, assertEquals, assertRejects } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import type { LembroOptions } from "express-lembro";
import { type FakeRequest, Requests, save } from "./support/requests.ts";
import { Lembro, settled, sizeOfAll, type Store } from "./support/setup.ts";

const MEGABYTE = 1024 * 1024;

/** How many sessions a crawler creates, where it does not matter: five times what the store holds. */
const FLOOD = 15_000;

/** A store that users fill up to a share of its limit. */
class FullStore implements Disposable {
  readonly store: Store;
  readonly requests: Requests;
  readonly users: string[] = [];

  constructor(options: LembroOptions, maxSize: number) {
    this.store = new Lembro({ maxSize, ...options });
    this.requests = new Requests(this.store);
  }

  /** Users that are signed in, which protects them; or, without `isProtected`, that have come back once. */
  static async of(share: number, isProtected: boolean, maxSize = MEGABYTE): Promise<FullStore> {
    const full = new FullStore(isProtected ? {} : { protect: () => false }, maxSize);
    const { store, requests, users } = full;
    while (store.stats().bytes < share * maxSize - 400) {
      const data = { passport: { user: `user ${users.length}` }, basket: [1, 2, 3] };
      // They sign in from an office, whose address they share.
      const { sessionID } = await requests.create(data, { ip: "198.51.100.1" });
      await store.get(sessionID);
      users.push(sessionID);
    }
    return full;
  }

  /** Creates sessions, and asks for each again `visits` times. Checks the limit after each save. */
  async flood(count: number, visits: number, ipOf: (n: number) => string): Promise<void> {
    const { store, requests } = this;
    const { maxSize } = store.options;
    for (let n = 0; n < count; n++) {
      const request = requests.begin({ ip: ipOf(n) });
      request.session.views = 1;
      store.set(request.sessionID, request.session, () => {});
      for (let visit = 0; visit < visits; visit++) store.get(request.sessionID, () => {});
      if (store.stats().bytes > maxSize) throw new Error(`over the limit after ${n} sessions`);
      if (n % 1_000 === 0) await settled();
    }
    await settled();
    assertEquals(store.stats().bytes, sizeOfAll(store), "the ledger is exact");
  }

  /** How many of the users are left. */
  async left(): Promise<number> {
    let left = 0;
    for (const sid of this.users) if (await this.store.info(sid)) left++;
    return left;
  }

  [Symbol.dispose](): void {
    this.store.close();
  }
}

const oneAddress = () => "203.0.113.9";
const fiftyAddresses = (n: number) => `203.0.113.${n % 50}`;
const oneNetwork = (n: number) =>
  `2001:db8:0:${(0x700 + n % 256).toString(16)}:${(n >> 16).toString(16)}:0:0:${
    (n & 0xffff).toString(16)
  }`;

for (const share of [0.5, 0.7, 0.8, 0.87]) {
  describe(`protected users that hold ${share * 100} % of the limit`, () => {
    for (const visits of [0, 2]) {
      const crawler = visits === 0 ? "never comes back" : "comes back twice";
      it(`all stay, whatever a crawler does that ${crawler}`, async () => {
        using full = await FullStore.of(share, true);
        await full.flood(FLOOD, visits, oneAddress);
        assertEquals(await full.left(), full.users.length);
        const { evicted } = full.store.stats();
        assertEquals(evicted.protected, 0);
        assert(
          evicted.newcomers + evicted.returning > FLOOD / 2,
          "the crawler has filled the store",
        );
      });
    }
  });
}

for (const share of [0.5, 0.8]) {
  describe(`returning users that hold ${share * 100} % of the limit`, () => {
    it("all stay without protect, whatever a crawler does that never comes back", async () => {
      using full = await FullStore.of(share, false);
      await full.flood(FLOOD, 0, oneAddress);
      assertEquals(full.store.stats().protected, 0);
      assertEquals(await full.left(), full.users.length);
      assertEquals(full.store.stats().evicted.returning, 0);
    });
  });
}

describe("carts of visitors that have come back, in a full store", () => {
  /** A full store of carts, each from an address of its own, or all from one office. */
  async function cartsOf(ipOf: (n: number) => string): Promise<FullStore> {
    const full = new FullStore({ protect: () => false }, MEGABYTE);
    while (full.store.stats().evicted.returning === 0) {
      const { sessionID } = await full.requests.create({ cart: [1, 2, 3] }, {
        ip: ipOf(full.users.length),
      });
      await full.store.get(sessionID);
      full.users.push(sessionID);
    }
    return full;
  }
  const eachItsOwn = (n: number) => `10.0.${n >> 8}.${n & 255}`;

  const crawlers: [name: string, ipOf: (n: number) => string][] = [
    ["one address", oneAddress],
    ["one /56, with an address each", oneNetwork],
  ];
  for (const [name, ipOf] of crawlers) {
    it(`lose an eighth to a crawler that follows a redirect, from ${name}`, async () => {
      using full = await cartsOf(eachItsOwn);
      const before = await full.left();
      await full.flood(FLOOD, 1, ipOf);
      const lost = before - await full.left();
      assert(lost <= before / 8 + 1, `${lost} of ${before} carts are lost`);
    });
  }

  it("from one office lose an eighth, too: a crawler that has more pays for itself", async () => {
    using full = await cartsOf(() => "198.51.100.1");
    const before = await full.left();
    await full.flood(FLOOD, 1, oneAddress);
    const lost = before - await full.left();
    assert(lost <= before / 8 + 1, `${lost} of ${before} carts are lost`);
  });

  it("go after those of an address that has more than an eighth, in a reduction, too", async () => {
    using full = new FullStore({ protect: () => false }, MEGABYTE);
    const { store, requests } = full;
    const fillTo = async (share: number, ipOf: (n: number) => string) => {
      while (store.stats().bytes < share * MEGABYTE) {
        const n = store.stats().sessions;
        const { sessionID } = await requests.create({ cart: [] }, { ip: ipOf(n) });
        await store.get(sessionID);
        if (ipOf === eachItsOwn) full.users.push(sessionID);
      }
    };
    await fillTo(0.6, eachItsOwn);
    await fillTo(0.85, oneAddress);
    await store.reduce();
    assert(store.stats().bytes <= 0.75 * MEGABYTE);
    assertEquals(await full.left(), full.users.length);
  });

  it("that a request made protected do not count for its address, until they are so no more", async () => {
    const isSignedIn = ({ user }: Record<string, unknown>) => user !== undefined;
    using full = new FullStore({ protect: isSignedIn as never }, MEGABYTE);
    const office = { ip: "198.51.100.1" };
    const add = async (data: Record<string, unknown>, ip: string) => {
      const request = await full.requests.create({ pad: "x".repeat(4_700), ...data }, { ip });
      return await full.requests.load(request.sessionID, { ip });
    };
    // An eighth is thirteen sessions of some 10,000 bytes.
    const signedIn = [];
    for (let n = 0; n < 30; n++) signedIn.push(await add({ user: n }, office.ip));
    const carts = [];
    while (full.store.stats().bytes < MEGABYTE - 10_000) {
      carts.push((await add({ cart: carts.length }, `10.0.0.${carts.length}`)).sessionID);
    }
    await add({ cart: "of the office" }, office.ip);
    assertEquals(await full.store.info(carts[0]), undefined, "the oldest cart is the next to go");
    for (const request of signedIn) {
      delete request.session.user;
      await save(request);
    }
    for (let n = 0; n < 10; n++) await add({ cart: "of somebody" }, `10.0.1.${n}`);
    for (const sid of carts.slice(1)) assert(await full.store.info(sid), "no other cart goes");
    assertEquals(full.store.stats().evicted.returning, 11);
  });
});

describe("a login form that waits for a slow typist", () => {
  /** Opens the form, lets the crawler work, and signs in. */
  async function signInAfter(
    full: FullStore,
    ip: string,
    count: number,
    ipOf: (n: number) => string,
  ): Promise<boolean> {
    const form = await full.requests.create({ csrf: "token" }, { ip });
    await full.flood(count, 0, ipOf);
    if (!await full.store.info(form.sessionID)) return false;
    const request = await full.requests.load(form.sessionID, { ip });
    Object.assign(request.session, { passport: { user: "typist" } });
    await save(request);
    return (await full.store.sessionsOfUser("typist")).length === 1;
  }

  const crawlers: [name: string, count: number, ipOf: (n: number) => string][] = [
    ["50,000 sessions from one address", 50_000, oneAddress],
    ["40,000 sessions from fifty addresses", 40_000, fiftyAddresses],
    ["40,000 sessions from one /56, with an address each", 40_000, oneNetwork],
    ["sessions from one IPv4 address in its IPv6 form", FLOOD, () => "::ffff:203.0.113.9"],
    ["sessions without an address", FLOOD, () => undefined as never],
  ];
  for (const [name, count, ipOf] of crawlers) {
    it(`survives ${name}, in a store that users fill to 80 %`, async () => {
      using full = await FullStore.of(0.8, true);
      assert(await signInAfter(full, "192.0.2.7", count, ipOf));
      assertEquals(await full.left(), full.users.length);
    });
  }

  it("of an IPv6 user survives a crawler of the next /56", async () => {
    using full = await FullStore.of(0.8, true);
    assert(await signInAfter(full, "2001:db8:0:800::1", FLOOD, oneNetwork));
  });

  it("goes first where it shares the crawler's address: it is the oldest there", async () => {
    using full = await FullStore.of(0.8, true);
    assertEquals(await signInAfter(full, oneAddress(), FLOOD, oneAddress), false);
  });
});

describe("newcomers of the crawler's own address", () => {
  it("still come in, and may return", async () => {
    using full = await FullStore.of(0.8, true);
    await full.flood(FLOOD, 0, oneAddress);
    const visitor = await full.requests.create({ csrf: "token" }, { ip: oneAddress() });
    await full.flood(100, 0, oneAddress);
    const request = await full.requests.load(visitor.sessionID, { ip: oneAddress() });
    assertEquals(request.session.csrf, "token");
    await full.flood(FLOOD, 0, oneAddress);
    assert(
      await full.store.info(visitor.sessionID),
      "it has come back: it is no newcomer any more",
    );
  });
});

describe("fat sessions", () => {
  it("of more than an eighth of the limit are refused, and cost nobody anything", async () => {
    using full = await FullStore.of(0.8, true);
    for (const share of [1 / 8, 0.5, 0.7, 2]) {
      const text = "x".repeat(share * MEGABYTE / 2);
      const error = await assertRejects(() => full.requests.create({ text }), RangeError);
      assertEquals((error as unknown as { code: string }).code, "ERR_LEMBRO_SESSION_TOO_LARGE");
    }
    assertEquals(await full.left(), full.users.length);
  });

  it("that grow by 10 kB a request cost no protected user anything", async () => {
    using full = await FullStore.of(0.8, true, 4 * MEGABYTE);
    let refused = 0;
    const { sessionID } = await full.requests.create({}, { ip: "203.0.113.9" });
    for (let visit = 1; visit <= 200; visit++) {
      const request = await full.requests.load(sessionID);
      request.session[`page ${visit}`] = "x".repeat(5_000);
      await save(request).catch(() => refused++);
    }
    assert(refused > 100);
    assert((await full.store.info(sessionID))!.bytes <= full.store.options.maxSize / 8);
    assertEquals(await full.left(), full.users.length);
  });

  it("of just an eighth, a thousand of them, cost no protected user anything", async () => {
    using full = await FullStore.of(0.8, true);
    const text = "x".repeat(MEGABYTE / 16 - 500);
    for (let n = 0; n < 1_000; n++) {
      const { sessionID } = await full.requests.create({ text }, { ip: fiftyAddresses(n) });
      if (n % 2) await full.requests.load(sessionID);
      assert(full.store.stats().bytes <= MEGABYTE);
    }
    assertEquals(await full.left(), full.users.length);
  });
});

describe("an account that signs in 5,000 times", () => {
  it("has a hundred sessions in the end, and costs 500 other users nothing", async () => {
    using full = await FullStore.of(0.8, true);
    assert(full.users.length > 500);
    let last: FakeRequest | undefined;
    for (let n = 0; n < 5_000; n++) {
      last = await full.requests.create({ passport: { user: "busy" } }, { ip: fiftyAddresses(n) });
      assert(full.store.stats().bytes <= MEGABYTE);
    }
    const sids = (await full.store.sessionsOfUser("busy")).map(({ sid }) => sid);
    assertEquals([sids.length, sids[0]], [100, last!.sessionID]);
    assertEquals(await full.left(), full.users.length);
    assertEquals(full.store.stats().bytes, sizeOfAll(full.store));
  });
});
