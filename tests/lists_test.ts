/** Overlapping changes of one list: over HTTP, and rule by rule. */
import { assertEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { Labels } from "../src/core/overlaps/labels.ts";
import { mergeLists } from "../src/core/overlaps/merge_lists.ts";
import { mergeTrees } from "../src/core/overlaps/merge_objects.ts";
import { type Kept, Site } from "./support/http.ts";
import { keptData, Requests, save } from "./support/requests.ts";
import { Lembro } from "./support/setup.ts";

// deno-lint-ignore no-explicit-any
type Any = any;

const TWENTY = Array.from({ length: 20 }, (_, n) => n);

for (const resave of [false, true]) {
  describe(`a list in overlapping requests, with resave: ${resave},`, () => {
    /** Runs `slow` in one tab, `quick` in another one meanwhile, and returns what is kept. */
    async function overlap(before: object, quick: (kept: Any) => void, slow: (kept: Any) => void) {
      const site = new Site({ resave });
      await using _ = site;
      site.on("/start", (kept) => void Object.assign(kept, before));
      site.on("/quick", (kept) => void quick(kept));
      site.on("/kept", ({ cookie: _, ...kept }) => kept);
      const gate = site.slow("/slow", (kept) => void slow(kept));
      const visitor = await site.visitor();
      await visitor.get("/start");
      const waiting = visitor.tab().get("/slow");
      await gate.started;
      await visitor.get("/quick");
      gate.go();
      await waiting;
      return await visitor.get<Any>("/kept");
    }

    const cart = (...lines: [id: number, qty: number][]) => ({
      cart: lines.map(([id, qty]) => ({ id, qty })),
    });

    it("keeps the lines of a cart that two tabs changed", async () => {
      const kept = await overlap(
        cart([1, 1], [2, 1], [3, 1]),
        ({ cart }) => cart[0].qty = 5,
        ({ cart }) => cart[2].qty = 7,
      );
      assertEquals(kept, cart([1, 5], [2, 1], [3, 7]));
    });

    it("keeps the changes of two lines without an id", async () => {
      const lines = (...lines: [sku: string, qty: number][]) => ({
        cart: lines.map(([sku, qty]) => ({ sku, qty })),
      });
      const kept = await overlap(
        lines(["tea", 1], ["milk", 1], ["bread", 1]),
        ({ cart }) => cart[0].qty = 5,
        ({ cart }) => cart[2].qty = 7,
      );
      assertEquals(kept, lines(["tea", 5], ["milk", 1], ["bread", 7]));
    });

    it("keeps the change of a line to which another request gives its id", async () => {
      const cart = (...lines: Any[]) => ({ cart: lines });
      const edit = ({ cart }: Any) => cart[0].qty = 5;
      const [milk, given] = [{ sku: "milk", qty: 1 }, { sku: "tea", qty: 5, id: 7 }];
      const give = ({ cart }: Any) => cart[0].id = 7;
      for (const [quick, slow] of [[edit, give], [give, edit]]) {
        const kept = await overlap(cart({ sku: "tea", qty: 1 }, milk), quick, slow);
        assertEquals(kept, cart(given, milk));
      }
      assertEquals(
        await overlap(cart({ sku: "tea", qty: 5 }, milk), give, give),
        cart(given, milk),
        "both give it the same",
      );
    });

    it("has a line that one tab added, and not the one that another removed", async () => {
      const remove = ({ cart }: Any) => cart.splice(0, 1);
      const add = ({ cart }: Any) => cart.push({ id: 4, qty: 1 });
      const before = cart([1, 1], [2, 1], [3, 1]);
      const after = cart([2, 1], [3, 1], [4, 1]);
      assertEquals(await overlap(before, remove, add), after);
      assertEquals(await overlap(before, add, remove), after);
    });

    it("is shifted by one request and appended to by another", async () => {
      const [shift, push] = [({ list }: Any) => list.shift(), ({ list }: Any) => list.push("c")];
      for (const [quick, slow] of [[shift, push], [push, shift]]) {
        assertEquals(await overlap({ list: ["a", "b"] }, quick, slow), { list: ["b", "c"] });
      }
    });

    it("has what both put at its front", async () => {
      const kept = await overlap(
        { viewed: [1, 2, 3] },
        ({ viewed }) => viewed.unshift(4),
        ({ viewed }) => viewed.unshift(5),
      );
      assertEquals(kept, { viewed: [4, 5, 1, 2, 3] });
    });

    it("that a checkout deletes stays deleted, whatever another tab changes in it", async () => {
      const kept = await overlap(
        { ...cart([1, 1], [2, 1]), n: 0 },
        (kept) => delete kept.cart,
        ({ cart }) => cart[0].qty = 5,
      );
      assertEquals(kept, { n: 0 });
    });

    it("that a checkout empties has no line that another tab changes, but each that it adds", async () => {
      const lines = (...lines: [sku: string, qty: number][]) => ({
        cart: lines.map(([sku, qty]) => ({ sku, qty })),
      });
      const checkout = (kept: Any) => kept.cart = [];
      const change = ({ cart }: Any) => {
        cart[0].qty = 5;
        cart.push({ sku: "bread", qty: 2 });
      };
      for (const [quick, slow] of [[checkout, change], [change, checkout]]) {
        const kept = await overlap(lines(["tea", 1], ["milk", 1]), quick, slow);
        assertEquals(kept, lines(["bread", 2]));
      }
    });

    it("as a ring of ten tokens has each that twenty requests push, the newest at its end", async () => {
      const site = new Site({ resave });
      await using _ = site;
      const waiting: (() => void)[] = [];
      const ring = (kept: Kept) => kept.tokens as string[];
      site.on("/start", (kept) => kept.tokens = TWENTY.slice(0, 10).map((n) => `old ${n}`));
      site.on("/tokens", (kept) => ring(kept));
      site.on("/token/:n", async (kept, { params }) => {
        await new Promise<void>((resolve) => {
          waiting.push(resolve);
          if (waiting.length === TWENTY.length) { for (const go of waiting) go(); }
        });
        ring(kept).push(`new ${params.n}`);
        if (ring(kept).length > 10) ring(kept).shift();
      });
      site.on("/trim", (kept) => {
        ring(kept).push("last");
        while (ring(kept).length > 10) ring(kept).shift();
      });
      const visitor = await site.visitor();
      await visitor.get("/start");
      await Promise.all(TWENTY.map((n) => visitor.tab().get(`/token/${n}`)));
      const tokens = await visitor.get<string[]>("/tokens");
      // All of them have shifted the same one.
      assertEquals(tokens.slice(0, 9), TWENTY.slice(1, 10).map((n) => `old ${n}`));
      assertEquals(tokens.slice(9).sort(), TWENTY.map((n) => `new ${n}`).sort());
      await visitor.get("/trim");
      assertEquals(await visitor.get("/tokens"), [...tokens.slice(-9), "last"]);
    });
  });
}

describe("a merge of lists", () => {
  const [tea, milk, bread] = ["tea", "milk", "bread"].map((sku) => ({
    sku,
    price: sku.length,
    qty: 1,
  }));
  const [jam, rice] = ["jam", "rice"].map((name, n) => ({ name, size: n }));
  /** One side edits a list that the other one empties. */
  const eitherWay = (base: Any, edited: Any, result: Any): [Any, Any, Any, Any][] => [
    [base, edited, [], result],
    [base, [], edited, result],
  ];
  const cases: Record<string, [base: Any, mine: Any, kept: Any, result: Any][]> = {
    "keeps what both inserted at one place, that of the first save in front": [
      [[1], [1, 3], [1, 2], [1, 2, 3]],
      [[1, 9], [1, 3, 9], [1, 2, 9], [1, 2, 3, 9]],
      [[1], [1, 2], [1, 2], [1, 2, 2]],
      [[], [{ a: 1 }], [{ a: 1 }], [{ a: 1 }, { a: 1 }]],
    ],
    "takes an item for appended that equals the last one, though a side edited others": [
      [[{ id: 1 }, "a"], [{ id: 1, n: 2 }, "a", "a"], [{ id: 1 }, "a", "b"], [
        { id: 1, n: 2 },
        "a",
        "b",
        "a",
      ]],
      [[{ id: 1 }, tea], [{ id: 1, n: 2 }, tea, tea], [{ id: 1 }, { ...tea, qty: 2 }], [
        { id: 1, n: 2 },
        { ...tea, qty: 2 },
        tea,
      ]],
      [[tea, milk], [{ ...tea, qty: 2 }, milk, milk], [{ ...tea, price: 9 }, milk], [
        { ...tea, qty: 2, price: 9 },
        milk,
        milk,
      ]],
      [[1, 3, 5], [2, 3, 5, 3, 5], [1, 3, 5, 4], [2, 3, 5, 4, 3, 5]],
    ],
    "removes and inserts a value that is no object": [
      [[1, 2, 3], [1, 4, 3], [1, 5, 3], [1, 5, 4, 3]],
      [[1, 2, 3], [1, 4, 3], [1, 3], [1, 4, 3]],
    ],
    "merges an object that both changed inside": [
      [[{ n: 1 }], [{ n: 2 }], [{ n: 1, m: 1 }], [{ n: 2, m: 1 }]],
      [[0, { a: { b: 1, c: 1 } }, 0], [0, { a: { b: 2, c: 1 } }, 0], [0, { a: { b: 1 } }, 0], [
        0,
        { a: { b: 2 } },
        0,
      ]],
      [[{ id: 1, tags: ["a"] }], [{ id: 1, tags: ["a", "b"] }], [{ id: 1, tags: ["a", "c"] }], [
        { id: 1, tags: ["a", "c", "b"] },
      ]],
    ],
    "merges a list that both changed inside": [
      [[[1], "x"], [[1, 2], "x"], [[1, 3], "x"], [[1, 3, 2], "x"]],
      [[[[1]]], [[[1, 2]]], [[[1, 3]]], [[[1, 3, 2]]]],
    ],
    "lets a removal win over an edit and a move": [
      [[{ id: 1, n: 1 }, 5], [{ id: 1, n: 2 }, 5], [5], [5]],
      [[{ id: 1, n: 1 }, 5], [5], [{ id: 1, n: 2 }, 5], [5]],
      [[{ n: 1 }, 5], [5], [{ n: 2 }, 5], [5]],
      [[1, 2, 3], [2, 3, 1], [2, 3], [2, 3]],
      [[1, 2, 3], [2, 3], [2, 3, 1], [2, 3]],
    ],
    "applies a move of one side to what the other made of the list": [
      [[1, 2, 3, 4], [4, 1, 2, 3], [1, 2, 3, 4, 5], [4, 1, 2, 3, 5]],
      [[1, 2, 3, 4], [0, 1, 2, 3, 4], [2, 3, 4, 1], [0, 2, 3, 4, 1]],
      [[{ id: 1, n: 1 }, 2, 3], [{ id: 1, n: 5 }, 2, 3], [2, 3, { id: 1, n: 1 }], [
        2,
        3,
        { id: 1, n: 5 },
      ]],
    ],
    "puts what both moved once, where the saver did": [
      [[1, 2, 3, 4, 5], [2, 3, 1, 4, 5], [2, 3, 4, 5, 1], [2, 3, 1, 4, 5]],
    ],
    "tells objects by id, _id or key, wherever they stand": [
      ...["id", "_id", "key"].map((key): [Any, Any, Any, Any] => [
        [{ [key]: "a", n: 1 }, { [key]: "b", n: 1 }],
        [{ [key]: "b", n: 1 }, { [key]: "a", n: 2 }],
        [{ [key]: "a", n: 1, m: 1 }, { [key]: "b", n: 3 }],
        [{ [key]: "b", n: 3 }, { [key]: "a", n: 2, m: 1 }],
      ]),
    ],
    "takes an id that both inserted for one item, at the first one's place": [
      [[], [{ id: 1, qty: 2 }], [{ id: 1, note: "x" }], [{ id: 1, note: "x", qty: 2 }]],
      [[5], [5, { id: 1 }], [{ id: 1 }, 5], [{ id: 1 }, 5]],
      [[tea, 5], [{ ...tea, id: 1 }, 5], [tea, 5, { id: 1, n: 2 }], [5, { ...tea, id: 1, n: 2 }]],
    ],
    "tells a number from a string, and nothing by an id that stands there twice": [
      [[], [{ id: 1 }], [{ id: "1" }], [{ id: "1" }, { id: 1 }]],
      [[{ id: 1, n: 1 }, { id: 1, n: 2 }], [{ id: 1, n: 2 }], [
        { id: 1, n: 1 },
        { id: 1, n: 2 },
        { id: 1, n: 3 },
      ], [{ id: 1, n: 2 }, { id: 1, n: 3 }]],
      [[5, { id: 1 }], [{ id: 1, n: 3 }, 5, { id: 1 }], [{ id: 1, n: 4 }, 5, { id: 1 }], [
        { id: 1, n: 4 },
        { id: 1, n: 3 },
        5,
        { id: 1 },
      ]],
    ],
    "takes a change beside what the other side touched for a removal and an insertion": [
      [[{ n: 1 }, { n: 2 }, 0], [{ n: 5 }, { n: 2 }, 0], [0], [{ n: 5 }, 0]],
      [[{ n: 1 }, { n: 2 }], [{ n: 3 }, { n: 4 }], [{ n: 1, m: 1 }, { n: 2 }], [
        { n: 1, m: 1 },
        { n: 3 },
        { n: 4 },
      ]],
    ],
    "takes a change of a list that the other side emptied for one of what was removed": [
      ...eitherWay([{ n: 1 }, { n: 2 }], [{ n: 5 }, { n: 2 }], []),
      ...eitherWay([[1], [2]], [[1], [2, 3]], []),
      ...eitherWay([tea, milk], [{ ...tea, qty: 5 }, { ...milk, qty: 5 }], []),
      ...eitherWay([tea, milk, bread], [{ ...tea, qty: 5 }], []),
      ...eitherWay([tea, milk, bread], [tea, { ...bread, qty: 5 }], []),
    ],
    "keeps what a side inserted beside that": [
      ...eitherWay([tea, milk], [tea, { ...milk, qty: 5 }, bread], [bread]),
      ...eitherWay([tea, milk], [bread, { ...tea, qty: 5 }, milk], [bread]),
      ...eitherWay([tea, milk], [tea, bread, { ...milk, qty: 5 }], [bread]),
      ...eitherWay([tea], [{ ...tea, qty: 5 }, bread, milk], [bread, milk]),
      ...eitherWay([tea, 1], [{ ...tea, qty: 5 }, 2], [2]),
    ],
    "keeps all that a side put in the place of a list that the other side emptied": [
      ...eitherWay([tea, milk], [jam, rice], [jam, rice]),
      ...eitherWay([{ n: 1 }, { n: 2 }], [{ n: 3 }, { n: 4 }], [{ n: 3 }, { n: 4 }]),
      ...eitherWay(["a", "b"], ["c", "b"], ["c"]),
      ...eitherWay([tea, milk], [jam, rice, bread], [jam, rice, bread]),
      ...eitherWay([{ id: 1 }, { id: 2 }], [{ id: 1 }, { id: 3 }], [{ id: 3 }]),
    ],
    "leaves what is no longer a list so": [
      [[1], "none", [1, 2], "none"],
      [[1], [1, 2], { a: 1 }, { a: 1 }],
    ],
  };
  for (const [name, all] of Object.entries(cases)) {
    it(name, () => {
      for (const [base, mine, kept, result] of all) {
        assertEquals(mergeTrees({ base }, { base: mine }, { base: kept }), { base: result });
      }
    });
  }
});

describe("the entries of a Map or a Set that a serializer revives", () => {
  /** Writes `Map`s and `Set`s as arrays of their entries. */
  const serializer = {
    stringify: (session: object) =>
      JSON.stringify(
        session,
        (_, value) =>
          value instanceof Map
            ? { $map: [...value] }
            : value instanceof Set
            ? { $set: [...value] }
            : value,
      ),
    parse: (text: string) =>
      JSON.parse(
        text,
        (_, value) => value?.$map ? new Map(value.$map) : value?.$set ? new Set(value.$set) : value,
      ),
  };

  async function overlap(before: object, quick: (kept: Any) => void, slow: (kept: Any) => void) {
    using store = new Lembro({ serializer });
    const requests = new Requests(store);
    const { sessionID } = await requests.create({ ...before });
    const [first, then] = [await requests.load(sessionID), await requests.load(sessionID)];
    quick(first.session);
    slow(then.session);
    await save(first);
    await save(then);
    return await keptData(store, sessionID);
  }

  it("are merged by their keys, at every level", async () => {
    const kept = await overlap(
      { cart: new Map<string, Any>([["tea", { qty: 1, note: "" }], ["milk", { qty: 1 }]]) },
      ({ cart }) => {
        cart.get("tea").qty = 2;
        cart.set("bread", { qty: 1 });
      },
      ({ cart }) => {
        cart.get("tea").note = "green";
        cart.delete("milk");
      },
    );
    assertEquals(kept, {
      cart: new Map<string, Any>([["tea", { qty: 2, note: "green" }], ["bread", { qty: 1 }]]),
    });
  });

  it("of a Map with objects as keys are known by what these consist of", async () => {
    const kept = await overlap(
      { seats: new Map([[{ row: 1 }, "ada"], [{ row: 2 }, "eve"]]) },
      ({ seats }) => seats.clear(),
      ({ seats }) => seats.set({ row: 3 }, "bob"),
    );
    assertEquals(kept, { seats: new Map([[{ row: 3 }, "bob"]]) });
  });

  it("of a Set stay if one side added them, and go if one removed them", async () => {
    const kept = await overlap(
      { roles: new Set(["user", "guest", "test"]) },
      ({ roles }) => void roles.add("admin").delete("guest"),
      ({ roles }) => void roles.add("editor").add("admin").delete("test"),
    );
    assertEquals(kept, { roles: new Set(["user", "admin", "editor"]) });
  });

  it("are kept of both if there was none, and stay away if one side deleted the whole", async () => {
    const both = await overlap(
      { old: new Set([1]) },
      (kept) => {
        kept.set = new Set([1]);
        kept.map = new Map([["a", 1]]);
        delete kept.old;
      },
      (kept) => {
        kept.set = new Set([2]);
        kept.map = new Map([["b", 2]]);
        kept.old.add(2);
      },
    );
    assertEquals(both, { set: new Set([1, 2]), map: new Map([["a", 1], ["b", 2]]) });
  });
});

describe("a list that is too long to be merged", () => {
  async function overlap(list: unknown[], quick: (list: Any) => void, slow: (list: Any) => void) {
    using store = new Lembro({ maxSize: "64M" });
    const requests = new Requests(store);
    const { sessionID } = await requests.create({ list });
    const [first, then] = [await requests.load(sessionID), await requests.load(sessionID)];
    quick(first.session.list);
    slow(then.session.list);
    await save(first);
    await save(then);
    const kept = (await keptData(store, sessionID))!.list as unknown[];
    return { kept, ...store.stats() };
  }
  const push = (item: unknown) => (list: Any) => void list.push(item);
  const numbers = (length: number) => Array.from({ length }, (_, n) => n);

  it("has more than 2,000 items: it is taken whole, and counted", async () => {
    const merged = await overlap(numbers(1_999), push(-1), (list) => list.unshift(-2));
    assertEquals(merged.kept, [-2, ...numbers(1_999), -1]);
    assertEquals([merged.listsTakenWhole, merged.merges], [0, 1]);
    const whole = await overlap(numbers(2_000), push(-1), push(-2));
    assertEquals(whole.kept, [...numbers(2_000), -2]);
    assertEquals([whole.listsTakenWhole, whole.merges], [1, 1]);
  });

  it("is not counted if one side alone changed it", async () => {
    for (const n of [0, 1]) {
      const edit = (list: Any) => list.push("new");
      const nothing = () => {};
      const { kept, listsTakenWhole } = await overlap(
        numbers(3_000),
        n ? edit : nothing,
        n ? nothing : edit,
      );
      assertEquals([kept.length, listsTakenWhole], [3_001, 0]);
    }
  });

  it("or repeats the same values is merged up to a hundred changes of these", async () => {
    const repeated = numbers(1_500).map((n) => n % 3);
    const merged = await overlap(
      repeated,
      (list) => list.splice(700, 40),
      (list) => list.push("new"),
    );
    assertEquals([merged.kept.length, merged.listsTakenWhole], [1_461, 0]);
    const whole = await overlap(
      repeated,
      (list) => list.splice(0, 1_500, ...numbers(1_500).map((n) => (n >> 1) % 3)),
      (list) => list.push("new"),
    );
    assertEquals([whole.kept.length, whole.listsTakenWhole], [1_501, 1]);
  });

  it("is merged beyond that if three quarters of it stand where they stood, as on a board", async () => {
    const board = Array<number>(1_500).fill(0);
    const set = (start: number, step: number, value: number) => (list: Any) => {
      for (let n = start; n < list.length; n += step) list[n] = value;
    };
    const { kept, listsTakenWhole } = await overlap(board, set(0, 10, 1), set(5, 10, 2));
    assertEquals(kept, board.map((_, n) => n % 10 === 0 ? 1 : n % 10 === 5 ? 2 : 0));
    assertEquals(listsTakenWhole, 0);
    const whole = await overlap(board, set(0, 3, 1), set(0, 2, 2));
    assertEquals([whole.kept[2], whole.kept[3], whole.listsTakenWhole], [2, 0, 1]);
  });

  it("or has hundreds of items that were made to have one hash is not merged", () => {
    class Alike extends Labels {
      override hashOf() {
        return 1;
      }
    }
    const merged = (length: number) =>
      mergeLists(
        numbers(length),
        numbers(length).reverse(),
        [...numbers(length), -1],
        new Alike(Infinity),
      );
    assertEquals(merged(8), { items: [...numbers(8).reverse(), -1], open: [] });
    assertEquals(merged(500), undefined);
  });

  it("is merged if its texts are long, and differ in a few characters somewhere", async () => {
    const text = (n: number) => `${"a".repeat(5_000)}${String(n).padStart(3)}${"b".repeat(4_000)}`;
    const texts = numbers(100).map(text);
    const { kept, listsTakenWhole } = await overlap(
      texts,
      (list) => list.splice(50, 1),
      (list) => list.reverse(),
    );
    assertEquals(kept, texts.toSpliced(50, 1).reverse());
    assertEquals(listsTakenWhole, 0);
  });

  it("or lies in hundreds of other lists is taken whole, for the time is the square of these", async () => {
    const within = (depth: number, item: unknown): unknown[] =>
      depth === 0 ? [item] : [{ in: within(depth - 1, item) }];
    const inmost = (list: Any): Any => list[0].in ? inmost(list[0].in) : list;
    const add = (item: string) => (list: Any) => void inmost(list).push(item);
    for (const [depth, isWhole] of [[50, false], [2_000, true]] as const) {
      const { kept, listsTakenWhole } = await overlap(within(depth, "a"), add("b"), add("c"));
      assertEquals(inmost(kept), isWhole ? ["a", "c"] : ["a", "b", "c"], `${depth}`);
      assertEquals(listsTakenWhole, isWhole ? 1 : 0);
    }
  });
});
