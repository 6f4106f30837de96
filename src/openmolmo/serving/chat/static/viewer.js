// @ts-check
/**
 * A picture that is looked at closely: zoom, pan, and numbered marks that stay on their pixel.
 *
 * Marks are percent of the picture. The picture is laid out at its natural size and only transformed, so that a mark
 * is exact at any zoom and pixel ratio.
 */
import { Gestures } from "./gestures.js";
import { button, make, t } from "./texts.js";

/** @typedef {{x: number, y: number, number: number, colour: number, name: string, unsure: boolean}} Mark */
/** @typedef {{url: string, width: number, height: number, name: string}} Shown */

const SVG = "http://www.w3.org/2000/svg";
const STEP = 48; // pixels of the screen that an arrow key moves
/** Colours of labels in the style sheet. */
export const COLOURS = 8;

export class Viewer {
  /**
   * @param {HTMLElement} element
   * @param {{lit: (number: number | null) => void, chosen: (number: number) => void}} heard What people do with marks.
   */
  constructor(element, heard) {
    this.heard = heard;
    /** @type {Shown | null} */
    this.shown = null;
    /** @type {Mark[]} */
    this.marks = [];
    this.scale = 1; // screen pixels of one natural pixel
    this.left = 0; // of the picture's corner, in the view
    this.top = 0;
    this.fitted = true;
    this.view = make("div", "view");
    this.image = make("img", "view-image");
    this.layer = document.createElementNS(SVG, "svg");
    this.label = make("div", "view-label");
    this.tools = make("div", "view-tools");
    this._build();
    element.replaceChildren(this.view, this.tools);
    this.gestures = new Gestures(this.view, this);
    new ResizeObserver(() => (this.fitted ? this.fit() : this._settle())).observe(this.view);
  }

  /** @param {Shown | null} shown */
  show(shown) {
    if (shown?.url === this.shown?.url) return;
    this.shown = shown;
    this.setMarks([]);
    this.view.hidden = this.tools.hidden = !shown;
    if (!shown) return;
    this.image.width = shown.width;
    this.image.height = shown.height;
    this.image.src = shown.url;
    this.image.alt = shown.name;
    this.view.setAttribute("aria-label", t("viewer.label", { name: shown.name }));
    this.fit();
  }

  /** @param {Mark[]} marks */
  setMarks(marks) {
    this.marks = marks;
    this.layer.classList.toggle("is-many", marks.length > 12);
    this.layer.replaceChildren(...marks.map((mark) => this._drawn(mark)));
    this.label.hidden = true;
    this._place();
  }

  /** Make one mark stand out, as its text does. @param {number | null} number */
  light(number) {
    for (const mark of this.layer.children) {
      mark.classList.toggle("is-lit", /** @type {SVGElement} */ (mark).dataset.number === String(number));
    }
    const lit = this.marks.find((mark) => mark.number === number);
    this.layer.classList.toggle("has-lit", Boolean(lit));
    this.label.hidden = !lit;
    if (!lit) return;
    this.label.textContent = lit.name;
    this.layer.append(...this.layer.querySelectorAll(".is-lit")); // over its neighbours
    this._place();
  }

  /** Move the picture so far that a mark can be seen. @param {number} number */
  reveal(number) {
    const mark = this.marks.find((one) => one.number === number);
    if (!mark) return;
    const at = this._inView(mark);
    const push = (/** @type {number} */ v, /** @type {number} */ room) => (v < 30 || v > room - 30 ? room / 2 - v : 0);
    this.pan(push(at.x, this.view.clientWidth), push(at.y, this.view.clientHeight));
  }

  /** Zoom about a place on the screen (the middle if none is given). @param {number} factor */
  zoom(factor, clientX = NaN, clientY = NaN) {
    const { view } = this;
    const box = view.getBoundingClientRect();
    const x = Number.isNaN(clientX) ? view.clientWidth / 2 : clientX - box.left - view.clientLeft;
    const y = Number.isNaN(clientY) ? view.clientHeight / 2 : clientY - box.top - view.clientTop;
    const least = this._fitScale();
    const scale = Math.min(Math.max(this.scale * factor, least), Math.max(16, least * 8));
    this.left = x - ((x - this.left) * scale) / this.scale;
    this.top = y - ((y - this.top) * scale) / this.scale;
    this.scale = scale;
    this.fitted = scale <= least * 1.0001;
    this._settle();
  }

  /** Show the whole picture. */
  fit() {
    this.scale = this._fitScale();
    this.fitted = true;
    this._settle();
  }

  /** @param {number} dx @param {number} dy pixels of the screen */
  pan(dx, dy) {
    this.left += dx;
    this.top += dy;
    this._settle();
  }

  /** A short press: a mark is chosen. @param {EventTarget | null} target */
  press(target) {
    const number = numberOf(target);
    if (number !== null) this.heard.chosen(number);
  }

  /** Add a button beneath the picture. @param {string} text @param {string} title @param {() => void} action */
  tool(text, title, action) {
    const made = button(text, action, "plain");
    made.title = title;
    if (text !== title) made.setAttribute("aria-label", text.length > 1 ? `${text}: ${title}` : title);
    this.tools.append(made);
    return made;
  }

  _build() {
    this.view.tabIndex = 0;
    this.view.setAttribute("role", "application");
    this.view.hidden = this.tools.hidden = true;
    this.image.draggable = false;
    this.layer.setAttribute("class", "view-marks");
    this.layer.setAttribute("aria-hidden", "true"); // the answer says the same, in its order
    this.label.setAttribute("aria-hidden", "true");
    this.label.hidden = true;
    this.tools.setAttribute("role", "toolbar");
    this.tools.setAttribute("aria-label", t("viewer.tools"));
    this.view.append(this.image, this.layer, this.label);
    this.tool("−", t("viewer.out"), () => this.zoom(1 / 1.4));
    this.tool("+", t("viewer.in"), () => this.zoom(1.4));
    this.tool(t("viewer.fit"), t("viewer.fit_title"), () => this.fit());
    const points = this.tool(t("viewer.points"), t("viewer.points_title"), () => {
      const hidden = this.layer.classList.toggle("is-hidden");
      points.setAttribute("aria-pressed", String(!hidden));
    });
    points.setAttribute("aria-pressed", "true");
    this.view.addEventListener("keydown", (event) => this._key(event));
    this.layer.addEventListener("pointerover", (event) => this.heard.lit(numberOf(event.target)));
    this.layer.addEventListener("pointerout", () => this.heard.lit(null));
  }

  /** @param {KeyboardEvent} event */
  _key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    /** @type {Record<string, () => void>} */
    const actions = {
      "+": () => this.zoom(1.4),
      "=": () => this.zoom(1.4),
      "-": () => this.zoom(1 / 1.4),
      0: () => this.fit(),
      ArrowLeft: () => this.pan(STEP, 0),
      ArrowRight: () => this.pan(-STEP, 0),
      ArrowUp: () => this.pan(0, STEP),
      ArrowDown: () => this.pan(0, -STEP),
    };
    const action = actions[event.key];
    if (!action) return;
    event.preventDefault();
    action();
  }

  _fitScale() {
    const { width, height } = this.shown ?? { width: 1, height: 1 };
    return Math.min(this.view.clientWidth / width, this.view.clientHeight / height) || 1;
  }

  /** Keep the picture in the view, and draw. */
  _settle() {
    if (!this.shown) return;
    const within = (/** @type {number} */ at, /** @type {number} */ size, /** @type {number} */ room) =>
      size <= room ? (room - size) / 2 : Math.min(0, Math.max(room - size, at));
    this.left = within(this.left, this.shown.width * this.scale, this.view.clientWidth);
    this.top = within(this.top, this.shown.height * this.scale, this.view.clientHeight);
    this.image.style.transform = `translate(${this.left}px, ${this.top}px) scale(${this.scale})`;
    this.image.classList.toggle("is-close", this.scale > 3);
    this.view.classList.toggle("is-zoomed", !this.fitted);
    this._place();
  }

  /** @param {{x: number, y: number}} place */
  _inView(place) {
    const { width, height } = this.shown ?? { width: 1, height: 1 };
    return { x: this.left + (place.x / 100) * width * this.scale, y: this.top + (place.y / 100) * height * this.scale };
  }

  _place() {
    for (const drawn of this.layer.children) {
      const number = Number(/** @type {SVGElement} */ (drawn).dataset.number);
      const mark = this.marks.find((one) => one.number === number);
      if (!mark) continue;
      const at = this._inView(mark);
      drawn.setAttribute("transform", `translate(${at.x} ${at.y})`);
      if (drawn.classList.contains("is-lit")) this._placeLabel(at);
    }
  }

  /** Above the mark, or beneath it at the top; never over the edge. @param {{x: number, y: number}} at */
  _placeLabel(at) {
    const half = this.label.offsetWidth / 2;
    const x = Math.min(Math.max(at.x, half + 4), this.view.clientWidth - half - 4);
    const y = at.y > this.label.offsetHeight + 20 ? at.y - this.label.offsetHeight - 18 : at.y + 18;
    this.label.style.transform = `translate(${x - half}px, ${y}px)`;
  }

  /** @param {Mark} mark */
  _drawn(mark) {
    const drawn = document.createElementNS(SVG, "g");
    drawn.setAttribute("class", `mark c${mark.colour % COLOURS}${mark.unsure ? " is-unsure" : ""}`);
    drawn.dataset.number = String(mark.number);
    const circle = document.createElementNS(SVG, "circle");
    const text = document.createElementNS(SVG, "text");
    text.textContent = String(mark.number);
    drawn.append(circle, text);
    return drawn;
  }
}

/** @param {EventTarget | null} target */
function numberOf(target) {
  const mark = target instanceof Element ? target.closest(".mark") : null;
  return mark instanceof SVGElement ? Number(mark.dataset.number) : null;
}
