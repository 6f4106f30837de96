// @ts-check
/** The page of voting: two anonymous answers side by side, five choices. Points are not shown, only the words. */
import { isWriting, t } from "../api.js";
import { meant } from "./own_keys.js";
import { PictureView } from "./picture.js";
import { part, readonly, task, WorkPage } from "./work_page.js";

/** @typedef {{outcome: string, left: number}} Work `outcome` is of the task's answers, `left` the one on the left. */

const CHOICES = ["left", "right", "both_good", "both_bad", "dont_know"];

/** The sides, drawn for each person: from the number of the lease, so that a reload shows the same. */
function side() {
  let mixed = Math.imul(task.lease ^ 0x9e3779b9, 0x85ebca6b) >>> 0;
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35) >>> 0;
  return (mixed >>> 16) & 1;
}

/** What people are shown of an answer: the names of what it points at, not the places. @param {string} answer */
export function withoutPoints(answer) {
  return answer.replace(/<points?\b[^>]*>([^]*?)<\/points?>/gi, "$1").replace(/<\/?points?\b[^>]*>/gi, "").trim();
}

/** @type {WorkPage<Work>} */
const page = new WorkPage(/** @type {Work} */ ({ outcome: "", left: side() }), draw);
const picture = new PictureView(part("picture"), {
  url: task.picture_url,
  width: task.task.width,
  height: task.task.height,
  t,
});
page.open(picture);

/** @param {Work} work */
function draw(work) {
  const answers = (task.task.payload.answers ?? ["", ""]).map(withoutPoints);
  part("left").textContent = answers[work.left];
  part("right").textContent = answers[1 - work.left];
  const chosen = shown(work);
  for (const radio of document.querySelectorAll("input[name=choice]")) {
    if (radio instanceof HTMLInputElement) radio.checked = radio.value === chosen;
  }
  for (const name of ["left", "right"]) {
    part(name).closest("article").classList.toggle("is-chosen", chosen === name || chosen === "both_good");
  }
}

/** The choice as this person sees it. @param {Work} work */
function shown(work) {
  if (work.outcome !== "a" && work.outcome !== "b") return work.outcome;
  return (work.outcome === "a") === (work.left === 0) ? "left" : "right";
}

/** @param {string} choice */
function choose(choice) {
  if (readonly) return;
  const { left } = page.state;
  if (choice === "left") page.state.outcome = left === 0 ? "a" : "b";
  else if (choice === "right") page.state.outcome = left === 0 ? "b" : "a";
  else page.state.outcome = choice;
  page.step();
}

for (const radio of document.querySelectorAll("input[name=choice]")) {
  radio.addEventListener("change", () => choose(/** @type {HTMLInputElement} */ (radio).value));
}
document.addEventListener("keydown", (event) => {
  if (readonly || isWriting(event.target) || event.ctrlKey || event.metaKey || event.altKey) return;
  if (document.querySelector("dialog[open]")) return;
  const onButton = event.target instanceof HTMLButtonElement || event.target instanceof HTMLAnchorElement;
  const choice = CHOICES[Number(meant(event)) - 1];
  if (choice) choose(choice);
  else if (event.key === "Enter" && !onButton && page.state.outcome && !task.review) page.draft?.submit();
  else return;
  event.preventDefault();
});
