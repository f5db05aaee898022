/** The crawler in a full store. */
import { drawUsers } from "./chart.js";
import { ask, byId, count, hurry, onPress, onState, report, size, write } from "./state.js";

/** The states of the run on the page; empty before the first. */
let samples = [];
/** Ends the hurry of the run under way. */
let calm;

const isUnderWay = (run) => run && run.phase !== "done";

onPress("crawler", byId("start-crawler"), async () => {
  // The form is opened before the crawler comes, and waits from then on.
  const loaded = new Promise((resolve) =>
    byId("form").addEventListener("load", resolve, { once: true })
  );
  byId("form").src = "login";
  await loaded;
  await ask("crawler/start", {});
});

onPress("crawler", byId("stop-crawler"), async () => {
  await ask("crawler/stop", {});
});

/** Says what came of a run. */
function tell({ opened, failed, users, usersEvicted, usersEvictedByPeer }) {
  const kept = usersEvicted === 0
    ? `express-lembro kept all ${count(users)} users.`
    : `express-lembro lost ${count(usersEvicted)} of ${count(users)} users.`;
  const theirs = ` memorystore lost ${count(usersEvictedByPeer)}.`;
  const fails = failed ? ` ${count(failed)} requests failed.` : "";
  const sessions = ` The crawler opened ${count(opened)} sessions.`;
  report("crawler", kept + theirs + sessions + fails, usersEvicted === 0 && failed === 0);
}

onState((state) => {
  if (!state) return;
  const { store, crawler: run } = state;
  write({
    maxSize: size(store.maxSize),
    bytes: size(store.bytes),
    protected: count(store.protected),
    newcomers: count(store.newcomers),
    crawlerSessions: count(state.crawlerSessions),
  });
  // A process that was started again knows no run; the last one stays on the page.
  if (run || samples.length === 0) {
    write({ usersEvicted: count(run?.usersEvicted ?? 0), opened: count(run?.opened ?? 0) });
  }
  const memory = byId("memory");
  memory.setAttribute("aria-valuemax", store.maxSize);
  memory.setAttribute("aria-valuenow", store.bytes);
  memory.setAttribute("aria-valuetext", `${size(store.bytes)} of ${size(store.maxSize)}`);
  byId("filled").style.width = `${100 * store.bytes / store.maxSize}%`;

  if (isUnderWay(run) && !calm) {
    samples = [];
    calm = hurry();
  }
  const isOver = calm && !isUnderWay(run);
  if (calm && run) samples.push(sampleOf(store, run));
  allow(isUnderWay(run) ? "stop" : "start", isUnderWay(run) ? "start" : "stop");
  if (samples.length > 0) drawUsers(samples);
  if (isOver) {
    calm();
    calm = undefined;
    if (run) tell(run);
    else report("crawler", "The process ended before the crawler.", false);
  }
});

/** Enables one button and disables the other, and keeps the focus on the one that does something. */
function allow(can, cannot) {
  const isFocused = document.activeElement === byId(`${cannot}-crawler`);
  byId(`${can}-crawler`).disabled = false;
  byId(`${cannot}-crawler`).disabled = true;
  if (isFocused) byId(`${can}-crawler`).focus({ preventScroll: true });
}

/** How many of the run's users are signed in at both stores. */
function sampleOf(store, { phase, users, usersEvicted, usersEvictedByPeer }) {
  const signedIn = phase === "users" ? store.protected : users;
  return {
    time: Date.now(),
    ours: signedIn - usersEvicted,
    theirs: signedIn - usersEvictedByPeer,
  };
}
