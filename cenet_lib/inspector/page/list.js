/** The list of utterances: searched, sorted, and chosen from. */

import { clamp, grouped, h, isSame, plain, signed } from "./dom.js";

/** @import { Look } from "./look.js" */
/** @import { Listing } from "./records.js" */
/** @import { Store } from "./store.js" */

/** @typedef {"label" | "prediction" | "error" | "moved" | "entropy" | "repeats"} Column */

const ROW_HEIGHT = 28; // pixels
const ROWS_IN_SIGHT = 5;
const ROWS_DRAWN = 14; // those in sight, and some around them for scrolling

/** @type {{ name: Column, title: string, hint: string, wide: boolean }[]} */
const COLUMNS = [
  { name: "label", title: "true", hint: "sort by the true intensity", wide: true },
  { name: "prediction", title: "predicted", hint: "sort by the predicted intensity", wide: false },
  { name: "error", title: "error", hint: "sort by the distance of predicted and true", wide: true },
  {
    name: "moved",
    title: "moved",
    hint: "sort by how far face and voice move the prediction of the words alone",
    wide: false,
  },
  {
    name: "entropy",
    title: "entropy",
    hint: "sort by the entropy of the attention, in bits",
    wide: true,
  },
  {
    name: "repeats",
    title: "repeats",
    hint: "sort by how far the maps of the runs agree: the mean correlation of their cells",
    wide: true,
  },
];

/**
 * The columns that have something to say: face and voice move nothing in a model that reads words
 * only, entropy is that of attention, and whether maps repeat is a question to several models.
 *
 * @param {Listing} list
 * @param {boolean} fused whether face and voice are read
 */
function columnsOf({ entropy, repeats }, fused) {
  const attends = entropy.some((bits) => bits !== null);
  const absent = { moved: !fused, entropy: !attends, repeats: !repeats };
  return COLUMNS.filter(({ name }) => !absent[/** @type {keyof typeof absent} */ (name)]);
}

/** @param {Listing} list @param {number} i @param {Column} column @returns {number | null} */
function valueIn(list, i, column) {
  const [label, prediction] = [list.label[i], list.prediction[i]];
  if (column === "error") return label === null ? null : Math.abs(prediction - label);
  if (column === "moved") return prediction - list.words_alone[i];
  return list[column]?.[i] ?? null;
}

/**
 * Return some utterances, sorted.
 *
 * @param {Listing} list
 * @param {number[]} found
 * @param {{ column: Column, down: boolean }} sort
 */
function sorted(list, found, { column, down }) {
  const unknown = down ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY; // comes last
  const keys = list.id.map((_, i) => valueIn(list, i, column) ?? unknown);
  return [...found].sort((a, b) => (down ? keys[b] - keys[a] : keys[a] - keys[b]) || a - b);
}

/** @param {Listing} list @param {number} i @param {Column} column @param {boolean} wide */
function cellOf(list, i, column, wide) {
  const value = valueIn(list, i, column);
  let tone = "";
  if (column === "moved" && value !== null && Math.abs(value) > 0.05) {
    tone = value < 0 ? "negative" : "positive";
  }
  const unsigned = column === "error" || column === "entropy" || column === "repeats";
  const text = value !== null && unsigned ? plain(value) : signed(value);
  return h("span", { class: `${wide ? "wide" : ""} ${tone}` }, text);
}

/** How many pass, and how many of them can be opened. @param {number} passing @param {number} open @param {number} n of all */
function countInWords(passing, open, n) {
  const count = `${grouped(passing)} of ${grouped(n)}`;
  if (open === passing) return count;
  const maps = open ? `${grouped(open)} of them with` : "none of them with";
  return `${count}; ${maps} maps on this page`;
}

export class ListView {
  #store;
  #look;
  #columns;
  /** @type {{ column: Column, down: boolean }} */
  #sort = { column: "moved", down: false };
  /** @type {number[]} positions in the corpus's list */
  #shown = [];
  /** @type {unknown[]} what these depend on */
  #filtered = [];
  #active = 0; // where the keyboard is among those shown
  #top = 0; // how far the list is scrolled: to ask the browser would cost a layout
  #count = h("span", { class: "muted" });
  #rows = h("div");

  /** @param {Store} store @param {Look} look */
  constructor(store, look) {
    this.#store = store;
    this.#look = look;
    const fused = store.corpus.subjects.some(({ reads }) => reads !== null);
    this.#columns = columnsOf(store.corpus.list, fused);
    const what = fused ? "words, id, speaker or code, such as face-3" : "words or id";
    this.search = h("input", {
      type: "search",
      placeholder: fused ? "search words, ids, face-3" : "search words, ids",
      "aria-label": `Search utterances by ${what}`,
      oninput: () => look.set({ find: this.search.value }),
      onkeydown: (event) => this.#searchKey(event),
    });
    this.columns = this.#buildColumns();
    this.list = h("div", {
      class: "list",
      role: "listbox",
      tabindex: "0",
      "aria-label": "Utterances",
      style: { height: `${ROWS_IN_SIGHT * ROW_HEIGHT}px` },
      onscroll: () => this.#scrolled(),
      onkeydown: (event) => this.#listKey(event),
    });
    this.list.append(this.#rows);
    this.element = h(
      "section",
      { class: "pick", "aria-label": "Choose an utterance" },
      h("div", { class: "row" }, this.search, this.#count),
      this.columns,
      this.list,
    );
    const narrow = this.#columns.filter(({ wide }) => !wide);
    this.element.style.setProperty("--columns", String(this.#columns.length));
    this.element.style.setProperty("--columns-narrow", String(narrow.length));
  }

  #buildColumns() {
    const buttons = this.#columns.map(({ name, title, hint, wide }) => {
      const sortBy = () => {
        const again = this.#sort.column === name;
        this.#sort = { column: name, down: again ? !this.#sort.down : name !== "moved" };
        this.filter();
      };
      const state = { "data-column": name, "aria-pressed": "false" };
      const look = { type: "button", class: wide ? "wide" : "", title: hint };
      return h("button", { ...look, ...state, onclick: sortBy }, title);
    });
    const group = { class: "columns", role: "group", "aria-label": "Sort utterances by" };
    return h("div", group, h("span"), ...buttons);
  }

  get #list() {
    return this.#store.corpus.list;
  }

  /** @param {number} place among those shown */
  #idAt(place) {
    return this.#list.id[this.#shown[place]];
  }

  #placeOfChosen() {
    return this.#shown.findIndex((i) => this.#list.id[i] === this.#store.chosen);
  }

  filter() {
    const { find } = this.#look.view;
    if (this.search.value !== find) this.search.value = find;
    const passing = this.#look.rows(this.#store.code);
    if (isSame(this.#filtered, [passing, this.#sort])) return;
    this.#filtered = [passing, this.#sort];
    const rows = passing.filter((i) => this.#look.isOpen(i));
    this.#shown = sorted(this.#list, rows, this.#sort);
    this.#active = Math.max(0, this.#placeOfChosen());
    const { column, down } = this.#sort;
    for (const button of this.columns.querySelectorAll("button")) {
      const on = button.dataset.column === column;
      const mark = down ? " ▾" : " ▴";
      button.setAttribute("aria-pressed", String(on));
      button.textContent = button.textContent.replace(/[▾▴ ]*$/, "") + (on ? mark : "");
    }
    this.#count.textContent = countInWords(passing.length, rows.length, this.#list.text.length);
    this.#rows.style.height = `${this.#shown.length * ROW_HEIGHT}px`;
    this.#scrollTo(this.#active, true);
    this.draw();
  }

  /** Mark the chosen utterance and bring it into sight. */
  follow() {
    const place = this.#placeOfChosen();
    if (place >= 0) {
      this.#active = place;
      this.#scrollTo(place);
    }
    this.draw();
  }

  /** Bring a row into sight. @param {number} place @param {boolean} anew not as far as it was scrolled */
  #scrollTo(place, anew = false) {
    const top = place * ROW_HEIGHT;
    const before = anew ? 0 : this.#top;
    const after = clamp(before, top - (ROWS_IN_SIGHT - 1) * ROW_HEIGHT, top);
    if (after === this.#top) return;
    this.#top = after;
    this.list.scrollTop = after;
  }

  #scrolled() {
    const top = this.list.scrollTop;
    if (top === this.#top) return; // as this page has set it
    this.#top = top;
    this.draw();
  }

  /** Only the rows in sight are elements, so thousands of utterances scroll smoothly. */
  draw() {
    const first = Math.max(0, Math.floor(this.#top / ROW_HEIGHT) - 3);
    const last = Math.min(this.#shown.length, first + ROWS_DRAWN);
    const rows = [];
    for (let place = first; place < last; place++) rows.push(this.#option(place));
    this.#rows.replaceChildren(...rows);
    if (first <= this.#active && this.#active < last) {
      this.list.setAttribute("aria-activedescendant", `option-${this.#active}`);
    } else this.list.removeAttribute("aria-activedescendant");
  }

  /** @param {number} place */
  #option(place) {
    const i = this.#shown[place];
    const id = this.#idAt(place);
    const text = this.#list.text[i];
    const props = {
      class: `option${place === this.#active ? " active" : ""}`,
      role: "option",
      id: `option-${place}`,
      "aria-selected": id === this.#store.chosen,
      "aria-setsize": this.#shown.length,
      "aria-posinset": place + 1,
      "data-id": id,
      style: { top: `${place * ROW_HEIGHT}px`, height: `${ROW_HEIGHT}px` },
      onclick: () => {
        this.#active = place;
        this.#store.chooseUtterance(id);
        this.draw();
      },
    };
    const cells = this.#columns.map(({ name, wide }) => cellOf(this.#list, i, name, wide));
    return h("div", props, h("span", { title: text, dir: "auto" }, text), ...cells);
  }

  /** @param {KeyboardEvent} event */
  #searchKey(event) {
    if (event.key !== "ArrowDown" && event.key !== "Enter") return;
    event.preventDefault();
    if (event.key === "Enter" && this.#shown.length) this.#store.chooseUtterance(this.#idAt(0));
    this.list.focus();
  }

  /** @param {KeyboardEvent} event */
  #listKey(event) {
    const page = ROWS_IN_SIGHT;
    /** @type {Record<string, number>} */
    const steps = {
      ArrowDown: 1,
      ArrowUp: -1,
      PageDown: page,
      PageUp: -page,
      Home: -1e9,
      End: 1e9,
    };
    const step = steps[event.key];
    if (step) {
      event.preventDefault();
      this.#active = clamp(this.#active + step, 0, Math.max(0, this.#shown.length - 1));
      this.#scrollTo(this.#active);
      this.draw();
    } else if ((event.key === "Enter" || event.key === " ") && this.#shown.length) {
      event.preventDefault();
      this.#store.chooseUtterance(this.#idAt(this.#active));
    }
  }
}
