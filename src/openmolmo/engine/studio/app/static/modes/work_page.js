// @ts-check
/** What pages of clicked and checked work share: the state of the work, its draft, undo and redo, and their keys. */
import { Draft, isWriting, t } from "../api.js";
import { History } from "./history.js";
import { meant } from "./own_keys.js";

/** What the server put into the page. @type {any} */
export const task = JSON.parse(document.getElementById("task")?.textContent ?? "{}");

/** Whether the work can only be looked at. */
export const readonly = Boolean(task.readonly);

/** An element of the page, which must be there. @param {string} id @returns {any} */
export function part(id) {
  const element = document.getElementById(id);
  if (!element) throw new Error(`the page has no #${id}`);
  return element;
}

/** The state of the work. A step is what undo takes back. @template T */
export class WorkPage {
  /** @param {T} first @param {(state: T) => void} show */
  constructor(first, show) {
    this.first = first;
    this.state = structuredClone(first);
    this.show = show;
    this.history = new History(this.state);
    /** @type {HTMLButtonElement[]} */
    this.buttons = [];
  }

  /** Take up what was entered before, and let people work: undo and redo stand among the picture's tools.
   * @param {import("./picture.js").PictureView} picture */
  open(picture) {
    this.picture = picture;
    if (!readonly) {
      this.buttons = [
        picture.tool("↶", t("modes.undo"), () => this.undo()),
        picture.tool("↷", t("modes.redo"), () => this.redo()),
      ];
      document.addEventListener("keydown", (event) => this._key(event));
    }
    this.draw();
    this.draft = new Draft(task, { collect: () => this.state, show: (/** @type {T} */ work) => this._takeUp(work) });
  }

  /** The state has changed: one step. */
  step() {
    this.history.push(this.state);
    this.touch();
    this.draw();
  }

  /** The state has changed, but this is no step of its own (a letter was typed). */
  touch() {
    this.draft?.changed();
  }

  draw() {
    this.show(this.state);
    this._drawTools();
  }

  undo() {
    this._go(this.history.undo(), t("modes.undone"));
  }

  redo() {
    this._go(this.history.redo(), t("modes.redone"));
  }

  /** @param {T | null} state @param {string} said */
  _go(state, said) {
    if (!state || readonly) return;
    this.state = state;
    this.touch();
    this.draw();
    this.picture?.say(said);
  }

  /** Work that was entered before, or in another tab: its own beginning. @param {T} work */
  _takeUp(work) {
    this.state = { ...structuredClone(this.first), ...work };
    this.history = new History(this.state, `studio.steps.${task.lease}`);
    this.draw();
  }

  _drawTools() {
    const [undo, redo] = this.buttons;
    if (!undo) return;
    undo.disabled = !this.history.canUndo;
    redo.disabled = !this.history.canRedo;
  }

  /** @param {KeyboardEvent} event */
  _key(event) {
    if (isWriting(event.target) || event.altKey || document.querySelector("dialog[open]")) return;
    const key = event.key.toLowerCase();
    const command = event.ctrlKey || event.metaKey;
    const asked = !command && meant(event) === "u";
    const undo = command ? key === "z" && !event.shiftKey : asked && !event.shiftKey;
    const redo = command ? key === "y" || (key === "z" && event.shiftKey) : asked && event.shiftKey;
    if (!undo && !redo) return;
    event.preventDefault();
    if (undo) this.undo();
    else this.redo();
  }
}
