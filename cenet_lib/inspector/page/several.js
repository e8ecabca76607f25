/**
 * Several models on one utterance: the cells of their maps, put together.
 *
 * The models share the words and the frames, but not the codes: each run has a vocabulary of its
 * own. So a map is first spread over the frames, and then added up by the codes of one of the
 * models. Where the vocabularies are the same, that changes nothing.
 */

import { StreamReading } from "./data.js";
import { STREAMS, TITLE } from "./records.js";

/** @import { Subject } from "./data.js" */
/** @import { Stream } from "./records.js" */
/** @import { Scene } from "./scene.js" */

/** @typedef {"difference" | "mean" | "spread"} Made what a cell is made of several to */
/** @typedef {(values: number[]) => number} Make */

/** @type {Record<Made, Make>} */
const MAKES = {
  difference: ([one, other]) => one - other,
  mean: meanOf,
  spread: (values) => {
    const mean = meanOf(values);
    const squares = values.reduce((sum, value) => sum + (value - mean) ** 2, 0);
    return Math.sqrt(squares / (values.length - 1));
  },
};

/** @param {number[]} values */
function meanOf(values) {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

/** One stream of one utterance as several models read it, in the codes of the first. */
export class Combined extends StreamReading {
  #cells; // (rows, k+1)
  #frames; // (rows, n)
  #sums; // (rows, n+1) along time

  /** @param {Made} kind @param {Subject[]} subjects the first gives its codes @param {Stream} stream */
  constructor(kind, subjects, stream) {
    const readings = subjects.map(({ streams }) => streams[stream]);
    const [first] = readings;
    super(
      { ...first.raw, attention: null, by_frame: null, shift: null },
      first.book,
      first.rows - 1,
    );
    this.kind = kind;
    this.attends = readings.every((reading) => reading.attends);
    const put = cellwise(MAKES[kind]);
    this.parts = subjects.map(({ name }, i) => ({
      name,
      cells: inCodesOf(first, readings[i]),
      frames: overFrames(readings[i]),
    }));
    this.#cells = put(this.parts.map(({ cells }) => cells));
    this.#frames = put(this.parts.map(({ frames }) => frames));
    this.#sums = new Float64Array(this.rows * (this.n + 1));
    for (let row = 0; row < this.rows; row++) {
      const start = row * (this.n + 1);
      for (let i = 0; i < this.n; i++) {
        this.#sums[start + i + 1] = this.#sums[start + i] + this.onFrame(row, i);
      }
    }
    this.top = { code: largest(this.#cells), frame: largest(this.#frames) };
  }

  /** @override @param {number} row @param {number} code */
  at(row, code) {
    return this.#cells[row * (this.k + 1) + code];
  }

  /** @override @param {number} row @param {number} frame */
  onFrame(row, frame) {
    return this.#frames[row * this.n + frame];
  }

  /** @override @param {number} row @param {number} a @param {number} b */
  mean(row, a, b) {
    const start = row * (this.n + 1);
    return (this.#sums[start + b] - this.#sums[start + a]) / (b - a);
  }
}

/** @param {Make} make @returns {(arrays: Float32Array[]) => Float32Array} */
const cellwise = (make) => (arrays) => arrays[0].map((_, i) => make(arrays.map((a) => a[i])));

/** @param {Float32Array} values */
const largest = (values) =>
  values.reduce((most, value) => Math.max(most, Number.isNaN(value) ? 0 : Math.abs(value)), 0);

/** A reading's attention on each frame, (rows, n). @param {StreamReading} reading */
function overFrames(reading) {
  const { rows, n } = reading;
  const found = new Float32Array(rows * n);
  for (let row = 0; row < rows; row++) {
    for (let i = 0; i < n; i++) found[row * n + i] = reading.onFrame(row, i);
  }
  return found;
}

/**
 * A reading's attention on the frames of each code of another reading, (rows, k+1).
 *
 * @param {StreamReading} first
 * @param {StreamReading} reading
 */
function inCodesOf(first, reading) {
  const { rows, n, k, codes } = first;
  const found = new Float32Array(rows * (k + 1));
  for (let row = 0; row < rows; row++) {
    for (let i = 0; i < n; i++) found[row * (k + 1) + codes[i]] += reading.onFrame(row, i);
    if (first.counts[k]) found[row * (k + 1) + k] = reading.at(row, reading.k); // padding
  }
  return found;
}

/**
 * A map that the page shows.
 *
 * @typedef {object} Shown
 * @property {number} subject whose codes the columns are
 * @property {Stream} stream
 * @property {string} name
 * @property {string} model or what it is made of several to
 * @property {StreamReading} data
 */

/** The maps that the page shows, stream after stream. @param {Scene} scene @returns {Shown[]} */
export function shownMaps(scene) {
  const { maps, pair, utterance } = scene;
  const { subjects } = utterance;
  if (maps === "difference")
    return commonScale(STREAMS.map((s) => differenceOf(subjects, s, pair)));
  if (maps === "spread") {
    return commonScale(STREAMS.flatMap((s) => meanAndSpreadOf(subjects, s, pair[0])));
  }
  const places = subjects.length > 2 ? [pair[0]] : [...subjects.keys()];
  return STREAMS.flatMap((stream) =>
    places.map((subject) => {
      const model = subjects[subject].name;
      const name = subjects.length > 1 ? `, ${model}` : "";
      const data = subjects[subject].streams[stream];
      return { subject, stream, name: TITLE[stream] + name, model, data };
    }),
  );
}

/** @param {Subject[]} subjects @param {Stream} stream @param {[number, number]} pair */
function differenceOf(subjects, stream, pair) {
  const [one, other] = pair.map((place) => subjects[place]);
  const model = `${one.name} − ${other.name}`;
  const data = new Combined("difference", [one, other], stream);
  return { subject: pair[0], stream, name: `${TITLE[stream]}, ${model}`, model, data };
}

/** @param {Subject[]} subjects @param {Stream} stream @param {number} first whose codes are shown */
function meanAndSpreadOf(subjects, stream, first) {
  const order = [first, ...[...subjects.keys()].filter((place) => place !== first)];
  const ordered = order.map((place) => subjects[place]);
  /** @type {[Made, string][]} */
  const made = [
    ["mean", `mean of ${subjects.length} runs`],
    ["spread", "spread (sd)"],
  ];
  return made.map(([kind, what]) => {
    const data = new Combined(kind, ordered, stream);
    return { subject: first, stream, name: `${TITLE[stream]}, ${what}`, model: what, data };
  });
}

/** Let the colours of all maps mean the same. @param {Shown[]} shown */
function commonScale(shown) {
  const most = {
    code: Math.max(1e-6, ...shown.map(({ data }) => data.top.code)),
    frame: Math.max(1e-6, ...shown.map(({ data }) => data.top.frame)),
  };
  for (const { data } of shown) data.most = most;
  return shown;
}
