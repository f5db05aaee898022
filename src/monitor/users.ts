/**
 * Who is signed in: the list of the monitor's page, and its button.
 *
 * @module
 */
import { isObject } from "../util/errors.ts";
import { yieldIfSpent } from "../util/slices.ts";
import { type ListedUser, type ListsUsers, USERS } from "../util/user_list.ts";

/** A store that can list its users, and sign one out. */
export interface UserStore extends ListsUsers {
  revokeUser(user: string): Promise<number>;
}

/** What is read of a request: one of Express, or of Node's `http`. */
interface Request {
  headers?: Readonly<Record<string, string | string[] | undefined>> | undefined;
  body?: unknown;
}

/** How many users an answer has at most. */
const MAX_LIMIT = 200;
/** How far into the list a page can look: a search is for what comes after. */
const MAX_OFFSET = 5_000;
/** How large the body of a request may be, in characters. */
const MAX_BODY = 10_000;

type Order = (a: ListedUser, b: ListedUser) => number;

const byLastUse: Order = (a, b) => b.lastUsed - a.lastUsed || compare(a.user, b.user);

const ORDERS = new Map<string | null, Order>([
  ["sessions", (a, b) => b.sessions - a.sessions || compare(a.user, b.user)],
  ["user", (a, b) => compare(a.user, b.user)],
]);

/**
 * The users that a query asks for, as JSON. Only as many are held and sorted as
 * the answer needs: a store may have hundreds of thousands.
 */
export async function userList(store: UserStore, query: string): Promise<string> {
  const asked = new URLSearchParams(query);
  const search = (asked.get("search") ?? "").trim().toLowerCase();
  const order = ORDERS.get(asked.get("sort")) ?? byLastUse;
  const offset = whole(asked.get("offset"), 0, MAX_OFFSET);
  const until = offset + whole(asked.get("limit"), 50, MAX_LIMIT);
  const first: ListedUser[] = [];
  let found = 0;
  for await (const users of store[USERS]()) {
    for (const user of users) {
      if (search && !user.user.toLowerCase().includes(search)) continue;
      found++;
      const last = first.at(-1);
      if (first.length === until && last && order(last, user) <= 0) continue;
      first.splice(position(first, user, order), 0, user);
      if (first.length > until) first.pop();
    }
    await yieldIfSpent();
  }
  return JSON.stringify({ found, users: first.slice(offset) });
}

/** Ends all sessions of the user that a request names; `undefined` if it names none. */
export async function signOut(
  store: UserStore,
  request: Request,
): Promise<number | undefined> {
  const body = isObject(request.body) ? request.body : parsed(await textOf(request));
  const user: unknown = isObject(body) ? (body as { user?: unknown }).user : undefined;
  if (typeof user !== "string" || user === "") return undefined;
  return await store.revokeUser(user);
}

/**
 * Whether a page of this very site sent a request. A proxy may have changed the
 * name of the host: then it is the browser that says so.
 */
export function isFromHere({ headers = {} }: Request): boolean {
  const { origin, host, "sec-fetch-site": site } = headers;
  if (site !== undefined && site !== "same-origin") return false;
  if (typeof origin !== "string" || !URL.canParse(origin)) return false;
  return site === "same-origin" || new URL(origin).host === host;
}

function position<Item>(sorted: Item[], item: Item, order: (a: Item, b: Item) => number): number {
  let from = 0;
  let to = sorted.length;
  while (from < to) {
    const middle = (from + to) >> 1;
    if (order(sorted[middle], item) <= 0) from = middle + 1;
    else to = middle;
  }
  return from;
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function whole(given: string | null, fallback: number, most: number): number {
  return given !== null && /^\d{1,9}$/.test(given) ? Math.min(Number(given), most) : fallback;
}

/** The body of a request that nobody has read; empty if it is too large. */
async function textOf(request: Request): Promise<string> {
  const chunks = request as Partial<AsyncIterable<Uint8Array | string>>;
  if (!chunks[Symbol.asyncIterator]) return "";
  const decoder = new TextDecoder();
  let text = "";
  for await (const chunk of chunks as AsyncIterable<Uint8Array | string>) {
    text += typeof chunk === "string" ? chunk : decoder.decode(chunk, { stream: true });
    if (text.length > MAX_BODY) return "";
  }
  return text;
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
