import { assertEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { type Kept, Site } from "./support/http.ts";
import { keptData, Requests, save } from "./support/requests.ts";
import { Lembro } from "./support/setup.ts";

type Data = Record<string, unknown>;

/** The ways to take a key out of a session: a save without an overlap keeps none of them. */
const DELETIONS: Record<string, (session: Data, key: string) => void> = {
  "delete": (session, key) => void delete session[key],
  "= undefined": (session, key) => session[key] = undefined,
  "= a function": (session, key) => session[key] = () => "Ada",
  "= a symbol": (session, key) => session[key] = Symbol("Ada"),
  "= a value whose toJSON returns nothing": (session, key) => session[key] = { toJSON() {} },
  "making it non-enumerable": (session, key) =>
    void Object.defineProperty(session, key, { enumerable: false }),
};

for (const [how, remove] of Object.entries(DELETIONS)) {
  describe(`a key that a request takes out of its session by ${how}`, () => {
    it("stays away when another request saves later", async () => {
      using store = new Lembro();
      const requests = new Requests(store);
      const { sessionID } = await requests.create({ user: "Ada", cart: { a: 1, b: 2 } });
      const [one, other] = [await requests.load(sessionID), await requests.load(sessionID)];
      remove(one.session, "user");
      remove(one.session.cart as Data, "a");
      await save(one);
      other.session.page = 1;
      await save(other);
      assertEquals(await keptData(store, sessionID), { cart: { b: 2 }, page: 1 });
    });

    it("goes when another request has saved before, whatever that changed", async () => {
      for (const isChanged of [false, true]) {
        using store = new Lembro();
        const requests = new Requests(store);
        const { sessionID } = await requests.create({ user: "Ada", cart: { a: 1, b: 2 } });
        const [one, other] = [await requests.load(sessionID), await requests.load(sessionID)];
        other.session.page = 1;
        if (isChanged) other.session.user = "Eve";
        await save(other);
        remove(one.session, "user");
        remove(one.session.cart as Data, "a");
        await save(one);
        assertEquals(await keptData(store, sessionID), { cart: { b: 2 }, page: 1 });
      }
    });

    it("may come back by a later save of the same request", async () => {
      using store = new Lembro();
      const requests = new Requests(store);
      const { sessionID } = await requests.create({ user: "Ada" });
      const [one, other] = [await requests.load(sessionID), await requests.load(sessionID)];
      other.session.page = 1;
      await save(other);
      remove(one.session, "user");
      await save(one);
      Object.defineProperty(one.session, "user", {
        value: "Ada",
        configurable: true,
        enumerable: true,
        writable: true,
      });
      await save(one);
      assertEquals(await keptData(store, sessionID), { page: 1, user: "Ada" });
    });
  });
}

/** An app where Ada is signed in. Its pages sign her out by `remove`. */
async function signedInSite(resave: boolean, remove: (session: Data, key: string) => void) {
  const site = new Site({ resave });
  site.on("/sign-in", (kept) => kept.user = "Ada");
  site.on("/who", (kept) => kept.user);
  site.on("/write", (kept) => kept.page = 1);
  site.on("/sign-out", (kept) => void remove(kept, "user"));
  const gates = {
    write: site.slow("/slow-write", (kept) => kept.page = 2),
    read: site.slow("/slow-read", (kept) => kept.user),
    signOut: site.slow("/slow-sign-out", (kept) => void remove(kept, "user")),
  };
  const ada = await site.visitor();
  await ada.get("/sign-in");
  return { site, ada, gates };
}

for (const resave of [false, true]) {
  describe(`a logout by a key of the session, with resave: ${resave}`, () => {
    for (const [how, remove] of Object.entries(DELETIONS)) {
      it(`sticks by ${how}, with requests around it that write and read`, async () => {
        for (const slow of ["write", "read"] as const) {
          const { site, ada, gates } = await signedInSite(resave, remove);
          await using _ = site;
          const waiting = ada.tab().get(`/slow-${slow}`);
          await gates[slow].started;
          await ada.get("/sign-out");
          gates[slow].go();
          await waiting;
          assertEquals(await ada.get("/who"), null);
        }
        for (const quick of ["/write", "/who"]) {
          const { site, ada, gates } = await signedInSite(resave, remove);
          await using _ = site;
          const waiting = ada.tab().get("/slow-sign-out");
          await gates.signOut.started;
          await ada.get(quick);
          gates.signOut.go();
          await waiting;
          assertEquals(await ada.get("/who"), null);
        }
      });
    }
  });
}

type Change = (session: Data) => void;

/** What one request does to a part of the session, and an overlapping one to what is inside. */
const ENDS: [what: string, before: Data, end: Change, edit: Change, after: Data][] = [
  [
    "an object that is deleted",
    { user: { id: 1, roles: ["admin"] } },
    (session) => delete session.user,
    (session) => (session.user as Data).lastSeen = 5,
    {},
  ],
  [
    "an object that becomes null",
    { user: { id: 1 } },
    (session) => session.user = null,
    (session) => (session.user as Data).lastSeen = 5,
    { user: null },
  ],
  [
    "an object that becomes a string",
    { user: { id: 1 } },
    (session) => session.user = "nobody",
    (session) => (session.user as Data).lastSeen = 5,
    { user: "nobody" },
  ],
  [
    "an object that becomes a list",
    { user: { id: 1 } },
    (session) => session.user = [],
    (session) => (session.user as Data).lastSeen = 5,
    { user: [] },
  ],
  [
    "an object inside an object",
    { shop: { cart: { total: 1 } } },
    (session) => delete (session.shop as Data).cart,
    (session) => ((session.shop as Data).cart as Data).total = 2,
    { shop: {} },
  ],
  [
    "an object in which the other deletes a key",
    { user: { id: 1, role: "admin" } },
    (session) => delete session.user,
    (session) => delete (session.user as Data).role,
    {},
  ],
  [
    "a list that becomes a string, to which the other appends",
    { list: [1] },
    (session) => session.list = "none",
    (session) => (session.list as number[]).push(2),
    { list: "none" },
  ],
  [
    "a list that becomes null, to which the other appends",
    { list: [1] },
    (session) => session.list = null,
    (session) => (session.list as number[]).push(2),
    { list: null },
  ],
];

for (const [what, before, end, edit, after] of ENDS) {
  describe(`${what}, while another request changes something inside,`, () => {
    for (const first of ["the end", "the change"]) {
      it(`stays so if ${first} is saved first`, async () => {
        using store = new Lembro();
        const requests = new Requests(store);
        const { sessionID } = await requests.create({ ...before, other: 1 });
        const [one, other] = [await requests.load(sessionID), await requests.load(sessionID)];
        end(one.session);
        edit(other.session);
        for (const request of first === "the end" ? [one, other] : [other, one]) {
          await save(request);
        }
        assertEquals(await keptData(store, sessionID), { ...after, other: 1 });
      });
    }
  });
}

for (const resave of [false, true]) {
  describe(`a logout by \`delete session.user\`, with resave: ${resave},`, () => {
    it("is not undone by a slow request that writes when the user was last seen", async () => {
      const site = new Site({ resave });
      await using _ = site;
      site.on("/sign-in", (kept) => kept.user = { id: 1, roles: ["admin"] });
      site.on("/who", (kept) => kept.user);
      site.on("/sign-out", (kept) => void delete kept.user);
      const slow = site.slow("/slow", (kept) => void ((kept.user as Data).lastSeen = 5));
      const ada = await site.visitor();
      await ada.get("/sign-in");
      const waiting = ada.tab().get("/slow");
      await slow.started;
      await ada.get("/sign-out");
      slow.go();
      await waiting;
      assertEquals(await ada.get("/who"), null);
    });
  });
}

describe("a session of a class of the app's own", () => {
  it("loses what its toJSON leaves out", async () => {
    using store = new Lembro();
    await store.set("a", { cookie: { path: "/" }, user: "Ada", secret: 1 } as never);
    const [one, other] = [await store.get("a") as Kept, await store.get("a") as Kept];
    other.page = 1;
    await store.set("a", other);
    Object.defineProperty(one, "toJSON", {
      value() {
        const { secret: _, ...rest } = this as Data;
        return rest;
      },
    });
    await store.set("a", one);
    assertEquals(await keptData(store, "a"), { user: "Ada", page: 1 });
  });
});
