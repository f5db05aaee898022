/** Draws the sessions by rank over the time of a run. */
import { area, element, put, stack } from "./monitor/drawing.js";
import { count } from "./state.js";

/** Room below the drawing for the labels of its axis, and above it, in pixels. */
const BELOW = 24;
const ABOVE = 22;

/** From below: the last to be evicted lies deepest. */
const RANKS = { protected: "users", returning: "returning", newcomers: "newcomers" };

/** Says that there is nothing to draw yet. */
export function drawNothing(svg) {
  const middle = { x: svg.clientWidth / 2, y: svg.clientHeight / 2, "text-anchor": "middle" };
  show(svg, "Sessions in the store: no run yet", [element("text", middle, "No run yet")]);
}

function show(svg, label, parts) {
  svg.setAttribute("aria-label", label);
  put(svg, parts);
}

/** Draws `samples` into `svg`: `stats()` of the store, and the time since the start, in ms. */
export function drawChart(svg, samples) {
  const width = svg.clientWidth;
  const height = svg.clientHeight - BELOW;
  const last = samples.at(-1);
  const time = Math.max(1000, last.took);
  const most = Math.max(10, ...samples.map(({ sessions }) => sessions));
  const x = ({ took }) => width * took / time;
  const y = (value) => ABOVE + (height - ABOVE) * (1 - value / most);

  const value = (sample, rank) => sample[rank];
  const parts = stack(samples, Object.keys(RANKS), { x, y, value })
    .map(({ name, upper, lower }) => area(upper, lower, RANKS[name]));
  const start = samples.find(({ phase }) => phase === "crawler");
  if (start) {
    const at = x(start);
    // Beside the line, on the side that has room for it.
    const [dx, anchor] = at > width / 2 ? [-6, "end"] : [6, "start"];
    parts.push(
      element("line", { class: "mark", x1: at, x2: at, y1: 0, y2: height }),
      element("text", { x: at + dx, y: 12, "text-anchor": anchor }, "The crawler starts"),
    );
  } else parts.push(element("text", { x: 0, y: 12 }, count(most)));
  parts.push(
    element("line", { class: "axis", x1: 0, x2: width, y1: height, y2: height }),
    element("text", { x: 0, y: height + 18 }, "0 s"),
    element(
      "text",
      { x: width, y: height + 18, "text-anchor": "end" },
      `${Math.round(time / 1000)} s`,
    ),
  );

  const figures = Object.entries(RANKS).map(([rank, name]) => `${count(last[rank])} ${name}`).join(
    ", ",
  );
  show(svg, `Sessions in the store after ${Math.round(time / 1000)} s: ${figures}`, parts);
}
