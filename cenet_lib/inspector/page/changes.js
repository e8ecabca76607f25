/**
 * What is changed in the utterance that is shown, and what a model makes of it then: any changes
 * while a kernel runs, and on an exported page those that were computed beforehand.
 */

import { STREAMS, unpack } from "./records.js";
import { Taken } from "./taken.js";

/** @import { Corpus, Utterance } from "./data.js" */
/** @import { Packed, Stream, WhatIfs } from "./records.js" */
/** @import { Model } from "./model.js" */
/** @import { TakenAway } from "./taken.js" */

/**
 * One change: another word or none in a place; the frames of a code as those of another; a stretch
 * of frames, from ≤ i < to, that is taken away; another attention scale.
 *
 * @typedef {{ kind: "word", place: number, text: string | null }} OtherWord
 * @typedef {{ kind: "code", stream: Stream, code: number, to: number }} OtherCode
 * @typedef {{ kind: "gap", stream: Stream, from: number, to: number }} Gap
 * @typedef {{ kind: "scale", scale: number }} OtherScale
 * @typedef {OtherWord | OtherCode | Gap | OtherScale} Change
 */

/**
 * What a model made of the changed utterance: attention is (rows, k+1) per stream.
 *
 * @typedef {{ prediction: number, attention: Record<Stream, Float32Array | null> }} Outcome
 */

/**
 * The question to a kernel; it answers with the same key.
 *
 * @typedef {{
 *   kind: "what if", id: string, subject: number, key: string, words: [number, string | null][],
 *   codes: [Stream, number, number][], gaps: [Stream, number, number][], scale: number | null,
 *   without: [Stream, number][], cues: TakenAway["cues"],
 * }} WhatIfAsked
 */

/** @typedef {{ key: string, outcome: Outcome | null, say: string | null }} Answer */

export class Changes {
  #utterance;
  #corpus;
  #model;
  #tell;
  /** @type {Change[][]} the lists before this one, to undo */
  #past = [];
  /** @type {Change[]} */
  list = [];
  /** @type {Map<number, Answer>} the last answer, by subject */
  #answers = new Map();
  /** @type {Map<number, string>} what a kernel was asked and has not answered, by subject */
  #asked = new Map();

  /**
   * @param {Utterance} utterance
   * @param {Corpus} corpus
   * @param {Model} model
   * @param {(change: "choice" | "changes") => void} tell what has changed
   */
  constructor(utterance, corpus, model, tell) {
    this.#utterance = utterance;
    this.#corpus = corpus;
    this.#model = model;
    this.#tell = tell;
    this.taken = new Taken(utterance, corpus, model, () => {
      tell("choice");
      this.ask(); // what is taken away is away in changed utterances, too
    });
  }

  /** What was computed beforehand; null where a kernel can be asked. @returns {WhatIfs | null} */
  get beforehand() {
    const all = this.#model.get("_what_ifs");
    return all ? (all[this.#utterance.id] ?? { id: "", subjects: [] }) : null;
  }

  /** Which of these is shown. */
  get pressed() {
    return this.#model.get("_what_if") ?? null;
  }

  /** Show one of these, or (once more) none. @param {string} act */
  press(act) {
    this.#model.set("_what_if", this.pressed === act ? null : act);
    this.#model.save_changes();
  }

  get canUndo() {
    return this.#past.length > 0;
  }

  /** Make a change, in place of one of the same word, code or scale. @param {Change} change */
  put(change) {
    const target = targetOf(change);
    this.#choose([...this.list.filter((other) => targetOf(other) !== target), change]);
  }

  /** @param {Change} change */
  drop(change) {
    this.#choose(this.list.filter((other) => other !== change));
  }

  dropAll() {
    this.#choose([]);
  }

  /** Move the scale, without a step to undo for each place that it passes. @param {number} scale */
  slide(scale) {
    const sliding = this.list.at(-1)?.kind === "scale";
    if (sliding) this.list = this.list.slice(0, -1);
    if (sliding) this.#change([...this.list, { kind: "scale", scale }], "changes");
    else this.put({ kind: "scale", scale });
  }

  undo() {
    const before = this.#past.pop();
    if (before) this.#change(before);
  }

  /** @param {Change[]} list */
  #choose(list) {
    this.#past.push(this.list);
    this.#change(list);
  }

  /** @param {Change[]} list @param {"choice" | "changes"} what */
  #change(list, what = "choice") {
    this.list = list;
    this.ask();
    this.#tell(what);
  }

  /** Ask for what is not known, one question per subject at a time. */
  ask() {
    if (this.beforehand || !this.list.length) return;
    const request = this.#request();
    const key = JSON.stringify(request);
    for (const subject of this.concerned) {
      if (this.#asked.has(subject) || this.#answers.get(subject)?.key === key) continue;
      this.#asked.set(subject, key);
      this.#model.send({ kind: "what if", id: this.#utterance.id, subject, key, ...request });
    }
  }

  /** @returns {Omit<WhatIfAsked, "kind" | "id" | "subject" | "key">} */
  #request() {
    const { list } = this;
    const { codes, cues } = this.taken;
    const words = list.filter((change) => change.kind === "word");
    const others = list.filter((change) => change.kind === "code");
    const gaps = list.filter((change) => change.kind === "gap");
    const scale = list.find((change) => change.kind === "scale");
    return {
      words: words.map(({ place, text }) => [place, text]),
      codes: others.map(({ stream, code, to }) => [stream, code, to]),
      gaps: gaps.map(({ stream, from, to }) => [stream, from, to]),
      scale: scale ? scale.scale : null,
      ...{ without: codes, cues },
    };
  }

  /** The subjects to ask: those of the same code book, where codes are changed. */
  get concerned() {
    const { subjects } = this.#corpus;
    const places = [...subjects.keys()];
    const coded = this.list.some(({ kind }) => kind === "code") || this.taken.codes.length > 0;
    if (!coded) return places;
    const { vocabulary } = subjects[this.taken.subject];
    return places.filter((place) => subjects[place].vocabulary === vocabulary);
  }

  /** A kernel's message. @param {any} message */
  hear(message) {
    this.taken.hear(message);
    const { kind, id, subject, key, answer, say } = message;
    if (kind !== "what if" || id !== this.#utterance.id) return;
    this.#asked.delete(subject);
    const outcome = answer ? openOutcome(answer) : null;
    this.#answers.set(subject, { key, outcome, say: say ?? null });
    this.ask(); // if something has changed in the meantime
    this.#tell("changes");
  }

  /** The last answer about a subject, and whether it is about what is changed now. @param {number} subject */
  answer(subject) {
    const answer = this.#answers.get(subject);
    if (!this.list.length || !answer) return null;
    return { ...answer, current: answer.key === JSON.stringify(this.#request()) };
  }
}

/** @param {Change} change */
function targetOf(change) {
  if (change.kind === "word") return `word ${change.place}`;
  if (change.kind === "code") return `${change.stream} ${change.code}`;
  if (change.kind === "gap") return `${change.stream} ${change.from}–${change.to}`;
  return "scale";
}

/** @param {{ prediction: number } & Record<Stream, Packed | null>} answer @returns {Outcome} */
function openOutcome(answer) {
  const [visual, acoustic] = STREAMS.map((stream) => answer[stream] && unpack(answer[stream]));
  return { prediction: answer.prediction, attention: { visual, acoustic } };
}
