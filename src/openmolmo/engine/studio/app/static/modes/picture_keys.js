// @ts-check
/**
 * The keyboard on a picture: arrows move a crosshair (Shift far, Alt one pixel), Enter sets, Delete takes away,
 * `.` and `,` walk through the points, M picks one up, + - 0 zoom, L is the loupe, Escape leaves.
 */

import { meant } from "./own_keys.js";

/** @typedef {import("./picture.js").PictureView} PictureView */

const STEP = 6; // pixels of the screen
const FAR = 48;
const NEAR = 28; // how near a mark must be to the crosshair to be meant

/** @type {Record<string, [number, number]>} */
const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

export class Keys {
  /** @param {PictureView} picture */
  constructor(picture) {
    this.picture = picture;
    /** The point that is being carried. @type {{group: number, point: number} | null} */
    this.carried = null;
    picture.view.addEventListener("keydown", (event) => this._key(event));
    picture.view.addEventListener("blur", () => this._rest());
  }

  /** @param {KeyboardEvent} event */
  _key(event) {
    if (event.ctrlKey || event.metaKey) return;
    const arrow = ARROWS[event.key];
    const action = arrow ? () => this._go(arrow, event) : this._actions()[meant(event).toLowerCase()];
    if (!action) return;
    event.preventDefault();
    event.stopPropagation();
    action();
  }

  /** @returns {Record<string, () => void>} */
  _actions() {
    const picture = this.picture;
    const zoom = (/** @type {number} */ factor) => {
      const at = picture.cross && picture.screenOf(picture.cross);
      picture.zoom(factor, at?.x, at?.y);
    };
    return {
      enter: () => this._set(),
      " ": () => this._set(),
      delete: () => this._remove(),
      backspace: () => this._remove(),
      ".": () => this._walk(1),
      ",": () => this._walk(-1),
      m: () => this._carry(),
      "+": () => zoom(1.4),
      "=": () => zoom(1.4),
      "-": () => zoom(1 / 1.4),
      0: () => picture.fit(),
      l: () => picture.loupe(),
      escape: () => this._leave(),
    };
  }

  /** @param {[number, number]} arrow @param {KeyboardEvent} event */
  _go([dx, dy], event) {
    const { picture } = this;
    if (!picture.cross) return picture.aim(this._middle());
    const at = picture.screenOf(picture.cross);
    const step = event.altKey ? 1 : event.shiftKey ? FAR : STEP;
    const box = picture.image.getBoundingClientRect();
    const clamp = (/** @type {number} */ v, /** @type {number} */ low, /** @type {number} */ high) =>
      Math.min(Math.max(v, low), high);
    picture.aim(picture.placeOf(clamp(at.x + dx * step, box.left, box.right), clamp(at.y + dy * step, box.top, box.bottom)) ?? picture.cross);
    return undefined;
  }

  _middle() {
    const view = this.picture.view.getBoundingClientRect();
    return this.picture.placeOf(view.left + view.width / 2, view.top + view.height / 2) ?? { x: 50, y: 50 };
  }

  _set() {
    const { picture, carried } = this;
    if (!picture.cross) return picture.aim(this._middle());
    this.carried = null;
    if (carried) picture.options.onMove?.(carried.group, carried.point, picture.cross);
    else picture.options.onClick?.(picture.cross);
    return undefined;
  }

  /** The chosen mark, or the one at the crosshair. */
  _meant() {
    const { picture } = this;
    if (picture.selected) return picture.selected;
    if (!picture.cross) return null;
    const cross = picture.screenOf(picture.cross);
    const near = this._active()
      .map((mark) => ({ mark, at: picture.screenOf(picture.groups[mark.group].points[mark.point]) }))
      .map(({ mark, at }) => ({ mark, apart: Math.hypot(at.x - cross.x, at.y - cross.y) }))
      .filter(({ apart }) => apart <= NEAR)
      .sort((a, b) => a.apart - b.apart);
    return near[0]?.mark ?? null;
  }

  _active() {
    return this.picture.groups.flatMap((group, g) =>
      group.active ? group.points.map((_, point) => ({ group: g, point })) : [],
    );
  }

  _remove() {
    const mark = this._meant();
    if (!mark) return;
    this.picture.select(null);
    this.picture.options.onRemove?.(mark.group, mark.point);
  }

  /** @param {number} by */
  _walk(by) {
    const marks = this._active();
    if (!marks.length) return;
    const { selected, groups } = this.picture;
    const at = marks.findIndex((mark) => mark.group === selected?.group && mark.point === selected?.point);
    const next = marks[(Math.max(at, by > 0 ? -1 : 0) + by + marks.length) % marks.length];
    this.picture.select(next);
    this.picture.aim(groups[next.group].points[next.point]);
    this.picture.say(this.picture.options.t("modes.picture.at", { label: groups[next.group].label, number: next.point + 1 }));
  }

  _carry() {
    this.carried = this._meant();
    if (!this.carried) return;
    const { group, point } = this.carried;
    this.picture.select(this.carried);
    this.picture.aim(this.picture.groups[group].points[point]);
    this.picture.say(this.picture.options.t("modes.picture.carried"));
  }

  /** The keyboard goes elsewhere, to a name perhaps, and comes back to the same place. */
  _rest() {
    this.carried = null;
    this.picture.hideLoupe();
  }

  _leave() {
    this.carried = null;
    this.picture.select(null);
    this.picture.aim(null);
    this.picture.hideLoupe();
  }
}
