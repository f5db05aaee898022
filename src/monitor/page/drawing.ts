/**
 * The module that draws: lines, areas and stacks of areas, in SVG. The script of
 * the page imports it, and so can any page beside it. It is text in a template
 * here, and so has none in it.
 */
export const drawing: string = String
  .raw`/** Draws lines, areas and stacks of areas, in SVG. Points are pairs of x and y. */

const NAMESPACE = "http://www.w3.org/2000/svg";

/** The least height of a band that is not empty, in pixels: one session in thousands is less. */
const THINNEST = 3;

/** Makes an element of SVG. */
export function element(name, attributes, text) {
  const made = document.createElementNS(NAMESPACE, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  if (text !== undefined) made.textContent = text;
  return made;
}

/** The data of a path through the points. */
export function path(points) {
  return points.map(([x, y], at) => (at ? "L" : "M") + x.toFixed(1) + " " + y.toFixed(1)).join("");
}

/** A line through the points. */
export function line(points, kind) {
  return element("path", { class: "line " + kind, d: path(points) });
}

/** The area between two lines, filled with a pattern of the page or with one colour. */
export function area(upper, lower, kind, pattern) {
  const d = path([...upper, ...lower.toReversed()]) + "Z";
  const fill = pattern ? { fill: "url(#" + pattern + ")" } : {};
  return element("path", { class: "area " + kind, d, ...fill });
}

/**
 * The bands of several series on top of each other, the first one lowest: for
 * each its points above and below. A series that is 0 all the time has no band.
 */
export function stack(samples, series, { x, y, value }) {
  let below = samples.map((sample) => [x(sample), y(0)]);
  let sum = samples.map(() => 0);
  return series.map((name) => {
    const lower = below;
    sum = sum.map((under, at) => under + value(samples[at], name));
    below = samples.map((sample, at) => [
      x(sample),
      Math.min(y(sum[at]), lower[at][1] - (value(sample, name) ? THINNEST : 0)),
    ]);
    const isEmpty = samples.every((sample) => value(sample, name) === 0);
    return { name, upper: below, lower, isEmpty };
  }).filter(({ isEmpty }) => !isEmpty);
}

/** Replaces what is drawn, in units of a pixel. */
export function put(svg, parts) {
  svg.setAttribute("viewBox", "0 0 " + svg.clientWidth + " " + svg.clientHeight);
  svg.replaceChildren(...parts);
}
`;
