// @ts-check
/** An answer to take along: as JSON, or as a picture with its points. */
import { coloursOf, replyOf } from "./answer.js";
import { blobOf, decode } from "./pictures.js";
import { plain } from "./points.js";
import { t, toast } from "./texts.js";

/** @typedef {import("./store.js").Turn} Turn */
/** @typedef {import("./store.js").Picture} Picture */

const LEAST = 512; // pixels of the longer side: on a smaller picture no number can be read

/** @param {Turn} turn @param {Map<string, Picture>} pictures */
export function asJson(turn, pictures) {
  const reply = replyOf(turn);
  const sent = turn.sent.map((id) => pictures.get(id));
  const points = reply.points.map((point) => {
    const picture = sent[point.image];
    const pixel = (/** @type {number} */ part, /** @type {number} */ side) => Math.min(Math.floor((part / 100) * side), side - 1);
    const pixels = picture ? { x_pixel: pixel(point.x, picture.width), y_pixel: pixel(point.y, picture.height) } : {};
    return { ...pixels, ...point };
  });
  const sizes = sent.map((one) => one && { name: one.name, width: one.width, height: one.height });
  const { model, way, question, prompt, answer } = turn;
  return { model, way, question, prompt, pictures: sizes, answer, text: plain(reply), points, count: turn.found?.count ?? null };
}

/** @param {string} text */
export async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    // without https there is no clipboard but the old one
    const area = document.createElement("textarea");
    area.value = text;
    document.body.append(area);
    area.select();
    document.execCommand("copy");
    area.remove();
  }
  toast(t("answer.copied"));
}

/** Save each picture that has points of the answer, with them. @param {Turn} turn @param {Map<string, Picture>} pictures */
export async function savePictures(turn, pictures) {
  const reply = replyOf(turn);
  const colours = coloursOf(reply.points);
  for (const [index, id] of turn.sent.entries()) {
    const picture = pictures.get(id);
    const marks = reply.points
      .map((point, at) => ({ point, number: at + 1, colour: colours[at] }))
      .filter(({ point }) => point.image === index);
    if (picture && marks.length) save(await withMarks(picture, marks), `${stem(picture.name)}-points.png`);
  }
}

/** @param {string} name */
const stem = (name) => name.replace(/\.\w{1,5}$/, "") || "picture";

/** @param {Blob} blob @param {string} name */
function save(blob, name) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}

/** @param {Picture} picture @param {{point: import("./points.js").Point, number: number, colour: number}[]} marks */
async function withMarks(picture, marks) {
  const { image } = await decode(picture.blob);
  const times = Math.max(1, Math.ceil(LEAST / Math.max(picture.width, picture.height)));
  const canvas = document.createElement("canvas");
  canvas.width = picture.width * times;
  canvas.height = picture.height * times;
  const pen = canvas.getContext("2d");
  if (!pen) throw new Error("no canvas");
  pen.drawImage(image, 0, 0, canvas.width, canvas.height);
  const radius = Math.max(8, Math.sqrt(canvas.width * canvas.height) * (marks.length > 12 ? 0.018 : 0.024));
  for (const { point, number, colour } of marks) {
    const x = (point.x / 100) * canvas.width;
    const y = (point.y / 100) * canvas.height;
    for (const [reach, fill] of /** @type {[number, string][]} */ ([[1.3, "#000a"], [1.22, "#fff"], [1, inkOf(colour)]])) {
      pen.fillStyle = fill;
      pen.beginPath();
      pen.arc(x, y, radius * reach, 0, 7);
      pen.fill();
    }
    pen.fillStyle = "#fff";
    pen.font = `700 ${radius * (number > 9 ? 1.05 : 1.25)}px system-ui, sans-serif`;
    pen.textAlign = "center";
    pen.textBaseline = "middle";
    pen.fillText(String(number), x, y + radius * 0.06);
  }
  return blobOf(canvas, "image/png");
}

/** The colour of a label, as the style sheet has it. @param {number} colour */
function inkOf(colour) {
  const probe = document.createElement("i");
  probe.className = `c${colour}`;
  document.body.append(probe);
  const ink = getComputedStyle(probe).getPropertyValue("--mark").trim();
  probe.remove();
  return ink;
}

