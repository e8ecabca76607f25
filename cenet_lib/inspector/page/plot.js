/** Where things are in the maps and strips, in pixels. */

import { clamp } from "./dom.js";

/** @import { StreamReading } from "./data.js" */
/** @import { Stream } from "./records.js" */
/** @import { Timeline } from "./time.js" */

const WIDEST_COLUMN = 58;
const LARGEST_PICTURE = 46;
const SMALLEST_GLYPH = 16; // smaller pictures say nothing
const LEAST_ROOM = 20; // for a picture or a number
const MOST_LEVELS = 7;
const ROW_GAP = 5; // around the row of the first token

/** One stream of one subject, laid out. */
export class Plot {
  /**
   * @param {object} what
   * @param {number} what.subject
   * @param {Stream} what.stream
   * @param {string} what.name
   * @param {StreamReading} what.data
   * @param {Timeline} what.time
   * @param {boolean} what.frames are the columns of the map, not codes
   * @param {number} what.width
   * @param {number} what.rowHeight
   */
  constructor({ subject, stream, name, data, time, frames, width, rowHeight }) {
    this.subject = subject;
    this.stream = stream;
    this.name = name;
    this.data = data;
    this.time = time;
    this.frames = frames;
    this.width = width;
    this.rowHeight = rowHeight;
  }

  get nWords() {
    return this.data.rows - 1;
  }

  /** How many columns the keyboard can go to. */
  get nColumns() {
    return this.frames ? this.data.n : this.data.columns.length;
  }

  /** The code that a column of the map is about, or is a frame of. @param {number} column */
  codeOfColumn(column) {
    return this.frames ? this.data.codes[column] : this.data.columns[column];
  }

  /** @param {number} row */
  rowTop(row) {
    const n = this.nWords;
    return row * this.rowHeight + (row >= n ? ROW_GAP : 0) + (row > n ? ROW_GAP : 0);
  }

  /** @param {number} y @returns {number | null} */
  rowAt(y) {
    for (let row = 0; row < this.data.rows; row++) {
      const top = this.rowTop(row);
      if (y >= top && y < top + this.rowHeight) return row;
    }
    return null;
  }

  /** By codes, a last row has their share of the frames, where that can be compared with the rest. */
  get hasShares() {
    return !this.frames && (this.data.kind === "attention" || this.data.kind === "mean");
  }

  get mapHeight() {
    return this.rowTop(this.data.rows + (this.hasShares ? 1 : 0));
  }

  get columnWidth() {
    return Math.min(this.width / this.data.columns.length, WIDEST_COLUMN);
  }

  get columnsWidth() {
    return this.data.columns.length * this.columnWidth;
  }

  /** @param {number} x @returns {number | null} */
  codeAt(x) {
    return this.data.columns[Math.floor(x / this.columnWidth)] ?? null;
  }

  /** The frame that is shown: the one under the pointer, or at which the film stands. */
  get frame() {
    return Math.min(this.time.shown, this.data.n - 1);
  }

  /** @param {number} x */
  frameAt(x) {
    return this.time.frameAt(x, this.width, this.data.n);
  }

  /** @param {number} frame */
  frameX(frame) {
    return this.time.xOf(frame, this.width);
  }

  /**
   * Above the map: pictures of the codes, their numbers, and what they add to the prediction. Above
   * narrow columns they stand on several levels, so that each has room.
   */
  get head() {
    const levels = clamp(Math.ceil(LEAST_ROOM / this.columnWidth), 1, MOST_LEVELS);
    const size = Math.floor(clamp(levels * this.columnWidth - 4, 4, LARGEST_PICTURE));
    const pictured = size >= SMALLEST_GLYPH;
    const number = pictured ? size + 3 : 0;
    const step = number + 16;
    return { levels, pictured, size, number, step, effect: levels * step + 1 };
  }

  /** The code whose picture or number is at a place above the map. @param {number} x @param {number} y */
  codeInHead(x, y) {
    const { levels, step } = this.head;
    const level = Math.floor(y / step);
    if (levels === 1 || level >= levels) return this.codeAt(x);
    const turn = Math.round((x / this.columnWidth - 0.5 - level) / levels);
    return this.data.columns[level + levels * turn] ?? null;
  }
}
