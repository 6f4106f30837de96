// @ts-check
/** Calls to the API of the server that this page came from, in OpenAI's form. */
import { asSentence, t } from "./texts.js";

/** @typedef {{id: string, openmolmo?: {description?: string, knows?: string | null, context?: number}}} Model */
/** @typedef {{points?: import("./points.js").Point[], count?: number | null, dropped?: number, out_of_world?: number}} Found */
/** @typedef {{text: string, found: Found | null, finish: string | null}} Heard What a stream has said so far. */

const KEY = "openmolmo.chat.key";

/** A refusal, as a sentence; `status` is HTTP's, 0 where nobody answered. `wait`: seconds, where the server said so. */
export class ApiError extends Error {
  /** @param {string} message @param {number} status @param {number} wait */
  constructor(message, status, wait = 0) {
    super(message);
    this.status = status;
    this.wait = wait;
  }
}

export const key = {
  get: () => localStorage.getItem(KEY) ?? "",
  /** @param {string} value */
  set: (value) => (value ? localStorage.setItem(KEY, value) : localStorage.removeItem(KEY)),
};

/** @returns {Promise<Model[]>} */
export async function models() {
  const answer = await call("v1/models", {});
  const value = await answer.json().catch(() => ({}));
  return Array.isArray(value.data) ? value.data : [];
}

/**
 * Ask, and hear the reply piece by piece.
 * @param {Record<string, unknown>} body @param {(heard: Heard) => void} hear @param {AbortSignal} signal
 * @returns {Promise<Heard>}
 */
export async function complete(body, hear, signal) {
  const answer = await call("v1/chat/completions", { method: "POST", body: JSON.stringify(body), signal });
  /** @type {Heard} */
  const heard = { text: "", found: null, finish: null };
  for await (const event of events(answer)) {
    if (event.error) throw new ApiError(sentence(event.error, 500), Number(event.error.code) || 500);
    const choice = event.choices?.[0];
    if (!choice) continue;
    heard.text += choice.delta?.content ?? "";
    if (choice.finish_reason) heard.found = choice.delta?.openmolmo ?? null; // the last piece has all points, with their labels
    heard.finish = choice.finish_reason ?? heard.finish;
    hear(heard);
  }
  if (heard.finish === null) throw new ApiError(t("error.cut"), 0);
  return heard;
}

/** @param {string} address @param {RequestInit} options */
async function call(address, options) {
  /** @type {Record<string, string>} */
  const headers = options.body ? { "Content-Type": "application/json" } : {};
  if (key.get()) headers.Authorization = `Bearer ${key.get()}`;
  let answer;
  try {
    answer = await fetch(address, { ...options, headers });
  } catch (error) {
    if (options.signal?.aborted) throw error;
    throw new ApiError(t("error.away"), 0);
  }
  if (answer.ok) return answer;
  const said = await answer.json().catch(() => ({}));
  throw new ApiError(sentence(said.error ?? said, answer.status), answer.status, Number(answer.headers.get("Retry-After")) || 0);
}

/** Why something was refused: in the page's language where the page knows it, then what the server says. @param {any} error @param {number} status */
function sentence(error, status) {
  if (error?.code === "context_length_exceeded") return t("error.context");
  const told = status !== 401 && typeof error?.message === "string" ? asSentence(error.message.trim()) : "";
  const known = t(`error.${status}`);
  const own = known === `error.${status}` ? "" : known;
  return [own, told].filter(Boolean).join(" ") || t("error.other", { status });
}

/** The events of a stream. @param {Response} answer @returns {AsyncGenerator<any>} */
async function* events(answer) {
  if (!answer.body) return;
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  let waiting = "";
  try {
    while (true) {
      const { value, done } = await reader.read();
      const lines = (waiting + (value ?? "")).split(/\r?\n/);
      waiting = done ? "" : (lines.pop() ?? "");
      for (const line of lines) {
        if (!line.startsWith("data:")) continue;
        const text = line.slice(5).trim();
        if (text === "[DONE]") return;
        yield JSON.parse(text);
      }
      if (done) return;
    }
  } catch (error) {
    if (error instanceof DOMException && error.name === "AbortError") throw error;
    throw new ApiError(t("error.cut"), 0);
  } finally {
    reader.cancel().catch(() => {});
  }
}
