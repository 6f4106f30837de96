// @ts-check
/** Keys of one's own choice, set on the account page: what a pressed key means on this page, and which one is shown. */

/** The first key of an action -> the person's own. @type {Record<string, string>} */
const own = JSON.parse(document.getElementById("task")?.textContent ?? "{}").own_keys ?? {};

/**
 * The key as it is where nobody chose another: "n" where somebody who has chosen "q" for it presses "q", and "" where
 * they press "n".
 * @param {KeyboardEvent} event @returns {string}
 */
export function meant(event) {
  const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
  const first = Object.keys(own).find((one) => own[one] === key);
  return first ?? (key in own ? "" : key);
}

for (const shown of document.querySelectorAll("kbd[data-first]")) {
  const key = shown instanceof HTMLElement ? own[shown.dataset.first ?? ""] : undefined;
  if (key !== undefined) shown.textContent = key === " " ? "␣" : key.length === 1 ? key.toUpperCase() : key;
}
