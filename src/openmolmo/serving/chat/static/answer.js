// @ts-check
/** One question and its answer on the page: the text, and a number for every point that it names. */
import { readReply, settle } from "./points.js";
import { button, counted, decimal, make, percent, t } from "./texts.js";
import { COLOURS } from "./viewer.js";

/** @typedef {import("./store.js").Turn} Turn */
/** @typedef {import("./points.js").Point} Point */
/** @typedef {{lit: (turn: Turn, number: number | null) => void, chosen: (turn: Turn, number: number) => void, current: (turn: Turn) => void, again: (turn: Turn) => void, copy: (turn: Turn) => void, save: (turn: Turn) => void}} Heard */

export const UNSURE = 0.5; // a confidence below it is shown as such

export const UNLIKE = 0.5; // above it the picture is unlike what the model knows

/** What an answer says, by the page's own reading and, where it has come, the server's. @param {Turn} turn */
export function replyOf(turn) {
  const own = readReply(turn.answer, { pictures: Math.max(turn.sent.length, 1), writing: turn.state === "writing" });
  return turn.state === "writing" ? own : settle(own, turn.found?.points);
}

/** Which colour each point has: one a label. @param {Point[]} points */
export function coloursOf(points) {
  const labels = [...new Set(points.map((point) => point.label))];
  return points.map((point) => labels.indexOf(point.label) % COLOURS);
}

/** "3 · red star · 87 %" @param {Point} point @param {number} number */
export function nameOf(point, number) {
  return [number, point.label, point.confidence == null ? "" : percent(point.confidence)].filter(Boolean).join(" · ");
}

export class TurnView {
  /** @param {Turn} turn @param {Heard} heard @param {(id: string) => string} address of a picture by its id */
  constructor(turn, heard, address) {
    this.turn = turn;
    this.heard = heard;
    this.element = make("li", "turn");
    this.element.dataset.turn = turn.id;
    this.said = make("div", "said");
    this.after = make("div", "after");
    this.element.append(this._question(address), this.said, this.after);
    this.element.addEventListener("click", () => heard.current(turn));
    this.draw();
  }

  /** Draw the answer as it stands now. */
  draw() {
    const { turn } = this;
    const reply = replyOf(turn);
    const colours = coloursOf(reply.points);
    const last = reply.pieces.at(-1);
    this.said.replaceChildren(...reply.pieces.map((piece) => this._piece(piece, reply.points, colours, piece === last)));
    this.said.classList.toggle("is-writing", turn.state === "writing");
    this.said.hidden = turn.state !== "writing" && !reply.pieces.length;
    if (turn.state === "writing") this.after.replaceChildren();
    else this.after.replaceChildren(...this._after(reply.points));
  }

  /** @param {number | null} number */
  light(number) {
    for (const one of this.element.querySelectorAll("[data-number]")) {
      const lit = /** @type {HTMLElement} */ (one).dataset.number === String(number);
      one.classList.toggle("is-lit", lit);
    }
  }

  /** @param {boolean} current Whether its points are those on the picture. */
  mark(current) {
    this.element.classList.toggle("is-current", current);
  }

  /** @param {(id: string) => string} address */
  _question(address) {
    const { turn } = this;
    const box = make("div", "asked");
    if (turn.way !== "ask") box.append(make("span", "tag", t(`way.${turn.way}`)));
    if (turn.question) box.append(make("p", "", turn.question));
    const row = make("span", "asked-pictures");
    for (const address_ of turn.pictures.map(address).filter(Boolean)) {
      const image = make("img");
      image.src = address_;
      image.alt = "";
      row.append(image);
    }
    if (row.children.length) box.prepend(row);
    return box;
  }

  /** @param {import("./points.js").Piece} piece @param {Point[]} points @param {number[]} colours @param {boolean} last */
  _piece(piece, points, colours, last) {
    if (!piece.points.length) {
      return document.createTextNode(last && this.turn.state !== "writing" ? piece.text.trimEnd() : piece.text);
    }
    const box = make("span", `named c${colours[piece.points[0]]}`);
    box.append(...(piece.text ? [make("span", "named-text", piece.text)] : []), " ");
    box.append(...piece.points.flatMap((index, at) => [at ? " " : "", this._number(points[index], index + 1)]));
    return box;
  }

  /** @param {Point} point @param {number} number */
  _number(point, number) {
    const { turn, heard } = this;
    const made = button(String(number), () => heard.chosen(turn, number), "number");
    made.dataset.number = String(number);
    const label = point.label || t("point.unnamed");
    const sure = point.confidence == null ? "" : `, ${t("point.sure", { percent: percent(point.confidence) })}`;
    made.setAttribute("aria-label", t("point.at", { number, label, x: decimal(point.x), y: decimal(point.y) }) + sure);
    made.classList.toggle("is-unsure", point.confidence != null && point.confidence < UNSURE);
    made.addEventListener("pointerenter", () => heard.lit(turn, number));
    made.addEventListener("pointerleave", () => heard.lit(turn, null));
    made.addEventListener("focus", () => heard.lit(turn, number));
    made.addEventListener("blur", () => heard.lit(turn, null));
    return made;
  }

  /** @param {Point[]} points */
  _after(points) {
    const { turn, heard } = this;
    /** @type {HTMLElement[]} */
    const parts = [];
    if (turn.state === "failed") {
      const note = make("p", "note bad", turn.error ?? "");
      note.setAttribute("role", "alert");
      parts.push(note);
    }
    if (turn.state === "cut" || turn.state === "stopped") parts.push(make("p", "dim small", t(`answer.${turn.state}`)));
    if (turn.state === "done" && !turn.answer.trim()) parts.push(make("p", "dim small", t("answer.empty")));
    if ((turn.found?.out_of_world ?? 0) > UNLIKE) {
      parts.push(make("p", "dim small", t("answer.unlike", { percent: percent(turn.found?.out_of_world ?? 0) })));
    }
    if (turn.found?.dropped) parts.push(make("p", "dim small", counted("answer.dropped", turn.found.dropped)));
    if (points.length) parts.push(table(points, turn.sent.length > 1));
    const row = make("p", "actions");
    if (turn.answer) row.append(button(t("answer.copy"), () => heard.copy(turn), "plain"));
    if (points.length) row.append(button(t("answer.save"), () => heard.save(turn), "plain"));
    if (turn.state !== "done") row.append(button(t("answer.again"), () => heard.again(turn), "plain"));
    if (row.children.length) parts.push(row);
    return parts;
  }
}

/** Every point in a line, for those who want the figures. @param {Point[]} points @param {boolean} several */
function table(points, several) {
  const box = make("details");
  const sure = points.some((point) => point.confidence != null);
  const head = ["#", t("point.label"), ...(several ? [t("point.picture")] : []), "x %", "y %", ...(sure ? [t("point.confidence")] : [])];
  const rows = points.map((point, index) => [
    String(index + 1),
    point.label,
    ...(several ? [String(point.image + 1)] : []),
    decimal(point.x),
    decimal(point.y),
    ...(sure ? [point.confidence == null ? "" : percent(point.confidence)] : []),
  ]);
  const grid = make("table");
  const row = (/** @type {string[]} */ cells, /** @type {"th" | "td"} */ kind) => {
    const made = make("tr");
    made.append(...cells.map((cell, index) => make(kind, head[index] === t("point.label") ? "" : "n", cell)));
    return made;
  };
  const top = make("thead");
  top.append(row(head, "th"));
  const body = make("tbody");
  body.append(...rows.map((cells) => row(cells, "td")));
  grid.append(top, body);
  const scroll = make("div", "scroll");
  scroll.append(grid);
  box.append(make("summary", "", counted("answer.points", points.length)), scroll);
  return box;
}
