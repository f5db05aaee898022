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

/** A card with a picture of how often something happens. */
interface RateCard {
  id: string;
  title: string;
  about: string;
  /** What the series count, after their figures. */
  unit: string;
  /** What is said instead of showing the card while all of its totals are 0. */
  none: string;
  series: Series[];
}

const RATES: RateCard[] = [
  {
    id: "hits",
    title: "Hits and misses",
    about: "Sessions that requests asked for: found, and not found.",
    unit: "per second",
    none: "No request has asked for a session yet.",
    series: [
      series("hits", "Hits", "hit", "hits", "hits solid"),
      series("misses", "Misses", "miss", "misses", "misses dashed"),
    ],
  },
  {
    id: "evictions",
    title: "Evictions",
    about: "Sessions that were evicted to keep to the limit, by rank.",
    unit: "evicted per second",
    none: "No session has been evicted.",
    series: RANKS.map((rank) => ({ ...rank, path: `evicted.${rank.path}` })),
  },
  {
    id: "revocations",
    title: "Revocations",
    about: "Sessions that were signed out by revoke, or because their user had too many.",
    unit: "revoked per second",
    none: "No session has been revoked.",
    series: [series("revoked", "Revoked", "session", "sessions", "single solid")],
  },
  {
    id: "expiries",
    title: "Expiries",
    about: "Sessions whose time was over.",
    unit: "expired per second",
    none: "No session has expired.",
    series: [series("expired", "Expired", "session", "sessions", "single solid")],
  },
  {
    id: "merges",
    title: "Merges",
    about: "Saves that were merged with another request's save.",
    unit: "per second",
    none: "No save has been merged.",
    series: [series("merges", "Merges", "merge", "merges", "single solid")],
  },
  {
    id: "late",
    title: "Late writes",
    about: "Saves that came after the session had ended, and were dropped.",
    unit: "per second",
    none: "No save has been dropped.",
    series: [series("lateWrites", "Late writes", "late write", "late writes", "single solid")],
  },
];

/** The columns of the table of the last minutes: figures at an end, and what is counted. */
const LEVELS = { bytes: "Memory", sessions: "Sessions", users: "Users" };
const COUNTS = {
  hits: "Hits",
  misses: "Misses",
  evicted: "Evicted",
  revoked: "Revoked",
  expired: "Expired",
  merges: "Merges",
  lateWrites: "Late writes",
};

/** How many half minutes the table of the last minutes has. */
const ROWS = 10;

function series(path: string, name: string, one: string, many: string, kind: string): Series {
  return { path, name, one, many, kind };
}

/** A card; the words of its picture say the same as the picture. */
function card(id: string, title: string, about: string, rest = "", words: Words = {}): string {
  const { unit = "", none } = words;
  const data = `data-unit="${unit}"` + (none ? ` data-none="${none}"` : "");
  return `
      <section id="${id}" class="card" aria-labelledby="${id}-title">
        <h2 id="${id}-title">${title}</h2>
        <p class="about">${about}</p>
        <p class="words" id="${id}-words" ${data}>–</p>
        <svg class="chart" role="img" aria-labelledby="${id}-title" aria-describedby="${id}-words"></svg>${rest}
      </section>`;
}

/** What follows the figures of a card, and what is said instead of showing it. */
interface Words {
  unit?: string;
  none?: string;
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
    "Newcomers are evicted first, protected sessions last.",
    table("ranks", ["Rank", "Kept", "Share"], rows.join("")),
  );
}

function rateCard({ id, title, about, unit, none, series }: RateCard): string {
  const rows = series.map((one) => row(one, `<path d="M2 6H26" class="line ${one.kind}"/>`));
  const columns = ["Series", "Peak per second", "Total"];
  return card(id, title, about, table(id, columns, rows.join("")), { unit, none });
}

function userCard(): string {
  return card("users", "Users", "Users with at least one session.", "", {
    none: "No session belongs to a user.",
  });
}

function journalCard(): string {
  const figures = { bytes: "File size", lastSync: "Last written", errors: "Failed writes" };
  const rows = Object.entries(figures).map(([name, title]) => `
            <tr><th scope="row">${title}</th><td data-journal="${name}">–</td></tr>`);
  return card(
    "journal",
    "Journal",
    "How long the oldest change waits for the disk.",
    `
        <table aria-labelledby="journal-title">
          <tbody>${rows.join("")}
          </tbody>
        </table>`,
  );
}

function quietCard(): string {
  return `
      <section id="quiet" class="card" aria-labelledby="quiet-title" hidden>
        <h2 id="quiet-title">Nothing yet</h2>
        <ul></ul>
      </section>`;
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
              Each half minute: memory, sessions and users at its end, all else counted in it.
            </caption>
            <thead><tr>${names.map((name) => `<th scope="col">${name}</th>`).join("")}</tr></thead>
            <tbody>${rows}
            </tbody>
          </table>
        </div>
      </details>`;
}

/** The parts of the page that do not change. Its script fills in the rest. */
export function htmlOf({ hasJournal }: { hasJournal: boolean }): string {
  const cards = [
    card("memory", "Memory", "The size of the sessions, and its limit."),
    rankCard(),
    ...RATES.slice(0, 2).map(rateCard),
    userCard(),
    ...RATES.slice(2).map(rateCard),
    ...hasJournal ? [journalCard()] : [],
    quietCard(),
    lastMinutes(),
  ];
  return `<!DOCTYPE html>
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

    <p id="start" class="card" hidden>
      No sessions yet. The charts appear with the first one.
    </p>
    <main>${cards.join("")}
    </main>

    <footer>
      <p>
        Only counts are shown here, never the id, the user or the content of a session. They are
        also in <a href="stats.json">stats.json</a>, and those of the last minutes in
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
}
