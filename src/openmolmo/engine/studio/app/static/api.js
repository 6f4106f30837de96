// Calls to the studio, and the draft of one task: kept in this browser at once, and in the studio every two seconds.
//
//   import { Draft, call, t } from "/static/api.js";
//   const task = JSON.parse(document.getElementById("task").textContent);
//   const draft = new Draft(task, { collect: () => payload, show: (payload) => { ... } });
//   ... after every change: draft.changed();

import { ask, isWriting, t, toast } from "./studio.js";

export { ask, isWriting, t, toast };

/** Something was refused; `code` says what, `status` is HTTP's, 0 where the studio cannot be reached. */
export class CallError extends Error {
  /** @param {string} message @param {number} status @param {string} code @param {Record<string, any>} answer */
  constructor(message, status, code, answer = {}) {
    super(message);
    this.status = status;
    this.code = code;
    this.answer = answer;
  }

  /** Whether the same call may work a little later. @returns {boolean} */
  get passing() {
    return this.status === 0 || this.status === 429 || this.status >= 500;
  }
}

function csrf() {
  const found = document.querySelector("meta[name=csrf]");
  return found instanceof HTMLMetaElement ? found.content : "";
}

/**
 * Call an address of the studio; a body is sent as JSON, bytes as they are. A refusal throws a CallError.
 * @param {string} method
 * @param {string} url
 * @param {any} [body]
 * @param {{keepalive?: boolean}} [options] keepalive: the call outlives the page
 * @returns {Promise<any>}
 */
export async function call(method, url, body, options = {}) {
  const bytes = body instanceof Blob || body instanceof ArrayBuffer || ArrayBuffer.isView(body);
  /** @type {Record<string, string>} */
  const headers = { "X-CSRF": csrf() };
  if (body !== undefined) headers["Content-Type"] = bytes ? "application/octet-stream" : "application/json";
  let answer;
  try {
    answer = await fetch(url, {
      method,
      headers,
      body: body === undefined || bytes ? body : JSON.stringify(body),
      keepalive: options.keepalive ?? false,
      signal: AbortSignal.timeout(30_000),
    });
  } catch {
    throw new CallError(t("work.offline"), 0, "offline");
  }
  const text = await answer.text();
  /** @type {Record<string, any>} */
  let value = {};
  try {
    value = text === "" ? {} : JSON.parse(text);
  } catch {
    // something between this page and the studio answered, such as a proxy whose studio is down
    throw new CallError(t("work.offline"), answer.ok ? 502 : answer.status, "offline");
  }
  if (!answer.ok) throw new CallError(value.error ?? t("common.our_fault"), answer.status, value.code ?? "", value);
  return value;
}

const SAVE_MS = 2000;
const MOST_WAIT_MS = 15_000;
const IDLE_MS = 60_000; // a minute without a touch is no work

/** Milliseconds that somebody really works: pauses and hidden tabs do not count. */
class WorkClock {
  /** @param {number} before milliseconds of earlier visits */
  constructor(before) {
    this.total = before;
    this.last = performance.now();
    for (const kind of ["pointerdown", "pointermove", "keydown", "wheel", "scroll"]) {
      document.addEventListener(kind, () => this.touch(), { passive: true, capture: true });
    }
    document.addEventListener("visibilitychange", () => this.touch());
  }

  touch() {
    const now = performance.now();
    if (!document.hidden || now - this.last < IDLE_MS) this.total += Math.min(now - this.last, IDLE_MS);
    this.last = now;
  }

  /** @returns {boolean} */
  get active() {
    return performance.now() - this.last < 5 * IDLE_MS;
  }

  /** @returns {number} */
  read() {
    return Math.round(this.total);
  }
}

/**
 * The work on one task. It restores what was entered before, saves what changes, holds the lease, and serves the
 * buttons of the page's bar (hand in, skip, and a reviewer's). The page says `changed()` after every change.
 */
export class Draft {
  /**
   * @param {any} task the page's data block
   * @param {{collect: () => any, show: (payload: any) => void, ready?: () => boolean | Promise<boolean>}} page
   * `collect` reads what is entered; `show` puts a draft into the page; `ready` may stop handing in.
   */
  constructor(task, { collect, show, ready }) {
    this.task = task;
    this.collect = collect;
    this.show = show;
    this.ready = ready ?? (() => true);
    this.revision = task.revision;
    this.clock = new WorkClock(task.worked_ms ?? 0);
    this.dirty = false;
    this.busy = false;
    this.ended = false;
    this.wait = SAVE_MS;
    this.watching = task.readonly || task.review !== null; // looks at finished work: nothing is saved by itself
    this.place = task.review ? `studio.review.${task.review.annotation}` : `studio.draft.${task.lease}`;
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    this.timer = undefined;
    this._restore();
    this._serveButtons();
    document.querySelector(".work-parts")?.removeAttribute("inert");
    if (this.watching) return;
    this._watchTabs();
    this._holdLease();
    addEventListener("online", () => this._soon(0));
    addEventListener("pagehide", () => this._flush());
    document.addEventListener("visibilitychange", () => {
      if (document.hidden) this._flush();
    });
  }

  /** Something was entered: keep it here at once, and in the studio soon. */
  changed() {
    if (this.ended || this.task.readonly) return;
    this.clock.touch();
    this.dirty = true;
    this._keep();
    if (this.watching) return;
    this._say("work.unsaved");
    this._soon(SAVE_MS);
  }

  /** Save now; whether everything is saved. @returns {Promise<boolean>} */
  async save() {
    if (this.ended || this.watching) return true;
    if (!this.dirty) return true;
    if (this.busy) {
      await this.saving;
      return this.save();
    }
    this.saving = this._save();
    return this.saving;
  }

  /** Hand the work in; leads to the next task. @returns {Promise<void>} */
  async submit() {
    if (this.ended || this.watching || !(await this.ready())) return;
    this._enable(false);
    this._say("work.submitting");
    try {
      this.dirty = true; // an unchanged page is saved too: what is refused must be kept
      if (!(await this.save())) {
        toast(t("work.offline"), "bad");
        return;
      }
      const payload = this.collect();
      const answer = await call("POST", `/api/leases/${this.task.lease}/submit`, { payload, worked_ms: this.clock.read() });
      this._leave(answer.next);
    } catch (error) {
      if (await this._failed(error)) toast(/** @type {Error} */ (error).message, "bad");
    } finally {
      this._enable(true);
    }
  }

  /** Give the task back, for a reason. @param {string} reason @returns {Promise<void>} */
  async skip(reason) {
    try {
      const answer = await call("POST", `/api/leases/${this.task.lease}/skip`, { reason });
      this._leave(answer.next);
    } catch (error) {
      if (await this._failed(error)) toast(/** @type {Error} */ (error).message, "bad");
    }
  }

  /** A reviewer's verdict. @param {"accepted" | "sent_back" | "mended"} verdict @returns {Promise<void>} */
  async judge(verdict) {
    const field = document.getElementById("review-comment");
    const comment = field instanceof HTMLInputElement ? field.value : "";
    if (verdict === "sent_back" && comment.trim() === "") {
      toast(t("review.comment_needed"), "bad");
      field?.focus();
      return;
    }
    if (verdict === "mended" && !(await this.ready())) return;
    this._enable(false);
    try {
      const payload = verdict === "mended" ? this.collect() : null;
      const answer = await call("POST", `/api/reviews/${this.task.review.annotation}`, { verdict, comment, payload });
      this._leave(answer.next);
    } catch (error) {
      toast(/** @type {Error} */ (error).message, "bad");
    } finally {
      this._enable(true);
    }
  }

  // -- keeping --------------------------------------------------------------------------------------------------------

  _keep() {
    try {
      localStorage.setItem(this.place, JSON.stringify({ payload: this.collect(), revision: this.revision }));
    } catch {
      // The browser's store is full or forbidden; the studio's own copy remains.
    }
  }

  _kept() {
    try {
      return JSON.parse(localStorage.getItem(this.place) ?? "null");
    } catch {
      return null;
    }
  }

  _restore() {
    const kept = this.task.readonly ? null : this._kept();
    if (kept === null || this.task.review !== null) {
      if (this.task.draft !== null) this.show(this.task.draft);
      this._say(this.task.draft === null ? "work.nothing_yet" : "work.saved");
      return;
    }
    if (kept.revision === this.revision) {
      this.show(kept.payload);
      this.dirty = true;
      this._soon(0);
      toast(t("work.restored"));
      return;
    }
    if (this.task.draft !== null) this.show(this.task.draft);
    this._choose(kept.payload, this.task.draft, this.revision);
  }

  async _save() {
    this.busy = true;
    this.dirty = false;
    const payload = this.collect();
    this._say("work.saving");
    try {
      const answer = await call("POST", `/api/leases/${this.task.lease}/draft`, {
        payload,
        revision: this.revision,
        worked_ms: this.clock.read(),
      });
      this.revision = answer.revision;
      this.wait = SAVE_MS;
      if (!this.dirty) localStorage.removeItem(this.place);
      else this._keep();
      this._online();
      this._say(this.dirty ? "work.unsaved" : "work.saved");
      return true;
    } catch (error) {
      this.dirty = true;
      this._say("work.unsaved");
      if (error instanceof CallError && error.passing) {
        this._offline(error.status === 0 || error.code === "offline" ? t("work.offline") : error.message);
        this.wait = Math.min(2 * this.wait, MOST_WAIT_MS);
        this._soon(this.wait);
      } else if (await this._failed(error)) {
        this._offline(/** @type {Error} */ (error).message);
      }
      return false;
    } finally {
      this.busy = false;
    }
  }

  /** Save once after a while. @param {number} ms */
  _soon(ms) {
    if (this.timer !== undefined && ms > 0 && this.wait === SAVE_MS) return; // every two seconds, not two after the last
    clearTimeout(this.timer);
    this.timer = setTimeout(async () => {
      this.timer = undefined;
      await this.save();
      if (this.dirty && !this.ended && this.timer === undefined) this._soon(this.wait);
    }, ms);
  }

  /** The page goes away: one last call that outlives it. */
  _flush() {
    if (!this.dirty || this.ended || this.busy) return;
    const body = { payload: this.collect(), revision: this.revision, worked_ms: this.clock.read() };
    call("POST", `/api/leases/${this.task.lease}/draft`, body, { keepalive: true }).then(
      (answer) => {
        this.revision = answer.revision;
        this.dirty = false;
        localStorage.removeItem(this.place);
      },
      () => {}, // it stays in this browser
    );
  }

  // -- what can go wrong ------------------------------------------------------------------------------------------------

  /** Serve the failures that have a dialogue of their own; whether the error is still to be told. @param {unknown} error */
  async _failed(error) {
    if (!(error instanceof CallError)) throw error;
    if (error.code === "stale") {
      await this._choose(this.collect(), error.answer.draft, error.answer.revision);
      return false;
    }
    if (error.code === "lease_lost") {
      await this._lost();
      return false;
    }
    if (error.status === 401) {
      await this._signInAgain();
      return false;
    }
    if (error.passing) this._offline(error.message);
    return !error.passing;
  }

  /** Two versions: the person chooses, unless they are the same. @param {any} mine @param {any} theirs @param {number} revision */
  async _choose(mine, theirs, revision) {
    // The last call of a page that closed may arrive without its page, which is gone, ever hearing of it.
    if (JSON.stringify(mine) === JSON.stringify(theirs)) {
      this._agree(revision);
      return;
    }
    const choice = await ask({
      title: t("work.conflict_title"),
      text: t("work.conflict"),
      must: true,
      actions: [
        { value: "theirs", label: t("work.conflict_theirs") },
        { value: "mine", label: t("work.conflict_mine"), kind: "primary" },
      ],
    });
    if (choice === "theirs") {
      this.show(theirs);
      this._agree(revision);
      return;
    }
    this.revision = revision;
    this.show(mine);
    this.dirty = true;
    this._keep();
    this._soon(0);
  }

  /** What is entered here is what the studio has. @param {number} revision */
  _agree(revision) {
    this.revision = revision;
    this.dirty = false;
    localStorage.removeItem(this.place);
    this._online();
    this._say("work.saved");
  }

  async _lost() {
    if (this.ended) return;
    this.ended = true;
    this._keep();
    await ask({
      title: t("work.lost_title"),
      text: t("work.lost"),
      must: true,
      actions: [{ value: "next", label: t("work.next"), kind: "primary" }],
    });
    location.assign(`/work/${this.task.task.mode}`);
  }

  async _signInAgain() {
    const link = document.createElement("a");
    link.href = "/sign-in";
    link.target = "_blank";
    link.textContent = t("work.sign_in_tab");
    await ask({
      title: t("work.signed_out_title"),
      text: t("work.signed_out"),
      body: link,
      must: true,
      actions: [{ value: "again", label: t("work.try_again"), kind: "primary" }],
    });
    // A new session has a new secret: the page is loaded anew, and what was entered comes back from this browser.
    this._keep();
    location.reload();
  }

  /** @param {string} text */
  _offline(text) {
    const banner = document.getElementById("banner");
    if (banner === null) return;
    banner.textContent = text;
    banner.hidden = false;
  }

  _online() {
    const banner = document.getElementById("banner");
    if (banner === null || banner.hidden) return;
    banner.hidden = true;
    toast(t("work.online"));
  }

  /** @param {string} key */
  _say(key) {
    const place = document.getElementById("saved");
    if (place !== null) place.textContent = t(key);
  }

  _watchTabs() {
    if (!("BroadcastChannel" in window)) return;
    const channel = new BroadcastChannel(this.place);
    channel.addEventListener("message", (event) => {
      if (event.data === "opened") channel.postMessage("here");
      toast(t("work.elsewhere"), "bad");
    });
    channel.postMessage("opened");
  }

  _holdLease() {
    const ms = Math.max(5000, Math.min(60_000, (1000 * this.task.expires_at - Date.now()) / 3));
    setInterval(async () => {
      if (this.ended || !this.clock.active || this.busy) return;
      try {
        await call("POST", `/api/leases/${this.task.lease}/renew`);
      } catch (error) {
        if (error instanceof CallError && !error.passing) await this._failed(error);
      }
    }, ms);
  }

  /** @param {string} next */
  _leave(next) {
    this.ended = true;
    this.dirty = false;
    localStorage.removeItem(this.place);
    location.assign(next);
  }

  // -- the bar ------------------------------------------------------------------------------------------------------------

  _serveButtons() {
    document.querySelector("[data-action=submit]")?.addEventListener("click", () => this.submit());
    document.querySelector("[data-action=skip]")?.addEventListener("click", () => this._askToSkip());
    for (const button of document.querySelectorAll("[data-verdict]")) {
      if (!(button instanceof HTMLButtonElement)) continue;
      const verdict = /** @type {"accepted" | "sent_back" | "mended"} */ (button.dataset.verdict);
      button.addEventListener("click", () => this.judge(verdict));
    }
    document.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" || !(event.ctrlKey || event.metaKey)) return;
      if (document.querySelector("dialog[open]") !== null) return;
      event.preventDefault();
      if (this.task.review) this.judge("accepted");
      else this.submit();
    });
  }

  /** @param {boolean} on */
  _enable(on) {
    for (const button of document.querySelectorAll(".bar button")) {
      if (button instanceof HTMLButtonElement) button.disabled = !on;
    }
  }

  async _askToSkip() {
    const body = document.createElement("div");
    const options = document.createElement("fieldset");
    options.className = "options";
    const legend = document.createElement("legend");
    legend.textContent = t("work.skip_why");
    options.append(legend);
    for (const reason of ["unclear", "broken", "upsetting", "other"]) {
      const label = document.createElement("label");
      label.className = "check";
      const radio = document.createElement("input");
      radio.type = "radio";
      radio.name = "reason";
      radio.value = reason;
      radio.checked = reason === "unclear";
      label.append(radio, t(`work.skip_${reason}`));
      options.append(label);
    }
    body.append(options);
    const answer = await ask({
      title: t("work.skip_title"),
      body,
      actions: [
        { value: "", label: t("common.cancel") },
        { value: "skip", label: t("work.skip_do"), kind: "primary" },
      ],
    });
    if (answer !== "skip") return;
    const chosen = options.querySelector("input:checked");
    await this.skip(chosen instanceof HTMLInputElement ? chosen.value : "");
  }
}
