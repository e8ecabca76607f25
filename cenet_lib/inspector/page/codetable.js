/** What each code does over all utterances: its mean effect, how sure it is, and how often. */

import { hoverOf } from "./data.js";
import { clamp, grouped, h, isSame, percent, signed, sized, svg } from "./dom.js";
import { NARROW } from "./maps.js";
import { STREAMS, TITLE } from "./records.js";

/** @import { Look } from "./look.js" */
/** @import { Scene } from "./scene.js" */
/** @import { Store } from "./store.js" */
/** @import { Stream } from "./records.js" */
/** @import { Survey } from "./survey.js" */

const HEIGHT = 20; // pixels
const [NUMBERS, INTERVAL, SHORTEST] = [240, 95, 50]; // what stands beside a bar, and a bar

/** How long bars may be, and whether there is room for intervals. @param {number} width of the page */
function sizesIn(width) {
  const table = width < NARROW ? width - 24 : (width - 78) / 2;
  const interval = table >= NUMBERS + INTERVAL + SHORTEST;
  const bar = clamp(table - NUMBERS - (interval ? INTERVAL : 0), SHORTEST, 180);
  return { bar, interval };
}

/**
 * A code's row, and what of it changes with what is chosen and filtered.
 *
 * @typedef {object} Row
 * @property {number} column
 * @property {HTMLElement} element
 * @property {HTMLElement} button
 * @property {HTMLElement} mean
 * @property {HTMLElement} bar
 * @property {HTMLElement} raises
 * @property {HTMLElement} n
 */

export class CodeTable {
  #store;
  #look;
  /** @type {Row[]} */
  #rows = [];
  /** @type {HTMLElement[]} those above the means, of each table */
  #headings = [];
  /** @type {unknown[]} what the rows depend on, as they were built */
  #built = [];
  /** @type {number[] | null} those that passed when the rows were filled */
  #filled = null;
  element = h("div", { class: "codetables" });

  /** @param {Store} store @param {Look} look */
  constructor(store, look) {
    this.#store = store;
    this.#look = look;
  }

  /** @param {Scene} scene @param {Survey} survey @param {number[]} rows that pass */
  draw(scene, survey, rows) {
    const needs = [survey, scene.theme, scene.width, scene.printing];
    if (!isSame(this.#built, needs)) this.#build(scene, survey);
    this.#built = needs;
    if (rows !== this.#filled) this.#fill(scene, survey, rows);
    this.#filled = rows;
    for (const { column, element, button } of this.#rows) {
      const [stream, code] = survey.columns[column];
      const on = scene.code?.[0] === stream && scene.code[1] === code;
      element.classList.toggle("on", on);
      button.setAttribute("aria-pressed", String(on));
    }
  }

  /** @param {Scene} scene @param {Survey} survey */
  #build(scene, survey) {
    this.#rows = [];
    this.#headings = [];
    this.#filled = null;
    const tables = STREAMS.map((stream) => this.#table(scene, survey, stream));
    this.element.replaceChildren(...tables.filter((table) => table !== null));
  }

  /** @param {Scene} scene @param {Survey} survey @param {Stream} stream */
  #table(scene, survey, stream) {
    const { utterances, effect } = survey.record.codes;
    const columns = [...survey.columns.keys()]
      .filter((column) => survey.columns[column][0] === stream && utterances[column])
      .sort((a, b) => Number(effect[a]) - Number(effect[b]));
    if (!columns.length) return null;
    const head = (/** @type {string} */ name) => h("th", { scope: "col" }, name);
    const mean = head("");
    this.#headings.push(mean);
    const headings = [head("code"), mean, h("td"), head("raises in"), head("utterances")];
    const rows = columns.map((column) => this.#row(scene, survey, column));
    this.#rows.push(...rows);
    const body = rows.map(({ element }) => element);
    return h(
      "table",
      { "data-stream": stream },
      h("caption", {}, `${TITLE[stream]}: what its codes do, from lowering to raising`),
      h("thead", {}, h("tr", {}, headings)),
      h("tbody", {}, body),
    );
  }

  /** @param {Scene} scene @param {Survey} survey @param {number} column @returns {Row} */
  #row(scene, survey, column) {
    const button = this.#button(scene, survey, column);
    const [mean, bar, raises, n] = [h("td"), h("td", { class: "bars" }), h("td"), h("td")];
    const element = h("tr", {}, h("th", { scope: "row" }, button), mean, bar, raises, n);
    return { column, element, button, mean, bar, raises, n };
  }

  /** @param {Scene} scene @param {Survey} survey @param {number[]} rows that pass */
  #fill(scene, survey, rows) {
    const some = rows.length > 0 && rows.length < survey.n;
    const { interval } = sizesIn(scene.width);
    for (const heading of this.#headings) {
      heading.textContent = headingOfMeans(some ? rows.length : null, interval);
    }
    const most = mostOf(survey);
    for (const row of this.#rows) {
      const { column, mean } = row;
      const filtered = some ? survey.meanOver(column, rows) : null;
      mean.replaceChildren(...meansOf(survey, column, filtered, interval));
      fillRow(scene, survey, row, filtered, most);
    }
  }

  /** @param {Scene} scene @param {Survey} survey @param {number} column */
  #button(scene, survey, column) {
    const [stream, code] = survey.columns[column];
    const book = scene.corpus.books[scene.corpus.subjects[0].vocabulary][stream];
    const canvas = h("canvas", { "aria-hidden": "true" });
    scene.pictures.stamp(sized(canvas, 26, 26), book, code, [0, 0], 26);
    const caption = book.codes[code]?.caption ?? "";
    return h(
      "button",
      {
        type: "button",
        class: "codename",
        "data-column": column,
        "aria-label": `${TITLE[stream]} code ${code}: ${caption}`,
        title: hoverOf(book, code),
        onclick: () => this.#choose(stream, code),
      },
      canvas,
      String(code),
    );
  }

  /** Choose a code; without one there are none to be filtered by. @param {Stream} stream @param {number} code */
  #choose(stream, code) {
    const { filters } = this.#look.view;
    const on = String(this.#store.code) === String([stream, code]);
    if (on && filters.includes("code")) this.#look.toggle("code");
    this.#store.chooseCode(stream, code, 0);
  }
}

/** What the means are of, and what stands beside them. @param {number | null} some that pass, if not all do @param {boolean} interval whether there is room beside them */
function headingOfMeans(some, interval) {
  if (some === null) return interval ? "mean effect (95\u00a0%)" : "mean effect";
  return `mean effect in ${some === 1 ? "this" : `these ${grouped(some)}`}${interval ? " (in all)" : ""}`;
}

/**
 * What stands beside the means.
 *
 * @param {Scene} scene
 * @param {Survey} survey
 * @param {Row} row
 * @param {{ mean: number, n: number, raises: number } | null} filtered
 * @param {number} most the end of the scale
 */
function fillRow(scene, survey, { column, bar, raises, n }, filtered, most) {
  const { codes } = survey.record;
  const values = [codes.effect, codes.low, codes.high].map((of) => Number(of[column]));
  bar.replaceChildren(barOf(scene, values, filtered, most));
  const raised = Number(filtered ? filtered.raises : codes.raises[column]);
  raises.textContent = Number.isNaN(raised) ? "–" : percent(raised);
  const all = grouped(Number(codes.utterances[column]));
  n.textContent = filtered ? `${grouped(filtered.n)} of ${all}` : all;
}

/** The mean of those that pass with that of all, or that of all with its interval. @param {Survey} survey @param {number} column @param {{ mean: number } | null} filtered @param {boolean} interval whether there is room */
function meansOf({ record }, column, filtered, interval) {
  const { effect, low, high } = record.codes;
  const mean = h("b", {}, signed(filtered ? filtered.mean : effect[column]));
  const range = ` ${signed(low[column])} to ${signed(high[column])}`;
  const beside = filtered ? ` (${signed(effect[column])})` : range;
  return interval ? [mean, h("span", { class: "muted interval" }, beside)] : [mean];
}

/** The end of the scale, common to both streams. @param {Survey} survey */
function mostOf({ record }) {
  const ends = [...record.codes.low, ...record.codes.high].map((end) => Math.abs(end ?? 0));
  return Math.max(...ends, 0.05);
}

/**
 * The mean with its interval on a scale around 0; and the mean of those that pass, if not all do.
 *
 * @param {Scene} scene
 * @param {number[]} values mean, low and high
 * @param {{ mean: number, n: number } | null} filtered
 * @param {number} most
 */
function barOf({ theme, width }, [mean, low, high], filtered, most) {
  const { bar } = sizesIn(width);
  const x = (/** @type {number} */ v) =>
    bar / 2 + (Math.max(-most, Math.min(v, most)) / most) * (bar / 2 - 6);
  const picture = svg("svg", { width: bar, height: HEIGHT, "aria-hidden": "true" });
  const colour = mean < 0 ? theme.negative : theme.positive;
  const y = HEIGHT / 2;
  const line = { x1: bar / 2, x2: bar / 2, y1: 0, y2: HEIGHT, stroke: theme.line };
  const reach = { x1: x(low), x2: x(high), y1: y, y2: y, stroke: colour, "stroke-width": 2 };
  picture.append(
    svg("line", line),
    svg("rect", {
      ...{ x: Math.min(x(0), x(mean)), y: y - 4, width: Math.abs(x(mean) - x(0)), height: 8 },
      ...{ fill: colour, opacity: filtered ? 0.3 : 0.55 },
    }),
    svg("line", reach),
  );
  if (filtered?.n) {
    const at = { cx: x(filtered.mean), cy: y, r: 4, fill: theme.paper, stroke: theme.ink };
    picture.append(svg("circle", { ...at, "stroke-width": 2 }));
  }
  return picture;
}
