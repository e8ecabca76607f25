/** The time of one stream: the frames in sight, and the frame at which its film stands. */

import { clamp } from "./dom.js";

/** @import { Stream } from "./records.js" */

const FEWEST_IN_SIGHT = 8; // frames
const FRAME_TIME = 90; // ms that a frame is shown where there is no film

export class Timeline {
  /** @param {number} total frames, of the longest that is shown */
  constructor(total) {
    this.total = Math.max(total, 1);
    this.from = 0;
    this.to = this.total;
    this.playhead = 0;
    /** @type {number | null} */
    this.peek = null; // the frame under the pointer, while the film stands elsewhere
    /** @type {{ from: number, to: number } | null} */
    this.mark = null; // a stretch of frames, from ≤ i < to
  }

  /** The frame that is shown. */
  get shown() {
    return this.peek ?? this.playhead;
  }

  get span() {
    return this.to - this.from;
  }

  get zoomed() {
    return this.span < this.total;
  }

  get ended() {
    return this.playhead >= this.total - 1;
  }

  /**
   * Show more frames (a factor above 1) or fewer around a centre that stays where it is.
   *
   * @param {number} factor
   * @param {number} centre
   */
  zoom(factor, centre = (this.from + this.to) / 2) {
    const span = clamp(this.span * factor, Math.min(FEWEST_IN_SIGHT, this.total), this.total);
    const start = centre - ((centre - this.from) / this.span) * span;
    this.#show(start, span);
  }

  /** @param {number} from the first frame to show, or a part of it */
  moveTo(from) {
    this.#show(from, this.span);
  }

  /** Go to a frame and bring it into sight. @param {number} frame */
  seek(frame) {
    this.playhead = clamp(frame, 0, this.total - 1);
    if (this.playhead < this.from) this.moveTo(this.playhead);
    else if (this.playhead + 1 > this.to) this.moveTo(this.playhead + 1 - this.span);
  }

  /** @param {number} start @param {number} span */
  #show(start, span) {
    this.from = clamp(start, 0, this.total - span);
    this.to = this.from + span;
  }

  /** @param {number} x in [0, width] @param {number} width @param {number} n frames there are */
  frameAt(x, width, n) {
    return clamp(Math.floor(this.from + (x / width) * this.span), 0, n - 1);
  }

  /** @param {number} frame @param {number} width */
  xOf(frame, width) {
    return ((frame - this.from) / this.span) * width;
  }
}

/** Plays the frames of one stream. */
export class Reel {
  /** @type {Stream | null} that is played */
  stream = null;
  #handle = 0;

  /** @param {Stream} stream @param {() => void} step */
  start(stream, step) {
    this.stream = stream;
    this.#handle = setInterval(step, FRAME_TIME);
  }

  /** Return the stream that was played. */
  stop() {
    const was = this.stream;
    clearInterval(this.#handle);
    this.stream = null;
    return was;
  }
}
