// @ts-check
/**
 * Asking a text-only language model: a question, drafts, rejections with their reasons, an answer that is accepted.
 *
 * Drafts are made by a worker: the page asks again from time to time and never hangs. What is entered is the page's
 * own (`state.question`, `.answer`, `.reason`), so that a model that is down, slow or talks nonsense loses nothing.
 */
import { call, CallError, isWriting, t, toast } from "../api.js";
import { make } from "./picture.js";
import { part, readonly, task } from "./work_page.js";

/** @typedef {{question: string, answer: string, reason: string}} Asked */
/** @typedef {{number: number, kind: string, text: string, made: Record<string, any>}} Turn */
/**
 * @typedef {object} View
 * @property {{ocr: string[], ocr_by: string, caption: string, caption_from: string, caption_by: string, faults: Record<string, string>}} known
 * @property {Turn[]} turns
 * @property {{state: string, error: string | null, seconds: number} | null} draft
 */

const OFTEN_MS = 1000;
const SELDOM_MS = 4000;
const LONG_SECONDS = 20; // nobody has taken it up: perhaps no worker runs
const FIELDS = /** @type {const} */ (["question", "answer", "reason"]);

/** Whether finished work is only looked at. */
const watching = readonly || Boolean(task.review);

/** @template {Asked} T */
export class Asking {
  /**
   * @param {import("./work_page.js").WorkPage<T>} page
   * @param {{mayAsk?: () => string}} [options] `mayAsk` says in a sentence what is missing before one can ask.
   */
  constructor(page, { mayAsk = () => "" } = {}) {
    this.page = page;
    this.mayAsk = mayAsk;
    this.url = `/api/asking/${task.lease}`;
    /** @type {View | null} */
    this.view = null;
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    this.timer = undefined;
    this.busy = false;
    this._serve();
  }

  /** Begin, when the work of before is on the page. */
  async start() {
    if (this.page.draft) this.page.draft.ready = () => this.settle();
    for (const id of ["ask", "redraft", "again"]) part(id).hidden = watching;
    try {
      this._take(watching ? await call("GET", this.url) : await call("POST", `${this.url}/look`));
    } catch (error) {
      this._later(error);
    }
  }

  /** Show the fields, as the state has them. */
  draw() {
    for (const name of FIELDS) {
      const field = part(name);
      const value = this.page.state[name] ?? "";
      if (field.value !== value) field.value = value;
    }
    this._drawAnswer();
  }

  /** Ask, or ask something else. */
  async ask() {
    const missing = this.mayAsk() || (this.page.state.question.trim() ? "" : t("asking.error.no_question"));
    if (missing) {
      toast(missing, "bad");
      part("question").focus();
      return;
    }
    await this._say("question", this.page.state.question);
  }

  /** Reject what is there, and have it drafted again. */
  async reject() {
    const { reason, answer } = this.page.state;
    if (!reason.trim()) {
      toast(t("asking.error.no_reason"), "bad");
      part("reason").focus();
      return;
    }
    if (this._edited() && !(await this._say("edit", answer))) return;
    if (!(await this._say("reject", reason))) return;
    this.page.state.reason = "";
    this.page.step();
  }

  /** Before the work is handed in: what was edited and accepted is kept too. @returns {Promise<boolean>} */
  async settle() {
    const { answer } = this.page.state;
    if (watching || !answer.trim()) return true; // what is missing is said by the studio
    if (this._edited() && !(await this._say("edit", answer))) return false;
    return this._say("accept", answer);
  }

  // ------------------------------------------------------------------------------------------ calls

  /** @param {"question" | "reject" | "edit" | "accept"} kind @param {string} text */
  async _say(kind, text) {
    if (this.busy || watching) return false;
    this._setBusy(true);
    try {
      this.page.touch();
      if (!(await this.page.draft?.save())) return false; // the page says that it is offline
      this._take(await call("POST", `${this.url}/turns`, { kind, text }));
      return true;
    } catch (error) {
      if (!(error instanceof CallError)) throw error;
      toast(error.message, "bad");
      return false;
    } finally {
      this._setBusy(false);
    }
  }

  async _again() {
    try {
      this._take(await call("POST", `${this.url}/again`));
    } catch (error) {
      toast(/** @type {Error} */ (error).message, "bad");
    }
  }

  async _poll() {
    try {
      this._take(await call("GET", this.url));
    } catch (error) {
      this._later(error);
    }
  }

  /** No connection, or another trouble that passes: the next look comes later. @param {unknown} error */
  _later(error) {
    if (!(error instanceof CallError)) throw error;
    if (error.passing) this._wait(2 * SELDOM_MS);
    else part("asking-said").textContent = error.message;
  }

  /** @param {number} ms */
  _wait(ms) {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this._poll(), ms);
  }

  // ------------------------------------------------------------------------------------------ what came

  /** @param {View} view */
  _take(view) {
    const before = this.view;
    this.view = view;
    if (this._waits()) this._wait((view.draft?.seconds ?? 0) < LONG_SECONDS ? OFTEN_MS : SELDOM_MS);
    else if (!watching && !view.turns.length && !this._looked() && !this.looks) this._lookAgain();
    const draft = this._last("draft");
    const isNew = draft && (!before || !before.turns.some((turn) => turn.number === draft.number));
    if (isNew && this._mayFill(draft)) this._use(draft, before !== null);
    this._drawKnown();
    this._drawTurns();
    this._drawWaiting();
    this._drawAnswer();
  }

  /** What is known of the picture comes a little later than the page; a few looks are enough. */
  _lookAgain() {
    let left = 8;
    this.looks = setInterval(() => {
      left -= 1;
      if (left <= 0 || this._looked() || this._waits()) clearInterval(this.looks);
      else this._poll();
    }, 2000);
  }

  _looked() {
    const known = this.view?.known;
    return Boolean(known && (known.ocr_by || known.faults.ocr));
  }

  _waits() {
    return this.view?.draft != null && this.view.draft.state !== "failed" && this.view.draft.state !== "done";
  }

  /** @param {string} kind @returns {Turn | undefined} */
  _last(kind) {
    return this.view?.turns.findLast((turn) => turn.kind === kind);
  }

  /** A draft never overwrites what a person wrote. @param {Turn} draft */
  _mayFill(draft) {
    if (watching || this._last("accept")) return false;
    const mine = this.page.state.answer.trim();
    const earlier = this.view?.turns.filter((turn) => turn !== draft && ["draft", "edit"].includes(turn.kind)) ?? [];
    return !mine || earlier.some((turn) => turn.text.trim() === mine);
  }

  /** @param {Turn} draft @param {boolean} tell */
  _use(draft, tell) {
    if (this.page.state.answer === draft.text) return;
    this.page.state.answer = draft.text;
    this.page.step();
    if (tell && !isWriting(document.activeElement)) part("answer").focus({ preventScroll: true });
  }

  _edited() {
    const last = this.view?.turns.findLast((turn) => turn.kind === "draft" || turn.kind === "edit");
    return last !== undefined && last.text.trim() !== this.page.state.answer.trim();
  }

  // ------------------------------------------------------------------------------------------ drawing

  _drawWaiting() {
    const said = part("asking-said");
    const waits = this._waits();
    const long = waits && (this.view?.draft?.seconds ?? 0) >= LONG_SECONDS;
    const text = waits ? t(long ? "asking.waiting_long" : "asking.waiting") : "";
    if (said.textContent !== text) said.textContent = text;
    said.classList.toggle("waiting", waits);
    const failed = this.view?.draft?.state === "failed";
    part("failed").hidden = !failed || watching;
    if (failed) part("failed-why").textContent = this.view?.draft?.error ?? "";
    this._enable();
  }

  _drawAnswer() {
    const draft = this._last("draft");
    const mine = this.page.state.answer.trim();
    const isDraft = draft !== undefined && draft.text.trim() === mine;
    part("answer").classList.toggle("is-draft", isDraft);
    const by = !mine && !draft ? "nobody" : !draft ? "person" : `${this._maker(draft)}${isDraft ? "" : "_edited"}`;
    part("answer-by").textContent = t(`asking.by_${by}`, { model: draft?.made.model ?? "" });
    const asked = this._last("question");
    const other = asked !== undefined && asked.text.trim() !== this.page.state.question.trim();
    if (other && draft && !watching) part("answer-by").textContent = t("asking.other_question");
    part("reject").hidden = !draft || watching;
    part("ask").classList.toggle("primary", !draft); // then handing in is what comes next
    part("ask").textContent = t(asked ? "asking.ask_again" : "asking.ask");
  }

  /** @param {Turn} draft */
  _maker(draft) {
    return draft.made.made === "text-only-llm" ? "llm" : "program";
  }

  _drawKnown() {
    if (!this.view) return;
    const { known } = this.view;
    part("caption").textContent = known.caption;
    part("caption").hidden = !known.caption;
    part("caption").tabIndex = known.caption ? 0 : -1;
    const origin = known.caption_from || "none";
    part("caption-from").textContent = t(`asking.caption_${origin}`, { by: known.caption_by });
    if (known.faults.captioned && origin !== "person") {
      part("caption-from").textContent += ` ${t("asking.fault", { why: known.faults.captioned })}`;
    }
    const read = known.faults.ocr ? t("asking.fault", { why: known.faults.ocr }) : t("asking.ocr_wait");
    part("ocr-from").textContent = known.ocr_by ? t(known.ocr.length ? "asking.ocr_by" : "asking.ocr_none", { by: known.ocr_by }) : read;
    part("ocr").replaceChildren(...known.ocr.map((line) => withText(make("li"), line)));
    part("ocr").tabIndex = known.ocr.length ? 0 : -1;
    part("known-short").textContent = t("asking.known_short", { lines: known.ocr.length, caption: t(`asking.short_${origin}`) });
  }

  _drawTurns() {
    const turns = this.view?.turns ?? [];
    part("turns-part").hidden = !turns.length;
    part("turns").replaceChildren(...turns.map((turn) => this._turn(turn)));
  }

  /** @param {Turn} turn */
  _turn(turn) {
    const item = make("li", `turn ${turn.kind}`);
    const head = make("p", "turn-head");
    const how = turn.kind === "draft" ? `draft_${this._maker(turn)}` : turn.kind;
    head.append(withText(make("span"), t(`asking.turn_${how}`, { model: turn.made.model ?? "" })));
    if (turn.kind === "draft" && !watching) {
      const use = make("button");
      use.type = "button";
      use.textContent = t("asking.use");
      use.addEventListener("click", () => this._use(turn, true));
      head.append(use);
    }
    item.append(head, withText(make("p"), turn.text));
    if (turn.made.missing) item.append(withText(make("p", "warn small"), t("asking.missing", { numbers: turn.made.missing.join(", ") })));
    return item;
  }

  // ------------------------------------------------------------------------------------------ what people do

  _serve() {
    const { page } = this;
    for (const name of FIELDS) {
      const field = part(name);
      field.readOnly = readonly;
      field.addEventListener("input", () => {
        page.state[name] = field.value;
        page.touch();
        page.show(page.state);
      });
      field.addEventListener("change", () => page.step());
    }
    part("ask").addEventListener("click", () => this.ask());
    part("redraft").addEventListener("click", () => this.reject());
    part("again").addEventListener("click", () => this._again());
    document.addEventListener("keydown", (event) => this._key(event));
  }

  /** @param {KeyboardEvent} event */
  _key(event) {
    if (watching || document.querySelector("dialog[open]")) return;
    if (event.altKey && event.key === "Enter") {
      event.preventDefault();
      if (document.activeElement === part("reason")) this.reject();
      else this.ask();
      return;
    }
    if (isWriting(event.target) || event.ctrlKey || event.metaKey || event.altKey) return;
    const field = { q: "question", a: "answer", w: "reason" }[event.key];
    if (!field || part(field).offsetParent === null) return;
    event.preventDefault();
    part(field).focus();
  }

  /** @param {boolean} on */
  _setBusy(on) {
    this.busy = on;
    this._enable();
  }

  _enable() {
    const off = watching || this.busy || this._waits();
    part("ask").disabled = off;
    part("redraft").disabled = off;
  }
}

/** @template {HTMLElement} T @param {T} element @param {string} text @returns {T} */
export function withText(element, text) {
  element.textContent = text;
  return element;
}
