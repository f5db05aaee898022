/**
 * Runs the doc examples and all tests, each file in a process of its own, as
 * many at once as `DENO_JOBS` says. With files it runs these alone. The last
 * line has the sums, as `deno test` prints them. `deno task check` checks
 * the types.
 *
 *     deno task test [options of deno test] [files]
 *
 * @module
 */
import { readdirSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { LOCK, supplied, supplier, supplierLine } from "./suppliers.ts";

const root = fileURLToPath(new URL("..", import.meta.url));

/** How long the run may print nothing, in milliseconds. */
const MAX_SILENCE_MS = 8_000;

/** What takes longest starts first, so that the processors end at the same time. */
const LONG = [
  ...["demo", "npm_package", "monitor_page", "redis/promises", "bench", "journal_kill"],
  ...["memory", "snapshot_file", "journal_lock", "leaving", "redis/outage", "journal_damage"],
].map((name) => `tests/${name}_test.ts`);

/** One run of `deno`. */
interface Job {
  name: string;
  args: string[];
}

/** How many tests and steps there were. */
interface Counts {
  passed: number;
  passedSteps: number;
  failed: number;
  failedSteps: number;
}

/** What `deno test` counts in its last line, if it came so far. */
export function countsOf(output: string): Counts | undefined {
  const lines =
    /^(?:ok|FAILED) \| (\d+) passed(?: \((\d+) steps?\))? \| (\d+) failed(?: \((\d+) steps?\))?/gm;
  const [, ...found] = [...output.matchAll(lines)].at(-1) ?? [];
  if (found.length === 0) return;
  const [passed, passedSteps, failed, failedSteps] = found.map((digits) => Number(digits ?? 0));
  return { passed, passedSteps, failed, failedSteps };
}

/** Counts as `deno test` writes them. */
export function summaryOf({ passed, passedSteps, failed, failedSteps }: Counts): string {
  const steps = (count: number) => count ? ` (${count} step${count === 1 ? "" : "s"})` : "";
  return `${passed} passed${steps(passedSteps)} | ${failed} failed${steps(failedSteps)}`;
}

/** What the tests have printed themselves, between the lines of `deno test`. */
function printedIn(output: string): string {
  const blocks = output.matchAll(/^-+ (?:\S+ )?output -+\n([^]*?)^-+ (?:\S+ )?output end -+$/gm);
  return [...blocks].map(([, printed]) => printed).join("");
}

function seconds(ms: number): string {
  return `${(ms / 1_000).toFixed(ms < 10_000 ? 1 : 0)} s`;
}

/**
 * The packages, in the versions of the lock file. With that file itself Deno asks for
 * hundreds at once, and the name servers of some networks drop half of their questions.
 */
function pinned(): string[] {
  const { specifiers } = JSON.parse(Deno.readTextFileSync(LOCK)) as {
    specifiers: Record<string, string>;
  };
  return Object.entries(specifiers)
    .filter(([specifier]) => specifier.startsWith("npm:"))
    .map(([specifier, version]) => specifier.replace(/@[^@]*$/, `@${version.split("_")[0]}`));
}

/** Runs jobs, says what they come to, and adds it up. */
class Run {
  readonly counts: Counts = { passed: 0, passedSteps: 0, failed: 0, failedSteps: 0 };
  readonly failures: string[] = [];
  readonly #env: Record<string, string>;
  /** When each job has started. */
  readonly #running = new Map<string, number>();
  #lastPrint = Date.now();

  constructor(env: Record<string, string>) {
    this.#env = env;
  }

  /** Runs all of `jobs`, so many at once. */
  async all(jobs: Job[], atOnce: number): Promise<void> {
    const queue = jobs.values();
    const work = async () => {
      for (const job of queue) await this.#one(job);
    };
    const beat = setInterval(() => this.#sayWhatRuns(), 1_000);
    await Promise.all(Array.from({ length: atOnce }, work));
    clearInterval(beat);
  }

  async #one({ name, args }: Job): Promise<void> {
    const start = Date.now();
    this.#running.set(name, start);
    const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
      args,
      cwd: root,
      env: this.#env,
    }).output();
    this.#running.delete(name);
    const output = [stdout, stderr].map((bytes) => new TextDecoder().decode(bytes)).join("");
    const counts = countsOf(output);
    for (const [key, count] of Object.entries(counts ?? {})) {
      this.counts[key as keyof Counts] += count;
    }
    const took = seconds(Date.now() - start);
    if (success) {
      this.#print(`${name}: ${counts ? summaryOf(counts) : "ok"} (${took})\n${printedIn(output)}`);
      return;
    }
    // What breaks outside of the tests must not read like a success.
    if (!counts?.failed) this.counts.failed++;
    this.failures.push(name);
    this.#print(`${name}: FAILED (${took})\n${output}`);
  }

  #sayWhatRuns(): void {
    const now = Date.now();
    if (now - this.#lastPrint < MAX_SILENCE_MS) return;
    const running = [...this.#running].map(([name, start]) => `${name} (${seconds(now - start)})`);
    this.#print(`… ${summaryOf(this.counts)} so far; running ${running.join(", ")}`);
  }

  #print(text: string): void {
    this.#lastPrint = Date.now();
    console.log(text.trimEnd());
  }
}

if (import.meta.main) {
  const start = Date.now();
  const options = Deno.args.filter((arg) => arg.startsWith("-"));
  const chosen = Deno.args.filter((arg) => !arg.startsWith("-"));
  // Twice as many as there are processors: half of the time tests wait for pages and processes.
  const atOnce = Number(Deno.env.get("DENO_JOBS")) || 2 * navigator.hardwareConcurrency;
  const found = await supplier();
  console.log(supplierLine(found));

  const job = (name: string, ...args: string[]): Job => ({ name, args: supplied(found, args) });
  const test = (file: string) => job(file, "test", "-A", "--no-check", ...options, file);
  const all = readdirSync(`${root}tests`, { recursive: true, encoding: "utf8" })
    .map((path) => `tests/${path.replaceAll("\\", "/")}`)
    .filter((path) => path.endsWith("_test.ts")).sort();
  const [longest, ...others] = [...new Set([...LONG.filter((file) => all.includes(file)), ...all])];
  const jobs = chosen.length > 0 ? chosen.map(test) : [
    test(longest),
    job(
      "doc examples",
      "test",
      "-A",
      "--no-check",
      "--doc",
      ...options,
      "README.md",
      "mod.ts",
      "src",
    ),
    ...others.map(test),
  ];

  // The tests start `deno` through scripts/suppliers.ts, which need not ask again.
  const run = new Run({ NO_COLOR: "1", LEMBRO_SUPPLIER: found[0] });
  console.log(`Running ${jobs.length} files of tests, ${atOnce} at once.`);
  // Else each of the first files would download them.
  await run.all(
    [{ name: "packages", args: ["cache", "--no-config", "--no-lock", ...pinned()] }],
    1,
  );
  await run.all(jobs, atOnce);

  const { failures, counts } = run;
  if (failures.length > 0) console.log(`\nFailed: ${failures.join(", ")}`);
  const outcome = failures.length > 0 ? "FAILED" : "ok";
  console.log(`\n${outcome} | ${summaryOf(counts)} (${seconds(Date.now() - start)})`);
  Deno.exit(failures.length > 0 ? 1 : 0);
}
