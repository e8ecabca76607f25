/** What the models made of the utterance: its words, four predictions, and the strongest code. */

import { css, inkOn, rampColour } from "./colours.js";
import { clamp, h, percent, rove, signed, svg } from "./dom.js";
import { STREAMS, TITLE } from "./records.js";
import { effectOf } from "./scene.js";

/** @import { Subject, Utterance } from "./data.js" */
/** @import { Stream } from "./records.js" */
/** @import { Scene } from "./scene.js" */
/** @import { Store } from "./store.js" */

const LEAST_TINTED = 0.005; // shares of attention below are not shown
const LEAST_TOLD = 0.01; // effects below are not worth a sentence

/** The words, to choose one; in the colours of how much each takes from the chosen code. */
export class SentenceView {
  #store;
  /** @type {Utterance | null} */
  #shown = null;

  /** @param {Store} store */
  constructor(store) {
    this.#store = store;
    this.element = h("div", {
      class: "sentence",
      role: "toolbar",
      "aria-label": "Words of the utterance",
      onkeydown: (event) => rove(event, this.element),
    });
  }

  /** @param {Scene} scene */
  draw(scene) {
    if (this.#shown !== scene.utterance) this.#build(scene.utterance);
    this.#shown = scene.utterance;
    const now = scene.code ?? codeNow(scene);
    const stream = now ? TITLE[now[0]].toLowerCase() : "";
    this.element.querySelectorAll("button").forEach((button, i) => {
      button.setAttribute("aria-pressed", String(i === scene.word));
      const share = shareOf(scene, now, i);
      const tint =
        share > LEAST_TINTED ? rampColour(scene.theme, share, scene.utterance.most.code) : null;
      button.style.background = tint ? css(tint) : "";
      button.style.color = tint ? inkOn(tint) : "";
      button.title = tint ? `${percent(share)} of what it takes from the ${stream}` : "";
    });
  }

  /** @param {Utterance} utterance */
  #build({ words, subjects }) {
    const unread = new Set(subjects.flatMap((subject) => subject.unread));
    const buttons = words.map((word, i) => {
      const place = { tabindex: i ? "-1" : "0", class: unread.has(i) ? "unread" : "" };
      return h(
        "button",
        { type: "button", ...place, onclick: () => this.#store.chooseWord(i) },
        word,
      );
    });
    this.element.replaceChildren(...buttons.flatMap((button) => [button, " "]));
    if (unread.size) {
      const about = whatIsRead(words.length, unread);
      this.element.append(h("span", { class: "muted", style: { fontSize: "13px" } }, about));
    }
  }
}

/**
 * In words: how many words the model reads.
 *
 * @param {number} nWords
 * @param {Set<number>} unread
 */
function whatIsRead(nWords, unread) {
  const nRead = nWords - unread.size;
  const cut = [...unread].every((place) => place >= nRead);
  return cut && nRead
    ? ` the model reads the first ${nRead} words`
    : ` the model reads ${nRead} of the ${nWords} words`;
}

/**
 * The code of the face that the film shows; null while it stands at its beginning, and without one.
 *
 * @param {Scene} scene
 * @returns {[Stream, number] | null}
 */
function codeNow({ film, moment, subject, time, utterance }) {
  if (!film || moment <= film.start) return null;
  const { codes, n } = utterance.subjects[subject].streams.visual;
  return n ? ["visual", codes[Math.min(time.visual.shown, n - 1)]] : null;
}

/**
 * The share of a word's attention that a code gets.
 *
 * @param {Scene} scene
 * @param {[Stream, number] | null} code
 * @param {number} row
 */
function shareOf({ subject, utterance }, code, row) {
  if (!code) return 0;
  const data = utterance.subjects[subject].streams[code[0]];
  return data.attends && code[1] <= data.k ? data.at(row, code[1]) : 0;
}

/** The predictions with and without face and voice, of each model, and what matters most. */
export class PredictionsView {
  #store;
  element = h("div", { class: "predictions" });

  /** @param {Store} store */
  constructor(store) {
    this.#store = store;
  }

  /** @param {Scene} scene */
  draw(scene) {
    const children = scene.utterance.subjects.flatMap((subject, index) => [
      new Chart(subject, scene).element,
      this.#finding(scene, index),
    ]);
    this.element.replaceChildren(...children.filter((child) => child !== null));
  }

  /**
   * In a sentence: which code matters most for this prediction.
   *
   * @param {Scene} scene
   * @param {number} index
   */
  #finding(scene, index) {
    const best = strongestCode(scene, index);
    if (!best || Math.abs(best.effect) < LEAST_TOLD) return null;
    const { stream, code, effect } = best;
    const { books, streams, predictions } = scene.utterance.subjects[index];
    const book = books[stream];
    const canvas = h("canvas", { "aria-hidden": "true" });
    scene.pictures.portrait(canvas, 64, book, code);
    const choose = () => this.#store.chooseCode(stream, code, index);
    const link = { type: "button", class: "link", onclick: choose };
    const does = `${effect < 0 ? "lowers" : "raises"} this prediction most`;
    const without = `without its ${streams[stream].counts[code]} frames it would be`;
    const sentence = h(
      "p",
      {},
      h("button", link, `${TITLE[stream]} code ${code}`),
      ` (${book.codes[code].caption}) ${does}: ${without} `,
      h("b", {}, signed(predictions.all - effect)),
      ` instead of ${signed(predictions.all)}.`,
    );
    return h("div", { class: "finding" }, canvas, sentence);
  }
}

/** @param {Scene} scene @param {number} index */
function strongestCode(scene, index) {
  /** @type {{ stream: Stream, code: number, effect: number } | null} */
  let best = null;
  for (const stream of STREAMS) {
    for (const code of scene.utterance.subjects[index].streams[stream].columns) {
      const effect = effectOf(scene, index, stream, code);
      if (effect !== null && Math.abs(effect) > Math.abs(best?.effect ?? 0)) {
        best = { stream, code, effect };
      }
    }
  }
  return best;
}

const [LEFT, RIGHT] = [120, 52]; // room for names, and for numbers, in pixels
const ROW_STEP = 21;

/** One model's predictions as dots on the scale of the labels. */
class Chart {
  /** @param {Subject} subject @param {Scene} scene */
  constructor(subject, scene) {
    const { utterance, theme, corpus } = scene;
    const { none, no_visual, no_acoustic, all } = subject.predictions;
    const several = utterance.subjects.length > 1;
    this.theme = theme;
    const [low, high] = corpus.label_range;
    this.low = low;
    this.high = high;
    this.label = utterance.label;
    this.none = none;
    /** @type {[string, number][]} */
    this.rows = [
      ["words alone", none],
      ["words and voice", no_visual],
      ["words and face", no_acoustic],
      ["all three", all],
    ];
    this.width = chartWidth(scene.width, several);
    this.top = several ? 38 : 20; // below the name of the subject
    this.bottom = this.top + this.rows.length * ROW_STEP;
    this.element = svg("svg", {
      width: this.width,
      height: this.bottom + 20,
      role: "img",
      "aria-label": (several ? `${subject.name}: ` : "") + this.#inWords(),
    });
    if (several) this.#text({ x: 0, y: 13, "font-weight": 650 }, subject.name);
    this.#drawScale();
    this.#drawTruth();
    for (const [i, [name, value]] of this.rows.entries()) this.#drawRow(name, value, i);
  }

  #inWords() {
    const rows = this.rows.map(([name, value]) => `${name} ${signed(value)}`).join(", ");
    const truth = this.label === null ? "" : `; true ${signed(this.label)}`;
    return `predicted intensity: ${rows}${truth}`;
  }

  /** @param {number} value */
  #x(value) {
    const share = (clamp(value, this.low, this.high) - this.low) / (this.high - this.low);
    return LEFT + share * (this.width - LEFT - RIGHT);
  }

  #drawScale() {
    const { line, muted } = this.theme;
    for (let v = Math.ceil(this.low); v <= this.high; v++) {
      const x = this.#x(v);
      const look = { stroke: line, "stroke-width": v === 0 ? 1.5 : 0.75 };
      this.#line({ x1: x, x2: x, y1: this.top - 2, y2: this.bottom, ...look });
      const number = v === 0 ? "0" : (v < 0 ? "−" : "+") + Math.abs(v);
      this.#smallText(x, this.bottom + 14, muted, number);
    }
  }

  #drawTruth() {
    if (this.label === null) return;
    const { accent } = this.theme;
    const x = this.#x(this.label);
    const look = { stroke: accent, "stroke-width": 2, "stroke-dasharray": "5 3" };
    this.#line({ x1: x, x2: x, y1: this.top - 4, y2: this.bottom, ...look });
    this.#smallText(x, this.top - 8, accent, "true");
  }

  /** @param {string} name @param {number} value @param {number} i */
  #drawRow(name, value, i) {
    const { ink, paper, negative, positive } = this.theme;
    const y = this.top + (i + 0.5) * ROW_STEP;
    const bold = name === "all three";
    const weight = { "font-weight": bold ? 650 : 400 };
    this.#text({ x: LEFT - 12, y: y + 4, "text-anchor": "end", ...weight }, name);
    if (i) {
      const stroke = value < this.none ? negative : positive;
      const look = { stroke, "stroke-width": bold ? 3 : 1.5 };
      this.#line({ x1: this.#x(this.none), x2: this.#x(value), y1: y, y2: y, ...look });
    }
    const dot = { cx: this.#x(value), cy: y, r: bold ? 5.5 : 4.5, fill: i ? ink : paper };
    this.element.append(svg("circle", { ...dot, stroke: ink, "stroke-width": 1.5 }));
    this.#text({ x: this.width - RIGHT + 12, y: y + 4, ...weight }, signed(value));
  }

  /** @param {Record<string, string | number>} props */
  #line(props) {
    this.element.append(svg("line", props));
  }

  /** @param {Record<string, string | number>} props @param {string} text */
  #text(props, text) {
    this.element.append(svg("text", props, text));
  }

  /** @param {number} x @param {number} y @param {string} colour @param {string} text */
  #smallText(x, y, colour, text) {
    this.#text({ x, y, "text-anchor": "middle", style: `fill:${colour};font-size:11.5px` }, text);
  }
}

/** @param {number} width of the page @param {boolean} several charts on it */
function chartWidth(width, several) {
  if (several && width > 760) return (width - 80) / 2;
  return clamp(width - 40 - (several ? 0 : 300), 280, 560); // 300 for the sentence beside it
}
