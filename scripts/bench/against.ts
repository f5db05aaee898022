/**
 * Before against after: this checkout's store and that of another one, in
 * turns in the same run.
 *
 * @module
 */
import { HOLDS } from "./measure.ts";
import { OURS } from "./peers.ts";
import { median, number, quantile, table, times } from "./results.ts";
import {
  type Contestants,
  measureHeap,
  measureHolds,
  measureSpeed,
  measureWeb,
  type Plan,
  progress,
} from "./rounds.ts";
import type { Runtime } from "./runtimes.ts";

/** Calls per second, from nanoseconds for each. */
const perSecond = (times: number[]) => times.map((time) => 1e9 / time);

/** The ratios of all rounds: the median, and the middle half. */
function ratioOf(before: number[], after: number[]): string {
  const ratios = after.map((value, round) => value / before[round]);
  const [low, middle, high] = [0.25, 0.5, 0.75].map((share) => quantile(ratios, share));
  return before.length > 1
    ? `${times(middle)} (${number(low, 2)} to ${number(high, 2)})`
    : times(middle);
}

function rowOf(title: string, before: number[], after: number[], digits = 0): string[] {
  const values = [before, after].map((all) => number(median(all), digits));
  return [title, ...values, ratioOf(before, after)];
}

/** What the store of the checkout in the folder `path` does, and what this one does, as a table. */
export async function measureAgainst(
  runtime: Runtime,
  plan: Plan,
  path: string,
  inApp: boolean,
): Promise<string> {
  const contestants: Contestants = {
    before: { peer: OURS, module: await runtime.moduleOf(path) },
    after: { peer: OURS },
  };
  const rows: string[][] = [];
  const found = (...more: string[][]) => {
    rows.push(...more);
    // What is known so far: the holds take their time.
    for (const row of more) progress(row.join(" | "));
  };
  const speed = await measureSpeed(runtime, plan.speed, contestants);
  for (const [operation, { before, after }] of Object.entries(speed)) {
    found(rowOf(`${operation}: calls per second`, perSecond(before), perSecond(after)));
  }
  if (inApp) {
    const { before, after } = await measureWeb(runtime, plan.web, contestants);
    const row = (title: string, key: "perSecond" | "work") =>
      rowOf(title, before.map((one) => one[key]), after.map((one) => one[key]));
    found(
      row("Express 5: requests per second", "perSecond"),
      row("Express 5: work on a request, µs", "work"),
    );
  }
  const heap = await measureHeap(runtime, plan.heap, contestants);
  found(rowOf("heap of a session, bytes", [heap.before.taken], [heap.after.taken]));
  const holds = await measureHolds(runtime, plan.holds.slice(-1), contestants);
  for (const hold of HOLDS) {
    for (const [sessions, { before, after }] of Object.entries(holds[hold])) {
      const title = `${hold}: longest hold, ms, ${number(Number(sessions))} sessions`;
      if (before !== undefined) found(rowOf(title, [before], [after], 1));
      else found([title, "–", number(after, 1), ""]);
    }
  }
  return table([runtime.name, "before", "after", "after to before (middle half)"], rows);
}
