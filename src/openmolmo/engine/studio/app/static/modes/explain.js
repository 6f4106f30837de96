// @ts-check
/** The page of explaining: click things, ask about them; the answer refers to every one by its number. */
import { isWriting, t } from "../api.js";
import { Asking } from "./asking.js";
import { unmentioned, withMarker, withoutThing } from "./explain_work.js";
import { cleanLabel } from "./labels.js";
import { meant } from "./own_keys.js";
import { COLOURS, make, PictureView } from "./picture.js";
import * as pointing from "./point_work.js";
import { part, readonly, task, WorkPage } from "./work_page.js";

/** @typedef {import("./asking.js").Asked & pointing.Work} Work */

/** @type {WorkPage<Work>} */
const page = new WorkPage(
  /** @type {Work} */ ({ ...pointing.emptyWork([]), question: task.task.payload.question ?? "", answer: "", reason: "" }),
  draw,
);
const asking = new Asking(page, { mayAsk });
const picture = new PictureView(part("picture"), {
  url: task.picture_url,
  width: task.task.width,
  height: task.task.height,
  t,
  onClick: readonly ? undefined : set,
  onMove: readonly ? undefined : move,
  onRemove: readonly ? undefined : remove,
});
page.open(picture);
asking.start();

/** What is missing before one can ask. */
function mayAsk() {
  const { groups } = page.state;
  if (!groups.length) return t("explain.error.no_points");
  const nameless = groups.findIndex((group) => !group.label.trim());
  return nameless < 0 ? "" : t("explain.unnamed", { number: nameless + 1 });
}

// -------------------------------------------------------------------------------------------- what people do

/** @param {import("./picture.js").Place} place */
function set(place) {
  if (document.querySelector("dialog[open]")) return;
  const group = pointing.addPoint(page.state, place);
  page.step();
  if (group.label) return picture.say(t("point.set", { label: group.label, count: counted(group) }));
  picture.say(t("point.name_it"));
  nameOf(page.state.active).focus({ preventScroll: matchMedia("(min-width: 60rem)").matches });
}

/** @param {number} g @param {number} p @param {import("./picture.js").Place} place */
function move(g, p, place) {
  page.state.groups[g].points[p] = place;
  page.step();
}

/** @param {number} g @param {number} p */
function remove(g, p) {
  const { label, points } = page.state.groups[g];
  if (points.length === 1) return removeThing(g);
  pointing.removePoint(page.state, g, p);
  page.step();
  picture.say(t("point.removed", { label, count: counted(page.state.groups[g]) }));
}

/** A thing goes, and with it its number in the answer. @param {number} g */
function removeThing(g) {
  const { label } = page.state.groups[g];
  page.state.answer = withoutThing(page.state.answer, g + 1, label);
  pointing.removeGroup(page.state, g);
  page.step();
  picture.focus();
  picture.say(t("point.removed_group", { label }));
}

/** @param {number} g */
function choose(g) {
  if (page.state.active === g) return;
  page.state.active = g;
  page.touch();
  page.draw();
}

function begin() {
  choose(-1);
  picture.focus();
  picture.say(t("point.new_ready"));
}

/** @param {number} g @param {string} text @param {boolean} goOn */
function name(g, text, goOn) {
  const label = cleanLabel(text);
  const same = pointing.likeness(page.state, g, label);
  const taken = label !== "" && same >= 0 && page.state.groups[same].label === label;
  pointing.nameGroup(page.state, g, taken ? "" : label);
  page.step();
  if (taken) picture.say(t("point.error.twice", { label }));
  if (taken || !label) nameOf(g).focus();
  else if (goOn) picture.focus();
}

/** Write the number of a thing where the caret is; words that are chosen become its words. @param {number} g */
function mention(g) {
  const field = part("answer");
  const { answer, caret } = withMarker(field.value, field.selectionStart, field.selectionEnd, g + 1);
  page.state.answer = answer;
  page.step();
  field.focus();
  field.setSelectionRange(caret, caret);
}

// -------------------------------------------------------------------------------------------- drawing

/** @param {Work} work */
function draw(work) {
  if (!(work.active >= -1 && work.active < work.groups.length)) work.active = work.groups.length - 1;
  picture.setPoints(
    work.groups.map((group, g) => ({ ...group, colour: g, active: g === work.active, numbered: true, text: String(g + 1) })),
  );
  const active = work.groups[work.active];
  picture.badge(active ? active.points.length : null, active ? `[${work.active + 1}] ${active.label || t("point.unnamed")}` : "");
  const focused = document.activeElement instanceof HTMLElement ? document.activeElement.dataset.key : undefined;
  const places = document.activeElement instanceof HTMLInputElement ? document.activeElement.selectionStart : null;
  part("things").replaceChildren(...work.groups.map(row));
  if (focused) {
    const again = document.querySelector(`[data-key="${CSS.escape(focused)}"]`);
    if (again instanceof HTMLElement) again.focus({ preventScroll: true });
    if (again instanceof HTMLInputElement && places !== null) again.setSelectionRange(places, places);
  }
  part("none-yet").hidden = work.groups.length > 0;
  part("new").disabled = readonly || work.active < 0;
  asking.draw();
  const left = work.answer.trim() ? unmentioned(work.answer, work.groups.length) : [];
  const names = left.map((number) => `[${number}] ${work.groups[number - 1].label}`).join(", ");
  part("unmentioned").hidden = !left.length;
  part("unmentioned").textContent = left.length ? t("explain.unmentioned", { names }) : "";
}

/** @param {pointing.Group} group @param {number} g */
function row(group, g) {
  const line = make("li", `thing${g === page.state.active ? " is-active" : ""}`);
  const dot = make("span", `thing-dot c${g % COLOURS}`);
  dot.textContent = String(g + 1);
  dot.setAttribute("aria-hidden", "true");
  const count = make("span", "thing-count");
  count.textContent = counted(group);
  line.append(dot, nameField(group, g), count);
  line.addEventListener("click", (event) => event.target === line && choose(g));
  if (readonly) return line;
  const into = button(`[${g + 1}]`, `into-${g}`, () => mention(g));
  into.setAttribute("aria-label", t("explain.mention", { number: g + 1, label: group.label }));
  into.title = t("explain.mention_short");
  const away = button("×", `away-${g}`, () => removeThing(g));
  away.classList.add("plain");
  away.setAttribute("aria-label", t("point.remove", { label: group.label || t("point.unnamed") }));
  line.append(into, away);
  return line;
}

/** @param {pointing.Group} group @param {number} g */
function nameField(group, g) {
  const field = make("input", "thing-name");
  field.value = group.label;
  field.dataset.key = `name-${g}`;
  field.placeholder = t("point.placeholder");
  field.maxLength = 120;
  field.autocomplete = "off";
  field.autocapitalize = "off";
  field.readOnly = readonly;
  field.setAttribute("aria-label", `${t("point.name")} (${g + 1})`);
  field.addEventListener("focus", () => choose(g));
  field.addEventListener("input", () => {
    group.label = field.value;
    page.touch();
  });
  field.addEventListener("change", () => name(page.state.groups.indexOf(group), field.value, false));
  field.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && !event.ctrlKey && !event.altKey) {
      event.preventDefault();
      name(page.state.groups.indexOf(group), field.value, true);
    } else if (event.key === "Escape") picture.focus();
  });
  return field;
}

/** @param {string} text @param {string} key @param {() => void} action */
function button(text, key, action) {
  const element = make("button");
  element.type = "button";
  element.textContent = text;
  element.dataset.key = key;
  element.addEventListener("click", action);
  return element;
}

/** @param {number} g @returns {HTMLElement} */
function nameOf(g) {
  return /** @type {HTMLElement} */ (document.querySelector(`[data-key="name-${g}"]`)) ?? picture.view;
}

/** @param {pointing.Group} group */
function counted(group) {
  return group.points.length === 1 ? t("point.count_one") : t("point.count", { count: group.points.length });
}

part("new").addEventListener("click", begin);
document.addEventListener("keydown", (event) => {
  if (readonly || isWriting(event.target) || event.ctrlKey || event.metaKey || event.altKey) return;
  if (document.querySelector("dialog[open]")) return;
  const key = meant(event);
  const g = Number(key) - 1;
  if (key === "n") begin();
  else if (g >= 0 && g < page.state.groups.length) choose(g);
  else return;
  event.preventDefault();
});
