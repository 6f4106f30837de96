// @ts-check
/** The page of asking what one likes about a picture. */
import { t } from "../api.js";
import { Asking } from "./asking.js";
import { PictureView } from "./picture.js";
import { part, task, WorkPage } from "./work_page.js";

/** @type {WorkPage<import("./asking.js").Asked>} */
const page = new WorkPage({ question: task.task.payload.question ?? "", answer: "", reason: "" }, () => asking.draw());
const asking = new Asking(page);
const picture = new PictureView(part("picture"), {
  url: task.picture_url,
  width: task.task.width,
  height: task.task.height,
  t,
});
page.open(picture);
asking.start();
