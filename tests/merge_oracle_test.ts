/**
 * Merges of lists against an oracle. It never compares two lists to find out
 * what happened: each item has a name, it notes what each side does to which
 * item, and knows from that alone what has to be kept.
 *
 *     deno task test:merge 100000        as many cases as asked for
 */
import "./support/as_in_node.ts";
import { assert, assertEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import fc from "fast-check";
import { mergeTrees } from "../src/core/overlaps/merge_objects.ts";

// deno-lint-ignore no-explicit-any
type Any = any;

const numRuns = Number(Deno.args[0] ?? 3_000);

/** The two requests: the one that saves, and the one that saved before. */
type Side = "mine" | "kept";
const SIDES: Side[] = ["mine", "kept"];
const other = (side: Side): Side => side === "mine" ? "kept" : "mine";

/** How an item looks. Those of the first row are told by their id, wherever they stand. */
const BY_ID = ["id", "_id", "key", "text id"] as const;
const KINDS = [...BY_ID, "value", "number", "object", "list", "same id"] as const;
type Kind = typeof KINDS[number];

/** An item of a list, and what happened to it. */
interface Item {
  readonly name: number;
  readonly kind: Kind;
  readonly insertedBy?: Side | "both";
  readonly changedBy: Set<Side>;
  readonly movedBy: Set<Side>;
  readonly removedBy: Set<Side>;
}

function item(name: number, kind: Kind, insertedBy?: Side | "both"): Item {
  return {
    name,
    kind,
    ...insertedBy && { insertedBy },
    changedBy: new Set(),
    movedBy: new Set(),
    removedBy: new Set(),
  };
}

const hasId = ({ kind }: Item) => (BY_ID as readonly string[]).includes(kind);

/** Whether it is told apart from all others whatever happens to it. */
const isSure = (item: Item) => hasId(item) || item.kind === "value" || item.kind === "number";

/** The item as JSON, with the changes of `sides`. */
function show({ name, kind, changedBy, insertedBy }: Item, sides: Side[]): Any {
  const has = (side: Side) => sides.includes(side);
  const changes: Any = {};
  for (const side of sides) if (changedBy.has(side)) changes[side] = name;
  if (insertedBy === "both") { for (const side of sides) changes[`new ${side}`] = 1; }
  switch (kind) {
    case "id":
    case "_id":
    case "key":
      return { [kind]: name, qty: 1, ...changes };
    case "text id":
      return { id: String(name), qty: 1, ...changes };
    case "value":
      return `value ${name}`;
    case "number":
      return name;
    case "object":
      return { name, qty: 1, ...changes };
    case "same id":
      return { id: "same", name, ...changes };
    case "list":
      return [name, ...SIDES.filter((side) => has(side) && changedBy.has(side))];
  }
}

/** What a side does next. */
interface Edit {
  side: Side | "both";
  what: "insert" | "remove" | "change" | "move";
  at: number;
  to: number;
  kind: Kind;
}

/** Three lists, and what is known of them. */
interface Case {
  base: Item[];
  mine: Item[];
  kept: Item[];
}

/** Carries out edits, where the outcome is beyond doubt. */
function carryOut(kinds: Kind[], edits: Edit[]): Case {
  let name = 1;
  const base = kinds.flatMap((kind) =>
    // An id that two items have tells none of them.
    kind === "same id" ? [item(name++, kind), item(name++, kind)] : [item(name++, kind)]
  );
  const lists: Case = { base, mine: [...base], kept: [...base] };
  const hasSameId = kinds.includes("same id");
  for (const { side, what, at, to, kind } of edits) {
    if (what === "insert") {
      if (kind === "same id" && !hasSameId) continue;
      const isOfBoth = side === "both" && (BY_ID as readonly string[]).includes(kind);
      const made = item(name++, kind, isOfBoth ? "both" : side === "both" ? "mine" : side);
      if (made.insertedBy !== "kept") lists.mine.splice(to % (lists.mine.length + 1), 0, made);
      if (made.insertedBy === "kept" || isOfBoth) {
        lists.kept.splice(at % (lists.kept.length + 1), 0, made);
      }
      continue;
    }
    for (const one of side === "both" ? SIDES : [side]) {
      const list = lists[one];
      if (list.length === 0) continue;
      const found = list[at % list.length];
      if (found.insertedBy) continue;
      const theirs = other(one);
      const isTouched = found.changedBy.has(theirs) || found.movedBy.has(theirs) ||
        found.removedBy.has(theirs);
      // Whether an object without an id was edited, or removed beside another one that was
      // inserted, nobody can tell. If one side alone touched it, that makes no difference.
      if (isTouched && !isSure(found)) continue;
      if (what === "change") {
        if (found.kind !== "value" && found.kind !== "number") found.changedBy.add(one);
        continue;
      }
      list.splice(list.indexOf(found), 1);
      if (what === "remove") {
        found.removedBy.add(one);
      } else {
        found.movedBy.add(one);
        list.splice(to % (list.length + 1), 0, found);
      }
    }
  }
  return lists;
}

const of = (side: Side, list: Item[]) => list.map((item) => show(item, [side]));

/** What is left in the end, in no order. */
function left({ mine, kept }: Case): Item[] {
  return [...new Set([...mine, ...kept])].filter(({ removedBy }) => removedBy.size === 0);
}

const text = (value: unknown): string =>
  JSON.stringify(
    value,
    (_, one) =>
      typeof one === "object" && one !== null && !Array.isArray(one)
        ? Object.fromEntries(Object.entries(one).sort(([a], [b]) => a < b ? -1 : 1))
        : one,
  );
const sorted = (list: unknown[]) => list.map(text).sort();

/** Merges at a random depth. */
function mergeLists(lists: Case, depth: number): Any[] {
  const wrap = (list: Any): Any => depth === 0 ? list : depth === 1 ? { list } : { in: { list } };
  const base = lists.base.map((item) => show(item, []));
  const all = [base, of("mine", lists.mine), of("kept", lists.kept)].map(wrap);
  const before = text(all);
  const result = mergeTrees(all[0], all[1], all[2]) as Any;
  assertEquals(text(all), before, "the three are left as they are");
  return depth === 0 ? result : depth === 1 ? result.list : result.in.list;
}

const kinds = fc.array(fc.constantFrom(...KINDS), { maxLength: 9 });
const edit = (whats: Edit["what"][]): fc.Arbitrary<Edit> =>
  fc.record({
    side: fc.oneof(
      { weight: 4, arbitrary: fc.constantFrom<Side>("mine", "kept") },
      fc.constant("both" as const),
    ),
    what: fc.constantFrom(...whats),
    at: fc.nat(60),
    to: fc.nat(60),
    kind: fc.constantFrom(...KINDS),
  });
const depth = fc.integer({ min: 0, max: 2 });

function check<Values extends [unknown, ...unknown[]]>(
  property: fc.IPropertyWithHooks<Values>,
  examples: Values[] = [],
): void {
  fc.assert(property, { numRuns, examples });
}

/** Where each item of `items` stands in `result`, by how it looks in the end. */
function positions(result: Any[], items: Item[]): number[] {
  const texts = result.map(text);
  return items.map((item) => texts.indexOf(text(show(item, SIDES))));
}

/** The items that stand in the result as `side` has them, if the other side moved none. */
function inOrderOf(side: Side, lists: Case): Item[] {
  return lists[side].filter((item) => {
    if (item.removedBy.size > 0) return false;
    // What both inserted stands where it was saved first.
    if (item.insertedBy === "both") return side === "kept";
    // What the other one changed may be a removal and an insertion.
    return isSure(item) || !item.changedBy.has(other(side));
  });
}

const isRising = (numbers: number[]) => numbers.every((n, i) => i === 0 || numbers[i - 1] < n);

describe(`a merge of two lists, in ${numRuns} cases,`, () => {
  it("has each insertion and each change once, and nothing that was removed", () => {
    const edits = fc.array(edit(["insert", "remove", "change", "move"]), { maxLength: 9 });
    check(fc.property(kinds, edits, depth, (kinds, edits, depth) => {
      const lists = carryOut(kinds, edits);
      assertEquals(
        sorted(mergeLists(lists, depth)),
        sorted(left(lists).map((item) => show(item, SIDES))),
      );
    }));
  });

  it("has the items in an order that both sides have, if none was moved", () => {
    const edits = fc.array(edit(["insert", "remove", "change"]), { maxLength: 9 });
    check(fc.property(kinds, edits, depth, (kinds, edits, depth) => {
      const lists = carryOut(kinds, edits);
      const result = mergeLists(lists, depth);
      for (const side of SIDES) {
        const own = positions(result, inOrderOf(side, lists));
        assert(isRising(own), `as ${side} has it: ${text(result)}`);
      }
    }));
  });

  it("keeps one side's order whatever it moved, if the other moved nothing", () => {
    const edits = fc.array(edit(["insert", "remove", "change", "move"]), { maxLength: 9 });
    check(
      fc.property(kinds, edits, depth, fc.constantFrom(...SIDES), (kinds, edits, depth, mover) => {
        const lists = carryOut(
          kinds,
          edits.filter(({ what, side }) => what !== "move" || side === mover),
        );
        const result = mergeLists(lists, depth);
        const own = positions(result, inOrderOf(mover, lists));
        assert(isRising(own), `as ${mover} has it: ${text(result)}`);
      }),
    );
  });

  it("puts what both moved where the saver did", () => {
    check(fc.property(kinds, fc.nat(60), fc.nat(60), fc.nat(60), (kinds, at, to, there) => {
      const edits: Edit[] = [
        { side: "kept", what: "move", at, to: there, kind: "value" },
      ];
      const lists = carryOut(kinds, edits);
      if (lists.base.length === 0) return;
      const moved = lists.base[at % lists.base.length];
      lists.mine = lists.mine.filter((one) => one !== moved);
      lists.mine.splice(to % (lists.mine.length + 1), 0, moved);
      // Next to its place of old, it could as well be the neighbour that was moved.
      const far = (list: Item[]) => Math.abs(list.indexOf(moved) - lists.base.indexOf(moved)) > 1;
      if (!far(lists.mine) || !far(lists.kept)) return;
      assertEquals(mergeLists(lists, 0), of("mine", lists.mine));
    }));
  });

  it("has of a list that one side emptied what the other appended, and nothing that it changed", () => {
    const edits = fc.array(edit(["insert", "change"]), { maxLength: 9 });
    check(
      fc.property(kinds, edits, depth, fc.constantFrom(...SIDES), (kinds, edits, depth, editor) => {
        const lists = carryOut(kinds, edits.map((edit) => ({ ...edit, side: editor })));
        const appended = lists[editor].filter(({ insertedBy }) => insertedBy);
        const emptied: Case = { base: lists.base, mine: [], kept: [] };
        emptied[editor] = [...lists[editor].filter(({ insertedBy }) => !insertedBy), ...appended];
        assertEquals(mergeLists(emptied, depth), of(editor, appended));
      }),
    );
  });

  it("is the same whoever saves first, but for the order of what both inserted in one place", () => {
    const edits = fc.array(edit(["insert", "remove", "change"]), { maxLength: 9 });
    check(fc.property(kinds, edits, (kinds, edits) => {
      const lists = carryOut(kinds, edits.filter(({ side }) => side !== "both"));
      const stays = new Set(
        lists.base.filter((item) => item.removedBy.size + item.changedBy.size === 0)
          .map((item) => text(show(item, []))),
      );
      const normal = (result: Any[]) => {
        const parts: string[][] = [[]];
        for (const one of result.map(text)) {
          if (stays.has(one)) parts.push([one], []);
          else parts.at(-1)!.push(one);
        }
        return parts.map((part) => part.sort());
      };
      const base = lists.base.map((item) => show(item, []));
      const [mine, kept] = [of("mine", lists.mine), of("kept", lists.kept)];
      assertEquals(
        normal(mergeTrees(base, mine, kept) as Any[]),
        normal(mergeTrees(base, kept, mine) as Any[]),
      );
    }));
  });

  it("has all that was inserted, however often the same stands there", () => {
    const value = fc.constantFrom<Any>("tea", 1, { name: "tea" }, [1]);
    const inserts = fc.array(fc.tuple(fc.nat(30), value), { maxLength: 6 });
    check(
      fc.property(fc.array(value, { maxLength: 8 }), inserts, inserts, (base, byMe, byOthers) => {
        const edited = (inserts: [number, Any][]) => {
          const list = [...base];
          for (const [at, value] of inserts) list.splice(at % (list.length + 1), 0, value);
          return list;
        };
        assertEquals(
          sorted(mergeTrees(base, edited(byMe), edited(byOthers)) as Any[]),
          sorted([...base, ...byMe.map(([, value]) => value), ...byOthers.map(([, v]) => v)]),
        );
      }),
    );
  });

  it("is exactly what one side made of it, if the other changed nothing", () => {
    const value = fc.oneof(
      fc.constantFrom<Any>("tea", 1, null, { id: 1 }, { id: 1, n: 1 }, { id: "1" }, [1], []),
      fc.constantFrom<Any>({ n: 1 }, { n: 1, m: 1 }, { _id: 1 }, { key: 1, id: null }, [[1]], {}),
    );
    const list = fc.array(value, { maxLength: 7 });
    check(fc.property(list, list, (base, edited) => {
      assertEquals(mergeTrees(base, edited, structuredClone(base)), edited);
      assertEquals(mergeTrees(base, structuredClone(base), edited), edited);
    }));
  });

  it("has nothing that neither side has, of lists that have little in common", () => {
    const value = fc.constantFrom<Any>("tea", 1, null, { id: 1, a: 1 }, { id: 1, b: 1 }, [1], {
      id: 2,
    }, { a: 1 });
    const list = fc.array(value, { maxLength: 7 });
    const parts = (value: Any): string[] =>
      Array.isArray(value)
        ? value.flatMap(parts)
        : typeof value === "object" && value
        ? Object.entries(value).map(text)
        : [text(value)];
    check(fc.property(list, list, list, (base, mine, kept) => {
      const result = mergeTrees(base, mine, kept) as Any[];
      const known = new Set([mine, kept].flatMap(parts));
      for (const part of parts(result)) assert(known.has(part), part);
    }));
  });
});
