// @ts-check
/** Undo and redo over whole states: the work on one picture is small. @template T */
export class History {
  /** @param {T} first */
  constructor(first) {
    this.past = [JSON.stringify(first)];
    /** @type {string[]} */
    this.future = [];
  }

  /** Remember a state; the same as the last is no step. @param {T} state */
  push(state) {
    const text = JSON.stringify(state);
    if (text === this.past[this.past.length - 1]) return;
    this.past.push(text);
    this.future = [];
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
    return JSON.parse(this.past[this.past.length - 1]);
  }

  /** The state that was undone, or null. @returns {T | null} */
  redo() {
    const text = this.future.pop();
    if (text === undefined) return null;
    this.past.push(text);
    return JSON.parse(text);
  }
}
