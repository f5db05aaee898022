/**
 * Takes the picture of the README: the monitor of the demo while users fill the
 * store to 80 % and a crawler opens 50,000 sessions, in a headless Chromium.
 *
 *     deno task picture
 *
 * @module
 */
import { fileURLToPath } from "node:url";
import { launch } from "../support/chromium.ts";
import { createDemo } from "./app.ts";

/** How long the picture shows the time before and after the crawler, in milliseconds. */
const CALM = 6_000;
/** How long users and crawler may take, in milliseconds. */
const MAX_RUN_MS = 300_000;

const demo = await createDemo({ crawlerSessions: 50_000 });
const address = await demo.listen(0);
const browser = await launch();

try {
  const monitor = await browser.newPage({
    viewport: { width: 1080, height: 900 },
    colorScheme: "light",
  });
  await monitor.goto(`${address}monitor/`);
  const visitor = await browser.newPage();
  await visitor.goto(address);
  await visitor.waitForTimeout(CALM);
  await visitor.getByRole("button", { name: "Send the crawler" }).click();
  const outcome = visitor.locator("#crawler-outcome").getByText("The crawler opened");
  await outcome.waitFor({ timeout: MAX_RUN_MS });
  console.log(await outcome.textContent());
  await visitor.waitForTimeout(CALM);
  const path = fileURLToPath(new URL("./monitor.png", import.meta.url));
  // Who is signed in stands below the charts.
  const charts = (await monitor.locator("#prevented").boundingBox())!;
  const height = Math.ceil(charts.y + charts.height) + 24;
  await monitor.setViewportSize({ width: 1080, height });
  await monitor.screenshot({ path });
  for (const card of ["memory", "ranks", "prevented"]) {
    console.log(await monitor.locator(`#${card} .drawing`).getAttribute("aria-label"));
  }
  const { size } = await Deno.stat(path);
  console.log(`${path}: ${size} bytes`);
} finally {
  await browser.close();
  await demo.close();
}
