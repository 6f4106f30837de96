// @ts-check
/** The page of checking a count: points that a program found are confirmed, mended or rejected. */
import { t } from "../api.js";
import { PictureView } from "./picture.js";
import { part, readonly, task, WorkPage } from "./work_page.js";

/** @typedef {import("./picture.js").Place} Place */
/** @typedef {{points: Place[], rejected: boolean, reason: string}} Work */

const { label = "", points } = task.task.payload;
/** @type {Place[]} */
const found = (points ?? []).map((/** @type {Place} */ place) => ({ x: place.x, y: place.y }));
const reject = part("reject");
const reason = part("reason");

/** @type {WorkPage<Work>} */
const page = new WorkPage(/** @type {Work} */ ({ points: found, rejected: false, reason: "" }), draw);
const picture = new PictureView(part("picture"), {
  url: task.picture_url,
  width: task.task.width,
  height: task.task.height,
  t,
  onClick: readonly ? undefined : (place) => change(() => page.state.points.push(place)),
  onMove: readonly ? undefined : (_, p, place) => change(() => (page.state.points[p] = place)),
  onRemove: readonly ? undefined : (_, p) => change(() => page.state.points.splice(p, 1)),
});
page.open(picture);

/** @param {() => unknown} what */
function change(what) {
  what();
  page.step();
  picture.say(t("count_check.set", { count: page.state.points.length }));
}

/** @param {Work} work */
function draw(work) {
  picture.setPoints([{ label, points: work.points, active: true }]);
  picture.badge(`${label} · ${work.points.length}`);
  part("count").textContent = String(work.points.length);
  const same = JSON.stringify(work.points) === JSON.stringify(found);
  part("compared").textContent = t(same ? "count_check.unchanged" : "count_check.changed", { count: found.length });
  part("reset").disabled = readonly || same;
  reject.checked = work.rejected;
  part("why").hidden = !work.rejected;
  if (reason.value !== work.reason) reason.value = work.reason;
}

reject.disabled = readonly;
reason.readOnly = readonly;
part("reset").addEventListener("click", () => change(() => (page.state.points = found.map((place) => ({ ...place })))));
reject.addEventListener("change", () => {
  page.state.rejected = reject.checked;
  page.step();
  if (reject.checked) reason.focus();
});
reason.addEventListener("input", () => {
  page.state.reason = reason.value;
  page.touch();
});
reason.addEventListener("change", () => page.step());
