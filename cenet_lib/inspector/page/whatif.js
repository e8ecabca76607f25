/** What if a word, a face, a voice, the time or the scale were different: before and after. */

import { CodeChanger, ScaleChanger, StretchChanger, scaleText, WordChanger } from "./asking.js";
import { cellsInWords, changeMaps } from "./changemap.js";
import { clamp, counted, focusBeside, h, quoted, signed, sized, svg } from "./dom.js";
import { takenInWords } from "./effects.js";
import { markAt } from "./reading.js";
import { STREAMS, TITLE, unpack } from "./records.js";
import { rowName } from "./scene.js";

/** @import { Change } from "./changes.js" */
/** @import { Stream, WhatIf } from "./records.js" */
/** @import { Scene } from "./scene.js" */
/** @import { Store } from "./store.js" */

const SWAPPED = 26; // pixels of the pictures of two codes
const CAVEAT =
  "No model was trained on utterances that were changed. So this is what the model does, not what " +
  "a person would feel.";
const BEFOREHAND =
  "It holds a choice that was computed beforehand: each word left out, the codes with the largest " +
  "effects as those most unlike them in where they occur, and other attention scales. For any " +
  "other change, and for several at once,";
const NOT_THIS_ONE =
  "Of this utterance, it holds nothing that was computed beforehand. For changes,";

/** @param {string} label @param {Element} element */
const line = (label, element) => [h("div", { class: "muted" }, label), element];

/** Changes the utterance, and shows what the model makes of it. */
export class WhatIfView {
  #word = new WordChanger();
  #code = new CodeChanger();
  #scale = new ScaleChanger();
  #stretch;
  #about = h("span");
  #asking = h("div", { class: "asking" });
  #list = h("div", { class: "row" });
  #outcome = h("div", { class: "outcome", "aria-live": "polite" });
  #maps = h("div");
  #shown = "";

  /** @param {Store} store */
  constructor(store) {
    this.#stretch = new StretchChanger(store);
    this.element = h(
      "details",
      { class: "whatif" },
      h("summary", {}, h("b", {}, "What if …?"), this.#about),
      ...[h("p", { class: "note" }, CAVEAT), this.#asking, this.#list, this.#outcome, this.#maps],
    );
  }

  /** @param {Scene} scene */
  draw(scene) {
    const key = `${scene.utterance.id} ${scene.subject}`;
    if (key !== this.#shown) {
      this.#lines(scene);
      if (scene.changes.pressed) this.element.open = true; // an address says so
    }
    this.#shown = key;
    if (scene.changes.beforehand) this.#drawChoice(scene);
    else this.#drawAnswers(scene);
  }

  /** @param {Scene} scene */
  #lines(scene) {
    const { reads, scale } = scene.corpus.subjects[scene.subject];
    const fused = reads !== null;
    this.#about.textContent = ` ${changesOf(fused, scale)}`;
    if (scene.changes.beforehand) return;
    const lines = [
      ...line("a word", this.#word.element),
      ...(fused ? line("a code", this.#code.element) : []),
      ...(fused ? line("a stretch", this.#stretch.element) : []),
      ...(fused && scale !== null ? line("the scale", this.#scale.element) : []),
    ];
    this.#asking.replaceChildren(...lines, ...absentOf(fused, scale));
  }

  // with a kernel

  /** @param {Scene} scene */
  #drawAnswers(scene) {
    for (const part of [this.#word, this.#code, this.#stretch, this.#scale]) part.draw(scene);
    if (STREAMS.some((stream) => scene.time[stream].mark)) this.element.open = true;
    const { changes } = scene;
    const had = focusBeside(this.#list)?.dataset.act;
    const chips = changes.list.map((change) => {
      const label = inWords(scene, change);
      const drop = { "aria-label": `take back: ${label}`, onclick: () => changes.drop(change) };
      return h("button", { type: "button", class: "chip", ...drop }, `${label} `, h("b", {}, "×"));
    });
    const undo = h(
      "button",
      { type: "button", "data-act": "undo", onclick: () => changes.undo() },
      "undo",
    );
    const all = { type: "button", "data-act": "all", onclick: () => changes.dropAll() };
    const backs = changes.list.length ? [h("button", all, "put all back")] : [];
    this.#list.replaceChildren(...chips, ...(changes.canUndo ? [undo] : []), ...backs);
    if (had) focusOn(this.#list, had);
    this.#drawOutcome(scene);
  }

  /** @param {Scene} scene */
  #drawOutcome(scene) {
    const { changes, utterance } = scene;
    const several = utterance.subjects.length > 1;
    const told = changes.concerned.flatMap((place) => {
      const answer = changes.answer(place);
      const { name, predictions } = utterance.subjects[place];
      if (!answer) return [];
      if (answer.say) return [h("p", { class: "negative" }, answer.say)];
      const after = answer.outcome?.prediction ?? predictions.all;
      const who = several ? `${name} predicts ` : "the model predicts ";
      return beforeAndAfter(scene, withWhat(scene) + who, predictions.all, after);
    });
    const waits = changes.list.length > 0 && !told.length;
    this.#outcome.replaceChildren(
      ...told,
      waits ? h("p", { class: "muted" }, "The model is asked …") : "",
    );
    const shown = changes.answer(scene.subject);
    const maps = shown?.outcome ? changeMaps(scene, scene.subject, shown.outcome) : null;
    this.#maps.replaceChildren(...(maps ? [maps] : []));
    for (const part of [this.#outcome, this.#maps]) {
      part.classList.toggle("waiting", shown !== null && !shown.current);
    }
  }

  // without one

  /** @param {Scene} scene */
  #drawChoice(scene) {
    const had = focusBeside(this.#asking)?.dataset.act;
    const entries = beforehandOf(scene);
    const groups = [...new Set(entries.map(({ group }) => group))];
    const lines = groups.flatMap((group) => {
      const some = entries.filter((entry) => entry.group === group);
      const buttons = some.map((entry) => this.#entryButton(scene, entry));
      return line(group, h("div", { class: "row" }, buttons));
    });
    const { reads, scale } = scene.corpus.subjects[scene.subject];
    const absent = absentOf(reads !== null, scale);
    const held = entries.length ? BEFOREHAND : NOT_THIS_ONE;
    const about = `This page has no model to ask. ${held} open the run in a notebook: `;
    const note = h(
      "p",
      { class: "note all" },
      about,
      h("code", {}, "AttentionInspector.from_run(RUN)"),
    );
    this.#asking.replaceChildren(...lines, ...absent, note);
    if (had) focusOn(this.#asking, had);
    const chosen = entries.find(({ act }) => act === scene.changes.pressed);
    this.#outcome.replaceChildren(...(chosen ? outcomeOf(scene, chosen) : []));
  }

  /** @param {Scene} scene @param {Entry} entry */
  #entryButton(scene, { act, title, hint, what, swap }) {
    const onclick = () => scene.changes.press(act);
    const change = what.prediction - scene.utterance.subjects[scene.subject].predictions.all;
    const pressed = act === scene.changes.pressed;
    const props = { type: "button", class: "boxed", "data-act": act, "aria-pressed": pressed };
    const shift = h("span", { class: toneOf(change) }, signed(change));
    const faces = (swap ?? []).map(([stream, code]) => {
      const canvas = h("canvas", { "aria-hidden": "true" });
      const book = scene.utterance.subjects[scene.subject].books[stream];
      scene.pictures.stamp(sized(canvas, SWAPPED, SWAPPED), book, code, [0, 0], SWAPPED);
      return canvas;
    });
    return h("button", { ...props, title: hint, onclick }, faces, `${title} `, shift);
  }
}

/**
 * What can be changed of a kind of model, in a few words.
 *
 * @param {boolean} fused
 * @param {number | null} scale
 */
function changesOf(fused, scale) {
  if (!fused) return "change a word";
  if (scale === null) return "change a word, a code or a stretch of time";
  return "change a word, a code, a stretch of time or the scale of the attention";
}

/**
 * What a kind of model leaves nothing to change of.
 *
 * @param {boolean} fused
 * @param {number | null} scale
 */
function absentOf(fused, scale) {
  const text = fused
    ? "This model does not attend, so it has no scale to turn, and no map that could change."
    : "This model reads words only: whatever happens to face and voice, its prediction stays.";
  return fused && scale !== null ? [] : [h("p", { class: "note all" }, text)];
}

/**
 * A counterfactual that was computed beforehand, as a button.
 *
 * @typedef {object} Entry
 * @property {string} group
 * @property {string} act
 * @property {string} title
 * @property {string} hint
 * @property {WhatIf} what
 * @property {[Stream, number][]} [swap] the two codes, to be pictured
 */

/** @param {Scene} scene @returns {Entry[]} */
function beforehandOf({ changes, utterance, subject }) {
  const choice = changes.beforehand?.subjects[subject];
  if (!choice) return [];
  const { books } = utterance.subjects[subject];
  const words = [...unpack(choice.words)].map((prediction, i) => ({
    ...{ group: "without a word", act: `word ${i}`, title: utterance.words[i] },
    ...{ hint: `${quoted(utterance.words[i])} left out`, what: { prediction, cells: [] } },
  }));
  const codes = choice.codes.map(({ stream, code, to, ...what }) => {
    const caption = (/** @type {number} */ which) => books[stream].codes[which].caption;
    const title = `${TITLE[stream]} code ${code} as ${to}`;
    const hint = `${caption(code)} → ${caption(to)}`;
    /** @type {[Stream, number][]} */
    const swap = [code, to].map((which) => [stream, which]);
    return { group: "a code as its opposite", act: `${stream} ${code}`, title, hint, what, swap };
  });
  const scales = choice.scales.map(({ scale, ...what }) => {
    const hint = scale ? "a factor on the scores" : "no word prefers any frame";
    return { group: "another scale", act: `scale ${scale}`, title: scaleText(scale), hint, what };
  });
  return [...words, ...codes, ...scales].filter(({ what }) => !Number.isNaN(what.prediction));
}

/** @param {Scene} scene @param {Entry} entry */
function outcomeOf(scene, { hint, what, group }) {
  const { predictions, streams } = scene.utterance.subjects[scene.subject];
  const { scale } = scene.corpus.subjects[scene.subject];
  const now = scale === null ? "" : ` (trained: ${scaleText(scale)})`;
  const about = group === "another scale" ? `${hint}${now}` : hint;
  const cells = what.cells.map(([stream, row, code, is]) => {
    return { stream, row, code, is, was: streams[stream].at(row, code) || 0 };
  });
  const told =
    group === "without a word" ? [] : [h("p", { class: "note" }, cellsInWords(scene, cells))];
  const attends = Object.values(streams).some((data) => data.attends);
  return [
    h("p", { class: "muted" }, about),
    ...beforeAndAfter(scene, "Then the model predicts ", predictions.all, what.prediction),
    ...(attends ? told : []),
  ];
}

// in words and pictures

/** @param {Scene} scene @param {Change} change */
function inWords(scene, change) {
  if (change.kind === "word") {
    const said = quoted(rowName(scene, change.place));
    return change.text === null ? `without ${said}` : `${said} → ${quoted(change.text)}`;
  }
  if (change.kind === "code") {
    const name = TITLE[change.stream].toLowerCase();
    return `${name} code ${change.code} → ${change.to}`;
  }
  if (change.kind === "scale") return `scale ${scaleText(change.scale)}`;
  const { stream, from, to } = change;
  const stretch = to - from === 1 ? `frame ${from}` : `frames ${from} to ${to - 1}`;
  return `without ${stretch} of the ${TITLE[stream].toLowerCase()}`;
}

/** @param {Scene} scene */
function withWhat(scene) {
  const { changes, taken } = scene;
  const n = counted(changes.list.length, "change");
  return taken.isEmpty ? `With ${n}, ` : `With ${n}, and without ${takenInWords(scene)}, `;
}

/**
 * A sentence, and two dots on the scale of the labels.
 *
 * @param {Scene} scene
 * @param {string} lead
 * @param {number} before
 * @param {number} after
 */
function beforeAndAfter(scene, lead, before, after) {
  const change = after - before;
  const by = Math.abs(change) < 0.005 ? "no change" : `${signed(change)}`;
  return [
    h("p", {}, lead, h("b", {}, signed(after)), ` instead of ${signed(before)} (${by}).`),
    drawing(scene, before, after),
  ];
}

const SCALE_WIDTH = 340;
const SCALE_EDGE = 16;

/** @param {Scene} scene @param {number} before @param {number} after */
function drawing({ corpus, theme, width }, before, after) {
  const [low, high] = corpus.label_range;
  const room = Math.min(SCALE_WIDTH, width - 30);
  const x = (/** @type {number} */ v) =>
    SCALE_EDGE + ((clamp(v, low, high) - low) / (high - low)) * (room - 2 * SCALE_EDGE);
  const said = `from ${signed(before)} to ${signed(after)}`;
  const picture = svg("svg", { width: room, height: 44, role: "img", "aria-label": said });
  const put = (/** @type {Record<string, string | number>} */ props) =>
    picture.append(svg("line", props));
  put({ x1: x(low), x2: x(high), y1: 14, y2: 14, stroke: theme.line });
  for (let v = Math.ceil(low); v <= high; v++) {
    put({ x1: x(v), x2: x(v), y1: 10, y2: 18, stroke: theme.line });
    const text = v === 0 ? "0" : (v < 0 ? "−" : "+") + Math.abs(v);
    picture.append(svg("text", { x: x(v), y: 36, "text-anchor": "middle" }, text));
  }
  const tone = after < before ? theme.negative : theme.positive;
  put({ x1: x(before), x2: x(after), y1: 14, y2: 14, stroke: tone, "stroke-width": 3 });
  for (const [value, fill] of /** @type {[number, string][]} */ ([
    [before, theme.paper],
    [after, theme.ink],
  ])) {
    const look = { fill, stroke: theme.ink, "stroke-width": 1.5 };
    picture.append(markAt(x(value), 14, 5, value - clamp(value, low, high), look));
  }
  return picture;
}

/** @param {number} change */
function toneOf(change) {
  if (Math.abs(change) < 0.05) return "muted";
  return change < 0 ? "negative" : "positive";
}

/** The button that had the focus was built anew. @param {HTMLElement} group @param {string} act */
function focusOn(group, act) {
  const again = [...group.querySelectorAll("button")].find(({ dataset }) => dataset.act === act);
  (again ?? group.querySelector("button"))?.focus();
}
