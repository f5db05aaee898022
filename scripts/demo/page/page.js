import { draw } from "./chart.js";

/** What the store counts since it was made, as the page words it. */
const COUNTERS = {
  hits: "Hits",
  misses: "Misses",
  saves: "Saves",
  touches: "Touches",
  merges: "Merges",
  lateWrites: "Late writes",
  expired: "Expired",
  rejected: "Rejected",
};

const RANKS = ["newcomers", "returning", "protected"];

const byId = (id) => document.getElementById(id);
const count = new Intl.NumberFormat("en").format;

function size(bytes) {
  if (bytes < 1024) return `${count(bytes)} bytes`;
  const [unit, name] = bytes < 1024 ** 2 ? [1024, "KB"] : [1024 ** 2, "MB"];
  return `${(bytes / unit).toLocaleString("en", { maximumFractionDigits: 2 })} ${name}`;
}

async function ask(path, body) {
  const response = await fetch(
    path,
    body === undefined ? {} : {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify(body),
    },
  );
  const answer = response.status === 204 ? {} : await response.json();
  if (!response.ok) throw new Error(answer.error);
  return answer;
}

// You

/** The last that the app said of this browser's session. */
let me = { visits: 0 };

function showMe(answer) {
  me = answer;
  if (watched) watched.before = me;
  byId("sign-in").hidden = me.name !== undefined;
  byId("signed-in").hidden = me.name === undefined;
  byId("greeted").textContent = me.name ?? "";
  byId("visits").textContent = visits();
  byId("rank").replaceChildren(...rank());
}

function visits() {
  return me.visits === 1 ? "once" : me.visits === 2 ? "twice" : `${count(me.visits)} times`;
}

function rank() {
  const [name, fate] = me.name !== undefined
    ? ["protected", "the last to go when memory is short"]
    : me.visits > 1 || (me.visits === 1 && me.cameBack)
    ? ["returning", "you go after all who came only once"]
    : me.visits === 1
    ? ["a newcomer", "the first to go when memory is short"]
    : ["nobody yet", "you have no session"];
  const strong = document.createElement("strong");
  strong.textContent = name;
  return ["To the store you are ", strong, `: ${fate}.`];
}

/** The session as it is, with no visit counted; to the store, its visitor has come back. */
async function askMe() {
  return { ...await ask("me"), cameBack: true };
}

async function attempt(outcome, work) {
  byId(outcome).textContent = "";
  try {
    await work();
  } catch (error) {
    byId(outcome).textContent = error.message;
  }
  await look();
}

byId("sign-in").addEventListener("submit", (event) => {
  event.preventDefault();
  attempt("you-outcome", async () => {
    showMe(await ask("sign-in", { name: byId("name").value }));
    byId("name").value = "";
    byId("you-outcome").textContent = `You are signed in as ${me.name}.`;
    byId("you-title").focus();
  });
});

byId("sign-out").addEventListener("click", () =>
  attempt("you-outcome", async () => {
    await ask("sign-out", {});
    showMe(await askMe());
    byId("you-outcome").textContent = "You are signed out, and the store has forgotten you.";
    byId("name").focus();
  }));

// The store

for (const [name, label] of Object.entries(COUNTERS)) {
  const pair = document.createElement("div");
  const term = document.createElement("dt");
  const figure = document.createElement("dd");
  pair.hidden = true;
  term.textContent = label;
  figure.dataset.figure = name;
  pair.append(term, figure);
  byId("counters").append(pair);
}

function showStore(stats) {
  const { evicted, bytes, maxSize } = stats;
  const figures = { bytes: size(bytes), limit: size(maxSize) };
  for (const name of ["sessions", ...RANKS]) figures[name] = count(stats[name]);
  for (const name of RANKS) figures[`evicted.${name}`] = count(evicted[name]);
  figures["evicted.all"] = count(RANKS.reduce((sum, name) => sum + evicted[name], 0));
  for (const name of Object.keys(COUNTERS)) {
    if (stats[name] !== undefined) figures[name] = count(stats[name]);
  }
  for (const place of document.querySelectorAll("[data-figure]")) {
    const figure = figures[place.dataset.figure];
    if (figure === undefined) continue;
    place.textContent = figure;
    if (place.localName === "dd") place.parentElement.hidden = false;
  }
  const bar = byId("bar");
  bar.setAttribute("aria-valuemax", maxSize);
  bar.setAttribute("aria-valuenow", bytes);
  bar.setAttribute("aria-valuetext", `${figures.bytes} of ${figures.limit}`);
  byId("filled").style.width = `${100 * bytes / maxSize}%`;
}

let turn = Promise.resolve();

/** Does one after the other, so that no answer is overtaken by a later one. */
function inTurn(work) {
  const result = turn.then(work);
  turn = result.catch(() => {});
  return result;
}

const look = () => inTurn(lookNow);

async function lookNow() {
  try {
    const { store, crawler } = await ask("stats.json");
    showStore(store);
    await showCrawler(crawler, store);
    byId("offline").hidden = true;
    return store;
  } catch {
    byId("offline").hidden = false;
  }
}

async function keepLooking() {
  await look();
  setTimeout(keepLooking, watched ? 250 : 1000);
}

// The crawler

/** What the page has seen of the run under way: who asked before it, and how memory was since. */
let watched;
/** Whether the chart shows a run; else it is a frame with the limit. */
let drawn = false;

function watch() {
  watched = { before: me, samples: [] };
  drawn = true;
  byId("crawler-outcome").textContent = "";
}

/** Lets it be started or stopped, and keeps the focus on the button that can do something. */
function allowCrawler() {
  const [can, cannot] = watched ? ["stop", "start"] : ["start", "stop"];
  const focused = document.activeElement === byId(`${cannot}-crawler`);
  byId(`${can}-crawler`).disabled = false;
  byId(`${cannot}-crawler`).disabled = true;
  byId("visitors").disabled = Boolean(watched);
  if (focused) byId(`${can}-crawler`).focus({ preventScroll: true });
}

async function showCrawler(run, store) {
  if (run?.running && !watched) watch();
  if (!run) watched = undefined;
  allowCrawler();
  if (!watched) {
    if (!drawn) draw([{ ...store, took: 0 }], { size, count });
    return;
  }

  const { before, samples } = watched;
  samples.push({ ...store, took: run.took });
  draw(samples, { size, count });
  byId("progress").hidden = false;
  byId("made").max = run.wanted;
  byId("made").value = run.made;
  byId("made-words").textContent = `${count(run.made)} of ${count(run.wanted)}`;
  if (run.running) return;

  watched = undefined;
  allowCrawler();
  showMe(await askMe());
  byId("crawler-outcome").textContent = [madeAndKept(run, store), fateOf(before)].join(" ");
}

function madeAndKept(run, { bytes, maxSize }) {
  const seconds = Math.max(1, Math.round(run.took / 1000));
  const made = `The crawler made ${count(run.made)} sessions in ${seconds} ` +
    (seconds === 1 ? "second" : "seconds");
  const failed = run.failed ? ` (${count(run.failed)} requests failed)` : "";
  return `${made}${failed}. ${count(run.kept)} of them are kept, ` +
    `in ${size(bytes)} of ${size(maxSize)}.`;
}

function fateOf(before) {
  const intact = me.name === before.name && me.visits >= before.visits;
  if (before.name === undefined) {
    return intact && before.visits > 0
      ? "You have not signed in, and the store still knows you."
      : "You had not signed in, and the store has forgotten you.";
  }
  return intact
    ? `You are still signed in as ${me.name}, with your ${count(me.visits)} ${
      me.visits === 1 ? "visit" : "visits"
    } intact.`
    : "You are not signed in as you were before.";
}

byId("start-crawler").addEventListener(
  "click",
  () =>
    attempt("crawler-outcome", () =>
      inTurn(async () => {
        await ask("crawler/start", { visitors: Number(byId("visitors").value) });
        watch();
      })),
);

byId("stop-crawler").addEventListener(
  "click",
  () => attempt("crawler-outcome", () => ask("crawler/stop", {})),
);

// The race

/** How long the page waits for the slow request to have loaded the session. */
const HEAD_START = 500;

function showStep(now) {
  [...byId("steps").children].forEach((step, index) => {
    step.className = index < now ? "past" : index === now ? "now" : "";
    if (index === now) step.setAttribute("aria-current", "step");
    else step.removeAttribute("aria-current");
  });
}

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

async function race() {
  const { lateWrites } = (await ask("stats.json")).store;
  showStep(0);
  const slow = fetch("slow", { method: "POST" });
  await pause(HEAD_START);
  showStep(1);
  await ask("sign-out", {});
  showMe({ visits: 0 });
  await pause(HEAD_START);
  showStep(2);
  const response = await slow;
  const loaded = response.ok ? await response.json() : {};
  showStep(3);
  showMe(await askMe());
  const dropped = (await look())?.lateWrites - lateWrites;
  showStep(4);
  if (response.ok && loaded.name === undefined) return "You signed out first: try that again.";
  return [
    `The slow request was answered with ${response.status}.`,
    me.name === undefined ? "You are still signed out." : "You are signed in again.",
    dropped > 0 ? "The store dropped the late write." : "The store dropped nothing.",
  ].join(" ");
}

byId("start-race").addEventListener("click", () =>
  attempt("race-outcome", async () => {
    if (me.name === undefined) {
      byId("race-outcome").textContent = "Sign in first, so that there is something to undo.";
      byId("name").focus();
      return;
    }
    byId("start-race").disabled = true;
    try {
      byId("you-outcome").textContent = "";
      byId("race-outcome").textContent = await race();
    } finally {
      byId("start-race").disabled = false;
      if (document.activeElement === document.body) {
        byId("start-race").focus({ preventScroll: true });
      }
    }
  }));

await attempt("you-outcome", async () => showMe(await ask("visit")));
keepLooking();
