/** The process, and how it comes back. */
import {
  ask,
  byId,
  count,
  hurry,
  onPress,
  onState,
  pause,
  report,
  size,
  state,
  write,
} from "./state.js";
import { ensureSignedIn } from "./devices.js";

/** The longest time between a change and its being on the disk, with room to spare, in ms. */
const JOURNAL_INTERVAL = 500;

const clock = new Intl.DateTimeFormat("en-GB", { timeStyle: "medium" });

/** The last process that answered, and who was signed in then. */
let last;
/** Whether it has not answered since. */
let died = false;
/** Ends the hurry while it is dead. */
let calm;

onPress("crash", byId("kill"), async () => {
  const wasSignedIn = Boolean(state?.me);
  await ensureSignedIn();
  if (!wasSignedIn) await pause(JOURNAL_INTERVAL);
  // There is no answer: the process has gone.
  await ask("kill", {}).catch(() => {});
});

onState((state) => {
  byId("running").textContent = state ? "Running" : "Not running";
  byId("running").classList.toggle("dead", !state);
  if (!state) {
    if (!died && last) {
      died = true;
      calm = hurry();
      report("crash", `Process ${last.pid} does not answer.`, false);
    }
    return;
  }
  const { pid, time, restored, journal } = state.process;
  write({
    pid: `${pid}`,
    started: clock.format(time),
    restored: count(restored),
    journal: size(journal),
  });
  if (last && last.pid !== pid) tell(state);
  else if (died) report("crash", "The process answers again.");
  calm?.();
  calm = undefined;
  died = false;
  last = { pid, user: state.me?.user };
});

/** Says who came back after a crash. */
function tell({ me, process: { pid, restored } }) {
  const isLost = last.user !== undefined && last.user !== me?.user;
  const you = last.user === undefined
    ? "You had not signed in."
    : isLost
    ? "You are no longer signed in."
    : "You are still signed in.";
  const sessions = `${count(restored)} ${restored === 1 ? "session" : "sessions"}`;
  report("crash", `Process ${pid} restored ${sessions}. ${you}`, !isLost);
}
