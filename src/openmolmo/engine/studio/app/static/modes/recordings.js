// @ts-check
/** The recordings of one task, in the studio and on their way to it; what an earlier page left is finished first. */
import { call, CallError } from "../api.js";
import { ChunkStore } from "./chunk_store.js";
import { Sender, sha256 } from "./sender.js";

/**
 * @typedef {object} Part One recording as the studio knows it (see recording/state.py).
 * @property {number} id
 * @property {string} state
 * @property {number[]} chunks
 * @property {number | null} milliseconds
 * @property {{gate: string, value: number, bound: number}[]} gates
 * @property {number} quiet_for
 * @property {"waiting" | "there" | "failed"} words
 * @property {string | null} text
 * @property {string | null} engine
 * @property {string | null} heard
 * @property {string | null} heard_by
 */

const OTHER_QUIET = 20; // seconds without a piece after which a recording of another device is taken as ended

export class Recordings {
  /**
   * @param {any} task the page's data block
   * @param {ConstructorParameters<typeof Sender>[1]} page
   */
  constructor(task, page) {
    this.task = task;
    this.store = new ChunkStore();
    this.sender = new Sender(this.store, page);
    /** @type {Part[]} */
    this.parts = [];
  }

  get url() {
    return `/api/leases/${this.task.lease}/recordings`;
  }

  /** @returns {Part[]} */
  get complete() {
    return this.parts.filter((part) => part.state === "complete");
  }

  /** Milliseconds of all complete parts. @returns {number} */
  get milliseconds() {
    return this.complete.reduce((sum, part) => sum + (part.milliseconds ?? 0), 0);
  }

  /** Ask the studio how things stand. */
  async load() {
    this.parts = (await this.sender.insist(() => call("GET", this.url))).recordings;
  }

  /** @param {string} type @returns {Promise<number>} */
  async begin(type) {
    const body = { media_type: type, picture_id: this.task.task.picture_id };
    const { id } = await call("POST", this.url, body);
    await this.store.begin(id);
    return id;
  }

  /** @param {number} recording @param {number} number @param {ArrayBuffer} bytes */
  async keep(recording, number, bytes) {
    await this.sender.add({ recording, number, bytes, sha256: await sha256(bytes) });
  }

  /** The end of a take: all pieces are sent, then the studio joins them and looks. @param {import("./microphone.js").Take} take */
  async finish(take) {
    if (take.pieces.length === 0) {
      await this.discard(take.recording);
      return;
    }
    const digest = await sha256(await take.whole());
    for (;;) {
      await this.sender.drained(take.recording);
      try {
        await this._finish(take.recording, take.pieces.length, digest);
        return;
      } catch (error) {
        if (!(error instanceof CallError) || error.code !== "missing") throw error;
        for (const number of error.answer.missing) await this.keep(take.recording, number, take.pieces[number]);
      }
    }
  }

  /** @param {number} recording @param {number} chunks @param {string} [digest] */
  async _finish(recording, chunks, digest) {
    const body = digest === undefined ? { chunks } : { chunks, sha256: digest };
    const answer = await this.sender.insist(() => call("POST", `/api/recordings/${recording}/finish`, body));
    this.parts = answer.recordings;
    await this.store.forget(recording);
  }

  /** @param {number} recording */
  async discard(recording) {
    await this.sender.forget(recording);
    const answer = await this.sender.insist(() => call("POST", `/api/recordings/${recording}/discard`));
    this.parts = answer.recordings;
  }

  /**
   * Finish what an earlier page of this browser, or another device, left open: what is still here is sent, and what
   * then stands in one row from the start is joined. The text key of why that must wait; "" when nothing is open.
   * @returns {Promise<{waits: boolean, finished: number}>}
   */
  async takeUp() {
    let finished = 0;
    for (const part of this.parts.filter((one) => one.state === "open")) {
      const ours = await this.store.isOurs(part.id);
      if (!ours && part.quiet_for < OTHER_QUIET) return { waits: true, finished };
      const left = await this.store.left(part.id);
      this.sender.send(left);
      await this.sender.drained(part.id);
      const numbers = new Set([...part.chunks, ...left.map((piece) => piece.number)]);
      let count = 0;
      while (numbers.has(count)) count += 1;
      if (count === 0) {
        await this.discard(part.id);
      } else {
        try {
          await this._finish(part.id, count);
          finished += 1;
        } catch (error) {
          if (!(error instanceof CallError) || error.code !== "unplayable") throw error;
          await this.load();
        }
      }
    }
    return { waits: false, finished };
  }
}
