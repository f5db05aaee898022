import { realMonotonicNow } from "../util/time.ts";

/** How long a time that was heard counts, in milliseconds. Clocks that drift or are set back show by then. */
const WINDOW = 60_000;

/** What was heard of one server: the latest and the best of each window, as ahead of our own clock. */
interface Server {
  windowAt: number;
  best: number;
  bestBefore: number;
}

/**
 * The time at Redis, or rather a moment that is surely not later: revocations
 * are compared with when requests began, and the clocks of the processes may
 * differ. Each time that Redis tells was right some moment ago, so that the one
 * that is the furthest ahead of our own clock is the best.
 */
export class ServerClock {
  readonly #servers = new Map<string, Server>();

  /** Notes that it is `time`, in microseconds since the epoch, or a little later, at `server`. */
  hear(time: number, server = ""): void {
    const now = realMonotonicNow();
    const ahead = time - now * 1000;
    const known = this.#servers.get(server);
    if (!known) {
      this.#servers.set(server, { windowAt: now, best: ahead, bestBefore: -Infinity });
    } else if (now - known.windowAt < WINDOW) {
      known.best = Math.max(known.best, ahead);
    } else {
      const bestBefore = now - known.windowAt < 2 * WINDOW ? known.best : -Infinity;
      Object.assign(known, { windowAt: now, best: ahead, bestBefore });
    }
    for (const [name, { windowAt }] of this.#servers) {
      if (now - windowAt > 10 * WINDOW) this.#servers.delete(name);
    }
  }

  /**
   * Returns the time in microseconds since the epoch that it was at Redis when
   * our own clock showed `moment` ms, or an earlier one: not later than that of
   * any server, and 0 if none has told its time yet. What was heard since then
   * counts as well.
   */
  at(moment: number): number {
    let least = Infinity;
    for (const { best, bestBefore } of this.#servers.values()) {
      least = Math.min(least, Math.max(best, bestBefore));
    }
    return least === Infinity ? 0 : Math.max(0, Math.floor(least + moment * 1000));
  }
}
