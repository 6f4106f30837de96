// @ts-check
/**
 * A picture that is looked at closely: zoom, pan, and numbered marks that stay on their pixel.
 *
 * Marks are percent of the picture.
 */
import { Gestures } from "./gestures.js";
import { button, make, t } from "./texts.js";
import { Zoomed } from "./zoomed.js";

/** @typedef {{x: number, y: number, number: number, colour: number, name: string, unsure: boolean}} Mark */
/** @typedef {{url: string, width: number, height: number, name: string}} Shown */

const SVG = "http://www.w3.org/2000/svg";
const STEP = 48; // pixels of the screen that an arrow key moves
/** Colours of labels in the style sheet. */
export const COLOURS = 8;

export class Viewer extends Zoomed {
  /**
   * @param {HTMLElement} element
   * @param {{lit: (number: number | null) => void, chosen: (number: number) => void}} heard What people do with marks.
   */
  constructor(element, heard) {
    super(make("div", "view"));
    this.heard = heard;
    /** @type {Shown | null} */
    this.shown = null;
    /** @type {Mark[]} */
    this.marks = [];
    this.image = make("img", "view-image");
    this.layer = document.createElementNS(SVG, "svg");
    this.label = make("div", "view-label");
    this.tools = make("div", "view-tools");
    this._build();
    element.replaceChildren(this.view, this.tools);
    this.gestures = new Gestures(this.view, this);
    this.watch();
  }

  /** @param {Shown | null} shown */
  show(shown) {
    if (shown?.url === this.shown?.url) return;
    this.shown = shown;
    this.setMarks([]);
    this.view.hidden = this.tools.hidden = !shown;
    if (!shown) return;
    this.size = shown;
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

  /** @param {string} transform */
  _draw(transform) {
    this.image.style.transform = transform;
    this.image.classList.toggle("is-close", this.scale > 3);
    this.view.classList.toggle("is-zoomed", !this.fitted);
    this._place();
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
