/** A panel: one stream as one model read it, from its title down to the frame that is shown. */

import { counted, h } from "./dom.js";
import { wire } from "./gestures.js";
import { drawHead, drawMap } from "./heat.js";
import { plays } from "./scene.js";
import { drawFrame, drawStrip } from "./strip.js";
import {
  aboutCell,
  aboutFrame,
  absenceOf,
  frameInWords,
  noteOf,
  shiftsOf,
  sumInWords,
  tableOf,
  takenFromFrame,
} from "./telling.js";

/** @import { Plot } from "./plot.js" */
/** @import { Scene } from "./scene.js" */
/** @import { Store } from "./store.js" */
/** @import { Voices } from "./telling.js" */

export class Panel {
  focused = false;

  /**
   * @param {Store} store
   * @param {Voices} voices
   * @param {Plot} plot
   * @param {Scene} scene
   */
  constructor(store, { tip, status }, plot, scene) {
    this.store = store;
    this.tip = tip;
    this.status = status;
    this.plot = plot;
    this.scene = scene;
    const { stream, subject, name, data } = plot;
    this.sum = h("span", { class: "muted" });
    this.title = this.#buildTitle();
    this.head = h("canvas", { class: "head", "aria-hidden": "true" });
    this.map = h("canvas", {
      class: "map",
      tabindex: "0",
      role: "application",
      "aria-roledescription": "heat map",
      "data-stream": stream,
      "data-subject": subject,
    });
    const room = scene.table
      ? { overflow: "auto", maxHeight: "" }
      : { overflow: "visible", maxHeight: "none" };
    // What scrolls can be reached by keyboard.
    const reach = scene.table ? { tabindex: "0", role: "group", "aria-label": name } : {};
    this.body = h("div", { class: "scroll", style: room, ...reach });
    this.mark = h("div", { class: "hovered", hidden: "" });
    this.note = h("p", { class: "note" });
    this.strip = h("canvas", {
      class: "strip",
      tabindex: "0",
      role: "slider",
      "data-stream": stream,
      "aria-label": `${name}: frames over time`,
      "aria-valuemin": "0",
      "aria-valuemax": data.n - 1,
    });
    this.picture = h("canvas", { "aria-hidden": "true" });
    this.said = h("div", { class: "said" });
    const label = scene.film ? `play the film, from the ${name}` : `play the frames: ${name}`;
    const play = { type: "button", "aria-label": label, onclick: () => store.play(stream) };
    this.play = h("button", play, "▶ play");
    const beside = h("div", {}, this.said, this.play);
    this.player = h("div", { class: "player" }, this.picture, beside);
    wire(this);
  }

  /** From top to bottom. */
  get parts() {
    return [this.title, this.head, this.body, this.note, this.strip, this.player];
  }

  #buildTitle() {
    const { name, data } = this.plot;
    const timed = data.n > 0 && (data.kind === "attention" || this.plot.frames);
    const used = data.columns.filter((code) => code < data.k).length;
    return h(
      "div",
      { class: "title" },
      h("h2", {}, name),
      h("span", { class: "muted" }, `${counted(data.n, "frame")}, ${used} of ${data.k} codes`),
      this.sum,
      h("span", { class: "grow" }),
      timed ? h("span", { class: "zooms" }, ...this.#zoomButtons()) : null,
    );
  }

  #zoomButtons() {
    return [
      this.#zoomButton("−", "zoom out", 2),
      this.#zoomButton("+", "zoom in", 0.5),
      this.#zoomButton("⟲", "show all frames", Number.POSITIVE_INFINITY),
    ];
  }

  /** @param {string} sign @param {string} title @param {number} factor */
  #zoomButton(sign, title, factor) {
    const { stream, name } = this.plot;
    const props = { type: "button", "aria-label": `${title}: ${name}`, title };
    return h("button", { ...props, onclick: () => this.store.zoom(stream, factor) }, sign);
  }

  /** @param {Scene} scene */
  draw(scene) {
    this.scene = scene;
    this.#drawMap();
    this.note.replaceChildren(...noteOf(scene, this.plot));
    this.sum.textContent = sumInWords(scene, this.plot);
    const { n, kind } = this.plot.data;
    const own = kind === "attention"; // of one model; of several, the strip is the axis of time
    this.strip.style.display = n && (own || scene.frames) ? "" : "none";
    this.player.style.display = n && own ? "" : "none";
    if (n) this.#drawFrames();
  }

  #drawMap() {
    const { plot, scene } = this;
    const content = this.#content();
    // An element that stays keeps the focus.
    if (this.body.firstChild !== content) this.body.replaceChildren(content, this.mark);
    const alone = !plot.data.attends && scene.effects !== null && plot.data.n > 0; // codes, no map
    const headed = (content === this.map && !plot.frames) || (alone && plot.data.shift !== null);
    this.head.style.display = headed ? "" : "none";
    if (headed) drawHead(this.head, plot, scene);
    if (content === this.map) drawMap(this.map, plot, scene, this.focused);
  }

  #content() {
    const { data } = this.plot;
    if (!data.attends && data.shiftsWords) return shiftsOf(this.scene, this.plot);
    if (!data.attends) return absenceOf(this.scene, this.plot);
    return this.scene.table ? tableOf(this.scene, this.plot) : this.map;
  }

  #drawFrames() {
    const { plot, scene } = this;
    drawStrip(this.strip, plot, scene);
    drawFrame(this.picture, plot, scene);
    const about = frameInWords(scene, plot, plot.frame);
    this.said.replaceChildren(about, h("br"), takenFromFrame(plot, scene));
    this.play.textContent = plays(scene, plot.stream) ? "❚❚ pause" : "▶ play";
  }

  /** Say what is where the keyboard is. */
  sayCursor() {
    const { plot, scene } = this;
    if (!scene.cursor) return;
    const { row } = scene.cursor;
    const column = Math.min(scene.cursor.column, plot.nColumns - 1);
    this.status.textContent = plot.frames
      ? aboutFrame(scene, plot, row, column)
      : aboutCell(scene, plot, row, plot.data.columns[column]);
  }

  /**
   * Show a tip beside the pointer, with the picture of the code that it is about; or none.
   *
   * @param {string | null} text
   * @param {PointerEvent} [event]
   * @param {number | null} [code]
   */
  hint(text, event, code) {
    if (text === null || !event) return this.tip.hide();
    const { book, k } = this.plot.data;
    const { canvas } = this.tip;
    canvas.hidden = code === null || code === undefined || code >= k || !book.codes.length;
    if (!canvas.hidden) this.scene.pictures.portrait(canvas, 64, book, Number(code));
    this.tip.show(event, text, this.scene.width);
  }

  /** Mark the row under the pointer. @param {Scene} scene */
  markRow({ hovered, table }) {
    const { plot, mark } = this;
    mark.hidden = hovered === null || table || !plot.data.attends;
    if (mark.hidden || hovered === null) return;
    mark.style.top = `${plot.rowTop(hovered)}px`;
    mark.style.height = `${plot.rowHeight}px`;
    mark.style.width = `${plot.frames ? plot.width : plot.columnsWidth}px`;
  }
}
