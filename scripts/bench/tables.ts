/**
 * What the bench has found, as tables of Markdown, and where they are written.
 *
 * @module
 */
import { fileURLToPath } from "node:url";
import { OURS, OURS_ON_REDIS } from "./stores.ts";

/** What was measured once, by what it is and its unit. */
export type Figures = Record<string, number>;

/** What was measured: by row and column, the values of all rounds. */
export type Found = Record<string, Record<string, number[]>>;

/** Tables by their titles: `ours` is the column beside which the best of the others is put. */
export type Tables = Record<string, { columns: string[]; ours?: string; found: Found }>;

/** For people: three digits that count, or all before the point. */
export const { format: numberOf } = new Intl.NumberFormat("en-US", {
  maximumSignificantDigits: 3,
  maximumFractionDigits: 0,
  roundingPriority: "morePrecision",
});

/** The middle one of the values. */
function median(values: number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const at = (sorted.length - 1) / 2;
  return (sorted[Math.floor(at)] + sorted[Math.ceil(at)]) / 2;
}

const medianOf = (values?: number[]) => values ? numberOf(median(values)) : "–";

/** Our value to the best of another store, the median of all rounds. */
function ratioOf(row: string, values: Found[string], ours: string): string {
  const sign = row.endsWith("per second") ? -1 : 1;
  const [best] = Object.keys(values).filter((name) => name !== ours)
    .sort((a, b) => sign * (median(values[a]) - median(values[b])));
  const ratios = values[ours]?.map((value, round) => value / values[best]?.[round]);
  return best && ratios ? `${numberOf(median(ratios))} × ${best}` : "";
}

/** A table of Markdown, with its heads as the first row. */
export function markdown([heads, ...rows]: string[][], rule = "---"): string {
  const rules = heads.map((_, i) => i === 0 ? "---" : rule);
  return [heads, rules, ...rows].map((cells) => `| ${cells.join(" | ")} |`).join("\n");
}

/** A table of Markdown with the medians. */
export function textOf({ columns, ours, found }: Tables[string]): string {
  const rows = Object.entries(found).map(([name, values]) => [
    name,
    ...columns.map((column) => medianOf(values[column])),
    ...ours ? [ratioOf(name, values, ours)] : [],
  ]);
  const heads = ["", ...columns, ...ours ? ["ours to the best other"] : []];
  return markdown([heads, ...rows], "---:");
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
      const values = Object.values(tables).map((one) => one.found[name]);
      const row = values.find((one) => one && ours in one) ?? {};
      return `${medianOf(row[ours])} (${medianOf(row[other])})`;
    }),
  ]);
  return markdown([["", ...Object.keys(found).map((name) => name.split(" ")[0])], ...rows]);
}

export const README = fileURLToPath(new URL("../../README.md", import.meta.url));
export const RESULTS = fileURLToPath(new URL("results.md", import.meta.url));

/** The table of a task in the README, between two comments. */
export const tableIn = (task: string): RegExp =>
  new RegExp(`(?<=<!-- ${task} -->\\n)[^]*(?=<!-- /${task} -->)`);

/** All of `results.md` but its end, which people write. */
export const FIGURES = /^[^]*(?=^## How it was measured$)/m;

async function rewrite(path: string, part: RegExp, text: string): Promise<void> {
  const page = await Deno.readTextFile(path);
  await Deno.writeTextFile(path, page.replace(part, () => `\n${text}\n\n`));
  await new Deno.Command(Deno.execPath(), { args: ["fmt", "--quiet", path] }).output();
}

export const writeTable = (task: string, table: string) => rewrite(README, tableIn(task), table);
export const writeResults = (text: string) => rewrite(RESULTS, FIGURES, text);
