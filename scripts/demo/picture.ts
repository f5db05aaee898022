/**
 * Takes the picture of the README: the monitor while the demo is under a flood
 * of 50,000 sessions, in a headless Chromium.
 *
 *     deno task picture
 *
 * @module
 */
import { fileURLToPath } from "node:url";
import type { Page } from "playwright-core";
import { launch } from "../../support/chromium.ts";
import { createDemo } from "./app.ts";
import { MOST_VISITORS } from "./crawler.ts";

const USERS = ["Ada", "Blaise", "Carl", "Dorothy", "Emmy", "Fritz", "Grace", "Hedy"];
/** How long the picture shows the time before and after the flood, in milliseconds. */
const CALM = 6_000;

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

const demo = createDemo();
const address = await demo.listen(0);
const browser = await launch();

/** A visitor with a browser of their own, signed in. */
async function signIn(name: string): Promise<Page> {
  const context = await browser.newContext();
  const page = await context.newPage();
  await page.goto(address);
  await page.getByLabel("Your name").fill(name);
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.getByText(`Hello, ${name}.`).waitFor();
  return page;
}

try {
  const monitor = await browser.newPage({
    viewport: { width: 1080, height: 900 },
    colorScheme: "light",
  });
  await monitor.goto(`${address}monitor/`);
  await pause(CALM);
  const users = [];
  for (const name of USERS) users.push(await signIn(name));
  const [ada] = users;
  await ada.getByLabel("Its visitors").selectOption(`${MOST_VISITORS}`);
  await ada.getByRole("button", { name: "Send the crawler" }).click();
  // Who is signed in goes on working meanwhile.
  const outcome = ada.locator("#crawler-outcome");
  while (!(await outcome.textContent())) {
    for (const page of users.slice(1)) await page.reload();
  }
  console.log(await outcome.textContent());
  await pause(CALM);
  const path = fileURLToPath(new URL("./monitor.png", import.meta.url));
  await monitor.screenshot({ path, fullPage: true });
  for (const card of ["memory", "ranks", "evictions"]) {
    console.log(await monitor.locator(`#${card}-words`).textContent());
  }
  const evicted = monitor.locator('#evictions [data-path="evicted.newcomers"] td').nth(1);
  console.log(`${await evicted.textContent()} newcomers evicted`);
  const { size } = await Deno.stat(path);
  console.log(`${path}: ${size} bytes`);
} finally {
  await browser.close();
  await demo.close();
}
