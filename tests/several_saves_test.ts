/**
 * Requests that save several times, against an oracle: it carries out what each
 * request did since its last save, on the one session that a user thinks of.
 * It knows no versions and compares nothing.
 */
import { assertEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import fc from "fast-check";
import { isOnRedis } from "./support/engines.ts";
import { keptData, regenerate, Requests, save, touch } from "./support/requests.ts";
import { called, Lembro } from "./support/setup.ts";

// deno-lint-ignore no-explicit-any
type Any = any;

const numRuns = Number(Deno.args[0] ?? (isOnRedis ? 200 : 1_000));

async function requestsOf(data: object, count: number) {
  const store = new Lembro();
  const requests = new Requests(store);
  const { sessionID } = await requests.create({ ...data });
  const load = () => requests.load(sessionID);
  const all = await Promise.all(Array.from({ length: count }, load));
  return { store, all, load, kept: async () => await keptData(store, sessionID) as Any };
}

describe("a request that saves twice", () => {
  it("keeps what others appended in between", async () => {
    const { store, all: [x, y], kept } = await requestsOf({ list: [1] }, 2);
    using _ = store;
    (x.session.list as number[]).push(2);
    await save(x);
    (y.session.list as number[]).push(3);
    await save(y);
    assertEquals(await kept(), { list: [1, 2, 3] });
    (y.session.list as number[]).push(4);
    await save(y);
    assertEquals(await kept(), { list: [1, 2, 3, 4] });
  });

  it("adds nothing twice, and deletes what it has added, if it does not wait for the first save", async () => {
    const { store, all: [x, y], kept } = await requestsOf({ list: [1] }, 2);
    using _ = store;
    const list = x.session.list as number[];
    list.push(2);
    x.session.draft = true;
    const first = save(x);
    list.push(3);
    delete x.session.draft;
    await Promise.all([first, save(x)]);
    assertEquals(await kept(), { list: [1, 2, 3] });
    // And the same where there is something to merge with.
    (y.session.list as number[]).push(4);
    y.session.draft = true;
    const merged = save(y);
    (y.session.list as number[]).push(5);
    delete y.session.draft;
    await Promise.all([merged, save(y)]);
    assertEquals(await kept(), { list: [1, 2, 3, 4, 5] });
  });

  it("keeps what others saved before it was touched", async () => {
    const { store, all: [x, y, z], kept } = await requestsOf({ list: [1] }, 3);
    using _ = store;
    y.session.theirs = true;
    (y.session.list as number[]).push(2);
    await save(y);
    await touch(x);
    (x.session.list as number[]).push(3);
    await save(x);
    assertEquals(await kept(), { list: [1, 2, 3], theirs: true });
    // And the same after a save of its own, and if nothing but the cookie has changed.
    z.session.more = true;
    await save(z);
    await touch(x);
    await touch(x);
    await save(x);
    assertEquals(await kept(), { list: [1, 2, 3], theirs: true, more: true });
  });

  it("keeps what others appended to a list that it empties, or had emptied", async () => {
    const { store, all: [x, y], kept } = await requestsOf({ flash: ["old"] }, 2);
    using _ = store;
    (x.session.flash as string[]).push("new");
    await save(x);
    y.session.flash = [];
    await save(y);
    assertEquals(await kept(), { flash: ["new"] });
    await save(y);
    assertEquals(await kept(), { flash: ["new"] });
    (y.session.flash as string[]).push("mine");
    await save(y);
    assertEquals(await kept(), { flash: ["new", "mine"] });
    y.session.flash = [];
    await save(y);
    // It has read its own message, and not the other one.
    assertEquals(await kept(), { flash: ["new"] });
  });

  it("keeps what others appended to a list inside an object, and inside an item", async () => {
    const data = { shop: { cart: [1], lines: [{ id: 1, tags: ["a"] }] } };
    const { store, all: [x, y], kept } = await requestsOf(data, 2);
    using _ = store;
    const add = ({ session }: Any, n: number, tag: string) => {
      session.shop.cart.push(n);
      session.shop.lines[0].tags.push(tag);
    };
    add(x, 2, "b");
    await save(x);
    add(y, 3, "c");
    await save(y);
    add(y, 4, "d");
    await save(y);
    assertEquals(await kept(), {
      shop: { cart: [1, 2, 3, 4], lines: [{ id: 1, tags: ["a", "b", "c", "d"] }] },
    });
  });

  it("does not bring back what others deleted, nor delete what they have brought back", async () => {
    const { store, all: [x, y], kept } = await requestsOf({ user: { id: 1 }, n: 0 }, 2);
    using _ = store;
    delete x.session.user;
    await save(x);
    y.session.n = 1;
    await save(y);
    (y.session.user as Any).seen = 1;
    await save(y);
    assertEquals(await kept(), { n: 1 });
    x.session.user = { id: 2 };
    await save(x);
    y.session.n = 2;
    await save(y);
    assertEquals(await kept(), { user: { id: 2 }, n: 2 });
  });

  it("changes and deletes what others had changed or deleted before, too", async () => {
    const { store, all: [x, y, z], kept } = await requestsOf({ a: 0, b: 0 }, 3);
    using _ = store;
    x.session.a = 1;
    delete x.session.b;
    await save(x);
    await save(y);
    z.session.a = 2;
    z.session.b = 2;
    await save(z);
    y.session.a = 1;
    delete y.session.b;
    await save(y);
    assertEquals(await kept(), { a: 1 });
  });

  it("may read its session anew, or be read by another request, in between", async () => {
    const { store, all: [x, y], load, kept } = await requestsOf({ list: [1] }, 2);
    using _ = store;
    (x.session.list as number[]).push(2);
    await save(x);
    (y.session.list as number[]).push(3);
    await save(y);
    const z = await load();
    (z.session.list as number[]).shift();
    await save(z);
    (y.session.list as number[]).push(4);
    await save(y);
    (z.session.list as number[]).push(5);
    await save(z);
    assertEquals(await kept(), { list: [2, 3, 4, 5] });
  });
});

describe("a request that has had two sessions", () => {
  const reload = ({ session }: Any) => called((done) => session.reload(done));

  for (const [first, wrap] of Object.entries({ itself: (made: Any) => made, proxied })) {
    it(`saves a new one, ${first} at first, that it has reloaded since, and undoes nothing`, async () => {
      using store = new Lembro();
      const requests = new Requests(store);
      const one = requests.begin();
      const sid = one.sessionID;
      const made = one.session as Any;
      made.list = [1];
      await store.set(sid, wrap(made));
      const other = await requests.load(sid);
      (other.session.list as number[]).push(2);
      await save(other);
      await reload(one);
      const read = one.session as Any;
      made.list.push(3);
      await store.set(sid, made);
      assertEquals(await keptData(store, sid), { list: [1, 2, 3] });
      read.list.push(4);
      await store.set(sid, wrap(read));
      assertEquals(await keptData(store, sid), { list: [1, 2, 3, 4] });
      made.list.push(5);
      await store.set(sid, made);
      assertEquals(await keptData(store, sid), { list: [1, 2, 3, 4, 5] });
    });
  }

  it("saves a new one that it had not saved when it loaded what others saved", async () => {
    using store = new Lembro();
    const requests = new Requests(store);
    const one = requests.begin();
    const sid = one.sessionID;
    const made = one.session as Any;
    const other = { ...requests.begin(), sessionID: sid };
    other.session.theirs = true;
    await save(other);
    await reload(one);
    made.mine = true;
    await store.set(sid, made);
    assertEquals(await keptData(store, sid), { mine: true });
    one.session.more = true;
    await save(one);
    assertEquals(await keptData(store, sid), { mine: true, more: true });
  });

  it("saves its new one as any other, even if the one before is saved once more", async () => {
    using store = new Lembro();
    const requests = new Requests(store);
    const request = requests.begin();
    const { session: before, sessionID: idBefore } = request;
    await regenerate(request);
    await store.set(idBefore, before);
    const { session, sessionID } = request as Any;
    session.list = [1];
    await save(request);
    const other = await requests.load(sessionID);
    (other.session.list as number[]).push(2);
    await save(other);
    session.list.push(3);
    await save(request);
    assertEquals(await keptData(store, sessionID), { list: [1, 2, 3] });
    for (const [sid, live] of [[sessionID, session], [idBefore, before]]) {
      await store.destroy(sid);
      await store.set(sid, live);
      assertEquals(await keptData(store, sid), undefined);
    }
  });

  function proxied(made: Any): Any {
    return new Proxy(made, {});
  }
});

/** What a request does to its own copy, and by its next save to the session. */
type Step =
  | { request: number; what: "push" | "unshift" | "remove" | "edit" | "empty" | "drop"; at: number }
  | { request: number; what: "set" | "unset"; at: number }
  | { request: number; what: "save" | "load" };

const request = fc.nat(2);
const at = fc.nat(40);
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      request,
      what: fc.constantFrom("push" as const, "push", "unshift", "remove", "edit"),
      at,
    }),
  },
  { weight: 1, arbitrary: fc.record({ request, what: fc.constantFrom("empty", "drop"), at }) },
  { weight: 2, arbitrary: fc.record({ request, what: fc.constantFrom("set", "unset"), at }) },
  { weight: 7, arbitrary: fc.record({ request, what: fc.constant("save" as const) }) },
  { weight: 1, arbitrary: fc.record({ request, what: fc.constant("load" as const) }) },
);

type List = "list" | "cart";
type Data = { list?: Any[]; cart?: Any[]; keys: Record<string, unknown> };
const START = (): Data => ({
  list: ["a", "b", "c"],
  cart: [{ id: "x", n: {} }, { id: "y", n: {} }, { id: "z", n: {} }],
  keys: { k0: 0, k1: 0 },
});

const nameOf = (item: Any) => item.id ?? item;

/** Does a step to a copy. Returns what it means for any other copy, where that may be undone. */
function take(own: Data, { what, at }: Extract<Step, { at: number }>, name: string) {
  const list: List = at % 2 ? "list" : "cart";
  const items = own[list] ?? [];
  const chosen = items.length > 0 ? nameOf(items[at % items.length]) : undefined;
  const made = () => list === "cart" ? { id: name, n: {} } : name;
  const without = (names: unknown[]) => (other: Data) => {
    other[list] = (other[list] ?? []).filter((item) => !names.includes(nameOf(item)));
  };
  const work: Record<typeof what, (data: Data) => void> = {
    push: (data) => void (data[list] ??= []).push(made()),
    unshift: (data) => void (data[list] ??= []).unshift(made()),
    remove: without([chosen]),
    edit: ({ cart }) => {
      const found = cart?.find((item) => list === "cart" && nameOf(item) === chosen);
      if (found) found.n[`k${at % 4}`] = name;
    },
    empty: without(items.map(nameOf)),
    drop: without(items.map(nameOf)),
    set: () => {},
    unset: () => {},
  };
  if (what === "set") own.keys[`k${at % 4}`] = name;
  else if (what === "unset") delete own.keys[`k${at % 4}`];
  else if (what === "drop") delete own[list];
  else work[what](own);
  return work[what];
}

describe(`requests that save several times, in ${numRuns} random sequences,`, () => {
  it("change what they did since their last save, and nothing else", async () => {
    const steps = fc.array(step, { maxLength: 40, size: "max" });
    await fc.assert(
      fc.asyncProperty(steps, async (steps) => {
        const { store, all, load, kept } = await requestsOf(START(), 3);
        using _ = store;
        const truth = START();
        const undone = all.map((): ((data: Data) => void)[] => []);
        const keys = all.map(() => START().keys);
        for (const [n, step] of steps.entries()) {
          const { request } = step;
          const own = all[request].session as unknown as Data;
          if (step.what === "load") {
            all[request] = await load();
            undone[request] = [];
            keys[request] = { ...truth.keys };
          } else if (step.what === "save") {
            await save(all[request]);
            for (const work of undone[request].splice(0)) work(truth);
            for (const key of new Set([...Object.keys(own.keys), ...Object.keys(keys[request])])) {
              if (own.keys[key] === keys[request][key]) continue;
              if (key in own.keys) truth.keys[key] = own.keys[key];
              else delete truth.keys[key];
            }
            keys[request] = { ...own.keys };
            // Where two inserted at one place, either may be in front of what was there before.
            assertEquals(sorted(await kept()), sorted(truth));
          } else if ("at" in step) {
            undone[request].push(take(own, step, `${request} ${n}`));
          }
        }
      }),
      { numRuns },
    );

    function sorted({ list = [], cart = [], keys }: Data) {
      const byName = (one: Any, other: Any) => nameOf(one) < nameOf(other) ? -1 : 1;
      return { list: list.toSorted(byName), cart: cart.toSorted(byName), keys };
    }
  });
});
