/**
 * The recorder in a notebook (anywidget calls `render`): it shows who is before the camera, records
 * a film of limited length, plays it, and hands it to Python. It makes no requests.
 */

import { Camera, hindrance, troubleOf } from "./camera.js";
import { dress } from "./colours.js";
import { h } from "./dom.js";
import SHARED_STYLE from "./page.css";
import RECORDER_STYLE from "./recorder.css";
import { Take } from "./take.js";
import { themeAround, watchTheme } from "./theme.js";

/** @import { Message, Send } from "./take.js" */

/**
 * What the recorder uses of anywidget's model.
 *
 * @typedef {object} RecorderModel
 * @property {(name: "limit" | "limit_bytes") => number} get
 * @property {(content: Message, callbacks?: object, buffers?: ArrayBuffer[]) => void} send
 * @property {(event: "msg:custom", act: (content: Message) => void) => void} on
 * @property {(event: "msg:custom", act: (content: Message) => void) => void} off
 */

const TICK = 100; // ms between looks at clock and microphone
const SILENCE = 0.02; // levels below are silence
const PATIENCE = 8000; // ms for Python to answer

/** @param {number} seconds */
const inSeconds = (seconds) => `${seconds.toFixed(1)} s`;

class RecorderView {
  /** @type {Camera | null} */
  #camera = null;
  /** @type {Take | null} */
  #take = null;
  #ticking = 0;
  #waiting = 0;
  #loudest = 0;
  #address = "";
  #note = "";
  #gone = false;
  #asking = false;

  #live = h("video", { class: "mirrored", hidden: "", "aria-label": "yourself, in the camera" });
  #film = h("video", { hidden: "", "aria-label": "your recording" });
  #off = h("div", { class: "off" }, "The camera is off.");
  #left = h("div", { class: "left", role: "timer", hidden: "" });
  #bar = h("i");
  #meter = h(
    "span",
    { role: "meter", "aria-label": "level of the microphone", "aria-valuemin": "0" },
    this.#bar,
  );
  #first = h("button", { type: "button", class: "first", onclick: () => this.#press() });
  #second = h("button", { type: "button", hidden: "", onclick: () => this.#pressSecond() });
  #say = h("div", { class: "say", role: "status", "aria-live": "polite" });

  /** @param {RecorderModel} model @param {HTMLElement} host */
  constructor(model, host) {
    host.setAttribute("data-lm-suppress-shortcuts", "true"); // JupyterLab's keys are not for us
    this.model = model;
    /** @type {Send} */
    this.send = (message, buffers) => model.send(message, undefined, buffers);
    Object.assign(this.#live, { muted: true, playsInline: true });
    Object.assign(this.#film, { controls: true, playsInline: true });
    this.#meter.setAttribute("aria-valuemax", "100");
    this.root = h(
      "div",
      {
        class: "root bordered recorder",
        role: "group",
        "aria-label": "Recorder",
        onkeydown: (event) => event.stopPropagation(),
      },
      h("div", { class: "stage" }, this.#live, this.#film, this.#off, this.#left),
      h("div", { class: "level" }, h("span", {}, "microphone"), this.#meter),
      h("div", { class: "row" }, this.#first, this.#second),
      this.#say,
    );
    const styles = [SHARED_STYLE, RECORDER_STYLE].map((style) => h("style", {}, style));
    host.attachShadow({ mode: "open" }).append(...styles, this.root);
    this.stop = this.#listen();
    this.#begin();
  }

  #listen() {
    const hear = (/** @type {Message} */ message) => this.#hear(message);
    this.model.on("msg:custom", hear);
    const wear = () => dress(this.root, themeAround());
    wear();
    const unwatch = watchTheme(wear);
    return () => {
      this.#gone = true;
      this.model.off("msg:custom", hear);
      unwatch();
      this.#closeCamera();
      this.#dropFilm();
    };
  }

  #begin() {
    this.#offer("turn on the camera", "");
    const why = hindrance();
    if (!why) return this.#tell(`A recording lasts ${inSeconds(this.model.get("limit"))} at most.`);
    this.#first.setAttribute("disabled", "");
    this.#fail(why);
  }

  /** @param {string} text */
  #tell(text) {
    this.#say.textContent = text;
  }

  /** Say what went wrong, here and to Python. @param {string} why */
  #fail(why) {
    this.#tell(why);
    this.send({ kind: "trouble", why });
  }

  /** Name what the two buttons do; without a name there is no second one. */
  #offer(/** @type {string} */ first, /** @type {string} */ second) {
    this.#first.textContent = first;
    this.#second.textContent = second;
    this.#second.hidden = !second;
  }

  #press() {
    if (!this.#camera) return this.#open();
    return this.#take?.running ? this.#finish() : this.#record();
  }

  #pressSecond() {
    if (this.#camera) {
      this.#closeCamera();
      this.#begin();
    } else {
      this.send({ kind: "forget" });
      this.#forget();
    }
  }

  async #open() {
    if (this.#asking) return; // one question at a time
    this.#asking = true;
    this.#tell("The browser asks whether this page may use camera and microphone.");
    try {
      const camera = await Camera.open();
      if (!this.#gone) this.#show(camera);
      else camera.close(); // the cell was cleared meanwhile
    } catch (error) {
      this.#fail(await troubleOf(error));
    }
    this.#asking = false;
  }

  /** @param {Camera} camera */
  #show(camera) {
    this.#dropFilm();
    this.#camera = camera;
    this.#loudest = 0;
    camera.onLoss(() => this.#lose());
    this.#live.srcObject = camera.stream;
    this.#live.play();
    [this.#live.hidden, this.#off.hidden] = [false, true];
    this.#ticking = window.setInterval(() => this.#tick(), TICK);
    this.#offer("● record", "turn it off");
    this.#tell("Look into the camera, and speak to see the level move.");
  }

  #record() {
    const camera = /** @type {Camera} */ (this.#camera);
    try {
      this.#take = new Take(camera.stream, this.send);
      this.#take.start();
    } catch (error) {
      const { message } = /** @type {Error} */ (error);
      this.#fail(`This browser could not begin to record (${message}).`);
      return;
    }
    this.#loudest = 0;
    this.#offer("■ stop", "");
    this.#tell("Recording.");
    this.#tick();
  }

  /** Look at clock and microphone. */
  #tick() {
    const level = this.#camera?.level() ?? 0;
    this.#loudest = Math.max(this.#loudest, level);
    this.#bar.style.width = `${100 * level}%`;
    this.#meter.setAttribute("aria-valuenow", String(Math.round(100 * level)));
    const take = this.#take;
    this.#left.hidden = !take?.running;
    if (!take?.running) return;
    const left = this.model.get("limit") - take.seconds;
    this.#left.textContent = `${Math.max(0, Math.ceil(left))} s left`;
    if (left <= 0 || take.bytes >= this.model.get("limit_bytes")) this.#finish();
  }

  async #finish(why = "") {
    const take = this.#take;
    if (!take) return;
    const stopped = take.stop();
    this.#note = this.#loudest < SILENCE ? " The microphone heard nothing; is it muted?" : "";
    this.#closeCamera();
    this.#tell(`${why}Recorded ${inSeconds(take.seconds)}; handing it to Python …`);
    this.#waiting = window.setTimeout(() => {
      this.#tell("Python is busy with a cell, or gone; the recording arrives when it is free.");
    }, PATIENCE);
    await stopped;
    this.#play(take.film());
    this.#offer("record again", "forget it");
  }

  #lose() {
    if (this.#take?.running) this.#finish("The camera went away. ");
    else if (this.#camera) {
      this.#closeCamera();
      this.#begin();
      this.#fail("The camera went away; plug it in again.");
    }
  }

  #closeCamera() {
    clearInterval(this.#ticking);
    this.#camera?.close();
    this.#camera = null;
    this.#live.srcObject = null;
    [this.#live.hidden, this.#off.hidden, this.#left.hidden] = [true, false, true];
    this.#bar.style.width = "0";
  }

  /** @param {Blob} film */
  #play(film) {
    this.#address = URL.createObjectURL(film);
    this.#film.src = this.#address;
    [this.#film.hidden, this.#off.hidden] = [false, true];
    // A film that was just recorded does not say how long it is until one has gone to its end.
    const back = () => {
      this.#film.currentTime = 0;
    };
    const seek = () => {
      if (Number.isFinite(this.#film.duration)) return;
      this.#film.addEventListener("durationchange", back, { once: true });
      this.#film.currentTime = 1e9;
    };
    this.#film.addEventListener("loadedmetadata", seek, { once: true });
  }

  #dropFilm() {
    clearTimeout(this.#waiting);
    this.#film.hidden = true;
    this.#film.removeAttribute("src");
    this.#film.load();
    URL.revokeObjectURL(this.#address);
    this.#take = null;
  }

  #forget() {
    this.#take?.drop();
    this.#closeCamera();
    this.#dropFilm();
    this.#begin();
    this.#tell("Forgotten: neither this page nor Python has the recording any more.");
  }

  /** @param {Message} message */
  #hear({ kind, take, ...more }) {
    if (kind === "forget") return this.#forget();
    if (!this.#take || take !== this.#take.id) return;
    clearTimeout(this.#waiting);
    if (kind === "again") this.#take.repeat(/** @type {number[]} */ (more.pieces));
    else this.#tell(`${more.say}${this.#note}`);
    if (kind === "refused" && this.#take.running) this.#finish(`${more.say} `);
  }
}

/** @param {{ model: RecorderModel, el: HTMLElement }} place */
function render({ model, el }) {
  const host = document.createElement("div");
  el.append(host);
  const view = new RecorderView(model, host);
  return () => view.stop();
}

export default { render };
