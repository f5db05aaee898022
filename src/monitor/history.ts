import { every, now } from "../util/time.ts";

/** Milliseconds between two samples. */
const INTERVAL = 1_000;

/** How many samples are kept: five minutes, both ends included. */
const KEPT = 301;

/** How often the lag of a journal is looked at, in milliseconds: no multiple of how often it writes. */
const LOOK = 130;

interface JournalLag {
  lag: number;
}

/** What a store did over the last minutes, for whoever looks only afterwards. */
export class History {
  readonly #stats: () => object;
  readonly #journal: () => JournalLag | undefined;
  readonly #started = now();
  /** Each as JSON, with its number: a sample does not change when the store does. */
  readonly #samples: { number: number; json: string }[] = [];
  readonly #stops: (() => void)[] = [];
  #taken = 0;
  /** The longest lag of the journal since the last sample. */
  #lag = 0;

  constructor(stats: () => object, journal: () => JournalLag | undefined) {
    this.#stats = stats;
    this.#journal = journal;
    const hasJournal = this.#sample();
    this.#stops.push(every(INTERVAL, this, (history) => void history.#sample()));
    if (hasJournal) this.#stops.push(every(LOOK, this, (history) => history.#look()));
  }

  /** Stops the sampling. */
  stop(): void {
    for (const stop of this.#stops) stop();
  }

  /**
   * The samples that were taken after `cursor`, and the cursor to ask with next,
   * as JSON. A cursor that is none, or one of an earlier process, returns all.
   */
  after(cursor: string): string {
    const run = `${this.#started}`;
    const [of, taken] = cursor.split("-");
    const known = of === run ? Number(taken) || 0 : 0;
    const fresh = this.#samples.filter(({ number }) => number > known);
    return `{"run":${run},"cursor":"${run}-${this.#taken}","process":${
      JSON.stringify(processNow())
    },"samples":[${fresh.map(({ json }) => json).join()}]}`;
  }

  #look(): void {
    try {
      this.#lag = Math.max(this.#lag, this.#journal()?.lag ?? 0);
    } catch {
      // Whoever asks for stats.json gets the error.
    }
  }

  /** Takes a sample; returns whether there is a journal. */
  #sample(): boolean {
    try {
      const journal = this.#journal();
      const lag = Math.max(this.#lag, journal?.lag ?? 0);
      const sample = { time: now(), stats: this.#stats(), journal: journal && { ...journal, lag } };
      this.#lag = 0;
      this.#samples.push({ number: ++this.#taken, json: JSON.stringify(sample) });
      if (this.#samples.length > KEPT) this.#samples.shift();
      return journal !== undefined;
    } catch {
      // Whoever asks for stats.json gets the error.
      return false;
    }
  }
}

/** The process, as far as the runtime tells of it: its number, and its age in milliseconds. */
function processNow(): { pid?: number; uptime?: number } {
  // dnt-shim-ignore: the process is that of the runtime, if it has one.
  const { process } = globalThis as { process?: { pid?: number; uptime?(): number } };
  const uptime = process?.uptime?.();
  return {
    pid: process?.pid,
    uptime: uptime === undefined ? undefined : Math.round(uptime * 1000),
  };
}
