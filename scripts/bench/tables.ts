/**
 * What the bench has found, as tables of Markdown.
 *
 * @module
 */
import { OURS, OURS_ON_REDIS } from "./stores.ts";

/** What was measured: by row and column, the values of all rounds. */
export type Found = Record<string, Record<string, number[]>>;

/** Tables by their titles. */
export type Tables = Record<string, { found: Found; table: string }>;

/** The middle one of the values. */
export function median(values: number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const at = (sorted.length - 1) / 2;
  return (sorted[Math.floor(at)] + sorted[Math.ceil(at)]) / 2;
}

/** A number for people: three digits that count, or all before the point. */
export function numberOf(value: number): string {
  const digits = Math.abs(value) < 10 ? 2 : Math.abs(value) < 100 ? 1 : 0;
  return (Number(value.toFixed(digits)) + 0).toLocaleString("en-US", {
    minimumFractionDigits: Number.isInteger(value) ? 0 : digits,
  });
}

/** Our value to the best of another store, the median of all rounds. */
function ratioOf(row: string, values: Found[string], ours: string): string {
  if (!values[ours]) return "";
  const sign = row.endsWith("per second") ? -1 : 1;
  const [best] = Object.keys(values).filter((name) => name !== ours)
    .sort((a, b) => sign * (median(values[a]) - median(values[b])));
  if (!best) return "";
  const ratios = values[ours].map((value, round) => value / values[best][round]);
  return Number.isFinite(median(ratios)) ? `${median(ratios).toFixed(2)} × ${best}` : "";
}

/** A row of a table of Markdown. */
export const row = (cells: string[]): string => `| ${cells.join(" | ")} |`;

/** A table of Markdown with the medians; with `ours` beside the best of the other columns. */
export function tableOf(found: Found, columns: string[], ours?: string) {
  const rows = Object.entries(found).map(([name, values]) => [
    name,
    ...columns.map((column) => column in values ? numberOf(median(values[column])) : "–"),
    ...ours ? [ratioOf(name, values, ours)] : [],
  ]);
  const heads = ["", ...columns, ...ours ? ["ours to the best other"] : []];
  const rules = heads.map((_, i) => i === 0 ? "---" : "---:");
  return { found, table: [heads, rules, ...rows].map(row).join("\n") };
}

/** The figures of the README: its rows, and which row, column and other column of a table they are. */
const SUMMARY = [
  ["a request, µs of CPU", "Express: a request, µs of CPU", OURS, "MemoryStore"],
  ["a session, bytes", "a session, bytes", OURS, "MemoryStore"],
  ["a request on Redis", "Express: a request, µs of CPU", OURS_ON_REDIS, "connect-redis"],
];

/** The figures of the README, of each runtime by its name. */
export function summaryOf(found: Record<string, Tables>): string {
  const rows = SUMMARY.map(([title, name, ours, other]) => [
    `${title} (${other})`,
    ...Object.values(found).map((tables) => {
      const values = Object.values(tables).map((one) => one.found[name])
        .find((one) => one && ours in one);
      return values
        ? `${numberOf(median(values[ours]))} (${numberOf(median(values[other]))})`
        : "–";
    }),
  ]);
  const heads = ["", ...Object.keys(found).map((name) => name.split(" ")[0])];
  return [heads, heads.map(() => "---"), ...rows].map(row).join("\n");
}
