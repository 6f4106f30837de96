// @ts-check
/** Recording on the page of speaking: its buttons and keys, what is shown, and how it goes on after anything. */
import { ask, CallError, Draft, t, toast } from "../api.js";
import { hindrance, Microphone, recordedType, Take, whyNot } from "./microphone.js";
import { Recordings } from "./recordings.js";
import { SpeakKeys } from "./speak_keys.js";
import { clock, gateText, SpeakParts } from "./speak_parts.js";
import { part, task } from "./work_page.js";

/** @typedef {"blocked" | "idle" | "asking" | "recording" | "paused" | "sending" | "ready"} Phase */

const POLL_MS = 2000;
const WAIT_MS = 5000; // for another device
const QUIET_DB = -45; // a voice near a microphone is above -35
const QUIET_MS = 4000;

export class Speaker {
  constructor() {
    /** @type {Phase} */
    this.phase = "blocked";
    /** @type {Take | null} */
    this.take = null;
    this.loudAt = 0;
    this.least = 1000 * Number(task.options.min_seconds);
    this.most = 1000 * Number(task.options.max_seconds);
    this.microphone = new Microphone(() => this._lost());
    this.recordings = new Recordings(task, {
      onState: (left, trouble) => this._showSending(left, trouble),
      onRefused: (message) => toast(message, "bad"),
    });
    this.parts = new SpeakParts(part("parts"), { readonly: false, onText: () => this.draft.changed() });
    this.caption = "";
    this.draft = new Draft(task, {
      collect: () => ({ texts: this.parts.collect(), caption: this.caption }),
      show: (payload) => {
        this.caption = payload.caption ?? "";
        this.parts.takeUp(payload.texts ?? {});
      },
      ready: () => this._mayHandIn(),
    });
    const actions = {
      record: () => this.record(),
      stop: () => this.stop(),
      listen: () => this.listen(),
      again: () => this.again(),
      discard: () => this.discard(),
    };
    for (const [name, action] of Object.entries(actions)) part(name).addEventListener("click", action);
    new SpeakKeys(task.keys ?? {}, (action) => {
      if (!part(action).disabled) actions[action]();
    });
    part("trouble-again").addEventListener("click", () => this.record());
    for (const kind of ["play", "pause", "ended"]) part("parts").addEventListener(kind, () => this.draw(), true);
  }

  /** Wait until no other tab has this task, then go on with what is there. */
  async open() {
    this.draw();
    const wrong = hindrance();
    if (wrong !== "") this._trouble(wrong);
    if (!("locks" in navigator)) {
      await this._goOn(); // an unencrypted page has none, and no microphone either
      return;
    }
    const name = `studio.speak.${task.lease}`;
    const free = await navigator.locks.query();
    if (free.held?.some((lock) => lock.name === name)) part("phase").textContent = t("speak.elsewhere");
    // Held as long as the page lives: the next tab gets it when this one is closed.
    await navigator.locks.request(name, async () => {
      await this._goOn();
      await new Promise(() => {});
    });
  }

  async _goOn() {
    await this.recordings.load();
    for (;;) {
      const { waits, finished } = await this.recordings.takeUp();
      if (finished > 0) toast(t("speak.back", { number: this.recordings.complete.length }));
      if (!waits) break;
      part("phase").textContent = t("speak.other_device");
      await new Promise((resolve) => setTimeout(resolve, WAIT_MS));
      await this.recordings.load();
    }
    this._enter(this.recordings.complete.length > 0 ? "ready" : "idle");
    this._pollWords();
  }

  // -- what people do ---------------------------------------------------------------------------------------------

  /** Record, pause or go on, by what is going on. */
  async record() {
    if (this.phase === "recording") {
      this.take?.pause();
      this._enter("paused");
    } else if (this.phase === "paused") {
      this.take?.resume();
      this._enter("recording");
    } else if (this.phase === "idle" || this.phase === "ready") {
      await this._begin();
    }
  }

  async _begin() {
    const wrong = hindrance();
    if (wrong !== "") {
      this._trouble(wrong);
      return;
    }
    const before = this.phase;
    this._enter("asking");
    this._trouble("");
    for (const player of this.parts.players) player.pause(); // else the microphone hears it
    try {
      await this.microphone.open();
    } catch (error) {
      this._trouble(whyNot(error));
      this._enter(before);
      return;
    }
    try {
      const type = recordedType();
      const id = await this.recordings.begin(type);
      const stream = /** @type {MediaStream} */ (this.microphone.stream);
      this.take = new Take(id, stream, type, (number, bytes) => this.recordings.keep(id, number, bytes));
      this.take.start();
    } catch (error) {
      toast(/** @type {Error} */ (error).message, "bad");
      this.microphone.close();
      this._enter(before);
      return;
    }
    this.loudAt = performance.now();
    this._enter("recording");
    this._tick();
  }

  /** The recording is complete: everything is sent, and the studio looks at it. */
  async stop() {
    const take = this.take;
    if (take === null || this.phase === "sending") return;
    this._enter("sending");
    await take.stop();
    this.microphone.close();
    try {
      await this.recordings.finish(take);
    } catch (error) {
      if (error instanceof CallError && error.code === "lease_lost") {
        await this.draft._failed(error); // says so, and leads to the next task
        return;
      }
      toast(/** @type {Error} */ (error).message, "bad");
      await this.recordings.load();
      await this.recordings.takeUp(); // what has arrived is a recording all the same
    }
    this.take = null;
    this.draft.changed();
    this._enter(this.recordings.complete.length > 0 ? "ready" : "idle");
    this._pollWords();
  }

  listen() {
    this.parts.toggle().catch((error) => toast(String(error.message ?? error), "bad"));
  }

  async again() {
    if (await this._discard("speak.again")) await this._begin();
  }

  async discard() {
    await this._discard("speak.discard");
  }

  /** @param {string} key @returns {Promise<boolean>} */
  async _discard(key) {
    if (this.phase === "recording") await this.record();
    const answer = await ask({
      title: t(`${key}_title`),
      text: t(`${key}_sure`),
      actions: [
        { value: "", label: t("common.cancel") },
        { value: "yes", label: t(key), kind: "primary" },
      ],
    });
    if (answer !== "yes") return false;
    const take = this.take;
    if (take !== null) {
      // What is going on alone; earlier parts stay, unless all is begun anew.
      await take.stop();
      this.microphone.close();
      this.take = null;
      await this.recordings.discard(take.recording);
    }
    if (take === null || key === "speak.again") {
      for (const one of this.recordings.complete) await this.recordings.discard(one.id);
    }
    this.parts.show(this.recordings.complete);
    this.draft.changed();
    this._enter(this.recordings.complete.length > 0 ? "ready" : "idle");
    return true;
  }

  _lost() {
    if (this.take === null) return;
    toast(t("speak.mic_lost"), "bad");
    this.stop();
  }

  /** @returns {boolean} */
  _mayHandIn() {
    if (this.phase === "ready") return true;
    toast(t(this.take === null ? "speak.error.nothing" : "speak.error.open"), "bad");
    return false;
  }

  // -- what is shown ------------------------------------------------------------------------------------------------

  /** @param {Phase} phase */
  _enter(phase) {
    this.phase = phase;
    this.draw();
  }

  draw() {
    const { phase } = this;
    const live = phase === "recording" || phase === "paused";
    const has = this.recordings.complete.length > 0;
    const still = phase === "idle" || phase === "ready";
    this._label("record", phase === "recording" ? "pause" : phase === "paused" ? "resume" : has ? "more" : "record");
    const hindered = hindrance() !== "";
    part("record").disabled = !(live || still) || hindered;
    part("stop").disabled = !live;
    part("listen").disabled = !(still && has);
    this._label("listen", this.parts.playing ? "listen_stop" : "listen");
    part("again").disabled = !(live || (still && has));
    part("discard").disabled = part("again").disabled;
    part("record").classList.toggle("primary", phase !== "ready");
    part("dot").classList.toggle("is-live", phase === "recording");
    const gates = this.recordings.complete.at(-1)?.gates ?? [];
    part("dot").classList.toggle("is-good", phase === "ready" && gates.length === 0);
    if (phase === "ready") part("phase").textContent = gates.length === 0 ? t("speak.good") : "";
    else if (phase !== "blocked") part("phase").textContent = hindered ? "" : t(`speak.${phase}`);
    part("gates").replaceChildren(
      ...(still ? gates : []).map((gate) => Object.assign(document.createElement("li"), { textContent: gateText(gate) })),
    );
    this.parts.show(this.recordings.complete);
    part("words-title").hidden = part("words-how").hidden = !has;
    this._showTime();
  }

  /** @param {string} id @param {string} key */
  _label(id, key) {
    part(id).querySelector("span").textContent = t(`speak.${key}`);
  }

  _showTime() {
    const spoken = this.recordings.milliseconds + (this.take?.milliseconds ?? 0);
    part("clock").textContent = clock(spoken);
    const left = Math.ceil((this.least - spoken) / 1000);
    part("left").textContent = left > 0 ? t("speak.left", { seconds: left }) : t("speak.enough");
    part("gone").value = Math.min(100, (100 * spoken) / Math.max(this.least, 1));
  }

  /** While a take lives: the level, the time, and the end at the longest that is taken. */
  _tick() {
    if (this.take === null) {
      this._showLevel(-60);
      part("low").textContent = "";
      return;
    }
    const level = this.microphone.level();
    const now = performance.now();
    if (level > QUIET_DB || this.phase !== "recording") this.loudAt = now;
    this._showLevel(this.phase === "recording" ? level : -60);
    part("low").textContent = now - this.loudAt > QUIET_MS ? t("speak.low") : "";
    this._showTime();
    if (this.phase === "recording") {
      this.draft.clock.touch(); // who speaks works, though no key is pressed
      if (this.recordings.milliseconds + this.take.milliseconds > this.most) this.stop();
    }
    setTimeout(() => this._tick(), 100); // not by frames: a hidden tab has none, and must end in time too
  }

  /** @param {number} level dBFS */
  _showLevel(level) {
    const share = Math.min(1, Math.max(0, (level + 60) / 60));
    part("level-bar").style.setProperty("--level", String(share));
    part("level").setAttribute("aria-valuenow", String(Math.round(100 * share)));
  }

  /** @param {number} left @param {string} trouble */
  _showSending(left, trouble) {
    part("pending").textContent = left === 0 ? "" : t(left === 1 ? "speak.kept_one" : "speak.kept", { count: left });
    const banner = part("banner");
    if (trouble !== "") {
      banner.textContent = trouble; // no connection, or a full disk: it is sent again all the same
      banner.hidden = false;
    } else if (!banner.hidden) {
      banner.hidden = true;
      toast(t("work.online"));
    }
  }

  /** @param {string} key of what is wrong with the microphone; "" for nothing */
  _trouble(key) {
    part("trouble").hidden = key === "";
    if (key === "") return;
    part("trouble-text").textContent = t(key);
    part("trouble-more").hidden = key !== "speak.mic_insecure";
    part("trouble-again").hidden = key === "speak.mic_insecure" || key === "speak.mic_type";
  }

  /** Ask for the words until they are there. */
  async _pollWords() {
    if (this.polling) return;
    this.polling = true;
    while (this.recordings.complete.some((one) => one.words === "waiting") && this.take === null) {
      await new Promise((resolve) => setTimeout(resolve, POLL_MS));
      if (this.take !== null) break;
      await this.recordings.load();
      this.draw();
    }
    this.polling = false;
  }
}
