/** Words × codes over all utterances: the attention that words give, and what codes do there. */

import { channelsOf, css, inkOn, mix, rampColour } from "./colours.js";
import { hoverOf } from "./data.js";
import { counted, h, isSame, percent, short, signed, sized } from "./dom.js";
import { STREAMS, TITLE } from "./records.js";

/** @import { Rgb, Theme } from "./colours.js" */
/** @import { Look, Shown } from "./look.js" */
/** @import { Scene } from "./scene.js" */
/** @import { Store } from "./store.js" */
/** @import { Survey } from "./survey.js" */

const AT_FIRST = 20; // words
const ON_PAPER = 18; // codes that stand beside each other
const WIDTHS = { word: 118, said: 40, code: 27, gap: 8 }; // pixels of columns, and before a stream
const LATER = 30; // ms, for a table that is out of sight
const LEAST_TOGETHER = 3; // times, below which a mean is no mean
const RARE = 1000; // more than any value: rare words come after all others

/** @typedef {{ element: HTMLElement, word: HTMLElement, said: HTMLElement, cells: HTMLElement[] }} Row */

/**
 * A table of words by codes: all of the codes, or as many as paper has room for.
 *
 * @typedef {object} Block
 * @property {number[]} columns
 * @property {HTMLElement} body
 * @property {HTMLElement[]} buttons of the codes
 * @property {Row[]} rows
 */

export class WordTableView {
  #store;
  #look;
  #attends;
  #n = AT_FIRST;
  #table = h("div", {
    class: "scroll",
    tabindex: "0",
    role: "group",
    "aria-label": "Words and codes",
  });
  #note = h("p", { class: "note" });
  #more = h(
    "button",
    { type: "button", class: "boxed", onclick: () => this.#showMore() },
    "more words",
  );
  /** @type {[Scene, Survey] | null} */
  #drawn = null;
  #key = ""; // of what was drawn
  /** @type {unknown[]} what the heads depend on, as they were built */
  #built = [];
  /** @type {Block[]} */
  #blocks = [];
  #isInSight = false;
  #soon = 0;

  /** @param {Store} store @param {Look} look @param {HTMLElement} saving */
  constructor(store, look, saving) {
    this.#store = store;
    this.#look = look;
    const mode = (/** @type {Shown} */ table, /** @type {string} */ title) =>
      h(
        "button",
        { type: "button", "data-table": table, onclick: () => look.set({ table }) },
        title,
      );
    const group = { class: "switch", role: "group", "aria-label": "What the cells show" };
    this.modes = h("span", group, mode("attention", "attention"), mode("effect", "mean effect"));
    this.#attends = store.corpus.subjects[0].attends_over !== null;
    this.modes.hidden = !this.#attends;
    this.element = h(
      "div",
      { class: "wordtable" },
      h("div", { class: "row" }, h("h2", {}, "Words and codes"), this.modes, saving),
      this.#note,
      this.#table,
      this.#more,
    );
    new IntersectionObserver((seen) => {
      this.#isInSight = seen.at(-1)?.isIntersecting ?? false;
    }).observe(this.element);
  }

  #showMore() {
    this.#n += AT_FIRST;
    if (this.#drawn) this.draw(...this.#drawn);
  }

  /** What the cells show: a model that does not attend has its effects alone. @returns {Shown} */
  get #shown() {
    return this.#attends ? this.#look.view.table : "effect";
  }

  /** @param {Scene} scene @param {Survey} survey */
  draw(scene, survey) {
    const { find } = this.#look.view;
    const table = this.#shown;
    const { dark } = scene.theme;
    const key = JSON.stringify([table, find, scene.code, this.#n, dark, scene.printing]);
    if (this.#drawn?.[1] === survey && this.#key === key) return; // filters do not concern it
    this.#drawn = [scene, survey];
    this.#key = key;
    for (const button of this.modes.querySelectorAll("button")) {
      button.setAttribute("aria-pressed", String(button.dataset.table === table));
    }
    if (this.#isInSight || scene.printing) this.#fill(scene, survey);
    else this.#fillSoon();
  }

  /** What nobody sees yet need not hold up what is in sight. */
  #fillSoon() {
    clearTimeout(this.#soon);
    this.#soon = setTimeout(() => {
      if (this.#drawn) this.#fill(...this.#drawn);
    }, LATER);
  }

  /** @param {Scene} scene @param {Survey} survey */
  #fill(scene, survey) {
    clearTimeout(this.#soon);
    const words = this.#chosenWords(scene, survey);
    this.#more.hidden = words.length <= this.#n;
    this.#note.textContent = noteOn(this.#shown, survey, words.length);
    const shown = words.slice(0, this.#n);
    const needs = [survey, scene.theme, scene.printing];
    if (!isSame(this.#built, needs)) this.#build(scene, survey);
    this.#built = needs;
    for (const block of this.#blocks) {
      prepare(scene, survey, block, shown.length);
      this.#fillRows(scene, survey, block, shown);
    }
  }

  /** @param {Scene} scene @param {Survey} survey @param {Block} block @param {number[]} shown words */
  #fillRows(scene, survey, { columns, rows }, shown) {
    const table = this.#shown;
    const most = mostIn(survey, table, shown);
    for (const [i, word] of shown.entries()) {
      const row = rows[i];
      row.word.textContent = row.word.title = survey.record.words.word[word];
      row.said.textContent = String(survey.record.words.said[word]);
      for (const [j, column] of columns.entries()) {
        const value = valueAt(survey, table, word, column);
        const about = value === null ? "" : aboutMean(survey, table, word, column, value);
        fillCell(row.cells[j], value, about, colourOf(scene.theme, table, value, most));
        row.cells[j].classList.toggle("chosen", isChosen(scene, survey, column));
      }
    }
  }

  /** One table, which can be scrolled; on paper, one below the other. @param {Scene} scene @param {Survey} survey */
  #build(scene, survey) {
    const all = columnsIn(scene, survey);
    const { word, said, code, gap } = WIDTHS;
    this.#blocks = [];
    const tables = (scene.printing ? onPaper(survey, all) : [all]).map((columns) => {
      const [body, width] = [h("tbody"), word + said + columns.length * code + 2 * gap];
      const { head, buttons } = this.#head(scene, survey, columns);
      this.#blocks.push({ columns, body, buttons, rows: [] });
      return h("table", { style: { width: `${width}px` } }, head, body);
    });
    this.#table.replaceChildren(...tables);
  }

  /** The words that are searched for, or all; by the chosen code, or the most frequent first. */
  #chosenWords(/** @type {Scene} */ scene, /** @type {Survey} */ survey) {
    const { word } = survey.record.words;
    const { wanted } = this.#look;
    const all = [...word.keys()];
    const found = all.filter((i) => wanted.some((part) => word[i].includes(part)));
    const words = found.length ? found : all;
    const column = scene.code ? survey.columnOf(...scene.code) : -1;
    if (column < 0) return words;
    const value = (/** @type {number} */ i) => sizeAt(survey, this.#shown, i, column);
    return words.sort((a, b) => value(b) - value(a) || a - b);
  }

  /** @param {Scene} scene @param {Survey} survey @param {number[]} columns */
  #head(scene, survey, columns) {
    /** @type {HTMLElement[]} */
    const buttons = [];
    const heads = columns.map((column) => {
      const [stream, code] = survey.columns[column];
      const book = scene.corpus.books[scene.corpus.subjects[0].vocabulary][stream];
      const canvas = h("canvas", { "aria-hidden": "true" });
      scene.pictures.stamp(sized(canvas, 24, 24), book, code, [0, 0], 24);
      const props = {
        type: /** @type {const} */ ("button"),
        title: hoverOf(book, code),
        "aria-label": `${TITLE[stream]} code ${code}: sort words by it`,
        onclick: () => this.#store.chooseCode(stream, code, 0),
      };
      const mark = beginsStream(survey, columns, column);
      const button = h("button", props, canvas, String(code));
      buttons.push(button);
      return h("th", { scope: "col", class: mark }, button);
    });
    const row = h("tr", {}, wide("word", WIDTHS.word), wide("said", WIDTHS.said), heads);
    return { head: h("thead", {}, row), buttons };
  }
}

/** Make rows, as far as they are not there. @param {Scene} scene @param {Survey} survey @param {Block} block @param {number} n rows */
function prepare(scene, survey, block, n) {
  const { columns, buttons, rows } = block;
  for (const [i, button] of buttons.entries()) {
    button.setAttribute("aria-pressed", String(isChosen(scene, survey, columns[i])));
  }
  while (rows.length > n) rows.pop()?.element.remove();
  while (rows.length < n) addRow(survey, block);
}

/** @param {Survey} survey @param {Block} block */
function addRow(survey, { columns, body, rows }) {
  const [word, said] = [h("th", { scope: "row", dir: "auto" }), h("td", { class: "muted" })];
  const marks = columns.map((column) => beginsStream(survey, columns, column));
  const cells = marks.map((mark) => h("td", { class: mark }));
  const element = h("tr", {}, word, said, cells);
  body.append(element);
  rows.push({ element, word, said, cells });
}

/** The codes of each stream, by as many as a sheet has room for. @param {Survey} survey @param {number[]} columns */
function onPaper(survey, columns) {
  return STREAMS.flatMap((stream) => {
    const own = columns.filter((column) => survey.columns[column][0] === stream);
    const starts = [...own.keys()].filter((i) => i % ON_PAPER === 0);
    return starts.map((start) => own.slice(start, start + ON_PAPER));
  });
}

/** @param {string} title @param {number} pixels */
const wide = (title, pixels) => h("th", { scope: "col", style: { width: `${pixels}px` } }, title);

/** The codes that occur, in the order of the maps. @param {Scene} scene @param {Survey} survey */
function columnsIn(scene, survey) {
  const books = scene.corpus.books[scene.corpus.subjects[0].vocabulary];
  const rank = (/** @type {number} */ column) => {
    const [stream, code] = survey.columns[column];
    return (stream === "visual" ? 0 : 1e6) + books[stream].order.indexOf(code);
  };
  const used = [...survey.columns.keys()].filter((c) => survey.record.codes.utterances[c]);
  return used.sort((a, b) => rank(a) - rank(b));
}

/** @param {Survey} survey @param {number[]} columns @param {number} column */
function beginsStream({ columns: codes }, columns, column) {
  const first = columns.find((other) => codes[other][0] === codes[column][0]);
  return first === column ? "first" : "";
}

/** @param {Scene} scene @param {Survey} survey @param {number} column */
function isChosen({ code }, survey, column) {
  const [stream, number] = survey.columns[column];
  return code?.[0] === stream && code[1] === number;
}

/** A cell's value; null where there is too little to tell. @param {Survey} survey @param {Shown} table @param {number} word @param {number} column */
function valueAt({ words, columns }, table, word, column) {
  const place = word * columns.length + column;
  if (table === "attention") return words.attention[place];
  return words.together[place] < LEAST_TOGETHER ? null : words.effect[place];
}

/** To sort by; last comes where there is too little to tell. @param {Survey} survey @param {Shown} table @param {number} word @param {number} column */
function sizeAt(survey, table, word, column) {
  const value = valueAt(survey, table, word, column);
  if (value === null) return Number.NEGATIVE_INFINITY;
  const isRare = survey.record.words.said[word] < LEAST_TOGETHER;
  return Math.abs(value) - (isRare ? RARE : 0);
}

/** The end of the scale. @param {Survey} survey @param {Shown} table @param {number[]} shown */
function mostIn(survey, table, shown) {
  let most = 1e-6;
  for (const word of shown) {
    for (let column = 0; column < survey.columns.length; column++) {
      most = Math.max(most, Math.abs(valueAt(survey, table, word, column) ?? 0));
    }
  }
  return most;
}

/** @param {HTMLElement} cell @param {number | null} value @param {string} about @param {Rgb | null} colour */
function fillCell(cell, value, about, colour) {
  cell.textContent = value === null ? "" : inShort(value);
  cell.style.background = colour ? css(colour) : "";
  cell.style.color = colour ? inkOn(colour) : "";
  if (about) cell.title = about;
  else cell.removeAttribute("title");
}

/** @param {Theme} theme @param {Shown} table @param {number | null} value @param {number} most @returns {Rgb | null} */
function colourOf(theme, table, value, most) {
  if (value === null) return null;
  if (table === "attention") return rampColour(theme, value, most);
  const end = value < 0 ? theme.negative : theme.positive;
  return channelsOf(hexOf(mix([theme.paper, end], Math.abs(value) / most)));
}

/** @param {Rgb} rgb */
const hexOf = (rgb) => `#${rgb.map((channel) => channel.toString(16).padStart(2, "0")).join("")}`;

/** Two digits, which fit into a cell. @param {number} value */
function inShort(value) {
  if (Math.abs(value) < 0.005) return "";
  return (value < 0 ? "−" : "") + short(Math.abs(value));
}

/** @param {Survey} survey @param {Shown} table @param {number} word @param {number} column @param {number} value */
function aboutMean(survey, table, word, column, value) {
  const [stream, code] = survey.columns[column];
  const name = `${TITLE[stream].toLowerCase()} code ${code}`;
  const said = survey.record.words.word[word];
  if (table === "attention") return `“${said}” gives ${percent(value)} of its attention to ${name}`;
  const n = survey.words.together[word * survey.columns.length + column];
  return `where “${said}” is said and ${name} occurs (${counted(n, "utterance")}), it adds ${signed(value)}`;
}

/** @param {Shown} table @param {Survey} survey @param {number} n words */
function noteOn(table, survey, n) {
  const { left_out } = survey.record.words;
  const beyond = left_out ? ` ${counted(left_out, "rarer word")} are left out.` : "";
  const what =
    table === "attention"
      ? "A cell is the mean share of its attention that a word gives to a code, over each time it is said. " +
        `Words that are said less than ${LEAST_TOGETHER} times come last.`
      : "A cell is the mean effect of a code in the utterances in which the word is said and the code " +
        `occurs, if these are ${LEAST_TOGETHER} or more: what goes along with the word, not what the word does.`;
  return `${what} ${counted(n, "word")}, over all utterances, whatever is filtered.${beyond} Choose a code to sort by it.`;
}
