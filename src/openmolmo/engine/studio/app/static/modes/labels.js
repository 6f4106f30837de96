// @ts-check
/** Labels as the data set has them; the server has the last word. */

/** "  Red  Cups. " -> "red cups" @param {string} text */
export function cleanLabel(text) {
  const words = text.normalize("NFC").split(/\s+/).join(" ").toLowerCase();
  return words.replace(/^[ .,;:!?"'`“”„‘’«»]+|[ .,;:!?"'`“”„‘’«»]+$/g, "");
}

/** Whether two labels may be names of one thing: the same, or singular and plural. @param {string} a @param {string} b */
export function maySame(a, b) {
  const bare = (/** @type {string} */ label) => label.replace(/(?:(?<=[sxz]|ch|sh)es|s)$/, "");
  return a !== "" && bare(a) === bare(b);
}
