/** The records that Python computes, as types (see `records.py`), and how to read their arrays. */

/** @typedef {"visual" | "acoustic"} Stream */

/**
 * An array as `pack` packs it.
 *
 * @typedef {object} Packed
 * @property {"u1" | "u2" | "i1" | "q1" | "f2" | "f4"} dtype; of a "q1", see `pack_coarse`
 * @property {number[]} shape
 * @property {string} data in base64, little-endian
 */

/**
 * One stream of one utterance, as one model read it (in `describe_utterance`).
 *
 * @typedef {object} StreamRecord
 * @property {Packed} codes (n,)
 * @property {Packed | null} attention (n_words + 1, k+1): a row per word and one for the first
 *   token, a column per code and one for padding
 * @property {Packed | null} by_frame (n_words + 1, n): attention where the model attends to each
 *   frame by itself, and those of a code need not get the same
 * @property {Packed | null} shift (n_words + 1,): how far the stream shifts each word, as a share of
 *   the length of its state, where the model does not attend
 * @property {Packed | null} gate (2, n_words + 1): how wide the gate of each word is, and the share
 *   of it that is open, where a model has gates
 * @property {number} padding frames that the model attends to though they never happened
 * @property {Packed | null} looks (n, m): what can be drawn of each frame, in percent
 */

/**
 * @typedef {object} Predictions of the intensity
 * @property {number} all
 * @property {number} no_visual
 * @property {number} no_acoustic
 * @property {number} none
 */

/**
 * What one model made of an utterance: it read all words but those at the places `unread`, and both
 * streams, the face and the voice moved its first token by `layers` (3, n_places).
 *
 * @typedef {Record<Stream, StreamRecord> & {
 *   predictions: Predictions, unread: number[], layers: Packed | null,
 * }} SubjectRecord
 */

/**
 * What `describe_utterance` returns.
 *
 * @typedef {object} UtteranceRecord
 * @property {string} id
 * @property {string[]} words
 * @property {number | null} label
 * @property {string} video
 * @property {Partial<Record<Stream, Packed>>} cues (n,): +1, -1 or 0 per frame
 * @property {SubjectRecord[]} subjects
 * @property {Partial<Record<Stream, StreamAgreement>> | null} [agreement] of several models
 * @property {FilmRecord | null} film
 */

/**
 * How far the maps of several models agree (see `several.py`): the mean correlation over pairs, the
 * same of what sets one word apart from the others, and of each model that with the others; null is
 * "not defined".
 *
 * @typedef {object} StreamAgreement
 * @property {number | null} agreement
 * @property {number | null} by_word
 * @property {(number | null)[]} each
 */

/**
 * What is known of several models over the utterances that are listed.
 *
 * @typedef {object} Several
 * @property {boolean} same_codes whether code c of one is code c of the others
 * @property {Partial<Record<Stream, {
 *   utterances: number, agreement: number, low: number, by_word: number | null,
 * }>>} listed the mean, and what one utterance in ten stays below
 */

/**
 * What `describe_film` returns.
 *
 * @typedef {object} FilmRecord
 * @property {number} start in seconds of the film's own time
 * @property {number} end
 * @property {[number, number]} size width and height of its pictures
 * @property {Record<Stream, Packed>} times (n,) of the frames, in seconds
 * @property {{ points: Packed, box: [number, number, number, number], lines: number[][] } | null} mesh
 * @property {{ level: Packed, pitch: Packed } | null} voice
 * @property {boolean} has_pictures whether the film itself can be had
 */

/**
 * Attention on planted cues: of the utterance's own streams and, as the control, of others'.
 *
 * @typedef {object} CueMass
 * @property {number} mass of attention, in [0, 1]
 * @property {number} share of the frames, in [0, 1]
 * @property {number | null} control_mass
 * @property {number | null} control_share
 */

/**
 * What the codes of a stream do to the prediction: `effects` are Shapley values, `left_out` is what
 * happens without one code alone.
 *
 * @typedef {object} StreamEffects
 * @property {Record<string, number>} effects
 * @property {Record<string, number>} left_out
 * @property {CueMass | null} cues
 */

/**
 * What `code_effects` returns.
 *
 * @typedef {Record<Stream, StreamEffects> & {
 *   moved: number,
 *   error: number,
 *   quick?: boolean,
 *   players: [Stream, number][],
 *   subsets: Packed | null,
 *   estimate: { weights: Packed, gains: Packed, rest: Packed } | null,
 *   without: Partial<Record<"raising" | "lowering" | "positive" | "negative", number>>,
 *   headline: { code: [Stream, number], against: [Stream, number] | null } | null,
 * }} SubjectEffects
 */

/**
 * What `measure_effects` returns.
 *
 * @typedef {object} UtteranceEffects
 * @property {string} id
 * @property {SubjectEffects[]} subjects
 * @property {boolean} [first] whether they are a first answer, from a simple picture of the model
 * @property {boolean} [sampled] whether exact ones can be had
 */

/**
 * A counterfactual that was computed beforehand, with the cells of the maps that change most: their
 * stream, row, code, and what they are afterwards.
 *
 * @typedef {{ prediction: number, cells: [Stream, number, number, number][] }} WhatIf
 */

/**
 * What `measure_what_ifs` returns; `words` are the predictions without each word (n_words,).
 *
 * @typedef {object} WhatIfs
 * @property {string} id
 * @property {{
 *   words: Packed,
 *   codes: (WhatIf & { stream: Stream, code: number, to: number })[],
 *   scales: (WhatIf & { scale: number })[],
 * }[]} subjects
 */

/**
 * What is known about a code from the train split.
 *
 * @typedef {object} CodeProfile
 * @property {string} caption
 * @property {number} frames
 * @property {number} negative share of the frames of segments with a negative label
 * @property {number} positive
 * @property {number} lean balance of the two, in [-1, 1]
 * @property {{ id: string, text: string, label: number | null, frame: number }[]} nearest
 * @property {string} [state] that was planted, in simulated data
 * @property {number} [purity]
 */

/**
 * What `describe_vocabulary` returns.
 *
 * @typedef {object} Vocabulary
 * @property {number} k
 * @property {string[]} names of the d channels
 * @property {[string, string][]} kinds of channels that are known: their name, and what they are
 * @property {number[]} kind_of each channel, -1 if it is not known
 * @property {Packed} z (k, d), standardised
 * @property {Packed} mean (d,)
 * @property {Packed} scale (d,)
 * @property {string[]} art names of the m things that can be drawn
 * @property {Packed} activation (k, m) in percent
 * @property {number[]} bars columns of the channels that set codes apart
 * @property {number} looked_at
 * @property {number} train_size
 * @property {number[]} order from the codes of negative segments to those of positive ones
 * @property {CodeProfile[]} codes
 */

/**
 * A curve of the face (see `FACE` in `pictures.py`), and how each unit moves its points.
 *
 * @typedef {object} FacePart
 * @property {string} kind
 * @property {[number, number][]} points
 * @property {Record<string, Record<number, [number, number]>>} moves
 * @property {string[]} [shows] the units with which it appears
 * @property {Record<string, [number, number]>} [gaze] how units move the pupil of an eye
 */

/**
 * A table by columns: what a model makes of each utterance (see `list_utterances`).
 *
 * @typedef {object} Listing
 * @property {string[]} id
 * @property {string[]} text
 * @property {(number | null)[]} label
 * @property {number[]} prediction
 * @property {number[]} words_alone
 * @property {(number | null)[]} entropy in bits
 * @property {(number | null)[]} [repeats] how far the maps of several models agree
 */

/**
 * What is said of a model: its name, the place of its vocabularies, and what its fusion says of
 * itself (see `cenet_lib.fusion`); `reads` is null for words only.
 *
 * @typedef {object} SubjectFacts
 * @property {string} name
 * @property {number} vocabulary
 * @property {"counts" | "frames" | "aligned" | null} reads
 * @property {"before layer" | "at the head" | null} stands
 * @property {"codes" | "frames" | null} attends_over
 * @property {number | null} scale of the attention, if it attends
 * @property {number | null} layer before which the streams come in, unless at the head
 */

/**
 * What stays the same for all utterances.
 *
 * @typedef {object} CorpusRecord
 * @property {string} name of the corpus
 * @property {string} title of what is looked into, such as the run's name
 * @property {[number, number]} label_range
 * @property {string} first_token
 * @property {Partial<Record<Stream, number>>} frame_rate in frames per second
 * @property {FacePart[]} face
 * @property {SubjectFacts[]} subjects
 * @property {Several | null} several null for one model, and where maps cannot be compared
 * @property {Record<Stream, Vocabulary | null>[]} vocabularies
 * @property {Listing} list
 */

/**
 * What a person chose; the notebook widget has the same as traits.
 *
 * @typedef {object} Choice
 * @property {string} utterance
 * @property {number | null} word
 * @property {[Stream, number] | null} code
 * @property {"codes" | "frames"} view
 * @property {"each" | "difference" | "spread"} maps of several models, what the maps show
 * @property {[number, number]} pair of models: the first minus the second is the difference
 */

/**
 * Everything on an exported page.
 *
 * @typedef {object} PageRecord
 * @property {CorpusRecord} corpus
 * @property {Record<string, UtteranceRecord>} records
 * @property {Record<string, UtteranceEffects>} effects
 * @property {SurveyRecord} [survey]
 * @property {Record<string, WhatIfs>} what_ifs
 * @property {Choice} state
 * @property {Record<string, { mime: string, data: string, offset: number }>} films in base64
 * @property {string[]} [others] ids of utterances that are unpacked later, see `Shelf`
 */

/** @import { SurveyRecord } from "./survey.js" */

export const STREAMS = /** @type {const} */ (["visual", "acoustic"]);
export const MAPS = /** @type {const} */ (["each", "difference", "spread"]);
export const TITLE = { visual: "Face", acoustic: "Voice" };
export const FIRST_TOKEN = -1; // the `word` that stands for the token that the head reads

/** @type {Record<Packed["dtype"], (view: DataView, at: number) => number>} */
const READERS = {
  u1: (view, at) => view.getUint8(at),
  u2: (view, at) => view.getUint16(at, true),
  i1: (view, at) => view.getInt8(at),
  q1: (view, at) => coarse(view.getUint8(at)),
  f2: (view, at) => float16(view.getUint16(at, true)),
  f4: (view, at) => view.getFloat32(at, true),
};

/** @param {string} text in base64 */
export function bytesOf(text) {
  const characters = atob(text);
  const bytes = new Uint8Array(characters.length);
  for (let i = 0; i < bytes.length; i++) bytes[i] = characters.charCodeAt(i);
  return bytes;
}

/** Read what Python's `pack` wrote. @param {Packed} packed */
export function unpack(packed) {
  const bytes = bytesOf(packed.data);
  const view = new DataView(bytes.buffer);
  const size = Number(packed.dtype[1]);
  const read = READERS[packed.dtype];
  const values = new Float32Array(bytes.length / size);
  for (let i = 0; i < values.length; i++) values[i] = read(view, i * size);
  return values;
}

/** @param {number} byte */
const coarse = (byte) => (byte === 255 ? Number.NaN : (byte / 254) ** 2);

const POWERS = Float64Array.from({ length: 32 }, (_, exponent) => 2 ** (exponent - 15));

/** @param {number} bits */
function float16(bits) {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 31;
  const fraction = bits & 1023;
  if (exponent === 31) return fraction ? Number.NaN : sign * Number.POSITIVE_INFINITY;
  return exponent ? sign * POWERS[exponent] * (1 + fraction / 1024) : (sign * fraction) / 2 ** 24;
}
