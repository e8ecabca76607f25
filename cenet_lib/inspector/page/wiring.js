/**
 * The attention inspector, in a notebook (anywidget calls `render`) and on an exported page (which
 * calls `mount`). Python computes; this only shows, and makes no requests.
 */

import { dress } from "./colours.js";
import { h } from "./dom.js";
import { FilmView } from "./filmview.js";
import { ListView } from "./list.js";
import { MapsView, NARROW } from "./maps.js";
import STYLE from "./page.css";
import { GalleryView, ProfileView } from "./profile.js";
import { PredictionsView, SentenceView } from "./reading.js";
import { STREAMS } from "./records.js";
import { Store } from "./store.js";
import { Tip } from "./telling.js";
import { themeAround, watchTheme } from "./theme.js";

/** @import { Scene } from "./scene.js" */
/** @import { Act, Change, Model, Traits } from "./store.js" */
/** @import { PageRecord } from "./records.js" */

/** Joins the views: each is drawn when what it shows has changed. */
class Page {
  #tip = new Tip();
  #status = h("div", { class: "sr", role: "status", "aria-live": "polite" });

  /** @param {Model} model @param {HTMLElement} host */
  constructor(model, host) {
    host.setAttribute("data-lm-suppress-shortcuts", "true"); // JupyterLab's keys are not for us
    const store = new Store(model, themeAround(), (change) => this.#update(change));
    this.store = store;
    this.list = new ListView(store);
    this.maps = new MapsView(store, { tip: this.#tip, status: this.#status });
    const [sentence, predictions] = [new SentenceView(store), new PredictionsView(store)];
    const [gallery, profile] = [new GalleryView(store), new ProfileView()];
    this.film = new FilmView(store);
    this.sentence = sentence;
    this.views = [sentence, predictions, this.film, this.maps, gallery, profile];
    const name = { "aria-label": "Utterance and predictions" };
    const card = h("section", name, sentence.element, predictions.element);
    const order = "from those in negative segments (left) to those in positive ones (right)";
    const codes = h(
      "section",
      { class: "bar", "aria-label": "Codes" },
      h("div", { class: "row" }, h("h2", {}, "All codes"), h("span", { class: "muted" }, order)),
      gallery.element,
      profile.element,
    );
    this.root = h(
      "div",
      {
        class: "root bordered",
        role: "group",
        "aria-label": "Attention inspector",
        onkeydown: (event) => this.#key(event),
      },
      ...[this.list.element, card, this.film.element, this.maps.element, codes],
      ...[this.#tip.element, this.#status],
    );
    host.attachShadow({ mode: "open" }).append(h("style", {}, STYLE), this.root);
    this.#wearTheme();
    this.list.filter();
    this.stop = this.#listen();
  }

  #listen() {
    const listening = [this.store.listen(), this.film.listen()];
    const stops = [...listening, watchTheme(() => this.#wearTheme())];
    const size = new ResizeObserver(() => this.#measure());
    size.observe(this.root);
    return () => {
      size.disconnect();
      for (const stop of stops) stop();
    };
  }

  #wearTheme() {
    const theme = themeAround();
    dress(this.root, theme);
    this.store.setTheme(theme);
  }

  #measure() {
    const width = Math.floor(this.root.clientWidth);
    if (!width || width === this.store.width) return;
    this.root.classList.toggle("narrow", width < NARROW);
    this.store.setWidth(width);
    this.list.draw();
  }

  /** @param {Change} change */
  #update(change) {
    if (change === "utterance" || change === "record") this.list.follow();
    if (change === "utterance") return; // its record is to come
    if (change === "view") this.#tip.hide();
    const scene = this.store.scene();
    if (!scene) return;
    this.#draw(scene, change);
  }

  /** Draw what a change concerns. @param {Scene} scene @param {Change} change */
  #draw(scene, change) {
    if (change === "film") {
      // film, words, strips and maps move together
      for (const view of [this.film, this.sentence]) view.draw(scene);
      for (const stream of STREAMS) this.maps.drawStream(scene, stream);
    } else if (change === "visual" || change === "acoustic") this.maps.drawStream(scene, change);
    else for (const view of this.views) view.draw(scene);
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    if (event.key === "Escape") {
      this.#tip.hide();
      this.store.letGo();
    }
    // Notebook shortcuts (arrows, Enter, letters) must not act on cells while we have the focus.
    if (!event.ctrlKey && !event.metaKey) event.stopPropagation();
  }
}

/** @param {{ model: Model, el: HTMLElement }} place */
function render({ model, el }) {
  const host = document.createElement("div");
  el.append(host);
  const page = new Page(model, host);
  return () => page.stop();
}

/**
 * Stands in for the notebook's model on an exported page, where the records are all there.
 *
 * @implements {Model}
 */
class ExportedModel {
  #data;
  /** @type {Traits} */
  #traits;
  /** @type {Map<string, Act[]>} */
  #acts = new Map();

  /** @param {PageRecord} data */
  constructor(data) {
    this.#data = data;
    this.#traits = {
      ...data.state,
      _corpus: data.corpus,
      ...this.#recordsOf(data.state.utterance),
    };
  }

  /** @param {string} id */
  #recordsOf(id) {
    return { _record: this.#data.records[id], _effects: this.#data.effects[id] };
  }

  /** @template {keyof Traits} Name @param {Name} name */
  get(name) {
    return this.#traits[name];
  }

  /** @template {keyof Traits} Name @param {Name} name @param {Traits[Name]} value */
  set(name, value) {
    this.#traits[name] = value;
    if (name === "utterance") {
      Object.assign(this.#traits, this.#recordsOf(this.#traits.utterance), { word: null });
      this.#tell("change:_record");
    }
    this.#tell(`change:${name}`);
  }

  save_changes() {} // nobody else is there

  /** Hand on the film of an utterance, as Python would. @param {{ id: string }} message */
  send({ id }) {
    const { mime, data } = this.#data.films[id];
    const bytes = Uint8Array.from(atob(data), (character) => character.charCodeAt(0));
    this.#tell("msg:custom", { kind: "film", id, n: 0, of: 1, mime }, [bytes]);
  }

  /** @param {string} event @param {Act} act */
  on(event, act) {
    this.#acts.set(event, [...(this.#acts.get(event) ?? []), act]);
  }

  off() {} // the page stays for as long as its window

  /** @param {string} event @param {...any} heard */
  #tell(event, ...heard) {
    for (const act of this.#acts.get(event) ?? []) act(...heard);
  }
}

/** Show an exported page. @param {HTMLElement} el @param {PageRecord} data */
export function mount(el, data) {
  render({ model: new ExportedModel(data), el });
}

export default { render };
