/**
 * The attention inspector, in a notebook (anywidget calls `render`) and on an exported page (which
 * calls `mount`). Python computes; this only shows, and makes no requests.
 */

import { dress } from "./colours.js";
import { h } from "./dom.js";
import { TakenView } from "./effects.js";
import { ExportedModel } from "./exported.js";
import { FilmView } from "./filmview.js";
import { headingOf, Tour } from "./heading.js";
import { ListView } from "./list.js";
import { MapsView, NARROW } from "./maps.js";
import STYLE from "./page.css";
import { isPrinting } from "./paper.js";
import { GalleryView, ProfileView } from "./profile.js";
import { PredictionsView, SentenceView } from "./reading.js";
import { STREAMS } from "./records.js";
import { Store } from "./store.js";
import { Tip } from "./telling.js";
import { themeAround, watchTheme } from "./theme.js";

/** @import { Scene } from "./scene.js" */
/** @import { Change, Model } from "./store.js" */
/** @import { PageRecord } from "./records.js" */

const PAPER_WIDTH = 680; // pixels, which fit on A4 and on letter

/**
 * The steps of the tour.
 *
 * @param {HTMLElement} list
 * @param {HTMLElement} card
 * @param {HTMLElement} maps
 * @param {HTMLElement} codes
 */
function stepsOf(list, card, maps, codes) {
  return [
    {
      section: list,
      title: "choose an utterance.",
      text: "Those that face and voice lower most come first. Click a column to sort by it.",
    },
    {
      section: card,
      title: "see what face and voice do.",
      text: "The dots are predictions from the words alone and with face and voice. Click a word.",
    },
    {
      section: maps,
      title: "see what each word takes.",
      text:
        "A row is a word, a column is a code, and a dark cell is much attention. Click a cell; " +
        "below, the frames run over time.",
    },
    {
      section: codes,
      title: "meet the codes.",
      text: "Click a picture to read what it stands for and where it occurs in training.",
    },
  ];
}

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
    const taken = new TakenView();
    this.film = new FilmView(store);
    this.sentence = sentence;
    this.views = [sentence, predictions, taken, this.film, this.maps, gallery, profile];
    const name = { "aria-label": "Utterance and predictions" };
    const card = h("section", name, sentence.element, predictions.element, taken.element);
    const order = "from those in negative segments (▾, left) to those in positive ones (▴, right)";
    const codes = h(
      "section",
      { class: "bar", "aria-label": "Codes" },
      h("div", { class: "row" }, h("h2", {}, "All codes"), h("span", { class: "muted" }, order)),
      gallery.element,
      profile.element,
    );
    this.tour = new Tour(stepsOf(this.list.element, card, this.maps.element, codes));
    this.root = h(
      "div",
      {
        class: "root bordered",
        role: "group",
        "aria-label": "Attention inspector",
        onkeydown: (event) => this.#key(event),
      },
      headingOf(store.corpus, this.tour),
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
    const stops = [...listening, watchTheme(() => this.#wearAnew())];
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

  /** The theme has changed, or the page goes on paper, which has a width of its own. */
  #wearAnew() {
    this.#wearTheme();
    this.#measure();
  }

  #measure() {
    const width = isPrinting() ? PAPER_WIDTH : Math.floor(this.root.clientWidth);
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
    if (change === "row") {
      for (const view of [this.maps, this.sentence]) view.markRow(scene);
    } else this.#draw(scene, change);
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
      this.tour.end();
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

/** Show an exported page. @param {HTMLElement} el @param {PageRecord} data */
export function mount(el, data) {
  render({ model: new ExportedModel(data), el });
}

export default { render };
