/**
 * Faults of a page's layout, as far as a program can see them.
 *
 * @module
 */
import type { Frame } from "playwright-core";

/** Runs in the page, where the types of this project's tests don't reach. */
const FIND_FAULTS = `(() => {
  const faults = [];
  const name = (element) => {
    const text = element.textContent.trim().replace(/\\s+/g, " ").slice(0, 30);
    return element.localName + (element.id && "#" + element.id) + (text && ' "' + text + '"');
  };
  const overlap = (a, b) =>
    Math.min(a.right, b.right) - Math.max(a.left, b.left) > 1 &&
    Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top) > 1;
  const findOverlaps = (elements) => {
    const boxes = elements.map((element) => [element, [...element.getClientRects()]]);
    boxes.forEach(([element, rects], at) => {
      for (const [other, others] of boxes.slice(at + 1)) {
        if (rects.some((rect) => others.some((one) => overlap(rect, one)))) {
          faults.push(name(element) + " overlaps " + name(other));
        }
      }
    });
  };
  const isShown = (element) => element.checkVisibility() && element.getClientRects().length > 0;

  const page = document.documentElement;
  if (page.scrollWidth > page.clientWidth) {
    faults.push("the page is " + page.scrollWidth + " wide in " + page.clientWidth);
  }
  if (window !== parent && page.scrollHeight > page.clientHeight) {
    faults.push("the page is " + page.scrollHeight + " high in a frame of " + page.clientHeight);
  }
  for (const element of document.querySelectorAll("body, body *")) {
    if (!isShown(element) || element.closest("svg")) continue;
    // Inline elements have no box of their own: clientWidth is 0.
    if (element.clientWidth > 0 && element.scrollWidth > element.clientWidth) {
      faults.push(name(element) + " is cut off or sticks out on the right");
    }
    const { overflowY } = getComputedStyle(element);
    if (overflowY !== "visible" && element.scrollHeight > element.clientHeight) {
      faults.push(name(element) + " is cut off at the bottom");
    }
    const inFlow = ({ position }) => position === "static" || position === "relative";
    findOverlaps([...element.children].filter((child) =>
      isShown(child) && inFlow(getComputedStyle(child))
    ));
  }
  for (const svg of document.querySelectorAll("svg")) {
    if (!isShown(svg)) continue;
    const texts = [...svg.querySelectorAll("text")];
    findOverlaps(texts);
    const frame = svg.getBoundingClientRect();
    for (const text of texts) {
      const { left, right, top, bottom } = text.getBoundingClientRect();
      const isInside = left >= frame.left - 1 && right <= frame.right + 1 &&
        top >= frame.top - 1 && bottom <= frame.bottom + 1;
      if (!isInside) faults.push(name(text) + " sticks out of its drawing");
    }
  }
  const nodes = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (nodes.nextNode()) {
    const { currentNode: node } = nodes;
    if (!isShown(node.parentElement)) continue;
    // A line may end after a hyphen.
    for (const { 0: word, index } of node.data.matchAll(/[^\\s-]+/g)) {
      const range = document.createRange();
      range.setStart(node, index);
      range.setEnd(node, index + word.length);
      const [first, ...others] = range.getClientRects();
      if (others.some(({ top }) => top >= first.bottom - 1)) faults.push("a line breaks in " + word);
    }
  }
  return faults;
})()`;

/**
 * What is cut off, overlaps its siblings or breaks a word in a page or frame as
 * it is shown now; nothing if all is well.
 */
export function layoutFaults(frame: Pick<Frame, "evaluate">): Promise<string[]> {
  return frame.evaluate<string[]>(FIND_FAULTS);
}
