// @ts-types="npm:@types/express-session@^1.18.0"
import type { SessionData } from "express-session";
import { isObject } from "../../util/errors.ts";
import type { Serializer } from "../../options.ts";
import { dateOf } from "../record/expiry.ts";

type Tree = Record<string, unknown>;

/** What stands for a key that an object does not have. */
const ABSENT = Symbol("absent");

/**
 * Whether `other` differs from what stands at `key` of `holder`, where one of
 * the two is not plain JSON. `holder` is part of the base, or of the saver's
 * tree where the base has nothing.
 */
type Differs = (holder: object, key: PropertyKey, other: unknown) => boolean;

/**
 * What becomes of a save that another one overtook: what `session` changed or
 * deleted since it was loaded wins, and the rest is as it is kept. What
 * "deleted" means is for the serializer to say: whatever it did not write.
 * The cookie is left to the caller: the result has that of `session`.
 *
 * @param session What the request saves.
 * @param baseText The whole session as it was written when the request loaded it.
 * @param keptText The whole session as it is kept now.
 * @returns The result, and `session` as text: the base of the request's next save.
 */
export function merge(
  session: SessionData,
  baseText: string,
  keptText: string,
  serializer: Serializer,
): { merged: SessionData; text: string } {
  const text = serializer.stringify(session);
  const [base, mine, kept] = [baseText, text, keptText].map((one) =>
    serializer.parse(one) as unknown as Tree
  );
  const merged = mergeSessions(base, mine, kept, serializer);
  if (session.cookie !== undefined) merged.cookie = session.cookie;
  return { merged: merged as unknown as SessionData, text };
}

function mergeSessions(base: Tree, mine: Tree, kept: Tree, serializer: Serializer): Tree {
  const shared = serializer === JSON ? NONE : sharedIn(base, mine, kept);
  const questions = new Questions(base, mine, serializer);
  let tree = new TreeMerge(questions.note, shared).sessions(base, mine, kept);
  if (questions.answer()) {
    tree = new TreeMerge(questions.differs, shared).sessions(base, mine, kept);
  }
  if (isPlain(kept)) return tree;
  // An object of a class of the app's: it stays the one that the serializer made.
  for (const key of Object.keys(kept)) {
    if (!hasOwn(tree, key)) Reflect.deleteProperty(kept, key);
  }
  for (const key of Object.keys(tree)) put(kept, key, tree[key]);
  return kept;
}

/**
 * Merges three JSON trees. `undefined` stands for a tree that is not there.
 *
 * - Plain objects are merged key by key, at every level. One that a side deleted
 *   or replaced by something else stays so, whatever the other changed inside.
 * - Two arrays of which the base has none are one behind the other, that of
 *   `kept` in front.
 * - Where both sides only appended to an array, both appendices are kept, that
 *   of `kept` in front.
 * - Where one side emptied or deleted an array and the other only appended to
 *   it, what was appended is kept: read messages go, new ones stay.
 * - Anything else is taken whole: from `mine` if it changed there, else from `kept`.
 *
 * @param differs Asked about values that are not plain JSON; without it, each
 *   counts as changed unless it is the very same.
 */
export function mergeTrees(
  base: unknown,
  mine: unknown,
  kept: unknown,
  differs: Differs = () => true,
): unknown {
  const root = (tree: unknown): Tree => tree === undefined ? {} : { tree };
  return new TreeMerge(differs, NONE).sessions(root(base), root(mine), root(kept)).tree;
}

/**
 * The walk through the three trees. It keeps a list of what is left to do
 * instead of calling itself, so that no depth overflows the stack, and looks
 * at each value a fixed number of times, so that it is linear.
 */
class TreeMerge {
  readonly #differs: Differs;
  readonly #shared: ReadonlySet<unknown>;
  /** Objects that are still to be merged, as base, mine, kept and result. */
  readonly #todo: [Tree, Tree, Tree, Tree][] = [];

  constructor(differs: Differs, shared: ReadonlySet<unknown>) {
    this.#differs = differs;
    this.#shared = shared;
  }

  /** Merges whole sessions, of whatever class they are, apart from their cookies. */
  sessions(base: Tree, mine: Tree, kept: Tree): Tree {
    const result: Tree = {};
    this.#todo.push([base, mine, kept, result]);
    for (let next = this.#todo.pop(); next; next = this.#todo.pop()) {
      this.#objects(...next, next[3] === result);
    }
    return result;
  }

  #objects(base: Tree, mine: Tree, kept: Tree, result: Tree, isRoot: boolean): void {
    const mineKeys = Object.keys(mine);
    let inBoth = 0;
    for (const key of Object.keys(kept)) {
      const ofMine = own(mine, key);
      if (ofMine !== ABSENT) inBoth++;
      if (isRoot && key === "cookie") continue;
      const ofKept = kept[key];
      if (ofMine === ofKept && !isObject(ofKept)) put(result, key, ofKept);
      else this.#values(base, key, ofMine, ofKept, result);
    }
    if (inBoth === mineKeys.length) return;
    for (const key of mineKeys) {
      if (!hasOwn(kept, key)) this.#values(base, key, mine[key], ABSENT, result);
    }
  }

  #values(
    ofBase: Tree,
    key: string,
    mine: unknown,
    kept: unknown,
    result: Tree,
  ): void {
    const base = own(ofBase, key);
    let merged: unknown;
    if (this.#isTree(mine) && this.#isTree(kept) && (isNone(base) || this.#isTree(base))) {
      merged = {};
      this.#todo.push([isNone(base) ? {} : base as Tree, mine, kept, merged as Tree]);
    } else if (!Array.isArray(base) && this.#isArray(mine) && this.#isArray(kept)) {
      merged = [...kept, ...mine];
    } else if (this.#isArray(base) && this.#isArrayOrNone(mine) && this.#isArrayOrNone(kept)) {
      merged = this.#arrays(base, mine, kept);
    } else if (
      this.#isTree(base) && this.#isTree(mine) || this.#isArray(base) && this.#isArray(mine)
    ) {
      // Others deleted or replaced it: a change inside does not bring it back.
      merged = kept;
    } else {
      merged = this.#isSame(ofBase, key, base, mine) ? kept : mine;
    }
    if (merged !== ABSENT) put(result, key, merged);
  }

  /** Merges arrays that the base has: a side without one has deleted it. */
  #arrays(
    base: unknown[],
    mine: unknown[] | typeof ABSENT,
    kept: unknown[] | typeof ABSENT,
  ): unknown {
    const { length } = base;
    const mineCommon = mine === ABSENT ? -1 : this.#commonLength(base, mine);
    const keptCommon = kept === ABSENT ? -1 : this.#commonLength(base, kept);
    const mineAppended = mine !== ABSENT && mineCommon === length ? mine.slice(length) : undefined;
    const keptAppended = kept !== ABSENT && keptCommon === length ? kept.slice(length) : undefined;
    if (mineAppended && keptAppended) return [...kept as unknown[], ...mineAppended];
    if (keptAppended?.length && isEmptied(mine)) return keptAppended;
    if (mineAppended?.length && isEmptied(kept)) return mineAppended;
    return mineAppended?.length === 0 ? kept : mine;
  }

  /** How many elements at the beginning are the same in both. */
  #commonLength(one: unknown[], other: unknown[]): number {
    const length = Math.min(one.length, other.length);
    for (let n = 0; n < length; n++) {
      if (!this.#isSame(one, n, one[n], other[n])) return n;
    }
    return length;
  }

  /** Whether `one`, which stands at `key` of `holder`, is the same as `other`, at any depth. */
  #isSame(holder: object, key: PropertyKey, one: unknown, other: unknown): boolean {
    if (Object.is(one, other)) return true;
    if (one === ABSENT || other === ABSENT) return false;
    if (!isObject(one) && !isObject(other) && !isOpaque(one) && !isOpaque(other)) return false;
    const todo: [object, PropertyKey, unknown, unknown][] = [[holder, key, one, other]];
    for (let next = todo.pop(); next; next = todo.pop()) {
      const [holder, key, one, other] = next;
      if (Object.is(one, other)) continue;
      if (this.#isArray(one) && this.#isArray(other)) {
        if (one.length !== other.length) return false;
        for (const [n, value] of one.entries()) todo.push([one, n, value, other[n]]);
      } else if (this.#isTree(one) && this.#isTree(other)) {
        const keys = Object.keys(one);
        if (keys.length !== Object.keys(other).length) return false;
        for (const key of keys) {
          if (!hasOwn(other, key)) return false;
          todo.push([one, key, one[key], other[key]]);
        }
      } else if (this.#isJson(one) && this.#isJson(other)) {
        return false;
      } else if (this.#differs(holder, key, other)) {
        return false;
      }
    }
    return true;
  }

  #isTree(value: unknown): value is Tree {
    return isPlain(value) && !(this.#shared.size > 0 && this.#shared.has(value));
  }

  #isArray(value: unknown): value is unknown[] {
    return Array.isArray(value) && !(this.#shared.size > 0 && this.#shared.has(value));
  }

  #isArrayOrNone(value: unknown): value is unknown[] | typeof ABSENT {
    return value === ABSENT || this.#isArray(value);
  }

  #isJson(value: unknown): boolean {
    return isObject(value) ? this.#isArray(value) || this.#isTree(value) : !isOpaque(value);
  }
}

/** A value that the serializer has to judge. */
interface Question {
  /** Where it stands in a whole session. */
  holder: object;
  key: PropertyKey;
  /** What may or may not be written differently there. */
  other: unknown;
  differs: boolean;
}

/** How much text the search for the values that differ may write, beside the least it takes. */
const SEARCH_LENGTH = 1_000_000;
const SEARCH_STEPS = 32;

/**
 * Which values that are not plain JSON differ, as the serializer writes them.
 * It is only ever given whole sessions: those that the values stand in, with
 * the other values put in their places. So the trees are walked twice: once to
 * note what has to be asked, and once with the answers. If all are the same,
 * as mostly, one comparison tells.
 */
class Questions {
  readonly #hosts: Tree[];
  readonly #mine: Tree;
  readonly #serializer: Serializer;
  readonly #all: Question[] = [];
  readonly #places = new Map<object, Map<PropertyKey, Question[]>>();

  constructor(base: Tree, mine: Tree, serializer: Serializer) {
    this.#hosts = [base, mine];
    this.#mine = mine;
    this.#serializer = serializer;
  }

  /** Notes what is to be asked. As long as nothing differs, nothing is left out of the walk. */
  readonly note: Differs = (holder, key, other) => {
    if (!this.#find(holder, key, other)) {
      const question = { holder, key, other, differs: true };
      this.#all.push(question);
      const places = this.#places.get(holder) ?? new Map<PropertyKey, Question[]>();
      this.#places.set(holder, places.set(key, [...places.get(key) ?? [], question]));
    }
    return false;
  };

  readonly differs: Differs = (holder, key, other) =>
    this.#find(holder, key, other)?.differs ?? true;

  #find(holder: object, key: PropertyKey, other: unknown): Question | undefined {
    const there = this.#places.get(holder)?.get(key);
    return there?.find((question) => Object.is(question.other, other));
  }

  /** Asks the serializer, and tells whether there was anything to ask. */
  answer(): boolean {
    if (this.#all.length === 0) return false;
    const inMine = holdersIn(this.#mine);
    const left = new Set(this.#all);
    // One value a place at a time; there are two at most.
    while (left.size > 0) {
      const places = new Map<object, Set<PropertyKey>>();
      const batch = [...left].filter(({ holder, key }) => {
        const keys = places.get(holder) ?? new Set();
        if (keys.has(key)) return false;
        return places.set(holder, keys.add(key));
      });
      for (const question of batch) left.delete(question);
      for (const host of this.#hosts) {
        const isMine = host === this.#mine;
        this.#search(host, batch.filter(({ holder }) => inMine.has(holder) === isMine));
      }
    }
    return true;
  }

  /** Finds those of `questions` that make a difference in `host`, by halves. */
  #search(host: Tree, questions: Question[]): void {
    if (questions.length === 0) return;
    const unchanged = this.#write(host, []);
    const isSame = (some: Question[]) => this.#write(host, some) === unchanged;
    const mark = (some: Question[], differs: boolean) => {
      for (const question of some) question.differs = differs;
    };
    if (unchanged === undefined) return;
    if (isSame(questions)) return mark(questions, false);
    // One that never writes the same twice, such as an encrypting one, can't tell.
    if (this.#write(host, []) !== unchanged) return;
    let steps = SEARCH_STEPS + SEARCH_LENGTH / unchanged.length;
    const differing = [questions];
    // Those that the search has no time for count as changed.
    for (let some = differing.shift(); some && steps > 0; some = differing.shift()) {
      if (some.length === 1) continue;
      const half = some.length >> 1;
      const [left, right] = [some.slice(0, half), some.slice(half)];
      steps--;
      if (isSame(left)) {
        mark(left, false);
        differing.push(right);
        continue;
      }
      differing.push(left);
      steps--;
      if (isSame(right)) mark(right, false);
      else differing.push(right);
    }
  }

  /** `host` as text, with the other values of `questions`; nothing if it can't be written so. */
  #write(host: Tree, questions: Question[]): string | undefined {
    const before = questions.map(({ holder, key }) => (holder as Tree)[key as string]);
    for (const { holder, key, other } of questions) put(holder, key, other);
    try {
      return this.#serializer.stringify(host as unknown as SessionData);
    } catch {
      return undefined;
    } finally {
      for (const [n, { holder, key }] of questions.entries()) put(holder, key, before[n]);
    }
  }
}

const NONE: ReadonlySet<unknown> = new Set();

/**
 * The objects that can be reached on more than one way, which JSON has none of:
 * such an object is taken whole, since a walk into a circle would not end.
 */
function sharedIn(...trees: Tree[]): ReadonlySet<unknown> {
  const shared = new Set<unknown>();
  for (const tree of trees) holdersIn(tree, shared);
  return shared;
}

/** All plain objects and arrays in `tree`; those met again are added to `shared`. */
function holdersIn(tree: Tree, shared?: Set<unknown>): Set<object> {
  const seen = new Set<object>([tree]);
  const todo: object[] = [tree];
  for (let next = todo.pop(); next; next = todo.pop()) {
    for (const value of Array.isArray(next) ? next : Object.values(next)) {
      if (!Array.isArray(value) && !isPlain(value)) continue;
      if (seen.has(value)) shared?.add(value);
      else {
        seen.add(value);
        todo.push(value);
      }
    }
  }
  return seen;
}

/** As `Object.hasOwn`, for which dnt would bring a polyfill. */
function hasOwn(object: object, key: PropertyKey): boolean {
  return Object.prototype.hasOwnProperty.call(object, key);
}

function own(tree: Tree, key: string): unknown {
  return hasOwn(tree, key) ? tree[key] : ABSENT;
}

/** Sets a key as data, whatever its name: assigning to `__proto__` would do something else. */
function put(to: object, key: PropertyKey, value: unknown): void {
  if (!(key in to)) {
    (to as Record<PropertyKey, unknown>)[key] = value;
    return;
  }
  Object.defineProperty(to, key, { value, configurable: true, enumerable: true, writable: true });
}

/** Whether `value` is an object as a literal makes it, in whatever realm. */
function isPlain(value: unknown): value is Tree {
  if (!isObject(value) || Array.isArray(value)) return false;
  const prototype = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null ||
    Object.getPrototypeOf(prototype) === null && hasOwn(prototype, "isPrototypeOf");
}

/** Whether a value other than an object is one that JSON can't write. */
function isOpaque(value: unknown): boolean {
  return value !== null && !/^(string|number|boolean|object)$/.test(typeof value);
}

/** Whether there was nothing, so that both sides may begin something there. */
function isNone(base: unknown): boolean {
  return base === ABSENT || base === null;
}

function isEmptied(value: unknown[] | typeof ABSENT): boolean {
  return value === ABSENT || value.length === 0;
}

/** A cookie as JSON writes it. */
export interface CookieData {
  originalMaxAge?: unknown;
  expires?: unknown;
  maxAge?: unknown;
  [field: string]: unknown;
}

const LIFETIME = ["originalMaxAge", "expires", "maxAge"];

/**
 * What becomes of a cookie that another request changed since this one loaded
 * its session: each field as this request set it, if it did, else as it is
 * kept. The lifetime is one thing, and a date that merely moved makes no other
 * one of it.
 *
 * @param keepsLifetime Whether the lifetime stays as it is kept, whatever the request did to it.
 * @returns Nothing if `mine` can stay as it is.
 */
export function mergeCookies(
  base: CookieData | undefined,
  mine: CookieData,
  kept: CookieData,
  keepsLifetime = false,
): CookieData | undefined {
  const isDateKept = keepsLifetime ||
    base !== undefined && isSameDate(base, mine) && !isSameDate(base, kept);
  const isLifetimeKept = keepsLifetime || base !== undefined && !isOtherLifetime(base, mine) &&
      (isDateKept || isOtherLifetime(base, kept));
  const merged: CookieData = {};
  let isSame = true;
  for (const field of new Set([...Object.keys(mine), ...Object.keys(kept)])) {
    const ofMine = own(mine, field);
    const isOfKept = field === "expires"
      ? isDateKept || isLifetimeKept
      : LIFETIME.includes(field)
      ? isLifetimeKept
      : base !== undefined && sameField(own(base, field), ofMine);
    const value = isOfKept ? own(kept, field) : ofMine;
    isSame &&= sameField(value, ofMine);
    if (value !== ABSENT) put(merged, field, value);
  }
  return isSame ? undefined : merged;
}

/** Whether a cookie ends when `base` did: a request that leaves the date alone has not set it. */
function isSameDate(base: CookieData, mine: CookieData): boolean {
  const date = dateOf(base);
  // Without a date, `maxAge` counts.
  if (date === undefined && !sameField(own(base, "maxAge"), own(mine, "maxAge"))) return false;
  return date === dateOf(mine) &&
    (date !== undefined || sameField(own(base, "expires"), own(mine, "expires")));
}

/** Whether two cookies have other lifetimes. A date that merely moved makes no other one. */
export function isOtherLifetime(one: CookieData, other: CookieData): boolean {
  if (hasDate(one) !== hasDate(other)) return true;
  const [before, after] = [one.originalMaxAge || null, other.originalMaxAge || null];
  if (typeof before !== "number" || typeof after !== "number") return before !== after;
  // express-session computes it anew at each touch, by two looks at the clock.
  return Math.abs(after - before) > Math.min(1_000, before / 100);
}

function hasDate({ expires, maxAge }: CookieData): boolean {
  return [expires, maxAge].some((date) => isObject(date) || !!date || date === 0);
}

function sameField(one: unknown, other: unknown): boolean {
  return one === other ||
    one !== ABSENT && other !== ABSENT && JSON.stringify(one) === JSON.stringify(other);
}
