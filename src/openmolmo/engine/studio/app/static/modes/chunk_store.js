// @ts-check
/**
 * Pieces of recordings in this browser (IndexedDB), from the moment they are recorded until the studio has them.
 * Where a browser forbids the store (private windows), they are kept in memory: a reload loses them then.
 */

/** @typedef {{recording: number, number: number, bytes: ArrayBuffer, sha256: string}} Piece */

const NAME = "studio-recordings";

/** A request of IndexedDB as a promise. @template T @param {IDBRequest<T>} request @returns {Promise<T>} */
function settled(request) {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}

export class ChunkStore {
  constructor() {
    /** @type {Map<string, Piece>} */
    this.memory = new Map();
    /** @type {Set<number>} */
    this.begun = new Set();
    /** @type {Promise<IDBDatabase | null>} */
    this.opened = this._open();
  }

  /** @returns {Promise<IDBDatabase | null>} */
  async _open() {
    try {
      const request = indexedDB.open(NAME, 1);
      request.onupgradeneeded = () => {
        request.result.createObjectStore("pieces", { keyPath: ["recording", "number"] });
        request.result.createObjectStore("begun", { keyPath: "recording" });
      };
      return await settled(request);
    } catch {
      return null;
    }
  }

  /** @param {"pieces" | "begun"} name @param {IDBTransactionMode} mode */
  async _store(name, mode) {
    const database = await this.opened;
    return database === null ? null : database.transaction(name, mode, { durability: "strict" }).objectStore(name);
  }

  /** This browser records it, so that it, and no other, goes on with it after a reload. @param {number} recording */
  async begin(recording) {
    this.begun.add(recording);
    const store = await this._store("begun", "readwrite");
    if (store !== null) await settled(store.put({ recording }));
  }

  /** Whether this browser began it. @param {number} recording @returns {Promise<boolean>} */
  async isOurs(recording) {
    const store = await this._store("begun", "readonly");
    return this.begun.has(recording) || (store !== null && (await settled(store.count(recording))) > 0);
  }

  /** @param {Piece} piece */
  async put(piece) {
    this.memory.set(`${piece.recording} ${piece.number}`, piece);
    try {
      const store = await this._store("pieces", "readwrite");
      if (store !== null) await settled(store.put(piece));
    } catch {
      // The browser's store is full: the piece is in memory, and on its way.
    }
  }

  /** The studio has it. @param {number} recording @param {number} number */
  async drop(recording, number) {
    this.memory.delete(`${recording} ${number}`);
    const store = await this._store("pieces", "readwrite");
    if (store !== null) await settled(store.delete([recording, number]));
  }

  /** What is still to be sent of a recording. @param {number} recording @returns {Promise<Piece[]>} */
  async left(recording) {
    const store = await this._store("pieces", "readonly");
    const range = IDBKeyRange.bound([recording, 0], [recording, Number.MAX_SAFE_INTEGER]);
    const kept = store === null ? [] : await settled(store.getAll(range));
    const known = new Set(kept.map((/** @type {Piece} */ piece) => piece.number));
    const only = [...this.memory.values()].filter((piece) => piece.recording === recording && !known.has(piece.number));
    return [...kept, ...only].sort((one, other) => one.number - other.number);
  }

  /** Forget a recording. @param {number} recording */
  async forget(recording) {
    for (const piece of await this.left(recording)) await this.drop(recording, piece.number);
    this.begun.delete(recording);
    const store = await this._store("begun", "readwrite");
    if (store !== null) await settled(store.delete(recording));
  }
}
