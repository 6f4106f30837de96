// @ts-check
/** The parts of a recording on a page: to listen to, and their words to correct or to read. */
import { t } from "../api.js";

/** @typedef {import("./recordings.js").Part} Part */

/** @param {number} milliseconds @returns {string} */
export function clock(milliseconds) {
  const seconds = Math.floor(milliseconds / 1000);
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
}

/** What a gate says, in words. @param {{gate: string, value: number, bound: number}} gate @returns {string} */
export function gateText({ gate, value, bound }) {
  const percent = gate === "little_speech";
  const shown = (/** @type {number} */ number) => (percent ? Math.round(100 * number) : Math.floor(10 * number) / 10);
  return t(`speak.gate.${gate}`, { value: shown(value), bound: shown(bound) });
}

/** The text key of what is said beside a part's words; "" for nothing. @param {Part} part @returns {string} */
function note(part) {
  if (part.words === "waiting") return "speak.words_waiting";
  if (part.words === "failed") return "speak.words_failed";
  return part.engine === "none" ? "speak.words_none" : "";
}

export class SpeakParts {
  /**
   * @param {HTMLElement} list
   * @param {{readonly: boolean, onText: () => void}} options
   */
  constructor(list, { readonly, onText }) {
    this.list = list;
    this.readonly = readonly;
    this.onText = onText;
    /** What was typed, by recording. @type {Record<string, string>} */
    this.texts = {};
    /** @type {Map<number, {part: Part, item: HTMLElement, area: HTMLTextAreaElement, said: HTMLElement, heard: HTMLElement}>} */
    this.shown = new Map();
  }

  /** Texts of a draft. @param {Record<string, string>} texts */
  takeUp(texts) {
    this.texts = { ...texts };
    for (const [id, one] of this.shown) if (String(id) in texts) one.area.value = texts[String(id)];
  }

  /** All words as they stand, the ones that nobody touched too. @returns {Record<string, string>} */
  collect() {
    /** @type {Record<string, string>} */
    const texts = { ...this.texts };
    for (const [id, one] of this.shown) if (one.area.value.trim() !== "") texts[String(id)] = one.area.value;
    return texts;
  }

  /** @param {Part[]} parts */
  show(parts) {
    const wanted = new Set(parts.map((part) => part.id));
    for (const [id, one] of this.shown) {
      if (wanted.has(id)) continue;
      one.item.remove();
      this.shown.delete(id);
      delete this.texts[String(id)];
    }
    parts.forEach((part, place) => this._show(part, place + 1, parts.length));
  }

  /** @param {Part} part @param {number} number @param {number} count */
  _show(part, number, count) {
    let one = this.shown.get(part.id);
    if (one === undefined) {
      one = this._make(part);
      this.shown.set(part.id, one);
      this.list.append(one.item);
    }
    const title = /** @type {HTMLElement} */ (one.item.firstElementChild);
    title.textContent = `${count > 1 ? `${t("speak.part", { number })} · ` : ""}${clock(part.milliseconds ?? 0)}`;
    one.area.setAttribute("aria-label", `${t("speak.words")} ${count > 1 ? t("speak.part", { number }) : ""}`.trim());
    if (!(String(part.id) in this.texts) && document.activeElement !== one.area) one.area.value = part.text ?? "";
    one.said.textContent = note(part) === "" ? "" : t(note(part));
    one.part = part;
    this._compare(one);
  }

  /** What the program heard stands below what somebody changed. @param {{part: Part, area: HTMLTextAreaElement, heard: HTMLElement}} one */
  _compare({ part, area, heard }) {
    const differs = !this.readonly && part.heard !== null && part.heard !== "" && part.heard.trim() !== area.value.trim();
    heard.textContent = differs ? `${t("speak.heard")} (${part.heard_by}): ${part.heard}` : "";
  }

  /** @param {Part} part */
  _make(part) {
    const item = document.createElement("li");
    const title = document.createElement("p");
    title.className = "small dim";
    const player = document.createElement("audio");
    player.controls = true;
    player.preload = "none"; // each listening is written down: nothing is fetched before somebody listens
    player.src = `/api/recordings/${part.id}/audio`;
    const area = document.createElement("textarea");
    area.rows = this.readonly ? 4 : 6;
    area.maxLength = 8000;
    area.readOnly = this.readonly;
    area.value = this.texts[String(part.id)] ?? "";
    area.addEventListener("input", () => {
      this.texts[String(part.id)] = area.value;
      const one = this.shown.get(part.id);
      if (one !== undefined) this._compare(one);
      this.onText();
    });
    const said = document.createElement("p");
    said.className = "small dim";
    said.setAttribute("role", "status");
    const heard = document.createElement("p");
    heard.className = "small dim heard";
    item.append(title, player, area, said, heard);
    return { part, item, area, said, heard };
  }

  /** @returns {HTMLAudioElement[]} */
  get players() {
    return [...this.list.querySelectorAll("audio")];
  }

  /** Whether one of them is heard. @returns {boolean} */
  get playing() {
    return this.players.some((player) => !player.paused);
  }

  /** Play all parts one after the other, or stop. @returns {Promise<void>} */
  async toggle() {
    const playing = this.playing;
    for (const player of this.players) player.pause();
    if (playing) return;
    for (const player of this.players) {
      player.currentTime = 0;
      await player.play();
      await new Promise((resolve) => {
        player.addEventListener("ended", resolve, { once: true });
        player.addEventListener("pause", resolve, { once: true });
        player.addEventListener("error", resolve, { once: true });
      });
      if (!player.ended) return;
    }
  }
}
