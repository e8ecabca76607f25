/** Where attention changes: maps of words by codes, what it is afterwards minus what it was. */

import { StreamReading } from "./data.js";
import { h, quoted, short, signed } from "./dom.js";
import { drawHead, drawMap } from "./heat.js";
import { Plot } from "./plot.js";
import { STREAMS, TITLE } from "./records.js";
import { rowName } from "./scene.js";
import { Timeline } from "./time.js";

/** @import { Outcome } from "./changes.js" */
/** @import { Stream } from "./records.js" */
/** @import { Scene } from "./scene.js" */

const CHANGE_HEIGHT = 18;
const LEAST_CHANGE = 0.01; // changes below are not worth a word
const MOST_CHANGES = 3;

/** Attention afterwards, minus what it was. */
class Changed extends StreamReading {
  #cells; // (rows, k+1)

  /** @param {StreamReading} before @param {Float32Array} after (rows, k+1) */
  constructor(before, after) {
    const raw = { ...before.raw, attention: null, by_frame: null, shift: null };
    super(raw, before.book, before.rows - 1);
    /** @type {StreamReading["kind"]} */
    this.kind = "difference";
    this.attends = true;
    this.before = before;
    const width = this.k + 1;
    this.#cells = after.map(
      (value, i) => value - whole(before.at(Math.floor(i / width), i % width)),
    );
    const there = (/** @type {number} */ code) =>
      before.counts[code] > 0 ||
      [...Array(this.rows).keys()].some((row) => after[row * width + code]);
    this.columns = [...before.book.order, this.k].filter(there);
    this.top.code = this.#cells.reduce((most, x) => Math.max(most, Math.abs(whole(x))), 0);
  }

  /** @override @param {number} row @param {number} code */
  at(row, code) {
    return this.#cells[row * (this.k + 1) + code];
  }
}

/** Of a code that nobody attended to, nothing. @param {number} x */
const whole = (x) => (Number.isNaN(x) ? 0 : x);

/** @typedef {{ stream: Stream, row: number, code: number, was: number, is: number }} Cell */

/**
 * The maps of what changes in one subject's attention; null if it does not attend.
 *
 * @param {Scene} scene
 * @param {number} subject
 * @param {Outcome} outcome
 */
export function changeMaps(scene, subject, outcome) {
  const { streams } = scene.utterance.subjects[subject];
  const found = STREAMS.flatMap((stream) => {
    const after = outcome.attention[stream];
    const before = streams[stream];
    return after && before.nWithPadding ? [{ stream, data: new Changed(before, after) }] : [];
  });
  if (!found.length) return null;
  const most = Math.max(...found.map(({ data }) => data.top.code), 0.01);
  for (const { data } of found) data.most = { code: most, frame: most };
  const maps = found.map(({ stream, data }) => mapOf(scene, subject, stream, data));
  const cells = found.flatMap(({ stream, data }) => cellsOf(stream, data));
  cells.sort((a, b) => Math.abs(b.is - b.was) - Math.abs(a.is - a.was));
  const legend = " Violet cells get more attention than before, green ones less.";
  return h(
    "div",
    {},
    h("p", { class: "note" }, cellsInWords(scene, cells) + legend),
    h("div", { class: "changed" }, maps),
  );
}

/**
 * In words: the cells that change most.
 *
 * @param {Scene} scene
 * @param {Cell[]} cells
 */
export function cellsInWords(scene, cells) {
  const told = cells
    .filter(({ was, is }) => Math.abs(is - was) >= LEAST_CHANGE)
    .slice(0, MOST_CHANGES);
  if (!told.length) return "Attention stays as it was.";
  const parts = told.map(({ stream, row, code, was, is }) => {
    const name = `${TITLE[stream].toLowerCase()} code ${code}`;
    return `${quoted(rowName(scene, row))} × ${name} from ${short(was)} to ${short(is)}`;
  });
  return `Of attention, most changes in ${parts.join("; ")}.`;
}

/** @param {Stream} stream @param {Changed} data @returns {Cell[]} */
function cellsOf(stream, data) {
  const rows = [...Array(data.rows).keys()];
  return rows.flatMap((row) =>
    data.columns.flatMap((code) => {
      const [change, was] = [data.at(row, code), whole(data.before.at(row, code))];
      return Number.isNaN(change) || code === data.k
        ? []
        : [{ stream, row, code, was, is: was + change }];
    }),
  );
}

/** @param {Scene} scene @param {number} subject @param {Stream} stream @param {Changed} data */
function mapOf(scene, subject, stream, data) {
  const name = `${TITLE[stream]}: change of attention`;
  if (scene.table) return tableOfChange(scene, name, data);
  const perRow = scene.width > 760 && !scene.printing ? 2 : 1;
  const room = scene.width / perRow - (scene.width > 760 ? 180 : 120);
  const plot = new Plot({
    ...{ subject, stream, name, data, time: new Timeline(data.n) },
    ...{ frames: false, width: Math.floor(room), rowHeight: CHANGE_HEIGHT },
  });
  const [head, map] = [h("canvas", { "aria-hidden": "true" }), h("canvas", { role: "img" })];
  const unmarked = { ...scene, row: null, code: null, film: null, cursor: null };
  drawHead(head, plot, unmarked);
  drawMap(map, plot, unmarked, false);
  map.setAttribute("aria-label", `${name}; “as tables” shows its numbers`);
  const names = [...Array(data.rows).keys()].map((row) =>
    h("div", { style: { top: `${plot.rowTop(row)}px` }, dir: "auto" }, rowName(scene, row)),
  );
  const side = h("div", { class: "rows", "aria-hidden": "true" }, names);
  return h("figure", {}, h("figcaption", {}, name), h("div", {}, head), side, map);
}

/** @param {Scene} scene @param {string} name @param {Changed} data */
function tableOfChange(scene, name, data) {
  const rows = [...Array(data.rows).keys()].map((row) => {
    const cells = data.columns.map((code) => h("td", {}, signed(data.at(row, code))));
    return h("tr", {}, h("th", { scope: "row", dir: "auto" }, rowName(scene, row)), cells);
  });
  const heads = data.columns.map((code) =>
    h("th", { scope: "col" }, code === data.k ? "pad" : String(code)),
  );
  return h(
    "div",
    { class: "scroll", tabindex: "0", role: "group", "aria-label": name },
    h(
      "table",
      {},
      h("caption", {}, name),
      h("thead", {}, h("tr", {}, h("td", {}, "word"), heads)),
      h("tbody", {}, rows),
    ),
  );
}
