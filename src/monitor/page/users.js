/**
 * The list of those who are signed in, on a page whose app has asked for it.
 *
 * @module
 */
const byId = (id) => document.getElementById(id);
const count = new Intl.NumberFormat("en").format;
const ago = new Intl.RelativeTimeFormat("en", { numeric: "auto", style: "short" });

/** How many users are asked for at once. */
const PAGE = 50;
/** How old the list becomes, in ms, while nobody is at work in it. */
const MAX_AGE = 10_000;

let shown = 0;
let listed = Infinity;
/** How often somebody was asked whether to sign a user out. */
let questions = 0;

/** Shows the list, if the page has one. */
export function showUsers() {
  if (document.body.dataset.users === undefined) return;
  const section = byId("users");
  section.hidden = false;
  byId("shown").textContent = "Who is signed in is shown here, never the id or the content of a " +
    "session.";
  section.querySelector("form").addEventListener("submit", (event) => {
    event.preventDefault();
    list();
  });
  byId("search").addEventListener("search", () => list());
  byId("sort").addEventListener("change", () => list());
  byId("more").addEventListener("click", () => list(shown));
  list();
}

/** Lists those who are signed in now, unless somebody is at work in the list. */
export function renewUsers() {
  const used = ":is(tbody:hover, tbody:focus-within, #search:focus, dialog[open])";
  const isUsed = shown > PAGE || byId("users").querySelector(used) !== null;
  if (!isUsed && Date.now() - listed >= MAX_AGE) list();
}

/** Lists users from the first, or adds those after `offset` to the list. */
async function list(offset = 0) {
  const query = new URLSearchParams({
    search: byId("search").value,
    sort: byId("sort").value,
    offset,
    limit: PAGE,
  });
  const body = byId("users").querySelector("tbody");
  listed = Date.now();
  try {
    const response = await fetch("users.json?" + query, { cache: "no-store", redirect: "error" });
    if (!response.ok) throw new Error();
    const { found, users } = await response.json();
    if (offset === 0) body.replaceChildren();
    const first = body.rows.length;
    body.append(...users.map(rowOf));
    shown = offset + users.length;
    byId("more").hidden = shown >= found || users.length === 0;
    byId("users").querySelector(".scroll").hidden = found === 0;
    say(found === 0 ? "Nobody found." : count(shown) + " of " + count(found) + " users.");
    // The button may be gone: the keyboard goes on at the first new row.
    if (offset > 0) body.rows[first]?.querySelector("button")?.focus();
  } catch {
    say("The list cannot be loaded. Try again.");
  }
}

function say(text) {
  if (byId("found").textContent !== text) byId("found").textContent = text;
}

function rowOf({ user, sessions, lastUsed }) {
  const row = document.createElement("tr");
  const name = document.createElement("th");
  name.scope = "row";
  name.textContent = user;
  const button = document.createElement("button");
  button.type = "button";
  button.className = "quiet danger";
  button.textContent = "Sign out";
  button.setAttribute("aria-label", "Sign out " + user + " everywhere");
  button.addEventListener("click", () => signOut({ user, sessions }, row));
  const cells = [count(sessions), since(lastUsed), button].map((content) => {
    const cell = document.createElement("td");
    cell.append(content);
    return cell;
  });
  row.append(name, ...cells);
  return row;
}

/** Asks, and ends all sessions of a user. */
async function signOut({ user, sessions }, row) {
  const dialog = byId("users").querySelector("dialog");
  const devices = sessions === 1 ? "1 session" : count(sessions) + " sessions";
  byId("question").textContent = "Sign " + user + " out of " + devices + "?";
  const question = ++questions;
  dialog.returnValue = "";
  dialog.showModal();
  do {
    await new Promise((resolve) => dialog.addEventListener("close", resolve, { once: true }));
    // The event of an earlier answer may come after this question.
  } while (dialog.open);
  if (question !== questions || dialog.returnValue !== "end") return;
  try {
    const response = await fetch("users/sign-out", {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ user }),
      redirect: "error",
    });
    if (!response.ok) throw new Error();
    const { ended } = await response.json();
    row.remove();
    say(user + " is signed out of " + (ended === 1 ? "1 session." : count(ended) + " sessions."));
    byId("search").focus();
  } catch {
    say(user + " could not be signed out. Try again.");
  }
}

function since(time) {
  const seconds = Math.round((time - Date.now()) / 1000);
  if (seconds > -60) return ago.format(Math.min(0, seconds), "second");
  if (seconds > -3600) return ago.format(Math.round(seconds / 60), "minute");
  if (seconds > -86400) return ago.format(Math.round(seconds / 3600), "hour");
  return ago.format(Math.round(seconds / 86400), "day");
}
