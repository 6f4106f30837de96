// @ts-check
/** The conversation: questions, their answers as they are written, and whose points are on the picture. */
import { ApiError, complete } from "./api.js";
import { TurnView, UNSURE, coloursOf, nameOf, replyOf } from "./answer.js";
import { plain } from "./points.js";
import { promptOf, requestOf } from "./request.js";
import { asJson, copy, savePictures } from "./share.js";
import { newId } from "./store.js";
import { counted, el, say, t, toast } from "./texts.js";

/** @typedef {import("./store.js").Turn} Turn */
/** @typedef {import("./table.js").Table} Table */

const KEEP_MS = 1000; // how often an answer that is being written is kept

export class Talk {
  /**
   * @param {import("./store.js").Store} store @param {Table} table @param {import("./viewer.js").Viewer} viewer
   * @param {{busy: (busy: boolean) => void, remembers: () => boolean, refused: () => Promise<boolean>}} page
   * `refused`: a key is wanted; true where one was given.
   */
  constructor(store, table, viewer, page) {
    this.store = store;
    this.table = table;
    this.viewer = viewer;
    this.page = page;
    this.log = el("log", HTMLElement);
    this.scroller = el("scroller", HTMLElement);
    /** @type {Turn[]} */
    this.turns = [];
    /** @type {Map<string, TurnView>} */
    this.views = new Map();
    /** @type {Turn | null} */
    this.current = null;
    /** @type {AbortController | null} */
    this.stopper = null;
  }

  /** @param {Turn[]} turns of an earlier visit */
  restore(turns) {
    for (const turn of turns) {
      if (turn.state === "writing") turn.state = "stopped";
      this._append(turn);
    }
    this.choose(turns.at(-1) ?? null);
    this._toEnd();
  }

  /** @param {string} id */
  used(id) {
    return this.turns.some((turn) => turn.pictures.includes(id));
  }

  /** @param {Turn["way"]} way @param {string} question @param {string} model */
  async ask(way, question, model) {
    const pictures = this.table.subjects;
    /** @type {Turn} */
    const turn = {
      id: newId(), at: Date.now(), model, way, question, prompt: promptOf(way, question), pictures, sent: [],
      answer: "", found: null, state: "writing",
    };
    this._append(turn);
    await this._answer(turn);
  }

  /** @param {Turn} turn */
  async again(turn) {
    if (this.stopper) return;
    Object.assign(turn, { answer: "", found: null, state: "writing", error: undefined });
    await this._answer(turn);
  }

  stop() {
    this.stopper?.abort();
  }

  /** Put an answer's points on the picture. @param {Turn | null} turn */
  choose(turn) {
    this.current = turn;
    for (const view of this.views.values()) view.mark(view.turn === turn && this.turns.length > 1);
    const { viewed, pictures } = this.table;
    if (turn?.pictures.length && !(viewed && turn.pictures.includes(viewed))) {
      const first = turn.pictures.find((id) => pictures.has(id));
      if (first) this.table.view(first);
    }
    this.drawMarks();
  }

  clear() {
    this.stop();
    this.turns = [];
    this.views.clear();
    this.log.replaceChildren();
    this.choose(null);
  }

  /** The points of the current answer that lie in the picture that is looked at. */
  drawMarks() {
    const turn = this.current;
    const points = turn ? replyOf(turn).points : [];
    const colours = coloursOf(points);
    const marks = points.flatMap((point, index) =>
      turn?.sent[point.image] !== this.table.viewed
        ? []
        : [{ x: point.x, y: point.y, number: index + 1, colour: colours[index], name: nameOf(point, index + 1), unsure: (point.confidence ?? 1) < UNSURE }],
    );
    this.viewer.setMarks(marks);
    /** @type {Map<string, number>} */
    const counts = new Map();
    for (const point of points) {
      const id = turn?.sent[point.image] ?? "";
      counts.set(id, (counts.get(id) ?? 0) + 1);
    }
    this.table.tell(counts);
  }

  /** A mark or its number is pointed at: both stand out. @param {Turn | null} turn @param {number | null} number @param {boolean} [scroll] */
  light(turn, number, scroll = false) {
    if (!turn) return;
    const view = this.views.get(turn.id);
    view?.light(number);
    if (turn === this.current) this.viewer.light(number);
    if (scroll && number !== null) view?.element.querySelector(".is-lit")?.scrollIntoView({ block: "nearest" });
  }

  /** A number in the text was pressed: show its place. @param {Turn} turn @param {number} number */
  show(turn, number) {
    const id = turn.sent[replyOf(turn).points[number - 1]?.image ?? 0];
    if (id && id !== this.table.viewed) this.table.view(id);
    if (turn !== this.current) this.choose(turn);
    this.viewer.reveal(number);
    this.light(turn, number);
  }

  /** @param {Turn} turn */
  _append(turn) {
    const view = new TurnView(
      turn,
      {
        lit: (one, number) => this.light(one, number),
        chosen: (one, number) => this.show(one, number),
        current: (one) => one !== this.current && this.choose(one),
        again: (one) => this.again(one),
        copy: (one) => copy(JSON.stringify(asJson(one, this.table.pictures), null, 1)),
        save: (one) => savePictures(one, this.table.pictures),
      },
      (id) => this.table.address(id),
    );
    this.turns.push(turn);
    this.views.set(turn.id, view);
    this.log.append(view.element);
  }

  /** @param {Turn} turn */
  async _answer(turn) {
    this.stopper = new AbortController();
    this.page.busy(true);
    const before = this.turns.slice(0, this.turns.indexOf(turn)).filter((one) => one.answer && one.state !== "failed");
    const { sent, body } = await requestOf(turn, this.page.remembers() ? before : [], this.table.pictures);
    turn.sent = sent;
    this.choose(turn);
    this._draw(turn);
    this._toEnd();
    if (!(await this.store.put("turns", turn)) && (await this.store.keeps())) toast(t("store.full"), true);
    const again = await this._hear(turn, body, this.stopper.signal);
    this.stopper = null;
    this.page.busy(false);
    this._draw(turn);
    await this.store.put("turns", turn);
    if (again && (await this.page.refused())) await this.again(turn);
    else this._announce(turn);
  }

  /** True where a key is wanted. @param {Turn} turn @param {Record<string, unknown>} body @param {AbortSignal} signal */
  async _hear(turn, body, signal) {
    let waits = false;
    let kept = performance.now();
    /** @param {import("./api.js").Heard} heard */
    const hear = (heard) => {
      turn.answer = heard.text;
      turn.found = heard.found;
      if (performance.now() - kept > KEEP_MS) {
        kept = performance.now();
        this.store.put("turns", turn);
      }
      if (waits) return;
      waits = true;
      requestAnimationFrame(() => {
        waits = false;
        this._draw(turn);
      });
    };
    try {
      const heard = await complete({ ...body, model: turn.model }, hear, signal);
      turn.state = heard.finish === "length" ? "cut" : "done";
    } catch (error) {
      turn.state = signal.aborted ? "stopped" : "failed";
      if (signal.aborted) return false;
      if (!(error instanceof ApiError)) throw error;
      const wait = error.wait ? ` ${t("error.wait", { seconds: error.wait })}` : "";
      turn.error = error.message + wait;
      return error.status === 401;
    }
    return false;
  }

  /** @param {Turn} turn */
  _draw(turn) {
    const { scroller } = this;
    const atEnd = scroller.scrollHeight - scroller.scrollTop - scroller.clientHeight < 80;
    this.views.get(turn.id)?.draw();
    if (turn === this.current) this.drawMarks();
    if (atEnd) this._toEnd();
  }

  _toEnd() {
    this.scroller.scrollTop = this.scroller.scrollHeight;
  }

  /** @param {Turn} turn */
  _announce(turn) {
    if (turn.state === "failed") return; // its note says itself
    const reply = replyOf(turn);
    say([plain(reply), reply.points.length ? `(${counted("answer.points", reply.points.length)})` : ""].filter(Boolean).join(" "));
  }
}
