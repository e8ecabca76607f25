/** Which utterances are looked at: one or all, and of all those that pass filters and a search. */

import { follow } from "./model.js";
import { STREAMS, TITLE } from "./records.js";
import { Survey } from "./survey.js";

/** @import { CorpusRecord, Stream } from "./records.js" */
/** @import { Model } from "./model.js" */
/** @import { Part } from "./survey.js" */

/**
 * @typedef {"right" | "wrong" | "conflict" | "dominated" | "face-dominates" | "voice-dominates" |
 *   "errors" | "cues" | "words-won" | "face-won" | "voice-won" | "code"} Filter
 */
/** @typedef {"attention" | "effect"} Shown in the table of words */

/**
 * How what the survey found is shown.
 *
 * @typedef {{ filters?: Filter[], find?: string, table?: Shown }} CorpusView
 */

/** @typedef {{ name: Filter, title: string, hint: string }} Offer of a filter */

/** @param {string} stream @param {string} other */
const dominates = (stream, other) =>
  `the ${stream} moves the prediction by 0.1 or more, at least three times as far as the ${other}`;

/** @type {Offer[]} */
export const FILTERS = [
  {
    name: "right",
    title: "sign turned, rightly",
    hint: "face and voice turn the sign of what the words alone predict, and the label agrees",
  },
  {
    name: "wrong",
    title: "sign turned, wrongly",
    hint: "face and voice turn the sign of what the words alone predict, and the label does not agree",
  },
  {
    name: "conflict",
    title: "face against voice",
    hint: "one of them raises the prediction and the other lowers it, each by 0.1 or more",
  },
  {
    name: "dominated",
    title: "one stream dominates",
    hint: "face or voice moves the prediction by 0.1 or more, at least three times as far as the other",
  },
  { name: "face-dominates", title: "face dominates", hint: dominates("face", "voice") },
  { name: "voice-dominates", title: "voice dominates", hint: dominates("voice", "face") },
  { name: "errors", title: "largest errors", hint: "the tenth that is predicted worst" },
  { name: "cues", title: "planted cues", hint: "there are planted cues in face or voice" },
];

/** @param {Filter} name @param {Part} part @param {string} who @returns {Offer & { part: Part }} */
const won = (name, part, who) => ({
  ...{ name, part, title: `the ${who} won` },
  hint: `of the three parts of the prediction, that of the ${who} is the largest`,
});

/** Offered beside the dots, which show what won by colour and shape. */
export const WON = [
  won("words-won", "words", "words"),
  won("face-won", "visual", "face"),
  won("voice-won", "acoustic", "voice"),
];

/** All that are offered, wherever on the page. @type {Offer[]} */
export const OFFERS = [...FILTERS, ...WON];

/** @type {Record<Exclude<Filter, "code">, (survey: Survey, i: number) => boolean>} */
const PASSES = {
  right: (survey, i) => survey.turn(i) === "rightly",
  wrong: (survey, i) => survey.turn(i) === "wrongly",
  conflict: (survey, i) => survey.conflicts(i),
  dominated: (survey, i) => survey.dominant(i) !== null,
  "face-dominates": (survey, i) => survey.dominant(i) === "visual",
  "voice-dominates": (survey, i) => survey.dominant(i) === "acoustic",
  errors: (survey, i) => survey.isMissed(i),
  cues: (survey, i) => survey.record.cues[i] === true,
  "words-won": (survey, i) => survey.winner(i) === "words",
  "face-won": (survey, i) => survey.winner(i) === "visual",
  "voice-won": (survey, i) => survey.winner(i) === "acoustic",
};

/** Filters of which only one can hold. @type {Filter[][]} */
const EXCLUSIVE = [
  ["right", "wrong"],
  ["dominated", "face-dominates", "voice-dominates"],
  WON.map(({ name }) => name),
];

/** The code that a search asks for, such as face-3; or null. @param {string} text */
function codeWanted(text) {
  const [, title, number] = /^(face|voice)-(\d+)$/.exec(text) ?? [];
  const stream = STREAMS.find((s) => TITLE[s].toLowerCase() === title);
  return stream ? { stream, code: Number(number) } : null;
}

export class Look {
  #model;
  #corpus;
  #tell;
  /** @type {Survey | null} */
  #survey = null;
  /** @type {{ done: number, of: number, left: number } | null} */
  progress = null;
  #asked = false;
  /** @type {{ key: string, rows: number[] } | null} */
  #cache = null;

  /** @param {Model} model @param {CorpusRecord} corpus @param {() => void} tell that it changed */
  constructor(model, corpus, tell) {
    this.#model = model;
    this.#corpus = corpus;
    this.#tell = tell;
    this.#openSurvey();
  }

  /** Follow the model, until the function that is returned is called. */
  listen() {
    /** @type {Record<string, (content?: any) => void>} */
    const acts = {
      "change:show": () => this.#tell(),
      "change:_corpus_view": () => this.#tell(),
      "change:_survey": () => {
        this.#openSurvey();
        this.#tell();
      },
      "msg:custom": (content) => {
        if (content.kind !== "survey") return;
        this.progress = content;
        this.#tell();
      },
    };
    return follow(this.#model, acts);
  }

  #openSurvey() {
    const record = this.#model.get("_survey");
    const { list, label_range } = this.#corpus;
    this.#survey = record?.id ? new Survey(record, list, label_range) : null;
    this.#cache = null;
  }

  get survey() {
    return this.#survey;
  }

  /** Whether there is, or can be, a look at all utterances: not of a model that reads words only. */
  get isOffered() {
    return this.#corpus.subjects[0].reads !== null;
  }

  get ofAll() {
    return this.isOffered && this.#model.get("show") === "corpus";
  }

  /** @param {"utterance" | "corpus"} what */
  show(what) {
    this.#model.set("show", what);
    this.#model.save_changes();
  }

  /** Ask for the survey, which takes a while where it was not made yet. */
  ask() {
    if (this.#survey || this.#asked) return;
    this.#asked = true;
    this.#model.send({ kind: "survey" });
  }

  /** Whether the maps of an utterance can be opened. @param {number} i */
  isOpen(i) {
    return this.#model.get("_open")?.has(this.#corpus.list.id[i]) ?? true;
  }

  // what is filtered

  /** @returns {Required<CorpusView>} */
  get view() {
    return { filters: [], find: "", table: "attention", ...this.#model.get("_corpus_view") };
  }

  /** @param {CorpusView} change */
  set(change) {
    this.#model.set("_corpus_view", { ...this.view, ...change });
    this.#model.save_changes();
  }

  /** @param {Filter} filter */
  toggle(filter) {
    const { filters } = this.view;
    const group = EXCLUSIVE.find((names) => names.includes(filter)) ?? [filter];
    const rest = filters.filter((one) => !group.includes(one));
    this.set({ filters: filters.includes(filter) ? rest : [...rest, filter] });
  }

  /** The utterances that pass, by their place in the list. @param {[Stream, number] | null} code */
  rows(code) {
    const { filters, find } = this.view;
    const key = JSON.stringify([filters, find, this.filtersByCode ? code : null]);
    if (this.#cache?.key !== key) this.#cache = { key, rows: this.#passing(filters, code) };
    return this.#cache.rows;
  }

  /** Those that would pass if nothing were asked of what won. @param {[Stream, number] | null} code */
  rowsWhoeverWon(code) {
    const { filters } = this.view;
    const others = filters.filter((one) => !WON.some(({ name }) => name === one));
    return others.length === filters.length ? this.rows(code) : this.#passing(others, code);
  }

  /** @param {Filter[]} filters @param {[Stream, number] | null} code that is chosen */
  #passing(filters, code) {
    const tests = [...this.#filterTests(filters, code), ...this.#searchTests(this.view.find)];
    const all = [...this.#corpus.list.id.keys()];
    return all.filter((i) => tests.every((passes) => passes(i)));
  }

  /** @param {Filter[]} filters @param {[Stream, number] | null} code that is chosen */
  #filterTests(filters, code) {
    const survey = this.#survey;
    if (!survey) return [];
    return filters.flatMap((filter) => {
      if (filter !== "code") return [(/** @type {number} */ i) => PASSES[filter](survey, i)];
      if (!code) return [];
      const column = survey.columnOf(...code);
      return [(/** @type {number} */ i) => survey.occurs(i, column)];
    });
  }

  /** @param {string} find words, ids, speakers or codes */
  #searchTests(find) {
    const { list } = this.#corpus;
    const survey = this.#survey;
    const text = (/** @type {number} */ i) =>
      `${list.text[i]} ${list.id[i]} ${survey?.record.speaker[i] ?? ""}`.toLowerCase();
    return partsOf(find).map((part) => {
      const code = survey ? codeWanted(part) : null;
      const column = code && survey ? survey.columnOf(code.stream, code.code) : -1;
      if (survey && column >= 0) return (/** @type {number} */ i) => survey.occurs(i, column);
      return (/** @type {number} */ i) => text(i).includes(part);
    });
  }

  /** Whether the list depends on the chosen code. */
  get filtersByCode() {
    return this.view.filters.includes("code");
  }

  /** The words that are searched for, which may be parts of words. */
  get wanted() {
    return partsOf(this.view.find).filter((part) => !codeWanted(part));
  }
}

/** What is searched for; a code may be called as the page calls it: face code 3. @param {string} find */
const partsOf = (find) =>
  find
    .toLowerCase()
    .replace(/\b(face|voice)( code)?[- ]?(\d+)\b/g, "$1-$3")
    .split(/\s+/)
    .filter(Boolean);
