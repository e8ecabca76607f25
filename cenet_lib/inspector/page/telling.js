/** What the maps tell in words: tips, notes below them, and tables in their place. */

import { hoverOf, namedInCaption } from "./data.js";
import { clamp, counted, h, percent, quoted, signed } from "./dom.js";
import { STREAMS, TITLE } from "./records.js";
import { chosenIn, effectOf, rowName, secondsOf, sumOfEffects, withoutCode } from "./scene.js";
import { Combined } from "./several.js";

/** @import { Spread, StreamReading } from "./data.js" */
/** @import { Plot } from "./plot.js" */
/** @import { CueMass, Stream } from "./records.js" */
/** @import { Scene } from "./scene.js" */

const NOT_READ = "not read by the model";
const MOST_TOLD = 6; // models in a tip
const MADE = {
  attention: "share",
  difference: "difference",
  mean: "mean share",
  spread: "standard deviation",
};

/** @param {Scene} scene @param {Plot} plot @param {number} code */
export function aboutCode(scene, { subject, stream, data }, code) {
  const n = data.counts[code];
  const padding = `padding\n${counted(n, "frame")} that never happened; this model attends to them`;
  if (code === data.k) return padding;
  const share = percent(n / data.nWithPadding);
  const about = [
    `${TITLE[stream]} code ${code}: ${data.book.codes[code].caption}`,
    ...namedInCaption(data.book, code),
    `${n} of ${counted(data.nWithPadding, "frame")} (${share})`,
  ].join("\n");
  const effect = effectOf(scene, subject, stream, code);
  const without = withoutCode(scene, subject, stream, code);
  if (effect === null) return about;
  const adds = `${about}\nadds ${signed(effect)} to the prediction (Shapley value)`;
  if (without === null) return adds;
  const now = scene.utterance.subjects[subject].predictions.all;
  return `${adds}\nleft out alone: ${signed(without)} instead of ${signed(now)}`;
}

const SMALLEST = 1e-4; // an amount of attention below says no more than that it is small

/** @param {number} value @param {number} digits */
const amountOf = (value, digits) =>
  value < SMALLEST ? `less than ${SMALLEST}` : value.toPrecision(digits);

/** @param {Plot} plot @param {number} code */
function codeName({ stream, data }, code) {
  return code === data.k ? "padding" : `${TITLE[stream].toLowerCase()} code ${code}`;
}

/**
 * A cell that is made of several models' cells, and what each of them has there.
 *
 * @param {StreamReading["kind"]} kind
 * @param {string} place
 * @param {string} amount
 * @param {string[]} parts
 */
function aboutMade(kind, place, amount, parts) {
  const told = parts.length > MOST_TOLD ? [...parts.slice(0, MOST_TOLD), "…"] : parts;
  const unsigned = kind === "difference" ? amount : amount.replace("+", "");
  return [`${place}: ${MADE[kind]} ${unsigned}`, ...told].join("\n");
}

/** @param {Scene} scene @param {Plot} plot @param {number} row @param {number} code */
export function aboutCell(scene, plot, row, code) {
  const value = plot.data.at(row, code);
  const word = quoted(rowName(scene, row));
  if (Number.isNaN(value)) return `${word}: ${NOT_READ}`;
  if (plot.data instanceof Combined) {
    const { kind, parts, k } = plot.data;
    const at = row * (k + 1) + code;
    const each = parts.map(({ name, cells }) => `${name}: ${percent(cells[at])}`);
    return aboutMade(kind, `${word} × ${codeName(plot, code)}`, signed(value), each);
  }
  const stream = TITLE[plot.stream].toLowerCase();
  return (
    `${word} × ${codeName(plot, code)}: ${amountOf(value, 3)}\n` +
    `${value < 0.005 ? "less than 1\u00a0%" : percent(value)} of what it takes from the ${stream}`
  );
}

/** @param {Scene} scene @param {Plot} plot @param {number} row @param {number} frame */
export function aboutFrame(scene, plot, row, frame) {
  const { data } = plot;
  const value = data.onFrame(row, frame);
  const word = quoted(rowName(scene, row));
  if (Number.isNaN(value)) return `${word}: ${NOT_READ}`;
  if (data instanceof Combined) {
    const place = `${word} × frame ${frame}${when(scene, plot, frame)}`;
    const at = row * data.n + frame;
    const each = data.parts.map(({ name, frames }) => `${name}: ${frames[at].toPrecision(2)}`);
    const amount = (value < 0 ? "−" : "+") + Math.abs(value).toPrecision(2);
    return aboutMade(data.kind, place, amount, each);
  }
  const code = data.codes[frame];
  const share = percent(data.at(row, code));
  return (
    `${word} × frame ${frame}${when(scene, plot, frame)}: ${amountOf(value, 3)}\n` +
    `${codeName(plot, code)}: ${share} over its ${counted(data.counts[code], "frame")}`
  );
}

/** @typedef {Pick<Plot, "stream" | "data">} Heard a stream, as one model read it */

/** @param {Scene} scene @param {Heard} plot @param {number} frame */
export function frameInWords(scene, plot, frame) {
  const code = plot.data.codes[frame];
  const { caption } = plot.data.book.codes[code];
  return `frame ${frame}${when(scene, plot, frame)}: code ${code}, ${caption}`;
}

/** @param {Scene} scene @param {Heard} plot @param {number} frame */
function when(scene, { stream }, frame) {
  const seconds = secondsOf(scene, stream, frame);
  const pitch = stream === "acoustic" ? (scene.film?.pitch?.[frame] ?? 0) : 0;
  const hertz = pitch > 0 ? `, ${Math.round(pitch)} Hz` : "";
  return seconds === null ? "" : ` (${seconds.toFixed(2)} s${hertz})`;
}

/**
 * What a chosen word takes from the frame at which the film stands; empty without one.
 *
 * @param {Plot} plot
 * @param {Scene} scene
 */
export function takenFromFrame({ data, frame }, scene) {
  if (scene.row === null || !data.attends) return "";
  const value = data.onFrame(scene.row, frame);
  if (Number.isNaN(value)) return "";
  return `${quoted(rowName(scene, scene.row))} gives this frame ${amountOf(value, 2)}`;
}

/**
 * What stands in the place of a map that there is not.
 *
 * @param {Scene} scene
 * @param {Plot} plot
 */
export function absenceOf({ corpus }, { subject, stream, data }) {
  const name = TITLE[stream].toLowerCase();
  if (data.nWithPadding === 0) return h("p", { class: "empty" }, `No frames of the ${name} here.`);
  if (!data.shift) return h("p", { class: "empty" }, `This model reads words only, no ${name}.`);
  const share = percent(data.shift[data.rows - 1]);
  const where = "This model does not attend: no word sees a frame of its own. ";
  const how = `Before the head, the ${name} shifts what the head reads by ${share} of its length.`;
  const { stands } = corpus.subjects[subject];
  return h("p", { class: "empty" }, where, stands === "at the head" ? how : "");
}

/**
 * How far a stream shifts each word, as bars beside the words: of a model that does not attend.
 *
 * @param {Scene} scene
 * @param {Plot} plot
 */
export function shiftsOf(scene, plot) {
  const { data, stream, name } = plot;
  const most = mostShifted(scene);
  const rows = [...(data.shift ?? [])].map((share, row) => {
    const read = !Number.isNaN(share);
    const said = read ? percent(share) + gateOf(data, row) : NOT_READ;
    const style = { top: `${plot.rowTop(row)}px`, height: `${plot.rowHeight}px` };
    const bar = h("i", { style: { width: read ? `${(100 * share) / most}%` : "0" } });
    const about = `${quoted(rowName(scene, row))}: ${said}`;
    const props = { class: row === scene.row ? "on" : "", style, title: about, role: "listitem" };
    return h("div", { ...props, "aria-label": about }, h("span", {}, bar), h("b", {}, said));
  });
  const label = `${name}: how far it shifts each word`;
  const list = { class: "shifts", role: "list", "aria-label": label, "data-stream": stream };
  return h("div", { ...list, style: { height: `${plot.mapHeight}px` } }, rows);
}

/** How wide the gate of a row is; empty without gates. @param {StreamReading} data @param {number} row */
function gateOf({ gate, rows }, row) {
  if (!gate || Number.isNaN(gate[row])) return "";
  return `, gate ${gate[row].toFixed(2)}, ${percent(gate[rows + row])} open`;
}

/** The end of the scale of shifts, common to all that is shown. @param {Scene} scene */
function mostShifted({ utterance }) {
  const shares = utterance.subjects.flatMap(({ streams }) =>
    STREAMS.flatMap((stream) => [...(streams[stream].shift ?? [])].filter((x) => !Number.isNaN(x))),
  );
  return Math.max(...shares, 1e-6);
}

/**
 * How attention is spread, and whether it finds planted cues.
 *
 * @param {Scene} scene
 * @param {Plot} plot
 */
export function noteOf(scene, { subject, stream, data }) {
  if (!data.attends) return shiftNote(stream, data);
  if (data.kind !== "attention") return [madeNote(scene, stream, data)];
  /** @type {(Node | string)[]} */
  const parts = ["Attention is what the module mixed in, not a reason. "];
  if (data.coarse) parts.push("It is rounded here, by at most 0.004, to keep the page small. ");
  const spread = scene.row === null ? meanSpread(scene, data) : data.measure(scene.row);
  if (data.columns.length === 1) parts.push("There is one code only, so it gets all of it.");
  else if (spread) {
    const who = scene.row === null ? "Mean over words" : quoted(rowName(scene, scene.row));
    const bits = Math.log2(data.columns.length).toFixed(2);
    parts.push(
      ...[`${who}: entropy `, h("b", {}, spread.entropy.toFixed(2))],
      ...[` of at most ${bits} bits; the top code takes `, h("b", {}, percent(spread.top))],
      " of the mass.",
    );
  }
  const cues = scene.effects?.[subject][stream].cues;
  return cues ? [...parts, ...cueNote(cues)] : parts;
}

/**
 * What a map of several models is.
 *
 * @param {Scene} scene
 * @param {Stream} stream
 * @param {StreamReading} data
 */
function madeNote({ corpus, frames, pair, utterance }, stream, { kind }) {
  const [first, second] = pair.map((place) => utterance.subjects[place].name);
  const whose = frames
    ? ` The codes below are those of ${first}.`
    : ` The columns are the codes of ${first}: what other runs attend to is added up by them.`;
  const codes = corpus.several?.same_codes ? "" : whose;
  if (kind === "mean") {
    return `What a word takes from the ${TITLE[stream].toLowerCase()}, averaged over the runs.${codes}`;
  }
  if (kind === "spread") {
    return (
      "How far the runs lie apart: the standard deviation over them, in the colours of the mean. " +
      "A cell that stands out here as much as there does not repeat."
    );
  }
  return `Violet: a word takes more in ${first}. Green: it takes more in ${second}.${codes}`;
}

/** @param {Stream} stream @param {StreamReading} data */
function shiftNote(stream, data) {
  if (!data.shiftsWords) return [];
  const name = TITLE[stream].toLowerCase();
  const gates = data.gate
    ? " Its gate multiplies what comes in, part by part: the number is the mean of its parts (0 is " +
      "shut), and the percentage is how many of them are open."
    : "";
  return [
    `How far the ${name} shifts each word where it comes in, as a share of the length of the word's `,
    `state. This model does not attend, so a shift has no columns of codes.${gates}`,
  ];
}

/** @param {Scene} scene @param {StreamReading} data @returns {Spread | null} */
function meanSpread({ utterance }, data) {
  const spreads = utterance.words
    .map((_, i) => data.measure(i))
    .filter((spread) => spread !== null);
  if (!spreads.length) return null;
  const mean = (/** @type {keyof Spread} */ name) =>
    spreads.reduce((sum, spread) => sum + spread[name], 0) / spreads.length;
  return { entropy: mean("entropy"), top: mean("top") };
}

/** @param {CueMass} cues */
function cueNote({ mass, share, control_mass, control_share }) {
  /** @type {(Node | string)[]} */
  const note = [
    ...[" Planted cues are ", h("b", {}, percent(share)), " of the frames and get "],
    ...[h("b", {}, percent(mass)), " of the mass"],
  ];
  if (control_mass !== null && control_share !== null) {
    const get = `${percent(control_share)} get ${percent(control_mass)}`;
    note.push(` (control, these words over others' frames: ${get})`);
  }
  return [...note, "."];
}

/** What the codes of a stream add together. @param {Scene} scene @param {Plot} plot */
export function sumInWords({ effects }, { subject, stream, data }) {
  const of = data.kind === "attention" ? effects?.[subject] : null;
  return of?.players.length ? `add ${signed(sumOfEffects(of, stream))}` : "";
}

/** The map as a table. @param {Scene} scene @param {Plot} plot */
export function tableOf(scene, { subject, stream, name, data }) {
  const chosen = chosenIn(scene, subject, stream);
  const mark = (/** @type {number} */ code) => ({ class: code === chosen ? "on-column" : "" });
  const rows = [...Array(data.rows).keys()].map((row) => {
    const cells = data.columns.map((code) => {
      const value = data.at(row, code);
      const number = data.kind === "difference" ? signed(value) : value.toFixed(3);
      return h("td", mark(code), Number.isNaN(value) ? "–" : number);
    });
    const heading = h("th", { scope: "row", dir: "auto" }, rowName(scene, row));
    return h("tr", { class: row === scene.row ? "on" : "" }, heading, cells);
  });
  const headings = data.columns.map((code) => {
    const padding = code === data.k;
    const title = padding ? "padding" : hoverOf(data.book, code);
    return h("th", { scope: "col", ...mark(code), title }, padding ? "pad" : String(code));
  });
  return h(
    "table",
    { "data-stream": stream },
    h("caption", {}, `${name}: ${MADE[data.kind]} of each word's attention, by code`),
    h("thead", {}, h("tr", {}, h("td", {}, "word"), headings)),
    h("tbody", {}, rows),
  );
}

/** @typedef {{ tip: Tip, status: HTMLElement }} Voices `status` is read out */

/** The box beside the pointer. */
export class Tip {
  canvas = h("canvas", { class: "pictured", "aria-hidden": "true" });
  #text = h("span");
  element = h("div", { class: "tip", role: "tooltip", hidden: "" }, this.canvas, this.#text);

  /** @param {PointerEvent} event @param {string} text @param {number} width of the page */
  show(event, text, width) {
    const { element } = this;
    this.#text.textContent = text;
    element.hidden = false;
    const page = /** @type {HTMLElement} */ (element.parentElement).getBoundingClientRect();
    const x = event.clientX - page.left + 14;
    const below = event.clientY - page.top + 18;
    const above = event.clientY - page.top - element.offsetHeight - 10;
    const fits = event.clientY + element.offsetHeight + 30 <= window.innerHeight;
    element.style.left = `${clamp(x, 0, Math.max(0, width - element.offsetWidth - 4))}px`;
    element.style.top = `${fits ? below : above}px`;
  }

  hide() {
    this.element.hidden = true;
  }
}
