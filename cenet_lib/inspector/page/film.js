/** A film made ready to show: when its frames are, the mesh of the face, and the voice. */

import { clamp } from "./dom.js";
import { STREAMS, unpack } from "./records.js";

/** @import { FilmRecord, Stream } from "./records.js" */

const LONGEST_GAP = 2.5; // frames without a face; beyond, the mesh goes

/** @typedef {[number, number]} Share of the picture's width and height */

export class Film {
  /** @param {FilmRecord} record */
  constructor(record) {
    this.start = record.start;
    this.end = record.end;
    this.aspect = record.size[0] / record.size[1];
    this.hasPictures = record.has_pictures;
    this.times = { visual: unpack(record.times.visual), acoustic: unpack(record.times.acoustic) };
    this.level = record.voice && unpack(record.voice.level);
    this.pitch = record.voice && unpack(record.voice.pitch);
    this.pitches = this.pitch && rangeOf(this.pitch);
    this.#mesh = record.mesh && unpack(record.mesh.points);
    this.box = record.mesh?.box ?? [0, 0, 1, 1];
    this.lines = record.mesh?.lines ?? [];
    this.#nPoints = record.mesh?.points.shape[1] ?? 0;
    this.#gap = LONGEST_GAP * middle(steps(this.times.visual));
  }

  /** @type {Float32Array | null} (n, points, 2) from 0 to 65535 within the box */
  #mesh;
  #nPoints;
  #gap;

  get hasMesh() {
    return this.#mesh !== null;
  }

  /** The stream's frame at a time: the last one that has begun. @param {Stream} stream @param {number} time */
  frameAt(stream, time) {
    return clamp(after(this.times[stream], time + 1e-3) - 1, 0, this.times[stream].length - 1);
  }

  /** Where a time is among the frames, with parts of one. @param {Stream} stream @param {number} time */
  placeOf(stream, time) {
    const times = this.times[stream];
    const next = after(times, time);
    if (!next || next === times.length) return next ? times.length : 0;
    return next - 1 + (time - times[next - 1]) / (times[next] - times[next - 1]);
  }

  /**
   * The points of the mesh at a time; null where no face is seen.
   *
   * @param {number} time
   * @returns {Share[] | null}
   */
  meshAt(time) {
    const mesh = this.#mesh;
    if (!mesh || !this.times.visual.length) return null;
    const frame = this.frameAt("visual", time);
    if (Math.abs(time - this.times.visual[frame]) > this.#gap) return null;
    const [left, top, right, bottom] = this.box;
    return Array.from({ length: this.#nPoints }, (_, i) => {
      const at = 2 * (frame * this.#nPoints + i);
      const [x, y] = [mesh[at] / 65535, mesh[at + 1] / 65535];
      return [left + x * (right - left), top + y * (bottom - top)];
    });
  }

  get streams() {
    return STREAMS.filter((stream) => this.times[stream].length);
  }
}

/** How many of ascending times are not after a time. @param {Float32Array} times @param {number} time */
function after(times, time) {
  let [low, high] = [0, times.length];
  while (low < high) {
    const half = (low + high) >> 1;
    if (times[half] <= time) low = half + 1;
    else high = half;
  }
  return low;
}

/** The lowest and highest pitch that is drawn, in Hz; null without one. @param {Float32Array} pitch */
function rangeOf(pitch) {
  const heard = pitch.filter((hertz) => hertz > 0).sort();
  if (!heard.length) return null;
  const at = (/** @type {number} */ share) => heard[Math.round(share * (heard.length - 1))];
  return { low: at(0.02) / 1.1, high: at(0.98) * 1.1 };
}

/** @param {Float32Array} times */
const steps = (times) => times.subarray(1).map((time, i) => time - times[i]);

/** @param {Float32Array} values */
const middle = (values) => (values.length ? values.slice().sort()[values.length >> 1] : 0.1);
