import { assert, assertEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { fileURLToPath } from "node:url";
import { openJournal } from "express-lembro/journal";
import { locked } from "../scripts/suppliers.ts";
import { Folder } from "./support/folder.ts";
import { Lembro } from "./support/setup.ts";
import { chances, idsIn } from "./support/journals.ts";
import { killed, KILLS } from "./support/kills.ts";

/** At most so much may be lost, in milliseconds. */
const INTERVAL = 100;

/** And so late a disk or a processor that others use may be, in milliseconds, … */
const LATE = Number(Deno.env.get("LATE") ?? 500);

/** … or later, but only in so many of the rounds: if the interval were not kept, most would be. */
const MAX_LATER = Math.ceil(KILLS / 4);

/** A process is killed at most so many milliseconds after it has opened its journal. */
const MAX_WAIT_MS = 1_200;

const config = fileURLToPath(new URL("../deno.json", import.meta.url));

/** What a process has said of a session: its versions in their order, with the time of each. */
interface Step {
  what: string;
  n: number;
  time: number;
}

/** Lets a process work on a journal, kills it, and returns what it has said of each session. */
async function stepsOfKilled(
  path: string,
  secret: string,
  first: number,
  logouts: number,
  after: number,
) {
  const args = [path, `${INTERVAL}`, secret, `${first}`, `${logouts}`];
  const { said, time } = await killed("journal/worker.ts", args, after);
  const steps = new Map<string, Step[]>();
  let last = first;
  // The last line may be torn.
  for (const line of said.split("\n").slice(0, -1)) {
    const [what, sid, n, time] = line.split(" ");
    last = Math.max(last, Number(n));
    steps.set(sid, [...steps.get(sid) ?? [], { what, n: Number(n), time: Number(time) }]);
  }
  return { steps, last, time };
}

describe("a process that is killed while it uses its journal", () => {
  it("comes back with all that was answered, and no older than promised", async () => {
    const seed = Number(Deno.env.get("SEED") ?? Date.now() % 1e9);
    const chance = chances(seed);
    using folder = new Folder();
    const files = ["", "a secret"].map((secret) => ({
      secret,
      path: `${folder.path}/${secret ? "encrypted" : "open"}`,
      found: new Map<string, number>(),
    }));
    let first = 0;
    let [answered, oldest, compacting] = [0, 0, 0];
    const later = new Set<number>();
    for (let round = 0; round < KILLS; round++) {
      const file = files[round % 2];
      // The answer of a logout waits for the disk, and what was saved before it goes along: every
      // other process of a file signs nobody out, so that only the interval brings its changes to
      // the disk.
      const logouts = round % 4 < 2 ? 0.15 : 0;
      const { steps, last, time } = await stepsOfKilled(
        file.path,
        file.secret,
        first,
        logouts,
        chance() * MAX_WAIT_MS,
      );
      // The number after the last that it has said may be in the file.
      first = last + 1;
      compacting += folder.names().filter((name) => name.endsWith(".tmp")).length;

      using store = new Lembro({ maxSize: Infinity });
      const journal = await openJournal(
        store,
        file.path,
        file.secret ? { secret: file.secret } : {},
      );
      const found = new Map<string, number>();
      for (const [sid, session] of store.entries()) {
        found.set(sid, (session as unknown as { n: number }).n);
      }
      await journal.close();
      for (const sid of new Set([...steps.keys(), ...found.keys(), ...file.found.keys()])) {
        const version = found.get(sid);
        const of = steps.get(sid) ?? [];
        const what = `SEED=${seed}, round ${round}, ${sid}: ${version} was found, of ` +
          `${JSON.stringify(of)}, killed at ${time}`;
        // An answer holds.
        const gone = of.filter(({ what }) => what === "destroyed").map(({ n }) => n);
        answered += gone.length;
        assert(version === undefined || version > Math.max(0, ...gone), what);
        // It is one of those that there were, and what came after it is not older than the interval.
        const before = { what: file.found.has(sid) ? "set" : "none", n: file.found.get(sid) ?? 0 };
        const changes = of.filter(({ what }) => what === "set" || what === "destroying");
        const versions = [before, ...changes].map(({ what, n }) => what === "set" ? n : undefined);
        if (version === last + 1) continue;
        const at = versions.lastIndexOf(version);
        assert(at >= 0, what);
        const age = at < changes.length ? time - changes[at].time : 0;
        if (age > INTERVAL + LATE) later.add(round);
        assert(later.size <= MAX_LATER, what);
        oldest = Math.max(oldest, age);
      }
      file.found = found;
    }
    console.log(
      `      ${KILLS} kills, SEED=${seed}: ${answered} logouts were answered; the oldest change ` +
        `lost was ${oldest} ms old; ${compacting} came while a file was compacted`,
    );
    assert(answered > KILLS);
    assertEquals(folder.names(), ["encrypted", "open"]);
  });
});

describe("a process that ends by itself", () => {
  for (
    const [how, end] of [["without a word", ""], ["after it has closed", "await journal.close();"]]
  ) {
    it(`${how} loses nothing, and is not kept alive by its journal`, async () => {
      using folder = new Folder();
      const setup = new URL("./support/setup.ts", import.meta.url).href;
      const script = `
        import { openJournal } from "express-lembro/journal";
        import { Lembro, sessionOf } from "${setup}";
        const store = new Lembro();
        const journal = await openJournal(store, Deno.args[0], { interval: 60_000 });
        store.set("a", sessionOf(), () => {});
        ${end}
      `;
      const path = `${folder.path}/app.ts`;
      await Deno.writeTextFile(path, script);
      const start = performance.now();
      const { code, stderr } = await new Deno.Command(Deno.execPath(), {
        args: locked([
          "run",
          "-A",
          "--no-check",
          "--quiet",
          `--config=${config}`,
          path,
          folder.snapshot,
        ]),
      }).output();
      assertEquals([code, new TextDecoder().decode(stderr)], [0, ""]);
      assert(performance.now() - start < 20_000);
      assertEquals(await idsIn(folder.snapshot), ["a"]);
    });
  }
});
