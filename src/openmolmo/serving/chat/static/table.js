// @ts-check
/** The pictures on the table: which there are, which is looked at, and which are asked about. */
import { takeIn } from "./pictures.js";
import { button, counted, el, make, t, toast } from "./texts.js";

/** @typedef {import("./store.js").Picture} Picture */

export class Table {
  /**
   * @param {import("./store.js").Store} store
   * @param {{viewed: () => void, used: (id: string) => boolean}} page `used`: whether something was asked about it.
   */
  constructor(store, page) {
    this.store = store;
    this.page = page;
    /** Those taken away too: earlier questions show them. @type {Map<string, Picture>} */
    this.pictures = new Map();
    /** @type {Map<string, string>} */
    this.urls = new Map();
    /** @type {Set<string>} */
    this.asked = new Set();
    /** @type {string | null} */
    this.viewed = null;
    /** @type {Map<string, number>} */
    this.counts = new Map();
    this.strip = el("strip", HTMLElement);
  }

  /** Those on the table, in the order in which they came. */
  get shown() {
    return [...this.pictures.values()].filter((one) => !one.away);
  }

  /** Those that the next question is about. */
  get subjects() {
    return this.shown.filter((one) => this.asked.has(one.id)).map((one) => one.id);
  }

  /** @param {Picture[]} pictures of an earlier visit */
  restore(pictures) {
    for (const one of pictures) this._lay(one);
    this.asked = new Set(this.shown.slice(-1).map((one) => one.id));
    this.view(this.shown.at(-1)?.id ?? null);
  }

  /** An address of a picture for this page; "" where it is gone. @param {string} id */
  address(id) {
    return this.urls.get(id) ?? "";
  }

  /** @param {{blob: Blob, name: string}[]} files */
  async add(files) {
    const taken = [];
    for (const { blob, name } of files) taken.push(await takeIn(blob, name));
    const fresh = taken.filter((one) => one !== null);
    if (!fresh.length) return;
    // What was asked about is finished with, what is new is what people mean.
    if (this.subjects.some((id) => this.page.used(id))) this.asked.clear();
    let kept = true;
    for (const [index, picture] of fresh.entries()) {
      picture.at += index; // their order, when they are read again
      this._lay(picture);
      this.asked.add(picture.id);
      kept = (await this.store.put("pictures", picture)) && kept;
    }
    if (!kept) toast(t("store.full"), true);
    this.view(fresh[0].id);
  }

  /** Take a picture away; earlier questions keep it. @param {string} id */
  async remove(id) {
    const picture = this.pictures.get(id);
    if (!picture) return;
    picture.away = true;
    this.asked.delete(id);
    if (this.page.used(id)) await this.store.put("pictures", picture);
    else {
      this._drop(id);
      await this.store.remove("pictures", id);
    }
    const next = this.subjects.at(-1) ?? this.shown.at(-1)?.id ?? null;
    if (next && !this.subjects.length) this.asked.add(next);
    this.view(next);
  }

  /** @param {string | null} id */
  view(id) {
    this.viewed = id !== null && this.pictures.has(id) ? id : null;
    this.draw();
    this.page.viewed();
  }

  clear() {
    for (const id of [...this.pictures.keys()]) this._drop(id);
    this.asked.clear();
    this.counts.clear();
    this.view(null);
  }

  /** How many points of the current answer lie in each picture. @param {Map<string, number>} counts */
  tell(counts) {
    const same = counts.size === this.counts.size && [...counts].every(([id, count]) => this.counts.get(id) === count);
    if (same) return;
    this.counts = counts;
    this.draw();
  }

  /** The row of small pictures. */
  draw() {
    const { shown } = this;
    this.strip.hidden = shown.length < 2;
    el("empty", HTMLElement).hidden = this.viewed !== null;
    const held = document.activeElement instanceof HTMLElement ? document.activeElement.dataset.id : undefined;
    el("thumbs", HTMLElement).replaceChildren(...shown.map((one, index) => this._thumb(one, index)));
    if (held) /** @type {HTMLElement | null} */ (this.strip.querySelector(`[data-id="${held}"]`))?.focus();
  }

  /** @param {Picture} picture @param {number} index */
  _thumb(picture, index) {
    const box = make("li", "thumb-box");
    const open = button("", () => this.view(picture.id), "thumb");
    open.dataset.id = picture.id;
    open.setAttribute("aria-pressed", String(picture.id === this.viewed));
    const image = make("img");
    image.src = this.address(picture.id);
    image.alt = "";
    open.append(image);
    const count = this.counts.get(picture.id);
    if (count) open.append(make("span", "thumb-count", String(count)));
    const name = t("strip.view", { number: index + 1, name: picture.name });
    open.setAttribute("aria-label", count ? `${name}: ${counted("answer.points", count)}` : name);
    box.append(open, this._choice(picture, index));
    return box;
  }

  /** @param {Picture} picture @param {number} index */
  _choice(picture, index) {
    const label = make("label", "thumb-choice");
    const box = make("input");
    box.type = "checkbox";
    box.dataset.id = `asked-${picture.id}`;
    box.checked = this.asked.has(picture.id);
    box.setAttribute("aria-label", t("strip.ask", { number: index + 1, name: picture.name }));
    label.title = t("strip.ask", { number: index + 1, name: picture.name });
    box.addEventListener("change", () => {
      if (box.checked) this.asked.add(picture.id);
      else this.asked.delete(picture.id);
    });
    label.append(box);
    return label;
  }

  /** @param {Picture} picture */
  _lay(picture) {
    this.pictures.set(picture.id, picture);
    this.urls.set(picture.id, URL.createObjectURL(picture.blob));
  }

  /** @param {string} id */
  _drop(id) {
    URL.revokeObjectURL(this.address(id));
    this.urls.delete(id);
    this.pictures.delete(id);
  }
}
