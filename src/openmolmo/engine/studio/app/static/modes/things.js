// @ts-check
/** What pages of clicked things share: points set, moved and taken away, a row with a name for every thing, and keys. */
import { isWriting, t } from "../api.js";
import { meant } from "./own_keys.js";
import { COLOURS, make, PictureView } from "./picture.js";
import * as pointing from "./point_work.js";
import { part, readonly, task, WorkPage } from "./work_page.js";

/**
 * What a page adds of its own. `name`: a name was written, `goOn` with the picture. `remove`, `removeThing`: somebody takes a point or a thing away.
 * `row`: what else stands in a thing's row. `field`: in the place of its name, where it cannot be named. `key`: whether
 * a key of its own was pressed. `nextTo`: where the keyboard goes when what it was on is gone.
 * @template {pointing.Work} W
 * @typedef {{
 *   draw: (work: W) => void,
 *   name: (g: number, text: string, goOn: boolean) => void,
 *   remove: (g: number, p: number) => void,
 *   removeThing: (g: number) => void,
 *   row: (group: pointing.Group, g: number) => HTMLElement[],
 *   field?: (group: pointing.Group, g: number) => HTMLElement | null,
 *   count?: (group: pointing.Group) => string,
 *   key?: (key: string) => boolean,
 *   nextTo?: (key: string) => HTMLElement | null,
 * }} Own
 */

/** @template {pointing.Work} W */
export class Things {
  /** @param {W} first The work of a page that nobody touched. @param {Own<W>} own */
  constructor(first, own) {
    this.own = own;
    this.page = /** @type {WorkPage<W>} */ (new WorkPage(first, own.draw));
    this.picture = new PictureView(part("picture"), {
      url: task.picture_url,
      width: task.task.width,
      height: task.task.height,
      t,
      onClick: readonly ? undefined : (/** @type {import("./picture.js").Place} */ place) => this._set(place),
      onMove: readonly ? undefined : (g, p, place) => this._move(g, p, place),
      onRemove: readonly ? undefined : (g, p) => own.remove(g, p),
    });
  }

  /** The work as it stands. @returns {W} */
  get work() {
    return this.page.state;
  }

  /** Take up what was entered before, and let people work. */
  open() {
    this.page.open(this.picture);
    part("new").addEventListener("click", () => this.begin());
    document.addEventListener("keydown", (event) => this._key(event));
  }

  // -------------------------------------------------------------------------------------------- what people do

  /** @param {import("./picture.js").Place} place */
  _set(place) {
    if (document.querySelector("dialog[open]")) return;
    const group = pointing.addPoint(this.work, place);
    this.page.step();
    if (group.label) return this.picture.say(t("point.set", { label: group.label, count: counted(group) }));
    this.picture.say(t("point.name_it"));
    this.nameOf(this.work.active).focus({ preventScroll: matchMedia("(min-width: 60rem)").matches });
  }

  /** @param {number} g @param {number} p @param {import("./picture.js").Place} place */
  _move(g, p, place) {
    this.work.groups[g].points[p] = place;
    this.page.step();
  }

  /** Take a point away, and say so. @param {number} g @param {number} p */
  removePoint(g, p) {
    const group = pointing.removePoint(this.work, g, p);
    this.page.step();
    this.picture.say(t("point.removed", { label: shown(group.label), count: counted(group) }));
  }

  /** Take a thing away, and say so. @param {number} g */
  removeThing(g) {
    const { label } = this.work.groups[g];
    pointing.removeGroup(this.work, g);
    this.page.step();
    this.picture.focus();
    this.picture.say(t("point.removed_group", { label: shown(label) }));
  }

  /** The next click is one more of this thing. @param {number} g */
  choose(g) {
    if (this.work.active === g) return;
    this.work.active = g;
    this.page.touch();
    this.page.draw();
  }

  /** The next click begins something new. */
  begin() {
    this.choose(-1);
    this.picture.focus();
    this.picture.say(t("point.new_ready"));
  }

  /** @param {KeyboardEvent} event */
  _key(event) {
    if (readonly || isWriting(event.target) || event.ctrlKey || event.metaKey || event.altKey) return;
    if (document.querySelector("dialog[open]")) return;
    const key = meant(event);
    const g = Number(key) - 1;
    if (key === "n") this.begin();
    else if (g >= 0 && g < this.work.groups.length) this.choose(g);
    else if (!this.own.key?.(key)) return;
    event.preventDefault();
  }

  // -------------------------------------------------------------------------------------------- drawing

  /** Draw points and rows. @param {pointing.Work} work @param {(g: number) => object} marked What else is said of a thing's points.
   * @param {string} badge The name of the active thing. @param {() => void} [more] Draws what else may hold the keyboard. */
  draw(work, marked, badge, more) {
    this.picture.setPoints(
      work.groups.map((group, g) => ({ ...group, colour: g, active: g === work.active, ...marked(g) })),
    );
    const active = work.groups[work.active];
    this.picture.badge(active ? active.points.length : null, badge);
    this._keepingFocus(() => {
      part("things").replaceChildren(...work.groups.map((group, g) => this._row(group, g)));
      more?.();
    });
    part("none-yet").hidden = work.groups.length > 0;
    part("new").disabled = readonly || work.active < 0;
  }

  /** @param {pointing.Group} group @param {number} g */
  _row(group, g) {
    const line = make("li", `thing${g === this.work.active ? " is-active" : ""}`);
    const dot = make("span", `thing-dot c${g % COLOURS}`);
    dot.textContent = String(g + 1);
    dot.setAttribute("aria-hidden", "true");
    const count = make("span", "thing-count");
    count.textContent = this.own.count?.(group) ?? counted(group);
    line.append(dot, this.own.field?.(group, g) ?? this._nameField(group, g), count);
    line.addEventListener("click", (event) => event.target === line && this.choose(g));
    if (!readonly) line.append(...this.own.row(group, g));
    return line;
  }

  /** @param {pointing.Group} group @param {number} g */
  _nameField(group, g) {
    const field = make("input", "thing-name");
    field.value = group.label;
    field.dataset.key = `name-${g}`;
    field.placeholder = t("point.placeholder");
    field.maxLength = 120;
    field.autocomplete = "off";
    field.autocapitalize = "off";
    field.readOnly = readonly;
    field.setAttribute("aria-label", `${t("point.name")} (${g + 1})`);
    field.addEventListener("focus", () => this.choose(g));
    field.addEventListener("input", () => {
      group.label = field.value; // kept in the draft while it is being written
      this.page.touch();
    });
    let named = group.label;
    const done = (/** @type {boolean} */ goOn) => {
      if (field.value === named && named.trim()) return goOn && this.picture.focus();
      named = field.value;
      return this.own.name(this.work.groups.indexOf(group), field.value, goOn);
    };
    field.addEventListener("change", () => done(false));
    field.addEventListener("keydown", (event) => {
      if (event.key === "Enter" && !event.ctrlKey && !event.altKey) {
        event.preventDefault();
        done(true);
      } else if (event.key === "Escape") this.picture.focus();
    });
    return field;
  }

  /** A thing's button that takes it away. @param {number} g */
  awayButton(g) {
    const { label } = this.work.groups[g];
    const away = button("×", `away-${g}`, () => this.own.removeThing(g));
    away.classList.add("plain");
    away.setAttribute("aria-label", t("point.remove", { label: shown(label) }));
    return away;
  }

  /** Draw anew, and leave the keyboard where it was. @param {() => void} drawing */
  _keepingFocus(drawing) {
    const focused = /** @type {HTMLElement | null} */ (document.activeElement);
    const key = focused?.dataset?.key;
    const written = focused instanceof HTMLInputElement ? [focused.selectionStart, focused.selectionEnd] : null;
    drawing();
    if (!key) return;
    const again = document.querySelector(`[data-key="${CSS.escape(key)}"]`);
    if (again instanceof HTMLElement) again.focus({ preventScroll: true });
    else if (focused && !focused.isConnected) (this.own.nextTo?.(key) ?? this.picture.view).focus({ preventScroll: true });
    if (again instanceof HTMLInputElement && written) again.setSelectionRange(written[0], written[1]);
  }

  /** Where a thing is named. @param {number} g @returns {HTMLElement} */
  nameOf(g) {
    return /** @type {HTMLElement} */ (document.querySelector(`[data-key="name-${g}"]`)) ?? this.picture.view;
  }
}

/** A button of a row. @param {string} text @param {string} key Unlike every other's. @param {() => void} action */
export function button(text, key, action) {
  const element = make("button");
  element.type = "button";
  element.textContent = text;
  element.dataset.key = key;
  element.disabled = readonly;
  element.addEventListener("click", action);
  return element;
}

/** @param {string} label */
export function shown(label) {
  return label || t("point.unnamed");
}

/** How many points a thing has, in words. @param {pointing.Group} group */
export function counted(group) {
  return group.points.length === 1 ? t("point.count_one") : t("point.count", { count: group.points.length });
}
