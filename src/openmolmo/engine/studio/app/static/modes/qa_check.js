// @ts-check
/** The page of checking a question and its answer: kept, mended or rejected. */
import { isWriting, t } from "../api.js";
import { meant } from "./own_keys.js";
import { PictureView } from "./picture.js";
import { part, readonly, task, WorkPage } from "./work_page.js";

/** @typedef {{question: string, answer: string, rejected: boolean | null, reason: string}} Work */

/** @type {{question: string, answer: string}} */
const { question = "", answer = "" } = task.task.payload;
const fields = { question: part("question"), answer: part("answer"), reason: part("reason") };
const right = part("right");
const wrong = part("wrong");

/** @type {WorkPage<Work>} */
const page = new WorkPage(/** @type {Work} */ ({ question, answer, rejected: null, reason: "" }), draw);
const picture = new PictureView(part("picture"), {
  url: task.picture_url,
  width: task.task.width,
  height: task.task.height,
  t,
});
page.open(picture);

/** @param {Work} work */
function draw(work) {
  for (const [name, field] of Object.entries(fields)) {
    const value = work[/** @type {keyof typeof fields} */ (name)] ?? "";
    if (field.value !== value) field.value = value;
  }
  const changed = work.question !== question || work.answer !== answer;
  part("edited").hidden = !changed;
  right.checked = work.rejected === false;
  wrong.checked = work.rejected === true;
  part("why").hidden = work.rejected !== true;
}

/** @param {boolean} rejected */
function judge(rejected) {
  page.state.rejected = rejected;
  page.step();
  if (rejected) fields.reason.focus();
}

for (const [name, field] of Object.entries(fields)) {
  field.readOnly = readonly;
  field.addEventListener("input", () => {
    page.state[/** @type {keyof typeof fields} */ (name)] = field.value;
    page.touch();
    part("edited").hidden = page.state.question === question && page.state.answer === answer;
  });
  field.addEventListener("change", () => page.step());
}
right.disabled = wrong.disabled = readonly;
right.addEventListener("change", () => judge(false));
wrong.addEventListener("change", () => judge(true));
part("reset").addEventListener("click", () => {
  Object.assign(page.state, { question, answer });
  page.step();
});
document.addEventListener("keydown", (event) => {
  if (readonly || isWriting(event.target) || event.ctrlKey || event.metaKey || event.altKey) return;
  if (meant(event) === "r") judge(false);
  else if (meant(event) === "x") judge(true);
  else return;
  event.preventDefault();
});
