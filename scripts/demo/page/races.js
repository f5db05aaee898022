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
  const { lateWrites } = state.store;
  show("logout", 0);
  const slow = ask("slow", {});
  await pause(HEAD_START);
  show("logout", 1);
  await signOut();
  await pause(HEAD_START);
  show("logout", 2);
  const { user } = await slow;
  await look();
  show("logout", 3);
  if (user === undefined) throw new Error("The session ended before the request. Try again.");
  if (state.me) throw new Error("You are signed in again.");
  const dropped = state.store.lateWrites - lateWrites;
  return `You are still signed out. The store dropped ${dropped} late ${
    dropped === 1 ? "write" : "writes"
  }.`;
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

for (let at = 0; at < ITEMS; at++) byId("items").append(document.createElement("li"));

onPress("cart", byId("start-cart"), async () => {
  const boxes = [...byId("items").children];
  for (const box of boxes) box.className = "";
  await ensureSignedIn();
  await ask("cart/empty", {});
  await Promise.all(boxes.map(async (box, at) => {
    await ask("cart", { item: `item ${at + 1}` });
    box.className = "sent";
  }));
  await look();
  const { items } = state.me ?? { items: 0 };
  boxes.forEach((box, at) => box.className = at < items ? "kept" : "lost");
  const outcome = `${items} of ${ITEMS} items are in the cart.`;
  if (items !== ITEMS) throw new Error(outcome);
  return outcome;
});
