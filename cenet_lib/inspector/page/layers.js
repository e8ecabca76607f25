/** Through the layers: how far face and voice move the first token on its way to the head. */

import { h, percent, svg } from "./dom.js";

/** @import { Subject } from "./data.js" */
/** @import { SubjectFacts } from "./records.js" */
/** @import { Scene } from "./scene.js" */

const LINES = ["both", "face alone", "voice alone"];
const [PLOT_WIDTH, PLOT_HEIGHT] = [460, 176];
const FRAME = { left: 58, right: 86, top: 12, bottom: 40 };
const LEAST_APART = 13; // pixels between the names of lines

/** A plot per model, and what it is and what it is not. */
export class LayersView {
  #plots = h("div", { class: "row" });
  #table = h("div");
  element = h(
    "section",
    { class: "bar layers", "aria-label": "Through the layers" },
    h("h2", {}, "Through the layers"),
    h(
      "div",
      { class: "beside-text" },
      this.#plots,
      h("div", {}, h("p", { class: "note" }), this.#table),
    ),
  );

  /** @param {Scene} scene */
  draw(scene) {
    const { subjects } = scene.utterance;
    const shown = subjects.filter(({ layers }) => layers !== null);
    this.element.hidden = !shown.length;
    if (!shown.length) return;
    const most = niceTop(Math.max(...shown.flatMap(({ layers }) => [...(layers ?? [])]), 0.01));
    this.#plots.replaceChildren(
      ...shown.map((subject) => {
        const facts = scene.corpus.subjects[subjects.indexOf(subject)];
        const name = subjects.length > 1 ? [h("figcaption", {}, subject.name)] : [];
        return h("figure", {}, name, plotOf(scene, subject, facts, most));
      }),
    );
    const note = this.element.querySelector("p");
    if (note) note.textContent = aboutPlot(scene);
    this.#table.replaceChildren(...(scene.table ? shown.map(tableOfLayers) : []));
  }
}

/** @param {Scene} scene */
function aboutPlot({ corpus }) {
  const fused = corpus.subjects.filter(({ reads }) => reads !== null);
  const places = new Set(fused.map((facts) => facts.layer));
  const [layer] = places;
  const where =
    layer === null
      ? "They come in after the last layer, so the layers themselves are not moved."
      : `They come in before layer ${layer}${places.size > 1 ? " or another" : ""}.`;
  return (
    `How far face and voice move the first token, ${corpus.first_token}, which the head reads: the ` +
    "length of the difference between its state with them and without, as a share of the length " +
    `without. ${where} This is a size, not a direction: it does not tell whether the prediction ` +
    "rises or falls, nor how much of it the head heeds."
  );
}

/** The values of one line. @param {Subject} subject @param {number} i */
function lineOf({ layers }, i) {
  const n = (layers?.length ?? 0) / LINES.length;
  return layers?.subarray(i * n, (i + 1) * n) ?? new Float32Array();
}

/** @param {number} place @param {number} n */
const placeName = (place, n) => (place === n - 1 ? "head" : String(place));

/** @param {Scene} scene @param {Subject} subject @param {SubjectFacts} facts @param {number} most the end of the scale of all plots */
function plotOf({ theme, width }, subject, facts, most) {
  const lines = LINES.map((_, i) => lineOf(subject, i));
  const n = lines[0].length;
  const across = Math.min(PLOT_WIDTH, width - 30);
  const x = (/** @type {number} */ i) =>
    FRAME.left + (i / (n - 1)) * (across - FRAME.left - FRAME.right);
  const y = (/** @type {number} */ v) =>
    PLOT_HEIGHT - FRAME.bottom - (v / most) * (PLOT_HEIGHT - FRAME.bottom - FRAME.top);
  const label = `${subject.name}: how far the first token is moved. ${inNumbers(lines)}`;
  const picture = svg("svg", {
    width: across,
    height: PLOT_HEIGHT,
    role: "img",
    "aria-label": label,
  });
  const put = (
    /** @type {keyof SVGElementTagNameMap} */ tag,
    /** @type {Record<string, string | number>} */ props,
    /** @type {string} */ text = "",
  ) => picture.append(svg(tag, props, text));
  for (const v of [0, most / 2, most]) {
    put("line", { x1: FRAME.left, x2: x(n - 1), y1: y(v), y2: y(v), stroke: theme.line });
    put("text", { x: FRAME.left - 6, y: y(v) + 4, "text-anchor": "end" }, tickText(v, most));
  }
  for (let i = 0; i < n; i++) {
    put(
      "text",
      { x: x(i), y: PLOT_HEIGHT - FRAME.bottom + 16, "text-anchor": "middle" },
      placeName(i, n),
    );
  }
  const under = { y: PLOT_HEIGHT - 6, "text-anchor": "middle" };
  put("text", { x: (x(0) + x(n - 1)) / 2, ...under }, "as this layer gets it");
  const { layer } = facts;
  if (layer !== null) {
    const dashed = { stroke: theme.muted, "stroke-dasharray": "2 3" };
    put("line", { x1: x(layer), x2: x(layer), y1: FRAME.top - 6, y2: y(0), ...dashed });
  }
  const looks = looksOf(theme);
  const ends = apart(lines.map((line) => y(line[n - 1])));
  for (const [i, line] of lines.entries()) {
    const points = [...line].map((v, j) => `${x(j)},${y(v)}`).join(" ");
    put("polyline", { points, fill: "none", ...looks[i] });
    const stroke = looks[i].stroke;
    for (const [j, v] of line.entries())
      put("circle", { cx: x(j), cy: y(v), r: 2.5, fill: stroke });
    put("text", { x: x(n - 1) + 8, y: ends[i] + 4, style: `fill:${stroke}` }, LINES[i]);
  }
  return picture;
}

/** A share on an axis that may be very short. @param {number} share @param {number} most */
const tickText = (share, most) =>
  most < 0.04 && share ? `${(100 * share).toPrecision(1)}\u00a0%` : percent(share);

/** @param {Scene["theme"]} theme @returns {Record<string, string | number>[]} */
const looksOf = ({ ink, accent, muted }) => [
  { stroke: ink, "stroke-width": 2.5 },
  { stroke: accent, "stroke-width": 1.5 },
  { stroke: muted, "stroke-width": 1.5, "stroke-dasharray": "5 3" },
];

/** Move names apart that would cover each other. @param {number[]} heights */
function apart(heights) {
  const order = [...heights.keys()].sort((a, b) => heights[a] - heights[b]);
  const moved = [...heights];
  for (const [j, i] of order.entries()) {
    if (j) moved[i] = Math.max(moved[i], moved[order[j - 1]] + LEAST_APART);
  }
  const beyond = Math.max(0, Math.max(...moved) - (PLOT_HEIGHT - FRAME.bottom - 2)); // no tick below
  return moved.map((height) => height - beyond);
}

/** The end of the scale: a round share above the largest. @param {number} largest */
function niceTop(largest) {
  const power = 10 ** Math.floor(Math.log10(largest));
  return ([1, 2, 4, 6, 8, 10].find((times) => times * power >= largest) ?? 10) * power;
}

/** @param {Float32Array[]} lines */
function inNumbers(lines) {
  return lines
    .map((line, i) => {
      const values = [...line].map((v, j) => `${placeName(j, line.length)} ${percent(v)}`);
      return `${LINES[i]}: ${values.join(", ")}`;
    })
    .join("; ");
}

/** @param {Subject} subject */
function tableOfLayers(subject) {
  const lines = LINES.map((_, i) => lineOf(subject, i));
  const n = lines[0].length;
  const heads = [...Array(n).keys()].map((i) => h("th", { scope: "col" }, placeName(i, n)));
  const rows = lines.map((line, i) => {
    const cells = [...line].map((v) => h("td", {}, percent(v)));
    return h("tr", {}, h("th", { scope: "row" }, LINES[i]), cells);
  });
  return h(
    "div",
    { class: "scroll", tabindex: "0", role: "group", "aria-label": `${subject.name}: layers` },
    h(
      "table",
      {},
      h("caption", {}, `${subject.name}: share by which the first token is moved, by layer`),
      h("thead", {}, h("tr", {}, h("td", {}, "moved by"), heads)),
      h("tbody", {}, rows),
    ),
  );
}
