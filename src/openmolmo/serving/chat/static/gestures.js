// @ts-check
/** Mouse, pen and fingers on a picture: a drag pans, two fingers or the wheel zoom, a short press chooses a mark. */

/** @typedef {{x: number, y: number}} Spot Pixels of the screen. */
/** @typedef {{pan: (dx: number, dy: number) => void, zoom: (factor: number, x: number, y: number) => void, fit: () => void, press: (target: EventTarget | null) => void}} Moved */

const STILL = 8; // pixels that a press may shake

export class Gestures {
  /** @param {HTMLElement} view @param {Moved} moved */
  constructor(view, moved) {
    this.view = view;
    this.moved = moved;
    /** @type {Map<number, Spot>} */
    this.down = new Map();
    /** @type {Spot} */
    this.began = { x: 0, y: 0 };
    /** @type {EventTarget | null} */
    this.target = null;
    this.still = true;
    view.addEventListener("pointerdown", (event) => this._press(event));
    view.addEventListener("pointermove", (event) => this._move(event));
    view.addEventListener("pointerup", (event) => this._lift(event, true));
    view.addEventListener("pointercancel", (event) => this._lift(event, false));
    view.addEventListener("dblclick", (event) => moved.zoom(2, event.clientX, event.clientY));
    view.addEventListener("wheel", (event) => this._wheel(event), { passive: false });
  }

  /** @param {PointerEvent} event */
  _press(event) {
    if (event.button !== 0) return;
    this.target = event.target;
    this.down.set(event.pointerId, { x: event.clientX, y: event.clientY });
    this.still = this.down.size === 1;
    this.began = { x: event.clientX, y: event.clientY };
  }

  /** @param {PointerEvent} event */
  _move(event) {
    const before = this.down.get(event.pointerId);
    if (!before) return;
    const now = { x: event.clientX, y: event.clientY };
    if (this.still && distance(now, this.began) <= STILL) return;
    if (this.still) this.view.setPointerCapture(event.pointerId); // not before: a press belongs to its mark
    this.still = false;
    this.down.set(event.pointerId, now);
    const other = [...this.down].find(([id]) => id !== event.pointerId)?.[1];
    if (!other) return this.moved.pan(now.x - before.x, now.y - before.y);
    const was = middle(before, other);
    const is = middle(now, other);
    this.moved.pan(is.x - was.x, is.y - was.y);
    const apart = distance(before, other);
    if (apart > 0) this.moved.zoom(distance(now, other) / apart, is.x, is.y);
    return undefined;
  }

  /** @param {PointerEvent} event @param {boolean} meant False where the system took the press away. */
  _lift(event, meant) {
    if (!this.down.delete(event.pointerId)) return;
    if (meant && this.still) this.moved.press(this.target);
  }

  /** @param {WheelEvent} event */
  _wheel(event) {
    event.preventDefault();
    const lines = event.deltaMode === WheelEvent.DOM_DELTA_LINE ? 20 : 1;
    // A pinch on a touchpad comes as a wheel with Ctrl, in small steps.
    const factor = Math.exp((-event.deltaY * lines * (event.ctrlKey ? 8 : 1)) / 600);
    this.moved.zoom(Math.min(Math.max(factor, 0.5), 2), event.clientX, event.clientY);
  }
}

/** @param {Spot} a @param {Spot} b */
const distance = (a, b) => Math.hypot(a.x - b.x, a.y - b.y);

/** @param {Spot} a @param {Spot} b */
const middle = (a, b) => ({ x: (a.x + b.x) / 2, y: (a.y + b.y) / 2 });
