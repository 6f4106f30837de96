// @ts-check
/** Markers of an explanation, without a page: `[2]` is the second thing that was clicked, `[2|the lid]` by other words. */

const MARKER = /\[(\d{1,4})(?:\s*\|\s*([^[\]|\n]*?)\s*)?\]/g;

/** Numbers that the answer does not refer to. @param {string} answer @param {number} things */
export function unmentioned(answer, things) {
  const used = new Set([...answer.matchAll(MARKER)].map((found) => Number(found[1])));
  return Array.from({ length: things }, (_, index) => index + 1).filter((number) => !used.has(number));
}

/** The answer when a thing is gone: its words stay, later things count one less.
 * @param {string} answer @param {number} gone From 1. @param {string} label */
export function withoutThing(answer, gone, label) {
  return answer.replace(MARKER, (all, digits, words) => {
    const number = Number(digits);
    if (number === gone) return words || label;
    return number < gone ? all : `[${number - 1}${words ? `|${words}` : ""}]`;
  });
}

/** The answer with a marker at a place. @param {string} answer @param {number} start @param {number} end @param {number} number */
export function withMarker(answer, start, end, number) {
  const words = answer.slice(start, end).replace(/[[\]|\n]/g, " ").trim();
  const marker = words ? `[${number}|${words}]` : `[${number}]`;
  const before = answer.slice(0, start);
  const gap = words || !before || /\s$/.test(before) ? "" : " ";
  return { answer: `${before}${gap}${marker}${answer.slice(end)}`, caret: start + gap.length + marker.length };
}
