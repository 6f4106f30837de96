// @ts-check
/**
 * A picture that people look at closely and click: zoom, pan, loupe, a crosshair for the keyboard, numbered marks.
 *
 * Points are percent of the natural picture, 0-100 from the top left.
 */
import { Zoomed } from "../zoomed.js";
import { Gestures } from "./gestures.js";
import { Keys } from "./picture_keys.js";

/** @typedef {{x: number, y: number}} Place Percent of the natural picture. */
/** @typedef {{label: string, points: Place[], colour?: number, active?: boolean, numbered?: boolean, text?: string}} Group `text` stands on each mark instead of its number. */
/**
 * @typedef {object} Options
 * @property {string} url
 * @property {number} width Natural width in pixels, after EXIF rotation.
 * @property {number} height
 * @property {(place: Place) => void} [onClick] The picture was clicked, or Enter set the crosshair.
 * @property {(group: number, point: number, place: Place) => void} [onMove] A mark was moved.
 * @property {(group: number, point: number) => void} [onRemove] A mark was taken away.
 * @property {(key: string, values?: Record<string, string | number>) => string} t Texts of the page.
 */

const SVG = "http://www.w3.org/2000/svg";
const LOUPE = 150; // pixels on the screen
const LOUPE_TIMES = 3;
const DIGITS = 1e4;
/** Colours in the style sheet. */
export const COLOURS = 8;

export class PictureView extends Zoomed {
  /** @param {HTMLElement} element @param {Options} options */
  constructor(element, options) {
    super(make("div", "picture-view"));
    this.options = options;
    this.size = options;
    /** @type {Group[]} */
    this.groups = [];
    /** @type {{group: number, point: number} | null} */
    this.selected = null;
    /** @type {Place | null} */
    this.cross = null;
    this.loupeOn = false;
    this.shape = document.createElementNS(SVG, "svg"); // gives the view its height, as the template has it
    this.stage = make("div", "picture-stage");
    this.image = make("img", "picture-image");
    this.marks = document.createElementNS(SVG, "svg");
    this.crosshair = make("div", "picture-cross");
    this.badgeBox = make("span", "picture-badge");
    this.loupeBox = make("div", "picture-loupe");
    this.loupeImage = make("img", "picture-image");
    this.tools = make("div", "picture-tools");
    this.live = make("p", "picture-live");
    this._build();
    this.tool("−", options.t("modes.picture.zoom_out"), () => this.zoom(1 / 1.4));
    this.tool("+", options.t("modes.picture.zoom_in"), () => this.zoom(1.4));
    this.tool(options.t("modes.picture.fit"), options.t("modes.picture.fit_title"), () => this.fit());
    this.loupeButton = this.tool(options.t("modes.picture.loupe"), options.t("modes.picture.loupe_title"), () => this.loupe());
    this.loupeButton.setAttribute("aria-pressed", "false");
    element.replaceChildren(this.view, this.tools, this.live);
    this.gestures = new Gestures(this);
    this.keys = new Keys(this);
    this.watch();
    this.fit();
  }

  // ------------------------------------------------------------------------------------------ what pages call

  /** Show these groups of points; only points of active groups can be taken hold of. @param {Group[]} groups */
  setPoints(groups) {
    this.groups = groups;
    const held = this.selected;
    if (held && !(groups[held.group]?.active && groups[held.group].points[held.point])) this.selected = null;
    this._drawMarks();
  }

  /** Magnify what is under the pointer or the crosshair. */
  loupe(on = !this.loupeOn) {
    this.loupeOn = on;
    this.loupeButton.setAttribute("aria-pressed", String(on));
    if (!on) this.hideLoupe();
    else if (this.cross) this.showLoupe(this.cross);
  }

  /** Say something to people who hear the page. @param {string} text */
  say(text) {
    this.live.textContent = text;
  }

  /** The live count beneath the picture, of what; none takes it away. @param {number | null} count @param {string} label */
  badge(count, label) {
    const number = make("strong");
    number.textContent = String(count ?? "");
    const name = make("span"); // left out on a small screen
    name.textContent = label;
    this.badgeBox.replaceChildren(number, name);
    this.badgeBox.hidden = count === null;
  }

  focus() {
    this.view.focus({ preventScroll: true });
    this.view.scrollIntoView({ block: "nearest" }); // a phone has scrolled to the name that was written
  }

  // ------------------------------------------------------------------------------------------ places

  /** Where on the picture a place on the screen is; null beside the picture. @returns {Place | null} */
  placeOf(/** @type {number} */ clientX, /** @type {number} */ clientY) {
    const box = this.image.getBoundingClientRect();
    const x = ((clientX - box.left) / box.width) * 100;
    const y = ((clientY - box.top) / box.height) * 100;
    if (!(x >= 0 && x <= 100 && y >= 0 && y <= 100)) return null;
    return { x: Math.round(x * DIGITS) / DIGITS, y: Math.round(y * DIGITS) / DIGITS };
  }

  /** Where on the screen a place of the picture is. @param {Place} place */
  screenOf(place) {
    const box = this.image.getBoundingClientRect();
    return { x: box.left + (place.x / 100) * box.width, y: box.top + (place.y / 100) * box.height };
  }

  /** Put the crosshair somewhere, or take it away; the picture moves along. @param {Place | null} place */
  aim(place) {
    this.cross = place;
    if (place) this._reveal(place);
    this._drawCross();
    if (place && this.loupeOn) this.showLoupe(place);
  }

  /** @param {{group: number, point: number} | null} mark */
  select(mark) {
    this.selected = mark;
    this._drawMarks();
  }

  /** @param {Place} place */
  showLoupe(place) {
    const scale = this.scale * LOUPE_TIMES;
    const { width, height } = this.options;
    const x = LOUPE / 2 - (place.x / 100) * width * scale;
    const y = LOUPE / 2 - (place.y / 100) * height * scale;
    this.loupeImage.style.transform = `translate(${x}px, ${y}px) scale(${scale})`;
    const box = this.view.getBoundingClientRect();
    const at = this.screenOf(place);
    const right = at.x - box.left < LOUPE + 40 && at.y - box.top < LOUPE + 40;
    this.loupeBox.classList.toggle("at-right", right);
    this.loupeBox.hidden = false;
  }

  hideLoupe() {
    this.loupeBox.hidden = true;
  }

  // ------------------------------------------------------------------------------------------ drawing

  _build() {
    const { url, width, height, t } = this.options;
    this.view.tabIndex = 0;
    this.view.setAttribute("role", "application");
    this.view.setAttribute("aria-label", t("modes.picture.label"));
    for (const image of [this.image, this.loupeImage]) {
      image.alt = "";
      image.draggable = false;
      image.width = width;
      image.height = height;
      image.src = url;
    }
    this.image.addEventListener("error", () => this._failed());
    this.stage.append(this.image);
    this.marks.setAttribute("class", "picture-marks");
    this.marks.setAttribute("aria-hidden", "true");
    for (const part of [this.crosshair, this.badgeBox, this.loupeBox]) part.hidden = true;
    this.loupeBox.append(this.loupeImage);
    this.live.setAttribute("role", "status");
    this.shape.setAttribute("class", "picture-shape");
    this.shape.setAttribute("viewBox", `0 0 ${width} ${height}`);
    this.shape.setAttribute("aria-hidden", "true");
    this.view.append(this.shape, this.stage, this.marks, this.crosshair, this.loupeBox);
    this.tools.append(this.badgeBox); // never on the picture, where it would hide something
    this.tools.setAttribute("role", "toolbar");
    this.tools.setAttribute("aria-label", t("modes.picture.tools"));
  }

  /** Add a button beneath the picture. @param {string} text @param {string} title @param {() => void} action */
  tool(text, title, action) {
    const button = make("button", "picture-tool");
    button.type = "button";
    button.textContent = text;
    button.title = title;
    if (text !== title) button.setAttribute("aria-label", text.length > 1 ? `${text}: ${title}` : title);
    button.addEventListener("click", action);
    this.tools.append(button);
    return button;
  }

  /** @param {string} transform */
  _draw(transform) {
    this.stage.style.transform = transform;
    this.image.classList.toggle("is-close", this.scale > 3);
    this._placeMarks();
    this._drawCross();
    if (!this.loupeBox.hidden && this.cross) this.showLoupe(this.cross);
  }

  /** @param {Place} place */
  _reveal(place) {
    const at = this._inView(place);
    const margin = 24;
    const push = (/** @type {number} */ v, /** @type {number} */ room) =>
      v < margin ? margin - v : v > room - margin ? room - margin - v : 0;
    this.pan(push(at.x, this.view.clientWidth), push(at.y, this.view.clientHeight));
  }

  _drawMarks() {
    this.marks.replaceChildren(
      ...this.groups.flatMap((group, g) => group.points.map((place, p) => this._mark(group, g, place, p))),
    );
    this._placeMarks();
  }

  /** @param {Group} group @param {number} g @param {Place} place @param {number} p */
  _mark(group, g, place, p) {
    const mark = document.createElementNS(SVG, "g");
    const chosen = this.selected?.group === g && this.selected?.point === p;
    const colour = `c${(group.colour ?? g) % COLOURS}`;
    mark.setAttribute("class", `mark ${colour}${group.active ? " is-active" : ""}${chosen ? " is-chosen" : ""}`);
    mark.dataset.group = String(g);
    mark.dataset.point = String(p);
    const circle = document.createElementNS(SVG, "circle");
    circle.setAttribute("r", group.active ? "10" : "6");
    mark.append(circle);
    if (group.active || group.numbered) {
      const number = document.createElementNS(SVG, "text");
      number.textContent = group.text ?? String(p + 1);
      mark.append(number);
    }
    return mark;
  }

  _placeMarks() {
    for (const mark of this.marks.children) {
      const { group, point } = /** @type {SVGGElement} */ (mark).dataset;
      const at = this._inView(this.groups[Number(group)].points[Number(point)]);
      mark.setAttribute("transform", `translate(${at.x} ${at.y})`);
    }
  }

  _drawCross() {
    this.crosshair.hidden = !this.cross;
    if (!this.cross) return;
    const at = this._inView(this.cross);
    this.crosshair.style.transform = `translate(${at.x}px, ${at.y}px)`;
  }

  _failed() {
    const text = make("p", "picture-failed");
    text.textContent = this.options.t("modes.picture.failed");
    this.view.append(text);
  }
}

/**
 * @template {keyof HTMLElementTagNameMap} T
 * @param {T} tag @param {string} name
 * @returns {HTMLElementTagNameMap[T]}
 */
export function make(tag, name = "") {
  const element = document.createElement(tag);
  if (name) element.className = name;
  return element;
}
