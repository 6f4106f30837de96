// @ts-check
/** What is sent to the API for a question. */
import { dataUrl } from "./pictures.js";
import { data } from "./texts.js";

/** @typedef {import("./store.js").Turn} Turn */
/** @typedef {import("./store.js").Picture} Picture */

/** Styles that models are trained with, by what is wanted. */
const STYLES = { ask: undefined, point: "pointing", count: "point_count", describe: "long_caption" };

/** The text that is sent, as `openmolmo point`, `count` and `caption` word it. @param {Turn["way"]} way @param {string} question */
export function promptOf(way, question) {
  if (way === "ask") return question;
  if (way === "describe") return question || data.wordings.describe;
  return data.wordings[way].replace("{label}", question.toLowerCase());
}

/**
 * The body of a request, and the pictures in it, in order. `earlier`: turns that are sent along, oldest first.
 * @param {Turn} turn @param {Turn[]} earlier @param {Map<string, Picture>} pictures
 */
export async function requestOf(turn, earlier, pictures) {
  /** @type {string[]} */
  const sent = [];
  const user = async (/** @type {Turn} */ one) => {
    const fresh = one.pictures.filter((id) => pictures.has(id) && !sent.includes(id));
    sent.push(...fresh);
    const urls = await Promise.all(fresh.map((id) => dataUrl(/** @type {Picture} */ (pictures.get(id)).blob)));
    const shown = urls.map((url) => ({ type: "image_url", image_url: { url } }));
    return { role: "user", content: [...shown, { type: "text", text: one.prompt }] };
  };
  const messages = [];
  for (const one of earlier) messages.push(await user(one), { role: "assistant", content: one.answer });
  messages.push(await user(turn));
  const style = STYLES[turn.way];
  const more = style ? { openmolmo: { style } } : {};
  return { sent, body: { model: turn.model, messages, stream: true, temperature: 0, ...more } };
}
