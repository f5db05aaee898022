/** Draws the sessions by rank over the time of a run. */
import { chart } from "./monitor/charts.js";
import { count } from "./state.js";

const RANKS = { newcomers: "newcomers", returning: "returning", protected: "users" };

let draw;

/** Draws `samples`: `stats()` of the store, and the time since the start, in ms. */
export function drawChart(parent, samples) {
  draw ??= chart(parent, {
    series: [
      { name: "newcomers", color: "--newcomers", dash: [2, 3], isFilled: true },
      { name: "returning", color: "--returning", dash: [8, 4], isFilled: true },
      { name: "users", color: "--accent", isFilled: true },
    ],
    format: count,
    isStacked: true,
  });
  const last = samples.at(-1);
  const words = Object.entries(RANKS).map(([rank, name]) => `${count(last[rank])} ${name}`);
  draw(
    samples.map(({ time }) => time),
    Object.keys(RANKS).map((rank) => samples.map((sample) => sample[rank])),
    `Sessions in the store: ${words.join(", ")}`,
  );
}
