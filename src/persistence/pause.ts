import timers from "node:timers";

/** Waits for `ms` milliseconds. The timer is looked up at each call, so that a test can hold it. */
export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => void timers.setTimeout(resolve, ms));
}
