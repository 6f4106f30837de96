// @ts-check
/** Pictures that come in: chosen, dropped, pasted or taken with the camera. */
import { newId } from "./store.js";
import { agreed, el, t, toast } from "./texts.js";

/** @typedef {import("./store.js").Picture} Picture */

const AS_THEY_ARE = new Set(["image/jpeg", "image/png", "image/webp"]); // what every server reads
const LARGEST_BYTES = 6e6;
const LARGEST_SIDE = 4096; // pixels

/** A picture of a file that the API takes; null, and a sentence, where it is none. @param {Blob} file @param {string} name @returns {Promise<Picture | null>} */
export async function takeIn(file, name) {
  let decoded;
  try {
    decoded = await decode(file);
  } catch {
    toast(t("picture.unreadable", { name }), true);
    return null;
  }
  const larger = Math.max(decoded.width, decoded.height) / LARGEST_SIDE;
  let blob = file;
  let { width, height } = decoded;
  if (!AS_THEY_ARE.has(file.type) || file.size > LARGEST_BYTES || larger > 1) {
    width = Math.max(1, Math.round(width / Math.max(1, larger)));
    height = Math.max(1, Math.round(height / Math.max(1, larger)));
    blob = await drawn(decoded.image, width, height, file.type === "image/jpeg" || file.size > LARGEST_BYTES);
  }
  return { id: newId(), name, blob, width, height, at: Date.now() };
}

/** Pictures among what was dropped or pasted. @param {DataTransfer | null} from @returns {File[]} */
export function filesOf(from) {
  return [...(from?.files ?? [])];
}

/** @param {Blob} blob @returns {Promise<string>} */
export function dataUrl(blob) {
  return new Promise((answer, refuse) => {
    const reader = new FileReader();
    reader.onload = () => answer(String(reader.result));
    reader.onerror = () => refuse(reader.error);
    reader.readAsDataURL(blob);
  });
}

/** An element decodes drawings (SVG) too, and turns photographs as their camera was held. @param {Blob} blob */
export async function decode(blob) {
  const image = new Image();
  const url = URL.createObjectURL(blob);
  try {
    image.src = url;
    await image.decode();
  } finally {
    setTimeout(() => URL.revokeObjectURL(url), 60_000);
  }
  const { naturalWidth: width, naturalHeight: height } = image;
  if (!width || !height) throw new Error("no size");
  return { image, width, height };
}

/** @param {CanvasImageSource} image @param {number} width @param {number} height @param {boolean} photo @returns {Promise<Blob>} */
export function drawn(image, width, height, photo) {
  const canvas = document.createElement("canvas");
  canvas.width = width;
  canvas.height = height;
  canvas.getContext("2d")?.drawImage(image, 0, 0, width, height);
  return blobOf(canvas, photo ? "image/jpeg" : "image/png");
}

/** @param {HTMLCanvasElement} canvas @param {string} type @returns {Promise<Blob>} */
export function blobOf(canvas, type) {
  return new Promise((answer, refuse) =>
    canvas.toBlob((blob) => (blob ? answer(blob) : refuse(new Error("no room"))), type, 0.92),
  );
}

/** Take a picture in a dialogue; on pages without https, where browsers give no camera, the phone's own camera is opened. @returns {Promise<Blob | null>} */
export async function photograph() {
  if (!navigator.mediaDevices?.getUserMedia) {
    el("camera-file", HTMLInputElement).click();
    return null;
  }
  let stream;
  try {
    stream = await navigator.mediaDevices.getUserMedia({ video: { facingMode: "environment", width: { ideal: 1920 } } });
  } catch {
    toast(t("picture.no_camera"), true);
    return null;
  }
  const video = el("camera-view", HTMLVideoElement);
  video.srcObject = stream;
  await video.play();
  const taken = await agreed(el("camera", HTMLDialogElement));
  const blob = taken && video.videoWidth ? await drawn(video, video.videoWidth, video.videoHeight, true) : null;
  for (const track of stream.getTracks()) track.stop();
  video.srcObject = null;
  return blob;
}
