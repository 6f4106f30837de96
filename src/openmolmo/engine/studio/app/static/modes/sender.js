// @ts-check
/** Sends pieces of recordings to the studio, in order, again and again until it has them. */
import { call, CallError } from "../api.js";

/** @typedef {import("./chunk_store.js").Piece} Piece */

const FIRST_WAIT = 1000;
const MOST_WAIT = 10_000;
/** What no repetition mends: the recording has ended, was discarded, or is somebody else's. */
const HOPELESS = new Set(["closed", "other_bytes", "unknown", "too_large", "not_sound", "empty"]);

/** @param {ArrayBuffer} bytes @returns {Promise<string>} */
export async function sha256(bytes) {
  const hash = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  return [...hash].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** Whether the same call may work later. @param {unknown} error @returns {boolean} */
export function passes(error) {
  return error instanceof CallError && (error.passing || error.status === 401 || error.code === "damaged");
}

export class Sender {
  /**
   * @param {import("./chunk_store.js").ChunkStore} store
   * @param {{onState: (left: number, trouble: string) => void, onRefused: (message: string) => void}} page
   */
  constructor(store, page) {
    this.store = store;
    this.page = page;
    /** @type {Piece[]} */
    this.queue = [];
    this.running = false;
    /** Why nothing can be sent at the moment, in words; "" where it can. */
    this.trouble = "";
    this.wake = () => {};
    addEventListener("online", () => this.wake());
  }

  /** Keep a new piece here, then send it. @param {Piece} piece */
  async add(piece) {
    await this.store.put(piece);
    this.send([piece]);
  }

  /** Send pieces that are kept already. @param {Piece[]} pieces */
  send(pieces) {
    this.queue.push(...pieces);
    this.page.onState(this.queue.length, this.trouble);
    if (!this.running) this._run();
  }

  /** Wait until nothing of a recording is left to be sent. @param {number} recording */
  async drained(recording) {
    while (this.queue.some((piece) => piece.recording === recording)) await this._pause(100);
  }

  /** Pieces of a discarded recording need not be sent. @param {number} recording */
  async forget(recording) {
    this.queue = this.queue.filter((piece) => piece.recording !== recording);
    await this.store.forget(recording);
    this.page.onState(this.queue.length, this.trouble);
  }

  /** Do something that may fail for a while, until it is done. @template T @param {() => Promise<T>} what @returns {Promise<T>} */
  async insist(what) {
    for (let wait = FIRST_WAIT; ; wait = Math.min(2 * wait, MOST_WAIT)) {
      try {
        const done = await what();
        this._say("");
        return done;
      } catch (error) {
        if (!passes(error)) throw error;
        this._say(/** @type {Error} */ (error).message);
        await this._pause(wait);
      }
    }
  }

  async _run() {
    this.running = true;
    while (this.queue.length > 0) {
      const piece = this.queue[0];
      try {
        await this.insist(() => {
          const url = `/api/recordings/${piece.recording}/chunks/${piece.number}?sha256=${piece.sha256}`;
          return this.queue[0] === piece ? call("PUT", url, piece.bytes) : Promise.resolve();
        });
        await this.store.drop(piece.recording, piece.number);
      } catch (error) {
        const code = error instanceof CallError ? error.code : "";
        if (!HOPELESS.has(code)) throw error;
        if (code !== "closed" && code !== "unknown") this.page.onRefused(/** @type {Error} */ (error).message);
        await this.store.drop(piece.recording, piece.number);
      }
      if (this.queue[0] === piece) this.queue.shift();
      this.page.onState(this.queue.length, this.trouble);
    }
    this.running = false;
  }

  /** @param {string} trouble */
  _say(trouble) {
    this.trouble = trouble;
    this.page.onState(this.queue.length, trouble);
  }

  /** @param {number} ms */
  _pause(ms) {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, ms);
      this.wake = () => {
        clearTimeout(timer);
        resolve(undefined);
      };
    });
  }
}
