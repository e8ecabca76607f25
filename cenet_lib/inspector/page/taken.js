/** Which codes are taken away, and what the prediction is without them. */

import { STREAMS, unpack } from "./records.js";

/** @import { Corpus, Utterance } from "./data.js" */
/** @import { Predictions, Stream, SubjectEffects } from "./records.js" */
/** @import { Model } from "./model.js" */

/**
 * What is taken away: codes, or planted cues of one sign.
 *
 * @typedef {{ codes: [Stream, number][], cues: "positive" | "negative" | null }} TakenAway
 *
 * Messages: what is predicted without some codes, and what is taken away now.
 *
 * @typedef {{ kind: "without", id: string, subject: number, codes: [Stream, number][] }} Without
 * @typedef {{ kind: "taken" } & TakenAway} TakenTold
 */

/**
 * A group of frames of which the prediction without them was computed along with the effects.
 *
 * @typedef {"raising" | "lowering" | "positive" | "negative"} Group
 */

/**
 * A prediction, computed by the model or (if not) estimated.
 *
 * @typedef {{ value: number, computed: boolean }} Answer
 */

const keyOf = (/** @type {Stream} */ stream, /** @type {number} */ code) => `${stream} ${code}`;

/** What is taken away from the utterance that is shown. */
export class Taken {
  #utterance;
  #corpus;
  #model;
  #tell;
  /** @type {Map<string, [Stream, number]>} */
  #codes = new Map();
  /** @type {Map<string, number>} what a kernel has answered, by subject and codes */
  #answers = new Map();
  /** @type {TakenAway["cues"]} */
  cues = null; // planted cues of one sign, which are frames and not whole codes
  subject = 0; // whose code book the codes belong to

  /**
   * @param {Utterance} utterance
   * @param {Corpus} corpus
   * @param {Model} model
   * @param {() => void} tell that something has changed
   */
  constructor(utterance, corpus, model, tell) {
    this.#utterance = utterance;
    this.#corpus = corpus;
    this.#model = model;
    this.#tell = tell;
  }

  /** In a fixed order. @returns {[Stream, number][]} */
  get codes() {
    return [...this.#codes].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, code]) => code);
  }

  get isEmpty() {
    return this.#codes.size === 0 && this.cues === null;
  }

  /** @param {Stream} stream @param {number} code */
  has(stream, code) {
    return this.#codes.has(keyOf(stream, code));
  }

  /** Take a code away, or put it back. @param {number} subject @param {[Stream, number]} code */
  take(subject, code) {
    const rest = this.codes.filter((other) => keyOf(...other) !== keyOf(...code));
    this.#choose(subject, this.has(...code) ? rest : [...rest, code]);
  }

  /** Take a group away, or put it back. @param {number} subject @param {Group} group */
  takeGroup(subject, group) {
    const effects = this.#model.get("_effects")?.subjects[subject];
    if (!effects) return;
    const put = this.isGroup(effects, group);
    const planted = group === "positive" || group === "negative";
    this.#choose(
      subject,
      put || planted ? [] : codesOf(effects, group),
      planted && !put ? group : null,
    );
  }

  putBack() {
    this.#choose(0, []);
  }

  /** Whether just this group is taken away. @param {SubjectEffects} effects @param {Group} group */
  isGroup(effects, group) {
    if (group === "positive" || group === "negative") return this.cues === group;
    const codes = codesOf(effects, group);
    return codes.length === this.#codes.size && codes.every((code) => this.has(...code));
  }

  /**
   * @param {number} subject whose code book the codes belong to
   * @param {[Stream, number][]} codes
   * @param {TakenAway["cues"]} cues
   */
  #choose(subject, codes, cues = null) {
    this.subject = subject;
    this.#set(codes, cues);
    this.#model.send({ kind: "taken", codes: this.codes, cues });
    this.#tell(); // an estimate, until a kernel answers
    this.#ask(subject);
  }

  /** @param {[Stream, number][]} codes @param {TakenAway["cues"]} cues */
  #set(codes, cues) {
    this.cues = cues;
    this.#codes = new Map(codes.map((code) => [keyOf(...code), code]));
  }

  /** Take away what an address says, as far as it occurs. @param {TakenAway | null} [state] */
  restore(state) {
    const { subjects, cues } = this.#utterance;
    const codes = (state?.codes ?? []).filter(([stream, code]) =>
      subjects.some(({ streams }) => streams[stream].counts[code] > 0),
    );
    const sign = state?.cues === "negative" ? -1 : 1;
    const planted = STREAMS.some((stream) => cues[stream]?.includes(sign));
    this.#set(codes, planted ? (state?.cues ?? null) : null);
  }

  /** Ask for what was not computed. @param {number} subject */
  #ask(subject) {
    for (const { index, effects } of this.concerned(subject)) {
      if (this.answer(index, effects).computed) continue;
      const { id } = this.#utterance;
      this.#model.send({ kind: "without", id, subject: index, codes: this.codes });
    }
  }

  /** The subjects that have the same code book as one. @param {number} subject */
  concerned(subject) {
    const { subjects } = this.#corpus;
    return (this.#model.get("_effects")?.subjects ?? [])
      .map((effects, index) => ({ index, effects }))
      .filter(({ index }) => subjects[index].vocabulary === subjects[subject].vocabulary);
  }

  /** A kernel's message. @param {Without & { prediction: number }} message */
  hear({ kind, id, subject, codes, prediction }) {
    if (kind !== "without" || id !== this.#utterance.id) return;
    this.#answers.set(JSON.stringify([subject, codes]), prediction);
    this.#tell();
  }

  /**
   * Return what a subject predicts without what is taken away.
   *
   * @param {number} subject
   * @param {SubjectEffects} effects
   * @returns {Answer}
   */
  answer(subject, effects) {
    const { codes } = this;
    const { predictions } = this.#utterance.subjects[subject];
    const told = this.#answers.get(JSON.stringify([subject, codes]));
    const value = told ?? alreadyKnown(this, codes, predictions, effects);
    if (value !== undefined) return { value, computed: true };
    return {
      value: predictions.none + estimated(effects, whoIsThere(this, effects)),
      computed: false,
    };
  }
}

/**
 * The prediction without some codes, if it was computed along with the record; else undefined.
 *
 * @param {Taken} taken
 * @param {[Stream, number][]} codes
 * @param {Predictions} predictions
 * @param {SubjectEffects} effects
 */
function alreadyKnown(taken, codes, predictions, effects) {
  if (taken.cues) return effects.without[taken.cues];
  const there = whoIsThere(taken, effects);
  if (there.every((is) => is)) return predictions.all; // what is taken away, if any, is not there
  if (effects.subsets) return unpack(effects.subsets)[placeInSubsets(there)];
  const [first, ...others] = codes;
  const leftOut = effects[first[0]].left_out[first[1]];
  if (!others.length && leftOut !== undefined) return predictions.all - leftOut;
  const left = STREAMS.filter((s) => effects.players.some(([of], i) => of === s && there[i]));
  const whole = STREAMS.filter((s) => effects.players.every(([of], i) => of !== s || there[i]));
  if (left.every((stream) => whole.includes(stream))) return withStreams(predictions, left);
  for (const group of /** @type {const} */ (["raising", "lowering"])) {
    const same = codesOf(effects, group);
    const all = same.every(([stream, code]) => taken.has(stream, code));
    if (all && same.length === codes.length) return effects.without[group];
  }
  return undefined;
}

/** Which codes are still there. @param {Taken} taken @param {SubjectEffects} effects */
const whoIsThere = (taken, { players }) =>
  players.map(([stream, code]) => !taken.has(stream, code));

/**
 * About what the codes that are there add to the words alone, from the simple picture of the model
 * that `first_order.py` draws: at each token, a stream is the average of what its codes would do
 * alone, weighted with the attention to them. Without a picture, the effects are added up.
 *
 * @param {SubjectEffects} effects
 * @param {boolean[]} there
 */
function estimated(effects, there) {
  const { estimate, players } = effects;
  const present = [...players.keys()].filter((i) => there[i]);
  if (!estimate) {
    const of = (/** @type {number} */ i) => effects[players[i][0]].effects[players[i][1]];
    return present.reduce((all, i) => all + of(i), 0); // left out of a large page
  }
  const [weights, gains] = [unpack(estimate.weights), unpack(estimate.gains)];
  const n = players.length;
  const teams = STREAMS.map((stream) => present.filter((i) => players[i][0] === stream));
  const rest = unpack(estimate.rest);
  let sum = present.reduce((all, i) => all + rest[i], 0);
  for (let row = 0; row < weights.length; row += n) {
    for (const team of teams) sum += average(weights, gains, team, row);
  }
  return sum;
}

/**
 * @param {Float32Array} weights
 * @param {Float32Array} gains
 * @param {number[]} team
 * @param {number} row where its values begin
 */
function average(weights, gains, team, row) {
  const weight = team.reduce((sum, i) => sum + weights[row + i], 0);
  if (weight === 0) return 0;
  return team.reduce((sum, i) => sum + weights[row + i] * gains[row + i], 0) / weight;
}

/** The place of a set in `subsets`. @param {boolean[]} there */
const placeInSubsets = (there) => there.reduce((sum, is, i) => sum + (is ? 2 ** i : 0), 0);

/** @param {Predictions} predictions @param {Stream[]} streams that are there */
function withStreams({ all, no_visual, no_acoustic, none }, streams) {
  if (streams.length === 2) return all;
  if (!streams.length) return none;
  return streams[0] === "visual" ? no_acoustic : no_visual;
}

/**
 * The codes that raise the prediction, or those that lower it.
 *
 * @param {SubjectEffects} effects
 * @param {"raising" | "lowering"} group
 */
export function codesOf(effects, group) {
  const sign = group === "raising" ? 1 : -1;
  return effects.players.filter(([stream, code]) => effects[stream].effects[code] * sign > 0);
}
