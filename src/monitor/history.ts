import { every, now } from "../util/time.ts";

/** Milliseconds between two samples. */
const INTERVAL = 1_000;

/** How many samples are kept: five minutes, both ends included. */
const KEPT = 301;

/** What a store did over the last minutes, for whoever looks only afterwards. */
export class History {
  readonly #figures: () => object;
  readonly #started = now();
  /** Each as JSON, with its number: a sample does not change when the store does. */
  readonly #samples: { number: number; json: string }[] = [];
  #taken = 0;
  /** Stops the sampling. */
  readonly stop: () => void;

  constructor(figures: () => object) {
    this.#figures = figures;
    this.#sample();
    this.stop = every(INTERVAL, this, (history) => history.#sample());
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
    return `{"run":${run},"cursor":"${run}-${this.#taken}","samples":[${
      fresh.map(({ json }) => json).join()
    }]}`;
  }

  #sample(): void {
    let json: string;
    try {
      json = JSON.stringify({ time: now(), ...this.#figures() });
    } catch {
      // Whoever asks for stats.json gets the error.
      return;
    }
    this.#samples.push({ number: ++this.#taken, json });
    if (this.#samples.length > KEPT) this.#samples.shift();
  }
}
