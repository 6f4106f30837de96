// What every page has: short messages, dialogues, times in the reader's own form, copying, the keyboard help.
// Nothing here knows of tasks; that is api.js.

/** @type {Record<string, string> | undefined} */
let texts;

/** The messages that the page brought along. @returns {Record<string, string>} */
function messages() {
  if (texts === undefined) {
    texts = JSON.parse(document.getElementById("messages")?.textContent ?? "{}");
  }
  return /** @type {Record<string, string>} */ (texts);
}

/**
 * The text of a key in the person's language, its places filled; the key itself where there is none.
 * @param {string} key
 * @param {Record<string, string | number>} [values]
 * @returns {string}
 */
export function t(key, values = {}) {
  const text = messages()[key] ?? key;
  return text.replace(/\{(\w+)\}/g, (place, name) => (name in values ? String(values[name]) : place));
}

/**
 * A short message that goes by itself; a screen reader says it.
 * @param {string} text
 * @param {"" | "bad"} [kind]
 */
export function toast(text, kind = "") {
  const place = document.getElementById("toasts");
  if (place === null) return;
  const element = document.createElement("div");
  element.className = kind === "" ? "toast" : `toast ${kind}`;
  element.textContent = text;
  place.append(element);
  setTimeout(() => element.remove(), kind === "bad" ? 8000 : 4000);
}

/**
 * A dialogue with buttons; the answer is the value of the one that was pressed, or "" where it was closed.
 * @param {{title: string, text?: string, body?: HTMLElement, actions: {value: string, label: string, kind?: string}[], must?: boolean}} parts
 * `must`: Escape does not close it.
 * @returns {Promise<string>}
 */
export function ask({ title, text, body, actions, must = false }) {
  const dialog = document.createElement("dialog");
  const heading = document.createElement("h2");
  heading.textContent = title;
  heading.id = `dialogue-${Math.random().toString(36).slice(2)}`;
  dialog.setAttribute("aria-labelledby", heading.id);
  dialog.append(heading);
  if (text !== undefined) {
    const paragraph = document.createElement("p");
    paragraph.textContent = text;
    dialog.append(paragraph);
  }
  if (body !== undefined) dialog.append(body);
  const row = document.createElement("div");
  row.className = "actions";
  for (const action of actions) {
    const button = document.createElement("button");
    button.type = "button";
    button.className = action.kind ?? "";
    button.textContent = action.label;
    button.dataset.value = action.value;
    button.addEventListener("click", () => dialog.close(action.value));
    row.append(button);
  }
  dialog.append(row);
  document.body.append(dialog);
  const before = document.activeElement;
  return new Promise((answer) => {
    if (must) dialog.addEventListener("cancel", (event) => event.preventDefault());
    dialog.addEventListener("close", () => {
      dialog.remove();
      if (before instanceof HTMLElement) before.focus();
      answer(dialog.returnValue);
    });
    dialog.showModal();
  });
}

/** Whether somebody is writing, so that letters are no commands. @param {EventTarget | null} target @returns {boolean} */
export function isWriting(target) {
  if (!(target instanceof HTMLElement)) return false;
  if (target instanceof HTMLInputElement) return !["checkbox", "radio", "button", "range"].includes(target.type);
  return target instanceof HTMLTextAreaElement || target instanceof HTMLSelectElement || target.isContentEditable;
}

/** Times in the reader's own zone, as wide as the ones that the page came with. */
function showTimes() {
  const two = (/** @type {number} */ number) => String(number).padStart(2, "0");
  for (const element of document.querySelectorAll("time[data-seconds]")) {
    if (!(element instanceof HTMLTimeElement)) continue;
    const at = new Date(1000 * Number(element.dataset.seconds));
    const day = `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())}`;
    element.textContent = `${day} ${two(at.getHours())}:${two(at.getMinutes())}`;
  }
}

function serveCopying() {
  for (const button of document.querySelectorAll("button[data-copy]")) {
    if (!(button instanceof HTMLButtonElement)) continue;
    button.addEventListener("click", async () => {
      const field = document.getElementById(button.dataset.copy ?? "");
      if (!(field instanceof HTMLInputElement)) return;
      field.select();
      if (navigator.clipboard === undefined) return; // an unencrypted page: the text is selected, at least
      await navigator.clipboard.writeText(field.value);
      toast(t("common.copied"));
    });
  }
}

function serveHelp() {
  const help = document.getElementById("help");
  if (!(help instanceof HTMLDialogElement)) return;
  const open = () => {
    if (help.open) return;
    help.showModal();
    help.scrollTop = 0; // the focus of its last button must not scroll it down
  };
  document.querySelector("[data-action=help]")?.addEventListener("click", open);
  document.addEventListener("keydown", (event) => {
    if (event.key === "?" && !isWriting(event.target) && document.querySelector("dialog[open]") === null) open();
  });
}

/** Fields for keys of one's own: the key that is pressed, whatever it is called; Backspace and Delete empty a field. */
function chooseKeys() {
  for (const field of document.querySelectorAll("input[data-press]")) {
    if (!(field instanceof HTMLInputElement)) continue;
    field.addEventListener("keydown", (event) => {
      if (event.ctrlKey || event.altKey || event.metaKey) return;
      if (["Tab", "Shift", "Enter", "Escape"].includes(event.key)) return;
      event.preventDefault();
      const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
      field.value = key === "Backspace" || key === "Delete" ? "" : key;
    });
  }
}

function sayWhetherSecure() {
  const place = document.getElementById("microphone");
  if (place === null) return;
  const there = window.isSecureContext && navigator.mediaDevices !== undefined;
  place.textContent = (there ? place.dataset.secure : place.dataset.insecure) ?? "";
}

showTimes();
serveCopying();
serveHelp();
chooseKeys();
sayWhetherSecure();
