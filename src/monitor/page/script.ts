/**
 * The script of the page. It is text in a template here, and so has none in it;
 * a test lets `deno fmt` and `deno lint` check it like any other file.
 */
export const script: string = String
  .raw`import { area, element, line, put, stack } from "./drawing.js";

const MINUTE = 60_000;
/** How much of the past is drawn, in milliseconds. */
const LONGEST = 5 * MINUTE;
/** How long an answer may take, and the longest pause between two tries. */
const PATIENCE = 10_000;
const LONGEST_PAUSE = 15_000;
const HALF_MINUTE = MINUTE / 2;

/** Room over the limit, so that its line is seen to hold. */
const HEADROOM = 1.18;
/** Above and below the drawing, for what is written there, in pixels. */
const ABOVE = 6;
const BELOW = 22;

const byId = (id) => document.getElementById(id);
const all = (selector, within = document) => [...within.querySelectorAll(selector)];
const count = new Intl.NumberFormat("en", { maximumFractionDigits: 0 }).format;
const fine = new Intl.NumberFormat("en", { maximumFractionDigits: 1 }).format;
const rate = (perSecond) => perSecond < 10 ? fine(perSecond) : count(perSecond);
const clock = new Intl.DateTimeFormat("en", { timeStyle: "medium", hour12: false }).format;
const calm = matchMedia("(prefers-reduced-motion: reduce)");

/** What the app has sampled, the oldest first: when, in which process, and its stats. */
let samples = [];
let cursor = "";
let paused = false;
let asking = false;
let failures = 0;
let timer;

// Asking

/** Asks for the samples since the last answer. An error has the message to show. */
async function ask() {
  const response = await fetch("history.json?after=" + cursor, {
    cache: "no-store",
    // An access check may redirect to its login.
    redirect: "manual",
    signal: AbortSignal.timeout(PATIENCE),
  }).catch(() => {
    throw new Error("The app does not answer.");
  });
  if (response.type === "opaqueredirect" || [401, 403].includes(response.status)) {
    throw new Error("The app does not let this page in. Sign in again, in another tab.");
  }
  if (!response.ok) throw new Error("The app answers with " + response.status + ".");
  return await response.json().catch(() => {
    throw new Error("The app answers with something else.");
  });
}

async function look() {
  clearTimeout(timer);
  if (asking || paused || document.hidden) return;
  asking = true;
  try {
    const answer = await ask();
    failures = 0;
    // Paused meanwhile: the next answer has these samples again.
    if (!paused) show(answer);
    tell();
  } catch (error) {
    failures++;
    tell(error.message);
  }
  asking = false;
  timer = setTimeout(look, pause());
}

function pause() {
  if (failures > 0) return Math.min(LONGEST_PAUSE, 1000 * 2 ** failures);
  return calm.matches ? 5000 : 1000;
}

/** Says whether the page is live. Screen readers read it out, so it changes only if that does. */
function tell(trouble = "") {
  const last = samples.at(-1);
  const since = last ? " The figures are from " + clock(last.time) + "." : "";
  write(byId("trouble"), trouble && trouble + since + " The page keeps trying.");
  write(byId("state"), trouble ? "" : paused ? "Paused." : "Live, over the last five minutes.");
}

function show({ run, cursor: next, samples: fresh }) {
  cursor = next;
  if (fresh.length === 0) return;
  const [{ time: from }] = fresh;
  const until = fresh.at(-1).time - LONGEST;
  samples = samples.filter(({ time }) => time < from)
    .concat(fresh.map((sample) => ({ ...sample, run })))
    .filter(({ time }) => time >= until);
  drawAll();
}

byId("pause").addEventListener("click", () => {
  paused = !paused;
  byId("pause").textContent = paused ? "Go on" : "Pause";
  tell();
  look();
});

document.addEventListener("visibilitychange", look);

// Figures

/** A figure of stats(), by its name, or by two with a dot between. */
function figure(stats, path) {
  return path.split(".").reduce((within, name) => within[name], stats);
}

const total = (stats, path) =>
  path === "evicted"
    ? stats.evicted.newcomers + stats.evicted.returning + stats.evicted.protected
    : figure(stats, path);

const COUNTED = all("[data-count]", byId("minutes").querySelector("tbody tr"))
  .map((cell) => cell.dataset.count);

/** The samples in stretches within which the counters only grow: a new process counts anew. */
function stretches() {
  const found = [];
  samples.forEach((sample, at) => {
    const before = samples[at - 1];
    const goesOn = before && before.run === sample.run && before.time < sample.time &&
      COUNTED.every((path) => total(before.stats, path) <= total(sample.stats, path));
    if (goesOn) found.at(-1).push(sample);
    else found.push([sample]);
  });
  return found;
}

/** How fast a counter grew up to each sample of a stretch but the first. */
function rates(stretch, path) {
  return stretch.slice(1).map(({ time, stats }, at) => {
    const before = stretch[at];
    const grown = figure(stats, path) - figure(before.stats, path);
    return { time, value: 1000 * grown / (time - before.time) };
  });
}

function size(bytes) {
  if (bytes < 1024) return count(bytes) + " bytes";
  const power = Math.min(3, Math.floor(Math.log2(bytes) / 10));
  const digits = { maximumSignificantDigits: 3 };
  return (bytes / 1024 ** power).toLocaleString("en", digits) + " " + ["KB", "MB", "GB"][power - 1];
}

const percent = (part, whole) => Math.round(whole ? 100 * part / whole : 0) + " %";

/** Writes what has changed, and leaves the rest to whoever is reading it. */
function write(place, text) {
  if (place.textContent !== text) place.textContent = text;
}

// Drawing

/** Where a time and a value are in a drawing, and its frame. */
function scaleOf(svg, most) {
  const width = svg.clientWidth;
  const height = svg.clientHeight - BELOW;
  const end = samples.at(-1).time;
  const start = Math.min(samples[0].time, end - MINUTE);
  const y = (value) => ABOVE + (height - ABOVE) * (1 - value / most);
  const frame = [
    element("line", { class: "axis", x1: 0, x2: width, y1: height, y2: height }),
    element("text", { x: 0, y: height + 17 }, clock(start)),
    element("text", { x: width, y: height + 17, "text-anchor": "end" }, clock(end)),
  ];
  const mark = (value, text, kind) => [
    element("line", { class: kind, x1: 0, x2: width, y1: y(value), y2: y(value) }),
    element("text", { class: "mark", x: 2, y: y(value) + (kind === "limit" ? -7 : 15) }, text),
  ];
  return { x: (time) => width * (time - start) / (end - start), y, mark, frame };
}

/** The next number above that reads well: 1, 2 or 5 and zeros. */
function round(value) {
  const power = 10 ** Math.floor(Math.log10(Math.max(1, value)));
  return power * [1, 2, 5, 10].find((step) => step * power >= value);
}

function drawMemory() {
  const svg = byId("memory").querySelector(".chart");
  const { bytes, maxSize } = samples.at(-1).stats;
  const peak = Math.max(...samples.map(({ stats }) => stats.bytes));
  // A store without a limit has none in JSON either.
  const most = maxSize ?? Math.max(peak, 1024);
  const { x, y, mark, frame } = scaleOf(svg, most * HEADROOM);
  const drawn = stretches().flatMap((stretch) => {
    const upper = stretch.map(({ time, stats }) => [x(time), y(stats.bytes)]);
    return [area(upper, upper.map(([x]) => [x, y(0)]), "single"), line(upper, "single solid")];
  });
  const limit = maxSize === null ? [] : mark(maxSize, "Limit " + size(maxSize), "limit");
  put(svg, [...drawn, ...limit, ...frame]);

  const of = maxSize === null ? ", without a limit" : " of " + size(maxSize);
  const fill = maxSize === null ? "" : ", " + percent(bytes, maxSize);
  const highest = ". At most " + size(peak) + " in the time shown.";
  write(byId("memory-words"), size(bytes) + of + fill + highest);
  document.title = (maxSize === null ? size(bytes) : percent(bytes, maxSize) + " full") +
    " – express-lembro";
}

function drawRanks() {
  const card = byId("ranks");
  const svg = card.querySelector(".chart");
  const rows = all("tbody tr", card);
  const kinds = Object.fromEntries(rows.map(({ dataset: { path, kind } }) => [path, kind]));
  const { stats } = samples.at(-1);
  const most = round(Math.max(...samples.map(({ stats }) => stats.sessions)));
  const { x, y, mark, frame } = scaleOf(svg, most);
  // From below: the rank that is evicted last lies deepest.
  const ranks = Object.keys(kinds).reverse();
  const drawn = stretches().flatMap((stretch) =>
    stack(stretch, ranks, {
      x: ({ time }) => x(time),
      y,
      value: ({ stats }, rank) => stats[rank],
    }).flatMap(({ name, upper, lower }) => [
      area(upper, lower, kinds[name], name),
      line(upper, kinds[name].replace(/ \w+$/, " solid")),
    ])
  );
  put(svg, [...mark(most, count(most), "grid"), ...drawn, ...frame]);

  const words = rows.map(({ dataset: { path }, dataset }) => many(stats[path], dataset, count));
  write(byId("ranks-words"), words.join(", ") + ".");
  rows.forEach(({ cells, dataset: { path } }) => {
    write(cells[1], count(stats[path]));
    write(cells[2], percent(stats[path], stats.sessions));
  });
}

/** Lists what the cards without anything to draw say, instead of showing them. */
function listQuiet() {
  const quiet = all("main > [hidden] > [data-none]").map(({ dataset }) => dataset.none);
  const list = byId("quiet").querySelector("ul");
  byId("quiet").hidden = quiet.length === 0;
  if (list.children.length === quiet.length) return;
  list.replaceChildren(...quiet.map((text) => {
    const item = document.createElement("li");
    item.textContent = text;
    return item;
  }));
}

/** Draws a figure over time, with its peak marked. */
function drawLevel(svg, valueOf, markOf) {
  const peak = Math.max(...samples.map(valueOf));
  const top = round(peak);
  const { x, y, mark, frame } = scaleOf(svg, top);
  const drawn = stretches().flatMap((stretch) => {
    const upper = stretch.map((sample) => [x(sample.time), y(valueOf(sample))]);
    return [area(upper, upper.map(([x]) => [x, y(0)]), "single"), line(upper, "single solid")];
  });
  put(svg, [...mark(top, markOf(top), "grid"), ...frame, ...drawn]);
  return peak;
}

function drawUsers() {
  const card = byId("users");
  card.hidden = samples.every(({ stats }) => stats.users === 0);
  if (card.hidden) return;
  const peak = drawLevel(card.querySelector(".chart"), ({ stats }) => stats.users, count);
  const { users } = samples.at(-1).stats;
  const now = many(users, { one: "user", many: "users" }, count);
  write(byId("users-words"), now + ", at most " + count(peak) + " in the time shown.");
}

/** How the journal is. It is on the page only if the monitor was given one. */
function drawJournal() {
  const card = byId("journal");
  const { journal } = samples.at(-1);
  if (!card || !journal) return;
  const waits = many(journal.pending, { one: "change waits", many: "changes wait" }, count) +
    ", the oldest for " + seconds(journal.lag) + ".";
  const isWritten = journal.pending === 0 && journal.lag === 0;
  const state = isWritten ? "Everything is on the disk." : waits;
  const failing = "The file cannot be written. The app goes on from memory. " + waits;
  card.classList.toggle("failing", journal.isFailing);
  write(byId("journal-words"), journal.isFailing ? failing : state);
  write(card.querySelector("[data-journal=bytes]"), size(journal.bytes));
  write(card.querySelector("[data-journal=errors]"), count(journal.errors));
  const last = journal.lastSync ? clock(new Date(journal.lastSync)) : "Not yet";
  write(card.querySelector("[data-journal=lastSync]"), last);
  drawLevel(
    card.querySelector(".chart"),
    ({ journal }) => (journal?.lag ?? 0) / 1000,
    (top) => count(top) + " s",
  );
}

/** The number and its unit stay on one line. */
const seconds = (ms) => (ms < 10_000 ? fine : count)(ms / 1000) + "\u00a0s";

function many(value, { one, many }, format) {
  return format(value) + " " + (value === 1 ? one : many);
}

function drawRates(card, svg) {
  const rows = all("tbody tr", card);
  const isUnused = rows.every(({ dataset: { path } }) => figure(samples.at(-1).stats, path) === 0);
  // What was counted before the app's last start is drawn on.
  card.hidden = isUnused && stretches().length === 1;
  if (card.hidden) return;
  const found = stretches().map((stretch) =>
    rows.map(({ dataset }) => rates(stretch, dataset.path))
  );
  const most = rows.map((_, at) =>
    Math.max(0, ...found.flatMap((series) => series[at].map(({ value }) => value)))
  );
  const top = round(Math.max(...most));
  const { x, y, mark, frame } = scaleOf(svg, top);
  const drawn = found.flatMap((series) =>
    series.flatMap((points, at) => {
      const upper = points.map(({ time, value }) => [x(time), y(value)]);
      const lower = upper.map(([x]) => [x, y(0)]);
      const { kind } = rows[at].dataset;
      return upper.length === 0 ? [] : [area(upper, lower, kind), line(upper, kind)];
    })
  );
  put(svg, [...mark(top, rate(top) + " per second", "grid"), ...frame, ...drawn]);

  const { stats } = samples.at(-1);
  const words = rows.map(({ dataset }, at) =>
    many(found.at(-1)[at].at(-1)?.value ?? 0, dataset, rate)
  );
  const place = card.querySelector(".words");
  write(place, words.join(", ") + " " + place.dataset.unit + ".");
  rows.forEach(({ cells, dataset: { path } }, at) => {
    write(cells[1], rate(most[at]));
    write(cells[2], count(figure(stats, path)));
  });
}

/** Fills the table of the last minutes, the newest first; only that row changes from second to second. */
function fillMinutes() {
  const newest = Math.floor(samples.at(-1).time / HALF_MINUTE) * HALF_MINUTE;
  all("tbody tr", byId("minutes")).forEach((row, at) => {
    const from = newest - at * HALF_MINUTE;
    const within = ({ time }) => time >= from && time < from + HALF_MINUTE;
    const last = samples.findLast(within);
    row.hidden = !last;
    if (!last) return;
    write(row.cells[0], clock(from));
    for (const cell of all("[data-level]", row)) {
      const value = last.stats[cell.dataset.level];
      write(cell, cell.dataset.level === "bytes" ? size(value) : count(value));
    }
    for (const cell of all("[data-count]", row)) {
      const path = cell.dataset.count;
      const grown = stretches().flatMap((stretch) =>
        stretch.slice(1).map((sample, at) =>
          within(sample) ? total(sample.stats, path) - total(stretch[at].stats, path) : 0
        )
      );
      write(cell, count(grown.reduce((sum, value) => sum + value, 0)));
    }
  });
}

/** Whether no session was ever kept or asked for. */
function isUnused({ stats }) {
  return stats.sessions === 0 && COUNTED.every((path) => total(stats, path) === 0);
}

function drawAll() {
  if (samples.length === 0) return;
  const isEmpty = samples.every(isUnused);
  byId("start").hidden = !isEmpty;
  document.body.classList.toggle("empty", isEmpty);
  drawJournal();
  if (isEmpty) {
    document.title = "No sessions yet – express-lembro";
    return;
  }
  drawMemory();
  drawRanks();
  drawUsers();
  for (const card of all("section.card:has([data-path])")) {
    if (card.id !== "ranks") drawRates(card, card.querySelector(".chart"));
  }
  listQuiet();
  if (byId("minutes").open) fillMinutes();
}

byId("minutes").addEventListener("toggle", drawAll);
new ResizeObserver(drawAll).observe(document.querySelector("main"));
tell();
look();
`;
