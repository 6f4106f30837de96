// @ts-check
/**
 * Mouse, pen and fingers on a picture: a short press sets or chooses, a drag pans or moves a mark, two fingers zoom,
 * a long press of a finger shows the loupe and sets where the finger is lifted, the right button takes a mark away.
 */

/** @typedef {import("./picture.js").PictureView} PictureView */
/** @typedef {{x: number, y: number}} Spot Pixels of the screen. */

const STILL = { mouse: 4, pen: 6, touch: 10 }; // pixels that a press may shake
const LONG = 400; // milliseconds

export class Gestures {
  /** @param {PictureView} picture */
  constructor(picture) {
    this.picture = picture;
    /** @type {Map<number, Spot>} */
    this.down = new Map();
    /** @type {"none" | "press" | "pan" | "mark" | "aim" | "pinch"} */
    this.doing = "none";
    /** @type {Spot} */
    this.began = { x: 0, y: 0 };
    /** @type {{group: number, point: number} | null} */
    this.mark = null;
    this.timer = 0;
    const view = picture.view;
    view.addEventListener("pointerdown", (event) => this._press(event));
    view.addEventListener("pointermove", (event) => this._move(event));
    view.addEventListener("pointerup", (event) => this._lift(event, true));
    view.addEventListener("pointercancel", (event) => this._lift(event, false));
    view.addEventListener("pointerleave", () => this.doing === "none" && !picture.cross && picture.hideLoupe());
    // After a tap the browser would send a mouse press, whose focus takes a name's field away again.
    view.addEventListener("mousedown", (event) => event.preventDefault());
    view.addEventListener("contextmenu", (event) => this._rightButton(event));
    view.addEventListener("wheel", (event) => this._wheel(event), { passive: false });
  }

  /** @param {PointerEvent} event */
  _press(event) {
    if (event.button !== 0) return;
    this.picture.view.setPointerCapture(event.pointerId);
    this.picture.view.focus({ preventScroll: true });
    this.down.set(event.pointerId, { x: event.clientX, y: event.clientY });
    clearTimeout(this.timer);
    if (this.down.size === 2) {
      this.doing = "pinch";
      this.picture.hideLoupe();
      return;
    }
    if (this.down.size > 2) return;
    this.doing = "press";
    this.began = { x: event.clientX, y: event.clientY };
    this.mark = markOf(event);
    this.picture.aim(null);
    if (event.pointerType === "touch" && !this.mark) this.timer = window.setTimeout(() => this._startAiming(), LONG);
  }

  _startAiming() {
    this.doing = "aim";
    this._aim(this.began);
  }

  /** @param {Spot} spot */
  _aim(spot) {
    const place = this.picture.placeOf(spot.x, spot.y);
    if (place) this.picture.showLoupe(place);
    else this.picture.hideLoupe();
  }

  /** @param {PointerEvent} event */
  _move(event) {
    const before = this.down.get(event.pointerId);
    const now = { x: event.clientX, y: event.clientY };
    if (!before) {
      if (this.picture.loupeOn && event.pointerType !== "touch") this._aim(now);
      return;
    }
    this.down.set(event.pointerId, now);
    if (this.doing === "press" && distance(now, this.began) > STILL[kindOf(event)]) {
      clearTimeout(this.timer);
      this.doing = this.mark ? "mark" : "pan";
    }
    if (this.doing === "aim") this._aim(now);
    else if (this.doing === "pan") this.picture.pan(now.x - before.x, now.y - before.y);
    else if (this.doing === "mark") this._dragMark(now);
    else if (this.doing === "pinch") this._pinch(event.pointerId, before, now);
  }

  /** @param {Spot} spot */
  _dragMark(spot) {
    const place = this.picture.placeOf(spot.x, spot.y);
    if (place) this.picture.aim(place);
  }

  /** @param {number} id @param {Spot} before @param {Spot} now */
  _pinch(id, before, now) {
    const other = [...this.down].find(([key]) => key !== id)?.[1];
    if (!other) return;
    const was = middle(before, other);
    const is = middle(now, other);
    this.picture.pan(is.x - was.x, is.y - was.y);
    const apart = distance(before, other);
    if (apart > 0) this.picture.zoom(distance(now, other) / apart, is.x, is.y);
  }

  /** @param {PointerEvent} event @param {boolean} meant False where the system took the press away. */
  _lift(event, meant) {
    if (!this.down.delete(event.pointerId)) return;
    clearTimeout(this.timer);
    const { doing, mark, picture } = this;
    if (this.down.size) return; // the last finger ends a pinch
    this.doing = "none";
    const place = picture.placeOf(event.clientX, event.clientY);
    if (doing === "aim" || doing === "mark") picture.hideLoupe();
    if (doing === "mark") picture.aim(null);
    if (!meant) return;
    if (doing === "mark" && mark && place) picture.options.onMove?.(mark.group, mark.point, place);
    else if (doing === "press" && mark) picture.select(mark);
    else if ((doing === "press" || doing === "aim") && place) picture.options.onClick?.(place);
  }

  /** @param {MouseEvent} event */
  _rightButton(event) {
    event.preventDefault();
    const mark = markOf(event);
    if (mark && this.doing === "none") this.picture.options.onRemove?.(mark.group, mark.point);
  }

  /** @param {WheelEvent} event */
  _wheel(event) {
    event.preventDefault();
    const lines = event.deltaMode === WheelEvent.DOM_DELTA_LINE ? 20 : 1;
    // A pinch on a touchpad comes as a wheel with Ctrl, in small steps.
    const factor = Math.exp((-event.deltaY * lines * (event.ctrlKey ? 8 : 1)) / 600);
    this.picture.zoom(Math.min(Math.max(factor, 0.5), 2), event.clientX, event.clientY);
  }
}

/** @param {PointerEvent} event @returns {keyof typeof STILL} */
function kindOf(event) {
  return event.pointerType === "touch" || event.pointerType === "pen" ? event.pointerType : "mouse";
}

/** @param {Event} event */
function markOf(event) {
  const mark = event.target instanceof Element ? event.target.closest(".mark.is-active") : null;
  if (!(mark instanceof SVGElement)) return null;
  return { group: Number(mark.dataset.group), point: Number(mark.dataset.point) };
}

/** @param {Spot} a @param {Spot} b */
const distance = (a, b) => Math.hypot(a.x - b.x, a.y - b.y);

/** @param {Spot} a @param {Spot} b */
const middle = (a, b) => ({ x: (a.x + b.x) / 2, y: (a.y + b.y) / 2 });
