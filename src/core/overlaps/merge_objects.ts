// @ts-types="npm:@types/express-session@^1.18.0"
import type { SessionData } from "express-session";
import { isObject } from "../../util/errors.ts";
import type { Serializer } from "../../options.ts";
import { Labels, UNKNOWN } from "./labels.ts";
import { mergeLists } from "./merge_lists.ts";
import { ABSENT, hasOwn, isPlain, own, put, type Tree } from "./tree.ts";

/**
 * How many objects are looked at to find out whether they are equal: of JSON, as many as take some
 * times as long as to parse it, where more than this would be lists in lists in lists.
 */
const MIN_OBJECTS = 10_000;
const OBJECTS_BY_CHARACTER = 4;
/** The same of what a serializer revives, of whatever length its texts are. */
const MAX_OBJECTS = 2_000_000;

/** What becomes of a save that another one overtook. */
export interface Merge {
  readonly merged: SessionData;
  /** The session of the request as text: the base of its next save. */
  readonly text: string;
  /** How many lists both sides changed that were too long to be merged. */
  readonly listsTakenWhole: number;
}

/**
 * Merges a save that another one overtook: what `session` changed or deleted
 * since it was loaded wins, and the rest is as it is kept. What "deleted" means
 * is for the serializer to say: whatever it did not write. The cookie is left to
 * the caller: the result has that of `session`.
 *
 * It knows nothing of how sessions are kept: any engine that has these texts
 * can use it.
 *
 * @param session What the request saves.
 * @param baseText The request's own session, as it was written when it was loaded or last
 *   saved: what the request changed since then wins, though others had the same then.
 * @param keptText The whole session as it is kept now.
 */
export function merge(
  session: SessionData,
  baseText: string,
  keptText: string,
  serializer: Serializer,
): Merge {
  const text = serializer.stringify(session);
  const [base, mine, kept] = [baseText, text, keptText].map((one) =>
    serializer.parse(one) as unknown as Tree
  );
  const characters = baseText.length + text.length + keptText.length;
  const walk = serializer === JSON
    ? new TreeMerge(MIN_OBJECTS + OBJECTS_BY_CHARACTER * characters, true)
    : new TreeMerge();
  const tree = walk.sessions(base, mine, kept);
  const merged = isPlain(kept) ? tree : inClassOf(kept, tree);
  if (session.cookie !== undefined) merged.cookie = session.cookie;
  return {
    merged: merged as unknown as SessionData,
    text,
    listsTakenWhole: walk.listsTakenWhole,
  };
}

/** An object of a class of the app's stays the one that the serializer made. */
function inClassOf(kept: Tree, tree: Tree): Tree {
  for (const key of Object.keys(kept)) {
    if (!hasOwn(tree, key)) Reflect.deleteProperty(kept, key);
  }
  for (const key of Object.keys(tree)) put(kept, key, tree[key]);
  return kept;
}

/**
 * Merges three trees of JSON, or of what else a serializer revives. `undefined`
 * stands for a tree that is not there.
 *
 * - Plain objects and `Map`s are merged key by key, at every level, lists item
 *   by item, `Set`s entry by entry. If the base has none there, or only `null`,
 *   all keys and entries are new; all items of lists are, whatever the base has.
 * - What one side deleted or replaced by something else stays so, whatever the
 *   other changed inside. But of a list that one side deleted, what the other
 *   inserted stays.
 * - Anything else is taken whole: from `mine` if it changed there, else from
 *   `kept`. So are lists that {@linkcode mergeLists} finds too long.
 */
export function mergeTrees(base: unknown, mine: unknown, kept: unknown): unknown {
  const root = (tree: unknown): Tree => tree === undefined ? {} : { tree };
  return new TreeMerge().sessions(root(base), root(mine), root(kept)).tree;
}

/**
 * The walk through the three trees. It keeps a list of what is left to do
 * instead of calling itself, so that no depth overflows the stack, and looks
 * at each value a fixed number of times, so that it is linear.
 */
class TreeMerge {
  listsTakenWhole = 0;
  readonly #labels: Labels;
  readonly #todo: (() => void)[] = [];
  /** What was merged, by what the saver has of it: JSON reaches nothing on two ways, others may. */
  readonly #merged: Map<object, [base: unknown, kept: unknown, result: unknown][]> | undefined;

  constructor(maxObjects = MAX_OBJECTS, isJson = false) {
    this.#labels = new Labels(maxObjects);
    this.#merged = isJson ? undefined : new Map();
  }

  /** Merges whole sessions, of whatever class they are, apart from their cookies. */
  sessions(base: Tree, mine: Tree, kept: Tree): Tree {
    const result: Tree = {};
    this.#objects(base, mine, kept, result, "cookie");
    for (let next = this.#todo.pop(); next; next = this.#todo.pop()) next();
    return result;
  }

  #objects(base: Tree, mine: Tree, kept: Tree, result: Tree, skipped?: string): void {
    const mineKeys = Object.keys(mine);
    let inBoth = 0;
    for (const key of Object.keys(kept)) {
      const ofMine = own(mine, key);
      if (ofMine !== ABSENT) inBoth++;
      if (key === skipped) continue;
      const ofKept = kept[key];
      if (ofMine === ofKept && !isObject(ofKept)) put(result, key, ofKept);
      else put(result, key, this.#value(own(base, key), ofMine, ofKept));
    }
    if (inBoth === mineKeys.length) return;
    for (const key of mineKeys) {
      if (!hasOwn(kept, key)) put(result, key, this.#value(own(base, key), mine[key], ABSENT));
    }
  }

  /** Returns what a value becomes; what is inside of it may be filled in later. */
  #value(base: unknown, mine: unknown, kept: unknown): unknown {
    const kind = kindOf(mine);
    if (kind && kind === kindOf(kept)) {
      if (kind === "list") return this.#lists(base, mine as unknown[], kept as unknown[]);
      const isOfKind = kind === kindOf(base);
      if (isOfKind || base === ABSENT || base === null) {
        return this.#parts(kind, isOfKind ? base : EMPTY[kind], mine as object, kept);
      }
    } else if (Array.isArray(base) && (mine === ABSENT || kept === ABSENT)) {
      return this.#deletedList(base, mine, kept);
    } else if (kind && kind === kindOf(base)) {
      // Others deleted or replaced it: a change inside does not bring it back.
      return kept;
    }
    return this.#labels.areEqual(base, mine) ? kept : mine;
  }

  /** Merges two objects, `Map`s or `Set`s, of which the base is one, too. */
  #parts(kind: "tree" | "map" | "set", base: unknown, mine: object, kept: unknown): unknown {
    const others = this.#merged?.get(mine) ?? [];
    // A circle would have no end.
    const done = others.find(([ofBase, ofKept]) => ofBase === base && ofKept === kept);
    if (done) return done[2];
    const [result, fill] = kind === "tree"
      ? this.#intoTree(base as Tree, mine as Tree, kept as Tree)
      : this.#intoEntries(base as Entries, mine as Entries, kept as Entries);
    this.#merged?.set(mine, [...others, [base, kept, result]]);
    if (fill) this.#todo.push(fill);
    return result;
  }

  #intoTree(base: Tree, mine: Tree, kept: Tree): Filling {
    const result: Tree = {};
    return [result, () => this.#objects(base, mine, kept, result)];
  }

  #intoEntries(...[base, mine, kept]: [base: Entries, mine: Entries, kept: Entries]): Filling {
    const [ofBase, ofMine, ofKept] = [base, mine, kept].map((entries) =>
      new Map([...entries.entries()].map((entry) => [this.#labels.of(entry[0]), entry]))
    );
    // A key that can't be told from others may be any of them.
    if ([ofBase, ofMine, ofKept].some((entries) => entries.has(UNKNOWN))) return [mine];
    const result: Entries = mine instanceof Map ? new Map() : new Set();
    return [result, () => {
      for (const [label, [key]] of new Map([...ofKept, ...ofMine])) {
        const [inBase, inMine, inKept] = [ofBase, ofMine, ofKept].map((entries) => {
          const entry = entries.get(label);
          return entry ? entry[1] : ABSENT;
        });
        const value = this.#value(inBase, inMine, inKept);
        if (value === ABSENT) continue;
        if (result instanceof Map) result.set(key, value);
        else result.add(value);
      }
    }];
  }

  /** Merges two lists, whatever the base has. */
  #lists(base: unknown, mine: unknown[], kept: unknown[]): unknown[] {
    const merged = mergeLists(Array.isArray(base) ? base : [], mine, kept, this.#labels);
    if (!merged) {
      this.listsTakenWhole++;
      return mine;
    }
    const { items, open } = merged;
    if (open.length > 0) {
      this.#todo.push(() => {
        for (const { at, base, mine, kept } of open) items[at] = this.#value(base, mine, kept);
      });
    }
    return items;
  }

  /** Of a list that one side deleted, what the other inserted stays. */
  #deletedList(base: unknown[], mine: unknown, kept: unknown): unknown {
    if (!Array.isArray(mine) && !Array.isArray(kept)) return mine;
    const left = this.#lists(
      base,
      mine === ABSENT ? [] : mine as unknown[],
      kept === ABSENT ? [] : kept as unknown[],
    );
    return left.length > 0 ? left : ABSENT;
  }
}

/** What can be merged part by part. */
type Kind = "tree" | "list" | "map" | "set";
type Entries = Map<unknown, unknown> | Set<unknown>;

/** What is returned at once, and what fills it in later, so that no depth overflows the stack. */
type Filling = [result: object, fill?: () => void];

/** What stands for an object that the base does not have. */
const EMPTY = { tree: {}, map: new Map(), set: new Set() };

function kindOf(value: unknown): Kind | undefined {
  if (!isObject(value)) return undefined;
  if (Array.isArray(value)) return "list";
  if (isPlain(value)) return "tree";
  const prototype = Object.getPrototypeOf(value);
  return prototype === Map.prototype ? "map" : prototype === Set.prototype ? "set" : undefined;
}
