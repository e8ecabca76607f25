/** Each utterance as a dot: what the words alone predict, and what all three do. */

import { clamp, contextOf, counted, focusBeside, h, isSame, signed, sized } from "./dom.js";
import { WON } from "./look.js";
import { neutralIn } from "./survey.js";

/** @import { Theme } from "./colours.js" */
/** @import { Look } from "./look.js" */
/** @import { Scene } from "./scene.js" */
/** @import { Store } from "./store.js" */
/** @import { Part, Survey } from "./survey.js" */
/** @import { Voices } from "./telling.js" */

const [EDGE_LEFT, EDGE_RIGHT, EDGE_TOP, EDGE_BOTTOM] = [44, 12, 10, 40]; // pixels
const LARGEST = 430;
const NEAR = 14; // pixels from the pointer to a dot
const LONGEST_TEXT = 110; // characters
const WINNERS = { words: "the words", visual: "the face", acoustic: "the voice" };

/** Colours that differ in brightness, too; and each part has a shape. @param {Theme} theme */
const coloursOf = (theme) => ({
  words: theme.muted,
  visual: theme.accent,
  acoustic: theme.dark ? "#f2c14e" : "#8a5a00",
});

/**
 * A disc for the words, a square for the face, a triangle for the voice.
 *
 * @param {CanvasRenderingContext2D} context
 * @param {Part} part
 * @param {number} x
 * @param {number} y
 * @param {number} r
 */
function dot(context, part, x, y, r) {
  context.beginPath();
  if (part === "words") context.arc(x, y, r, 0, 2 * Math.PI);
  else if (part === "visual") context.rect(x - r, y - r, 2 * r, 2 * r);
  else {
    context.moveTo(x, y - 1.3 * r);
    context.lineTo(x + 1.2 * r, y + r);
    context.lineTo(x - 1.2 * r, y + r);
    context.closePath();
  }
}

const STAMP = 12; // pixels of a dot's picture

/** @typedef {Record<Part, [HTMLCanvasElement, HTMLCanvasElement]>} Stamps of a dot that does not pass, and of one that does */

/** Thousands of dots are put as pictures, which is faster than to draw each. @param {Theme} theme @param {number} n of them @returns {Stamps} */
function stampsOf(theme, n) {
  const r = n > 800 ? 3 : 4;
  /** @param {Part} part @param {boolean} passes */
  const stamp = (part, passes) => {
    const canvas = h("canvas");
    const context = sized(canvas, STAMP, STAMP);
    context.globalAlpha = passes ? 0.85 : 0.18;
    context.fillStyle = passes ? coloursOf(theme)[part] : theme.muted;
    context.strokeStyle = theme.paper;
    context.lineWidth = 0.75;
    dot(context, part, STAMP / 2, STAMP / 2, passes ? r : r - 1);
    context.fill();
    if (passes) context.stroke();
    return canvas;
  };
  /** @param {Part} part @returns {[HTMLCanvasElement, HTMLCanvasElement]} */
  const both = (part) => [stamp(part, false), stamp(part, true)];
  return { words: both("words"), visual: both("visual"), acoustic: both("acoustic") };
}

export class ScatterView {
  #store;
  #look;
  #voices;
  /** @type {Scene | null} */
  #scene = null;
  /** @type {unknown[]} what the picture depends on, as it was drawn */
  #shown = [];
  #at = -1; // the utterance where the keyboard is
  #size = LARGEST;
  /** @type {[number, number]} */
  #range = [-3, 3];
  canvas = h("canvas", {
    class: "scatter",
    tabindex: "0",
    role: "application",
    "aria-roledescription": "scatter plot",
    "aria-label":
      "Words alone against all three, a dot per utterance; arrow keys go from dot to dot, Enter opens",
    onkeydown: (event) => this.#key(event),
    onclick: (event) => this.#open(this.#near(event)),
    onpointerleave: () => this.#voices.tip.hide(),
  });
  #legend = h("ul", { class: "parts", "aria-label": "Show only where one of them won" });
  element = h("div", { class: "plotted" }, this.canvas, this.#legend);

  /** @param {Store} store @param {Look} look @param {Voices} voices */
  constructor(store, look, voices) {
    this.#store = store;
    this.#look = look;
    this.#voices = voices;
    this.canvas.addEventListener("pointermove", (event) => this.#hint(event));
  }

  /** @param {Scene} scene @param {Survey} survey @param {number[]} rows that pass */
  draw(scene, survey, rows) {
    this.#scene = scene;
    const { theme, width, printing } = scene;
    const shows = [survey, rows, theme, width, printing, this.#at, this.#store.chosen];
    if (isSame(this.#shown, shows)) return;
    if (this.#shown[0] !== survey) this.#range = valuesIn(survey, scene.corpus.label_range);
    this.#shown = shows;
    this.#size = Math.min(LARGEST, width - 24);
    const context = sized(this.canvas, this.#size, this.#size);
    this.#drawAxes(context, scene);
    const stamps = stampsOf(theme, survey.n);
    const passing = new Set(rows);
    for (const i of survey.record.id.keys()) {
      if (!passing.has(i)) this.#put(context, stamps, survey, i, 0);
    }
    for (const i of rows) this.#put(context, stamps, survey, i, 1);
    for (const id of [this.#store.chosen]) this.#ring(context, survey.list.id.indexOf(id), scene);
    if (this.#at >= 0) this.#ring(context, this.#at, scene);
    this.#drawLegend(survey, scene);
  }

  /** What colours and shapes mean, and how many dots have each; a click shows these alone. @param {Survey} survey @param {Scene} scene */
  #drawLegend(survey, { code, theme }) {
    const had = focusBeside(this.#legend)?.dataset.won;
    const rows = this.#look.rowsWhoeverWon(code);
    const entries = WON.map(({ name, part, title, hint }) => {
      const n = rows.filter((i) => survey.winner(i) === part).length;
      const on = this.#look.view.filters.includes(name);
      const state = { "data-won": part, "aria-pressed": on, title: `show only these: ${hint}` };
      const onclick = () => this.#look.toggle(name);
      const said = `${title}: ${counted(n, "utterance")}`;
      return h("button", { type: "button", ...state, onclick }, signOf(part, theme), said);
    });
    this.#legend.replaceChildren(...entries.map((entry) => h("li", {}, entry)));
    if (had) entries.find(({ dataset }) => dataset.won === had)?.focus();
  }

  /** @param {number} value */
  #x(value) {
    const [low, high] = this.#range;
    return EDGE_LEFT + ((value - low) / (high - low)) * (this.#size - EDGE_LEFT - EDGE_RIGHT);
  }

  /** @param {number} value */
  #y(value) {
    const [low, high] = this.#range;
    return (
      this.#size -
      EDGE_BOTTOM -
      ((value - low) / (high - low)) * (this.#size - EDGE_TOP - EDGE_BOTTOM)
    );
  }

  /** @param {CanvasRenderingContext2D} context @param {Scene} scene */
  #drawAxes(context, { theme, corpus }) {
    const [low, high] = this.#range;
    const neutral = neutralIn(corpus.label_range);
    context.font = "12px Arial, sans-serif";
    context.fillStyle = theme.muted;
    context.textAlign = "center";
    for (const v of ticksIn(low, high)) {
      context.lineWidth = v === neutral ? 1.5 : 0.5;
      context.strokeStyle = v === neutral ? theme.muted : theme.line;
      this.#line(context, [v, low], [v, high]);
      this.#line(context, [low, v], [high, v]);
      const text = signed(v).replace(/\.00$/, "");
      context.fillText(text, this.#x(v), this.#size - EDGE_BOTTOM + 16);
      context.textAlign = "right";
      context.fillText(text, EDGE_LEFT - 6, this.#y(v) + 4);
      context.textAlign = "center";
    }
    context.setLineDash([4, 4]);
    context.strokeStyle = theme.muted;
    context.lineWidth = 1;
    this.#line(context, [low, low], [high, high]);
    context.setLineDash([]);
    const middle = (EDGE_LEFT + this.#size - EDGE_RIGHT) / 2;
    context.fillText("predicted from the words alone", middle, this.#size - 6);
    context.save();
    context.translate(11, (EDGE_TOP + this.#size - EDGE_BOTTOM) / 2);
    context.rotate(-Math.PI / 2);
    context.fillText("from words, face and voice", 0, 0);
    context.restore();
  }

  /** @param {CanvasRenderingContext2D} context @param {[number, number]} a @param {[number, number]} b */
  #line(context, a, b) {
    context.beginPath();
    context.moveTo(this.#x(a[0]), this.#y(a[1]));
    context.lineTo(this.#x(b[0]), this.#y(b[1]));
    context.stroke();
  }

  /** @param {CanvasRenderingContext2D} context @param {Stamps} stamps @param {Survey} survey @param {number} i @param {0 | 1} passes */
  #put(context, stamps, survey, i, passes) {
    const { words_alone, prediction } = survey.list;
    const [x, y] = [this.#x(words_alone[i]), this.#y(prediction[i])];
    const stamp = stamps[survey.winner(i)][passes];
    context.drawImage(stamp, x - STAMP / 2, y - STAMP / 2, STAMP, STAMP);
  }

  /** @param {CanvasRenderingContext2D} context @param {number} i @param {Scene} scene */
  #ring(context, i, { theme, corpus }) {
    if (i < 0) return;
    context.beginPath();
    const { words_alone, prediction } = corpus.list;
    context.arc(this.#x(words_alone[i]), this.#y(prediction[i]), 8, 0, 2 * Math.PI);
    context.strokeStyle = theme.ink;
    context.lineWidth = 2;
    context.stroke();
  }

  get #rows() {
    return this.#look.rows(this.#scene?.code ?? null);
  }

  /** The dot that passes and is nearest to the pointer, or -1. @param {MouseEvent} event */
  #near(event) {
    const box = this.canvas.getBoundingClientRect();
    const [x, y] = [event.clientX - box.left, event.clientY - box.top];
    const { words_alone, prediction } = this.#store.corpus.list;
    let [found, least] = [-1, NEAR];
    for (const i of this.#rows) {
      const distance = Math.hypot(this.#x(words_alone[i]) - x, this.#y(prediction[i]) - y);
      if (distance < least) [found, least] = [i, distance];
    }
    return found;
  }

  /** @param {PointerEvent} event */
  #hint(event) {
    const { tip } = this.#voices;
    const i = this.#near(event);
    this.canvas.style.cursor = i < 0 ? "default" : "pointer";
    if (i < 0 || !this.#look.survey) return tip.hide();
    tip.canvas.hidden = true;
    tip.show(event, aboutUtterance(this.#look, this.#look.survey, i), this.#store.width);
  }

  /** @param {number} i */
  #open(i) {
    if (i < 0) return;
    this.#voices.tip.hide();
    if (!this.#look.isOpen(i)) {
      this.#voices.status.textContent = "The maps of this utterance are not on this page.";
      return;
    }
    this.#store.chooseUtterance(this.#store.corpus.list.id[i]);
    this.#look.show("utterance");
  }

  /** Arrow keys go to the next dot in their direction. @param {KeyboardEvent} event */
  #key(event) {
    const { words_alone, prediction } = this.#store.corpus.list;
    if (event.key === "Enter") return this.#open(this.#at);
    const steps = { ArrowRight: 1, ArrowLeft: -1, ArrowUp: 1, ArrowDown: -1 };
    const step = steps[/** @type {keyof typeof steps} */ (event.key)];
    if (!step || !this.#scene || !this.#look.survey) return;
    event.preventDefault();
    const along = /Left|Right/.test(event.key) ? words_alone : prediction;
    const order = [...this.#rows].sort((a, b) => along[a] - along[b] || a - b);
    const at = order.indexOf(this.#at < 0 ? -1 : this.#at);
    this.#at = order[at < 0 ? 0 : clamp(at + step, 0, order.length - 1)] ?? -1;
    this.draw(this.#scene, this.#look.survey, this.#rows);
    const say = this.#at < 0 ? "" : aboutUtterance(this.#look, this.#look.survey, this.#at);
    this.#voices.status.textContent = say;
  }
}

/** What is said of an utterance. @param {Look} look @param {Survey} survey @param {number} i */
export function aboutUtterance(look, survey, i) {
  const { text, id, label, prediction, words_alone } = survey.list;
  const quote = text[i].length > LONGEST_TEXT ? `${text[i].slice(0, LONGEST_TEXT - 1)}…` : text[i];
  const { visual, acoustic } = survey.moved;
  const lines = [
    `“${quote}”`,
    `${id[i]}${label[i] === null ? "" : `, true ${signed(label[i])}`}`,
    `words alone ${signed(words_alone[i])}, all three ${signed(prediction[i])}`,
    `face ${signed(visual[i])}, voice ${signed(acoustic[i])}: ${WINNERS[survey.winner(i)]} won`,
  ];
  return [...lines, look.isOpen(i) ? "" : "its maps are not on this page"].join("\n").trim();
}

/** @param {Survey} survey @param {[number, number]} labels @returns {[number, number]} */
function valuesIn({ list }, [low, high]) {
  const all = [...list.prediction, ...list.words_alone];
  const [least, most] = all.reduce(([a, b], v) => [Math.min(a, v), Math.max(b, v)], [low, high]);
  return [Math.floor(least * 10) / 10, Math.ceil(most * 10) / 10];
}

/** Whole numbers, and 0 among them, also where every second one is enough. @param {number} low @param {number} high */
function ticksIn(low, high) {
  const step = high - low > 8 ? 2 : 1;
  const [first, last] = [Math.ceil(low / step), Math.floor(high / step)];
  return Array.from({ length: last - first + 1 }, (_, i) => step * (first + i));
}

/** The dot of a part, for the legend. @param {Part} part @param {Theme} theme */
function signOf(part, theme) {
  const canvas = h("canvas", { "aria-hidden": "true" });
  sized(canvas, 14, 14);
  const context = contextOf(canvas);
  context.fillStyle = coloursOf(theme)[part];
  dot(context, part, 7, 7, 5);
  context.fill();
  return canvas;
}
