/** What the app says about itself and this visitor, asked for each second. */

const SLOWLY = 1000;
const OFTEN = 200;

const listeners = [];
/** How many tasks want to be told often. */
let hurried = 0;
let timer;
let turn = Promise.resolve();

/** The last answer; `undefined` before the first one, and while the app does not answer. */
export let state;

export const byId = (id) => document.getElementById(id);
export const count = new Intl.NumberFormat("en").format;
export const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** A size in bytes, in words. */
export function size(bytes) {
  // With no-break spaces: a number stays with its unit.
  if (bytes < 1024) return `${count(bytes)}\u00a0bytes`;
  const [unit, name] = bytes < 1024 ** 2 ? [1024, "KB"] : [1024 ** 2, "MB"];
  return `${(bytes / unit).toLocaleString("en", { maximumFractionDigits: 1 })}\u00a0${name}`;
}

/** Shows figures wherever the page has a place for them. */
export function write(figures) {
  for (const place of document.querySelectorAll("[data-figure]")) {
    const text = figures[place.dataset.figure];
    if (text !== undefined && place.textContent !== text) place.textContent = text;
  }
}

/** Calls `listener` with each state, and with `undefined` when the app does not answer. */
export function onState(listener) {
  listeners.push(listener);
}

/** Asks the app; the answer's error, if it has one, is thrown. */
export async function ask(path, body) {
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

/** Asks for the state now. One question at a time: no answer is overtaken by a later one. */
export function look() {
  turn = turn.then(async () => {
    state = await ask("state").catch(() => undefined);
    for (const listener of listeners) listener(state);
  });
  return turn;
}

/** Asks for the state from now on. */
export async function keepLooking() {
  clearTimeout(timer);
  await look();
  clearTimeout(timer);
  timer = setTimeout(keepLooking, hurried ? OFTEN : SLOWLY);
}

/** Asks more often until the returned function is called. */
export function hurry() {
  hurried++;
  keepLooking();
  return () => hurried--;
}

/** Says what came of something, beside the button that started it. */
export function report(name, text, isGood = true) {
  const outcome = byId(`${name}-outcome`);
  outcome.classList.toggle("bad", !isGood);
  outcome.textContent = text;
}

/**
 * Does what a button asks for, and reports the text that `work` returns, or its
 * error. The button can't be pressed again meanwhile, and keeps the focus.
 */
export async function perform(name, button, work) {
  report(name, "");
  button.setAttribute("aria-disabled", "true");
  try {
    report(name, await work() ?? "");
  } catch (error) {
    report(name, error.message, false);
  } finally {
    button.removeAttribute("aria-disabled");
  }
  await look();
}

/** Calls `work` when the button is pressed, unless the last press is still being worked on. */
export function onPress(name, button, work) {
  button.addEventListener("click", () => {
    if (button.getAttribute("aria-disabled") !== "true") perform(name, button, work);
  });
}
