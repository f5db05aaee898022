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
async function signedIn(resave: boolean, remove: (session: Data, key: string) => void) {
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
          const { site, ada, gates } = await signedIn(resave, remove);
          await using _ = site;
          const waiting = ada.tab().get(`/slow-${slow}`);
          await gates[slow].started;
          await ada.get("/sign-out");
          gates[slow].go();
          await waiting;
          assertEquals(await ada.get("/who"), null);
        }
        for (const quick of ["/write", "/who"]) {
          const { site, ada, gates } = await signedIn(resave, remove);
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
