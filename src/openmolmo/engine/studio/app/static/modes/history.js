// @ts-check
const MOST = 100; // steps kept over a reload

/** Undo and redo over whole states: the work on one picture is small. @template T */
export class History {
  /** @param {T} first @param {string} [place] In this tab's store: the steps survive a reload there. */
  constructor(first, place = "") {
    this.place = place;
    this.past = [JSON.stringify(first)];
    /** @type {string[]} */
    this.future = [];
    this._takeUp();
  }

  /** The steps of before the reload, if they end in the same state. */
  _takeUp() {
    try {
      const kept = JSON.parse((this.place && sessionStorage.getItem(this.place)) || "null");
      if (kept?.past.at(-1) === this.past[0]) [this.past, this.future] = [kept.past, kept.future];
    } catch {
      // The tab's store is forbidden, or holds something else: there is nothing to undo then.
    }
  }

  _keep() {
    try {
      if (this.place) sessionStorage.setItem(this.place, JSON.stringify({ past: this.past.slice(-MOST), future: this.future }));
    } catch {
      // full or forbidden: the steps end with this page
    }
  }

  /** Remember a state; the same as the last is no step. @param {T} state */
  push(state) {
    const text = JSON.stringify(state);
    if (text === this.past[this.past.length - 1]) return;
    this.past.push(text);
    this.future = [];
    this._keep();
  }

  get canUndo() {
    return this.past.length > 1;
  }

  get canRedo() {
    return this.future.length > 0;
  }

  /** The state before, or null. @returns {T | null} */
  undo() {
    if (!this.canUndo) return null;
    this.future.push(/** @type {string} */ (this.past.pop()));
    this._keep();
    return JSON.parse(this.past[this.past.length - 1]);
  }

  /** The state that was undone, or null. @returns {T | null} */
  redo() {
    const text = this.future.pop();
    if (text === undefined) return null;
    this.past.push(text);
    this._keep();
    return JSON.parse(text);
  }
}
