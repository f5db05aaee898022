/** The style of the page. */
export const style: string = `:root {
  color-scheme: light dark;
  --paper: light-dark(#f6f4ef, #14181a);
  --card: light-dark(#fffefb, #1c2224);
  --line: light-dark(#e2ddd2, #313a3d);
  --ink: light-dark(#20282a, #e8e6e0);
  --soft: light-dark(#5c6668, #a3adae);
  --accent: light-dark(#0f6a62, #5cc4b6);
  --on-accent: light-dark(#ffffff, #0d1a19);
  --newcomers: light-dark(#a86a12, #e5ac4d);
  --returning: light-dark(#3567a8, #82b1ee);
  --warn: light-dark(#a3372a, #f0998c);
  --serif: "Iowan Old Style", "Palatino Linotype", Palatino, "URW Palladio L", "Source Serif 4",
    Georgia, "Liberation Serif", serif;
  --sans: system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", "Liberation Sans", Arial,
    sans-serif;
}

* {
  box-sizing: border-box;
}

[hidden] {
  display: none !important;
}

body {
  margin: 0 auto;
  max-width: 84rem;
  padding: clamp(1rem, 3vw, 2.5rem) clamp(0.75rem, 3vw, 2.5rem) 2rem;
  background: var(--paper);
  color: var(--ink);
  font: 1rem/1.5 var(--sans);
  overflow-wrap: break-word;
}

h1,
h2,
p {
  margin: 0;
}

h1 {
  font: 500 clamp(1.8rem, 4vw, 2.6rem)/1.1 var(--serif);
  letter-spacing: -0.02em;
}

h2 {
  font: 500 1.35rem/1.2 var(--serif);
  letter-spacing: -0.01em;
}

a {
  color: var(--accent);
}

:focus-visible {
  outline: 3px solid var(--accent);
  outline-offset: 2px;
}

header {
  display: grid;
  gap: 0.6rem;
  margin-bottom: 1.5rem;
}

.brand {
  display: flex;
  align-items: center;
  gap: 0.6rem;
  font-weight: 600;
}

.controls {
  display: flex;
  flex-wrap: wrap;
  align-items: center;
  gap: 0.4rem 1rem;
  color: var(--soft);
}

button {
  min-width: 6.5rem;
  padding: 0.45rem 1.1rem;
  border: 1px solid var(--accent);
  border-radius: 0.6rem;
  background: var(--accent);
  color: var(--on-accent);
  font: 600 1rem/1.5 var(--sans);
  cursor: pointer;
}

button:hover {
  background: color-mix(in srgb, var(--accent) 88%, var(--ink));
}

.notice {
  color: var(--warn);
  font-weight: 600;
}

.notice:empty {
  display: none;
}

/* Cards of a row share its width, so that none leaves a gap. */
main {
  display: flex;
  flex-wrap: wrap;
  gap: 1rem;
}

.card {
  flex: 1 1 min(22rem, 100%);
}

#memory,
#ranks,
#hits,
#evictions {
  flex-basis: min(30rem, 100%);
}

#quiet,
#minutes {
  flex-basis: 100%;
}

.card {
  display: flex;
  flex-direction: column;
  gap: 0.35rem;
  min-width: 0;
  padding: clamp(1rem, 2vw, 1.5rem);
  background: var(--card);
  border: 1px solid var(--line);
  border-radius: 1rem;
}

.empty main > :not(#journal) {
  display: none;
}

#start {
  margin-bottom: 1rem;
  font-size: 1.125rem;
}

.about,
caption,
thead {
  color: var(--soft);
  font-size: 0.875rem;
  text-align: left;
}

.words {
  font-size: 1.125rem;
  font-weight: 600;
  font-variant-numeric: tabular-nums;
}

table {
  width: 100%;
  border-collapse: collapse;
  font-variant-numeric: tabular-nums;
}

th,
td {
  padding: 0.3rem 0 0.3rem 0.75rem;
  border-top: 1px solid var(--line);
  font-weight: 400;
  text-align: right;
}

th:first-child {
  padding-left: 0;
  text-align: left;
}

td,
th[scope="row"] {
  white-space: nowrap;
}

.failing .words {
  color: var(--warn);
}

ul {
  margin: 0;
  padding-left: 1.25rem;
}

/* The drawings */

.chart {
  display: block;
  flex: 1 0 10rem;
  width: 100%;
  height: 10rem;
  margin-block: 0.4rem;
}

.swatch {
  width: 28px;
  height: 12px;
  margin-right: 0.6rem;
}

@media (max-width: 22rem) {
  .swatch {
    width: 20px;
    margin-right: 0.35rem;
  }

  th,
  td {
    padding-left: 0.5rem;
  }
}

.patterns {
  position: absolute;
  width: 0;
  height: 0;
}

text {
  fill: var(--soft);
  font: 13px var(--sans);
  font-variant-numeric: tabular-nums;
}

/* Readable over what is drawn there. */
.mark {
  stroke: var(--card);
  stroke-width: 4;
  paint-order: stroke;
}

.axis,
.grid {
  stroke: var(--line);
}

.limit {
  stroke: var(--warn);
  stroke-width: 2;
  stroke-dasharray: 6 5;
}

.single,
.hits,
.protected {
  --series: var(--accent);
}

.misses {
  --series: var(--warn);
}

.newcomers {
  --series: var(--newcomers);
}

.returning {
  --series: var(--returning);
}

.line {
  fill: none;
  stroke: var(--series);
  stroke-width: 2;
  stroke-linejoin: round;
  stroke-linecap: round;
}

.dashed {
  stroke-dasharray: 7 5;
}

.dotted {
  stroke-width: 3;
  stroke-dasharray: 0.1 5;
}

.area:not([fill]) {
  fill: var(--series);
  fill-opacity: 0.14;
}

pattern rect {
  fill: var(--series);
  fill-opacity: 0.2;
}

pattern.protected rect {
  fill-opacity: 1;
}

pattern circle {
  fill: var(--series);
}

pattern path {
  stroke: var(--series);
  stroke-width: 1.5;
}

/* The last minutes: in a grid, the wide table would widen the page. */

#minutes {
  display: block;
}

summary {
  cursor: pointer;
}

summary h2 {
  display: inline;
}

.scroll {
  overflow-x: auto;
  padding-top: 0.5rem;
}

.scroll th {
  white-space: nowrap;
}

footer {
  max-width: 42rem;
  margin-top: 1.5rem;
  color: var(--soft);
  font-size: 0.9rem;
}

@media (forced-colors: active) {
  :root {
    --line: CanvasText;
    --soft: CanvasText;
    --card: Canvas;
    --accent: CanvasText;
    --newcomers: CanvasText;
    --returning: CanvasText;
    --warn: CanvasText;
  }
}
`;
