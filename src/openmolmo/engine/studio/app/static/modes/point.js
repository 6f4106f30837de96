// @ts-check
/** The page of pointing: click something, name it, click every other one; say what is not there. */
import { ask, t } from "../api.js";
import { cleanLabel } from "./labels.js";
import { make } from "./picture.js";
import * as pointing from "./point_work.js";
import { button, counted, shown, Things } from "./things.js";
import { part, readonly, task } from "./work_page.js";

/** @type {string[]} */
const asked = (task.task.payload.labels ?? []).map(cleanLabel);
/** @type {string[]} */
const words = task.task.payload.suggestions ?? task.options.suggestions ?? [];

/** @type {Things<pointing.Work>} */
const things = new Things(pointing.emptyWork(asked), {
  draw,
  name,
  remove: (g, p) => things.removePoint(g, p),
  removeThing: (g) => things.removeThing(g),
  row,
  field: (group, g) => (asked.includes(group.label) ? chooser(group, g) : null),
  count: (group) => (page.state.absent.includes(group.label) ? t("point.absent") : counted(group)),
  key,
  nextTo: (gone) => (gone.startsWith("word-") ? part("suggestions").querySelector("button") : null),
});
const { page, picture } = things;
things.open();

// -------------------------------------------------------------------------------------------- what people do

/** A name was written. @param {number} g @param {string} text @param {boolean} goOn With the picture. */
async function name(g, text, goOn) {
  const label = cleanLabel(text);
  const like = label ? pointing.likeness(page.state, g, label) : -1;
  if (like >= 0 && (await isSame(like, label))) {
    const group = pointing.putTogether(page.state, g, like);
    page.step();
    picture.focus();
    return picture.say(t("point.together", { label: group.label, count: counted(group) }));
  }
  const refused = like >= 0 && page.state.groups[like].label === label;
  pointing.nameGroup(page.state, g, refused ? "" : label);
  page.step();
  if (refused || !label) things.nameOf(g).focus();
  else if (goOn) picture.focus();
  if (label && !refused) picture.say(t("point.named", { label }));
  return undefined;
}

/** Ask whether a name means a thing that is there already. @param {number} like @param {string} label */
async function isSame(like, label) {
  const group = page.state.groups[like];
  const answer = await ask({
    title: t("point.same_question", { label: group.label, count: counted(group) }),
    actions: [
      { value: "no", label: t(group.label === label ? "point.same_no" : "point.similar_no") },
      { value: "yes", label: t("point.same_yes"), kind: "primary" },
    ],
  });
  return answer === "yes";
}

/** @param {string} text */
function absent(text) {
  const label = cleanLabel(text);
  if (!label) return;
  if (!pointing.addAbsent(page.state, label, asked)) return tell(t("point.absent_has_points", { label }));
  page.step();
  tell(t("point.absent_added", { label }));
}

/** @param {string} label */
function present(label) {
  page.state.absent = page.state.absent.filter((/** @type {string} */ other) => other !== label);
  page.step();
}

/** What is not there, by its key. @param {string} pressed */
function key(pressed) {
  if (pressed !== "a") return false;
  part("absent-name").focus();
  return true;
}

// -------------------------------------------------------------------------------------------- drawing

/** @param {pointing.Work} work */
function draw(work) {
  pointing.withAsked(work, asked);
  const active = work.groups[work.active];
  things.draw(work, (g) => ({ label: shown(work.groups[g].label) }), active ? shown(active.label) : "", () => {
    part("absent-list").replaceChildren(...work.absent.filter((label) => !asked.includes(label)).map(chip));
    part("suggestions").replaceChildren(...pointing.suggestions(work, words, task.task.id).map(suggestion));
  });
}

/** @param {pointing.Group} group @param {number} g */
function row(group, g) {
  const parts = [];
  if (!group.points.length && group.label) {
    const is = page.state.absent.includes(group.label);
    const say = () => (is ? present(group.label) : absent(group.label));
    parts.push(button(t(is ? "point.is_there" : "point.not_there"), `there-${g}`, say));
  }
  if (!asked.includes(group.label)) parts.push(things.awayButton(g));
  return parts;
}

/** @param {pointing.Group} group @param {number} g */
function chooser(group, g) {
  const choice = button(group.label, `name-${g}`, () => {
    things.choose(g);
    picture.focus();
  });
  choice.className = "thing-name plain";
  choice.disabled = false;
  choice.setAttribute("aria-pressed", String(page.state.active === g));
  return choice;
}

/** @param {string} label */
function chip(label) {
  const item = make("li", "chip");
  item.textContent = label;
  if (readonly) return item;
  const back = button("×", `back-${label}`, () => present(label));
  back.className = "plain";
  back.setAttribute("aria-label", t("point.absent_remove", { label }));
  item.append(back);
  return item;
}

/** @param {string} word */
function suggestion(word) {
  const item = make("li");
  const choice = button(word, `word-${word}`, () => absent(word));
  choice.classList.add("chip");
  item.append(choice);
  return item;
}

/** @param {string} text */
function tell(text) {
  part("absent-said").textContent = text;
}

// -------------------------------------------------------------------------------------------- the fixed parts

part("absent-form").addEventListener("submit", (/** @type {SubmitEvent} */ event) => {
  event.preventDefault();
  const field = part("absent-name");
  absent(field.value);
  field.value = "";
});
