/** Records made ready to draw: code books with their pictures, attention summed along time. */

import { Film } from "./film.js";
import { STREAMS, unpack } from "./records.js";

/** @import { Activation } from "./art.js" */
/** @import { CodeProfile, CorpusRecord, Predictions, Stream } from "./records.js" */
/** @import { StreamRecord, UtteranceRecord, Vocabulary } from "./records.js" */

/**
 * What can be drawn of a code or of a frame: its activation, and as bars some of its channels z
 * (d,), those that set codes apart.
 *
 * @typedef {{ z: Float32Array, bars: Float32Array, activation: Activation | null }} Look
 */

/**
 * The vocabulary of one stream; without codes where the model has none.
 *
 * @typedef {object} CodeBook
 * @property {Stream} stream
 * @property {number} k
 * @property {string[]} names of the d channels
 * @property {[string, string][]} kinds of channels that are known: their name, and what they are
 * @property {number[]} kind_of each channel, -1 if it is not known
 * @property {Float32Array} mean (d,)
 * @property {Float32Array} scale (d,)
 * @property {string[]} art names of what can be drawn
 * @property {number[]} bars columns of the channels that set codes apart
 * @property {number[]} order
 * @property {CodeProfile[]} codes
 * @property {Look[]} looks
 * @property {number} looked_at
 * @property {number} train_size
 */

/** @typedef {Record<Stream, CodeBook>} Books */
/** @typedef {CorpusRecord & { books: Books[] }} Corpus with the books of each vocabulary */

/** @param {CorpusRecord} record @returns {Corpus} */
export function openCorpus(record) {
  const books = record.vocabularies.map(({ visual, acoustic }) => ({
    visual: openBook(visual, "visual"),
    acoustic: openBook(acoustic, "acoustic"),
  }));
  return { ...record, books };
}

/** @param {Vocabulary | null} vocabulary @param {Stream} stream @returns {CodeBook} */
function openBook(vocabulary, stream) {
  if (!vocabulary) return emptyBook(stream);
  const z = unpack(vocabulary.z);
  const d = vocabulary.names.length;
  const activation = unpack(vocabulary.activation);
  const looks = vocabulary.codes.map((_, code) => ({
    z: z.subarray(code * d, (code + 1) * d),
    bars: Float32Array.from(vocabulary.bars, (j) => z[code * d + j]),
    activation: vocabulary.art.length ? activationOf(vocabulary.art, activation, code) : null,
  }));
  const [mean, scale] = [unpack(vocabulary.mean), unpack(vocabulary.scale)];
  return { ...vocabulary, stream, looks, mean, scale };
}

/** @param {Stream} stream @returns {CodeBook} */
function emptyBook(stream) {
  const nothing = new Float32Array();
  const names = { names: [], kinds: [], kind_of: [] };
  const lists = { ...names, art: [], bars: [], order: [], codes: [], looks: [] };
  return { stream, k: 1, ...lists, mean: nothing, scale: nothing, looked_at: 0, train_size: 0 };
}

/** What a channel is; empty if it is not known. @param {CodeBook} book @param {number} j */
export const aboutChannel = ({ kinds, kind_of }, j) => kinds[kind_of[j]]?.[1] ?? "";

/** What some channels are, a kind at a time: “MCEP: timbre, …”. @param {CodeBook} book @param {number[]} channels */
export function kindsInWords({ kinds, kind_of }, channels) {
  const some = [...new Set(channels.map((j) => kind_of[j]))].filter((kind) => kind >= 0);
  return some.map((kind) => kinds[kind].join(": "));
}

/** The channels that a caption names, such as “F0 high, close to …”. @param {CodeBook} book @param {string} caption */
export function channelsIn({ names }, caption) {
  const parts = caption.split(", ");
  return [...names.keys()].filter((j) => parts.some((part) => part.startsWith(`${names[j]} `)));
}

/** What is said of a code under the pointer: its caption, and what the channels in it are. @param {CodeBook} book @param {number} code */
export const hoverOf = (book, code) =>
  [book.codes[code]?.caption ?? "", ...namedInCaption(book, code)].join("\n");

/** What the channels are that a code's caption names. @param {CodeBook} book @param {number} code */
export const namedInCaption = (book, code) =>
  kindsInWords(book, channelsIn(book, book.codes[code]?.caption ?? ""));

/**
 * @param {string[]} names (m,)
 * @param {Float32Array} percents (n, m)
 * @param {number} row
 * @returns {Activation}
 */
export function activationOf(names, percents, row) {
  return Object.fromEntries(names.map((name, j) => [name, percents[row * names.length + j] / 100]));
}

/**
 * How a row of attention is spread: entropy in bits, and the largest share.
 *
 * @typedef {{ entropy: number, top: number }} Spread
 */

/** One stream of one utterance as one model read it. */
export class StreamReading {
  /** @type {Float32Array} (rows, k+1) */
  #attention = new Float32Array();
  /** @type {Float64Array} (rows, n+1) sums along time: the mean of any stretch is a subtraction */
  #sums = new Float64Array();
  /** @type {Float32Array | null} (rows, n) of a model that attends to each frame by itself */
  #byFrame = null;

  /** @param {StreamRecord} raw @param {CodeBook} book @param {number} nWords */
  constructor(raw, book, nWords) {
    this.raw = raw;
    /** @type {"attention" | "difference" | "mean" | "spread"} */
    this.kind = "attention"; // what the cells are; otherwise they are made of several models'
    /** @type {{ code: number, frame: number } | null} */
    this.most = null; // the end of a colour scale of its own
    this.book = book;
    this.codes = unpack(raw.codes);
    this.n = this.codes.length;
    this.k = book.k;
    this.looks = raw.looks && unpack(raw.looks);
    this.shift = raw.shift && unpack(raw.shift);
    this.gate = raw.gate && unpack(raw.gate);
    this.counts = new Float32Array(this.k + 1);
    for (const code of this.codes) this.counts[code] += 1;
    this.counts[this.k] = raw.padding;
    this.rows = nWords + 1; // the words, then the first token
    const rank = new Map(book.order.map((code, i) => [code, i]));
    const place = (/** @type {number} */ code) => rank.get(code) ?? 1e9; // padding comes last
    this.columns = [...this.counts.keys()]
      .filter((code) => this.counts[code] > 0)
      .sort((a, b) => place(a) - place(b));
    this.top = { code: 0, frame: 0 }; // the largest attention to a code, and to a frame
    this.coarse = raw.attention?.dtype === "q1"; // rounded, to keep a large page small
    this.attends = raw.attention !== null && this.n + raw.padding > 0;
    if (raw.attention && this.attends) this.#readAttention(unpack(raw.attention));
  }

  /** Whether the stream shifts words one by one, and not what the head reads alone. */
  get shiftsWords() {
    const words = this.shift?.subarray(0, -1) ?? [];
    return words.some((share) => !Number.isNaN(share));
  }

  /** Frames with those that are padding. */
  get nWithPadding() {
    return this.n + this.counts[this.k];
  }

  /** @param {Float32Array} attention */
  #readAttention(attention) {
    this.#attention = attention;
    this.#byFrame = this.raw.by_frame && unpack(this.raw.by_frame);
    this.#sums = new Float64Array(this.rows * (this.n + 1));
    for (let row = 0; row < this.rows; row++) {
      this.#perCode(row);
      this.#sumAlongTime(row);
    }
  }

  /** Remember the largest attention to a code. @param {number} row */
  #perCode(row) {
    for (const code of this.columns) {
      const value = this.at(row, code);
      if (value > this.top.code) this.top.code = value;
    }
  }

  /** Add up along time, and remember the largest attention to a frame. @param {number} row */
  #sumAlongTime(row) {
    const start = row * (this.n + 1);
    for (let i = 0; i < this.n; i++) {
      const value = this.onFrame(row, i);
      this.#sums[start + i + 1] = this.#sums[start + i] + value;
      if (value > this.top.frame) this.top.frame = value;
    }
  }

  /**
   * Attention of a row on a code; not a number where the model did not read the word.
   *
   * @param {number} row
   * @param {number} code
   */
  at(row, code) {
    return this.#attention[row * (this.k + 1) + code];
  }

  /**
   * Attention of a row on one frame: a code's share, divided among its frames, unless the model
   * attends to each frame by itself.
   *
   * @param {number} row
   * @param {number} frame
   */
  onFrame(row, frame) {
    if (this.#byFrame) return this.#byFrame[row * this.n + frame];
    const code = this.codes[frame];
    return this.at(row, code) / this.counts[code];
  }

  /**
   * Mean attention per frame of a row over the frames a ≤ i < b (whole numbers).
   *
   * @param {number} row
   * @param {number} a
   * @param {number} b
   */
  mean(row, a, b) {
    const start = row * (this.n + 1);
    return (this.#sums[start + b] - this.#sums[start + a]) / (b - a);
  }

  /**
   * Return how a row is spread over the codes; null where the model did not read the word.
   *
   * @param {number} row
   * @returns {Spread | null}
   */
  measure(row) {
    let [entropy, top] = [0, 0];
    for (const column of this.columns) {
      const p = this.at(row, column);
      if (Number.isNaN(p)) return null;
      if (p > 0) entropy -= p * Math.log2(p);
      if (p > top) top = p;
    }
    return { entropy: Math.abs(entropy), top };
  }
}

/**
 * What one model made of the utterance.
 *
 * @typedef {object} Subject
 * @property {string} name
 * @property {Predictions} predictions
 * @property {number[]} unread places of words that the model did not read
 * @property {Float32Array | null} layers (3, n_places), see `SubjectRecord`
 * @property {Books} books
 * @property {Record<Stream, StreamReading>} streams
 */

/**
 * The utterance that is shown.
 *
 * @typedef {object} Utterance
 * @property {string} id
 * @property {string[]} words
 * @property {number | null} label
 * @property {Subject[]} subjects
 * @property {Record<Stream, Float32Array | null>} cues +1, -1 or 0 per frame
 * @property {Film | null} film
 * @property {UtteranceRecord["agreement"]} agreement
 * @property {{ code: number, frame: number }} most the ends of the colour scales, common to all
 *   that is shown
 */

/** @param {UtteranceRecord} record @param {Corpus} corpus @returns {Utterance} */
export function openUtterance(record, corpus) {
  const { id, words, label, cues } = record;
  const subjects = record.subjects.map((raw, i) => {
    const { name, vocabulary } = corpus.subjects[i];
    const books = corpus.books[vocabulary];
    const read = (/** @type {Stream} */ s) => new StreamReading(raw[s], books[s], words.length);
    const streams = { visual: read("visual"), acoustic: read("acoustic") };
    const layers = raw.layers && unpack(raw.layers);
    return { name, predictions: raw.predictions, unread: raw.unread, layers, books, streams };
  });
  const tops = subjects.flatMap(({ streams }) => STREAMS.map((stream) => streams[stream].top));
  return {
    ...{ id, words, label, subjects },
    film: record.film ? new Film(record.film) : null,
    agreement: record.agreement ?? null,
    cues: {
      visual: cues.visual ? unpack(cues.visual) : null,
      acoustic: cues.acoustic ? unpack(cues.acoustic) : null,
    },
    most: {
      code: Math.max(...tops.map((top) => top.code), 1e-6),
      frame: Math.max(...tops.map((top) => top.frame), 1e-6),
    },
  };
}
