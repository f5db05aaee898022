/** A series of a picture: a figure of `stats()`, and its names beside the picture. */
interface Series {
  /** The figure; of one within another, both names. */
  path: string;
  name: string;
  /** What one of them is called, and many. */
  one: string;
  many: string;
  /** Its colour; and how its line is drawn, so that it is known without the colour. */
  kind: string;
}

const RANKS: Series[] = [
  series("newcomers", "Newcomers", "newcomer", "newcomers", "newcomers dotted"),
  series("returning", "Returning", "returning", "returning", "returning dashed"),
  series("protected", "Protected", "protected", "protected", "protected solid"),
];

const RATES: { id: string; title: string; about: string; unit: string; series: Series[] }[] = [
  {
    id: "hits",
    title: "Hits and misses",
    about: "How often a session was asked for and found, and how often there was none.",
    unit: "a second",
    series: [
      series("hits", "Hits", "hit", "hits", "hits solid"),
      series("misses", "Misses", "miss", "misses", "misses dashed"),
    ],
  },
  {
    id: "evictions",
    title: "Evictions",
    about: "Sessions that had to go to keep to the limit, by rank.",
    unit: "evicted a second",
    series: RANKS.map((rank) => ({ ...rank, path: `evicted.${rank.path}` })),
  },
  {
    id: "expiries",
    title: "Expiries",
    about: "Sessions that were forgotten because their time was over.",
    unit: "expired a second",
    series: [series("expired", "Expired", "session", "sessions", "single solid")],
  },
  {
    id: "merges",
    title: "Merges",
    about: "Saves that another one had overtaken, and that were merged with it.",
    unit: "a second",
    series: [series("merges", "Merges", "merge", "merges", "single solid")],
  },
  {
    id: "late",
    title: "Late writes",
    about: "Saves that came after the logout, and wrote nothing.",
    unit: "a second",
    series: [series("lateWrites", "Late writes", "late write", "late writes", "single solid")],
  },
];

/** The columns of the table of the last minutes: those that say how it was, and those that count. */
const LEVELS = { bytes: "Memory", sessions: "Sessions" };
const COUNTS = {
  hits: "Hits",
  misses: "Misses",
  evicted: "Evicted",
  expired: "Expired",
  merges: "Merges",
  lateWrites: "Late writes",
};

/** How many half minutes the table of the last minutes has. */
const ROWS = 10;

function series(path: string, name: string, one: string, many: string, kind: string): Series {
  return { path, name, one, many, kind };
}

function card(id: string, title: string, about: string, unit: string, rest: string): string {
  return `
      <section id="${id}" class="card" aria-labelledby="${id}-title">
        <h2 id="${id}-title">${title}</h2>
        <p class="about">${about}</p>
        <p class="words" id="${id}-words" data-unit="${unit}">–</p>
        <svg class="chart" role="img" aria-labelledby="${id}-title" aria-describedby="${id}-words"></svg>${rest}
      </section>`;
}

function table(id: string, columns: string[], rows: string): string {
  const heads = columns.map((name) => `<th scope="col">${name}</th>`).join("");
  return `
        <table aria-labelledby="${id}-title">
          <thead><tr>${heads}</tr></thead>
          <tbody>${rows}
          </tbody>
        </table>`;
}

function row({ path, name, one, many, kind }: Series, swatch: string): string {
  return `
            <tr data-path="${path}" data-one="${one}" data-many="${many}" data-kind="${kind}">
              <th scope="row"><svg class="swatch" viewBox="0 0 28 12" aria-hidden="true">${swatch}</svg>${name}</th>
              <td>–</td>
              <td>–</td>
            </tr>`;
}

function rankCard(): string {
  const rows = RANKS.map((rank) =>
    row(rank, `<rect width="28" height="12" class="area ${rank.kind}" fill="url(#${rank.path})"/>`)
  );
  return card(
    "ranks",
    "Sessions by rank",
    "Newcomers go first when memory is short, protected ones last.",
    "",
    table("ranks", ["Rank", "Kept", "Share"], rows.join("")),
  );
}

function rateCard({ id, title, about, unit, series }: typeof RATES[number]): string {
  const rows = series.map((one) => row(one, `<path d="M2 6H26" class="line ${one.kind}"/>`));
  const columns = ["Series", "Most a second", "Since the start"];
  return card(id, title, about, unit, table(id, columns, rows.join("")));
}

function lastMinutes(): string {
  const cells = [
    ...Object.keys(LEVELS).map((name) => `<td data-level="${name}">–</td>`),
    ...Object.keys(COUNTS).map((name) => `<td data-count="${name}">–</td>`),
  ].join("");
  const rows = `
              <tr hidden><th scope="row">–</th>${cells}</tr>`.repeat(ROWS);
  const names = ["From", ...Object.values(LEVELS), ...Object.values(COUNTS)];
  return `
      <details id="minutes" class="card">
        <summary><h2 id="minutes-title">The last minutes as a table</h2></summary>
        <div class="scroll" role="region" aria-labelledby="minutes-title" tabindex="0">
          <table>
            <caption>
              Each half minute: memory and sessions at its end, all else counted in it.
            </caption>
            <thead><tr>${names.map((name) => `<th scope="col">${name}</th>`).join("")}</tr></thead>
            <tbody>${rows}
            </tbody>
          </table>
        </div>
      </details>`;
}

/** The page: what stands still in it. Its script fills in the rest. */
export const html: string = `<!DOCTYPE html>
<html lang="en">
  <head>
    <meta charset="utf-8">
    <meta name="viewport" content="width=device-width, initial-scale=1">
    <meta name="color-scheme" content="light dark">
    <meta name="robots" content="noindex">
    <title>express-lembro</title>
    <link rel="icon" href="monitor.svg">
    <link rel="stylesheet" href="monitor.css">
    <script type="module" src="monitor.js"></script>
  </head>
  <body>
    <header>
      <p class="brand"><img src="monitor.svg" alt="" width="28" height="28"> express-lembro</p>
      <h1>What the store holds and does</h1>
      <div class="controls">
        <button id="pause" type="button">Pause</button>
        <p id="state" role="status"></p>
      </div>
      <noscript>
        <p class="notice">
          This page needs its script to draw. The figures alone are in
          <a href="stats.json">stats.json</a>.
        </p>
      </noscript>
      <p id="trouble" class="notice" role="alert"></p>
    </header>

    <main>${
  [
    card("memory", "Memory", "What the sessions take, against what they may take.", "", ""),
    rankCard(),
    ...RATES.map(rateCard),
    lastMinutes(),
  ].join("")
}
    </main>

    <footer>
      <p>
        No session’s id or content is shown here, only counts. They are in
        <a href="stats.json">stats.json</a> too, and those of the last minutes in
        <a href="history.json">history.json</a>. Looking changes nothing.
      </p>
    </footer>

    <svg class="patterns" aria-hidden="true">
      <pattern id="newcomers" class="newcomers" width="6" height="6" patternUnits="userSpaceOnUse">
        <rect width="6" height="6"/>
        <circle cx="1.5" cy="1.5" r="1"/>
        <circle cx="4.5" cy="4.5" r="1"/>
      </pattern>
      <pattern id="returning" class="returning" width="6" height="6" patternUnits="userSpaceOnUse">
        <rect width="6" height="6"/>
        <path d="M-1 7L7 -1M-1 1L1 -1M5 7L7 5"/>
      </pattern>
      <pattern id="protected" class="protected" width="6" height="6" patternUnits="userSpaceOnUse">
        <rect width="6" height="6"/>
      </pattern>
    </svg>
  </body>
</html>
`;
