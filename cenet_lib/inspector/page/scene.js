/** What the views draw, and the questions that they ask of it. */

/** @import { Pictures } from "./art.js" */
/** @import { Changes } from "./changes.js" */
/** @import { Theme } from "./colours.js" */
/** @import { Corpus, Utterance } from "./data.js" */
/** @import { Film } from "./film.js" */
/** @import { Choice, Stream, SubjectEffects, UtteranceEffects } from "./records.js" */
/** @import { Survey } from "./survey.js" */
/** @import { Taken } from "./taken.js" */
/** @import { Timeline } from "./time.js" */

/** @typedef {{ row: number, column: number }} Cell of a map */
/** @typedef {UtteranceEffects["subjects"]} Effects of each subject */

/**
 * Everything that a drawing depends on.
 *
 * @typedef {object} Scene
 * @property {Corpus} corpus
 * @property {Utterance} utterance
 * @property {Effects | null} effects null until they are computed
 * @property {Taken} taken codes, to see what is predicted without them
 * @property {Changes} changes of words and frames, to see what is predicted then
 * @property {number | null} word
 * @property {number | null} row of the chosen word
 * @property {[Stream, number] | null} code
 * @property {number} subject whose code book the chosen code belongs to
 * @property {boolean} frames are the maps' columns, not codes
 * @property {Choice["maps"]} maps
 * @property {Choice["pair"]} pair
 * @property {Survey | null} [survey] of all utterances, as the first model reads them
 * @property {boolean} table instead of maps
 * @property {Record<Stream, Timeline>} time
 * @property {Stream | "film" | null} playing
 * @property {Film | null} film
 * @property {number} moment of the film that is shown, in seconds
 * @property {Cell | null} cursor of the keyboard
 * @property {number | null} hovered row of the word under the pointer
 * @property {Theme} theme
 * @property {Pictures} pictures
 * @property {number} width of the page, in pixels
 * @property {boolean} printing on paper, maps stand one under the other
 */

/** Whether the frames of a stream are being played. @param {Scene} scene @param {Stream} stream */
export const plays = ({ playing }, stream) => playing === "film" || playing === stream;

/**
 * When a frame is, in seconds; null if that is not known.
 *
 * @param {Scene} scene
 * @param {Stream} stream
 * @param {number} frame
 */
export function secondsOf({ film, corpus }, stream, frame) {
  if (film) return film.times[stream][frame] ?? null;
  const rate = corpus.frame_rate[stream];
  return rate ? frame / rate : null;
}

/** The word by which a row is called. @param {Scene} scene @param {number} row */
export function rowName({ corpus, utterance }, row) {
  return row === utterance.words.length ? corpus.first_token : utterance.words[row];
}

/**
 * The chosen code, where a subject's code book is the one it belongs to.
 *
 * @param {Scene} scene
 * @param {number} subject
 * @param {Stream} stream
 */
export function chosenIn({ corpus, code, subject: owner }, subject, stream) {
  if (code?.[0] !== stream) return null;
  const bookOf = (/** @type {number} */ i) => corpus.subjects[i].vocabulary;
  return bookOf(subject) === bookOf(owner) ? code[1] : null;
}

/**
 * Whether a code is taken away, where a subject's code book is the one it belongs to.
 *
 * @param {Scene} scene
 * @param {number} subject
 * @param {Stream} stream
 * @param {number} code
 */
export function isTaken({ corpus, taken, subject: owner }, subject, stream, code) {
  const same = corpus.subjects[subject].vocabulary === corpus.subjects[owner].vocabulary;
  return same && taken.has(stream, code);
}

/**
 * What a code adds to a subject's prediction (its Shapley value); null if that is not known (yet).
 *
 * @param {Scene} scene
 * @param {number} subject
 * @param {Stream} stream
 * @param {number} code
 */
export function effectOf({ effects }, subject, stream, code) {
  return effects?.[subject][stream].effects[code] ?? null;
}

/**
 * A subject's prediction without the frames of one code; null if that is not known (yet).
 *
 * @param {Scene} scene
 * @param {number} subject
 * @param {Stream} stream
 * @param {number} code
 */
export function withoutCode({ effects, utterance }, subject, stream, code) {
  const leftOut = effects?.[subject][stream].left_out[code] ?? null;
  return leftOut === null ? null : utterance.subjects[subject].predictions.all - leftOut;
}

/** What the codes of a stream add. @param {SubjectEffects} effects @param {Stream} stream */
export const sumOfEffects = (effects, stream) =>
  Object.values(effects[stream].effects).reduce((sum, effect) => sum + effect, 0);
