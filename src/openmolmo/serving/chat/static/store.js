// @ts-check
/** What was said and shown, kept in this browser (IndexedDB) and nowhere else. */

/** @typedef {{id: string, name: string, blob: Blob, width: number, height: number, at: number, away?: boolean}} Picture `away`: taken off the table. */
/**
 * @typedef {object} Turn
 * @property {string} id
 * @property {number} at Milliseconds since 1970.
 * @property {string} model
 * @property {"ask" | "point" | "count" | "describe"} way
 * @property {string} question What was written.
 * @property {string} prompt What was sent.
 * @property {string[]} pictures Those that were asked about.
 * @property {string[]} sent Those of the request, in order: the answer's points count by them.
 * @property {string} answer
 * @property {import("./api.js").Found | null} found
 * @property {"writing" | "done" | "cut" | "stopped" | "failed"} state
 * @property {string} [error]
 */

const NAME = "openmolmo-chat";

/** Not crypto.randomUUID, which pages without https lack. */
export function newId() {
  return [...crypto.getRandomValues(new Uint8Array(12))].map((one) => one.toString(16).padStart(2, "0")).join("");
}

export class Store {
  constructor() {
    /** @type {Promise<IDBDatabase | null>} */
    this.base = open();
  }

  /** Whether anything can be kept: some browsers' private windows keep nothing. */
  async keeps() {
    return (await this.base) !== null;
  }

  /** @returns {Promise<{pictures: Picture[], turns: Turn[]}>} in order of time */
  async all() {
    const base = await this.base;
    if (!base) return { pictures: [], turns: [] };
    const tables = base.transaction(["pictures", "turns"]);
    const [pictures, turns] = await Promise.all([
      result(tables.objectStore("pictures").getAll()),
      result(tables.objectStore("turns").getAll()),
    ]);
    const byTime = (/** @type {{at: number}} */ a, /** @type {{at: number}} */ b) => a.at - b.at;
    return { pictures: pictures.sort(byTime), turns: turns.sort(byTime) };
  }

  /** @param {"pictures" | "turns"} table @param {Picture | Turn} value @returns {Promise<boolean>} false where there is no room */
  async put(table, value) {
    const base = await this.base;
    if (!base) return false;
    const work = base.transaction(table, "readwrite");
    work.objectStore(table).put(value);
    return finished(work);
  }

  /** @param {"pictures" | "turns"} table @param {string} id */
  async remove(table, id) {
    const base = await this.base;
    if (!base) return false;
    const work = base.transaction(table, "readwrite");
    work.objectStore(table).delete(id);
    return finished(work);
  }

  /** Forget everything. */
  async forget() {
    const base = await this.base;
    if (!base) return true;
    const work = base.transaction(["pictures", "turns"], "readwrite");
    work.objectStore("pictures").clear();
    work.objectStore("turns").clear();
    return finished(work);
  }
}

/** @returns {Promise<IDBDatabase | null>} */
function open() {
  return new Promise((answer) => {
    let asked;
    try {
      asked = indexedDB.open(NAME, 1);
    } catch {
      return answer(null);
    }
    asked.onupgradeneeded = () => {
      for (const table of ["pictures", "turns"]) asked.result.createObjectStore(table, { keyPath: "id" });
    };
    asked.onsuccess = () => answer(asked.result);
    asked.onerror = () => answer(null);
    asked.onblocked = () => answer(null);
    return undefined;
  });
}

/** @template T @param {IDBRequest<T>} asked @returns {Promise<T>} */
function result(asked) {
  return new Promise((answer, refuse) => {
    asked.onsuccess = () => answer(asked.result);
    asked.onerror = () => refuse(asked.error);
  });
}

/** @param {IDBTransaction} work @returns {Promise<boolean>} */
function finished(work) {
  return new Promise((answer) => {
    work.oncomplete = () => answer(true);
    work.onabort = work.onerror = () => answer(false);
  });
}
