/**
 * The figures as a chart: an SVG that can be read on a light page and on a dark one.
 *
 * @module
 */
import { OURS } from "./peers.ts";
import { type Found, median, type OfPeers, type Results } from "./results.ts";

const WIDTH = 860;
const COLUMN = 400;
const GAP = WIDTH - 2 * COLUMN;
const LABEL = 128;
const VALUE = 62;
const BAR = 16;
const STEP = 22;

/** A group of bars, one for each store. */
interface Panel {
  title: string;
  values: OfPeers<number>;
  show(value: number): string;
  /** Where a line is drawn, and on a scale of powers of ten. */
  limit?: number;
}

const thousands = (value: number) => `${(value / 1_000).toFixed(value < 10_000 ? 1 : 0)} k`;
const whole = (value: number) => Math.round(value).toLocaleString("en-US");
const milliseconds = (value: number) => `${value < 10 ? value.toFixed(1) : whole(value)} ms`;

function mapped<From>(from: OfPeers<From>, work: (value: From) => number): OfPeers<number> {
  return Object.fromEntries(Object.entries(from).map(([name, value]) => [name, work(value)]));
}

function panelsOf({ speed, web, heap, holds }: Found): Panel[] {
  const speeds = ["get", "set, new", "set, overwrite", "touch"].map((operation) => ({
    title: `${operation}: calls per second`,
    values: mapped(speed[operation], (rounds) => 1e9 / median(rounds)),
    show: thousands,
  }));
  const longest = ["purge, all", "length", "overflow"].map((hold) => {
    const sessions = Math.max(...Object.keys(holds[hold]).map(Number));
    return {
      title: `${hold}: longest hold, ${whole(sessions)} sessions`,
      values: holds[hold][sessions],
      show: milliseconds,
      limit: 10,
    };
  });
  const served = web && {
    title: "Express 5: requests per second",
    values: mapped(web, (rounds) => median(rounds.map(({ perSecond }) => perSecond))),
    show: whole,
  };
  return [
    ...speeds,
    ...served ? [served] : [],
    {
      title: "heap of a session, in bytes",
      values: mapped(heap, ({ taken }) => taken),
      show: whole,
    },
    ...longest,
  ];
}

const escaped = (text: string) => text.replace(/[&<>]/g, (one) => `&#${one.charCodeAt(0)};`);

function drawn({ title, values, show, limit }: Panel, x: number, y: number): string {
  const room = COLUMN - LABEL - VALUE;
  const most = Math.max(limit ?? 0, ...Object.values(values));
  // Holds differ by powers of ten: from a tenth of a millisecond on.
  const width = (value: number) =>
    limit === undefined
      ? room * value / most
      : room * Math.max(0.01, Math.log10(Math.max(value, 0.1) / 0.1) / Math.log10(most / 0.1));
  const bars = Object.entries(values).map(([name, value], i) => {
    const top = y + 14 + i * STEP;
    const length = Math.max(1, width(value));
    const kind = name === OURS ? ' class="ours"' : "";
    return `<g${kind}><text x="${x + LABEL - 8}" y="${top + 12}" text-anchor="end">${
      escaped(name)
    }</text><rect x="${x + LABEL}" y="${top}" width="${
      length.toFixed(1)
    }" height="${BAR}" rx="2"/><text x="${(x + LABEL + length + 6).toFixed(1)}" y="${top + 12}">${
      show(value)
    }</text></g>`;
  });
  const mark = x + LABEL + (limit === undefined ? 0 : width(limit));
  const end = y + 10 + bars.length * STEP;
  const line = limit === undefined
    ? ""
    : `<path d="M${mark.toFixed(1)} ${y + 8}V${end}"/><text x="${mark.toFixed(1)}" y="${
      end + 12
    }" text-anchor="middle" class="note">${show(limit)}</text>`;
  return `<text x="${x}" y="${y}" class="title">${escaped(title)}</text>${bars.join("")}${line}`;
}

/** The figures of the first runtime as an SVG. */
export function chartOf({ found: [found], origin }: Results): string {
  const panels = panelsOf(found);
  const tops = [50, 50];
  const parts = panels.map((panel, i) => {
    const column = i % 2;
    const part = drawn(panel, column * (COLUMN + GAP), tops[column]);
    tops[column] += Object.keys(panel.values).length * STEP + 56;
    return part;
  });
  const height = Math.max(...tops) + 4;
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" role="img">
<title>express-lembro 2 and its peers</title>
<style>
text { font: 12px system-ui, sans-serif; fill: #57606a }
rect { fill: #afb8c1 }
path { stroke: #cf222e; stroke-dasharray: 3 3 }
.title { font-weight: 600; fill: #24292f }
.note { font-size: 11px }
.ours text { font-weight: 600; fill: #0969da }
.ours rect { fill: #0969da }
@media (prefers-color-scheme: dark) {
text { fill: #9198a1 }
rect { fill: #545d68 }
path { stroke: #f85149 }
.title { fill: #e6edf3 }
.ours text { fill: #4493f8 }
.ours rect { fill: #4493f8 }
}
</style>
<text x="0" y="16" class="title">${escaped(found.runtime)}</text>
${parts.join("\n")}
<text x="0" y="${height - 6}" class="note">${escaped(`${origin[0]}; ${origin.at(-1)}`)}</text>
</svg>
`;
}
