// @ts-check
/** The page of explaining: click things, ask about them; the answer refers to every one by its number. */
import { t } from "../api.js";
import { Asking } from "./asking.js";
import { unmentioned, withMarker, withoutThing } from "./explain_work.js";
import { cleanLabel } from "./labels.js";
import * as pointing from "./point_work.js";
import { button, shown, Things } from "./things.js";
import { part, task } from "./work_page.js";

/** @typedef {import("./asking.js").Asked & pointing.Work} Work */

const first = /** @type {Work} */ ({
  ...pointing.emptyWork([]),
  question: task.task.payload.question ?? "",
  answer: "",
  reason: "",
});
/** @type {Things<Work>} */
const things = new Things(first, { draw, name, remove, removeThing, row });
const { page, picture } = things;
const asking = new Asking(page, { mayAsk });
things.open();
asking.start();

/** What is missing before one can ask. */
function mayAsk() {
  const { groups } = page.state;
  if (!groups.length) return t("explain.error.no_points");
  const nameless = groups.findIndex((group) => !group.label.trim());
  return nameless < 0 ? "" : t("explain.unnamed", { number: nameless + 1 });
}

// -------------------------------------------------------------------------------------------- what people do

/** A thing goes with its last point. @param {number} g @param {number} p */
function remove(g, p) {
  if (page.state.groups[g].points.length === 1) removeThing(g);
  else things.removePoint(g, p);
}

/** A thing goes, and with it its number in the answer. @param {number} g */
function removeThing(g) {
  page.state.answer = withoutThing(page.state.answer, g + 1, page.state.groups[g].label);
  things.removeThing(g);
}

/** @param {number} g @param {string} text @param {boolean} goOn */
function name(g, text, goOn) {
  const label = cleanLabel(text);
  const same = pointing.likeness(page.state, g, label);
  const taken = label !== "" && same >= 0 && page.state.groups[same].label === label;
  pointing.nameGroup(page.state, g, taken ? "" : label);
  page.step();
  if (taken) picture.say(t("point.error.twice", { label }));
  if (taken || !label) things.nameOf(g).focus();
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
  const active = work.groups[work.active];
  const badge = active ? `[${work.active + 1}] ${shown(active.label)}` : "";
  things.draw(work, (g) => ({ numbered: true, text: String(g + 1) }), badge);
  asking.draw();
  const left = work.answer.trim() ? unmentioned(work.answer, work.groups.length) : [];
  const names = left.map((number) => `[${number}] ${work.groups[number - 1].label}`).join(", ");
  part("unmentioned").hidden = !left.length;
  part("unmentioned").textContent = left.length ? t("explain.unmentioned", { names }) : "";
}

/** @param {pointing.Group} group @param {number} g */
function row(group, g) {
  const into = button(`[${g + 1}]`, `into-${g}`, () => mention(g));
  into.setAttribute("aria-label", t("explain.mention", { number: g + 1, label: group.label }));
  into.title = t("explain.mention_short");
  return [into, things.awayButton(g)];
}
