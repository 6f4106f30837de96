// @ts-check
/** Finished work of speaking: what a reviewer hears, reads and mends, and what its speaker sees of it. */
import { call, Draft, t, toast } from "../api.js";
import { SpeakParts } from "./speak_parts.js";
import { part, readonly, task } from "./work_page.js";

/** Fill the page. */
export async function look() {
  const parts = new SpeakParts(part("parts"), { readonly: true, onText: () => {} });
  let caption = "";
  /** @type {any} */
  let work = {};
  const field = () => (task.review ? part("caption").value : "");
  const draft = new Draft(task, {
    collect: () => ({ ...work, caption: field().trim() === caption.trim() ? (work.caption ?? "") : field() }),
    show: (payload) => {
      work = payload;
      parts.takeUp(payload.texts ?? {});
    },
  });
  try {
    const url = task.review ? `/api/reviews/${task.review.annotation}/spoken` : `/api/leases/${task.lease}/recordings`;
    const found = await call("GET", url);
    parts.show(found.recordings.filter((/** @type {any} */ one) => one.state === "complete"));
    if (!task.review) return;
    caption = found.caption?.text ?? "";
    showCaption(found.caption, work.caption || caption);
    part("caption").readOnly = readonly;
    part("caption").addEventListener("input", () => draft.changed());
    showTranscripts(found.transcripts);
  } catch (error) {
    toast(/** @type {Error} */ (error).message, "bad");
  }
}

/** @param {any} caption @param {string} text */
function showCaption(caption, text) {
  part("caption").value = text;
  if (caption === null) {
    part("caption-how").textContent = t("speak.review_none");
    return;
  }
  const values = { count: caption.annotations.length, method: t(`speak.method.${caption.method}`) };
  const key = values.count === 1 ? "speak.review_how_one" : "speak.review_how";
  part("caption-how").textContent = `${t(key, values)} ${caption.note ?? ""}`.trim();
  part("clashes").hidden = caption.contradictions.length === 0;
  for (const clash of caption.contradictions) {
    const item = document.createElement("li");
    item.textContent = t("speak.review_pair", { ...clash, kind: t(`speak.kind.${clash.kind}`) });
    part("clash-list").append(item);
  }
}

/** @param {{engine: string, model: string, text: string}[]} transcripts */
function showTranscripts(transcripts) {
  for (const one of transcripts.filter((each) => each.text !== "")) {
    const item = document.createElement("li");
    const by = one.engine === "person" ? t("speak.by_person") : `${one.engine} ${one.model}`.trim();
    const who = document.createElement("strong");
    who.textContent = `${by}: `;
    item.append(who, one.text);
    part("transcripts").append(item);
  }
}
