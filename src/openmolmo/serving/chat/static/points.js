// @ts-check
/**
 * Points in a reply, read while it is being written: `<point x="61.5" y="40.4" alt="dog">dog</point>` and
 * `<points x1="10.0" y1="20.0" image2="2" x2="30.5" y2="20.1" alt="dogs">dogs</points>`.
 *
 * As `openmolmo.words.points` reads them: a point counts as soon as both of its coordinates are complete. Other
 * models' forms are read by the server, which sends its own list at the end (`settle`).
 */

/**
 * @typedef {object} Point
 * @property {string} label
 * @property {number} x Percent of the picture's width.
 * @property {number} y Percent of its height.
 * @property {number} image Which of the pictures that were sent, from 0.
 * @property {string} [alt]
 * @property {number} [x_pixel]
 * @property {number} [y_pixel]
 * @property {number | null} [confidence] 0-1.
 */
/** @typedef {{text: string, points: number[]}} Piece Text, or a label with the points that it names. */
/** @typedef {{pieces: Piece[], points: Point[]}} Reply */

const OPEN = /<\s?points?(?=[\s>/'"])/gi;
const CLOSE = /<\s?\/\s?points?\s?>?/gi;
const NAME = /([A-Za-z_]\w{0,30})\s{0,4}[=:]\s{0,4}/y;
const AXIS = /^([xy]|image)[_ ]?(\d{0,6})$/i;
// A number counts only when something follows it: at the end of a text being written it may be half a number.
const NUMBER = /\\{0,2}["'“”]?\s{0,4}([+-]?(?:\d+(?:\.\d*|,\d+)?|\.\d+))\s{0,4}%?(?=[^\d.%])["'“”]?/y;
const BARE_ENDS = /\s+[A-Za-z_]\w{0,30}\s{0,4}=|\/?>|<|$/g;
/** @type {Record<string, RegExp>} */
const QUOTE_ENDS = { '"': /"(?=\s|\/?>|$)/g, "'": /'(?=\s|\/?>|$)/g };
// What a broken tag leaves around its label.
const LEAVINGS = /^[\s"]*>[\s">]*|[\s"]*>[\s">]*$|^[\s"<>]*$/g;
/** The beginning of a tag, at the end of a text that is being written. */
const BEGUN = /<\s?(?:\/\s?)?(?:p(?:o(?:i(?:n(?:ts?)?)?)?)?)?$/i;
/** @type {Record<string, string>} */
const ENTITIES = { amp: "&", lt: "<", gt: ">", quot: '"', apos: "'", nbsp: "\u00a0" };

/**
 * What a reply says so far. `pictures`: how many were sent; points in others are left out.
 * @param {string} text
 * @param {{pictures?: number, writing?: boolean}} [about]
 * @returns {Reply}
 */
export function readReply(text, { pictures = 1, writing = false } = {}) {
  /** @type {Reply} */
  const reply = { pieces: [], points: [] };
  let last = 0;
  for (let found = search(OPEN, text, 0); found; found = search(OPEN, text, last)) {
    if (found.index > last) reply.pieces.push({ text: text.slice(last, found.index), points: [] });
    const element = readElement(text, found.index + found[0].length);
    const inside = element.points.filter((point) => point.image < pictures && within(point.x) && within(point.y));
    const first = reply.points.length;
    reply.points.push(...inside.map((point) => ({ ...point, label: element.label, alt: element.alt })));
    reply.pieces.push({ text: element.label, points: inside.map((_, index) => first + index) });
    last = element.end;
  }
  let rest = text.slice(last);
  if (writing) rest = rest.replace(BEGUN, "");
  if (rest) reply.pieces.push({ text: rest, points: [] });
  return reply;
}

/**
 * Take the server's own list, which knows pixels and confidence, and other models' forms.
 * @param {Reply} reply @param {Point[] | undefined} points
 * @returns {Reply}
 */
export function settle(reply, points) {
  if (!points) return reply;
  const full = points.map((point) => ({ ...point, image: point.image ?? 0 }));
  const same = points.length === reply.points.length && full.every((point, index) => near(point, reply.points[index]));
  if (same) return { pieces: reply.pieces, points: full };
  const pieces = reply.pieces.map((piece) => ({ text: piece.text, points: /** @type {number[]} */ ([]) }));
  if (full.length) pieces.push({ text: "", points: full.map((_, index) => index) });
  return { pieces, points: full };
}

/** The text as people read it, its markup left out. @param {Reply} reply */
export function plain(reply) {
  return reply.pieces.map((piece) => piece.text).join("").trim();
}

/** @param {Point} a @param {Point} b */
const near = (a, b) => a.image === b.image && Math.abs(a.x - b.x) < 0.051 && Math.abs(a.y - b.y) < 0.051;

/** @param {number} value */
const within = (value) => value >= 0 && value <= 100;

/** @param {RegExp} pattern global @param {string} text @param {number} from */
function search(pattern, text, from) {
  pattern.lastIndex = from;
  return pattern.exec(text);
}

/** An element, from just after the name of its opening tag. @param {string} text @param {number} from */
function readElement(text, from) {
  const tag = readTag(text, from);
  const label = readLabel(text, tag.end);
  const alt = clean(tag.alt);
  return { points: tag.points, label: clean(label.text) || alt, alt, end: Math.max(label.end, from) };
}

/** @param {string} text @param {number} at */
function readTag(text, at) {
  /** @type {{index: number, place: Record<string, number>}[]} */
  const places = [];
  let alt = "";
  while (at < text.length) {
    if (text[at] === ">") {
      at += 1;
      break;
    }
    if (text[at] === "<") break;
    const named = search(NAME, text, at);
    if (!named) {
      at += 1;
      continue;
    }
    const after = at + named[0].length;
    const axis = AXIS.exec(named[1]);
    if (!axis) {
      const value = readValue(text, after);
      if (/^(alt|label)$/i.test(named[1])) alt = value.text;
      at = value.end;
      continue;
    }
    const number = search(NUMBER, text, after);
    if (number) add(places, axis[1].toLowerCase(), Number(axis[2] || 0), Number(number[1].replace(",", ".")));
    at = number ? after + number[0].length : after;
  }
  return { points: inOrder(places), alt, end: at };
}

/**
 * A coordinate belongs to the newest place of its index that lacks it.
 * @param {{index: number, place: Record<string, number>}[]} places
 * @param {string} axis @param {number} index @param {number} value
 */
function add(places, axis, index, value) {
  for (let i = places.length - 1; i >= 0; i -= 1) {
    const { index: known, place } = places[i];
    if (known === index && !(axis in place) && (index || axis !== "image")) {
      place[axis] = value;
      return;
    }
  }
  places.push({ index, place: { [axis]: value } });
}

/** @param {{index: number, place: Record<string, number>}[]} places */
function inOrder(places) {
  return [...places]
    .sort((a, b) => a.index - b.index)
    .filter(({ place }) => "x" in place && "y" in place)
    .map(({ place }) => ({ x: place.x, y: place.y, image: picture(place.image ?? 1) }));
}

/** Which picture, from 0, a number in a text, from 1, means. @param {number} number */
const picture = (number) => (number >= 1 && number < 1e6 && Number.isInteger(number) ? number - 1 : 0);

/** A text attribute. @param {string} text @param {number} at */
function readValue(text, at) {
  const ends = QUOTE_ENDS[text[at] ?? ""];
  if (ends) {
    const sign = text.indexOf("<", at + 1);
    const within = text.slice(0, sign < 0 ? text.length : sign);
    const ended = search(ends, within, at + 1);
    if (ended) return { text: text.slice(at + 1, ended.index), end: ended.index + ended[0].length };
    at += 1;
  }
  const end = search(BARE_ENDS, text, at)?.index ?? text.length;
  return { text: text.slice(at, end).replace(/^[\\"]+/, "").replace(/[\\"' ]+$/, ""), end };
}

/** What stands between the tags. @param {string} text @param {number} at */
function readLabel(text, at) {
  if (text.slice(at - 2, at) === "/>" || text[at - 1] !== ">") return { text: "", end: at };
  let limit = search(OPEN, text, at)?.index ?? text.length;
  const closed = search(CLOSE, text.slice(0, limit), at);
  if (closed) return { text: text.slice(at, closed.index), end: closed.index + closed[0].length };
  for (const sign of "<\n") {
    const place = text.slice(0, limit).indexOf(sign, at);
    if (place >= 0) limit = place;
  }
  return { text: text.slice(at, limit), end: limit };
}

/** @param {string} text */
function clean(text) {
  const bare = text.replace(LEAVINGS, "").replace(/&(?:#(\d{1,7})|#x([\da-f]{1,6})|(\w{2,8}));/gi, (whole, ten, hex, name) => {
    if (name) return ENTITIES[name] ?? whole;
    const code = ten ? Number(ten) : parseInt(hex, 16);
    return code > 0 && code < 0x110000 ? String.fromCodePoint(code) : whole;
  });
  return bare.split(/\s+/).filter(Boolean).join(" ");
}
