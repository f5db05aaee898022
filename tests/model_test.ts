/**
 * Random sequences of commands to the store and to the model of the contract:
 * same answers, same ledger, same order of eviction.
 *
 *     deno task test:model 50000        as many sequences as asked for
 *     LEMBRO_REPLAY=… deno task test:model        one that failed, as it says itself
 */
import "./support/as_in_node.ts";
import { assert } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import fc from "fast-check";
import { bad, type Command, type Cookie, type Data, type Options, play } from "./model/play.ts";

const RUNS = 10_000;
const MOST_COMMANDS = 60;

// Few ids, and most of one, so that requests meet.
const sid = fc.oneof(
  { weight: 8, arbitrary: fc.constant("a") },
  { weight: 4, arbitrary: fc.constant("b") },
  { weight: 4, arbitrary: fc.constantFrom("c", "bot 1", "bot 2", "", "__proto__", "\ud800") },
);
const request = fc.integer({ min: 0, max: 3 });
const iterator = fc.integer({ min: 0, max: 1 });
const distance = fc.oneof(
  { weight: 1, arbitrary: fc.constantFrom(-1000, 0, 1) },
  { weight: 5, arbitrary: fc.constantFrom(100, 1000, 5000, 60_000) },
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

const key = fc.constantFrom("a", "b", "c", "d", "short", "vip", "passport", "__proto__", "save");
const value = fc.oneof(
  fc.constantFrom(0, 1, "one", null, true, { n: 1 }, [1, 2], { user: 1 }, { user: null }),
  fc.record({ pad: fc.constantFrom(5, 20, 50, 100, 200, 300, 1500) }),
);
const data: fc.Arbitrary<Data> = fc.array(fc.tuple(key, value), { maxLength: 3 });
const edits: fc.Arbitrary<Data> = fc.array(
  fc.tuple(key, fc.option(value, { nil: undefined, freq: 3 })),
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

const commands: fc.Arbitrary<Command[]> = fc.array(
  fc.oneof(
    command(14, "get", { sid, request }),
    command(1, "copy", { sid, request }),
    command(5, "asSession", { request, into: request }),
    command(2, "newSession", { sid, request, data, cookie }),
    command(14, "edit", {
      request,
      data: edits,
      cookie: fc.option(cookie, { nil: undefined, freq: 3 }),
    }),
    command(18, "save", { request }),
    command(1, "saveAs", { request, sid }),
    command(4, "touchOwn", { request }),
    command(8, "set", { sid, data, cookie }),
    command(2, "regenerate", { sid, data, cookie }),
    command(1, ["setBad", "touchBad"], {
      sid,
      bad: fc.constantFrom(...Object.keys(bad)),
    }),
    command(3, "touch", { sid, cookie }),
    command(3, "flood", { count: fc.integer({ min: 1, max: 9 }), data, cookie }),
    command(3, "visit", { count: fc.integer({ min: 1, max: 9 }) }),
    command(3, "destroy", { sid }),
    command(2, ["all", "length", "ids"], {}),
    command(2, ["reduce", "purge"], {}),
    command(1, ["clear", "close"], {}),
    command(2, "iterate", { iterator }),
    command(6, "next", { iterator }),
    command(5, "wait", { ms: fc.constantFrom(1, 50, 100, 700, 1000, 5000, 20_000) }),
  ),
  { maxLength: MOST_COMMANDS, size: "max" },
);

const options: fc.Arbitrary<Options> = fc.record({
  maxSize: fc.oneof(
    { weight: 1, arbitrary: fc.constantFrom(1, 40, 200, Infinity) },
    { weight: 8, arbitrary: fc.constantFrom(128, 400, 700, "1K", 1500, 2500, 4000, 6000, 1e6) },
  ),
  interval: fc.constantFrom(700, 10_000, 360_000),
  ttl: fc.constantFrom("by key" as const, 5000, 30_000, Infinity),
  protect: fc.constantFrom("passport" as const, "by key" as const),
  answers: fc.constantFrom("callbacks" as const, "promises" as const),
});

/** What chance finds too seldom, or found once. */
const examples: [Options, Command[]][] = [
  // Newcomers that hold an eighth to the byte are the next to go.
  [
    { maxSize: 128, interval: 1000, ttl: 1000, protect: "passport", answers: "callbacks" },
    [
      { do: "set", sid: "a", data: [["a", { pad: 20 }]], cookie: null },
      { do: "set", sid: "b", data: [["a", { pad: 20 }]], cookie: null },
      { do: "get", sid: "a", request: 0 },
      { do: "get", sid: "b", request: 0 },
      { do: "flood", count: 5, data: [], cookie: null },
    ],
  ],
  // A session saved under another id is still late under its own.
  [
    { maxSize: "1K", interval: 1000, ttl: 1000, protect: "passport", answers: "callbacks" },
    [
      { do: "set", sid: "a", data: [], cookie: null },
      { do: "get", sid: "a", request: 0 },
      { do: "saveAs", request: 0, sid: "b" },
      { do: "destroy", sid: "a" },
      { do: "save", request: 0 },
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

/** Does `work` while no slice ever ends: how much fits into one is the machine's affair. */
async function unhurried<Result>(work: () => Promise<Result>): Promise<Result> {
  const { now } = performance;
  performance.now = () => 0;
  try {
    return await work();
  } finally {
    performance.now = now;
  }
}

describe("the store and a model of the contract", () => {
  const numRuns = Number(Deno.args[0] ?? RUNS);
  const [, seed, path] = Deno.env.get("LEMBRO_REPLAY")?.match(/^(-?\d+):(.+)$/) ?? [];

  it(`agree in ${seed ? "the sequence to replay" : `${numRuns} random sequences`}`, async () => {
    const seen: Record<string, number> = {};
    const property = fc.asyncProperty(options, commands, async (options, commands) => {
      const { evicted, ...counters } = await unhurried(() => play(options, commands));
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
        count * 100 >= numRuns || numRuns < RUNS,
        `Only ${count} ${name} in ${numRuns} sequences`,
      );
    }
  });
});
