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
    : me.visits > 1
    ? ["returning", "you go after all who came only once"]
    : me.visits === 1
    ? ["a newcomer", "the first to go when memory is short"]
    : ["nobody yet", "you have no session"];
  const strong = document.createElement("strong");
  strong.textContent = name;
  return ["To the store you are ", strong, `: ${fate}.`];
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
    showMe(await ask("me"));
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

async function look() {
  try {
    showStore((await ask("stats.json")).store);
    byId("offline").hidden = true;
  } catch {
    byId("offline").hidden = false;
  }
}

async function keepLooking() {
  await look();
  setTimeout(keepLooking, 1000);
}

await attempt("you-outcome", async () => showMe(await ask("visit")));
keepLooking();
