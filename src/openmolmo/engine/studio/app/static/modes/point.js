// @ts-check
/** The page of pointing: click something, name it, click every other one; say what is not there. */
import { ask, isWriting, t } from "../api.js";
import { cleanLabel } from "./labels.js";
import { meant } from "./own_keys.js";
import { COLOURS, make, PictureView } from "./picture.js";
import * as pointing from "./point_work.js";
import { part, readonly, task, WorkPage } from "./work_page.js";

/** @type {string[]} */
const asked = (task.task.payload.labels ?? []).map(cleanLabel);
/** @type {string[]} */
const words = task.task.payload.suggestions ?? task.options.suggestions ?? [];
const rows = part("things");

/** @type {WorkPage<pointing.Work>} */
const page = new WorkPage(pointing.emptyWork(asked), draw);
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
  const group = pointing.removePoint(page.state, g, p);
  page.step();
  picture.say(t("point.removed", { label: shown(group.label), count: counted(group) }));
}

/** @param {number} g */
function choose(g) {
  if (page.state.active === g) return;
  page.state.active = g;
  page.touch();
  page.draw();
}

/** The next click begins something new. */
function begin() {
  choose(-1);
  picture.focus();
  picture.say(t("point.new_ready"));
}

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
  if (refused || !label) nameOf(g).focus();
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

// -------------------------------------------------------------------------------------------- drawing

/** @param {pointing.Work} work */
function draw(work) {
  pointing.withAsked(work, asked);
  picture.setPoints(
    work.groups.map((group, g) => ({ ...group, label: shown(group.label), colour: g, active: g === work.active })),
  );
  const active = work.groups[work.active];
  picture.badge(active ? active.points.length : null, active ? shown(active.label) : "");
  keepingFocus(() => {
    rows.replaceChildren(...work.groups.map(row));
    part("absent-list").replaceChildren(...work.absent.filter((label) => !asked.includes(label)).map(chip));
    part("suggestions").replaceChildren(...pointing.suggestions(work, words, task.task.id).map(suggestion));
  });
  part("none-yet").hidden = work.groups.length > 0;
  part("new").disabled = readonly || work.active < 0;
}

/** @param {pointing.Group} group @param {number} g */
function row(group, g) {
  const { active, absent: gone } = page.state;
  const line = make("li", `thing${g === active ? " is-active" : ""}`);
  const dot = make("span", `thing-dot c${g % COLOURS}`);
  dot.textContent = String(g + 1);
  dot.setAttribute("aria-hidden", "true");
  const label = asked.includes(group.label) ? chooser(group, g) : nameField(group, g);
  const count = make("span", "thing-count");
  count.textContent = gone.includes(group.label) ? t("point.absent") : counted(group);
  line.append(dot, label, count);
  line.addEventListener("click", (event) => event.target === line && choose(g));
  if (readonly) return line;
  if (!group.points.length && group.label) {
    const is = gone.includes(group.label);
    line.append(button(t(is ? "point.is_there" : "point.not_there"), `there-${g}`, () => (is ? present(group.label) : absent(group.label))));
  }
  if (!asked.includes(group.label)) {
    const away = button("×", `away-${g}`, () => removeGroup(g));
    away.classList.add("plain");
    away.setAttribute("aria-label", t("point.remove", { label: shown(group.label) }));
    line.append(away);
  }
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
    group.label = field.value; // kept in the draft while it is being written
    page.touch();
  });
  let named = group.label;
  const done = (/** @type {boolean} */ goOn) => {
    if (field.value === named && cleanLabel(named)) return goOn && picture.focus();
    named = field.value;
    return name(page.state.groups.indexOf(group), field.value, goOn);
  };
  field.addEventListener("change", () => done(false));
  field.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && !event.ctrlKey) {
      event.preventDefault();
      done(true);
    } else if (event.key === "Escape") picture.focus();
  });
  return field;
}

/** @param {pointing.Group} group @param {number} g */
function chooser(group, g) {
  const choice = button(group.label, `name-${g}`, () => {
    choose(g);
    picture.focus();
  });
  choice.className = "thing-name plain";
  choice.disabled = false;
  choice.setAttribute("aria-pressed", String(page.state.active === g));
  return choice;
}

/** @param {number} g */
function removeGroup(g) {
  const [{ label }] = page.state.groups.slice(g);
  pointing.removeGroup(page.state, g);
  page.step();
  picture.focus();
  picture.say(t("point.removed_group", { label: shown(label) }));
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

/** @param {string} text @param {string} key @param {() => void} action */
function button(text, key, action) {
  const element = make("button");
  element.type = "button";
  element.textContent = text;
  element.dataset.key = key;
  element.disabled = readonly;
  element.addEventListener("click", action);
  return element;
}

/** Draw anew, and leave the keyboard where it was. @param {() => void} drawing */
function keepingFocus(drawing) {
  const focused = /** @type {HTMLElement | null} */ (document.activeElement);
  const key = focused?.dataset?.key;
  const written = focused instanceof HTMLInputElement ? [focused.selectionStart, focused.selectionEnd] : null;
  drawing();
  if (!key) return;
  const again = document.querySelector(`[data-key="${CSS.escape(key)}"]`);
  if (again instanceof HTMLElement) again.focus({ preventScroll: true });
  else if (focused && !focused.isConnected) nextTo(key).focus({ preventScroll: true });
  if (again instanceof HTMLInputElement && written) again.setSelectionRange(written[0], written[1]);
}

/** Where the keyboard goes when what it was on is gone. @param {string} key @returns {HTMLElement} */
function nextTo(key) {
  return (key.startsWith("word-") && part("suggestions").querySelector("button")) || picture.view;
}

/** @param {number} g @returns {HTMLElement} */
function nameOf(g) {
  return /** @type {HTMLElement} */ (document.querySelector(`[data-key="name-${g}"]`)) ?? picture.view;
}

/** @param {string} label */
function shown(label) {
  return label || t("point.unnamed");
}

/** @param {pointing.Group} group */
function counted(group) {
  return group.points.length === 1 ? t("point.count_one") : t("point.count", { count: group.points.length });
}

/** @param {string} text */
function tell(text) {
  part("absent-said").textContent = text;
}

// -------------------------------------------------------------------------------------------- the fixed parts

part("new").addEventListener("click", begin);
part("absent-form").addEventListener("submit", (/** @type {SubmitEvent} */ event) => {
  event.preventDefault();
  const field = part("absent-name");
  absent(field.value);
  field.value = "";
});
document.addEventListener("keydown", (event) => {
  if (readonly || isWriting(event.target) || event.ctrlKey || event.metaKey || event.altKey) return;
  if (document.querySelector("dialog[open]")) return;
  const key = meant(event);
  const g = Number(key) - 1;
  if (key === "n") begin();
  else if (key === "a") part("absent-name").focus();
  else if (g >= 0 && g < page.state.groups.length) choose(g);
  else return;
  event.preventDefault();
});
