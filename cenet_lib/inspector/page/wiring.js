/**
 * The attention inspector, in a notebook (anywidget calls `render`) and on an exported page (which
 * calls `mount`). Python computes; this only shows, and makes no requests.
 */

import { dress } from "./colours.js";
import CORPUS_STYLE from "./corpus.css";
import { CorpusView, FiltersView, Tabs } from "./corpusview.js";
import { h } from "./dom.js";
import { TakenView } from "./effects.js";
import { ExportedModel } from "./exported.js";
import { FilmView } from "./filmview.js";
import { headingOf, Tour } from "./heading.js";
import { LayersView } from "./layers.js";
import { ListView } from "./list.js";
import { Look } from "./look.js";
import { MapsView, NARROW } from "./maps.js";
import STYLE from "./page.css";
import { isPrinting } from "./paper.js";
import { GalleryView, ProfileView } from "./profile.js";
import { PredictionsView, SentenceView } from "./reading.js";
import { STREAMS } from "./records.js";
import { askForBetter } from "./refine.js";
import { Store } from "./store.js";
import { Tip } from "./telling.js";
import { themeAround, watchTheme } from "./theme.js";
import CHANGES_STYLE from "./whatif.css";
import { WhatIfView } from "./whatif.js";

/** @import { Scene } from "./scene.js" */
/** @import { Model } from "./model.js" */
/** @import { Change } from "./store.js" */
/** @import { PageRecord } from "./records.js" */
/** @import { Shelf } from "./shelf.js" */

const STYLES = STYLE + CORPUS_STYLE + CHANGES_STYLE;
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
        "A row is a word, a column is a code, and a strong colour is much attention. Click a cell; " +
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
    this.look = new Look(model, store.corpus, () => this.#lookAnew());
    this.list = new ListView(store, this.look);
    const voices = { tip: this.#tip, status: this.#status };
    this.maps = new MapsView(store, voices);
    this.filters = new FiltersView(this.look);
    this.list.element.children[0].after(this.filters.element);
    this.whole = new CorpusView(store, this.look, voices);
    this.tabs = new Tabs(this.look, store.corpus.list.id.length);
    const [sentence, predictions] = [new SentenceView(store), new PredictionsView(store)];
    const [gallery, profile] = [new GalleryView(store), new ProfileView()];
    const taken = new TakenView();
    const layers = new LayersView();
    this.whatIf = new WhatIfView(store);
    this.film = new FilmView(store);
    this.sentence = sentence;
    const below = [this.film, this.maps, layers, gallery, profile, this.filters, this.whole];
    this.views = [sentence, predictions, taken, this.whatIf, ...below];
    const name = { "aria-label": "Utterance and predictions" };
    const parts = [sentence, predictions, taken, this.whatIf].map(({ element }) => element);
    const card = h("section", name, parts);
    this.ofOne = [card, this.film.element, this.maps.element, layers.element];
    const order = "from those in negative segments (▾, left) to those in positive ones (▴, right)";
    const codes = h(
      "section",
      { class: "bar", "aria-label": "Codes" },
      h("div", { class: "row" }, h("h2", {}, "All codes"), h("span", { class: "muted" }, order)),
      gallery.element,
      profile.element,
    );
    this.ofOne.push(codes);
    for (const part of this.ofOne) part.classList.add("of-one");
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
      ...[this.tabs.element, this.list.element, ...this.ofOne, this.whole.element],
      ...[this.#tip.element, this.#status],
    );
    host.attachShadow({ mode: "open" }).append(h("style", {}, STYLES), this.root);
    this.#wearTheme();
    this.root.classList.toggle("of-all", this.look.ofAll);
    this.list.filter();
    this.stop = this.#listen();
  }

  #listen() {
    const listening = [this.store.listen(), this.film.listen(), this.look.listen()];
    listening.push(askForBetter(this.store.model));
    const stops = [...listening, watchTheme(() => this.#wearAnew())];
    const size = new ResizeObserver(() => this.#measure());
    size.observe(this.root);
    return () => {
      size.disconnect();
      for (const stop of stops) stop();
    };
  }

  /** One or all, or other filters. */
  #lookAnew() {
    this.root.classList.toggle("of-all", this.look.ofAll);
    this.tabs.draw();
    this.list.filter();
    const scene = this.store.scene();
    if (scene) this.#draw({ ...scene, survey: this.look.survey }, "choice");
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
    const plain = this.store.scene();
    if (!plain) return;
    const scene = { ...plain, survey: this.look.survey };
    if (change === "row") {
      for (const view of [this.maps, this.sentence]) view.markRow(scene);
    } else this.#draw(scene, change);
  }

  /** Draw what a change concerns. @param {Scene} scene @param {Change} change */
  #draw(scene, change) {
    if (change === "choice" && this.look.filtersByCode) this.list.filter();
    if (change === "film") this.#keepStep(scene);
    else if (change === "changes") this.whatIf.draw(scene);
    else if (change === "visual" || change === "acoustic") this.maps.drawStream(scene, change);
    else for (const view of this.#viewsInSight) view.draw(scene);
  }

  get #viewsInSight() {
    return this.look.ofAll ? [this.filters, this.whole] : this.views;
  }

  /** Film, words, strips and maps move together. @param {Scene} scene */
  #keepStep(scene) {
    for (const view of [this.film, this.sentence]) view.draw(scene);
    for (const stream of STREAMS) this.maps.drawStream(scene, stream);
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

/** Show an exported page. @param {HTMLElement} el @param {PageRecord} data @param {Shelf} shelf */
export function mount(el, data, shelf) {
  render({ model: new ExportedModel(data, shelf), el });
}

export default { render };
