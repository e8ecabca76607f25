/** The time of a film: it runs, stops and is set, with a film that plays or without one. */

import { clamp } from "./dom.js";

export class Clock {
  #start;
  #end;
  #tell;
  #time;
  #playing = false;
  #last = 0; // when the time was looked at
  #request = 0;
  /** @type {HTMLVideoElement | null} */
  #video = null;
  #offset = 0; // the time at which that film begins, which may be a part cut out of the one measured

  /** @param {number} start @param {number} end @param {() => void} tell when it has changed */
  constructor(start, end, tell) {
    this.#start = start;
    this.#end = Math.max(end, start);
    this.#time = start;
    this.#tell = tell;
  }

  get time() {
    return this.#time;
  }

  get playing() {
    return this.#playing;
  }

  /**
   * Let a film give the time from now on.
   *
   * @param {HTMLVideoElement | null} video
   * @param {number} offset the time at which it begins
   */
  follow(video, offset = 0) {
    this.pause();
    this.#video = video;
    this.#offset = offset;
    this.preview(null);
  }

  toggle() {
    if (this.#playing) this.pause();
    else this.play();
  }

  play() {
    if (this.#time >= this.#end - 0.02) this.seek(this.#start);
    this.#playing = true;
    this.#last = performance.now();
    this.#video?.play().catch(() => this.pause()); // a browser may not let it
    this.#request = requestAnimationFrame((now) => this.#step(now));
    this.#tell();
  }

  pause() {
    if (!this.#playing) return;
    this.#playing = false;
    cancelAnimationFrame(this.#request);
    this.#video?.pause();
    this.#tell();
  }

  /** @param {number} time */
  seek(time) {
    this.#time = clamp(time, this.#start, this.#end);
    if (this.#video) this.#video.currentTime = this.#time - this.#offset;
    this.#tell();
  }

  /** Show another time, or (null) the own one again, without going there. @param {number | null} time */
  preview(time) {
    if (this.#video && !this.#playing)
      this.#video.currentTime = (time ?? this.#time) - this.#offset;
  }

  /** @param {number} now */
  #step(now) {
    if (!this.#playing) return;
    const since = Math.max(0, now - this.#last) / 1000;
    this.#last = Math.max(now, this.#last);
    const time = this.#video ? this.#video.currentTime + this.#offset : this.#time + since;
    this.#time = clamp(time, this.#start, this.#end);
    if (time >= this.#end || this.#video?.ended) {
      this.#time = this.#end;
      this.pause();
      return;
    }
    this.#tell();
    this.#request = requestAnimationFrame((next) => this.#step(next));
  }
}
