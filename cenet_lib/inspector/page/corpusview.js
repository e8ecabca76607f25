/** All utterances of a split at once: what won where, what each code does, and what words take. */

import { CodeTable } from "./codetable.js";
import { tableButton } from "./corpuscsv.js";
import { namedInCaption } from "./data.js";
import { counted, grouped, h, isSame, percent, quoted, rove } from "./dom.js";
import { FILTERS, OFFERS, WON } from "./look.js";
import { TITLE } from "./records.js";
import { ScatterView } from "./scatter.js";
import { everywhere } from "./survey.js";
import { WordTableView } from "./wordtable.js";

/** @import { Kept } from "./corpuscsv.js" */
/** @import { Filter, Look } from "./look.js" */
/** @import { Stream } from "./records.js" */
/** @import { Scene } from "./scene.js" */
/** @import { Store } from "./store.js" */
/** @import { Survey } from "./survey.js" */
/** @import { Voices } from "./telling.js" */

/** Chooses between one utterance and all. */
export class Tabs {
  #look;
  element = h("div", {
    class: "switch tabs",
    role: "tablist",
    "aria-label": "What to look at",
    onkeydown: (event) => rove(event, this.element),
  });

  /** @param {Look} look @param {number} n utterances */
  constructor(look, n) {
    this.#look = look;
    const tab = (/** @type {"utterance" | "corpus"} */ what, /** @type {string} */ title) =>
      h(
        "button",
        { type: "button", role: "tab", "data-show": what, onclick: () => look.show(what) },
        title,
      );
    this.element.append(
      tab("utterance", "one utterance"),
      tab("corpus", `all ${counted(n, "utterance")}`),
    );
    this.element.hidden = !look.isOffered || n < 2;
    this.draw();
  }

  draw() {
    for (const tab of this.element.querySelectorAll("button")) {
      const on = (tab.dataset.show === "corpus") === this.#look.ofAll;
      tab.setAttribute("aria-selected", String(on));
      tab.tabIndex = on ? 0 : -1;
    }
  }
}

/** The buttons that filter, beside the search. */
export class FiltersView {
  #look;
  /** @type {unknown[]} what the buttons depend on, as they were built */
  #shown = [];
  element = h("div", { class: "filters row", role: "group", "aria-label": "Filter utterances" });

  /** @param {Look} look */
  constructor(look) {
    this.#look = look;
  }

  /** @param {Scene} scene */
  draw({ code }) {
    const survey = this.#look.survey;
    this.element.hidden = !survey;
    const key = `${this.#look.view.filters} ${code}`;
    if (!survey || isSame(this.#shown, [survey, key])) return;
    this.#shown = [survey, key];
    const focused = /** @type {HTMLElement | null} */ (this.element.querySelector(":focus"));
    const again = focused?.dataset.filter;
    const known = survey.record.cues.some((cues) => cues !== null);
    const { filters } = this.#look.view;
    const offered = [
      ...FILTERS.filter(({ name }) => name !== "cues" || known),
      ...WON.filter(({ name }) => filters.includes(name)), // others are in the legend of the dots
    ];
    const buttons = offered.map(({ name, title, hint }) => this.#button(name, title, hint));
    if (code) {
      const title = `with ${TITLE[code[0]].toLowerCase()} code ${code[1]}`;
      buttons.push(this.#button("code", title, "the chosen code occurs"));
    }
    if (filters.length) buttons.push(this.#allButton());
    this.element.replaceChildren(h("span", { class: "muted" }, "only:"), ...buttons);
    if (again) {
      const button = this.element.querySelector(`[data-filter="${again}"]`);
      /** @type {HTMLElement | null} */ (button)?.focus();
    }
  }

  /** A way out, wherever the filters have led. */
  #allButton() {
    const onclick = () => {
      this.#look.set({ filters: [] });
      this.element.querySelector("button")?.focus();
    };
    return h("button", { type: "button", class: "link", onclick }, "clear the filters");
  }

  /** @param {Filter} name @param {string} text @param {string} title */
  #button(name, text, title) {
    const on = this.#look.view.filters.includes(name);
    const act = { onclick: () => this.#look.toggle(name) };
    return h(
      "button",
      { type: "button", "data-filter": name, "aria-pressed": on, title, ...act },
      text,
    );
  }
}

export class CorpusView {
  #look;
  #scatter;
  #codes;
  #words;
  #summary = h("div", { class: "summary" });
  #waiting = h("p", { class: "empty", role: "status" });
  #about = h("p", { class: "note" });
  #told = h("p", { class: "told", "aria-live": "polite" });
  #parts;
  #saving;
  /** @type {[Survey, number[]] | null} the survey, and the utterances that are filtered */
  #known = null;

  /** @param {Store} store @param {Look} look @param {Voices} voices */
  constructor(store, look, voices) {
    this.#look = look;
    const known = () => this.#known;
    const saves = (/** @type {Kept} */ what) => tableButton(what, store.corpus, known);
    this.#saving = saves("utterances");
    this.#scatter = new ScatterView(store, look, voices);
    this.#codes = new CodeTable(store, look);
    this.#words = new WordTableView(store, look, saves("words"));
    this.#parts = h(
      "div",
      {},
      h("div", { class: "overview" }, this.#scatter.element, this.#summary),
      h(
        "div",
        { class: "bar" },
        h("div", { class: "row" }, h("h2", {}, "What codes do"), saves("codes")),
        this.#about,
      ),
      this.#codes.element,
      this.#told,
      h("div", { class: "bar" }, this.#words.element),
    );
    this.element = h(
      "section",
      { class: "whole", "aria-label": "All utterances" },
      this.#waiting,
      this.#parts,
    );
  }

  /** @param {Scene} scene */
  draw(scene) {
    const { survey, ofAll } = this.#look;
    this.element.hidden = !ofAll;
    if (!ofAll) return;
    this.#parts.hidden = !survey;
    this.#waiting.hidden = survey !== null;
    if (!survey) {
      this.#look.ask();
      this.#waiting.textContent = waitingFor(this.#look);
      return;
    }
    const rows = this.#look.rows(scene.code);
    if (!isSame(this.#known ?? [], [survey, rows])) {
      const { filters, find } = this.#look.view;
      const only = h("p", { class: "on-paper" }, askedFor(filters, find, scene.code));
      const [lead, ...others] = summaryOf(scene, survey, rows);
      this.#summary.replaceChildren(lead, only, ...others, this.#saving);
      this.#about.textContent = aboutCodes(survey, rows);
    }
    this.#known = [survey, rows];
    this.#scatter.draw(scene, survey, rows);
    this.#codes.draw(scene, survey, rows);
    this.#told.textContent = aboutChosen(scene, survey);
    this.#words.draw(scene, survey);
  }
}

/** What the tables of codes show. @param {Survey} survey @param {number[]} rows that pass */
function aboutCodes(survey, rows) {
  const always =
    "Each code's effect (its Shapley value) is averaged over the utterances in which it occurs; " +
    "the line is a 95\u00a0% interval (bootstrap over these).";
  if (rows.length === survey.n) return always;
  if (!rows.length)
    return `${always} Nothing passes the filters and the search, so this is about all.`;
  const [these, all] = [counted(rows.length, "utterance"), grouped(survey.n)];
  return (
    `${always} Bar and line are about all ${all}, whatever is filtered. The bold number, the ring ` +
    `and “raises in” are about the ${these} that the filters and the search leave.`
  );
}

/** What the chosen code is, and whether it does the same everywhere. @param {Scene} scene @param {Survey} survey */
function aboutChosen({ code, corpus }, survey) {
  if (!code) return "Choose a code to read what it is, and to sort the words by it.";
  const [stream, number] = code;
  const book = corpus.books[corpus.subjects[0].vocabulary][stream];
  const { caption } = book.codes[number] ?? {};
  const kinds = namedInCaption(book, number);
  const named = kinds.length ? ` (${kinds.join("; ")})` : "";
  return `${TITLE[stream]} code ${number}: ${caption ?? ""}${named}. ${everywhere(survey, code)}`;
}

/** @param {Look} look */
function waitingFor({ progress }) {
  if (!progress) return "The model reads all utterances; this takes a while.";
  const { done, of, left } = progress;
  return `The model has read ${grouped(done)} of ${counted(of, "utterance")}; about ${counted(Math.ceil(left), "second")} left.`;
}

/** What is filtered and searched for, which paper has no buttons to show. @param {Filter[]} filters @param {string} find @param {[Stream, number] | null} code */
function askedFor(filters, find, code) {
  const asked = OFFERS.filter(({ name }) => filters.includes(name)).map(({ title }) => title);
  if (code && filters.includes("code"))
    asked.push(`${TITLE[code[0]].toLowerCase()} code ${code[1]}`);
  if (find) asked.push(quoted(find));
  return asked.length ? `Only: ${asked.join(", ")}.` : "";
}

/** @param {Scene} scene @param {Survey} survey @param {number[]} rows */
function summaryOf({ corpus }, survey, rows) {
  const turned = (/** @type {string} */ how) => rows.filter((i) => survey.turn(i) === how).length;
  const [right, wrong] = [turned("rightly"), turned("wrongly")];
  const against = rows.filter((i) => survey.conflicts(i)).length;
  const most = (/** @type {Stream} */ stream) =>
    rows.filter((i) => survey.dominant(i) === stream).length;
  const [face, voice] = [most("visual"), most("acoustic")];
  const whose = corpus.subjects.length > 1 ? ` All of it is about ${corpus.subjects[0].name}.` : "";
  const all = grouped(survey.n);
  const shown = rows.length < survey.n ? `${grouped(rows.length)} of ${all}` : `All ${all}`;
  const error = survey.record.error.toFixed(2).replace("0.00", "less than 0.01");
  return [
    h(
      "p",
      { class: "lead" },
      `${shown} ${rows.length === 1 && survey.n > 1 ? "utterance" : "utterances"}.`,
    ),
    h(
      "p",
      {},
      ...[
        "Face and voice turn the sign of ",
        h("b", {}, String(right + wrong)),
        ` (${percent((right + wrong) / Math.max(rows.length, 1))}): `,
      ],
      ...[h("b", {}, `${right} rightly`), ", ", h("b", {}, `${wrong} wrongly`), "."],
    ),
    h("p", {}, "Face and voice pull against each other in ", h("b", {}, String(against)), "."),
    h(
      "p",
      {},
      ...["One stream dominates in ", h("b", {}, String(face + voice)), ": the face in "],
      ...[h("b", {}, String(face)), ", the voice in ", h("b", {}, String(voice)), "."],
    ),
    h(
      "p",
      { class: "note" },
      "A dot on the dashed line is not moved by face and voice; the further above or below, the more. ",
      "A prediction is a sum of three parts: what the words alone say, what the face adds, and what " +
        "the voice adds. The largest of the three has won. Click a dot to open the utterance.",
    ),
    h(
      "p",
      { class: "note" },
      "Effects are those of a simple picture of the model, which add up exactly to what face and " +
        `voice move; compared with sampled Shapley values, a single one is off by ${error} (root mean square).${whose}`,
    ),
  ];
}
