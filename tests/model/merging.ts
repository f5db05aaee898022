/**
 * How the model merges what two requests did: as plainly as it can be said.
 *
 * @module
 */

// deno-lint-ignore no-explicit-any
type Any = any;

/**
 * The rules, of which the first that fits applies:
 *
 * - What is an object on both sides is merged key by key. If the base has
 *   nothing there, or null, its keys are all new.
 * - What is an array on both sides has what the others made of it, but for what
 *   the saver removed, and then what the saver inserted. If the base has no
 *   array there, all of it is inserted.
 * - An object that one side has no longer as an object stays so, whatever the
 *   other made of it. So does an array that one side replaced; of one that it
 *   deleted, what the other inserted is kept.
 * - What the saver left alone stays as it is kept.
 * - Anything else is as the saver has it.
 *
 * This is all there is to say of arrays if all their items differ, and they are
 * appended to and replaced, but not edited otherwise.
 *
 * `undefined` stands for what is not there.
 */
export function merge(base: Any, mine: Any, kept: Any): Any {
  const isNew = base === undefined || base === null;
  if (isTree(mine) && isTree(kept) && (isNew || isTree(base))) {
    const keys = [...new Set([...Object.keys(kept), ...Object.keys(mine)])];
    return treeOf(
      keys.map((key) => [key, merge(own(base ?? {}, key), own(mine, key), own(kept, key))]),
    );
  }
  if (Array.isArray(mine) && Array.isArray(kept)) {
    return mergeLists(Array.isArray(base) ? base : [], mine, kept);
  }
  if (isTree(base)) return isTree(mine) ? kept : mine;
  if (Array.isArray(base) && (Array.isArray(mine) || Array.isArray(kept))) {
    if (mine !== undefined && kept !== undefined) return Array.isArray(mine) ? kept : mine;
    const left = mergeLists(base, mine ?? [], kept ?? []);
    return left.length > 0 ? left : undefined;
  }
  return same(base, mine) ? kept : mine;
}

function mergeLists(base: unknown[], mine: unknown[], kept: unknown[]): unknown[] {
  const has = (list: unknown[], item: unknown) => list.some((one) => same(one, item));
  return [
    ...kept.filter((item) => !has(base, item) || has(mine, item)),
    ...mine.filter((item) => !has(base, item)),
  ];
}

/**
 * The cookie: each field is as it is kept, if it was changed there and not by the
 * saver since it was loaded, else as the saver has it. The lifetime is one thing: another one, or
 * a date that merely moved, is the saver's if the saver made it; but a moved
 * date is no reason to take back another lifetime. Without a base, everything
 * is the saver's. Of a request that is no activity, the lifetime is as it is
 * kept, whatever that request did.
 */
export function mergeCookies(base: Any, mine: Any, kept: Any, isPoll = false): Any {
  if (!isTree(mine) || !isTree(kept) && !isPoll) return mine;
  const hasBase = isTree(base);
  const isSameLife = hasBase && isSameLifetime(base, mine);
  const [theirs, before] = [isTree(kept) ? kept : {}, hasBase ? base : {}];
  const isDateOfKept = hasBase && isSameEnd(base, mine) && !isSameEnd(base, theirs);
  const isLifeOfKept = isPoll || isSameLife && (isDateOfKept || !isSameLifetime(before, theirs));
  const fields = [...new Set([...Object.keys(mine), ...Object.keys(theirs)])];
  return treeOf(fields.map((field) => {
    const isOfKept = field === "expires"
      ? isLifeOfKept || isDateOfKept
      : ["originalMaxAge", "maxAge"].includes(field)
      ? isLifeOfKept
      : hasBase && same(own(before, field), own(mine, field));
    return [field, own(isOfKept ? theirs : mine, field)];
  }));
}

/** Whether both have one date, or neither has one and they are alike. */
function isSameEnd(one: Any, other: Any): boolean {
  const [before, after] = [dateOf(one), dateOf(other)];
  if (before !== undefined || after !== undefined) return before === after;
  return ["expires", "maxAge"].every((field) => same(own(one, field), own(other, field)));
}

/** The date of a cookie as JSON has it, in milliseconds, if it can be read. */
export function dateOf(cookie: Any): number | undefined {
  const { expires } = isTree(cookie) ? cookie : {};
  const date = typeof expires === "number"
    ? expires
    : typeof expires !== "string"
    ? NaN
    : /^-?\d{5,}$/.test(expires)
    ? Number(expires)
    : Date.parse(expires);
  return Number.isFinite(date) ? date : undefined;
}

/** Express-session computes `originalMaxAge` anew at each touch, by two looks at the clock. */
function isSameLifetime(one: Any, other: Any): boolean {
  const hasDate = ({ expires, maxAge }: Any) =>
    [expires, maxAge].some((date) => ![undefined, null, false, ""].includes(date));
  const [before, after] = [one.originalMaxAge ?? null, other.originalMaxAge ?? null];
  const isSame = typeof before === "number" && typeof after === "number"
    ? Math.abs(before - after) <= 1_000 && Math.abs(before - after) <= before / 100
    : before === after;
  return isSame && hasDate(one) === hasDate(other);
}

export function isTree(value: unknown): value is Record<string, Any> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function own(tree: Any, key: string): unknown {
  return Object.hasOwn(tree, key) ? tree[key] : undefined;
}

/** An object with these entries, whatever their names are. */
function treeOf(entries: [string, unknown][]): Any {
  return Object.fromEntries(entries.filter(([, value]) => value !== undefined));
}

/** Whether two JSON values are the same but for the order of keys. */
export function same(one: unknown, other: unknown): boolean {
  return sorted(one) === sorted(other);
}

function sorted(value: unknown): string | undefined {
  return JSON.stringify(
    value,
    (_, value) => isTree(value) ? Object.fromEntries(Object.entries(value).sort(byKey)) : value,
  );
}

function byKey([one]: [string, unknown], [other]: [string, unknown]): number {
  return one < other ? -1 : 1;
}
