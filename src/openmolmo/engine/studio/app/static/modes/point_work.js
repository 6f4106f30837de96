// @ts-check
/** The work of pointing, without a page: named groups of points, and what is not in the picture. */
import { cleanLabel, maySame } from "./labels.js";

/** @typedef {import("./picture.js").Place} Place */
/** @typedef {{label: string, points: Place[]}} Group */
/** @typedef {{groups: Group[], absent: string[], active: number}} Work `active` is -1 where the next click begins a group. */

/** Nothing done yet. @param {string[]} asked Labels that the task asks for. @returns {Work} */
export function emptyWork(asked) {
  return { groups: asked.map((label) => ({ label, points: [] })), absent: [], active: asked.length ? 0 : -1 };
}

/** The work with asked labels there, whatever a draft of earlier days holds. @param {Work} work @param {string[]} asked */
export function withAsked(work, asked) {
  const missing = asked.filter((label) => !work.groups.some((group) => group.label === label));
  work.groups.push(...missing.map((label) => ({ label, points: [] })));
  if (!(work.active >= -1 && work.active < work.groups.length)) work.active = work.groups.length - 1;
  return work;
}

/** Set a point of the active group, or begin a group. @param {Work} work @param {Place} place */
export function addPoint(work, place) {
  if (work.active < 0) work.active = work.groups.push({ label: "", points: [] }) - 1;
  const group = work.groups[work.active];
  group.points.push(place);
  work.absent = work.absent.filter((label) => label !== group.label);
  return group;
}

/** Take a point away; a group without a name goes with its last point. @param {Work} work @param {number} g @param {number} p */
export function removePoint(work, g, p) {
  const group = work.groups[g];
  group.points.splice(p, 1);
  if (!group.points.length && !group.label) removeGroup(work, g);
  return group;
}

/** @param {Work} work @param {number} g */
export function removeGroup(work, g) {
  work.groups.splice(g, 1);
  if (work.active === g) work.active = -1;
  else if (work.active > g) work.active -= 1;
}

/** Another group that may be the same thing as `label`. @param {Work} work @param {number} g @param {string} label */
export function likeness(work, g, label) {
  const others = work.groups.map((group, at) => ({ group, at })).filter(({ at }) => at !== g);
  return (
    others.find(({ group }) => group.label === label)?.at ?? others.find(({ group }) => maySame(group.label, label))?.at ?? -1
  );
}

/** Name a group; what has points is not absent. @param {Work} work @param {number} g @param {string} text */
export function nameGroup(work, g, text) {
  const group = work.groups[g];
  group.label = cleanLabel(text);
  if (group.points.length) work.absent = work.absent.filter((label) => label !== group.label);
  return group;
}

/** Put the points of one group into another, each place once. @param {Work} work @param {number} from @param {number} to */
export function putTogether(work, from, to) {
  const target = work.groups[to];
  const there = new Set(target.points.map((place) => `${place.x} ${place.y}`));
  target.points.push(...work.groups[from].points.filter((place) => !there.has(`${place.x} ${place.y}`)));
  if (target.points.length) work.absent = work.absent.filter((label) => label !== target.label);
  work.active = to;
  removeGroup(work, from);
  work.active = to > from ? to - 1 : to;
  return target;
}

/**
 * Say that something is not in the picture. False where it has points.
 * @param {Work} work @param {string} text @param {string[]} asked
 */
export function addAbsent(work, text, asked) {
  const label = cleanLabel(text);
  const g = work.groups.findIndex((group) => group.label === label);
  if (g >= 0 && work.groups[g].points.length) return false;
  if (g >= 0 && !asked.includes(label)) removeGroup(work, g);
  if (!work.absent.includes(label)) work.absent.push(label);
  return true;
}

/** Words to suggest as not there: a few that the work does not name, others for other pictures. */
export function suggestions(/** @type {Work} */ work, /** @type {string[]} */ words, /** @type {number} */ seed, count = 5) {
  const used = [...work.groups.map((group) => group.label), ...work.absent];
  const free = words.map(cleanLabel).filter((word) => word && !used.some((label) => maySame(label, word)));
  const from = free.length ? (seed * 7) % free.length : 0;
  return [...free.slice(from), ...free.slice(0, from)].slice(0, count);
}
