/** The film of an utterance: its pictures, the mesh of the face over them or alone, and its time. */

import { clamp, h } from "./dom.js";
import { drawMesh } from "./mesh.js";
import { FilmLoader } from "./pictures.js";
import { frameInWords } from "./telling.js";

/** @import { Film } from "./film.js" */
/** @import { Scene } from "./scene.js" */
/** @import { Store } from "./store.js" */

/** @typedef {"film" | "both" | "mesh"} Mode */

/** @type {[Mode, string][]} */
const MODES = [
  ["film", "film"],
  ["both", "film and mesh"],
  ["mesh", "mesh alone"],
];
const WIDEST = 400; // pixels
const HIGHEST = 320;
const ALONE = "Only the mesh is here: 478 measured landmarks of the face, and no picture of it.";

export class FilmView {
  #store;
  /** @type {Film | null} */
  #shown = null;
  /** @type {Mode} */
  #mode = "mesh";
  #loader;
  #ready = false;
  #offset = 0; // the time at which the film begins that is shown
  #trouble = "";

  #video = h("video", { "aria-label": "the film", preload: "auto", tabindex: "-1" });
  #canvas = h("canvas", { class: "mesh", role: "img" });
  #stage = h("div", { class: "film" }, this.#video, this.#canvas);
  #play = h("button", {
    type: "button",
    class: "steer",
    onclick: () => this.#store.play("visual"),
  });
  #slider = h("input", {
    ...{ type: "range", step: "0.01", "aria-label": "time in the film" },
    oninput: () => this.#store.seekTime(Number(this.#slider.value)),
  });
  #clock = h("span", { class: "muted" });
  #modes = h("span", { class: "switch", role: "group", "aria-label": "What of the film is shown" });
  #note = h("p", { class: "muted" });
  #said = h("p", { class: "said" });

  /** @param {Store} store */
  constructor(store) {
    this.#store = store;
    this.#video.playsInline = true;
    this.#loader = new FilmLoader(
      store.model,
      (address, offset) => this.#load(address, offset),
      (why) => this.#fail(why),
    );
    for (const [mode, title] of MODES) {
      const props = { type: "button", "data-mode": mode, onclick: () => this.#choose(mode) };
      this.#modes.append(h("button", props, title));
    }
    this.#video.addEventListener("loadeddata", () => this.#begin());
    this.#video.addEventListener("seeked", () => this.#redraw());
    this.#video.addEventListener("error", () => {
      if (this.#video.src) this.#fail("This browser cannot play the film; convert it to webm.");
    });
    const bar = h("div", { class: "row" }, this.#play, this.#slider, this.#clock);
    const beside = h("div", { class: "beside" }, bar, this.#modes, this.#said, this.#note);
    const parts = h("div", { class: "filmed" }, this.#stage, beside);
    this.element = h("section", { class: "bar", "aria-label": "Film", hidden: "" }, parts);
  }

  /** Wait for films, until the function that is returned is called. */
  listen() {
    return this.#loader.listen();
  }

  /** @param {Scene} scene */
  draw(scene) {
    const { film } = scene;
    if (film !== this.#shown) this.#change(film, scene.utterance.id);
    this.element.hidden = !this.#worth(film);
    if (!film || this.element.hidden) return;
    const size = sizeFor(film, scene.width, this.#mode);
    Object.assign(this.#stage.style, { width: `${size.width}px`, height: `${size.height}px` });
    this.#drawMesh(scene, film, size);
    this.#drawTime(scene, film);
    this.#modes.hidden = !(this.#ready && film.hasMesh);
    for (const button of this.#modes.querySelectorAll("button")) {
      button.setAttribute("aria-pressed", String(button.dataset.mode === this.#mode));
    }
  }

  /** @param {Film | null} film */
  #worth(film) {
    return film !== null && (film.hasMesh || film.hasPictures);
  }

  /** @param {Scene} scene @param {Film} film @param {{ width: number, height: number }} size */
  #drawMesh(scene, film, size) {
    const over = this.#mode !== "mesh";
    this.#video.hidden = !over || !this.#ready;
    this.#canvas.hidden = this.#mode === "film" || !film.hasMesh;
    const stage = { ...size, over, theme: scene.theme };
    const seen = !film.hasMesh || drawMesh(this.#canvas, film, scene.moment, stage);
    this.#canvas.setAttribute("aria-label", seen ? "mesh of the face" : "no face is seen");
    const unseen = seen ? "" : "No face is seen at this moment. ";
    const loading =
      film.hasPictures && !this.#ready && !this.#trouble ? "The film is coming. " : "";
    const alone = film.hasPictures ? "" : ALONE;
    this.#note.textContent = `${unseen}${loading}${this.#trouble || alone}`;
  }

  /** @param {Scene} scene @param {Film} film */
  #drawTime(scene, film) {
    const [time, end] = [scene.moment.toFixed(2), film.end.toFixed(2)];
    this.#clock.textContent = `${time} of ${end} s`;
    this.#play.textContent = scene.playing === "film" ? "❚❚ pause" : "▶ play";
    this.#slider.min = String(film.start);
    this.#slider.max = String(film.end);
    this.#slider.value = String(scene.moment);
    const said = nowInWords(scene, film);
    this.#slider.setAttribute("aria-valuetext", `${time} seconds; ${said.join("; ")}`);
    this.#said.replaceChildren(...said.flatMap((line) => [line, h("br")]));
  }

  /** @param {Film | null} film @param {string} id */
  #change(film, id) {
    this.#shown = film;
    this.#ready = false;
    this.#trouble = "";
    this.#mode = "mesh";
    this.#loader.drop();
    this.#video.removeAttribute("src");
    this.#video.load();
    if (film?.hasPictures) this.#loader.ask(id);
  }

  /** @param {string} address @param {number} offset */
  #load(address, offset) {
    this.#offset = offset;
    this.#video.src = address;
  }

  #begin() {
    if (this.#ready) return;
    this.#ready = true;
    this.#mode = this.#shown?.hasMesh ? "both" : "film";
    this.#store.showIn(this.#video, this.#offset);
    this.#redraw();
  }

  /** @param {string} why */
  #fail(why) {
    this.#trouble = why;
    this.#ready = false;
    this.#mode = "mesh";
    this.#store.showIn(null);
    this.#redraw();
  }

  /** @param {Mode} mode */
  #choose(mode) {
    this.#mode = mode;
    this.#redraw();
  }

  #redraw() {
    const scene = this.#store.scene();
    if (scene) this.draw(scene);
  }
}

/**
 * What is seen and heard at this moment.
 *
 * @param {Scene} scene
 * @param {Film} film
 */
function nowInWords(scene, film) {
  const { streams } = scene.utterance.subjects[scene.subject];
  return film.streams
    .filter((stream) => streams[stream].n && streams[stream].book.codes.length)
    .map((stream) => {
      const data = streams[stream];
      const frame = Math.min(scene.time[stream].shown, data.n - 1);
      const title = stream === "visual" ? "Face" : "Voice";
      return `${title}: ${frameInWords(scene, { stream, data }, frame)}`;
    });
}

/** @param {Film} film @param {number} width of the page @param {Mode} mode */
function sizeFor(film, width, mode) {
  const room = clamp(width - 42, 160, WIDEST);
  const [left, top, right, bottom] = film.box;
  const own = ((right - left) * film.aspect) / (bottom - top || 1);
  const aspect = mode === "mesh" && !film.hasPictures ? clamp(own, 0.6, 1.6) : film.aspect;
  const height = Math.min(HIGHEST, room / aspect);
  return { width: Math.round(height * aspect), height: Math.round(height) };
}
