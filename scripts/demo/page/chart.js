/** Draws how memory and the ranks were over the time of a run, as two small charts. */

const NAMESPACE = "http://www.w3.org/2000/svg";
const WIDTH = 600;
const HEIGHT = 150;
/** Room over the limit, so that its line is seen to hold. */
const HEADROOM = 1.18;

/** From below: who goes last lies deepest. */
const RANKS = ["protected", "returning", "newcomers"];

function element(name, attributes, text) {
  const made = document.createElementNS(NAMESPACE, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  if (text !== undefined) made.textContent = text;
  return made;
}

function path(points) {
  return points.map(([x, y], at) => `${at ? "L" : "M"}${x.toFixed(1)} ${y.toFixed(1)}`).join("");
}

/** A filled band between two lines, with its upper line drawn. */
function band(upper, lower, kind) {
  return [
    element("path", { class: `area ${kind}`, d: `${path([...upper, ...lower.toReversed()])}Z` }),
    element("path", { class: `line ${kind}`, d: path(upper) }),
  ];
}

function axis(seconds) {
  const y = HEIGHT + 18;
  return [
    element("line", { class: "axis", x1: 0, x2: WIDTH, y1: HEIGHT, y2: HEIGHT }),
    element("text", { x: 0, y }, "0 s"),
    element("text", { x: WIDTH, y, "text-anchor": "end" }, `${seconds} s`),
  ];
}

function show(id, label, parts) {
  const svg = document.getElementById(id);
  svg.setAttribute("viewBox", `-2 0 ${WIDTH + 4} ${HEIGHT + 22}`);
  svg.setAttribute("aria-label", label);
  svg.replaceChildren(...parts);
}

/** Draws the samples: `stats()` of the store, and when each was `took`, in milliseconds. */
export function draw(samples, { size, count }) {
  const last = samples.at(-1);
  const time = Math.max(1000, last.took);
  const seconds = Math.round(time / 1000);
  const x = ({ took }) => WIDTH * took / time;
  const scale = (most) => (value) => HEIGHT * (1 - value / (most * HEADROOM));
  const floor = samples.map((sample) => [x(sample), HEIGHT]);

  const bytes = scale(last.maxSize);
  const limit = bytes(last.maxSize);
  const peak = Math.max(...samples.map((sample) => sample.bytes));
  show(
    "memory-chart",
    `Memory over ${seconds} s: at most ${size(peak)}, under the limit of ${size(last.maxSize)}`,
    [
      ...band(samples.map((sample) => [x(sample), bytes(sample.bytes)]), floor, "bytes"),
      element("line", { class: "limit", x1: 0, x2: WIDTH, y1: limit, y2: limit }),
      element("text", { x: 0, y: limit - 8 }, `Limit: ${size(last.maxSize)}`),
      ...axis(seconds),
    ],
  );

  const most = Math.max(10, ...samples.map(({ sessions }) => sessions));
  const sessions = scale(most);
  const parts = [];
  let below = floor;
  let sum = samples.map(() => 0);
  for (const rank of RANKS) {
    sum = sum.map((under, at) => under + samples[at][rank]);
    // One session in thousands is less than a pixel: a rank that is there is drawn 3 high.
    const upper = samples.map((sample, at) => [
      x(sample),
      Math.min(sessions(sum[at]), below[at][1] - (sample[rank] ? 3 : 0)),
    ]);
    if (samples.some((sample) => sample[rank])) parts.push(...band(upper, below, rank));
    below = upper;
  }
  show(
    "rank-chart",
    `Sessions after ${seconds} s: ` +
      RANKS.map((rank) => `${count(last[rank])} ${rank}`).join(", "),
    [...parts, ...axis(seconds), element("text", { x: 0, y: sessions(most) - 8 }, count(most))],
  );
}
