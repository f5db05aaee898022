/**
 * Long work in slices. All of it shares one budget for each turn of the event
 * loop, so that many long calls at once hold the loop no longer than one does.
 *
 * @module
 */
import { later } from "./time.ts";

/** What all slices of one turn may take together, in milliseconds. */
export const BUDGET = 1;

/** Work that has begun and waits for its next slice. */
interface Job {
  /** Goes one step further; returns whether there is more to do. */
  step(): boolean;
}

const waiting: Job[] = [];
let paused: (() => void)[] = [];

/** When the budget of this turn is used up, while a turn is open. */
let end = 0;
let isOpen = false;

/** Opens the budget of this turn, unless somebody has done so already. */
function open(): void {
  if (isOpen) return;
  isOpen = true;
  end = performance.now() + BUDGET;
  later(nextTurn);
}

function hasBudget(): boolean {
  open();
  return performance.now() < end;
}

function nextTurn(): void {
  isOpen = false;
  const resumed = paused;
  paused = [];
  for (const resume of resumed) resume();
  if (waiting.length === 0) return;
  open();
  while (waiting.length > 0) {
    const job = waiting.shift()!;
    const isDone = runSlice(job);
    // The next turn begins with the job that has waited longest.
    if (!isDone) waiting.push(job);
    if (!hasBudget()) return;
  }
}

/** Runs a job for as long as there is budget, and for one step at least; returns whether it is done. */
function runSlice(job: Job): boolean {
  do {
    if (!job.step()) return true;
  } while (hasBudget());
  return false;
}

/**
 * Runs `steps`: at once as far as the budget of this turn goes, and the rest in
 * later turns. Ends with `done`, or with `failed`.
 */
export function inSlices<Result>(
  steps: Generator<void, Result, undefined>,
  done: (result: Result) => void,
  failed: (thrown: unknown) => void,
): void {
  const job: Job = {
    step() {
      let step;
      try {
        step = steps.next();
      } catch (thrown) {
        failed(thrown);
        return false;
      }
      if (step.done) done(step.value);
      return !step.done;
    },
  };
  open();
  if (!runSlice(job)) waiting.push(job);
}

/** Runs `steps` as {@linkcode inSlices} does, and returns a promise of the result. */
export function sliced<Result>(steps: Generator<void, Result, undefined>): Promise<Result> {
  return new Promise((resolve, reject) => inSlices(steps, resolve, reject));
}

/** Iterates over what `steps` yield, but for `undefined`, and leaves other work its turn. */
export async function* inTurns<Item>(
  steps: Iterable<Item | undefined>,
): AsyncGenerator<Item, void, undefined> {
  for (const item of steps) {
    if (item !== undefined) yield item;
    await yieldIfSpent();
  }
}

/**
 * For long work that waits for promises anyway: `undefined` while there is
 * budget left in this turn, else a promise of the next turn.
 */
export function yieldIfSpent(): Promise<void> | undefined {
  if (hasBudget()) return undefined;
  return new Promise((resolve) => paused.push(resolve));
}
