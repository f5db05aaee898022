/**
 * Charts of figures over time. The page of the monitor uses them, and so can any
 * page beside it.
 *
 * @module
 */
import uPlot from "uplot";

/** The height of a drawing, its axis included, in pixels. */
const HEIGHT = 210;
/** The room beside the lines, left of the shortest axis and on the right, in pixels. */
const AXIS = 14;
const RIGHT = 12;

/** Steps of the axis of times, in ms. */
const SECONDS = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600].map((seconds) => seconds * 1000);

const time = new Intl.DateTimeFormat("en", { timeStyle: "medium", hour12: false });

/** Steps of an axis for things that are counted: there is no half session. */
export const WHOLE = Array.from({ length: 13 }, (_, power) => [1, 2, 5].map((n) => n * 10 ** power))
  .flat();
/** Steps of an axis for bytes. */
export const BYTES = Array.from({ length: 50 }, (_, power) => 2 ** power);
/** Steps of an axis for what has fractions, such as seconds. */
export const PARTS = [0.01, 0.02, 0.05, 0.1, 0.2, 0.5, ...WHOLE];

/** Shows a time as hours, minutes and seconds. */
export const clock = (ms) => time.format(ms);

/**
 * Draws a chart into `parent`, with a legend above it that shows the values
 * under the cursor, or else the last ones.
 *
 * Each of `series` has a `name`, a `color` (the name of a custom property in
 * CSS), and may have a `dash` in pixels, and `isFilled`. With `isStacked` each
 * series stands on those after it. `format` shows a value, `steps` are the
 * distances that the lines of the axis may have.
 *
 * @returns A function that draws times in ms and, for each series, its values.
 */
export function chart(parent, { series, format, steps = WHOLE, isStacked = false }) {
  const legend = document.createElement("dl");
  legend.className = "legend";
  const figures = series.map(({ name, color, dash }) => {
    const item = document.createElement("div");
    const swatch = document.createElementNS("http://www.w3.org/2000/svg", "svg");
    swatch.setAttribute("viewBox", "0 0 24 10");
    swatch.setAttribute("aria-hidden", "true");
    const line = document.createElementNS("http://www.w3.org/2000/svg", "path");
    line.setAttribute("d", "M1 5H23");
    line.style.stroke = "var(" + color + ")";
    if (dash) line.style.strokeDasharray = dash.join(" ");
    swatch.append(line);
    const term = document.createElement("dt");
    term.append(swatch, name);
    const figure = document.createElement("dd");
    figure.textContent = "–";
    item.append(term, figure);
    legend.append(item);
    return figure;
  });
  const moment = document.createElement("p");
  moment.className = "moment";
  const canvas = document.createElement("div");
  canvas.setAttribute("role", "img");
  canvas.className = "drawing";
  parent.append(legend, canvas, moment);

  /** A canvas takes no custom property: the colour as it is, light or dark. */
  const colorOf = (name) => {
    canvas.style.color = "var(" + name + ")";
    return getComputedStyle(canvas).color;
  };
  const font = "13px " + getComputedStyle(parent).fontFamily;
  let values = series.map(() => []);
  let isLive = true;

  const plot = new uPlot(
    {
      width: Math.max(200, canvas.clientWidth),
      height: HEIGHT,
      ms: 1,
      legend: { show: false },
      padding: [8, RIGHT, 0, 0],
      cursor: { y: false, drag: { x: false, y: false }, points: { size: 7 } },
      scales: {
        x: { range: (_plot, from, until) => [from ?? 0, until ?? 1] },
        y: { range: (_plot, _from, until) => [0, until > 0 ? until * 1.08 : 1] },
      },
      axes: [
        {
          stroke: () => colorOf("--soft"),
          font,
          grid: { show: false },
          ticks: { stroke: () => colorOf("--line"), size: 4 },
          incrs: SECONDS,
          space: 70,
          size: 30,
          values: (plot, times) => times.map((time) => fits(plot, time) ? clock(time) : ""),
        },
        {
          stroke: () => colorOf("--soft"),
          font,
          grid: { stroke: () => colorOf("--line") },
          ticks: { show: false },
          space: 40,
          incrs: steps,
          size: (_plot, texts) =>
            AXIS + 7.5 * Math.max(2, ...(texts ?? []).map(({ length }) => length)),
          values: (_plot, levels) => levels.map(format),
        },
      ],
      series: [
        {},
        ...series.map(({ name, color, dash, isFilled }) => ({
          label: name,
          stroke: () => colorOf(color),
          fill: isFilled ? () => pale(colorOf(color)) : undefined,
          width: 2,
          dash,
          points: { show: false },
          spanGaps: false,
        })),
      ],
      hooks: { setCursor: [showValues] },
    },
    [[], ...series.map(() => [])],
    canvas,
  );

  function showValues() {
    const { idx } = plot.cursor;
    const times = plot.data[0];
    isLive = idx === null || idx === undefined;
    const at = isLive ? times.length - 1 : idx;
    figures.forEach((figure, number) => {
      const value = values[number][at];
      const text = value === null || value === undefined ? "–" : format(value);
      if (figure.textContent !== text) figure.textContent = text;
    });
    moment.textContent = !isLive && times[at] ? "At " + clock(times[at]) : "";
  }

  function resize() {
    const width = canvas.clientWidth;
    if (width > 0 && width !== plot.width) plot.setSize({ width, height: HEIGHT });
  }
  new ResizeObserver(resize).observe(canvas);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => plot.redraw());

  return (times, columns, words) => {
    values = columns;
    // Drawn from the back: the sum of all, and each smaller sum before it.
    const drawn = isStacked ? sums(columns) : columns;
    plot.setData([times, ...drawn]);
    showValues();
    if (words) canvas.setAttribute("aria-label", words);
  };
}

/** Whether the drawing has room for half a time, some 58 pixels wide, on both sides of `time`. */
function fits({ bbox, width, scales: { x } }, time) {
  const perPixel = (x.max - x.min) / (bbox.width / devicePixelRatio || width);
  return Math.min(time - x.min + AXIS * perPixel, x.max - time + RIGHT * perPixel) > 30 * perPixel;
}

function pale(color) {
  return "color-mix(in srgb, " + color + " 18%, transparent)";
}

/** Each column and all after it. */
function sums(columns) {
  let below = columns.at(-1).map((value) => value === null ? null : 0);
  return columns.toReversed().map((column) =>
    below = column.map((value, at) => value === null ? null : value + below[at])
  ).reverse();
}
