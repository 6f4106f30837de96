// @ts-check
/** What the page says, and small ways of saying it. */

const block = document.getElementById("page-data")?.textContent ?? "{}";
/** @type {{texts: Record<string, string>, wordings: {point: string, count: string, describe: string}, locale: string}} */
export const data = JSON.parse(block);

/** The text called `key`, its places filled; the key itself where there is none. @param {string} key @param {Record<string, string | number>} [values] */
export function t(key, values = {}) {
  return Object.entries(values).reduce((text, [name, value]) => text.replaceAll(`{${name}}`, String(value)), data.texts[key] ?? key);
}

/** "1 point", "3 points". @param {string} key @param {number} count */
export const counted = (key, count) => t(`${key}.${count === 1 ? "one" : "many"}`, { count });

/** 0-1 as people read it. @param {number} part */
export const percent = (part) => new Intl.NumberFormat(data.locale, { style: "percent" }).format(part);

/** @param {number} value @param {number} digits */
export const decimal = (value, digits = 1) =>
  new Intl.NumberFormat(data.locale, { minimumFractionDigits: digits, maximumFractionDigits: digits }).format(value);

/** @param {string} text */
export const asSentence = (text) => text && text[0].toUpperCase() + text.slice(1) + (/[.!?]$/.test(text) ? "" : ".");

/** The element with this id. @template {HTMLElement} T @param {string} id @param {new () => T} kind @returns {T} */
export function el(id, kind) {
  const found = document.getElementById(id);
  if (!(found instanceof kind)) throw new Error(`no ${kind.name} #${id}`);
  return found;
}

/**
 * @template {keyof HTMLElementTagNameMap} T
 * @param {T} tag @param {string} [name] class @param {string} [text]
 * @returns {HTMLElementTagNameMap[T]}
 */
export function make(tag, name = "", text = "") {
  const element = document.createElement(tag);
  if (name) element.className = name;
  if (text) element.textContent = text;
  return element;
}

/** @param {string} text @param {() => void} action @param {string} [name] class */
export function button(text, action, name = "") {
  const made = make("button", name, text);
  made.type = "button";
  made.addEventListener("click", action);
  return made;
}

/** A short message that goes away by itself. @param {string} text @param {boolean} [bad] */
export function toast(text, bad = false) {
  const message = make("div", `toast${bad ? " bad" : ""}`, text);
  el("toasts", HTMLElement).append(message);
  setTimeout(() => message.remove(), bad ? 9000 : 3500);
}

/** Say something to people who hear the page. @param {string} text */
export function say(text) {
  el("live", HTMLElement).textContent = text;
}

/** Open a dialogue; true where it was agreed to. @param {HTMLDialogElement} dialog @returns {Promise<boolean>} */
export function agreed(dialog) {
  dialog.returnValue = "";
  dialog.showModal();
  return new Promise((answer) =>
    dialog.addEventListener("close", () => answer(dialog.returnValue === "yes"), { once: true }),
  );
}
