// @ts-check
/** The page of speaking: to record, to review, or to look back at. */
import { t } from "../api.js";
import { PictureView } from "./picture.js";
import { look } from "./speak_look.js";
import { Speaker } from "./speaker.js";
import { part, readonly, task } from "./work_page.js";

new PictureView(part("picture"), {
  url: task.picture_url,
  width: task.task.width,
  height: task.task.height,
  t,
});
if (readonly || task.review) look();
else new Speaker().open();
