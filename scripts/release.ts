/**
 * Prepares a release: checks the changelog, the tree and the code, runs the tests,
 * builds the package, tries that very package in every runtime, and packs it.
 * Publishes nothing; with `--publish` it pushes the tag that does.
 *
 *     deno task release [--publish]
 *
 * @module
 */
import { fileURLToPath } from "node:url";
import config from "../deno.json" with { type: "json" };

/**
 * What is wrong with the entry of `version` in a changelog, if anything: it
 * has to be the first, say a day that is not after `today`, and say something.
 */
export function entryProblem(
  changelog: string,
  version: string,
  today: string,
): string | undefined {
  const [, heading, text] = /^## (.*)\n([^]*?)(?=^## |$(?![^]))/m.exec(changelog) ?? [];
  const [, named, date] = /^(\S+) \((\d{4}-\d{2}-\d{2})\)$/.exec(heading ?? "") ?? [];
  if (named !== version) {
    return `CHANGELOG.md must begin with "## ${version} (YYYY-MM-DD)": received "## ${heading}"`;
  }
  // A date such as February 30th is another one when it is written back.
  const time = new Date(date);
  if (Number.isNaN(time.getTime()) || time.toISOString().slice(0, 10) !== date || date > today) {
    return `CHANGELOG.md must date ${version} today or before: received ${date}`;
  }
  if (text.trim() === "") return `CHANGELOG.md must say what is new in ${version}`;
}

const LOCK = "scripts/deno.lock";

/**
 * What keeps the tree in the current folder from being released, if anything.
 * `scripts/deno.lock` may have gained entries: where JSR answers, the first command
 * adds the packages that it has resolved.
 */
export async function treeProblem(): Promise<string | undefined> {
  const changed = (await output("git", "status", "--porcelain")).split("\n").filter(Boolean);
  const others = changed.filter((line) => !/^.M scripts\/deno\.lock$/.test(line));
  if (others.length > 0) return `Commit or stash what has changed first: ${others.join(", ")}`;
  if (changed.length === 0) return;
  const committed = JSON.parse(await output("git", "show", `HEAD:${LOCK}`));
  const lost = lostEntry(committed, JSON.parse(await Deno.readTextFile(LOCK)));
  if (lost) return `${LOCK} may gain entries, but not change any: received another ${lost}`;
}

/** The first entry of a JSON value that another one does not have, as `a.b.c`. */
function lostEntry(before: unknown, after: unknown, path: string[] = []): string | undefined {
  if (Array.isArray(before) && Array.isArray(after)) {
    return before.every((value) => after.includes(value)) ? undefined : path.join(".");
  }
  if (Object(before) !== before || Object(after) !== after) {
    return before === after ? undefined : path.join(".");
  }
  for (const [key, value] of Object.entries(before as object)) {
    const lost = lostEntry(value, (after as Record<string, unknown>)[key], [...path, key]);
    if (lost) return lost;
  }
}

if (import.meta.main) {
  const root = fileURLToPath(new URL("..", import.meta.url));
  Deno.chdir(root);
  const { version } = config;
  const tag = `v${version}`;

  const today = new Date().toISOString().slice(0, 10);
  const problem = entryProblem(await Deno.readTextFile("CHANGELOG.md"), version, today);
  if (problem) fail(problem);
  const dirty = await treeProblem();
  if (dirty) fail(dirty);
  const tagged = await output("git", "tag", "--list", tag) &&
    await output("git", "rev-list", "-n", "1", tag);
  if (tagged && tagged !== await output("git", "rev-parse", "HEAD")) {
    fail(`${tag} is another commit: raise the version in deno.json`);
  }

  const deno = Deno.execPath();
  // The package is tried below, as it will be published.
  await run({}, deno, "task", "check");
  await run({ LEMBRO_RUNTIMES: "none" }, deno, "task", "test");
  await run({}, deno, "task", "build:npm");
  await run({ LEMBRO_PACKAGE: "npm" }, deno, "task", "test:npm");
  // Its own check knows no exception for the lock file; treeProblem does.
  await run({}, deno, "publish", "--dry-run", "--allow-dirty");
  await run({}, "npm", "pack", "./npm");

  if (Deno.args.includes("--publish")) {
    if (!tagged) await run({}, "git", "tag", "-a", tag, "-m", tag);
    await run({}, "git", "push", "origin", tag);
    console.log(`${tag} is pushed: its workflow publishes to npm and JSR.`);
  } else {
    console.log(`${version} is ready. Next: deno task release --publish`);
  }
}

async function output(command: string, ...args: string[]): Promise<string> {
  const { success, stdout } = await new Deno.Command(command, { args, stderr: "inherit" }).output();
  if (!success) fail(`${command} ${args.join(" ")} failed`);
  return new TextDecoder().decode(stdout).trimEnd();
}

async function run(env: Record<string, string>, command: string, ...args: string[]): Promise<void> {
  const { success } = await new Deno.Command(command, { args, env }).spawn().status;
  if (!success) fail(`${command} ${args.join(" ")} failed`);
}

function fail(reason: string): never {
  console.error(`Cannot release: ${reason}`);
  Deno.exit(1);
}
