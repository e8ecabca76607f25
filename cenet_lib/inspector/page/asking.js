/** What can be changed while a kernel runs: a word, a code, a stretch of frames, the scale. */

import { clamp, counted, h } from "./dom.js";
import { STREAMS, TITLE } from "./records.js";

/** @import { Changes } from "./changes.js" */
/** @import { StreamReading } from "./data.js" */
/** @import { Stream } from "./records.js" */
/** @import { Scene } from "./scene.js" */
/** @import { Store } from "./store.js" */

const MOST_TIMES = 4; // the trained scale, at the end of the slider
const NOTCHES = 80; // of the slider

/** @param {string} label @param {(select: HTMLSelectElement) => void} act */
function choice(label, act) {
  const select = h("select", { "aria-label": label });
  select.addEventListener("change", () => act(select));
  return select;
}

/** @param {HTMLSelectElement} select @param {[string, string][]} options values and what they are called */
function offer(select, options) {
  const before = select.value;
  select.replaceChildren(...options.map(([value, name]) => h("option", { value }, name)));
  if (options.some(([value]) => value === before)) select.value = before;
}

/** @param {string} title @param {() => void} onclick @param {string} [act] */
const button = (title, onclick, act) =>
  h("button", { type: "button", class: "boxed", "data-act": act, onclick }, title);

/** Another word in the place of one, or none. */
export class WordChanger {
  #text = h("input", { type: "text", size: 14, "aria-label": "what stands there instead" });
  #place = choice("word", () => this.#text.focus());
  /** @type {number | null} */
  #chosen = null;
  /** @type {Changes | null} */
  #changes = null;

  constructor() {
    const put = () => this.#put(this.#text.value.trim() || null);
    const form = h("form", {}, this.#place, " becomes ", this.#text, button("put", put, "put"));
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      put();
    });
    this.element = h(
      "div",
      {},
      form,
      button("leave it out", () => this.#put(null), "out"),
    );
  }

  /** @param {string | null} text */
  #put(text) {
    this.#changes?.put({ kind: "word", place: Number(this.#place.value), text });
    this.#text.value = "";
  }

  /** @param {Scene} scene */
  draw({ utterance, word, changes }) {
    if (this.#changes !== changes) {
      offer(
        this.#place,
        utterance.words.map((said, i) => [String(i), said]),
      );
      this.#text.value = "";
    }
    this.#changes = changes;
    if (word !== this.#chosen && word !== null && word >= 0) this.#place.value = String(word);
    this.#chosen = word;
  }
}

/** The frames of one code as those of another. */
export class CodeChanger {
  #code = choice("code", () => this.#offerOthers());
  #to = choice("what its frames become", () => {});
  #note = h("span", { class: "muted" });
  /** @type {Scene | null} */
  #scene = null;

  constructor() {
    const put = () => this.#put();
    this.element = h(
      "div",
      {},
      this.#code,
      " becomes ",
      this.#to,
      button("swap", put, "swap"),
      this.#note,
    );
  }

  /** @returns {[Stream, number]} */
  get #chosen() {
    const [stream, code] = this.#code.value.split(" ");
    return [stream === "acoustic" ? "acoustic" : "visual", Number(code)];
  }

  #put() {
    if (!this.#scene || !this.#code.value) return;
    const [stream, code] = this.#chosen;
    this.#scene.changes.put({ kind: "code", stream, code, to: Number(this.#to.value) });
  }

  /** @param {Scene} scene */
  draw(scene) {
    const was = this.#scene;
    this.#scene = scene;
    const { streams } = scene.utterance.subjects[scene.subject];
    if (was?.changes !== scene.changes || was.subject !== scene.subject) {
      offer(
        this.#code,
        STREAMS.flatMap((stream) => occurring(stream, streams[stream])),
      );
      this.#offerOthers();
    }
    const { reads } = scene.corpus.subjects[scene.subject];
    const centre = "This model reads frames: each becomes the average frame of the other code.";
    this.#note.textContent = reads === "counts" ? "" : centre;
    const { code } = scene;
    if (!code || (was && String(code) === String(was.code))) return;
    if (!streams[code[0]].counts[code[1]]) return;
    this.#code.value = `${code[0]} ${code[1]}`;
    this.#offerOthers();
  }

  /** Those of the same stream, first the one at the other end of their order. */
  #offerOthers() {
    if (!this.#scene || !this.#code.value) return;
    const [stream, code] = this.#chosen;
    const { book } = this.#scene.utterance.subjects[this.#scene.subject].streams[stream];
    const others = book.order.filter((other) => other !== code);
    offer(
      this.#to,
      others.map((other) => [String(other), titleOf(stream, other, book.codes)]),
    );
    const first = book.codes[code].lean > 0 ? others.at(0) : others.at(-1);
    if (first !== undefined) this.#to.value = String(first);
  }
}

/** @param {Stream} stream @param {StreamReading} data @returns {[string, string][]} */
function occurring(stream, { book, columns, counts, k }) {
  const codes = columns.filter((code) => code < k);
  return codes.map((code) => {
    const name = `${titleOf(stream, code, book.codes)}, ${counted(counts[code], "frame")}`;
    return [`${stream} ${code}`, name];
  });
}

/** @param {Stream} stream @param {number} code @param {{ caption: string }[]} codes */
const titleOf = (stream, code, codes) => `${TITLE[stream]} ${code}: ${codes[code].caption}`;

/** A stretch of frames that is taken away. */
export class StretchChanger {
  #stream = choice("stream", () => this.#limit(true));
  #from = h("input", { type: "number", min: 0, "aria-label": "first frame" });
  #to = h("input", { type: "number", min: 0, "aria-label": "last frame" });
  /** @type {Scene | null} */
  #scene = null;
  #marked = "";

  /** @param {Store} store */
  constructor(store) {
    const take = () => this.#take(store);
    this.element = h(
      "div",
      {},
      ...["frames ", this.#from, " to ", this.#to, " of the ", this.#stream, " "],
      button("take away", take, "take"),
      h(
        "span",
        { class: "muted" },
        " or mark them on a strip: drag (where it is zoomed, with Shift), or Shift and arrows",
      ),
    );
  }

  /** @returns {Stream} */
  get #chosen() {
    return this.#stream.value === "acoustic" ? "acoustic" : "visual";
  }

  get #n() {
    return this.#scene?.utterance.subjects[this.#scene.subject].streams[this.#chosen].n ?? 0;
  }

  /** @param {Store} store */
  #take(store) {
    const [first, last] = [this.#from, this.#to].map(({ value }) => Math.floor(Number(value) || 0));
    const from = clamp(Math.min(first, last), 0, this.#n - 1);
    const to = clamp(Math.max(first, last), from, this.#n - 1) + 1;
    this.#scene?.changes.put({ kind: "gap", stream: this.#chosen, from, to });
    store.mark(this.#chosen, null);
  }

  /** @param {Scene} scene */
  draw(scene) {
    const anew = this.#scene?.changes !== scene.changes;
    this.#scene = scene;
    if (anew) {
      const { streams } = scene.utterance.subjects[scene.subject];
      const there = STREAMS.filter((stream) => streams[stream].n);
      offer(
        this.#stream,
        there.map((stream) => [stream, TITLE[stream].toLowerCase()]),
      );
      this.#limit(true);
    }
    this.#follow(scene);
  }

  /** Take over a stretch that was marked on a strip. @param {Scene} scene */
  #follow({ time }) {
    const marked = JSON.stringify(STREAMS.map((one) => time[one].mark));
    if (marked === this.#marked) return;
    const before = JSON.parse(this.#marked || "[null,null]");
    this.#marked = marked;
    for (const [i, stream] of STREAMS.entries()) {
      const { mark } = time[stream];
      if (!mark || JSON.stringify(mark) === JSON.stringify(before[i])) continue;
      this.#stream.value = stream;
      this.#limit(false);
      [this.#from.value, this.#to.value] = [String(mark.from), String(mark.to - 1)];
    }
  }

  /** @param {boolean} whole begin with all frames */
  #limit(whole) {
    const last = String(Math.max(this.#n - 1, 0));
    for (const input of [this.#from, this.#to]) input.max = last;
    if (whole) [this.#from.value, this.#to.value] = ["0", last];
  }
}

/** The attention scale, with the trained one marked. */
export class ScaleChanger {
  #slider = h("input", { type: "range", min: 0, "aria-label": "attention scale" });
  #told = h("output", {});
  #mark = h("span", { class: "trained" }, "trained");
  #own = 0;

  constructor() {
    this.#slider.addEventListener("input", () => this.#changes?.slide(Number(this.#slider.value)));
    const track = h("span", { class: "slide" }, this.#slider, this.#mark);
    this.element = h("div", {}, track, this.#told);
  }

  /** @type {Changes | null} */
  #changes = null;

  /** @param {Scene} scene */
  draw({ changes, corpus, subject }) {
    this.#changes = changes;
    this.#own = corpus.subjects[subject].scale || 1;
    const change = changes.list.find(({ kind }) => kind === "scale");
    const scale = change?.kind === "scale" ? change.scale : this.#own;
    this.#slider.max = String(MOST_TIMES * this.#own);
    this.#slider.step = String((MOST_TIMES * this.#own) / NOTCHES);
    if (Number(this.#slider.value) !== scale) this.#slider.value = String(scale);
    this.#mark.style.left = `${100 / MOST_TIMES}%`;
    const told = `${scaleText(scale)} × the score`;
    this.#told.textContent = told + (scale === this.#own ? ", as trained" : "");
    this.#slider.setAttribute("aria-valuetext", this.#told.textContent);
  }
}

/** @param {number} scale */
export const scaleText = (scale) => String(Number(scale.toPrecision(3)));
