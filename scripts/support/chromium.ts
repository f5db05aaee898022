/**
 * Chromium, for tests and scripts.
 *
 * @module
 */
import { type Browser, chromium } from "playwright-core";

/** Where Debian's package puts it; `CHROMIUM` names another one. */
export const PATH: string = Deno.env.get("CHROMIUM") ?? "/usr/bin/chromium";

/** Starts Chromium, with a profile of its own. */
export function launch(): Promise<Browser> {
  return chromium.launch({
    executablePath: PATH,
    args: [
      ...["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run"],
      ...["--disable-background-networking", "--disable-component-update", "--disable-sync"],
    ],
  });
}
