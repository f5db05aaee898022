/**
 * The script of the monitor's page: asks for what is new, and shows it.
 *
 * @module
 */
import { BYTES, chart, clock, PARTS } from "./charts.js";
import { renewUsers, showUsers } from "./users.js";

const MINUTE = 60_000;
const HALF_MINUTE = MINUTE / 2;
/** How much of the past is drawn, in ms. */
const MAX_SHOWN = 5 * MINUTE;
/** How long an answer may take, and the longest pause between two tries, in ms. */
const TIMEOUT = 10_000;
const MAX_PAUSE = 15_000;
const RANKS = ["newcomers", "returning", "protected"];

const byId = (id) => document.getElementById(id);
const all = (selector, within = document) => [...within.querySelectorAll(selector)];
const count = new Intl.NumberFormat("en", { maximumFractionDigits: 0 }).format;
const fine = new Intl.NumberFormat("en", { maximumFractionDigits: 1 }).format;
const short = new Intl.NumberFormat("en", { notation: "compact", maximumFractionDigits: 1 }).format;
const rate = (perSecond) => perSecond < 10 ? fine(perSecond) : count(perSecond);
const isCalm = matchMedia("(prefers-reduced-motion: reduce)");
const { title } = document.body.dataset;

/** What the app has sampled, the oldest first: when, in which process, and its stats. */
let samples = [];
let cursor = "";
let isPaused = false;
let isAsking = false;
let failures = 0;
let timer;

// Asking

/** Asks for the samples since the last answer. An error has the message to show. */
async function ask() {
  const response = await fetch("history.json?after=" + cursor, {
    cache: "no-store",
    // An access check may redirect to its form.
    redirect: "manual",
    signal: AbortSignal.timeout(TIMEOUT),
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
  if (isAsking || isPaused || document.hidden) return;
  isAsking = true;
  try {
    const answer = await ask();
    failures = 0;
    // Paused meanwhile: the next answer has these samples again.
    if (!isPaused) {
      show(answer);
      renewUsers();
    }
    tell();
  } catch (error) {
    failures++;
    tell(error.message);
  }
  isAsking = false;
  timer = setTimeout(look, pause());
}

function pause() {
  if (failures > 0) return Math.min(MAX_PAUSE, 1000 * 2 ** failures);
  return isCalm.matches ? 5000 : 1000;
}

/** Says whether the page is live. Screen readers read it out, so it changes only if that does. */
function tell(trouble = "") {
  const last = samples.at(-1);
  const since = last ? " The figures are from " + clock(last.time) + "." : "";
  write(byId("trouble"), trouble && trouble + since);
  write(byId("state"), trouble ? "Trying again" : isPaused ? "Paused" : "Live");
}

function show({ run, cursor: next, process, samples: fresh }) {
  cursor = next;
  if (fresh.length === 0) return;
  const [{ time: from }] = fresh;
  const until = fresh.at(-1).time - MAX_SHOWN;
  samples = samples.filter(({ time }) => time < from)
    .concat(fresh.map((sample) => ({ ...sample, run })))
    .filter(({ time }) => time >= until);
  tellProcess(process, run);
  drawAll();
}

byId("pause").addEventListener("click", () => {
  isPaused = !isPaused;
  byId("pause").textContent = isPaused ? "Go on" : "Pause";
  tell();
  look();
});

document.addEventListener("visibilitychange", look);

// Figures

/** A figure of stats(), by its name. A figure that an engine does not have is undefined. */
function figure(stats, name) {
  if (name !== "evicted") return stats[name];
  return stats.evicted && RANKS.reduce((sum, rank) => sum + stats.evicted[rank], 0);
}

const COUNTED = all("[data-count]", byId("minutes")).map(({ dataset }) => dataset.count);
const LEVELS = all("[data-level]", byId("minutes")).map(({ dataset }) => dataset.level);

/** Whether the counters only grew from one sample to the next: a new process counts anew. */
function goesOn(before, sample) {
  return before !== undefined && before.run === sample.run && before.time < sample.time &&
    COUNTED.every((name) => !(figure(before.stats, name) > figure(sample.stats, name)));
}

/** How far a counter grew up to each sample; `null` where it began anew. */
function growth(name) {
  return samples.map((sample, at) => {
    const before = samples[at - 1];
    return goesOn(before, sample) ? figure(sample.stats, name) - figure(before.stats, name) : null;
  });
}

/** How fast a counter grew up to each sample, per second. */
function rates(name) {
  return growth(name).map((grown, at) =>
    grown === null ? null : 1000 * grown / (samples[at].time - samples[at - 1].time)
  );
}

const sum = (values) => values.reduce((total, value) => total + (value ?? 0), 0);
const max = (values) => values.reduce((most, value) => Math.max(most, value ?? 0), 0);

function size(bytes) {
  if (bytes < 1024) return count(bytes) + " bytes";
  const power = Math.min(3, Math.floor(Math.log2(bytes) / 10));
  const digits = { maximumSignificantDigits: 3 };
  return (bytes / 1024 ** power).toLocaleString("en", digits) + " " + ["KB", "MB", "GB"][power - 1];
}

const percent = (part, whole) => Math.round(whole ? 100 * part / whole : 0) + " %";
const many = (value, one, more) => count(value) + " " + (value === 1 ? one : more);
/** The number and its unit stay on one line. */
const seconds = (ms) =>
  ms > 0 && ms < 1000
    ? count(ms) + "\u00a0ms"
    : (ms < 10_000 ? fine : count)(ms / 1000) + "\u00a0s";

function lasting(ms) {
  const minutes = Math.floor(ms / MINUTE);
  if (minutes < 1) return many(Math.floor(ms / 1000), "second", "seconds");
  if (minutes < 60) return many(minutes, "minute", "minutes");
  const hours = Math.floor(minutes / 60);
  if (hours < 48) return many(hours, "hour", "hours") + " " + minutes % 60 + " min";
  return many(Math.floor(hours / 24), "day", "days") + " " + hours % 24 + " h";
}

/** Writes what has changed, and leaves the rest to whoever is reading it. */
function write(place, text) {
  if (place.textContent !== text) place.textContent = text;
}

// Showing

function tellProcess(process, run) {
  const { time, stats } = samples.at(-1);
  const engine = "maxSize" in stats ? "in memory" : "on Redis";
  const number = process?.pid ? ", process " + process.pid : "";
  const since = process?.uptime === undefined
    ? ", watched for " + lasting(time - run)
    : ", up for " + lasting(process.uptime);
  write(byId("process"), "Sessions " + engine + number + since);
}

function key(name, value, about, isBad = false) {
  const tile = document.querySelector('[data-key="' + name + '"]');
  const [first, second] = all("dd", tile);
  write(first, value);
  write(second, about);
  tile.classList.toggle("bad", isBad);
}

/** How long the time is that is shown, as part of a sentence. */
function range() {
  return "in " + lasting(samples.at(-1).time - samples[0].time);
}

function showKeys() {
  const { stats, journal } = samples.at(-1);
  const { sessions, users, bytes, maxSize } = stats;
  key("sessions", sessions === undefined ? "–" : count(sessions), userWords(users));

  const isLimited = maxSize !== null && maxSize !== undefined;
  const filled = isLimited ? percent(bytes, maxSize) : bytes === undefined ? "–" : size(bytes);
  const kept = bytes === undefined ? "kept by Redis" : "no limit";
  key("memory", filled, isLimited ? size(bytes) + " of " + size(maxSize) : kept);

  const hits = sum(growth("hits"));
  const asked = hits + sum(growth("misses"));
  key("hits", asked ? Math.round(100 * hits / asked) + " of 100" : "–", "requests " + range());

  const saves = rates("saves").slice(-10).filter((value) => value !== null);
  key("saves", saves.length ? rate(sum(saves) / saves.length) : "–", "per second");

  const prevented = ["lateWrites", "merges", "evicted"].map((name) => figure(stats, name) ?? 0);
  const [late, merged, evicted] = prevented;
  const words = short(late) + " late, " + short(merged) + " merged, " + short(evicted) + " evicted";
  key("prevented", short(sum(prevented)), words);

  if (!journal) return key("journal", "none", "lost at a restart");
  const state = journal.isFailing ? "cannot be written" : "until it is on the disk";
  key("journal", seconds(max(lags().slice(-30))), state, journal.isFailing);
}

function userWords(users) {
  return users === undefined ? "in all processes" : "of " + many(users, "user", "users");
}

const lags = () => samples.map(({ journal }) => journal?.lag ?? null);

/** The charts that have been drawn once. */
const charts = {};

function draw(id, options, columns, words) {
  const place = byId(id).querySelector(".chart");
  charts[id] ??= chart(place, options);
  const gaps = withGaps(columns);
  charts[id](gaps[0], gaps.slice(1), byId(id).querySelector("h2").textContent + ": " + words);
}

/** Where a new process began, a line has a gap. */
function withGaps(columns) {
  const times = [];
  const rows = columns.map(() => []);
  samples.forEach((sample, at) => {
    if (at > 0 && samples[at - 1].run !== sample.run) {
      times.push(sample.time - 1);
      rows.forEach((row) => row.push(null));
    }
    times.push(sample.time);
    rows.forEach((row, number) => row.push(columns[number][at]));
  });
  return [times, ...rows];
}

function drawMemory() {
  const { bytes, maxSize } = samples.at(-1).stats;
  byId("memory").hidden = bytes === undefined;
  if (bytes === undefined) return;
  const used = samples.map(({ stats }) => stats.bytes);
  // JSON has no Infinity: a store without a limit has `null`.
  const limit = samples.map(({ stats }) => stats.maxSize);
  const series = [
    { name: "sessions", color: "--accent", isFilled: true },
    { name: maxSize === null ? "no limit" : "limit", color: "--warn", dash: [6, 5] },
  ];
  const most = ", at most " + size(max(used)) + " in the time shown.";
  const of = maxSize === null ? ", without a limit" : " of " + size(maxSize);
  draw("memory", { series, format: size, steps: BYTES }, [used, limit], size(bytes) + of + most);
}

function drawRanks() {
  const { stats } = samples.at(-1);
  byId("ranks").hidden = stats.newcomers === undefined;
  if (stats.newcomers === undefined) return;
  const series = [
    { name: "newcomers", color: "--newcomers", dash: [2, 3], isFilled: true },
    { name: "returning", color: "--returning", dash: [8, 4], isFilled: true },
    { name: "protected", color: "--accent", isFilled: true },
  ];
  const columns = RANKS.map((rank) => samples.map((sample) => sample.stats[rank]));
  const words = RANKS.map((rank) => count(stats[rank]) + " " + rank).join(", ");
  draw("ranks", { series, format: count, isStacked: true }, columns, words + ".");
}

function drawRates(id, series) {
  const columns = series.map(({ figure }) => rates(figure));
  const words = series.map(({ name }, at) => rate(columns[at].at(-1) ?? 0) + " " + name);
  draw(id, { series, format: rate }, columns, words.join(", ") + " per second.");
}

function drawJournal() {
  const { journal } = samples.at(-1);
  byId("journal").hidden = !journal;
  if (!journal) return;
  const waits = many(journal.pending, "change waits", "changes wait") + ", the oldest for " +
    seconds(journal.lag) + ".";
  const failing = "The file cannot be written. The app goes on from memory. " + waits;
  write(byId("journal").querySelector(".notice"), journal.isFailing ? failing : "");
  const series = [{ name: "longest wait", color: "--accent", isFilled: true }];
  const written = journal.lastSync ? "last written at " + clock(new Date(journal.lastSync)) : "";
  const words =
    [size(journal.bytes), written, many(journal.errors, "failed write", "failed writes")]
      .filter(Boolean).join(", ") + ".";
  draw(
    "journal",
    { series, format: seconds, steps: PARTS.map((part) => part * 1000) },
    [lags()],
    words,
  );
  write(byId("journal").querySelector(".moment"), words);
}

const TRAFFIC = [
  { name: "hits", figure: "hits", color: "--accent" },
  { name: "misses", figure: "misses", color: "--warn", dash: [2, 3] },
  { name: "saves", figure: "saves", color: "--returning", dash: [8, 4] },
];
const PREVENTED = [
  { name: "late saves", figure: "lateWrites", color: "--warn", dash: [2, 3] },
  { name: "merges", figure: "merges", color: "--returning", dash: [8, 4] },
  { name: "evictions", figure: "evicted", color: "--newcomers" },
];

/** Fills the table, the newest half minute first. */
function fillMinutes() {
  const body = byId("minutes").querySelector("tbody");
  const columns = COUNTED.map(growth);
  const starts = [
    ...new Set(samples.map(({ time }) => Math.floor(time / HALF_MINUTE) * HALF_MINUTE)),
  ].reverse();
  while (body.rows.length > starts.length) body.deleteRow(-1);
  starts.forEach((from, number) => {
    const row = body.rows[number] ?? newRow(body);
    const isWithin = ({ time }) => time >= from && time < from + HALF_MINUTE;
    const { stats } = samples.findLast(isWithin);
    write(row.cells[0], clock(from));
    LEVELS.forEach((name, at) => {
      const value = stats[name];
      const text = name === "bytes" && value !== undefined ? size(value) : shown(value);
      write(row.cells[1 + at], text);
    });
    COUNTED.forEach((name, at) => {
      const grown = columns[at].filter((_, sample) => isWithin(samples[sample]));
      const isKnown = figure(stats, name) !== undefined;
      write(row.cells[1 + LEVELS.length + at], isKnown ? count(sum(grown)) : "–");
    });
  });
}

const shown = (value) => value === undefined ? "–" : count(value);

function newRow(body) {
  const row = body.insertRow();
  const head = document.createElement("th");
  head.scope = "row";
  row.append(head);
  for (let cell = 0; cell < LEVELS.length + COUNTED.length; cell++) row.insertCell();
  return row;
}

function drawAll() {
  if (samples.length === 0) return;
  showKeys();
  drawMemory();
  drawRanks();
  drawRates("traffic", TRAFFIC);
  drawRates("prevented", PREVENTED);
  drawJournal();
  if (byId("minutes").open) fillMinutes();
  const { bytes, maxSize, sessions } = samples.at(-1).stats;
  const state = maxSize ? percent(bytes, maxSize) + " full" : count(sessions ?? 0) + " sessions";
  document.title = state + " – " + title;
}

byId("minutes").addEventListener("toggle", drawAll);
tell();
look();
showUsers();
