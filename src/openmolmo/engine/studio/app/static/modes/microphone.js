// @ts-check
/** The microphone: why there is none, how loud it is, and one recorder of it. */

const PIECE_MS = 5000;
const TYPES = ["audio/webm;codecs=opus", "audio/ogg;codecs=opus", "audio/mp4;codecs=mp4a.40.2", "audio/mp4", "audio/webm"];
/** What browsers do to voices for calls makes them harder to write down (word error 0.104 instead of 0.081). */
const CONSTRAINTS = { audio: { echoCancellation: false, noiseSuppression: false, autoGainControl: false, channelCount: 1 } };
const FLOOR_DB = -60;

/** The type of sound that this browser can record; "" for none. @returns {string} */
export function recordedType() {
  if (!("MediaRecorder" in window)) return "";
  return TYPES.find((type) => MediaRecorder.isTypeSupported(type)) ?? "";
}

/** The text key of what hinders recording before the browser is even asked; "" for nothing. @returns {string} */
export function hindrance() {
  if (!window.isSecureContext || navigator.mediaDevices === undefined) return "speak.mic_insecure";
  return recordedType() === "" ? "speak.mic_type" : "";
}

/** The text key of why the microphone was not given. @param {unknown} error @returns {string} */
export function whyNot(error) {
  const name = error instanceof DOMException ? error.name : "";
  if (name === "NotFoundError" || name === "OverconstrainedError") return "speak.mic_none";
  if (name === "NotReadableError" || name === "AbortError") return "speak.mic_busy";
  return "speak.mic_refused";
}

export class Microphone {
  /** @param {() => void} onLost the microphone went away: unplugged, or the lid was closed */
  constructor(onLost) {
    this.onLost = onLost;
    /** @type {MediaStream | null} */
    this.stream = null;
  }

  /** Ask for the microphone; throws what the browser throws. */
  async open() {
    if (this.stream?.active) return;
    this.stream = await navigator.mediaDevices.getUserMedia(CONSTRAINTS);
    this.stream.getAudioTracks()[0].addEventListener("ended", () => this.onLost());
    this.context = new AudioContext();
    this.analyser = this.context.createAnalyser();
    this.analyser.fftSize = 2048;
    this.context.createMediaStreamSource(this.stream).connect(this.analyser);
    this.samples = new Float32Array(this.analyser.fftSize);
  }

  /** Loudness in dBFS, about -60 in a quiet room. @returns {number} */
  level() {
    if (this.analyser === undefined || this.samples === undefined) return FLOOR_DB;
    this.analyser.getFloatTimeDomainData(this.samples);
    let power = 0;
    for (const sample of this.samples) power += sample * sample;
    return Math.max(FLOOR_DB, 10 * Math.log10(power / this.samples.length + 1e-12));
  }

  /** Let go of it: the browser's sign goes out. */
  close() {
    for (const track of this.stream?.getTracks() ?? []) track.stop();
    this.context?.close();
    this.stream = null;
    this.analyser = undefined;
  }
}

/** One recorder, and the pieces that it gives. Paused time does not count. */
export class Take {
  /**
   * @param {number} recording its number in the studio
   * @param {MediaStream} stream
   * @param {string} type
   * @param {(number: number, bytes: ArrayBuffer) => Promise<void>} onPiece
   */
  constructor(recording, stream, type, onPiece) {
    this.recording = recording;
    this.onPiece = onPiece;
    /** @type {ArrayBuffer[]} */
    this.pieces = [];
    this.before = 0;
    this.since = 0;
    /** @type {Promise<void>} */
    this.kept = Promise.resolve();
    this.recorder = new MediaRecorder(stream, { mimeType: type });
    this.recorder.addEventListener("dataavailable", (event) => this._take(event.data));
  }

  start() {
    this.recorder.start(PIECE_MS);
    this.since = performance.now();
  }

  pause() {
    this.before = this.milliseconds;
    this.since = 0;
    this.recorder.pause();
    this.recorder.requestData(); // what was said before the pause is safe during it
  }

  resume() {
    this.recorder.resume();
    this.since = performance.now();
  }

  get paused() {
    return this.recorder.state === "paused";
  }

  /** @returns {number} */
  get milliseconds() {
    return this.before + (this.since > 0 ? performance.now() - this.since : 0);
  }

  /** End it; all its pieces are kept when this settles. */
  async stop() {
    this.before = this.milliseconds;
    this.since = 0;
    if (this.recorder.state !== "inactive") {
      await new Promise((resolve) => {
        this.recorder.addEventListener("stop", resolve, { once: true });
        this.recorder.stop();
      });
    }
    await this.kept;
  }

  /** @param {Blob} blob */
  _take(blob) {
    if (blob.size === 0) return;
    // One after the other: a number is given in the order in which the recorder gave the pieces.
    this.kept = this.kept.then(async () => {
      const bytes = await blob.arrayBuffer();
      this.pieces.push(bytes);
      await this.onPiece(this.pieces.length - 1, bytes);
    });
  }

  /** @returns {Promise<ArrayBuffer>} */
  whole() {
    return new Blob(this.pieces).arrayBuffer();
  }
}
