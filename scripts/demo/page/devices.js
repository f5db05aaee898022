/** Signing in and out, and the list of devices. */
import { ask, byId, look, onPress, onState, perform, report, state } from "./state.js";

/** The user that the page has shown last. */
let shown;
/** Whether this page is signing out itself. */
let isLeaving = false;

/** Signs in with what is in the form, unless this browser is signed in. */
export async function ensureSignedIn() {
  if (!state?.me) {
    await ask("sign-in", { name: byId("name").value, password: byId("password").value });
  }
  await look();
}

/** Signs this browser out. */
export async function signOut() {
  isLeaving = true;
  try {
    await ask("sign-out", {});
    await look();
  } finally {
    isLeaving = false;
  }
}

byId("sign-in").addEventListener("submit", (event) => {
  event.preventDefault();
  const button = event.submitter ?? byId("sign-in").querySelector("button");
  if (button.getAttribute("aria-disabled") === "true") return;
  perform("devices", button, ensureSignedIn);
});

onPress("devices", byId("sign-out"), async () => {
  await signOut();
  return "You are signed out.";
});

onPress("devices", byId("sign-in-other"), async () => {
  const { isSignedIn } = await ask("devices/sign-in", {});
  if (!isSignedIn) throw new Error("The other device could not sign in.");
  return "Signed in on another device.";
});

onPress("devices", byId("sign-out-others"), async () => {
  const { signedOut } = await ask("devices/sign-out-others", {});
  return signedOut === 0
    ? "There was no other device."
    : `Signed out ${signedOut} other ${signedOut === 1 ? "device" : "devices"}.`;
});

const clock = new Intl.DateTimeFormat("en-GB", { timeStyle: "medium" });
const day = new Intl.DateTimeFormat("en-GB", { dateStyle: "medium" });

/** The time of day, with the date if it is not today. */
function write(place, text) {
  const time = new Date(text);
  const isToday = day.format(time) === day.format();
  place.dateTime = text;
  place.textContent = isToday ? clock.format(time) : `${day.format(time)}, ${clock.format(time)}`;
}

function create({ id, name }) {
  const item = document.createElement("li");
  item.dataset.id = id;
  const isThis = id === state.me.deviceId;
  item.innerHTML = `<p class="device"><strong></strong></p>
    <p class="about when">
      <span>Signed in <time></time></span>
      <span>Last used <time></time></span>
    </p>
    <button type="button" class="quiet small">Sign out</button>`;
  item.querySelector("strong").textContent = name;
  if (isThis) {
    item.querySelector(".device").insertAdjacentHTML("beforeend", " <span>this device</span>");
  }
  const button = item.querySelector("button");
  button.setAttribute("aria-label", `Sign out ${name}${isThis ? ", this device" : ""}`);
  onPress("devices", button, async () => {
    isLeaving = isThis;
    await ask("devices/sign-out", { id });
    await look();
    isLeaving = false;
    return isThis ? "You are signed out." : `Signed out ${name}.`;
  });
  return item;
}

onState((state) => {
  if (!state) return;
  const user = state.me?.user;
  const focused = document.activeElement;
  const next = user === undefined
    ? "name"
    : shown === undefined
    ? "devices-title"
    : "device-list-title";
  if (shown !== undefined && user === undefined && !isLeaving) {
    report("devices", "You were signed out from another device.", false);
  }
  shown = user;
  byId("sign-in").hidden = user !== undefined;
  byId("signed-in").hidden = user === undefined;
  byId("user").textContent = user ?? "";
  byId("no-devices").hidden = state.devices.length > 0;

  // This device first, then the last to sign in; a row that stays is left in place with its focus.
  const list = byId("device-list");
  const devices = state.devices.toSorted((a, b) =>
    (b.id === state.me.deviceId) - (a.id === state.me.deviceId) ||
    b.created.localeCompare(a.created)
  );
  const rows = new Map([...list.children].map((row) => [row.dataset.id, row]));
  devices.forEach((device, at) => {
    const row = rows.get(device.id) ?? create(device);
    rows.delete(device.id);
    const [created, lastUsed] = row.querySelectorAll("time");
    write(created, device.created);
    write(lastUsed, device.lastUsed);
    if (list.children[at] !== row) list.insertBefore(row, list.children[at] ?? null);
  });
  for (const row of rows.values()) row.remove();

  // Whatever has brought this state, a press or a look now and then: the keyboard stays in place.
  if (!focused.isConnected || focused.closest("[hidden]")) {
    byId(next).focus({ preventScroll: true });
  }
});
