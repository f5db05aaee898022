/** Requests that overlap, and what is left of them. */
import { ask, byId, look, onPress, pause, state } from "./state.js";
import { ensureSignedIn, signOut } from "./devices.js";

/** How long the page waits until a slow request has certainly begun, in milliseconds. */
const HEAD_START = 500;
const ITEMS = 20;

/** Marks the step that is under way, and those before it as done. */
function show(race, now) {
  [...byId(race).querySelectorAll(".steps li")].forEach((step, at) => {
    step.className = at < now ? "done" : "";
    if (at === now) step.setAttribute("aria-current", "step");
    else step.removeAttribute("aria-current");
  });
}

onPress("logout", byId("start-logout"), async () => {
  show("logout", -1);
  await ensureSignedIn();
  await ask("peer/sign-in", { name: "ada" });
  const { lateWrites } = state.store;
  show("logout", 0);
  const slow = ask("slow", {});
  const theirs = ask("peer/slow", {});
  await pause(HEAD_START);
  show("logout", 1);
  await signOut();
  await ask("peer/sign-out", {});
  await pause(HEAD_START);
  show("logout", 2);
  const { user } = await slow;
  await theirs;
  const peer = await ask("peer/me");
  await look();
  show("logout", 3);
  if (user === undefined) throw new Error("The session ended before the request. Try again.");
  if (state.me) throw new Error("You are signed in again.");
  const dropped = state.store.lateWrites - lateWrites;
  const writes = dropped === 1 ? "1 late write" : `${dropped} late writes`;
  const back = peer.user === null ? "signed out, too" : "signed in again";
  return `You are still signed out: ${writes} dropped. On memorystore you are ${back}.`;
});

onPress("revoke", byId("start-revoke"), async () => {
  show("revoke", -1);
  await ensureSignedIn();
  show("revoke", 0);
  const slow = ask("devices/sign-in", { slow: true });
  await pause(HEAD_START);
  show("revoke", 1);
  await ask("devices/sign-out-others", {});
  await pause(HEAD_START);
  show("revoke", 2);
  const { isSignedIn } = await slow;
  await look();
  show("revoke", 3);
  if (isSignedIn) throw new Error("The other device is signed in.");
  if (!state.me) throw new Error("You were signed out as well.");
  return "The other device is not signed in. You still are.";
});

const ROWS = ["items", "peer-items"].map(byId);
for (const row of ROWS) {
  for (let at = 0; at < ITEMS; at++) row.append(document.createElement("li"));
}

onPress("cart", byId("start-cart"), async () => {
  for (const box of ROWS.flatMap((row) => [...row.children])) box.className = "";
  await ensureSignedIn();
  await Promise.all(["", "peer/"].map((store) => ask(`${store}cart/empty`, {})));
  await Promise.all(ROWS.flatMap((row, which) =>
    [...row.children].map(async (box, at) => {
      await ask(`${which === 0 ? "" : "peer/"}cart`, { item: `item ${at + 1}` });
      box.className = "sent";
    })
  ));
  const peer = await ask("peer/me");
  await look();
  const kept = [state.me?.items ?? 0, peer.items];
  ROWS.forEach((row, which) =>
    [...row.children].forEach((box, at) => box.className = at < kept[which] ? "kept" : "lost")
  );
  const [items, theirs] = kept;
  const outcome = `${items} of ${ITEMS} items are in the cart. memorystore kept ${theirs}.`;
  if (items !== ITEMS) throw new Error(outcome);
  return outcome;
});
