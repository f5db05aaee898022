/**
 * What the bench has found, as tables of Markdown, and whether it is enough.
 *
 * @module
 */
import { HOLDS } from "./measure.ts";
import type { JournalTimes } from "./journal.ts";
import type { MergeCost } from "./merge.ts";
import { BARE, OURS } from "./peers.ts";
import type { Served } from "./web.ts";

/** How an app served its visitors, and for how many microseconds processors worked on a request. */
export type ServedWith = Served & { work: number };

/** What was measured of each store, by its name. */
export type OfPeers<Measured> = Record<string, Measured>;

/** Milliseconds, with a number of sessions. */
export interface JournalFound extends JournalTimes {
  /** The longest hold while all are saved again and again, and the journal is compacted. */
  compact: number;
  /** The same without the pauses of the collector, where the runtime reports them. */
  compactOwn: number | undefined;
  /** The longest hold while all are saved again and again in a store without a journal. */
  unkept: number;
}

/** What was found in one runtime. Lists have an item for each round, in which all stores took part. */
export interface Found {
  runtime: string;
  /** How many sessions the stores kept meanwhile. */
  kept: number;
  /** Nanoseconds for each call, by operation. */
  speed: Record<string, OfPeers<number[]>>;
  /** Nanoseconds for each call, by operation and number of sessions. */
  growth: Record<string, OfPeers<Record<number, number[]>>>;
  heap: OfPeers<{ taken: number; left: number }>;
  /** The longest holds in milliseconds, by kind of work and number of sessions. */
  holds: Record<string, Record<number, OfPeers<number>>>;
  web?: OfPeers<ServedWith[]>;
  /** Nanoseconds for each new session in a full store, by whom it is full of. */
  full: Record<string, OfPeers<number[]>>;
  /** What a save costs that was overtaken, by session. */
  merge: Record<string, MergeCost[]>;
  /** What the journal costs an app in which each request saves, and by number of sessions. */
  journal?: { web: Record<string, ServedWith[]>; times: Record<number, JournalFound> };
}

/** All that was found, and where. */
export interface Results {
  /** When, on what machine, with which versions. */
  origin: string[];
  found: Found[];
}

/** A requirement, and what was measured. */
export interface Verdict {
  name: string;
  /** The ratio or the milliseconds that were measured, with the middle half of the rounds. */
  measured: string;
  bound: string;
  verdict: "met" | "within the noise" | "missed";
}

/** The value that a `share` of the sorted values is below. */
export function quantile(values: number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  const at = (sorted.length - 1) * share;
  const below = sorted[Math.floor(at)];
  return below + (sorted[Math.ceil(at)] - below) * (at % 1);
}

/** The middle one of the values. */
export function median(values: number[]): number {
  return quantile(values, 0.5);
}

/** A number for people. */
export const number = (value: number, digits = 0): string =>
  value.toLocaleString("en-US", { minimumFractionDigits: digits, maximumFractionDigits: digits });

/** A ratio for people. */
export const times = (ratio: number): string => `${number(ratio, 2)} ×`;

/** The names of the stores that are peers: not this one, nor what is no store. */
const isPeer = (name: string) => name !== OURS && name !== BARE;

/** How much this store is above another one, round by round. */
function ratios(values: OfPeers<number[]>, other: string, lowIsGood: boolean): number[] {
  return values[OURS].map((ours, round) =>
    lowIsGood ? values[other][round] / ours : ours / values[other][round]
  );
}

/** The best of the peers, by the median. */
export function bestPeer(values: OfPeers<number[]>, lowIsGood: boolean): string {
  const sign = lowIsGood ? 1 : -1;
  return Object.keys(values).filter(isPeer)
    .sort((a, b) => sign * (median(values[a]) - median(values[b])))[0];
}

/** The longest of the given holds at the largest number of sessions that was measured. */
const mostSessions = (sizes: Record<number, unknown>) =>
  Math.max(...Object.keys(sizes).map(Number));

/** What is required on Node, and whether it is met. */
export function judge({ speed, holds, heap, web, journal }: Found): Verdict[] {
  const verdicts: Verdict[] = [];
  const atLeast = (
    bound: number,
    name: string,
    values: OfPeers<number[]>,
    other: string,
    lowIsGood = true,
  ) => {
    const all = ratios(values, other, lowIsGood);
    const [low, middle, high] = [0.25, 0.5, 0.75].map((share) => quantile(all, share));
    verdicts.push({
      name: `${name}, to ${other}`,
      measured: `${times(middle)} (${number(low, 2)} to ${number(high, 2)})`,
      bound: `at least ${times(bound)}`,
      verdict: middle >= bound ? "met" : high >= bound ? "within the noise" : "missed",
    });
  };
  const atMost10 = (name: string, ms: number) => {
    const verdict = ms <= 10 ? "met" : "missed";
    verdicts.push({ name, measured: `${number(ms, 1)} ms`, bound: "at most 10 ms", verdict });
  };
  for (const operation of ["get", "set, new", "set, overwrite"]) {
    atLeast(1, operation, speed[operation], bestPeer(speed[operation], true));
    atLeast(0.75, operation, speed[operation], BARE);
  }
  atLeast(8, "touch", speed.touch, bestPeer(speed.touch, true));
  for (
    const hold of ["purge, all", "purge, half", "reduce", "overflow", "length", "ids", "revokeUser"]
  ) {
    const sessions = mostSessions(holds[hold]);
    const ms = holds[hold][sessions]?.[OURS];
    if (ms === undefined) continue;
    atMost10(`longest hold: ${hold}, ${number(sessions)} sessions`, ms);
  }
  const share = heap[OURS].taken / heap.MemoryStore.taken;
  verdicts.push({
    name: "heap of a session, to MemoryStore",
    measured: times(share),
    bound: `at most ${times(1)}; ${times(1.15)} with a reason`,
    verdict: share <= 1 ? "met" : share <= 1.15 ? "within the noise" : "missed",
  });
  if (web) {
    const served = mapValues(web, (rounds) => rounds.map(({ perSecond }) => perSecond));
    atLeast(1, "requests per second", served, bestPeer(served, false), false);
  }
  if (journal) {
    const served = mapValues(journal.web, (rounds) => rounds.map(({ perSecond }) => perSecond));
    const name = "requests per second with a sealed journal";
    const of = { [OURS]: served["sealed journal"], "no journal": served["no journal"] };
    atLeast(0.9, name, of, "no journal", false);
    const sessions = mostSessions(journal.times);
    const { write, compact, compactOwn } = journal.times[sessions];
    const named = (work: string) => `longest hold: journal, ${work}, ${number(sessions)} sessions`;
    atMost10(named("writing"), write);
    atMost10(named("compacting"), compact);
    atMost10(`${named("compacting")}, without V8's collector`, compactOwn!);
  }
  return verdicts;
}

function mapValues<From, To>(
  from: Record<string, From>,
  work: (value: From) => To,
): Record<string, To> {
  return Object.fromEntries(Object.entries(from).map(([key, value]) => [key, work(value)]));
}

/** A table of Markdown: columns with figures are aligned to the right. */
export function table(head: string[], rows: string[][]): string {
  const isText = (column: number) => rows.every((row) => !/\d/.test(row[column] ?? ""));
  const rule = head.map((_, column) => column === 0 || isText(column) ? "---" : "---:");
  return [head, rule, ...rows].map((row) => `| ${row.join(" | ")} |`).join("\n");
}

const bold = (name: string) => name === OURS ? `**${name}**` : name;

function speedTable({ speed, kept }: Found): string {
  const names = Object.keys(speed.get);
  const rows = Object.entries(speed).map(([operation, values]) => {
    const best = bestPeer(values, true);
    return [
      operation,
      ...names.map((name) => number(1e9 / median(values[name]))),
      `${times(median(ratios(values, best, true)))} ${best}`,
      times(median(ratios(values, BARE, true))),
    ];
  });
  return table([
    `calls per second, ${number(kept)} sessions`,
    ...names.map(bold),
    "ours to the best peer",
    "to the bare limit",
  ], rows);
}

function heapTable({ heap }: Found): string {
  const names = Object.keys(heap);
  return table(["bytes of heap", ...names.map(bold), "ours to MemoryStore"], [
    [
      "a session",
      ...names.map((name) => number(heap[name].taken)),
      times(heap[OURS].taken / heap.MemoryStore.taken),
    ],
    ["left of it when destroyed", ...names.map((name) => number(heap[name].left)), ""],
  ]);
}

function holdsTable({ holds }: Found): string {
  // Every store can clear.
  const names = Object.keys(Object.values(holds.clear)[0]);
  const rows = HOLDS.flatMap((hold) =>
    Object.entries(holds[hold]).map(([sessions, values]) => [
      hold,
      number(Number(sessions)),
      ...names.map((name) => name in values ? number(values[name], 1) : "–"),
    ])
  );
  return table(["longest hold, ms", "sessions", ...names.map(bold)], rows);
}

function growthTable({ growth }: Found): string {
  const sizes = Object.keys(Object.values(growth.get)[0]).map(Number);
  const [least, most] = [sizes[0], sizes[sizes.length - 1]];
  const rows = Object.entries(growth).flatMap(([operation, values]) =>
    Object.entries(values).map(([name, rounds]) => [
      operation,
      bold(name),
      ...sizes.map((size) => number(median(rounds[size]))),
      times(median(rounds[most].map((time, round) => time / rounds[least][round]))),
    ])
  );
  const heads = sizes.map((size) => number(size));
  return table(["ns a call", "store", ...heads, `${number(most)} to ${number(least)}`], rows);
}

function webTable(web: OfPeers<ServedWith[]>): string {
  const of = (values: ServedWith[], key: keyof ServedWith) => median(values.map((one) => one[key]));
  const served = mapValues(web, (rounds) => rounds.map(({ perSecond }) => perSecond));
  const best = bestPeer(served, false);
  const worked = mapValues(web, (rounds) => rounds.map(({ work }) => work));
  const least = bestPeer(worked, true);
  const names = Object.keys(web);
  return table(["Express 5", ...names.map(bold), "ours to the best peer"], [
    [
      "requests per second",
      ...names.map((name) => number(of(web[name], "perSecond"))),
      `${times(median(ratios(served, best, false)))} ${best}`,
    ],
    ["p99, ms", ...names.map((name) => number(of(web[name], "p99"), 1)), ""],
    [
      "work on a request, µs",
      ...names.map((name) => number(of(web[name], "work"))),
      `${times(median(ratios(worked, least, true)))} ${least}`,
    ],
  ]);
}

function fullTable({ full }: Found): string {
  const names = Object.keys(Object.values(full)[0]);
  const rows = Object.entries(full).map(([fullOf, values]) => {
    const best = bestPeer(values, true);
    return [
      fullOf,
      ...names.map((name) => number(1e9 / median(values[name]))),
      `${times(median(ratios(values, best, true)))} ${best}`,
    ];
  });
  const title = "set, new, in a store that is full of …: calls per second";
  return table([title, ...names.map(bold), "ours to the best peer"], rows);
}

function mergeTable({ merge }: Found): string {
  const rows = Object.entries(merge).map(([name, costs]) => {
    const of = (key: keyof MergeCost) => number(median(costs.map((one) => one[key])) / 1e3, 1);
    const ratio = median(costs.map(({ overtaken, parses }) => overtaken / parses));
    return [name, of("plain"), of("overtaken"), of("parses"), times(ratio)];
  });
  return table([
    "a save, µs",
    "alone",
    "overtaken, and merged",
    "three JSON.parse of it",
    "merged to three JSON.parse",
  ], rows);
}

/** What the journal costs, as tables. */
export function journalTables({ web, times: byCount }: NonNullable<Found["journal"]>): string {
  const names = Object.keys(web);
  const [without] = names;
  const served = mapValues(web, (rounds) => rounds.map(({ perSecond }) => perSecond));
  const withoutIt = (name: string) =>
    times(median(served[name].map((value, round) => value / served[without][round])));
  const requests = table(["Express 5, every request saves", ...names], [
    ["requests per second", ...names.map((name) => number(median(served[name])))],
    ["to no journal", ...names.map(withoutIt)],
    [
      "work on a request, µs",
      ...names.map((name) => number(median(web[name].map(({ work }) => work)))),
    ],
  ]);
  const long = table(
    [
      "a sealed journal, ms",
      "longest hold: writing",
      "compacting",
      "without V8's collector",
      "the same saves, no journal",
      "opening",
      "time to open it",
    ],
    Object.entries(byCount).map(([sessions, found]) => [
      `${number(Number(sessions))} sessions`,
      ...[found.write, found.compact, found.compactOwn, found.unkept, found.replayHold]
        .map((ms) => ms === undefined ? "–" : number(ms, 1)),
      number(found.replay),
    ]),
  );
  return `${requests}\n\n${long}`;
}

/** The verdicts as a table. */
export function verdictTable(verdicts: Verdict[]): string {
  return table(
    ["on Node", "measured (middle half of the rounds)", "required", ""],
    verdicts.map(({ name, measured, bound, verdict }) => [name, measured, bound, verdict]),
  );
}

/** The tables of one runtime, without a title. */
export function tablesOf(found: Found): string {
  return [
    speedTable(found),
    ...found.web ? [webTable(found.web)] : [],
    fullTable(found),
    mergeTable(found),
    ...found.journal ? [journalTables(found.journal)] : [],
    heapTable(found),
    holdsTable(found),
    growthTable(found),
  ].join("\n\n");
}

/** How it was measured: whoever reads the figures should know. */
export const METHOD = [
  "Each store has a process of its own, so that none pays for the garbage or the compiled code of another. All take their turns in every round of one run, and ratios are of the same round. Figures are medians of the rounds. The runtime collects garbage when it sees fit while speed is measured; it is made to before each measurement of a heap or a hold. The time for which the system ran another process instead is left out where the system reports it (Linux), except for Express, where two processes are at work. _Work on a request_ is the time for which processors worked for the server, including its threads that collect garbage.",
  "Calls are made with callbacks, a hundred under way at a time, as in a busy app. Sessions are real ones of express-session, of about 350 characters. What is saved or touched was loaded right before, untimed: a request does so too. The _bare limit_ is no store: a `Map` with `JSON.parse` and `JSON.stringify`, and one `setImmediate` for each callback, as other stores have it. It knows no expiry, no size limit and no order. _get, touched_ is a `get` of what was touched since its last `get`, which pays for what a quick `touch` puts off.",
  "_In a full store_, each save takes the store over its limit, and what it sets off is counted, in the background too. The new sessions come from ten thousand client addresses. A store that is full of returning sessions stays so: new ones come back before others come. _Overtaken_ is a save of what was loaded before another request saved: the two are merged. It is compared with what it takes to parse the session's JSON three times: as loaded, as kept and as saved.",
  "A _hold_ is the longest time for which the event loop could do nothing else: the least of several tries for this store and for small numbers, of one try for the others at their largest. – means that the store has no such operation, or that it was left out: with connect-redis, another process does the work, and `MemoryStore` has no limit and no purge. The purge of express-lembro 1 is its `all`, which is what its timer calls. _overflow_ is a thousand saves over the limit, one in each turn of the event loop, and what they set off. _revoke_ ends ten thousand sessions of one user. _Compacting_ is a sealed journal whose sessions are all saved again and again, ten in each turn, until its file has been compacted and the whole heap has been collected twice. The same saves in a store without a journal stand beside it. Both processes have a heap of 1.5 GB at most, so that V8 collects all of it now and then, as in an app. It holds the loop for that, with or without a journal. _Without V8's collector_ is the same work in a process that marks in one go, less the pauses that it reports. A million sessions are measured on Node only.",
].join("\n\n");

/** All as a page of Markdown. */
export function pageOf({ origin, found }: Results): string {
  const sections = found.map((one) => `## ${one.runtime}\n\n${tablesOf(one)}`);
  return [
    "# Bench",
    "`deno task bench` wrote this page.",
    origin.map((line) => `- ${line}`).join("\n"),
    "![The figures as a chart](results.svg)",
    "## Requirements",
    verdictTable(judge(found[0])),
    ...sections,
    "## How it was measured",
    METHOD,
  ].join("\n\n") + "\n";
}
