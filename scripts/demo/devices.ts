/**
 * The devices of an account: their names, and some that the demo signs in
 * itself, so that a visitor with one browser has several.
 *
 * @module
 */

/** The user agents that sign in when the visitor asks for another device. */
const USER_AGENTS = [
  "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 " +
  "(KHTML, like Gecko) Version/18.5 Mobile/15E148 Safari/604.1",
  "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) " +
  "Chrome/142.0.0.0 Safari/537.36 Edg/142.0.0.0",
  "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) " +
  "Chrome/142.0.0.0 Mobile Safari/537.36",
  "Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0",
  "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 " +
  "(KHTML, like Gecko) Version/18.5 Safari/605.1.15",
];

// The first that matches counts: Edge calls itself Chrome too, and Chrome calls itself Safari.
const BROWSERS: [RegExp, string][] = [
  [/Edg\w*\//, "Edge"],
  [/OPR\//, "Opera"],
  [/Firefox\/|FxiOS\//, "Firefox"],
  [/Chrome\/|Chromium\/|CriOS\//, "Chrome"],
  [/Safari\//, "Safari"],
];

const SYSTEMS: [RegExp, string][] = [
  [/iPhone/, "iPhone"],
  [/iPad/, "iPad"],
  [/Android/, "Android"],
  [/Windows/, "Windows"],
  [/Macintosh/, "Mac"],
  [/CrOS/, "ChromeOS"],
  [/Linux/, "Linux"],
];

/** What a device is called in the list, as in "Firefox on Linux". */
export function deviceName(userAgent = ""): string {
  const find = (names: [RegExp, string][]) => names.find(([sign]) => sign.test(userAgent))?.[1];
  const browser = find(BROWSERS) ?? "Unknown browser";
  const system = find(SYSTEMS);
  return system ? `${browser} on ${system}` : browser;
}

/** Signs in on other devices, one after the other, by real requests to the app. */
export class OtherDevices {
  #signedIn = 0;

  /** Signs in, and returns whether the device is signed in afterwards, as the app tells it. */
  async signIn(
    address: string,
    account: { name: string; password: string; slow: boolean },
  ): Promise<boolean> {
    const userAgent = USER_AGENTS[this.#signedIn++ % USER_AGENTS.length];
    const headers = { "user-agent": userAgent, "sec-fetch-site": "same-origin" };
    const answer = await fetch(`${address}sign-in`, {
      method: "POST",
      headers: { ...headers, "content-type": "application/json" },
      body: JSON.stringify(account),
    });
    await answer.body?.cancel();
    const cookie = answer.headers.getSetCookie().map((set) => set.split(";")[0]).join("; ");
    const state = await fetch(`${address}state`, { headers: { ...headers, cookie } });
    return (await state.json()).me?.user === account.name;
  }
}
