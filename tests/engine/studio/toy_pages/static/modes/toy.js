import { Draft } from "/static/api.js";

const task = JSON.parse(document.getElementById("task")?.textContent ?? "{}");
const field = /** @type {HTMLInputElement} */ (document.getElementById("count"));
const draft = new Draft(task, {
  collect: () => ({ count: field.value === "" ? null : Number(field.value) }),
  show: (payload) => { field.value = payload.count ?? ""; },
});
field.addEventListener("input", () => draft.changed());
