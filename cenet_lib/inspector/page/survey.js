/** What a model made of all utterances (see `survey.py`), made ready to be shown. */

import { counted, grouped, percent, signed } from "./dom.js";
import { STREAMS, TITLE, unpack } from "./records.js";

/** @import { Listing, Packed, Stream } from "./records.js" */

/**
 * What `describe_survey` returns: of each utterance, of each code by column, and of words.
 *
 * @typedef {object} SurveyRecord
 * @property {string[]} id
 * @property {string[]} speaker
 * @property {(boolean | null)[]} cues whether there are planted ones; null if nobody knows
 * @property {Record<Stream, number>} sizes
 * @property {number} error of an effect
 * @property {Packed} effects (N, K): of each code in each utterance, not a number if it is not there
 * @property {Record<"utterances" | "effect" | "low" | "high" | "raises", (number | null)[]>} codes
 * @property {{
 *   word: string[], said: number[], utterances: number[],
 *   attention: Packed, together: Packed, effect: Packed, left_out: number,
 * }} words
 */

/** @typedef {"words" | Stream} Part that has the largest share in a prediction */

/** Effects below are too small to say that a stream pulls somewhere. */
export const LEAST_PULL = 0.1;
const DOMINATES = 3; // times as much as the other stream
const CLEAR_SHARE = 0.8; // of utterances in which a code does the same
const LARGEST_ERRORS = 0.1; // of all utterances

/** Where neither a positive nor a negative word has been said. @param {[number, number]} range */
export const neutralIn = ([low, high]) => (low < 0 && high > 0 ? 0 : (low + high) / 2);

export class Survey {
  #effects;
  #neutral;
  /** @type {number | null} */
  #errorsFrom = null;
  /** @type {Part[]} */
  #winners;

  /** @param {SurveyRecord} record @param {Listing} list @param {[number, number]} range of labels */
  constructor(record, list, range) {
    this.record = record;
    this.list = list;
    this.n = record.id.length;
    /** @type {[Stream, number][]} */
    this.columns = STREAMS.flatMap((stream) =>
      Array.from({ length: record.sizes[stream] }, (_, code) => codeOf(stream, code)),
    );
    this.#effects = unpack(record.effects);
    this.#neutral = neutralIn(range);
    this.moved = { visual: this.#sums("visual"), acoustic: this.#sums("acoustic") };
    const { attention, together, effect } = record.words;
    this.words = {
      ...{ attention: unpack(attention), together: unpack(together), effect: unpack(effect) },
    };
    this.#winners = record.id.map((_, i) => this.#winnerOf(i));
  }

  /** What the codes of a stream add in each utterance. @param {Stream} stream */
  #sums(stream) {
    const own = [...this.columns.keys()].filter((column) => this.columns[column][0] === stream);
    return Float32Array.from({ length: this.n }, (_, i) =>
      own.reduce((sum, column) => sum + (this.effect(i, column) || 0), 0),
    );
  }

  /** Not a number where the code does not occur. @param {number} i @param {number} column */
  effect(i, column) {
    return this.#effects[i * this.columns.length + column];
  }

  /** @param {number} i @param {number} column */
  occurs(i, column) {
    return !Number.isNaN(this.effect(i, column));
  }

  /** @param {Stream} stream @param {number} code */
  columnOf(stream, code) {
    return this.columns.findIndex(([of, number]) => of === stream && number === code);
  }

  /** The largest of three parts: the words' distance from neutral, and what the streams move. */
  winner(/** @type {number} */ i) {
    return this.#winners[i];
  }

  /** @param {number} i */
  #winnerOf(i) {
    const face = Math.abs(this.moved.visual[i]);
    const voice = Math.abs(this.moved.acoustic[i]);
    /** @type {Part} */
    const stream = face >= voice ? "visual" : "acoustic";
    const words = Math.abs(this.list.words_alone[i] - this.#neutral);
    return words >= Math.max(face, voice) ? "words" : stream;
  }

  /** Whether the streams turn the sign: "rightly", "wrongly", or "" if not or nobody knows. */
  turn(/** @type {number} */ i) {
    const { prediction, words_alone, label } = this.list;
    const sign = (/** @type {number} */ x) => Math.sign(x - this.#neutral);
    const truth = label[i] === null ? 0 : sign(Number(label[i]));
    if (sign(prediction[i]) === sign(words_alone[i]) || truth === 0) return "";
    return sign(prediction[i]) === truth ? "rightly" : "wrongly";
  }

  /** Whether face and voice pull in different directions. @param {number} i */
  conflicts(i) {
    const [face, voice] = [this.moved.visual[i], this.moved.acoustic[i]];
    return face * voice < 0 && Math.min(Math.abs(face), Math.abs(voice)) >= LEAST_PULL;
  }

  /** The stream that moves three times as much as the other, if one does. @param {number} i */
  dominant(i) {
    const [face, voice] = [Math.abs(this.moved.visual[i]), Math.abs(this.moved.acoustic[i])];
    const most = Math.max(face, voice);
    if (most < LEAST_PULL || most < DOMINATES * Math.min(face, voice)) return null;
    return face >= voice ? "visual" : "acoustic";
  }

  /** The distance from the true label; not a number without one. @param {number} i */
  #miss(i) {
    const label = this.list.label[i];
    return label === null ? Number.NaN : Math.abs(this.list.prediction[i] - label);
  }

  /** Whether it is among the tenth that is predicted worst. @param {number} i */
  isMissed(i) {
    if (this.#errorsFrom === null) {
      const misses = [...Array(this.n).keys()].map((j) => this.#miss(j));
      const known = misses.filter((miss) => !Number.isNaN(miss)).sort((a, b) => b - a);
      this.#errorsFrom = known[Math.max(Math.ceil(LARGEST_ERRORS * known.length) - 1, 0)] ?? 0;
    }
    return this.#miss(i) >= this.#errorsFrom;
  }

  /**
   * The mean effect of a code over some utterances, in how many of them it occurs, and in which
   * share of these it raises the prediction.
   *
   * @param {number} column
   * @param {number[]} rows
   */
  meanOver(column, rows) {
    let [sum, n, raised] = [0, 0, 0];
    for (const i of rows) {
      const effect = this.effect(i, column);
      if (Number.isNaN(effect)) continue;
      sum += effect;
      n += 1;
      if (effect > 0) raised += 1;
    }
    return { mean: n ? sum / n : Number.NaN, n, raises: n ? raised / n : Number.NaN };
  }
}

/** @param {Stream} stream @param {number} code @returns {[Stream, number]} */
const codeOf = (stream, code) => [stream, code];

/**
 * Whether a code does everywhere what it does here, in a sentence.
 *
 * @param {Survey} survey
 * @param {[Stream, number]} code
 */
export function everywhere(survey, [stream, code]) {
  const column = survey.columnOf(stream, code);
  const { utterances, effect, low, high, raises } = survey.record.codes;
  const n = utterances[column] ?? 0;
  if (!n || survey.n < 2) return "";
  const up = Number(raises[column]);
  const name = `${TITLE[stream]} code ${code}`;
  const [share, does] = up >= 0.5 ? [up, "raises"] : [1 - up, "lowers"];
  const much = share === 1 ? "Everywhere" : "Nearly everywhere";
  const often = share >= CLEAR_SHARE ? much : "Not everywhere";
  const those = share === 1 ? "all" : percent(share);
  const interval = `${signed(low[column])} to ${signed(high[column])}`;
  return (
    `${often}: of all ${counted(survey.n, "utterance")}, ${name.toLowerCase()} occurs in ${grouped(n)} and ${does} ` +
    `${those} of them; its mean effect is ${signed(effect[column])} (95\u00a0%: ${interval}).`
  );
}
