// @ts-check
/** Keys of one's own choice: shown on the buttons and in the help, chosen in the page, kept in the studio. */
import { call, isWriting, t, toast } from "../api.js";

/** @typedef {"record" | "stop" | "listen" | "again" | "discard"} Action */

/** @type {Record<Action, string>} */
const FIRST = { record: "r", stop: "s", listen: "h", again: "n", discard: "x" };

/** @param {string} key @returns {string} */
function name(key) {
  return key === " " ? t("speak.space") : key.length === 1 ? key.toUpperCase() : key;
}

export class SpeakKeys {
  /** @param {Record<string, string>} chosen by `speak.<action>` @param {(action: Action) => void} onAction */
  constructor(chosen, onAction) {
    /** @type {Record<string, string>} */
    this.keys = { ...FIRST };
    for (const action of Object.keys(FIRST)) this.keys[action] = chosen[`speak.${action}`] ?? this.keys[action];
    this._draw();
    for (const field of document.querySelectorAll("[data-own-key]")) {
      if (!(field instanceof HTMLInputElement)) continue;
      field.addEventListener("keydown", (event) => this._choose(event, field.dataset.ownKey ?? ""));
    }
    document.addEventListener("keydown", (event) => {
      if (isWriting(event.target) || event.ctrlKey || event.metaKey || event.altKey || event.repeat) return;
      if (document.querySelector("dialog[open]") !== null) return;
      const pressed = event.key.length === 1 ? event.key.toLowerCase() : event.key;
      const action = Object.keys(this.keys).find((one) => this.keys[one] === pressed);
      if (action === undefined) return;
      if (event.target instanceof HTMLButtonElement && (pressed === " " || pressed === "Enter")) return;
      event.preventDefault();
      event.stopImmediatePropagation();
      onAction(/** @type {Action} */ (action));
    }, { capture: true });
  }

  /** @param {KeyboardEvent} event @param {string} action */
  async _choose(event, action) {
    if (["Tab", "Shift", "Control", "Alt", "Meta", "Escape", "Enter", "?"].includes(event.key)) return;
    event.preventDefault();
    const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
    const wanted = { ...this.keys, [action]: key };
    try {
      await call("POST", "/api/speak/keys", { keys: wanted });
    } catch (error) {
      toast(/** @type {Error} */ (error).message, "bad");
      return;
    }
    this.keys = wanted;
    this._draw();
    toast(t("speak.keys_saved"));
  }

  _draw() {
    for (const element of document.querySelectorAll("kbd[data-key]")) {
      if (element instanceof HTMLElement) element.textContent = name(this.keys[element.dataset.key ?? ""] ?? "");
    }
    for (const field of document.querySelectorAll("[data-own-key]")) {
      if (field instanceof HTMLInputElement) field.value = name(this.keys[field.dataset.ownKey ?? ""] ?? "");
    }
  }
}
