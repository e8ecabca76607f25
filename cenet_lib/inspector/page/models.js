/** Several models: which of their maps are shown, whether these repeat, and what each predicts. */

import { counted, h, plain, signed } from "./dom.js";
import { STREAMS, TITLE } from "./records.js";

/** @import { Books, Utterance } from "./data.js" */
/** @import { Choice, Stream, SubjectEffects } from "./records.js" */
/** @import { Scene } from "./scene.js" */
/** @import { Store } from "./store.js" */

/** Chooses what the maps of several models show, and says how far they agree. */
export class ModelsView {
  #store;
  #buttons;
  #first;
  #minus = h("span", {}, "minus");
  #second;
  #about = h("div");
  /** @type {Choice["pair"]} */
  #pairShown = [0, 1];

  /** @param {Store} store */
  constructor(store) {
    this.#store = store;
    const { several, subjects } = store.corpus;
    /** @type {[Choice["maps"], string][]} */
    const kinds = [
      ["each", subjects.length > 2 ? "one run" : "beside each other"],
      ["difference", "difference"],
    ];
    if (subjects.length > 2) kinds.push(["spread", "mean and spread"]);
    this.#buttons = kinds.map(([kind, title]) => this.#button(kind, title));
    const names = subjects.map(({ name }) => name);
    this.#first = this.#choice("run whose codes are shown", names, 0);
    this.#second = this.#choice("run that is taken from it", names, 1);
    const group = { class: "switch", role: "group", "aria-label": "Maps of several runs" };
    this.element = h(
      "div",
      { class: "models", ...(several ? {} : { hidden: "" }) },
      h("div", { class: "row" }, h("span", group, ...this.#buttons), this.#pair()),
      this.#about,
    );
  }

  #pair() {
    return h("span", { class: "pair" }, this.#first, this.#minus, this.#second);
  }

  /** @param {Choice["maps"]} kind @param {string} title */
  #button(kind, title) {
    const act = () => this.#store.compare({ maps: kind });
    return h("button", { type: "button", "data-maps": kind, onclick: act }, title);
  }

  /** @param {string} label @param {string[]} names @param {0 | 1} place in the pair */
  #choice(label, names, place) {
    const options = names.map((name, i) => h("option", { value: i }, name));
    const select = h("select", { "aria-label": label, title: label }, ...options);
    select.addEventListener("change", () => {
      this.#store.compare({ pair: changed(this.#pairShown, place, Number(select.value)) });
    });
    return select;
  }

  /** @param {Scene} scene */
  draw(scene) {
    const { corpus, maps, pair } = scene;
    if (!corpus.several) return;
    for (const button of this.#buttons) {
      button.setAttribute("aria-pressed", String(button.dataset.maps === maps));
    }
    this.#pairShown = pair;
    [this.#first.value, this.#second.value] = pair.map(String);
    const two = maps === "difference";
    for (const part of [this.#minus, this.#second]) part.hidden = !two;
    this.#first.hidden = !two && corpus.subjects.length < 3;
    this.#about.replaceChildren(...agreementOf(scene));
  }
}

/**
 * Put another model into a pair; two that are to be the same change places.
 *
 * @param {Choice["pair"]} pair
 * @param {0 | 1} place
 * @param {number} subject
 * @returns {Choice["pair"]}
 */
function changed(pair, place, subject) {
  const kept = pair[1 - place] === subject ? pair[place] : pair[1 - place];
  return place === 0 ? [subject, kept] : [kept, subject];
}

/** @type {[number, string][]} */
const VERDICTS = [
  [0.8, "largely"],
  [0.5, "in part"],
  [-1, "hardly"],
];

/** Whether the maps repeat: an answer, its numbers, and what they are. @param {Scene} scene */
function agreementOf(scene) {
  const { corpus, utterance } = scene;
  const listed = corpus.several?.listed;
  if (!listed || !utterance.agreement) return [];
  const known = STREAMS.filter((stream) => listed[stream]);
  const mean = known.reduce((sum, s) => sum + (listed[s]?.agreement ?? 0), 0) / known.length;
  const [, verdict] = VERDICTS.find(([least]) => mean >= least) ?? [0, "not at all"];
  const answer = known.length ? `${verdict[0].toUpperCase()}${verdict.slice(1)}.` : "Not known.";
  return [
    h("p", {}, h("b", {}, "Do the maps repeat? "), answer),
    known.length ? agreementTable(scene, known) : null,
    h("p", { class: "note" }, whatAgreementIs(scene)),
  ].filter((part) => part !== null);
}

/** @param {Scene} scene @param {Stream[]} streams */
function agreementTable({ corpus, utterance }, streams) {
  const listed = corpus.several?.listed ?? {};
  const n = Math.max(...streams.map((stream) => listed[stream]?.utterances ?? 0));
  const heads = ["correlation", "here", `over ${counted(n, "utterance")}`];
  heads.push("one in ten below", "by word alone");
  const rows = streams.map((stream) => {
    const values = [
      utterance.agreement?.[stream]?.agreement,
      listed[stream]?.agreement,
      listed[stream]?.low,
      listed[stream]?.by_word,
    ];
    const cells = values.map((value) => h("td", {}, plain(value ?? null)));
    return h("tr", {}, h("th", { scope: "row" }, TITLE[stream]), ...cells);
  });
  const head = h("tr", {}, ...heads.map((name) => h("th", { scope: "col" }, name)));
  return h("table", { "aria-label": "agreement" }, h("thead", {}, head), h("tbody", {}, ...rows));
}

/** @param {Scene} scene */
function whatAgreementIs({ corpus }) {
  const n = corpus.subjects.length;
  const pairs = n > 2 ? `, averaged over the ${(n * (n - 1)) / 2} pairs of runs` : "";
  const cells = corpus.several?.same_codes
    ? "The runs have the same codes, so a cell is a word and a code."
    : "Each run has codes of its own, so what is compared is a word and a frame.";
  return (
    `How the cells of two maps correlate${pairs}: 1 is the same map, 0 no relation. By word alone: ` +
    `of what sets one word apart from the others. ${cells}`
  );
}

/** What each of more than two runs predicts, to choose one. */
export class RunsView {
  #store;
  element = h("div", { class: "runs" });

  /** @param {Store} store */
  constructor(store) {
    this.#store = store;
  }

  /** @param {Scene} scene */
  draw(scene) {
    const { subjects } = scene.utterance;
    this.element.hidden = subjects.length < 3;
    if (this.element.hidden) return;
    const focused = /** @type {HTMLElement | null} */ (this.element.querySelector(":focus"));
    const had = focused?.dataset.run;
    const heads = ["run", "words alone", "all three", "largest part", "repeats"];
    const head = heads.map((name, i) =>
      h("th", { scope: "col", class: ["", "", "", "said", "wide"][i] }, name),
    );
    const rows = [...subjects.keys()].map((place) => this.#row(scene, place));
    const caption = h(
      "caption",
      {},
      "What each run predicts, and the code with the largest part in it",
    );
    this.element.replaceChildren(
      h("table", {}, caption, h("thead", {}, h("tr", {}, ...head)), h("tbody", {}, ...rows)),
    );
    if (had === undefined) return;
    /** @type {HTMLElement | null} */ (this.element.querySelector(`[data-run="${had}"]`))?.focus();
  }

  /** @param {Scene} scene @param {number} place */
  #row({ effects, pair, utterance }, place) {
    const { name, predictions, books } = utterance.subjects[place];
    const on = place === pair[0];
    const choose = { type: "button", "data-run": place, "aria-pressed": on };
    const act = () => this.#store.compare({ pair: changed(pair, 0, place) });
    const values = [predictions.none, predictions.all].map((value) => h("td", {}, signed(value)));
    const told = effects?.[place];
    return h(
      "tr",
      { class: on ? "on" : "" },
      h("th", { scope: "row" }, h("button", { ...choose, onclick: act }, name)),
      ...values,
      h("td", { class: "said" }, told ? largestPart(told, books) : "…"),
      h("td", { class: "wide" }, repeats(utterance.agreement, place)),
    );
  }
}

/** @param {SubjectEffects} effects @param {Books} books */
function largestPart(effects, books) {
  if (!effects.headline) return "–";
  const [stream, code] = effects.headline.code;
  const { caption } = books[stream].codes[code];
  const effect = signed(effects[stream].effects[code]);
  return [
    `${TITLE[stream]} ${code}, ${effect}`,
    h("span", { class: "wide muted" }, ` (${caption})`),
  ];
}

/** How far a run's maps agree with the others'. @param {Utterance["agreement"]} told @param {number} place */
function repeats(told, place) {
  const values = STREAMS.map((stream) => told?.[stream]?.each[place] ?? null).filter(
    (v) => v !== null,
  );
  if (!values.length) return "–";
  return plain(values.reduce((sum, v) => sum + v, 0) / values.length);
}
