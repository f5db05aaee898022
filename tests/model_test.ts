/**
 * Random sequences of commands to the store and to a model of it:
 * same answers, same ledger, same order of eviction.
 *
 *     deno task test:model 50000        as many sequences as asked for
 *     LEMBRO_REPLAY=… deno task test:model        one that failed, as it says itself
 */
import "./support/as_in_node.ts";
import { assert } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import fc from "fast-check";
import {
  bad,
  type Command,
  type Cookie,
  type CookieEdit,
  type Data,
  drop,
  type Edit,
  type From,
  type Options,
  play,
} from "./model/play.ts";

const RUNS = Deno.env.has("CI") ? 6_000 : 2_000;
const MAX_COMMANDS = 60;

// Few ids, and most of one, so that requests meet.
const sid = fc.oneof(
  { weight: 12, arbitrary: fc.constant("a") },
  { weight: 4, arbitrary: fc.constant("b") },
  { weight: 2, arbitrary: fc.constantFrom("c", "bot 1", "bot 2", "", "__proto__", "\ud800") },
);
const request = fc.integer({ min: 0, max: 2 });
const iterator = fc.integer({ min: 0, max: 1 });
const distance = fc.oneof(
  { weight: 1, arbitrary: fc.constantFrom(-1000, 0, 1) },
  { weight: 12, arbitrary: fc.constantFrom(100, 1000, 5000, 60_000, 90_000) },
);

const cookie: fc.Arbitrary<Cookie> = fc.oneof(
  { weight: 2, arbitrary: fc.constant(null) },
  { weight: 2, arbitrary: fc.constant<Cookie>(["none", 0]) },
  {
    weight: 3,
    arbitrary: fc.tuple(
      fc.constantFrom("date", "iso", "number", "text", "maxAge", "unreadable" as const),
      distance,
    ),
  },
);

const cookieEdit: fc.Arbitrary<CookieEdit> = fc.oneof(
  fc.constantFrom<CookieEdit>(["path", "/"], ["path", "/in"], ["sameSite", "lax"]),
  fc.constantFrom<CookieEdit>(["maxAge", null], ["maxAge", 5000], ["maxAge", 90_000]),
  { weight: 2, arbitrary: fc.constant<CookieEdit>(["renew"]) },
);

const ADDRESSES = [
  undefined,
  "192.0.2.1",
  "192.0.2.2",
  "2001:db8:1:2:3:4:5:6",
  "2001:db8:1:ff:9:9:9:9",
  "2001:db8:1:103:3:4:5:6",
];
const from: fc.Arbitrary<From> = fc.record({
  address: fc.constantFrom(...ADDRESSES),
  isPoll: fc.oneof({ weight: 3, arbitrary: fc.constant(false) }, fc.boolean()),
});

const user = fc.constantFrom<string | number>("ada", "ada", "ada", 1, "1");
const key = fc.oneof(
  { weight: 6, arbitrary: fc.constantFrom("a", "list", "tree") },
  {
    weight: 2,
    arbitrary: fc.constantFrom("short", "vip", "user", "passport", "__proto__", "save"),
  },
  { weight: 1, arbitrary: fc.constantFrom("bad", "a", "b") },
);
/** An item that no other list has: which of two equal ones is meant is not for the model to say. */
const item = fc.noBias(fc.maxSafeNat());
const value = fc.oneof(
  { weight: 2, arbitrary: fc.constantFrom(0, 1, "one", null, true, {}, { n: 1 }, { a: { n: 1 } }) },
  fc.oneof(
    fc.constant([]),
    fc.tuple(item),
    fc.tuple(item, fc.record({ n: item })),
    fc.record({ list: fc.tuple(item) }),
    fc.record({ list: fc.tuple(item, item), n: fc.constant(2) }),
  ),
  fc.constantFrom({ user: 1 }, { user: "ada" }, { user: { id: "ada" } }, "ada"),
  fc.constantFrom({ mongo: "ada" }, { user: { mongo: "ada" } }, { user: { id: { mongo: "ada" } } }),
  fc.constantFrom(...["id", "_id", null].flatMap((writes) => {
    const document = { document: "ada", writes };
    return [document, { user: document }];
  })),
  fc.constantFrom({ user: null }, { user: "" }, { user: false }, "", false),
  fc.record({ pad: fc.constantFrom(5, 20, 50) }),
  fc.record({ share: fc.constantFrom(1, 1.5, 3, 8, 16, 30, 60) }),
);
const data: fc.Arbitrary<Data> = fc.array(fc.tuple(key, value), { maxLength: 3 });
const path = fc.oneof(
  { weight: 2, arbitrary: fc.tuple(key) },
  fc.tuple(key, fc.constantFrom("a", "n", "list", "user")),
);
const edits: fc.Arbitrary<Edit[]> = fc.array(
  fc.oneof(
    { weight: 3, arbitrary: fc.tuple(fc.constant("set" as const), path, value) },
    { weight: 2, arbitrary: fc.tuple(fc.constant("push" as const), path, item) },
    fc.tuple(
      fc.constant("drop" as const),
      path,
      fc.constantFrom(...Object.keys(drop) as (keyof typeof drop)[]),
    ),
  ),
  { minLength: 1, maxLength: 3 },
);

function command<Do extends Command["do"]>(
  weight: number,
  name: Do | Do[],
  fields: { [Field in Exclude<keyof Extract<Command, { do: Do }>, "do">]: fc.Arbitrary<unknown> },
): { weight: number; arbitrary: fc.Arbitrary<Command> } {
  const names = Array.isArray(name) ? name : [name];
  const arbitrary = fc.record({ do: fc.constantFrom(...names), ...fields });
  return { weight, arbitrary: arbitrary as fc.Arbitrary<Command> };
}

/** What the function does that an update is given. */
const how = fc.oneof(
  { weight: 4, arbitrary: fc.constant("edit") },
  fc.constantFrom("throw", "promise"),
);

const commands: fc.Arbitrary<Command[]> = fc.array(
  fc.oneof(
    command(4, "get", { sid, request }),
    command(18, "open", { sid, request, from }),
    command(4, "copy", {
      sid,
      request,
      by: fc.constantFrom("all", "info", "sessionsOfUser", "entries"),
    }),
    command(2, "copyGone", { sid, request }),
    command(4, "asSession", { request, into: request, from }),
    command(4, "newSession", { sid, request, data, cookie, from }),
    command(16, "edit", { request, edits }),
    command(4, "editCookie", { request, edit: cookieEdit }),
    command(2, "setCookie", { request, cookie }),
    command(8, "signIn", {
      request,
      user: fc.oneof({ weight: 3, arbitrary: user }, fc.constant({ mongo: "ada" })),
    }),
    command(26, "save", { request }),
    command(3, ["saveAs", "regenerateOwn"], { request, sid }),
    command(2, "reload", { request }),
    command(4, "wrap", { request }),
    command(3, "update", { sid, edits, how }),
    command(2, "updateUser", { user, edits, how }),
    command(5, "revokeUser", {
      user,
      except: fc.oneof(
        fc.constant(null),
        fc.record({ sid }),
        fc.record({ request }),
      ),
    }),
    command(1, "sessionsOfUser", { user }),
    command(1, "info", { sid }),
    command(4, "touchOwn", { request }),
    command(10, "set", { sid, data, cookie }),
    command(2, "regenerate", { sid, data, cookie }),
    command(1, ["setBad", "touchBad"], {
      sid,
      bad: fc.constantFrom(...Object.keys(bad)),
    }),
    command(3, "touch", { sid, cookie }),
    command(5, "flood", {
      who: fc.constantFrom("bot", "bot", "cart"),
      returns: fc.boolean(),
      count: fc.integer({ min: 2, max: 16 }),
      data: fc.tuple(
        fc.tuple(fc.constant("a"), fc.record({ share: fc.constantFrom(12, 16, 20) })),
        fc.oneof(
          fc.tuple(fc.constantFrom("b", "vip"), fc.constant(1)),
          fc.tuple(fc.constant("passport"), user.map((user) => ({ user }))),
        ),
      ),
      cookie,
      from: fc.option(from, { nil: undefined }),
    }),
    command(2, "visit", { count: fc.integer({ min: 1, max: 9 }) }),
    command(2, "destroy", { sid }),
    command(2, ["all", "length", "ids"], {}),
    command(2, ["backup", "restore"], {}),
    command(2, ["reduce", "purge"], {}),
    command(1, ["clear", "close"], {}),
    command(2, "iterate", { iterator }),
    command(6, "next", { iterator }),
    command(5, "wait", {
      ms: fc.oneof(
        { weight: 6, arbitrary: fc.constantFrom(1, 50, 100, 700, 1000) },
        fc.constantFrom(1000, 5000, 20_000, 601_000),
      ),
    }),
  ),
  { maxLength: MAX_COMMANDS, size: "max" },
);

const options: fc.Arbitrary<Options> = fc.record({
  maxSize: fc.oneof(
    { weight: 1, arbitrary: fc.constantFrom(152, 200, "1K", 1e6, Infinity) },
    { weight: 9, arbitrary: fc.constantFrom(2500, 4000, 6000, 10_000, 50_000) },
  ),
  interval: fc.constantFrom(700, 10_000, 360_000),
  ttl: fc.constantFrom("by key" as const, 5000, 30_000, Infinity),
  idleTimeout: fc.constantFrom("by key" as const, 1500, Infinity, Infinity),
  absoluteTimeout: fc.constantFrom("by key" as const, 6000, Infinity, Infinity),
  user: fc.constantFrom("passport" as const, "by key" as const),
  maxSessionsPerUser: fc.constantFrom(1, 2, 3, 100),
  protect: fc.constantFrom("default" as const, "by key" as const),
  polls: fc.boolean(),
  answers: fc.constantFrom("callbacks" as const, "promises" as const),
  looks: fc.boolean(),
});

const OPTIONS: Options = {
  maxSize: 4000,
  interval: 1000,
  ttl: 1000,
  idleTimeout: Infinity,
  absoluteTimeout: Infinity,
  user: "passport",
  maxSessionsPerUser: 100,
  protect: "default",
  polls: false,
  answers: "callbacks",
  looks: true,
};

const HERE: From = { address: "192.0.2.1", isPoll: false };
const ADA: Data[number] = ["passport", { user: "ada" }];
const ADA_EDIT: [string[], object] = [["passport"], { user: "ada" }];

const signingIn: Command[] = [
  { do: "set", sid: "a", data: [], cookie: ["none", 0] },
  { do: "open", sid: "a", request: 0, from: HERE },
  { do: "signIn", request: 0, user: "ada" },
];

/** What chance finds too seldom, or found once. */
const examples: [Options, Command[]][] = [
  // Newcomers that hold an eighth to the byte are the next to go.
  [
    { ...OPTIONS, maxSize: 400, ttl: Infinity },
    [
      { do: "set", sid: "a", data: [["a", { pad: 20 }]], cookie: null },
      { do: "set", sid: "b", data: [["a", { pad: 20 }]], cookie: null },
      { do: "get", sid: "a", request: 0 },
      { do: "get", sid: "b", request: 0 },
      {
        do: "flood",
        who: "bot",
        count: 12,
        data: [["a", { share: 10 }]],
        cookie: null,
        from: undefined,
        returns: false,
      },
    ],
  ],
  // A session saved under another id is still late under its own.
  [
    OPTIONS,
    [
      { do: "set", sid: "a", data: [], cookie: null },
      { do: "get", sid: "a", request: 0 },
      { do: "saveAs", request: 0, sid: "b" },
      { do: "destroy", sid: "a" },
      { do: "save", request: 0 },
    ],
  ],
  // A request that saves twice does not take back the lifetime that another one has set.
  [
    OPTIONS,
    [
      { do: "set", sid: "a", data: [], cookie: ["date", 100] },
      { do: "get", sid: "a", request: 0 },
      { do: "touch", sid: "a", cookie: ["none", 0] },
      { do: "save", request: 0 },
      { do: "save", request: 0 },
      { do: "touchOwn", request: 0 },
      { do: "info", sid: "a" },
    ],
  ],
  // A touch with a merged cookie extends the life by that one.
  [
    { ...OPTIONS, idleTimeout: 1500 },
    [
      { do: "set", sid: "a", data: [], cookie: ["date", 100] },
      { do: "open", sid: "a", request: 0, from: HERE },
      { do: "set", sid: "a", data: [], cookie: ["none", 0] },
      { do: "save", request: 0 },
      { do: "touchOwn", request: 0 },
      { do: "info", sid: "a" },
    ],
  ],
  // A poll does not bring back what has expired since it was loaded.
  [
    { ...OPTIONS, polls: true },
    [
      { do: "set", sid: "a", data: [], cookie: ["date", 100] },
      { do: "open", sid: "a", request: 0, from: { ...HERE, isPoll: true } },
      { do: "wait", ms: 1000 },
      { do: "save", request: 0 },
    ],
  ],
  // A revocation that spares a request does not lift an earlier one.
  [
    OPTIONS,
    [
      ...signingIn,
      { do: "revokeUser", user: "ada", except: { sid: "b" } },
      { do: "revokeUser", user: "ada", except: { request: 0 } },
      { do: "save", request: 0 },
    ],
  ],
  [
    OPTIONS,
    [
      ...signingIn,
      { do: "revokeUser", user: "ada", except: { sid: "b" } },
      { do: "revokeUser", user: "ada", except: { sid: "a" } },
      { do: "save", request: 0 },
    ],
  ],
  [
    OPTIONS,
    [
      ...signingIn,
      { do: "revokeUser", user: "ada", except: { sid: "a" } },
      { do: "revokeUser", user: "ada", except: { request: 0 } },
      { do: "regenerateOwn", request: 0, sid: "b" },
      { do: "signIn", request: 0, user: "ada" },
      { do: "save", request: 0 },
    ],
  ],
  // It does spare what that request saves under a new id.
  [
    OPTIONS,
    [
      ...signingIn,
      { do: "revokeUser", user: "ada", except: { request: 0 } },
      { do: "regenerateOwn", request: 0, sid: "b" },
      { do: "signIn", request: 0, user: "ada" },
      { do: "save", request: 0 },
    ],
  ],
  // The destroy of a session that had left is remembered for ten minutes.
  ...[599_000, 601_000].map((ms): [Options, Command[]] => [
    { ...OPTIONS, interval: 360_000 },
    [
      { do: "set", sid: "a", data: [["a", 1]], cookie: null },
      { do: "get", sid: "a", request: 0 },
      { do: "wait", ms: 1000 },
      { do: "destroy", sid: "a" },
      { do: "wait", ms },
      { do: "save", request: 0 },
    ],
  ]),
  // So is that of another session of the same id; who had loaded that one is late at any time.
  ...[599_000, 601_000].map((ms): [Options, Command[]] => [
    { ...OPTIONS, interval: 360_000 },
    [
      { do: "set", sid: "a", data: [["a", 1]], cookie: null },
      { do: "get", sid: "a", request: 0 },
      { do: "wait", ms: 1000 },
      { do: "set", sid: "a", data: [["a", 2]], cookie: null },
      { do: "get", sid: "a", request: 1 },
      { do: "destroy", sid: "a" },
      { do: "wait", ms },
      { do: "save", request: 1 },
      { do: "save", request: 0 },
    ],
  ]),
  // After ten minutes it is forgotten, though there was another one since.
  [
    { ...OPTIONS, ttl: Infinity, interval: 360_000 },
    [
      ...signingIn,
      { do: "revokeUser", user: "ada", except: null },
      { do: "wait", ms: 400_000 },
      { do: "revokeUser", user: "ada", except: { sid: "a" } },
      { do: "wait", ms: 400_000 },
      { do: "save", request: 0 },
    ],
  ],
  // A request that began before a revocation and reloads its session after it began before it.
  [
    OPTIONS,
    [
      ...signingIn,
      { do: "revokeUser", user: "ada", except: null },
      { do: "reload", request: 0 },
      { do: "signIn", request: 0, user: "ada" },
      { do: "save", request: 0 },
    ],
  ],
  // What was loaded before a revocation is stale under another id too.
  [
    OPTIONS,
    [
      { do: "set", sid: "a", data: [], cookie: null },
      { do: "get", sid: "a", request: 0 },
      { do: "revokeUser", user: "ada", except: null },
      { do: "signIn", request: 0, user: "ada" },
      { do: "saveAs", request: 0, sid: "b" },
    ],
  ],
  // An expired session costs no live one its place among those of its user.
  [
    { ...OPTIONS, interval: 10_000, maxSessionsPerUser: 2, ttl: 30_000 },
    [
      { do: "set", sid: "a", data: [ADA], cookie: null },
      { do: "set", sid: "b", data: [ADA], cookie: ["date", 100] },
      { do: "wait", ms: 1000 },
      { do: "set", sid: "c", data: [ADA], cookie: null },
    ],
  ],
  // An update makes a session that of another user, and not its most recently used one.
  [
    { ...OPTIONS, maxSessionsPerUser: 1 },
    [
      { do: "set", sid: "a", data: [], cookie: null },
      { do: "set", sid: "b", data: [ADA], cookie: null },
      { do: "update", sid: "a", edits: [["set", ...ADA_EDIT]], how: "edit" },
    ],
  ],
];

function report({ counterexample, seed, counterexamplePath, numRuns, errorInstance }: fc.RunDetails<
  [Options, Command[]]
>): string {
  const [options, commands] = counterexample!;
  return [
    `Store and model disagree, in run ${numRuns}. To see it again:`,
    `LEMBRO_REPLAY=${seed}:${counterexamplePath} deno task test:model`,
    `store ${fc.stringify(options)}`,
    ...commands.map((command, n) => `${n + 1}. ${fc.stringify(command)}`),
    String((errorInstance as Error)?.message),
  ].join("\n");
}

describe("the store and a model of it", () => {
  const numRuns = Number(Deno.args[0] ?? RUNS);
  const [, seed, path] = Deno.env.get("LEMBRO_REPLAY")?.match(/^(-?\d+):(.+)$/) ?? [];

  it(`agree in ${seed ? "the sequence to replay" : `${numRuns} random sequences`}`, async () => {
    const seen: Record<string, number> = {};
    const property = fc.asyncProperty(options, commands, async (options, commands) => {
      const { evicted, listsTakenWhole: _, ...counters } = await play(options, commands);
      for (const [name, count] of Object.entries({ ...counters, ...evicted })) {
        seen[name] = (seen[name] ?? 0) + count;
      }
    });
    const runs = seed ? { seed: Number(seed), path: path! } : { numRuns };
    const details = await fc.check(property, { ...runs, examples });
    if (details.failed) throw new Error(report(details));
    if (seed) return;
    if (Deno.args.length > 0) console.log("Seen in the sequences:", seen);
    // Sequences in which nothing happens would prove nothing.
    for (const [name, count] of Object.entries(seen)) {
      assert(
        count * 400 >= numRuns || numRuns < RUNS,
        `Only ${count} ${name} in ${numRuns} sequences`,
      );
    }
  });
});
