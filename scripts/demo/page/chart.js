/** Draws how many users are still signed in at each of the two stores. */
import { chart, clock } from "./monitor/charts.js";
import { byId, count } from "./state.js";

const CHART = {
  series: [
    { name: "express-lembro", color: "--accent", isFilled: true },
    { name: "memorystore", color: "--warn", dash: [6, 5] },
  ],
  format: count,
};

let draw;

/** Draws `samples`: the time in ms, and the users of both stores. */
export function drawUsers(samples) {
  const { ours, theirs, time } = samples.at(-1);
  const words = `${count(ours)} of express-lembro and ${count(theirs)} of memorystore at ${
    clock(time)
  }`;
  byId("no-run").hidden = true;
  byId("chart").hidden = false;
  draw ??= chart(byId("chart"), CHART);
  draw(
    samples.map(({ time }) => time),
    [samples.map(({ ours }) => ours), samples.map(({ theirs }) => theirs)],
    `Users who are still signed in: ${words}`,
  );
}
