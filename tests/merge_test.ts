import "./support/as_in_node.ts";
import process from "node:process";
import { runInNewContext } from "node:vm";
import { assert, assertEquals, assertStrictEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import fc from "fast-check";
import type { Serializer } from "express-lembro";
import { Labels } from "../src/core/overlaps/labels.ts";
import { mergeCookies } from "../src/core/overlaps/merge_cookies.ts";
import { merge, mergeTrees } from "../src/core/overlaps/merge_objects.ts";
import { EDITS, LISTS } from "../scripts/bench/merges.ts";
import { inDeno, start } from "../scripts/bench/processes.ts";
import { OURS } from "../scripts/bench/stores.ts";
import * as plainly from "./model/merging.ts";
import { session, type SessionData } from "./support/setup.ts";

// deno-lint-ignore no-explicit-any
type Any = any;

/** What a merge of sessions with this data gives, without the cookie. */
function merged(base: Any, mine: Any, kept: Any, serializer: Serializer = JSON): Any {
  const whole = (data: Any) => serializer.stringify({ cookie: { path: "/" }, ...data } as Any);
  const result = merge(
    Object.assign(mine, { cookie: { path: "/mine" } }),
    whole(base),
    whole(kept),
    serializer,
  );
  const { cookie, ...data } = result.merged as Any;
  assertEquals(cookie, { path: "/mine" });
  return data;
}

function text(value: unknown): string {
  return JSON.stringify(
    value,
    (_, one) =>
      typeof one === "object" && one !== null && !Array.isArray(one)
        ? Object.fromEntries(Object.entries(one).sort(([a], [b]) => a < b ? -1 : 1))
        : one,
  );
}

const same = (one: unknown, other: unknown) => assertEquals(text(one), text(other));

/** Sets a key as data, whatever its name. */
function put(to: Any, key: string, value: unknown): Any {
  return Object.defineProperty(to, key, {
    value,
    configurable: true,
    enumerable: true,
    writable: true,
  });
}

const key = fc.constantFrom("a", "b", "c", "d", "__proto__", "constructor", "toString");
const leaf = fc.constantFrom<unknown>(0, 1, "", "one", null, true, false);

const { tree } = fc.letrec((tie) => ({
  tree: fc.oneof(
    { maxDepth: 4, depthSize: "small" },
    leaf,
    fc.array(tie("tree"), { maxLength: 3 }),
    tie("object"),
  ),
  object: fc.array(fc.tuple(key, tie("tree")), { maxLength: 4 })
    .map((entries) => entries.reduce((object, [key, one]) => put(object, key, one), {})),
}));
const root = fc.array(fc.tuple(key, tree), { maxLength: 4 })
  .map((entries) => entries.reduce((object: Any, [key, one]) => put(object, key, one), {}));

/** What happens to a value of the base: a plan of which the result is known beforehand. */
type Plan =
  | { what: "nothing"; base: unknown }
  | { what: "replaced" | "deleted"; by: Side; base: unknown; to: unknown }
  | { what: "added"; by: Side; to: unknown }
  | { what: "appended"; base: unknown[] | undefined; one: unknown[]; other: unknown[] }
  | { what: "read"; by: Side; leaves: boolean; base: unknown[]; appended: unknown[] }
  | { what: "inside"; isNew: boolean; plans: Map<string, Plan> };
type Side = "one" | "other";
type Trees = { base: Any; one: Any; other: Any; result: Any };

const side = fc.constantFrom<Side>("one", "other");
const list = fc.array(leaf, { maxLength: 3 });
const { plan } = fc.letrec<{ plan: Plan; inside: Plan }>((tie) => ({
  plan: fc.oneof(
    { maxDepth: 4, depthSize: "small" },
    fc.record({ what: fc.constant("nothing" as const), base: tree }),
    fc.record({ what: fc.constant("replaced" as const), by: side, base: tree, to: tree }),
    fc.record({ what: fc.constant("deleted" as const), by: side, base: tree, to: fc.constant(0) }),
    fc.record({ what: fc.constant("added" as const), by: side, to: tree }),
    fc.record({ what: fc.constant("appended" as const), base: list, one: list, other: list }),
    fc.record({
      what: fc.constant("read" as const),
      by: side,
      leaves: fc.boolean(),
      base: list,
      appended: list,
    }),
    tie("inside"),
  ) as fc.Arbitrary<Plan>,
  inside: fc.record({
    what: fc.constant("inside" as const),
    isNew: fc.boolean(),
    plans: fc.array(fc.tuple(key, tie("plan")), { maxLength: 5 }).map((plans) => new Map(plans)),
  }),
}));
const rootPlan = fc.array(fc.tuple(key, plan), { maxLength: 6 }).map((plans) => new Map(plans));

function carryOut(plans: Map<string, Plan>, isNew = false): Trees {
  const trees: Trees = { base: {}, one: {}, other: {}, result: {} };
  for (const [key, plan] of plans) {
    const set = (values: Partial<Trees>) => {
      for (const [name, value] of Object.entries(values)) {
        if (value !== undefined) put(trees[name as keyof Trees], key, structuredClone(value));
      }
    };
    // What is inside of something new was not there before.
    const ofBase = isNew ? undefined : (plan as { base?: unknown }).base;
    switch (plan.what) {
      case "nothing":
        set({ base: ofBase, one: ofBase, other: ofBase, result: ofBase });
        break;
      case "replaced":
      case "deleted": {
        const to = plan.what === "deleted" ? undefined : plan.to;
        // A change of a part of an object, or of what an array begins with, is no replacement.
        const after = typeof to === "object" && to !== null ? "replaced" : to;
        set({ base: ofBase, one: ofBase, other: ofBase, [plan.by]: after, result: after });
        if (after === undefined) delete trees[plan.by][key];
        break;
      }
      case "added":
        set({ [plan.by]: plan.to, result: plan.to });
        break;
      case "appended": {
        const base = isNew ? [] : plan.base!;
        const [one, other] = [[...base, "one", ...plan.one], [...base, "other", ...plan.other]];
        set({ base: isNew ? undefined : base, one, other });
        set({ result: [...other, "one", ...plan.one] });
        break;
      }
      case "read": {
        if (isNew) break;
        const added = [...plan.base, ...plan.appended];
        const read = plan.leaves ? [] : undefined;
        set({ base: plan.base, one: added, other: added, [plan.by]: read });
        if (!read) delete trees[plan.by][key];
        if (plan.appended.length > 0 || plan.leaves) set({ result: plan.appended });
        break;
      }
      case "inside": {
        const inside = carryOut(plan.plans, isNew || plan.isNew);
        set(isNew || plan.isNew ? { ...inside, base: undefined } : inside);
      }
    }
  }
  return trees;
}

const whichever = (left: unknown): unknown =>
  Array.isArray(left)
    ? left.map(whichever).map(text).sort()
    : typeof left === "object" && left !== null
    ? Object.entries(left).map(([key, value]) => [key, whichever(value)]).sort()
    : left;

const check = (property: fc.IRawProperty<unknown>) => fc.assert(property, { numRuns: 1_000 });

describe("a merge of any three trees", () => {
  it("loses none of two edits in different places, at any depth", () => {
    check(fc.property(rootPlan, (plan) => {
      const { base, one, other, result } = carryOut(plan);
      same(mergeTrees(base, one, other), result);
    }));
  });

  it("gives the same whoever saves first, but for the order of what both appended", () => {
    check(fc.property(rootPlan, (plan) => {
      const { base, one, other } = carryOut(plan);
      assertEquals(
        text(whichever(mergeTrees(base, one, other))),
        text(whichever(mergeTrees(base, other, one))),
      );
    }));
  });

  it("is exactly the edit where the other side did nothing", () => {
    check(fc.property(root, root, (base, edited) => {
      same(mergeTrees(base, edited, base), edited);
      same(mergeTrees(base, base, edited), edited);
    }));
  });

  it("changes nothing where nothing was changed", () => {
    check(fc.property(root, (base) => {
      same(mergeTrees(base, base, structuredClone(base)), base);
    }));
  });

  it("invents nothing: each value is one that a side has in the same place", () => {
    const paths = (tree: unknown, path = ""): string[] =>
      Array.isArray(tree)
        ? ["", ...tree.flatMap((one) => paths(one, `${path}[]`))]
        : typeof tree === "object" && tree !== null
        ? Object.entries(tree).flatMap(([key, one]) => paths(one, `${path}.${key}`))
        : [`${path}=${text(tree)}`];
    check(fc.property(root, root, root, (base, mine, kept) => {
      const known = new Set([...paths(mine), ...paths(kept)]);
      for (const path of paths(mergeTrees(base, mine, kept))) assert(known.has(path), path);
    }));
  });

  it("without lists is what a plain reference says", () => {
    const { object } = fc.letrec<{ value: unknown; object: Any }>((tie) => ({
      value: fc.oneof({ maxDepth: 4, depthSize: "small" }, leaf, tie("object")),
      object: fc.array(fc.tuple(key, tie("value")), { maxLength: 4 })
        .map((entries) => entries.reduce((object, [key, one]) => put(object, key, one), {})),
    }));
    check(fc.property(object, object, object, (base, mine, kept) => {
      same(mergeTrees(base, mine, kept), plainly.merge(base, mine, kept));
    }));
  });

  it("leaves the three as they are, and no prototype polluted", () => {
    check(fc.property(root, root, root, (...trees) => {
      const before = text(trees);
      mergeTrees(...trees as [Any, Any, Any]);
      assertEquals(text(trees), before);
      assertEquals(Object.getOwnPropertyNames({}), []);
      assertEquals(({} as Any).a, undefined);
    }));
  });
});

describe("plain objects", () => {
  it("are merged key by key at every level", () => {
    same(
      merged(
        { cart: { fruit: { apples: 1, pears: 1, figs: 1 } } },
        { cart: { fruit: { apples: 2, pears: 1 } } },
        { cart: { fruit: { apples: 1, pears: 2, figs: 1, plums: 1 } } },
      ),
      { cart: { fruit: { apples: 2, pears: 2, plums: 1 } } },
    );
  });

  it("that both made are merged as well", () => {
    same(merged({}, { cart: { a: 1, both: 1 } }, { cart: { b: 2, both: 2 } }), {
      cart: { a: 1, b: 2, both: 1 },
    });
  });

  it("that both made where there was null are merged, too; one of another kind is taken whole", () => {
    same(merged({ cart: null }, { cart: { a: 1 } }, { cart: { b: 2 } }), {
      cart: { a: 1, b: 2 },
    });
    same(merged({ cart: "none" }, { cart: { a: 1 } }, { cart: { b: 2 } }), { cart: { a: 1 } });
  });

  it("that one side deleted stay deleted if the other changed a part of them", () => {
    same(merged({ cart: { a: 1 } }, {}, { cart: { a: 2 } }), {});
    same(merged({ cart: { a: 1 } }, { cart: { a: 2 } }, {}), {});
    same(merged({ cart: { a: 1 } }, { cart: { a: 2 } }, { cart: null }), { cart: null });
    same(merged({ cart: { a: 1 } }, { cart: null }, {}), { cart: null });
  });

  it("with their keys in another order are unchanged", () => {
    same(merged({ at: [{ x: 1, y: 2 }] }, { at: [{ y: 2, x: 1 }] }, { at: 5 }), { at: 5 });
  });

  it("with a key more, less or of another name are changed", () => {
    for (const mine of [[{}], [{ x: 1, y: 2 }], [{ y: 1 }], [{ x: null }], [[1]]]) {
      same(merged({ at: [{ x: 1 }] }, { at: mine }, { at: [{ x: 1 }], n: 5 }), {
        at: mine,
        n: 5,
      });
    }
    for (const mine of [[{ is: 1 }], [[1]], [[1, 2, 3]], [[2, 1]], [["1", 2]]]) {
      same(merged({ at: [[1, 2]] }, { at: mine }, { at: [[1, 2]], n: 5 }), { at: mine, n: 5 });
    }
  });

  it("inside of which a key has the name of the cookie are no exception", () => {
    same(merged({ in: {} }, { in: { cookie: 1 } }, { in: { a: 1 } }), { in: { cookie: 1, a: 1 } });
    same(merged({ in: {} }, { in: { b: 1 } }, { in: { cookie: 1 } }), { in: { cookie: 1, b: 1 } });
  });
});

describe("arrays", () => {
  it("to which both only appended keep both appendices, that of the first save in front", () => {
    same(merged({ log: [1] }, { log: [1, "mine"] }, { log: [1, "kept"] }), {
      log: [1, "kept", "mine"],
    });
    same(merged({ log: [] }, { log: ["same"] }, { log: ["same"] }), { log: ["same", "same"] });
  });

  it("that both made keep both, equal or not", () => {
    for (const before of [{}, { flash: null }, { flash: 5 }]) {
      same(merged(before, { flash: ["mine"] }, { flash: ["kept"] }), { flash: ["kept", "mine"] });
      same(merged(before, { flash: ["hello", "mine"] }, { flash: ["hello"] }), {
        flash: ["hello", "hello", "mine"],
      });
      same(merged(before, { flash: ["hello"] }, { flash: ["hello"] }), {
        flash: ["hello", "hello"],
      });
    }
  });

  it("that one side replaced stay so, whatever the other appended", () => {
    same(merged({ log: [1] }, { log: [1, 2] }, { log: "none" }), { log: "none" });
    same(merged({ log: [1] }, { log: null }, { log: [1, 2] }), { log: null });
  });

  for (const [how, read] of [["emptied", { flash: [] }], ["deleted", {}]] as const) {
    it(`that one side ${how} keep what the other appended, and that only`, () => {
      const [base, added] = [{ flash: ["old"] }, { flash: ["old", "new"] }];
      same(merged(base, structuredClone(read), added), { flash: ["new"] });
      same(merged(base, structuredClone(added), read), { flash: ["new"] });
      same(merged(base, structuredClone(read), base), read);
      same(merged(base, structuredClone(base), read), read);
    });
  }

  it("keep all of twenty writers", () => {
    let kept: Any = {};
    for (let n = 0; n < 20; n++) kept = merged({}, { log: [n], cart: { [n]: n } }, kept);
    same(kept.log, Array.from({ length: 20 }, (_, n) => n));
    assertEquals(Object.keys(kept.cart).length, 20);
  });
});

describe("what a save would not keep is deleted", () => {
  const hidden = () => Object.defineProperty({}, "user", { value: 1, enumerable: false });
  for (
    const [how, mine] of [
      ["delete", {}],
      ["= undefined", { user: undefined }],
      ["a function", { user() {} }],
      ["a symbol", { user: Symbol() }],
      ["a toJSON that returns nothing", { user: { toJSON() {} } }],
      ["a key made non-enumerable", hidden()],
    ] as const
  ) {
    it(how, () => {
      same(merged({ user: 1, n: 0 }, { ...mine, n: 1 }, { user: 1, n: 0, more: 1 }), {
        n: 1,
        more: 1,
      });
      same(merged({ in: { user: 1 } }, { in: mine }, { in: { user: 1, more: 1 } }), {
        in: { more: 1 },
      });
    });
  }

  it("also on the Session of a request, which hides keys of the names it uses itself", () => {
    const request = { sessionStore: new session.MemoryStore(), sessionID: "a" };
    const base = { cookie: { path: "/" }, user: 1, save: 1, n: 0 } as Any;
    const live = request.sessionStore.createSession(request as Any, structuredClone(base)) as Any;
    live.user = undefined;
    const { merged } = merge(
      live,
      JSON.stringify(base),
      JSON.stringify({ ...base, n: 1 }),
      JSON,
    );
    const { cookie: _, ...data } = merged as Any;
    same(data, { n: 1 });
  });
});

describe("keys of dangerous names", () => {
  for (const name of ["__proto__", "constructor", "toString", "hasOwnProperty"]) {
    it(`${name} neither pollutes nor vanishes, at any depth`, () => {
      const of = (json: string) => JSON.parse(`{"in":{"${name}":${json}},"${name}":${json}}`);
      const result = mergeTrees(of('{"n":0}'), of('{"n":0,"mine":1}'), of('{"n":1}'));
      same(result, of('{"mine":1,"n":1}'));
      same(mergeTrees(of("1"), {}, of("1")), {});
      same(mergeTrees(of("1"), of("1"), { in: {} }), { in: {} });
      same(mergeTrees({}, of('{"n":0}'), {}), of('{"n":0}'));
      assertEquals([({} as Any).n, ({} as Any).mine], [undefined, undefined]);
    });
  }
});

describe("the result", () => {
  it("has the very cookie of the session, and the session as text beside it", () => {
    const mine = { cookie: new session.Cookie(), n: 1 } as unknown as SessionData;
    const kept = '{"cookie":{"path":"/kept"},"m":1}';
    const result = merge(mine, '{"cookie":{"path":"/"}}', kept, JSON);
    assertStrictEquals(result.merged.cookie, mine.cookie);
    assertEquals(result.text, JSON.stringify(mine));
    assertEquals(Object.keys(result.merged).sort(), ["cookie", "m", "n"]);
    assert(result.merged !== mine);
  });

  it("has no cookie if the session has none", () => {
    const mine = { n: 1 } as unknown as SessionData;
    const result = merge(mine, '{"cookie":{}}', '{"cookie":{}}', JSON);
    assertEquals(Object.keys(result.merged), ["n"]);
    assertEquals(Object.keys(merge(mine, "{}", '{"cookie":{}}', JSON).merged), ["n"]);
  });
});

/** What a serializer was given and asked for. */
function watched(serializer: Serializer) {
  const calls = { stringified: [] as SessionData[], parsed: 0 };
  const watch: Serializer = {
    stringify(session) {
      calls.stringified.push(session);
      return serializer.stringify(session);
    },
    parse(text) {
      calls.parsed++;
      return serializer.parse(text);
    },
  };
  return { calls, watch };
}

/** A serializer that revives what JSON can't write. */
const reviving: Serializer = {
  stringify: (session) =>
    JSON.stringify(session, function (this: Any, key, value) {
      const own = this[key];
      if (own instanceof Date) return { $: "Date", of: own.getTime() };
      if (own instanceof Map) return { $: "Map", of: [...own] };
      if (typeof own === "function") return { $: "Function", of: own() };
      if (typeof own === "bigint") return { $: "BigInt", of: String(own) };
      return value;
    }),
  parse: (text) =>
    JSON.parse(text, (_, value) => {
      if (value?.$ === "Date") return new Date(value.of);
      if (value?.$ === "Map") return new Map(value.of);
      if (value?.$ === "Function") return () => value.of;
      if (value?.$ === "BigInt") return BigInt(value.of);
      return value;
    }),
};

describe("values that are not plain JSON", () => {
  const of = (n: number) => ({
    date: new Date(n),
    map: new Map([["n", n]]),
    big: BigInt(n),
    in: { list: [new Date(n), new Date(0)] },
  });

  it("count as changed only if they consist of something else", () => {
    assertEquals(merged(of(1), of(1), of(2), reviving), of(2));
    assertEquals(merged(of(1), of(2), of(1), reviving), of(2));
    assertEquals(merged(of(1), of(2), of(3), reviving), {
      ...of(2),
      in: { list: [new Date(3), new Date(2), new Date(0)] },
    });
  });

  it("are found at any depth", () => {
    const at = (...days: number[]) => ({
      list: [{ days: days.map((day) => new Date(day)), last: new Date(days.at(-1)!) }],
    });
    assertEquals(merged(at(1), at(1), at(2), reviving), at(2));
    assertEquals(merged(at(1), at(2), at(1), reviving), at(2));
    assertEquals(merged(at(1), at(2), at(3), reviving), at(3, 2));
  });

  it("that show nothing of what they are, such as functions, count as changed", () => {
    const returning = (n: number) => ({ call: () => n });
    const result = (...all: [number, number, number]) =>
      merged(...all.map(returning) as [Any, Any, Any], reviving).call();
    assertEquals([result(1, 1, 2), result(1, 2, 1), result(1, 2, 3)], [1, 2, 2]);
  });

  it("are told apart one by one", () => {
    const many = (changed: number[], to: number) =>
      Object.fromEntries(
        Array.from({ length: 40 }, (_, n) => [`key${n}`, new Date(changed.includes(n) ? to : n)]),
      );
    const result = merged(many([], 0), many([3, 17], 1001), many([17, 18, 39], 1002), reviving);
    assertEquals(result, { ...many([18, 39], 1002), ...only(many([3, 17], 1001), [3, 17]) });
    function only(all: Record<string, unknown>, which: number[]) {
      return Object.fromEntries(which.map((n) => [`key${n}`, all[`key${n}`]]));
    }
  });

  it("in arrays: what was appended to is told by them too", () => {
    const list = (...days: number[]) => ({ list: days.map((day) => new Date(day)) });
    assertEquals(merged(list(1), list(1, 2), list(1, 3), reviving), list(1, 3, 2));
    assertEquals(merged({}, list(1, 2), list(1, 3), reviving), list(1, 3, 1, 2));
    assertEquals(merged(list(1), {}, list(1, 3), reviving), list(3));
    assertEquals(merged(list(1), list(2, 2), list(1, 3), reviving), list(3, 2, 2));
    assertEquals(merged(list(1), list(1, 2), list(4, 3), reviving), list(4, 3, 2));
  });

  it("that take the place of plain ones, or the reverse", () => {
    assertEquals(merged({ v: 1 }, { v: new Date(1) }, { v: 2 }, reviving), { v: new Date(1) });
    assertEquals(merged({ v: new Map() }, { v: {} }, { v: new Map([[1, 1]]) }, reviving), {
      v: {},
    });
    assertEquals(merged({ v: 1 }, { v: 1 }, { v: 5n }, reviving), { v: 5n });
  });

  it("cost the serializer nothing: it writes the session, and reads the three", () => {
    const { calls, watch } = watched(reviving);
    merged({ ...of(1), user: 1 }, { ...of(2), user: 1 }, { ...of(3), user: 1 }, watch);
    // Base and kept are written by the test itself.
    assertEquals([calls.stringified.length - 2, calls.parsed], [1, 3]);
  });

  it("are compared by their parts, their own keys, or what they stand for", () => {
    class Money {
      constructor(readonly amount: number) {}
    }
    class Secret {
      readonly #n: number;
      constructor(n: number) {
        this.#n = n;
      }
      get n() {
        return this.#n;
      }
    }
    const make: Record<string, (n: number) => unknown> = {
      date: (n) => new Date(n),
      "invalid date": (n) => n === 1 ? new Date(NaN) : new Date(n),
      map: (n) => new Map([[{ n }, [n]]]),
      set: (n) => new Set([{ n }]),
      bytes: (n) => new Uint8Array([0, n]),
      url: (n) => new URL(`https://example.com/${n}`),
      pattern: (n) => new RegExp(`a{${n}}`),
      error: (n) => new Error(`${n}`),
      text: (n) => Object(`${n}`),
      money: (n) => new Money(n),
      "money in a list": (n) => [new Money(n)],
      bigint: (n) => BigInt(n),
    };
    const labels = new Labels(1_000);
    for (const [name, of] of Object.entries(make)) {
      assert(labels.areEqual(of(1), of(1)), name);
      assert(!labels.areEqual(of(1), of(2)), name);
    }
    for (const [, one] of Object.entries(make)) {
      for (const [, other] of Object.entries(make)) {
        if (one !== other) assert(!labels.areEqual(one(1), other(1)));
      }
    }
    assert(!labels.areEqual(new Secret(1), new Secret(1)), "It may have changed");
  });

  it("have one hash if they are equal, whatever the order of their keys", () => {
    const reversed = (value: Any): Any =>
      Array.isArray(value)
        ? value.map(reversed)
        : typeof value === "object" && value && Object.getPrototypeOf(value) === Object.prototype
        ? Object.entries(value).reverse().reduce(
          (to, [key, one]) => put(to, key, reversed(one)),
          {},
        )
        : value;
    const more = fc.constantFrom<unknown>(
      new Date(1),
      new Map([["a", 1]]),
      new Set([1]),
      1n,
      NaN,
      0.1,
      2 ** 40,
      -1e300,
      "long ".repeat(50),
      undefined,
      Symbol.for("a"),
    );
    check(fc.property(fc.array(fc.oneof(tree, more), { maxLength: 4 }), (value) => {
      const values = new Labels(10_000);
      const other = reversed(value);
      assert(values.areEqual(value, other));
      for (const isExact of [false, true]) {
        const hash = values.hashOf(value, isExact);
        assert(hash !== undefined);
        assertEquals(values.hashOf(other, isExact), hash);
      }
    }));
  });

  it("circles that a serializer revives are taken whole", () => {
    const circles: Serializer = {
      stringify: ({ cookie, ...data }: Any) => JSON.stringify({ cookie, n: data.a?.n, m: data.m }),
      parse(text) {
        const { n, ...rest } = JSON.parse(text);
        const a: Any = { n };
        a.one = a;
        a.two = a;
        return { ...rest, a };
      },
    };
    const of = (n: number, m: number) => circles.parse(JSON.stringify({ n, m })) as Any;
    const result = merged(of(1, 1), of(1, 2), of(3, 1), circles);
    assertEquals([result.a.n, result.m, result.a.one === result.a], [3, 2, true]);
  });
});

describe("serializers of many kinds", () => {
  it("one that needs its fields merges like any other", () => {
    const needing: Serializer = {
      stringify: (session: Any) => JSON.stringify({ ...session, user: session.user.id }),
      parse(text) {
        const { user, ...rest } = JSON.parse(text);
        return { ...rest, user: { id: user } };
      },
    };
    const of = (id: number, data: Any) => ({ user: { id }, ...data });
    assertEquals(
      merged(of(1, { n: 0 }), of(1, { n: 1 }), of(2, { n: 0, m: 1 }), needing),
      of(2, { n: 1, m: 1 }),
    );
  });

  it("one that never writes the same text twice, such as an encrypting one, merges like any other", () => {
    let salt = 0;
    const salted = (inner: Serializer): Serializer => ({
      stringify: (session) => `${salt++}|${inner.stringify(session)}`,
      parse: (text) => inner.parse(text.slice(text.indexOf("|") + 1)),
    });
    same(merged({ n: 0, user: 1 }, { n: 1, user: 1 }, { n: 0, m: 1 }, salted(JSON)), {
      n: 1,
      m: 1,
    });
    assertEquals(
      merged({ n: 0, at: new Date(1) }, { n: 0, at: new Date(1) }, { n: 1, at: new Date(2) }, {
        ...salted(reviving),
      }),
      { n: 1, at: new Date(2) },
    );
  });

  it("one that makes sessions of a class of its own gets one back", () => {
    class Own {
      #secret = 5;
      get secret() {
        return this.#secret;
      }
    }
    const owning: Serializer = {
      stringify: (session) => JSON.stringify(session),
      parse: (text) => Object.assign(new Own(), JSON.parse(text)),
    };
    const base = '{"cookie":{},"n":0,"gone":1}';
    const { merged } = merge(
      Object.assign(new Own(), { n: 1 }) as Any,
      base,
      '{"cookie":{},"n":0,"gone":1,"m":1}',
      owning,
    );
    assertEquals((merged as Any).secret, 5);
    same({ ...merged }, { n: 1, m: 1 });
  });

  for (
    const [what, make] of [
      ["without a prototype", (value) => Object.assign(Object.create(null), value)],
      ["of another realm", (value) => Object.assign(runInNewContext("({})"), value)],
    ] as [string, (value: object) => object][]
  ) {
    it(`one that makes objects ${what} merges them key by key`, () => {
      const making: Serializer = {
        stringify: (session) => JSON.stringify(session),
        parse: (text) =>
          JSON.parse(
            text,
            (_, value) => typeof value === "object" && value !== null ? make(value) : value,
          ),
      };
      same(merged({ in: { a: 1, b: 1 } }, { in: { a: 2, b: 1 } }, { in: { a: 1, b: 2 } }, making), {
        in: { a: 2, b: 2 },
      });
    });
  }

  it("what it throws at the session is thrown", () => {
    const circular: Any = {};
    circular.self = circular;
    let thrown: unknown;
    try {
      merge(circular, "{}", "{}", JSON);
    } catch (error) {
      thrown = error;
    }
    assert(thrown instanceof TypeError);
  });
});

describe("size", () => {
  const many = (n: number, value: (n: number) => unknown): Any =>
    Object.fromEntries(Array.from({ length: n }, (_, i) => [`key${i}`, value(i)]));

  /**
   * How many times the processor time of `yardstick` some work takes: the best of five rounds.
   * Two to four on an idle machine; a busy one has other caches.
   */
  function timesAsLong(work: () => void, yardstick: () => void): number {
    const best = [Infinity, Infinity];
    for (let round = 0; round < 5; round++) {
      for (const [n, run] of [work, yardstick].entries()) {
        const start = process.cpuUsage();
        for (let i = 0; i < 5; i++) run();
        best[n] = Math.min(best[n], process.cpuUsage(start).user);
      }
    }
    return best[0] / best[1];
  }

  for (
    const [kind, value] of [
      ["numbers", (n) => n],
      ["objects", (n) => ({ n, text: `text ${n}` })],
      ["arrays", (n) => [n, n]],
    ] as [string, (n: number) => unknown][]
  ) {
    it(`10,000 ${kind} cost a few times what three parses cost`, () => {
      const base = { cookie: {}, ...many(10_000, value) };
      const [baseText, keptText] = [JSON.stringify(base), JSON.stringify({ ...base, kept: 1 })];
      const mine = { ...base, mine: 1 } as unknown as SessionData;
      const times = timesAsLong(
        () => merge(mine, baseText, keptText, JSON),
        () => [baseText, keptText, baseText].map((text) => JSON.parse(text)),
      );
      assert(times < 8, `${times} times as long as three parses`);
    });
  }

  it("a list costs at most five times three parses of it, or as much as to parse 2,000 lines", async () => {
    // In processes of their own: coverage slows this code, and not the parser.
    Deno.env.delete("DENO_COVERAGE_DIR");
    const least: Record<string, Record<string, number>> = {};
    for (const column of Object.keys(LISTS)) {
      await using child = await start(inDeno, { kind: "lists", store: OURS, column, count: 2 });
      const found: Record<string, number> = least[column] = {};
      for (let round = 0; round < 10; round++) {
        for (const [row, time] of Object.entries(await child.next())) {
          found[row] = Math.min(found[row] ?? Infinity, time);
        }
      }
    }
    const parses = (column: string) => least[column]["three JSON.parse of it, µs of CPU"];
    for (const [column, found] of Object.entries(least)) {
      // A busy machine has other caches.
      const limit = 1.4 * Math.max(5 * parses(column), parses("lines with ids"));
      for (const edits of Object.keys(EDITS)) {
        const merge = found[`a merge: ${edits}, µs of CPU`];
        assert(merge < limit, `${column}, ${edits}: ${merge} µs, beside ${parses(column)} µs`);
      }
    }
  });

  it("a tree of 3,000 levels, as JSON can still write it, is merged to the ground", () => {
    const deep = (value: unknown, isArray: boolean) => {
      for (let n = 0; n < 3_000; n++) value = isArray ? [value] : { in: value, n };
      return { deep: value };
    };
    const all = [{ a: 1 }, { a: 1, b: 1 }, { a: 2 }].map((one) => deep(one, false));
    assertEquals(
      JSON.stringify(merged(all[0], all[1], all[2])),
      JSON.stringify(deep({ a: 2, b: 1 }, false)),
    );
    assertEquals(
      JSON.stringify(merged(deep(1, true), deep(1, true), deep(2, true))),
      JSON.stringify(deep(2, true)),
    );
  });
});

describe("the cookie", () => {
  const DAY = 86_400_000;
  const base = {
    originalMaxAge: DAY,
    expires: "2026-01-02T00:00:00.000Z",
    httpOnly: true,
    path: "/",
  };
  const moved = { ...base, expires: "2026-01-02T00:01:00.000Z" };
  const remembered = {
    ...base,
    originalMaxAge: 30 * DAY,
    expires: "2026-01-31T00:00:00.000Z",
  };
  const browser = { ...base, originalMaxAge: null, expires: null };

  it("of a session that was loaded before it was made stays the saver's", () => {
    assertEquals(mergeCookies(undefined, base, remembered), undefined);
  });

  it("field by field: what the saver changed or deleted is the saver's, the rest as kept", () => {
    const { httpOnly: _, ...bare } = base;
    const lax = { ...base, sameSite: "lax" };
    assertEquals(mergeCookies(base, base, lax), lax);
    assertEquals(mergeCookies(lax, lax, base), base);
    assertEquals(mergeCookies(base, bare, lax), { ...bare, sameSite: "lax" });
    assertEquals(mergeCookies(base, { ...base, path: "/a" }, { ...lax, path: "/b" }), {
      ...lax,
      path: "/a",
    });
    assertEquals(mergeCookies(base, lax, base), undefined);
  });

  it("remember me of another request stays, though the date of this one moved", () => {
    assertEquals(mergeCookies(base, moved, remembered), remembered);
    assertEquals(mergeCookies(browser, browser, remembered), remembered);
    assertEquals(
      mergeCookies(remembered, { ...remembered, expires: "2026-02-01" }, browser),
      browser,
    );
  });

  it("a lifetime that the saver set is the saver's", () => {
    assertEquals(mergeCookies(base, remembered, moved), undefined);
    assertEquals(mergeCookies(base, remembered, browser), undefined);
    assertEquals(mergeCookies(remembered, browser, moved), undefined);
  });

  it("a date that moved on both sides is the saver's", () => {
    assertEquals(
      mergeCookies(base, moved, { ...base, expires: "2026-01-02T00:02:00.000Z" }),
      undefined,
    );
  });

  it("a date that the saver left alone stays as it is kept, whatever else the saver changed", () => {
    assertEquals(mergeCookies(base, base, moved), moved);
    assertEquals(mergeCookies(base, { ...base, path: "/a" }, moved), { ...moved, path: "/a" });
    assertEquals(mergeCookies(base, { ...base, originalMaxAge: 500 }, moved), {
      ...moved,
      originalMaxAge: 500,
    });
  });

  it("a lifetime that must stay is as it is kept, whatever the saver did", () => {
    for (const mine of [base, moved, browser]) {
      assertEquals(mergeCookies(base, mine, remembered, true), remembered);
      assertEquals(mergeCookies(undefined, mine, remembered, true), remembered);
    }
    assertEquals(mergeCookies(base, { ...browser, path: "/a" }, { path: "/" }, true), {
      path: "/a",
    });
    assertEquals(mergeCookies(base, base, base, true), undefined);
  });

  it("the lifetime is one thing: its date comes with it", () => {
    const result = mergeCookies(base, { ...moved, path: "/a" }, { ...remembered, sameSite: "lax" });
    assertEquals(result, { ...remembered, path: "/a", sameSite: "lax" });
  });

  it("a date alone, or a maxAge of plain data, counts as a lifetime", () => {
    const dated = { path: "/", expires: "2026-01-31T00:00:00.000Z" };
    assertEquals(mergeCookies({ path: "/" }, { path: "/" }, dated), dated);
    assertEquals(mergeCookies({ path: "/" }, { path: "/" }, { path: "/", maxAge: 5 }), {
      path: "/",
      maxAge: 5,
    });
    assertEquals(mergeCookies(dated, dated, { path: "/" }), { path: "/" });
    assertEquals(mergeCookies({ path: "/" }, dated, { path: "/" }), undefined);
    assertEquals(mergeCookies(browser, { ...browser, expires: false }, base), base);
  });

  it("a touch of express-session, which computes the lifetime anew, is no change", () => {
    const touched = { ...moved, originalMaxAge: DAY - 3 };
    assertEquals(mergeCookies(base, touched, remembered), remembered);
    assertEquals(mergeCookies(base, remembered, touched), undefined);
  });

  it("a lifetime set to a slightly other one, or a short one, is a change", () => {
    const lasting = (originalMaxAge: number) => ({
      ...base,
      originalMaxAge,
      expires: new Date(Date.parse(base.expires) - DAY + originalMaxAge).toISOString(),
    });
    assertEquals(mergeCookies(base, lasting(DAY - 5_000), remembered), undefined);
    assertEquals(mergeCookies(lasting(500), lasting(510), lasting(5_000)), undefined);
    assertEquals(mergeCookies(lasting(500), lasting(500), lasting(510)), lasting(510));
  });

  it("a field that only says that there is no lifetime is no change", () => {
    assertEquals(mergeCookies({ path: "/" }, { path: "/", originalMaxAge: null }, remembered), {
      ...remembered,
    });
  });

  it("is what a plain reference says", () => {
    const cookie = fc.record({
      originalMaxAge: fc.constantFrom(null, DAY, DAY - 3, 30 * DAY, 500, 510),
      expires: fc.constantFrom(null, false, "2026-01-02T00:00:00.000Z", 1767312000000),
      maxAge: fc.constantFrom(0, 5, null),
      path: fc.constantFrom("/", "/in"),
      sameSite: fc.constantFrom("lax", true),
    }, { requiredKeys: ["path"] });
    fc.assert(
      fc.property(cookie, cookie, cookie, fc.boolean(), (base, mine, kept, isPoll) => {
        same(
          mergeCookies(base, mine, kept, isPoll) ?? mine,
          plainly.mergeCookies(base, mine, kept, isPoll),
        );
      }),
      { numRuns: 3_000 },
    );
  });

  it("neither changes its parts nor pollutes", () => {
    const kept = JSON.parse('{"path":"/","__proto__":{"polluted":1}}');
    const result = mergeCookies({ path: "/" }, { path: "/" }, kept);
    assertEquals(JSON.stringify(result), '{"path":"/","__proto__":{"polluted":1}}');
    assertEquals(({} as Any).polluted, undefined);
  });
});
