// @ts-check
/** The page, put together: models and the key, the composer, what comes in, what is forgotten. */
import { ApiError, key, models } from "./api.js";
import { filesOf, photograph } from "./pictures.js";
import { Store } from "./store.js";
import { Table } from "./table.js";
import { Talk } from "./talk.js";
import { agreed, asSentence, data, el, make, t, toast } from "./texts.js";
import { Viewer } from "./viewer.js";

/** @typedef {import("./store.js").Turn["way"]} Way */

const MEMORY = "openmolmo.chat.memory";
const MODEL = "openmolmo.chat.model";

const store = new Store();
const viewer = new Viewer(el("viewer", HTMLElement), {
  lit: (number) => talk.light(talk.current, number, true),
  chosen: (number) => talk.current && talk.light(talk.current, number, true),
});
const table = new Table(store, { viewed, used: (id) => talk.used(id) });
const talk = new Talk(store, table, viewer, { busy, remembers, refused: askForKey });

/** @type {import("./api.js").Model[]} */
let known = [];
const choice = el("model", HTMLSelectElement);
const question = el("question", HTMLTextAreaElement);
const composer = el("composer", HTMLFormElement);
const memory = el("memory", HTMLInputElement);

// ---------------------------------------------------------------------------------------------- models

/** Learn which models there are, and say what the chosen one is. */
async function meet() {
  try {
    known = await models();
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    if (error.status === 401 && (await askForKey())) return meet();
    el("trouble-text", HTMLElement).textContent = error.message;
    el("trouble", HTMLElement).hidden = false;
    return;
  }
  el("trouble", HTMLElement).hidden = true;
  choice.replaceChildren(...known.map((one) => new Option(one.id, one.id)));
  const last = localStorage.getItem(MODEL);
  if (known.some((one) => one.id === last)) choice.value = last ?? "";
  el("model-choice", HTMLElement).hidden = known.length < 2;
  introduce();
}

function introduce() {
  const model = known.find((one) => one.id === choice.value);
  const about = model?.openmolmo ?? {};
  const name = model?.id ?? "";
  const kind = about.knows && data.texts[`knows.${about.knows}`] ? about.knows : "";
  el("model-name", HTMLElement).textContent = name;
  el("model-name", HTMLElement).hidden = known.length > 1;
  el("knows", HTMLElement).textContent = kind ? t(`knows.${kind}.tag`) : "";
  el("knows", HTMLElement).hidden = !kind;
  el("about-name", HTMLElement).textContent = name;
  el("about-what", HTMLElement).textContent = asSentence(about.description ?? "");
  el("about-knows", HTMLElement).textContent = t(kind ? `knows.${kind}` : "knows.unsaid", { name });
  el("about", HTMLElement).hidden = !model;
  memory.checked = remembers();
}

/** Whether earlier turns are sent along: a model of drawings answers one question at a time, and is led astray by them. */
function remembers() {
  const said = localStorage.getItem(MEMORY);
  if (said !== null) return said === "1";
  return known.find((one) => one.id === choice.value)?.openmolmo?.knows !== "drawings";
}

async function askForKey() {
  const field = el("key", HTMLInputElement);
  field.value = key.get();
  el("key-wrong", HTMLElement).hidden = !key.get();
  if (!(await agreed(el("key-dialog", HTMLDialogElement)))) return false;
  key.set(field.value.trim());
  return Boolean(key.get());
}

// ---------------------------------------------------------------------------------------------- the composer

/** @returns {Way} */
function way() {
  const chosen = new FormData(composer).get("way");
  return /** @type {Way} */ (chosen ?? "ask");
}

/** @param {Way} wanted */
function setWay(wanted) {
  const radio = composer.querySelector(`input[value="${wanted}"]`);
  if (radio instanceof HTMLInputElement) radio.checked = true;
  wayChosen();
}

function wayChosen() {
  question.placeholder = t(`way.${way()}.hint`);
  el("question-label", HTMLElement).textContent = t(`way.${way()}.label`);
}

function send() {
  if (talk.stopper) return;
  const chosen = way();
  const text = question.value.trim();
  if (chosen !== "ask" && !table.subjects.length) return toast(t("send.no_picture"), true);
  if (!text && chosen !== "describe") return question.focus();
  if (!choice.value) return void meet().then(() => choice.value && send()); // asked before the page knew the models
  talk.ask(chosen, text, choice.value);
  question.value = "";
  grow();
  return undefined;
}

/** @param {boolean} now */
function busy(now) {
  el("send", HTMLElement).hidden = now;
  el("stop", HTMLElement).hidden = !now;
  choice.disabled = now;
}

function grow() {
  question.style.height = ""; // an empty one has its own height, whatever its hint
  if (question.value) question.style.height = `${Math.min(question.scrollHeight + 2, 168)}px`;
}

// ---------------------------------------------------------------------------------------------- pictures

function viewed() {
  const picture = table.viewed === null ? undefined : table.pictures.get(table.viewed);
  viewer.show(picture ? { ...picture, url: table.address(picture.id) } : null);
  document.body.classList.toggle("has-picture", Boolean(picture));
  talk?.drawMarks();
}

/** @param {File[]} files */
function add(files) {
  return table.add(files.map((file) => ({ blob: file, name: file.name || t("picture.pasted") })));
}

async function camera() {
  const blob = await photograph();
  if (blob) await table.add([{ blob, name: t("picture.taken") }]);
}

/** @param {string} name @param {string} label */
async function sample(name, label) {
  const answer = await fetch(`chat/${name}`).catch(() => null);
  if (!answer?.ok) return toast(t("error.away"), true);
  await table.add([{ blob: await answer.blob(), name }]);
  setWay("point");
  question.value = label;
  question.focus();
  return undefined;
}

/** @param {DragEvent} event */
function dropped(event) {
  const files = filesOf(event.dataTransfer);
  document.body.classList.remove("is-dropping");
  event.preventDefault();
  if (files.length) add(files);
  else if (event.dataTransfer?.types.includes("text/uri-list")) toast(t("picture.address"), true);
}

// ---------------------------------------------------------------------------------------------- settings

/** @param {boolean} everything the key and the settings too */
async function forget(everything) {
  if ((talk.turns.length || table.pictures.size || everything) && !(await agreed(el("forget-dialog", HTMLDialogElement)))) return;
  if (everything) for (const name of [MEMORY, MODEL]) localStorage.removeItem(name);
  if (everything) key.set("");
  talk.clear();
  table.clear();
  introduce();
  toast(t((await store.forget()) ? "forget.done" : "forget.failed"));
  question.focus();
}

/** @param {string} id @param {() => void} action */
const press = (id, action) => el(id, HTMLElement).addEventListener("click", action);

function wire() {
  press("choose", () => el("file", HTMLInputElement).click());
  press("more", () => el("file", HTMLInputElement).click());
  press("take", camera);
  press("more-camera", camera);
  press("stop", () => talk.stop());
  press("anew", () => forget(false));
  press("settings-open", () => void agreed(el("settings", HTMLDialogElement)));
  press("forget", () => {
    el("settings", HTMLDialogElement).close();
    forget(true);
  });
  press("key-open", () => {
    el("settings", HTMLDialogElement).close();
    askForKey().then((given) => (given ? meet() : undefined));
  });
  press("retry", () => void meet());
  for (const one of document.querySelectorAll("[data-sample]")) {
    const { sample: name = "", label = "" } = /** @type {HTMLElement} */ (one).dataset;
    one.addEventListener("click", () => sample(name, label));
  }
  for (const id of ["file", "camera-file"]) {
    const input = el(id, HTMLInputElement);
    input.addEventListener("change", async () => {
      await add([...(input.files ?? [])]);
      input.value = ""; // the same file may be chosen again
    });
  }
  memory.addEventListener("change", () => localStorage.setItem(MEMORY, memory.checked ? "1" : "0"));
  choice.addEventListener("change", () => {
    localStorage.setItem(MODEL, choice.value);
    introduce();
  });
  composer.addEventListener("submit", (event) => {
    event.preventDefault();
    send();
  });
  composer.addEventListener("change", (event) => {
    if (!(event.target instanceof HTMLInputElement) || event.target.name !== "way") return;
    wayChosen();
    if (matchMedia("(pointer: fine)").matches && !event.target.matches(":focus-visible")) question.focus();
  });
  question.addEventListener("input", grow);
  question.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    send();
  });
  viewer.tools.append(el("more", HTMLElement), el("more-camera", HTMLElement));
  viewer.tool("×", t("viewer.remove"), () => table.viewed && table.remove(table.viewed));
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && talk.stopper && !document.querySelector("dialog[open]")) talk.stop();
  });
  document.addEventListener("paste", (event) => {
    const files = filesOf(event.clipboardData);
    if (!files.length) return;
    event.preventDefault();
    add(files);
  });
  document.addEventListener("dragover", (event) => {
    event.preventDefault();
    document.body.classList.add("is-dropping");
  });
  document.addEventListener("dragleave", (event) => {
    if (event.relatedTarget === null) document.body.classList.remove("is-dropping");
  });
  document.addEventListener("drop", dropped);
}

async function begin() {
  wire();
  wayChosen();
  busy(false);
  const { pictures, turns } = await store.all();
  table.restore(pictures);
  talk.restore(turns);
  if (!(await store.keeps())) el("kept", HTMLElement).textContent = t("store.none");
  document.body.append(make("span", "is-ready"));
  await meet();
}

begin();
