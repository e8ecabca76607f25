/** What the models made of the utterance: its words, four predictions, and the strongest code. */

import { css, inkOn, rampColour } from "./colours.js";
import { clamp, counted, h, percent, rove, signed, svg } from "./dom.js";
import { findingOf } from "./effects.js";
import { RunsView } from "./models.js";
import { TITLE } from "./records.js";

/** @import { Subject, Utterance } from "./data.js" */
/** @import { Stream } from "./records.js" */
/** @import { Scene } from "./scene.js" */
/** @import { Store } from "./store.js" */

const WORDS_ONLY = "This model reads words only: face and voice do not reach it.";
const LEAST_TINTED = 0.005; // shares of attention below are not shown

/** The words, to choose one; in the colours of how much each takes from the chosen code. */
export class SentenceView {
  #store;
  /** @type {Utterance | null} */
  #shown = null;
  #words;
  #note = h("p", { class: "unread-note" });

  /** @param {Store} store */
  constructor(store) {
    this.#store = store;
    this.#words = h("div", {
      class: "sentence",
      role: "toolbar",
      dir: "auto",
      "aria-label": "Words of the utterance",
      onkeydown: (event) => rove(event, this.#words),
    });
    this.element = h("div", {}, this.#words, this.#note);
  }

  /** @param {Scene} scene */
  draw(scene) {
    if (this.#shown !== scene.utterance) this.#build(scene.utterance);
    this.#shown = scene.utterance;
    const now = scene.code ?? codeNow(scene);
    const stream = now ? TITLE[now[0]].toLowerCase() : "";
    this.#words.querySelectorAll("button").forEach((button, i) => {
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
      const acts = {
        onclick: () => this.#store.chooseWord(i),
        onpointerenter: () => this.#store.hoverRow(i),
        onpointerleave: () => this.#store.hoverRow(null),
      };
      return h("button", { type: "button", ...place, ...acts }, word);
    });
    this.#words.replaceChildren(...buttons.flatMap((button) => [button, " "]));
    this.#note.textContent = unread.size ? whatIsRead(words.length, unread) : "";
    this.#note.hidden = !unread.size;
  }

  /** Mark the word whose row is under the pointer. @param {Scene} scene */
  markRow({ hovered }) {
    const buttons = [...this.#words.querySelectorAll("button")];
    for (const [i, button] of buttons.entries()) button.classList.toggle("near", i === hovered);
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
    ? `The model reads the first ${counted(nRead, "word")}.`
    : `The model reads ${nRead} of the ${counted(nWords, "word")}.`;
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
  #runs;
  #charts = h("div", { class: "predictions" });

  /** @param {Store} store */
  constructor(store) {
    this.#store = store;
    this.#runs = new RunsView(store);
    this.element = h("div", {}, this.#runs.element, this.#charts);
  }

  /** @param {Scene} scene */
  draw(scene) {
    this.#runs.draw(scene);
    const { subjects } = scene.utterance;
    const places = subjects.length > 2 ? [scene.pair[0]] : [...subjects.keys()];
    const children = places.flatMap((index) => [
      new Chart(subjects[index], scene).element,
      scene.corpus.subjects[index].reads === null ? h("p", {}, WORDS_ONLY) : null,
      findingOf(scene, index, this.#store),
    ]);
    this.#charts.replaceChildren(...children.filter((child) => child !== null));
  }
}

const [LEFT, RIGHT] = [120, 52]; // room for names, and for numbers, in pixels
const ROW_STEP = 21;
const [LEAST_CHART, WIDEST_CHART] = [200, 560];
const NO_ROOM_BESIDE = 720; // on narrower pages, the sentence stands below the chart

/** One model's predictions as dots on the scale of the labels. */
export class Chart {
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
    const { reads } = corpus.subjects[utterance.subjects.indexOf(subject)];
    /** @type {[string, number][]} */
    this.rows =
      reads === null
        ? [["words alone", all]]
        : [
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
    const look = { fill: i ? ink : paper, stroke: ink, "stroke-width": 1.5 };
    const beyond = value - clamp(value, this.low, this.high);
    this.element.append(markAt(this.#x(value), y, bold ? 5.5 : 4.5, beyond, look));
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

/**
 * A prediction on a scale: a dot, or beyond the scale's end a point that leads out of it.
 *
 * @param {number} x
 * @param {number} y
 * @param {number} r
 * @param {number} beyond how far the prediction is below or above the scale
 * @param {Record<string, string | number>} look
 */
export function markAt(x, y, r, beyond, look) {
  if (!beyond) return svg("circle", { cx: x, cy: y, r, ...look });
  const [tip, back] = [x + 1.4 * r * Math.sign(beyond), x - 0.6 * r * Math.sign(beyond)];
  return svg("polygon", { points: `${tip},${y} ${back},${y - r} ${back},${y + r}`, ...look });
}

/** @param {number} width of the page @param {boolean} several charts on it */
function chartWidth(width, several) {
  if (width < NO_ROOM_BESIDE) return clamp(width - 24, LEAST_CHART, WIDEST_CHART);
  if (several) return (width - 80) / 2;
  return clamp(width - 340, LEAST_CHART, WIDEST_CHART); // 300 for the sentence beside it
}
